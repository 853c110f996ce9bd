//! How a page notices that the server is gone, and when it tries again (docs/PROTOCOL.md, "Who is still there").

use std::time::{Duration, Instant};

use crate::chance::Chance;

/// A page's own timer. One that comes late counts once, however much time has passed: then the page was busy or asleep.
#[derive(Debug)]
pub struct Silence {
    ticks: u32,
    tick_at: Instant,
    is_hidden: bool,
    /// It was shown, and until so many Beats have come the server may not know: it speaks as rarely as to a hidden page.
    unheeded: u8,
}

/// Twenty of 100 ms: whatever part of the first had passed, 1.9 s are over.
const TICK: Duration = Duration::from_millis(100);
const TICKS_MAX: u32 = 20;

/// Browsers let timers of hidden pages run once a second.
const HIDDEN_TICK: Duration = Duration::from_secs(1);
const HIDDEN_TICKS_MAX: u32 = 6;

/// What a hidden page waits, in ticks of a visible one.
const UNHEEDED_TICKS_MAX: u32 = 49;

/// The first Beat may have been on its way when the page was shown.
const HEEDED_AFTER: u8 = 2;

impl Silence {
    pub fn new(now: Instant, is_hidden: bool) -> Silence {
        Silence { ticks: 0, tick_at: now + Self::step(is_hidden), is_hidden, unheeded: 0 }
    }

    pub fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// The page is hidden or shown.
    pub fn hide(&mut self, now: Instant, is_hidden: bool) {
        let unheeded = if self.is_hidden && !is_hidden { HEEDED_AFTER } else { 0 };
        *self = Silence { unheeded, ..Silence::new(now, is_hidden) };
    }

    /// A message came.
    pub fn heard(&mut self) {
        self.ticks = 0;
    }

    /// A Beat came.
    pub fn beat(&mut self) {
        self.unheeded = self.unheeded.saturating_sub(1);
    }

    /// Whether the server should be told again that the page is shown.
    pub fn is_unheeded(&self) -> bool {
        self.unheeded > 0
    }

    pub fn wake_at(&self) -> Instant {
        self.tick_at
    }

    /// Whether the timer ran.
    pub fn tick(&mut self, now: Instant) -> bool {
        if now < self.tick_at {
            return false;
        }
        self.ticks += 1;
        self.tick_at = now + Self::step(self.is_hidden);
        true
    }

    pub fn is_lost(&self) -> bool {
        let most = match (self.is_hidden, self.is_unheeded()) {
            (true, _) => HIDDEN_TICKS_MAX,
            (false, true) => UNHEEDED_TICKS_MAX,
            (false, false) => TICKS_MAX,
        };
        self.ticks >= most
    }

    fn step(is_hidden: bool) -> Duration {
        if is_hidden { HIDDEN_TICK } else { TICK }
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// How long the page keeps asking when the server says that it is still here.
const STILL_HERE_MAX: Duration = Duration::from_secs(3);

/// The attempts to come back, from the loss of the connection to the next one that is open.
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
    /// Since when the server says that it still hears the old connection.
    still_here_since: Option<Instant>,
}

impl Backoff {
    /// How long to wait before the next attempt: not at all before the first.
    pub fn wait(&mut self, chance: &mut Chance) -> Duration {
        self.attempts += 1;
        match self.attempts {
            1 => Duration::ZERO,
            attempt => {
                let most = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.pow((attempt - 2).min(8)));
                most / 2 + chance.up_to(most / 2)
            }
        }
    }

    /// The server says that the old connection is still heard. Whether to give up the token: another tab may have it.
    pub fn still_here(&mut self, now: Instant) -> bool {
        now - *self.still_here_since.get_or_insert(now) >= STILL_HERE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time from the last message to the loss, with a timer that runs `late` too late each time.
    fn patience(is_hidden: bool, late: Duration) -> Duration {
        let start = Instant::now();
        let mut silence = Silence::new(start, is_hidden);
        let mut now = start;
        while !silence.is_lost() {
            now = silence.wake_at() + late;
            assert!(silence.tick(now));
        }
        now - start
    }

    #[test]
    fn silence_is_counted_in_ticks() {
        assert_eq!(patience(false, Duration::ZERO), Duration::from_secs(2));
        assert_eq!(patience(true, Duration::ZERO), Duration::from_secs(6));
        let asleep = Duration::from_secs(3600);
        assert!(patience(false, asleep) > 10 * asleep, "a machine that sleeps between its ticks hears nothing");
    }

    #[test]
    fn who_was_just_shown_waits_until_the_server_knows() {
        let now = Instant::now();
        let mut silence = Silence::new(now, true);
        silence.hide(now, false);
        silence.ticks = TICKS_MAX;
        silence.beat();
        assert!(silence.is_unheeded() && !silence.is_lost(), "that Beat was of before");
        silence.beat();
        assert!(!silence.is_unheeded() && silence.is_lost());
    }

    #[test]
    fn waits_double_to_a_bound() {
        let (mut backoff, mut chance) = (Backoff::default(), Chance::of(1, "backoff", 0));
        let waits: Vec<Duration> = (0..8).map(|_| backoff.wait(&mut chance)).collect();
        assert_eq!(waits[0], Duration::ZERO);
        for (wait, most_ms) in waits[1..].iter().zip([250, 500, 1000, 2000, 4000, 4000, 4000]) {
            let most = Duration::from_millis(most_ms);
            assert!(*wait >= most / 2 && *wait <= most, "{wait:?}, not about {most:?}");
        }
    }

    #[test]
    fn a_token_that_is_still_in_use_is_given_up_after_a_while() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert!(!backoff.still_here(now) && !backoff.still_here(now + Duration::from_secs(2)));
        assert!(backoff.still_here(now + STILL_HERE_MAX));
    }
}
