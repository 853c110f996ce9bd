//! Whose datagram this is. One hash look-up each, whatever the number of peers.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use str0m::ice::StunMessage;

use super::id::ConnectionId;
use super::limits::ASKING_MAX;

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

/// Whether a DTLS datagram begins with a handshake in the clear: content type 22, epoch 0 (RFC 6347, section 4.1).
pub(super) fn is_first_handshake(datagram: &[u8]) -> bool {
    datagram.first() == Some(&22) && datagram.get(3..5) == Some(&[0, 0])
}

/// Two ways to a connection: the ufrag that we gave it, which only its STUN requests carry, and the source addresses that
/// such a request has named.
///
/// A request shows that its sender knows the password, not that it is at the address it comes from: anybody can make an
/// offer, and forge the source of a check. So an address is a connection's own once a check of ours was answered from there;
/// until then the connection asks, and takes nothing away from the one whose it is.
#[derive(Debug, Default)]
pub(super) struct Routes {
    // SipHash, with a key of its own in each table, since strangers choose the keys.
    by_ufrag: HashMap<String, ConnectionId>,
    by_source: HashMap<SocketAddr, Claims>,
}

#[derive(Debug, Default)]
struct Claims {
    owner: Option<ConnectionId>,
    /// Newest last.
    asking: VecDeque<ConnectionId>,
}

impl Routes {
    pub(super) fn add_ufrag(&mut self, ufrag: String, connection: ConnectionId) {
        self.by_ufrag.insert(ufrag, connection);
    }

    pub(super) fn remove_ufrag(&mut self, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
    }

    /// The connection whose ufrag a STUN request names. The caller checks the request's integrity.
    pub(super) fn named_by(&self, datagram: &[u8]) -> Option<ConnectionId> {
        let message = StunMessage::parse(datagram).ok().filter(StunMessage::is_binding_request)?;
        let (ours, _theirs) = message.username()?.split_once(':')?;
        self.by_ufrag.get(ours).copied()
    }

    /// Whose an address is: its owner's, or where nobody owns it, of the connection that asked last. And whether it owns it.
    pub(super) fn at(&self, source: SocketAddr) -> Option<(ConnectionId, bool)> {
        let claims = self.by_source.get(&source)?;
        let owner = claims.owner.map(|owner| (owner, true));
        owner.or_else(|| claims.asking.back().map(|asking| (*asking, false)))
    }

    /// Whether this connection owns the address, or asks for it.
    pub(super) fn has_claim(&self, source: SocketAddr, connection: ConnectionId) -> bool {
        self.by_source
            .get(&source)
            .is_some_and(|claims| claims.owner == Some(connection) || claims.asking.contains(&connection))
    }

    /// Who asks for an address.
    pub(super) fn asking(&self, source: SocketAddr) -> impl Iterator<Item = ConnectionId> {
        self.by_source.get(&source).into_iter().flat_map(|claims| claims.asking.iter().copied())
    }

    /// A connection asks for an address. Past the bound whoever asked first has to ask again.
    pub(super) fn ask(&mut self, source: SocketAddr, connection: ConnectionId) {
        let asking = &mut self.by_source.entry(source).or_default().asking;
        asking.push_back(connection);
        if asking.len() > ASKING_MAX {
            asking.pop_front();
        }
    }

    /// Gives the source address to `connection` and names the connection that had it before.
    pub(super) fn claim(&mut self, source: SocketAddr, connection: ConnectionId) -> Option<ConnectionId> {
        let claims = self.by_source.entry(source).or_default();
        claims.asking.retain(|asking| *asking != connection);
        claims.owner.replace(connection).filter(|previous| *previous != connection)
    }

    /// Forgets what this connection has of a source address.
    pub(super) fn release(&mut self, source: SocketAddr, connection: ConnectionId) {
        let Some(claims) = self.by_source.get_mut(&source) else { return };
        claims.owner = claims.owner.filter(|owner| *owner != connection);
        claims.asking.retain(|asking| *asking != connection);
        if claims.owner.is_none() && claims.asking.is_empty() {
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
    fn an_address_belongs_to_whoever_was_reached_there_last() {
        let (one, two) = (ConnectionId::from(1), ConnectionId::from(2));
        let source = "192.0.2.1:5000".parse().unwrap();
        let mut routes = Routes::default();
        routes.ask(source, one);
        assert_eq!(routes.at(source), Some((one, false)), "nobody else is there");
        assert_eq!(routes.claim(source, one), None);
        routes.ask(source, two);
        assert_eq!(routes.at(source), Some((one, true)), "who asks takes nothing away");
        assert!(routes.has_claim(source, two));
        assert_eq!(routes.claim(source, two), Some(one));
        routes.release(source, one);
        assert_eq!(routes.at(source), Some((two, true)), "a connection that lost the address cannot take it away");
        routes.release(source, two);
        assert_eq!(routes.len(), (0, 0));
    }

    #[test]
    fn few_ask_at_once() {
        let source = "192.0.2.1:5000".parse().unwrap();
        let mut routes = Routes::default();
        for connection in 1..100 {
            routes.ask(source, ConnectionId::from(connection));
        }
        assert_eq!(routes.asking(source).count(), ASKING_MAX);
        assert_eq!(routes.at(source), Some((ConnectionId::from(99), false)));
    }

    #[test]
    fn noise_names_nobody() {
        let mut routes = Routes::default();
        routes.add_ufrag("abcd".into(), ConnectionId::from(1));
        assert_eq!(routes.named_by(&[0; 19]), None);
        assert_eq!(routes.named_by(&[0; 64]), None);
    }
}
