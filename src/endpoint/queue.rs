//! What waits to be sent to one peer on its reliable channel, in front of SCTP's own buffer.

use std::collections::VecDeque;

use super::Data;
use super::limits::RELIABLE_QUEUE_BYTES_MAX;

/// What an empty message, or the entry of any message, counts for, in bytes: a queue of empty ones must end too.
const ENTRY_BYTES: usize = 64;

/// First in, first out, and never more than [`RELIABLE_QUEUE_BYTES_MAX`] bytes.
#[derive(Debug, Default)]
pub(super) struct ReliableQueue {
    waiting: VecDeque<Data>,
    bytes: usize,
}

impl ReliableQueue {
    /// Whether the message was taken; a full queue leaves it to the caller.
    pub(super) fn push(&mut self, data: Data) -> bool {
        let bytes = self.bytes + cost(&data);
        let fits = bytes <= RELIABLE_QUEUE_BYTES_MAX;
        if fits {
            self.bytes = bytes;
            self.waiting.push_back(data);
        }
        fits
    }

    pub(super) fn pop(&mut self) -> Option<Data> {
        let data = self.waiting.pop_front()?;
        self.bytes -= cost(&data);
        Some(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

fn cost(data: &Data) -> usize {
    data.bytes().len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_its_bound() {
        let mut queue = ReliableQueue::default();
        let message = |i: u8| Data::Binary(vec![i; 256 * 1024 - ENTRY_BYTES]);
        for i in 0..4 {
            assert!(queue.push(message(i)));
        }
        assert!(!queue.push(Data::Text(String::new())), "even an empty message must find room");
        for i in 0..4 {
            assert_eq!(queue.pop(), Some(message(i)));
        }
        assert!(queue.is_empty());
        assert_eq!((queue.pop(), queue.bytes), (None, 0));
    }
}
