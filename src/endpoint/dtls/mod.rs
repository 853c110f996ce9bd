//! DTLS: str0m's own while it shakes hands, since it knows whose fingerprint to expect, and ours from then on.
//!
//! str0m lets its DTLS be replaced. What it is given here is the same (dimpl), kept where its owner can take it away once it is
//! connected ([`Handshake`]), with cryptography that hears the secrets ([`overheard`]). From then on [`records`] does DTLS 1.3, a
//! tenth of the instructions of dimpl's, and dimpl goes on with DTLS 1.2 ([`Secure`]).

mod handshake;
mod keys;
mod overheard;
mod provider;
mod records;
mod secure;
mod window;

pub(super) use handshake::Handshake;
pub(super) use provider::Provider;
pub(super) use secure::{Opened, Secure};

#[cfg(test)]
mod tests;
