//! What was sent to a browser on the unreliable channel since it was last heard, none of which can have been acknowledged.

use std::time::{Duration, Instant};

const BYTES_MAX: usize = 64 * 1024;

/// SCTP's timer ends at most so often. It then gives up all that is unreliable and on the way, and there is room again.
const GIVEN_UP_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Backlog {
    heard_at: Instant,
    /// What waits at least: sent since SCTP must have given up what was before.
    bytes: usize,
    /// How often it must have.
    given_up: u32,
}

impl Backlog {
    pub fn new(heard_at: Instant) -> Backlog {
        Backlog { heard_at, bytes: 0, given_up: 0 }
    }

    /// A message was sent. If there cannot have been room for it, so many bytes wait with it.
    pub fn sent(&mut self, now: Instant, bytes: usize) -> Result<(), usize> {
        // Whatever its size, a message may go when nothing else is on the way.
        if self.bytes == 0 || self.bytes + bytes <= BYTES_MAX {
            self.bytes += bytes;
            return Ok(());
        }
        // When the browser was heard the timer may have run for something older, and end at once.
        if now < self.heard_at + GIVEN_UP_EVERY * self.given_up {
            return Err(self.bytes + bytes);
        }
        self.given_up += 1;
        self.bytes = bytes;
        Ok(())
    }
}
