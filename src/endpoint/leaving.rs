//! How peers leave: sent away, too slow, or with the end of their connection.

use std::time::Instant;

use slotmap::SlotMap;

use super::connection::Ended;
use super::control::Over;
use super::id::ConnectionId;
use super::roster::Place;
use super::{Endpoint, Event, PeerId, Reason};

impl Endpoint {
    /// Ends a peer: tells its browser, and reports [`Event::Left`] if it had joined. A page with a session may come back as a
    /// new peer; one that shall not is [kicked](Endpoint::kick). Unknown ids are ignored.
    pub fn disconnect(&mut self, now: Instant, peer: PeerId, reason: Reason) {
        let Some(place) = self.roster.place(peer) else { return };
        match place {
            Place::Away(_) => self.leave_from_away(peer, reason),
            Place::Here(id) if reason != Reason::ShutDown => self.dismiss(now, *id, reason, Over::Anew, ""),
            Place::Here(id) | Place::Opening(id) => self.with_connection(*id, |connection, out| {
                connection.say_once(now, Over::ShutDown, out)?;
                connection.close(now, out);
                Err(Ended::over(reason))
            }),
        }
    }

    /// Ends a peer with [`Reason::Kicked`], and tells its page why, in at most 255 bytes of UTF-8: it does not come back by
    /// itself. A page without a session hears no words. Unknown ids are ignored.
    pub fn kick(&mut self, now: Instant, peer: PeerId, text: &str) {
        match self.roster.place(peer) {
            Some(Place::Here(id)) => self.dismiss(now, *id, Reason::Kicked, Over::Kicked, text),
            _ => self.disconnect(now, peer, Reason::Kicked),
        }
    }

    /// A peer that is here leaves, and its page hears why if it can.
    pub(super) fn dismiss(&mut self, now: Instant, id: ConnectionId, reason: Reason, why: Over, text: &str) {
        let mut left = None;
        self.with_connection(id, |connection, _| {
            left = connection.take_session();
            Ok(())
        });
        if let Some(session) = left {
            self.report_left(session.peer, reason);
        }
        self.with_connection(id, |connection, out| {
            if connection.has_control() {
                return connection.say_farewell(now, why, text, out);
            }
            connection.close(now, out);
            Err(Ended::over(Reason::Closed))
        });
    }

    /// A connection is over. Its peer is away or gone.
    pub(super) fn end(&mut self, id: ConnectionId, Ended { reason, may_return }: Ended) {
        let Some(mut connection) = self.connections.remove(id) else { return };
        if self.connections.is_empty() {
            // The places of a crowd that has left are given back. Ids begin anew with them, so nothing may know an old one.
            self.connections = SlotMap::with_key();
            self.unfinished.clear();
            self.heard = ConnectionId::default();
        }
        self.routes.remove_ufrag(connection.ufrag());
        for source in connection.sources() {
            self.routes.release(source, id);
        }
        let address = connection.address();
        if let Some(claim) = connection.claim() {
            self.admission.leave(address, false);
            self.stats.peers_never_open += 1;
            tracing::debug!(connection = %id, ?reason, "never opened");
            // Whoever wanted to come back is away as before.
            if let Some(Place::Opening(_)) = self.roster.place(claim.peer()) {
                self.roster.remove(claim.peer());
            }
            return;
        }
        let now = connection.clock();
        match connection.take_session() {
            Some(session) if may_return && session.can_return() && !self.limits.grace.is_zero() => {
                self.go_away(now, session, address);
            }
            Some(session) => {
                self.admission.leave(address, true);
                self.report_left(session.peer, reason);
            }
            // It was left before its farewell.
            None => self.admission.leave(address, true),
        }
    }

    pub(super) fn report_left(&mut self, peer: PeerId, reason: Reason) {
        self.roster.remove(peer);
        self.out.events.push_back(Event::Left { peer, reason });
    }
}
