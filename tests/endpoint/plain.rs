//! Plain str0m in the place of the endpoint, on the same path with the same seed: what a server gets that does nothing of its
//! own about losses and silence. `cargo test --test endpoint plain -- --ignored --nocapture` prints the figures that
//! docs/BENCHMARKS.md holds.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use patchcord::{Answer, Transmit};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

use crate::browser::Browser;
use crate::lan::SERVER;
use crate::loss::quantile;

const MS: Duration = Duration::from_millis(1);

struct PlainLan {
    now: Instant,
    server: Box<Rtc>,
    server_wake_at: Instant,
    channels: Vec<(String, ChannelId)>,
    is_disconnected: bool,
    browser: Browser,
    in_flight: VecDeque<(Instant, Transmit)>,
    delay: Duration,
    loss: f64,
    datagrams: usize,
    chance: StdRng,
}

impl PlainLan {
    /// A browser whose two channels are open.
    fn join() -> PlainLan {
        let now = Instant::now();
        let server_address: SocketAddr = SERVER.parse().unwrap();
        let (mut browser, offer) = Browser::offer(now, "192.0.2.10:40000".parse().unwrap(), &["ro", "uu"]);
        let mut server =
            Box::new(Rtc::builder().clear_codecs().set_dtls_version(str0m::config::DtlsVersion::Auto).build(now));
        server.add_local_candidate(Candidate::host(server_address, "udp").unwrap());
        // Without the browser's own addresses, as ours: its first check shows where it is.
        let offer: String =
            offer.lines().filter(|line| !line.contains("candidate")).map(|line| format!("{line}\r\n")).collect();
        let answer = server.sdp_api().accept_offer(SdpOffer::from_sdp_string(&offer).unwrap()).unwrap();
        let answer =
            Answer { sdp: answer.to_sdp_string(), mid: "0".into(), addresses: vec![server_address], session: None };
        browser.accept(now, &answer);
        let mut lan = PlainLan {
            now,
            server,
            server_wake_at: now,
            channels: Vec::new(),
            is_disconnected: false,
            browser,
            in_flight: VecDeque::new(),
            delay: MS,
            loss: 0.0,
            datagrams: 0,
            chance: StdRng::seed_from_u64(1),
        };
        while lan.channels.len() < 2 || !lan.browser.is_open() {
            assert!(lan.now < now + Duration::from_secs(5), "the browser does not get in");
            lan.run(MS);
        }
        lan
    }

    fn poll(&mut self) {
        loop {
            match self.server.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.server_wake_at = at;
                    break;
                }
                Output::Transmit(sent) => {
                    let transmit =
                        Transmit { from: sent.source, to: sent.destination, bytes: Vec::from(sent.contents) };
                    self.carry(transmit);
                }
                Output::Event(Event::ChannelOpen(id, label)) => self.channels.push((label, id)),
                Output::Event(Event::IceConnectionStateChange(state)) => {
                    self.is_disconnected = state == IceConnectionState::Disconnected;
                }
                Output::Event(_) => {}
            }
        }
        let sent: Vec<Transmit> = self.browser.drain().collect();
        sent.into_iter().for_each(|transmit| self.carry(transmit));
    }

    fn carry(&mut self, transmit: Transmit) {
        self.datagrams += 1;
        if !self.chance.random_bool(self.loss) {
            self.in_flight.push_back((self.now + self.delay, transmit));
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.poll();
            let next = [Some(self.server_wake_at), self.browser.wake_at(), self.in_flight.front().map(|(at, _)| *at)];
            self.now = next.into_iter().flatten().min().unwrap_or(end).clamp(self.now, end);
            while self.in_flight.front().is_some_and(|(at, _)| *at <= self.now) {
                let Some((_, transmit)) = self.in_flight.pop_front() else { break };
                if transmit.to != self.browser.address {
                    let contents = DatagramRecv::try_from(&transmit.bytes[..]).unwrap();
                    let (source, destination) = (transmit.from, transmit.to);
                    let receive = Receive { proto: Protocol::Udp, source, destination, contents };
                    self.server.handle_input(Input::Receive(self.now, receive)).unwrap();
                } else if !self.browser.is_dead {
                    self.browser.receive(self.now, &transmit);
                }
                self.poll();
            }
            if self.server_wake_at <= self.now {
                self.server.handle_input(Input::Timeout(self.now)).unwrap();
            }
            self.browser.handle_timeout(self.now);
            self.poll();
        }
    }

    /// What `loss.rs` sends through ours.
    fn send_through(label: &str, bytes: usize, gap: Duration, count: u32, delay: Duration, loss: f64) {
        let mut lan = PlainLan::join();
        (lan.delay, lan.loss, lan.datagrams) = (delay, loss, 0);
        let id = lan.channels.iter().find(|(known, _)| known == label).unwrap().1;
        let mut sent_at = Vec::new();
        for i in 0..count {
            let mut message = vec![0; bytes];
            message[..4].copy_from_slice(&i.to_le_bytes());
            sent_at.push(lan.now);
            lan.server.handle_input(Input::Timeout(lan.now)).unwrap();
            // Full is a message that never arrives.
            let _ = lan.server.channel(id).unwrap().write(true, &message);
            lan.poll();
            lan.run(gap);
        }
        let datagrams = lan.datagrams;
        lan.run(Duration::from_secs(20));
        let arrived = lan.browser.received.iter().map(|(_, data)| data).zip(&lan.browser.received_at);
        let mut delays: Vec<f64> = arrived
            .map(|(data, at)| {
                let i = u32::from_le_bytes(data.bytes()[..4].try_into().unwrap());
                (*at - sent_at[i as usize]).as_secs_f64() * 1e3
            })
            .collect();
        delays.sort_by(f64::total_cmp);
        println!(
            "plain str0m, {label} {bytes} B every {gap:?}, {delay:?}, {:.0} % lost each way: {:.1} % delivered, p50 {:.0} ms, p99 {:.0} ms, \
             worst {:.0} ms, {:.2} datagrams a message",
            100.0 * loss,
            100.0 * delays.len() as f64 / f64::from(count),
            quantile(&delays, 0.5),
            quantile(&delays, 0.99),
            quantile(&delays, 1.0),
            datagrams as f64 / f64::from(count)
        );
    }
}

#[test]
#[ignore = "a comparison, for docs/BENCHMARKS.md"]
fn plain_str0m_on_the_same_path() {
    PlainLan::send_through("uu", 1000, 8 * MS, 7_500, 20 * MS, 0.05);
    PlainLan::send_through("uu", 1000, 2 * MS, 15_000, 20 * MS, 0.02);
    PlainLan::send_through("ro", 4, 500 * MS, 2_000, 10 * MS, 0.05);
    let mut lan = PlainLan::join();
    lan.run(Duration::from_secs(20));
    lan.browser.is_dead = true;
    let died = lan.now;
    while !lan.is_disconnected {
        assert!(lan.now - died < Duration::from_secs(60), "it is never noticed");
        lan.run(10 * MS);
    }
    println!("plain str0m, a browser that is killed: noticed after {:.1?}", lan.now - died);
}
