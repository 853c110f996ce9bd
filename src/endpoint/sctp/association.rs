//! One SCTP association over DTLS, with the data channels on it: packets in, packets out, sans-IO.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::dcep::{ChannelOpen, Dcep};
use super::few::Few;
use super::handshake::Init;
use super::inbound::Inbound;
use super::outbound::Outbound;
use super::packet::{self, CHUNK_HEADER_BYTES, Packet};
use super::reset::Resets;
use super::stream_set::StreamSet;
use super::{Nonces, StreamId};
use crate::endpoint::Payload;
use crate::endpoint::limits::STREAM_IDS_MAX;

mod arriving;

/// Payload protocol identifiers (RFC 8831, section 8).
const DCEP: u32 = 50;
const STRING: u32 = 51;
const BINARY: u32 = 53;
const STRING_EMPTY: u32 = 56;
const BINARY_EMPTY: u32 = 57;

/// A request that names every stream we know.
const RE_CONFIG_BYTES_MAX: usize = 2 * CHUNK_HEADER_BYTES + 12 + 2 * STREAM_IDS_MAX as usize;

/// Before a step of the handshake is sent again, doubling up to the longest.
const HANDSHAKE_AGAIN: Duration = Duration::from_millis(100);
const HANDSHAKE_AGAIN_MAX: Duration = Duration::from_secs(2);

/// User-initiated abort (RFC 9260, section 3.3.10.12), without words.
const USER_INITIATED: [u8; 4] = [0, 12, 0, 4];

/// What came of the packets.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::endpoint) enum Arrival {
    /// The other side has opened a channel.
    Opened(StreamId, ChannelOpen),
    /// The other side knows of a channel that we have opened.
    Confirmed(StreamId),
    Message {
        stream: StreamId,
        is_binary: bool,
        bytes: Vec<u8>,
    },
    /// The other side has closed a channel.
    Closed(StreamId),
    /// It is over; nothing follows.
    Ended,
}

#[derive(Debug)]
pub(in crate::endpoint) struct Association {
    state: State,
    ours: Init,
    /// What the other side has begun with.
    theirs: Option<Init>,
    cookie: [u8; 16],
    outbound: Outbound,
    /// Chunks to leave with the next packet, type and value.
    answers: VecDeque<(u8, Vec<u8>)>,
    open: StreamSet,
    arrivals: Few<Arrival>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "whoever is established must be found in one piece: see prefetch.rs")]
enum State {
    /// For the other side to begin.
    Awaiting,
    /// We have begun; this is the step to be sent, again at that time.
    Beginning {
        step: Step,
        again_at: Instant,
        wait: Duration,
    },
    Established(Established),
    /// We have ended it, which is still to be said, to this tag.
    Ending(u32),
    Ended,
}

#[derive(Debug)]
enum Step {
    Init,
    Cookie { theirs: Init, cookie: Vec<u8> },
}

#[derive(Debug)]
struct Established {
    tag: u32,
    inbound: Inbound,
    resets: Resets,
}

impl Association {
    /// Waits for the other side to begin.
    pub(in crate::endpoint) fn answering(nonces: Nonces) -> Association {
        Association::new(nonces, State::Awaiting)
    }

    /// Begins with the first poll.
    pub(in crate::endpoint) fn beginning(now: Instant, nonces: Nonces) -> Association {
        Association::new(nonces, State::Beginning { step: Step::Init, again_at: now, wait: HANDSHAKE_AGAIN })
    }

    fn new(nonces: Nonces, state: State) -> Association {
        Association {
            state,
            ours: Init::of_ours(nonces.tag.max(1), nonces.tsn),
            theirs: None,
            cookie: nonces.cookie,
            outbound: Outbound::new(nonces.tsn),
            answers: VecDeque::new(),
            open: StreamSet::default(),
            arrivals: Few::default(),
        }
    }

    /// Opens a channel, with an id that our side of DTLS may use (RFC 8832, section 6).
    pub(in crate::endpoint) fn open(&mut self, stream: StreamId, open: ChannelOpen) {
        self.open.insert(stream);
        self.outbound.push_reliable(stream.0, DCEP, &Dcep::Open(open).to_bytes());
    }

    /// Closes a channel.
    pub(in crate::endpoint) fn close(&mut self, stream: StreamId) {
        if let State::Established(established) = &mut self.state
            && self.open.remove(stream)
        {
            established.resets.end(stream.0);
        }
    }

    /// Gives up all that has not arrived, so that last words leave at once. Nothing reliable may follow.
    pub(in crate::endpoint) fn abandon(&mut self) {
        self.outbound.abandon();
    }

    /// Ends it, and says so with the next poll.
    pub(in crate::endpoint) fn abort(&mut self) {
        self.state = match &self.state {
            State::Established(established) => State::Ending(established.tag),
            _ => State::Ended,
        };
    }

    /// When the newest left of the data that the other side is known to have.
    pub(in crate::endpoint) fn arrived_from(&self) -> Option<Instant> {
        self.outbound.arrived_from()
    }

    /// Whether a reliable message, of whatever size, is wanted now.
    pub(in crate::endpoint) fn wants_reliable(&self) -> bool {
        self.outbound.wants_reliable()
    }

    /// Whether an unreliable message of so many bytes may leave now.
    pub(in crate::endpoint) fn wants_unreliable(&self, bytes: usize) -> bool {
        self.outbound.wants_unreliable(bytes)
    }

    /// Sends a message, once, in order.
    pub(in crate::endpoint) fn send_reliable(&mut self, stream: StreamId, payload: Payload<'_>) {
        let (ppid, bytes) = written(payload);
        self.outbound.push_reliable(stream.0, ppid, bytes);
    }

    /// Sends a message that nobody waits for. The caller has asked whether it is wanted.
    pub(in crate::endpoint) fn send_unreliable(&mut self, stream: StreamId, payload: Payload<'_>) {
        let (ppid, bytes) = written(payload);
        self.outbound.push_unreliable(stream.0, ppid, bytes);
    }

    /// What has come, in its order.
    pub(in crate::endpoint) fn poll(&mut self) -> Option<Arrival> {
        self.arrivals.pop_front()
    }

    /// When to poll for packets again, after [`handle_timeout`](Association::handle_timeout).
    pub(in crate::endpoint) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Beginning { again_at, .. } => Some(*again_at),
            State::Established(established) => {
                let of_theirs = [established.inbound.sack_due_at(), established.resets.deadline()];
                of_theirs.into_iter().chain([self.outbound.deadline()]).flatten().min()
            }
            State::Awaiting | State::Ending(_) | State::Ended => None,
        }
    }

    pub(in crate::endpoint) fn handle_timeout(&mut self, now: Instant) {
        if let State::Established(_) = self.state {
            self.outbound.handle_timeout(now);
        }
    }

    /// Writes the next packet to send, in place of what these bytes were. Whether there is one.
    pub(in crate::endpoint) fn poll_packet(&mut self, now: Instant, bytes: &mut Vec<u8>) -> bool {
        match &mut self.state {
            State::Awaiting | State::Beginning { .. } if !self.answers.is_empty() => {
                // The one answer that there is before it is established, which travels alone.
                let tag = self.theirs.map_or(0, |theirs| theirs.tag);
                let mut packet = Packet::begin(bytes, tag);
                self.answers.drain(..).take(1).for_each(|(kind, value)| packet.put(kind, 0, &[&value]));
                packet.seal()
            }
            State::Beginning { step, again_at, wait } if *again_at <= now => {
                *again_at = now + *wait;
                *wait = (*wait * 2).min(HANDSHAKE_AGAIN_MAX);
                let (tag, kind, value) = match step {
                    Step::Init => (0, packet::INIT, self.ours.to_bytes(None)),
                    Step::Cookie { theirs, cookie } => (theirs.tag, packet::COOKIE_ECHO, cookie.clone()),
                };
                let mut packet = Packet::begin(bytes, tag);
                packet.put(kind, 0, &[&value]);
                packet.seal()
            }
            State::Established(established) => {
                let mut packet = Packet::begin(bytes, established.tag);
                established.put(now, &mut packet, &mut self.answers, &mut self.outbound);
                packet.seal()
            }
            State::Ending(tag) => {
                let mut packet = Packet::begin(bytes, *tag);
                packet.put(packet::ABORT, 0, &[&USER_INITIATED]);
                self.state = State::Ended;
                packet.seal()
            }
            State::Awaiting | State::Beginning { .. } | State::Ended => false,
        }
    }
}

impl Established {
    fn put(
        &mut self,
        now: Instant,
        packet: &mut Packet<'_>,
        answers: &mut VecDeque<(u8, Vec<u8>)>,
        outbound: &mut Outbound,
    ) {
        while let Some((kind, value)) = answers.pop_front() {
            let needs = CHUNK_HEADER_BYTES + value.len().next_multiple_of(4);
            if needs > packet.room() && !packet.is_empty() {
                answers.push_front((kind, value));
                return;
            }
            // What fits no packet of ours needs no answer; nor does who has begun already.
            if needs <= packet.room() && kind != packet::INIT_ACK {
                packet.put(kind, 0, &[&value]);
            }
        }
        let is_due = self.inbound.sack_due_at().is_some_and(|at| at <= now);
        let fits = self.inbound.sack_bytes() <= packet.room();
        if self.inbound.has_sack() && fits && (is_due || outbound.has_data()) {
            self.inbound.sack().put(packet);
        }
        if packet.room() >= RE_CONFIG_BYTES_MAX
            && let Some(request) = self.resets.poll(now, outbound.newest())
        {
            packet.put(packet::RE_CONFIG, 0, &[&request]);
        }
        outbound.put(now, packet);
    }
}

/// An empty message is a byte with an identifier of its own (RFC 8831, section 6.6).
fn written(payload: Payload<'_>) -> (u32, &[u8]) {
    match payload {
        Payload::Text("") => (STRING_EMPTY, &[0]),
        Payload::Text(text) => (STRING, text.as_bytes()),
        Payload::Binary([]) => (BINARY_EMPTY, &[0]),
        Payload::Binary(bytes) => (BINARY, bytes),
    }
}

#[cfg(test)]
mod tests;
