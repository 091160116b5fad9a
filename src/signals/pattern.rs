//! Regular expressions within bounds, for lists and for conditions.
//!
//! A text is matched in one pass, in which everything that a pattern may be in
//! the middle of is followed at once (Thompson, *Regular Expression Search
//! Algorithm*, 1968). How long a character takes at worst goes by how many
//! states of the automaton that can be, so that this is what is bounded; a bound
//! on sizes alone lets a text of 10,000 characters take minutes.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_automata::nfa::thompson::{Compiler, Config, NFA, State, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;

/// The most patterns of all lists together, and of all conditions together.
pub(crate) const MAX_PATTERNS: usize = 1_000;
/// The largest pattern once it is compiled, in bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// The largest automaton of all of a kind, in bytes. The bound on states is
/// reached long before.
const TOGETHER_BYTES: usize = 16 << 20;
/// The most states that one may be in at once, and all together.
const PATTERN_STATES: usize = 1_000;
const TOGETHER_STATES: usize = 4_000;
/// What an automaton may grow to while it matches, for each thread. When there
/// is not room enough, matching goes on without, and slower.
const CACHE_BYTES: usize = 2 << 20;
/// The library makes several automata of a pattern, which differ a little in
/// size.
const LEEWAY: usize = 4;

/// What is left of the bounds.
#[derive(Debug)]
pub(crate) struct Budget {
    patterns: usize,
    /// In how many states all may be behind each byte.
    states: [usize; 256],
}

impl Default for Budget {
    fn default() -> Self {
        Self { patterns: 0, states: [0; 256] }
    }
}

impl Budget {
    /// Compiles a pattern; without `cased`, upper and lower case are alike.
    ///
    /// # Errors
    /// What is wrong with it, on one line, and which limit it is over.
    pub fn compile(&mut self, pattern: &str, cased: bool) -> Result<Regex, String> {
        if self.patterns >= MAX_PATTERNS {
            return Err(format!("over the limit of {MAX_PATTERNS} patterns together"));
        }
        let automaton = Compiler::new()
            .syntax(syntax::Config::new().case_insensitive(!cased))
            .configure(Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(PATTERN_BYTES)))
            .build(pattern);
        let automaton = match automaton {
            Ok(automaton) => Some(automaton),
            Err(error) if error.size_limit().is_some() => return Err(too_large(PATTERN_BYTES)),
            // What is wrong is told better by what comes next.
            Err(_) => None,
        };
        let mut builder = RegexBuilder::new(pattern);
        builder.case_insensitive(!cased).size_limit(LEEWAY * PATTERN_BYTES).dfa_size_limit(CACHE_BYTES);
        let regex = builder.build().map_err(|error| told(&error))?;
        if let Some(automaton) = automaton {
            self.charge(&automaton)?;
        }
        Ok(regex)
    }

    /// Takes a pattern's share of the bounds.
    fn charge(&mut self, automaton: &NFA) -> Result<(), String> {
        let own = states_at_once(automaton);
        let most = own.iter().max().copied().unwrap_or_default();
        if most > PATTERN_STATES {
            return Err(format!(
                "a pattern can be in {most} states at once, over the limit of {PATTERN_STATES}; let it repeat less"
            ));
        }
        let mut all = self.states;
        all.iter_mut().zip(own).for_each(|(all, own)| *all += own);
        if all.iter().any(|all| *all > TOGETHER_STATES) {
            return Err(format!("patterns can be in more than {TOGETHER_STATES} states at once together"));
        }
        (self.states, self.patterns) = (all, self.patterns + 1);
        Ok(())
    }
}

/// In how many states an automaton can be at once behind each byte, whatever came
/// before it: those that the byte leads to from any state, the first ones, and
/// all that are reached from these without another byte.
fn states_at_once(automaton: &NFA) -> [usize; 256] {
    let classes = automaton.byte_classes();
    let mut of_class = [None; 256];
    let (mut seen, mut open) = (Vec::new(), Vec::new());
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        *of_class[usize::from(classes.get(byte))].get_or_insert_with(|| {
            open.clear();
            open.push(automaton.start_anchored());
            open.extend(automaton.states().iter().filter_map(|state| after(state, byte)));
            reached(automaton, &mut open, &mut seen)
        })
    })
}

/// Where a byte leads from a state.
fn after(state: &State, byte: u8) -> Option<StateID> {
    match state {
        State::ByteRange { trans } => trans.matches_byte(byte).then_some(trans.next),
        State::Sparse(transitions) => transitions.matches_byte(byte),
        State::Dense(transitions) => transitions.matches_byte(byte),
        _ => None,
    }
}

/// How many states are reached from those that are open, without a byte.
fn reached(automaton: &NFA, open: &mut Vec<StateID>, seen: &mut Vec<bool>) -> usize {
    seen.clear();
    seen.resize(automaton.states().len(), false);
    let mut count = 0;
    while let Some(state) = open.pop() {
        if std::mem::replace(&mut seen[state.as_usize()], true) {
            continue;
        }
        count += 1;
        match automaton.state(state) {
            State::Look { next, .. } | State::Capture { next, .. } => open.push(*next),
            State::Union { alternates } => open.extend(&alternates[..]),
            State::BinaryUnion { alt1, alt2 } => open.extend([*alt1, *alt2]),
            _ => {}
        }
    }
    count
}

/// All patterns in one automaton, upper and lower case alike; each was compiled
/// within one budget.
///
/// # Errors
/// What the library says.
pub(crate) fn set(patterns: &[String]) -> Result<RegexSet, String> {
    let mut builder = RegexSetBuilder::new(patterns);
    builder.case_insensitive(true).size_limit(TOGETHER_BYTES).dfa_size_limit(CACHE_BYTES);
    builder.build().map_err(|error| told(&error))
}

fn too_large(limit: usize) -> String {
    format!("a pattern takes more than {limit} bytes once it is compiled")
}

/// What is wrong with a pattern, on one line.
fn told(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => too_large(*limit),
        error => {
            let told = error.to_string();
            let cause = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("not a regular expression: {cause}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn automaton(pattern: &str) -> NFA {
        let config = Config::new().which_captures(WhichCaptures::None);
        Compiler::new().configure(config).build(pattern).unwrap()
    }

    fn most(pattern: &str) -> usize {
        states_at_once(&automaton(pattern)).into_iter().max().unwrap()
    }

    #[test]
    fn words_count_little_and_repetitions_by_their_number() {
        assert!(most("casino") <= 6, "{}", most("casino"));
        assert!(most(r"\bfree\b") <= 10, "{}", most(r"\bfree\b"));
        assert!(most(r"\w+") <= 20, "{}", most(r"\w+"));
        let of = |times: usize| most(&format!("(?:a?){{{times}}}b"));
        assert_eq!(of(300) - of(200), of(200) - of(100));
        assert!(of(300) >= 600);
    }

    proptest! {
        /// In no more states than are counted, whatever the text: those that are
        /// followed from each place of it.
        #[test]
        fn no_text_leads_to_more_states(
            pieces in prop::collection::vec((0..6usize, 0..6usize), 1..5), text in "[ab\u{e9} ]{0,12}",
        ) {
            let pattern: String = pieces
                .into_iter()
                .map(|(what, how)| {
                    let what = ["a", "b", ".", "[a\u{e9}]", r"\b", "(?:ab|b)"][what];
                    format!("(?:{what}){}", ["", "?", "*", "{1,3}", "+?", "{0,4}"][how])
                })
                .collect();
            let automaton = automaton(&pattern);
            let counted = states_at_once(&automaton);
            let (mut active, mut seen) = (vec![automaton.start_anchored()], Vec::new());
            for byte in text.bytes() {
                reached(&automaton, &mut active, &mut seen);
                let all = automaton.states().iter().zip(&seen).filter(|(_, seen)| **seen);
                active = all.filter_map(|(state, _)| after(state, byte)).collect();
                active.push(automaton.start_anchored());
                let count = reached(&automaton, &mut active.clone(), &mut seen);
                prop_assert!(count <= counted[usize::from(byte)], "{}: {}", pattern, count);
            }
        }
    }
}
