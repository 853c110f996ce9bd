//! Who may come in, as far as the application wants to decide it.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::signal::Denial;

/// Decides about each offer before it is answered: see [`Authorize::new`].
#[derive(Clone)]
pub struct Authorize(Arc<Decide>);

type Decide = dyn Fn(&ConnectRequest<'_>) -> Result<PeerData, Denial> + Send + Sync;

/// What the application keeps for a peer.
pub(super) type PeerData = Box<dyn Any + Send>;

/// A `POST ./connect`, as far as it says who asks.
#[derive(Debug, Clone, Copy)]
pub struct ConnectRequest<'a> {
    /// Where the browser is; an IPv4 address is never in its IPv6-mapped form.
    pub from: SocketAddr,
    /// Our address by which it reached us.
    pub facing: SocketAddr,
    /// What follows the first `?` of the address that the page posted to, still percent-encoded.
    pub query: Option<&'a str>,
    /// Name and value of each header field in ASCII, in the order in which they came; at most 64 of 16 KiB in all.
    pub fields: &'a [(String, String)],
}

impl ConnectRequest<'_> {
    /// The first header field of this name, whatever its case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

impl Authorize {
    /// `decide` looks at each offer and gives what the application keeps for this peer, or says why not. What it gives is
    /// read with [`Server::data`](crate::Server::data). A peer that comes back is decided about again, and keeps the newer.
    ///
    /// It runs on the thread that answers HTTP requests, one at a time: while it thinks, nobody is answered. A request that
    /// waits for 3 s is refused with 503 `busy`; a panic costs its request alone (500 `internal`).
    ///
    /// ```
    /// use patchcord::{Authorize, Config, Denial};
    ///
    /// struct Name(String);
    ///
    /// let authorize = Authorize::new(|request| match request.query.and_then(|query| query.strip_prefix("name=")) {
    ///     Some(name) => Ok(Name(name.to_owned())),
    ///     None => Err(Denial::new(401, "no-name", "Say who you are.")),
    /// });
    /// let config = Config { authorize: Some(authorize), ..Config::default() };
    /// # let _ = config;
    /// // In the loop: server.data::<Name>(peer)
    /// ```
    pub fn new<T: Any + Send>(
        decide: impl Fn(&ConnectRequest<'_>) -> Result<T, Denial> + Send + Sync + 'static,
    ) -> Authorize {
        Authorize(Arc::new(move |request| Ok(Box::new(decide(request)?))))
    }

    pub(super) fn decide(&self, request: &ConnectRequest<'_>) -> Result<PeerData, Denial> {
        (self.0)(request)
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorize")
    }
}
