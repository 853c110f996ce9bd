//! The chunks that carry data and say what arrived (RFC 9260, sections 3.3.1 and 3.3.4; RFC 3758, section 3.2).

use super::packet::{self, CHUNK_HEADER_BYTES, Chunk, Packet, u16_at, u32_at};

/// Of a DATA chunk, before its payload.
pub(super) const DATA_HEADER_BYTES: usize = CHUNK_HEADER_BYTES + 12;

/// Of a SACK chunk without blocks.
pub(super) const SACK_BYTES: usize = CHUNK_HEADER_BYTES + 12;

pub(super) const FORWARD_TSN_BYTES: usize = CHUNK_HEADER_BYTES + 4;

const ENDING: u8 = 1;
const BEGINNING: u8 = 2;
const UNORDERED: u8 = 4;
const IMMEDIATE: u8 = 8;

/// One fragment of a message, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Data<'a> {
    pub(super) tsn: u32,
    pub(super) stream: u16,
    pub(super) ssn: u16,
    pub(super) ppid: u32,
    pub(super) is_beginning: bool,
    pub(super) is_ending: bool,
    pub(super) is_unordered: bool,
    /// Its sender asks for an acknowledgement at once (RFC 7053).
    pub(super) is_immediate: bool,
    pub(super) payload: &'a [u8],
}

impl<'a> Data<'a> {
    /// `None` for one that is cut short, or empty, which RFC 9260 forbids.
    pub(super) fn read(chunk: Chunk<'a>) -> Option<Data<'a>> {
        let (header, payload) = chunk.value.split_first_chunk::<12>()?;
        (!payload.is_empty()).then_some(Data {
            tsn: u32_at(header, 0),
            stream: u16_at(header, 4),
            ssn: u16_at(header, 6),
            ppid: u32_at(header, 8),
            is_beginning: chunk.flags & BEGINNING != 0,
            is_ending: chunk.flags & ENDING != 0,
            is_unordered: chunk.flags & UNORDERED != 0,
            is_immediate: chunk.flags & IMMEDIATE != 0,
            payload,
        })
    }

    pub(super) fn put(&self, packet: &mut Packet<'_>) {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(self.is_beginning, BEGINNING)
            | flag(self.is_ending, ENDING)
            | flag(self.is_unordered, UNORDERED)
            | flag(self.is_immediate, IMMEDIATE);
        let mut header = [0; 12];
        header[..4].copy_from_slice(&self.tsn.to_be_bytes());
        header[4..6].copy_from_slice(&self.stream.to_be_bytes());
        header[6..8].copy_from_slice(&self.ssn.to_be_bytes());
        header[8..].copy_from_slice(&self.ppid.to_be_bytes());
        packet.put(packet::DATA, flags, &[&header, self.payload]);
    }
}

/// What has arrived without a gap, and which blocks beyond it, as offsets from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sack {
    pub(super) cumulative: u32,
    /// Bytes that the receiver has room for.
    pub(super) window: u32,
    pub(super) blocks: Vec<(u16, u16)>,
}

impl Sack {
    /// The duplicates that it may report tell us nothing.
    pub(super) fn read(value: &[u8]) -> Option<Sack> {
        let (header, rest) = value.split_first_chunk::<12>()?;
        let count = usize::from(u16_at(header, 8));
        let blocks = rest.get(..4 * count)?.chunks_exact(4).map(|block| (u16_at(block, 0), u16_at(block, 2)));
        Some(Sack { cumulative: u32_at(header, 0), window: u32_at(header, 4), blocks: blocks.collect() })
    }

    pub(super) fn put(&self, packet: &mut Packet<'_>) {
        let mut header = [0; 12];
        header[..4].copy_from_slice(&self.cumulative.to_be_bytes());
        header[4..8].copy_from_slice(&self.window.to_be_bytes());
        header[8..10].copy_from_slice(&(self.blocks.len() as u16).to_be_bytes());
        if self.blocks.is_empty() {
            return packet.put(packet::SACK, 0, &[&header]);
        }
        let blocks: Vec<u8> =
            self.blocks.iter().flat_map(|(start, end)| [start.to_be_bytes(), end.to_be_bytes()].concat()).collect();
        packet.put(packet::SACK, 0, &[&header, &blocks]);
    }
}

/// Tells the receiver to wait for nothing up to this TSN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForwardTsn {
    pub(super) cumulative: u32,
    /// Of ordered streams, the last message that is skipped.
    pub(super) streams: Vec<(u16, u16)>,
}

impl ForwardTsn {
    pub(super) fn read(value: &[u8]) -> Option<ForwardTsn> {
        let (cumulative, streams) = value.split_first_chunk::<4>()?;
        let streams = streams.chunks_exact(4).map(|skipped| (u16_at(skipped, 0), u16_at(skipped, 2)));
        Some(ForwardTsn { cumulative: u32::from_be_bytes(*cumulative), streams: streams.collect() })
    }

    pub(super) fn put(&self, packet: &mut Packet<'_>) {
        let streams: Vec<u8> =
            self.streams.iter().flat_map(|(stream, ssn)| [stream.to_be_bytes(), ssn.to_be_bytes()].concat()).collect();
        packet.put(packet::FORWARD_TSN, 0, &[&self.cumulative.to_be_bytes(), &streams]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(put: impl Fn(&mut Packet<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut packet = Packet::begin(&mut bytes, 1);
        put(&mut packet);
        packet.seal();
        bytes
    }

    #[test]
    fn each_is_read_as_it_was_written() {
        let data = Data {
            tsn: 9,
            stream: 3,
            ssn: 4,
            ppid: 53,
            is_beginning: true,
            is_ending: false,
            is_unordered: true,
            is_immediate: false,
            payload: b"odd",
        };
        let bytes = read_back(|packet| data.put(packet));
        assert_eq!(Data::read(packet::read(&bytes).unwrap().1.next().unwrap()), Some(data));
        let sack = Sack { cumulative: u32::MAX, window: 1 << 20, blocks: vec![(2, 3), (7, 65_535)] };
        let bytes = read_back(|packet| sack.put(packet));
        let value = packet::read(&bytes).unwrap().1.next().unwrap().value;
        assert_eq!(Sack::read(value), Some(sack));
        (0..value.len()).for_each(|cut| assert_eq!(Sack::read(&value[..cut]), None, "cut to {cut} bytes"));
        let forward = ForwardTsn { cumulative: 5, streams: vec![(1, 2)] };
        let bytes = read_back(|packet| forward.put(packet));
        assert_eq!(ForwardTsn::read(packet::read(&bytes).unwrap().1.next().unwrap().value), Some(forward));
    }

    #[test]
    fn data_without_payload_is_none() {
        assert_eq!(Data::read(Chunk { kind: packet::DATA, flags: 3, value: &[0; 12] }), None);
        assert_eq!(Data::read(Chunk { kind: packet::DATA, flags: 3, value: &[0; 5] }), None);
    }
}
