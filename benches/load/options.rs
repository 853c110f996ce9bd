use std::io;
use std::time::Duration;

use crate::servers::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// CPU a message and round trip.
    Echo,
    /// Set-up, memory and heartbeats of peers that say nothing.
    Idle,
    /// One peer, as fast as it goes.
    Bulk,
    /// The program's room.
    Room,
    /// Ticks beside the echo, without and with a peer that floods.
    Fair,
}

pub struct Options {
    pub parts: Vec<Part>,
    pub kinds: Vec<Kind>,
    /// Peers and messages a second of each. The third and the last two have the same total.
    pub echo: Vec<(usize, f64)>,
    pub message_bytes: usize,
    pub warm_up: Duration,
    pub steady: Duration,
    pub rounds: usize,
    pub idle_peers: usize,
    pub room_peers: Vec<usize>,
    pub fair: (usize, f64),
}

impl Options {
    pub fn parse(arguments: &[String]) -> io::Result<Options> {
        // `cargo test` runs this too, without the flag, to see that it still works.
        let is_bench = arguments.iter().any(|argument| argument == "--bench");
        let mut options = if is_bench { Options::full() } else { Options::tiny() };
        let mut words = arguments.iter().filter(|argument| *argument != "--bench");
        let mut parts = Vec::new();
        let (mut peers, mut rate) = (None, None);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| io::Error::other(format!("{word} needs a value")));
            match word.as_str() {
                "echo" => parts.push(Part::Echo),
                "idle" => parts.push(Part::Idle),
                "bulk" => parts.push(Part::Bulk),
                "room" => parts.push(Part::Room),
                "fair" => parts.push(Part::Fair),
                "--peers" => peers = Some(number(value()?)?),
                "--rate" => rate = Some(number(value()?)?),
                "--bytes" => options.message_bytes = number(value()?)?,
                "--seconds" => options.steady = Duration::from_secs_f64(number(value()?)?),
                "--rounds" => options.rounds = number(value()?)?,
                "--only" => {
                    let kinds = value()?.split(',').map(|name| {
                        Kind::named(name).ok_or_else(|| io::Error::other(format!("there is no {name} to compare")))
                    });
                    options.kinds = kinds.collect::<io::Result<_>>()?;
                }
                other => return Err(io::Error::other(format!("{other} is not understood; see benches/load/main.rs"))),
            }
        }
        if !parts.is_empty() {
            options.parts = parts;
        }
        if peers.is_some() || rate.is_some() {
            let peers = peers.unwrap_or(200);
            options.echo = vec![(peers, rate.unwrap_or(60.0))];
            options.idle_peers = peers;
            options.room_peers = vec![peers];
            options.fair = (peers, rate.unwrap_or(60.0));
        }
        Ok(options)
    }

    fn full() -> Options {
        Options {
            parts: vec![Part::Echo, Part::Idle, Part::Bulk, Part::Room, Part::Fair],
            kinds: Kind::USUAL.to_vec(),
            echo: vec![(1, 60.0), (50, 60.0), (200, 60.0), (100, 120.0), (1000, 12.0)],
            message_bytes: 64,
            warm_up: Duration::from_secs(2),
            steady: Duration::from_secs(6),
            rounds: 3,
            idle_peers: 200,
            room_peers: vec![10, 50, 100],
            fair: (200, 60.0),
        }
    }

    fn tiny() -> Options {
        Options {
            echo: vec![(2, 60.0)],
            warm_up: Duration::from_millis(100),
            steady: Duration::from_millis(200),
            rounds: 1,
            idle_peers: 2,
            room_peers: vec![2],
            fair: (2, 60.0),
            ..Options::full()
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("{text} is not a number")))
}
