//! One direction of one browser's link: what becomes of each datagram.

use std::time::{Duration, Instant};

use crate::chance::Chance;
use crate::options::{Options, Rate};

/// One direction of one browser's path to the server.
pub struct Link {
    chance: Chance,
    /// Gilbert-Elliott's bad state.
    is_bad: bool,
    /// When the bottleneck has sent all that waits in it.
    free_at: Instant,
    last_arrival: Instant,
    cut_until: Instant,
    /// In the place of what the options say.
    pub rate: Option<Rate>,
}

/// One datagram, or one copy of it, on its way to arrive.
pub struct Arrival {
    pub at: Instant,
    pub bytes: Vec<u8>,
    pub is_corrupt: bool,
    /// A second copy, or held back: whoever protects against replays may ignore it.
    is_odd: bool,
}

impl Arrival {
    /// Whether it is as it would be on a quiet network.
    pub fn is_plain(&self) -> bool {
        !self.is_corrupt && !self.is_odd
    }
}

/// What happened to datagrams, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carried {
    pub datagrams: u64,
    pub lost: u64,
    pub cut: u64,
    pub overflowed: u64,
    pub reordered: u64,
    pub duplicated: u64,
    pub corrupted: u64,
}

impl Link {
    pub fn new(chance: Chance, now: Instant) -> Link {
        Link { chance, is_bad: false, free_at: now, last_arrival: now, cut_until: now, rate: None }
    }

    /// Nothing passes until then.
    pub fn cut(&mut self, until: Instant) {
        self.cut_until = self.cut_until.max(until);
    }

    pub fn heal(&mut self, now: Instant) {
        self.cut_until = now;
        (self.is_bad, self.rate) = (false, None);
    }

    pub fn is_cut(&self, now: Instant) -> bool {
        now < self.cut_until
    }

    /// Where and when a datagram arrives: not at all, once, or twice.
    pub fn carry(&mut self, options: &Options, now: Instant, bytes: Vec<u8>, counts: &mut Carried) -> Vec<Arrival> {
        counts.datagrams += 1;
        if self.is_cut(now) {
            counts.cut += 1;
            return Vec::new();
        }
        if self.is_lost(options) {
            counts.lost += 1;
            return Vec::new();
        }
        let Some(sent_at) = self.pass_bottleneck(options, now, bytes.len()) else {
            counts.overflowed += 1;
            return Vec::new();
        };
        let mut at = sent_at + options.delay + self.chance.up_to(options.jitter);
        let is_held_back = self.chance.happens(options.reorder);
        if is_held_back {
            at += self.chance.up_to(options.reorder_by_max);
            counts.reordered += 1;
        } else {
            // Jitter alone does not reorder: a queue is first in, first out.
            at = at.max(self.last_arrival);
            self.last_arrival = at;
        }
        let mut arrivals = Vec::with_capacity(1);
        if self.chance.happens(options.duplicate) {
            counts.duplicated += 1;
            let at = at + self.chance.up_to(options.reorder_by_max);
            arrivals.push(Arrival { at, bytes: bytes.clone(), is_corrupt: false, is_odd: true });
        }
        let is_corrupt = self.chance.happens(options.corrupt);
        let bytes = if is_corrupt { self.corrupted(bytes) } else { bytes };
        counts.corrupted += u64::from(is_corrupt);
        arrivals.push(Arrival { at, bytes, is_corrupt, is_odd: is_held_back });
        arrivals
    }

    fn is_lost(&mut self, options: &Options) -> bool {
        if let Some(burst) = options.burst {
            let turns = if self.is_bad { burst.ends } else { burst.begins };
            self.is_bad ^= self.chance.happens(turns);
            if self.is_bad && self.chance.happens(burst.loss) {
                return true;
            }
        }
        self.chance.happens(options.loss)
    }

    /// When the bottleneck has sent it; `None` if its queue is full.
    fn pass_bottleneck(&mut self, options: &Options, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(rate) = self.rate.or(options.rate) else { return Some(now) };
        let time = |bytes: usize| Duration::from_secs_f64(bytes as f64 / f64::from(rate.bytes_per_second));
        let begins = self.free_at.max(now);
        if begins - now > time(rate.queue_bytes) {
            return None;
        }
        self.free_at = begins + time(bytes);
        Some(self.free_at)
    }

    /// One to four bytes changed to others, and now and then the end cut off. UDP's checksum would catch most of it on a
    /// real network: this stands for whoever forges datagrams.
    fn corrupted(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if bytes.is_empty() {
            return bytes;
        }
        for _ in 0..self.chance.within(1..=4) {
            let at = self.chance.within(0..=bytes.len() - 1);
            bytes[at] ^= self.chance.within(1..=255) as u8;
        }
        if self.chance.happens(0.1) {
            bytes.truncate(self.chance.within(0..=bytes.len() - 1));
        }
        bytes
    }
}
