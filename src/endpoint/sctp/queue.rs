//! Messages that have not left yet, and how they are cut into fragments.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::DATA_HEADER_BYTES;
use super::few::Few;

/// Payload of one fragment, and of a message that is not cut: what fits a packet, with 12 bytes to spare.
pub(super) const FRAGMENT_BYTES_MAX: usize = 1062;

/// A fragment of a message that is cut anyway is at least this long: below it, the next packet is the better place.
const FRAGMENT_BYTES_MIN: usize = 512;

/// A fragment on its way out.
#[derive(Debug, Clone)]
pub(super) struct Fragment {
    pub(super) stream: u16,
    pub(super) ssn: u16,
    pub(super) ppid: u32,
    pub(super) is_reliable: bool,
    pub(super) is_beginning: bool,
    pub(super) is_ending: bool,
    pub(super) message: Arc<[u8]>,
    pub(super) range: Range<usize>,
}

impl Fragment {
    pub(super) fn payload(&self) -> &[u8] {
        &self.message[self.range.clone()]
    }

    /// As a chunk, with its padding.
    pub(super) fn chunk_bytes(&self) -> usize {
        DATA_HEADER_BYTES + self.range.len().next_multiple_of(4)
    }
}

/// Messages of one kind, in the order in which they were written: reliable ones are ordered, unreliable ones are not.
#[derive(Debug, Default)]
pub(super) struct Queue {
    messages: Few<Message>,
    bytes: usize,
    /// Of ordered streams, the number of the next message.
    ssns: BTreeMap<u16, u16>,
}

#[derive(Debug)]
struct Message {
    stream: u16,
    ppid: u32,
    bytes: Arc<[u8]>,
    /// Bytes that have left.
    cut: usize,
}

impl Queue {
    pub(super) fn push(&mut self, stream: u16, ppid: u32, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.messages.push_back(Message { stream, ppid, bytes: bytes.into(), cut: 0 });
    }

    /// Bytes that have not left.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next fragment, if one of a sensible size fits `room` bytes as a chunk.
    pub(super) fn cut(&mut self, room: usize, is_reliable: bool) -> Option<Fragment> {
        let message = self.messages.front_mut()?;
        let rest = message.bytes.len() - message.cut;
        let fits = room.checked_sub(DATA_HEADER_BYTES)? & !3;
        let is_cut = message.bytes.len() > FRAGMENT_BYTES_MAX;
        let least = if is_cut { rest.min(FRAGMENT_BYTES_MIN) } else { rest };
        if fits < least {
            return None;
        }
        let range = message.cut..message.cut + rest.min(fits).min(FRAGMENT_BYTES_MAX);
        let ssn = if is_reliable { self.ssns.entry(message.stream).or_default() } else { &mut 0 };
        let fragment = Fragment {
            stream: message.stream,
            ssn: *ssn,
            ppid: message.ppid,
            is_reliable,
            is_beginning: range.start == 0,
            is_ending: range.end == message.bytes.len(),
            message: Arc::clone(&message.bytes),
            range,
        };
        self.bytes -= fragment.range.len();
        message.cut = fragment.range.end;
        if fragment.is_ending {
            *ssn = ssn.wrapping_add(1);
            self.messages.pop_front();
        }
        Some(fragment)
    }

    /// Whether a part of a message has left. All of it has to before anything else does, since its fragments have TSNs without a
    /// gap (RFC 9260, section 6.9).
    pub(super) fn is_within_message(&self) -> bool {
        self.messages.front().is_some_and(|message| message.cut > 0)
    }

    /// Bytes of the next message that have not left.
    pub(super) fn next_bytes(&self) -> Option<usize> {
        self.messages.front().map(|message| message.bytes.len() - message.cut)
    }

    /// Forgets every message.
    pub(super) fn clear(&mut self) {
        (self.bytes, self.messages) = (0, Few::default());
    }

    /// A stream begins anew.
    pub(super) fn reset(&mut self, stream: u16) {
        self.ssns.remove(&stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_messages_stay_whole_and_large_ones_fill_packets() {
        let mut queue = Queue::default();
        queue.push(1, 53, &[7; 1000]);
        queue.push(1, 53, &[8; 2500]);
        assert!(queue.cut(900, true).is_none());
        let whole = queue.cut(1090, true).unwrap();
        assert_eq!((whole.payload().len(), whole.is_beginning, whole.is_ending, whole.ssn), (1000, true, true, 0));
        assert!(!queue.is_within_message());
        let rooms = [1090, 1074, 100, 1090];
        let cuts: Vec<_> = rooms.into_iter().filter_map(|room| queue.cut(room, true)).collect();
        let sizes: Vec<_> =
            cuts.iter().map(|cut| (cut.range.clone(), cut.is_beginning, cut.is_ending, cut.ssn)).collect();
        assert_eq!(sizes, [(0..1062, true, false, 1), (1062..2118, false, false, 1), (2118..2500, false, true, 1)]);
        assert_eq!((queue.bytes(), queue.next_bytes()), (0, None));
    }

    #[test]
    fn each_ordered_stream_counts_its_own() {
        let mut queue = Queue::default();
        for (stream, ssn) in [(1, 0), (2, 0), (1, 1), (2, 1)] {
            queue.push(stream, 53, b"x");
            assert_eq!(queue.cut(1000, true).unwrap().ssn, ssn);
        }
        queue.reset(1);
        queue.push(1, 53, b"x");
        assert_eq!(queue.cut(1000, true).unwrap().ssn, 0);
        queue.push(1, 53, b"x");
        assert_eq!(queue.cut(1000, false).unwrap().ssn, 0, "unordered messages have no number");
    }
}
