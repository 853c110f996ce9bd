use std::time::{Duration, Instant};

use super::packet::PACKET_BYTES_MAX;
use super::round_trip::RoundTrip;
use crate::endpoint::limits::{RELIABLE_RATE, RELIABLE_WINDOW_BYTES, RELIABLE_WINDOW_BYTES_MIN};

/// A queue on the way may hold this much time before we hold back: less than a person feels, more than Wi-Fi trembles.
const QUEUEING_MAX: Duration = Duration::from_millis(50);

/// In flight at least, in bytes, for a longer round trip to be a queue of our making: three packets, of which the second is
/// acknowledged at once.
const IN_FLIGHT_MIN: usize = 3 * 1024;

/// What is left of each bound at least: 2 KiB of the unreliable one.
const SHARE_MIN: f64 = 1.0 / 32.0;

/// What is left of the reliable one: four packets, of which three show that the first is lost.
const RELIABLE_BYTES_MIN: usize = 4 * PACKET_BYTES_MAX;

/// What a SACK without a queue adds: the double after some thirty packets of each kind.
const GROWTH: f64 = 1.02;

/// How much of the bounds on data in flight a path can bear without a queue.
///
/// SCTP would fill a router's queue until something is lost, which on many home routers is seconds. So a round trip that
/// grows beyond the path's own is taken for a queue of ours, as LEDBAT does (RFC 6817), and less is sent.
#[derive(Debug)]
pub(super) struct Share {
    share: f64,
    /// One round trip shows what a cut has changed.
    cut_again_at: Option<Instant>,
}

impl Default for Share {
    fn default() -> Share {
        Share { share: 1.0, cut_again_at: None }
    }
}

impl Share {
    /// After an acknowledgement; so many bytes were in flight before it.
    pub(super) fn note(&mut self, now: Instant, round_trip: &RoundTrip, in_flight: usize) {
        let (base, queueing) = (round_trip.base(), round_trip.queueing());
        if queueing < QUEUEING_MAX / 2 {
            self.share = (self.share * GROWTH).min(1.0);
        } else if queueing > QUEUEING_MAX
            && in_flight >= IN_FLIGHT_MIN
            && self.cut_again_at.is_none_or(|again_at| again_at <= now)
        {
            let fits = (base + QUEUEING_MAX).as_secs_f64() / (base + queueing).as_secs_f64();
            self.share = (self.share * fits).max(SHARE_MIN);
            self.cut_again_at = Some(now + base + queueing);
        }
    }

    /// How much reliable data may be in flight.
    pub(super) fn reliable_window(&self, round_trip: &RoundTrip) -> usize {
        let passes = (round_trip.base().as_secs_f64() * RELIABLE_RATE as f64) as usize;
        self.of(passes.clamp(RELIABLE_WINDOW_BYTES_MIN, RELIABLE_WINDOW_BYTES)).max(RELIABLE_BYTES_MIN)
    }

    /// As much of a bound in bytes.
    pub(super) fn of(&self, bytes: usize) -> usize {
        (bytes as f64 * self.share) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_queue_takes_from_it_once_a_round_trip_and_an_empty_path_gives_back() {
        let now = Instant::now();
        let (mut share, mut round_trip) = (Share::default(), RoundTrip::default());
        round_trip.sample(now, 20 * MS);
        for _ in 0..10 {
            round_trip.sample(now, 280 * MS);
            share.note(now, &round_trip, 60_000);
        }
        assert_eq!(share.of(64 * 1024), 16 * 1024, "70 of 280 ms");
        share.note(now + 280 * MS, &round_trip, 60_000);
        assert_eq!(share.of(64 * 1024), 4 * 1024);
        for i in 2..100 {
            share.note(now + i * 280 * MS, &round_trip, 60_000);
        }
        assert_eq!(share.of(64 * 1024), 2 * 1024);
        (0..2).for_each(|_| round_trip.sample(now, 20 * MS));
        for _ in 0..200 {
            share.note(now, &round_trip, 2_000);
        }
        assert_eq!(share.of(64 * 1024), 64 * 1024);
    }

    #[test]
    fn a_delayed_acknowledgement_takes_nothing() {
        let now = Instant::now();
        let (mut share, mut round_trip) = (Share::default(), RoundTrip::default());
        round_trip.sample(now, 5 * MS);
        for _ in 0..10 {
            round_trip.sample(now, 205 * MS);
            share.note(now, &round_trip, 1_200);
        }
        assert_eq!(share.of(1000), 1000);
    }

    #[test]
    fn a_short_path_has_a_small_window() {
        let now = Instant::now();
        let window = |base: Duration| {
            let mut round_trip = RoundTrip::default();
            round_trip.sample(now, base);
            Share::default().reliable_window(&round_trip)
        };
        assert_eq!(window(Duration::ZERO), RELIABLE_WINDOW_BYTES_MIN);
        assert_eq!(window(4 * MS), 96_000);
        assert_eq!(window(20 * MS), RELIABLE_WINDOW_BYTES);
    }
}
