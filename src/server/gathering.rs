//! A moment's wait while datagrams come thick, so that several share a wake-up.
//!
//! To be woken costs as much as all else that the kernel does for a message. The network card of a large server does the same
//! (interrupt moderation), for as long.

use std::time::{Duration, Instant};

use super::metronome::Metronome;

/// Datagrams that have to come in four periods for the waits to begin, and to go on, so that they do not begin and end all the time.
/// A wake-up by the clock costs half as much again as one by the network, so four would gain nothing.
const ENOUGH_TO_BEGIN: u32 = 6;
const ENOUGH_TO_GO_ON: u32 = 5;

/// Periods over which they are counted, so that a gap between two of them does not end the waits and begin them anew.
const PERIODS: u32 = 8;

/// Longer ones would be felt, and let the kernel's buffer overflow.
const PERIOD_MAX: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Gathering {
    /// Between two looks at the sockets, and what a message may wait at most.
    period: Duration,
    metronome: Metronome,
    is_on: bool,
    since: Option<Instant>,
    count: u32,
}

impl Gathering {
    /// With a period of zero none waits.
    pub(super) fn new(period: Duration) -> Gathering {
        let period = period.min(PERIOD_MAX);
        Gathering { period, metronome: Metronome::new(period), is_on: false, since: None, count: 0 }
    }

    /// Whether to [`wait`](Gathering::wait) and then look without having been told, rather than to wait until there is something.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Sleeps until it is time to look, or until the deadline if that is sooner.
    pub(super) fn wait(&mut self, now: Instant, deadline: Option<Instant>) {
        self.metronome.sleep(now, deadline);
    }

    /// So many datagrams were there at a look.
    pub(super) fn looked(&mut self, now: Instant, count: u32) {
        self.count = self.count.saturating_add(count);
        let passed = self.since.map(|since| now.saturating_duration_since(since));
        if passed.is_some_and(|passed| passed < self.period * PERIODS) {
            return;
        }
        self.is_on = passed.is_some_and(|passed| {
            let enough = if self.is_on { ENOUGH_TO_GO_ON } else { ENOUGH_TO_BEGIN };
            self.period.saturating_mul(self.count.saturating_mul(4)) > passed * enough
        });
        (self.since, self.count) = (Some(now), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_micros(200);
    const US: Duration = Duration::from_micros(1);

    /// Looks so often and so many times, each time finding as many.
    fn look(gathering: &mut Gathering, now: &mut Instant, every: Duration, times: u32, count: u32) {
        for _ in 0..times {
            *now += every;
            gathering.looked(*now, count);
        }
    }

    #[test]
    fn whoever_comes_alone_is_not_made_to_wait() {
        for every in [PERIOD * 3 / 4, PERIOD, PERIOD * 2, PERIOD * 100] {
            let (mut gathering, mut now) = (Gathering::new(PERIOD), Instant::now());
            look(&mut gathering, &mut now, every, 50, 1);
            assert!(!gathering.is_on(), "one every {every:?}");
        }
        let (mut gathering, mut now) = (Gathering::new(Duration::ZERO), Instant::now());
        for every in [Duration::ZERO, US] {
            look(&mut gathering, &mut now, every, 50, 1);
            assert!(!gathering.is_on(), "nor anybody with a period of zero");
        }
    }

    #[test]
    fn many_share_a_look() {
        let (mut gathering, mut now) = (Gathering::new(PERIOD), Instant::now());
        look(&mut gathering, &mut now, 120 * US, 50, 1);
        assert!(gathering.is_on(), "five in three periods");
        for (count, times) in [(3, 100), (0, PERIODS / 2), (4, PERIODS), (1, PERIODS / 2), (2, PERIODS)] {
            look(&mut gathering, &mut now, PERIOD, times, count);
            assert!(gathering.is_on(), "{count} for {times} periods");
        }
        look(&mut gathering, &mut now, PERIOD, PERIODS * 2, 1);
        assert!(!gathering.is_on(), "one in each is not enough");
    }

    #[test]
    fn nobody_ends_it() {
        let (mut gathering, mut now) = (Gathering::new(PERIOD), Instant::now());
        look(&mut gathering, &mut now, 20 * US, 200, 1);
        assert!(gathering.is_on());
        look(&mut gathering, &mut now, PERIOD, PERIODS * 2, 0);
        assert!(!gathering.is_on());
    }
}
