//! A datagram's way to its connection.

use std::net::SocketAddr;
use std::time::Instant;

use super::connection::Ended;
use super::datagram::Datagram;
use super::id::ConnectionId;
use super::prefetch::prefetch;
use super::route::{self, Kind};
use super::{Endpoint, Reason};

/// Connections that are expected at once: as many as one system call receives from. Together 120 KB, which the second cache holds.
const EXPECTED_MAX: usize = 32;

impl Endpoint {
    /// Takes one datagram. `to` is the local address that it came to, never an unspecified one: ICE compares it with the
    /// candidates of the answer.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let datagram = Datagram { from, to, bytes };
        let known = self.routes.at(from);
        let Some(id) = self.route(now, datagram, known.map(|(id, _)| id)) else {
            self.stats.datagrams_unrouted += 1;
            return;
        };
        let is_settled = known == Some((id, true));
        let is_at_rest = self.comes_to_rest(id, |connection, out| connection.handle_datagram(now, datagram, out));
        if !is_at_rest && self.unfinished.back() != Some(&id) {
            self.unfinished.push_back(id);
        }
        if !is_settled {
            self.settle_claim(now, id, datagram);
        }
    }

    /// Datagrams from these addresses come next: what is known of who sends them is fetched from memory, all at once. Changes
    /// nothing but how long the next calls of [`handle_datagram`](Endpoint::handle_datagram) take.
    pub fn expect_from(&self, sources: impl Iterator<Item = SocketAddr>) {
        let connections = sources.filter_map(|source| self.connections.get(self.routes.at(source)?.0));
        connections.take(EXPECTED_MAX).for_each(prefetch);
    }

    /// Whether a connection has been reached from this address, or asks for it.
    pub fn knows(&self, source: SocketAddr) -> bool {
        self.routes.at(source).is_some()
    }

    fn route(&mut self, now: Instant, datagram: Datagram<'_>, known: Option<ConnectionId>) -> Option<ConnectionId> {
        match Kind::of(datagram.bytes) {
            // Who is open has no handshake to make: it is that of a new connection from the same port.
            Kind::Dtls if route::is_first_handshake(datagram.bytes) && self.is_open(known?) => {
                return self.routes.asking(datagram.from).last().or(known);
            }
            Kind::Dtls => return known,
            Kind::Other => return None,
            Kind::Stun => {}
        }
        let proves = |id: &ConnectionId| self.connections.get(*id).is_some_and(|known| known.proves(now, datagram));
        let Some(named) = self.routes.named_by(datagram.bytes) else {
            // The answer to a check names nobody. Who asks for this address may have sent the check.
            return self.routes.asking(datagram.from).find(proves).or(known);
        };
        if self.routes.has_claim(datagram.from, named) {
            return Some(named);
        }
        // A request from a new address, or from one that is another connection's.
        if !proves(&named) {
            return None;
        }
        let pushed_out = self.connections.get_mut(named)?.add_source(now, datagram);
        if let Some(source) = pushed_out {
            self.routes.release(source, named);
        }
        self.routes.ask(datagram.from, named);
        Some(named)
    }

    fn is_open(&self, id: ConnectionId) -> bool {
        self.connections.get(id).is_some_and(|known| known.is_open())
    }

    /// An address becomes a connection's own when a check of ours has been answered from there.
    fn settle_claim(&mut self, now: Instant, id: ConnectionId, datagram: Datagram<'_>) {
        if !self.routes.has_claim(datagram.from, id) {
            return;
        }
        if !self.connections.get(id).is_some_and(|known| known.reaches(now, datagram.from, datagram.to)) {
            return;
        }
        if let Some(previous) = self.routes.claim(datagram.from, id) {
            // A browser whose only address now belongs to another connection is no more: what we sent it would disturb
            // the new one.
            self.with_connection(previous, |connection, _| {
                connection.set_clock(now);
                connection.remove_source(datagram.from);
                if connection.sources().next().is_none() { Err(Ended::lost(Reason::TimedOut)) } else { Ok(()) }
            });
        }
    }
}
