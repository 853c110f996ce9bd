//! What a connection sends for its peer, and in which order: budgets, and what happens when they are used up.

use std::time::{Duration, Instant};

use super::super::channel::DataChannel;
use super::super::latest::{self, HEADER_BYTES};
use super::super::limits::RELIABLE_LOG_BYTES_MAX;
use super::super::liveness::Liveness;
use super::super::sctp::Association;
use super::super::session::Session;
use super::super::transport::Transport;
use super::super::{Channel, Data, Outbox, Payload, Reason, SendOutcome, Why};
use super::{Connection, Ended, Phase};

/// What a connection has while it is a peer's.
pub(super) struct Open {
    pub(super) session: Session,
    /// Of a page that speaks on `ctl`.
    pub(super) liveness: Option<Liveness>,
    /// Reliable bytes taken that the page has not heard of.
    pub(super) unreported_bytes: usize,
    /// When the reliable budget was used up, and how many bytes the peer had taken; until it has taken half of it.
    full: Option<(Instant, u64)>,
    /// The number of the next message of `lt`.
    latest_seq: u32,
}

impl Open {
    pub(super) fn new(session: Session, liveness: Option<Liveness>) -> Open {
        Open { session, liveness, unreported_bytes: 0, full: None, latest_seq: 0 }
    }

    pub(super) fn deadline(&self, transport: &Transport, slow_consumer_after: Duration) -> Option<(Instant, Why)> {
        let (heard_at, has_from) = (transport.heard_at(), self.has_from(&transport.association));
        let heartbeat = self.liveness.as_ref().map(|liveness| (liveness.deadline(heard_at, has_from), Why::Heartbeat));
        let slow = self.full.map(|(since, _)| (since + slow_consumer_after, Why::SlowConsumer));
        [heartbeat, slow].into_iter().flatten().min()
    }

    /// When the newest left of what the page has had, if a Beat or its Echo would not say more than that.
    pub(super) fn has_from(&self, association: &Association) -> Option<Instant> {
        association.arrived_from().filter(|_| self.unreported_bytes == 0 && self.session.is_settled())
    }

    pub(super) fn is_slow(&self, now: Instant, slow_consumer_after: Duration) -> bool {
        self.full.is_some_and(|(since, _)| since + slow_consumer_after <= now)
    }

    /// After messages have left the log.
    pub(super) fn note_room(&mut self) {
        let taken = self.session.log.taken_bytes();
        self.full = self.full.filter(|(_, before)| taken - before < RELIABLE_LOG_BYTES_MAX as u64 / 2);
    }
}

impl Connection {
    pub(in crate::endpoint) fn send(
        &mut self,
        now: Instant,
        channel: Channel,
        payload: Payload<'_>,
        out: &mut Outbox,
    ) -> Result<SendOutcome, Ended> {
        if !self.is_open() {
            return Ok(SendOutcome::Gone);
        }
        let header = if channel == Channel::Latest { HEADER_BYTES } else { 0 };
        if payload.bytes().len() + header > self.message_bytes_max {
            return Ok(SendOutcome::TooBig);
        }
        match channel {
            Channel::Reliable => self.send_reliable(now, payload, out),
            Channel::Unreliable => self.send_unreliable(now, payload, out),
            Channel::Latest => self.send_latest(now, payload, out),
        }
    }

    fn send_reliable(&mut self, now: Instant, payload: Payload<'_>, out: &mut Outbox) -> Result<SendOutcome, Ended> {
        let channel = DataChannel::Application(Channel::Reliable);
        let has_room = self.has_room(channel, 0);
        let Phase::Open(open) = &mut self.phase else { return Ok(SendOutcome::Gone) };
        // Nobody will ask for it again, so it need not be copied.
        let is_direct = has_room && !open.session.can_return() && open.session.log.waiting().is_none();
        if !is_direct && !open.session.log.push(payload.to_data()) {
            open.full.get_or_insert((now, open.session.log.taken_bytes()));
            return Ok(SendOutcome::Full);
        }
        if has_room {
            self.set_clock(now);
            if is_direct {
                self.write(channel, payload)?;
            }
            self.drain(out)?;
        }
        Ok(SendOutcome::Sent)
    }

    fn send_unreliable(&mut self, now: Instant, payload: Payload<'_>, out: &mut Outbox) -> Result<SendOutcome, Ended> {
        let channel = DataChannel::Application(Channel::Unreliable);
        if !self.has_room(channel, payload.bytes().len()) {
            return Ok(SendOutcome::Dropped);
        }
        self.set_clock(now);
        self.write(channel, payload)?;
        self.beat_along()?;
        self.drain(out)?;
        Ok(SendOutcome::Sent)
    }

    fn send_latest(&mut self, now: Instant, payload: Payload<'_>, out: &mut Outbox) -> Result<SendOutcome, Ended> {
        let channel = DataChannel::Application(Channel::Latest);
        if self.channels[channel].is_none() {
            return Ok(SendOutcome::Dropped);
        }
        let has_room = self.has_room(channel, payload.bytes().len() + HEADER_BYTES);
        let Phase::Open(open) = &mut self.phase else { return Ok(SendOutcome::Gone) };
        open.session.latest = Some(payload.to_data());
        if has_room {
            self.set_clock(now);
            self.beat_along()?;
            self.drain(out)?;
        }
        Ok(SendOutcome::Sent)
    }

    /// Gives SCTP one message that has waited and can go on now; whether there was one.
    pub(super) fn send_waiting(&mut self) -> Result<bool, Ended> {
        let latest = DataChannel::Application(Channel::Latest);
        if let Phase::Open(open) = &mut self.phase
            && let Some(data) = open.session.latest.take()
        {
            if self.has_room(latest, data.bytes().len() + HEADER_BYTES) {
                self.write_latest(&data)?;
                return Ok(true);
            }
            self.keep_latest(data);
        }
        let reliable = DataChannel::Application(Channel::Reliable);
        // A message larger than the window still goes when the window is empty.
        let has_room = self.has_room(reliable, 0);
        let Phase::Open(open) = &mut self.phase else { return Ok(false) };
        let can_return = open.session.can_return();
        let Some(data) = open.session.log.waiting().filter(|_| has_room).cloned() else { return Ok(false) };
        if can_return {
            open.session.log.keep();
        } else {
            open.session.log.forget();
            open.note_room();
        }
        self.write(reliable, (&data).into())?;
        Ok(true)
    }

    fn write_latest(&mut self, data: &Data) -> Result<(), Ended> {
        let Phase::Open(open) = &mut self.phase else { return Ok(()) };
        let framed = latest::framed(open.latest_seq, data.into());
        open.latest_seq = open.latest_seq.wrapping_add(1);
        self.write(DataChannel::Application(Channel::Latest), Payload::Binary(&framed))
    }

    fn keep_latest(&mut self, data: Data) {
        if let Phase::Open(open) = &mut self.phase {
            open.session.latest = Some(data);
        }
    }

    fn has_room(&self, channel: DataChannel, bytes: usize) -> bool {
        match channel {
            DataChannel::Application(Channel::Reliable) => self.transport.association.wants_reliable(),
            _ => self.transport.association.wants_unreliable(bytes),
        }
    }

    pub(super) fn write(&mut self, channel: DataChannel, payload: Payload<'_>) -> Result<(), Ended> {
        let Some(stream) = self.channels[channel] else { return Err(Ended::lost(Reason::Closed)) };
        match channel {
            DataChannel::Application(Channel::Reliable) => {
                self.transport.association.send_reliable(stream, payload);
            }
            // The few bytes of `ctl` have room beside any backlog; of the rest the caller has asked.
            _ => self.transport.association.send_unreliable(stream, payload),
        }
        Ok(())
    }
}
