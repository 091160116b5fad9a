use super::*;
use crate::comment::Time;
use crate::signals::past::Rate;

fn state() -> State {
    State::new(HashKey::new([1; 16]), 4 << 20)
}

/// A comment with a text of that number by an author of that number, so many
/// seconds after a day in 2025.
fn traces(text: u64, author: u64, seconds: i64) -> Traces {
    let key = HashKey::new([2; 16]);
    let number =
        |kind: u8, number: u64| if number == 0 { 0 } else { key.hash(kind, [&number.to_le_bytes()[..]]) };
    Traces {
        time: Time::from_unix_seconds(1_750_000_000 + seconds),
        text: number(1, text),
        author: number(2, author),
        ..Traces::default()
    }
}

fn repeats(past: Past) -> Repeats {
    past.repeats.unwrap()
}

#[test]
fn copies_are_counted_by_author_network_and_people() {
    let state = state();
    assert_eq!(repeats(state.observe(&traces(1, 1, 0))), Repeats::default());
    let second = Traces { network: 77, ..traces(1, 2, 60) };
    assert_eq!(
        repeats(state.observe(&second)),
        Repeats { exact: 1, near: 1, authors: 1, ..Repeats::default() }
    );
    let third = Traces { network: 77, ..traces(1, 2, 120) };
    let expected =
        Repeats { exact: 2, near: 2, by_author: 1, by_network: 1, authors: 1, ..Repeats::default() };
    assert_eq!(repeats(state.observe(&third)), expected);
    assert_eq!(repeats(state.observe(&traces(2, 2, 180))), Repeats::default());
    // A text that is too short is nothing.
    state.observe(&traces(0, 3, 180));
    assert_eq!(repeats(state.observe(&traces(0, 3, 180))), Repeats::default());
}

#[test]
fn a_look_says_the_same_and_leaves_nothing() {
    let state = state();
    let bands = |of: u64| std::array::from_fn(|i| of + i as u64 + 1_000);
    let comment = |author, seconds| Traces { bands: bands(0), address: 5, ..traces(1, author, seconds) };
    for i in 0..4 {
        let next = comment(1 + i % 2, 60 * i as i64);
        let looked = [state.look(&next), state.look(&next)];
        let later = Traces { time: None, ..traces(9, 3, 0) };
        state.look(&Traces { time: Time::from_unix_seconds(1_900_000_000), ..later });
        assert_eq!(looked, [state.observe(&next); 2], "{i}");
        assert_eq!(repeats(looked[0]).exact, i as u32);
    }
}

#[test]
fn near_copies_meet_in_a_family() {
    let state = state();
    let bands = |of: [u64; 8]| of.map(|band| band + 1_000);
    let first = Traces { bands: bands([1, 2, 3, 4, 5, 6, 7, 8]), ..traces(1, 1, 0) };
    let near = Traces { bands: bands([1, 2, 3, 4, 95, 96, 97, 98]), ..traces(2, 2, 1) };
    let far = Traces { bands: bands([1, 2, 3, 84, 85, 86, 87, 88]), ..traces(3, 3, 2) };
    let near_the_near = Traces { bands: bands([71, 72, 73, 74, 95, 96, 97, 98]), ..traces(4, 4, 3) };
    state.observe(&first);
    let found = repeats(state.observe(&near));
    assert_eq!((found.exact, found.near, found.authors), (0, 1, 1));
    assert_eq!(repeats(state.observe(&far)).near, 0);
    assert_eq!(repeats(state.observe(&near_the_near)).near, 2);
}

#[test]
fn what_is_older_than_a_day_is_forgotten() {
    let state = state();
    let hour = 3_600;
    for author in 1..=3 {
        state.observe(&traces(1, author, author as i64 * hour));
    }
    let found = repeats(state.observe(&traces(1, 9, 19 * hour)));
    assert_eq!((found.exact, found.authors), (3, 3));
    // The first three are out of the window now, the one after them is not.
    let found = repeats(state.observe(&traces(1, 10, 30 * hour)));
    assert_eq!((found.exact, found.authors), (1, 1));
    assert_eq!(repeats(state.observe(&traces(1, 11, 90 * hour))), Repeats::default());
    // What comes late counts as of now.
    assert_eq!(repeats(state.observe(&traces(1, 12, 0))).exact, 1);
}

#[test]
fn at_most_eight_people_are_told_apart() {
    let state = state();
    for author in 1..=20 {
        let found = repeats(state.observe(&traces(1, author, author as i64)));
        assert_eq!((found.exact, found.authors), (author as u32 - 1, (author as u32 - 1).min(8)));
    }
}

#[test]
fn a_staged_conversation_is_seen() {
    let state = state();
    let says = |text, author, contact, name| {
        let marks = |mark| [mark, 0, 0, 0];
        let traces = Traces { contacts: marks(contact), names: marks(name), ..traces(text, author, 0) };
        let found = repeats(state.observe(&traces));
        (found.near, found.contact_authors, found.name_authors)
    };
    assert_eq!(says(1, 1, 500, 0), (0, 0, 0));
    assert_eq!(says(2, 2, 0, 600), (0, 0, 0));
    assert_eq!(says(3, 3, 500, 600), (0, 1, 1));
    // Whoever repeats what they said themselves is no crowd.
    assert_eq!(says(4, 3, 500, 600), (0, 1, 1));
    assert_eq!(says(5, 4, 500, 600), (0, 2, 2));
}

#[test]
fn rates_are_counted_over_three_windows() {
    let state = state();
    let rate = |author, seconds| state.observe(&traces(0, author, seconds)).author;
    let of = |minute, hour, day, is_known| Some(Rate { minute, hour, day, is_known });
    assert_eq!(rate(1, 0), of(0, 0, 0, false));
    assert_eq!(rate(1, 20), of(1, 1, 1, true));
    assert_eq!(rate(1, 40), of(2, 2, 2, true));
    assert_eq!(rate(1, 600), of(0, 3, 3, true));
    assert_eq!(rate(1, 5 * 3_600), of(0, 0, 4, true));
    assert_eq!(rate(1, 400 * 3_600), of(0, 0, 0, true));
    assert_eq!(rate(2, 400 * 3_600), of(0, 0, 0, false));
    assert_eq!(rate(0, 400 * 3_600), None);
    // Without a time nothing is known of a rate, and nothing is counted.
    let timeless = Traces { time: None, ..traces(7, 2, 0) };
    assert_eq!((state.observe(&timeless).author, repeats(state.observe(&timeless)).exact), (None, 1));
    assert_eq!(rate(2, 400 * 3_600), of(1, 1, 1, true));
}

#[test]
fn the_same_comment_again_is_no_copy_of_itself() {
    let state = state();
    let sent = Traces { comment: 42, ..traces(1, 1, 0) };
    let first = state.observe(&sent);
    // Neither is it before itself.
    assert_eq!(state.observe(&sent), first);
    assert_eq!(state.look(&sent), first);
    let edited = state.observe(&Traces { edited: true, comment: 42, ..traces(2, 1, 1) });
    assert_eq!(repeats(edited), Repeats::default());
    // It comes after the version before, and is the first comment as that was.
    let after = Rate { minute: 1, hour: 1, day: 1, is_known: false };
    assert_eq!(edited.author, Some(after));
    let second = state.observe(&Traces { comment: 43, ..traces(3, 1, 2) });
    assert_eq!(second.author, Some(Rate { is_known: true, ..after }));
    let again = state.observe(&Traces { comment: 43, ..traces(3, 1, 2) });
    assert_eq!(again.author, Some(Rate { is_known: true, ..after }));
    let other = state.observe(&traces(2, 2, 2));
    assert_eq!((repeats(other).exact, other.author.map(|rate| rate.day)), (1, Some(0)));
    // Who sends no ids sends no comment twice.
    assert_eq!(state.observe(&traces(2, 2, 2)).author, Some(Rate { is_known: true, ..after }));
}

#[test]
fn a_full_state_forgets_and_goes_on() {
    let state = State::new(HashKey::new([1; 16]), 0);
    for i in 1..100_000 {
        let past = state.observe(&traces(i, i, i as i64));
        assert_eq!(repeats(past).exact, 0);
    }
    state.observe(&traces(7_000_000, 1, 100_000));
    assert_eq!(repeats(state.observe(&traces(7_000_000, 2, 100_001))).exact, 1);
    assert!(!format!("{state:?}").contains("key"));
}
