//! From fragments to messages, and ordered messages into their order (RFC 9260, sections 6.6 and 6.9).

use std::collections::BTreeMap;

use super::Violation;
use super::chunk::Data;
use super::few::Few;
use super::number::{Ssn, Tsn};
use crate::endpoint::limits::{RECEIVED_BYTES_MAX, RECEIVED_PIECES_MAX};
use crate::signal::MESSAGE_BYTES_MAX;

/// What a piece costs beyond its bytes, so that many small ones do not cost more than a few large ones.
const PIECE_BYTES: usize = 64;

/// A whole message, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) stream: u16,
    pub(super) ppid: u32,
    pub(super) bytes: Vec<u8>,
}

/// Fragments without the rest of their message, messages before their turn, and messages that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    fragments: BTreeMap<Tsn, Fragment>,
    streams: BTreeMap<u16, Stream>,
    /// Bytes of both, with what each piece costs, and how many they are.
    held_bytes: usize,
    held_pieces: usize,
    ready: Few<Message>,
}

#[derive(Debug)]
struct Fragment {
    stream: u16,
    ssn: u16,
    ppid: u32,
    is_beginning: bool,
    is_ending: bool,
    is_unordered: bool,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Stream {
    next: Ssn,
    early: BTreeMap<Ssn, Message>,
}

impl Assembly {
    /// Bytes that its sender may send before we have taken anything.
    pub(super) fn window(&self) -> u32 {
        RECEIVED_BYTES_MAX.saturating_sub(self.held_bytes) as u32
    }

    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.held_pieces < RECEIVED_PIECES_MAX && self.held_bytes + bytes + PIECE_BYTES <= RECEIVED_BYTES_MAX
    }

    /// Whether more is held than the window and a message of full size beyond it.
    pub(super) fn is_overrun(&self) -> bool {
        self.held_pieces > 2 * RECEIVED_PIECES_MAX || self.held_bytes > RECEIVED_BYTES_MAX + 2 * MESSAGE_BYTES_MAX
    }

    /// The next message, in the order of its stream.
    pub(super) fn poll(&mut self) -> Option<Message> {
        self.ready.pop_front()
    }

    /// Takes a fragment that has not come before.
    pub(super) fn insert(&mut self, tsn: Tsn, data: &Data<'_>) -> Result<(), Violation> {
        if data.is_beginning && data.is_ending {
            let message = Message { stream: data.stream, ppid: data.ppid, bytes: data.payload.to_vec() };
            self.complete(message, data.is_unordered, data.ssn);
            return Ok(());
        }
        self.held_bytes += data.payload.len() + PIECE_BYTES;
        self.held_pieces += 1;
        let fragment = Fragment {
            stream: data.stream,
            ssn: data.ssn,
            ppid: data.ppid,
            is_beginning: data.is_beginning,
            is_ending: data.is_ending,
            is_unordered: data.is_unordered,
            bytes: data.payload.to_vec(),
        };
        self.fragments.insert(tsn, fragment);
        // The last of a message to come is its ending, or fills a hole: all others need not look.
        if data.is_ending || self.fragments.contains_key(&tsn.next()) { self.join(tsn) } else { Ok(()) }
    }

    /// Makes the message around this fragment, if all of it is here.
    fn join(&mut self, around: Tsn) -> Result<(), Violation> {
        let (Some(first), Some(last)) = (self.first_of(around), self.last_of(around)) else { return Ok(()) };
        let mut message: Option<(Message, bool, u16)> = None;
        let mut tsn = first;
        while tsn <= last {
            let Some(fragment) = self.remove(tsn) else { return Err(Violation) };
            let (whole, ..) = message.get_or_insert_with(|| {
                let whole = Message { stream: fragment.stream, ppid: fragment.ppid, bytes: Vec::new() };
                (whole, fragment.is_unordered, fragment.ssn)
            });
            whole.bytes.extend_from_slice(&fragment.bytes);
            if whole.bytes.len() > MESSAGE_BYTES_MAX {
                return Err(Violation);
            }
            tsn = tsn.next();
        }
        if let Some((message, is_unordered, ssn)) = message {
            self.complete(message, is_unordered, ssn);
        }
        Ok(())
    }

    /// The beginning of the message that a fragment belongs to, if nothing is missing before it.
    fn first_of(&self, fragment: Tsn) -> Option<Tsn> {
        self.edge(fragment, Tsn::previous, |at| at.is_beginning, |at| at.is_ending)
    }

    /// Its ending, if nothing is missing behind it.
    fn last_of(&self, fragment: Tsn) -> Option<Tsn> {
        self.edge(fragment, Tsn::next, |at| at.is_ending, |at| at.is_beginning)
    }

    /// Walks from a fragment to an edge of its message; `None` if something is missing on the way, or another message is there.
    fn edge(
        &self,
        from: Tsn,
        step: fn(Tsn) -> Tsn,
        is_edge: fn(&Fragment) -> bool,
        is_others: fn(&Fragment) -> bool,
    ) -> Option<Tsn> {
        let origin = self.fragments.get(&from)?;
        let (mut at, mut fragment) = (from, origin);
        while !is_edge(fragment) {
            at = step(at);
            fragment = self.fragments.get(&at)?;
            let is_alike = (fragment.stream, fragment.is_unordered) == (origin.stream, origin.is_unordered);
            if !is_alike || is_others(fragment) {
                return None;
            }
        }
        Some(at)
    }

    fn remove(&mut self, tsn: Tsn) -> Option<Fragment> {
        let fragment = self.fragments.remove(&tsn)?;
        self.held_bytes -= fragment.bytes.len() + PIECE_BYTES;
        self.held_pieces -= 1;
        Some(fragment)
    }

    fn complete(&mut self, message: Message, is_unordered: bool, ssn: u16) {
        if is_unordered {
            return self.ready.push_back(message);
        }
        let stream = self.streams.entry(message.stream).or_default();
        let ssn = stream.next.nearest(ssn);
        if ssn == stream.next {
            stream.next = ssn.next();
            let id = message.stream;
            self.ready.push_back(message);
            self.release(id);
        } else if ssn > stream.next && !stream.early.contains_key(&ssn) {
            self.held_bytes += message.bytes.len() + PIECE_BYTES;
            self.held_pieces += 1;
            stream.early.insert(ssn, message);
        }
    }

    /// Gives on what a stream has been waiting for.
    fn release(&mut self, id: u16) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        while let Some(message) = stream.early.remove(&stream.next) {
            stream.next = stream.next.next();
            self.held_bytes -= message.bytes.len() + PIECE_BYTES;
            self.held_pieces -= 1;
            self.ready.push_back(message);
        }
    }

    /// The sender gives up what has not come up to this TSN, and these messages of ordered streams (RFC 3758, section 3.6).
    pub(super) fn skip(&mut self, to: Tsn, streams: &[(u16, u16)]) {
        // A message that begins before and goes on behind may still be on its way, if nothing of it is skipped.
        let goes_on = self.first_of(to).filter(|_| {
            let last = self.fragments.get(&to);
            last.is_some_and(|fragment| !fragment.is_ending)
        });
        let skipped: Vec<Tsn> = self.fragments.range(..=to).map(|(tsn, _)| *tsn).collect();
        for tsn in skipped.into_iter().filter(|tsn| goes_on.is_none_or(|first| *tsn < first)) {
            self.remove(tsn);
        }
        for (id, ssn) in streams {
            let Some(stream) = self.streams.get_mut(id) else { continue };
            let next = stream.next.nearest(*ssn).next();
            if next <= stream.next {
                continue;
            }
            let behind = stream.early.split_off(&next);
            stream.next = next;
            // Whole messages that were before their turn are given on all the same.
            for (_, message) in std::mem::replace(&mut stream.early, behind) {
                self.held_bytes -= message.bytes.len() + PIECE_BYTES;
                self.held_pieces -= 1;
                self.ready.push_back(message);
            }
            self.release(*id);
        }
    }

    /// The sender begins a stream anew.
    pub(super) fn reset(&mut self, id: u16) {
        let Some(stream) = self.streams.remove(&id) else { return };
        for message in stream.early.values() {
            self.held_bytes -= message.bytes.len() + PIECE_BYTES;
            self.held_pieces -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(stream: u16, ssn: u16, how: &str, payload: &'static [u8]) -> Data<'static> {
        Data {
            tsn: 0,
            stream,
            ssn,
            ppid: 53,
            is_beginning: how.contains('b'),
            is_ending: how.contains('e'),
            is_unordered: how.contains('u'),
            is_immediate: false,
            payload,
        }
    }

    fn insert(assembly: &mut Assembly, tsn: u32, data: Data<'_>) {
        assembly.insert(Tsn::first(tsn), &data).unwrap();
    }

    fn polled(assembly: &mut Assembly) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| assembly.poll()).map(|message| message.bytes).collect()
    }

    #[test]
    fn fragments_become_a_message_in_whatever_order_they_come() {
        let parts = [(1, "bu", &b"a"[..]), (2, "u", b"b"), (3, "u", b"c"), (4, "eu", b"d")];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            let mut assembly = Assembly::default();
            for i in order {
                let (tsn, how, payload) = parts[i];
                insert(&mut assembly, tsn, fragment(0, 0, how, payload));
            }
            assert_eq!(polled(&mut assembly), [b"abcd"]);
            assert_eq!((assembly.held_bytes, assembly.held_pieces), (0, 0));
        }
    }

    #[test]
    fn ordered_messages_wait_for_their_turn() {
        let mut assembly = Assembly::default();
        insert(&mut assembly, 3, fragment(0, 2, "be", b"third"));
        insert(&mut assembly, 4, fragment(1, 0, "be", b"of another stream"));
        insert(&mut assembly, 2, fragment(0, 1, "be", b"second"));
        assert_eq!(polled(&mut assembly), [b"of another stream"]);
        insert(&mut assembly, 1, fragment(0, 0, "be", b"first"));
        assert_eq!(polled(&mut assembly), [&b"first"[..], b"second", b"third"]);
        assert_eq!((assembly.held_bytes, assembly.held_pieces), (0, 0));
    }

    #[test]
    fn what_is_skipped_is_forgotten_and_what_goes_on_is_not() {
        let mut assembly = Assembly::default();
        insert(&mut assembly, 1, fragment(1, 0, "bu", b"never whole"));
        insert(&mut assembly, 4, fragment(0, 0, "b", b"goes "));
        insert(&mut assembly, 5, fragment(0, 0, "", b"on"));
        assembly.skip(Tsn::first(5), &[]);
        insert(&mut assembly, 6, fragment(0, 0, "e", b"!"));
        assert_eq!(polled(&mut assembly), [b"goes on!"]);
        assert_eq!((assembly.held_bytes, assembly.held_pieces), (0, 0));
    }

    #[test]
    fn an_ordered_stream_goes_on_after_what_is_skipped() {
        let mut assembly = Assembly::default();
        insert(&mut assembly, 3, fragment(0, 2, "be", b"two"));
        insert(&mut assembly, 5, fragment(0, 4, "be", b"four"));
        assembly.skip(Tsn::first(4), &[(0, 3)]);
        assert_eq!(polled(&mut assembly), [&b"two"[..], b"four"]);
        assembly.skip(Tsn::first(4), &[(0, 1), (9, 9)]);
        insert(&mut assembly, 6, fragment(0, 5, "be", b"five"));
        assert_eq!(polled(&mut assembly), [b"five"]);
    }

    #[test]
    fn a_message_that_is_too_long_is_a_violation() {
        static PAYLOAD: [u8; 60_000] = [0; 60_000];
        let mut assembly = Assembly::default();
        for tsn in 1..5 {
            insert(&mut assembly, tsn, fragment(0, 0, if tsn == 1 { "b" } else { "" }, &PAYLOAD));
        }
        assert_eq!(assembly.insert(Tsn::first(5), &fragment(0, 0, "e", &PAYLOAD)), Err(Violation));
    }

    #[test]
    fn a_message_ends_where_another_begins() {
        let mut assembly = Assembly::default();
        for (tsn, how) in [(1, "b"), (2, "e"), (3, ""), (4, "e"), (5, "b"), (6, "b"), (7, "e")] {
            insert(&mut assembly, tsn, fragment(0, u16::from(tsn > 2), how, b"x"));
        }
        assert_eq!(polled(&mut assembly), [b"xx", b"xx"], "the first and the last");
        assert_eq!(assembly.held_pieces, 3);
    }

    #[test]
    fn there_is_room_for_so_much() {
        let mut assembly = Assembly::default();
        let mut tsn = 2;
        while assembly.has_room(1000) {
            insert(&mut assembly, tsn, fragment(0, 0, "", &[0; 1000]));
            tsn += 2;
        }
        assert!(assembly.window() < 2000 && assembly.held_bytes <= RECEIVED_BYTES_MAX);
        assembly.skip(Tsn::first(tsn), &[]);
        assert_eq!(assembly.window() as usize, RECEIVED_BYTES_MAX);
    }
}
