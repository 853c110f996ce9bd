//! The DTLS of one peer until it is connected.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dimpl::Dtls;
use str0m::crypto::dtls::{DtlsImplError, DtlsInstance, DtlsOutput, ProtocolVersion};

use super::overheard::{Ear, Heard};
use super::records::Records;
use super::secure::Secure;

/// For str0m, which has nothing more to do with it: longer than any connection.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The DTLS of one peer until it is connected, between its `Rtc` and its owner, both on one thread.
#[derive(Clone)]
pub(in crate::endpoint) struct Handshake(Arc<Mutex<Shared>>);

struct Shared {
    dtls: Option<Box<Dtls>>,
    /// str0m has been given the certificate of the other side, whose fingerprint it compares.
    is_known: bool,
    is_connected: bool,
    asks_path: bool,
    ear: Ear,
    heard: Heard,
    never: Instant,
}

impl Handshake {
    /// What a datagram that is no DTLS begins with (RFC 7983): none of these leaves.
    const QUESTION: [u8; 1] = [0xff];

    pub(super) fn new(dtls: Box<Dtls>, ear: Ear, now: Instant) -> Handshake {
        let shared = Shared {
            dtls: Some(dtls),
            is_known: false,
            is_connected: false,
            asks_path: false,
            ear,
            heard: Heard::default(),
            never: now + NEVER,
        };
        Handshake(Arc::new(Mutex::new(shared)))
    }

    /// The DTLS, once it is connected; once.
    pub(in crate::endpoint) fn take(&self) -> Option<Secure> {
        let mut shared = self.lock();
        let dtls = if shared.is_connected { shared.dtls.take() } else { None }?;
        let is_new = dtls.protocol_version() == Some(ProtocolVersion::DTLS1_3);
        let heard = std::mem::take(&mut shared.heard);
        let records = if is_new { Records::new(&heard, dtls.is_active()) } else { None };
        Some(Secure::new(dtls, records, shared.never))
    }

    /// The `Rtc` is to show where it would send to now, which str0m tells nobody: a datagram that is the
    /// [question](Handshake::is_question) has the addresses.
    pub(in crate::endpoint) fn ask_path(&self) {
        self.lock().asks_path = true;
    }

    pub(in crate::endpoint) fn is_question(datagram: &[u8]) -> bool {
        datagram == Handshake::QUESTION
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic in here has ended the peer, whose DTLS is about to be dropped.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, without: T, ask: impl FnOnce(&mut Dtls) -> T) -> T {
        let Shared { dtls, ear, heard, .. } = &mut *self.lock();
        let Some(dtls) = dtls else { return without };
        // What is still there is another's, which ended in the midst of it.
        drop(ear.take());
        let answer = ask(dtls);
        heard.add(ear.take());
        answer
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
        self.with(Ok(()), |dtls| dtls.handle_timeout(now))
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
