//! Chance from a seed.

use std::time::Duration;

/// A small generator (SplitMix64). Its own, so that a seed that was written down plays the same story for ever.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The chances of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, or 0 if there is none.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits().checked_rem(limit).unwrap_or(0)
    }

    /// True in `percent` of 100 cases.
    pub fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let count = u64::try_from(others.len()).unwrap_or(0);
        let place = usize::try_from(self.below(count + 1)).unwrap_or(0);
        match place.checked_sub(1).and_then(|place| others.get(place)) {
            Some(other) => *other,
            None => first,
        }
    }

    /// Nothing at all, a moment, seconds, or very long: up to `longest`.
    pub fn span(&mut self, longest: Duration) -> Duration {
        let scale = match self.below(8) {
            0..3 => 0,
            3..5 => 20,
            5..7 => 4_000,
            _ => u64::MAX,
        };
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.below(longest.min(scale).saturating_add(1)))
    }
}
