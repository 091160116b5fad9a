//! Reads what each site of a policy file says, by itself.

use super::{LIMITS, Parent, Said, Settings, Site};
use super::{fail, rules};
use crate::attribute::{Attribute, PerAttribute};
use crate::config::document::{Document, Key, Value, closest, shown};
use crate::policy::{Action, DEFAULT_SITE};
use crate::score::Score;
use crate::signals::lists::Lists;
use crate::signals::pattern::Budget;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The longest name of a site, in bytes.
const MAX_SITE_BYTES: usize = 128;
/// The most sites of a file. Each takes some 40 KB, twice while a file is read
/// anew; sites that need no policy of their own have the default one.
const MAX_SITES: usize = 10_000;
const FAIL: &str = "fail";
const INHERITS: &str = "inherits";
const MISSING: &str = "missing";
const CALIBRATION: &str = "calibration";
const UNFAMILIAR: &str = "unfamiliar_language";
const RULES: &str = "rules";
const TRUST: &str = "trust";

/// The sites in the order of the file.
pub(super) fn read(document: &mut Document<'_>, root: &DeTable<'_>, lists: &Lists) -> Vec<Site> {
    let (mut sites, mut budget) = (Vec::new(), Budget::default());
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
        if let Some((key, _)) = entries.get(MAX_SITES) {
            document.report(&key.span(), format!("over the limit of {MAX_SITES} sites"));
            entries.truncate(MAX_SITES);
        }
        for (key, value) in entries {
            let name: &str = key.get_ref();
            check_name(document, key, name);
            let index = sites.len();
            if let Some(table) = document.table(name, value) {
                sites.push(read_site(document, index, key, table, lists, &mut budget));
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

fn read_site(
    document: &mut Document<'_>,
    index: usize,
    name: &Key<'_>,
    table: &DeTable<'_>,
    lists: &Lists,
    budget: &mut Budget,
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
            RULES => site.settings.rules = rules::read_rules(document, index, value, lists, budget),
            CALIBRATION => site.settings.scoring.read_calibration(document, index, value),
            UNFAMILIAR => site.settings.scoring.read_unfamiliar(document, index, value),
            TRUST => site.settings.trust = rules::read_trust(document, index, value),
            FAIL => site.settings.fail = fail::read(document, index, value),
            MISSING => read_missing(document, index, value, &mut site.settings.missing),
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
    let known: Vec<&str> = Attribute::ALL
        .into_iter()
        .map(Attribute::name)
        .chain([FAIL, INHERITS, MISSING, RULES, TRUST, CALIBRATION, UNFAMILIAR])
        .collect();
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

fn read_parent(document: &mut Document<'_>, site: &str, value: &Value<'_>) -> Option<Parent> {
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

fn read_missing(
    document: &mut Document<'_>,
    site: usize,
    value: &Value<'_>,
    missing: &mut PerAttribute<Option<Said<Action>>>,
) {
    let Some(table) = document.table(MISSING, value) else { return };
    for (key, value) in table {
        let Some(attribute) = Attribute::from_name(key.get_ref()) else {
            let known = Attribute::ALL.map(Attribute::name);
            document.report_unknown(&key.span(), "attribute", key.get_ref(), known);
            continue;
        };
        let Some(name) = document.string(key.get_ref(), value) else { continue };
        missing[attribute] = Action::from_name(name).map(|action| Said::at(action, value, site));
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
) -> [Option<Said<Option<Score>>>; LIMITS.len()] {
    let mut limits = [const { None }; LIMITS.len()];
    let Some(table) = document.table(attribute.name(), value) else { return limits };
    for (key, value) in table {
        match LIMITS.iter().position(|(name, _)| name == key.get_ref()) {
            Some(i) => {
                limits[i] =
                    read_limit(document, LIMITS[i].0, value).map(|score| Said::at(score, value, site));
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
