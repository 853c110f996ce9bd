//! The simulated LAN: an endpoint and its application, browsers in the same process, and a network worse than any Wi-Fi
//! between them, on virtual time. A reference model says what must hold. `docs/TESTING.md` tells how to read and replay
//! a finding.

mod application;
mod backlog;
#[path = "../endpoint/browser.rs"]
mod browser;
mod chance;
mod coming_back;
mod connection;
mod coverage;
mod fate;
mod figures;
mod host;
mod lane;
mod model;
mod network;
mod opening;
mod options;
mod page;
mod places;
mod presence;
mod room_page;
mod run;
mod session;
mod slowness;
mod sources;
mod talk;
mod theft;
mod trace;
mod traffic;
mod visitor;
mod weathers;
mod wire;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use coverage::Coverage;
use options::Options;
use run::{Finding, run, run_options};
use trace::Digest;

/// What every change runs: each weather by its name, with so many seeds from 1.
const FIXED: [(&str, u64); 22] = [
    ("fair", 1),
    ("wifi", 1),
    ("bursty", 1),
    ("shuffled", 2),
    ("forged", 2),
    ("narrow", 1),
    ("cuts", 3),
    ("comers", 1),
    ("vanishing", 1),
    ("sleepers", 2),
    ("movers", 2),
    ("crowd", 1),
    ("shared", 1),
    ("flood", 1),
    ("large", 1),
    ("storm", 3),
    ("room", 2),
    ("roaming", 4),
    ("vanish", 2),
    ("mixed", 12),
    ("mixed-sessions", 16),
    ("mixed-room", 8),
];

/// Findings that are collected before a soak stops: the first few say what there is to say.
const FINDINGS_MAX: usize = 10;

#[test]
fn the_fixed_set_has_no_finding() {
    let runs: Vec<(&str, u64)> =
        FIXED.iter().flat_map(|(name, seeds)| (1..=*seeds).map(|seed| (*name, seed))).collect();
    report(&all(|index| runs.get(index).copied()));
}

/// Each line of seeds.txt is a weather, a seed, and what was found there once.
#[test]
fn what_was_found_stays_fixed() {
    let lines = include_str!("seeds.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let runs: Vec<(&str, u64)> = lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (name, seed) = (words.next().expect("a weather"), words.next().expect("a seed"));
            assert!(words.next().is_some(), "{line}: a seed without a name says nothing");
            (name, seed.parse().expect("a seed is a number"))
        })
        .collect();
    report(&all(|index| runs.get(index).copied()));
}

/// `SIM_RUN="storm 7"`: one run, with the end of its trace.
#[test]
#[ignore = "for tests/soak replay"]
fn replay() {
    let asked = std::env::var("SIM_RUN").expect("SIM_RUN is a weather and a seed");
    let (name, seed) = asked.split_once(' ').expect("SIM_RUN is a weather and a seed");
    match run(name, seed.trim().parse().expect("a seed is a number"), true) {
        Ok((coverage, digest)) => println!("{coverage}\n{digest:x?}\nno finding"),
        Err(finding) => panic!("\n{finding}"),
    }
}

/// `SIM_MINUTES`, and `SIM_SEED` for the first: new seeds of mixed weather until then.
#[test]
#[ignore = "for tests/soak"]
fn soak() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let minutes = number("SIM_MINUTES").expect("SIM_MINUTES is a number");
    let first = number("SIM_SEED").expect("SIM_SEED is a number");
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    // Of four runs three are mixed, and one goes around the weathers with names.
    let names: Vec<&str> = Options::NAMES.into_iter().filter(|name| *name != "hour").collect();
    let which = |index: usize| match index % 8 {
        0 | 1 => "mixed",
        2..=4 => "mixed-sessions",
        5 => "mixed-room",
        _ => names[index / 8 % names.len()],
    };
    report(&all(|index| (Instant::now() < end).then(|| (which(index), first + index as u64))));
}

/// What is the same from run to run, and what is not: docs/TESTING.md.
#[test]
fn two_runs_of_a_seed_are_the_same() {
    for name in ["wifi", "bursty", "forged", "cuts", "movers", "flood", "room", "roaming", "heartbeat"] {
        assert_eq!(digest(name, 1, true), digest(name, 1, true), "{name}");
    }
}

/// 200 browsers for one virtual hour at 5 % loss.
#[test]
#[ignore = "for tests/soak hour: minutes in release"]
fn hour() {
    report(&all(|index| (index == 0).then_some(("hour", 1))));
}

/// Every weather twice, with its openings spared and with the weather in them.
#[test]
#[ignore = "for tests/soak digests"]
fn digests() {
    for name in Options::NAMES.into_iter().filter(|name| *name != "hour") {
        for (spare_opening, words) in [(true, "openings spared"), (false, "weather in the openings")] {
            let differs = |seed: &u64| digest(name, *seed, spare_opening) != digest(name, *seed, spare_opening);
            println!("{name}, {words}: {} of 5 seeds differ", (1..=5).filter(differs).count());
        }
    }
}

fn digest(name: &str, seed: u64, spare_opening: bool) -> Digest {
    let options = Options { spare_opening, ..Options::named(name, seed).expect("it has a name") };
    run_options(options, seed, false).map(|(_, digest)| digest).unwrap_or_else(|finding| panic!("{finding}"))
}

type Outcome = (Coverage, Vec<Finding>);

/// Runs what `next` names for 0, 1, 2, …, until it names nothing more, on two threads.
fn all<'a>(next: impl Fn(usize) -> Option<(&'a str, u64)> + Sync) -> Outcome {
    let index = AtomicUsize::new(0);
    let outcome = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, seed)) = next(index.fetch_add(1, Ordering::Relaxed)) {
                    let result = run(name, seed, false);
                    let mut outcome = outcome.lock().expect("no run panics");
                    match result {
                        Ok((coverage, _)) => outcome.0 += &coverage,
                        Err(finding) => {
                            println!("{finding}");
                            outcome.1.push(finding);
                        }
                    }
                    if outcome.1.len() >= FINDINGS_MAX {
                        break;
                    }
                }
            });
        }
    });
    outcome.into_inner().expect("no run panics")
}

fn report((coverage, findings): &Outcome) {
    println!("{coverage}");
    assert!(findings.is_empty(), "{} findings", findings.len());
}
