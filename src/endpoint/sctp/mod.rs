//! Between SCTP and DTLS: what str0m 0.25 and sctp-proto cannot be told to do, done packet by packet.
//!
//! str0m lets its DTLS be replaced. The [`tap`] makes the same DTLS, sees each SCTP packet in the clear, and does five
//! things: empty messages ([`empty`]), losses that are not congestion, and probes ([`wire`], [`again`]), acknowledgements that
//! travel with data ([`held_sack`]), no message lost to what ends the connection ([`last_words`]), and no stream ids without
//! end (sctp-proto keeps state for every id that it hears of, up to 65,536, and str0m walks all of it on each poll).

mod again;
mod empty;
mod held_sack;
mod last_words;
mod leaving;
mod packet;
mod round_trip;
mod share;
mod tap;
mod wire;

pub(super) use empty::EmptyMark;
pub(super) use tap::{SharedWire, Tap};
