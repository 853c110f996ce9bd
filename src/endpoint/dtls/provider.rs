//! Makes the DTLS of every peer, in str0m's place.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dimpl::Dtls;
use str0m::crypto::dtls::{DtlsCert, DtlsInstance, DtlsProvider, DtlsVersion};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use super::handshake::Handshake;
use super::overheard::Ear;

/// When an unanswered DTLS flight is sent again, doubling each time. dimpl's 1 s is made for the open internet; a LAN
/// answers within 20 ms, and a lost ClientHello should not cost a person a second.
const FLIGHT_START_RTO: Duration = Duration::from_millis(100);

/// 100 ms doubled six times passes the 10 s that a peer has to open.
const FLIGHT_RETRIES: usize = 6;

/// Makes the DTLS of every peer of an endpoint. str0m's own provider builds a `dimpl::Config` for each, which tests all of
/// its cryptography anew: 1 ms of CPU, twenty times what the rest of a new peer costs.
pub(in crate::endpoint) struct Provider {
    certificates: &'static dyn DtlsProvider,
    config: Arc<dimpl::Config>,
    ear: Ear,
    /// An `Rtc` keeps its DTLS to itself, so the handle of the newest waits here for its peer.
    newest: Mutex<Option<Handshake>>,
}

impl Provider {
    /// For datagrams of at most `mtu` bytes. What a `CryptoProvider` refers to must be `'static`, so each call leaks a few
    /// hundred bytes: call it once for an endpoint.
    pub(in crate::endpoint) fn leak(mtu: usize) -> &'static Provider {
        let ear = Ear::default();
        let config = dimpl::Config::builder()
            .with_crypto_provider(ear.leak())
            // ICE has proved that the browser receives at its address.
            .use_server_cookie(false)
            .mtu(mtu)
            .flight_start_rto(FLIGHT_START_RTO)
            .flight_retries(FLIGHT_RETRIES)
            .build()
            .expect("aws-lc-rs has every algorithm that DTLS needs");
        let certificates = from_feature_flags().dtls_provider;
        Box::leak(Box::new(Provider { certificates, config: Arc::new(config), ear, newest: Mutex::default() }))
    }

    /// str0m's crypto with this DTLS.
    pub(in crate::endpoint) fn crypto(&'static self) -> CryptoProvider {
        CryptoProvider { dtls_provider: self, ..from_feature_flags() }
    }

    /// That of the `Rtc` that was built last; once.
    pub(in crate::endpoint) fn take_handshake(&self) -> Option<Handshake> {
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
        let handshake = Handshake::new(dtls, self.ear.clone(), now);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(handshake.clone());
        Ok(Box::new(handshake))
    }
}
