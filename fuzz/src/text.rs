//! The text path: from what an author wrote to an assessment with its
//! explanations. The first byte chooses the format.

use super::{MODERATOR, POLICIES, choice_and_text, comment, format};
use std::cell::RefCell;
use thresher::attribute::AttributeSet;
use thresher::comment::Thread;
use thresher::moderator::{Ask, Assessment, Explanation, Scratch};
use thresher::text::{Analyzer, Document};

const EXPLAIN: Ask = Ask { attributes: AttributeSet::ALL, explain: true };

thread_local! {
    /// Holds what the inputs before left.
    static USED: RefCell<Scratch> = RefCell::default();
}

pub fn run(data: &[u8]) {
    let Some((choice, text)) = choice_and_text(data) else { return };
    let format = format(choice);
    let mut document = Document::default();
    Analyzer::default().analyze(text, format, &mut document);
    for token in document.tokens() {
        let range = document.original_range(token.source.0, token.source.1);
        assert!(text.get(range.clone()).is_some(), "a token leads to {range:?} of {} bytes", text.len());
        assert!(!document.token_text(token).is_empty());
    }
    let Some(comment) = comment(text, format) else { return };
    let words: Vec<&str> = text.split_whitespace().collect();
    // The comment stands under a thread that has some of its words.
    let body = words.iter().step_by(3).copied().collect::<Vec<_>>().join(" ");
    let recent = [words.first().copied().unwrap_or_default().to_owned()];
    let thread =
        Thread { title: words.last().copied().unwrap_or_default(), body: &body, recent_texts: &recent };
    let assess = |scratch: &mut Scratch| -> Assessment {
        let profile = MODERATOR.profile(&thread, scratch);
        MODERATOR.assess(&comment, profile.as_ref(), POLICIES.site(""), EXPLAIN, scratch).clone()
    };
    let fresh = assess(&mut Scratch::default());
    let again = USED.with_borrow_mut(|scratch| assess(scratch));
    assert_eq!(fresh.scores, again.scores, "scores depend on what was judged before");
    assert_eq!(fresh.verdict, again.verdict);
    assert_eq!(fresh.explanations, again.explanations);
    assert_eq!(fresh.readings, again.readings);
    let length = u32::try_from(text.chars().count()).unwrap();
    let spans = fresh.verdict.reasons.iter().flat_map(|reason| &reason.spans);
    for span in spans.chain(fresh.explanations.iter().flat_map(|explanation| &explanation.spans)) {
        assert!(span.begin <= span.end && span.end <= length, "{span:?} of {length}");
    }
    for reading in &fresh.readings {
        assert!(
            reading.begin <= reading.end && reading.end <= length,
            "{}..{} of {length}",
            reading.begin,
            reading.end
        );
    }
    for (_, score) in fresh.scores.iter() {
        score
            .as_ref()
            .unwrap_or_else(|_| panic!("an attribute without a score, though there are model and thread"));
    }
    fresh.explanations.iter().for_each(adds_up);
}

/// The parts of an explanation add up to its margin.
fn adds_up(explanation: &Explanation) {
    let Explanation { margin, base, surface, thread, elsewhere, .. } = *explanation;
    let parts = || explanation.spans.iter().map(|span| span.weight).chain([base, surface, thread, elsewhere]);
    let (sum, size) = (parts().sum::<f32>(), parts().map(f32::abs).sum::<f32>());
    assert!((sum - margin).abs() <= 1e-4 * (1.0 + size), "{margin} is not {sum}");
}
