//! Many native clients against one server: does this laptop hold my party?
//!
//! ```text
//! cargo run --release --example echo -- 127.0.0.1:8080 --no-limits
//! cargo run --release --example swarm -- http://127.0.0.1:8080 --clients 200
//! ```
//!
//! Each client sends messages that the server echoes, or, with `--room`, moves a pointer in the room that `patchcord` serves.
//! Every message has its time in it, so what comes back says how long it took.

mod options;
mod swarm;
mod talk;

use std::process::ExitCode;
use std::time::Duration;

use options::{HELP, Options};
use swarm::{Outcome, Swarm};

/// A client that uses more of a core than this, or sends later than that, measures itself.
const BUSY: f64 = 0.85;
const LATE: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("swarm: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match Swarm::connect(&options).and_then(|swarm| swarm.run(&options)) {
        Ok(outcome) => {
            report(&options, &outcome);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("swarm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(options: &Options, outcome: &Outcome) {
    let ms = |histogram: &hdrhistogram::Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    let row = |name: &str, histogram| {
        println!(
            "{name:24} p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms",
            ms(histogram, 0.5),
            ms(histogram, 0.99),
            ms(histogram, 0.999)
        );
    };
    println!("{:24} {} of {}", "clients connected", outcome.connected, options.clients);
    if let Some(refusal) = &outcome.refusal {
        println!("{:24} {refusal}", "the others");
    }
    row("set-up", &outcome.set_up);
    println!("{:24} {:.0} a second", "messages sent", outcome.sent as f64 / options.time.as_secs_f64());
    println!("{:24} {:.0} a second", "messages received", outcome.heard as f64 / options.time.as_secs_f64());
    if outcome.answered == 0 {
        println!("{:24} nothing came back: does this server echo? (--room for patchcord's own)", "round trip");
    } else {
        row("round trip", &outcome.round_trip);
        println!("{:24} {:.2} %", "lost", 100.0 * (1.0 - outcome.answered as f64 / outcome.asked.max(1) as f64));
    }
    if outcome.refused > 0 {
        println!("{:24} {} messages: the link was behind", "not taken for sending", outcome.refused);
    }
    if outcome.left > 0 {
        println!("{:24} {} clients", "lost on the way", outcome.left);
    }
    let late = Duration::from_micros(outcome.lateness.value_at_quantile(0.99));
    let busy = outcome.own_share.map_or("an unknown part".to_owned(), |share| format!("{:.0} %", 100.0 * share));
    println!("{:24} {busy} of a core, sent late by p99 {:.1} ms", "the swarm itself used", late.as_secs_f64() * 1e3);
    if outcome.own_share.is_some_and(|share| share > BUSY) || late > LATE {
        println!("\nThe swarm is the limit here, not the server: give it a machine of its own, or fewer clients.");
    } else {
        println!("\nThe swarm kept up: these are figures of the server and the network.");
    }
}
