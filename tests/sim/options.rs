//! Everything that can be told to a run, and the weathers that have names.

use std::time::Duration;

use patchcord::Limits;

use crate::chance::Chance;

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
    /// Probability that a message has more than one packet: 1,063 bytes to 256 KiB, the larger the rarer.
    pub large: f64,
    /// Probability that a page does not wait for both channels, as patchcord.js does, but speaks on the first to open.
    pub eager: f64,
    /// Messages that come at once, at most.
    pub at_once_max: usize,
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

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A quiet cable, and the base of all others.
const FAIR: Options = Options {
    name: "fair",
    lasts: seconds(60),
    spare_opening: false,
    browsers: 6,
    browsers_per_address: 1,
    join_within: seconds(1),
    limits: Limits {
        peers_max: 256,
        peers_per_address_max: 32,
        pending_max: 64,
        pending_per_address_max: 16,
        grace: Duration::from_secs(30),
        slow_consumer_after: Duration::from_secs(10),
    },
    happening_every: None,
    close: 1,
    vanish: 1,
    sleep: 1,
    rebind: 1,
    kick: 1,
    sleep_max: seconds(40),
    return_within: seconds(3),
    same_port: 0.2,
    delay: ms(1),
    jitter: ms(0),
    loss: 0.0,
    burst: None,
    reorder: 0.0,
    reorder_by_max: ms(30),
    duplicate: 0.0,
    corrupt: 0.0,
    rate: None,
    cut_every: None,
    cut_max: seconds(4),
    application: Kind::Echo,
    page_message_every: ms(250),
    server_message_every: ms(250),
    reliable: 0.5,
    large: 0.05,
    eager: 0.5,
    at_once_max: 1,
};

impl Options {
    /// Every weather with a name. `mixed` and `mixed-room` draw theirs from the seed; `hour` takes minutes.
    pub const NAMES: [&'static str; 20] = [
        "fair",
        "wifi",
        "bursty",
        "shuffled",
        "forged",
        "narrow",
        "cuts",
        "comers",
        "vanishing",
        "sleepers",
        "movers",
        "crowd",
        "shared",
        "flood",
        "large",
        "storm",
        "room",
        "mixed",
        "mixed-room",
        "hour",
    ];

    /// The weather of this name.
    pub fn named(name: &str, seed: u64) -> Option<Options> {
        let busy = Options { happening_every: Some(seconds(15)), ..FAIR };
        let only = |close, vanish, sleep, rebind, kick| Options { close, vanish, sleep, rebind, kick, ..busy.clone() };
        let wifi = Options { delay: ms(3), jitter: ms(20), loss: 0.02, ..FAIR };
        let burst = Some(Burst { begins: 0.01, ends: 0.2, loss: 0.8 });
        let options = match name {
            "fair" => FAIR,
            "wifi" => wifi,
            "bursty" => Options { burst, ..wifi },
            "shuffled" => Options { reorder: 0.2, duplicate: 0.1, ..wifi },
            "forged" => Options { corrupt: 0.1, duplicate: 0.05, ..wifi },
            "narrow" => {
                let rate = Some(Rate { bytes_per_second: 60_000, queue_bytes: 30_000 });
                Options { rate, large: 0.2, delay: ms(20), ..FAIR }
            }
            "cuts" => Options { cut_every: Some(seconds(15)), cut_max: seconds(25), ..wifi },
            "comers" => only(1, 0, 0, 0, 1),
            "vanishing" => only(0, 1, 0, 0, 0),
            "sleepers" => only(0, 0, 1, 0, 0),
            "movers" => only(0, 0, 0, 1, 0),
            "crowd" => Options { browsers: 80, join_within: ms(0), lasts: seconds(15), loss: 0.05, ..FAIR },
            "shared" => Options {
                browsers: 24,
                browsers_per_address: 8,
                limits: Limits {
                    peers_max: 20,
                    peers_per_address_max: 7,
                    pending_max: 6,
                    pending_per_address_max: 3,
                    ..FAIR.limits
                },
                lasts: seconds(40),
                ..only(3, 1, 0, 0, 1)
            },
            "flood" => Options {
                browsers: 4,
                lasts: seconds(40),
                at_once_max: 40,
                large: 0.3,
                server_message_every: ms(500),
                page_message_every: ms(500),
                loss: 0.01,
                ..only(1, 3, 1, 0, 0)
            },
            "large" => Options { browsers: 3, large: 0.6, reliable: 0.8, lasts: seconds(40), ..wifi },
            "storm" => Options {
                burst,
                loss: 0.1,
                reorder: 0.1,
                duplicate: 0.05,
                corrupt: 0.02,
                delay: ms(20),
                jitter: ms(80),
                cut_every: Some(seconds(40)),
                cut_max: seconds(6),
                ..busy
            },
            "room" => Options {
                application: Kind::Room,
                browsers: 10,
                loss: 0.03,
                jitter: ms(10),
                page_message_every: ms(100),
                server_message_every: ms(16),
                lasts: seconds(20),
                happening_every: Some(seconds(10)),
                ..FAIR
            },
            "hour" => Options {
                browsers: 200,
                join_within: seconds(20),
                lasts: seconds(3600),
                loss: 0.05,
                delay: ms(2),
                jitter: ms(10),
                page_message_every: ms(1000),
                server_message_every: ms(1000),
                large: 0.01,
                happening_every: Some(seconds(600)),
                ..FAIR
            },
            "mixed" => Options { name: "mixed", ..mixed(seed) },
            "mixed-room" => Options {
                application: Kind::Room,
                server_message_every: ms(100),
                page_message_every: ms(300),
                at_once_max: 1,
                ..mixed(seed)
            },
            _ => return None,
        };
        let name = Options::NAMES.into_iter().find(|known| *known == name)?;
        Some(Options { name, ..options })
    }

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
            && self.rate.is_none()
            && self.cut_every.is_none()
            && self.reorder == 0.0
    }
}

/// Every knob drawn, most of them off half of the time.
fn mixed(seed: u64) -> Options {
    let mut chance = Chance::of(seed, "options", 0);
    let sometimes = |chance: &mut Chance, high: f64| {
        let value = chance.within(1..=1000) as f64 / 1000.0 * high;
        if chance.happens(0.5) { value } else { 0.0 }
    };
    let c = &mut chance;
    let large = sometimes(c, 0.2);
    Options {
        lasts: seconds(c.within(20..=90) as u64),
        browsers: c.within(2..=8),
        browsers_per_address: c.within(1..=3),
        join_within: c.up_to(seconds(10)),
        happening_every: c.happens(0.8).then(|| seconds(c.within(5..=40) as u64)),
        close: c.within(1..=4) as u32,
        vanish: c.within(0..=2) as u32,
        sleep: c.within(0..=2) as u32,
        rebind: c.within(0..=2) as u32,
        kick: c.within(0..=1) as u32,
        return_within: c.up_to(seconds(8)),
        delay: ms(c.within(0..=60) as u64),
        jitter: c.up_to(ms(80)),
        loss: sometimes(c, 0.15),
        burst: c.happens(0.3).then(|| Burst {
            begins: c.within(1..=20) as f64 / 1000.0,
            ends: c.within(10..=50) as f64 / 100.0,
            loss: c.within(50..=100) as f64 / 100.0,
        }),
        reorder: sometimes(c, 0.2),
        reorder_by_max: c.up_to(ms(150)),
        duplicate: sometimes(c, 0.1),
        corrupt: sometimes(c, 0.05),
        rate: c.happens(0.25).then(|| Rate {
            bytes_per_second: c.within(40_000..=1_000_000) as u32,
            queue_bytes: c.within(20_000..=200_000),
        }),
        cut_every: c.happens(0.3).then(|| seconds(c.within(10..=60) as u64)),
        cut_max: c.up_to(seconds(30)),
        page_message_every: ms(c.within(50..=800) as u64),
        server_message_every: ms(c.within(50..=800) as u64),
        reliable: c.within(10..=90) as f64 / 100.0,
        large,
        at_once_max: c.within(1..=4),
        ..FAIR
    }
}
