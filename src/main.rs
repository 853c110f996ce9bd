//! The program: the room, served on the LAN.

mod flags;

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flags::{Command, Flags};
use patchcord::room::{Outgoing, Room, TICKS_PER_SECOND};
use patchcord::{Channel, Config, SendOutcome, Server};

const TICK: Duration = Duration::from_nanos(1_000_000_000 / TICKS_PER_SECOND as u64);

/// Exit code for flags that cannot be understood, as most programs have it.
const BAD_FLAGS: u8 = 2;

fn main() -> ExitCode {
    match flags::parse(std::env::args_os()) {
        Ok(Command::Help) => print(flags::HELP),
        Ok(Command::Version) => print(concat!("patchcord ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Serve(flags)) => match serve(flags) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("patchcord: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("patchcord: {error}\nTry 'patchcord --help'.");
            ExitCode::from(BAD_FLAGS)
        }
    }
}

/// A reader that goes away early, such as `head`, is no failure.
fn print(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn serve(flags: Flags) -> Result<(), String> {
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(flags.log).init();

    let addresses = match flags.bind {
        Some(ip) => vec![SocketAddr::new(ip, flags.port)],
        None => vec![(Ipv4Addr::UNSPECIFIED, flags.port).into(), (Ipv6Addr::UNSPECIFIED, flags.port).into()],
    };
    let config = Config { web: flags.web, limits: flags.limits, ..Config::default() };
    let mut server = Server::bind_with(&addresses[..], config).map_err(|error| explain(&error, addresses[0]))?;

    let stopping = Arc::new(AtomicBool::new(false));
    let (stop, waking) = (Arc::clone(&stopping), server.handle());
    ctrlc::set_handler(move || {
        stop.store(true, Ordering::Relaxed);
        // Fails when the loop is behind or gone; it looks at the flag at its next tick.
        let _ = waking.wake();
    })
    .map_err(|error| format!("cannot catch Ctrl-C: {error}"))?;

    announce(&server);
    run(&mut server, &stopping).map_err(|error| format!("the system's polling failed: {error}"))?;
    server.shutdown();
    Ok(())
}

/// One line for each address, all at once, so that another program can read them.
fn announce(server: &Server) {
    let lines: String = server.addresses().iter().map(|address| format!("http://{address}/\n")).collect();
    let mut out = io::stdout().lock();
    // Serving goes on without anyone who reads this.
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
}

fn run(server: &mut Server, stopping: &AtomicBool) -> io::Result<()> {
    let mut room = Room::new(server.epoch());
    let mut next_tick = Instant::now() + TICK;
    while !stopping.load(Ordering::Relaxed) {
        // Nobody needs the snapshots of an empty room, and the laptop may sleep.
        let deadline = if room.is_empty() { None } else { Some(next_tick) };
        let event = server.poll(deadline)?;
        let now = Instant::now();
        match event {
            Some(event) => room.handle_event(now, &event),
            None if now >= next_tick => {
                room.tick(now);
                // Ticks that were missed are gone: a burst of old snapshots helps nobody.
                next_tick = (next_tick + TICK).max(now);
            }
            None => {}
        }
        while let Some(outgoing) = room.poll_outgoing() {
            send(server, &room, &outgoing);
        }
    }
    Ok(())
}

fn send(server: &mut Server, room: &Room, outgoing: &Outgoing) {
    for peer in room.recipients(outgoing.to) {
        let outcome = server.send(peer, outgoing.channel, &outgoing.bytes);
        // A page that misses one of the room's reliable messages shows a wrong room; it may come back and be told anew.
        if outgoing.channel == Channel::Reliable && matches!(outcome, SendOutcome::Full | SendOutcome::TooBig) {
            server.disconnect(peer);
        }
    }
}

fn explain(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {} is in use by another program; choose another with --port", address.port())
        }
        io::ErrorKind::AddrNotAvailable => format!("{} is not an address of this machine", address.ip()),
        io::ErrorKind::PermissionDenied => format!("not allowed to use port {}", address.port()),
        _ => error.to_string(),
    }
}
