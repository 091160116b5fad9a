//! Reads a policy file: sites, what they inherit, and everything that is
//! wrong with them.

mod lists;
mod rules;
mod scoring;

use super::rule::SiteRule;
use super::{Action, DEFAULT_SITE, Policies, SitePolicy, Thresholds};
use crate::attribute::{Attribute, PerAttribute};
use crate::config::document::{Document, Key, Problems, Value, closest, shown};
use crate::score::Score;
use crate::signals::lists::Lists;
use rules::TrustSettings;
use scoring::ScoringSettings;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The longest name of a site, in bytes.
const MAX_SITE_BYTES: usize = 128;

/// The keys of thresholds, mildest first.
const LIMITS: [(&str, Action); 4] = [
    ("flag", Action::Flag),
    ("hold", Action::Hold),
    ("reject", Action::Reject),
    ("discard", Action::Discard),
];
const INHERITS: &str = "inherits";
const MISSING: &str = "missing";
const RULES: &str = "rules";
const TRUST: &str = "trust";
const CALIBRATION: &str = "calibration";
const UNFAMILIAR: &str = "unfamiliar_language";
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
    /// The file says what no policy can say; one line for each problem.
    #[error("{0}")]
    Invalid(Problems),
}

/// A threshold as a site sets it, and where.
#[derive(Clone)]
struct Limit {
    /// None switches an inherited threshold off.
    score: Option<Score>,
    span: Range<usize>,
    site: usize,
}

/// Everything that one site says, or says and inherits.
#[derive(Clone)]
struct Settings {
    limits: PerAttribute<[Option<Limit>; LIMITS.len()]>,
    missing: PerAttribute<Option<Action>>,
    trust: TrustSettings,
    scoring: ScoringSettings,
    rules: Vec<SiteRule>,
}

/// A site as the file has it.
struct Site {
    name: String,
    span: Range<usize>,
    inherits: Option<(String, Range<usize>)>,
    settings: Settings,
}

/// Reads the file; see [`Policies::parse`].
pub(super) fn parse(source: &str, name: &str, folder: &Path) -> Result<Policies, PolicyError> {
    let (mut document, root) = Document::parse(source, name);
    let (lists, files) = lists::read(&mut document, &root, folder);
    let sites = read_sites(&mut document, &root, &lists);
    let effective = inherit(&mut document, &sites);
    check_order(&mut document, &sites, &effective);
    let default = sites.iter().position(|site| site.name == DEFAULT_SITE);
    if default.is_none() && document.is_whole() {
        document.report(&(0..0), format!("no [site.{DEFAULT_SITE}], from which every other site inherits"));
    }
    document.finish().map_err(PolicyError::Invalid)?;

    let names = sites.into_iter().map(|site| site.name);
    let mut sites: BTreeMap<String, SitePolicy> =
        names.zip(effective.into_iter().map(|settings| settings.into_policy(&lists))).collect();
    let default = sites.remove(DEFAULT_SITE).unwrap_or_else(|| Settings::empty().into_policy(&lists));
    Ok(Policies { default, sites, files })
}

/// The sites in the order of the file.
fn read_sites(document: &mut Document<'_>, root: &DeTable<'_>, lists: &Lists) -> Vec<Site> {
    let mut sites = Vec::new();
    for (key, value) in root {
        match key.get_ref().as_ref() {
            "site" => {}
            "lists" => continue,
            other => {
                document.report_unknown(&key.span(), "key", other, ["site", "lists"]);
                continue;
            }
        }
        let Some(table) = document.table("site", value) else { continue };
        let mut entries: Vec<(&Key<'_>, &Value<'_>)> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name: &str = key.get_ref();
            check_name(document, key, name);
            let index = sites.len();
            if let Some(table) = document.table(name, value) {
                sites.push(read_site(document, index, key, table, lists));
            }
        }
    }
    sites
}

fn check_name(document: &mut Document<'_>, key: &Key<'_>, name: &str) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > MAX_SITE_BYTES || !name.bytes().all(allowed) {
        let message = format!(
            "site name {} must be 1 to {MAX_SITE_BYTES} letters, digits, dots, hyphens or underscores",
            shown(name)
        );
        document.report(&key.span(), message);
    }
}

/// The names of rules and lists stand in conditions and answers, so that they
/// are plain.
fn check_rule_name(document: &mut Document<'_>, span: &Range<usize>, what: &str, name: &str) {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'-' && what == "rule");
    if !starts_well || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
        let signs = if what == "rule" { "underscores or hyphens" } else { "underscores" };
        let message = format!(
            "{what} name {} must be 1 to {MAX_NAME_BYTES} letters, digits, {signs}, a letter first",
            shown(name)
        );
        document.report(span, message);
    }
}

fn read_site(
    document: &mut Document<'_>,
    index: usize,
    name: &Key<'_>,
    table: &DeTable<'_>,
    lists: &Lists,
) -> Site {
    let mut site = Site {
        name: name.get_ref().to_string(),
        span: name.span(),
        inherits: None,
        settings: Settings::empty(),
    };
    for (key, value) in table {
        let span = key.span();
        match key.get_ref().as_ref() {
            INHERITS => site.inherits = read_parent(document, &site.name, value),
            RULES => site.settings.rules = rules::read_rules(document, value, lists),
            TRUST => site.settings.trust = rules::read_trust(document, value),
            CALIBRATION => site.settings.scoring.read_calibration(document, value),
            UNFAMILIAR => site.settings.scoring.read_unfamiliar(document, value),
            MISSING => read_missing(document, value, &mut site.settings.missing),
            key => match Attribute::from_name(key) {
                Some(attribute) => {
                    site.settings.limits[attribute] = read_limits(document, index, attribute, value);
                }
                None => report_unknown_key(document, &span, &site.name, key, value),
            },
        }
    }
    site
}

fn report_unknown_key(
    document: &mut Document<'_>,
    span: &Range<usize>,
    site: &str,
    key: &str,
    value: &Value<'_>,
) {
    let keys = [INHERITS, MISSING, RULES, TRUST, CALIBRATION, UNFAMILIAR];
    let known: Vec<&str> = Attribute::ALL.into_iter().map(Attribute::name).chain(keys).collect();
    let is_table = matches!(value.get_ref(), DeValue::Table(_));
    if is_table && closest(key, &known).is_none() {
        let message = format!(
            "unknown attribute {}; a site's name with dots is written [site.\"{site}.…\"]",
            shown(key)
        );
        document.report(span, message);
    } else {
        document.report_unknown(span, if is_table { "attribute" } else { "key" }, key, known);
    }
}

fn read_parent(document: &mut Document<'_>, site: &str, value: &Value<'_>) -> Option<(String, Range<usize>)> {
    let parent = document.string(INHERITS, value)?;
    if site == DEFAULT_SITE {
        document.report(
            &value.span(),
            format!("`{DEFAULT_SITE}` is what sites inherit in the end; it inherits nothing"),
        );
        return None;
    }
    Some((parent.to_owned(), value.span()))
}

fn read_missing(document: &mut Document<'_>, value: &Value<'_>, missing: &mut PerAttribute<Option<Action>>) {
    let Some(table) = document.table(MISSING, value) else { return };
    for (key, value) in table {
        let Some(attribute) = Attribute::from_name(key.get_ref()) else {
            let known = Attribute::ALL.map(Attribute::name);
            document.report_unknown(&key.span(), "attribute", key.get_ref(), known);
            continue;
        };
        let Some(name) = document.string(key.get_ref(), value) else { continue };
        missing[attribute] = Action::from_name(name);
        if missing[attribute].is_none() {
            document.report_unknown(&value.span(), "action", name, Action::ALL.map(Action::name));
        }
    }
}

fn read_limits(
    document: &mut Document<'_>,
    site: usize,
    attribute: Attribute,
    value: &Value<'_>,
) -> [Option<Limit>; LIMITS.len()] {
    let mut limits = [const { None }; LIMITS.len()];
    let Some(table) = document.table(attribute.name(), value) else { return limits };
    for (key, value) in table {
        match LIMITS.iter().position(|(name, _)| name == key.get_ref()) {
            Some(i) => {
                limits[i] = read_limit(document, LIMITS[i].0, value).map(|score| Limit {
                    score,
                    span: value.span(),
                    site,
                });
            }
            None => {
                let known = LIMITS.map(|(name, _)| name);
                document.report_unknown(&key.span(), "action", key.get_ref(), known);
            }
        }
    }
    limits
}

/// A threshold, or `false` for none.
fn read_limit(document: &mut Document<'_>, key: &str, value: &Value<'_>) -> Option<Option<Score>> {
    let number: f64 = match value.get_ref() {
        DeValue::Boolean(false) => return Some(None),
        DeValue::Float(float) => float.as_str().parse().unwrap_or(f64::NAN),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().unwrap_or(f64::NAN),
        _ => return document.wrong_type(key, value, "a score in 0..=1, or false for none"),
    };
    // Checked before it is rounded, so that 1.00000001 is not taken for 1.
    let score = (0.0..=1.0).contains(&number).then(|| Score::saturating(number as f32));
    if score.is_none() {
        document.report(&value.span(), format!("`{key}` is {number}, outside 0..=1"));
    }
    score.map(Some)
}

/// What each site says together with what it inherits, in the order of
/// `sites`.
fn inherit(document: &mut Document<'_>, sites: &[Site]) -> Vec<Settings> {
    let by_name: HashMap<&str, usize> =
        sites.iter().enumerate().map(|(i, site)| (site.name.as_str(), i)).collect();
    let parents: Vec<Option<usize>> =
        sites.iter().map(|site| parent(document, &by_name, sites, site)).collect();

    let mut effective: Vec<Option<Settings>> = vec![None; sites.len()];
    for start in 0..sites.len() {
        // From the site up to one that is known already, or to the top.
        let mut path = Vec::new();
        let mut next = Some(start);
        while let Some(site) = next.filter(|site| effective[*site].is_none()) {
            if let Some(begin) = path.iter().position(|seen| *seen == site) {
                report_cycle(document, sites, &path[begin..]);
                next = None;
                break;
            }
            path.push(site);
            next = parents[site];
        }
        let mut inherited = next.and_then(|site| effective[site].clone()).unwrap_or_else(Settings::empty);
        for site in path.into_iter().rev() {
            inherited.override_with(&sites[site].settings);
            effective[site] = Some(inherited.clone());
        }
    }
    effective.into_iter().map(|settings| settings.unwrap_or_else(Settings::empty)).collect()
}

/// The site that `site` inherits from.
fn parent(
    document: &mut Document<'_>,
    by_name: &HashMap<&str, usize>,
    sites: &[Site],
    site: &Site,
) -> Option<usize> {
    let Some((name, span)) = &site.inherits else {
        return by_name.get(DEFAULT_SITE).copied().filter(|_| site.name != DEFAULT_SITE);
    };
    let parent = by_name.get(name.as_str()).copied();
    if parent.is_none() && document.is_whole() {
        document.report_unknown(span, "site", name, sites.iter().map(|site| site.name.as_str()));
    }
    parent
}

fn report_cycle(document: &mut Document<'_>, sites: &[Site], cycle: &[usize]) {
    // Told from the site that stands first in the file.
    let first = (0..cycle.len()).min_by_key(|i| sites[cycle[*i]].span.start).unwrap_or_default();
    let round = cycle[first..].iter().chain(&cycle[..=first]);
    let names: Vec<&str> = round.map(|site| sites[*site].name.as_str()).collect();
    let site = &sites[cycle[first]];
    let span = site.inherits.as_ref().map_or(&site.span, |(_, span)| span);
    document.report(span, format!("site `{}` inherits from itself: {}", site.name, names.join(" -> ")));
}

/// Thresholds must not fall as actions get more severe. Told where a site sets
/// one of the two that disagree.
fn check_order(document: &mut Document<'_>, sites: &[Site], effective: &[Settings]) {
    for (index, settings) in effective.iter().enumerate() {
        for (attribute, limits) in settings.limits.iter() {
            let set: Vec<(&str, &Limit, Score)> = LIMITS
                .iter()
                .zip(limits)
                .filter_map(|((key, _), limit)| {
                    let limit = limit.as_ref()?;
                    Some((*key, limit, limit.score?))
                })
                .collect();
            for pair in set.windows(2) {
                let [(mild, below, low), (severe, above, high)] = pair else { continue };
                let own = [above, below].into_iter().find(|limit| limit.site == index);
                let (Some(own), true) = (own, low > high) else { continue };
                let from = |limit: &Limit| match limit.site == index {
                    true => String::new(),
                    false => format!(" (inherited from `{}`)", sites[limit.site].name),
                };
                let message = format!(
                    "{attribute}: `{mild}` {low}{} is above `{severe}` {high}{}",
                    from(below),
                    from(above)
                );
                document.report(&own.span, message);
            }
        }
    }
}

impl Settings {
    fn empty() -> Self {
        Self {
            limits: PerAttribute::from_fn(|_| [const { None }; LIMITS.len()]),
            missing: PerAttribute::default(),
            trust: TrustSettings::default(),
            scoring: ScoringSettings::default(),
            rules: Vec::new(),
        }
    }

    /// Takes over what `site` says; the rest stays as it was inherited.
    fn override_with(&mut self, site: &Settings) {
        for attribute in Attribute::ALL {
            for (limit, own) in self.limits[attribute].iter_mut().zip(&site.limits[attribute]) {
                if own.is_some() {
                    limit.clone_from(own);
                }
            }
            self.missing[attribute] = site.missing[attribute].or(self.missing[attribute]);
        }
        self.trust.override_with(&site.trust);
        self.scoring.override_with(&site.scoring);
        // A rule of the same name stands in the place of the inherited one.
        for rule in &site.rules {
            match self.rules.iter_mut().find(|inherited| inherited.rule.name == rule.rule.name) {
                Some(inherited) => inherited.clone_from(rule),
                None => self.rules.push(rule.clone()),
            }
        }
    }

    fn into_policy(self, lists: &Arc<Lists>) -> SitePolicy {
        let thresholds = PerAttribute::from_fn(|attribute| {
            let [flag, hold, reject, discard] =
                self.limits[attribute].each_ref().map(|limit| limit.as_ref().and_then(|limit| limit.score));
            Thresholds { flag, hold, reject, discard }
        });
        let missing = PerAttribute::from_fn(|a: Attribute| self.missing[a].unwrap_or_default());
        let (trust, scoring) = (self.trust.into_trust(), self.scoring.into_scoring());
        SitePolicy::with_rules(thresholds, missing, trust, scoring, self.rules, lists)
    }
}
