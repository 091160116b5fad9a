//! Reads a policy file: sites, what they inherit, and everything that is
//! wrong with them.

mod fail;
mod inherit;
mod lists;
mod rules;
mod scoring;
mod settings;
mod sites;

pub use settings::{Origin, PolicyFile, Setting};

use super::rule::SiteRule;
use super::{Action, DEFAULT_SITE, Policies, SitePolicy, Thresholds};
use crate::attribute::{Attribute, PerAttribute};
use crate::config::document::{Document, Problems, Value, shown};
use crate::score::Score;
use crate::signals::lists::Lists;
use fail::FailSettings;
use rules::TrustSettings;
use scoring::ScoringSettings;
use settings::Lines;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The keys of thresholds, mildest first.
const LIMITS: [(&str, Action); 4] = [
    ("flag", Action::Flag),
    ("hold", Action::Hold),
    ("reject", Action::Reject),
    ("discard", Action::Discard),
];
/// The longest name of a rule or a list, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Why a policy file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("{name}: cannot be read: {source}")]
    Read {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file says what no policy can say.
    #[error("{problems}")]
    Invalid {
        /// One line for each problem.
        problems: Problems,
        /// The files of its lists.
        files: Vec<PathBuf>,
    },
}

impl PolicyError {
    /// The files of lists that were looked at.
    pub fn list_files(&self) -> &[PathBuf] {
        match self {
            PolicyError::Read { .. } => &[],
            PolicyError::Invalid { files, .. } => files,
        }
    }
}

/// Something that a site says, and where.
#[derive(Clone)]
struct Said<T> {
    value: T,
    span: Range<usize>,
    /// Which of the sites, in the order of the file.
    site: usize,
}

impl<T> Said<T> {
    fn at(what: T, value: &Value<'_>, site: usize) -> Self {
        Self { value: what, span: value.span(), site }
    }
}

impl<T: Clone> Said<T> {
    /// Takes over what a site says itself, if it says anything.
    fn inherit(inherited: &mut Option<Self>, own: &Option<Self>) {
        if own.is_some() {
            inherited.clone_from(own);
        }
    }

    /// What is said, or what holds when nobody says anything.
    fn or(said: &Option<Self>, default: T) -> T {
        said.as_ref().map_or(default, |said| said.value.clone())
    }
}

/// Everything that one site says, or says and inherits.
#[derive(Clone)]
struct Settings {
    /// Inner `None` switches an inherited threshold off.
    limits: PerAttribute<[Option<Said<Option<Score>>>; LIMITS.len()]>,
    missing: PerAttribute<Option<Said<Action>>>,
    trust: TrustSettings,
    scoring: ScoringSettings,
    fail: FailSettings,
    rules: Vec<Said<SiteRule>>,
}

/// The site that another one names as its parent, and where it does.
type Parent = (String, Range<usize>);

/// A site as the file has it.
struct Site {
    name: String,
    span: Range<usize>,
    inherits: Option<Parent>,
    settings: Settings,
}

/// Reads the file; see [`Policies::parse`].
pub(super) fn parse(source: &str, name: &str, folder: &Path) -> Result<PolicyFile, PolicyError> {
    let (mut document, root) = Document::parse(source, name);
    let read = lists::read(&mut document, &root, folder);
    let sites = sites::read(&mut document, &root, &read.lists);
    let effective = inherit::inherit(&mut document, &sites);
    inherit::check_order(&mut document, &sites, &effective);
    let has_default = sites.iter().any(|site| site.name == DEFAULT_SITE);
    if !has_default && document.is_whole() {
        document.report(&(0..0), format!("no [site.{DEFAULT_SITE}], from which every other site inherits"));
    }
    if let Err(problems) = document.finish() {
        return Err(PolicyError::Invalid { problems, files: read.files });
    }

    let lines = Lines::of(source);
    let names: Vec<String> = sites.into_iter().map(|site| site.name).collect();
    let told = effective.iter().map(|settings| settings.tell(&names, &lines, &read));
    let settings = names.iter().cloned().zip(told).collect();
    let lists::Read { lists, files, .. } = read;
    let policies = effective.into_iter().map(|settings| settings.into_policy(&lists));
    let mut sites: BTreeMap<String, SitePolicy> = names.into_iter().zip(policies).collect();
    let default = sites.remove(DEFAULT_SITE).unwrap_or_else(|| Settings::empty().into_policy(&lists));
    Ok(PolicyFile { policies: Policies { default, sites, files }, settings })
}

/// The names of rules and lists stand in conditions and answers, so that they
/// are plain.
fn check_rule_name(document: &mut Document<'_>, span: &Range<usize>, what: &str, name: &str) {
    if let Err(message) = check_name(what, name) {
        document.report(span, message);
    }
}

/// Checks the name of a list.
///
/// # Errors
/// What the name of a list may be.
pub fn check_list_name(name: &str) -> Result<(), String> {
    check_name("list", name)
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'-' && what == "rule");
    if starts_well && name.len() <= MAX_NAME_BYTES && name.bytes().all(allowed) {
        return Ok(());
    }
    let signs = if what == "rule" { "underscores or hyphens" } else { "underscores" };
    Err(format!(
        "{what} name {} must be 1 to {MAX_NAME_BYTES} letters, digits, {signs}, no digit or hyphen first",
        shown(name)
    ))
}

impl Settings {
    fn empty() -> Self {
        Self {
            limits: PerAttribute::from_fn(|_| [const { None }; LIMITS.len()]),
            missing: PerAttribute::default(),
            trust: TrustSettings::default(),
            scoring: ScoringSettings::default(),
            fail: FailSettings::default(),
            rules: Vec::new(),
        }
    }

    /// Takes over what `site` says; the rest stays as it was inherited.
    fn override_with(&mut self, site: &Settings) {
        for attribute in Attribute::ALL {
            for (limit, own) in self.limits[attribute].iter_mut().zip(&site.limits[attribute]) {
                Said::inherit(limit, own);
            }
            Said::inherit(&mut self.missing[attribute], &site.missing[attribute]);
        }
        self.trust.override_with(&site.trust);
        self.scoring.override_with(&site.scoring);
        self.fail.override_with(&site.fail);
        // A rule of the same name stands in the place of the inherited one.
        for rule in &site.rules {
            match self.rules.iter_mut().find(|inherited| inherited.value.rule.name == rule.value.rule.name) {
                Some(inherited) => inherited.clone_from(rule),
                None => self.rules.push(rule.clone()),
            }
        }
    }

    fn into_policy(self, lists: &Arc<Lists>) -> SitePolicy {
        let thresholds = PerAttribute::from_fn(|attribute| {
            let [flag, hold, reject, discard] =
                self.limits[attribute].each_ref().map(|limit| limit.as_ref().and_then(|limit| limit.value));
            Thresholds { flag, hold, reject, discard }
        });
        let missing = PerAttribute::from_fn(|a: Attribute| Said::or(&self.missing[a], Action::default()));
        let rules = self.rules.into_iter().map(|said| said.value).collect();
        let (trust, fail) = (self.trust.to_trust(), self.fail.to_fail());
        SitePolicy::with_rules(thresholds, missing, trust, self.scoring.to_scoring(), fail, rules, lists)
    }
}
