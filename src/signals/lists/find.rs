//! Looking for the entries of all lists in one comment.

use super::prefixes::{Prefixes, bits, from_end};
use super::words::is_spaced;
use super::{List, ListHits, ListKind, Lists, Piece, Pieces};
use crate::comment::Comment;
use crate::text::{Document, Token, TokenKind, link, markup, merge};
use std::iter;

/// How many matches of the patterns of a text are looked at for one that no
/// allow list holds back: finding every match of a pattern can take quadratic
/// time.
pub(super) const MAX_PLACES: usize = 64;

/// The longest domain (RFC 1035), with room for one that is written in another
/// form.
const MAX_DOMAIN_BYTES: usize = 512;

/// So many places that an allow list matches are joined where they overlap,
/// before more are noted.
const MIN_ALLOWED: usize = 1_024;

impl Lists {
    /// Looks for every entry of every list. What an allow list matches, no
    /// other list does.
    pub fn find(&self, comment: &Comment<'_>, document: &Document, hits: &mut ListHits) {
        hits.clear();
        if self.is_empty() {
            return;
        }
        hits.counts.resize(self.lists.len(), 0);
        hits.found.make_room(self.entries.len());
        hits.held_back.make_room(self.entries.len());
        self.find_in_text(comment.text(), document, true, hits);
        self.find_in_author(comment, hits);
        self.find_domains(comment, document, hits);
        if let Some(address) = comment.context().address() {
            self.take(&self.networks, bits(address), hits);
        }
        hits.found.entries.sort_unstable();
        hits.held_back.entries.sort_unstable();
        for entry in &hits.found.entries {
            if let Some(entry) = self.entries.get(*entry as usize) {
                hits.counts[usize::from(entry.list.0)] += 1;
            }
        }
    }

    /// Words, substrings and patterns, in the normalised text and in the text
    /// as it reads when disguised spellings are read through; of a text that is
    /// no comment, the substrings alone.
    fn find_in_text(&self, text: &str, document: &Document, of_comment: bool, hits: &mut ListHits) {
        self.find_written(&self.disguises, document.plain(text), of_comment, hits);
        if self.pieces.is_empty() && self.patterns.is_none() {
            return;
        }
        // Without the blanks around it, in which no `^` and no `$` of a pattern
        // would match.
        let body = document.body().trim();
        self.find_in_one(body, of_comment, hits);
        let mut reading = std::mem::take(&mut hits.reading);
        read_through(document, hits, &mut reading);
        self.find_in_one(reading.trim(), of_comment, hits);
        hits.reading = reading;
    }

    fn find_in_one(&self, text: &str, of_comment: bool, hits: &mut ListHits) {
        if !text.is_empty() {
            self.find_pieces(&self.pieces, text, of_comment, hits);
            if of_comment {
                self.find_patterns(text, hits);
            }
        }
    }

    /// Some of the pieces in a text as it was written, but for upper case.
    fn find_written(&self, pieces: &Pieces, text: &str, of_comment: bool, hits: &mut ListHits) {
        if !pieces.is_empty() {
            let mut lower = std::mem::take(&mut hits.lower);
            write_lower(text, &mut lower);
            self.find_pieces(pieces, &lower, of_comment, hits);
            hits.lower = lower;
        }
    }

    /// Patterns, in a text of which the allowed pieces are known.
    fn find_patterns(&self, text: &str, hits: &mut ListHits) {
        // Matching one by one allocates, which most comments are spared.
        let Some(patterns) = self.patterns.as_ref().filter(|patterns| patterns.is_match(text)) else {
            return;
        };
        let mut left = MAX_PLACES;
        for at in &patterns.matches(text) {
            let mut places = self.pattern_places.get(at).into_iter().flat_map(|regex| regex.find_iter(text));
            let is_allowed = !hits.allowed.is_empty()
                && places.all(|place| {
                    let is_looked_at = left > 0;
                    left -= usize::from(is_looked_at);
                    is_looked_at && hits.allows(place.start(), place.end())
                });
            let found = if is_allowed { &mut hits.held_back } else { &mut hits.found };
            found.note(self.pattern_entries[at]);
        }
    }

    /// Substrings in what is known about the author and the client. The name is
    /// read as the text is, since it is written for the same readers; of the
    /// rest, upper case alone is folded.
    fn find_in_author(&self, comment: &Comment<'_>, hits: &mut ListHits) {
        if !self.has_substrings {
            return;
        }
        let (author, client) = (comment.context().author(), comment.context().client());
        let mut name = std::mem::take(&mut hits.name);
        name.read_name(author.display_name);
        self.find_in_text(author.display_name, &name, false, hits);
        for text in [author.url, author.email_domain, client.ip, client.user_agent] {
            for pieces in [&self.pieces, &self.disguises] {
                self.find_written(pieces, text, false, hits);
            }
        }
        hits.name = name;
    }

    /// Pieces that overlap may be many more than the text is long, so that none
    /// is kept: what is allowed is found first, and joined; then each of the
    /// others is held to it where it stands.
    fn find_pieces(&self, pieces: &Pieces, text: &str, of_comment: bool, hits: &mut ListHits) {
        let mut allowed = std::mem::take(&mut hits.allowed);
        allowed.clear();
        if self.has_allowed_pieces {
            let (mut most, mut is_any) = (MIN_ALLOWED, false);
            self.each_piece(pieces, text, of_comment, |piece| {
                is_any = true;
                if self.list_of(piece.entry).allow {
                    allowed.push((piece.start, piece.end));
                    if allowed.len() >= most {
                        merge(&mut allowed);
                        most = (allowed.len() * 2).max(MIN_ALLOWED);
                    }
                }
            });
            merge(&mut allowed);
            if !is_any {
                hits.allowed = allowed;
                return;
            }
        }
        hits.allowed = allowed;
        self.each_piece(pieces, text, of_comment, |piece| {
            let is_held_back = !self.list_of(piece.entry).allow && hits.allows(piece.start, piece.end);
            let found = if is_held_back { &mut hits.held_back } else { &mut hits.found };
            found.note(piece.entry);
        });
    }

    fn each_piece(&self, pieces: &Pieces, text: &str, of_comment: bool, mut found: impl FnMut(Piece)) {
        let automaton = pieces.automaton.iter().flat_map(|automaton| automaton.find_overlapping_iter(text));
        for place in automaton {
            let (start, end, entry) = (place.start(), place.end(), place.value());
            let kind = self.list_of(entry).kind;
            if kind == ListKind::Substrings || (of_comment && stands_alone(text, start, end)) {
                found(Piece { start, end, entry });
            }
        }
        if of_comment {
            pieces.words.find(text, found);
        }
    }

    fn list_of(&self, entry: u32) -> &List {
        &self.lists[usize::from(self.entries[entry as usize].list.0)]
    }

    /// Domains, of hosts as they were written: what a look-alike of a letter
    /// leads to is another domain.
    fn find_domains(&self, comment: &Comment<'_>, document: &Document, hits: &mut ListHits) {
        let author = comment.context().author();
        let kinds = [(TokenKind::Link, &self.domains), (TokenKind::Email, &self.email_domains)];
        for (kind, domains) in kinds.into_iter().filter(|(_, domains)| !domains.is_empty()) {
            for token in document.tokens().iter().filter(|token| token.kind == kind) {
                self.take_domains(domains, &document.host(comment.text(), token), hits);
            }
            let mut claimed = std::mem::take(&mut hits.lower);
            match kind {
                // As browsers follow it: the author's name leads there.
                TokenKind::Link => write_lower(&markup::shown(author.url).unwrap_or_default(), &mut claimed),
                _ => write_lower(author.email_domain, &mut claimed),
            }
            self.take_domains(domains, &link::canonical_host(&claimed), hits);
            hits.lower = claimed;
        }
    }

    /// The entries for a domain and for every domain that it is under.
    fn take_domains(&self, domains: &Prefixes, domain: &str, hits: &mut ListHits) {
        // What is longer leads nowhere.
        if domain.len() <= MAX_DOMAIN_BYTES {
            self.take(domains, from_end(domain), hits);
        }
    }

    /// Notes the entries under all keys that one thing begins with; if any belongs
    /// to an allow list, only those that do.
    fn take(&self, entries: &Prefixes, of: impl Iterator<Item = u8> + Clone, hits: &mut ListHits) {
        let mut keys = entries.of(of);
        let Some(first) = keys.next() else { return };
        let all = iter::once(first)
            .chain(keys)
            .flat_map(|at| iter::successors(Some(at), |at| self.entries.get(*at as usize)?.next));
        let allows = |at: &u32| self.list_of(*at).allow;
        let allowed = all.clone().any(|at| allows(&at));
        for at in all {
            let found = if allowed && !allows(&at) { &mut hits.held_back } else { &mut hits.found };
            found.note(at);
        }
    }
}

/// Whether no letter or digit continues the piece on either side, as far as
/// scripts have blanks to tell by.
pub(super) fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let piece = &text[start..end];
    let joins = |inside: Option<char>, outside: Option<char>| {
        inside.is_some_and(is_spaced) && outside.is_some_and(is_spaced)
    };
    !joins(piece.chars().next(), text[..start].chars().next_back())
        && !joins(piece.chars().next_back(), text[end..].chars().next())
}

fn write_lower(text: &str, lower: &mut String) {
    lower.clear();
    lower.extend(text.chars().flat_map(char::to_lowercase));
}

/// The text with its disguised spellings replaced by what they are read as, but
/// for those within what an allow list has just been found to match; empty when
/// there are none.
fn read_through(document: &Document, hits: &mut ListHits, reading: &mut String) {
    reading.clear();
    let mut folded = std::mem::take(&mut hits.folded);
    folded.clear();
    // The places of what is allowed do not count the blank that a body begins
    // with.
    let lead = document.body().len() - document.body().trim_start().len();
    let is_allowed = |(start, end): (u32, u32)| {
        hits.allows((start as usize).saturating_sub(lead), (end as usize).saturating_sub(lead))
    };
    let spellings = document.tokens().iter().filter(|token| token.kind == TokenKind::Folded);
    folded.extend(spellings.filter(|token| !is_allowed(token.source)));
    write_reading(document, &mut folded, reading);
    hits.folded = folded;
}

fn write_reading(document: &Document, folded: &mut [Token], reading: &mut String) {
    if folded.is_empty() {
        return;
    }
    folded.sort_unstable_by_key(|token| token.source);
    let mut at = 0;
    for token in folded.iter() {
        let (start, end) = (token.source.0 as usize, token.source.1 as usize);
        // Letters spaced apart may hold a spelling that is folded too.
        if start < at {
            continue;
        }
        reading.push_str(&document.body()[at..start]);
        reading.push_str(document.token_text(token));
        at = end;
    }
    reading.push_str(&document.body()[at..]);
}
