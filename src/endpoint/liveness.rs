//! Whether a page is still there: Beats and their Echoes (docs/PROTOCOL.md, "Who is still there").
//!
//! A quiet page costs one small datagram each way a second. A Beat whose Echo does not come is repeated, since both sides
//! depend on it: the page judges us by the messages that it hears, however much we hear of it. At 10 % loss each way and up to
//! 300 ms, a dozen in a row must be lost before either side takes the other for gone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The first Beats come this close together, so that the page knows the time soon.
const FIRST_BEATS: u32 = 5;

/// Between the first Beats.
const FIRST_EVERY: Duration = Duration::from_millis(100);

/// Beats of a second leave at multiples of this on the endpoint's clock: 200 quiet peers then wake the server 20 times a
/// second rather than 200.
const GRID: Duration = Duration::from_millis(50);

/// Between Beats to a page that has what we send and sends what we hear, which is most of what they are for; the rest is the
/// time and the round trip.
const SPARED_EVERY: Duration = Duration::from_secs(4);

/// After this long one leaves in the datagram of the next message instead, which costs next to nothing.
const RIDES_AFTER: Duration = Duration::from_secs(3);

/// Beats among which the smallest round trip counts, and for how long one does. Fewer and shorter than a page takes them for its
/// clock, so that the one that says how far off it is at most is among those that it is read by.
const ROUND_TRIPS: usize = 16;
const ROUND_TRIPS_LAST: Duration = Duration::from_secs(25);

/// How patient we are with a page.
struct Patience {
    /// Between Beats.
    every: Duration,
    /// Until a Beat without Echo is repeated.
    unanswered: Duration,
    /// And then again and again.
    again: Duration,
    /// Silence after which another may come in its place.
    quiet: Duration,
    /// Silence that is an end.
    lost: Duration,
}

/// Gone is noticed within 2 s, with a timer's step to spare.
const VISIBLE: Patience = Patience {
    every: Duration::from_secs(1),
    unanswered: Duration::from_millis(200),
    again: Duration::from_millis(50),
    quiet: Duration::from_millis(1200),
    lost: Duration::from_millis(1900),
};

/// A phone in a pocket sleeps between packets. Within 5 s.
const HIDDEN: Patience = Patience {
    every: Duration::from_secs(2),
    unanswered: Duration::from_secs(1),
    again: Duration::from_millis(100),
    quiet: Duration::from_millis(2500),
    lost: Duration::from_millis(4800),
};

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
    epoch: Instant,
    is_hidden: bool,
    /// Beats so far; also the number of the next.
    beats: u32,
    last_beat_at: Instant,
    /// The Beat that waits for its Echo, or for that of a later one: its number, and when it left.
    question: (u32, Instant),
    is_answered: bool,
    /// The page has said Echo without having been asked: it wants to hear from us.
    is_wanted: bool,
    /// The last few Beats: number, when it left, and how long its Echo took.
    asked: VecDeque<(u32, Instant, Option<Duration>)>,
}

impl Liveness {
    /// The first Beat is due at once. `epoch` is the zero of the endpoint's clock.
    pub(super) fn new(now: Instant, epoch: Instant, is_hidden: bool) -> Liveness {
        Liveness {
            epoch,
            is_hidden,
            beats: 0,
            last_beat_at: now,
            question: (0, now),
            is_answered: true,
            is_wanted: false,
            asked: VecDeque::new(),
        }
    }

    pub(super) fn set_hidden(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
    }

    /// When something will be due, if nothing is heard until then. `has_from` is when the newest left of what the page is known
    /// to have had, if there is nothing else that a Beat would say.
    pub(super) fn deadline(&self, heard_at: Instant, has_from: Option<Instant>) -> Instant {
        self.next_beat_at(has_from).min(heard_at + self.patience().lost)
    }

    /// What is due now. A Beat counts as sent.
    pub(super) fn due(&mut self, now: Instant, heard_at: Instant, has_from: Option<Instant>) -> Option<Due> {
        if heard_at + self.patience().lost <= now {
            return Some(Due::Lost);
        }
        if self.next_beat_at(has_from) > now {
            return None;
        }
        Some(Due::Beat { seq: self.beat(now) })
    }

    /// Whether a Beat is to leave with a message that leaves now. It is not counted yet.
    pub(super) fn rides(&self, now: Instant, has_from: Option<Instant>) -> bool {
        let (_, asked_at) = self.question;
        asked_at + RIDES_AFTER <= now && self.is_spared() && has_from.is_some()
    }

    /// A Beat that leaves now, due or not.
    pub(super) fn beat(&mut self, now: Instant) -> u32 {
        let seq = self.beats;
        self.beats = self.beats.wrapping_add(1);
        self.last_beat_at = now;
        self.is_wanted = false;
        if self.is_answered {
            (self.question, self.is_answered) = ((seq, now), false);
        }
        self.asked.push_back((seq, now, None));
        let is_old = |(_, sent_at, _): &(u32, Instant, _)| *sent_at + ROUND_TRIPS_LAST < now;
        while self.asked.len() > ROUND_TRIPS || self.asked.front().is_some_and(is_old) {
            self.asked.pop_front();
        }
        seq
    }

    /// The page has echoed a Beat; a second Echo of the same changes nothing.
    pub(super) fn echo(&mut self, now: Instant, seq: u32) {
        if let Some((_, sent_at, took)) = self.asked.iter_mut().find(|(asked, ..)| *asked == seq) {
            took.get_or_insert(now.saturating_duration_since(*sent_at));
        }
        let (question, _) = self.question;
        self.is_wanted |= self.is_answered;
        self.is_answered |= seq.wrapping_sub(question) < self.beats.wrapping_sub(question);
    }

    /// The smallest among the last few Beats.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.asked.iter().filter_map(|(.., took)| *took).min()
    }

    /// Whether a page that was heard then is there, so that nobody may come back as its peer: a quiet one that has not had
    /// to answer yet is.
    pub(super) fn is_here(&self, now: Instant, heard_at: Instant) -> bool {
        now < heard_at + self.patience().quiet
    }

    fn next_beat_at(&self, has_from: Option<Instant>) -> Instant {
        let (_, asked_at) = self.question;
        let Patience { every, unanswered, again, .. } = self.patience();
        match self.beats {
            0 => self.last_beat_at,
            1..FIRST_BEATS => self.last_beat_at + FIRST_EVERY,
            _ if self.is_answered => {
                let spared = has_from.filter(|_| self.is_spared()).map_or(asked_at, |from| from.max(asked_at));
                self.on_the_grid((spared + every).min(asked_at + SPARED_EVERY.max(every)))
            }
            _ => (asked_at + unanswered).max(self.last_beat_at + again),
        }
    }

    /// Whether the page needs no Beat if it hears us otherwise: it has answered the last, and does not ask for one.
    fn is_spared(&self) -> bool {
        self.beats >= FIRST_BEATS && self.is_answered && !self.is_wanted
    }

    /// The last such time that is not after this one.
    fn on_the_grid(&self, at: Instant) -> Instant {
        let since = at.saturating_duration_since(self.epoch);
        at - Duration::from_nanos((since.as_nanos() % GRID.as_nanos()) as u64)
    }

    fn patience(&self) -> Patience {
        if self.is_hidden { HIDDEN } else { VISIBLE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The times of the Beats to a page that answered at once until `heard` after the start, and of its end, in milliseconds.
    fn beats(is_hidden: bool, heard: Duration) -> (Vec<u128>, u128) {
        let start = Instant::now();
        let mut liveness = Liveness::new(start, start, is_hidden);
        let (mut now, mut heard_at, mut beats) = (start, start, Vec::new());
        loop {
            match liveness.due(now, heard_at, None) {
                Some(Due::Beat { seq }) => {
                    beats.push((now - start).as_millis());
                    if now <= start + heard {
                        heard_at = now;
                        liveness.echo(now, seq);
                    }
                }
                Some(Due::Lost) => return (beats, (now - start).as_millis()),
                None => now = liveness.deadline(heard_at, None).max(now + MS),
            }
        }
    }

    #[test]
    fn who_falls_silent_is_asked_often_and_then_lost() {
        let (sent, lost) = beats(false, 3500 * MS);
        assert_eq!(lost, 3400 + 1900);
        assert_eq!(&sent[..8], [0, 100, 200, 300, 400, 1400, 2400, 3400]);
        assert_eq!(&sent[8..12], [4400, 4600, 4650, 4700], "its Echo is missing");
        assert_eq!(sent.last(), Some(&5250));
    }

    #[test]
    fn quiet_pages_are_asked_together() {
        let epoch = Instant::now();
        for begun in [0, 1, 49, 50, 730] {
            let start = epoch + begun * MS;
            let mut liveness = Liveness::new(start, epoch, false);
            for _ in 0..FIRST_BEATS {
                let seq = liveness.beat(start);
                liveness.echo(start, seq);
            }
            let next = liveness.deadline(start, None);
            assert!(next > start + 950 * MS && next <= start + 1000 * MS);
            assert_eq!((next - epoch).as_nanos() % GRID.as_nanos(), 0);
        }
    }

    #[test]
    fn a_hidden_page_has_longer() {
        let (sent, lost) = beats(true, 10_400 * MS);
        assert_eq!(lost, 10_400 + 4800);
        assert_eq!(&sent[4..12], [400, 2400, 4400, 6400, 8400, 10_400, 12_400, 13_400]);
        assert_eq!((sent[12], sent.last()), (13_500, Some(&15_100)));
    }

    #[test]
    fn a_page_that_is_heard_and_does_not_answer_is_asked_until_it_does() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start, start, false);
        for _ in 0..FIRST_BEATS {
            let seq = liveness.beat(start);
            liveness.echo(start, seq);
        }
        // Its words come through, and the Beats to it do not.
        let (mut now, mut seq) = (start, 0);
        for _ in 0..30 {
            now = liveness.deadline(now, None);
            seq = liveness.beat(now);
        }
        assert_eq!(now - start, 1200 * MS + 28 * 50 * MS);
        liveness.echo(now, seq + 1);
        assert_eq!(liveness.deadline(now, None), now + 50 * MS, "it cannot have heard that one");
        liveness.echo(now, seq);
        assert!(liveness.deadline(now, None) < now, "the next is overdue");
        let next = liveness.beat(now);
        liveness.echo(now + 300 * MS, next);
        assert_eq!(liveness.deadline(now, None), now + 1000 * MS);
    }

    #[test]
    fn a_page_that_has_what_is_sent_is_asked_less_often() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start, start, false);
        let asked = |liveness: &mut Liveness, now| {
            let seq = liveness.beat(now);
            liveness.echo(now, seq);
            seq
        };
        (1..FIRST_BEATS).for_each(|_| _ = asked(&mut liveness, start));
        assert_eq!(liveness.deadline(start, Some(start)), start + 100 * MS, "the first tell it the time");
        let last = asked(&mut liveness, start);
        for (from, next) in [(0, 1000), (200, 1200), (2999, 3950), (3000, 4000), (3900, 4000)] {
            let now = start + from * MS;
            assert_eq!(liveness.deadline(now, Some(now)), start + next * MS, "it has had what left after {from} ms");
            assert_eq!(liveness.rides(now, Some(now)), from >= 3000, "with what leaves after {from} ms");
            assert!(!liveness.rides(now, None), "it may not have had anything");
        }
        liveness.echo(start, last);
        let now = start + 2000 * MS;
        assert_eq!(liveness.deadline(now, Some(now)), start + 1000 * MS, "it asks for more");
        assert!(!liveness.rides(now + 2000 * MS, Some(now)), "and has its Beat without a message");
        liveness.beat(now);
        assert_eq!(liveness.deadline(now, Some(now)), now + 200 * MS, "and answers, or is asked again");
    }

    #[test]
    fn the_smallest_round_trip_of_the_last_sixteen() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start, start, false);
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
        let seq = liveness.beat(start + ROUND_TRIPS_LAST + MS);
        assert_eq!(liveness.round_trip(), None, "they are too old");
        liveness.echo(start + ROUND_TRIPS_LAST + 9 * MS, seq);
        assert_eq!(liveness.round_trip(), Some(8 * MS));
    }
}
