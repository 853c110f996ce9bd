//! What is to be sent: order, bounds, losses, probes.
//!
//! On Wi-Fi packets are lost for other reasons than congestion, and a lone message has nothing behind it that would show its
//! loss. So, unlike RFC 9260:
//!
//! - **Unreliable data has no congestion window.** It leaves at once or is not taken; how much of it may be out goes by the
//!   queue that the round trip shows ([`Share`]). What is lost of it is given up (RFC 3758), and shrinks no window.
//! - **Reliable data is probed for.** The end of each message asks for an acknowledgement at once (RFC 7053); while that stays
//!   out past two round trips, the first of what is out is sent again (RFC 8985, section 7), twice as late each time. There is
//!   no timer of a second that would shrink the window to one packet.

use std::time::{Duration, Instant};

use super::chunk::{Data, FORWARD_TSN_BYTES, ForwardTsn, Sack};
use super::flight::Flight;
use super::number::Tsn;
use super::packet::Packet;
use super::queue::{FRAGMENT_BYTES_MAX, Fragment, Queue};
use super::round_trip::RoundTrip;
use super::share::Share;
use super::window::{FIRST_BYTES, Window};
use crate::endpoint::limits::{UNRELIABLE_BACKLOG_BYTES_MAX, UNRELIABLE_WAITING_BYTES_MAX};

/// Fragments in flight, beyond a hole: the windows hold 450 full ones; a flood of tiny messages more.
const IN_FLIGHT_MAX: usize = 4096;

/// Added to two round trips before a probe: what a busy browser may take to answer.
const PROBE_MARGIN: Duration = Duration::from_millis(10);

/// Between two probes at most. The SCTP of browsers stops at 3 s, others at a minute, which is how long a message would wait
/// after a cut that is over. Somebody who hears nothing any more is soon no peer.
const PROBE_EVERY_MAX: Duration = Duration::from_secs(2);

/// Fragments that one probe sends.
const PROBE_FRAGMENTS: usize = 2;

/// Probes without an answer, after which everything that is out is taken for lost.
const PROBES_UNTIL_ALL_IS_LOST: u32 = 3;

/// Before what the receiver need not wait for is said again.
const FORWARD_AGAIN: Duration = Duration::from_millis(350);

#[derive(Debug)]
pub(super) struct Outbound {
    reliable: Queue,
    unreliable: Queue,
    flight: Flight,
    window: Window,
    /// Unreliable bytes that may be out: few before anything is known of the path, twice as many each round trip.
    unreliable_window: usize,
    share: Share,
    round_trip: RoundTrip,
    /// When the newest left of what has arrived.
    arrived_from: Option<Instant>,
    /// Bytes that the receiver has said it has room for, beyond what was in flight then.
    receiver_bytes: usize,
    probes: u32,
    probe_at: Option<Instant>,
    /// Fragments that may leave beyond the window.
    probing: usize,
    /// Up to where the receiver has been told not to wait, and when to tell it again.
    forwarded: Option<(Tsn, Instant)>,
    forwards: u32,
}

impl Outbound {
    pub(super) fn new(first: u32) -> Outbound {
        Outbound {
            reliable: Queue::default(),
            unreliable: Queue::default(),
            flight: Flight::new(Tsn::first(first)),
            window: Window::default(),
            unreliable_window: FIRST_BYTES,
            share: Share::default(),
            round_trip: RoundTrip::default(),
            arrived_from: None,
            receiver_bytes: 0,
            probes: 0,
            probe_at: None,
            probing: 0,
            forwarded: None,
            forwards: 0,
        }
    }

    /// What the receiver said when it began.
    pub(super) fn set_receiver_bytes(&mut self, window: u32) {
        self.receiver_bytes = window as usize;
    }

    /// The last TSN that has been used.
    pub(super) fn newest(&self) -> Tsn {
        self.flight.next().previous()
    }

    /// When the newest left of what the receiver is known to have.
    pub(super) fn arrived_from(&self) -> Option<Instant> {
        self.arrived_from
    }

    /// Whether a reliable message, of whatever size, is wanted now: the rest of those before it is within the window.
    pub(super) fn wants_reliable(&self) -> bool {
        let out = self.reliable.bytes() + self.flight.reliable().bytes + self.flight.lost_bytes();
        out < self.share.reliable_window(&self.round_trip)
    }

    /// Whether an unreliable message of so many bytes may leave now.
    pub(super) fn wants_unreliable(&self, bytes: usize) -> bool {
        let out = self.unreliable.bytes() + self.flight.unreliable().bytes;
        let is_within = out == 0 || out + bytes <= self.share.of(self.unreliable_window);
        let waiting = self.unreliable.bytes();
        let is_soon = !self.reliable.is_within_message() || waiting + bytes <= UNRELIABLE_WAITING_BYTES_MAX;
        is_within && is_soon && self.flight.len() < IN_FLIGHT_MAX && waiting + bytes <= self.receiver_bytes
    }

    pub(super) fn push_reliable(&mut self, stream: u16, ppid: u32, bytes: &[u8]) {
        self.reliable.push(stream, ppid, bytes);
    }

    /// The caller has asked whether it is wanted.
    pub(super) fn push_unreliable(&mut self, stream: u16, ppid: u32, bytes: &[u8]) {
        self.unreliable.push(stream, ppid, bytes);
    }

    /// Gives up all that has not arrived, reliable data too, so that what comes now leaves at once. Nothing reliable may follow.
    pub(super) fn abandon(&mut self) {
        self.reliable.clear();
        self.unreliable.clear();
        self.flight.give_up_all();
        (self.probe_at, self.forwarded) = (None, None);
    }

    pub(super) fn reset(&mut self, stream: u16) {
        self.reliable.reset(stream);
    }

    /// Whether data could leave now, in an empty packet.
    pub(super) fn has_data(&self) -> bool {
        let may_again = self.flight.next_lost().is_some_and(|(_, fragment)| self.may_leave_again(fragment));
        let has_unreliable = self.unreliable.bytes() > 0 && !self.reliable.is_within_message();
        may_again || has_unreliable || self.may_leave()
    }

    /// Fills a packet with what may leave now.
    pub(super) fn put(&mut self, now: Instant, packet: &mut Packet<'_>) {
        self.put_forward(now, packet);
        while let Some((tsn, fragment)) = self.flight.next_lost()
            && self.may_leave_again(fragment)
            && fragment.chunk_bytes() <= packet.room()
        {
            let asks = fragment.is_ending || self.probing > 0;
            put(packet, tsn, fragment, asks);
            self.probing = self.probing.saturating_sub(1);
            self.flight.sent_again(now, tsn);
            self.await_answer(now);
        }
        loop {
            while !self.reliable.is_within_message()
                && let Some(fragment) = self.unreliable.cut(packet.room(), false)
            {
                self.put_new(now, packet, &fragment, false);
            }
            if self.unreliable.is_within_message() || !self.may_leave() {
                return;
            }
            let Some(fragment) = self.reliable.cut(packet.room(), true) else { return };
            // Who waits for room waits for nothing but the answer.
            let fills = self.flight.reliable().bytes + fragment.range.len() + FRAGMENT_BYTES_MAX > self.window();
            self.put_new(now, packet, &fragment, fragment.is_ending || fills);
            self.probes = 0;
            self.await_answer(now);
        }
    }

    /// The receiver acknowledges.
    pub(super) fn acknowledged(&mut self, now: Instant, sack: &Sack) {
        let cumulative = self.flight.first().nearest(sack.cumulative);
        // An older one has been overtaken, and none can be of what has not left.
        if cumulative.next() < self.flight.first() || cumulative >= self.flight.next() {
            return;
        }
        let (reliable, unreliable) = (self.flight.reliable(), self.flight.unreliable());
        let told = self.flight.acknowledge(now, cumulative, &sack.blocks, self.round_trip.base());
        self.arrived_from = self.arrived_from.max(told.newest_left_at);
        if let Some(left_at) = told.left_at {
            self.round_trip.sample(now, now.saturating_duration_since(left_at));
            self.share.note(now, &self.round_trip, reliable.bytes + unreliable.bytes);
        }
        self.window.acknowledged(cumulative, told.reliable_bytes, reliable.bytes);
        self.unreliable_window = (self.unreliable_window + told.unreliable_bytes).min(UNRELIABLE_BACKLOG_BYTES_MAX);
        let (window, newest) = (&mut self.window, self.flight.next().previous());
        self.flight.find_losses(&told, self.round_trip.reordering(), |tsn| window.lost(tsn, newest));
        let out = self.flight.reliable().bytes + self.flight.unreliable().bytes;
        self.receiver_bytes = (sack.window as usize).saturating_sub(out);
        if told.reliable_bytes > 0 {
            self.probes = 0;
            self.probe_at = None;
            self.await_answer(now);
        }
        if self.flight.reliable().fragments == 0 {
            self.probe_at = None;
        }
        if self.forwarded.is_some_and(|(to, _)| to <= cumulative) {
            (self.forwarded, self.forwards) = (None, 0);
        }
    }

    /// When to call [`handle_timeout`](Outbound::handle_timeout).
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.probe_at, self.flight.given_up_at(), self.forwarded.map(|(_, at)| at)].into_iter().flatten().min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.probe_at.is_some_and(|at| at <= now) {
            self.probe_at = None;
            self.probes += 1;
            let count = if self.probes > PROBES_UNTIL_ALL_IS_LOST { usize::MAX } else { PROBE_FRAGMENTS };
            self.probing = self.flight.suspect(count).min(PROBE_FRAGMENTS);
            if self.probes == PROBES_UNTIL_ALL_IS_LOST {
                self.window.collapse();
            }
        }
        if self.flight.give_up(now) {
            // What the path bears has to be found out anew.
            self.unreliable_window = FIRST_BYTES;
        }
    }

    /// Reliable data has left, or an answer has come to some of it.
    fn await_answer(&mut self, now: Instant) {
        if self.flight.reliable().fragments == 0 {
            return;
        }
        let patience = self.round_trip.patience() + PROBE_MARGIN;
        let wait = patience.saturating_mul(1 << self.probes.min(10)).min(PROBE_EVERY_MAX);
        self.probe_at = Some(now + wait);
    }

    /// Whether reliable data may leave for the first time.
    fn may_leave(&self) -> bool {
        let Some(rest) = self.reliable.next_bytes() else { return false };
        let out = self.flight.reliable().bytes;
        let window = self.window();
        // What begins holds up everything else until it has left, so it begins when there is room for it, or for much.
        let wants = if self.reliable.is_within_message() { FRAGMENT_BYTES_MAX } else { window / 2 };
        let needs = rest.min(wants);
        // One packet finds out whether a full receiver has room again.
        let is_taken = needs <= self.receiver_bytes || out == 0;
        !self.flight.has_lost() && (out == 0 || out + needs <= window) && is_taken && self.flight.len() < IN_FLIGHT_MAX
    }

    /// Reliable bytes that may be on their way.
    fn window(&self) -> usize {
        self.window.bytes().min(self.share.reliable_window(&self.round_trip))
    }

    fn may_leave_again(&self, fragment: &Fragment) -> bool {
        let out = self.flight.reliable().bytes;
        self.probing > 0 || out == 0 || out + fragment.range.len() <= self.window.bytes()
    }

    fn put_new(&mut self, now: Instant, packet: &mut Packet<'_>, fragment: &Fragment, is_immediate: bool) {
        let tsn = self.flight.push(now, fragment);
        self.receiver_bytes = self.receiver_bytes.saturating_sub(fragment.range.len());
        put(packet, tsn, fragment, is_immediate);
    }

    fn put_forward(&mut self, now: Instant, packet: &mut Packet<'_>) {
        let Some(to) = self.flight.forward() else {
            self.forwarded = None;
            return;
        };
        if packet.room() < FORWARD_TSN_BYTES {
            return;
        }
        let is_new = self.forwarded.is_none_or(|(known, _)| known < to);
        if !is_new && self.forwarded.is_some_and(|(_, again_at)| again_at > now) {
            return;
        }
        self.forwards = if is_new { 0 } else { self.forwards + 1 };
        let wait = FORWARD_AGAIN.saturating_mul(1 << self.forwards.min(10)).min(PROBE_EVERY_MAX);
        self.forwarded = Some((to, now + wait));
        // Without streams: what we give up is unordered, or the last that its stream was to give: nothing is to come of
        // what waits behind it.
        ForwardTsn { cumulative: to.wire(), streams: Vec::new() }.put(packet);
    }
}

fn put(packet: &mut Packet<'_>, tsn: Tsn, fragment: &Fragment, is_immediate: bool) {
    let data = Data {
        tsn: tsn.wire(),
        stream: fragment.stream,
        ssn: fragment.ssn,
        ppid: fragment.ppid,
        is_beginning: fragment.is_beginning,
        is_ending: fragment.is_ending,
        is_unordered: !fragment.is_reliable,
        is_immediate,
        payload: fragment.payload(),
    };
    data.put(packet);
}
