//! The weathers that have names, and those that are drawn from a seed.

use std::time::Duration;

use patchcord::Limits;

use crate::chance::Chance;
use crate::options::{Burst, Kind, Options, Rate};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A quiet cable, and the base of all others.
pub const FAIR: Options = Options {
    name: "fair",
    lasts: seconds(60),
    spare_opening: false,
    browsers: 6,
    browsers_per_address: 1,
    join_within: seconds(1),
    sessions: 0.0,
    hidden: 0.0,
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
    reload: 0,
    moves: 0,
    hide: 0,
    theft: 0,
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
    first_rate: None,
    cut_every: None,
    cut_max: seconds(4),
    application: Kind::Echo,
    page_message_every: ms(250),
    server_message_every: ms(250),
    reliable: 0.5,
    latest: 0.0,
    large: 0.05,
    eager: 0.5,
    at_once_max: 1,
    keeps_delays: false,
};

impl Options {
    /// Every weather with a name. Those that begin with `mixed` draw theirs from the seed; `hour` takes minutes.
    pub const NAMES: [&'static str; 24] = [
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
        "mixed-sessions",
        "mixed-room",
        "roaming",
        "heartbeat",
        "vanish",
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
            "roaming" => Options {
                sessions: 1.0,
                hidden: 0.2,
                reload: 3,
                moves: 2,
                hide: 1,
                theft: 2,
                latest: 0.5,
                loss: 0.02,
                jitter: ms(10),
                sleep_max: seconds(20),
                ..only(1, 1, 2, 2, 1)
            },
            "heartbeat" => Options {
                browsers: 6,
                lasts: seconds(3600),
                sessions: 1.0,
                hidden: 0.5,
                loss: 0.1,
                jitter: ms(300),
                latest: 0.5,
                hide: 1,
                happening_every: Some(seconds(120)),
                page_message_every: seconds(20),
                server_message_every: seconds(20),
                ..only(0, 0, 0, 0, 0)
            },
            "vanish" => Options {
                sessions: 1.0,
                hidden: 0.5,
                hide: 1,
                latest: 0.5,
                cut_every: Some(seconds(20)),
                cut_max: seconds(12),
                loss: 0.02,
                jitter: ms(10),
                lasts: seconds(120),
                ..only(0, 2, 1, 0, 0)
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
            "mixed" => mixed(seed),
            "mixed-sessions" => with_sessions(seed, mixed(seed)),
            "mixed-room" => Options {
                application: Kind::Room,
                server_message_every: ms(100),
                page_message_every: ms(300),
                at_once_max: 1,
                ..with_sessions(seed, mixed(seed))
            },
            _ => return None,
        };
        let name = Options::NAMES.into_iter().find(|known| *known == name)?;
        Some(Options { name, ..options })
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

/// The same with some pages, or all, that speak the session, and what happens to such.
fn with_sessions(seed: u64, options: Options) -> Options {
    let mut chance = Chance::of(seed, "sessions", 0);
    let c = &mut chance;
    let grace = c.pick(&[(2, seconds(30)), (1, seconds(0)), (1, c.clone().up_to(seconds(20)))]);
    Options {
        sessions: c.pick(&[(1, 0.0), (2, 0.5), (3, 1.0)]),
        hidden: c.pick(&[(2, 0.0), (1, 0.3)]),
        limits: Limits { grace, ..options.limits },
        reload: c.within(0..=3) as u32,
        moves: c.within(0..=2) as u32,
        hide: c.within(0..=2) as u32,
        theft: c.within(0..=2) as u32,
        latest: c.pick(&[(1, 0.0), (2, 0.5)]),
        ..options
    }
}
