//! What a native connection tells its owner.

use super::super::{Channel, Data, Reason};

/// What a connection tells its owner: `Opened`, any number of `Message`, `Parted` last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    Opened,
    Message { channel: Channel, data: Data },
    Parted(Parted),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parted {
    pub(crate) reason: Reason,
    /// What the server said to it.
    pub(crate) words: String,
}

impl From<Reason> for Parted {
    fn from(reason: Reason) -> Parted {
        Parted { reason, words: String::new() }
    }
}
