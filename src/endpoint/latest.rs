//! Messages of `lt`: a number and a kind in front of each (docs/PROTOCOL.md, "The channels").

use super::Payload;

/// The number, and the byte that tells text from bytes.
pub(super) const HEADER_BYTES: usize = 5;

const TEXT: u8 = 0;
const BINARY: u8 = 1;

/// A message as it travels.
pub(super) fn framed(seq: u32, payload: Payload<'_>) -> Vec<u8> {
    let kind = if matches!(payload, Payload::Text(_)) { TEXT } else { BINARY };
    [&seq.to_le_bytes()[..], &[kind], payload.bytes()].concat()
}

/// A message as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Latest {
    pub(super) seq: u32,
    pub(super) is_binary: bool,
    pub(super) bytes: Vec<u8>,
}

/// `None` for what has no header.
pub(super) fn read(mut framed: Vec<u8>) -> Option<Latest> {
    let (header, _) = framed.split_first_chunk::<HEADER_BYTES>()?;
    let [seq @ .., kind] = *header;
    let is_binary = match kind {
        TEXT => false,
        BINARY => true,
        _ => return None,
    };
    framed.drain(..HEADER_BYTES);
    Some(Latest { seq: u32::from_le_bytes(seq), is_binary, bytes: framed })
}

/// The number of the newest message that has come.
#[derive(Debug, Default)]
pub(super) struct Newest(Option<u32>);

impl Newest {
    /// Whether this one is newer; then it is the newest (serial number arithmetic, RFC 1982).
    pub(super) fn is_news(&mut self, seq: u32) -> bool {
        let is_news = self.0.is_none_or(|newest| seq != newest && seq.wrapping_sub(newest) < 1 << 31);
        if is_news {
            self.0 = Some(seq);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_it_was() {
        let text = framed(1, Payload::Text("hé"));
        assert_eq!(text, b"\x01\0\0\0\0h\xc3\xa9");
        assert_eq!(read(text), Some(Latest { seq: 1, is_binary: false, bytes: "hé".into() }));
        let empty = framed(u32::MAX, Payload::Binary(&[]));
        assert_eq!(read(empty), Some(Latest { seq: u32::MAX, is_binary: true, bytes: vec![] }));
        for malformed in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x02x"] {
            assert_eq!(read(malformed.to_vec()), None);
        }
    }

    #[test]
    fn nothing_older_comes_after_something_newer_across_the_wrap() {
        let mut newest = Newest::default();
        let came: Vec<bool> =
            [u32::MAX - 1, u32::MAX, u32::MAX - 1, 1, 0, 1, u32::MAX, 2].map(|seq| newest.is_news(seq)).to_vec();
        assert_eq!(came, [true, true, false, true, false, false, false, true]);
    }
}
