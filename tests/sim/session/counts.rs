//! The reliable messages of a session, counted and kept, so that none is lost or doubled when the page comes back.

use std::collections::VecDeque;

use patchcord::Data;

/// Bytes received after which the page says so unasked.
const UNREPORTED_BYTES_MAX: usize = 128 * 1024;

/// What a page keeps for the server at most, in bytes, before `send` says that it is full.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// All counts are modulo 2^32.
#[derive(Debug, Default)]
pub struct Counts {
    /// How many the server has said it has had. The first one kept has this number.
    confirmed: u32,
    kept: VecDeque<Data>,
    kept_bytes: usize,
    /// How many of those kept have gone out on this connection.
    gone: usize,
    received: u32,
    unreported_bytes: usize,
}

impl Counts {
    /// Takes a message of the application; `false` if too much waits already.
    pub fn keep(&mut self, data: &Data) -> bool {
        let bytes = data.bytes().len();
        if self.kept_bytes > 0 && self.kept_bytes + bytes > KEPT_BYTES_MAX {
            return false;
        }
        self.kept_bytes += bytes;
        self.kept.push_back(data.clone());
        true
    }

    /// The next message for this connection. It counts as gone.
    pub fn next(&mut self) -> Option<Data> {
        let data = self.kept.get(self.gone)?.clone();
        self.gone += 1;
        Some(data)
    }

    /// A Beat says how many the server has had. One that was overtaken says less than is known.
    pub fn confirm(&mut self, count: u32) {
        let more = count.wrapping_sub(self.confirmed) as usize;
        if more <= self.gone {
            self.forget(more);
        }
    }

    /// The answer of a server that knows this session: what it has had, and where to go on. `false` if it names a message
    /// that is not here, whose absence the server should have noticed.
    pub fn resume(&mut self, count: u32) -> bool {
        let more = count.wrapping_sub(self.confirmed) as usize;
        if more > self.gone {
            return false;
        }
        self.forget(more);
        self.gone = 0;
        true
    }

    /// A message has come; whether the server should hear how many have.
    #[must_use]
    pub fn receive(&mut self, data: &Data) -> bool {
        self.received = self.received.wrapping_add(1);
        self.unreported_bytes += data.bytes().len();
        self.unreported_bytes >= UNREPORTED_BYTES_MAX
    }

    pub fn received(&self) -> u32 {
        self.received
    }

    /// How many have come, to tell the server.
    pub fn report(&mut self) -> u32 {
        self.unreported_bytes = 0;
        self.received
    }

    fn forget(&mut self, more: usize) {
        self.kept_bytes -= self.kept.drain(..more).map(|data| data.bytes().len()).sum::<usize>();
        self.gone -= more;
        self.confirmed = self.confirmed.wrapping_add(more as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Data {
        Data::Text(text.into())
    }

    fn rest(counts: &mut Counts) -> Vec<Data> {
        std::iter::from_fn(|| counts.next()).collect()
    }

    #[test]
    fn it_goes_on_at_the_first_that_the_server_has_not_had() {
        let mut counts = Counts::default();
        assert!(["a", "b", "c"].iter().all(|word| counts.keep(&text(word))));
        assert_eq!(rest(&mut counts).len(), 3);
        counts.confirm(1);
        assert!(counts.keep(&text("d")), "said while away");
        assert!(counts.resume(2));
        assert_eq!(rest(&mut counts), [text("c"), text("d")]);
        assert!(counts.resume(2), "a second time, since the first connection did not last");
        assert_eq!(rest(&mut counts), [text("c"), text("d")]);
        counts.confirm(4);
        assert_eq!((counts.kept.len(), counts.kept_bytes), (0, 0));
    }

    #[test]
    fn a_server_that_says_nonsense_is_found_out() {
        let mut counts = Counts::default();
        assert!(counts.keep(&text("a")) && counts.next().is_some());
        counts.confirm(1);
        assert!(!counts.resume(0), "forgotten here, and rightly");
        assert!(!counts.resume(2), "never sent");
    }

    #[test]
    fn an_old_word_and_a_foolish_one_change_nothing() {
        let mut counts = Counts::default();
        assert!(["a", "b", "c"].iter().all(|word| counts.keep(&text(word))));
        assert!(counts.next().is_some() && counts.next().is_some());
        counts.confirm(2);
        counts.confirm(1);
        counts.confirm(3);
        assert_eq!((counts.confirmed, rest(&mut counts)), (2, vec![text("c")]));
    }

    #[test]
    fn counts_go_around() {
        let mut counts = Counts { confirmed: u32::MAX, received: u32::MAX, ..Counts::default() };
        assert!(["a", "b", "c"].iter().all(|word| counts.keep(&text(word))));
        assert_eq!(rest(&mut counts).len(), 3);
        counts.confirm(1);
        assert_eq!((counts.confirmed, counts.kept.len()), (1, 1));
        let _ = counts.receive(&text("x"));
        assert_eq!(counts.report(), 0);
    }

    #[test]
    fn much_is_reported_unasked() {
        let mut counts = Counts::default();
        let half = Data::Binary(vec![0; UNREPORTED_BYTES_MAX / 2]);
        assert!(!counts.receive(&half) && counts.receive(&half));
        assert_eq!(counts.report(), 2);
        assert!(!counts.receive(&half));
    }
}
