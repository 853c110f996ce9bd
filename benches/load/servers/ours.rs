use std::io;
use std::time::{Duration, Instant};

use patchcord::{Config, Event, Lateness, Limits, SendOutcome, Server};

/// 60 a second.
const TICK: Duration = Duration::from_micros(16_667);

pub fn serve(is_ticking: bool) -> io::Result<()> {
    let config = Config { limits: Limits::relaxed(), ..Config::default() };
    let mut server = Server::bind_with("127.0.0.1:0", config)?;
    super::announce(server.addresses()[0])?;
    let mut next_tick = is_ticking.then(Instant::now);
    loop {
        match server.poll(next_tick)? {
            Some(Event::Message { peer, channel, data }) => {
                if server.send(peer, channel, &data) == SendOutcome::Full {
                    eprintln!("the load has more under way than a peer's budget");
                }
            }
            Some(_) => {}
            None => {
                next_tick = next_tick.map(|at| at + TICK);
                let Lateness { ticks, late, worst } = server.lateness();
                if ticks.is_multiple_of(60) {
                    println!("{ticks} {late} {}", worst.as_micros());
                }
            }
        }
    }
}
