//! The secrets of DTLS 1.3, which dimpl tells nobody: heard where it asks for cryptography.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use dimpl::CryptoError;
use dimpl::crypto::aws_lc_rs::default_provider;
use dimpl::crypto::{
    Aad, Buf, Cipher, CryptoProvider, Dtls13CipherSuite, HashAlgorithm, HmacProvider, Nonce,
    SupportedDtls13CipherSuite, TmpBuf,
};

use super::keys::Secret;

/// A content type (RFC 9147, section 4.1).
const HANDSHAKE: u8 = 22;

/// What has been heard of one handshake.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Of the flight of the client (RFC 8446, section 7.1).
    pub(super) client_handshake: Option<Secret>,
    /// Of what the client sends from then on.
    pub(super) client: Option<Secret>,
    pub(super) server: Option<Secret>,
    /// The number of our next handshake message (RFC 9147, section 5.2).
    pub(super) next_message: u16,
}

impl Heard {
    pub(super) fn add(&mut self, more: Heard) {
        let Heard { client_handshake, client, server, next_message } = more;
        self.client_handshake = client_handshake.or(self.client_handshake.take());
        self.client = client.or(self.client.take());
        self.server = server.or(self.server.take());
        self.next_message = self.next_message.max(next_message);
    }
}

/// What the DTLS of all peers of an endpoint says to its cryptography. They speak one at a time.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<Mutex<Heard>>);

impl Ear {
    /// dimpl's own cryptography with this ear. ChaCha20 is left out: whoever has it has AES too, and prefers it on nearly all that
    /// there is. Leaks what it consists of.
    pub(super) fn leak(&self) -> CryptoProvider {
        let provider = default_provider();
        let suites = provider.dtls13_cipher_suites.iter().copied().filter(|suite| {
            [Dtls13CipherSuite::AES_128_GCM_SHA256, Dtls13CipherSuite::AES_256_GCM_SHA384].contains(&suite.suite())
        });
        let suites = suites.map(|inner| -> &'static dyn SupportedDtls13CipherSuite {
            Box::leak(Box::new(Suite { inner, ear: self.clone() }))
        });
        CryptoProvider {
            hmac_provider: Box::leak(Box::new(Hmac { inner: provider.hmac_provider, ear: self.clone() })),
            dtls13_cipher_suites: Box::leak(suites.collect()),
            ..provider
        }
    }

    /// What has been heard since it was last asked.
    pub(super) fn take(&self) -> Heard {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, note: impl FnOnce(&mut Heard)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}

#[derive(Debug)]
struct Hmac {
    inner: &'static dyn HmacProvider,
    ear: Ear,
}

impl HmacProvider for Hmac {
    fn hmac(&self, hash: HashAlgorithm, key: &[u8], data: &[u8], out: &mut [u8]) -> Result<usize, CryptoError> {
        let length = self.inner.hmac(hash, key, data, out)?;
        // A secret is the one block of an HKDF-Expand, whose input begins with length and label (RFC 8446, section 7.1).
        if let Some((_, label)) = data.split_at_checked(3) {
            let secret = out.get(..length).and_then(Secret::new);
            if label.starts_with(b"dtls13c hs traffic") {
                self.ear.note(|heard| heard.client_handshake = secret);
            } else if label.starts_with(b"dtls13c ap traffic") {
                self.ear.note(|heard| heard.client = secret);
            } else if label.starts_with(b"dtls13s ap traffic") {
                self.ear.note(|heard| heard.server = secret);
            }
        }
        Ok(length)
    }
}

#[derive(Debug)]
struct Suite {
    inner: &'static dyn SupportedDtls13CipherSuite,
    ear: Ear,
}

impl SupportedDtls13CipherSuite for Suite {
    fn suite(&self) -> Dtls13CipherSuite {
        self.inner.suite()
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.inner.hash_algorithm()
    }

    fn key_len(&self) -> usize {
        self.inner.key_len()
    }

    fn iv_len(&self) -> usize {
        self.inner.iv_len()
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn create_cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        let inner = self.inner.create_cipher(key)?;
        Ok(Box::new(Numbering { inner, ear: self.ear.clone() }))
    }

    fn encrypt_sn(&self, sn_key: &[u8], sample: &[u8; 16]) -> [u8; 16] {
        self.inner.encrypt_sn(sn_key, sample)
    }
}

/// A cipher that hears the numbers of our handshake messages.
#[derive(Debug)]
struct Numbering {
    inner: Box<dyn Cipher>,
    ear: Ear,
}

impl Cipher for Numbering {
    fn encrypt(&mut self, plaintext: &mut Buf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        // Type and length, then the number (RFC 9147, section 5.2); the content type is last.
        if let [_, _, _, _, high, low, .., HANDSHAKE] = plaintext.as_ref() {
            let next = u16::from_be_bytes([*high, *low]).saturating_add(1);
            self.ear.note(|heard| heard.next_message = heard.next_message.max(next));
        }
        self.inner.encrypt(plaintext, aad, nonce)
    }

    fn decrypt(&mut self, ciphertext: &mut TmpBuf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        self.inner.decrypt(ciphertext, aad, nonce)
    }
}
