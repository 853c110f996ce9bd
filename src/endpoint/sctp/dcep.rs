//! How data channels are opened in-band (RFC 8832).

use super::packet::u16_at;

const ACK: u8 = 2;
const OPEN: u8 = 3;

/// Channel types (section 8.2.2): unordered is the highest bit, how a message may be lost the others.
const UNORDERED: u8 = 0x80;
const RELIABLE: u8 = 0;
const REXMIT: u8 = 1;

const HEADER_BYTES: usize = 12;

/// What who opens a channel says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::endpoint) struct ChannelOpen {
    pub(in crate::endpoint) label: String,
    pub(in crate::endpoint) is_ordered: bool,
    /// Messages are sent again until they arrive.
    pub(in crate::endpoint) is_reliable: bool,
}

/// A message with the protocol identifier of DCEP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dcep {
    Open(ChannelOpen),
    Ack,
}

impl Dcep {
    pub(super) fn read(message: &[u8]) -> Option<Dcep> {
        if message.first() == Some(&ACK) {
            return Some(Dcep::Ack);
        }
        let (header, rest) = message.split_first_chunk::<HEADER_BYTES>().filter(|(header, _)| header[0] == OPEN)?;
        let label = rest.get(..usize::from(u16_at(header, 8)))?;
        // Of what was lost, how often or how long: both are "not reliable", and 0 times is the usual form.

        Some(Dcep::Open(ChannelOpen {
            label: String::from_utf8(label.to_vec()).ok()?,
            is_ordered: header[1] & UNORDERED == 0,
            is_reliable: header[1] & !UNORDERED == RELIABLE,
        }))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let Dcep::Open(ChannelOpen { label, is_ordered, is_reliable }) = self else { return vec![ACK] };
        let kind = if *is_reliable { RELIABLE } else { REXMIT } | if *is_ordered { 0 } else { UNORDERED };
        let mut bytes = vec![OPEN, kind, 0, 0, 0, 0, 0, 0];
        // Our own labels are short.
        bytes.extend((label.len() as u16).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(label.as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_as_it_was_written() {
        for (is_ordered, is_reliable) in [(true, true), (false, true), (true, false), (false, false)] {
            let open = Dcep::Open(ChannelOpen { label: "ro".into(), is_ordered, is_reliable });
            assert_eq!(Dcep::read(&open.to_bytes()), Some(open));
        }
        assert_eq!(Dcep::read(&Dcep::Ack.to_bytes()), Some(Dcep::Ack));
    }

    #[test]
    fn what_is_cut_short_or_no_text_is_none() {
        let open = Dcep::Open(ChannelOpen { label: "chat".into(), is_ordered: true, is_reliable: true }).to_bytes();
        (0..open.len()).for_each(|cut| assert_eq!(Dcep::read(&open[..cut]), None, "cut to {cut} bytes"));
        let mut broken = open;
        broken[HEADER_BYTES] = 0xff;
        assert_eq!(Dcep::read(&broken), None);
    }
}
