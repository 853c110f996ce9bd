//! Where each peer is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use super::PeerId;
use super::id::ConnectionId;
use super::session::Session;

/// Every peer, in the order of their first offers.
#[derive(Debug, Default)]
pub(super) struct Roster {
    places: BTreeMap<PeerId, Place>,
}

#[derive(Debug)]
pub(super) enum Place {
    /// Its first connection opens.
    Opening(ConnectionId),
    Here(ConnectionId),
    Away(Box<Away>),
}

/// A peer without a connection.
#[derive(Debug)]
pub(super) struct Away {
    pub(super) session: Session,
    /// The address of its last connection, which counts as long as it is away.
    pub(super) address: IpAddr,
    pub(super) until: Instant,
}

impl Roster {
    pub(super) fn set(&mut self, peer: PeerId, place: Place) {
        self.places.insert(peer, place);
    }

    pub(super) fn place(&self, peer: PeerId) -> Option<&Place> {
        self.places.get(&peer)
    }

    pub(super) fn away(&self, peer: PeerId) -> Option<&Away> {
        match self.places.get(&peer)? {
            Place::Away(away) => Some(away),
            Place::Opening(_) | Place::Here(_) => None,
        }
    }

    pub(super) fn away_mut(&mut self, peer: PeerId) -> Option<&mut Away> {
        match self.places.get_mut(&peer)? {
            Place::Away(away) => Some(away),
            Place::Opening(_) | Place::Here(_) => None,
        }
    }

    /// Forgets the peer. What it had while it was away.
    pub(super) fn remove(&mut self, peer: PeerId) -> Option<Away> {
        match self.places.remove(&peer)? {
            Place::Away(away) => Some(*away),
            Place::Opening(_) | Place::Here(_) => None,
        }
    }

    /// The one that has been away longest, among those whose last address is taken.
    pub(super) fn longest_away(&self, counts: impl Fn(IpAddr) -> bool) -> Option<PeerId> {
        let away = self.places.iter().filter_map(|(peer, place)| match place {
            Place::Away(away) if counts(away.address) => Some((away.until, *peer)),
            _ => None,
        });
        away.min().map(|(_, peer)| peer)
    }

    /// Those that have joined.
    pub(super) fn joined(&self) -> impl Iterator<Item = PeerId> {
        self.places.iter().filter(|(_, place)| !matches!(place, Place::Opening(_))).map(|(peer, _)| *peer)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = PeerId> {
        self.places.keys().copied()
    }
}
