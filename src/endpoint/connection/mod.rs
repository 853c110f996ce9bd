//! One connection of a browser: its transport, and its life in protocol order. Opening (ICE, DTLS, SCTP, its channels), open,
//! and, if there is something to tell, a farewell.

mod arriving;
mod draining;
mod heartbeat;
mod sending;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::channel::{DataChannel, PerChannel};
use super::datagram::Datagram;
use super::id::ConnectionId;
use super::latest::Newest;
use super::limits::SOURCES_MAX;
use super::liveness::Liveness;
use super::opening::{Claim, Opening};
use super::route::Kind;
use super::sctp::StreamId;
use super::session::Session;
use super::transport::Transport;
use super::{Event, Outbox, Reason, Why};
use heartbeat::Farewell;
use sending::Open;

/// What a connection begins with.
pub(super) struct Accepted {
    pub(super) transport: Transport,
    pub(super) ufrag: String,
    /// The address that the offer came from.
    pub(super) address: IpAddr,
    pub(super) message_bytes_max: usize,
    pub(super) claim: Claim,
    /// The zero of the clock that the page hears of.
    pub(super) epoch: Instant,
    pub(super) slow_consumer_after: Duration,
}

pub(super) struct Connection {
    id: ConnectionId,
    transport: Transport,
    /// The address its offer came from.
    address: IpAddr,
    ufrag: String,
    message_bytes_max: usize,
    epoch: Instant,
    slow_consumer_after: Duration,
    phase: Phase,
    /// The channels that its page has to open, and may.
    needs: &'static [DataChannel],
    channels: PerChannel<Option<StreamId>>,
    channels_opened: usize,
    /// Addresses that a request with its password came from, newest last.
    sources: VecDeque<SocketAddr>,
    /// Of the messages of `lt`.
    newest: Newest,
    clock: Instant,
    /// Whether the transport has nothing more to give.
    is_at_rest: bool,
    /// Its page has said that it closes.
    has_heard_bye: bool,
    /// The deadline that the endpoint knows of.
    scheduled: Option<(Instant, Why)>,
}

enum Phase {
    Opening(Opening),
    Open(Open),
    Farewell(Farewell),
}

/// The connection is over; the endpoint removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) reason: Reason,
    /// Whether the peer may come back on another connection.
    pub(super) may_return: bool,
}

impl Ended {
    /// The connection was lost.
    pub(super) const fn lost(reason: Reason) -> Ended {
        Ended { reason, may_return: true }
    }

    /// Somebody wanted it so, or must not come back.
    pub(super) const fn over(reason: Reason) -> Ended {
        Ended { reason, may_return: false }
    }
}

impl Connection {
    /// A connection whose offer has been accepted.
    pub(super) fn new(id: ConnectionId, accepted: Accepted, now: Instant) -> Connection {
        let Accepted { transport, ufrag, address, message_bytes_max, claim, epoch, slow_consumer_after } = accepted;
        Connection {
            id,
            transport,
            address,
            ufrag,
            message_bytes_max,
            epoch,
            slow_consumer_after,
            needs: claim.needs(),
            phase: Phase::Opening(Opening::new(now, claim)),
            channels: PerChannel::default(),
            channels_opened: 0,
            sources: VecDeque::new(),
            newest: Newest::default(),
            clock: now,
            is_at_rest: true,
            has_heard_bye: false,
            scheduled: None,
        }
    }

    /// Whose it is to become, while it opens.
    pub(super) fn claim(&self) -> Option<&Claim> {
        match &self.phase {
            Phase::Opening(opening) => Some(&opening.claim),
            Phase::Open(_) | Phase::Farewell(_) => None,
        }
    }

    /// Whether all of its channels are open, so that it may [`open`](Connection::open).
    pub(super) fn is_ready(&self) -> bool {
        self.claim().is_some() && self.needs.iter().all(|channel| self.channels[*channel].is_some())
    }

    /// Becomes a peer's: `joined` is the event that says so.
    pub(super) fn open(&mut self, session: Session, joined: Event, out: &mut Outbox) -> Result<(), Ended> {
        let liveness =
            self.channels[DataChannel::Control].map(|_| Liveness::new(self.clock, self.epoch, session.is_hidden));
        let open = Open::new(session, liveness);
        let Phase::Opening(opening) = std::mem::replace(&mut self.phase, Phase::Open(open)) else { return Ok(()) };
        out.events.push_back(joined);
        for (channel, data) in opening.early_messages {
            self.deliver(channel, data, out)?;
        }
        self.keep_alive()?;
        self.drain(out)
    }

    /// What its peer keeps without it. `None` unless it is open.
    pub(super) fn take_session(&mut self) -> Option<Session> {
        if !self.is_open() {
            return None;
        }
        match std::mem::replace(&mut self.phase, Phase::Farewell(Farewell::silent(self.clock))) {
            Phase::Open(open) => Some(open.session),
            Phase::Opening(_) | Phase::Farewell(_) => None,
        }
    }

    pub(super) fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Open(open) => Some(&open.session),
            Phase::Opening(_) | Phase::Farewell(_) => None,
        }
    }

    /// The last time that it was given.
    pub(super) fn clock(&self) -> Instant {
        self.clock
    }

    /// It learns the time, and does nothing: a peer that goes away does so now.
    pub(super) fn set_clock(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = SocketAddr> {
        self.sources.iter().copied()
    }

    /// Remembers the address that a request came from and returns the one that it pushed out, if any: never one where the
    /// browser was reached, unless there are no others.
    pub(super) fn add_source(&mut self, now: Instant, datagram: Datagram<'_>) -> Option<SocketAddr> {
        if self.sources.contains(&datagram.from) {
            return None;
        }
        let pushed_out = (self.sources.len() >= SOURCES_MAX).then(|| {
            let unreached = self.sources.iter().position(|source| !self.reaches(now, *source, datagram.to));
            self.sources.remove(unreached.unwrap_or(0))
        });
        self.sources.push_back(datagram.from);
        pushed_out.flatten()
    }

    pub(super) fn remove_source(&mut self, source: SocketAddr) {
        self.sources.retain(|known| *known != source);
    }

    /// What the endpoint knew as its deadline, and shall know from now on. One that is over has none.
    pub(super) fn reschedule(&mut self, is_over: bool) -> [Option<(Instant, Why)>; 2] {
        let after = if is_over { None } else { self.deadline() };
        [std::mem::replace(&mut self.scheduled, after), after]
    }

    /// When to call [`Connection::handle_timeout`], and what for.
    fn deadline(&self) -> Option<(Instant, Why)> {
        let transport = self.transport.deadline().map(|at| (at, Why::Transport));
        let probe = self.transport.probe_at().map(|at| (at, Why::Probe));
        let of_phase = match &self.phase {
            Phase::Opening(opening) => Some((opening.until, Why::Opening)),
            Phase::Open(open) => open.deadline(&self.transport, self.slow_consumer_after),
            Phase::Farewell(farewell) => Some((farewell.deadline(), Why::Farewell)),
        };
        [of_phase, transport, probe].into_iter().flatten().min()
    }

    /// Whether a STUN request that names this connection knows its password (RFC 8489, section 9.1.3).
    pub(super) fn proves(&self, now: Instant, datagram: Datagram<'_>) -> bool {
        self.transport.accepts(now, datagram)
    }

    /// Whether a check of our own was answered from this address, so that the browser receives what is sent there.
    pub(super) fn reaches(&self, now: Instant, from: SocketAddr, to: SocketAddr) -> bool {
        // str0m says so of any DTLS that comes from there, even of a record with nothing in it.
        const RECORD: [u8; 13] = [23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        self.transport.accepts(now, Datagram { from, to, bytes: &RECORD })
    }

    /// Takes a datagram. What comes of one to an open peer is there when it is [drained](Connection::drain_to_event), so that
    /// the answers to a batch leave together.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: Datagram<'_>,
        out: &mut Outbox,
    ) -> Result<(), Ended> {
        if let Phase::Opening(opening) = &mut self.phase
            && !opening.ice_connected
            && Kind::of(datagram.bytes) == Kind::Dtls
        {
            opening.hold_datagram(datagram);
            return Ok(());
        }
        self.set_clock(now);
        self.is_at_rest = false;
        self.transport.handle_datagram(self.clock, datagram, &mut out.outgoing);
        if self.is_open() { Ok(()) } else { self.drain(out) }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Result<(), Ended> {
        if let Phase::Opening(opening) = &self.phase
            && opening.until <= now
        {
            return Err(Ended::over(Reason::TimedOut));
        }
        if !self.is_at_rest {
            // What has come may be what the deadline was for.
            self.drain(out)?;
        }
        self.set_clock(now);
        self.transport.handle_timeout(self.clock, &mut out.outgoing).map_err(|failure| self.failed(failure))?;
        self.keep_alive()?;
        self.drain(out)
    }

    /// Tells the browser that it is over, as far as one flight of datagrams can.
    pub(super) fn close(&mut self, now: Instant, out: &mut Outbox) {
        self.set_clock(now);
        self.transport.close(self.clock, &mut out.outgoing);
    }
}
