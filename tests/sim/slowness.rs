//! Whether a peer takes its reliable messages too slowly, as far as can be seen from outside.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Who has taken this much since its budget was used up is not slow.
const HALF_BYTES: u64 = 512 * 1024;

/// What the server may count as taken and we do not, or the other way around: SCTP's window with a message of full size in
/// it, what a page has not reported yet, and what a message counts beside its bytes.
const DOUBT_BYTES: u64 = 448 * 1024;

/// The times when `send` said Full, and the bytes that had arrived until then.
#[derive(Debug, Default)]
pub struct Slowness {
    fulls: VecDeque<(Instant, u64)>,
    /// The first of them since the peer has last taken enough.
    first: Option<(Instant, u64)>,
}

impl Slowness {
    pub fn full(&mut self, now: Instant, arrived_bytes: u64) {
        self.took(arrived_bytes);
        self.first.get_or_insert((now, arrived_bytes));
        self.fulls.push_back((now, arrived_bytes));
    }

    /// Whether the peer may be sent away for it.
    pub fn may_leave(&mut self, now: Instant, arrived_bytes: u64, after: Duration) -> bool {
        while self.fulls.get(1).is_some_and(|(at, _)| *at + after <= now) {
            self.fulls.pop_front();
        }
        let old = self.fulls.front().filter(|(at, _)| *at + after <= now);
        old.is_some_and(|(_, before)| arrived_bytes - before <= HALF_BYTES + DOUBT_BYTES)
    }

    /// How long ago the peer must have been sent away for it; `None` if it need not be.
    pub fn overdue(&mut self, now: Instant, arrived_bytes: u64, after: Duration) -> Option<Duration> {
        self.took(arrived_bytes);
        let (since, _) = self.first?;
        now.checked_duration_since(since + after)
    }

    fn took(&mut self, arrived_bytes: u64) {
        self.first = self.first.filter(|(_, before)| arrived_bytes - before + DOUBT_BYTES < HALF_BYTES);
    }
}
