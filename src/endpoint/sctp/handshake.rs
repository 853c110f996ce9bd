//! How an association begins (RFC 9260, section 5), inside DTLS: who sends has proved who it is, so the cookie need not carry
//! anything, and what a peer has said is kept while it opens.

use super::packet::{CHUNK_HEADER_BYTES, items, put_item, u32_at};
use crate::endpoint::limits::RECEIVED_BYTES_MAX;

/// Parameters (RFC 9260, section 3.3.3; RFC 3758, section 3.1; RFC 5061, section 4.2.7).
const STATE_COOKIE: [u8; 2] = [0, 7];
const FORWARD_TSN_SUPPORTED: [u8; 2] = [0xc0, 0];
const SUPPORTED_EXTENSIONS: [u8; 2] = [0x80, 0x08];

/// Streams each way: what RFC 8831, section 6.2 asks for.
const STREAMS: u16 = u16::MAX;

/// The longest cookie that is sent back: it must fit a packet with room for more.
const COOKIE_BYTES_MAX: usize = 800;

/// What a side says of itself in an INIT or an INIT ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Init {
    /// To be in every packet that it is sent.
    pub(super) tag: u32,
    /// Bytes that it has room for.
    pub(super) window: u32,
    /// Its first TSN.
    pub(super) tsn: u32,
}

impl Init {
    pub(super) fn of_ours(tag: u32, tsn: u32) -> Init {
        Init { tag, window: RECEIVED_BYTES_MAX as u32, tsn }
    }

    /// With the cookie, if there is one. `None` for what is cut short, and for a tag of 0, which is nobody's.
    pub(super) fn read(value: &[u8]) -> Option<(Init, Option<&[u8]>)> {
        let (header, parameters) = value.split_first_chunk::<16>()?;
        let init = Init { tag: u32_at(header, 0), window: u32_at(header, 4), tsn: u32_at(header, 12) };
        let cookie = items(parameters).find(|(kind, _)| *kind == STATE_COOKIE).map(|(_, cookie)| cookie);
        let fits = cookie.is_none_or(|cookie| cookie.len() + CHUNK_HEADER_BYTES <= COOKIE_BYTES_MAX);
        (init.tag != 0 && fits).then_some((init, cookie))
    }

    /// The value of the chunk.
    pub(super) fn to_bytes(self, cookie: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = [self.tag.to_be_bytes(), self.window.to_be_bytes()].concat();
        bytes.extend(STREAMS.to_be_bytes());
        bytes.extend(STREAMS.to_be_bytes());
        bytes.extend(self.tsn.to_be_bytes());
        if let Some(cookie) = cookie {
            put_item(&mut bytes, STATE_COOKIE, &[cookie]);
        }
        put_item(&mut bytes, FORWARD_TSN_SUPPORTED, &[]);
        put_item(&mut bytes, SUPPORTED_EXTENSIONS, &[&[super::packet::FORWARD_TSN, super::packet::RE_CONFIG]]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let init = Init { tag: 5, window: 6, tsn: u32::MAX };
        let with_cookie = init.to_bytes(Some(b"biscuit"));
        assert_eq!(Init::read(&with_cookie), Some((init, Some(&b"biscuit"[..]))));
        assert_eq!(Init::read(&init.to_bytes(None)), Some((init, None)));
        assert_eq!(Init::read(&with_cookie[..15]), None);
        assert_eq!(Init::read(&Init { tag: 0, ..init }.to_bytes(None)), None);
        assert_eq!(Init::read(&init.to_bytes(Some(&[0; COOKIE_BYTES_MAX]))), None);
    }
}
