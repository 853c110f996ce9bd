//! What an endpoint tells its application.

use std::net::IpAddr;

use super::{Channel, Data, PeerId};

/// Something happened to a peer. For one peer the order is always `Joined`, any number of `Message`, `Left`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Both channels are open.
    Joined {
        /// Who.
        peer: PeerId,
        /// The address that its offer came from.
        address: IpAddr,
    },
    /// A message arrived.
    Message {
        /// From whom.
        peer: PeerId,
        /// On which channel.
        channel: Channel,
        /// The message, at most [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX) bytes.
        data: Data,
    },
    /// The peer is gone, and nothing further comes from it.
    Left {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: Reason,
    },
}

/// Why a peer left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The browser closed the connection or one of its channels.
    Closed,
    /// Nothing was heard from the browser for too long.
    TimedOut,
    /// The application disconnected it.
    Kicked,
    /// The server is shutting down.
    ShutDown,
    /// The browser broke the protocol: text that is not UTF-8, or channels without end.
    Violation,
    /// The connection broke inside: an error, or a bug in the transport.
    Failed,
}

/// What became of a message that the application sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use = "a message that is not Sent will not arrive"]
pub enum SendOutcome {
    /// On its way: a reliable message arrives unless the peer leaves first, an unreliable one may.
    Sent,
    /// Unreliable, and the link is behind: dropped now, since later it would be stale.
    Dropped,
    /// Reliable, and the peer's queue is full: try again later, or disconnect a peer that stays so.
    Full,
    /// Larger than [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX), or than what this peer takes.
    TooBig,
    /// The peer has left, or has not joined.
    Gone,
}
