//! A moment's wait while datagrams come thick, so that several share a wake-up.
//!
//! To be woken costs as much as all else that the kernel does for a message. The network card of a large server does the same
//! (interrupt moderation), for as long.

use std::time::{Duration, Instant};

/// Datagrams that have to come within the time for it to begin. A wake-up by the clock costs twice one by the network where
/// timers are dear (docs/BENCHMARKS.md), so fewer would gain nothing.
const ENOUGH: u32 = 4;

/// Longer ones would be felt, and let the kernel's buffer overflow.
const PERIOD_MAX: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Gathering {
    /// Between two looks at the sockets, and what a message may wait at most.
    period: Duration,
    is_on: bool,
    began_at: Option<Instant>,
    count: u32,
}

impl Gathering {
    /// With a period of zero none waits.
    pub(super) fn new(period: Duration) -> Gathering {
        Gathering { period: period.min(PERIOD_MAX), is_on: false, began_at: None, count: 0 }
    }

    /// How long to wait, and look without having been told; `None` to wait until there is something.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let began_at = self.began_at.filter(|_| self.is_on)?;
        Some((began_at + self.period).saturating_duration_since(now))
    }

    /// So many datagrams were there at a look.
    pub(super) fn looked(&mut self, now: Instant, count: u32) {
        self.count += count;
        let passed = self.began_at.map(|at| now.saturating_duration_since(at));
        if passed.is_some_and(|passed| passed < self.period) {
            return;
        }
        let is_thick = passed.is_some_and(|passed| self.period * self.count > passed * ENOUGH);
        // One alone is not worth a wait.
        self.is_on = is_thick || (self.is_on && self.count > 1);
        (self.began_at, self.count) = (Some(now), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_micros(400);
    const US: Duration = Duration::from_micros(1);

    /// One that has been looking every so often, each time finding one datagram.
    fn looking(period: Duration, every: Duration) -> (Gathering, Instant) {
        let (mut gathering, mut now) = (Gathering::new(period), Instant::now());
        for _ in 0..50 {
            now += every;
            gathering.looked(now, 1);
        }
        (gathering, now)
    }

    #[test]
    fn whoever_comes_alone_is_not_made_to_wait() {
        for every in [101 * US, PERIOD / 3, PERIOD / 2, PERIOD * 2, PERIOD * 100] {
            let (gathering, now) = looking(PERIOD, every);
            assert_eq!(gathering.wait(now), None, "one every {every:?}");
        }
        let (gathering, now) = looking(Duration::ZERO, US);
        assert_eq!(gathering.wait(now), None, "nor anybody with a period of zero");
    }

    #[test]
    fn many_share_a_look() {
        let (mut gathering, now) = looking(PERIOD, 80 * US);
        let wait = gathering.wait(now).expect("five come in a period");
        assert!(wait <= PERIOD);
        let now = now + wait;
        gathering.looked(now, 2);
        assert_eq!(gathering.wait(now + 30 * US), Some(PERIOD - 30 * US), "the work counts, and fewer go on with it");
        assert_eq!(gathering.wait(now + PERIOD * 2), Some(Duration::ZERO));
        gathering.looked(now + PERIOD, 1);
        assert_eq!(gathering.wait(now + PERIOD), None, "one alone ends it");
    }
}
