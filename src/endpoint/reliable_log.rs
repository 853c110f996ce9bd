//! The reliable messages to one peer that it has not had yet, in front of SCTP's own buffer.

use std::collections::VecDeque;

use super::Data;
use super::limits::RELIABLE_LOG_BYTES_MAX;

/// What an empty message, or the entry of any message, counts for, in bytes: a log of empty ones must end too.
const ENTRY_BYTES: usize = 64;

/// First in, first out, and never more than [`RELIABLE_LOG_BYTES_MAX`] bytes.
///
/// A message is forgotten when it is given to the connection, or, if the peer may come back on another one, when the page
/// has said that it has it.
#[derive(Debug, Default)]
pub(super) struct ReliableLog {
    kept: VecDeque<Data>,
    bytes: usize,
    /// How many of the first have been given to the connection.
    given: usize,
    /// Messages forgotten since the beginning: the number of the first that is kept. Pages count modulo 2^32.
    forgotten: u32,
    /// What those were, in bytes.
    forgotten_bytes: u64,
}

impl ReliableLog {
    /// Whether the message was taken; a full log leaves it to the caller.
    pub(super) fn push(&mut self, data: Data) -> bool {
        let bytes = self.bytes + cost(&data);
        let fits = bytes <= RELIABLE_LOG_BYTES_MAX;
        if fits {
            self.bytes = bytes;
            self.kept.push_back(data);
        }
        fits
    }

    /// The next message for the connection.
    pub(super) fn waiting(&self) -> Option<&Data> {
        self.kept.get(self.given)
    }

    /// The connection has taken it, and the page will say when it has it.
    pub(super) fn keep(&mut self) {
        self.given = self.kept.len().min(self.given + 1);
    }

    /// The connection has taken it, for good.
    pub(super) fn forget(&mut self) {
        if let Some(data) = self.kept.pop_front() {
            self.bytes -= cost(&data);
            self.forgotten_bytes += cost(&data) as u64;
            self.forgotten = self.forgotten.wrapping_add(1);
            self.given = self.given.saturating_sub(1);
        }
    }

    /// Whether these are messages that the page can have had, and the ones after them are all kept.
    pub(super) fn covers(&self, received: u32) -> bool {
        received.wrapping_sub(self.forgotten) as usize <= self.kept.len()
    }

    /// The page has had this many since the beginning. A number that cannot be says nothing.
    pub(super) fn acknowledge(&mut self, received: u32) {
        let count = received.wrapping_sub(self.forgotten) as usize;
        if count <= self.given {
            (0..count).for_each(|_| self.forget());
        }
    }

    /// A new connection goes on behind what the page has had, which [`covers`](ReliableLog::covers) has found true.
    pub(super) fn go_on(&mut self, received: u32) {
        self.given = self.kept.len();
        self.acknowledge(received);
        self.given = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Bytes that the peer has taken since the beginning.
    pub(super) fn taken_bytes(&self) -> u64 {
        self.forgotten_bytes
    }
}

fn cost(data: &Data) -> usize {
    data.bytes().len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(i: u8) -> Data {
        Data::Binary(vec![i; 3])
    }

    fn log(messages: u8) -> ReliableLog {
        let mut log = ReliableLog::default();
        for i in 0..messages {
            assert!(log.push(message(i)));
        }
        log
    }

    #[test]
    fn keeps_order_and_its_bound() {
        let mut log = ReliableLog::default();
        let large = |i: u8| Data::Binary(vec![i; 256 * 1024 - ENTRY_BYTES]);
        for i in 0..4 {
            assert!(log.push(large(i)));
        }
        assert!(!log.push(Data::Text(String::new())), "even an empty message must find room");
        for i in 0..4 {
            assert_eq!(log.waiting(), Some(&large(i)));
            log.forget();
        }
        assert_eq!((log.waiting(), log.bytes, log.taken_bytes()), (None, 0, 1024 * 1024));
        log.forget();
        assert_eq!((log.bytes, log.forgotten), (0, 4));
    }

    #[test]
    fn what_the_page_has_not_had_is_given_again() {
        let mut log = log(5);
        (0..4).for_each(|_| log.keep());
        log.acknowledge(1);
        assert_eq!(log.waiting(), Some(&message(4)));
        log.acknowledge(5);
        assert_eq!(log.bytes, 4 * cost(&message(0)), "it cannot have had what it was not given");
        assert!(!log.covers(0) && log.covers(1) && log.covers(3) && log.covers(5) && !log.covers(6));
        log.go_on(3);
        assert_eq!(log.waiting(), Some(&message(3)));
        (0..9).for_each(|_| log.keep());
        log.acknowledge(5);
        assert_eq!((log.waiting(), log.bytes), (None, 0));
    }

    #[test]
    fn counts_go_on_across_the_wrap() {
        let mut log = log(3);
        log.forgotten = u32::MAX - 1;
        (0..3).for_each(|_| log.keep());
        log.acknowledge(0);
        assert_eq!((log.kept.len(), log.forgotten), (1, 0));
        log.acknowledge(u32::MAX);
        assert_eq!(log.kept.len(), 1, "an older count says nothing new");
        log.acknowledge(1);
        assert_eq!(log.kept.len(), 0);
    }
}
