//! Who may come in: peers overall and from one address, open or not, and who gives way.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use patchcord::{Limits, PeerId, Refusal};

use crate::connection::Connection;
use crate::model::{Fault, LAST_WORDS_MAX, Model, OPENING_MAX, promise};
use crate::presence;

impl Model {
    /// An offer was taken, of a new peer.
    pub fn offered(&mut self, peer: PeerId, connection: Connection) -> Result<(), Fault> {
        promise!(
            self.connections.last_key_value().is_none_or(|(last, _)| *last < peer),
            "{peer} is an id of before, given again"
        );
        let address = connection.address.ip();
        self.connections.insert(peer, connection);
        self.live.insert(peer, address);
        promise!(self.live.len() <= self.limits.peers_max, "{} peers, more than the limit", self.live.len());
        let at_address = self.live.values().filter(|other| **other == address).count();
        promise!(at_address <= self.limits.peers_per_address_max, "{at_address} peers from one address");
        Ok(())
    }

    /// An offer was taken, of a page that may come back as this peer; `None`: nobody will.
    pub fn claimed(&mut self, now: Instant, peer: PeerId, page: Option<u32>, address: SocketAddr) -> Result<(), Fault> {
        match page {
            None => self.thefts.push((now, address)),
            Some(page) => {
                let connection = self.connection(peer)?;
                promise!(connection.is_joined() && connection.has_session, "{peer} may come back, and cannot be away");
                connection.claims.insert(page, (now, address));
            }
        }
        Ok(())
    }

    /// An offer was refused.
    pub fn refused(&mut self, now: Instant, refusal: Refusal, address: IpAddr) -> Result<(), Fault> {
        let Limits { peers_max, peers_per_address_max, pending_max, pending_per_address_max, .. } = self.limits;
        let of = |other: &IpAddr| *other == address;
        let waiting: Vec<IpAddr> = self.waiting(now).collect();
        // Who left with words for its page is there until they are said, and who comes back until it is open.
        let gone = |c: &&Connection| c.left.is_some_and(|(at, _)| now - at <= LAST_WORDS_MAX) && c.has_session;
        let lingering = self.connections.values().filter(gone).map(|c| c.address.ip());
        let claims = self.claims(now);
        let places: Vec<IpAddr> = self.live.values().copied().chain(lingering).chain(claims).collect();
        let is_away = |peer: &PeerId| self.connections.get(peer).is_some_and(|c| c.away_since.is_some());
        let is_true = match refusal {
            Refusal::Full => {
                places.len() >= peers_max && !self.live.keys().any(is_away) || waiting.len() >= pending_max
            }
            Refusal::TooManyFromAddress => {
                let gives_way = self.live.iter().any(|(peer, other)| of(other) && is_away(peer));
                let is_full = waiting.len() >= pending_max;
                places.iter().filter(|other| of(other)).count() >= peers_per_address_max && (!gives_way || is_full)
                    || waiting.iter().filter(|other| of(other)).count() >= pending_per_address_max
            }
            _ => false,
        };
        promise!(is_true, "an offer was refused with {refusal:?} while there was room");
        Ok(())
    }

    /// An offer with this peer's token was refused, because the peer is still here.
    pub fn still_here(&mut self, now: Instant, peer: PeerId) -> Result<(), Fault> {
        let connection = self.connection(peer)?;
        let (silent, most) = (now - connection.heard_at, presence::heard_within(connection));
        promise!(connection.is_here(), "{peer} is not still here");
        // Who may have lost its address may still be heard from there.
        let is_heard = silent < most || connection.is_replaced;
        promise!(is_heard, "{peer} is still here, and was not heard for {silent:?}");
        Ok(())
    }

    /// The addresses of connections that are not open yet.
    fn waiting(&self, now: Instant) -> impl Iterator<Item = IpAddr> {
        let new = self.live.keys().filter_map(|peer| self.connections.get(peer)).filter(|c| c.joined_at.is_none());
        new.map(|c| c.address.ip()).chain(self.claims(now))
    }

    /// The addresses of pages that may come back and have not.
    fn claims(&self, now: Instant) -> impl Iterator<Item = IpAddr> {
        let claims = self.connections.values().flat_map(|c| c.claims.values()).chain(&self.thefts);
        claims.filter(move |(at, _)| now <= *at + OPENING_MAX).map(|(_, address)| address.ip())
    }

    /// Whether a peer that is away must leave for a newcomer: all places are taken, and nobody has been away longer.
    pub fn gives_way(&self, now: Instant, peer: PeerId) -> bool {
        let Some(newcomer) = self.newcomer else { return false };
        let longest = |of: &dyn Fn(IpAddr) -> bool| {
            let away = self.live.iter().filter(|(_, address)| of(**address));
            let since = away.filter_map(|(peer, _)| Some((self.connections.get(peer)?.away_since?, *peer)));
            since.min().is_some_and(|(_, longest)| longest == peer)
        };
        let taken = self.live.len() + self.claims(now).count();
        taken >= self.limits.peers_max && longest(&|_| true) || longest(&|address| address == newcomer)
    }
}
