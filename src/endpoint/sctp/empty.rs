//! Empty messages, which str0m 0.25 cannot send: `Channel::write(_, b"")` sends nothing, uses up a sequence number, and so
//! ends an ordered channel for good.
//!
//! RFC 8831, section 6.6 sends one as a single zero byte with a payload protocol identifier of its own. We write a secret
//! mark instead, and turn the chunk that carries it into the RFC's form on its way out. Retransmissions pass the same way.

use std::borrow::Cow;
use std::fmt;

use super::packet::{Data, data_with};

/// Payload protocol identifiers (RFC 8831, section 8).
const STRING: u32 = 51;
const BINARY: u32 = 53;
const STRING_EMPTY: u32 = 56;
const BINARY_EMPTY: u32 = 57;

/// What is written in place of an empty message: 128 random bits, so that no real message is taken for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::endpoint) struct EmptyMark([u8; 16]);

impl EmptyMark {
    pub(in crate::endpoint) fn new(random: [u8; 16]) -> EmptyMark {
        EmptyMark(random)
    }

    pub(in crate::endpoint) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether a chunk carries the mark.
    pub(super) fn marks(&self, data: &Data<'_>) -> bool {
        matches!(data.ppid, STRING | BINARY) && data.payload == self.0
    }

    /// The chunk in the RFC's form if it carries the mark; else as it is.
    pub(super) fn turn<'a>(&self, chunk: &'a [u8]) -> Cow<'a, [u8]> {
        match Data::read(chunk).filter(|data| self.marks(data)) {
            Some(Data { ppid: STRING, .. }) => data_with(chunk, STRING_EMPTY, &[0]).into(),
            Some(_) => data_with(chunk, BINARY_EMPTY, &[0]).into(),
            None => chunk.into(),
        }
    }
}

impl fmt::Debug for EmptyMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmptyMark(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::build::data;
    use super::*;

    const MARK: EmptyMark = EmptyMark([7; 16]);

    #[test]
    fn a_marked_chunk_becomes_an_empty_message() {
        assert_eq!(*MARK.turn(&data(5, 0, 3, STRING, MARK.bytes())), data(5, 0, 3, STRING_EMPTY, &[0])[..]);
        assert_eq!(*MARK.turn(&data(6, 1, 7, BINARY, MARK.bytes())), data(6, 1, 7, BINARY_EMPTY, &[0])[..]);
    }

    #[test]
    fn other_chunks_stay_as_they_are() {
        let longer = [MARK.bytes(), &[0]].concat();
        for chunk in [data(5, 0, 3, BINARY, &longer), data(5, 0, 3, BINARY, &[7; 15]), data(5, 0, 3, 50, &[7; 16])] {
            assert_eq!(*MARK.turn(&chunk), chunk[..]);
        }
    }
}
