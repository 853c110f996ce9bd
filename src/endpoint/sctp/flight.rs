//! What has left and is not acknowledged without a gap.

use std::time::{Duration, Instant};

use super::few::Few;
use super::number::Tsn;
use super::queue::Fragment;

/// SACKs that must report later data before a fragment is taken for lost (RFC 9260, section 7.2.4).
const MISSING_MIN: u8 = 3;

/// When unreliable data that nothing follows is given up: after the receiver's delayed acknowledgement (200 ms, RFC 9260,
/// section 6.2).
const GIVEN_UP_AFTER: Duration = Duration::from_millis(350);

/// Fragments in flight, in the order of their TSNs, which have no gap.
#[derive(Debug)]
pub(super) struct Flight {
    first: Tsn,
    sent: Few<Sent>,
    counts: Counts,
    /// Something has been sent twice, so that the order of TSNs is not that of leaving.
    is_mixed: bool,
}

#[derive(Debug, Default)]
struct Counts {
    reliable: Count,
    unreliable: Count,
    /// Fragments that wait to be sent again.
    lost: usize,
}

/// Of what is on its way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) fragments: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Sent {
    /// `None` for what is not sent again.
    fragment: Option<Fragment>,
    bytes: usize,
    state: State,
    /// SACKs that reported later data and not this.
    missing: u8,
    times: u8,
    sent_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    OnItsWay,
    Arrived,
    /// To be sent again.
    Lost,
    /// Not to be sent again.
    GivenUp,
}

/// What one SACK has told.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// Bytes that have arrived.
    pub(super) reliable_bytes: usize,
    pub(super) unreliable_bytes: usize,
    /// When the newest fragment left that has arrived, and left once.
    pub(super) left_at: Option<Instant>,
    /// When the newest of what has arrived left for the last time, if that one has arrived and not an earlier copy.
    pub(super) newest_left_at: Option<Instant>,
    /// Past the last that it reports beyond a hole.
    beyond: usize,
    is_news: bool,
}

impl Flight {
    pub(super) fn new(first: Tsn) -> Flight {
        Flight { first, sent: Few::default(), counts: Counts::default(), is_mixed: false }
    }

    /// The first TSN that is not acknowledged without a gap.
    pub(super) fn first(&self) -> Tsn {
        self.first
    }

    /// The next to leave.
    pub(super) fn next(&self) -> Tsn {
        self.first.plus(self.sent.len())
    }

    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn reliable(&self) -> Count {
        self.counts.reliable
    }

    pub(super) fn unreliable(&self) -> Count {
        self.counts.unreliable
    }

    /// Reliable bytes that wait to be sent again.
    pub(super) fn lost_bytes(&self) -> usize {
        if self.counts.lost == 0 { 0 } else { self.of(State::Lost).map(|(_, sent)| sent.bytes).sum() }
    }

    /// A fragment leaves for the first time, as this TSN.
    pub(super) fn push(&mut self, now: Instant, fragment: &Fragment) -> Tsn {
        let tsn = self.next();
        let bytes = fragment.range.len();
        let count = if fragment.is_reliable { &mut self.counts.reliable } else { &mut self.counts.unreliable };
        count.add(bytes);
        self.sent.push_back(Sent {
            fragment: fragment.is_reliable.then(|| fragment.clone()),
            bytes,
            state: State::OnItsWay,
            missing: 0,
            times: 1,
            sent_at: now,
        });
        tsn
    }

    /// Whether anything waits to be sent again.
    pub(super) fn has_lost(&self) -> bool {
        self.counts.lost > 0
    }

    /// What waits to be sent again, the first first.
    pub(super) fn next_lost(&self) -> Option<(Tsn, &Fragment)> {
        if self.counts.lost == 0 {
            return None;
        }
        let (tsn, sent) = self.of(State::Lost).next()?;
        Some((tsn, sent.fragment.as_ref()?))
    }

    /// It has been sent again.
    pub(super) fn sent_again(&mut self, now: Instant, tsn: Tsn) {
        let Some(sent) = self.sent.get_mut(tsn.since(self.first)) else { return };
        if sent.state == State::Lost {
            self.counts.lost -= 1;
            self.counts.reliable.add(sent.bytes);
            self.is_mixed = true;
            (sent.state, sent.missing, sent.times, sent.sent_at) =
                (State::OnItsWay, 0, sent.times.saturating_add(1), now);
        }
    }

    /// Takes in a SACK that begins at `cumulative`, which must not be before what is acknowledged already. `round_trip` is the
    /// shortest: what comes back sooner is an answer to an earlier copy.
    pub(super) fn acknowledge(
        &mut self,
        now: Instant,
        cumulative: Tsn,
        blocks: &[(u16, u16)],
        round_trip: Duration,
    ) -> Told {
        let mut told = Told::default();
        while self.first <= cumulative
            && let Some(mut sent) = self.sent.pop_front()
        {
            self.first = self.first.next();
            sent.arrive(now, round_trip, &mut self.counts, &mut told);
        }
        for (start, end) in blocks {
            // Offset 1 is the first in flight. Honest blocks ascend; others would have everything walked once for each.
            let end = usize::from(*end).min(self.sent.len());
            let start = (usize::from(*start).max(1) - 1).max(told.beyond).min(end);
            for sent in self.sent.iter_mut().take(end).skip(start) {
                sent.arrive(now, round_trip, &mut self.counts, &mut told);
            }
            told.beyond = told.beyond.max(end);
        }
        self.is_mixed &= !self.sent.is_empty();
        told
    }

    /// Finds what a SACK shows to be lost: reported missing three times, or left so much earlier than what has arrived
    /// (RFC 8985, section 6.2). Unreliable fragments are given up; of reliable ones `on_loss` hears.
    pub(super) fn find_losses(&mut self, told: &Told, reordering: Duration, mut on_loss: impl FnMut(Tsn)) {
        if !told.is_news || (told.beyond == 0 && !self.is_mixed) {
            return;
        }
        let overtaken = told.newest_left_at.and_then(|newest| newest.checked_sub(reordering));
        for (at, sent) in self.sent.iter_mut().enumerate() {
            if sent.state != State::OnItsWay {
                continue;
            }
            if at < told.beyond {
                sent.missing = sent.missing.saturating_add(1);
            }
            let is_missing = sent.missing >= MISSING_MIN && sent.times == 1;
            if sent.fragment.is_none() {
                if is_missing {
                    sent.state = State::GivenUp;
                    self.counts.unreliable.remove(sent.bytes);
                }
            } else if is_missing || overtaken.is_some_and(|left_at| sent.sent_at < left_at) {
                sent.state = State::Lost;
                self.counts.lost += 1;
                self.counts.reliable.remove(sent.bytes);
                on_loss(self.first.plus(at));
            }
        }
    }

    /// Takes the first reliable fragments on their way for lost, all of them if there are no more than `count`.
    pub(super) fn suspect(&mut self, count: usize) -> usize {
        let reliable = |sent: &&mut Sent| sent.state == State::OnItsWay && sent.fragment.is_some();
        let mut suspected = 0;
        for sent in self.sent.iter_mut().filter(reliable).take(count) {
            sent.state = State::Lost;
            self.counts.lost += 1;
            self.counts.reliable.remove(sent.bytes);
            suspected += 1;
        }
        suspected
    }

    /// When [`give_up`](Flight::give_up) has something to do.
    pub(super) fn given_up_at(&self) -> Option<Instant> {
        if self.counts.unreliable.fragments == 0 {
            return None;
        }
        let unreliable = |sent: &&Sent| sent.state == State::OnItsWay && sent.fragment.is_none();
        self.sent.iter().find(unreliable).map(|sent| sent.sent_at + GIVEN_UP_AFTER)
    }

    /// Gives up unreliable fragments of which nothing has been heard for long; whether there were any.
    pub(super) fn give_up(&mut self, now: Instant) -> bool {
        let before = self.counts.unreliable;
        for sent in self.sent.iter_mut() {
            let is_old = sent.sent_at + GIVEN_UP_AFTER <= now;
            if sent.state == State::OnItsWay && sent.fragment.is_none() && is_old {
                sent.state = State::GivenUp;
                self.counts.unreliable.remove(sent.bytes);
            }
        }
        self.counts.unreliable != before
    }

    /// Gives up everything.
    pub(super) fn give_up_all(&mut self) {
        for sent in self.sent.iter_mut().filter(|sent| matches!(sent.state, State::OnItsWay | State::Lost)) {
            sent.state = State::GivenUp;
        }
        self.counts = Counts::default();
    }

    /// Up to where the receiver need wait for nothing, if that is more than it knows (RFC 3758, section 3.5).
    pub(super) fn forward(&self) -> Option<Tsn> {
        let passed = self.sent.iter().take_while(|sent| matches!(sent.state, State::Arrived | State::GivenUp));
        let (last, _) = passed.enumerate().filter(|(_, sent)| sent.state == State::GivenUp).last()?;
        Some(self.first.plus(last))
    }

    fn of(&self, state: State) -> impl Iterator<Item = (Tsn, &Sent)> {
        let sent = self.sent.iter().enumerate().filter(move |(_, sent)| sent.state == state);
        sent.map(|(at, sent)| (self.first.plus(at), sent))
    }
}

impl Sent {
    fn arrive(&mut self, now: Instant, round_trip: Duration, counts: &mut Counts, told: &mut Told) {
        let is_reliable = self.fragment.is_some();
        match self.state {
            State::Arrived => return,
            State::OnItsWay if is_reliable => counts.reliable.remove(self.bytes),
            State::OnItsWay => counts.unreliable.remove(self.bytes),
            State::Lost => counts.lost -= 1,
            State::GivenUp => {}
        }
        self.state = State::Arrived;
        told.is_news = true;
        *(if is_reliable { &mut told.reliable_bytes } else { &mut told.unreliable_bytes }) += self.bytes;
        if self.times == 1 {
            told.left_at = told.left_at.max(Some(self.sent_at));
        }
        if self.times == 1 || now.saturating_duration_since(self.sent_at) >= round_trip {
            told.newest_left_at = told.newest_left_at.max(Some(self.sent_at));
        }
    }
}

impl Count {
    fn add(&mut self, bytes: usize) {
        self.fragments += 1;
        self.bytes += bytes;
    }

    fn remove(&mut self, bytes: usize) {
        self.fragments -= 1;
        self.bytes -= bytes;
    }
}
