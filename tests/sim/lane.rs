//! What one side said to the other and the other has not heard yet, and what may be heard next.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use patchcord::{Channel, Data};

use crate::model::Fault;

/// An unreliable message that comes later than this after it was sent is a fault. SCTP lets one wait for as long as the
/// connection lives, and a browser whose address changes again and again can be out of reach for a minute.
const UNRELIABLE_AGE_MAX: Duration = Duration::from_secs(150);

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

/// One direction of one connection.
#[derive(Debug, Default)]
pub struct Lane {
    reliable: VecDeque<Print>,
    /// What may still arrive, and when each copy of it was sent: the shortest messages are not all different.
    unreliable: BTreeMap<Print, VecDeque<Instant>>,
    unreliable_by_age: VecDeque<(Instant, Print)>,
}

impl Lane {
    pub fn sent(&mut self, now: Instant, channel: Channel, print: Print) {
        match channel {
            Channel::Reliable => self.reliable.push_back(print),
            Channel::Unreliable | Channel::Latest => {
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

    pub fn received(&mut self, channel: Channel, print: Print) -> Result<(), Fault> {
        match channel {
            Channel::Reliable => {
                let expected = self.reliable.pop_front();
                if expected == Some(print) {
                    return Ok(());
                }
                let later = self.reliable.iter().position(|other| *other == print);
                Err(Fault(match (expected, later) {
                    (None, _) => format!("a reliable message arrived that nobody sent: {print:?}"),
                    (Some(_), Some(skipped)) => format!("a reliable message arrived before {} others", skipped + 1),
                    (Some(expected), None) => {
                        format!(
                            "a reliable message arrived twice, altered or from elsewhere: {print:?}, not {expected:?}"
                        )
                    }
                }))
            }
            Channel::Unreliable | Channel::Latest => match self.unreliable.get(&print) {
                Some(_) => {
                    self.forget_oldest(print);
                    Ok(())
                }
                None => Err(Fault(format!(
                    "an unreliable message arrived twice, altered, too late, or from elsewhere: {print:?}"
                ))),
            },
        }
    }

    /// Reliable messages that have not arrived.
    pub fn outstanding(&self) -> usize {
        self.reliable.len()
    }

    /// Their bytes, with `entry` bytes more for each.
    pub fn outstanding_bytes(&self, entry: usize) -> usize {
        self.reliable.iter().map(|print| print.bytes + entry).sum()
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
