use std::fmt;

/// One browser, from its offer until it left. Never reused within an [`Endpoint`](crate::Endpoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(u64);

impl PeerId {
    /// The number behind the id, from 1. For logs and for an application's own wire format.
    pub fn number(self) -> u64 {
        self.0
    }

    pub(super) const fn first() -> PeerId {
        PeerId(1)
    }

    pub(super) fn next(self) -> PeerId {
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
