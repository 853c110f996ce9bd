//! What our server costs, beside a WebSocket, raw UDP and plain str0m, in one run.
//!
//! ```text
//! cargo bench --bench load                      every part, about 35 minutes
//! cargo bench --bench load -- echo              one part: echo, idle, bulk, room or fair
//! cargo bench --bench load -- echo --peers 200 --rate 60 --seconds 10 --rounds 3 --only patchcord
//! cargo bench --bench load -- echo --peers 200 --only udp,websocket,wait-0,wait-150,wait-200     what a wait buys
//! ```
//!
//! Every server is a process of its own, on one core; the load has the other. CPU is what the scheduler counted for all
//! threads of the server while the load was steady. The servers take turns within a round, so that what else the machine
//! does hits all of them, and the median of the rounds is what is printed.

mod clients;
mod options;
mod parts;
mod process;
mod servers;
mod stream;
mod table;

use std::process::ExitCode;

use options::{Options, Part};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((word, words)) if word == "serve" => servers::serve(words),
        _ => measure(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[String]) -> std::io::Result<()> {
    let options = Options::parse(arguments)?;
    process::pin(process::LOAD_CORE);
    for part in &options.parts {
        match part {
            Part::Echo => parts::echo::measure(&options)?,
            Part::Idle => parts::idle::measure(&options)?,
            Part::Bulk => parts::bulk::measure(&options)?,
            Part::Room => parts::room::measure(&options)?,
            Part::Fair => parts::fair::measure(&options)?,
        }
    }
    Ok(())
}
