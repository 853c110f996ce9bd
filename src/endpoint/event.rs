//! What an endpoint tells its application.

use std::net::IpAddr;

use super::{Channel, Data, PeerId};

/// Something happened to a peer. For one peer the order is always `Joined`, any number of `Message` and of `Away` and `Back`
/// in turn, `Left`. While it is away no `Message` comes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Its channels are open.
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
    /// Its page has vanished and may come back: it was reloaded, its network has changed, it sleeps. What is sent to it on the
    /// reliable channel is kept for it within its budget. Only of pages with a session.
    Away {
        /// Who.
        peer: PeerId,
    },
    /// It has come back. Nothing reliable was lost on either side. A page that was reloaded has forgotten what it knew.
    Back {
        /// Who.
        peer: PeerId,
        /// The address that it comes from now.
        address: IpAddr,
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
    /// Nothing was heard from the browser for too long, or it did not come back in time.
    TimedOut,
    /// The application disconnected it.
    Kicked,
    /// Its reliable budget was used up, and it did not take half of it in time
    /// ([`Limits::slow_consumer_after`](crate::Limits::slow_consumer_after)).
    SlowConsumer,
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
    /// On its way: a reliable message arrives unless the peer leaves first, an unreliable one may, a latest one unless a newer
    /// one takes its place.
    Sent,
    /// Unreliable, and the link is behind or the peer is away: dropped now, since later it would be stale. Or latest, and
    /// the page has no such channel.
    Dropped,
    /// Reliable, and the peer's budget is used up: try again later. A peer that stays so leaves by itself.
    Full,
    /// Larger than [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX), or than what this peer takes.
    TooBig,
    /// The peer has left, or has not joined.
    Gone,
}
