//! One peer, reliable messages of 16 KiB, echoed, as fast as it goes.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use hdrhistogram::Histogram;
use patchcord::Channel;

use super::{histogram, note};
use crate::clients;
use crate::options::Options;
use crate::process::{Process, Share, own_cpu};
use crate::servers::Kind;
use crate::table::{Table, median};

const MESSAGE_BYTES: usize = 16 * 1024;

/// Half of a peer's reliable budget, so that nothing is refused.
const UNDER_WAY_MAX: usize = 32;

struct Figures {
    megabytes: f64,
    nanos_a_byte: f64,
    round_trip: Histogram<u64>,
    share: f64,
    load_share: f64,
}

pub fn measure(options: &Options) -> io::Result<()> {
    let kinds: Vec<Kind> = options.kinds.iter().copied().filter(|kind| kind.connects()).collect();
    let mut rounds: Vec<Vec<Figures>> = kinds.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (kind, figures) in kinds.iter().zip(&mut rounds) {
            figures.push(run(*kind, options)?);
        }
    }
    let title = format!(
        "bulk: one peer, 16 KiB reliable messages echoed, {UNDER_WAY_MAX} under way; medians of {} x {:?}",
        options.rounds, options.steady
    );
    let table = Table::begin(&title, &["", "MB/s", "CPU ns/byte", "p50 ms", "p99 ms", "core %", "load core %"]);
    for (kind, figures) in kinds.iter().zip(rounds) {
        let of = |figure: fn(&Figures) -> f64| median(figures.iter().map(figure).collect());
        table.row(&[
            kind.name(),
            format!("{:.1}", of(|f| f.megabytes)),
            format!("{:.1}", of(|f| f.nanos_a_byte)),
            format!("{:.1}", of(|f| f.round_trip.value_at_quantile(0.5) as f64 / 1e3)),
            format!("{:.1}", of(|f| f.round_trip.value_at_quantile(0.99) as f64 / 1e3)),
            format!("{:.0}", 100.0 * of(|f| f.share)),
            format!("{:.0}", 100.0 * of(|f| f.load_share)),
        ]);
    }
    Ok(())
}

fn run(kind: Kind, options: &Options) -> io::Result<Figures> {
    let process = Process::serve(&[&kind.name(), "65536"])?;
    let mut clients = clients::connect(kind, process.address, 1)?;
    let message = vec![0x5a; MESSAGE_BYTES];
    let mut under_way: VecDeque<Instant> = VecDeque::new();
    let (warm, end) = (Instant::now() + options.warm_up, Instant::now() + options.warm_up + options.steady);
    let mut steady = None;
    let (mut bytes, mut round_trip) = (0, histogram());
    while Instant::now() < end {
        if steady.is_none() && Instant::now() >= warm {
            steady = Some((Instant::now(), Share::begin(process.cpu()), Share::begin(own_cpu())));
            (bytes, round_trip) = (0, histogram());
        }
        while under_way.len() < UNDER_WAY_MAX && clients.send(0, Channel::Reliable, &message) {
            under_way.push_back(Instant::now());
        }
        clients.poll(if steady.is_none() { warm } else { end }, &mut |_, message| {
            bytes += message.len();
            if let Some(sent_at) = under_way.pop_front() {
                note(&mut round_trip, sent_at.elapsed());
            }
        })?;
    }
    let (since, share, load) = steady.ok_or_else(|| io::Error::other("the steady time was none"))?;
    let time = since.elapsed();
    let (used, share) = share.end(process.cpu());
    let (_, load_share) = load.end(own_cpu());
    Ok(Figures {
        megabytes: bytes as f64 / 1e6 / time.as_secs_f64(),
        nanos_a_byte: used.as_nanos() as f64 / bytes.max(1) as f64,
        round_trip,
        share,
        load_share,
    })
}
