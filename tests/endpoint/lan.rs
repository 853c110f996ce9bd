//! A LAN without a LAN: one `Endpoint` and any number of in-process browsers on virtual time. Datagrams take
//! [`Lan::delay`] each way, and [`Lan::loss`] of them are lost, as one seed decides; a test may also take some out by hand.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use patchcord::{Channel, Data, Endpoint, Event, Limits, Offer, PeerId, Refusal, SessionAnswer, Transmit};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::browser::Browser;

/// Our address in every test.
pub const SERVER: &str = "192.0.2.1:8080";

/// Index of a browser in its LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserId(pub usize);

pub struct Lan {
    pub now: Instant,
    pub endpoint: Endpoint,
    pub browsers: Vec<Browser>,
    pub events: Vec<Event>,
    /// One way.
    pub delay: Duration,
    /// The share of datagrams that is lost, from 0 to 1, each way.
    pub loss: f64,
    /// What the path to the browsers takes, in bytes a second, and has not taken yet: a queue without end. `None`: all of it.
    pub rate: Option<u32>,
    busy_until: Instant,
    /// Datagrams sent by anyone, lost or not.
    pub datagrams: usize,
    chance: StdRng,
    in_flight: VecDeque<(Instant, Transmit)>,
}

impl Lan {
    pub fn new() -> Lan {
        Lan::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Lan {
        // The only reading of a clock in these tests: an `Instant` cannot be made from nothing.
        let now = Instant::now();
        Lan {
            now,
            endpoint: Endpoint::new(limits, [7; 32], now),
            browsers: Vec::new(),
            events: Vec::new(),
            delay: Duration::from_millis(1),
            loss: 0.0,
            rate: None,
            busy_until: now,
            datagrams: 0,
            chance: StdRng::seed_from_u64(1),
            in_flight: VecDeque::new(),
        }
    }

    /// A browser at an address of its own, which has offered and been answered.
    pub fn add(&mut self, channels: &[&str]) -> Result<BrowserId, Refusal> {
        let id = BrowserId(self.browsers.len());
        let address = SocketAddr::new([192, 0, 2, 10 + id.0 as u8].into(), 40_000 + id.0 as u16);
        self.add_at(address, channels)
    }

    pub fn add_at(&mut self, address: SocketAddr, channels: &[&str]) -> Result<BrowserId, Refusal> {
        Ok(self.post(address, channels, &serde_json::json!({}))?.0)
    }

    /// A browser that posts more than its offer, and what it hears of its session.
    pub fn post(
        &mut self,
        address: SocketAddr,
        channels: &[&str],
        more: &serde_json::Value,
    ) -> Result<(BrowserId, Option<SessionAnswer>), Refusal> {
        let (browser, sdp) = Browser::offer(self.now, address, channels);
        self.post_offer(browser, &sdp, more)
    }

    /// The same, of a browser that has made its offer.
    pub fn post_offer(
        &mut self,
        mut browser: Browser,
        sdp: &str,
        more: &serde_json::Value,
    ) -> Result<(BrowserId, Option<SessionAnswer>), Refusal> {
        let address = browser.address;
        let mut body = serde_json::json!({"type": "offer", "sdp": sdp});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let offer = Offer::parse(body.to_string().as_bytes()).expect("str0m's offer is one we can read");
        let (_, answer) = self.endpoint.handle_offer(self.now, &offer, address.ip(), &[SERVER.parse().unwrap()])?;
        browser.accept(self.now, &answer);
        self.browsers.push(browser);
        self.collect();
        Ok((BrowserId(self.browsers.len() - 1), answer.session))
    }

    /// A browser whose two channels are open, and its id on our side.
    pub fn join(&mut self) -> (BrowserId, PeerId) {
        let id = self.add(&["ro", "uu"]).expect("there is room");
        let joined = self.events.len();
        let in_time =
            self.run_until(Duration::from_secs(5), |lan| lan.events.len() > joined && lan.browsers[id.0].is_open());
        assert!(in_time, "the browser does not get in");
        match self.events[joined] {
            Event::Joined { peer, address } => {
                assert_eq!(address, self.browsers[id.0].address.ip());
                (id, peer)
            }
            ref other => panic!("{other:?} before Joined"),
        }
    }

    pub fn browser(&mut self, id: BrowserId) -> &mut Browser {
        &mut self.browsers[id.0]
    }

    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.endpoint.handle_datagram(self.now, from, SERVER.parse().unwrap(), datagram);
        self.collect();
    }

    /// Takes what everyone has to say: datagrams onto the wire, events into `events`.
    pub fn collect(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push(event);
        }
        let mut sent: Vec<Transmit> = std::iter::from_fn(|| self.endpoint.poll_transmit()).collect();
        for browser in &mut self.browsers {
            sent.extend(browser.drain());
        }
        self.datagrams += sent.len();
        sent.retain(|_| !self.chance.random_bool(self.loss));
        self.put_in_flight(sent);
    }

    /// Takes some of what is on the wire off it, and leaves the rest as it is.
    pub fn hold_back(&mut self, which: impl Fn(&Transmit) -> bool) -> Vec<Transmit> {
        let on_the_wire = std::mem::take(&mut self.in_flight);
        let (held, rest): (Vec<_>, Vec<_>) = on_the_wire.into_iter().partition(|(_, transmit)| which(transmit));
        self.in_flight = rest.into();
        held.into_iter().map(|(_, transmit)| transmit).collect()
    }

    pub fn is_in_flight(&self, which: impl Fn(&Transmit) -> bool) -> bool {
        self.in_flight.iter().any(|(_, transmit)| which(transmit))
    }

    pub fn put_in_flight(&mut self, transmits: impl IntoIterator<Item = Transmit>) {
        for transmit in transmits {
            let mut leaves = self.now;
            if let Some(rate) = self.rate.filter(|_| transmit.from == SERVER.parse().unwrap()) {
                let takes = Duration::from_secs_f64(transmit.bytes.len() as f64 / f64::from(rate));
                self.busy_until = self.busy_until.max(self.now) + takes;
                leaves = self.busy_until;
            }
            let arrives = leaves + self.delay;
            let at = self.in_flight.partition_point(|(other, _)| *other <= arrives);
            self.in_flight.insert(at, (arrives, transmit));
        }
    }

    /// Moves time to the next thing that happens, at most to `end`, and lets it happen.
    pub fn step(&mut self, end: Instant) {
        self.collect();
        let arrival = self.in_flight.front().map(|(at, _)| *at);
        let deadlines = self.browsers.iter().map(Browser::wake_at).chain([self.endpoint.poll_timeout().map(|d| d.0)]);
        let next = deadlines.flatten().chain(arrival).min().unwrap_or(end).min(end);
        assert!(next >= self.now || next == end || arrival.is_some(), "a deadline lies in the past");
        self.now = self.now.max(next);

        while self.in_flight.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, transmit)) = self.in_flight.pop_front() else { break };
            let server: SocketAddr = SERVER.parse().unwrap();
            if transmit.to == server {
                self.endpoint.handle_datagram(self.now, transmit.from, server, &transmit.bytes);
            } else if let Some(browser) = self.browsers.iter_mut().find(|b| b.address == transmit.to && !b.is_dead) {
                browser.receive(self.now, &transmit);
            }
            self.collect();
        }
        self.endpoint.handle_timeout(self.now);
        for browser in &mut self.browsers {
            browser.handle_timeout(self.now);
        }
        self.collect();
        let deadline = self.endpoint.poll_timeout();
        assert!(deadline.is_none_or(|(at, _)| at > self.now), "a deadline was neither moved nor handled");
    }

    /// Whether the condition came true within so much virtual time.
    pub fn run_until(&mut self, at_most: Duration, condition: impl Fn(&Lan) -> bool) -> bool {
        let end = self.now + at_most;
        loop {
            if condition(self) {
                return true;
            }
            if self.now >= end {
                return false;
            }
            self.step(end);
        }
    }

    pub fn run(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// What arrived from a peer, in order.
    pub fn messages_from(&self, from: PeerId) -> Vec<(Channel, Data)> {
        let message = |event: &Event| match event {
            Event::Message { peer, channel, data } if *peer == from => Some((*channel, data.clone())),
            _ => None,
        };
        self.events.iter().filter_map(message).collect()
    }
}

/// An address with another last octet, for browsers that share nothing.
pub fn host(octet: u8) -> IpAddr {
    [192, 0, 2, octet].into()
}
