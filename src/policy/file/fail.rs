//! What a site of a policy file answers when something is missing.

use super::Said;
use crate::config::document::{Document, Value};
use crate::policy::{Fail, FailMode};
use std::time::Duration;
use toml::de::DeValue;

const KEYS: [&str; 3] = ["model", "context", "deadline_ms"];
/// The longest deadline, in milliseconds.
const MAX_DEADLINE_MS: u64 = 60_000;

/// What a site says about it; the rest is inherited.
#[derive(Clone, Default)]
pub(super) struct FailSettings {
    pub model: Option<Said<FailMode>>,
    pub context: Option<Said<FailMode>>,
    /// Inner `None` switches it off.
    pub deadline: Option<Said<Option<Duration>>>,
}

impl FailSettings {
    /// Takes over what `site` says.
    pub fn override_with(&mut self, site: &FailSettings) {
        Said::inherit(&mut self.model, &site.model);
        Said::inherit(&mut self.context, &site.context);
        Said::inherit(&mut self.deadline, &site.deadline);
    }

    /// With the defaults for what nobody says.
    pub fn to_fail(&self) -> Fail {
        let default = Fail::default();
        Fail {
            model: Said::or(&self.model, default.model),
            context: Said::or(&self.context, default.context),
            deadline: Said::or(&self.deadline, default.deadline),
        }
    }
}

/// Reads what a site answers.
pub(super) fn read(document: &mut Document<'_>, site: usize, value: &Value<'_>) -> FailSettings {
    let mut fail = FailSettings::default();
    let Some(table) = document.table("fail", value) else { return fail };
    for (key, value) in table {
        let is_off = matches!(value.get_ref(), DeValue::Boolean(false));
        match key.get_ref().as_ref() {
            "model" => fail.model = read_mode(document, "model", value).map(|m| Said::at(m, value, site)),
            "context" => {
                fail.context = read_mode(document, "context", value).map(|m| Said::at(m, value, site));
            }
            "deadline_ms" if is_off => fail.deadline = Some(Said::at(None, value, site)),
            "deadline_ms" => {
                let ms = document.integer("deadline_ms", value, 1..=MAX_DEADLINE_MS);
                fail.deadline = ms.map(|ms| Said::at(Some(Duration::from_millis(ms)), value, site));
            }
            other => document.report_unknown(&key.span(), "key", other, KEYS),
        }
    }
    fail
}

fn read_mode(document: &mut Document<'_>, key: &str, value: &Value<'_>) -> Option<FailMode> {
    let name = document.string(key, value)?;
    let mode = FailMode::from_name(name);
    if mode.is_none() {
        document.report_unknown(&value.span(), "fail mode", name, FailMode::ALL.map(FailMode::name));
    }
    mode
}
