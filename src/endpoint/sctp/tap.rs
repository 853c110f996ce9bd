//! The one place that sees SCTP in the clear: between str0m's SCTP and its DTLS, which is made here.
//!
//! Two things about data channels cannot be said through str0m 0.25, so they are said here, packet by packet:
//!
//! - **Empty messages.** RFC 8831, section 6.6 sends one as a single zero byte with a payload protocol identifier of its
//!   own. `Channel::write(_, b"")` instead sends nothing, uses up a sequence number, and so ends an ordered channel for
//!   good. We write a secret mark in its place, and the tap turns the chunk that carries the mark into the RFC's form.
//!   Retransmissions pass here too and are turned the same way.
//! - **Stream ids.** sctp-proto keeps state for every stream id it hears of, up to 65,536, and str0m walks all of it on
//!   each poll. A packet with data for an id that no browser uses is dropped before it gets there.
//!
//! SCTP's packet is twelve bytes of header with a CRC-32C at offset 8, then chunks of type, flags and length, each padded
//! to four bytes (RFC 9260, section 3). A DATA chunk has TSN, stream id, stream sequence number and payload protocol
//! identifier before its data (section 3.3.1).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crc::{CRC_32_ISCSI, Crc};
use dimpl::Dtls;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use super::limits::STREAM_IDS_MAX;

/// When an unanswered DTLS flight is sent again, doubling each time. dimpl's 1 s is made for the open internet; a LAN
/// answers within 20 ms, and a lost ClientHello should not cost a person a second.
const FLIGHT_START_RTO: Duration = Duration::from_millis(100);

/// 100 ms doubled six times passes the 10 s that a peer has to open.
const FLIGHT_RETRIES: usize = 6;

/// What is written in place of an empty message: 128 random bits, so that no real message is taken for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct EmptyMark([u8; 16]);

impl EmptyMark {
    pub(super) fn new(random: [u8; 16]) -> EmptyMark {
        EmptyMark(random)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for EmptyMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmptyMark(secret)")
    }
}

/// str0m's crypto with the tap in its DTLS, for datagrams of at most `mtu` bytes. The provider's parts must be `'static`,
/// so each call leaks a few hundred bytes: call it once for an endpoint.
pub(super) fn tapped_crypto(mark: EmptyMark, mtu: usize) -> CryptoProvider {
    let config = dimpl::Config::builder()
        // ICE has proved that the browser receives at its address.
        .use_server_cookie(false)
        .mtu(mtu)
        .flight_start_rto(FLIGHT_START_RTO)
        .flight_retries(FLIGHT_RETRIES)
        .build()
        .expect("aws-lc-rs has every algorithm that DTLS needs");
    let provider = from_feature_flags();
    let tap = Tap { certificates: provider.dtls_provider, config: Arc::new(config), mark };
    CryptoProvider { dtls_provider: Box::leak(Box::new(tap)), ..provider }
}

/// Makes the DTLS of every peer. str0m's own provider builds a `dimpl::Config` for each, which tests all of its
/// cryptography anew: 1 ms of CPU, five times what the rest of a new peer costs.
struct Tap {
    certificates: &'static dyn DtlsProvider,
    config: Arc<dimpl::Config>,
    mark: EmptyMark,
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
        Ok(Box::new(TappedDtls { inner, mark: self.mark }))
    }
}

struct TappedDtls {
    inner: Dtls,
    mark: EmptyMark,
}

impl fmt::Debug for TappedDtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TappedDtls")
    }
}

impl DtlsInstance for TappedDtls {
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        match self.inner.poll_output(buf) {
            // Nothing at all is what SCTP ignores most quietly.
            DtlsOutput::ApplicationData(packet) if !streams_allowed(packet) => DtlsOutput::ApplicationData(&[]),
            output => output,
        }
    }

    fn send_application_data(&mut self, packet: &[u8]) -> Result<usize, DtlsImplError> {
        match with_empty_messages(packet, self.mark) {
            None => self.inner.send_application_data(packet),
            Some(turned) => {
                let accepted = self.inner.send_application_data(&turned)?;
                Ok(if accepted == turned.len() { packet.len() } else { 0 })
            }
        }
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

const HEADER_BYTES: usize = 12;
const CHECKSUM: std::ops::Range<usize> = 8..12;
const CHUNK_HEADER_BYTES: usize = 4;
const DATA: u8 = 0;
const DATA_HEADER_BYTES: usize = 16;

/// Payload protocol identifiers (RFC 8831, section 8).
const PPID_STRING: u32 = 51;
const PPID_BINARY: u32 = 53;
const PPID_STRING_EMPTY: u32 = 56;
const PPID_BINARY_EMPTY: u32 = 57;

/// The chunks of a packet, each without its padding; ends at the first that does not fit.
fn chunks(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packet.get(HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let chunk = rest.get(..length).filter(|chunk| chunk.len() >= CHUNK_HEADER_BYTES)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(chunk)
    })
}

fn streams_allowed(packet: &[u8]) -> bool {
    chunks(packet)
        .filter(|chunk| chunk[0] == DATA && chunk.len() >= DATA_HEADER_BYTES)
        .all(|data| u16::from_be_bytes([data[8], data[9]]) < STREAM_IDS_MAX)
}

/// The packet with every marked chunk in the RFC's form, or `None` if it has no mark.
fn with_empty_messages(packet: &[u8], mark: EmptyMark) -> Option<Vec<u8>> {
    let is_marked = |chunk: &[u8]| chunk[0] == DATA && chunk.get(DATA_HEADER_BYTES..) == Some(mark.bytes());
    if !chunks(packet).any(is_marked) {
        return None;
    }
    let mut turned = packet[..HEADER_BYTES].to_vec();
    for chunk in chunks(packet) {
        let start = turned.len();
        if is_marked(chunk) {
            turned.extend_from_slice(&chunk[..DATA_HEADER_BYTES]);
            turned.push(0);
            let length = u16::try_from(DATA_HEADER_BYTES + 1).expect("17 fits");
            turned[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
            let ppid = &mut turned[start + 12..start + 16];
            let empty = match u32::from_be_bytes([ppid[0], ppid[1], ppid[2], ppid[3]]) {
                PPID_STRING => PPID_STRING_EMPTY,
                PPID_BINARY => PPID_BINARY_EMPTY,
                other => other,
            };
            ppid.copy_from_slice(&empty.to_be_bytes());
        } else {
            turned.extend_from_slice(chunk);
        }
        turned.resize(turned.len().next_multiple_of(4), 0);
    }
    // RFC 9260, appendix A: computed with the field zero, stored least significant byte first.
    turned[CHECKSUM].fill(0);
    let checksum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&turned);
    turned[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    Some(turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: EmptyMark = EmptyMark([7; 16]);

    fn data_chunk(stream: u16, ppid: u32, data: &[u8]) -> Vec<u8> {
        let mut chunk = vec![DATA, 3];
        chunk.extend_from_slice(&((DATA_HEADER_BYTES + data.len()) as u16).to_be_bytes());
        chunk.extend_from_slice(&9_u32.to_be_bytes());
        chunk.extend_from_slice(&stream.to_be_bytes());
        chunk.extend_from_slice(&4_u16.to_be_bytes());
        chunk.extend_from_slice(&ppid.to_be_bytes());
        chunk.extend_from_slice(data);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    fn packet(chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut packet = vec![0x13, 0x88, 0x13, 0x88, 1, 2, 3, 4, 0, 0, 0, 0];
        packet.extend(chunks.concat());
        let checksum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&packet);
        packet[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        packet
    }

    #[test]
    fn a_marked_chunk_becomes_an_empty_message() {
        let before = packet(&[
            data_chunk(0, PPID_BINARY, b"left alone"),
            data_chunk(0, PPID_STRING, MARK.bytes()),
            data_chunk(1, PPID_BINARY, MARK.bytes()),
        ]);
        let after = packet(&[
            data_chunk(0, PPID_BINARY, b"left alone"),
            data_chunk(0, PPID_STRING_EMPTY, &[0]),
            data_chunk(1, PPID_BINARY_EMPTY, &[0]),
        ]);
        assert_eq!(with_empty_messages(&before, MARK), Some(after));
    }

    #[test]
    fn other_packets_pass_untouched() {
        let longer = [MARK.bytes(), &[0]].concat();
        let plain = packet(&[data_chunk(0, PPID_BINARY, &longer), data_chunk(0, PPID_BINARY, &[7; 15])]);
        assert_eq!(with_empty_messages(&plain, MARK), None);
        for cut in 0..plain.len() {
            assert_eq!(with_empty_messages(&plain[..cut], MARK), None);
        }
    }

    #[test]
    fn data_for_a_far_stream_is_not_let_in() {
        assert!(streams_allowed(&packet(&[data_chunk(STREAM_IDS_MAX - 1, PPID_BINARY, b"x")])));
        let far = packet(&[data_chunk(0, PPID_BINARY, b"x"), data_chunk(STREAM_IDS_MAX, PPID_BINARY, b"x")]);
        assert!(!streams_allowed(&far));
        assert!(streams_allowed(&[]), "what is not SCTP is for SCTP to refuse");
    }

    #[test]
    fn a_chunk_of_no_length_ends_the_walk() {
        let mut broken = packet(&[data_chunk(0, PPID_BINARY, b"x")]);
        broken[HEADER_BYTES + 2..HEADER_BYTES + 4].fill(0);
        assert_eq!(chunks(&broken).count(), 0);
    }
}
