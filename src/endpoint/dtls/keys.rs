//! What protects the records of one epoch in one direction (RFC 9147, section 4).

use std::fmt;

use ring::aead::quic::{self, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, HKDF_SHA384, KeyType, Prk};

/// Of the header that we write: flags, the low 16 bits of the number, and the length (section 4).
const HEADER_BYTES: usize = 5;

/// The same, as flags: a number of 16 bits and a length are present.
const HEADER_FLAGS: u8 = 0b0010_1100;

const TAG_BYTES: usize = 16;

/// Of SHA-256, which comes with AES-128, and of SHA-384 with AES-256 (RFC 8446, section B.4).
const SECRET_BYTES: [usize; 2] = [32, 48];

/// A traffic secret (RFC 8446, section 7.1).
#[derive(Clone)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    /// `None` for a length that none has.
    pub(super) fn new(bytes: &[u8]) -> Option<Secret> {
        SECRET_BYTES.contains(&bytes.len()).then(|| Secret(bytes.to_vec()))
    }

    /// HKDF-Expand-Label without a context (RFC 8446, section 7.1; RFC 9147, section 5.9).
    fn expand(&self, label: &str, out: &mut [u8]) -> Option<()> {
        let algorithm = if self.0.len() == SECRET_BYTES[0] { HKDF_SHA256 } else { HKDF_SHA384 };
        let length = u16::try_from(out.len()).ok()?.to_be_bytes();
        let label_length = [u8::try_from("dtls13".len() + label.len()).ok()?];
        let info: [&[u8]; 5] = [&length, &label_length, b"dtls13", label.as_bytes(), &[0]];
        Prk::new_less_safe(algorithm, &self.0).expand(&info, Length(out.len())).ok()?.fill(out).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

pub(super) struct Keys {
    secret: Secret,
    aead: LessSafeKey,
    iv: [u8; NONCE_LEN],
    mask: HeaderProtectionKey,
}

/// The outside of a record, and where it is in its datagram.
pub(super) struct Header {
    header_bytes: usize,
    number_bytes: usize,
    /// Of all of it.
    pub(super) record_bytes: usize,
    /// The last two bits of its epoch.
    pub(super) epoch_bits: u64,
}

impl Header {
    /// `None` for what is not protected, is cut off, or has a connection id, of which none was agreed.
    pub(super) fn read(datagram: &[u8]) -> Option<Header> {
        let flags = *datagram.first()?;
        if flags & 0b1111_0000 != 0b0010_0000 {
            return None;
        }
        let number_bytes = if flags & 0b1000 == 0 { 1 } else { 2 };
        let (header_bytes, record_bytes) = if flags & 0b100 == 0 {
            (1 + number_bytes, datagram.len())
        } else {
            let length = datagram.get(1 + number_bytes..)?.first_chunk().map(|length| u16::from_be_bytes(*length))?;
            (3 + number_bytes, 3 + number_bytes + usize::from(length))
        };
        let is_whole = record_bytes <= datagram.len() && record_bytes >= header_bytes + TAG_BYTES;
        is_whole.then_some(Header { header_bytes, number_bytes, record_bytes, epoch_bits: u64::from(flags & 0b11) })
    }
}

impl Keys {
    /// `None` if the cryptography refuses, which it has no reason to.
    pub(super) fn new(secret: Secret) -> Option<Keys> {
        let (aes, mask) = if secret.0.len() == SECRET_BYTES[0] {
            (&AES_128_GCM, &quic::AES_128)
        } else {
            (&AES_256_GCM, &quic::AES_256)
        };
        let mut key = [0; 32];
        let key = &mut key[..aes.key_len()];
        secret.expand("key", key)?;
        let aead = LessSafeKey::new(UnboundKey::new(aes, key).ok()?);
        secret.expand("sn", key)?;
        let mask = HeaderProtectionKey::new(mask, key).ok()?;
        let mut iv = [0; NONCE_LEN];
        secret.expand("iv", &mut iv)?;
        Some(Keys { secret, aead, iv, mask })
    }

    /// Those of the next epoch (RFC 8446, section 7.2).
    pub(super) fn next(&self) -> Option<Keys> {
        let mut next = vec![0; self.secret.0.len()];
        self.secret.expand("traffic upd", &mut next)?;
        Keys::new(Secret(next))
    }

    /// A record with this number, which no other may have, its content, and of what type that is.
    pub(super) fn seal(&self, epoch: u64, number: u64, content_type: u8, content: &[u8]) -> Option<Vec<u8>> {
        let sealed_bytes = content.len() + 1 + TAG_BYTES;
        let mut record = Vec::with_capacity(HEADER_BYTES + sealed_bytes);
        record.push(HEADER_FLAGS | (epoch & 0b11) as u8);
        record.extend_from_slice(&(number as u16).to_be_bytes());
        record.extend_from_slice(&u16::try_from(sealed_bytes).ok()?.to_be_bytes());
        record.extend_from_slice(content);
        record.push(content_type);
        let (header, body) = record.split_at_mut(HEADER_BYTES);
        let tag = self.aead.seal_in_place_separate_tag(self.nonce(number), Aad::from(&*header), body).ok()?;
        record.extend_from_slice(tag.as_ref());
        let (header, body) = record.split_at_mut(HEADER_BYTES);
        self.mask(&mut header[1..3], body)?;
        Some(record)
    }

    /// Shows the low bits of the number of a record, and how many they are.
    pub(super) fn unmask(&self, header: &Header, record: &mut [u8]) -> Option<(u64, u32)> {
        let (outside, body) = record.split_at_mut(header.header_bytes);
        let low = outside.get_mut(1..1 + header.number_bytes)?;
        self.mask(low, body)?;
        let number = low.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Some((number, 8 * header.number_bytes as u32))
    }

    /// The content of an unmasked record and its type; `None` if it is not authentic.
    pub(super) fn open<'a>(&self, header: &Header, number: u64, record: &'a mut [u8]) -> Option<(u8, &'a [u8])> {
        let (outside, body) = record.split_at_mut(header.header_bytes);
        let inner = self.aead.open_in_place(self.nonce(number), Aad::from(&*outside), body).ok()?;
        // Zeros may follow the type (RFC 8446, section 5.4).
        let content_type_at = inner.iter().rposition(|byte| *byte != 0)?;
        Some((inner[content_type_at], &inner[..content_type_at]))
    }

    /// Masks a number, or shows it (section 4.2.3).
    fn mask(&self, low: &mut [u8], body: &[u8]) -> Option<()> {
        let mask = self.mask.new_mask(body.get(..TAG_BYTES)?).ok()?;
        low.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        Some(())
    }

    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = self.iv;
        nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, of_number)| *byte ^= of_number);
        Nonce::assume_unique_for_key(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever opens it knows the number but for what the record says of it.
    fn opened(keys: &Keys, datagram: &[u8], near: u64) -> Option<(u8, Vec<u8>)> {
        let header = Header::read(datagram)?;
        let mut record = datagram[..header.record_bytes].to_vec();
        let (low, bits) = keys.unmask(&header, &mut record)?;
        let number = near >> bits << bits | low;
        keys.open(&header, number, &mut record).map(|(content_type, content)| (content_type, content.to_vec()))
    }

    #[test]
    fn what_is_sealed_can_be_opened() {
        for secret_bytes in SECRET_BYTES {
            let keys = Keys::new(Secret::new(&vec![9; secret_bytes]).unwrap()).unwrap();
            for (number, content) in [(0, &b""[..]), (1, b"a"), (0xffff, &[0; 1200]), (0x1_2345_6789, b"zeros\0\0")] {
                let record = keys.seal(7, number, 23, content).unwrap();
                assert_eq!(record.len(), content.len() + 22);
                assert_eq!(opened(&keys, &record, number), Some((23, content.to_vec())));
                assert_eq!(opened(&keys, &record, number + (1 << 16)), None);
                assert_eq!(opened(&keys.next().unwrap(), &record, number), None);
            }
        }
        assert!(Secret::new(&[1; 33]).is_none());
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let keys = Keys::new(Secret::new(&[7; 32]).unwrap()).unwrap();
        let record = keys.seal(3, 5, 23, b"content").unwrap();
        for bit in 8..record.len() * 8 {
            let mut record = record.clone();
            record[bit / 8] ^= 1 << (bit % 8);
            let Some(header) = Header::read(&record) else { continue };
            keys.unmask(&header, &mut record).unwrap();
            assert!(keys.open(&header, 5, &mut record).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn headers_of_all_kinds() {
        let read = |bytes: &[u8]| Header::read(bytes).map(|header| (header.header_bytes, header.record_bytes));
        let body = [0; 40];
        assert_eq!(read(&[&[0b0010_0011][..], &body].concat()), Some((2, 41)), "the rest of the datagram");
        assert_eq!(read(&[&[0b0010_1011][..], &body].concat()), Some((3, 41)));
        assert_eq!(read(&[&[0b0010_0111, 0, 0, 16][..], &body].concat()), Some((4, 20)));
        assert_eq!(read(&[&[0b0010_1111, 0, 0, 0, 16][..], &body].concat()), Some((5, 21)));
        for bad in [&[][..], &[0b0010_1111], &[0b0010_1111, 0, 0, 0], &[0b0010_1111, 0, 0, 0, 16, 1]] {
            assert_eq!(read(bad), None);
        }
        assert_eq!(read(&[&[0b0011_1111, 0, 0, 0, 16][..], &body].concat()), None, "a connection id");
        assert_eq!(read(&[&[22, 254, 253][..], &body].concat()), None, "not protected");
        assert_eq!(read(&[&[0b0010_1111, 0, 0, 0, 15][..], &body].concat()), None, "shorter than a tag");
    }

    #[test]
    fn the_label_is_of_dtls() {
        // Computed with another HKDF (Python's hmac) from the definition.
        let mut key = [0; 16];
        Secret::new(&[1; 32]).unwrap().expand("key", &mut key).unwrap();
        assert_eq!(key, KEY_OF_ONES);
    }

    const KEY_OF_ONES: [u8; 16] = [166, 131, 184, 170, 170, 162, 31, 161, 182, 89, 107, 81, 164, 188, 75, 92];
}
