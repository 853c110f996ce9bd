//! What a server can be told before it starts.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use super::assets::Assets;
use super::authorize::Authorize;
use super::gate::{GateConfig, HttpLimits};
use crate::endpoint::Limits;

/// Less than a twentieth of a round trip over Wi-Fi, and short enough that the slowest of a hundred messages takes at most three times
/// as long as over raw UDP on one machine (docs/BENCHMARKS.md).
const GATHER_FOR: Duration = Duration::from_micros(150);

/// How a [`Server`](crate::Server) differs from the default.
#[derive(Debug, Clone)]
pub struct Config {
    /// A folder whose files are served instead of the built-in page, read anew at each request. `patchcord.js` and
    /// `patchcord.d.ts` come from the binary where the folder has none, so an `index.html` is enough.
    pub web: Option<PathBuf>,
    /// How many peers, and how patient the server is with them.
    pub limits: Limits,
    /// How many connections the page is loaded over. There may be as many as peers if that is more.
    pub http: HttpLimits,
    /// More names that people type to get here, without a port, such as `game.example`. Addresses, `localhost`, names
    /// in `.local` and the machine's own name need no mention; any other `Host` is refused, since it may be a page
    /// elsewhere whose name has been pointed here (DNS rebinding).
    pub names: Vec<String>,
    /// Who may connect, and what the application keeps for each: see [`Authorize::new`]. `None`: whoever reaches the port.
    pub authorize: Option<Authorize>,
    /// How long a message may wait for others, so that they share a wake-up of the loop, while three and more come in twice this
    /// time. It takes a third off what a message costs (docs/BENCHMARKS.md). At most 10 ms; with zero none waits.
    pub gather_for: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            web: None,
            limits: Limits::default(),
            http: HttpLimits::default(),
            names: Vec::new(),
            authorize: None,
            gather_for: GATHER_FOR,
        }
    }
}

impl Config {
    pub(super) fn gate(self, listeners: Vec<TcpListener>) -> io::Result<GateConfig> {
        let assets = match &self.web {
            Some(folder) => Assets::folder(folder)?,
            None => Assets::room(),
        };
        let http = self.http;
        let limits = HttpLimits {
            connections: http.connections.max(self.limits.peers_max),
            connections_per_address: http.connections_per_address.max(self.limits.peers_per_address_max),
            ..http
        };
        Ok(GateConfig { listeners, names: self.names, limits, assets, passes_fields_on: self.authorize.is_some() })
    }
}
