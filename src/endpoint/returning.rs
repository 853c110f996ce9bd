//! Peers that go away and come back: from one connection to the next.

use std::net::IpAddr;
use std::time::Instant;

use super::admission::NoRoom;
use super::connection::Ended;
use super::deadline::Whose;
use super::id::ConnectionId;
use super::opening::Claim;
use super::roster::{Away, Place};
use super::session::{Session, Tokens, read_token};
use super::{Channel, Endpoint, Event, Payload, PeerId, Reason, SendOutcome, Why};
use crate::signal::{Refusal, SessionAsk};

/// Who wants to come back, and may.
pub(super) struct Returning {
    peer: PeerId,
    came_with: String,
    received: u32,
}

impl Endpoint {
    /// Whom a token belongs to. `None`: nobody to whom this page may come back. Nothing has changed yet.
    pub(super) fn returning(&self, now: Instant, ask: &SessionAsk) -> Option<Result<Returning, Refusal>> {
        let (peer, secret) = read_token(ask.token.as_deref()?)?;
        if self.limits.grace.is_zero() {
            return None;
        }
        let (session, is_heard) = match self.roster.place(peer)? {
            Place::Opening(_) => return None,
            Place::Here(id) => {
                let connection = self.connections.get(*id)?;
                (connection.session()?, connection.is_heard(now))
            }
            Place::Away(away) => (&away.session, false),
        };
        if !may_return(session, secret, ask.received) {
            return None;
        }
        let returning = Returning { peer, came_with: secret.to_owned(), received: ask.received };
        Some(if is_heard { Err(Refusal::StillHere) } else { Ok(returning) })
    }

    /// From here on the peer is away: what it has had does not change until it is back.
    pub(super) fn await_return(&mut self, now: Instant, returning: Returning) -> Claim {
        let Returning { peer, came_with, received } = returning;
        if let Some(Place::Here(id)) = self.roster.place(peer) {
            self.with_connection(*id, |connection, out| {
                connection.close(now, out);
                Err(Ended::lost(Reason::TimedOut))
            });
        }
        Claim::Return { peer, came_with, received, secret: self.identity.secret() }
    }

    /// All of a connection's channels are open: it becomes its peer's.
    pub(super) fn open(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id) else { return };
        let (address, now) = (connection.address(), connection.clock());
        let Some(claim) = connection.claim().cloned() else { return };
        let peer = claim.peer();
        let (session, joined) = match claim {
            Claim::Plain(peer) => (Session::new(peer, None), Event::Joined { peer, address }),
            Claim::New { peer, secret } => {
                (Session::new(peer, Some(Tokens::new(secret))), Event::Joined { peer, address })
            }
            Claim::Return { peer, came_with, received, secret } => {
                let is_awaited = |away: &Away| may_return(&away.session, &came_with, received);
                if !self.roster.away(peer).is_some_and(is_awaited) {
                    return self.with_connection(id, |connection, out| {
                        connection.close(now, out);
                        Err(Ended::over(Reason::Closed))
                    });
                }
                let Some(mut session) = self.take_away(peer) else { return };
                session.log.go_on(received);
                if let Some(tokens) = &mut session.tokens {
                    tokens.renew(secret, &came_with);
                }
                (session, Event::Back { peer, address })
            }
        };
        self.admission.open(address);
        self.roster.set(peer, Place::Here(id));
        self.with_connection(id, |connection, out| connection.open(session, joined, out));
    }

    pub(super) fn go_away(&mut self, now: Instant, session: Session, address: IpAddr) {
        let peer = session.peer;
        let until = now + self.limits.grace;
        self.deadlines.set(Whose::Peer(peer), None, Some((until, Why::Grace)));
        self.roster.set(peer, Place::Away(Box::new(Away { session, address, until })));
        self.out.events.push_back(Event::Away { peer });
    }

    pub(super) fn leave_from_away(&mut self, peer: PeerId, reason: Reason) {
        if self.take_away(peer).is_some() {
            self.report_left(peer, reason);
        }
    }

    /// Room for one more from this address. A newcomer may have the place of somebody who is away.
    pub(super) fn make_room(&mut self, address: IpAddr, comes_back: bool) -> Result<(), Refusal> {
        while let Err(NoRoom { refusal, a_place_would_do }) = self.admission.has_room(address, comes_back) {
            if !a_place_would_do {
                return Err(refusal);
            }
            let counts = |other: IpAddr| refusal == Refusal::Full || other.to_canonical() == address.to_canonical();
            let longest_away = self.roster.longest_away(counts).ok_or(refusal)?;
            self.leave_from_away(longest_away, Reason::TimedOut);
        }
        Ok(())
    }

    /// A message for a peer that is away.
    pub(super) fn keep_for(&mut self, peer: PeerId, channel: Channel, payload: Payload<'_>) -> SendOutcome {
        let Some(Away { session, .. }) = self.roster.away_mut(peer) else { return SendOutcome::Gone };
        match channel {
            Channel::Reliable if session.log.push(payload.to_data()) => SendOutcome::Sent,
            Channel::Reliable => SendOutcome::Full,
            Channel::Latest => {
                session.latest = Some(payload.to_data());
                SendOutcome::Sent
            }
            Channel::Unreliable => SendOutcome::Dropped,
        }
    }

    /// Ends its being away, with its deadline and its count.
    fn take_away(&mut self, peer: PeerId) -> Option<Session> {
        self.roster.away(peer)?;
        let Away { session, address, until } = self.roster.remove(peer)?;
        self.deadlines.set(Whose::Peer(peer), Some((until, Why::Grace)), None);
        self.admission.leave(address, true);
        Some(session)
    }
}

/// Whether the page with this secret may go on where it says it is.
fn may_return(session: &Session, secret: &str, received: u32) -> bool {
    session.tokens.as_ref().is_some_and(|tokens| tokens.admit(secret)) && session.log.covers(received)
}
