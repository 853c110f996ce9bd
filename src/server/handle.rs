//! What other threads ask of the loop.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crossbeam_channel::Sender;

use super::authorize::PeerData;
use super::mailbox::{PostError, Slot};
use crate::endpoint::{Channel, Data, Payload, PeerId};
use crate::signal::{Answer, Offer, Refusal};

/// A letter to the loop.
#[derive(Debug)]
pub(super) enum Letter {
    Offer {
        offer: Box<Offer>,
        /// The address that the browser came from.
        address: IpAddr,
        /// Our address that it reached.
        reached: SocketAddr,
        /// Nobody waits for the reply after this.
        until: Instant,
        /// What the application keeps for it.
        data: Option<PeerData>,
        reply: Sender<Result<Answer, Refusal>>,
    },
    Send {
        peer: PeerId,
        channel: Channel,
        data: Data,
    },
    Broadcast {
        channel: Channel,
        data: Data,
    },
    Wake,
}

/// Why a handle could not pass something on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandleError {
    /// The loop does not keep up with its letters: it is not polled often enough. Try again later.
    Behind,
    /// The server is gone.
    Gone,
}

impl std::fmt::Display for HandleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            HandleError::Behind => "the server's loop does not keep up",
            HandleError::Gone => "the server is gone",
        })
    }
}

impl std::error::Error for HandleError {}

impl From<PostError> for HandleError {
    fn from(error: PostError) -> HandleError {
        match error {
            PostError::Full => HandleError::Behind,
            PostError::Closed => HandleError::Gone,
        }
    }
}

/// A way for other threads of the application to send, and to wake the loop. Cheap to clone; none of its calls blocks.
///
/// What it sends goes out when the loop is next in [`Server::poll`](crate::Server::poll); what became of it is not told.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) slot: Slot<Letter>,
}

impl Handle {
    /// Sends to one peer, as [`Server::send`](crate::Server::send) does.
    pub fn send<'a>(&self, peer: PeerId, channel: Channel, payload: impl Into<Payload<'a>>) -> Result<(), HandleError> {
        Ok(self.slot.post(Letter::Send { peer, channel, data: payload.into().to_data() })?)
    }

    /// Sends to every peer, as [`Server::broadcast`](crate::Server::broadcast) does.
    pub fn broadcast<'a>(&self, channel: Channel, payload: impl Into<Payload<'a>>) -> Result<(), HandleError> {
        Ok(self.slot.post(Letter::Broadcast { channel, data: payload.into().to_data() })?)
    }

    /// Makes [`Server::poll`](crate::Server::poll) return `None` once, as if its deadline had passed.
    pub fn wake(&self) -> Result<(), HandleError> {
        Ok(self.slot.post(Letter::Wake)?)
    }
}
