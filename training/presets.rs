//! What the thresholds of the shipped presets would have done with the rows
//! that a model was measured on.

use crate::measured::Measured;
use crate::metrics::Scored;
use anyhow::Result;
use std::fmt::Write;
use thresher::attribute::Attribute;
use thresher::policy::{Action, Policies, Preset, Thresholds};

/// One preset's thresholds on the rows that have a label for one attribute.
pub struct PresetFigures {
    preset: Preset,
    attribute: Attribute,
    rows: usize,
    positives: usize,
    /// Rows that the threshold of `HOLD` or of something worse withholds.
    withheld: usize,
    /// The positives among them.
    right: usize,
    /// Rows that are flagged or held, for people to look at.
    reviewed: usize,
}

impl PresetFigures {
    fn new(preset: Preset, attribute: Attribute, thresholds: &Thresholds, rows: &[Scored]) -> PresetFigures {
        let action = |row: &Scored| {
            let reached =
                thresholds.descending().into_iter().find(|(_, t)| t.is_some_and(|t| row.score >= t.get()));
            reached.map_or(Action::Publish, |(action, _)| action)
        };
        let withheld = || rows.iter().filter(|row| action(row) >= Action::Hold);
        PresetFigures {
            preset,
            attribute,
            rows: rows.len(),
            positives: rows.iter().filter(|row| row.positive).count(),
            withheld: withheld().count(),
            right: withheld().filter(|row| row.positive).count(),
            reviewed: rows.iter().filter(|row| matches!(action(row), Action::Flag | Action::Hold)).count(),
        }
    }
}

/// Measures every preset on every attribute but `OFF_TOPIC`, half of whose rows
/// are moved to other threads and a precision among them says nothing.
pub fn measure(measured: &[Measured]) -> Result<Vec<PresetFigures>> {
    let mut figures = Vec::new();
    for of in measured.iter().filter(|of| of.attribute != Attribute::OffTopic) {
        let rows: Vec<Scored> = of.rows().map(|row| row.scored).collect();
        for preset in Preset::ALL {
            let policies = Policies::parse(preset.source(), preset.name())?;
            let thresholds = policies.site("").thresholds(of.attribute);
            figures.push(PresetFigures::new(preset, of.attribute, thresholds, &rows));
        }
    }
    Ok(figures)
}

/// The figures as a section of the model card; nothing without any.
pub fn section(figures: &[PresetFigures]) -> String {
    let mut section = String::new();
    if figures.is_empty() {
        return section;
    }
    section.push_str(ABOUT);
    for of in figures {
        let share = |part: usize, whole: usize| match whole {
            0 => "-".to_owned(),
            _ => format!("{:.3}", part as f64 / whole as f64),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            section,
            "| {} | {} | {} | {} | {} | {:.1} % |",
            of.attribute.name(),
            of.preset.name(),
            of.withheld,
            share(of.right, of.withheld),
            share(of.right, of.positives),
            100.0 * of.reviewed as f64 / of.rows.max(1) as f64
        );
    }
    section
}

const ABOUT: &str = "
### What the presets would have done

The thresholds of the policies inside the binary, attribute by attribute, on the same rows and scores as above, all
sources pooled. *Withheld* are those held or worse, *precision* and *recall* are of these, *to review* goes what is
flagged or held. Rules and trust are left out: the rows say too little about authors.

| attribute | preset | withheld | precision | recall | to review |
|---|---|---:|---:|---:|---:|
";

#[cfg(test)]
mod tests {
    use super::*;
    use thresher::score::Score;

    #[test]
    fn rows_count_by_the_worst_threshold_that_they_reach() {
        let at = |score: f32| Some(Score::saturating(score));
        let thresholds = Thresholds { flag: at(0.5), hold: at(0.8), reject: at(0.9), discard: None };
        let rows = [(0.1, true), (0.5, true), (0.79, false), (0.8, true), (0.85, false), (0.95, true)];
        let rows = rows.map(|(score, positive)| Scored { score, positive });
        let figures = PresetFigures::new(Preset::Strict, Attribute::Spam, &thresholds, &rows);
        let section = section(&[figures]);
        let row = section.lines().last();
        assert_eq!(row, Some("| SPAM | strict | 3 | 0.667 | 0.500 | 66.7 % |"));
    }

    #[test]
    fn thresholds_that_nothing_reaches_have_no_precision() {
        let rows = [Scored { score: 0.2, positive: false }];
        let figures = PresetFigures::new(Preset::Lenient, Attribute::Threat, &Thresholds::default(), &rows);
        assert!(section(&[figures]).ends_with("| THREAT | lenient | 0 | - | - | 0.0 % |\n"));
    }

    #[test]
    fn without_figures_there_is_no_section() {
        assert_eq!(section(&[]), "");
    }
}
