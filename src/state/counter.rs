//! How often something was seen in the last day, and by how many people.

use super::ring::{DAY_STEP, Ring, STEPS};
use super::table::Slot;

/// How many people are told apart.
const PEOPLE: usize = 8;

/// What is remembered of one text, one family of texts or one mark.
#[derive(Clone, Copy, Default)]
pub(super) struct Counter {
    key: u64,
    last: u32,
    ring: Ring,
    /// Some bits of each person, of which zero is nobody.
    people: [u16; PEOPLE],
    /// The step, modulo 256, at which each was last there.
    steps: [u8; PEOPLE],
}

/// What a counter says before it counts once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// How often.
    pub count: u32,
    /// By how many people other than the one who is asking, at most eight.
    pub others: u32,
}

impl Slot for Counter {
    fn key(&self) -> u64 {
        self.key
    }

    fn last(&self) -> u32 {
        self.last
    }

    fn empty(key: u64, last: u32) -> Self {
        Self { key, last, ..Self::default() }
    }
}

/// Some bits of a person, by which they are told apart; zero for nobody.
pub(super) fn person(person: u64) -> u16 {
    if person == 0 { 0 } else { (person >> 48).max(1) as u16 }
}

impl Counter {
    /// Says what was seen in the day up to `tick`, and with `record` counts
    /// what `person`, zero for nobody, did.
    pub fn see(&mut self, tick: u32, person: u64, record: bool) -> Seen {
        let tick = tick.max(self.last);
        let (last, step) = (self.last / DAY_STEP, tick / DAY_STEP);
        self.ring.advance(last, step);
        for (person, at) in self.people.iter_mut().zip(self.steps) {
            // How long ago, if that is less than a day; steps that are told
            // apart by one byte are, since no day passes unseen.
            let is_past = step - last >= STEPS || u32::from((step as u8).wrapping_sub(at)) >= STEPS;
            if is_past {
                *person = 0;
            }
        }
        self.last = tick;
        let person = self::person(person);
        let others = self.people.iter().filter(|other| **other != 0 && **other != person).count();
        let seen = Seen { count: self.ring.sum(), others: others as u32 };
        if record {
            self.ring.add(step);
            if person != 0 {
                self.note(person, step as u8);
            }
        }
        seen
    }

    /// Notes that a person was there; where all places are taken, instead of
    /// whoever was there first.
    fn note(&mut self, person: u16, step: u8) {
        let age = |at: u8| step.wrapping_sub(at);
        let place = (0..PEOPLE)
            .find(|i| self.people[*i] == person)
            .or_else(|| (0..PEOPLE).find(|i| self.people[*i] == 0))
            .or_else(|| (0..PEOPLE).max_by_key(|i| age(self.steps[*i])));
        if let Some(place) = place {
            self.people[place] = person;
            self.steps[place] = step;
        }
    }
}
