//! What one browser may make ICE remember.
//!
//! `is` 0.12 keeps every address that a request came from, and every address of ours that an answer names, for as long as
//! the peer lives, and walks them on each check; it bounds only the pairs. Whoever made an offer can send from 60,000
//! ports, or answer one check 60,000 times with another address each: 1.4 KB and up to a millisecond a datagram in the
//! end. So a message that would add to a full memory is not for ICE.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use str0m::ice::StunMessage;

use super::datagram::Datagram;
use super::limits::{MAPPED_ADDRESSES_MAX, SOURCES_REMEMBERED_MAX};

#[derive(Debug, Default)]
pub(super) struct IceMemory {
    sources: BTreeSet<SocketAddr>,
    mapped: BTreeSet<SocketAddr>,
}

impl IceMemory {
    /// Whether ICE may have this datagram. What is not STUN adds nothing.
    pub(super) fn admits(&mut self, datagram: Datagram<'_>) -> bool {
        let Ok(message) = StunMessage::parse(datagram.bytes) else { return true };
        if message.is_binding_request() {
            return admit(&mut self.sources, datagram.from, SOURCES_REMEMBERED_MAX);
        }
        match message.mapped_address() {
            // Our address as we know it. Another is what a NAT in front of us has made of it.
            Some(mapped) if mapped != datagram.to => admit(&mut self.mapped, mapped, MAPPED_ADDRESSES_MAX),
            _ => true,
        }
    }
}

fn admit(known: &mut BTreeSet<SocketAddr>, address: SocketAddr, addresses_max: usize) -> bool {
    known.contains(&address) || known.len() < addresses_max && known.insert(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: &str = "192.0.2.1:8080";

    fn stun(kind: u8, attributes: &[u8]) -> Vec<u8> {
        // Integrity and priority must be there; ICE checks them, not we.
        let integrity = [&[0, 8, 0, 20][..], &[0; 20]].concat();
        let priority = [0, 0x24, 0, 4, 0, 0, 0, 1];
        let username = [0, 6, 0, 3, b'a', b':', b'b', 0];
        let body = [&username[..], &priority, attributes, &integrity].concat();
        [&[kind, 1, 0, body.len() as u8, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12], &body].concat()
    }

    fn mapped(last: u8) -> Vec<u8> {
        // 192.0.2.`last`, port 8080, each under the magic cookie (RFC 8489, section 14.2).
        stun(1, &[0, 0x20, 0, 8, 0, 1, 0x1f ^ 0x21, 0x90 ^ 0x12, 192 ^ 0x21, 0x12, 2 ^ 0xa4, last ^ 0x42])
    }

    fn admitted<'a>(memory: &mut IceMemory, datagrams: impl Iterator<Item = (u16, &'a [u8])>) -> usize {
        let to = TO.parse().unwrap();
        datagrams
            .filter(|(port, bytes)| memory.admits(Datagram { from: ([192, 0, 2, 9], *port).into(), to, bytes }))
            .count()
    }

    #[test]
    fn a_request_adds_its_source_once() {
        let (mut memory, request) = (IceMemory::default(), stun(0, &[]));
        assert_eq!(admitted(&mut memory, (0..1000).map(|port| (port, &request[..]))), SOURCES_REMEMBERED_MAX);
        assert_eq!(admitted(&mut memory, (0..1000).map(|_| (1, &request[..]))), 1000, "who is known may go on");
    }

    #[test]
    fn an_answer_adds_the_address_that_it_names() {
        let mut memory = IceMemory::default();
        let ours = mapped(1);
        let others: Vec<Vec<u8>> = (2..=200).map(mapped).collect();
        assert_eq!(admitted(&mut memory, others.iter().map(|answer| (1, &answer[..]))), MAPPED_ADDRESSES_MAX);
        assert_eq!(admitted(&mut memory, (0..100).map(|_| (1, &ours[..]))), 100);
        assert_eq!(admitted(&mut memory, (0..100).map(|_| (1, &[22, 254, 253][..]))), 100, "DTLS is not STUN");
    }
}
