//! How streams end, and may begin anew (RFC 6525, section 4).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::number::Tsn;
use super::packet::{items, put_item, u16_at, u32_at};

/// Parameters of a RE-CONFIG chunk.
const OUTGOING_RESET: [u8; 2] = [0, 13];
const INCOMING_RESET: [u8; 2] = [0, 14];
const RESPONSE: [u8; 2] = [0, 16];
const ADD_OUTGOING: [u8; 2] = [0, 17];
const ADD_INCOMING: [u8; 2] = [0, 18];

/// What is answered (section 4.4).
const NOTHING_TO_DO: u32 = 0;
const PERFORMED: u32 = 1;
const DENIED: u32 = 2;
const WRONG_NUMBER: u32 = 5;
const IN_PROGRESS: u32 = 6;

/// Before a request is sent again, doubling up to the longest.
const AGAIN_FIRST: Duration = Duration::from_millis(200);
const AGAIN_MAX: Duration = Duration::from_secs(2);

/// The resets of both directions.
#[derive(Debug)]
pub(super) struct Resets {
    /// The number of the next request of theirs, and what the one before was answered.
    expected: u32,
    answered: u32,
    /// The number of our next request.
    next: u32,
    /// Streams of ours to be ended.
    wanted: BTreeSet<u16>,
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    number: u32,
    streams: BTreeSet<u16>,
    last: Tsn,
    at: Instant,
    wait: Duration,
    is_out: bool,
}

/// What a chunk of theirs asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asks {
    /// Streams of theirs that begin anew; `None` for all.
    pub(super) ended: Vec<Option<u16>>,
    /// Streams of ours that they want ended.
    pub(super) to_end: Vec<u16>,
    /// Streams of ours that begin anew.
    pub(super) ours: Vec<u16>,
    /// The parameters of the answer; empty if there is none.
    pub(super) answer: Vec<u8>,
}

impl Resets {
    /// Requests are counted from the first TSN of each side.
    pub(super) fn new(ours: u32, theirs: u32) -> Resets {
        Resets { expected: theirs, answered: NOTHING_TO_DO, next: ours, wanted: BTreeSet::new(), asked: None }
    }

    /// A stream of ours is to be ended.
    pub(super) fn end(&mut self, stream: u16) {
        self.wanted.insert(stream);
    }

    /// Takes a chunk of theirs. Everything of theirs has arrived up to `cumulative`.
    pub(super) fn take(&mut self, value: &[u8], cumulative: Tsn) -> Asks {
        let mut asks = Asks::default();
        for (kind, value) in items(value) {
            match kind {
                OUTGOING_RESET if value.len() >= 12 => {
                    let result = self.take_ended(value, cumulative, &mut asks);
                    answer(&mut asks.answer, u32_at(value, 0), result);
                }
                INCOMING_RESET if value.len() >= 4 => {
                    asks.to_end.extend(streams(&value[4..]));
                    let result = self.count(u32_at(value, 0), PERFORMED);
                    answer(&mut asks.answer, u32_at(value, 0), result);
                }
                ADD_OUTGOING | ADD_INCOMING if value.len() >= 4 => {
                    let result = self.count(u32_at(value, 0), DENIED);
                    answer(&mut asks.answer, u32_at(value, 0), result);
                }
                RESPONSE if value.len() >= 8 => {
                    let is_of = |asked: &mut Asked| asked.number == u32_at(value, 0);
                    if u32_at(value, 4) != IN_PROGRESS
                        && let Some(asked) = self.asked.take_if(is_of)
                    {
                        asks.ours.extend(asked.streams);
                    }
                }
                _ => {}
            }
        }
        asks
    }

    fn take_ended(&mut self, value: &[u8], cumulative: Tsn, asks: &mut Asks) -> u32 {
        let (number, last) = (u32_at(value, 0), cumulative.nearest(u32_at(value, 8)));
        if number == self.expected && last > cumulative {
            return IN_PROGRESS;
        }
        if number == self.expected {
            let named = streams(&value[12..]);
            match named.is_empty() {
                true => asks.ended.push(None),
                false => asks.ended.extend(named.into_iter().map(Some)),
            }
        }
        self.count(number, PERFORMED)
    }

    /// The result of a request with this number, which is `result` if its turn has come.
    fn count(&mut self, number: u32, result: u32) -> u32 {
        if number == self.expected {
            self.expected = number.wrapping_add(1);
            self.answered = result;
            result
        } else if number == self.expected.wrapping_sub(1) {
            self.answered
        } else {
            WRONG_NUMBER
        }
    }

    /// The parameter of a request that is due, `last` being the last TSN that has left.
    pub(super) fn poll(&mut self, now: Instant, last: Tsn) -> Option<Vec<u8>> {
        if self.asked.is_none() && !self.wanted.is_empty() {
            let streams = std::mem::take(&mut self.wanted);
            let number = self.next;
            self.next = number.wrapping_add(1);
            self.asked = Some(Asked { number, streams, last, at: now, wait: AGAIN_FIRST, is_out: false });
        }
        let asked = self.asked.as_mut().filter(|asked| asked.at <= now || !asked.is_out)?;
        asked.is_out = true;
        asked.at = now + asked.wait;
        asked.wait = (asked.wait * 2).min(AGAIN_MAX);
        let numbers = [asked.number, self.expected.wrapping_sub(1), asked.last.wire()];
        let numbers: Vec<u8> = numbers.into_iter().flat_map(u32::to_be_bytes).collect();
        let streams: Vec<u8> = asked.streams.iter().flat_map(|stream| stream.to_be_bytes()).collect();
        let mut parameter = Vec::new();
        put_item(&mut parameter, OUTGOING_RESET, &[&numbers, &streams]);
        Some(parameter)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.asked.as_ref().map(|asked| asked.at)
    }
}

fn streams(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|stream| u16_at(stream, 0)).collect()
}

fn answer(parameters: &mut Vec<u8>, number: u32, result: u32) {
    put_item(parameters, RESPONSE, &[&number.to_be_bytes(), &result.to_be_bytes()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_asks_and_the_other_performs_once() {
        let now = Instant::now();
        let (mut ours, mut theirs) = (Resets::new(10, 20), Resets::new(20, 10));
        ours.end(3);
        ours.end(5);
        let request = ours.poll(now, Tsn::first(15)).unwrap();
        assert_eq!(ours.poll(now, Tsn::first(15)), None);
        assert_eq!(theirs.take(&request, Tsn::first(14)).ended, [], "what was sent before has not arrived");
        let asks = theirs.take(&request, Tsn::first(15));
        assert_eq!(asks.ended, [Some(3), Some(5)]);
        let again = theirs.take(&request, Tsn::first(15));
        assert_eq!((again.ended, &again.answer), (vec![], &asks.answer));
        assert_eq!(ours.deadline(), Some(now + AGAIN_FIRST));
        assert_eq!(ours.take(&asks.answer, Tsn::first(0)).ours, [3, 5]);
        assert_eq!((ours.deadline(), ours.take(&asks.answer, Tsn::first(0)).ours), (None, vec![]));
    }

    #[test]
    fn a_request_that_is_not_answered_is_sent_again() {
        let now = Instant::now();
        let mut ours = Resets::new(10, 20);
        ours.end(3);
        let request = ours.poll(now, Tsn::first(15));
        let later = now + AGAIN_FIRST;
        assert_eq!(ours.poll(later, Tsn::first(99)), request);
        assert_eq!(ours.deadline(), Some(later + 2 * AGAIN_FIRST));
    }

    #[test]
    fn what_is_out_of_turn_is_refused() {
        let mut theirs = Resets::new(20, 10);
        for number in [9_u32, 12] {
            let mut request = Vec::new();
            put_item(&mut request, OUTGOING_RESET, &[&number.to_be_bytes(), &[0; 4], &[0; 4], &[0, 1]]);
            assert_eq!(theirs.take(&request, Tsn::first(0)).ended, []);
        }
        assert_eq!(theirs.take(&[0, 13, 0, 4, 0, 14, 0, 4, 0, 16], Tsn::first(0)), Asks::default());
    }
}
