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

/// Begins the names of [`Kind::Waiting`].
const WAITING: &str = "wait-";

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
    /// The same with another `gather_for`, in microseconds.
    Waiting(u16),
}

impl Kind {
    /// Those that are compared if nothing else is asked for.
    pub const USUAL: [Kind; 5] = [Kind::Udp, Kind::WebSocket, Kind::Plain, Kind::Ours, Kind::Waiting(0)];

    pub fn name(self) -> String {
        match self {
            Kind::Udp => "udp".to_owned(),
            Kind::WebSocket => "websocket".to_owned(),
            Kind::Plain => "str0m".to_owned(),
            Kind::Ours => "patchcord".to_owned(),
            Kind::Waiting(micros) => format!("{WAITING}{micros}"),
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        let usual = Kind::USUAL.into_iter().find(|kind| kind.name() == name);
        usual.or_else(|| Some(Kind::Waiting(name.strip_prefix(WAITING)?.parse().ok()?)))
    }

    /// Whether connections to it are made, kept and reliable, in a way that no other of these kinds has.
    pub fn connects(self) -> bool {
        !matches!(self, Kind::Udp | Kind::Waiting(_))
    }
}

/// Serves until standard input ends. `words` are the kind, and what that wants to know.
pub fn serve(words: &[String]) -> io::Result<()> {
    pin(SERVER_CORE);
    end_with_input();
    let kind = words.first().and_then(|word| Kind::named(word));
    match kind.ok_or_else(|| io::Error::other("no such server"))? {
        Kind::Udp => udp::serve(),
        Kind::WebSocket => websocket::serve(words.get(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(4096)),
        Kind::Plain => plain::serve(),
        Kind::Ours => ours::serve(Config::default().gather_for, words.get(1).is_some_and(|word| word == TICKING)),
        Kind::Waiting(micros) => ours::serve(Duration::from_micros(micros.into()), false),
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
