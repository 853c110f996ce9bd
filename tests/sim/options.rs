//! Everything that can be told to a run. `weathers.rs` has those with names.

use std::time::Duration;

use patchcord::Limits;

use crate::weathers::FAIR;

/// What a run is made of. With a seed it says all: the same two give the same run, as far as `docs/TESTING.md` says.
/// Probabilities are from 0 to 1, and hold for each datagram in each direction unless they say otherwise.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the replay command calls it.
    pub name: &'static str,
    /// Virtual time of weather. Then 75 s of calm follow, in which everything must come to rest, and the shutdown.
    pub lasts: Duration,

    /// Until a page is open nothing happens to its datagrams. DTLS times its retransmissions by chance of its own, so this
    /// is what makes a run the same each time.
    pub spare_opening: bool,

    /// How many devices there are.
    pub browsers: usize,
    /// How many of them share one IP address.
    pub browsers_per_address: usize,
    /// They all come within this time; zero: at once.
    pub join_within: Duration,
    /// Probability that a device's pages speak the session.
    pub sessions: f64,
    /// Probability that a device's page is hidden at first.
    pub hidden: f64,
    /// What the endpoint takes.
    pub limits: Limits,
    /// Mean time between two happenings to one browser. `None`: nothing ever happens to one.
    pub happening_every: Option<Duration>,
    /// What happens, by weight: `pc.close()`, as when a person leaves the page.
    pub close: u32,
    /// … the browser is killed and tells nobody.
    pub vanish: u32,
    /// … the device sleeps, and hears nothing until it wakes.
    pub sleep: u32,
    /// … the server sees it at another address from now on (a NAT, or a Wi-Fi with another lease).
    pub rebind: u32,
    /// … the application disconnects it.
    pub kick: u32,
    /// … the page is reloaded: one with a session comes back, and does not always say that it goes.
    pub reload: u32,
    /// … the device is in another network, with another address of its own.
    pub moves: u32,
    /// … the page is hidden, or shown.
    pub hide: u32,
    /// … its person asks for somebody else's session, with a wrong, a used or a stolen token.
    pub theft: u32,
    /// Longest sleep.
    pub sleep_max: Duration,
    /// Who has gone comes back within this time. Also the time after which a failed attempt is made again.
    pub return_within: Duration,
    /// Probability that who comes back has the port of before.
    pub same_port: f64,

    /// One way, at least.
    pub delay: Duration,
    /// Added to the delay, up to this; does not reorder.
    pub jitter: Duration,
    /// Probability that a datagram is lost, whatever happened to the one before.
    pub loss: f64,
    /// Loss in bursts, on top of `loss`.
    pub burst: Option<Burst>,
    /// Probability that a datagram is held back while others pass.
    pub reorder: f64,
    /// How long one is held back, and a duplicate comes later, at most.
    pub reorder_by_max: Duration,
    /// Probability that a datagram arrives twice.
    pub duplicate: f64,
    /// Probability that some of its bytes arrive as others.
    pub corrupt: f64,
    /// The bottleneck.
    pub rate: Option<Rate>,
    /// The way to the first device alone.
    pub first_rate: Option<Rate>,
    /// Mean time between two cuts of one browser's link. `None`: never.
    pub cut_every: Option<Duration>,
    /// Longest cut. Both directions, and TCP too.
    pub cut_max: Duration,

    /// What runs on the server.
    pub application: Kind,
    /// Mean time between two messages of one page.
    pub page_message_every: Duration,
    /// Mean time between two messages of the application to one peer, beside its answers. The room: one tick.
    pub server_message_every: Duration,
    /// Probability that a message goes on the reliable channel.
    pub reliable: f64,
    /// Probability that another message goes on the latest channel rather than the unreliable one.
    pub latest: f64,
    /// Probability that a message has more than one packet: 1,063 bytes to 256 KiB, the larger the rarer.
    pub large: f64,
    /// Probability that a page does not wait for both channels, as patchcord.js does, but speaks on the first to open.
    pub eager: f64,
    /// Messages that come at once, at most.
    pub at_once_max: usize,
    /// Whether the delay of each message is kept, for a figure.
    pub keeps_delays: bool,
}

/// Gilbert-Elliott: a link is good or bad, and turns with these probabilities at each datagram.
#[derive(Debug, Clone, Copy)]
pub struct Burst {
    /// Good to bad.
    pub begins: f64,
    /// Bad to good.
    pub ends: f64,
    /// Loss while bad.
    pub loss: f64,
}

/// One direction of one browser's link.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// How fast it sends.
    pub bytes_per_second: u32,
    /// What may wait; beyond it datagrams are lost.
    pub queue_bytes: usize,
}

/// Which application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answers every message with itself, and says things of its own.
    Echo,
    /// `patchcord::room`.
    Room,
}

impl Options {
    /// The same network after the weather has passed.
    pub fn calmed(&self) -> Options {
        let Options { delay, .. } = *self;
        Options { delay, application: self.application, limits: self.limits, ..FAIR }
    }

    /// Whether every datagram arrives, and in time.
    pub fn is_fair(&self) -> bool {
        self.loss == 0.0
            && self.burst.is_none()
            && self.corrupt == 0.0
            && self.rate.or(self.first_rate).is_none()
            && self.cut_every.is_none()
            && self.reorder == 0.0
    }
}
