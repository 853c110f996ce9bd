//! When to wake, and what for.

use std::collections::BTreeSet;
use std::time::Instant;

use super::PeerId;
use super::id::ConnectionId;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// A peer that is not open by then is dropped.
    Opening,
    /// ICE, DTLS or SCTP of a peer want to retransmit, check or acknowledge.
    Transport,
    /// A peer should have acknowledged by then.
    Probe,
    /// A peer is asked whether it is there, or has not been heard for too long.
    Heartbeat,
    /// A peer has had a full queue for too long.
    SlowConsumer,
    /// A peer that is told why its connection ends is told again, or has been told often enough.
    Farewell,
    /// A peer that is away leaves.
    Grace,
}

/// Whose a deadline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Connection(ConnectionId),
    /// That is away.
    Peer(PeerId),
}

/// Everyone's next deadline, soonest first; at most one each.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    soonest: BTreeSet<(Instant, Whose, Why)>,
}

impl Deadlines {
    /// Replaces what was set before, which the caller remembers.
    pub(super) fn set(&mut self, whose: Whose, before: Option<(Instant, Why)>, after: Option<(Instant, Why)>) {
        if before == after {
            return;
        }
        if let Some((at, why)) = before {
            self.soonest.remove(&(at, whose, why));
        }
        if let Some((at, why)) = after {
            self.soonest.insert((at, whose, why));
        }
    }

    pub(super) fn next(&self) -> Option<(Instant, Why)> {
        self.soonest.first().map(|(at, _, why)| (*at, *why))
    }

    /// Whose deadline has passed longest. It stays until the caller sets another.
    pub(super) fn due(&self, now: Instant) -> Option<Whose> {
        self.soonest.first().filter(|(at, ..)| *at <= now).map(|(_, whose, _)| *whose)
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
    fn the_soonest_is_next_and_everyone_has_one() {
        let start = Instant::now();
        let at = |ms| (start + Duration::from_millis(ms), Why::Transport);
        let one = Whose::Connection(ConnectionId::from(1));
        let two = Whose::Peer(PeerId::from(2));
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
