//! What a client tells its application.

use super::ConnectError;
use crate::endpoint::{Channel, Data, PeerId, Reason};

/// Something happened to a connection. For one connection the order is `Joined`, any number of `Message`, `Left`; or
/// `Refused` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// Its channels are open.
    Joined {
        /// Which connection.
        peer: PeerId,
    },
    /// It did not come to be.
    Refused {
        /// Which connection.
        peer: PeerId,
        /// Why.
        error: ConnectError,
    },
    /// A message arrived.
    Message {
        /// On which connection.
        peer: PeerId,
        /// On which channel.
        channel: Channel,
        /// The message, at most [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX) bytes.
        data: Data,
    },
    /// The connection is over.
    Left {
        /// Which connection.
        peer: PeerId,
        /// Why: kicked, too slow or shut down as the server says it, timed out if nothing was heard of it for two seconds.
        reason: Reason,
        /// What the server said to it, at most 255 bytes; mostly empty.
        words: String,
    },
}
