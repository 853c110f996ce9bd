//! Peers that connect and then say nothing: CPU a set-up, memory a peer, CPU of heartbeats.

use std::io;
use std::time::{Duration, Instant};

use crate::clients;
use crate::options::Options;
use crate::process::{Process, Share};
use crate::servers::Kind;
use crate::table::{Table, median};

/// Until the first Beats, which come close together, are over.
const SETTLES: Duration = Duration::from_secs(2);

struct Figures {
    set_up_ms: f64,
    memory_kib: f64,
    idle_share: f64,
    first: f64,
}

pub fn measure(options: &Options) -> io::Result<()> {
    let peers = options.idle_peers;
    let title = format!("idle: {peers} peers that say nothing; medians of {}", options.rounds);
    let columns = ["", "set-up CPU ms", "set-up ms", "KiB/peer", "core % of all"];
    let kinds: Vec<Kind> = options.kinds.iter().copied().filter(|kind| kind.connects()).collect();
    let mut rounds: Vec<Vec<Figures>> = kinds.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (kind, figures) in kinds.iter().zip(&mut rounds) {
            figures.push(run(*kind, peers, options)?);
        }
    }
    let table = Table::begin(&title, &columns);
    for (kind, figures) in kinds.iter().zip(rounds) {
        let of = |figure: fn(&Figures) -> f64| median(figures.iter().map(figure).collect());
        table.row(&[
            kind.name(),
            format!("{:.2}", of(|f| f.set_up_ms)),
            format!("{:.1}", of(|f| f.first)),
            format!("{:.0}", of(|f| f.memory_kib)),
            format!("{:.2}", 100.0 * of(|f| f.idle_share)),
        ]);
    }
    Ok(())
}

fn run(kind: Kind, peers: usize, options: &Options) -> io::Result<Figures> {
    let process = Process::serve(&[&kind.name()])?;
    // What the first peer makes a process set up is not the price of a peer.
    let _first = clients::connect(kind, process.address, 1)?;
    let (cpu, memory, since) = (process.cpu(), process.memory(), Instant::now());
    let mut clients = clients::connect(kind, process.address, peers)?;
    let took = since.elapsed();
    let set_up = process.cpu() - cpu;
    let mut listen = |time: Duration| -> io::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            clients.poll(until, &mut |_, _| {})?;
        }
        Ok(())
    };
    listen(SETTLES.min(options.steady))?;
    let share = Share::begin(process.cpu());
    listen(options.steady)?;
    let (_, idle_share) = share.end(process.cpu());
    let memory = process.memory().saturating_sub(memory);
    Ok(Figures {
        set_up_ms: set_up.as_secs_f64() * 1e3 / peers as f64,
        memory_kib: memory as f64 / 1024.0 / peers as f64,
        idle_share,
        first: took.as_secs_f64() * 1e3 / peers as f64,
    })
}
