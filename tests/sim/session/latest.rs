//! The channel `lt` as a page speaks it: numbers of messages, and the newest one that waits (docs/PROTOCOL.md, "The
//! channels").

use patchcord::Data;

/// One connection's; a new connection begins anew.
#[derive(Debug, Default)]
pub struct Latest {
    /// The number of the next message.
    next: u32,
    /// The newest message, while it cannot go.
    waiting: Option<Data>,
    /// The number of the newest that has come.
    newest: Option<u32>,
}

impl Latest {
    /// Takes a message of the application, in the place of one that still waits.
    pub fn put(&mut self, data: &Data) {
        self.waiting = Some(data.clone());
    }

    /// What waits, as it travels. It counts as gone.
    pub fn take(&mut self) -> Option<Data> {
        let data = self.waiting.take()?;
        let seq = self.next;
        self.next = seq.wrapping_add(1);
        let kind = u8::from(matches!(data, Data::Binary(_)));
        Some(Data::Binary([&seq.to_le_bytes()[..], &[kind], data.bytes()].concat()))
    }

    /// What came, if it is newer than all before. `Err` if it is no such message at all.
    pub fn receive(&mut self, framed: &Data) -> Result<Option<Data>, ()> {
        let Data::Binary(framed) = framed else { return Err(()) };
        let (header, message) = framed.split_first_chunk::<5>().ok_or(())?;
        let [a, b, c, d, kind] = *header;
        let data = match kind {
            0 => Data::Text(String::from_utf8(message.to_vec()).map_err(|_| ())?),
            1 => Data::Binary(message.to_vec()),
            _ => return Err(()),
        };
        let seq = u32::from_le_bytes([a, b, c, d]);
        // RFC 1982, section 3.2, where half of all numbers are newer.
        let is_newer = self.newest.is_none_or(|newest| (1..1 << 31).contains(&seq.wrapping_sub(newest)));
        if is_newer {
            self.newest = Some(seq);
        }
        Ok(is_newer.then_some(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_takes_the_place_of_what_waits() {
        let mut latest = Latest::default();
        latest.put(&Data::Text("old".into()));
        latest.put(&Data::Text("new".into()));
        assert_eq!(latest.take(), Some(Data::Binary(b"\0\0\0\0\0new".to_vec())));
        assert_eq!(latest.take(), None);
        latest.put(&Data::Binary(vec![7]));
        assert_eq!(latest.take(), Some(Data::Binary(b"\x01\0\0\0\x01\x07".to_vec())));
    }

    #[test]
    fn nothing_comes_after_something_newer() {
        let mut latest = Latest { newest: Some(u32::MAX - 1), ..Latest::default() };
        let framed = |seq: u32| Data::Binary([&seq.to_le_bytes()[..], b"\x01x"].concat());
        let came: Vec<bool> = [u32::MAX - 1, u32::MAX, u32::MAX - 5, 1, 0, 2]
            .map(|seq| latest.receive(&framed(seq)).expect("well formed").is_some())
            .to_vec();
        assert_eq!(came, [false, true, false, true, false, true]);
        assert!(latest.receive(&Data::Binary(vec![0; 4])).is_err());
        assert!(latest.receive(&Data::Binary(b"\x09\0\0\0\x02x".to_vec())).is_err());
        assert!(latest.receive(&Data::Text("\x09\0\0\0\0x".into())).is_err());
    }
}
