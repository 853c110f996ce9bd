//! SCTP packets as bytes (RFC 9260, section 3): a header of twelve bytes with a CRC-32C at offset 8, then chunks of type,
//! flags and length, each padded to four bytes.

use crc32c::crc32c;

/// Ports (which WebRTC has no use for), verification tag, checksum.
const HEADER_BYTES: usize = 12;
const CHECKSUM: std::ops::Range<usize> = 8..12;

pub(super) const CHUNK_HEADER_BYTES: usize = 4;

/// What our SDP says of both sides (RFC 8841, section 5.2).
const PORT: u16 = 5000;

/// A packet of ours. With DTLS around it (37 bytes), UDP and IPv6 it stays below the 1,200 bytes that RFC 8831 has for a path
/// of which nothing is known.
pub(super) const PACKET_BYTES_MAX: usize = 1102;

/// Types of chunks.
pub(super) const DATA: u8 = 0;
pub(super) const INIT: u8 = 1;
pub(super) const INIT_ACK: u8 = 2;
pub(super) const SACK: u8 = 3;
pub(super) const HEARTBEAT: u8 = 4;
pub(super) const HEARTBEAT_ACK: u8 = 5;
pub(super) const ABORT: u8 = 6;
pub(super) const SHUTDOWN: u8 = 7;
pub(super) const SHUTDOWN_ACK: u8 = 8;
pub(super) const ERROR: u8 = 9;
pub(super) const COOKIE_ECHO: u8 = 10;
pub(super) const COOKIE_ACK: u8 = 11;
pub(super) const SHUTDOWN_COMPLETE: u8 = 14;
pub(super) const RE_CONFIG: u8 = 130;
pub(super) const FORWARD_TSN: u8 = 192;

/// A chunk as it came, without its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) value: &'a [u8],
}

/// The verification tag of a packet, and its chunks up to the first that does not fit. The checksum is not looked at: DTLS has
/// vouched for every byte.
pub(super) fn read(packet: &[u8]) -> Option<(u32, impl Iterator<Item = Chunk<'_>>)> {
    let (header, chunks) = packet.split_first_chunk::<HEADER_BYTES>()?;
    Some((u32_at(header, 4), items(chunks).map(|(kind, value)| Chunk { kind: kind[0], flags: kind[1], value })))
}

/// What chunks and parameters have in common: two bytes of their own, a length that counts these four, a value, padding.
pub(super) fn items(bytes: &[u8]) -> impl Iterator<Item = ([u8; 2], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (header, _) = rest.split_first_chunk::<CHUNK_HEADER_BYTES>()?;
        let length = usize::from(u16_at(header, 2));
        let item = rest.get(..length).filter(|item| item.len() >= CHUNK_HEADER_BYTES)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(([header[0], header[1]], &item[CHUNK_HEADER_BYTES..]))
    })
}

/// Writes an item, with its padding.
pub(super) fn put_item(bytes: &mut Vec<u8>, kind: [u8; 2], parts: &[&[u8]]) {
    let length = CHUNK_HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>();
    bytes.extend(kind);
    // Nothing here is longer than a packet.
    bytes.extend((length as u16).to_be_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A packet that is being written.
pub(super) struct Packet<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Packet<'a> {
    /// In place of what these bytes were. `tag` is the receiver's.
    pub(super) fn begin(bytes: &'a mut Vec<u8>, tag: u32) -> Packet<'a> {
        bytes.clear();
        bytes.extend(PORT.to_be_bytes());
        bytes.extend(PORT.to_be_bytes());
        bytes.extend(tag.to_be_bytes());
        bytes.extend([0; 4]);
        Packet { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER_BYTES
    }

    /// Bytes left for a chunk, its header among them.
    pub(super) fn room(&self) -> usize {
        PACKET_BYTES_MAX - self.bytes.len().min(PACKET_BYTES_MAX)
    }

    pub(super) fn put(&mut self, kind: u8, flags: u8, parts: &[&[u8]]) {
        put_item(self.bytes, [kind, flags], parts);
    }

    /// Whether there is anything to send.
    pub(super) fn seal(self) -> bool {
        if self.is_empty() {
            return false;
        }
        // RFC 9260, appendix A: computed with the field zero, stored least significant byte first.
        let checksum = crc32c(self.bytes);
        self.bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        true
    }
}

/// The caller knows that they are there.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The caller knows that they are there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(chunks: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut packet = Packet::begin(&mut bytes, 7);
        chunks.iter().for_each(|(kind, value)| packet.put(*kind, 1, &[value]));
        packet.seal();
        bytes
    }

    #[test]
    fn a_packet_is_read_as_it_was_written() {
        let bytes = packet(&[(DATA, b"odd"), (SACK, b"even")]);
        let (tag, chunks) = read(&bytes).unwrap();
        let expected = [Chunk { kind: DATA, flags: 1, value: b"odd" }, Chunk { kind: SACK, flags: 1, value: b"even" }];
        assert_eq!((tag, chunks.collect::<Vec<_>>()), (7, expected.to_vec()));
        assert!(!Packet::begin(&mut Vec::new(), 7).seal(), "without a chunk there is nothing to send");
    }

    #[test]
    fn a_chunk_of_no_length_or_too_much_ends_the_walk() {
        for length in [0, 3, 100] {
            let mut bytes = packet(&[(DATA, b"x"), (SACK, b"y")]);
            bytes[HEADER_BYTES + 2..HEADER_BYTES + 4].copy_from_slice(&u16::to_be_bytes(length));
            assert_eq!(read(&bytes).unwrap().1.count(), 0);
        }
        assert!(read(&[0; HEADER_BYTES - 1]).is_none());
    }

    #[test]
    fn the_checksum_is_that_of_rfc_9260() {
        // 32 bytes of zeros (RFC 3720, appendix B.4).
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        let bytes = packet(&[(COOKIE_ACK, b"")]);
        let mut zeroed = bytes.clone();
        zeroed[CHECKSUM].fill(0);
        assert_eq!(bytes[CHECKSUM], crc32c(&zeroed).to_le_bytes());
    }
}
