//! The page's side of a connection, for native clients, sans-IO: the offer, the same four channels, and the answers that a
//! page with a session gives (docs/PROTOCOL.md).

mod news;
mod sending;
mod session;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::{Candidate, IceConnectionState};

use super::channel::{DataChannel, PerChannel};
use super::datagram::Datagram;
use super::identity::Identity;
use super::latest::{self, Newest};
use super::limits::{DRAIN_STEPS_MAX, EARLY_MESSAGE_BYTES_MAX, OPENING_MAX};
use super::reliable_log::ReliableLog;
use super::sctp::{Arrival, Association, StreamId};
use super::transport::{Failure, Occurrence, Outgoing, Transport};
use super::{Channel, Data, Reason, Transmit};
use crate::signal::Answer;
pub(crate) use news::{News, Parted};
use session::Heard;

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
        let (mut rtc, handshake, _ufrag) = self.identity.rtc(now);
        if let Ok(candidate) = Candidate::host(local, "udp") {
            rtc.add_local_candidate(candidate);
        }
        let mut association = Association::beginning(now, self.identity.nonces());
        DataChannel::ALL.into_iter().for_each(|channel| association.open(stream(channel), channel.to_open()));
        let mut change = rtc.sdp_api();
        // What makes str0m offer data channels at all. It never opens: its SCTP has nobody to talk to.
        change.add_channel(String::new());
        let (offer, pending) = change.apply().expect("a channel is a change");
        let body = serde_json::json!({ "type": "offer", "sdp": offer.to_sdp_string(), "resume": "" });
        let dial = Dial {
            transport: Transport::new(now, rtc, handshake, association),
            local,
            phase: Phase::Opening(Opening { until: now + OPENING_MAX, pending: Some(pending), early: Vec::new() }),
            needs: &DataChannel::PLAIN,
            opened: PerChannel::default(),
            has_session: false,
            waiting: ReliableLog::default(),
            latest: None,
            latest_seq: 0,
            heard: Heard::default(),
            newest: Newest::default(),
            clock: now,
            is_at_rest: true,
            parting: None,
            out: Outgoing::default(),
            news: VecDeque::new(),
        };
        (dial, body.to_string())
    }
}

/// The stream that a channel is opened on: an even one, as who begins DTLS has to choose (RFC 8832, section 6).
fn stream(channel: DataChannel) -> StreamId {
    StreamId(match channel {
        DataChannel::Application(Channel::Reliable) => 0,
        DataChannel::Application(Channel::Unreliable) => 2,
        DataChannel::Application(Channel::Latest) => 4,
        DataChannel::Control => 6,
    })
}

/// One connection to a server, from its offer to its end. To be driven like an `Endpoint`: one input, then
/// [`poll_transmit`](Dial::poll_transmit) and [`poll_news`](Dial::poll_news) until both are `None`, then wait until
/// [`deadline`](Dial::deadline).
pub(crate) struct Dial {
    transport: Transport,
    local: SocketAddr,
    phase: Phase,
    /// Without which it is not open.
    needs: &'static [DataChannel],
    opened: PerChannel<bool>,
    has_session: bool,
    /// Reliable messages that SCTP has no room for yet.
    waiting: ReliableLog,
    latest: Option<Data>,
    latest_seq: u32,
    heard: Heard,
    /// Of the messages of `lt`.
    newest: Newest,
    clock: Instant,
    /// Whether the transport has nothing more to give.
    is_at_rest: bool,
    /// Why the server ends it, when all that came before has been told.
    parting: Option<Parted>,
    out: Outgoing,
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
            .and_then(|sdp| self.transport.rtc().sdp_api().accept_answer(pending, sdp).ok());
        if accepted.is_none() {
            return self.finish(Reason::Violation.into());
        }
        for address in &answer.addresses {
            if let Ok(candidate) = Candidate::host(*address, "udp") {
                self.transport.rtc().add_remote_candidate(candidate);
            }
        }
        self.turn(now, |dial| dial.transport.handle_timeout(now, &mut dial.out).map_err(failed));
    }

    /// Takes one datagram. What comes of it is there when it is polled for, so that a batch costs one drain.
    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        self.clock = self.clock.max(now);
        self.is_at_rest = false;
        self.transport.handle_datagram(self.clock, Datagram { from, to: self.local, bytes }, &mut self.out);
        if !self.is_open() {
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
            dial.transport.handle_timeout(dial.clock, &mut dial.out).map_err(failed)
        });
    }

    /// Ends it and tells the server, as far as one flight of datagrams can. No news follow.
    pub(crate) fn close(&mut self, now: Instant) {
        self.turn(now, |dial| {
            dial.say_bye();
            dial.drain()
        });
        self.transport.close(self.clock, &mut self.out);
        self.phase = Phase::Over;
        self.news.clear();
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.come_to_rest();
        self.out.transmits.pop_front()
    }

    pub(crate) fn poll_news(&mut self) -> Option<News> {
        self.come_to_rest();
        self.news.pop_front()
    }

    /// When to call [`handle_timeout`](Dial::handle_timeout).
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let of_phase = match &self.phase {
            // Before the answer there is nobody to send to.
            Phase::Opening(Opening { until, pending: Some(_), .. }) => return Some(*until),
            Phase::Opening(opening) => Some(opening.until),
            Phase::Open => self.lost_at(),
            Phase::Over => return None,
        };
        [of_phase, self.transport.deadline(), self.transport.probe_at()].into_iter().flatten().min()
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
        if let Err(parted) = input(self).and_then(|()| self.drain()) {
            self.finish(parted);
        }
    }

    fn come_to_rest(&mut self) {
        if !self.is_at_rest && !matches!(self.phase, Phase::Over) {
            self.turn(self.clock, |_| Ok(()));
        }
    }

    fn finish(&mut self, parted: Parted) {
        self.phase = Phase::Over;
        self.news.push_back(News::Parted(parted));
    }

    /// Takes everything that the transport has to give, and feeds it what waits for it, until it only waits.
    fn drain(&mut self) -> Result<(), Parted> {
        // Before the answer there is nobody to send to.
        if matches!(&self.phase, Phase::Opening(opening) if opening.pending.is_some()) {
            return Ok(());
        }
        for _ in 0..DRAIN_STEPS_MAX {
            match self.transport.poll(self.clock, &mut self.out).map_err(failed)? {
                Some(Occurrence::Ice(IceConnectionState::Disconnected)) => return Err(Reason::TimedOut.into()),
                Some(Occurrence::Ice(_)) => {}
                Some(Occurrence::Arrival(arrival)) => self.arrived(arrival)?,
                None if self.is_open() && self.send_waiting() => {}
                None => {
                    self.transport.flush(self.clock, &mut self.out).map_err(failed)?;
                    if let Some(parted) = self.parting.take() {
                        return Err(parted);
                    }
                    if self.transport.has_ended() {
                        return Err(Reason::Closed.into());
                    }
                    self.is_at_rest = true;
                    return Ok(());
                }
            }
        }
        Err(failed(Failure::Restless))
    }

    fn arrived(&mut self, arrival: Arrival) -> Result<(), Parted> {
        match arrival {
            Arrival::Confirmed(stream) => self.channel_opened(stream),
            Arrival::Message { stream, is_binary, bytes } => self.message_arrived(stream, is_binary, bytes),
            Arrival::Closed(stream) => self.channel_closed(stream),
            // Our servers open no channels, and the end has its own way to be known.
            Arrival::Opened(..) | Arrival::Ended => Ok(()),
        }
    }

    fn channel_of(&self, id: StreamId) -> Option<DataChannel> {
        DataChannel::ALL.into_iter().find(|channel| stream(*channel) == id)
    }

    fn channel_opened(&mut self, id: StreamId) -> Result<(), Parted> {
        let Some(channel) = self.channel_of(id) else { return Ok(()) };
        self.opened[channel] = true;
        let is_ready = self.needs.iter().all(|needed| self.opened[*needed]);
        let Phase::Opening(opening) = &mut self.phase else { return Ok(()) };
        if is_ready {
            let early = std::mem::take(&mut opening.early);
            self.phase = Phase::Open;
            self.news.push_back(News::Opened);
            for (channel, data) in early {
                self.deliver(channel, data);
            }
        }
        Ok(())
    }

    fn channel_closed(&mut self, id: StreamId) -> Result<(), Parted> {
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

    fn message_arrived(&mut self, stream: StreamId, is_binary: bool, bytes: Vec<u8>) -> Result<(), Parted> {
        let channel = match self.channel_of(stream) {
            Some(DataChannel::Application(channel)) => channel,
            Some(DataChannel::Control) => {
                self.control_arrived(&bytes);
                return Ok(());
            }
            None => return Ok(()),
        };
        let (is_binary, bytes) = match channel {
            Channel::Reliable | Channel::Unreliable => (is_binary, bytes),
            Channel::Latest => {
                let Some(latest) = latest::read(bytes) else { return Err(Reason::Violation.into()) };
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
            Phase::Open => {
                self.deliver(channel, data);
                Ok(())
            }
            Phase::Over => Ok(()),
        }
    }

    fn deliver(&mut self, channel: Channel, data: Data) {
        let bytes = data.bytes().len();
        self.news.push_back(News::Message { channel, data });
        if channel == Channel::Reliable {
            self.taken(bytes);
        }
    }
}

fn failed(failure: Failure) -> Parted {
    tracing::info!(?failure, "the transport ended");
    match failure {
        Failure::Violation => Reason::Violation.into(),
        Failure::Rtc(_) | Failure::Restless => Reason::Failed.into(),
    }
}

#[cfg(test)]
mod tests;
