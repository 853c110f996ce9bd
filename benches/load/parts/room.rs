//! The program's room: everybody moves at 60 Hz, and everybody hears of everybody at 60 Hz.

use std::io;
use std::time::{Duration, Instant};

use patchcord::Channel;

use crate::clients::{self, Clients};
use crate::options::Options;
use crate::process::{Process, Share, own_cpu};
use crate::servers::Kind;
use crate::table::{Table, median};

/// Messages of the room (docs/PROTOCOL.md).
const HELLO: u8 = 0x01;
const POINTER: u8 = 0x10;
const SNAPSHOT: u8 = 0x90;

const POINTERS_A_SECOND: f64 = 60.0;

struct Figures {
    snapshots_a_second: f64,
    micros_a_snapshot: f64,
    share: f64,
    load_share: f64,
}

pub fn measure(options: &Options) -> io::Result<()> {
    let title = format!("room: N pointers in and N snapshots out, 60 Hz; medians of {}", options.rounds);
    let columns = ["", "snapshots/s to each", "CPU µs/snapshot", "core %", "load core %"];
    let table = Table::begin(&title, &columns);
    for &peers in &options.room_peers {
        let rounds: Vec<Figures> = (0..options.rounds).map(|_| run(peers, options)).collect::<io::Result<_>>()?;
        let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure).collect());
        table.row(&[
            format!("{peers} people"),
            format!("{:.1}", of(|f| f.snapshots_a_second)),
            format!("{:.1}", of(|f| f.micros_a_snapshot)),
            format!("{:.1}", 100.0 * of(|f| f.share)),
            format!("{:.0}", 100.0 * of(|f| f.load_share)),
        ]);
    }
    Ok(())
}

fn run(peers: usize, options: &Options) -> io::Result<Figures> {
    let program = env!("CARGO_BIN_EXE_patchcord");
    let most = ["--bind", "127.0.0.1", "--port", "0", "--max-peers", "2000", "--max-peers-per-address", "2000"];
    let process = Process::run(program, &most)?;
    let mut clients = clients::connect(Kind::Ours, process.address, peers)?;
    for client in 0..peers {
        clients.send(client, Channel::Reliable, &[HELLO, 2, 0]);
    }
    run_for(&mut *clients, peers, options.warm_up)?;
    let (share, load, since) = (Share::begin(process.cpu()), Share::begin(own_cpu()), Instant::now());
    let snapshots = run_for(&mut *clients, peers, options.steady)?;
    let time = since.elapsed().as_secs_f64();
    let (used, share) = share.end(process.cpu());
    let (_, load_share) = load.end(own_cpu());
    Ok(Figures {
        snapshots_a_second: snapshots as f64 / time / peers as f64,
        micros_a_snapshot: used.as_secs_f64() * 1e6 / snapshots.max(1) as f64,
        share,
        load_share,
    })
}

/// How many snapshots came.
fn run_for(clients: &mut dyn Clients, peers: usize, time: Duration) -> io::Result<usize> {
    let every = Duration::from_secs_f64(1.0 / POINTERS_A_SECOND / peers as f64);
    let (mut next_at, until) = (Instant::now(), Instant::now() + time);
    let (mut snapshots, mut sent) = (0, 0_usize);
    while Instant::now() < until {
        while next_at <= Instant::now() {
            let (client, seq) = (sent % peers, (sent / peers) as u16);
            let [low, high] = seq.to_le_bytes();
            // Somewhere else each time.
            clients.send(client, Channel::Unreliable, &[POINTER, low, high, high, low, low, high, 0]);
            sent += 1;
            next_at += every;
        }
        clients.poll(next_at.min(until), &mut |_, message| {
            snapshots += usize::from(message.first() == Some(&SNAPSHOT));
        })?;
    }
    Ok(snapshots)
}
