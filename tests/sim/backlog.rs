//! What was sent to a browser on the unreliable channel since it was last heard, none of which can have been acknowledged.

use std::time::{Duration, Instant};

const BYTES_MAX: usize = 64 * 1024;

/// Unreliable data of which nothing is heard is given up so long after it was sent, and there is room again.
const GIVEN_UP_AFTER: Duration = Duration::from_millis(350);

#[derive(Debug)]
pub struct Backlog {
    heard_at: Instant,
    /// What waits at least: sent since what was before must have been given up.
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
        self.given_up += 1;
        if now < self.heard_at + GIVEN_UP_AFTER * self.given_up {
            return Err(self.bytes + bytes);
        }
        self.bytes = bytes;
        Ok(())
    }
}
