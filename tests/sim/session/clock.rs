//! The server's clock as a page knows it (docs/PROTOCOL.md, "Time").

use std::collections::BTreeMap;
use std::time::Duration;

/// Beats that count, by their numbers: more than the server looks at for its round trip, so that the fastest is among them.
const BEATS: u32 = 20;

/// For so long.
const LASTS: Duration = Duration::from_secs(30);

/// One connection's.
#[derive(Debug, Default)]
pub struct Clock {
    /// The server's time in each Beat, and that less the page's at its arrival, in microseconds, by their numbers.
    offsets: BTreeMap<u32, (u64, i64)>,
    /// Half of the smallest round trip, in microseconds, of the newest Beat.
    half: Option<i64>,
}

impl Clock {
    /// A Beat of the server's `time` came at `page`.
    pub fn beat(&mut self, seq: u32, page: Duration, time: u64, round_trip: Option<u32>) {
        self.offsets.insert(seq, (time, time as i64 - page.as_micros() as i64));
        let (newest, newest_time) =
            self.offsets.last_key_value().map_or((seq, time), |(newest, (time, _))| (*newest, *time));
        // One that was overtaken knows less.
        if newest == seq {
            self.half = round_trip.map(|taken| i64::from(taken) / 2);
        }
        // By the server's time: the newest may have waited behind a long message for longer than that.
        let lasts = LASTS.as_micros() as u64;
        self.offsets.retain(|known, (time, _)| *known + BEATS > newest && *time + lasts >= newest_time);
    }

    /// The server's time at the page's time `page`, and how far off that is at most, in microseconds.
    pub fn server_now(&self, page: Duration) -> Option<(i64, i64)> {
        let (offset, half) = (self.offsets.values().map(|(_, offset)| offset).max()?, self.half?);
        Some((page.as_micros() as i64 + offset + half, half))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_beat_of_the_last_twenty_counts() {
        let at = Duration::from_millis;
        let mut clock = Clock::default();
        clock.beat(0, at(1_010), 5_000_000, None);
        assert_eq!(clock.server_now(at(1_010)), None, "no round trip is known");
        // The server is 4 s ahead, and this Beat took 3 ms of the shortest round trip of 8.
        clock.beat(1, at(2_003), 6_000_000, Some(8_000));
        assert_eq!(clock.server_now(at(2_003)), Some((6_004_000, 4_000)));
        for second in 3..22 {
            clock.beat(second - 1, at(u64::from(second) * 1_000 + 5), (u64::from(second) + 4) * 1_000_000, Some(8_000));
        }
        assert_eq!(clock.server_now(at(30_000)), Some((34_001_000, 4_000)), "it still counts");
        clock.beat(21, at(22_005), 26_000_000, Some(8_000));
        assert_eq!(clock.server_now(at(30_000)), Some((33_999_000, 4_000)), "it has been forgotten");
        clock.beat(22, at(52_000), 56_000_000 - 3_000, Some(8_000));
        assert_eq!(clock.server_now(at(60_000)), Some((64_001_000, 4_000)), "and so have those of half a minute ago");
        clock.beat(23, at(90_000), 57_000_000, Some(8_000));
        assert_eq!(
            clock.server_now(at(90_000)),
            Some((94_001_000, 4_000)),
            "but not before one that waited for so long"
        );
    }

    #[test]
    fn one_that_was_overtaken_says_nothing_of_the_round_trip() {
        let at = Duration::from_millis;
        let mut clock = Clock::default();
        clock.beat(8, at(10), 50_000, Some(90_000));
        clock.beat(7, at(20), 20_000, Some(10_000));
        assert_eq!(clock.server_now(at(20)), Some((105_000, 45_000)));
    }
}
