//! Datagrams that have been received and wait for their turn, so that who sends many waits for itself alone.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Bytes that one source may have waiting: what SCTP tells a browser that there is room for, so that none who keeps to it loses
/// anything here.
const SOURCE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that all may have: 16 such sources. Beyond it, who has most loses its newest.
const BYTES_MAX: usize = 16 * SOURCE_BYTES_MAX;

/// Counted for each datagram beside its bytes.
const DATAGRAM_BYTES: usize = 128;

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Queue {
    datagrams: VecDeque<Waiting>,
    bytes: usize,
    is_in_turn: bool,
}

impl Queue {
    /// How many bytes that frees.
    fn drop_newest(&mut self) -> usize {
        let bytes = self.datagrams.pop_back().map_or(0, |waiting| waiting.bytes.len() + DATAGRAM_BYTES);
        self.bytes -= bytes;
        bytes
    }
}

/// The sources take turns, a datagram each. All whom nobody knows are one.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    queues: BTreeMap<Option<SocketAddr>, Queue>,
    turns: VecDeque<Option<SocketAddr>>,
    bytes: usize,
    dropped: u64,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Datagrams for which there was no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Adds a datagram, if there is room for it.
    pub(super) fn push(&mut self, is_known: bool, waiting: Waiting) {
        let source = is_known.then_some(waiting.from);
        let bytes = waiting.bytes.len() + DATAGRAM_BYTES;
        while self.bytes + bytes > BYTES_MAX {
            let Some((_, longest)) = self.queues.iter_mut().max_by_key(|(_, queue)| queue.bytes) else { break };
            self.bytes -= longest.drop_newest();
            self.dropped += 1;
        }
        let queue = self.queues.entry(source).or_default();
        if queue.bytes + bytes > SOURCE_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        self.bytes += bytes;
        if queue.datagrams.is_empty() && !queue.is_in_turn {
            self.turns.push_back(source);
            queue.is_in_turn = true;
        }
        queue.bytes += bytes;
        queue.datagrams.push_back(waiting);
    }

    /// The next one whose turn it is.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        loop {
            let source = self.turns.pop_front()?;
            let Some(queue) = self.queues.get_mut(&source) else { continue };
            let taken = queue.datagrams.pop_front();
            let bytes = taken.as_ref().map_or(0, |waiting| waiting.bytes.len() + DATAGRAM_BYTES);
            (queue.bytes, self.bytes) = (queue.bytes - bytes, self.bytes - bytes);
            if queue.datagrams.is_empty() {
                self.queues.remove(&source);
            } else {
                self.turns.push_back(source);
            }
            if taken.is_some() {
                return taken;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(from: u16, length: usize) -> Waiting {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Waiting { from: at(from), to: at(1), bytes: vec![7; length] }
    }

    #[test]
    fn the_sources_take_turns() {
        let mut backlog = Backlog::default();
        for (from, length) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (3, 31)] {
            backlog.push(true, waiting(from, length));
        }
        let order: Vec<usize> = std::iter::from_fn(|| backlog.take()).map(|waiting| waiting.bytes.len()).collect();
        assert_eq!(order, [10, 20, 30, 11, 31, 12]);
        assert!(backlog.is_empty() && backlog.queues.is_empty());
    }

    #[test]
    fn strangers_share_one_turn() {
        let mut backlog = Backlog::default();
        (100..200).for_each(|from| backlog.push(false, waiting(from, 1)));
        backlog.push(true, waiting(1, 2));
        assert_eq!([backlog.take(), backlog.take()].map(|taken| taken.unwrap().bytes.len()), [1, 2]);
    }

    #[test]
    fn there_is_room_for_so_much() {
        let mut backlog = Backlog::default();
        (0..2000).for_each(|_| backlog.push(true, waiting(1, 1200)));
        let taken = std::iter::from_fn(|| backlog.take()).count();
        assert_eq!((taken, backlog.dropped()), (789, 1211));
        for from in 0..100 {
            (0..300).for_each(|_| backlog.push(true, waiting(from, 1200)));
        }
        assert!(backlog.bytes <= BYTES_MAX, "{}", backlog.bytes);
        assert!(backlog.queues.values().all(|queue| queue.datagrams.len() >= 12), "each has its part");
        while backlog.take().is_some() {}
        assert_eq!((backlog.bytes, backlog.queues.len()), (0, 0));
    }
}
