use std::io;
use std::time::{Duration, Instant};

use patchcord::{Config, Event, Limits, SendOutcome, Server};

/// 60 a second.
const TICK: Duration = Duration::from_micros(16_667);
const TICKS_A_SECOND: u32 = 60;

/// More than this late counts.
const LATE: Duration = Duration::from_millis(2);

pub fn serve(gather_for: Duration, is_ticking: bool) -> io::Result<()> {
    let config = Config { limits: Limits::relaxed(), gather_for, ..Config::default() };
    let mut server = Server::bind_with("127.0.0.1:0", config)?;
    super::announce(server.addresses()[0])?;
    let mut next_tick = is_ticking.then(Instant::now);
    // Of the last second: ticks, those that were late, and the latest.
    let (mut ticks, mut late, mut worst) = (0, 0, Duration::ZERO);
    loop {
        match server.poll(next_tick)? {
            Some(Event::Message { peer, channel, data }) => {
                if server.send(peer, channel, &data) == SendOutcome::Full {
                    eprintln!("the load has more under way than a peer's budget");
                }
            }
            Some(_) => {}
            None => {
                let late_by = next_tick.map_or(Duration::ZERO, |at| at.elapsed());
                (ticks, late, worst) = (ticks + 1, late + u32::from(late_by > LATE), worst.max(late_by));
                if ticks == TICKS_A_SECOND {
                    println!("{late} {}", worst.as_micros());
                    (ticks, late, worst) = (0, 0, Duration::ZERO);
                }
                next_tick = next_tick.map(|at| at + TICK);
            }
        }
    }
}
