//! The smallest server: every message goes back on the channel that it came in on.
//!
//! `cargo run --release --example echo -- 127.0.0.1:8080 [--no-limits]`

use std::process::ExitCode;

use patchcord::{Config, Event, Limits, Server};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::io::Result<()> {
    let mut address = "127.0.0.1:8080".to_owned();
    let mut config = Config::default();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--no-limits" => config.limits = Limits::relaxed(),
            _ => address = argument,
        }
    }

    let mut server = Server::bind_with(address, config)?;
    for address in server.addresses() {
        println!("http://{address}/");
    }
    loop {
        if let Some(Event::Message { peer, channel, data }) = server.poll(None)? {
            let _ = server.send(peer, channel, &data);
        }
    }
}
