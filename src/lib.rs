//! A UDP socket for the browser, on your LAN.
//!
//! One [`Server`] serves a page, answers the WebRTC offer that the page sends, runs the WebRTC peers itself, and hands
//! their messages to a plain loop. No async runtime, no STUN or TURN server, one port.
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use patchcord::{Channel, Event, Server};
//!
//! fn main() -> std::io::Result<()> {
//!     let mut server = Server::bind("0.0.0.0:8080")?;
//!     let mut next_tick = Instant::now();
//!     loop {
//!         match server.poll(next_tick)? {
//!             Some(Event::Joined { peer, .. }) => println!("{peer} is here"),
//!             Some(Event::Message { peer, channel, data }) => {
//!                 let _ = server.send(peer, channel, &data);
//!             }
//!             Some(Event::Left { peer, reason }) => println!("{peer} left: {reason:?}"),
//!             Some(_) => {}
//!             None => {
//!                 server.broadcast(Channel::Unreliable, "tick");
//!                 next_tick += Duration::from_millis(16);
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! The page needs `patchcord.js`, which the server has built in, or nothing but a plain `RTCPeerConnection`:
//! `docs/PROTOCOL.md` says how.
//!
//! # The house
//!
//! - `signal` reads offers and writes answers and refusals. Pure.
//! - [`Endpoint`] is every peer behind one UDP port, sans-IO: it takes the time, bytes and a seed, and never blocks. Use
//!   it alone to test an application without a network, or to put sockets of your own around it.
//! - [`Server`] is the shell around it, with every system call: UDP on mio, and the page behind a gate on a thread of its
//!   own.
//! - [`Client`] is a native client of such a server, without a browser: for robots, instruments and load.
//! - [`room`] is the showcase that the program serves. Pure.

mod client;
mod endpoint;
#[doc(hidden)]
pub mod fuzzing;
pub mod room;
mod server;
mod signal;
mod udp;

pub use client::{Client, ClientEvent, ConnectError};
pub use endpoint::{
    Channel, Data, Endpoint, Event, Limits, Payload, PeerId, Reason, SendOutcome, Stats, Transmit, Why,
};
pub use server::{Authorize, Config, ConnectRequest, Handle, HandleError, HttpLimits, Lateness, Server};
pub use signal::{
    Answer, AnswerError, Denial, MESSAGE_BYTES_MAX, OFFER_BYTES_MAX, Offer, OfferError, Refusal, SessionAnswer,
    SessionAsk,
};
