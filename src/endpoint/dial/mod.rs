//! The page's side of a connection, for native clients, sans-IO: the offer, the same four channels, and the answers that a
//! page with a session gives (docs/PROTOCOL.md).

mod news;
mod sending;
mod session;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelData, ChannelId, Reliability};
use str0m::{Candidate, IceConnectionState, Input, Output, Rtc};

use super::channel::{DataChannel, PerChannel};
use super::datagram::Datagram;
use super::identity::Identity;
use super::latest::{self, Newest};
use super::limits::{DRAIN_STEPS_MAX, EARLY_MESSAGE_BYTES_MAX, FED_MAX, OPENING_MAX, WAKE_AGAIN_MIN};
use super::reliable_log::ReliableLog;
use super::sctp::{EmptyMark, SharedWire};
use super::{Channel, Data, Reason, Transmit};
use crate::signal::Answer;
pub(crate) use news::{News, Parted};
use session::Heard;

/// Datagrams that leave in one drain while the connection opens. A flight is three; beyond it dimpl 0.9 is repeating an
/// acknowledgement of a handshake with a gap, which it does without end.
const OPENING_DATAGRAMS_MAX: usize = 40;

/// Until then the server has sent again what was missing.
const OPENING_PAUSE: Duration = Duration::from_millis(100);

/// What the connections of one client share.
#[derive(Debug)]
pub(crate) struct Dialler {
    identity: Identity,
}

impl Dialler {
    /// `seed` must come from the system's CSPRNG. Takes about 25 ms once in a process, to start the cryptography.
    pub(crate) fn new(seed: [u8; 32]) -> Dialler {
        Dialler { identity: Identity::new(seed) }
    }

    /// Begins a connection from this address of ours: gives it, and the body of the POST that asks for it.
    pub(crate) fn dial(&mut self, now: Instant, local: SocketAddr) -> (Dial, String) {
        let (mut rtc, wire, _ufrag) = self.identity.rtc(now);
        if let Ok(candidate) = Candidate::host(local, "udp") {
            rtc.add_local_candidate(candidate);
        }
        let mut change = rtc.sdp_api();
        let mut channels = PerChannel::default();
        for channel in DataChannel::ALL {
            channels[channel] = Some(change.add_channel_with_config(config(channel)));
        }
        let (offer, pending) = change.apply().expect("four channels are a change");
        let body = serde_json::json!({ "type": "offer", "sdp": offer.to_sdp_string(), "resume": "" });
        let dial = Dial {
            rtc,
            wire,
            mark: self.identity.mark(),
            local,
            phase: Phase::Opening(Opening { until: now + OPENING_MAX, pending: Some(pending), early: Vec::new() }),
            needs: &DataChannel::PLAIN,
            channels,
            opened: PerChannel::default(),
            has_session: false,
            waiting: ReliableLog::default(),
            latest: None,
            latest_seq: 0,
            unreliable_written: 0,
            heard: Heard::default(),
            newest: Newest::default(),
            clock: now,
            wake_at: None,
            fed: 0,
            parting: None,
            out: VecDeque::new(),
            news: VecDeque::new(),
        };
        (dial, body.to_string())
    }
}

fn config(channel: DataChannel) -> ChannelConfig {
    let is_reliable = channel == DataChannel::Application(Channel::Reliable);
    let reliability = if is_reliable { Reliability::Reliable } else { Reliability::MaxRetransmits { retransmits: 0 } };
    ChannelConfig { label: channel.label().to_owned(), ordered: is_reliable, reliability, ..Default::default() }
}

/// One connection to a server, from its offer to its end. To be driven like the `Rtc` in it: one input, then
/// [`poll_transmit`](Dial::poll_transmit) and [`poll_news`](Dial::poll_news) until both are `None`, then wait until
/// [`deadline`](Dial::deadline).
pub(crate) struct Dial {
    rtc: Box<Rtc>,
    wire: SharedWire,
    mark: EmptyMark,
    local: SocketAddr,
    phase: Phase,
    /// Without which it is not open.
    needs: &'static [DataChannel],
    channels: PerChannel<Option<ChannelId>>,
    opened: PerChannel<bool>,
    has_session: bool,
    /// Reliable messages that SCTP has no room for yet.
    waiting: ReliableLog,
    latest: Option<Data>,
    latest_seq: u32,
    /// Bytes of unreliable messages given to SCTP.
    unreliable_written: u64,
    heard: Heard,
    /// Of the messages of `lt`.
    newest: Newest,
    /// The last time that `rtc` was given.
    clock: Instant,
    wake_at: Option<Instant>,
    /// Datagrams that `rtc` has taken since it was last drained.
    fed: usize,
    /// Why the server ends it, when all that came before has been told.
    parting: Option<Parted>,
    out: VecDeque<Transmit>,
    news: VecDeque<News>,
}

enum Phase {
    Opening(Opening),
    Open,
    Over,
}

struct Opening {
    until: Instant,
    /// Until the answer comes.
    pending: Option<SdpPendingOffer>,
    /// Messages that overtook the acknowledgement of a channel.
    early: Vec<(Channel, Data)>,
}

impl Dial {
    /// Takes the server's answer, once.
    pub(crate) fn handle_answer(&mut self, now: Instant, answer: &Answer) {
        let Phase::Opening(Opening { pending, .. }) = &mut self.phase else { return };
        let Some(pending) = pending.take() else { return };
        self.has_session = answer.session.is_some();
        self.needs = if self.has_session { &DataChannel::ALL } else { &DataChannel::PLAIN };
        let accepted = SdpAnswer::from_sdp_string(&answer.sdp)
            .ok()
            .and_then(|sdp| self.rtc.sdp_api().accept_answer(pending, sdp).ok());
        if accepted.is_none() {
            return self.finish(Reason::Violation.into());
        }
        for address in &answer.addresses {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                self.rtc.add_remote_candidate(candidate);
            }
        }
        self.turn(now, |dial| dial.advance(now));
    }

    /// Takes one datagram. What comes of it is there when it is polled for, so that a batch costs one drain.
    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let datagram = Datagram { from, to: self.local, bytes };
        let Some(receive) = datagram.receive().filter(|_| !matches!(self.phase, Phase::Over)) else { return };
        self.clock = self.clock.max(now);
        self.wire.lock().set_now(self.clock);
        // What is forged or broken must not end the connection; what has ended it, the drain finds.
        if let Err(error) = self.rtc.handle_input(Input::Receive(self.clock, receive)) {
            tracing::debug!(%error, "datagram refused");
        }
        self.fed += 1;
        if !self.is_open() || self.fed >= FED_MAX {
            self.come_to_rest();
        }
    }

    /// Does what [`deadline`](Dial::deadline) was for.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // What has come may be what the deadline was for.
        self.come_to_rest();
        self.turn(now, |dial| {
            if matches!(&dial.phase, Phase::Opening(opening) if opening.until <= now) || dial.is_lost(now) {
                return Err(Reason::TimedOut.into());
            }
            dial.wire.lock().handle_timeout();
            dial.rtc.handle_input(Input::Timeout(dial.clock)).map_err(|error| failed(&error))
        });
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = Some(now + WAKE_AGAIN_MIN);
        }
    }

    /// Ends it and tells the server, as far as one flight of datagrams can. No news follow.
    pub(crate) fn close(&mut self, now: Instant) {
        self.turn(now, |dial| {
            dial.advance(now)?;
            dial.say_bye()?;
            dial.drain()?;
            dial.rtc.close().map_err(|error| failed(&error))
        });
        self.phase = Phase::Over;
        self.news.clear();
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.come_to_rest();
        self.out.pop_front()
    }

    pub(crate) fn poll_news(&mut self) -> Option<News> {
        self.come_to_rest();
        self.news.pop_front()
    }

    /// When to call [`handle_timeout`](Dial::handle_timeout).
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let of_phase = match &self.phase {
            Phase::Opening(opening) => Some(opening.until),
            Phase::Open => self.lost_at(),
            Phase::Over => return None,
        };
        [of_phase, self.wake_at, self.wire.lock().deadline()].into_iter().flatten().min()
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// One input, and all that follows from it.
    fn turn(&mut self, now: Instant, input: impl FnOnce(&mut Dial) -> Result<(), Parted>) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        self.clock = self.clock.max(now);
        self.wire.lock().set_now(self.clock);
        if let Err(parted) = input(self).and_then(|()| self.drain()) {
            self.finish(parted);
        }
    }

    fn come_to_rest(&mut self) {
        if self.fed > 0 && !matches!(self.phase, Phase::Over) {
            self.turn(self.clock, |_| Ok(()));
        }
    }

    fn finish(&mut self, parted: Parted) {
        self.phase = Phase::Over;
        self.news.push_back(News::Parted(parted));
    }

    fn advance(&mut self, now: Instant) -> Result<(), Parted> {
        self.clock = self.clock.max(now);
        self.wire.lock().set_now(self.clock);
        self.rtc.handle_input(Input::Timeout(self.clock)).map_err(|error| failed(&error))
    }

    /// Takes everything that `rtc` has to give, and feeds it what waits for it, until it only waits.
    fn drain(&mut self) -> Result<(), Parted> {
        // Before the answer there is nobody to send to.
        if matches!(&self.phase, Phase::Opening(opening) if opening.pending.is_some()) {
            return Ok(());
        }
        self.fed = 0;
        let mut datagrams = 0;
        for _ in 0..DRAIN_STEPS_MAX {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    datagrams += 1;
                    if !self.is_open() && datagrams > OPENING_DATAGRAMS_MAX {
                        self.wake_at = Some(self.clock + OPENING_PAUSE);
                        return Ok(());
                    }
                    let (from, to) = (transmit.source, transmit.destination);
                    self.out.push_back(Transmit { from, to, bytes: transmit.contents.into() });
                }
                Ok(Output::Event(event)) => self.handle_event(event)?,
                Ok(Output::Timeout(at)) => {
                    if !self.rtc.is_alive() {
                        return Err(Reason::Closed.into());
                    }
                    self.wake_at = Some(at);
                    if self.send_waiting()? {
                        continue;
                    }
                    if let Some(parted) = self.parting.take() {
                        return Err(parted);
                    }
                    if !self.wire.lock().let_end() {
                        return Ok(());
                    }
                    self.advance(self.clock)?;
                }
                Err(error) => return Err(failed(&error)),
            }
        }
        tracing::error!("the transport does not come to rest");
        Err(Reason::Failed.into())
    }

    fn handle_event(&mut self, event: str0m::Event) -> Result<(), Parted> {
        match event {
            str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected) => Err(Reason::TimedOut.into()),
            str0m::Event::ChannelOpen(id, _label) => self.channel_opened(id),
            str0m::Event::ChannelData(data) => self.message_arrived(data),
            str0m::Event::ChannelClose(id) => self.channel_closed(id),
            str0m::Event::Closed => Err(Reason::Closed.into()),
            _ => Ok(()),
        }
    }

    fn channel_of(&self, id: ChannelId) -> Option<DataChannel> {
        DataChannel::ALL.into_iter().find(|channel| self.channels[*channel] == Some(id))
    }

    fn channel_opened(&mut self, id: ChannelId) -> Result<(), Parted> {
        let Some(channel) = self.channel_of(id) else { return Ok(()) };
        self.opened[channel] = true;
        let is_ready = self.needs.iter().all(|needed| self.opened[*needed]);
        let Phase::Opening(opening) = &mut self.phase else { return Ok(()) };
        if is_ready {
            let early = std::mem::take(&mut opening.early);
            self.phase = Phase::Open;
            self.news.push_back(News::Opened);
            for (channel, data) in early {
                self.deliver(channel, data)?;
            }
        }
        Ok(())
    }

    fn channel_closed(&mut self, id: ChannelId) -> Result<(), Parted> {
        match self.channel_of(id) {
            Some(channel) if self.needs.contains(&channel) => Err(Reason::Closed.into()),
            // A server without sessions has no use for it.
            Some(channel) => {
                self.opened[channel] = false;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn message_arrived(&mut self, message: ChannelData) -> Result<(), Parted> {
        let channel = match self.channel_of(message.id) {
            Some(DataChannel::Application(channel)) => channel,
            Some(DataChannel::Control) => return self.control_arrived(&message.data),
            None => return Ok(()),
        };
        let (is_binary, bytes) = match channel {
            Channel::Reliable | Channel::Unreliable => (message.binary, message.data),
            Channel::Latest => {
                let Some(latest) = latest::read(message.data) else { return Err(Reason::Violation.into()) };
                if !self.newest.is_news(latest.seq) {
                    return Ok(());
                }
                (latest.is_binary, latest.bytes)
            }
        };
        let data = match is_binary {
            true => Data::Binary(bytes),
            false => Data::Text(String::from_utf8(bytes).map_err(|_| Reason::Violation)?),
        };
        match &mut self.phase {
            Phase::Opening(Opening { early, .. }) => {
                early.push((channel, data));
                let held: usize = early.iter().map(|(_, data)| data.bytes().len() + size_of::<Data>()).sum();
                if held > EARLY_MESSAGE_BYTES_MAX { Err(Reason::Violation.into()) } else { Ok(()) }
            }
            Phase::Open => self.deliver(channel, data),
            Phase::Over => Ok(()),
        }
    }

    fn deliver(&mut self, channel: Channel, data: Data) -> Result<(), Parted> {
        let bytes = data.bytes().len();
        self.news.push_back(News::Message { channel, data });
        if channel == Channel::Reliable { self.taken(bytes) } else { Ok(()) }
    }
}

fn failed(error: &dyn std::error::Error) -> Parted {
    tracing::info!(%error, "the transport ended");
    Reason::Failed.into()
}

#[cfg(test)]
mod tests;
