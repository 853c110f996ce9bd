//! What a server can be told before it starts.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;

use super::assets::Assets;
use super::gate::{GateConfig, GateLimits};
use crate::endpoint::Limits;

/// How a [`Server`](crate::Server) differs from the default.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// A folder whose files are served instead of the built-in page, read anew at each request. `patchcord.js` and
    /// `patchcord.d.ts` come from the binary where the folder has none, so an `index.html` is enough.
    pub web: Option<PathBuf>,
    /// How many peers. The connections that the page is loaded over are bounded too: 512 overall and 64 from one
    /// address, or as many as there may be peers if that is more.
    pub limits: Limits,
    /// More names that people type to get here, without a port, such as `game.example`. Addresses, `localhost`, names
    /// in `.local` and the machine's own name need no mention; any other `Host` is refused, since it may be a page
    /// elsewhere whose name has been pointed here (DNS rebinding).
    pub names: Vec<String>,
}

impl Config {
    pub(super) fn gate(self, listeners: Vec<TcpListener>) -> io::Result<GateConfig> {
        let assets = match &self.web {
            Some(folder) => Assets::folder(folder)?,
            None => Assets::room(),
        };
        let default = GateLimits::default();
        let limits = GateLimits {
            connections: default.connections.max(self.limits.peers_max),
            connections_per_address: default.connections_per_address.max(self.limits.peers_per_address_max),
            ..default
        };
        Ok(GateConfig { listeners, names: self.names, limits, assets })
    }
}
