//! What a policy file says, site by site, and in which line.

use super::super::rule::{Mode, SiteRule};
use super::lists::Read;
use super::{LIMITS, PolicyError, Said, Settings, parse};
use crate::attribute::Attribute;
use crate::policy::{Action, Calibration, Fail, Policies, Scoring, Trust, UnfamiliarLanguage};
use crate::score::Score;
use crate::source;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::path::Path;

/// The longest policy file, in bytes. Long lists have files of their own.
const MAX_BYTES: u64 = 16 << 20;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The site that says it: another one where it is inherited, none for lists,
    /// which belong to all.
    pub site: Option<String>,
    /// The line of the file, from 1.
    pub line: usize,
}

/// One thing that is in force for a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name: `SPAM.HOLD`, `missing.SPAM`, `trust.staff`, `fail.model`,
    /// `calibration.SPAM.shift`, `unfamiliar_language`, `rules.NAME`,
    /// `lists.NAME`.
    pub key: String,
    /// What is in force; `off` for a threshold that is not there.
    pub value: String,
    /// Where it comes from; none for what holds when nobody says anything.
    pub origin: Option<Origin>,
}

/// A policy file with the places of what it says.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// The policies.
    pub policies: Policies,
    /// For each site everything that is in force, always in the same order.
    pub settings: BTreeMap<String, Vec<Setting>>,
}

impl PolicyFile {
    /// Reads and checks a policy file, and the files of its lists, which are
    /// named relative to it.
    ///
    /// # Errors
    /// When the file cannot be read or is over 16 MiB, or what is wrong with it.
    pub fn open(path: &Path) -> Result<PolicyFile, PolicyError> {
        let name = path.display().to_string();
        match source::read(path, MAX_BYTES) {
            Ok(source) => parse(&source, &name, path.parent().unwrap_or(Path::new(""))),
            Err(source) => Err(PolicyError::Read { name, source }),
        }
    }

    /// Reads and checks policies; `name` stands for the file in messages, and
    /// files of lists are named relative to `folder`.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn parse(source: &str, name: &str, folder: &Path) -> Result<PolicyFile, PolicyError> {
        parse(source, name, folder)
    }
}

/// Where the lines of a source begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(source: &str) -> Self {
        let ends = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    fn number(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

impl Settings {
    /// Everything that is in force, with its place.
    pub(super) fn tell(&self, names: &[String], lines: &Lines, read: &Read) -> Vec<Setting> {
        let Read { lists, places, .. } = read;
        let mut told = Told { names, lines, settings: Vec::new() };
        for attribute in Attribute::ALL {
            for ((_, action), limit) in LIMITS.iter().zip(&self.limits[attribute]) {
                told.push(format!("{attribute}.{action}"), limit.as_ref(), shown_limit(limit));
            }
        }
        for attribute in Attribute::ALL {
            let said = self.missing[attribute].as_ref();
            let action = said.map_or(Action::Publish, |said| said.value);
            told.push(format!("missing.{attribute}"), said, action);
        }
        let Trust { approved_count, new_author_days, new_author_margin, staff } = self.trust.to_trust();
        let trust = &self.trust;
        told.push("trust.approved_count".into(), trust.approved_count.as_ref(), or_off(approved_count));
        told.push("trust.new_author_days".into(), trust.new_author_days.as_ref(), or_off(new_author_days));
        told.push("trust.new_author_margin".into(), trust.new_author_margin.as_ref(), new_author_margin);
        told.push("trust.staff".into(), trust.staff.as_ref(), staff);
        let Fail { model, context, deadline } = self.fail.to_fail();
        let fail = &self.fail;
        told.push("fail.model".into(), fail.model.as_ref(), model.name());
        told.push("fail.context".into(), fail.context.as_ref(), context.name());
        let deadline = or_off(deadline.map(|deadline| deadline.as_millis()));
        told.push("fail.deadline_ms".into(), fail.deadline.as_ref(), deadline);
        let Scoring { calibration, unfamiliar_language } = self.scoring.to_scoring();
        for (attribute, Calibration { scale, shift }) in calibration.iter() {
            let said = self.scoring.calibration[attribute].as_ref();
            told.push(format!("calibration.{attribute}.scale"), said, scale);
            told.push(format!("calibration.{attribute}.shift"), said, shift);
        }
        let named = UnfamiliarLanguage::NAMED.iter().find(|(_, value)| *value == unfamiliar_language);
        let said = self.scoring.unfamiliar_language.as_ref();
        told.push("unfamiliar_language".into(), said, named.map_or("", |(name, _)| name));
        for said in &self.rules {
            told.push(format!("rules.{}", said.value.rule.name), Some(said), shown_rule(&said.value));
        }
        let named = self.rules.iter().filter(|said| said.value.enabled);
        let mut used: Vec<_> = named.flat_map(|said| said.value.when.lists()).copied().collect();
        // Those win over every list that is used.
        used.extend((!used.is_empty()).then(|| lists.allowing()).into_iter().flatten());
        used.sort_unstable();
        used.dedup();
        for list in used {
            let entries = lists.entries(list).count();
            let plural = if entries == 1 { "entry" } else { "entries" };
            let allow = if lists.allows(list) { ", allow" } else { "" };
            let place = places.get(lists.name(list));
            let kind = place.map_or("", |(_, kind)| kind.name());
            let digest = lists.own_digest(list) as u32;
            let value = format!("{kind}, {entries} {plural}{allow}, digest {digest:08x}");
            let origin = place.map(|(span, _)| Origin { site: None, line: lines.number(span.start) });
            told.settings.push(Setting { key: format!("lists.{}", lists.name(list)), value, origin });
        }
        told.settings
    }
}

/// Settings, as they are told.
struct Told<'a> {
    names: &'a [String],
    lines: &'a Lines,
    settings: Vec<Setting>,
}

impl Told<'_> {
    fn push<T>(&mut self, key: String, said: Option<&Said<T>>, value: impl Display) {
        let origin = said.map(|said| Origin {
            site: self.names.get(said.site).cloned(),
            line: self.lines.number(said.span.start),
        });
        self.settings.push(Setting { key, value: value.to_string(), origin });
    }
}

fn shown_limit(limit: &Option<Said<Option<Score>>>) -> String {
    or_off(limit.as_ref().and_then(|said| said.value))
}

fn or_off<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "off".to_owned(), |value| value.to_string())
}

/// What a rule says, on one line: what stands in the file where it differs
/// from what is left out.
fn shown_rule(rule: &SiteRule) -> String {
    if !rule.enabled {
        return "off".to_owned();
    }
    let mut text = format!("{} when {}", rule.rule.action, rule.when);
    // Writing to a string cannot fail.
    if rule.priority != 0 {
        let _ = write!(text, ", priority {}", rule.priority);
    }
    if rule.mode != Mode::Act {
        let _ = write!(text, ", {}", rule.mode.name());
    }
    if rule.is_final {
        text.push_str(", final");
    }
    if !rule.rule.because.is_empty() {
        let _ = write!(text, ", because {:?}", rule.rule.because);
    }
    text
}
