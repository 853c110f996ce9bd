//! The load: many clients in one loop, over each of the three transports.

mod udp;
mod webrtc;
mod websocket;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use patchcord::Channel;

pub use udp::Udp;
pub use webrtc::WebRtc;
pub use websocket::WebSockets;

use crate::servers::Kind;

/// Clients that are connected, by numbers from 0.
pub trait Clients {
    /// Whether the message was taken.
    fn send(&mut self, client: usize, channel: Channel, message: &[u8]) -> bool;

    /// Waits until something arrives or the deadline passes, and hands on what has arrived.
    fn poll(&mut self, deadline: Instant, heard: &mut dyn FnMut(usize, &[u8])) -> io::Result<()>;
}

/// So many clients of a server of this kind.
pub fn connect(kind: Kind, server: SocketAddr, count: usize) -> io::Result<Box<dyn Clients>> {
    Ok(match kind {
        Kind::Udp => Box::new(Udp::connect(server, count)?),
        Kind::WebSocket => Box::new(WebSockets::connect(server, count)?),
        Kind::Plain | Kind::Ours | Kind::Waiting(_) => Box::new(WebRtc::connect(server, count)?),
    })
}
