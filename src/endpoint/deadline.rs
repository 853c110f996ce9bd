//! When to wake, and what for.

use std::collections::BTreeSet;
use std::time::Instant;

use super::PeerId;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// A peer that is not open by then is dropped.
    Opening,
    /// ICE, DTLS or SCTP of a peer want to retransmit, check or acknowledge.
    Transport,
    /// A peer should have acknowledged by then.
    Probe,
}

/// Every peer's next deadline, soonest first; at most one a peer.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    soonest: BTreeSet<(Instant, PeerId, Why)>,
}

impl Deadlines {
    /// Replaces what was set before, which the caller remembers.
    pub(super) fn set(&mut self, peer: PeerId, before: Option<(Instant, Why)>, after: Option<(Instant, Why)>) {
        if before == after {
            return;
        }
        if let Some((at, why)) = before {
            self.soonest.remove(&(at, peer, why));
        }
        if let Some((at, why)) = after {
            self.soonest.insert((at, peer, why));
        }
    }

    pub(super) fn next(&self) -> Option<(Instant, Why)> {
        self.soonest.first().map(|(at, _, why)| (*at, *why))
    }

    /// The peer whose deadline has passed longest. It stays until the caller sets another.
    pub(super) fn due(&self, now: Instant) -> Option<PeerId> {
        self.soonest.first().filter(|(at, ..)| *at <= now).map(|(_, peer, _)| *peer)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.soonest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_soonest_is_next_and_a_peer_has_one() {
        let start = Instant::now();
        let at = |ms| (start + Duration::from_millis(ms), Why::Transport);
        let (one, two) = (PeerId::from(1), PeerId::from(2));
        let mut deadlines = Deadlines::default();
        deadlines.set(one, None, Some(at(20)));
        deadlines.set(two, None, Some(at(10)));
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.due(start), None);
        assert_eq!(deadlines.due(at(10).0), Some(two));
        deadlines.set(two, Some(at(10)), Some(at(30)));
        assert_eq!((deadlines.next(), deadlines.len()), (Some(at(20)), 2));
        deadlines.set(one, Some(at(20)), None);
        deadlines.set(two, Some(at(30)), None);
        assert_eq!((deadlines.next(), deadlines.len()), (None, 0));
    }
}
