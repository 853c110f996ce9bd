//! A server with a door: who comes without `?key=open` is refused, and who says `kick me: …` is sent away with these words.
//! Every other message goes back on the channel that it came in on.
//!
//! `cargo run --release --example door -- 127.0.0.1:8080`

use std::process::ExitCode;

use patchcord::{Authorize, Config, Data, Denial, Event, Server};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("door: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let authorize = Authorize::new(|request| match request.query {
        Some("key=open") => Ok(()),
        _ => Err(Denial::new(401, "no-key", "This door needs a key.")),
    });
    let mut server = Server::bind_with(address, Config { authorize: Some(authorize), ..Config::default() })?;
    for address in server.addresses() {
        println!("http://{address}/");
    }
    loop {
        if let Some(Event::Message { peer, channel, data }) = server.poll(None)? {
            let words = match &data {
                Data::Text(text) => text.strip_prefix("kick me: "),
                Data::Binary(_) => None,
            };
            match words {
                Some(words) => server.kick(peer, words),
                None => drop(server.send(peer, channel, &data)),
            }
        }
    }
}
