//! What each chunk does to an association.

use std::time::Instant;

use super::super::assembly::Message;
use super::super::chunk::{Data, ForwardTsn, Sack};
use super::super::dcep::Dcep;
use super::super::handshake::Init;
use super::super::inbound::Inbound;
use super::super::packet::{self, Chunk};
use super::super::reset::Resets;
use super::super::{StreamId, Violation};
use super::{
    Arrival, Association, BINARY, BINARY_EMPTY, DCEP, Established, HANDSHAKE_AGAIN, STRING, STRING_EMPTY, State, Step,
};

/// Answers to chunks of theirs that wait to leave. An honest side waits for one before it asks again.
const ANSWERS_MAX: usize = 16;

impl Association {
    /// Takes a packet. [`poll`](Association::poll) and [`poll_packet`](Association::poll_packet) have what comes of it.
    pub(in crate::endpoint) fn handle_packet(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Violation> {
        let Some((tag, chunks)) = packet::read(bytes) else { return Ok(()) };
        let (mut has_data, mut has_sack) = (false, false);
        for chunk in chunks {
            // An INIT has no tag to show (RFC 9260, section 8.5.1).
            if chunk.kind != packet::INIT && tag != self.ours.tag {
                break;
            }
            // The newest says all, and each walks over what is in flight.
            if chunk.kind == packet::SACK && std::mem::replace(&mut has_sack, true) {
                continue;
            }
            if chunk.kind == packet::DATA {
                has_data |= self.take_data(chunk)?;
            } else if !self.take(now, chunk) {
                break;
            }
        }
        if has_data && let State::Established(established) = &mut self.state {
            established.inbound.end_packet(now);
        }
        Ok(())
    }

    /// Whether it was data.
    fn take_data(&mut self, chunk: Chunk<'_>) -> Result<bool, Violation> {
        let State::Established(established) = &mut self.state else { return Ok(false) };
        let Some(data) = Data::read(chunk) else { return Ok(false) };
        established.inbound.take(&data)?;
        self.sort_messages();
        Ok(true)
    }

    /// What has become whole is a message for a channel, or about one.
    fn sort_messages(&mut self) {
        while let State::Established(established) = &mut self.state
            && let Some(message) = established.inbound.poll()
        {
            self.sort(message);
        }
    }

    fn sort(&mut self, Message { stream, ppid, bytes }: Message) {
        let stream = StreamId(stream);
        let (is_binary, bytes) = match ppid {
            DCEP => return self.dcep(stream, &bytes),
            STRING => (false, bytes),
            BINARY => (true, bytes),
            STRING_EMPTY => (false, Vec::new()),
            BINARY_EMPTY => (true, Vec::new()),
            _ => return,
        };
        if self.open.contains(stream) {
            self.arrivals.push_back(Arrival::Message { stream, is_binary, bytes });
        }
    }

    fn dcep(&mut self, stream: StreamId, message: &[u8]) {
        match Dcep::read(message) {
            Some(Dcep::Ack) if self.open.contains(stream) => self.arrivals.push_back(Arrival::Confirmed(stream)),
            Some(Dcep::Open(channel)) if self.open.insert(stream) => {
                self.outbound.push_reliable(stream.0, DCEP, &Dcep::Ack.to_bytes());
                self.arrivals.push_back(Arrival::Opened(stream, channel));
            }
            _ => tracing::debug!(?stream, "a DCEP message out of place"),
        }
    }

    /// Whether the rest of the packet is to be read too (RFC 9260, section 3.2).
    fn take(&mut self, now: Instant, chunk: Chunk<'_>) -> bool {
        match chunk.kind {
            packet::INIT => self.init(chunk.value),
            packet::INIT_ACK => self.init_ack(now, chunk.value),
            packet::COOKIE_ECHO => self.cookie_echo(chunk.value),
            packet::COOKIE_ACK => self.cookie_ack(),
            packet::SACK => {
                if let Some(sack) = Sack::read(chunk.value)
                    && matches!(self.state, State::Established(_))
                {
                    self.outbound.acknowledged(now, &sack);
                }
            }
            packet::FORWARD_TSN => {
                if let State::Established(established) = &mut self.state
                    && let Some(forward) = ForwardTsn::read(chunk.value)
                {
                    established.inbound.forward(now, &forward);
                    self.sort_messages();
                }
            }
            packet::RE_CONFIG => self.re_config(chunk.value),
            packet::HEARTBEAT => self.answer(packet::HEARTBEAT_ACK, chunk.value.to_vec()),
            packet::SHUTDOWN => {
                self.answer(packet::SHUTDOWN_ACK, Vec::new());
                self.arrivals.push_back(Arrival::Ended);
            }
            packet::ABORT | packet::SHUTDOWN_ACK | packet::SHUTDOWN_COMPLETE => {
                self.state = State::Ended;
                self.arrivals.push_back(Arrival::Ended);
            }
            packet::ERROR | packet::HEARTBEAT_ACK => {}
            unknown => return unknown & 0x80 != 0,
        }
        true
    }

    fn init(&mut self, value: &[u8]) {
        let Some((theirs, _)) = Init::read(value) else { return };
        // One that was overtaken by the rest of the handshake is late. Nobody else is there to begin anew.
        if !matches!(self.state, State::Awaiting | State::Beginning { .. }) {
            return;
        }
        self.theirs = Some(theirs);
        self.answers.clear();
        self.answer(packet::INIT_ACK, self.ours.to_bytes(Some(&self.cookie)));
    }

    fn init_ack(&mut self, now: Instant, value: &[u8]) {
        let State::Beginning { step, again_at, wait } = &mut self.state else { return };
        if let Some((theirs, Some(cookie))) = Init::read(value)
            && matches!(step, Step::Init)
        {
            *step = Step::Cookie { theirs, cookie: cookie.to_vec() };
            (*again_at, *wait) = (now, HANDSHAKE_AGAIN);
        }
    }

    fn cookie_echo(&mut self, value: &[u8]) {
        if value != self.cookie {
            return;
        }
        match (&self.state, self.theirs) {
            (State::Awaiting | State::Beginning { .. }, Some(theirs)) => self.establish(theirs),
            (State::Established(_), _) => {}
            _ => return,
        }
        self.answer(packet::COOKIE_ACK, Vec::new());
    }

    fn cookie_ack(&mut self) {
        if let State::Beginning { step: Step::Cookie { theirs, .. }, .. } = &self.state {
            self.establish(*theirs);
        }
    }

    fn establish(&mut self, theirs: Init) {
        self.outbound.set_receiver_bytes(theirs.window);
        self.state = State::Established(Established {
            tag: theirs.tag,
            inbound: Inbound::new(theirs.tsn),
            resets: Resets::new(self.ours.tsn, theirs.tsn),
        });
    }

    fn re_config(&mut self, value: &[u8]) {
        let State::Established(established) = &mut self.state else { return };
        let asks = established.resets.take(value, established.inbound.cumulative());
        for ended in asks.ended {
            let streams = match ended {
                Some(stream) => vec![StreamId(stream)],
                None => self.open.iter().collect(),
            };
            for stream in streams {
                established.inbound.reset(stream.0);
                if self.open.remove(stream) {
                    // A channel is closed in both directions (RFC 8831, section 6.7).
                    established.resets.end(stream.0);
                    self.arrivals.push_back(Arrival::Closed(stream));
                }
            }
        }
        for stream in asks.to_end.into_iter().map(StreamId) {
            if self.open.contains(stream) {
                established.resets.end(stream.0);
            }
        }
        asks.ours.into_iter().for_each(|stream| self.outbound.reset(stream));
        if !asks.answer.is_empty() {
            self.answer(packet::RE_CONFIG, asks.answer);
        }
    }

    fn answer(&mut self, kind: u8, value: Vec<u8>) {
        if self.answers.len() < ANSWERS_MAX {
            self.answers.push_back((kind, value));
        }
    }
}
