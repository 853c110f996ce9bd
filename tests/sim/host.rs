//! The endpoint as the world drives it: every call is drained, and every byte it holds is counted.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use patchcord::{
    Answer, Channel, Data, Endpoint, Event, Limits, Offer, PeerId, Reason, Refusal, SendOutcome, Transmit,
};

/// Our one address.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 255, 0, 1)), 8080);

pub struct Host {
    endpoint: Endpoint,
    /// What the endpoint has allocated and not freed, in bytes.
    held_bytes: i64,
    pub transmits: VecDeque<Transmit>,
    pub events: VecDeque<Event>,
}

impl Host {
    pub fn new(limits: Limits, seed: [u8; 32], now: Instant) -> Host {
        Host {
            endpoint: Endpoint::new(limits, seed, now),
            held_bytes: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The peer, too: a new one, or the one that the page may come back as.
    pub fn handle_offer(&mut self, now: Instant, offer: &Offer, address: IpAddr) -> Result<(PeerId, Answer), Refusal> {
        let (peer, answer) = self.call(|endpoint| endpoint.handle_offer(now, offer, address, &[SERVER]))?;
        self.held_bytes -= (answer.sdp.capacity() + answer.mid.capacity()) as i64;
        self.held_bytes -= (answer.addresses.capacity() * size_of::<SocketAddr>()) as i64;
        Ok((peer, answer))
    }

    /// Whether the datagram was some peer's.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> bool {
        let before = self.endpoint.stats().datagrams_unrouted;
        self.call(|endpoint| endpoint.handle_datagram(now, from, SERVER, bytes));
        self.endpoint.stats().datagrams_unrouted == before
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.call(|endpoint| endpoint.handle_timeout(now));
    }

    pub fn send(&mut self, now: Instant, peer: PeerId, channel: Channel, data: &Data) -> SendOutcome {
        self.call(|endpoint| endpoint.send(now, peer, channel, data))
    }

    pub fn disconnect(&mut self, now: Instant, peer: PeerId, reason: Reason) {
        self.call(|endpoint| endpoint.disconnect(now, peer, reason));
    }

    pub fn kick(&mut self, now: Instant, peer: PeerId, text: &str) {
        self.call(|endpoint| endpoint.kick(now, peer, text));
    }

    pub fn wake_at(&self) -> Option<Instant> {
        self.endpoint.poll_timeout().map(|(at, _why)| at)
    }

    pub fn all_peers(&self) -> BTreeSet<PeerId> {
        self.endpoint.all_peers().collect()
    }

    pub fn peers(&self) -> BTreeSet<PeerId> {
        self.endpoint.peers().collect()
    }

    pub fn panics(&self) -> u64 {
        self.endpoint.stats().panics
    }

    pub fn held_bytes(&self) -> i64 {
        self.held_bytes
    }

    /// One input or command, and everything that comes of it.
    fn call<T>(&mut self, act: impl FnOnce(&mut Endpoint) -> T) -> T {
        let (endpoint, transmits, events) = (&mut self.endpoint, &mut self.transmits, &mut self.events);
        let (mut result, mut taken) = (None, 0);
        let counted = allocation_counter::measure(|| {
            result = Some(act(endpoint));
            // What is polled was the endpoint's until here; the queues it goes to are not.
            while let Some(event) = endpoint.poll_event() {
                taken += match &event {
                    Event::Message { data: Data::Text(text), .. } => text.capacity(),
                    Event::Message { data: Data::Binary(bytes), .. } => bytes.capacity(),
                    _ => 0,
                };
                allocation_counter::opt_out(|| events.push_back(event));
            }
            while let Some(transmit) = endpoint.poll_transmit() {
                taken += transmit.bytes.capacity();
                allocation_counter::opt_out(|| transmits.push_back(transmit));
            }
        });
        self.held_bytes += counted.bytes_current - taken as i64;
        result.expect("it was called")
    }
}
