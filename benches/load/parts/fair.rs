//! An application that ticks at 60 Hz while many peers talk to it: how late its ticks are, and what one peer that sends as fast
//! as it can takes from the others.

use std::io;
use std::time::Instant;

use hdrhistogram::Histogram;
use patchcord::Channel;

use super::echo::Pace;
use super::histogram;
use crate::clients::{self, Clients};
use crate::options::Options;
use crate::process::Process;
use crate::servers::{Kind, TICKING};
use crate::table::{Table, median};

/// Messages that the one who floods sends before each look at what has come.
const AT_ONCE: usize = 16;

/// What goes on beside the ticks. The first shows what the machine itself makes of them.
#[derive(Clone, Copy)]
enum Beside {
    Nobody,
    Peers,
    Flood,
}

struct Figures {
    late: f64,
    worst_ms: f64,
    round_trip: Histogram<u64>,
    flooded: f64,
}

/// One more client, the last, which does not hold back. It is in the same thread as the others, so that it takes nothing from them
/// but what it takes in the server.
struct Flooding {
    inner: Box<dyn Clients>,
    last: usize,
    sent: usize,
}

impl Clients for Flooding {
    fn send(&mut self, client: usize, channel: Channel, message: &[u8]) -> bool {
        self.inner.send(client, channel, message)
    }

    fn poll(&mut self, _deadline: Instant, heard: &mut dyn FnMut(usize, &[u8])) -> io::Result<()> {
        for _ in 0..AT_ONCE {
            self.sent += usize::from(self.inner.send(self.last, Channel::Unreliable, &[0x5a; 64]));
        }
        let last = self.last;
        self.inner.poll(Instant::now(), &mut |client, message| {
            if client != last {
                heard(client, message);
            }
        })
    }
}

pub fn measure(options: &Options) -> io::Result<()> {
    let (peers, rate) = options.fair;
    let title = format!(
        "fair: ticks of 60 Hz beside {peers} peers x {rate} a second; medians of {} x {:?}",
        options.rounds, options.steady
    );
    let kinds = [Beside::Nobody, Beside::Peers, Beside::Flood];
    let mut rounds = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..options.rounds {
        for (beside, figures) in kinds.into_iter().zip(&mut rounds) {
            figures.push(run(peers, rate, beside, options)?);
        }
    }
    let columns = ["", "> 2 ms late %", "worst ms", "p50 µs", "p99 µs", "flood/s"];
    let table = Table::begin(&title, &columns);
    for (name, figures) in ["nobody is there", "nobody floods", "one floods"].into_iter().zip(rounds) {
        let of = |figure: fn(&Figures) -> f64| median(figures.iter().map(figure).collect());
        table.row(&[
            name.to_owned(),
            format!("{:.2}", 100.0 * of(|f| f.late)),
            format!("{:.1}", of(|f| f.worst_ms)),
            format!("{:.0}", of(|f| f.round_trip.value_at_quantile(0.5) as f64)),
            format!("{:.0}", of(|f| f.round_trip.value_at_quantile(0.99) as f64)),
            format!("{:.0}", of(|f| f.flooded)),
        ]);
    }
    Ok(())
}

fn run(peers: usize, rate: f64, beside: Beside, options: &Options) -> io::Result<Figures> {
    let process = Process::serve(&[&Kind::Ours.name(), TICKING])?;
    let (mut round_trip, mut flooded) = (histogram(), 0.0);
    match beside {
        Beside::Nobody => std::thread::sleep(options.warm_up + options.steady),
        Beside::Peers => {
            let mut clients = clients::connect(Kind::Ours, process.address, peers)?;
            round_trip = paced(&mut *clients, peers, rate, options)?;
        }
        Beside::Flood => {
            let inner = clients::connect(Kind::Ours, process.address, peers + 1)?;
            let mut clients = Flooding { inner, last: peers, sent: 0 };
            let begun = Instant::now();
            round_trip = paced(&mut clients, peers, rate, options)?;
            flooded = clients.sent as f64 / begun.elapsed().as_secs_f64();
        }
    }
    // Once a second it has said of how many of 60 ticks that were late, and the latest. Those of the connecting do not count.
    let said = process.end()?;
    let seconds: Vec<(f64, f64)> = said
        .lines()
        .filter_map(|line| {
            line.split_once(' ').and_then(|(late, worst)| Some((late.parse().ok()?, worst.parse().ok()?)))
        })
        .collect();
    let steady = (options.steady.as_secs() as usize).clamp(1, seconds.len().max(1));
    let seconds = &seconds[seconds.len().saturating_sub(steady)..];
    let late = seconds.iter().map(|(late, _)| late / 60.0).sum::<f64>() / seconds.len() as f64;
    let worst_micros = seconds.iter().map(|(_, worst)| *worst).fold(f64::NAN, f64::max);
    Ok(Figures { late, worst_ms: worst_micros / 1e3, round_trip, flooded })
}

fn paced(clients: &mut dyn Clients, peers: usize, rate: f64, options: &Options) -> io::Result<Histogram<u64>> {
    let mut pace = Pace::new(peers, rate, options.message_bytes);
    pace.run(clients, options.warm_up)?;
    pace.forget();
    pace.run(clients, options.steady)?;
    pace.finish(clients)?;
    Ok(pace.round_trip)
}
