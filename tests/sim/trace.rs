//! What happened, in order: a digest of all of it, and the last lines for a reader.

use std::collections::VecDeque;
use std::time::Instant;

/// Lines that a replay shows of what came before a finding.
const LINES_MAX: usize = 60;

pub struct Trace {
    start: Instant,
    application: u64,
    network: u64,
    lines: Option<VecDeque<String>>,
}

/// Two runs of one seed are the same when these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// Every event, message, send outcome and end, with its virtual time.
    pub application: u64,
    /// Every datagram of an open page, with its virtual time, direction and length; of others not the length, since DTLS
    /// signatures have no fixed one.
    pub network: u64,
}

impl Trace {
    pub fn new(start: Instant, keep_lines: bool) -> Trace {
        Trace { start, application: 0, network: 0, lines: keep_lines.then(VecDeque::new) }
    }

    /// Something that an application sees.
    pub fn note(&mut self, now: Instant, words: &[u64], line: impl FnOnce() -> String) {
        let at = now - self.start;
        self.application =
            words.iter().fold(fold(self.application, at.as_nanos() as u64), |sum, word| fold(sum, *word));
        if let Some(lines) = &mut self.lines {
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(format!("{:>12.6} s  {}", at.as_secs_f64(), line()));
        }
    }

    /// A datagram was sent.
    pub fn datagram(&mut self, now: Instant, visitor: usize, to_server: bool, bytes: usize) {
        let at = now - self.start;
        let words = [at.as_nanos() as u64, visitor as u64, u64::from(to_server), bytes as u64];
        self.network = words.iter().fold(self.network, |sum, word| fold(sum, *word));
    }

    pub fn digest(&self) -> Digest {
        Digest { application: self.application, network: self.network }
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().flatten().cloned().collect()
    }
}

fn fold(sum: u64, word: u64) -> u64 {
    (sum.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
