//! The answer for one comment, for people.

use super::checks;
use crate::cli::terminal::{Colours, Style, push_harmless};
use std::fmt::Write;
use thresher::attribute::Attribute;
use thresher::moderator::Assessment;
use thresher::policy::{Action, DEFAULT_SITE, Reason, Rule, SitePolicy};
use thresher::score::{Score, Unscored};

/// How long the bar of the score 1 is, in characters.
const BAR: usize = 20;

/// What there is to show.
pub struct Readable<'a> {
    pub text: &'a str,
    pub assessment: &'a Assessment,
    pub policy: &'a SitePolicy,
    pub model_version: &'a str,
    pub site: &'a str,
    /// Whether everything that the policy looked at is shown.
    pub explain: bool,
}

/// Writes the action, a bar for each score, the reasons and the text with what
/// weighed most.
pub fn write(answer: &Readable<'_>, colours: Colours) -> String {
    let Readable { text, assessment, policy, model_version, site, explain } = answer;
    let verdict = &assessment.verdict;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let action = colours.paint(style(verdict.action), verdict.action.name());
    let _ = writeln!(out, "{action}  {}\n", meaning(verdict.action));
    for (attribute, score) in assessment.scores.iter() {
        let reached = verdict.reasons.iter().find(|reason| reason.rule.attribute() == Some(attribute));
        write_score(&mut out, attribute, *score, reached, colours);
    }
    if !verdict.reasons.is_empty() {
        out.push_str("\nReasons\n");
    }
    for reason in &verdict.reasons {
        let _ = match reason.rule {
            Rule::Named(_) => writeln!(out, "  {} {}: {reason}", reason.rule.action(), reason.rule),
            _ => writeln!(out, "  {reason}"),
        };
    }
    if !verdict.shadow_reasons.is_empty() {
        out.push_str("\nIn shadow mode\n");
    }
    for reason in &verdict.shadow_reasons {
        let _ = writeln!(out, "  {} {}: {reason}", reason.rule.action(), reason.rule);
    }
    if verdict.reasons.iter().any(|reason| !reason.spans.is_empty()) {
        out.push_str("\nWhat weighed most\n  ");
        write_marked(&mut out, text, &verdict.reasons, colours);
        out.push('\n');
    }
    if *explain {
        out.push_str("\nWhat the policy looked at\n");
        checks::write(&mut out, &assessment.checks, colours);
    }
    let site = if site.is_empty() { DEFAULT_SITE } else { site };
    let footer = format!(
        "language {}, model {model_version}, site {}, policy {}",
        assessment.language_code,
        site.escape_debug(),
        policy.version()
    );
    let _ = writeln!(out, "\n{}", colours.paint(Style::Faint, &footer));
    out
}

fn write_score(
    out: &mut String,
    attribute: Attribute,
    score: Result<Score, Unscored>,
    reached: Option<&Reason>,
    colours: Colours,
) {
    let action = reached.map(|reason| reason.rule.action());
    let painted = |text: &str| action.map_or(text.to_owned(), |action| colours.paint(style(action), text));
    let _ = write!(out, "  {attribute:<18}");
    match score {
        Ok(score) => {
            let filled = (score.get() * BAR as f32).round() as usize;
            let bar = painted(&"█".repeat(filled));
            let rest = colours.paint(Style::Faint, &"░".repeat(BAR - filled));
            let _ = write!(out, "{:.3}  {bar}{rest}", score.get());
        }
        Err(why) => {
            let _ = write!(out, "    -  {:<BAR$}", explained(why));
        }
    }
    if let Some(action) = action {
        let _ = write!(out, "  {}", painted(action.name()));
    }
    out.push('\n');
}

/// The text with the spans of all reasons marked.
fn write_marked(out: &mut String, text: &str, reasons: &[Reason], colours: Colours) {
    let spans = || reasons.iter().flat_map(|reason| &reason.spans);
    let marked = |at: usize| spans().any(|span| (span.begin as usize..span.end as usize).contains(&at));
    let (open, close) = if colours.on() { ("\x1b[1;7m", "\x1b[0m") } else { ("[[", "]]") };
    let mut inside = false;
    for (at, c) in text.chars().enumerate() {
        if marked(at) != inside {
            inside = !inside;
            out.push_str(if inside { open } else { close });
        }
        match c {
            '\n' => out.push_str("\n  "),
            // A line feed follows it, or it would overwrite the line.
            '\r' => {}
            c => push_harmless(out, c),
        }
    }
    if inside {
        out.push_str(close);
    }
}

fn explained(why: Unscored) -> &'static str {
    match why {
        Unscored::NotRequested => "not asked for",
        Unscored::NoThread => "no thread to judge it against",
        Unscored::NotTrained => "the model was not trained for it",
    }
}

fn meaning(action: Action) -> &'static str {
    match action {
        Action::Publish => "show it",
        Action::Flag => "show it, and queue it for review",
        Action::Hold => "withhold it for review",
        Action::Reject => "refuse it",
        Action::Discard => "drop it unseen",
    }
}

fn style(action: Action) -> Style {
    match action {
        Action::Publish => Style::Good,
        Action::Flag | Action::Hold => Style::Doubtful,
        Action::Reject | Action::Discard => Style::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresher::policy::{Policies, Span, Verdict};
    use thresher::score::Scores;

    fn answer(text: &str, spans: &[(u32, u32)], colours: Colours) -> String {
        let mut scores = Scores::from_fn(|_| Ok(Score::saturating(0.0)));
        scores[Attribute::Spam] = Ok(Score::saturating(0.9));
        scores[Attribute::OffTopic] = Err(Unscored::NoThread);
        let reason = Reason {
            rule: Rule::Threshold(Attribute::Spam, Action::Hold),
            score: Score::new(0.9),
            threshold: Score::new(0.8),
            hits: Vec::new(),
            spans: spans.iter().map(|&(begin, end)| Span { begin, end, weight: 1.0 }).collect(),
        };
        let verdict = Verdict { action: Action::Hold, reasons: vec![reason], ..Verdict::default() };
        let assessment = Assessment { scores, verdict, checks: Vec::new(), language_code: "en" };
        let policies = Policies::embedded().unwrap();
        let policy = policies.site("");
        let assessment = &assessment;
        write(&Readable { text, assessment, policy, model_version: "m@1", site: "", explain: false }, colours)
    }

    #[test]
    fn everything_is_shown_and_aligned() {
        let shown = answer("Buy é now\nor never", &[(4, 5), (10, 12)], Colours::OFF);
        let bars = shown.lines().filter(|line| line.contains('░') || line.contains('█'));
        let at = bars.map(|line| line.chars().position(|c| c == '░' || c == '█')).collect::<Vec<_>>();
        assert_eq!(at, [Some(27); 8]);
        assert!(shown.starts_with("HOLD  withhold it for review\n"), "{shown}");
        assert!(shown.contains("  SPAM              0.900  ██████████████████░░  HOLD\n"), "{shown}");
        assert!(shown.contains("  OFF_TOPIC             -  no thread to judge it against\n"), "{shown}");
        assert!(shown.contains("  SPAM score 0.900 reaches the HOLD threshold 0.8\n"), "{shown}");
        assert!(shown.contains("  Buy [[é]] now\n  [[or]] never\n"), "{shown}");
        assert!(shown.contains("language en, model m@1, site default, policy "), "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }

    #[test]
    fn colours_mark_spans_and_end() {
        let shown = answer("Buy now", &[(4, 9), (5, 6)], Colours::ON);
        assert!(shown.contains("Buy \u{1b}[1;7mnow\u{1b}[0m\n"), "{shown:?}");
        assert!(!shown.contains("[["));
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        let shown = answer("a\u{1b}[2Jb\u{202e}c\u{9b}d\re\u{7}", &[(0, 1)], Colours::OFF);
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\r', '\u{7}']), "{shown:?}");
        assert!(shown.contains("[[a]]\\u{1b}[2Jb\\u{202e}c"), "{shown}");
    }
}
