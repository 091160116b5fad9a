//! Random draws that are the same on every machine and with every version of
//! every library: hashes of a count.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// An endless row of random numbers, told apart from others by its seed.
#[derive(Clone, Debug)]
pub struct Draws {
    seed: u64,
    count: u64,
}

impl Draws {
    /// The row of draws number `stream` of a seed. Streams of one seed have
    /// nothing to do with each other.
    pub fn new(seed: u64, stream: u64) -> Draws {
        Draws { seed: xxh3_64_with_seed(&stream.to_le_bytes(), seed), count: 0 }
    }

    /// A number in `0..limit`; 0 when the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.count += 1;
        let draw = xxh3_64_with_seed(&self.count.to_le_bytes(), self.seed);
        // The high half of the product: no division, and no bias that could
        // be seen (Lemire 2019).
        ((u128::from(draw) * limit as u128) >> 64) as usize
    }

    /// True once in `n` draws.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of some things. There must be at least one.
    pub fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_repeat() {
        let mut counts = [0u32; 10];
        let (mut draws, mut again) = (Draws::new(1, 0), Draws::new(1, 0));
        for _ in 0..10_000 {
            let draw = draws.below(10);
            assert_eq!(draw, again.below(10));
            counts[draw] += 1;
        }
        assert!(counts.iter().all(|c| (850..1150).contains(c)), "{counts:?}");
        assert_eq!(draws.below(0), 0);
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| {
            let mut draws = Draws::new(seed, stream);
            (0..8).map(|_| draws.below(1000)).collect::<Vec<_>>()
        };
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
    }
}
