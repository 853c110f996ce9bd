//! Every WebRTC peer behind one UDP port, sans-IO: no socket, no clock, no thread, no randomness of its own.
//!
//! [`Endpoint`] takes the time, datagrams, offers and a seed as arguments, and is polled for what to send, what happened
//! and when to come back. `crate::server` drives it with real sockets; the tests drive it with nothing at all.

mod admission;
mod channel;
mod connection;
mod control;
mod datagram;
mod deadline;
mod dial;
mod dtls;
mod event;
mod ice_memory;
mod id;
mod identity;
mod latest;
mod leaving;
mod limits;
mod liveness;
mod message;
mod opening;
mod prefetch;
mod receiving;
mod reliable_log;
mod returning;
mod roster;
mod route;
mod sctp;
mod session;
mod transport;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use slotmap::SlotMap;
use str0m::change::SdpOffer;
use str0m::{Candidate, Rtc};

pub use channel::Channel;
pub use deadline::Why;
pub(crate) use dial::{Dial, Dialler, News, Parted};
pub use event::{Event, Reason, SendOutcome};
pub use id::PeerId;
pub use limits::Limits;
pub use message::{Data, Payload};

use crate::signal::{Answer, Offer, Refusal, SessionAnswer};
use admission::Admission;
use connection::{Accepted, Connection, Ended};
use control::Over;
use deadline::{Deadlines, Whose};
use id::ConnectionId;
use identity::Identity;
use opening::Claim;
use roster::{Place, Roster};
use route::Routes;
use sctp::Association;
use transport::{Outgoing, Transport};

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
/// `handle_timeout`) or one command (`send`, `disconnect`), then [`poll_event`](Endpoint::poll_event) and
/// [`poll_transmit`](Endpoint::poll_transmit) until both are `None`, then wait until the next input or until
/// [`poll_timeout`](Endpoint::poll_timeout). Datagrams that were waiting together may be given together, and an event may
/// be answered before the next is polled; both save work. What is polled stays queued until it is taken, so a caller that stops
/// polling while it goes on feeding grows the queues.
///
/// Nothing here blocks, and nothing that a peer sends makes it panic or grow past [`Limits`] and the bounds in
/// `endpoint/limits.rs`.
pub struct Endpoint {
    limits: Limits,
    epoch: Instant,
    admission: Admission,
    identity: Identity,
    next_peer: PeerId,
    /// One behind another, so that those who talk share few pages of memory: to find a page costs as much as to fetch it.
    connections: SlotMap<ConnectionId, Connection>,
    roster: Roster,
    routes: Routes,
    deadlines: Deadlines,
    /// Connections that have taken datagrams and were not drained.
    unfinished: VecDeque<ConnectionId>,
    /// Which of them was drained last. Mostly its peer is who is answered.
    heard: ConnectionId,
    out: Outbox,
    stats: Stats,
}

/// Where peers put what they have to say.
#[derive(Debug, Default)]
struct Outbox {
    outgoing: Outgoing,
    events: VecDeque<Event>,
}

impl Endpoint {
    /// An endpoint without peers. `seed` must come from the system's CSPRNG: the ICE passwords and the sessions' tokens are
    /// drawn from it. (DTLS draws its keys from its own.) `now` is the zero of the clock that pages hear of. Takes about
    /// 25 ms once in a process, to start the cryptography.
    pub fn new(limits: Limits, seed: [u8; 32], now: Instant) -> Endpoint {
        Endpoint {
            limits,
            epoch: now,
            admission: Admission::new(limits),
            identity: Identity::new(seed),
            next_peer: PeerId::first(),
            connections: SlotMap::with_key(),
            roster: Roster::default(),
            routes: Routes::default(),
            deadlines: Deadlines::default(),
            unfinished: VecDeque::new(),
            heard: ConnectionId::default(),
            out: Outbox::default(),
            stats: Stats::default(),
        }
    }

    /// The zero of the clock that pages hear of as `serverNow()`.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Answers an offer that came from `address`. `facing` are our own UDP addresses that the browser may reach, the one
    /// by which it reached us first; the answer lists them in this order.
    ///
    /// Gives the peer that it is, or that comes back. The connection exists from here on, since its first datagram may overtake the answer. It is dropped, without an
    /// event, if its channels are not open within 10 s. One with the token of a peer that is away becomes that peer's when
    /// it is open.
    pub fn handle_offer(
        &mut self,
        now: Instant,
        offer: &Offer,
        address: IpAddr,
        facing: &[SocketAddr],
    ) -> Result<(PeerId, Answer), Refusal> {
        let returning = offer.session().and_then(|ask| self.returning(now, ask)).transpose()?;
        self.make_room(address, returning.is_some())?;
        let (mut rtc, handshake, ufrag) = self.identity.rtc(now);
        let sdp = catch_unwind(AssertUnwindSafe(|| accept(&mut rtc, offer, facing))).unwrap_or_else(|_| {
            self.stats.panics += 1;
            Err(Refusal::Internal)
        })?;

        self.admission.enter(address);
        let resumed = returning.is_some();
        let claim = match returning {
            Some(returning) => self.await_return(now, returning),
            None => self.new_peer(offer.session().is_some()),
        };
        let peer = claim.peer();
        let received = self.roster.away(peer).map_or(0, |away| away.session.received);
        let association = Association::answering(self.identity.nonces());
        let transport = Transport::new(now, rtc, handshake, association);
        let accepted = Accepted {
            transport,
            ufrag: ufrag.clone(),
            address,
            message_bytes_max: offer.message_bytes_max(),
            claim,
            epoch: self.epoch,
            slow_consumer_after: self.limits.slow_consumer_after,
        };
        let id = self.connections.insert_with_key(|id| Connection::new(id, accepted, now));
        self.routes.add_ufrag(ufrag, id);
        if !resumed {
            self.roster.set(peer, Place::Opening(id));
        }
        self.with_connection(id, |connection, out| connection.handle_timeout(now, out));
        let session = offer.session().map(|_| SessionAnswer { resumed, received });
        Ok((peer, Answer { sdp, mid: offer.mid().to_owned(), addresses: facing.to_vec(), session }))
    }

    fn new_peer(&mut self, with_session: bool) -> Claim {
        let peer = self.next_peer;
        self.next_peer = peer.next();
        if with_session { Claim::New { peer, secret: self.identity.secret() } } else { Claim::Plain(peer) }
    }

    /// Lets every peer whose deadline has passed do what it waited for.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(whose) = self.deadlines.due(now) {
            match whose {
                Whose::Connection(id) => {
                    self.with_connection(id, |connection, out| connection.handle_timeout(now, out))
                }
                Whose::Peer(peer) => self.leave_from_away(peer, Reason::TimedOut),
            }
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
        let heard = self.connections.get(self.heard).and_then(Connection::session);
        let is_heard = heard.is_some_and(|session| session.peer == peer);
        // What is known of it is in the caches, and the roster is not.
        let place = if is_heard { Some(&Place::Here(self.heard)) } else { self.roster.place(peer) };
        match place {
            Some(Place::Here(id)) => self.with_connection(*id, |connection, out| {
                outcome = connection.send(now, channel, payload, out)?;
                Ok(())
            }),
            Some(Place::Away(_)) => outcome = self.keep_for(peer, channel, payload),
            Some(Place::Opening(_)) | None => {}
        }
        outcome
    }

    /// The peers that have joined and not left, those that are away among them, in the order of their offers.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.roster.joined()
    }

    /// Every peer, also those that have not joined yet.
    pub fn all_peers(&self) -> impl Iterator<Item = PeerId> {
        self.roster.all()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        while self.out.outgoing.transmits.is_empty() && self.out.events.is_empty() && self.go_on() {}
        self.out.outgoing.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        while self.out.events.is_empty() && self.go_on() {}
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

    /// Drains the next connection that was left unfinished, up to its next event; whether there was one.
    fn go_on(&mut self) -> bool {
        let Some(id) = self.unfinished.front().copied() else { return false };
        self.heard = id;
        if self.is_at_rest(id) || self.comes_to_rest(id, Connection::drain_to_event) {
            self.unfinished.pop_front();
        }
        true
    }

    /// Whether a connection has nothing more to give, or is gone.
    fn is_at_rest(&self, id: ConnectionId) -> bool {
        self.connections.get(id).is_none_or(|connection| connection.is_at_rest())
    }

    /// One mutation of one connection, with everything that follows from it: its deadline, its opening, its end.
    fn with_connection(
        &mut self,
        id: ConnectionId,
        mutate: impl FnOnce(&mut Connection, &mut Outbox) -> Result<(), Ended>,
    ) {
        self.comes_to_rest(id, mutate);
    }

    /// The same, and whether it has nothing more to give then, or is gone.
    fn comes_to_rest(
        &mut self,
        id: ConnectionId,
        mutate: impl FnOnce(&mut Connection, &mut Outbox) -> Result<(), Ended>,
    ) -> bool {
        let Some(connection) = self.connections.get_mut(id) else { return true };
        let out = &mut self.out;
        // A bug in one peer's transport must not end the others. What it leaves half done is dropped with the peer.
        let result = catch_unwind(AssertUnwindSafe(|| mutate(connection, out))).unwrap_or_else(|_| {
            self.stats.panics += 1;
            Err(Ended::over(Reason::Failed))
        });
        let is_ready = result.is_ok() && connection.is_ready();
        let (clock, is_at_rest) = (connection.clock(), connection.is_at_rest());
        if is_at_rest || result.is_err() {
            let [before, after] = connection.reschedule(result.is_err());
            self.deadlines.set(Whose::Connection(id), before, after);
        }
        match result {
            Ok(()) if is_ready => self.open(id),
            Ok(()) => return is_at_rest,
            Err(Ended { reason: reason @ Reason::SlowConsumer, .. }) => self.dismiss(clock, id, reason, Over::Anew, ""),
            Err(ended) => self.end(id, ended),
        }
        self.is_at_rest(id)
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
        let mut endpoint = Endpoint::new(Limits::default(), [3; 32], now);
        let offer = Offer::parse(include_bytes!("../../tests/offers/chromium-156-bare.json")).unwrap();
        let facing = ["192.0.2.1:8080".parse().unwrap()];
        for last in 0..10 {
            endpoint.handle_offer(now, &offer, [192, 0, 2, 100 + last].into(), &facing).unwrap();
        }
        assert_eq!((endpoint.connections.len(), endpoint.routes.len(), endpoint.deadlines.len()), (10, (10, 0), 10));
        endpoint.handle_timeout(now + Duration::from_secs(10));
        assert_eq!((endpoint.connections.len(), endpoint.routes.len(), endpoint.deadlines.len()), (0, (0, 0), 0));
        assert!(endpoint.admission.is_empty() && endpoint.all_peers().next().is_none());
        assert_eq!((endpoint.poll_event(), endpoint.stats().peers_never_open), (None, 10));
    }

    #[test]
    fn seeds_decide_the_credentials() {
        let now = Instant::now();
        let offer = Offer::parse(include_bytes!("../../tests/offers/firefox-153-bare.json")).unwrap();
        let credentials = |seed: u8| {
            let mut endpoint = Endpoint::new(Limits::default(), [seed; 32], now);
            let (_, answer) = endpoint.handle_offer(now, &offer, [192, 0, 2, 9].into(), &[]).unwrap();
            let of_ice =
                answer.sdp.lines().filter(|line| line.starts_with("a=ice-ufrag") || line.starts_with("a=ice-pwd"));
            of_ice.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(credentials(1), credentials(1));
        assert_ne!(credentials(1), credentials(2));
        assert_eq!(credentials(1).len(), 2);
    }
}
