//! An application that ticks at 60 Hz while many peers talk to it: how late its ticks are, and what one peer that sends as fast
//! as it can takes from the others.

use std::io;

use hdrhistogram::Histogram;

use super::echo::Pace;
use crate::clients;
use crate::options::Options;
use crate::process::Process;
use crate::servers::{Kind, TICKING};
use crate::table::{Table, median};

struct Figures {
    late: f64,
    worst_ms: f64,
    round_trip: Histogram<u64>,
    flooded: f64,
}

pub fn measure(options: &Options) -> io::Result<()> {
    let (peers, rate) = options.fair;
    let title = format!(
        "fair: ticks of 60 Hz beside {peers} peers x {rate} a second; medians of {} x {:?}",
        options.rounds, options.steady
    );
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..options.rounds {
        for (is_flooded, figures) in [false, true].into_iter().zip(&mut rounds) {
            figures.push(run(peers, rate, is_flooded, options)?);
        }
    }
    let columns = ["", "> 2 ms late %", "worst ms", "p50 µs", "p99 µs", "flood/s"];
    let table = Table::begin(&title, &columns);
    for (name, figures) in ["nobody floods", "one floods"].into_iter().zip(rounds) {
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

fn run(peers: usize, rate: f64, is_flooded: bool, options: &Options) -> io::Result<Figures> {
    let process = Process::serve(&[Kind::Ours.name(), TICKING])?;
    let mut clients = clients::connect(Kind::Ours, process.address, peers)?;
    let flood = if is_flooded { Some(Process::flood(process.address)?) } else { None };
    let mut pace = Pace::new(peers, rate, options.message_bytes);
    pace.run(&mut *clients, options.warm_up)?;
    pace.forget();
    pace.run(&mut *clients, options.steady)?;
    pace.finish(&mut *clients)?;
    // Once a second they have said where they are, from the beginning; the connecting counts too.
    let flooded = flood.map_or(Ok(0.0), |flood| flood.end().map(|said| a_second(&said)))?;
    let said = process.end()?;
    let last: Vec<f64> =
        said.lines().last().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [ticks, late, worst_micros] = last[..] else {
        // It did not run for a second.
        return Ok(Figures { late: f64::NAN, worst_ms: f64::NAN, round_trip: pace.round_trip, flooded });
    };
    Ok(Figures { late: late / ticks, worst_ms: worst_micros / 1e3, round_trip: pace.round_trip, flooded })
}

/// The rate of a count that was said once a second, from zero.
fn a_second(said: &str) -> f64 {
    let counts: Vec<f64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    counts.last().map_or(0.0, |last| last / (counts.len() - 1).max(1) as f64)
}
