//! All chance in a run, from one seed.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A stream of random numbers for one purpose. Streams of one seed know nothing of each other, so that one more draw for
/// one purpose shifts nothing for another.
///
/// SplitMix64, written out here: a seed in `seeds.txt` must mean the same after every update of a crate.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream of `seed` for the `index`-th thing of some purpose.
    pub fn of(seed: u64, purpose: &str, index: usize) -> Chance {
        let mut state = Chance(seed);
        for byte in purpose.bytes() {
            state = Chance(state.draw() ^ u64::from(byte));
        }
        Chance(state.draw() ^ index as u64)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        let (low, high) = (*range.start() as u64, *range.end() as u64);
        let count = u128::from(high - low + 1);
        (low + ((u128::from(self.draw()) * count) >> 64) as u64) as usize
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        // 53 bits are all that a f64 tells apart.
        ((self.draw() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    pub fn up_to(&mut self, longest: Duration) -> Duration {
        let microseconds = longest.as_micros() as usize;
        Duration::from_micros(self.within(0..=microseconds) as u64)
    }

    /// From half of `mean` to one and a half.
    pub fn about(&mut self, mean: Duration) -> Duration {
        mean / 2 + self.up_to(mean)
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.draw().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// One of several, by their weights.
    pub fn pick<T: Copy>(&mut self, weighted: &[(u32, T)]) -> T {
        let total: u32 = weighted.iter().map(|(weight, _)| weight).sum();
        let mut rest = self.within(0..=total as usize - 1) as u32;
        for (weight, choice) in weighted {
            match rest.checked_sub(*weight) {
                None => return *choice,
                Some(less) => rest = less,
            }
        }
        weighted[0].1
    }
}
