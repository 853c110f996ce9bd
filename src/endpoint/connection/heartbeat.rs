//! What a connection says and hears on `ctl`: Beats and Echoes, the token, and why it ends.

use std::time::Instant;

use super::super::channel::DataChannel;
use super::super::control::{FromPage, FromServer, Over};
use super::super::limits::{FAREWELL_EVERY, FAREWELL_MAX, UNREPORTED_BYTES_MAX};
use super::super::liveness::Due;
use super::super::{Outbox, Payload, Reason};
use super::{Connection, Ended, Phase};

/// A connection whose peer has left, until its page has heard why.
pub(super) struct Farewell {
    until: Instant,
    next_at: Instant,
    /// An Over, again and again.
    words: Vec<u8>,
}

impl Farewell {
    /// There is nothing to say, and nobody's time to take.
    pub(super) fn silent(now: Instant) -> Farewell {
        Farewell { until: now, next_at: now, words: Vec::new() }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.until.min(self.next_at)
    }
}

impl Connection {
    /// Whether its page speaks on `ctl`.
    pub(in crate::endpoint) fn has_control(&self) -> bool {
        self.channels[DataChannel::Control].is_some()
    }

    /// Whether its page has been heard lately enough that nobody else can be it.
    pub(in crate::endpoint) fn is_heard(&self, now: Instant) -> bool {
        let heard_at = self.transport.heard_at();
        match &self.phase {
            Phase::Open(open) => open.liveness.as_ref().is_some_and(|liveness| liveness.is_here(now, heard_at)),
            Phase::Opening(_) | Phase::Farewell(_) => false,
        }
    }

    /// Tells the page why it ends, if it speaks on `ctl`. There is no time to say it twice.
    pub(in crate::endpoint) fn say_once(&mut self, now: Instant, why: Over, out: &mut Outbox) -> Result<(), Ended> {
        if !self.has_control() {
            return Ok(());
        }
        self.set_clock(now);
        self.transport.association.abandon();
        self.say(&FromServer::Over { why, text: "" }.to_bytes())?;
        self.drain(out)
    }

    /// Begins to tell the page why it ends. Its session must have been taken.
    pub(in crate::endpoint) fn say_farewell(
        &mut self,
        now: Instant,
        why: Over,
        text: &str,
        out: &mut Outbox,
    ) -> Result<(), Ended> {
        self.set_clock(now);
        self.transport.association.abandon();
        let words = FromServer::Over { why, text }.to_bytes();
        self.phase = Phase::Farewell(Farewell { until: self.clock + FAREWELL_MAX, next_at: self.clock, words });
        self.keep_alive()?;
        self.drain(out)
    }

    /// Says what is due on `ctl`. The transport must be drained afterwards.
    pub(super) fn keep_alive(&mut self) -> Result<(), Ended> {
        let (now, heard_at) = (self.clock, self.transport.heard_at());
        match &mut self.phase {
            Phase::Opening(_) => Ok(()),
            Phase::Open(open) => {
                let has_from = open.has_from(&self.transport.association);
                if open.is_slow(now, self.slow_consumer_after) {
                    return Err(Ended::over(Reason::SlowConsumer));
                }
                match open.liveness.as_mut().and_then(|liveness| liveness.due(now, heard_at, has_from)) {
                    None => Ok(()),
                    Some(Due::Lost) => Err(Ended::lost(Reason::TimedOut)),
                    Some(Due::Beat { seq }) => self.send_beat(seq),
                }
            }
            Phase::Farewell(farewell) => {
                if farewell.until <= now {
                    return Err(Ended::over(Reason::Kicked));
                }
                if farewell.next_at > now {
                    return Ok(());
                }
                farewell.next_at = now + FAREWELL_EVERY;
                let words = farewell.words.clone();
                self.say(&words)
            }
        }
    }

    /// Adds a Beat to what is about to leave, if there is time for one.
    pub(super) fn beat_along(&mut self) -> Result<(), Ended> {
        let Phase::Open(open) = &mut self.phase else { return Ok(()) };
        let has_from = open.has_from(&self.transport.association);
        match open.liveness.as_mut().filter(|liveness| liveness.rides(self.clock, has_from)) {
            Some(liveness) => {
                let seq = liveness.beat(self.clock);
                self.send_beat(seq)
            }
            None => Ok(()),
        }
    }

    /// A reliable message of so many bytes has been handed on. Now and then the page hears of it.
    pub(super) fn taken(&mut self, bytes: usize) -> Result<(), Ended> {
        let Phase::Open(open) = &mut self.phase else { return Ok(()) };
        open.session.received = open.session.received.wrapping_add(1);
        // An empty one is to be reported as well.
        open.unreported_bytes += bytes.max(1);
        if open.unreported_bytes < UNREPORTED_BYTES_MAX {
            return Ok(());
        }
        let Some(liveness) = &mut open.liveness else { return Ok(()) };
        let seq = liveness.beat(self.clock);
        self.send_beat(seq)
    }

    pub(super) fn control_arrived(&mut self, message: &[u8]) -> Result<(), Ended> {
        let Phase::Open(open) = &mut self.phase else { return Ok(()) };
        match (FromPage::parse(message), &mut open.liveness, &mut open.session.tokens) {
            (Some(FromPage::Echo { seq, received, generation, is_hidden }), Some(liveness), Some(tokens)) => {
                liveness.echo(self.clock, seq);
                liveness.set_hidden(is_hidden);
                open.session.is_hidden = is_hidden;
                tokens.confirm(generation);
                open.session.log.acknowledge(received);
                open.note_room();
                Ok(())
            }
            (Some(FromPage::Bye), ..) => {
                self.has_heard_bye = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn send_beat(&mut self, seq: u32) -> Result<(), Ended> {
        let time = self.clock.saturating_duration_since(self.epoch);
        let Phase::Open(open) = &mut self.phase else { return Ok(()) };
        open.unreported_bytes = 0;
        let round_trip = open.liveness.as_ref().and_then(|liveness| liveness.round_trip());
        let beat = FromServer::Beat {
            seq,
            time: u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            round_trip: round_trip.map(|taken| u32::try_from(taken.as_micros()).unwrap_or(u32::MAX)),
            received: open.session.received,
        };
        let token = open.session.tokens.as_ref().and_then(|tokens| tokens.to_bytes(open.session.peer));
        self.say(&beat.to_bytes())?;
        token.map_or(Ok(()), |token| self.say(&token))
    }

    fn say(&mut self, message: &[u8]) -> Result<(), Ended> {
        self.write(DataChannel::Control, Payload::Binary(message))
    }
}
