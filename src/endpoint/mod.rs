//! Every WebRTC peer behind one UDP port, sans-IO: no socket, no clock, no thread, no randomness of its own.
//!
//! [`Endpoint`] takes the time, datagrams, offers and a seed as arguments, and is polled for what to send, what happened
//! and when to come back. `crate::server` drives it with real sockets; the tests drive it with nothing at all.

mod admission;
mod channel;
mod datagram;
mod deadline;
mod event;
mod ice_memory;
mod id;
mod identity;
mod limits;
mod message;
mod opening;
mod peer;
mod queue;
mod route;
mod sctp;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::{Candidate, Rtc};

pub use channel::Channel;
pub use deadline::Why;
pub use event::{Event, Reason, SendOutcome};
pub use id::PeerId;
pub use limits::Limits;
pub use message::{Data, Payload};

use crate::signal::{Answer, Offer, Refusal};
use admission::Admission;
use datagram::Datagram;
use deadline::Deadlines;
use identity::Identity;
use peer::{Accepted, Ended, Peer};
use route::{Kind, Routes};

/// A datagram to send, by the UDP socket that owns `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Our address, as the browser knows it.
    pub from: SocketAddr,
    /// The browser's.
    pub to: SocketAddr,
    /// At most about 1,300 bytes.
    pub bytes: Vec<u8>,
}

/// Counts since the endpoint began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams that belong to no peer: strangers, and the last words of peers that left.
    pub datagrams_unrouted: u64,
    /// Peers that were dropped before both channels were open.
    pub peers_never_open: u64,
    /// Panics inside one peer's transport. Each is a bug, and ended that peer alone.
    pub panics: u64,
}

/// Every peer behind one UDP port.
///
/// Drive it in one shape, with times that never go back: one input (`handle_offer`, `handle_datagram`,
/// `handle_timeout`) or one command (`send`, `disconnect`), then [`poll_transmit`](Endpoint::poll_transmit) and
/// [`poll_event`](Endpoint::poll_event) until both are `None`, then wait until the next input or until
/// [`poll_timeout`](Endpoint::poll_timeout). What is polled stays queued until it is taken, so a caller that stops
/// polling while it goes on feeding grows the queues.
///
/// Nothing here blocks, and nothing that a peer sends makes it panic or grow past [`Limits`] and the bounds in
/// `endpoint/limits.rs`.
pub struct Endpoint {
    admission: Admission,
    identity: Identity,
    next_peer: PeerId,
    peers: BTreeMap<PeerId, Peer>,
    routes: Routes,
    deadlines: Deadlines,
    out: Outbox,
    stats: Stats,
}

/// Where peers put what they have to say.
#[derive(Debug, Default)]
struct Outbox {
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Endpoint {
    /// An endpoint without peers. `seed` must come from the system's CSPRNG: the ICE passwords are drawn from it.
    /// (DTLS draws its keys from its own.) Takes about 25 ms once in a process, to start the cryptography.
    pub fn new(limits: Limits, seed: [u8; 32]) -> Endpoint {
        Endpoint {
            admission: Admission::new(limits),
            identity: Identity::new(seed),
            next_peer: PeerId::first(),
            peers: BTreeMap::new(),
            routes: Routes::default(),
            deadlines: Deadlines::default(),
            out: Outbox::default(),
            stats: Stats::default(),
        }
    }

    /// Answers an offer that came from `address`. `facing` are our own UDP addresses that the browser may reach, the one
    /// by which it reached us first; the answer lists them in this order.
    ///
    /// The peer exists from here on, since its first datagram may overtake the answer. It is dropped, without an event,
    /// if its channels are not open within 10 s.
    pub fn handle_offer(
        &mut self,
        now: Instant,
        offer: &Offer,
        address: IpAddr,
        facing: &[SocketAddr],
    ) -> Result<Answer, Refusal> {
        self.admission.enter(address)?;
        let (mut rtc, wire, ufrag) = self.identity.rtc(now);
        let accepted = catch_unwind(AssertUnwindSafe(|| accept(&mut rtc, offer, facing))).unwrap_or_else(|_| {
            self.stats.panics += 1;
            Err(Refusal::Internal)
        });
        let sdp = accepted.inspect_err(|_| self.admission.leave(address, false))?;

        let id = self.next_peer;
        self.next_peer = id.next();
        let (mark, message_bytes_max) = (self.identity.mark(), offer.message_bytes_max());
        let accepted = Accepted { rtc, wire, ufrag: ufrag.clone(), address, message_bytes_max, mark };
        let peer = Peer::new(id, accepted, now);
        self.routes.add_ufrag(ufrag, id);
        self.deadlines.set(id, None, peer.deadline());
        self.peers.insert(id, peer);
        self.with_peer(id, |peer, out| peer.handle_timeout(now, out));
        Ok(Answer { sdp, mid: offer.mid().to_owned(), addresses: facing.to_vec() })
    }

    /// Takes one datagram. `to` is the local address that it came to, never an unspecified one: ICE compares it with the
    /// candidates of the answer.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let datagram = Datagram { from, to, bytes };
        let Some(id) = self.route(now, datagram) else {
            self.stats.datagrams_unrouted += 1;
            return;
        };
        self.with_peer(id, |peer, out| peer.handle_datagram(now, datagram, out));
        self.settle_claim(now, id, datagram);
    }

    fn route(&mut self, now: Instant, datagram: Datagram<'_>) -> Option<PeerId> {
        let known = self.routes.at(datagram.from);
        match Kind::of(datagram.bytes) {
            // Who is open has no handshake to make: it is that of a new connection from the same port.
            Kind::Dtls if route::is_first_handshake(datagram.bytes) && self.is_open(known?) => {
                return self.routes.asking(datagram.from).last().or(known);
            }
            Kind::Dtls => return known,
            Kind::Other => return None,
            Kind::Stun => {}
        }
        let proves = |id: &PeerId| self.peers.get(id).is_some_and(|peer| peer.proves(now, datagram));
        let Some(named) = self.routes.named_by(datagram.bytes) else {
            // The answer to a check names nobody. Who asks for this address may have sent the check.
            return self.routes.asking(datagram.from).find(proves).or(known);
        };
        if self.routes.has_claim(datagram.from, named) {
            return Some(named);
        }
        // A request from a new address, or from one that is another peer's.
        if !proves(&named) {
            return None;
        }
        let pushed_out = self.peers.get_mut(&named)?.add_source(now, datagram);
        if let Some(source) = pushed_out {
            self.routes.release(source, named);
        }
        self.routes.ask(datagram.from, named);
        Some(named)
    }

    fn is_open(&self, id: PeerId) -> bool {
        self.peers.get(&id).is_some_and(Peer::is_open)
    }

    /// An address becomes a peer's own when a check of ours has been answered from there.
    fn settle_claim(&mut self, now: Instant, id: PeerId, datagram: Datagram<'_>) {
        if self.routes.is_owner(datagram.from, id) || !self.routes.has_claim(datagram.from, id) {
            return;
        }
        if !self.peers.get(&id).is_some_and(|peer| peer.reaches(now, datagram.from, datagram.to)) {
            return;
        }
        if let Some(previous) = self.routes.claim(datagram.from, id) {
            // A browser whose only address now belongs to another connection is no more: what we sent it would disturb
            // the new one.
            self.with_peer(previous, |peer, _| {
                peer.remove_source(datagram.from);
                if peer.sources().next().is_none() { Err(Ended(Reason::TimedOut)) } else { Ok(()) }
            });
        }
    }

    /// Lets every peer whose deadline has passed do what it waited for.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.deadlines.due(now) {
            self.with_peer(id, |peer, out| peer.handle_timeout(now, out));
        }
    }

    /// Sends a message, or says why not. Never blocks and never queues without bound.
    pub fn send<'a>(
        &mut self,
        now: Instant,
        peer: PeerId,
        channel: Channel,
        payload: impl Into<Payload<'a>>,
    ) -> SendOutcome {
        let payload = payload.into();
        let mut outcome = SendOutcome::Gone;
        self.with_peer(peer, |peer, out| {
            outcome = peer.send(now, channel, payload, out)?;
            Ok(())
        });
        outcome
    }

    /// Ends a peer: tells its browser, and reports [`Event::Left`] if it had joined. Unknown ids are ignored.
    pub fn disconnect(&mut self, now: Instant, peer: PeerId, reason: Reason) {
        self.with_peer(peer, |peer, out| {
            peer.close(now, out);
            Err(Ended(reason))
        });
    }

    /// The peers that have joined and not left, in the order of their offers.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().filter(|(_, peer)| peer.is_open()).map(|(id, _)| *id)
    }

    /// Every peer, also those that have not joined yet.
    pub fn all_peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.keys().copied()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.events.pop_front()
    }

    /// When to call [`handle_timeout`](Endpoint::handle_timeout), and what for. `None` while there are no peers.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        self.deadlines.next()
    }

    /// Counts since the beginning.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// One mutation of one peer, with everything that follows from it: its deadline, its counts, its end.
    fn with_peer(&mut self, id: PeerId, mutate: impl FnOnce(&mut Peer, &mut Outbox) -> Result<(), Ended>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let was_open = peer.is_open();
        let deadline_before = peer.deadline();
        let out = &mut self.out;
        // A bug in one peer's transport must not end the others. What it leaves half done is dropped with the peer.
        let result = catch_unwind(AssertUnwindSafe(|| mutate(peer, out))).unwrap_or_else(|_| {
            self.stats.panics += 1;
            Err(Ended(Reason::Failed))
        });
        if peer.is_open() && !was_open {
            self.admission.open(peer.address());
        }
        match result {
            Ok(()) => self.deadlines.set(id, deadline_before, peer.deadline()),
            Err(Ended(reason)) => {
                self.deadlines.set(id, deadline_before, None);
                self.remove(id, reason);
            }
        }
    }

    fn remove(&mut self, id: PeerId, reason: Reason) {
        let Some(peer) = self.peers.remove(&id) else { return };
        self.routes.remove_ufrag(peer.ufrag());
        for source in peer.sources() {
            self.routes.release(source, id);
        }
        self.admission.leave(peer.address(), peer.is_open());
        if peer.is_open() {
            self.out.events.push_back(Event::Left { peer: id, reason });
        } else {
            self.stats.peers_never_open += 1;
            tracing::debug!(peer = %id, ?reason, "never opened");
        }
    }
}

/// Gives the offer to a new `Rtc`, with our addresses as candidates, and returns the SDP of the answer.
fn accept(rtc: &mut Rtc, offer: &Offer, facing: &[SocketAddr]) -> Result<String, Refusal> {
    for address in facing {
        if let Ok(candidate) = Candidate::host(*address, "udp") {
            rtc.add_local_candidate(candidate);
        }
    }
    let offer = SdpOffer::from_sdp_string(&offer.to_sdp()).map_err(|error| {
        tracing::warn!(%error, "an offer that we wrote ourselves cannot be read");
        Refusal::BadOffer
    })?;
    let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| {
        tracing::info!(%error, "an offer cannot be accepted");
        Refusal::BadOffer
    })?;
    Ok(answer.to_sdp_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_peer_that_never_opened_leaves_nothing_behind() {
        let now = Instant::now();
        let mut endpoint = Endpoint::new(Limits::default(), [3; 32]);
        let offer = Offer::parse(include_bytes!("../../tests/offers/chromium-156-bare.json")).unwrap();
        let facing = ["192.0.2.1:8080".parse().unwrap()];
        for last in 0..10 {
            endpoint.handle_offer(now, &offer, [192, 0, 2, 100 + last].into(), &facing).unwrap();
        }
        assert_eq!((endpoint.peers.len(), endpoint.routes.len(), endpoint.deadlines.len()), (10, (10, 0), 10));
        endpoint.handle_timeout(now + Duration::from_secs(10));
        assert_eq!((endpoint.peers.len(), endpoint.routes.len(), endpoint.deadlines.len()), (0, (0, 0), 0));
        assert!(endpoint.admission.is_empty());
        assert_eq!((endpoint.poll_event(), endpoint.stats().peers_never_open), (None, 10));
    }

    #[test]
    fn seeds_decide_the_credentials() {
        let now = Instant::now();
        let offer = Offer::parse(include_bytes!("../../tests/offers/firefox-153-bare.json")).unwrap();
        let credentials = |seed: u8| {
            let mut endpoint = Endpoint::new(Limits::default(), [seed; 32]);
            let answer = endpoint.handle_offer(now, &offer, [192, 0, 2, 9].into(), &[]).unwrap();
            let of_ice =
                answer.sdp.lines().filter(|line| line.starts_with("a=ice-ufrag") || line.starts_with("a=ice-pwd"));
            of_ice.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(credentials(1), credentials(1));
        assert_ne!(credentials(1), credentials(2));
        assert_eq!(credentials(1).len(), 2);
    }
}
