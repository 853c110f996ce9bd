use std::fmt;

#[cfg(test)]
use slotmap::KeyData;
use slotmap::{Key, new_key_type};

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

new_key_type! {
    /// One connection of a browser, from its offer. A peer that comes back does so on another one.
    pub(super) struct ConnectionId;
}

#[cfg(test)]
impl From<u32> for ConnectionId {
    fn from(number: u32) -> ConnectionId {
        KeyData::from_ffi(number.into()).into()
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {:?}", self.data())
    }
}
