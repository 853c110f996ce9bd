//! What a peer has beside its connection, and keeps while it has none.

use super::control::FromServer;
use super::reliable_log::ReliableLog;
use super::{Data, PeerId};

/// Between the peer's number and the secret of a token.
const TOKEN_SEPARATOR: char = '-';

/// What one peer has had and has to get.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: PeerId,
    pub(super) log: ReliableLog,
    /// The newest message for `lt`, if it still waits.
    pub(super) latest: Option<Data>,
    /// Reliable messages taken from the page, modulo 2^32.
    pub(super) received: u32,
    /// How the page may come back; a plain page may not.
    pub(super) tokens: Option<Tokens>,
    /// What the page said last. One that comes back is taken for hidden if it was, since its Echoes may be lost for a while.
    pub(super) is_hidden: bool,
}

impl Session {
    pub(super) fn new(peer: PeerId, tokens: Option<Tokens>) -> Session {
        Session { peer, log: ReliableLog::default(), latest: None, received: 0, tokens, is_hidden: false }
    }

    /// Whether its page may come back, and says what it has had.
    pub(super) fn can_return(&self) -> bool {
        self.tokens.is_some()
    }

    /// Whether the page has all that it needs to come back, as far as it is known.
    pub(super) fn is_settled(&self) -> bool {
        self.log.is_empty() && self.tokens.as_ref().is_none_or(|tokens| tokens.next.is_none())
    }
}

/// The secrets with which a page may come back. Two at a time: the one that it has, and the next, until it has that.
#[derive(Debug)]
pub(super) struct Tokens {
    had: Option<String>,
    next: Option<String>,
    /// Of `next`, or of `had` once there is no next. Never 0.
    generation: u8,
}

impl Tokens {
    /// The first, which the page does not have yet.
    pub(super) fn new(secret: String) -> Tokens {
        Tokens { had: None, next: Some(secret), generation: 1 }
    }

    /// The page has come back. What it came with stays good until it has this one.
    pub(super) fn renew(&mut self, secret: String, came_with: &str) {
        self.had = Some(came_with.to_owned());
        self.next = Some(secret);
        self.generation = self.generation.checked_add(1).unwrap_or(1);
    }

    /// The page says which it has.
    pub(super) fn confirm(&mut self, generation: u8) {
        if generation == self.generation
            && let Some(next) = self.next.take()
        {
            self.had = Some(next);
        }
    }

    /// Whether this is one of them.
    pub(super) fn admit(&self, secret: &str) -> bool {
        [&self.had, &self.next].into_iter().flatten().any(|known| is_same(known.as_bytes(), secret.as_bytes()))
    }

    /// The message that brings the next one, while the page does not have it.
    pub(super) fn to_bytes(&self, peer: PeerId) -> Option<Vec<u8>> {
        let token = format!("{}{TOKEN_SEPARATOR}{}", peer.number(), self.next.as_ref()?);
        Some(FromServer::Token { generation: self.generation, token: &token }.to_bytes())
    }
}

/// A token as the page sends it: whose it says it is, and the secret.
pub(super) fn read_token(token: &str) -> Option<(PeerId, &str)> {
    let (number, secret) = token.split_once(TOKEN_SEPARATOR)?;
    Some((PeerId::from(number.parse::<u64>().ok()?), secret))
}

/// In a time that does not tell where two of one length differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_void_when_the_page_has_the_next() {
        let mut tokens = Tokens::new("first".into());
        assert!(tokens.admit("first"), "its Echo may have been lost");
        tokens.confirm(1);
        assert_eq!(tokens.to_bytes(PeerId::from(7)), None);
        tokens.renew("second".into(), "first");
        assert!(tokens.admit("first") && tokens.admit("second"));
        tokens.confirm(1);
        assert!(tokens.admit("first"), "an Echo of the time before");
        tokens.confirm(2);
        assert!(!tokens.admit("first") && tokens.admit("second"));
        assert!(!tokens.admit("") && !tokens.admit("secon") && !tokens.admit("Second"));
    }

    #[test]
    fn generations_skip_zero() {
        let mut tokens = Tokens::new("0".into());
        for _ in 0..1000 {
            assert_ne!(tokens.generation, 0);
            tokens.renew("x".into(), "y");
        }
    }

    #[test]
    fn a_token_names_its_peer() {
        let tokens = Tokens::new("se-cret".into());
        let bytes = tokens.to_bytes(PeerId::from(7)).unwrap();
        assert_eq!(&bytes, b"\x02\x01\x097-se-cret");
        assert_eq!(read_token("7-se-cret"), Some((PeerId::from(7), "se-cret")));
        for nonsense in ["", "7", "-", "x-y", "-1-y", "99999999999999999999-y"] {
            assert_eq!(read_token(nonsense), None, "{nonsense}");
        }
    }
}
