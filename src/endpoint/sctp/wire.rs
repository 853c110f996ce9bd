//! What one peer's SCTP has on the wire, and what the tap does about losses.
//!
//! sctp-proto treats every loss as congestion, counts unreliable messages against the same window as reliable ones, and
//! waits a second for the acknowledgement of a message that nothing follows. On Wi-Fi, where packets are lost for other
//! reasons, that turned 5 % of loss into a third of a second of delay (docs/BENCHMARKS.md). So, between SCTP and the wire:
//!
//! - **Lost unreliable data is forgiven.** SCTP is told that it arrived, and the receiver is told not to wait for it
//!   (FORWARD TSN, RFC 3758). SCTP's own reliability and congestion control see reliable data alone.
//! - **Reliable data is probed for.** The end of each reliable message asks for an acknowledgement at once (RFC 7053);
//!   while that stays out past two round trips, the last packets are sent again, as RFC 8985, section 7 does for TCP.
//!
//! Nothing here can make SCTP believe that a reliable chunk arrived which did not.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::again::Again;
use super::held_sack::HeldSack;
use super::last_words::LastWords;
use super::leaving::Leaving;
use super::packet::{HEADER_BYTES, Sack, Tsn, forward_tsn, packet};
use super::round_trip::RoundTrip;
use super::share::Share;

/// Chunks in flight that are remembered. The reliable window and the unreliable bound hold 450 full ones; a flood of tiny
/// messages more. Past it SCTP is on its own until the wire is empty.
const IN_FLIGHT_MAX: usize = 4096;

/// SACKs that must miss a chunk before the receiver is told to skip it: what SCTP itself takes for a loss rather than a
/// packet that was overtaken (RFC 9260, section 7.2.4).
const MISSING_MIN: u8 = 3;

/// Packets of reliable data, sent for the first time, that are kept to be sent again. Before the last three, later packets
/// make SCTP's own fast retransmit work.
const TAIL_PACKETS: usize = 4;

/// Of these, how many one probe sends.
const PROBE_PACKETS: usize = 2;

/// Between two probes for the same data, each of which waits twice as long as the one before, at most. SCTP's own timer
/// doubles to a minute, which is how long a browser would wait for its messages after a cut that is over; the SCTP of browsers
/// stops at 3 s. Somebody who hears nothing any more is soon no peer.
const PROBE_EVERY_MAX: Duration = Duration::from_secs(2);

/// Added to two round trips before a probe: what a busy browser may take to answer.
const PROBE_MARGIN: Duration = Duration::from_millis(10);

/// When unreliable data that nothing follows is given up: after the receiver's delayed acknowledgement (200 ms, RFC 9260,
/// section 6.2) and before SCTP's timer (1 s), which would shrink the window to one packet.
const TAIL_FORGIVEN_AFTER: Duration = Duration::from_millis(350);

/// Shared by the tap, which sees the packets, and the peer, which knows the time.
#[derive(Debug)]
pub(in crate::endpoint) struct Wire {
    now: Instant,
    /// When a packet of the browser last came, whole and under its own key.
    heard_at: Instant,
    /// The browser has sent what ends SCTP's handshake.
    has_begun: bool,
    /// Ports and verification tag of our packets.
    header: Option<[u8; HEADER_BYTES]>,
    /// The TSN of the first chunk in `in_flight`; the others follow without a gap.
    first: Tsn,
    in_flight: VecDeque<Chunk>,
    /// The last TSN that was ever sent.
    newest: Option<Tsn>,
    /// Chunks up to here left and were not remembered: until they are acknowledged nothing may be skipped, since they may be
    /// reliable and lost.
    forgotten: Option<Tsn>,
    unordered_bytes_sent: u64,
    in_flight_bytes: usize,
    round_trip: RoundTrip,
    share: Share,
    tail: VecDeque<(Tsn, Vec<u8>)>,
    probes: u32,
    probe_at: Option<Instant>,
    again: Again,
    /// The last FORWARD TSN, and when it may be repeated.
    forwarded: Option<(Tsn, Instant)>,
    pub(super) held_sack: HeldSack,
    /// Packets of the tap's own, to go out next.
    out: VecDeque<Vec<u8>>,
    pub(super) last_words: LastWords,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    is_reliable: bool,
    has_arrived: bool,
    bytes: usize,
    /// SACKs that reported later data and not this.
    missing: u8,
    /// For the first time: an acknowledgement of a later copy makes the round trip look longer, never shorter.
    sent_at: Instant,
    given_up_at: Instant,
}

impl Wire {
    pub(super) fn new(now: Instant) -> Wire {
        Wire {
            now,
            heard_at: now,
            has_begun: false,
            header: None,
            first: Tsn(0),
            in_flight: VecDeque::new(),
            newest: None,
            forgotten: None,
            unordered_bytes_sent: 0,
            in_flight_bytes: 0,
            round_trip: RoundTrip::default(),
            share: Share::default(),
            tail: VecDeque::new(),
            probes: 0,
            probe_at: None,
            again: Again::default(),
            forwarded: None,
            held_sack: HeldSack::default(),
            out: VecDeque::new(),
            last_words: LastWords::default(),
        }
    }

    /// The transport has given everything that came before the browser's last words; whether there are any, to be polled for.
    pub(in crate::endpoint) fn let_end(&mut self) -> bool {
        self.last_words.let_go()
    }

    /// Before anything is given to the peer's transport.
    pub(in crate::endpoint) fn set_now(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// When a packet of the browser last came, whole and under its own key.
    pub(in crate::endpoint) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// A packet of the browser has come.
    pub(super) fn heard(&mut self) {
        self.heard_at = self.now;
    }

    /// A chunk of it ends SCTP's handshake.
    pub(super) fn begins(&mut self) {
        self.has_begun = true;
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Reliable bytes that may be in flight.
    pub(in crate::endpoint) fn reliable_window(&self) -> usize {
        self.share.reliable_window(&self.round_trip)
    }

    /// As much of a bound on bytes in flight as the path bears without a queue.
    pub(in crate::endpoint) fn share_of(&self, bytes: usize) -> usize {
        self.share.of(bytes)
    }

    /// Bytes of unreliable messages that have left for the first time, since the beginning.
    pub(in crate::endpoint) fn unordered_bytes_sent(&self) -> u64 {
        self.unordered_bytes_sent
    }

    /// When to call [`Wire::handle_timeout`].
    pub(in crate::endpoint) fn deadline(&self) -> Option<Instant> {
        let of_its_own = [self.probe_at, self.again.deadline(), self.tail_forgiven_at(), self.held_sack.deadline()];
        of_its_own.into_iter().flatten().min()
    }

    /// Puts a probe on its way, or gives up what was unreliable, if that is due. The transport must be polled afterwards.
    pub(in crate::endpoint) fn handle_timeout(&mut self) {
        if self.probe_at.is_some_and(|at| at <= self.now) {
            self.probe();
        }
        self.out.extend(self.again.due(self.now, PROBE_EVERY_MAX));
        if self.tail_forgiven_at().is_some_and(|at| at <= self.now) {
            let last = self.first.plus(self.in_flight.len() - 1);
            self.forward_to(last);
            // Once more, should this be lost, and then SCTP's timer.
            let again = self.now + TAIL_FORGIVEN_AFTER;
            self.in_flight.iter_mut().for_each(|chunk| chunk.given_up_at = again);
        }
        if self.held_sack.deadline().is_some_and(|at| at <= self.now)
            && let Some(header) = self.header
            && let Some(chunk) = self.held_sack.take()
        {
            self.out.push_back(packet(&header, [chunk.into()].into_iter()));
        }
    }

    /// Whether an acknowledgement that would leave alone waits for data. One of a side that has sent no data goes.
    pub(super) fn keep_sack(&mut self, chunk: &[u8], sack: &Sack) -> bool {
        self.header.is_some() && self.held_sack.keep(self.now, chunk, sack)
    }

    /// A packet of the tap's own that waits to go out.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// SCTP sends a packet with these DATA chunks.
    pub(super) fn sends(&mut self, packet: &[u8], chunks: impl Iterator<Item = Leaving> + Clone) {
        let Some(header) = packet.first_chunk() else { return };
        self.header = Some(*header);
        let is_new = |tsn: Tsn| self.newest.is_none_or(|newest| newest.after(tsn).is_none());
        let sent_before = chunks.clone().filter(|chunk| !chunk.is_unordered && !is_new(chunk.tsn)).last();
        if let Some(chunk) = sent_before {
            self.again.sent(self.now, chunk.tsn, packet, self.first_wait());
        }
        let mut last_new_reliable = None;
        for chunk in chunks {
            let is_reliable = !chunk.is_unordered;
            if self.forgotten.is_some_and(|last| last.after(chunk.tsn).is_some()) {
                continue;
            }
            let is_new = self.newest.is_none_or(|newest| newest.after(chunk.tsn).is_none());
            if is_new {
                self.newest = Some(chunk.tsn);
            }
            if self.in_flight.is_empty() {
                self.first = chunk.tsn;
            }
            match chunk.tsn.after(self.first) {
                Some(index) if index < self.in_flight.len() => {}
                Some(index) if index == self.in_flight.len() && index < IN_FLIGHT_MAX => {
                    self.in_flight.push_back(Chunk {
                        is_reliable,
                        has_arrived: false,
                        bytes: chunk.bytes,
                        missing: 0,
                        sent_at: self.now,
                        given_up_at: self.now + TAIL_FORGIVEN_AFTER,
                    });
                    self.in_flight_bytes += chunk.bytes;
                    if chunk.is_unordered {
                        self.unordered_bytes_sent += chunk.bytes as u64;
                    }
                }
                // Out of step: nothing that is remembered can be trusted.
                _ => {
                    self.forget();
                    if is_new && chunk.is_unordered {
                        self.unordered_bytes_sent += chunk.bytes as u64;
                    }
                    continue;
                }
            }
            if is_reliable && is_new {
                last_new_reliable = Some(chunk.tsn);
            }
        }
        if let Some(tsn) = last_new_reliable {
            self.tail.push_back((tsn, packet.to_vec()));
            if self.tail.len() > TAIL_PACKETS {
                self.tail.pop_front();
            }
            self.probes = 0;
            self.set_probe();
        }
    }

    /// The receiver acknowledges. What SCTP should see instead, if that differs.
    pub(super) fn acknowledged(&mut self, sack: &Sack) -> Option<Sack> {
        self.forgotten = self.forgotten.filter(|last| sack.cumulative.after(*last).is_none());
        self.again.acknowledged(sack);
        let in_flight_before = self.in_flight_bytes;
        let newly_arrived = self.note(sack);
        if let Some(sent_at) = newly_arrived {
            self.round_trip.sample(self.now, self.now.saturating_duration_since(sent_at));
            self.share.note(self.now, &self.round_trip, in_flight_before);
        }
        let is_out =
            |tsn: Tsn| tsn.after(self.first).and_then(|i| self.in_flight.get(i)).is_some_and(|c| !c.has_arrived);
        let before = self.tail.len();
        self.tail.retain(|(tsn, _)| is_out(*tsn));
        if self.tail.len() < before {
            self.probes = 0;
        }
        self.set_probe();

        // Offsets are from where we begin: in an older SACK they would name other chunks, reliable ones among them.
        if sack.cumulative.plus(1) != self.first {
            return None;
        }
        let arrived = self.in_flight.iter().rposition(|chunk| chunk.has_arrived)?;
        let mut is_forgiven = false;
        for chunk in self.in_flight.iter_mut().take(arrived).filter(|chunk| !chunk.has_arrived) {
            chunk.missing = chunk.missing.saturating_add(1);
            is_forgiven |= !chunk.is_reliable;
        }
        if !is_forgiven {
            return None;
        }
        let skippable = |chunk: &&Chunk| chunk.has_arrived || (!chunk.is_reliable && chunk.missing >= MISSING_MIN);
        let passed = self.in_flight.iter().take_while(skippable).count();
        if self.in_flight.iter().take(passed).any(|chunk| !chunk.has_arrived) {
            self.forward_to(self.first.plus(passed - 1));
        }
        Some(Sack { blocks: self.blocks(arrived), ..sack.clone() })
    }

    /// Takes in a SACK; gives when the newest chunk that it acknowledges for the first time was sent.
    fn note(&mut self, sack: &Sack) -> Option<Instant> {
        let mut newest = None;
        while !self.in_flight.is_empty() && sack.cumulative.after(self.first).is_some() {
            let chunk = self.in_flight.pop_front()?;
            self.first = self.first.plus(1);
            if !chunk.has_arrived {
                self.in_flight_bytes -= chunk.bytes;
                newest = Some(chunk.sent_at);
            }
        }
        // Only a SACK that begins where we do can be mapped; an older one is SCTP's to ignore.
        if sack.cumulative.plus(1) != self.first {
            return newest;
        }
        for (start, end) in &sack.blocks {
            // Offset 1 is the first chunk in flight.
            let range = usize::from(*start).max(1) - 1..usize::from(*end).min(self.in_flight.len());
            for chunk in self.in_flight.range_mut(range.start.min(range.end)..range.end) {
                if !chunk.has_arrived {
                    chunk.has_arrived = true;
                    self.in_flight_bytes -= chunk.bytes;
                    newest = Some(chunk.sent_at);
                }
            }
        }
        newest
    }

    /// Up to the last that arrived, every chunk that SCTP need not care for: arrived, or forgiven.
    fn blocks(&self, last: usize) -> Vec<(u16, u16)> {
        let mut blocks: Vec<(u16, u16)> = Vec::new();
        for (index, chunk) in self.in_flight.iter().enumerate().take(last + 1) {
            // IN_FLIGHT_MAX fits.
            let offset = (index + 1) as u16;
            match blocks.last_mut() {
                _ if chunk.is_reliable && !chunk.has_arrived => {}
                Some((_, end)) if *end + 1 == offset => *end = offset,
                _ => blocks.push((offset, offset)),
            }
        }
        blocks
    }

    /// When only unreliable data is out, and nothing has come after it to show whether it arrived.
    fn tail_forgiven_at(&self) -> Option<Instant> {
        let is_all_unreliable =
            self.forgotten.is_none() && self.in_flight.iter().all(|chunk| chunk.has_arrived || !chunk.is_reliable);
        self.in_flight.front().filter(|_| is_all_unreliable).map(|chunk| chunk.given_up_at)
    }

    fn forward_to(&mut self, cumulative: Tsn) {
        let is_known = |(known, again_at): (Tsn, Instant)| known == cumulative && self.now < again_at;
        if self.forwarded.is_some_and(is_known) {
            return;
        }
        let Some(header) = self.header else { return };
        self.forwarded = Some((cumulative, self.now + self.round_trip.patience()));
        self.out.push_back(packet(&header, [forward_tsn(cumulative).into()].into_iter()));
    }

    /// Until reliable data that nobody acknowledges is sent again.
    fn first_wait(&self) -> Duration {
        self.round_trip.patience() + PROBE_MARGIN
    }

    fn set_probe(&mut self) {
        let first = self.first_wait();
        let wait = first.saturating_mul(1 << self.probes.min(16)).min(PROBE_EVERY_MAX.max(first));
        self.probe_at = (!self.tail.is_empty()).then(|| self.now + wait);
    }

    fn probe(&mut self) {
        let packets = self.tail.iter().take(PROBE_PACKETS).map(|(_, packet)| packet.clone());
        self.out.extend(packets);
        self.probes += 1;
        self.set_probe();
    }

    fn forget(&mut self) {
        self.in_flight.clear();
        self.in_flight_bytes = 0;
        self.forgotten = self.newest;
        self.tail.clear();
        self.probe_at = None;
    }
}

#[cfg(test)]
mod tests;
