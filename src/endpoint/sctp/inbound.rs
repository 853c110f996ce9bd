//! What has arrived, and when that is said.

use std::time::{Duration, Instant};

use super::Violation;
use super::assembly::{Assembly, Message};
use super::chunk::{Data, ForwardTsn, SACK_BYTES, Sack};
use super::number::Tsn;
use crate::endpoint::limits::STREAM_IDS_MAX;

/// How far beyond a hole something is taken. A block of a SACK counts up to 65,535.
const AHEAD_MAX: usize = 32_768;

/// Blocks of a SACK: as many as fit a packet, and more than a path that loses every second packet makes of a window.
const BLOCKS_MAX: usize = 256;

/// An acknowledgement waits this long for data to travel with: for a tick of 60 Hz, and some, or for one of 10 Hz. RFC 9260,
/// section 6.2 allows 500 ms, and browsers take 200.
const RELIABLE_WAITS: Duration = Duration::from_millis(20);
const UNRELIABLE_WAITS: Duration = Duration::from_millis(100);

/// The same for more packets than so many, which a sender of ours would take for a queue on the way if they were out for longer.
const FEW_PACKETS: u8 = 2;
const UNRELIABLE_MANY_WAIT: Duration = Duration::from_millis(50);

/// Packets that are acknowledged together. RFC 9260, section 6.2 has two, since senders go by acknowledgements; what is
/// unreliable does not.
const RELIABLE_PACKETS: u8 = 2;
const UNRELIABLE_PACKETS: u8 = 4;

#[derive(Debug)]
pub(super) struct Inbound {
    /// Everything has arrived up to here.
    cumulative: Tsn,
    /// What has arrived beyond, first and last, in order, none next to another.
    ahead: Vec<(Tsn, Tsn)>,
    assembly: Assembly,
    due: Due,
}

/// The acknowledgement that is due.
#[derive(Debug, Default)]
struct Due {
    packets: u8,
    since: Option<Instant>,
    /// Some of it is reliable.
    is_awaited: bool,
    is_urgent: bool,
}

impl Inbound {
    /// For a sender that begins with this TSN.
    pub(super) fn new(first: u32) -> Inbound {
        Inbound {
            cumulative: Tsn::first(first).previous(),
            ahead: Vec::new(),
            assembly: Assembly::default(),
            due: Due::default(),
        }
    }

    pub(super) fn cumulative(&self) -> Tsn {
        self.cumulative
    }

    /// Takes one chunk; what there is no room for will come again.
    pub(super) fn take(&mut self, data: &Data<'_>) -> Result<(), Violation> {
        self.due.is_awaited |= !data.is_unordered;
        let tsn = self.cumulative.nearest(data.tsn);
        if data.is_immediate || self.has(tsn) {
            self.due.is_urgent = true;
        }
        if self.has(tsn) || tsn.since(self.cumulative) > AHEAD_MAX {
            return Ok(());
        }
        let is_next = tsn == self.cumulative.next();
        let is_apart = !self.ahead.iter().any(|(first, last)| tsn.next() == *first || tsn == last.next());
        if !is_next && is_apart && self.ahead.len() >= BLOCKS_MAX {
            return Ok(());
        }
        if !self.assembly.has_room(data.payload.len()) {
            self.due.is_urgent = true;
            // What is held may wait for just this one. A sender that keeps to the window does not get far with it.
            match is_next {
                true if self.assembly.is_overrun() => return Err(Violation),
                true => {}
                false => return Ok(()),
            }
        }
        self.note(tsn);
        // A stream beyond our bound has nobody to hear it.
        if data.stream < STREAM_IDS_MAX { self.assembly.insert(tsn, data) } else { Ok(()) }
    }

    /// All chunks of a packet with data have been taken.
    pub(super) fn end_packet(&mut self, now: Instant) {
        self.due.packets = self.due.packets.saturating_add(1);
        self.due.since.get_or_insert(now);
        let packets_max = if self.due.is_awaited { RELIABLE_PACKETS } else { UNRELIABLE_PACKETS };
        self.due.is_urgent |= self.due.packets >= packets_max || !self.ahead.is_empty();
    }

    /// The sender gives up what has not come.
    pub(super) fn forward(&mut self, now: Instant, forward: &ForwardTsn) {
        self.due.since.get_or_insert(now);
        self.due.is_urgent = true;
        let to = self.cumulative.nearest(forward.cumulative);
        if to <= self.cumulative {
            return;
        }
        self.cumulative = to;
        self.close_up();
        self.assembly.skip(to, &forward.streams);
    }

    /// The sender begins a stream anew.
    pub(super) fn reset(&mut self, stream: u16) {
        self.assembly.reset(stream);
    }

    pub(super) fn poll(&mut self) -> Option<Message> {
        self.assembly.poll()
    }

    /// Whether there is anything to acknowledge, for a packet that leaves anyway.
    pub(super) fn has_sack(&self) -> bool {
        self.due.since.is_some()
    }

    /// Until when an acknowledgement waits; the beginning of its wait if it does not.
    pub(super) fn sack_due_at(&self) -> Option<Instant> {
        let wait = match (self.due.is_urgent, self.due.is_awaited) {
            (true, _) => Duration::ZERO,
            (false, true) => RELIABLE_WAITS,
            (false, false) if self.due.packets > FEW_PACKETS => UNRELIABLE_MANY_WAIT,
            (false, false) => UNRELIABLE_WAITS,
        };
        self.due.since.map(|since| since + wait)
    }

    /// How long that is as a chunk.
    pub(super) fn sack_bytes(&self) -> usize {
        SACK_BYTES + 4 * self.ahead.len()
    }

    /// What to say now; nothing is due afterwards.
    pub(super) fn sack(&mut self) -> Sack {
        self.due = Due::default();
        // At most `AHEAD_MAX`, which fits, but for what a FORWARD TSN has left behind, which nothing has.
        let offset = |tsn: Tsn| u16::try_from(tsn.since(self.cumulative)).unwrap_or(u16::MAX);
        Sack {
            cumulative: self.cumulative.wire(),
            window: self.assembly.window(),
            blocks: self.ahead.iter().map(|(first, last)| (offset(*first), offset(*last))).collect(),
        }
    }

    fn has(&self, tsn: Tsn) -> bool {
        tsn <= self.cumulative || self.ahead.iter().any(|(first, last)| (*first..=*last).contains(&tsn))
    }

    fn note(&mut self, tsn: Tsn) {
        if tsn == self.cumulative.next() {
            self.cumulative = tsn;
            return self.close_up();
        }
        let at = self.ahead.partition_point(|(_, last)| last.next() < tsn);
        match self.ahead.get_mut(at) {
            Some((_, last)) if last.next() == tsn => *last = tsn,
            Some((first, _)) if tsn.next() == *first => *first = tsn,
            _ => self.ahead.insert(at, (tsn, tsn)),
        }
        if let Some((first, last)) = self.ahead.get(at + 1).copied()
            && let Some((_, last_before)) = self.ahead.get_mut(at)
            && last_before.next() == first
        {
            *last_before = last;
            self.ahead.remove(at + 1);
        }
    }

    /// Goes on over what has already arrived.
    fn close_up(&mut self) {
        while let Some((first, last)) = self.ahead.first().copied()
            && first <= self.cumulative.next()
        {
            self.cumulative = self.cumulative.max(last);
            self.ahead.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNORDERED: bool = true;

    fn data(tsn: u32, is_unordered: bool) -> Data<'static> {
        Data {
            tsn,
            stream: 1,
            ssn: 0,
            ppid: 53,
            is_beginning: true,
            is_ending: true,
            is_unordered,
            is_immediate: false,
            payload: b"x",
        }
    }

    fn arrive(inbound: &mut Inbound, now: Instant, tsns: &[u32]) {
        for tsn in tsns {
            inbound.take(&data(*tsn, UNORDERED)).unwrap();
            inbound.end_packet(now);
        }
    }

    #[test]
    fn holes_become_blocks_and_close() {
        let now = Instant::now();
        let mut inbound = Inbound::new(u32::MAX);
        arrive(&mut inbound, now, &[u32::MAX, 1, 5, 3, 2, 9]);
        let sack = inbound.sack();
        assert_eq!((sack.cumulative, sack.blocks), (u32::MAX, vec![(2, 4), (6, 6), (10, 10)]));
        arrive(&mut inbound, now, &[4, 0]);
        let sack = inbound.sack();
        assert_eq!((sack.cumulative, sack.blocks), (5, vec![(4, 4)]));
        assert_eq!(std::iter::from_fn(|| inbound.poll()).count(), 8);
    }

    #[test]
    fn what_comes_twice_is_given_once_and_acknowledged_at_once() {
        let now = Instant::now();
        let mut inbound = Inbound::new(1);
        arrive(&mut inbound, now, &[1]);
        assert_eq!(inbound.sack_due_at(), Some(now + UNRELIABLE_WAITS));
        arrive(&mut inbound, now, &[1]);
        assert_eq!(inbound.sack_due_at(), Some(now));
        assert_eq!(std::iter::from_fn(|| inbound.poll()).count(), 1);
    }

    #[test]
    fn acknowledgements_wait_for_data_to_travel_with() {
        let now = Instant::now();
        let mut inbound = Inbound::new(1);
        assert!(!inbound.has_sack() && inbound.sack_due_at().is_none());
        arrive(&mut inbound, now, &[1, 2]);
        assert_eq!((inbound.has_sack(), inbound.sack_due_at()), (true, Some(now + UNRELIABLE_WAITS)));
        arrive(&mut inbound, now, &[3]);
        assert_eq!((inbound.has_sack(), inbound.sack_due_at()), (true, Some(now + UNRELIABLE_MANY_WAIT)));
        arrive(&mut inbound, now, &[4]);
        assert_eq!(inbound.sack_due_at(), Some(now), "every fourth");
        inbound.sack();
        for (tsn, waits) in [(5, RELIABLE_WAITS), (6, Duration::ZERO)] {
            inbound.take(&data(tsn, !UNORDERED)).unwrap();
            inbound.end_packet(now);
            assert_eq!(inbound.sack_due_at(), Some(now + waits));
        }
    }

    #[test]
    fn what_is_given_up_is_not_waited_for() {
        let now = Instant::now();
        let mut inbound = Inbound::new(1);
        arrive(&mut inbound, now, &[3, 4, 7]);
        inbound.forward(now, &ForwardTsn { cumulative: 2, streams: Vec::new() });
        let sack = inbound.sack();
        assert_eq!((sack.cumulative, sack.blocks), (4, vec![(3, 3)]));
        inbound.forward(now, &ForwardTsn { cumulative: 1, streams: Vec::new() });
        assert_eq!(inbound.sack().cumulative, 4);
    }

    #[test]
    fn holes_are_bounded() {
        let now = Instant::now();
        let mut inbound = Inbound::new(1);
        let every_second: Vec<u32> = (1..=1000).map(|i| 2 * i).collect();
        arrive(&mut inbound, now, &every_second);
        assert_eq!(inbound.sack().blocks.len(), BLOCKS_MAX);
        arrive(&mut inbound, now, &[1, 100_000]);
        assert_eq!(inbound.sack().blocks.len(), BLOCKS_MAX - 1);
    }
}
