//! SCTP for data channels (RFC 8831), made for a LAN: what is unreliable leaves now or not at all, and what is lost comes back
//! after two round trips.
//!
//! An [`Association`] is one peer's. [`outbound`] decides what leaves and what is lost, of what [`flight`] has on its way;
//! [`inbound`] takes what arrives, and [`assembly`] makes messages of it. The rest are the bytes ([`packet`], [`chunk`]), the
//! beginning ([`handshake`]), and channels that open ([`dcep`]) and close ([`reset`]).
//!
//! Left out, since WebRTC does not use it: several addresses, stream schedulers, interleaving, authentication, and the orderly
//! SHUTDOWN, which says nothing that an ABORT does not.

mod assembly;
mod association;
mod chunk;
mod dcep;
mod few;
mod flight;
mod handshake;
mod inbound;
mod number;
mod outbound;
mod packet;
mod queue;
mod reset;
mod round_trip;
mod share;
mod stream_set;
mod window;

use rand::Rng;

pub(super) use association::{Arrival, Association};
pub(super) use dcep::ChannelOpen;

/// A stream, which is a data channel while one is open on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId(pub(super) u16);

/// The other side does what no honest one does; it has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Violation;

/// What each association draws at random.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nonces {
    tag: u32,
    tsn: u32,
    cookie: [u8; 16],
}

impl Nonces {
    pub(super) fn new(rng: &mut impl Rng) -> Nonces {
        let mut cookie = [0; 16];
        rng.fill_bytes(&mut cookie);
        Nonces { tag: rng.next_u32(), tsn: rng.next_u32(), cookie }
    }
}
