use std::fmt;

/// One peer, from its offer until it left, over as many connections as it comes back on. Never reused within an
/// [`Endpoint`](crate::Endpoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(u64);

impl PeerId {
    /// The number behind the id, from 1. For logs and for an application's own wire format.
    pub fn number(self) -> u64 {
        self.0
    }

    pub(crate) const fn first() -> PeerId {
        PeerId(1)
    }

    pub(crate) fn next(self) -> PeerId {
        PeerId(self.0 + 1)
    }
}

impl From<u64> for PeerId {
    /// For tests of an application that has no endpoint at hand.
    fn from(number: u64) -> PeerId {
        PeerId(number)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// One connection of a browser, from its offer. A peer that comes back does so on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ConnectionId(u64);

impl ConnectionId {
    pub(super) const fn first() -> ConnectionId {
        ConnectionId(1)
    }

    pub(super) fn next(self) -> ConnectionId {
        ConnectionId(self.0 + 1)
    }
}

#[cfg(test)]
impl From<u64> for ConnectionId {
    fn from(number: u64) -> ConnectionId {
        ConnectionId(number)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}
