//! The answer for one comment, for people.

use super::checks;
use crate::cli::terminal::{Colours, Style, push_harmless};
use std::fmt::Write;
use thresher::attribute::Attribute;
use thresher::moderator::{Assessment, Explanation, Reading};
use thresher::policy::{Action, DEFAULT_SITE, Reason, Rule, SitePolicy, Span};
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
    let unfamiliar: Vec<&str> = assessment.unfamiliar().map(Attribute::name).collect();
    if !unfamiliar.is_empty() {
        let code = assessment.language_code;
        let _ = writeln!(
            out,
            "\nThe model learned nothing of these in the language `{code}`: {}",
            unfamiliar.join(", ")
        );
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
    let fired = |e: &&Explanation| verdict.reasons.iter().any(|r| r.rule.attribute() == Some(e.attribute));
    let mut explained = assessment.explanations.iter().filter(fired).peekable();
    if explained.peek().is_some() {
        let marks = Marks::new(colours);
        let _ = writeln!(out, "\nWhat weighed most ({})", marks.legend());
        for explanation in explained {
            let _ = writeln!(out, "  {}", sum(explanation));
            out.push_str("    ");
            write_marked(&mut out, text, explanation, &assessment.readings, &marks);
            out.push('\n');
        }
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

/// How pieces of text are set apart.
struct Marks {
    towards: [&'static str; 2],
    away: [&'static str; 2],
    reading: [&'static str; 2],
    /// Whether they are styles rather than signs.
    styled: bool,
}

impl Marks {
    fn new(colours: Colours) -> Self {
        if colours.on() {
            Self {
                towards: ["\x1b[1;7m", "\x1b[0m"],
                away: ["\x1b[4;32m", "\x1b[0m"],
                reading: ["\x1b[2m{", "}\x1b[0m"],
                styled: true,
            }
        } else {
            Self { towards: ["[[", "]]"], away: ["((", "))"], reading: ["{", "}"], styled: false }
        }
    }

    fn legend(&self) -> String {
        let Self { towards: [a, b], away: [c, d], reading: [e, f], .. } = self;
        format!("{a}raises the score{b}, {c}lowers it{d}, {e}what a disguised word was read as{f}")
    }

    /// What a piece of such a weight stands between.
    fn of(&self, weight: f32) -> &[&'static str; 2] {
        if weight > 0.0 { &self.towards } else { &self.away }
    }
}

/// The log-odds of a score as a sum.
fn sum(explanation: &Explanation) -> String {
    let Explanation { attribute, margin, spans, base, surface, thread, elsewhere } = explanation;
    let mut sum = format!("{attribute}: log-odds {margin:+.2} =");
    if !spans.is_empty() {
        let marked: f32 = spans.iter().map(|span| span.weight).sum();
        let _ = write!(sum, " {marked:+.2} marked text,");
    }
    if *attribute == Attribute::OffTopic {
        let _ = write!(sum, " {thread:+.2} likeness to the thread,");
    } else {
        let _ = write!(sum, " {elsewhere:+.2} other text,");
    }
    let _ = write!(sum, " {surface:+.2} counts and links, {base:+.2} to begin with");
    sum
}

/// The text with the spans of an explanation marked, and behind disguised words
/// what they were read as.
fn write_marked(
    out: &mut String,
    text: &str,
    explanation: &Explanation,
    readings: &[Reading],
    marks: &Marks,
) {
    let mut inside: Option<&Span> = None;
    let mut readings = readings.iter().peekable();
    let length = text.chars().count();
    for (at, c) in text.chars().map(Some).chain([None]).enumerate() {
        while let Some(reading) = readings.next_if(|r| (r.end as usize).min(length) <= at) {
            out.push_str(marks.reading[0]);
            reading.read_as.chars().for_each(|c| push_harmless(out, c));
            out.push_str(marks.reading[1]);
            // The end of one style ends all of them.
            if let Some(span) = inside.filter(|_| marks.styled) {
                out.push_str(marks.of(span.weight)[0]);
            }
        }
        let of = |span: &&Span| (span.begin as usize..span.end as usize).contains(&at);
        let now = explanation.spans.iter().find(of).filter(|_| c.is_some());
        if now != inside {
            if let Some(span) = inside {
                out.push_str(marks.of(span.weight)[1]);
            }
            if let Some(span) = now {
                out.push_str(marks.of(span.weight)[0]);
            }
            inside = now;
        }
        match c {
            Some('\n') => out.push_str("\n    "),
            // A line feed follows a carriage return, or it would overwrite the
            // line.
            Some('\r') | None => {}
            Some(c) => push_harmless(out, c),
        }
    }
}

fn explained(why: Unscored) -> &'static str {
    match why {
        Unscored::NotRequested => "not asked for",
        Unscored::NoThread => "no thread to judge it against",
        Unscored::NotTrained => "the model was not trained for it",
        Unscored::UnfamiliarLanguage => "the model does not know the language",
        Unscored::NoModel => "there is no model",
        Unscored::Late => "it was too late",
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
    use thresher::attribute::AttributeSet;
    use thresher::policy::{Policies, Span, Verdict};
    use thresher::score::Scores;

    fn answer(
        text: &str,
        spans: &[(u32, u32, f32)],
        readings: &[(u32, u32, &str)],
        colours: Colours,
    ) -> String {
        let mut scores = Scores::from_fn(|_| Ok(Score::saturating(0.0)));
        scores[Attribute::Spam] = Ok(Score::saturating(0.9));
        scores[Attribute::OffTopic] = Err(Unscored::NoThread);
        let spans: Vec<Span> =
            spans.iter().map(|&(begin, end, weight)| Span { begin, end, weight }).collect();
        let reason = Reason {
            rule: Rule::Threshold(Attribute::Spam, Action::Hold),
            score: Score::new(0.9),
            threshold: Score::new(0.8),
            hits: Vec::new(),
            counts: Vec::new(),
            spans: spans.clone(),
        };
        let explanation = |attribute| Explanation {
            attribute,
            margin: 2.2,
            spans: spans.clone(),
            base: -1.0,
            surface: 0.5,
            thread: 0.0,
            elsewhere: 0.7,
        };
        let readings =
            readings.iter().map(|&(begin, end, read_as)| Reading { begin, end, read_as: read_as.to_owned() });
        let verdict = Verdict { action: Action::Hold, reasons: vec![reason], ..Verdict::default() };
        let assessment = Assessment {
            scores,
            verdict,
            checks: Vec::new(),
            language_code: "en",
            model_scores: scores,
            unfamiliar: AttributeSet::EMPTY,
            // No reason names the second: it is not shown.
            explanations: vec![explanation(Attribute::Spam), explanation(Attribute::Insult)],
            readings: readings.collect(),
        };
        let policies = Policies::embedded().unwrap();
        let policy = policies.site("");
        let assessment = &assessment;
        write(&Readable { text, assessment, policy, model_version: "m@1", site: "", explain: false }, colours)
    }

    #[test]
    fn everything_is_shown_and_aligned() {
        let shown = answer(
            "Buy é now\nor fr33",
            &[(4, 5, 1.5), (13, 17, 1.25), (10, 12, -0.75)],
            &[(13, 17, "free")],
            Colours::OFF,
        );
        let bars = shown.lines().filter(|line| line.contains('░') || line.contains('█'));
        let at = bars.map(|line| line.chars().position(|c| c == '░' || c == '█')).collect::<Vec<_>>();
        assert_eq!(at, [Some(27); 8]);
        assert!(shown.starts_with("HOLD  withhold it for review\n"), "{shown}");
        assert!(shown.contains("  SPAM              0.900  ██████████████████░░  HOLD\n"), "{shown}");
        assert!(shown.contains("  OFF_TOPIC             -  no thread to judge it against\n"), "{shown}");
        assert!(shown.contains("  SPAM score 0.900 reaches the HOLD threshold 0.8\n"), "{shown}");
        let marked = "    Buy [[é]] now\n    ((or)) [[fr33{free}]]\n";
        assert!(shown.contains(marked) && shown.matches("Buy").count() == 1, "{shown}");
        let sum = "  SPAM: log-odds +2.20 = +2.00 marked text, +0.70 other text, +0.50 counts and links, -1.00 to begin with\n";
        assert!(shown.contains(sum), "{shown}");
        assert!(shown.contains("language en, model m@1, site default, policy "), "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }

    #[test]
    fn colours_mark_spans_and_end() {
        let shown = answer("Buy now", &[(4, 9, 1.0), (0, 3, -1.0)], &[(4, 6, "no")], Colours::ON);
        let buy = "\u{1b}[4;32mBuy\u{1b}[0m ";
        let now = "\u{1b}[1;7mno\u{1b}[2m{no}\u{1b}[0m\u{1b}[1;7mw\u{1b}[0m\n";
        assert!(shown.contains(&format!("{buy}{now}")), "{shown:?}");
        assert!(!shown.contains("[["));
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        let shown = answer("a\u{1b}[2Jb\u{202e}c\u{9b}d\re\u{7}", &[(0, 1, 1.0)], &[], Colours::OFF);
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\r', '\u{7}']), "{shown:?}");
        assert!(shown.contains("[[a]]\\u{1b}[2Jb\\u{202e}c"), "{shown}");
    }
}
