use std::time::{Duration, Instant};

/// Samples of which the smallest counts. An acknowledgement may be delayed by 200 ms, but not eight in a row while data
/// flows, since every second packet is acknowledged at once.
const SAMPLES: usize = 8;

/// Before the first sample: a slow Wi-Fi.
const UNKNOWN: Duration = Duration::from_millis(50);

/// The steps of a browser's and of an access point's timers.
const REORDERING_MIN: Duration = Duration::from_millis(2);

/// What a bad Wi-Fi does. More is a cut, after which nothing is on its way any more.
const REORDERING_MAX: Duration = Duration::from_millis(250);

/// What takes longer has waited for a cut to end.
const SAMPLE_MAX: Duration = Duration::from_secs(1);

/// The round trip of an empty path is the smallest of this long, or of twice as long: a queue that has stood since then is
/// taken for a part of the path.
const BASE_LASTS: Duration = Duration::from_secs(30);

/// The round trip as the wire sees it.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    /// In nanoseconds, in a ring.
    samples: [u32; SAMPLES],
    /// How many there have been.
    count: usize,
    /// The smallest of this period, which began then, and of the one before.
    base: Option<(Instant, Duration)>,
    base_before: Option<Duration>,
}

impl RoundTrip {
    pub(super) fn sample(&mut self, now: Instant, taken: Duration) {
        let taken = taken.min(SAMPLE_MAX);
        // A second fits.
        self.samples[self.count % SAMPLES] = taken.as_nanos() as u32;
        self.count += 1;
        self.base = match self.base {
            Some((since, smallest)) if now < since + BASE_LASTS => Some((since, smallest.min(taken))),
            previous => {
                self.base_before = previous.map(|(_, smallest)| smallest);
                Some((now, taken))
            }
        };
    }

    /// The smallest of the last few.
    pub(super) fn smallest(&self) -> Duration {
        self.last(SAMPLES).min().unwrap_or(UNKNOWN)
    }

    /// Two round trips: what an answer that is still on its way would not need.
    pub(super) fn patience(&self) -> Duration {
        self.smallest() * 2
    }

    /// How much later than what left after it something may arrive without being lost (RFC 8985, section 6.2.1 begins with a
    /// quarter of the round trip). A path that trembles needs more.
    pub(super) fn reordering(&self) -> Duration {
        let longest = self.last(SAMPLES).max().unwrap_or(UNKNOWN);
        let trembling = (longest - self.smallest().min(longest)) / 2;
        (self.smallest() / 4).max(trembling).clamp(REORDERING_MIN, REORDERING_MAX)
    }

    /// Of an empty path.
    pub(super) fn base(&self) -> Duration {
        self.base.map(|(_, smallest)| smallest).into_iter().chain(self.base_before).min().unwrap_or(UNKNOWN)
    }

    /// How much longer the last two took than an empty path does: what waits in a queue on the way. Of data that is not
    /// followed by more at once it may be the delay of the acknowledgement instead.
    pub(super) fn queueing(&self) -> Duration {
        self.last(2).min().map_or(Duration::ZERO, |newest| newest.saturating_sub(self.base()))
    }

    /// So many of the newest samples, or as many as there are.
    fn last(&self, count: usize) -> impl Iterator<Item = Duration> {
        let numbers = self.count.saturating_sub(count)..self.count;
        numbers.map(|number| Duration::from_nanos(self.samples[number % SAMPLES].into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_smallest_of_the_last_eight() {
        let now = Instant::now();
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.patience(), 2 * UNKNOWN);
        round_trip.sample(now, 5 * MS);
        round_trip.sample(now, 205 * MS);
        assert_eq!(round_trip.queueing(), Duration::ZERO, "one delayed acknowledgement is no queue");
        for _ in 0..SAMPLES - 2 {
            round_trip.sample(now, 205 * MS);
        }
        assert_eq!(round_trip.smallest(), 5 * MS);
        assert_eq!(round_trip.queueing(), 200 * MS);
        round_trip.sample(now, 205 * MS);
        assert_eq!(round_trip.smallest(), 205 * MS);
    }

    #[test]
    fn a_longer_path_is_no_queue_after_a_minute() {
        let start = Instant::now();
        let mut round_trip = RoundTrip::default();
        round_trip.sample(start, 5 * MS);
        for second in 0..59 {
            round_trip.sample(start + Duration::from_secs(second), 105 * MS);
            assert!(second < 1 || round_trip.queueing() == 100 * MS, "{second}");
        }
        round_trip.sample(start + Duration::from_secs(61), 105 * MS);
        assert_eq!(round_trip.queueing(), Duration::ZERO);
    }
}
