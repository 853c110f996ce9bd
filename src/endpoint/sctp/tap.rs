//! The tap: str0m's DTLS, made here, with every SCTP packet in the clear before it is sealed and after it is opened.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dimpl::Dtls;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use super::empty::EmptyMark;
use super::last_words::End;
use super::leaving::Leaving;
use super::packet::{Data, Sack, chunks, data_with_immediate_sack, is_abort, is_cookie, is_init, packet};
use super::wire::Wire;
use crate::endpoint::limits::STREAM_IDS_MAX;

/// When an unanswered DTLS flight is sent again, doubling each time. dimpl's 1 s is made for the open internet; a LAN
/// answers within 20 ms, and a lost ClientHello should not cost a person a second.
const FLIGHT_START_RTO: Duration = Duration::from_millis(100);

/// 100 ms doubled six times passes the 10 s that a peer has to open.
const FLIGHT_RETRIES: usize = 6;

/// A packet of ours up to this many bytes has room for an acknowledgement beside its data.
const RIDDEN_BYTES_MAX: usize = 1024;

/// Makes the DTLS of every peer of an endpoint. str0m's own provider builds a `dimpl::Config` for each, which tests all of
/// its cryptography anew: 1 ms of CPU, twenty times what the rest of a new peer costs.
pub(in crate::endpoint) struct Tap {
    certificates: &'static dyn DtlsProvider,
    config: Arc<dimpl::Config>,
    mark: EmptyMark,
    /// An `Rtc` keeps its DTLS to itself, so the wire of the newest waits here for its peer.
    newest: Mutex<Option<SharedWire>>,
    opened: Arc<Mutex<Vec<u8>>>,
}

/// One peer's wire, between its `Rtc` and its owner, both on one thread.
#[derive(Debug, Clone)]
pub(in crate::endpoint) struct SharedWire(Arc<Mutex<Wire>>);

impl SharedWire {
    fn new(now: Instant) -> SharedWire {
        SharedWire(Arc::new(Mutex::new(Wire::new(now))))
    }

    pub(in crate::endpoint) fn lock(&self) -> MutexGuard<'_, Wire> {
        // A panic in here has ended the peer; its wire may be half changed and is about to be dropped.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// For datagrams of at most `mtu` bytes. What a `CryptoProvider` refers to must be `'static`, so each call leaks a few
    /// hundred bytes: call it once for an endpoint.
    pub(in crate::endpoint) fn leak(mark: EmptyMark, mtu: usize) -> &'static Tap {
        let config = dimpl::Config::builder()
            // ICE has proved that the browser receives at its address.
            .use_server_cookie(false)
            .mtu(mtu)
            .flight_start_rto(FLIGHT_START_RTO)
            .flight_retries(FLIGHT_RETRIES)
            .build()
            .expect("aws-lc-rs has every algorithm that DTLS needs");
        let certificates = from_feature_flags().dtls_provider;
        Box::leak(Box::new(Tap {
            certificates,
            config: Arc::new(config),
            mark,
            newest: Mutex::default(),
            opened: Arc::default(),
        }))
    }

    /// str0m's crypto with the tap in its DTLS.
    pub(in crate::endpoint) fn crypto(&'static self) -> CryptoProvider {
        CryptoProvider { dtls_provider: self, ..from_feature_flags() }
    }

    /// The wire of the `Rtc` that was built last; once.
    pub(in crate::endpoint) fn take_wire(&self, now: Instant) -> SharedWire {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).take();
        newest.unwrap_or_else(|| SharedWire::new(now))
    }
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
        version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        if version != DtlsVersion::Auto {
            return Err(CryptoError::Other(format!("{version} was not asked for")));
        }
        let inner = Dtls::new_auto(Arc::clone(&self.config), certificate.clone(), now);
        let wire = SharedWire::new(now);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(wire.clone());
        Ok(Box::new(TappedDtls { inner, wire, mark: self.mark, opened: Arc::clone(&self.opened) }))
    }
}

struct TappedDtls {
    inner: Dtls,
    wire: SharedWire,
    mark: EmptyMark,
    /// Where DTLS puts what it has, before it is what SCTP may see. The peers of an endpoint take turns.
    opened: Arc<Mutex<Vec<u8>>>,
}

impl TappedDtls {
    /// A packet of ours as it goes onto the wire; `None` for an acknowledgement that waits.
    fn leave<'a>(&self, sctp: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let mut wire = self.wire.lock();
        if let Some((chunk, sack)) = lone_sack(sctp) {
            return (!wire.keep_sack(chunk, &sack)).then_some(sctp.into());
        }
        let data = || chunks(sctp).filter_map(Data::read);
        if data().next().is_none() {
            return Some(sctp.into());
        }
        let asks = |data: &Data<'_>| data.is_ending && !data.is_unordered;
        let riding = if sctp.len() <= RIDDEN_BYTES_MAX { wire.held_sack.take() } else { None };
        let is_changed = riding.is_some() || data().any(|data| asks(&data) || self.mark.marks(&data));
        let turned = |chunk: &'a [u8]| match Data::read(chunk) {
            Some(data) if asks(&data) => data_with_immediate_sack(&self.mark.turn(chunk)).into(),
            _ => self.mark.turn(chunk),
        };
        let left: Cow<'a, [u8]> = match is_changed {
            true => packet(sctp, riding.map(Cow::Owned).into_iter().chain(chunks(sctp).map(turned))).into(),
            false => sctp.into(),
        };
        wire.sends(&left, data().map(Leaving::of));
        Some(left)
    }
}

/// The acknowledgement that a packet is, if it is nothing else.
fn lone_sack(sctp: &[u8]) -> Option<(&[u8], Sack)> {
    let mut chunks = chunks(sctp);
    let chunk = chunks.next()?;
    Some((chunk, Sack::read(chunk)?)).filter(|_| chunks.next().is_none())
}

/// A packet of the browser as SCTP may see it, in at most `room` bytes: a SACK with what is forgiven among holes that are not
/// has more blocks than before. Nothing at all is what SCTP ignores most quietly.
fn arrive<'a>(wire: &SharedWire, sctp: &'a [u8], room: usize) -> Cow<'a, [u8]> {
    let mut wire = wire.lock();
    wire.heard();
    for chunk in chunks(sctp) {
        let is_far = Data::read(chunk).is_some_and(|data| data.stream >= STREAM_IDS_MAX);
        // Both sides begin, and a first packet that was overtaken comes late: sctp-proto (0.10) would end the association for
        // it, which goes on (RFC 9260, section 5.2.2).
        if is_far || (is_init(chunk) && wire.has_begun()) {
            return Cow::Borrowed(&[]);
        }
    }
    let mut changed: Vec<(usize, Sack)> = Vec::new();
    for (place, chunk) in chunks(sctp).enumerate() {
        if is_cookie(chunk) {
            wire.begins();
        }
        if let Some(data) = Data::read(chunk) {
            let now = wire.now();
            wire.held_sack.note_arrived(now, &data);
        }
        if let Some(sack) = Sack::read(chunk).and_then(|sack| wire.acknowledged(&sack)) {
            changed.push((place, sack));
        }
    }
    if changed.is_empty() {
        return sctp.into();
    }
    let seen = chunks(sctp).enumerate().map(|(place, chunk)| {
        let sack = changed.iter().find(|(changed, _)| *changed == place);
        sack.map_or(chunk.into(), |(_, sack)| sack.to_chunk().into())
    });
    let changed = packet(sctp, seen);
    if changed.len() <= room { changed.into() } else { sctp.into() }
}

impl fmt::Debug for TappedDtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TappedDtls")
    }
}

impl DtlsInstance for TappedDtls {
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        // What does not go out now is a probe, and there will be another.
        while let Some(packet) = self.wire.lock().poll_transmit() {
            let _ = self.inner.send_application_data(&packet);
        }
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let room = buf.len();
        opened.resize(room, 0);
        let mut fill = |bytes: &[u8]| {
            buf[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        };
        let end = self.wire.lock().last_words.take();
        match end {
            Some(End::Close) => return DtlsOutput::CloseNotify,
            Some(End::Abort(sctp)) => {
                let length = fill(&sctp);
                return DtlsOutput::ApplicationData(&buf[..length]);
            }
            None => {}
        }
        loop {
            return match self.inner.poll_output(&mut opened) {
                DtlsOutput::ApplicationData(sctp) if chunks(sctp).any(is_abort) => {
                    self.wire.lock().last_words.hold(End::Abort(sctp.to_vec()));
                    continue;
                }
                DtlsOutput::CloseNotify => {
                    self.wire.lock().last_words.hold(End::Close);
                    continue;
                }
                DtlsOutput::ApplicationData(sctp) => {
                    let length = fill(&arrive(&self.wire, sctp, room));
                    DtlsOutput::ApplicationData(&buf[..length])
                }
                DtlsOutput::Packet(bytes) => {
                    let length = fill(bytes);
                    DtlsOutput::Packet(&buf[..length])
                }
                DtlsOutput::PeerCert(bytes) => {
                    let length = fill(bytes);
                    DtlsOutput::PeerCert(&buf[..length])
                }
                DtlsOutput::BufferTooSmall { needed } => DtlsOutput::BufferTooSmall { needed },
                DtlsOutput::Timeout(at) => DtlsOutput::Timeout(at),
                DtlsOutput::Connected => DtlsOutput::Connected,
                DtlsOutput::KeyingMaterial(keys, profile) => DtlsOutput::KeyingMaterial(keys, profile),
                // Nothing that this version of dimpl says; str0m ends the peer with an error.
                _ => DtlsOutput::BufferTooSmall { needed: 0 },
            };
        }
    }

    fn send_application_data(&mut self, sctp: &[u8]) -> Result<usize, DtlsImplError> {
        let Some(leaving) = self.leave(sctp) else { return Ok(sctp.len()) };
        let accepted = self.inner.send_application_data(&leaving)?;
        Ok(if accepted == leaving.len() { sctp.len() } else { 0 })
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

#[cfg(test)]
mod tests {
    use super::super::packet::Tsn;
    use super::super::packet::build::{data, packet_of};
    use super::*;

    const ROOM: usize = 2000;

    #[test]
    fn data_for_a_far_stream_is_not_let_in() {
        let wire = SharedWire::new(Instant::now());
        let near = packet_of(&[data(1, STREAM_IDS_MAX - 1, 3, 53, b"x")]);
        assert_eq!(*arrive(&wire, &near, ROOM), near[..]);
        let far = packet_of(&[data(1, 0, 3, 53, b"x"), data(2, STREAM_IDS_MAX, 3, 53, b"x")]);
        assert!(arrive(&wire, &far, ROOM).is_empty());
        assert!(arrive(&wire, &[], ROOM).is_empty());
        assert_eq!(*arrive(&wire, b"not SCTP", ROOM), b"not SCTP"[..], "what is not SCTP is for SCTP to refuse");
    }

    #[test]
    fn a_first_packet_that_comes_late_is_not_let_in() {
        let wire = SharedWire::new(Instant::now());
        let (init, cookie_ack) = (packet_of(&[vec![1, 0, 0, 4]]), packet_of(&[vec![11, 0, 0, 4]]));
        assert_eq!(*arrive(&wire, &init, ROOM), init[..]);
        assert_eq!(*arrive(&wire, &cookie_ack, ROOM), cookie_ack[..]);
        assert!(arrive(&wire, &init, ROOM).is_empty());
    }

    #[test]
    fn a_sack_that_grows_is_whole_or_as_it_was() {
        let sack = Sack { cumulative: Tsn(0), window: 1 << 20, blocks: vec![(4, 4)] };
        let came = packet_of(&[sack.to_chunk(), data(1, 0, 3, 53, b"x")]);
        // Of what is out, 1 and 3 are unreliable and 2 is not; 4 has arrived.
        let seen = |room: usize| {
            let wire = SharedWire::new(Instant::now());
            for tsn in 1..=4 {
                let leaving = Leaving { tsn: Tsn(tsn), is_unordered: tsn != 2, bytes: 1 };
                wire.lock().sends(&packet_of(&[data(tsn, 0, 3, 53, b"x")]), [leaving].into_iter());
            }
            arrive(&wire, &came, room).into_owned()
        };
        let expected = Sack { blocks: vec![(1, 1), (3, 4)], ..sack };
        assert_eq!(seen(ROOM), packet_of(&[expected.to_chunk(), data(1, 0, 3, 53, b"x")]));
        assert_eq!(seen(came.len()), came);
    }
}
