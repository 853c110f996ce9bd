//! STUN as a sender writes it (RFC 8489, section 5), with attributes that nobody has to understand.

use str0m::crypto::from_feature_flags;
use str0m::ice::StunMessage;

/// A sender's credentials on one path: `ours:theirs` of the receiver, and the receiver's password.
#[derive(Default)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

impl Credentials {
    /// A message whose integrity holds, with these bytes as its attributes between the username and the integrity.
    pub(super) fn message(&self, kind: u16, attributes: &[u8]) -> Vec<u8> {
        let mut message = [&kind.to_be_bytes()[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], &[7; 12]].concat();
        put(&mut message, 0x0006, self.username.as_bytes());
        message.extend_from_slice(attributes);
        message.resize(message.len().next_multiple_of(4), 0);
        // The integrity covers a length that counts itself (section 14.5).
        set_length(&mut message, 24);
        let hmac = hmac(self.password.as_bytes(), &[&message]);
        put(&mut message, 0x0008, &hmac);
        message
    }
}

/// Whether the bytes are a message that knows one of these passwords.
pub(super) fn knows(datagram: &[u8], passwords: &[String]) -> bool {
    StunMessage::parse(datagram)
        .is_ok_and(|message| passwords.iter().any(|password| message.verify(password.as_bytes(), hmac)))
}

fn put(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn set_length(message: &mut [u8], to_come: usize) {
    let length = u16::try_from(message.len() - 20 + to_come).expect("a datagram");
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    from_feature_flags().sha1_hmac_provider.sha1_hmac(key, parts)
}
