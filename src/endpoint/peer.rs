//! One browser: its `Rtc`, and its life in protocol order. Opening (ICE, DTLS, SCTP, both channels), open, gone.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use str0m::channel::{ChannelData, ChannelId};
use str0m::{IceConnectionState, Input, Output, Rtc};

use super::channel::PerChannel;
use super::datagram::Datagram;
use super::ice_memory::IceMemory;
use super::limits::{
    CHANNELS_OPENED_MAX, DRAIN_STEPS_MAX, RELIABLE_WINDOW_BYTES, SOURCES_MAX, UNRELIABLE_BACKLOG_BYTES_MAX,
    UNRELIABLE_WAITING_BYTES_MAX, WAKE_AGAIN_MIN,
};
use super::opening::Opening;
use super::queue::ReliableQueue;
use super::route::Kind;
use super::sctp::{EmptyMark, SharedWire};
use super::{Channel, Data, Event, Outbox, Payload, PeerId, Reason, SendOutcome, Transmit, Why};

/// What a peer begins with.
pub(super) struct Accepted {
    pub(super) rtc: Box<Rtc>,
    pub(super) wire: SharedWire,
    pub(super) ufrag: String,
    /// The address that the offer came from.
    pub(super) address: IpAddr,
    pub(super) message_bytes_max: usize,
    pub(super) mark: EmptyMark,
}

pub(super) struct Peer {
    id: PeerId,
    rtc: Box<Rtc>,
    wire: SharedWire,
    /// The address its offer came from.
    address: IpAddr,
    ufrag: String,
    message_bytes_max: usize,
    mark: EmptyMark,
    phase: Phase,
    channels: PerChannel<Option<ChannelId>>,
    channels_opened: usize,
    queue: ReliableQueue,
    /// Bytes of unreliable messages given to SCTP; [`Wire`](super::sctp) counts those that have left.
    unreliable_written: u64,
    /// Addresses that a request with its password came from, newest last.
    sources: VecDeque<SocketAddr>,
    ice_memory: IceMemory,
    /// The last time that `rtc` was given.
    clock: Instant,
    wake_at: Option<Instant>,
}

enum Phase {
    Opening(Opening),
    Open,
}

/// The peer is over; the endpoint removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended(pub(super) Reason);

impl Peer {
    /// A peer whose offer has been accepted.
    pub(super) fn new(id: PeerId, accepted: Accepted, now: Instant) -> Peer {
        let Accepted { rtc, wire, ufrag, address, message_bytes_max, mark } = accepted;
        Peer {
            id,
            rtc,
            wire,
            address,
            ufrag,
            message_bytes_max,
            mark,
            phase: Phase::Opening(Opening::new(now)),
            channels: PerChannel::default(),
            channels_opened: 0,
            queue: ReliableQueue::default(),
            unreliable_written: 0,
            sources: VecDeque::new(),
            ice_memory: IceMemory::default(),
            clock: now,
            wake_at: Some(now),
        }
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
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

    /// When to call [`Peer::handle_timeout`], and what for.
    pub(super) fn deadline(&self) -> Option<(Instant, Why)> {
        let opening = match &self.phase {
            Phase::Opening(opening) => Some((opening.until, Why::Opening)),
            Phase::Open => None,
        };
        let transport = self.wake_at.map(|at| (at, Why::Transport));
        let probe = self.wire.lock().deadline().map(|at| (at, Why::Probe));
        [opening, transport, probe].into_iter().flatten().min()
    }

    /// Whether a STUN request that names this peer knows its password (RFC 8489, section 9.1.3).
    pub(super) fn proves(&self, now: Instant, datagram: Datagram<'_>) -> bool {
        datagram.receive().is_some_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Whether a check of our own was answered from this address, so that the browser receives what is sent there.
    pub(super) fn reaches(&self, now: Instant, from: SocketAddr, to: SocketAddr) -> bool {
        // str0m says so of any DTLS that comes from there, even of a record with nothing in it.
        const RECORD: [u8; 13] = [23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let receive = Datagram { from, to, bytes: &RECORD }.receive();
        receive.is_some_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

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
        self.feed(now, datagram);
        self.drain(out)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Result<(), Ended> {
        if let Phase::Opening(opening) = &self.phase
            && opening.until <= now
        {
            return Err(Ended(Reason::TimedOut));
        }
        self.clock = self.clock.max(now);
        {
            let mut wire = self.wire.lock();
            wire.set_now(self.clock);
            wire.handle_timeout();
        }
        self.rtc.handle_input(Input::Timeout(self.clock)).map_err(|error| self.failed(&error))?;
        self.drain(out)?;
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = Some(now + WAKE_AGAIN_MIN);
        }
        Ok(())
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        channel: Channel,
        payload: Payload<'_>,
        out: &mut Outbox,
    ) -> Result<SendOutcome, Ended> {
        if !self.is_open() {
            return Ok(SendOutcome::Gone);
        }
        let bytes = payload.bytes().len();
        if bytes > self.message_bytes_max {
            return Ok(SendOutcome::TooBig);
        }
        match channel {
            Channel::Reliable if self.queue.is_empty() && self.has_room(channel, bytes) => {}
            Channel::Reliable => {
                return Ok(if self.queue.push(payload.to_data()) { SendOutcome::Sent } else { SendOutcome::Full });
            }
            Channel::Unreliable if self.has_room(channel, bytes) => {}
            Channel::Unreliable => return Ok(SendOutcome::Dropped),
        }
        // SCTP starts its retransmission timer at the time it last heard of.
        self.advance(now)?;
        self.write(channel, payload)?;
        self.drain(out)?;
        Ok(SendOutcome::Sent)
    }

    /// Tells the browser that it is over, as far as one flight of datagrams can.
    pub(super) fn close(&mut self, now: Instant, out: &mut Outbox) {
        // Whatever fails here, the peer is removed all the same.
        if self.advance(now).is_ok() && self.rtc.close().is_ok() {
            let _ = self.drain(out);
        }
    }

    fn feed(&mut self, now: Instant, datagram: Datagram<'_>) {
        let Some(receive) = datagram.receive() else { return };
        if !self.ice_memory.admits(datagram) {
            return;
        }
        self.clock = self.clock.max(now);
        self.wire.lock().set_now(self.clock);
        // Anyone can forge a datagram's source. One that DTLS or ICE refuses must not end the peer: if it did end the
        // `Rtc`, the drain that follows finds out.
        if let Err(error) = self.rtc.handle_input(Input::Receive(self.clock, receive)) {
            tracing::debug!(peer = %self.id, %error, "datagram refused");
        }
    }

    fn advance(&mut self, now: Instant) -> Result<(), Ended> {
        if now > self.clock {
            self.clock = now;
            self.wire.lock().set_now(self.clock);
            self.rtc.handle_input(Input::Timeout(self.clock)).map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// Takes everything that `rtc` has to give, and feeds it what was held back for it, until it only waits.
    fn drain(&mut self, out: &mut Outbox) -> Result<(), Ended> {
        for _ in 0..DRAIN_STEPS_MAX {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => out.transmits.push_back(Transmit {
                    from: transmit.source,
                    to: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Ok(Output::Event(event)) => self.handle_event(event, out)?,
                Ok(Output::Timeout(at)) => {
                    if !self.rtc.is_alive() {
                        return Err(Ended(Reason::Closed));
                    }
                    self.wake_at = Some(at);
                    if !self.feed_held()? {
                        return Ok(());
                    }
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        tracing::error!(peer = %self.id, "the transport does not come to rest");
        Err(Ended(Reason::Failed))
    }

    /// One datagram or message that can go on now; whether there was one.
    fn feed_held(&mut self) -> Result<bool, Ended> {
        match &mut self.phase {
            Phase::Opening(opening) if opening.ice_connected => {
                let Some((from, to, bytes)) = opening.early_datagrams.pop_front() else { return Ok(false) };
                self.feed(self.clock, Datagram { from, to, bytes: &bytes });
                Ok(true)
            }
            Phase::Opening(_) => Ok(false),
            Phase::Open => {
                // A message larger than the window still goes when the window is empty.
                if self.queue.is_empty() || !self.has_room(Channel::Reliable, 0) {
                    return Ok(false);
                }
                let Some(data) = self.queue.pop() else { return Ok(false) };
                self.write(Channel::Reliable, (&data).into())?;
                Ok(true)
            }
        }
    }

    fn has_room(&mut self, channel: Channel, bytes: usize) -> bool {
        let buffered = self.str0m_channel(channel).map_or(0, |mut channel| channel.buffered_amount());
        match channel {
            Channel::Reliable => buffered < RELIABLE_WINDOW_BYTES,
            Channel::Unreliable => {
                let waiting = self.unreliable_written - self.wire.lock().unordered_bytes_sent();
                let behind = waiting > 0 && waiting + bytes as u64 > UNRELIABLE_WAITING_BYTES_MAX as u64;
                !behind && (buffered == 0 || buffered + bytes <= UNRELIABLE_BACKLOG_BYTES_MAX)
            }
        }
    }

    fn write(&mut self, channel: Channel, payload: Payload<'_>) -> Result<(), Ended> {
        let mark = self.mark;
        let bytes = if payload.bytes().is_empty() { mark.bytes() } else { payload.bytes() };
        let binary = matches!(payload, Payload::Binary(_));
        let Some(mut open) = self.str0m_channel(channel) else { return Err(Ended(Reason::Closed)) };
        match open.write(binary, bytes) {
            Ok(true) => {
                if channel == Channel::Unreliable {
                    self.unreliable_written += bytes.len() as u64;
                }
                Ok(())
            }
            Ok(false) => {
                tracing::error!(peer = %self.id, "the transport refused a message within its bounds");
                Err(Ended(Reason::Failed))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn str0m_channel(&mut self, channel: Channel) -> Option<str0m::channel::Channel<'_>> {
        self.rtc.channel(self.channels[channel]?)
    }

    fn handle_event(&mut self, event: str0m::Event, out: &mut Outbox) -> Result<(), Ended> {
        match event {
            str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected) => Err(Ended(Reason::TimedOut)),
            str0m::Event::IceConnectionStateChange(state) => {
                if let Phase::Opening(opening) = &mut self.phase {
                    opening.ice_connected |= state.is_connected();
                }
                Ok(())
            }
            str0m::Event::ChannelOpen(id, _label) => self.channel_opened(id, out),
            str0m::Event::ChannelData(data) => self.message_arrived(data, out),
            str0m::Event::ChannelClose(id) if Channel::ALL.iter().any(|c| self.channels[*c] == Some(id)) => {
                Err(Ended(Reason::Closed))
            }
            str0m::Event::Closed => Err(Ended(Reason::Closed)),
            _ => Ok(()),
        }
    }

    fn channel_opened(&mut self, id: ChannelId, out: &mut Outbox) -> Result<(), Ended> {
        self.channels_opened += 1;
        if self.channels_opened > CHANNELS_OPENED_MAX {
            return Err(Ended(Reason::Violation));
        }
        let config = self.rtc.channel(id).and_then(|channel| channel.config().cloned());
        match config.as_ref().and_then(Channel::opened) {
            Some(channel) if self.channels[channel].is_none() => self.channels[channel] = Some(id),
            _ => {
                self.rtc.direct_api().close_data_channel(id);
                return Ok(());
            }
        }
        if !self.is_open() && Channel::ALL.iter().all(|channel| self.channels[*channel].is_some()) {
            let Phase::Opening(opening) = std::mem::replace(&mut self.phase, Phase::Open) else { return Ok(()) };
            let peer = self.id;
            out.events.push_back(Event::Joined { peer, address: self.address });
            let early = opening.early_messages.into_iter();
            out.events.extend(early.map(|(channel, data)| Event::Message { peer, channel, data }));
        }
        Ok(())
    }

    fn message_arrived(&mut self, message: ChannelData, out: &mut Outbox) -> Result<(), Ended> {
        let of = |channel: &Channel| self.channels[*channel] == Some(message.id);
        let Some(channel) = Channel::ALL.into_iter().find(of) else { return Ok(()) };
        let data = if message.binary {
            Data::Binary(message.data)
        } else {
            Data::Text(String::from_utf8(message.data).map_err(|_| Ended(Reason::Violation))?)
        };
        match &mut self.phase {
            Phase::Open => out.events.push_back(Event::Message { peer: self.id, channel, data }),
            Phase::Opening(opening) => {
                if !opening.hold_message(channel, data) {
                    return Err(Ended(Reason::Violation));
                }
            }
        }
        Ok(())
    }

    fn failed(&self, error: &dyn std::error::Error) -> Ended {
        tracing::info!(peer = %self.id, %error, "the transport ended");
        Ended(Reason::Failed)
    }
}
