//! A moment's wait while datagrams come thick, so that several share a wake-up.
//!
//! To be woken costs as much as all else that the kernel does for a message. The network card of a large server does the same
//! (interrupt moderation), for as long.

use std::time::{Duration, Instant};

/// Between two looks at the sockets while datagrams come closer together than that. It is what a message may wait at most, a tenth
/// of what Wi-Fi makes of it, and begins at some 4,000 messages a second.
const PERIOD: Duration = Duration::from_micros(200);

#[derive(Debug, Default)]
pub(super) struct Gathering {
    is_on: bool,
    looked_at: Option<Instant>,
}

impl Gathering {
    /// How long to wait, and look without having been told; `None` to wait until there is something.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let looked_at = self.looked_at.filter(|_| self.is_on)?;
        Some((looked_at + PERIOD).saturating_duration_since(now))
    }

    /// So many datagrams were there at a look.
    pub(super) fn looked(&mut self, now: Instant, count: usize) {
        let is_soon = self.looked_at.is_some_and(|at| now < at + PERIOD);
        // One alone is not worth a wait.
        self.is_on = if self.is_on { count > 1 } else { count > 0 && is_soon };
        self.looked_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    #[test]
    fn whoever_comes_alone_is_not_made_to_wait() {
        let (mut gathering, mut now) = (Gathering::default(), Instant::now());
        for _ in 0..10 {
            now += 2 * PERIOD;
            gathering.looked(now, 1);
            assert_eq!(gathering.wait(now), None);
        }
        gathering.looked(now + 10 * US, 0);
        assert_eq!(gathering.wait(now + 10 * US), None, "nobody came");
    }

    #[test]
    fn many_share_a_look() {
        let (mut gathering, now) = (Gathering::default(), Instant::now());
        gathering.looked(now, 1);
        gathering.looked(now + 50 * US, 1);
        assert_eq!(gathering.wait(now + 80 * US), Some(PERIOD - 30 * US), "the work counts");
        assert_eq!(gathering.wait(now + PERIOD * 2), Some(Duration::ZERO));
        gathering.looked(now + 50 * US + PERIOD, 3);
        assert!(gathering.wait(now + 50 * US + PERIOD).is_some());
        gathering.looked(now + 50 * US + PERIOD * 2, 1);
        assert_eq!(gathering.wait(now + 50 * US + PERIOD * 2), None);
    }
}
