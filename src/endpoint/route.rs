//! Whose datagram this is. One hash look-up each, whatever the number of peers.

use std::collections::HashMap;
use std::net::SocketAddr;

use str0m::ice::StunMessage;

use super::PeerId;

/// What a datagram is by its first byte (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stun,
    Dtls,
    /// TURN channels, RTP and noise: nothing of ours.
    Other,
}

impl Kind {
    pub(super) fn of(datagram: &[u8]) -> Kind {
        match datagram.first() {
            Some(0..=3) => Kind::Stun,
            Some(20..=63) => Kind::Dtls,
            _ => Kind::Other,
        }
    }
}

/// Two ways to a peer: the ufrag that we gave it, which only its STUN requests carry, and the source addresses that
/// such a request has proved.
#[derive(Debug, Default)]
pub(super) struct Routes {
    // SipHash, with a key of its own in each table, since strangers choose the keys.
    by_ufrag: HashMap<String, PeerId>,
    by_source: HashMap<SocketAddr, PeerId>,
}

impl Routes {
    pub(super) fn add_ufrag(&mut self, ufrag: String, peer: PeerId) {
        self.by_ufrag.insert(ufrag, peer);
    }

    pub(super) fn remove_ufrag(&mut self, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
    }

    /// The peer whose ufrag a STUN request names. The caller checks the request's integrity.
    pub(super) fn named_by(&self, datagram: &[u8]) -> Option<PeerId> {
        let message = StunMessage::parse(datagram).ok().filter(StunMessage::is_binding_request)?;
        let (ours, _theirs) = message.username()?.split_once(':')?;
        self.by_ufrag.get(ours).copied()
    }

    pub(super) fn at(&self, source: SocketAddr) -> Option<PeerId> {
        self.by_source.get(&source).copied()
    }

    /// Gives the source address to `peer` and names the peer that had it before.
    pub(super) fn claim(&mut self, source: SocketAddr, peer: PeerId) -> Option<PeerId> {
        self.by_source.insert(source, peer).filter(|previous| *previous != peer)
    }

    /// Forgets a source address, if it is still this peer's.
    pub(super) fn release(&mut self, source: SocketAddr, peer: PeerId) {
        if self.by_source.get(&source) == Some(&peer) {
            self.by_source.remove(&source);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.by_ufrag.len(), self.by_source.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_rfc_7983() {
        assert_eq!(Kind::of(&[]), Kind::Other);
        assert_eq!(Kind::of(&[0, 1]), Kind::Stun);
        assert_eq!(Kind::of(&[22]), Kind::Dtls);
        assert_eq!(Kind::of(&[63]), Kind::Dtls);
        assert_eq!(Kind::of(&[64]), Kind::Other);
        assert_eq!(Kind::of(&[128, 96]), Kind::Other);
    }

    #[test]
    fn an_address_belongs_to_whoever_proved_it_last() {
        let (one, two) = (PeerId::from(1), PeerId::from(2));
        let source = "192.0.2.1:5000".parse().unwrap();
        let mut routes = Routes::default();
        assert_eq!(routes.claim(source, one), None);
        assert_eq!(routes.claim(source, one), None);
        assert_eq!(routes.claim(source, two), Some(one));
        routes.release(source, one);
        assert_eq!(routes.at(source), Some(two), "a peer that lost the address cannot take it away");
        routes.release(source, two);
        assert_eq!(routes.at(source), None);
    }

    #[test]
    fn noise_names_nobody() {
        let mut routes = Routes::default();
        routes.add_ufrag("abcd".into(), PeerId::from(1));
        assert_eq!(routes.named_by(&[0; 19]), None);
        assert_eq!(routes.named_by(&[0; 64]), None);
    }
}
