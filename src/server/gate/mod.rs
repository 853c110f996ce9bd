//! The gate: accepts every TCP connection and bounds it before tiny_http sees anything of it.
//!
//! One thread, one `mio::Poll`. A client's request is read whole, checked ([`head`], [`trust`]) and written anew; it
//! waits until tiny_http is free; the answer is read whole and given to the client as fast as the client takes it.
//! So no client can make tiny_http wait, and nothing a client wrote reaches it but values that were checked.
//!
//! What bounds a client, in the order in which it meets the bounds: the number of connections ([`door`]), the bytes of
//! head and body, the time until its request is whole, the time until it is answered, the time and the memory of
//! the answer, the farewell.

mod connection;
mod conversation;
mod door;
mod exchange;
mod frame;
pub(crate) mod head;
mod inner;
mod outgoing;
#[cfg(test)]
mod tests;
pub(crate) mod trust;
mod worker;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::{Poll, Waker};

use super::assets::Assets;
use super::http::Http;
use super::site::Site;
pub(super) use super::site::{Ask, Refused};
pub(super) use head::BODY_BYTES_MAX;
use inner::Inner;
use worker::{Entrance, House, Worker};

/// What the gate serves, where, to whom and within which bounds.
#[derive(Debug)]
pub(crate) struct GateConfig {
    /// Bound already; all with one port, or else `Host` and `Origin` name the port they came to.
    pub(crate) listeners: Vec<TcpListener>,
    /// More names of this server, without a port, such as `game.example`. Addresses, `localhost`, `*.local` and the
    /// machine's own name need no mention.
    pub(crate) names: Vec<String>,
    /// The bounds; [`HttpLimits::default`] is for a LAN.
    pub(crate) limits: HttpLimits,
    /// The page.
    pub(crate) assets: Assets,
    /// Whether `ask` is given the header fields of each offer.
    pub(crate) passes_fields_on: bool,
}

/// Bounds of the TCP connections that the page is loaded over, and of their time. Those of bytes are the contract's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections overall. Default 512: ten for each of fifty guests, and half of the 1,024 file descriptors that a
    /// process may have on most systems.
    pub connections: usize,
    /// Connections from one address. Default 64: browsers open six to a host, and a few tabs may share an address.
    pub connections_per_address: usize,
    /// From the accept to the whole request. Default 10 s.
    pub request: Duration,
    /// From the whole request to its answer. Default 3 s, above the 2 s that the answer to an offer may take, so that a
    /// slow application is told of by itself, and only those who wait behind it are told here.
    pub answer: Duration,
    /// From the accept until the answer is taken. Default 60 s: the largest file at 2.3 Mbit/s.
    pub exchange: Duration,
    /// From the answer's end until the connection is closed on a client that stays. Default 1 s: a retransmission or
    /// two.
    pub linger: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            connections: 512,
            connections_per_address: 64,
            request: Duration::from_secs(10),
            answer: Duration::from_secs(3),
            exchange: Duration::from_secs(60),
            linger: Duration::from_secs(1),
        }
    }
}

/// What every client is held to.
struct Rules {
    limits: HttpLimits,
    /// The server's names, in lower case.
    names: Vec<String>,
    /// The `Content-Security-Policy`.
    policy: &'static str,
    /// Shows tiny_http that the gate is the gate.
    key: String,
    /// Somebody wants to see the header fields of an offer.
    passes_fields_on: bool,
}

/// The running gate, with tiny_http behind it. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    running: Option<Running>,
}

struct Running {
    stop: Arc<AtomicBool>,
    waker: Waker,
    worker: JoinHandle<()>,
    http: Http,
    inner: Arc<Inner>,
}

impl Gate {
    /// Starts to serve, on two threads of its own (tiny_http adds five, which sleep).
    ///
    /// `ask` answers the body of `POST ./connect` with the JSON of a 200 or a refusal. It is called on tiny_http's
    /// thread, for one offer at a time, while every other request waits: it must return within 2 s, and at once with
    /// [`Refusal::ShuttingDown`](crate::Refusal::ShuttingDown) when the server ends.
    pub(crate) fn start<A>(config: GateConfig, ask: A) -> io::Result<Gate>
    where
        A: Fn(Ask) -> Result<String, Refused> + Send + 'static,
    {
        Self::start_inside(config, ask, |_| ())
    }

    /// As [`Gate::start`]. `before_connect` runs when tiny_http listens and the gate has not connected yet: a test can
    /// put something worse in its place.
    fn start_inside<A, B>(config: GateConfig, ask: A, before_connect: B) -> io::Result<Gate>
    where
        A: Fn(Ask) -> Result<String, Refused> + Send + 'static,
        B: FnOnce(&Inner),
    {
        let GateConfig { listeners, names, limits, assets, passes_fields_on } = config;
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.extend(trust::machine_names());
        let rules =
            Rules { limits, names, policy: assets.content_security_policy(), key: inner::secret()?, passes_fields_on };
        let listeners = listeners.into_iter().map(Entrance::new).collect::<io::Result<Vec<_>>>()?;
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), worker::WAKER)?;
        let stop = Arc::new(AtomicBool::new(false));

        let inner = Arc::new(Inner::new()?);
        let http = Http::start(Site::new(assets, ask), rules.key.clone(), inner.listen()?, Arc::clone(&inner))?;
        before_connect(&inner);
        let house = House::new(&rules, listeners.len());
        let mut worker = Worker {
            poll,
            listeners,
            rules,
            inner: Arc::clone(&inner),
            http: http.control(),
            stop: Arc::clone(&stop),
            house,
        };
        let started = worker
            .prepare()
            .and_then(|()| thread::Builder::new().name("patchcord-gate".into()).spawn(move || worker.run()));
        match started {
            Ok(worker) => Ok(Gate { running: Some(Running { stop, waker, worker, http, inner }) }),
            Err(error) => {
                http.stop();
                Err(error)
            }
        }
    }

    /// Closes the listeners and every connection, and ends the threads: within 1 s, at most half of which is waited for
    /// an `ask` that does not return. Who waits for an answer is told `shutting-down`. Dropping the gate does the same.
    pub(crate) fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(Running { stop, waker, worker, http, inner }) = self.running.take() else { return };
        stop.store(true, Ordering::SeqCst);
        if let Err(error) = waker.wake() {
            tracing::error!(%error, "cannot wake the gate to end it");
        } else if worker.join().is_err() {
            tracing::error!("the gate's thread panicked");
        }
        http.stop();
        // After tiny_http, which needs its listener to end.
        drop(inner);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
