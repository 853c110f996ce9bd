//! A browser in the same process: str0m in the offering role, doing what a page with a plain `RTCPeerConnection` does.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use patchcord::{Answer, Data, Transmit};
use str0m::change::SdpAnswer;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// What a browser holds for the network at most, in bytes: 16 MiB in Chromium.
const BUFFERED_BYTES_MAX: usize = 16 * 1024 * 1024;

pub struct Browser {
    pub address: SocketAddr,
    pub rtc: Box<Rtc>,
    /// Label and message, in the order of arrival.
    pub received: Vec<(String, Data)>,
    pub is_closed: bool,
    /// A browser that was killed: it neither sends nor hears.
    pub is_dead: bool,
    channels: Vec<(String, ChannelId)>,
    pending: Option<str0m::change::SdpPendingOffer>,
    wake_at: Option<Instant>,
    out: VecDeque<Transmit>,
}

impl Browser {
    /// The browser and the SDP of its offer.
    pub fn offer(now: Instant, address: SocketAddr, labels: &[&str]) -> (Browser, String) {
        let mut rtc = Box::new(
            Rtc::builder()
                .clear_codecs()
                .set_sctp_max_buffered_amount(BUFFERED_BYTES_MAX)
                .set_dtls_version(str0m::config::DtlsVersion::Auto)
                .build(now),
        );
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        let mut change = rtc.sdp_api();
        for label in labels {
            change.add_channel_with_config(config(label));
        }
        let (offer, pending) = change.apply().unwrap();
        let offer = offer.to_sdp_string();
        let browser = Browser {
            address,
            rtc,
            received: Vec::new(),
            is_closed: false,
            is_dead: false,
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
        self.handle_timeout(now);
    }

    pub fn wake_at(&self) -> Option<Instant> {
        self.wake_at.filter(|_| !self.is_dead && self.rtc.is_alive())
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.wake_at().is_some_and(|at| at <= now) {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.poll();
        }
    }

    pub fn receive(&mut self, now: Instant, transmit: &Transmit) {
        let Ok(contents) = DatagramRecv::try_from(&transmit.bytes[..]) else { return };
        let (source, destination) = (transmit.from, transmit.to);
        let receive = Receive { proto: Protocol::Udp, source, destination, contents };
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
        self.poll();
    }

    /// Whether the transport took it. Not for empty messages, which str0m cannot send.
    pub fn send(&mut self, now: Instant, label: &str, data: &Data) -> bool {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        let (_, id) = self.channels.iter().find(|(known, _)| known == label).expect("an open channel");
        let mut channel = self.rtc.channel(*id).expect("an open channel");
        let taken = channel.write(matches!(data, Data::Binary(_)), data.bytes()).unwrap();
        self.poll();
        taken
    }

    /// What `pc.close()` does.
    pub fn close(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.rtc.close().unwrap();
        self.poll();
    }

    /// Whether both channels are open on the page's side, which hears of it after the server.
    pub fn is_open(&self) -> bool {
        self.has_open("ro") && self.has_open("uu")
    }

    pub fn has_open(&self, label: &str) -> bool {
        self.channels.iter().any(|(known, _)| known == label)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = Transmit> {
        let is_dead = self.is_dead;
        std::mem::take(&mut self.out).into_iter().filter(move |_| !is_dead)
    }

    fn poll(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.wake_at = Some(at);
                    return;
                }
                Output::Transmit(transmit) => self.out.push_back(Transmit {
                    from: transmit.source,
                    to: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Output::Event(Event::ChannelOpen(id, label)) => self.channels.push((label, id)),
                Output::Event(Event::ChannelClose(id)) => self.channels.retain(|(_, known)| *known != id),
                Output::Event(Event::ChannelData(message)) => {
                    let label = self.channels.iter().find(|(_, id)| *id == message.id).unwrap().0.clone();
                    let data = match message.binary {
                        true => Data::Binary(message.data),
                        false => Data::Text(String::from_utf8(message.data).unwrap()),
                    };
                    self.received.push((label, data));
                }
                Output::Event(Event::Closed) => self.is_closed = true,
                Output::Event(_) => {}
            }
        }
    }
}

fn config(label: &str) -> ChannelConfig {
    let unreliable = label == "uu";
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
