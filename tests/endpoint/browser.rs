//! A browser in the same process: str0m in the offering role, doing what a page with a plain `RTCPeerConnection` does.

#[path = "backoff.rs"]
mod backoff;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use patchcord::{Answer, Data, Transmit};
use str0m::change::SdpAnswer;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::config::DtlsVersion;
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

/// What a browser holds for the network at most, in bytes: 16 MiB in Chromium.
const BUFFERED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Small datagrams of one length in a row, after which a browser pauses. A handshake with a gap makes dimpl 0.9
/// acknowledge it without end at one instant; real browsers do so once.
const ALIKE_MAX: usize = 40;

/// Until then the server has sent again what was missing.
const ALIKE_PAUSE: Duration = Duration::from_millis(100);

pub struct Browser {
    pub address: SocketAddr,
    pub rtc: Box<Rtc>,
    /// Label and message, in the order of arrival.
    pub received: Vec<(String, Data)>,
    /// When each of them came.
    pub received_at: Vec<Instant>,
    /// The server closed the connection, or the transport gave up.
    pub is_closed: bool,
    /// A browser that was killed: it neither sends nor hears.
    pub is_dead: bool,
    /// Those it asked for, and which of them are open.
    asked: Vec<(String, ChannelId)>,
    channels: Vec<(String, ChannelId)>,
    pending: Option<str0m::change::SdpPendingOffer>,
    wake_at: Option<Instant>,
    clock: Instant,
    out: VecDeque<Transmit>,
}

impl Browser {
    /// The browser and the SDP of its offer.
    pub fn offer(now: Instant, address: SocketAddr, labels: &[&str]) -> (Browser, String) {
        Browser::offer_with(now, address, labels, DtlsVersion::Auto)
    }

    /// The same, of a browser that knows only this DTLS.
    pub fn offer_with(now: Instant, address: SocketAddr, labels: &[&str], version: DtlsVersion) -> (Browser, String) {
        let mut rtc = Box::new(
            Rtc::builder()
                .set_crypto_provider(backoff::crypto().into())
                .clear_codecs()
                .set_sctp_max_buffered_amount(BUFFERED_BYTES_MAX)
                .set_dtls_version(version)
                .build(now),
        );
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        let mut change = rtc.sdp_api();
        let asked =
            labels.iter().map(|label| (label.to_string(), change.add_channel_with_config(config(label)))).collect();
        let (offer, pending) = change.apply().unwrap();
        let offer = offer.to_sdp_string();
        let browser = Browser {
            address,
            rtc,
            received: Vec::new(),
            received_at: Vec::new(),
            clock: now,
            is_closed: false,
            is_dead: false,
            asked,
            channels: Vec::new(),
            pending: Some(pending),
            wake_at: Some(now),
            out: VecDeque::new(),
        };
        (browser, offer)
    }

    pub fn accept(&mut self, now: Instant, answer: &Answer) {
        // Unlike a real one, it does not keep to what the server takes: tests must be able to send more.
        let sdp = answer.sdp.replace("a=max-message-size:262144", "a=max-message-size:1000000000");
        let sdp = SdpAnswer::from_sdp_string(&sdp).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), sdp).unwrap();
        for address in &answer.addresses {
            self.rtc.add_remote_candidate(Candidate::host(*address, "udp").unwrap());
        }
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.poll(now);
    }

    pub fn wake_at(&self) -> Option<Instant> {
        self.wake_at.filter(|_| !self.is_dead && self.rtc.is_alive())
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.wake_at().is_some_and(|at| at <= now) {
            // What fails here, the next poll reports.
            let _ = self.rtc.handle_input(Input::Timeout(now));
            self.poll(now);
        }
    }

    pub fn receive(&mut self, now: Instant, transmit: &Transmit) {
        let Ok(contents) = DatagramRecv::try_from(&transmit.bytes[..]) else { return };
        let (source, destination) = (transmit.from, transmit.to);
        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
        self.clock = now;
        // What a browser cannot use it ignores.
        let _ = self.rtc.handle_input(Input::Receive(now, receive));
        self.poll(now);
    }

    /// Whether the transport took it. Not for empty messages, which str0m cannot send.
    pub fn send(&mut self, now: Instant, label: &str, data: &Data) -> bool {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        let id = self.channel(label).expect("an open channel");
        let mut channel = self.rtc.channel(id).expect("an open channel");
        let taken = channel.write(matches!(data, Data::Binary(_)), data.bytes()).unwrap();
        self.poll(now);
        taken
    }

    /// What `pc.close()` does.
    pub fn close(&mut self, now: Instant) {
        // One that has ended already has nobody to tell.
        if self.rtc.is_alive() && self.rtc.handle_input(Input::Timeout(now)).is_ok() && self.rtc.close().is_ok() {
            self.poll(now);
        }
    }

    /// Whether both channels are open on the page's side, which hears of it after the server.
    pub fn is_open(&self) -> bool {
        self.has_open("ro") && self.has_open("uu")
    }

    pub fn has_open(&self, label: &str) -> bool {
        self.channel(label).is_some()
    }

    pub fn channel(&self, label: &str) -> Option<ChannelId> {
        self.channels.iter().find(|(known, _)| known == label).map(|(_, id)| *id)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = Transmit> {
        let is_dead = self.is_dead;
        std::mem::take(&mut self.out).into_iter().filter(move |_| !is_dead)
    }

    fn poll(&mut self, now: Instant) {
        let mut alike = 0;
        loop {
            let output = self.rtc.poll_output().unwrap_or_else(|_| {
                // A handshake that was tampered with, for example: what a page sees as 'failed'.
                self.is_closed = true;
                self.rtc.disconnect();
                Output::Timeout(now)
            });
            match output {
                Output::Timeout(at) => {
                    self.wake_at = Some(at);
                    return;
                }
                Output::Transmit(transmit) => {
                    let bytes = Vec::from(transmit.contents);
                    alike =
                        if self.out.back().is_some_and(|last| last.bytes.len() == bytes.len()) { alike + 1 } else { 0 };
                    // The more of the handshake has come, the longer they are.
                    let bytes_max = if self.is_open() { 100 } else { 400 };
                    if alike == ALIKE_MAX && bytes.len() < bytes_max {
                        self.out.truncate(self.out.len() - ALIKE_MAX);
                        self.wake_at = Some(now + ALIKE_PAUSE);
                        return;
                    }
                    self.out.push_back(Transmit { from: transmit.source, to: transmit.destination, bytes });
                }
                Output::Event(Event::ChannelOpen(id, label)) => self.channels.push((label, id)),
                Output::Event(Event::ChannelClose(id)) => self.channels.retain(|(_, known)| *known != id),
                Output::Event(Event::ChannelData(message)) => {
                    // The acknowledgement that opens the channel may be lost, and the message not.
                    let label = self.asked.iter().find(|(_, id)| *id == message.id).unwrap().0.clone();
                    let data = match message.binary {
                        true => Data::Binary(message.data),
                        false => Data::Text(String::from_utf8(message.data).unwrap()),
                    };
                    self.received.push((label, data));
                    self.received_at.push(self.clock);
                }
                Output::Event(Event::Closed | Event::IceConnectionStateChange(IceConnectionState::Disconnected)) => {
                    self.is_closed = true;
                }
                Output::Event(_) => {}
            }
        }
    }
}

fn config(label: &str) -> ChannelConfig {
    let unreliable = label != "ro";
    ChannelConfig {
        label: label.to_owned(),
        ordered: !unreliable,
        reliability: match unreliable {
            true => Reliability::MaxRetransmits { retransmits: 0 },
            false => Reliability::Reliable,
        },
        ..Default::default()
    }
}
