//! Many peers, each with small messages at a steady rate, echoed: CPU a message, and how long it takes.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use patchcord::Channel;

use super::{histogram, note};
use crate::clients::{self, Clients};
use crate::options::Options;
use crate::process::{Process, Share, own_cpu};
use crate::servers::Kind;
use crate::table::{Table, median};

/// An echo that has not come by then counts as lost.
const LAST_ECHO: Duration = Duration::from_millis(500);

/// epoll wakes by the millisecond. Who waits for it sends in bursts, and the quicker a server answers the larger they are; so
/// the last of each wait is spent asking again and again.
const SPIN: Duration = Duration::from_millis(2);

struct Figures {
    micros_a_message: f64,
    share: f64,
    messages_a_wait: f64,
    round_trip: Histogram<u64>,
    lost: f64,
    /// How late messages were sent.
    lateness: Histogram<u64>,
    load_share: f64,
}

pub fn measure(options: &Options) -> io::Result<()> {
    for &(peers, rate) in &options.echo {
        let mut rounds: Vec<Vec<Figures>> = options.kinds.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (kind, figures) in options.kinds.iter().zip(&mut rounds) {
                figures.push(run(*kind, peers, rate, options)?);
            }
        }
        print(options, peers, rate, &rounds);
    }
    Ok(())
}

fn run(kind: Kind, peers: usize, rate: f64, options: &Options) -> io::Result<Figures> {
    let process = Process::serve(&[&kind.name()])?;
    let mut clients = clients::connect(kind, process.address, peers)?;
    let mut pace = Pace::new(peers, rate, options.message_bytes);
    pace.run(&mut *clients, options.warm_up)?;
    pace.forget();

    let (share, load) = (Share::begin(process.cpu()), Share::begin(own_cpu()));
    let waits = process.waits();
    pace.run(&mut *clients, options.steady)?;
    let (used, share) = share.end(process.cpu());
    let (_, load_share) = load.end(own_cpu());
    let waits = process.waits() - waits;
    let echoed = pace.echoed;
    let sent = pace.sent;
    pace.finish(&mut *clients)?;
    Ok(Figures {
        micros_a_message: used.as_secs_f64() * 1e6 / echoed.max(1) as f64,
        share,
        messages_a_wait: echoed as f64 / waits.max(1) as f64,
        lost: 1.0 - pace.echoed as f64 / sent.max(1) as f64,
        round_trip: pace.round_trip,
        lateness: pace.lateness,
        load_share,
    })
}

/// Messages at even distances, the peers in turn.
pub(super) struct Pace {
    peers: usize,
    every: Duration,
    message: Vec<u8>,
    begun: Instant,
    next_at: Instant,
    next: usize,
    /// Messages that were sent before count for nothing.
    since: Instant,
    sent: usize,
    echoed: usize,
    pub(super) round_trip: Histogram<u64>,
    lateness: Histogram<u64>,
}

impl Pace {
    pub(super) fn new(peers: usize, rate: f64, message_bytes: usize) -> Pace {
        let now = Instant::now();
        Pace {
            peers,
            every: Duration::from_secs_f64(1.0 / rate / peers as f64),
            message: vec![0x5a; message_bytes.max(8)],
            begun: now,
            next_at: now,
            next: 0,
            since: now,
            sent: 0,
            echoed: 0,
            round_trip: histogram(),
            lateness: histogram(),
        }
    }

    pub(super) fn forget(&mut self) {
        self.since = Instant::now();
        (self.sent, self.echoed) = (0, 0);
        self.round_trip.reset();
        self.lateness.reset();
    }

    pub(super) fn run(&mut self, clients: &mut dyn Clients, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        self.next_at = self.next_at.max(Instant::now());
        while Instant::now() < until {
            self.send_due(clients);
            let next = self.next_at.min(until) - SPIN;
            self.hear(clients, next.max(Instant::now()))?;
        }
        Ok(())
    }

    /// Waits for what is still under way.
    pub(super) fn finish(&mut self, clients: &mut dyn Clients) -> io::Result<()> {
        let until = Instant::now() + LAST_ECHO;
        while Instant::now() < until && self.echoed < self.sent {
            self.hear(clients, until)?;
        }
        Ok(())
    }

    fn send_due(&mut self, clients: &mut dyn Clients) {
        loop {
            let now = Instant::now();
            if now < self.next_at {
                return;
            }
            note(&mut self.lateness, now - self.next_at);
            let stamp = now.duration_since(self.begun).as_nanos() as u64;
            self.message[..8].copy_from_slice(&stamp.to_le_bytes());
            // What is not taken counts as lost.
            clients.send(self.next, Channel::Unreliable, &self.message);
            self.sent += 1;
            self.next = (self.next + 1) % self.peers;
            self.next_at += self.every;
        }
    }

    fn hear(&mut self, clients: &mut dyn Clients, deadline: Instant) -> io::Result<()> {
        let Pace { begun, since, echoed, round_trip, .. } = self;
        clients.poll(deadline, &mut |_, message| {
            let Some(stamp) = message.first_chunk() else { return };
            let sent_at = *begun + Duration::from_nanos(u64::from_le_bytes(*stamp));
            if sent_at >= *since {
                *echoed += 1;
                note(round_trip, sent_at.elapsed());
            }
        })
    }
}

fn print(options: &Options, peers: usize, rate: f64, rounds: &[Vec<Figures>]) {
    let title = format!(
        "echo: {peers} peers x {rate} a second x {} bytes, unreliable; medians of {} x {:?}",
        options.message_bytes, options.rounds, options.steady
    );
    let columns = [
        "",
        "µs/message",
        "to udp",
        "to websocket",
        "to str0m",
        "core %",
        "messages/wait",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "lost %",
        "sent late p99 µs",
        "load core %",
    ];
    let table = Table::begin(&title, &columns);
    let cost = |kind: Kind| {
        let place = options.kinds.iter().position(|known| *known == kind)?;
        Some(median(rounds[place].iter().map(|figures| figures.micros_a_message).collect()))
    };
    for (kind, figures) in options.kinds.iter().zip(rounds) {
        let of = |figure: &dyn Fn(&Figures) -> f64| median(figures.iter().map(figure).collect());
        let ours = of(&|f| f.micros_a_message);
        let ratio = |other| cost(other).map_or("-".to_owned(), |other| format!("{:.2}", ours / other));
        table.row(&[
            kind.name(),
            format!("{ours:.1}"),
            ratio(Kind::Udp),
            ratio(Kind::WebSocket),
            ratio(Kind::Plain),
            format!("{:.1}", 100.0 * of(&|f| f.share)),
            format!("{:.1}", of(&|f| f.messages_a_wait)),
            format!("{:.0}", of(&|f| f.round_trip.value_at_quantile(0.5) as f64)),
            format!("{:.0}", of(&|f| f.round_trip.value_at_quantile(0.99) as f64)),
            format!("{:.0}", of(&|f| f.round_trip.value_at_quantile(0.999) as f64)),
            format!("{:.2}", 100.0 * of(&|f| f.lost)),
            format!("{:.0}", of(&|f| f.lateness.value_at_quantile(0.99) as f64)),
            format!("{:.0}", 100.0 * of(&|f| f.load_share)),
        ]);
    }
}
