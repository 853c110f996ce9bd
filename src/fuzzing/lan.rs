//! One [`Endpoint`] and browsers on virtual time, joined by a wire without delay. What must hold after each step of any
//! target is asserted here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::browser::Browser;
use crate::{Channel, Data, Endpoint, Event, Limits, MESSAGE_BYTES_MAX, Offer, PeerId, Refusal, SendOutcome, Transmit};

/// Our own address in every target.
pub(super) fn server() -> SocketAddr {
    ([192, 0, 2, 1], 8080).into()
}

/// str0m keeps to 1,150 bytes before DTLS, whose records add less than a hundred.
const TRANSMIT_BYTES_MAX: usize = 1300;

/// Rounds of the wire after which two sides that talk at one instant will never stop. A full reliable queue takes some
/// hundred.
const ROUNDS_MAX: usize = 20_000;

pub(super) struct Lan {
    pub(super) now: Instant,
    pub(super) endpoint: Endpoint,
    pub(super) browsers: Vec<Browser>,
    /// Every peer that was answered and is not gone, and whether it has joined.
    pub(super) peers: BTreeMap<PeerId, bool>,
    /// What happened since somebody took it.
    /// Those that are away.
    pub(super) away: BTreeSet<PeerId>,
    pub(super) events: Vec<Event>,
    /// Datagrams from here on that the wire loses, in either direction.
    pub(super) to_lose: usize,
    /// What browsers have sent lately, oldest first.
    pub(super) overheard: VecDeque<Transmit>,
}

/// Datagrams that are remembered for forging.
const OVERHEARD_MAX: usize = 64;

impl Lan {
    pub(super) fn new(limits: Limits) -> Lan {
        // The only reading of a clock: an `Instant` cannot be made from nothing.
        let now = Instant::now();
        Lan {
            now,
            endpoint: Endpoint::new(limits, [7; 32], now),
            browsers: Vec::new(),
            peers: BTreeMap::new(),
            away: BTreeSet::new(),
            events: Vec::new(),
            to_lose: 0,
            overheard: VecDeque::new(),
        }
    }

    /// The endpoint's answer to an offer, and the new peer.
    pub(super) fn offer(&mut self, offer: &Offer, address: IpAddr) -> Result<(crate::Answer, PeerId), Refusal> {
        let (newest, answer) = self.endpoint.handle_offer(self.now, offer, address, &[server()])?;
        assert_eq!(self.peers.insert(newest, false), None, "{newest} is there a second time");
        Ok((answer, newest))
    }

    /// A browser whose page asks for a session; whether it was told that it comes back.
    pub(super) fn add_session(&mut self, address: SocketAddr, resume: &str, received: u32) -> Result<bool, Refusal> {
        let (mut browser, offer) = Browser::offer_session(self.now, address, resume, received);
        let (newest, answer) = self.endpoint.handle_offer(self.now, &offer, address.ip(), &[server()])?;
        let session = answer.session.expect("who asks for a session hears of it");
        if !session.resumed {
            assert_eq!(self.peers.insert(newest, false), None, "{newest} is there a second time");
        }
        browser.accept(self.now, &answer);
        self.browsers.retain(|other| other.address != address);
        self.browsers.push(browser);
        self.settle();
        Ok(session.resumed)
    }

    /// A browser that has offered and been answered; nothing of it has reached the wire.
    pub(super) fn add(&mut self, address: SocketAddr) -> Result<PeerId, Refusal> {
        let (mut browser, offer) = Browser::offer(self.now, address);
        let (answer, peer) = self.offer(&offer, address.ip())?;
        browser.accept(self.now, &answer);
        self.browsers.retain(|other| other.address != address);
        self.browsers.push(browser);
        Ok(peer)
    }

    pub(super) fn browser_at(&mut self, address: SocketAddr) -> &mut Browser {
        self.browsers.iter_mut().find(|browser| browser.address == address).expect("there is one")
    }

    /// A browser whose channels are open on both sides.
    pub(super) fn join(&mut self, address: SocketAddr) -> PeerId {
        let peer = self.add(address).expect("there is room");
        for _ in 0..500 {
            self.pass(Duration::from_millis(10));
            if self.peers.get(&peer) == Some(&true) && self.browsers.last().is_some_and(Browser::is_open) {
                return peer;
            }
        }
        panic!("an honest browser does not get in");
    }

    /// One datagram to the endpoint, and what it answers.
    pub(super) fn receive(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        self.endpoint.handle_datagram(self.now, from, to, datagram);
        self.settle();
    }

    /// Lets time pass, deadline by deadline.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        loop {
            let ours = self.endpoint.poll_timeout().map(|(at, _)| at);
            let next = self.browsers.iter().filter_map(Browser::wake_at).chain(ours).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            // A browser's deadline may have passed; ours is held to account below.
            self.now = self.now.max(next);
            self.wake();
        }
        self.now = end;
    }

    /// Time is over for whoever waited for it.
    pub(super) fn wake(&mut self) {
        self.endpoint.handle_timeout(self.now);
        let deadline = self.endpoint.poll_timeout();
        assert!(deadline.is_none_or(|(at, _)| at > self.now), "{deadline:?} was neither moved nor handled");
        for browser in &mut self.browsers {
            browser.handle_timeout(self.now);
        }
        self.settle();
    }

    /// Carries datagrams until nobody has one, and looks at everything that the endpoint says.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            while let Some(event) = self.endpoint.poll_event() {
                self.happened(event);
            }
            let mut is_quiet = true;
            while let Some(transmit) = self.endpoint.poll_transmit() {
                is_quiet = false;
                assert_eq!(transmit.from, server());
                assert!(transmit.bytes.len() <= TRANSMIT_BYTES_MAX, "a datagram of {} bytes", transmit.bytes.len());
                let to = self.browsers.iter_mut().find(|browser| browser.address == transmit.to);
                // Only browsers prove their addresses here.
                let browser = to.unwrap_or_else(|| panic!("a datagram to {}, who never proved anything", transmit.to));
                if self.to_lose > 0 {
                    self.to_lose -= 1;
                } else {
                    browser.receive(self.now, &transmit);
                }
            }
            let sent: Vec<Transmit> = self.browsers.iter_mut().flat_map(Browser::drain).collect();
            is_quiet &= sent.is_empty();
            for transmit in sent {
                if self.to_lose > 0 {
                    self.to_lose -= 1;
                } else {
                    self.endpoint.handle_datagram(self.now, transmit.from, transmit.to, &transmit.bytes);
                }
                self.overheard.push_back(transmit);
                if self.overheard.len() > OVERHEARD_MAX {
                    self.overheard.pop_front();
                }
            }
            if is_quiet {
                return self.holds();
            }
        }
        panic!("the two sides talk without end and without time");
    }

    fn happened(&mut self, event: Event) {
        match &event {
            Event::Joined { peer, .. } => {
                let before = self.peers.insert(*peer, true);
                assert_eq!(before, Some(false), "{peer} joined, though it was not opening");
            }
            Event::Message { peer, data, .. } => {
                assert_eq!(self.peers.get(peer), Some(&true), "a message of {peer}, who is not here");
                assert!(!self.away.contains(peer), "a message of {peer}, who is away");
                assert!(data.bytes().len() <= MESSAGE_BYTES_MAX, "a message of {} bytes", data.bytes().len());
            }
            Event::Left { peer, .. } => {
                assert_eq!(self.peers.remove(peer), Some(true), "{peer} left, who was not here");
                self.away.remove(peer);
            }
            Event::Away { peer } => {
                assert_eq!(self.peers.get(peer), Some(&true), "{peer} is away, who was not here");
                assert!(self.away.insert(*peer), "{peer} is away twice");
            }
            Event::Back { peer, .. } => assert!(self.away.remove(peer), "{peer} is back, who was not away"),
        }
        self.events.push(event);
    }

    fn holds(&mut self) {
        let all: Vec<PeerId> = self.endpoint.all_peers().collect();
        // Who never opened goes without a word.
        self.peers.retain(|peer, is_open| *is_open || all.contains(peer));
        assert_eq!(self.peers.keys().copied().collect::<Vec<_>>(), all, "a peer came or went without an event");
        let open = self.peers.iter().filter(|(_, is_open)| **is_open).map(|(peer, _)| *peer);
        assert!(self.endpoint.peers().eq(open), "a peer joined or left without an event");
        assert!(self.endpoint.poll_timeout().is_some() || all.is_empty(), "who is here has a deadline");
        assert_eq!(self.endpoint.stats().panics, 0);
    }
}

/// A browser that is open and the endpoint hear each other.
pub(super) fn still_talks(lan: &mut Lan, peer: PeerId, at: SocketAddr, round: u32) {
    lan.events.clear();
    let said = Data::Text(format!("round {round}"));
    let now = lan.now;
    assert!(lan.browser_at(at).send(now, Channel::Reliable, &said), "the browser cannot send");
    let sent = lan.endpoint.send(lan.now, peer, Channel::Reliable, &said);
    assert_eq!(sent, SendOutcome::Sent);
    lan.pass(Duration::from_millis(1));
    let heard = Event::Message { peer, channel: Channel::Reliable, data: said.clone() };
    let events = std::mem::take(&mut lan.events);
    assert!(events.contains(&heard), "the endpoint does not hear the browser: {events:?}");
    let received = std::mem::take(&mut lan.browser_at(at).received);
    assert_eq!(received, [(Channel::Reliable, said)], "the browser does not hear the endpoint");
}
