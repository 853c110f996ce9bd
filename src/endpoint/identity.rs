//! What every `Rtc` of an endpoint shares (certificate, crypto, settings), and the ICE credentials that none shares.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use str0m::config::DtlsVersion;
use str0m::{DATAGRAM_MTU_TARGET, IceCreds, Rtc, RtcConfig};

use super::dtls::{Handshake, Provider};
use super::sctp::Nonces;
use crate::signal::MESSAGE_BYTES_MAX;

/// Characters of a ufrag. It is how a first datagram finds its peer, so it must be unique: 6 bits each, 96 in all.
const UFRAG_CHARS: usize = 16;

/// Characters of an ICE password: 144 bits, above the 128 of RFC 8839, section 5.4.
const PASSWORD_CHARS: usize = 24;

const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Between ICE's checks of a connection that works, as RFC 7675, section 5.1, has it, and at most between those that are not
/// answered. str0m's own 3 s cost 1,000 peers one datagram in a hundred more.
const CHECK_EVERY: Duration = Duration::from_secs(4);

/// So many in a row end a connection from which no check came for 15 s either: after 20 to 24 s of silence if nothing was lost
/// before.
const CHECKS_UNANSWERED_MAX: usize = 7;

#[derive(Debug)]
pub(super) struct Identity {
    config: RtcConfig,
    provider: &'static Provider,
    // ChaCha12: str0m's own credentials come from `fastrand`, which is not for secrets.
    rng: StdRng,
}

impl Identity {
    pub(super) fn new(seed: [u8; 32]) -> Identity {
        let provider = Provider::leak(DATAGRAM_MTU_TARGET);
        let crypto = provider.crypto();
        // One certificate for all: set-up is cheaper, and Firefox dislikes many with one issuer and serial.
        let certificate =
            crypto.dtls_provider.generate_certificate().expect("aws-lc-rs generates certificates without input");
        let mut config = RtcConfig::new()
            .set_crypto_provider(crypto.into())
            .set_dtls_cert(certificate)
            .set_dtls_version(DtlsVersion::Auto)
            .clear_codecs()
            .set_sctp_max_message_size(MESSAGE_BYTES_MAX as u32);
        config.set_max_stun_rto(CHECK_EVERY);
        config.set_max_stun_retransmits(CHECKS_UNANSWERED_MAX);
        Identity { config, provider, rng: StdRng::from_seed(seed) }
    }

    /// What an SCTP association draws at random.
    pub(super) fn nonces(&mut self) -> Nonces {
        Nonces::new(&mut self.rng)
    }

    /// A new `Rtc`, the handle of its DTLS, and the ufrag by which the browser's first datagram will name it.
    pub(super) fn rtc(&mut self, now: Instant) -> (Box<Rtc>, Handshake, String) {
        let credentials = IceCreds { ufrag: self.ice_string(UFRAG_CHARS), pass: self.ice_string(PASSWORD_CHARS) };
        let ufrag = credentials.ufrag.clone();
        let rtc = self.config.clone().set_local_ice_credentials(credentials).build(now);
        let handshake = self.provider.take_handshake().expect("an `Rtc` makes its DTLS while it is built");
        // About 10 KB, which nobody should move around.
        (Box::new(rtc), handshake, ufrag)
    }

    /// A secret for a token, of as many bits as an ICE password.
    pub(super) fn secret(&mut self) -> String {
        self.ice_string(PASSWORD_CHARS)
    }

    fn ice_string(&mut self, chars: usize) -> String {
        (0..chars).map(|_| char::from(ICE_CHARS[self.rng.random_range(0..ICE_CHARS.len())])).collect()
    }
}
