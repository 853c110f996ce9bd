//! What a message costs in the endpoint alone: no socket, no clock, browsers in the same process on virtual time.
//!
//! ```text
//! cargo bench --bench endpoint              nanoseconds a message
//! cargo bench --bench endpoint -- --count   instructions a message, by valgrind: the same whatever else the machine does
//! ```

#[path = "../tests/endpoint/browser.rs"]
#[expect(dead_code, reason = "the tests of the endpoint use more of it")]
mod browser;

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use browser::Browser;
use patchcord::{Data, Endpoint, Event, Limits, Offer, Transmit};

/// Of each peer, one message.
const EVERY: Duration = Duration::from_micros(16_667);

const SERVER: &str = "192.0.2.1:8080";

/// The argument by which this program knows that valgrind runs it, followed by peers, rounds and message bytes.
const COUNTED: &str = "counted";

/// Rounds until delayed acknowledgements and windows are what they stay.
const WARM_UP: usize = 30;

struct Case {
    peers: usize,
    rounds: usize,
    message_bytes: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if let [word, peers, rounds, message_bytes] = &arguments[..]
        && word == COUNTED
    {
        let number = |text: &String| text.parse().expect("a number");
        let case = Case { peers: number(peers), rounds: number(rounds), message_bytes: number(message_bytes) };
        println!("messages {}", run(&case, false).messages);
        return;
    }
    // `cargo test` runs this too, to see that it still works.
    let rounds = if has("--bench") { 600 } else { 2 };
    for (peers, message_bytes) in [(1, 64), (200, 64), (1, 1000)] {
        let case = Case { peers, rounds: (rounds / peers.min(20)).max(2), message_bytes };
        if has("--count") {
            count(&case);
        } else {
            let Outcome { messages, time, datagrams } = run(&case, true);
            println!(
                "{peers} peers, {message_bytes} bytes echoed: {} ns a message, {:.2} datagrams out",
                time.as_nanos() / messages as u128,
                datagrams as f64 / messages as f64
            );
        }
    }
}

/// Two runs that differ in their rounds alone: what all else costs is the same in both.
fn count(case: &Case) {
    let Case { peers, rounds, message_bytes } = *case;
    let few = Case { rounds: 1, ..*case };
    let (Some(most), Some(least)) = (instructions(case), instructions(&few)) else {
        println!("valgrind is needed to count");
        return;
    };
    let a_message = (most - least) / (peers * (rounds - 1)) as u64;
    println!("{peers} peers, {message_bytes} bytes echoed: {a_message} instructions a message");
}

fn instructions(case: &Case) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*server_side*"])
        .arg(std::env::current_exe().ok()?)
        .args([COUNTED, &case.peers.to_string(), &case.rounds.to_string(), &case.message_bytes.to_string()])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

struct Outcome {
    messages: usize,
    time: Duration,
    datagrams: usize,
}

fn run(case: &Case, is_timed: bool) -> Outcome {
    let mut now = Instant::now();
    let mut endpoint = Endpoint::new(Limits::relaxed(), [1; 32], now);
    let mut browsers: Vec<Browser> = (0..case.peers).map(|i| join(&mut endpoint, &mut now, i)).collect();
    let message = Data::Binary(vec![7; case.message_bytes]);
    let mut outcome = Outcome { messages: 0, time: Duration::ZERO, datagrams: 0 };
    for round in 0..WARM_UP + case.rounds {
        for browser in &mut browsers {
            now += EVERY / case.peers as u32;
            browser.handle_timeout(now);
            assert!(browser.send(now, "uu", &message));
            let sent: Vec<Transmit> = browser.drain().collect();
            let answered = if round < WARM_UP {
                turn(&mut endpoint, now, &sent)
            } else {
                let start = is_timed.then(Instant::now);
                let answered = server_side(&mut endpoint, now, &sent);
                outcome.time += start.map_or(Duration::ZERO, |start| start.elapsed());
                outcome.datagrams += answered.len();
                outcome.messages += 1;
                answered
            };
            for transmit in answered {
                browser.receive(now, &transmit);
            }
            let late: Vec<Transmit> = browser.drain().collect();
            turn(&mut endpoint, now, &late);
        }
    }
    let echoed: usize = browsers.iter().map(|browser| browser.received.len()).sum();
    assert_eq!(echoed, case.peers * (WARM_UP + case.rounds), "every message comes back");
    outcome
}

/// What valgrind counts.
#[inline(never)]
fn server_side(endpoint: &mut Endpoint, now: Instant, datagrams: &[Transmit]) -> Vec<Transmit> {
    turn(endpoint, now, datagrams)
}

/// What the shell does with the endpoint, and an application that echoes.
fn turn(endpoint: &mut Endpoint, now: Instant, datagrams: &[Transmit]) -> Vec<Transmit> {
    let mut out = Vec::new();
    for Transmit { from, to, bytes } in datagrams {
        endpoint.handle_datagram(now, *from, *to, bytes);
    }
    endpoint.handle_timeout(now);
    while let Some(event) = endpoint.poll_event() {
        if let Event::Message { peer, channel, data } = event {
            let _ = endpoint.send(now, peer, channel, &data);
            out.extend(std::iter::from_fn(|| endpoint.poll_transmit()));
        }
    }
    out.extend(std::iter::from_fn(|| endpoint.poll_transmit()));
    out
}

fn join(endpoint: &mut Endpoint, now: &mut Instant, i: usize) -> Browser {
    let server: SocketAddr = SERVER.parse().expect("an address");
    let address = SocketAddr::new([192, 0, 2, 2 + (i % 200) as u8].into(), 40_000 + i as u16);
    let (mut browser, sdp) = Browser::offer(*now, address, &["ro", "uu"]);
    let body = serde_json::json!({"type": "offer", "sdp": sdp}).to_string();
    let offer = Offer::parse(body.as_bytes()).expect("an offer");
    let (_, answer) = endpoint.handle_offer(*now, &offer, address.ip(), &[server]).expect("a place");
    browser.accept(*now, &answer);
    let joined = |event: &Event| matches!(event, Event::Joined { .. });
    let mut is_here = false;
    while !(is_here && browser.is_open()) {
        *now += Duration::from_millis(1);
        browser.handle_timeout(*now);
        let sent: Vec<Transmit> = browser.drain().collect();
        for Transmit { from, to, bytes } in &sent {
            endpoint.handle_datagram(*now, *from, *to, bytes);
        }
        endpoint.handle_timeout(*now);
        while let Some(transmit) = endpoint.poll_transmit() {
            if transmit.to == address {
                browser.receive(*now, &transmit);
            }
        }
        is_here |= std::iter::from_fn(|| endpoint.poll_event()).filter(joined).count() > 0;
    }
    browser
}
