//! A table of a fixed size that forgets what was not seen for longest.

use std::sync::{Mutex, MutexGuard};

/// How many shards a table has, so that threads seldom meet at a lock.
const SHARDS: usize = 64;
/// How many entries can stand in a key's place. When all are taken, the one
/// that was not seen for longest makes room.
const WAYS: usize = 8;

/// An entry of a table.
pub(super) trait Slot: Copy + Default {
    /// What it is found by; zero where the place is free.
    fn key(&self) -> u64;
    /// When it was last seen, in ticks.
    fn last(&self) -> u32;
    /// An entry under `key` that has seen nothing.
    fn empty(key: u64, last: u32) -> Self;
}

/// Entries by their key.
pub(super) struct Table<S> {
    shards: Box<[Mutex<Box<[S]>>]>,
}

impl<S: Slot> Table<S> {
    /// A table of about so many bytes, and no more than that.
    pub fn new(bytes: usize) -> Self {
        let entries = bytes / SHARDS / size_of::<S>() / WAYS * WAYS;
        let shard = || Mutex::new(vec![S::default(); entries.max(WAYS)].into_boxed_slice());
        Self { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// Shows the entry of a key to `look`, a new one if there is none. Nothing
    /// is done for the key zero.
    pub fn touch<T: Default>(&self, key: u64, tick: u32, look: impl FnOnce(&mut S) -> T) -> T {
        if key == 0 {
            return T::default();
        }
        let mut shard = self.shard(key);
        let sets = shard.len() / WAYS;
        // The upper bits have chosen the shard.
        let set = (key as u32 as usize) % sets * WAYS;
        let places = &mut shard[set..set + WAYS];
        let place = match places.iter().position(|slot| slot.key() == key) {
            Some(place) => place,
            None => {
                let oldest = |place: &usize| (places[*place].key() != 0, places[*place].last());
                let place = (0..WAYS).min_by_key(oldest).unwrap_or_default();
                places[place] = S::empty(key, tick);
                place
            }
        };
        look(&mut places[place])
    }

    /// Shows a copy of what [`touch`](Self::touch) would show; the table stays as
    /// it is.
    pub fn peek<T: Default>(&self, key: u64, tick: u32, look: impl FnOnce(&mut S) -> T) -> T {
        if key == 0 {
            return T::default();
        }
        let shard = self.shard(key);
        let set = (key as u32 as usize) % (shard.len() / WAYS) * WAYS;
        let found = shard[set..set + WAYS].iter().find(|slot| slot.key() == key).copied();
        drop(shard);
        look(&mut found.unwrap_or_else(|| S::empty(key, tick)))
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Box<[S]>> {
        let shard = (key >> 58) as usize % SHARDS;
        // An entry is whole whenever `look` panics or not: all are plain
        // numbers, of which any is sound.
        self.shards[shard].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Clone, Copy, Default)]
    struct Note {
        key: u64,
        last: u32,
        count: u32,
    }

    impl Slot for Note {
        fn key(&self) -> u64 {
            self.key
        }

        fn last(&self) -> u32 {
            self.last
        }

        fn empty(key: u64, last: u32) -> Self {
            Self { key, last, count: 0 }
        }
    }

    fn count(table: &Table<Note>, key: u64, tick: u32) -> u32 {
        table.touch(key, tick, |note| {
            note.last = tick;
            note.count += 1;
            note.count
        })
    }

    #[test]
    fn what_was_not_seen_for_longest_makes_room() {
        // Of one set in each shard: all of these keys meet there.
        let table = Table::new(0);
        for key in 1..=WAYS as u64 {
            assert_eq!(count(&table, key, key as u32), 1);
        }
        assert_eq!(count(&table, 1, 100), 2);
        assert_eq!(count(&table, 99, 101), 1);
        assert_eq!(count(&table, 1, 102), 3);
        // The second had to go, and the third goes for it now.
        assert_eq!(count(&table, 2, 103), 1);
        assert_eq!(count(&table, 4, 104), 2);
        assert_eq!(count(&table, 0, 105), 0);
    }

    #[test]
    fn a_table_keeps_within_its_bytes() {
        let bytes = 1 << 20;
        let table = Table::<Note>::new(bytes);
        let held: usize = table.shards.iter().map(|shard| size_of_val(&**shard.lock().unwrap())).sum();
        assert!(held <= bytes && held > bytes * 9 / 10, "{held}");
    }

    #[test]
    fn no_count_is_lost_between_threads() {
        let table = Table::new(1 << 20);
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        most.fetch_max(count(&table, 7, 1), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 4_000);
    }
}
