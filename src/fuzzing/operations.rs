use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::browser::Browser;
use super::input::Input;
use super::lan::{Lan, server};
use crate::{Channel, Data, Limits, MESSAGE_BYTES_MAX, Offer, PeerId, Reason, Refusal, SendOutcome};

/// Operations of one input.
const OPERATIONS_MAX: usize = 40;

/// Few enough that an input meets every one of them.
fn limits() -> Limits {
    Limits { peers_max: 5, peers_per_address_max: 3, pending_max: 3, pending_per_address_max: 2, ..Limits::default() }
}

/// Bytes that one input may send in each direction; more only makes it slow.
const SENT_BYTES_MAX: usize = 400 * 1024;

/// What is sent to a browser that sleeps weighs this much less, so that its queue can be filled.
const ASLEEP_WEIGHS_LESS: usize = 4;

const OFFER: &str = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
    10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n";

/// What an application, its browsers and the network do, in any order. Beside what `Lan` holds to: the caps are met
/// exactly, who is not there is `Gone`, what is sent on a reliable channel arrives once and in order, and what is sent
/// on the other at most once.
///
/// An input is a row of operations, each a byte with what it needs.
pub fn operations(bytes: &[u8]) {
    thread_local! {
        static KEPT: RefCell<Option<Lan>> = const { RefCell::new(None) };
    }
    KEPT.with_borrow_mut(|kept| {
        let lan = kept.take().unwrap_or_else(|| Lan::new(limits()));
        let mut run = Run { lan, of_peer: BTreeMap::new(), addresses: BTreeMap::new(), sent_bytes: 0, heard_bytes: 0 };
        let mut input = Input::new(bytes);
        for _ in 0..OPERATIONS_MAX {
            if input.is_empty() {
                break;
            }
            run.operate(&mut input);
        }
        *kept = Some(run.end());
    });
}

struct Run {
    lan: Lan,
    of_peer: BTreeMap<PeerId, Traffic>,
    /// Where each offer came from.
    addresses: BTreeMap<PeerId, IpAddr>,
    sent_bytes: usize,
    heard_bytes: usize,
}

/// What went between one browser and us.
#[derive(Default)]
struct Traffic {
    browser_at: Option<SocketAddr>,
    sent: [Vec<Data>; 2],
    received: [usize; 2],
    said: [Vec<Data>; 2],
    heard: [usize; 2],
}

impl Run {
    fn operate(&mut self, input: &mut Input<'_>) {
        let operation = input.u8();
        let (who, channel) = (usize::from(operation >> 5), Channel::PLAIN[usize::from(operation >> 4 & 1)]);
        match operation & 0xf {
            0 => self.offer(who),
            1 => drop(self.browser_offers(who)),
            2 => self.lan.pass(Duration::from_millis(input.u8().into())),
            3 => self.lan.pass(Duration::from_millis(u64::from(input.u8()) * 64)),
            4 => {
                // The caller was away, and comes late.
                self.lan.now += Duration::from_millis(u64::from(input.u8()) * 64);
                self.lan.wake();
            }
            5 | 6 => self.send(who, channel, input),
            7 | 8 => self.browser_sends(who, channel, input),
            9 => self.disconnect(who, input),
            10 => {
                let now = self.lan.now;
                if let Some(browser) = self.browser(who) {
                    browser.close(now);
                }
                self.lan.settle();
            }
            11 => {
                if let Some(browser) = self.browser(who) {
                    browser.is_dead = !browser.is_dead;
                }
            }
            12 => self.lan.to_lose = usize::from(input.u8() & 31),
            13 => {
                let from = self.browser(who).map_or(([192, 0, 2, 99], 6666).into(), |browser| browser.address);
                self.lan.receive(from, server(), input.counted());
            }
            14 => self.lan.endpoint.handle_timeout(self.lan.now),
            _ => self.get_in(who),
        }
        self.look();
    }

    /// Two hosts of browsers.
    fn browser_address(who: usize) -> SocketAddr {
        ([192, 0, 2, 10 + who as u8 % 2], 40_000 + who as u16).into()
    }

    /// A page that offers and then is never heard of: from the first of those hosts, or from one of a few in one network.
    fn offer(&mut self, who: usize) {
        let address = match who {
            0 | 1 => Run::browser_address(0).ip(),
            _ => [0x2001, 0xdb8, 0, 0, 0, 0, 0, who as u16].into(),
        };
        let expected = self.admission(address);
        let offer = Offer::parse_sdp(OFFER).expect("the least that an offer needs");
        let peer = self.lan.offer(&offer, address).map(|(_, peer)| peer);
        assert_eq!(peer.err(), expected);
        self.addresses.extend(peer.ok().map(|peer| (peer, address)));
        self.lan.settle();
    }

    fn browser_offers(&mut self, who: usize) -> Option<PeerId> {
        let address = Run::browser_address(who);
        let expected = self.admission(address.ip());
        let peer = self.lan.add(address);
        assert_eq!(peer.err(), expected);
        let peer = peer.ok()?;
        // A browser that was there is no more, and what it had not heard it never will.
        for traffic in self.of_peer.values_mut().filter(|traffic| traffic.browser_at == Some(address)) {
            traffic.browser_at = None;
        }
        self.addresses.insert(peer, address.ip());
        self.of_peer.insert(peer, Traffic { browser_at: Some(address), ..Traffic::default() });
        self.lan.settle();
        Some(peer)
    }

    fn get_in(&mut self, who: usize) {
        self.lan.to_lose = 0;
        let Some(peer) = self.browser_offers(who) else { return };
        for _ in 0..100 {
            self.lan.pass(Duration::from_millis(10));
            if self.lan.peers.get(&peer) == Some(&true) && self.lan.browser_at(Run::browser_address(who)).is_open() {
                return;
            }
        }
        panic!("nothing is lost, and an honest browser does not get in within a second");
    }

    /// What the caps say of one more peer.
    fn admission(&self, address: IpAddr) -> Option<Refusal> {
        let Limits { peers_max, peers_per_address_max, pending_max, pending_per_address_max, .. } = limits();
        let is_reached = |counts: &dyn Fn(IpAddr) -> bool, peers_max: usize, pending_max: usize| {
            let counted = self.lan.peers.iter().filter(|(peer, _)| counts(self.addresses[peer]));
            let (peers, pending) =
                counted.fold((0, 0), |(peers, pending), (_, is_open)| (peers + 1, pending + usize::from(!is_open)));
            peers >= peers_max || pending >= pending_max
        };
        let of_address = |other: IpAddr| other == address;
        let of_network = |other: IpAddr| address.is_ipv6() && other.is_ipv6();
        if is_reached(&of_address, peers_per_address_max, pending_per_address_max)
            || address.is_ipv6() && is_reached(&of_network, peers_max.div_ceil(2), pending_max.div_ceil(2))
        {
            return Some(Refusal::TooManyFromAddress);
        }
        is_reached(&|_| true, peers_max, pending_max).then_some(Refusal::Full)
    }

    fn browser(&mut self, who: usize) -> Option<&mut Browser> {
        let count = self.lan.browsers.len();
        if count == 0 { None } else { self.lan.browsers.get_mut(who % count) }
    }

    /// Those that are here, one that never was, and one that has left if anybody has.
    fn peer(&self, who: usize) -> PeerId {
        let known: Vec<PeerId> = self.addresses.keys().copied().chain([PeerId::from(u64::MAX)]).collect();
        known[who % known.len()]
    }

    fn data(input: &mut Input<'_>, at: usize) -> Data {
        // From nothing past the largest: every bound lies within.
        const SIZES: [usize; 16] = [
            0,
            1,
            2,
            16,
            17,
            100,
            1000,
            1062,
            1063,
            4096,
            16 * 1024,
            64 * 1024,
            65 * 1024,
            128 * 1024,
            MESSAGE_BYTES_MAX,
            MESSAGE_BYTES_MAX + 1,
        ];
        let shape = input.u8();
        let size = SIZES[usize::from(shape & 0xf)];
        let name = format!("{at}:");
        let filled: String = name.chars().chain(std::iter::repeat('x')).take(size).collect();
        if shape & 0x10 == 0 { Data::Text(filled) } else { Data::Binary(filled.into_bytes()) }
    }

    fn send(&mut self, who: usize, channel: Channel, input: &mut Input<'_>) {
        let peer = self.peer(who);
        let at = self.of_peer.get(&peer).map_or(0, |traffic| traffic.sent[channel as usize].len());
        let data = Run::data(input, at);
        if self.sent_bytes > SENT_BYTES_MAX {
            return;
        }
        let is_asleep = self.lan.browsers.iter().any(|browser| {
            browser.is_dead
                && self.of_peer.get(&peer).is_some_and(|traffic| traffic.browser_at == Some(browser.address))
        });
        self.sent_bytes += data.bytes().len() / if is_asleep { ASLEEP_WEIGHS_LESS } else { 1 };
        let is_open = self.lan.peers.get(&peer) == Some(&true);
        let outcome = self.lan.endpoint.send(self.lan.now, peer, channel, &data);
        let is_too_big = data.bytes().len() > MESSAGE_BYTES_MAX;
        match outcome {
            SendOutcome::Gone => assert!(!is_open, "{peer} is here"),
            SendOutcome::TooBig => assert!(is_open && is_too_big),
            SendOutcome::Dropped => assert!(is_open && !is_too_big && channel == Channel::Unreliable),
            SendOutcome::Full => assert!(is_open && !is_too_big && channel == Channel::Reliable),
            SendOutcome::Sent => {
                assert!(is_open && !is_too_big);
                self.of_peer.entry(peer).or_default().sent[channel as usize].push(data);
            }
        }
        self.lan.settle();
    }

    fn browser_sends(&mut self, who: usize, channel: Channel, input: &mut Input<'_>) {
        let now = self.lan.now;
        let Some(at) = self.browser(who).map(|browser| browser.address) else { return };
        let Some(peer) = self.of_peer.iter().find(|(_, traffic)| traffic.browser_at == Some(at)).map(|(peer, _)| *peer)
        else {
            return;
        };
        let number = self.of_peer[&peer].said[channel as usize].len();
        let data = Run::data(input, number);
        // A browser refuses what is larger than the answer allows.
        if self.heard_bytes > SENT_BYTES_MAX || data.bytes().len() > MESSAGE_BYTES_MAX {
            return;
        }
        if self.lan.browser_at(at).send(now, channel, &data) {
            self.heard_bytes += data.bytes().len();
            self.of_peer.entry(peer).or_default().said[channel as usize].push(data);
        }
        self.lan.settle();
    }

    fn disconnect(&mut self, who: usize, input: &mut Input<'_>) {
        let peer = self.peer(who);
        let reason = [Reason::Kicked, Reason::ShutDown][input.below(2)];
        let was_open = self.lan.peers.get(&peer) == Some(&true);
        self.lan.endpoint.disconnect(self.lan.now, peer, reason);
        self.lan.settle();
        assert_eq!(self.lan.peers.get(&peer), None, "a peer that was disconnected is there");
        let left = crate::Event::Left { peer, reason };
        assert_eq!(self.lan.events.contains(&left), was_open, "{left:?}");
    }

    /// Everybody heard what was said to them and nothing else.
    fn look(&mut self) {
        for event in std::mem::take(&mut self.lan.events) {
            let crate::Event::Message { peer, channel, data } = event else { continue };
            let traffic = self.of_peer.get_mut(&peer).expect("only browsers say something");
            let said = &traffic.said[channel as usize];
            let heard = &mut traffic.heard[channel as usize];
            follows(channel, said, heard, &data);
        }
        for browser in &mut self.lan.browsers {
            let traffic = self.of_peer.values_mut().find(|traffic| traffic.browser_at == Some(browser.address));
            let Some(traffic) = traffic else { continue };
            for (channel, data) in std::mem::take(&mut browser.received) {
                let sent = &traffic.sent[channel as usize];
                let received = &mut traffic.received[channel as usize];
                follows(channel, sent, received, &data);
            }
        }
        assert!(self.lan.peers.len() <= limits().peers_max);
        let pending = self.lan.peers.values().filter(|is_open| !**is_open).count();
        assert!(pending <= limits().pending_max);
    }

    /// Everyone is sent away, so that the next input finds an empty house.
    fn end(mut self) -> Lan {
        self.lan.to_lose = 0;
        let all: Vec<PeerId> = self.lan.peers.keys().copied().collect();
        for peer in all {
            self.lan.endpoint.disconnect(self.lan.now, peer, Reason::Kicked);
            self.lan.settle();
        }
        self.look();
        assert_eq!(self.lan.peers.len(), 0);
        assert_eq!(self.lan.endpoint.poll_timeout(), None);
        self.lan.browsers.clear();
        self.lan.overheard.clear();
        self.lan
    }
}

/// The wire keeps the order and nothing is repeated: what arrives stands behind what arrived before it. On the reliable
/// channel it stands right behind.
fn follows(channel: Channel, said: &[Data], heard: &mut usize, data: &Data) {
    match channel {
        Channel::Reliable => {
            assert_eq!(said.get(*heard), Some(data), "message {heard} of a reliable channel");
            *heard += 1;
        }
        Channel::Unreliable | Channel::Latest => {
            let ahead = said[*heard..].iter().position(|other| other == data);
            let ahead = ahead.expect("an unreliable message that was never sent, or arrived twice or late");
            *heard += ahead + 1;
        }
    }
}
