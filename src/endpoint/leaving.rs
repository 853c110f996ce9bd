//! How peers leave: sent away, too slow, or with the end of their connection.

use std::time::Instant;

use super::connection::{Connection, Ended};
use super::control::Over;
use super::id::ConnectionId;
use super::roster::Place;
use super::{Endpoint, Event, PeerId, Reason};

impl Endpoint {
    /// Ends a peer: tells its browser, and reports [`Event::Left`] if it had joined. A page with a session hears of
    /// [`Reason::ShutDown`] and [`Reason::Kicked`]. Unknown ids are ignored.
    pub fn disconnect(&mut self, now: Instant, peer: PeerId, reason: Reason) {
        match (self.roster.place(peer), reason) {
            (Some(Place::Here(_)), Reason::Kicked) => self.kick(now, peer, ""),
            (Some(Place::Here(id)), Reason::ShutDown) => self.with_connection(*id, |connection, out| {
                connection.say_once(now, Over::ShutDown, out)?;
                connection.close(now, out);
                Err(Ended::over(reason))
            }),
            (Some(Place::Opening(id) | Place::Here(id)), _) => self.with_connection(*id, |connection, out| {
                connection.close(now, out);
                Err(Ended::over(reason))
            }),
            (Some(Place::Away(_)), _) => self.leave_from_away(peer, reason),
            (None, _) => {}
        }
    }

    /// Ends a peer with [`Reason::Kicked`], and tells its page why, in at most 255 bytes of UTF-8: it does not come back by
    /// itself. A page without a session hears no words. Unknown ids are ignored.
    pub fn kick(&mut self, now: Instant, peer: PeerId, text: &str) {
        match self.roster.place(peer) {
            Some(Place::Here(id)) if self.connections.get(id).is_some_and(Connection::has_control) => {
                let id = *id;
                self.leave(id, Reason::Kicked);
                self.with_connection(id, |connection, out| connection.say_farewell(now, Over::Kicked, text, out));
            }
            Some(Place::Here(id) | Place::Opening(id)) => self.with_connection(*id, |connection, out| {
                connection.close(now, out);
                Err(Ended::over(Reason::Kicked))
            }),
            Some(Place::Away(_)) => self.leave_from_away(peer, Reason::Kicked),
            None => {}
        }
    }

    /// A connection is over. Its peer is away or gone.
    pub(super) fn end(&mut self, id: ConnectionId, Ended { reason, may_return }: Ended) {
        let Some(mut connection) = self.connections.remove(&id) else { return };
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

    /// A peer is too slow, and hears so if it can.
    pub(super) fn dismiss(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (now, has_control) = (connection.clock(), connection.has_control());
        self.leave(id, Reason::SlowConsumer);
        self.with_connection(id, |connection, out| match has_control {
            true => connection.say_farewell(now, Over::SlowConsumer, "", out),
            false => {
                connection.close(now, out);
                Err(Ended::over(Reason::Closed))
            }
        });
    }

    /// A peer leaves before its connection ends.
    fn leave(&mut self, id: ConnectionId, reason: Reason) {
        let mut session = None;
        self.with_connection(id, |connection, _| {
            session = connection.take_session();
            Ok(())
        });
        if let Some(session) = session {
            self.report_left(session.peer, reason);
        }
    }

    pub(super) fn report_left(&mut self, peer: PeerId, reason: Reason) {
        self.roster.remove(peer);
        self.out.events.push_back(Event::Left { peer, reason });
    }
}
