//! The longest wait of a browser's SCTP before it sends again. Chromium, Firefox and Safari let their timer double to 3 s
//! (`max_timer_backoff_duration` in WebRTC), str0m lets it double to 60 s and cannot be told otherwise. So whatever
//! waits for that long without an acknowledgement is sent again here, between SCTP and DTLS.

use std::collections::VecDeque;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use str0m::config::DtlsVersion;
use str0m::crypto::dtls::{DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

const LONGEST: Duration = Duration::from_secs(3);

/// Of chunks (RFC 9260, section 3.2).
const DATA: u8 = 0;
const SACK: u8 = 3;
const UNORDERED: u8 = 4;

pub fn crypto() -> CryptoProvider {
    static BROWSERS: LazyLock<Browsers> = LazyLock::new(|| Browsers(from_feature_flags().dtls_provider));
    CryptoProvider { dtls_provider: &*BROWSERS, ..from_feature_flags() }
}

#[derive(Debug)]
struct Browsers(&'static dyn DtlsProvider);

impl DtlsProvider for Browsers {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.0.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(Backoff { inner, unacknowledged: VecDeque::new(), first_before: None, look_at: now }))
    }
}

struct Backoff {
    inner: Box<dyn DtlsInstance>,
    /// Packets with reliable data, and the number of the last such chunk of each.
    unacknowledged: VecDeque<(u32, Vec<u8>)>,
    /// The first of them when they were last looked at.
    first_before: Option<u32>,
    look_at: Instant,
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backoff")
    }
}

impl DtlsInstance for Backoff {
    fn send_application_data(&mut self, packet: &[u8]) -> Result<usize, DtlsImplError> {
        let taken = self.inner.send_application_data(packet)?;
        let reliable = chunks(packet).filter(|chunk| chunk[0] == DATA && chunk[1] & UNORDERED == 0).last();
        if let Some(chunk) = reliable.filter(|_| taken == packet.len()) {
            let tsn = u32::from_be_bytes(chunk[4..8].try_into().unwrap());
            match self.unacknowledged.iter_mut().find(|(known, _)| *known == tsn) {
                Some((_, known)) => *known = packet.to_vec(),
                None => self.unacknowledged.push_back((tsn, packet.to_vec())),
            }
        }
        Ok(taken)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        match self.inner.poll_output(buf) {
            DtlsOutput::ApplicationData(packet) => {
                chunks(packet)
                    .filter(|chunk| chunk[0] == SACK)
                    .for_each(|sack| acknowledge(&mut self.unacknowledged, sack));
                DtlsOutput::ApplicationData(packet)
            }
            DtlsOutput::Timeout(at) if !self.unacknowledged.is_empty() => DtlsOutput::Timeout(at.min(self.look_at)),
            other => other,
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        if self.look_at <= now {
            self.look_at = now + LONGEST;
            let first = self.unacknowledged.front();
            if let Some((_, packet)) = first.filter(|(tsn, _)| self.first_before == Some(*tsn)) {
                // A connection that is about to end takes nothing.
                let _ = self.inner.send_application_data(packet);
            }
            self.first_before = first.map(|(tsn, _)| *tsn);
        }
        self.inner.handle_timeout(now)
    }

    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
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

fn acknowledge(packets: &mut VecDeque<(u32, Vec<u8>)>, sack: &[u8]) {
    let offset = |at: usize| u32::from(u16::from_be_bytes([sack[at], sack[at + 1]]));
    let (cumulative, blocks) = (offset(4) << 16 | offset(6), offset(12) as usize);
    packets.retain(|(tsn, _)| {
        let after = tsn.wrapping_sub(cumulative);
        let is_in = |block: usize| (offset(16 + 4 * block)..=offset(18 + 4 * block)).contains(&after);
        // Numbers wrap: what is before it looks far ahead.
        after != 0 && after < 1 << 31 && !(0..blocks).any(is_in)
    });
}

/// The chunks of an SCTP packet of str0m or of ours, which are well formed.
fn chunks(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packet.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let chunk = rest.get(..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(chunk)
    })
}
