//! The answer for one comment as a line of JSON.

use super::checks::Checks;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::Display;
use thresher::attribute::Attribute;
use thresher::moderator::{Assessment, Explanation, Reading};
use thresher::policy::{Check, Count, ListHit, Reason, Span};
use thresher::score::{Scores, Unscored};

/// The answer; its keys are always in this order.
#[derive(serde::Serialize)]
pub struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    action: &'static str,
    scores: Scored<'a>,
    reasons: Vec<Explained<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow_reasons: Vec<Explained<'a>>,
    #[serde(skip_serializing_if = "Checks::is_empty")]
    rule_checks: Checks<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanations: Option<Vec<Why<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readings: Option<Vec<ReadAs<'a>>>,
    unscored: NotScored<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unfamiliar_language: Vec<&'static str>,
    language_code: &'a str,
    model_version: &'a str,
    policy_version: &'a str,
}

impl<'a> Answer<'a> {
    /// The answer for the comment `id`. With `explain`, each reason lists its
    /// spans, even if there are none.
    pub fn new(
        id: Option<&'a str>,
        assessment: &'a Assessment,
        explain: bool,
        model_version: &'a str,
        policy_version: &'a str,
    ) -> Self {
        let explained = |reasons: &'a [Reason]| {
            reasons.iter().map(|reason| Explained { reason, explain }).collect::<Vec<_>>()
        };
        Self {
            id,
            action: assessment.verdict.action.name(),
            scores: Scored(&assessment.scores),
            reasons: explained(&assessment.verdict.reasons),
            shadow_reasons: explained(&assessment.verdict.shadow_reasons),
            rule_checks: Checks(&[]),
            explanations: explain.then(|| assessment.explanations.iter().map(Why::new).collect()),
            readings: explain.then(|| assessment.readings.iter().map(ReadAs::new).collect()),
            unscored: NotScored(&assessment.scores),
            unfamiliar_language: assessment.unfamiliar().map(Attribute::name).collect(),
            language_code: assessment.language_code,
            model_version,
            policy_version,
        }
    }

    /// With everything that the policy looked at.
    pub fn with_checks(self, checks: &'a [Check]) -> Self {
        Self { rule_checks: Checks(checks), ..self }
    }

    /// Appends the line with its line feed.
    pub fn write(&self, line: &mut Vec<u8>) {
        #[expect(clippy::expect_used, reason = "the message says why it cannot fail")]
        serde_json::to_writer(&mut *line, self).expect("memory can be written to, and every key is a string");
        line.push(b'\n');
    }
}

/// The attributes that have a score, in their order.
struct Scored<'a>(&'a Scores);

impl Serialize for Scored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scored = |(attribute, score): (Attribute, &Result<_, _>)| {
            let score: thresher::score::Score = (*score).ok()?;
            Some((attribute.name(), score.get()))
        };
        serializer.collect_map(self.0.iter().filter_map(scored))
    }
}

/// The attributes that have none, and why.
struct NotScored<'a>(&'a Scores);

impl Serialize for NotScored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unscored = self.0.iter().filter_map(|(attribute, score)| Some((attribute.name(), score.err()?)));
        serializer.collect_map(unscored.map(|(name, why): (_, Unscored)| (name, why.name())))
    }
}

/// A reason, with its spans if they were asked for.
struct Explained<'a> {
    reason: &'a Reason,
    explain: bool,
}

impl Serialize for Explained<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Reason { rule, score, threshold, hits, counts, spans } = self.reason;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rule", &Shown(rule))?;
        if let Some(attribute) = rule.attribute() {
            map.serialize_entry("attribute", attribute.name())?;
        } else {
            map.serialize_entry("action", rule.action().name())?;
        }
        if let Some(score) = score {
            map.serialize_entry("score", &score.get())?;
        }
        if let Some(threshold) = threshold {
            map.serialize_entry("threshold", &threshold.get())?;
        }
        map.serialize_entry("message", &Shown(self.reason))?;
        if !hits.is_empty() {
            map.serialize_entry("list_hits", &Hits(hits))?;
        }
        if !counts.is_empty() {
            map.serialize_entry("counts", &Counts(counts))?;
        }
        if self.explain {
            map.serialize_entry("spans", &Spans(spans))?;
        }
        map.end()
    }
}

/// Why an attribute has its score.
#[derive(serde::Serialize)]
struct Why<'a> {
    attribute: &'static str,
    margin: f32,
    spans: Spans<'a>,
    base: f32,
    surface: f32,
    thread: f32,
    elsewhere: f32,
}

impl<'a> Why<'a> {
    fn new(explanation: &'a Explanation) -> Self {
        let Explanation { attribute, margin, ref spans, base, surface, thread, elsewhere } = *explanation;
        Self { attribute: attribute.name(), margin, spans: Spans(spans), base, surface, thread, elsewhere }
    }
}

/// A word that is written otherwise than it was read.
#[derive(serde::Serialize)]
struct ReadAs<'a> {
    begin: u32,
    end: u32,
    read_as: &'a str,
}

impl<'a> ReadAs<'a> {
    fn new(Reading { begin, end, read_as }: &'a Reading) -> Self {
        Self { begin: *begin, end: *end, read_as }
    }
}

/// Anything by its `Display`.
struct Shown<'a, T>(&'a T);

impl<T: Display> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Entries of lists.
struct Hits<'a>(&'a [ListHit]);

impl Serialize for Hits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Hit<'a> {
            list: &'a str,
            entry: &'a str,
        }
        serializer.collect_seq(self.0.iter().map(|ListHit { list, entry }| Hit { list, entry }))
    }
}

/// What a rule read about earlier comments.
struct Counts<'a>(&'a [Count]);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|Count { field, count }| (field.name(), count)))
    }
}

/// Pieces of the text, in Unicode code points.
struct Spans<'a>(&'a [Span]);

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Piece {
            begin: u32,
            end: u32,
            weight: f32,
        }
        let pieces = self.0.iter().map(|&Span { begin, end, weight }| Piece { begin, end, weight });
        serializer.collect_seq(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresher::attribute::AttributeSet;
    use thresher::policy::{Action, Rule, Verdict};
    use thresher::score::Score;
    use thresher::signals::Field;

    #[test]
    fn the_keys_have_one_order_and_scores_are_whole() {
        let mut scores = Scores::from_fn(|_| Err(Unscored::NotTrained));
        scores[Attribute::Spam] = Ok(Score::saturating(0.931_25));
        scores[Attribute::OffTopic] = Err(Unscored::NoThread);
        let reason = Reason {
            rule: Rule::Threshold(Attribute::Spam, Action::Hold),
            score: Score::new(0.931_25),
            threshold: Score::new(0.8),
            hits: Vec::new(),
            counts: vec![Count { field: Field::RepeatAuthors, count: 3 }],
            spans: vec![Span { begin: 2, end: 5, weight: 0.5 }],
        };
        let missing = Reason {
            rule: Rule::Missing(Attribute::OffTopic, Action::Flag, Unscored::NoThread),
            score: None,
            threshold: None,
            hits: Vec::new(),
            counts: Vec::new(),
            spans: Vec::new(),
        };
        let verdict = Verdict { action: Action::Hold, reasons: vec![reason, missing], ..Verdict::default() };
        let explanation = Explanation {
            attribute: Attribute::Spam,
            margin: 1.0,
            spans: vec![Span { begin: 2, end: 5, weight: 0.5 }],
            base: -0.5,
            surface: 0.25,
            thread: 0.0,
            elsewhere: 0.75,
        };
        let reading = Reading { begin: 2, end: 5, read_as: "free".to_owned() };
        let assessment = Assessment {
            scores,
            verdict,
            checks: Vec::new(),
            language_code: "en",
            model_scores: scores,
            unfamiliar: AttributeSet::EMPTY,
            explanations: vec![explanation],
            readings: vec![reading],
        };

        let mut line = Vec::new();
        Answer::new(Some("a\"1"), &assessment, true, "m@1", "p").write(&mut line);
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with(
            r#"{"id":"a\"1","action":"HOLD","scores":{"SPAM":0.93125},"reasons":[{"rule":"SPAM.HOLD","attribute":"SPAM","score":0.93125,"threshold":0.8,"message":"SPAM score 0.931 reaches the HOLD threshold 0.8","counts":{"repeat.authors":3},"spans":[{"begin":2,"end":5,"weight":0.5}]},{"rule":"OFF_TOPIC.missing","attribute":"OFF_TOPIC","message":""#
        ), "{line}");
        assert!(line.contains(
            r#""explanations":[{"attribute":"SPAM","margin":1.0,"spans":[{"begin":2,"end":5,"weight":0.5}],"base":-0.5,"surface":0.25,"thread":0.0,"elsewhere":0.75}],"readings":[{"begin":2,"end":5,"read_as":"free"}],"#
        ), "{line}");
        assert!(line.ends_with("\"OFF_TOPIC\":\"NO_THREAD\"},\"language_code\":\"en\",\"model_version\":\"m@1\",\"policy_version\":\"p\"}\n"), "{line}");

        let mut line = Vec::new();
        Answer::new(None, &assessment, false, "m@1", "p").write(&mut line);
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with(r#"{"action":"#) && !line.contains("spans"), "{line}");
    }
}
