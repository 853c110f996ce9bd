//! Acknowledgements that travel with data.
//!
//! sctp-proto acknowledges every second packet in a packet of its own, also where data leaves a moment later: in an echo that
//! is a third of all datagrams, each with a system call on both sides. So one for unreliable data waits for data to leave.
//! One that sctp-proto has held back itself, for 200 ms, does not.

use std::time::{Duration, Instant};

use super::packet::{Data, Sack};

/// For a tick of 60 Hz, and some. RFC 9260, section 6.2 allows 500 ms, of which sctp-proto has used 200 at most.
const WAIT_MAX: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(super) struct HeldSack {
    /// The chunk, and until when it waits.
    held: Option<(Vec<u8>, Instant)>,
    /// When data last came.
    arrived_at: Option<Instant>,
    /// Reliable data has come since the last one left: its sender goes by acknowledgements.
    is_awaited: bool,
}

impl HeldSack {
    /// Data has come.
    pub(super) fn note_arrived(&mut self, now: Instant, data: &Data<'_>) {
        self.arrived_at = Some(now);
        self.is_awaited |= !data.is_unordered;
    }

    /// Whether this acknowledgement, which would leave alone, waits. The next one supersedes it and does not wait, so that
    /// every fourth packet is acknowledged at once; nor does one that reports a loss.
    pub(super) fn keep(&mut self, now: Instant, chunk: &[u8], sack: &Sack) -> bool {
        let until = self.arrived_at.map(|at| at + WAIT_MAX).filter(|until| now < *until);
        let is_next = self.held.take().is_some();
        match until {
            Some(until) if !is_next && !self.is_awaited && sack.blocks.is_empty() => {
                self.held = Some((chunk.to_vec(), until));
                true
            }
            _ => {
                self.is_awaited = false;
                false
            }
        }
    }

    /// The one that waits, for data that leaves now.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.held.take().map(|(chunk, _)| chunk)
    }

    /// Until when it waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.as_ref().map(|(_, until)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::build::data;
    use super::super::packet::{Data, Tsn};
    use super::*;

    const UNORDERED: u8 = 7;
    const ORDERED: u8 = 3;

    fn sack(cumulative: u32, blocks: &[(u16, u16)]) -> Sack {
        Sack { cumulative: Tsn(cumulative), window: 1000, blocks: blocks.to_vec() }
    }

    fn arrive(held: &mut HeldSack, now: Instant, flags: u8) {
        held.note_arrived(now, &Data::read(&data(1, 0, flags, 53, b"x")).unwrap());
    }

    #[test]
    fn one_waits_and_the_next_does_not() {
        let now = Instant::now();
        let mut held = HeldSack::default();
        arrive(&mut held, now, UNORDERED);
        assert!(held.keep(now, b"first", &sack(2, &[])));
        assert_eq!(held.deadline(), Some(now + WAIT_MAX));
        assert!(!held.keep(now, b"second", &sack(4, &[])));
        assert_eq!((held.take(), held.deadline()), (None, None), "the second says what the first did");
        assert!(held.keep(now, b"third", &sack(6, &[])));
        assert_eq!(held.take().as_deref(), Some(&b"third"[..]));
    }

    #[test]
    fn one_that_is_late_already_does_not_wait() {
        let now = Instant::now();
        let mut held = HeldSack::default();
        arrive(&mut held, now, UNORDERED);
        assert!(!held.keep(now + WAIT_MAX, b"late", &sack(1, &[])));
    }

    #[test]
    fn reliable_data_and_losses_do_not_wait() {
        let now = Instant::now();
        let mut held = HeldSack::default();
        arrive(&mut held, now, UNORDERED);
        assert!(!held.keep(now, b"loss", &sack(2, &[(2, 2)])));
        arrive(&mut held, now, ORDERED);
        assert!(!held.keep(now, b"reliable", &sack(4, &[])));
        arrive(&mut held, now, UNORDERED);
        assert!(held.keep(now, b"unreliable again", &sack(6, &[])));
    }
}
