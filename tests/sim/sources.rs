//! Which connections the server may know at an address: what comes from there is theirs, whoever sent it.

use std::net::SocketAddr;
use std::time::Instant;

use patchcord::PeerId;

use crate::model::{LAST_WORDS_MAX, Model, OPENING_MAX};

impl Model {
    /// A datagram of this page's connection comes from there.
    pub fn came_from(&mut self, from: SocketAddr, peer: PeerId, page: u32) {
        self.sources.entry(from).or_default().insert((peer, page));
    }

    /// Whether another connection than this page's may be known there. A page often has the port of the one before, whose
    /// connection the server keeps if nobody told it that it is over. What the newer one sends once its own is no more is
    /// that of the older one, which ignores it.
    pub fn is_shared(&self, now: Instant, from: SocketAddr, peer: PeerId, page: u32) -> bool {
        let known = self.sources.get(&from).into_iter().flatten();
        known.filter(|other| **other != (peer, page)).any(|(peer, page)| self.may_be_connected(now, *peer, *page))
    }

    /// Whether the server may have this page's connection: opening, its peer's, or saying why it ends.
    fn may_be_connected(&self, now: Instant, peer: PeerId, page: u32) -> bool {
        let Some(connection) = self.connections.get(&peer) else { return false };
        let comes_back = connection.claims.get(&page).is_some_and(|(at, _)| now <= *at + OPENING_MAX);
        let is_there = match connection.left {
            Some((at, _)) => connection.has_session && now <= at + LAST_WORDS_MAX,
            None => connection.away_since.is_none(),
        };
        comes_back || connection.page == page && is_there
    }
}
