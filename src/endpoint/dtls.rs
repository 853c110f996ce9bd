//! DTLS: str0m's own while it shakes hands, since it knows whose fingerprint to expect, and ours from then on.
//!
//! str0m lets its DTLS be replaced. What it is given here is the same (dimpl), kept where its owner can take it away once it is
//! connected. After that each record goes straight from its datagram to SCTP and back.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dimpl::Dtls;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

/// When an unanswered DTLS flight is sent again, doubling each time. dimpl's 1 s is made for the open internet; a LAN
/// answers within 20 ms, and a lost ClientHello should not cost a person a second.
const FLIGHT_START_RTO: Duration = Duration::from_millis(100);

/// 100 ms doubled six times passes the 10 s that a peer has to open.
const FLIGHT_RETRIES: usize = 6;

/// A datagram as dimpl writes it, and what it opens.
const BUFFER_BYTES: usize = 2000;

/// For str0m, which has nothing more to do with it: longer than any connection.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Makes the DTLS of every peer of an endpoint. str0m's own provider builds a `dimpl::Config` for each, which tests all of
/// its cryptography anew: 1 ms of CPU, twenty times what the rest of a new peer costs.
pub(super) struct Provider {
    certificates: &'static dyn DtlsProvider,
    config: Arc<dimpl::Config>,
    /// An `Rtc` keeps its DTLS to itself, so the handle of the newest waits here for its peer.
    newest: Mutex<Option<Handshake>>,
}

impl Provider {
    /// For datagrams of at most `mtu` bytes. What a `CryptoProvider` refers to must be `'static`, so each call leaks a few
    /// hundred bytes: call it once for an endpoint.
    pub(super) fn leak(mtu: usize) -> &'static Provider {
        let config = dimpl::Config::builder()
            // ICE has proved that the browser receives at its address.
            .use_server_cookie(false)
            .mtu(mtu)
            .flight_start_rto(FLIGHT_START_RTO)
            .flight_retries(FLIGHT_RETRIES)
            .build()
            .expect("aws-lc-rs has every algorithm that DTLS needs");
        let certificates = from_feature_flags().dtls_provider;
        Box::leak(Box::new(Provider { certificates, config: Arc::new(config), newest: Mutex::default() }))
    }

    /// str0m's crypto with this DTLS.
    pub(super) fn crypto(&'static self) -> CryptoProvider {
        CryptoProvider { dtls_provider: self, ..from_feature_flags() }
    }

    /// That of the `Rtc` that was built last; once.
    pub(super) fn take_handshake(&self) -> Option<Handshake> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}

impl DtlsProvider for Provider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.certificates.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        if version != DtlsVersion::Auto {
            return Err(CryptoError::Other(format!("{version} was not asked for")));
        }
        let dtls = Box::new(Dtls::new_auto(Arc::clone(&self.config), certificate.clone(), now));
        let shared =
            Shared { dtls: Some(dtls), is_known: false, is_connected: false, asks_path: false, never: now + NEVER };
        let handshake = Handshake(Arc::new(Mutex::new(shared)));
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(handshake.clone());
        Ok(Box::new(handshake))
    }
}

/// The DTLS of one peer until it is connected, between its `Rtc` and its owner, both on one thread.
#[derive(Clone)]
pub(super) struct Handshake(Arc<Mutex<Shared>>);

struct Shared {
    dtls: Option<Box<Dtls>>,
    /// str0m has been given the certificate of the other side, whose fingerprint it compares.
    is_known: bool,
    is_connected: bool,
    asks_path: bool,
    never: Instant,
}

impl Handshake {
    /// What a datagram that is no DTLS begins with (RFC 7983): none of these leaves.
    const QUESTION: [u8; 1] = [0xff];

    /// The DTLS, once it is connected; once.
    pub(super) fn take(&self) -> Option<Secure> {
        let mut shared = self.lock();
        let dtls = if shared.is_connected { shared.dtls.take() } else { None }?;
        Some(Secure { dtls, deadline: shared.never, never: shared.never })
    }

    /// The `Rtc` is to show where it would send to now, which str0m tells nobody: a datagram that is the
    /// [question](Handshake::is_question) has the addresses.
    pub(super) fn ask_path(&self) {
        self.lock().asks_path = true;
    }

    pub(super) fn is_question(datagram: &[u8]) -> bool {
        datagram == Handshake::QUESTION
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic in here has ended the peer, whose DTLS is about to be dropped.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, without: T, ask: impl FnOnce(&mut Dtls) -> T) -> T {
        self.lock().dtls.as_mut().map_or(without, |dtls| ask(dtls))
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake")
    }
}

impl DtlsInstance for Handshake {
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let mut shared = self.lock();
        if std::mem::take(&mut shared.asks_path) {
            buf[..1].copy_from_slice(&Handshake::QUESTION);
            return DtlsOutput::Packet(&buf[..1]);
        }
        let never = shared.never;
        if shared.is_connected {
            return DtlsOutput::Timeout(never);
        }
        let Some(dtls) = &mut shared.dtls else { return DtlsOutput::Timeout(never) };
        let output = dtls.poll_output(buf);
        match output {
            DtlsOutput::PeerCert(_) => shared.is_known = true,
            DtlsOutput::Connected => shared.is_connected = shared.is_known,
            _ => {}
        }
        output
    }

    fn send_application_data(&mut self, sctp: &[u8]) -> Result<usize, DtlsImplError> {
        // str0m's own SCTP has nobody to talk to.
        Ok(sctp.len())
    }

    fn set_active(&mut self, active: bool) {
        self.with((), |dtls| dtls.set_active(active));
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.with(Ok(()), |dtls| dtls.handle_packet(packet))
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        let mut shared = self.lock();
        match &mut shared.dtls {
            Some(dtls) => dtls.handle_timeout(now),
            None => Ok(()),
        }
    }

    fn is_active(&self) -> bool {
        self.with(false, |dtls| dtls.is_active())
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.with(None, |dtls| dtls.protocol_version())
    }

    fn is_closing(&self) -> bool {
        self.with(false, |dtls| dtls.is_closing())
    }

    fn is_closed(&self) -> bool {
        self.with(true, |dtls| dtls.is_closed())
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.with(Ok(()), |dtls| dtls.close())
    }
}

/// DTLS that is connected.
pub(super) struct Secure {
    dtls: Box<Dtls>,
    deadline: Instant,
    never: Instant,
}

/// What is in a datagram, or what DTLS has to say of its own.
pub(super) enum Opened<'a> {
    /// A packet of SCTP, whole and from the other side.
    Packet(&'a [u8]),
    /// A datagram to send.
    Datagram(&'a [u8]),
    /// The other side has closed it.
    Closed,
}

impl Secure {
    /// Where it writes, which the peers of an endpoint may share.
    pub(super) fn buffer() -> Vec<u8> {
        vec![0; BUFFER_BYTES]
    }

    /// Opens a datagram. Anyone can forge one: what cannot be opened is nothing (RFC 9147, section 4.5.2).
    pub(super) fn open(&mut self, datagram: &[u8], buffer: &mut [u8], on: impl FnMut(Opened<'_>)) {
        let result = self.dtls.handle_packet(datagram);
        self.poll(result, buffer, on);
    }

    /// Seals a packet of SCTP.
    pub(super) fn seal(&mut self, packet: &[u8], buffer: &mut [u8], on: impl FnMut(Opened<'_>)) {
        // What DTLS does not take is lost, and SCTP sends it again.
        let result = self.dtls.send_application_data(packet).map(|_accepted| ());
        self.poll(result, buffer, on);
    }

    /// When to call [`handle_timeout`](Secure::handle_timeout).
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, buffer: &mut [u8], on: impl FnMut(Opened<'_>)) {
        let result = self.dtls.handle_timeout(now);
        self.poll(result, buffer, on);
    }

    /// Tells the other side that it is over.
    pub(super) fn close(&mut self, buffer: &mut [u8], on: impl FnMut(Opened<'_>)) {
        let result = self.dtls.close();
        self.poll(result, buffer, on);
    }

    /// Gives what there is, without an input.
    pub(super) fn rest(&mut self, buffer: &mut [u8], on: impl FnMut(Opened<'_>)) {
        self.poll(Ok(()), buffer, on);
    }

    fn poll(&mut self, result: Result<(), DtlsImplError>, buffer: &mut [u8], mut on: impl FnMut(Opened<'_>)) {
        // dimpl has no errors but those that end it.
        if let Err(error) = result {
            tracing::info!(%error, "DTLS failed");
            self.deadline = self.never;
            return on(Opened::Closed);
        }
        loop {
            match self.dtls.poll_output(buffer) {
                DtlsOutput::ApplicationData(packet) => on(Opened::Packet(packet)),
                DtlsOutput::Packet(datagram) => on(Opened::Datagram(datagram)),
                DtlsOutput::CloseNotify => on(Opened::Closed),
                DtlsOutput::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
                DtlsOutput::BufferTooSmall { needed } => {
                    tracing::error!(needed, "a datagram longer than its buffer");
                    return on(Opened::Closed);
                }
                _ => {}
            }
        }
    }
}
