//! What is known about a comment beside its scores: the fields that the rules
//! of a policy read.
//!
//! It is computed from the analysed text and from what the caller said. What
//! earlier comments say about it is looked up elsewhere (`state`) and comes in
//! as a [`Past`].

pub mod key;
pub mod links;
pub mod lists;
pub mod past;
pub(crate) mod pattern;
pub mod traces;

use crate::attribute::Attribute;
use crate::comment::{Comment, Role};
use crate::score::Scores;
use crate::text::Document;
use links::Links;
use lists::ListHits;
use past::Past;
use std::fmt;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Yes or no.
    Bool,
    /// A number; there is one kind of them.
    Number,
    /// A text.
    Text,
}

impl Type {
    /// The word used in messages and in `docs/policy.md`.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Number => "number",
            Type::Text => "text",
        }
    }
}

/// The value of a field for one comment.
///
/// `Debug` shows no text, so that no log line can carry one.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Value<'a> {
    /// Nobody said, or there is none.
    #[default]
    Unknown,
    /// Yes or no.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unknown => f.write_str("Unknown"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value}"),
            Value::Text(text) => write!(f, "a text of {} bytes", text.len()),
        }
    }
}

impl<'a> Value<'a> {
    fn text(text: &'a str) -> Self {
        if text.is_empty() { Value::Unknown } else { Value::Text(text) }
    }

    fn number(number: Option<f64>) -> Self {
        number.map_or(Value::Unknown, Value::Number)
    }

    fn count(count: Option<i64>) -> Self {
        Self::number(count.map(|count| count as f64))
    }
}

macro_rules! fields {
    ($($field:ident $name:literal $kind:ident $about:literal;)*) => {
        /// A field that rules can read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = $about] $field,)*
        }

        impl Field {
            /// Every field, in the order of `docs/policy.md`.
            pub const ALL: &'static [Field] = &[$(Field::$field,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The name in rules: `author.age_days`.
            pub const fn name(self) -> &'static str {
                match self { $(Field::$field => $name,)* }
            }

            /// The type of its values.
            pub const fn kind(self) -> Type {
                match self { $(Field::$field => Type::$kind,)* }
            }

            /// What it says, with the unit.
            pub const fn about(self) -> &'static str {
                match self { $(Field::$field => $about,)* }
            }
        }
    };
}

fields! {
    Spam "score.spam" Number "The score for `SPAM`, from 0 to 1.";
    Toxicity "score.toxicity" Number "The score for `TOXICITY`, from 0 to 1.";
    SevereToxicity "score.severe_toxicity" Number "The score for `SEVERE_TOXICITY`, from 0 to 1.";
    Insult "score.insult" Number "The score for `INSULT`, from 0 to 1.";
    Profanity "score.profanity" Number "The score for `PROFANITY`, from 0 to 1.";
    Threat "score.threat" Number "The score for `THREAT`, from 0 to 1.";
    IdentityAttack "score.identity_attack" Number "The score for `IDENTITY_ATTACK`, from 0 to 1.";
    SexuallyExplicit "score.sexually_explicit" Number "The score for `SEXUALLY_EXPLICIT`, from 0 to 1.";
    OffTopic "score.off_topic" Number "The score for `OFF_TOPIC`, from 0 to 1.";
    Links "signal.links" Number "How many web addresses the text holds, those behind the labels of links included.";
    LinkShare "signal.link_share" Number "How much of the text is web addresses, from 0 to 1, by length.";
    ShortenedLinks "signal.shortened_links" Number "How many addresses lead to a link shortener, which hides where they end.";
    PunycodeLinks "signal.punycode_links" Number "How many addresses have a host in punycode (`xn--`).";
    MixedScriptLinks "signal.mixed_script_links" Number "How many addresses have a host that mixes Latin with Cyrillic, Greek, Armenian or Cherokee letters in one label.";
    AddressLinks "signal.ip_links" Number "How many addresses have an IP address for a host, in any notation that browsers read.";
    DisguisedLinks "signal.disguised_links" Number "How many links of an HTML or Markdown text show one domain and lead to another.";
    Emails "signal.emails" Number "How many e-mail addresses the text holds.";
    Phones "signal.phones" Number "How many telephone-like numbers the text holds.";
    AuthorId "author.id" Text "Who wrote it, as the host platform names them.";
    AuthorName "author.name" Text "The author's name as readers see it.";
    AuthorUrl "author.url" Text "The web address that the author gave as theirs.";
    AuthorEmailDomain "author.email_domain" Text "What stands after the @ of the author's e-mail address.";
    AuthorAgeDays "author.age_days" Number "How long the author had been with the platform, in days.";
    AuthorApprovedCount "author.approved_count" Number "How many comments of the author were approved.";
    AuthorRejectedCount "author.rejected_count" Number "How many comments of the author were rejected.";
    AuthorIsStaff "author.is_staff" Bool "Whether the author speaks for the host platform.";
    CommentText "comment.text" Text "The text as its author wrote it, with its markup, upper and lower case as they are.";
    CommentLength "comment.length" Number "The length of the text as readers see it, in characters, with the addresses of its links.";
    CommentLanguage "comment.language" Text "The language (BCP 47), `und` when it cannot be told.";
    CommentEdited "comment.edited" Bool "Whether it is a later version of a comment posted before.";
    CommentNewLinks "comment.new_links" Number "How many web addresses of the text the version that was approved before did not have. Upper and lower case differ behind the host, as they do to servers.";
    CommentIsReply "comment.is_reply" Bool "Whether it answers another comment.";
    ClientUserAgent "client.user_agent" Text "The `User-Agent` header of the author's browser.";
    ClientReferrer "client.referrer" Text "The page that the comment was sent from.";
    ThreadId "thread.id" Text "The thread, as the host platform names it.";
    ThreadAgeHours "thread.age_hours" Number "How long the thread had been open, in hours.";
    ThreadPublishedCount "thread.published_count" Number "How many comments stand under the thread.";
    RepeatExactCount "repeat.exact_count" Number "How many earlier comments of the last day have the same text.";
    RepeatNearCount "repeat.near_count" Number "How many earlier comments of the last day have the same or nearly the same text.";
    RepeatAuthorCount "repeat.author_count" Number "How many of `repeat.near_count` are by the same author.";
    RepeatNetworkCount "repeat.network_count" Number "How many of `repeat.near_count` came from the same network (/24 or /64).";
    RepeatAuthors "repeat.authors" Number "How many other people sent the same or nearly the same text in the last day, at most 8.";
    RepeatContactAuthors "repeat.contact_authors" Number "How many other people wrote the same link, telephone number, e-mail address or handle in the last day, at most 8.";
    RepeatNameAuthors "repeat.name_authors" Number "How many other people wrote the same name in the same thread in the last day, at most 8.";
    RateAuthorMinute "rate.author_minute" Number "How many comments the author sent in the minute before.";
    RateAuthorHour "rate.author_hour" Number "How many comments the author sent in the hour before.";
    RateAuthorDay "rate.author_day" Number "How many comments the author sent in the day before.";
    RateAddressMinute "rate.address_minute" Number "How many comments came from the same address (or /64) in the minute before.";
    RateAddressHour "rate.address_hour" Number "How many comments came from the same address (or /64) in the hour before.";
    RateAddressDay "rate.address_day" Number "How many comments came from the same address (or /64) in the day before.";
    RateFirstComment "rate.first_comment" Bool "Whether no earlier comment of the author is known: none approved, none rejected, none remembered.";
}

impl Field {
    /// The field of that name.
    pub fn from_name(name: &str) -> Option<Field> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// Whether it is for the caller to say: what is known about the author, the
    /// client and the thread.
    pub fn is_context(self) -> bool {
        ["author.", "client.", "thread."].iter().any(|table| self.name().starts_with(table))
    }

    /// Whether it is a score, from 0 to 1.
    pub fn is_score(self) -> bool {
        self.name().starts_with("score.")
    }

    /// Whether it says something about earlier comments, which has to be
    /// remembered.
    pub fn is_remembered(self) -> bool {
        self.name().starts_with("repeat.") || self.name().starts_with("rate.")
    }

    /// The field of an attribute's score.
    pub const fn score(attribute: Attribute) -> Field {
        match attribute {
            Attribute::Spam => Field::Spam,
            Attribute::Toxicity => Field::Toxicity,
            Attribute::SevereToxicity => Field::SevereToxicity,
            Attribute::Insult => Field::Insult,
            Attribute::Profanity => Field::Profanity,
            Attribute::Threat => Field::Threat,
            Attribute::IdentityAttack => Field::IdentityAttack,
            Attribute::SexuallyExplicit => Field::SexuallyExplicit,
            Attribute::OffTopic => Field::OffTopic,
        }
    }
}

/// Everything that a policy looks at, for one comment. `Default` knows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    values: [Value<'a>; Field::COUNT],
    hits: Option<&'a ListHits>,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self { values: [Value::Unknown; Field::COUNT], hits: None }
    }
}

impl<'a> Facts<'a> {
    /// The scores, and nothing else.
    pub fn of_scores(scores: &Scores) -> Self {
        let mut facts = Self::default();
        for (attribute, score) in scores.iter() {
            if let Ok(score) = score {
                // Brought back to the decimal number it stands for, so that
                // `score.spam >= 0.9` and a threshold of 0.9 agree.
                let value = (f64::from(score.get()) * 1e7).round() / 1e7;
                facts.values[Field::score(attribute) as usize] = Value::Number(value);
            }
        }
        facts
    }

    /// The scores, and the author's record, which every policy looks at.
    pub fn of_author(comment: &Comment<'a>, scores: &Scores) -> Self {
        let author = comment.context().author();
        Self::of_scores(scores).with_all([
            (Field::AuthorAgeDays, Value::number(comment.context().author_age_days())),
            (Field::AuthorApprovedCount, Value::count(author.approved_count)),
            (Field::AuthorRejectedCount, Value::count(author.rejected_count)),
            (Field::AuthorIsStaff, Value::Bool(author.role == Role::Staff)),
        ])
    }

    /// With all else that is known about the comment; `document` is its text,
    /// analysed.
    pub fn with_signals(self, comment: &Comment<'a>, document: &'a Document, hits: &'a ListHits) -> Self {
        let (context, surface) = (comment.context(), document.surface());
        let (author, client, thread) = (context.author(), context.client(), context.thread());
        let links = Links::of(comment.text(), document);
        let number = |count: u32| Value::Number(f64::from(count));
        Self { hits: Some(hits), ..self }.with_all([
            (Field::Links, number(links.count)),
            (Field::LinkShare, Value::Number(links.share)),
            (Field::ShortenedLinks, number(links.shortened)),
            (Field::PunycodeLinks, number(links.punycode)),
            (Field::MixedScriptLinks, number(links.mixed_script)),
            (Field::AddressLinks, number(links.address)),
            (Field::DisguisedLinks, number(document.disguised_links())),
            (Field::Emails, number(surface.emails)),
            (Field::Phones, number(surface.phones)),
            (Field::AuthorId, Value::text(author.author_id)),
            (Field::AuthorName, Value::text(author.display_name)),
            (Field::AuthorUrl, Value::text(author.url)),
            (Field::AuthorEmailDomain, Value::text(author.email_domain)),
            (Field::CommentText, Value::Text(comment.text())),
            (Field::CommentLength, number(surface.characters)),
            (Field::CommentLanguage, Value::Text(document.language().code())),
            (Field::CommentEdited, Value::Bool(context.edited())),
            (Field::CommentIsReply, Value::Bool(comment.parent().is_some())),
            (Field::ClientUserAgent, Value::text(client.user_agent)),
            (Field::ClientReferrer, Value::text(client.referrer)),
            (Field::ThreadId, Value::text(thread.thread_id)),
            (Field::ThreadAgeHours, Value::number(context.thread_age_hours())),
            (Field::ThreadPublishedCount, Value::count(thread.published_count)),
        ])
    }

    /// With what earlier comments say about this one.
    pub fn with_past(self, comment: &Comment<'a>, past: &Past) -> Self {
        let Past { repeats, author, address } = *past;
        let count = |count: Option<u32>| Value::number(count.map(f64::from));
        let record = comment.context().author();
        let counted = record.approved_count.or(record.rejected_count);
        let is_first = match (record.approved_count.max(record.rejected_count), author) {
            (Some(1..), _) => Some(false),
            (_, Some(rate)) => Some(!rate.is_known),
            (_, None) => counted.map(|_| true),
        };
        self.with_all([
            (Field::RepeatExactCount, count(repeats.map(|repeats| repeats.exact))),
            (Field::RepeatNearCount, count(repeats.map(|repeats| repeats.near))),
            (Field::RepeatAuthorCount, count(repeats.map(|repeats| repeats.by_author))),
            (Field::RepeatNetworkCount, count(repeats.map(|repeats| repeats.by_network))),
            (Field::RepeatAuthors, count(repeats.map(|repeats| repeats.authors))),
            (Field::RepeatContactAuthors, count(repeats.map(|repeats| repeats.contact_authors))),
            (Field::RepeatNameAuthors, count(repeats.map(|repeats| repeats.name_authors))),
            (Field::RateAuthorMinute, count(author.map(|rate| rate.minute))),
            (Field::RateAuthorHour, count(author.map(|rate| rate.hour))),
            (Field::RateAuthorDay, count(author.map(|rate| rate.day))),
            (Field::RateAddressMinute, count(address.map(|rate| rate.minute))),
            (Field::RateAddressHour, count(address.map(|rate| rate.hour))),
            (Field::RateAddressDay, count(address.map(|rate| rate.day))),
            (Field::RateFirstComment, is_first.map_or(Value::Unknown, Value::Bool)),
        ])
    }

    fn with_all<const N: usize>(mut self, known: [(Field, Value<'a>); N]) -> Self {
        for (field, value) in known {
            self.values[field as usize] = value;
        }
        self
    }

    /// The same with another value for a field.
    pub fn with(mut self, field: Field, value: Value<'a>) -> Self {
        self.values[field as usize] = value;
        self
    }

    /// The value of a field.
    pub fn value(&self, field: Field) -> Value<'a> {
        self.values[field as usize]
    }

    /// How many entries of a list the comment holds; zero of a list that was
    /// not looked at.
    pub fn hits(&self, list: lists::ListId) -> u32 {
        self.hits.map_or(0, |hits| hits.count(list))
    }

    /// The entries of the lists that the comment holds.
    pub fn list_hits(&self) -> Option<&'a ListHits> {
        self.hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::{Author, Claims, Format};
    use crate::score::Score;
    use crate::text::Analyzer;

    #[test]
    fn names_lead_back_to_their_field_and_are_documented() {
        let manual = include_str!("../docs/policy.md");
        for &field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
            let row = format!("\n| `{}` | {} | {} | ", field.name(), field.kind().name(), field.about());
            assert!(manual.contains(&row), "docs/policy.md lacks the row {row}");
        }
        for attribute in Attribute::ALL {
            let name = format!("score.{}", attribute.name().to_lowercase());
            assert_eq!(Field::from_name(&name), Some(Field::score(attribute)));
        }
        assert_eq!(Field::from_name("score"), None);
    }

    #[test]
    fn a_first_comment_is_one_before_which_none_is_known() {
        let remembered = |is_known| Some(past::Rate { is_known, ..past::Rate::default() });
        for (approved_count, rejected_count, author, expected) in [
            (None, None, None, Value::Unknown),
            (Some(0), None, None, Value::Bool(true)),
            (None, Some(0), None, Value::Bool(true)),
            (Some(1), None, None, Value::Bool(false)),
            (Some(0), Some(1), None, Value::Bool(false)),
            (None, None, remembered(false), Value::Bool(true)),
            (None, None, remembered(true), Value::Bool(false)),
            // Either is enough, since servers forget and platforms count late.
            (Some(0), Some(0), remembered(true), Value::Bool(false)),
            (Some(1), None, remembered(false), Value::Bool(false)),
            (None, Some(2), remembered(false), Value::Bool(false)),
            (Some(0), Some(0), remembered(false), Value::Bool(true)),
        ] {
            let author_claims = Author { approved_count, rejected_count, ..Author::default() };
            let context = Claims { author: author_claims, ..Claims::default() }.check().unwrap();
            let comment = Comment::new("hello", 100).unwrap().with_context(context);
            let facts = Facts::default().with_past(&comment, &Past { author, ..Past::default() });
            let case = (approved_count, rejected_count, author);
            assert_eq!(facts.value(Field::RateFirstComment), expected, "{case:?}");
        }
    }

    #[test]
    fn the_length_is_that_of_what_readers_see_and_of_addresses() {
        for (text, format, seen) in [
            ("h\u{e9}llo\n w\u{f6}rld \u{1f389}", Format::Plain, "h\u{e9}llo\n w\u{f6}rld \u{1f389}"),
            ("<b>hi</b> &amp; bye<!-- not shown -->", Format::Html, "hi & bye"),
            ("<a href='https://example.com/a'>here</a>", Format::Html, "here https://example.com/a"),
            ("[here](https://example.com/a)", Format::Markdown, "here https://example.com/a"),
        ] {
            let comment = Comment::new(text, 100).unwrap().with_format(format);
            let (mut document, hits) = (Document::default(), ListHits::default());
            Analyzer::default().analyze(text, format, &mut document);
            let facts = Facts::default().with_signals(&comment, &document, &hits);
            assert_eq!(
                facts.value(Field::CommentLength),
                Value::Number(seen.chars().count() as f64),
                "{text}"
            );
            assert_eq!(facts.value(Field::CommentText), Value::Text(text));
        }
    }

    #[test]
    fn scores_are_the_decimal_numbers_they_stand_for() {
        for hundredths in 0..=100u32 {
            let decimal = f64::from(hundredths) / 100.0;
            let scores = Scores::from_fn(|_| Ok(Score::saturating(decimal as f32)));
            assert_eq!(Facts::of_scores(&scores).value(Field::Spam), Value::Number(decimal));
        }
    }
}
