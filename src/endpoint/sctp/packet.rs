//! SCTP packets as bytes (RFC 9260, section 3): a header of twelve bytes with a CRC-32C at offset 8, then chunks of type,
//! flags and length, each padded to four bytes. Only what the tap needs to read and write.

use crc::{CRC_32_ISCSI, Crc};

pub(super) const HEADER_BYTES: usize = 12;
const CHECKSUM: std::ops::Range<usize> = 8..12;
const CHUNK_HEADER_BYTES: usize = 4;
const DATA_HEADER_BYTES: usize = 16;
const SACK_HEADER_BYTES: usize = 16;

const DATA: u8 = 0;
const INIT: u8 = 1;
const SACK: u8 = 3;
const ABORT: u8 = 6;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;
const FORWARD_TSN: u8 = 192;

/// Flags of a DATA chunk (RFC 9260, section 3.3.1).
const ENDING: u8 = 1;
const UNORDERED: u8 = 4;
const IMMEDIATE: u8 = 8;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// A transmission sequence number. They wrap, so there is no order but nearness (RFC 1982).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tsn(pub(super) u32);

impl Tsn {
    pub(super) fn plus(self, count: usize) -> Tsn {
        Tsn(self.0.wrapping_add(count as u32))
    }

    /// How far this is after another, or `None` if it is before it.
    pub(super) fn after(self, other: Tsn) -> Option<usize> {
        let distance = self.0.wrapping_sub(other.0);
        (distance < 1 << 31).then_some(distance as usize)
    }
}

/// The chunks of a packet, each without its padding; ends at the first that does not fit.
pub(super) fn chunks(packet: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut rest = packet.get(HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let chunk = rest.get(..length).filter(|chunk| chunk.len() >= CHUNK_HEADER_BYTES)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(chunk)
    })
}

/// Whether this chunk begins an association.
pub(super) fn is_init(chunk: &[u8]) -> bool {
    chunk[0] == INIT
}

/// Whether this chunk ends an association at once.
pub(super) fn is_abort(chunk: &[u8]) -> bool {
    chunk[0] == ABORT
}

/// Whether whoever sends this chunk takes the association for begun (RFC 9260, section 5.1).
pub(super) fn is_cookie(chunk: &[u8]) -> bool {
    matches!(chunk[0], COOKIE_ECHO | COOKIE_ACK)
}

/// A packet with the same header and other chunks, its checksum computed anew.
pub(super) fn packet<'a>(header: &[u8], chunks: impl Iterator<Item = std::borrow::Cow<'a, [u8]>>) -> Vec<u8> {
    let mut packet = header[..HEADER_BYTES].to_vec();
    for chunk in chunks {
        packet.extend_from_slice(&chunk);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
    // RFC 9260, appendix A: computed with the field zero, stored least significant byte first.
    packet[CHECKSUM].fill(0);
    let checksum = CRC.checksum(&packet);
    packet[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    packet
}

/// A DATA chunk, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Data<'a> {
    pub(super) tsn: Tsn,
    pub(super) stream: u16,
    pub(super) ppid: u32,
    pub(super) is_unordered: bool,
    /// The last fragment of its message.
    pub(super) is_ending: bool,
    pub(super) payload: &'a [u8],
}

impl<'a> Data<'a> {
    pub(super) fn read(chunk: &'a [u8]) -> Option<Data<'a>> {
        let (header, payload) = chunk.split_first_chunk::<DATA_HEADER_BYTES>()?;
        (header[0] == DATA).then_some(Data {
            tsn: Tsn(u32_at(header, 4)),
            stream: u16_at(header, 8),
            ppid: u32_at(header, 12),
            is_unordered: header[1] & UNORDERED != 0,
            is_ending: header[1] & ENDING != 0,
            payload,
        })
    }
}

/// A DATA chunk with another payload and identifier.
pub(super) fn data_with(chunk: &[u8], ppid: u32, payload: &[u8]) -> Vec<u8> {
    let mut with = chunk[..DATA_HEADER_BYTES].to_vec();
    with.extend_from_slice(payload);
    set_length(&mut with);
    with[12..16].copy_from_slice(&ppid.to_be_bytes());
    with
}

/// A DATA chunk whose receiver is asked to acknowledge it at once (RFC 7053).
pub(super) fn data_with_immediate_sack(chunk: &[u8]) -> Vec<u8> {
    let mut with = chunk.to_vec();
    with[1] |= IMMEDIATE;
    with
}

/// A SACK chunk: what has arrived without a gap, and which blocks beyond it, as offsets from there (RFC 9260, section
/// 3.3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sack {
    pub(super) cumulative: Tsn,
    pub(super) window: u32,
    pub(super) blocks: Vec<(u16, u16)>,
}

impl Sack {
    pub(super) fn read(chunk: &[u8]) -> Option<Sack> {
        let (header, rest) = chunk.split_first_chunk::<SACK_HEADER_BYTES>()?;
        if header[0] != SACK {
            return None;
        }
        let count = usize::from(u16_at(header, 12));
        let blocks = rest.get(..4 * count)?.chunks_exact(4).map(|block| (u16_at(block, 0), u16_at(block, 2)));
        Some(Sack { cumulative: Tsn(u32_at(header, 4)), window: u32_at(header, 8), blocks: blocks.collect() })
    }

    /// Without the duplicates that it may have reported, which nobody needs.
    pub(super) fn to_chunk(&self) -> Vec<u8> {
        let mut chunk = vec![SACK, 0, 0, 0];
        chunk.extend(self.cumulative.0.to_be_bytes());
        chunk.extend(self.window.to_be_bytes());
        chunk.extend((self.blocks.len() as u16).to_be_bytes());
        chunk.extend([0, 0]);
        for (start, end) in &self.blocks {
            chunk.extend(start.to_be_bytes());
            chunk.extend(end.to_be_bytes());
        }
        set_length(&mut chunk);
        chunk
    }
}

/// Tells the receiver to wait for nothing up to this TSN (RFC 3758, section 3.2). Without stream entries: what it skips
/// is unordered.
pub(super) fn forward_tsn(cumulative: Tsn) -> Vec<u8> {
    let mut chunk = vec![FORWARD_TSN, 0, 0, 8];
    chunk.extend(cumulative.0.to_be_bytes());
    chunk
}

fn set_length(chunk: &mut [u8]) {
    // Nothing here is longer than a packet.
    let length = chunk.len() as u16;
    chunk[2..4].copy_from_slice(&length.to_be_bytes());
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Packets for the tests of the tap.
#[cfg(test)]
pub(super) mod build {
    use super::*;

    pub(in super::super) fn data(tsn: u32, stream: u16, flags: u8, ppid: u32, payload: &[u8]) -> Vec<u8> {
        let mut chunk = vec![DATA, flags, 0, 0];
        chunk.extend(tsn.to_be_bytes());
        chunk.extend(stream.to_be_bytes());
        chunk.extend(4_u16.to_be_bytes());
        chunk.extend(ppid.to_be_bytes());
        chunk.extend_from_slice(payload);
        set_length(&mut chunk);
        chunk
    }

    pub(in super::super) fn packet_of(chunks: &[Vec<u8>]) -> Vec<u8> {
        let header = [0x13, 0x88, 0x13, 0x88, 1, 2, 3, 4, 0, 0, 0, 0];
        packet(&header, chunks.iter().map(|chunk| chunk.as_slice().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::build::{data, packet_of};
    use super::*;

    #[test]
    fn a_data_chunk_is_read() {
        let packet = packet_of(&[data(9, 3, UNORDERED | ENDING, 53, b"odd")]);
        let chunk = chunks(&packet).next().unwrap();
        let expected = Data { tsn: Tsn(9), stream: 3, ppid: 53, is_unordered: true, is_ending: true, payload: b"odd" };
        assert_eq!(Data::read(chunk), Some(expected));
        assert_eq!(Sack::read(chunk), None);
    }

    #[test]
    fn a_sack_is_read_as_it_was_written() {
        let sack = Sack { cumulative: Tsn(u32::MAX), window: 1 << 20, blocks: vec![(2, 3), (7, 65_535)] };
        let chunk = sack.to_chunk();
        assert_eq!(Sack::read(&chunk), Some(sack));
        for cut in 0..chunk.len() {
            assert_eq!(Sack::read(&chunk[..cut]), None, "cut to {cut} bytes");
        }
    }

    #[test]
    fn a_chunk_of_no_length_or_too_much_ends_the_walk() {
        let whole = packet_of(&[data(1, 0, 3, 53, b"x"), data(2, 0, 3, 53, b"y")]);
        assert_eq!(chunks(&whole).count(), 2);
        for length in [0, 3, 100] {
            let mut broken = whole.clone();
            broken[HEADER_BYTES + 2..HEADER_BYTES + 4].copy_from_slice(&u16::to_be_bytes(length));
            assert_eq!(chunks(&broken).count(), 0);
        }
        assert_eq!(chunks(&[]).count(), 0);
    }

    #[test]
    fn tsns_wrap() {
        assert_eq!(Tsn(1).after(Tsn(u32::MAX)), Some(2));
        assert_eq!(Tsn(u32::MAX).after(Tsn(1)), None);
        assert_eq!(Tsn(u32::MAX).plus(3), Tsn(2));
    }
}
