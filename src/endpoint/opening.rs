use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::channel::DataChannel;
use super::datagram::Datagram;
use super::limits::{EARLY_DATAGRAMS_MAX, EARLY_MESSAGE_BYTES_MAX, OPENING_MAX};
use super::{Channel, Data, PeerId};

/// Whose a connection is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// A new peer's, whose page knows no sessions.
    Plain(PeerId),
    /// A new peer's, whose first secret this is.
    New { peer: PeerId, secret: String },
    /// That of a peer that is away.
    Return {
        peer: PeerId,
        came_with: String,
        /// Reliable messages that the page has had, modulo 2^32.
        received: u32,
        /// For the next time.
        secret: String,
    },
}

impl Claim {
    pub(super) fn peer(&self) -> PeerId {
        match self {
            Claim::Plain(peer) | Claim::New { peer, .. } | Claim::Return { peer, .. } => *peer,
        }
    }

    /// The channels that its page has to open.
    pub(super) fn needs(&self) -> &'static [DataChannel] {
        match self {
            Claim::Plain(_) => &DataChannel::PLAIN,
            Claim::New { .. } | Claim::Return { .. } => &DataChannel::ALL,
        }
    }
}

/// What a connection has only until it is open.
pub(super) struct Opening {
    pub(super) claim: Claim,
    pub(super) until: Instant,
    pub(super) ice_connected: bool,
    /// DTLS that came before ICE connected. An `Rtc` that is not connected cannot answer it, and the browser would
    /// repeat it only after 50 ms.
    pub(super) early_datagrams: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Messages on the channel that opened first.
    pub(super) early_messages: Vec<(Channel, Data)>,
    early_message_bytes: usize,
}

impl Opening {
    pub(super) fn new(now: Instant, claim: Claim) -> Opening {
        Opening {
            claim,
            until: now + OPENING_MAX,
            ice_connected: false,
            early_datagrams: VecDeque::new(),
            early_messages: Vec::new(),
            early_message_bytes: 0,
        }
    }

    /// Past the bound it is dropped: the browser sends it again.
    pub(super) fn hold_datagram(&mut self, datagram: Datagram<'_>) {
        if self.early_datagrams.len() < EARLY_DATAGRAMS_MAX {
            self.early_datagrams.push_back((datagram.from, datagram.to, datagram.bytes.to_vec()));
        }
    }

    /// Whether there was room.
    pub(super) fn hold_message(&mut self, channel: Channel, data: Data) -> bool {
        self.early_message_bytes += data.bytes().len() + size_of::<Data>();
        let fits = self.early_message_bytes <= EARLY_MESSAGE_BYTES_MAX;
        if fits {
            self.early_messages.push((channel, data));
        }
        fits
    }
}
