//! Whether a page is still there: Beats and their Echoes (docs/PROTOCOL.md, "Who is still there").
//!
//! A quiet page costs one small datagram each way a second. Only who has not been heard is asked more often, so that
//! eight or nine questions in a row must be lost before a page that is there is taken for gone: at 10 % loss each way, less than
//! once in ten million seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The first Beats come this close together, so that the page knows the time soon.
const FIRST_BEATS: u32 = 5;

/// Between Beats to a page that should have been heard by now.
const ASKING_EVERY: Duration = Duration::from_millis(100);

/// Beats among which the smallest round trip counts.
const ROUND_TRIPS: usize = 16;

/// How patient we are with a page.
struct Patience {
    /// Between Beats.
    every: Duration,
    /// Silence that makes us ask.
    quiet: Duration,
    /// Silence that is an end.
    lost: Duration,
}

/// Gone is noticed within 2 s, with a timer's step to spare.
const VISIBLE: Patience =
    Patience { every: Duration::from_secs(1), quiet: Duration::from_millis(1200), lost: Duration::from_millis(1900) };

/// A phone in a pocket sleeps between packets. Within 5 s.
const HIDDEN: Patience =
    Patience { every: Duration::from_secs(2), quiet: Duration::from_millis(2500), lost: Duration::from_millis(4800) };

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The Beat with this number.
    Beat { seq: u32 },
    /// It has been silent for too long.
    Lost,
}

#[derive(Debug)]
pub(super) struct Liveness {
    is_hidden: bool,
    /// Beats so far; also the number of the next.
    beats: u32,
    last_beat_at: Instant,
    /// The last few Beats: number, when it left, and how long its Echo took.
    asked: VecDeque<(u32, Instant, Option<Duration>)>,
}

impl Liveness {
    /// The first Beat is due at once.
    pub(super) fn new(now: Instant) -> Liveness {
        Liveness { is_hidden: false, beats: 0, last_beat_at: now, asked: VecDeque::new() }
    }

    pub(super) fn set_hidden(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
    }

    /// When something will be due, if nothing is heard until then.
    pub(super) fn deadline(&self, heard_at: Instant) -> Instant {
        self.next_beat_at(heard_at).min(heard_at + self.patience().lost)
    }

    /// What is due now. A Beat counts as sent.
    pub(super) fn due(&mut self, now: Instant, heard_at: Instant) -> Option<Due> {
        if heard_at + self.patience().lost <= now {
            return Some(Due::Lost);
        }
        if self.next_beat_at(heard_at) > now {
            return None;
        }
        Some(Due::Beat { seq: self.beat(now) })
    }

    /// A Beat that leaves now, due or not.
    pub(super) fn beat(&mut self, now: Instant) -> u32 {
        let seq = self.beats;
        self.beats = self.beats.wrapping_add(1);
        self.last_beat_at = now;
        self.asked.push_back((seq, now, None));
        if self.asked.len() > ROUND_TRIPS {
            self.asked.pop_front();
        }
        seq
    }

    /// The page has echoed a Beat; a second Echo of the same changes nothing.
    pub(super) fn echo(&mut self, now: Instant, seq: u32) {
        if let Some((_, sent_at, took)) = self.asked.iter_mut().find(|(asked, ..)| *asked == seq) {
            took.get_or_insert(now.saturating_duration_since(*sent_at));
        }
    }

    /// The smallest among the last few.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.asked.iter().filter_map(|(.., took)| *took).min()
    }

    /// Whether a page that was heard then is there, so that nobody may come back as its peer: a quiet one that has not had
    /// to answer yet is.
    pub(super) fn is_here(&self, now: Instant, heard_at: Instant) -> bool {
        now < heard_at + self.patience().quiet
    }

    fn next_beat_at(&self, heard_at: Instant) -> Instant {
        if self.beats == 0 {
            return self.last_beat_at;
        }
        let soon = self.last_beat_at + ASKING_EVERY;
        if self.beats < FIRST_BEATS {
            return soon;
        }
        let Patience { every, quiet, .. } = self.patience();
        (self.last_beat_at + every).min(soon.max(heard_at + quiet))
    }

    fn patience(&self) -> Patience {
        if self.is_hidden { HIDDEN } else { VISIBLE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The times of the Beats to a page that was last heard `heard` after the start, and of its end, in milliseconds.
    fn beats(is_hidden: bool, heard: Duration) -> (Vec<u128>, u128) {
        let start = Instant::now();
        let mut liveness = Liveness::new(start);
        liveness.set_hidden(is_hidden);
        let (mut now, mut beats) = (start, Vec::new());
        loop {
            // It answers everything at once until then.
            let heard_at = now.min(start + heard);
            match liveness.due(now, heard_at) {
                Some(Due::Beat { .. }) => beats.push((now - start).as_millis()),
                Some(Due::Lost) => return (beats, (now - start).as_millis()),
                None => now = liveness.deadline(heard_at).max(now + MS),
            }
        }
    }

    #[test]
    fn who_falls_silent_is_asked_often_and_then_lost() {
        let (sent, lost) = beats(false, 3500 * MS);
        assert_eq!(lost, 3500 + 1900);
        assert_eq!(&sent[..8], [0, 100, 200, 300, 400, 1400, 2400, 3400]);
        assert_eq!(&sent[8..11], [4400, 4700, 4800], "asked when it has been silent for 1.2 s");
        assert_eq!(sent.last(), Some(&5300));
    }

    #[test]
    fn a_hidden_page_has_longer() {
        let (sent, lost) = beats(true, 10_400 * MS);
        assert_eq!(lost, 10_400 + 4800);
        assert_eq!(&sent[4..10], [400, 2400, 4400, 6400, 8400, 10_400]);
        assert!(sent.len() > 25);
    }

    #[test]
    fn the_smallest_round_trip_of_the_last_sixteen() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start);
        assert_eq!(liveness.round_trip(), None);
        let first = liveness.beat(start);
        liveness.echo(start + 2 * MS, first);
        liveness.echo(start + MS, first);
        assert_eq!(liveness.round_trip(), Some(2 * MS), "the first Echo counts");
        for _ in 0..ROUND_TRIPS {
            let seq = liveness.beat(start);
            liveness.echo(start + 5 * MS, seq);
        }
        assert_eq!(liveness.round_trip(), Some(5 * MS));
        liveness.echo(start, first);
        assert_eq!(liveness.round_trip(), Some(5 * MS), "an old one is nobody's");
    }
}
