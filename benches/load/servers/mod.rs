//! The servers that are compared. Each echoes, on one thread, in a process of its own.

mod ours;
mod plain;
mod udp;
mod websocket;

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use crate::process::{SERVER_CORE, pin};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `recv_from` and `send_to` on a blocking socket: one system call a datagram, nothing else.
    Udp,
    /// tungstenite on mio.
    WebSocket,
    /// str0m on mio, without our work.
    Plain,
    /// `patchcord::Server`.
    Ours,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Udp, Kind::WebSocket, Kind::Plain, Kind::Ours];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Udp => "udp",
            Kind::WebSocket => "websocket",
            Kind::Plain => "str0m",
            Kind::Ours => "patchcord",
        }
    }
}

/// Serves until standard input ends. `words` are the kind, and what that wants to know.
pub fn serve(words: &[String]) -> io::Result<()> {
    pin(SERVER_CORE);
    std::thread::spawn(|| {
        // Ends with the load, however that ends.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let kind = Kind::ALL.into_iter().find(|kind| words.first().is_some_and(|word| word == kind.name()));
    match kind.ok_or_else(|| io::Error::other("no such server"))? {
        Kind::Udp => udp::serve(),
        Kind::WebSocket => websocket::serve(words.get(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(4096)),
        Kind::Plain => plain::serve(),
        Kind::Ours => ours::serve(),
    }
}

fn announce(address: SocketAddr) -> io::Result<()> {
    println!("http://{address}/");
    io::stdout().flush()
}
