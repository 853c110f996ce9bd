use std::collections::VecDeque;
use std::time::Duration;

/// Samples of which the smallest counts. An acknowledgement may be delayed by 200 ms, but not eight in a row while data
/// flows, since every second packet is acknowledged at once.
const SAMPLES: usize = 8;

/// Before the first sample: a slow Wi-Fi.
const UNKNOWN: Duration = Duration::from_millis(50);

/// The round trip as the wire sees it.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    samples: VecDeque<Duration>,
}

impl RoundTrip {
    pub(super) fn sample(&mut self, taken: Duration) {
        self.samples.push_back(taken);
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
    }

    /// The smallest of the last few.
    pub(super) fn smallest(&self) -> Duration {
        self.samples.iter().min().copied().unwrap_or(UNKNOWN)
    }

    /// Two round trips: what an answer that is still on its way would not need.
    pub(super) fn patience(&self) -> Duration {
        self.smallest() * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_the_last_eight() {
        let ms = Duration::from_millis;
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.patience(), 2 * UNKNOWN);
        round_trip.sample(ms(5));
        for _ in 0..SAMPLES - 1 {
            round_trip.sample(ms(205));
        }
        assert_eq!(round_trip.smallest(), ms(5));
        round_trip.sample(ms(205));
        assert_eq!(round_trip.smallest(), ms(205));
    }
}
