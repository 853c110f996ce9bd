use std::time::{Duration, Instant};

/// What may come at once.
const BURST: u32 = 10;

/// How long one more takes after that: two a second.
const REFILL: Duration = Duration::from_millis(500);

/// A token bucket: ten lines at once, then two a second. Faster than people type, slower than a flood.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// When the bucket will be full again. `None` before the first.
    full_at: Option<Instant>,
}

impl Rate {
    /// Whether one more is allowed now; if so, it is counted.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let allowed = full_at + REFILL <= now + REFILL * BURST;
        if allowed {
            self.full_at = Some(full_at + REFILL);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_then_two_a_second() {
        let start = Instant::now();
        let mut rate = Rate::default();
        let allowed = |rate: &mut Rate, now| (0..100).filter(|_| rate.allows(now)).count();
        assert_eq!(allowed(&mut rate, start), 10);
        assert_eq!(allowed(&mut rate, start + Duration::from_secs(1)), 2);
        assert_eq!(allowed(&mut rate, start + Duration::from_secs(100)), 10, "no more than a burst is saved up");
    }
}
