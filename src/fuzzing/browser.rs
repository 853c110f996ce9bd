//! A browser in the same process: str0m in the offering role. What its SCTP says can be replaced on the way to its DTLS,
//! which makes it a browser that its owner has tampered with.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dimpl::Dtls;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::config::DtlsVersion;
use str0m::crypto::dtls::{DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::{Candidate, DATAGRAM_MTU_TARGET, Event, Input, Output, Rtc, RtcConfig};

use super::stun::Credentials;
use crate::{Answer, Channel, Data, Offer, Transmit};

/// What one of the browser's SCTP packets becomes.
pub(super) type Forgery = Box<dyn FnOnce(&[u8]) -> Vec<u8> + Send + Sync>;

pub(super) struct Browser {
    pub(super) address: SocketAddr,
    /// In the order of arrival.
    pub(super) received: Vec<(Channel, Data)>,
    /// What came on `ctl`.
    pub(super) control: Vec<Vec<u8>>,
    /// Neither sends nor hears.
    pub(super) is_dead: bool,
    /// What its checks of the path prove that they know.
    pub(super) credentials: Credentials,
    /// The keys of every STUN message on its path, in either direction.
    pub(super) passwords: Vec<String>,
    rtc: Box<Rtc>,
    labels: &'static [&'static str],
    channels: Vec<(String, ChannelId)>,
    pending: Option<SdpPendingOffer>,
    wake_at: Option<Instant>,
    out: VecDeque<Transmit>,
    forgeries: Forgeries,
}

/// The channels of a page without a session, and of one with.
const PLAIN: &[&str] = &["ro", "uu"];
const WITH_SESSION: &[&str] = &["ro", "uu", "lt", "ctl"];

impl Browser {
    /// The browser, and the offer with both channels.
    pub(super) fn offer(now: Instant, address: SocketAddr) -> (Browser, Offer) {
        let (browser, sdp) = Browser::new(now, address, PLAIN);
        (browser, Offer::parse_sdp(&sdp).expect("str0m's offer is one that we read"))
    }

    /// A browser whose page asks for a session, and says what it likes of an earlier one.
    pub(super) fn offer_session(now: Instant, address: SocketAddr, resume: &str, received: u32) -> (Browser, Offer) {
        let (browser, sdp) = Browser::new(now, address, WITH_SESSION);
        let body = serde_json::json!({"type": "offer", "sdp": sdp, "resume": resume, "received": received});
        (browser, Offer::parse(body.to_string().as_bytes()).expect("any resume and received may be asked"))
    }

    fn new(now: Instant, address: SocketAddr, labels: &'static [&'static str]) -> (Browser, String) {
        let (config, forgeries) = config();
        let mut rtc = Box::new(config.build(now));
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address of a host"));
        let mut change = rtc.sdp_api();
        for label in labels {
            change.add_channel_with_config(channel_config(label));
        }
        let (sdp, pending) = change.apply().expect("channels are a change");
        let browser = Browser {
            address,
            received: Vec::new(),
            control: Vec::new(),
            is_dead: false,
            credentials: Credentials::default(),
            passwords: Vec::new(),
            rtc,
            labels,
            channels: Vec::new(),
            pending: Some(pending),
            wake_at: Some(now),
            out: VecDeque::new(),
            forgeries,
        };
        (browser, sdp.to_sdp_string())
    }

    pub(super) fn accept(&mut self, now: Instant, answer: &Answer) {
        let Some(pending) = self.pending.take() else { return };
        let of_ours = |name: &str| {
            let mut lines = answer.sdp.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            lines.next().expect("an answer has ICE credentials").to_owned()
        };
        let theirs = self.rtc.direct_api().local_ice_credentials();
        let username = format!("{}:{}", of_ours("a=ice-ufrag"), theirs.ufrag);
        self.credentials = Credentials { username, password: of_ours("a=ice-pwd") };
        self.passwords = vec![theirs.pass, self.credentials.password.clone()];
        let sdp = SdpAnswer::from_sdp_string(&answer.sdp).expect("the answer is SDP");
        self.rtc.sdp_api().accept_answer(pending, sdp).expect("the answer answers the offer");
        for address in &answer.addresses {
            self.rtc.add_remote_candidate(Candidate::host(*address, "udp").expect("an address of a host"));
        }
        self.handle_timeout(now);
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.wake_at.filter(|_| self.is_alive())
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.is_dead && self.rtc.is_alive()
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_alive() && self.channels.len() == self.labels.len()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.wake_at().is_some_and(|at| at <= now) {
            self.input(Input::Timeout(now));
        }
    }

    pub(super) fn receive(&mut self, now: Instant, transmit: &Transmit) {
        let Ok(contents) = DatagramRecv::try_from(&transmit.bytes[..]) else { return };
        let (source, destination) = (transmit.from, transmit.to);
        if self.is_alive() {
            self.input(Input::Receive(now, Receive { proto: Protocol::Udp, source, destination, contents }));
        }
    }

    /// Whether the transport took it. An empty message is one that str0m cannot send.
    pub(super) fn send(&mut self, now: Instant, channel: Channel, data: &Data) -> bool {
        self.send_on(now, channel.label(), data)
    }

    /// The same, by the channel's label.
    pub(super) fn send_on(&mut self, now: Instant, label: &str, data: &Data) -> bool {
        if !self.is_open() || data.bytes().is_empty() {
            return false;
        }
        self.input(Input::Timeout(now));
        let id = self.channels.iter().find(|(known, _)| known == label).map(|(_, id)| *id);
        let Some(mut open) = id.and_then(|id| self.rtc.channel(id)) else { return false };
        let taken = open.write(matches!(data, Data::Binary(_)), data.bytes()).unwrap_or(false);
        self.poll();
        taken
    }

    /// The next SCTP packets that it sends become these instead.
    pub(super) fn forge(&mut self, forgery: Forgery) {
        self.forgeries.0.lock().expect("no panic holds it").push_back(forgery);
    }

    pub(super) fn kill(&mut self) {
        self.is_dead = true;
    }

    /// What `pc.close()` does.
    pub(super) fn close(&mut self, now: Instant) {
        if self.is_alive() {
            self.input(Input::Timeout(now));
            let _ = self.rtc.close();
            self.poll();
        }
    }

    pub(super) fn drain(&mut self) -> VecDeque<Transmit> {
        let out = std::mem::take(&mut self.out);
        if self.is_dead { VecDeque::new() } else { out }
    }

    fn input(&mut self, input: Input<'_>) {
        // What breaks a browser is its own affair.
        if self.rtc.handle_input(input).is_err() {
            self.rtc.disconnect();
        }
        self.poll();
    }

    fn poll(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.wake_at = Some(at);
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.out.push_back(Transmit {
                    from: transmit.source,
                    to: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Ok(Output::Event(Event::ChannelOpen(id, label))) => {
                    self.channels.push((label, id));
                }
                Ok(Output::Event(Event::ChannelClose(id))) => self.channels.retain(|(_, known)| *known != id),
                Ok(Output::Event(Event::ChannelData(message))) => {
                    let Some((label, _)) = self.channels.iter().find(|(_, id)| *id == message.id) else { continue };
                    let Some(channel) = Channel::ALL.into_iter().find(|channel| channel.label() == label) else {
                        self.control.push(message.data);
                        continue;
                    };
                    let data = match message.binary {
                        true => Data::Binary(message.data),
                        false => Data::Text(String::from_utf8(message.data).expect("we send text as text")),
                    };
                    self.received.push((channel, data));
                }
                Ok(Output::Event(_)) => {}
                Err(_) => {
                    self.rtc.disconnect();
                    return;
                }
            }
        }
    }
}

fn channel_config(label: &str) -> ChannelConfig {
    let ordered = label == Channel::Reliable.label();
    let reliability = if ordered { Reliability::Reliable } else { Reliability::MaxRetransmits { retransmits: 0 } };
    ChannelConfig { label: label.to_owned(), ordered, reliability, ..Default::default() }
}

/// What stands between the SCTP and the DTLS of one browser.
#[derive(Clone, Default)]
struct Forgeries(Arc<Mutex<VecDeque<Forgery>>>);

thread_local! {
    /// A certificate and a tested set of ciphers cost a millisecond each: all browsers of a thread share one.
    static SHARED: RefCell<Option<(RtcConfig, &'static Tap)>> = const { RefCell::new(None) };
}

fn config() -> (RtcConfig, Forgeries) {
    SHARED.with_borrow_mut(|shared| {
        let (config, tap) = shared.get_or_insert_with(|| {
            let provider = from_feature_flags();
            let dtls = dimpl::Config::builder().mtu(DATAGRAM_MTU_TARGET).build().expect("aws-lc-rs has what it needs");
            let tap: &'static Tap = Box::leak(Box::new(Tap {
                certificates: provider.dtls_provider,
                config: Arc::new(dtls),
                forgeries: Mutex::default(),
            }));
            let certificate = tap.generate_certificate().expect("aws-lc-rs generates certificates");
            let config = RtcConfig::new()
                .set_crypto_provider(CryptoProvider { dtls_provider: tap, ..provider }.into())
                .set_dtls_cert(certificate)
                .set_dtls_version(DtlsVersion::Auto)
                .clear_codecs()
                .set_sctp_max_buffered_amount(16 * 1024 * 1024);
            (config, tap)
        });
        let forgeries = Forgeries::default();
        *tap.forgeries.lock().expect("no panic holds it") = forgeries.clone();
        (config.clone(), forgeries)
    })
}

struct Tap {
    certificates: &'static dyn DtlsProvider,
    config: Arc<dimpl::Config>,
    /// For the browser that is made next.
    forgeries: Mutex<Forgeries>,
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

impl DtlsProvider for Tap {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.certificates.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        _version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = Dtls::new_auto(Arc::clone(&self.config), certificate.clone(), now);
        let forgeries = self.forgeries.lock().expect("no panic holds it").clone();
        Ok(Box::new(TappedDtls { inner, forgeries }))
    }
}

struct TappedDtls {
    inner: Dtls,
    forgeries: Forgeries,
}

impl fmt::Debug for TappedDtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TappedDtls")
    }
}

impl DtlsInstance for TappedDtls {
    fn send_application_data(&mut self, packet: &[u8]) -> Result<usize, DtlsImplError> {
        let forgery = self.forgeries.0.lock().expect("no panic holds it").pop_front();
        match forgery {
            None => self.inner.send_application_data(packet),
            Some(forgery) => {
                let _ = self.inner.send_application_data(&forgery(packet));
                Ok(packet.len())
            }
        }
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.inner.poll_output(buf)
    }

    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}
