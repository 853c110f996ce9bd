//! What one side said to the other and the other has not heard yet, and what may be heard next.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use patchcord::{Channel, Data};

use crate::model::Fault;

/// An unreliable message that comes later than this after it was sent is a fault. SCTP lets one wait for as long as the
/// connection lives, and a browser whose address changes again and again can be out of reach for a minute.
const UNRELIABLE_AGE_MAX: Duration = Duration::from_secs(150);

/// A page with a session says with each Beat how much it has had; on a bad network few of them come through, or go behind
/// large messages of its own.
const REPORTED_AFTER: Duration = Duration::from_secs(60);

/// What nobody acknowledges either side sends again within 3 s (`backoff.rs`), and in the calm nothing is lost.
const SENT_AGAIN_MAX: Duration = Duration::from_secs(10);

/// A message, told from all others but by the shortest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Print {
    bytes: usize,
    is_text: bool,
    hash: u64,
}

impl Print {
    pub fn of(data: &Data) -> Print {
        // FNV-1a over words of eight bytes: messages of 256 KiB are many, and tests are not optimised.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut mix = |word: u64| hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        let mut words = data.bytes().chunks_exact(8);
        for word in &mut words {
            mix(word.try_into().map_or(0, u64::from_le_bytes));
        }
        words.remainder().iter().for_each(|byte| mix(u64::from(*byte)));
        Print { bytes: data.bytes().len(), is_text: matches!(data, Data::Text(_)), hash }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}

/// One direction of one peer, over all of its connections.
#[derive(Debug, Default)]
pub struct Lane {
    reliable: VecDeque<(Instant, Print)>,
    /// What may still arrive, and when each copy of it was sent: the shortest messages are not all different.
    unreliable: BTreeMap<Print, VecDeque<Instant>>,
    unreliable_by_age: VecDeque<(Instant, Print)>,
    /// What is newer than all that has arrived.
    latest: VecDeque<(Instant, Print)>,
    /// Reliable messages that have arrived not long ago: when, and their bytes.
    reported_soon: VecDeque<(Instant, usize)>,
    /// Reliable bytes that have arrived, and when the last of them did.
    arrived_bytes: u64,
    arrived_at: Option<Instant>,
}

impl Lane {
    pub fn sent(&mut self, now: Instant, channel: Channel, print: Print) {
        match channel {
            Channel::Reliable => self.reliable.push_back((now, print)),
            Channel::Latest => self.latest.push_back((now, print)),
            Channel::Unreliable => {
                self.unreliable.entry(print).or_default().push_back(now);
                self.unreliable_by_age.push_back((now, print));
                while self.unreliable_by_age.front().is_some_and(|(at, _)| *at + UNRELIABLE_AGE_MAX < now) {
                    let Some((at, old)) = self.unreliable_by_age.pop_front() else { break };
                    if self.unreliable.get(&old).is_some_and(|sent| sent.front() == Some(&at)) {
                        self.forget_oldest(old);
                    }
                }
            }
        }
    }

    /// A message arrived; when it was sent.
    pub fn received(&mut self, now: Instant, channel: Channel, print: Print) -> Result<Instant, Fault> {
        match channel {
            Channel::Reliable => {
                let expected = self.reliable.pop_front();
                if let Some((sent_at, _)) = expected.filter(|(_, expected)| *expected == print) {
                    self.arrived_bytes += print.bytes as u64;
                    self.arrived_at = Some(now);
                    self.reported_soon.push_back((now, print.bytes));
                    while self.reported_soon.front().is_some_and(|(at, _)| *at + REPORTED_AFTER < now) {
                        self.reported_soon.pop_front();
                    }
                    return Ok(sent_at);
                }
                let later = self.reliable.iter().position(|(_, other)| *other == print);
                Err(Fault(match (expected, later) {
                    (None, _) => format!("a reliable message arrived that nobody sent: {print:?}"),
                    (Some(_), Some(skipped)) => format!("a reliable message arrived before {} others", skipped + 1),
                    (Some((_, expected)), None) => {
                        format!(
                            "a reliable message arrived twice, altered or from elsewhere: {print:?}, not {expected:?}"
                        )
                    }
                }))
            }
            Channel::Latest => match self.latest.iter().position(|(_, other)| *other == print) {
                Some(older) => {
                    self.latest.drain(..older);
                    Ok(self.latest.pop_front().map_or(now, |(sent_at, _)| sent_at))
                }
                None => Err(Fault(format!(
                    "a latest message arrived after a newer one, twice, altered, or from elsewhere: {print:?}"
                ))),
            },
            Channel::Unreliable => {
                let sent_at = self.unreliable.get(&print).and_then(|sent| sent.front()).copied();
                self.forget_oldest(print);
                sent_at.ok_or_else(|| {
                    Fault(format!(
                        "an unreliable message arrived twice, altered, too late, or from elsewhere: {print:?}"
                    ))
                })
            }
        }
    }

    /// Reliable messages that have not arrived, and none of them lately.
    pub fn stuck(&self, now: Instant) -> usize {
        let is_moving = self.arrived_at.is_some_and(|at| now - at <= SENT_AGAIN_MAX);
        if is_moving { 0 } else { self.reliable.len() }
    }

    /// The bytes of reliable messages that have not arrived, with `entry` bytes more for each.
    pub fn outstanding_bytes(&self, entry: usize) -> usize {
        self.reliable.iter().map(|(_, print)| print.bytes + entry).sum()
    }

    /// The same of those that have arrived, and whose sender may not know it, having last heard of the receiver at `heard_at`.
    pub fn unreported_bytes(&self, heard_at: Instant, entry: usize) -> usize {
        let lately = self.reported_soon.iter().filter(|(at, _)| *at + REPORTED_AFTER >= heard_at);
        lately.map(|(_, bytes)| bytes + entry).sum()
    }

    pub fn arrived_bytes(&self) -> u64 {
        self.arrived_bytes
    }

    fn forget_oldest(&mut self, print: Print) {
        if let Some(sent) = self.unreliable.get_mut(&print) {
            sent.pop_front();
            if sent.is_empty() {
                self.unreliable.remove(&print);
            }
        }
    }
}
