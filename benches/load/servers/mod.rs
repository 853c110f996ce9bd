//! The servers that are compared. Each echoes, on one thread, in a process of its own.

mod ours;
mod plain;
mod udp;
mod websocket;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use patchcord::Config;

use crate::process::{SERVER_CORE, pin};

/// The word for an echo of ours that ticks as well, and says once a second how late.
pub const TICKING: &str = "ticking";

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
    /// The same, with `gather_for` at zero.
    AtOnce,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Udp, Kind::WebSocket, Kind::Plain, Kind::Ours, Kind::AtOnce];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Udp => "udp",
            Kind::WebSocket => "websocket",
            Kind::Plain => "str0m",
            Kind::Ours => "patchcord",
            Kind::AtOnce => "at-once",
        }
    }
}

/// Serves until standard input ends. `words` are the kind, and what that wants to know.
pub fn serve(words: &[String]) -> io::Result<()> {
    pin(SERVER_CORE);
    end_with_input();
    let kind = Kind::ALL.into_iter().find(|kind| words.first().is_some_and(|word| word == kind.name()));
    match kind.ok_or_else(|| io::Error::other("no such server"))? {
        Kind::Udp => udp::serve(),
        Kind::WebSocket => websocket::serve(words.get(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(4096)),
        Kind::Plain => plain::serve(),
        Kind::Ours => ours::serve(Config::default().gather_for, words.get(1).is_some_and(|word| word == TICKING)),
        Kind::AtOnce => ours::serve(Duration::ZERO, false),
    }
}

/// This process ends with the load, however that ends.
pub fn end_with_input() {
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}

pub fn announce(address: SocketAddr) -> io::Result<()> {
    println!("http://{address}/");
    io::stdout().flush()
}
