//! One run from its first offer to the last goodbye, and what to say when a promise was broken.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use patchcord::Reason;

use crate::coverage::Coverage;
use crate::model::{Fault, promise};
use crate::options::{Kind, Options};
use crate::trace::Digest;
use crate::world::World;

/// Long enough for ICE to find a path that has changed and to give up on whoever is dead, and for 1 MiB each way after that.
const CALM: Duration = Duration::from_secs(75);

/// What the endpoint may hold once all have left: tables that keep their size, and the queue of datagrams, which has been as long
/// as the Beats to 200 peers that leave together.
const BYTES_LEFT_MAX: i64 = 128 * 1024;

/// A broken promise, and how to see it again.
pub struct Finding {
    name: &'static str,
    seed: u64,
    after: Duration,
    fault: String,
    /// The last lines of the trace, of a replay.
    lines: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { name, seed, after, fault, lines } = self;
        for line in lines {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "FINDING in {name}, seed {seed}, after {:.6} s: {fault}", after.as_secs_f64())?;
        write!(f, "replay: tests/soak replay {name} {seed}")
    }
}

/// Runs the weather of this name with this seed.
pub fn run(name: &str, seed: u64, keep_lines: bool) -> Result<(Coverage, Digest), Finding> {
    let options =
        Options::named(name, seed).unwrap_or_else(|| panic!("no weather is called {name}: {:?}", Options::NAMES));
    run_options(options, seed, keep_lines)
}

pub fn run_options(options: Options, seed: u64, keep_lines: bool) -> Result<(Coverage, Digest), Finding> {
    let name = options.name;
    let mut world = World::new(options, seed, keep_lines);
    let start = world.now;
    // A panic is a finding like any other, and has a seed.
    let result = catch_unwind(AssertUnwindSafe(|| live(&mut world))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(Fault(
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or("a panic".into()),
        ))
    });
    world.coverage.virtual_time = world.now - start;
    match result {
        Ok(()) => Ok((world.coverage, world.trace.digest())),
        Err(Fault(fault)) => Err(Finding { name, seed, after: world.now - start, fault, lines: world.trace.lines() }),
    }
}

fn live(world: &mut World) -> Result<(), Fault> {
    world.run(world.options.lasts)?;
    calm_down(world)?;
    world.run(CALM)?;
    world.audit()?;
    world.model.settled(world.now)?;
    everyone_knows_everyone(world)?;
    shut_down(world)
}

fn calm_down(world: &mut World) -> Result<(), Fault> {
    world.is_calm = true;
    for index in 0..world.visitors.len() {
        world.visitors[index].up.heal(world.now);
        world.visitors[index].down.heal(world.now);
        if world.visitors[index].is_asleep {
            world.wake_up(index)?;
        }
    }
    Ok(())
}

/// On both sides the same: who has an open page is joined, and in the room everybody sees the same people.
fn everyone_knows_everyone(world: &World) -> Result<(), Fault> {
    let open: Vec<_> = world.visitors.iter().filter(|v| v.page.as_ref().is_some_and(|page| page.is_open())).collect();
    let joined = world.model.joined().count();
    promise!(joined == open.len(), "{joined} peers are joined, but {} pages are open", open.len());
    if world.options.application == Kind::Room {
        for visitor in &open {
            let room = &visitor.room;
            promise!(room.own.is_some(), "{:?} was never welcomed", visitor.peer);
            promise!(room.people == open[0].room.people, "two pages see different people");
            promise!(room.people.len() == open.len(), "{} people for {} pages", room.people.len(), open.len());
        }
    }
    Ok(())
}

fn shut_down(world: &mut World) -> Result<(), Fault> {
    world.is_shut_down = true;
    for peer in world.host.all_peers() {
        world.disconnect(peer, Reason::ShutDown)?;
    }
    world.settle()?;
    promise!(world.model.joined().count() == 0, "someone never left");
    promise!(world.host.all_peers().is_empty(), "someone is still there after the shutdown");
    promise!(world.host.wake_at().is_none(), "a deadline is left of peers that are gone");
    world.run(world.options.delay * 2 + Duration::from_secs(1))?;
    world.audit()?;
    let is_open = |visitor: &crate::visitor::Visitor| visitor.page.as_ref().is_some_and(|page| page.is_open());
    promise!(!world.visitors.iter().any(is_open), "a page was not told that the server is gone");
    world.coverage.bytes_left_max = world.host.held_bytes();
    let bytes = world.host.held_bytes();
    promise!(bytes <= BYTES_LEFT_MAX, "the endpoint holds {bytes} bytes of peers that are gone");
    Ok(())
}
