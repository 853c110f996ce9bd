//! How many peers, and how much of anything one peer may have.

use std::time::Duration;

/// How many peers an endpoint takes, and how patient it is with them. Each count includes peers that have not joined yet
/// and peers that are away; those give their places up to newcomers, the longest away first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Peers overall. A peer costs about 45 KiB, so the default of 256 stays under 16 MiB.
    pub peers_max: usize,
    /// Peers from one address. The default of 32 lets a class behind one router in, and nobody take every place. One
    /// IPv6 network (/64), which may be a whole LAN or one host, has half of all places.
    pub peers_per_address_max: usize,
    /// Peers that are not open yet, overall. The default of 64 is what a full classroom makes in one second.
    pub pending_max: usize,
    /// Peers that are not open yet, from one address.
    pub pending_per_address_max: usize,
    /// How long a peer whose page has vanished may be away before it leaves. The default of 30 s is a phone that
    /// changes networks, or a reload of a slow page. With zero nobody is away, and who vanishes leaves at once.
    pub grace: Duration,
    /// How long a peer whose reliable budget of 1 MiB is used up has to take half of it, before it leaves with
    /// [`Reason::SlowConsumer`](super::Reason::SlowConsumer). The default of 10 s outlasts a bad moment of Wi-Fi.
    pub slow_consumer_after: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            peers_max: 256,
            peers_per_address_max: 32,
            pending_max: 64,
            pending_per_address_max: 16,
            grace: Duration::from_secs(30),
            slow_consumer_after: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// No cap per address, and 4,096 peers: for measuring with many peers from one machine.
    pub fn relaxed() -> Limits {
        const MANY: usize = 4096;
        Limits {
            peers_max: MANY,
            peers_per_address_max: MANY,
            pending_max: MANY,
            pending_per_address_max: MANY,
            ..Limits::default()
        }
    }
}

/// From the offer until both channels are open. A browser needs 10 ms to 1 s; after 10 s of silence its own checks have
/// given up too.
pub(super) const OPENING_MAX: Duration = Duration::from_secs(10);

/// Source addresses remembered for one peer. A browser uses one, and a few while ICE compares paths.
pub(super) const SOURCES_MAX: usize = 8;

/// Source addresses that one peer's ICE hears requests from over its life: `SOURCES_MAX` at once, and a network change or
/// two. Each costs 1.4 KB and is walked on each check.
pub(super) const SOURCES_REMEMBERED_MAX: usize = 64;

/// Addresses of ours that one browser may see us at, beside the one that we know: a NAT in front of us makes one.
pub(super) const MAPPED_ADDRESSES_MAX: usize = 4;

/// Peers that ask for one source address at once. A browser that reloads leaves one behind.
pub(super) const ASKING_MAX: usize = 4;

/// DTLS datagrams held until ICE connects. A ClientHello is one or two; Firefox repeats it after 50 ms.
pub(super) const EARLY_DATAGRAMS_MAX: usize = 8;

/// Bytes of messages held between a peer's first open channel and its second. One message of full size and change.
pub(super) const EARLY_MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// Channels that one peer may open over its life. It needs four.
pub(super) const CHANNELS_OPENED_MAX: usize = 64;

/// What comes on SCTP streams from this one on is acknowledged and dropped: each costs memory, and browsers number from 0 up.
pub(super) const STREAM_IDS_MAX: u16 = 64;

/// Bytes of reliable messages that one peer has not had: four messages of full size. Of a plain page, what waits beyond what
/// SCTP holds.
pub(super) const RELIABLE_LOG_BYTES_MAX: usize = 1024 * 1024;

/// Reliable bytes taken from a page before it hears how many messages that were. Then it may forget them.
pub(super) const UNREPORTED_BYTES_MAX: usize = 128 * 1024;

/// From the first word that a connection ends to the last.
pub(super) const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Between such words: any of them may be lost.
pub(super) const FAREWELL_EVERY: Duration = Duration::from_millis(100);

/// Bytes that one peer may have sent before they are a message in its turn: what its SCTP is told that there is room for.
pub(super) const RECEIVED_BYTES_MAX: usize = 1024 * 1024;

/// Pieces of them, fragments and messages: four messages of full size. Each may cost a walk over all others, so that a hostile
/// sender can cause a quarter of a million steps with them, some 10 ms.
pub(super) const RECEIVED_PIECES_MAX: usize = 1024;

/// Reliable bytes handed to SCTP and not yet acknowledged, on a long path: 50 Mbit/s at a busy Wi-Fi's 20 ms.
pub(super) const RELIABLE_WINDOW_BYTES: usize = 128 * 1024;

/// The same on a short path, where more would only wait in a socket's buffer.
pub(super) const RELIABLE_WINDOW_BYTES_MIN: usize = 48 * 1024;

/// The rate in between, in bytes a second, of a window a round trip: 200 Mbit/s.
pub(super) const RELIABLE_RATE: usize = 24_000_000;

/// Unreliable bytes handed to SCTP and not yet acknowledged. Acknowledgements take up to 200 ms, so this is 320 KB/s
/// on a quiet link; past it the link is behind and the message would be stale.
pub(super) const UNRELIABLE_BACKLOG_BYTES_MAX: usize = 64 * 1024;

/// Unreliable bytes that may wait for the end of a reliable message that has begun to leave: what a tick may send at once.
/// Whatever waits there cannot be taken back when it is stale.
pub(super) const UNRELIABLE_WAITING_BYTES_MAX: usize = 4 * 1024;

/// A deadline that the transport asks for again at once would make the caller spin; it waits this long at least.
pub(super) const WAKE_AGAIN_MIN: Duration = Duration::from_millis(1);

/// Steps of one drain of a transport. The largest honest one, 256 KiB of fragments, takes a few hundred.
pub(super) const DRAIN_STEPS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MESSAGE_BYTES_MAX;

    #[test]
    fn the_protocol_document_has_the_same_values() {
        let document = include_str!("../../docs/PROTOCOL.md");
        let default = Limits::default();
        for (limit, value) in [
            ("peers", default.peers_max.to_string()),
            ("peers from one address", default.peers_per_address_max.to_string()),
            ("peers not open yet", default.pending_max.to_string()),
            ("peers not open yet, from one address", default.pending_per_address_max.to_string()),
            ("from the answer to both channels open", format!("{} s", OPENING_MAX.as_secs())),
            ("a message", format!("{MESSAGE_BYTES_MAX} bytes")),
            ("reliable messages that one peer has not had", format!("{RELIABLE_LOG_BYTES_MAX} bytes")),
            ("unreliable bytes not acknowledged by one peer", format!("{UNRELIABLE_BACKLOG_BYTES_MAX} bytes")),
            ("unreliable bytes behind a reliable message that leaves", format!("{UNRELIABLE_WAITING_BYTES_MAX} bytes")),
            ("grace time of a peer that is away", format!("{} s", default.grace.as_secs())),
            ("to take half of a full reliable budget", format!("{} s", default.slow_consumer_after.as_secs())),
            ("channels that one peer opens", CHANNELS_OPENED_MAX.to_string()),
            ("SCTP stream ids", format!("0 to {}", STREAM_IDS_MAX - 1)),
            ("messages before both channels are open", format!("{EARLY_MESSAGE_BYTES_MAX} bytes")),
            ("DTLS datagrams before ICE is connected", EARLY_DATAGRAMS_MAX.to_string()),
            ("source addresses of one peer", SOURCES_MAX.to_string()),
            ("source addresses of one peer over its life", SOURCES_REMEMBERED_MAX.to_string()),
        ] {
            assert!(document.contains(&format!("\n| {limit} | {value} |")), "{limit} is {value}");
        }
    }
}
