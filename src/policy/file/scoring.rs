//! How a site of a policy file takes scores.

use super::super::scoring::{Calibration, Scoring, UnfamiliarLanguage};
use super::Said;
use crate::attribute::{Attribute, PerAttribute};
use crate::config::document::{Document, Value};
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// What a site says of it; the rest is inherited.
#[derive(Clone, Default)]
pub(super) struct ScoringSettings {
    /// Whole: a site that says one number of an attribute inherits none.
    pub calibration: PerAttribute<Option<Said<Calibration>>>,
    pub unfamiliar_language: Option<Said<UnfamiliarLanguage>>,
}

impl ScoringSettings {
    pub(super) fn override_with(&mut self, site: &ScoringSettings) {
        for attribute in Attribute::ALL {
            Said::inherit(&mut self.calibration[attribute], &site.calibration[attribute]);
        }
        Said::inherit(&mut self.unfamiliar_language, &site.unfamiliar_language);
    }

    /// With the defaults for what nobody says.
    pub(super) fn to_scoring(&self) -> Scoring {
        Scoring {
            calibration: PerAttribute::from_fn(|a| Said::or(&self.calibration[a], Calibration::default())),
            unfamiliar_language: Said::or(&self.unfamiliar_language, UnfamiliarLanguage::default()),
        }
    }

    /// Reads `unfamiliar_language`.
    pub(super) fn read_unfamiliar(&mut self, document: &mut Document<'_>, site: usize, value: &Value<'_>) {
        let Some(name) = document.string("unfamiliar_language", value) else { return };
        let named = UnfamiliarLanguage::NAMED.iter().find(|(known, _)| *known == name);
        self.unfamiliar_language = named.map(|(_, unfamiliar)| Said::at(*unfamiliar, value, site));
        if named.is_none() {
            let known = UnfamiliarLanguage::NAMED.map(|(name, _)| name);
            document.report_unknown(&value.span(), "value", name, known);
        }
    }

    /// Reads the table `calibration`.
    pub(super) fn read_calibration(&mut self, document: &mut Document<'_>, site: usize, value: &Value<'_>) {
        let Some(table) = document.table("calibration", value) else { return };
        for (key, value) in table {
            let Some(attribute) = Attribute::from_name(key.get_ref()) else {
                let known = Attribute::ALL.map(Attribute::name);
                document.report_unknown(&key.span(), "attribute", key.get_ref(), known);
                continue;
            };
            let said = value;
            let Some(table) = document.table(key.get_ref(), value) else { continue };
            let mut calibration = Calibration::default();
            for (key, value) in table {
                match key.get_ref().as_ref() {
                    "shift" => {
                        let shift = number(document, "shift", value, Calibration::SHIFTS);
                        calibration.shift = shift.unwrap_or(calibration.shift);
                    }
                    "scale" => {
                        let scale = number(document, "scale", value, Calibration::SCALES);
                        calibration.scale = scale.unwrap_or(calibration.scale);
                    }
                    other => document.report_unknown(&key.span(), "key", other, ["shift", "scale"]),
                }
            }
            self.calibration[attribute] = Some(Said::at(calibration, said, site));
        }
    }
}

fn number(
    document: &mut Document<'_>,
    key: &str,
    value: &Value<'_>,
    range: RangeInclusive<f32>,
) -> Option<f32> {
    let number: f32 = match value.get_ref() {
        DeValue::Float(float) => float.as_str().parse().unwrap_or(f32::NAN),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().unwrap_or(f32::NAN),
        _ => return document.wrong_type(key, value, "a number"),
    };
    let is_sound = range.contains(&number);
    if !is_sound {
        let (low, high) = (range.start(), range.end());
        document.report(&value.span(), format!("`{key}` is {number}, outside {low}..={high}"));
    }
    is_sound.then_some(number)
}
