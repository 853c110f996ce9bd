use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::packet::{Sack, Tsn};

/// Packets remembered, the oldest first: with those that come after them SCTP goes on by itself once these have arrived.
const PACKETS_MAX: usize = 4;

/// Packets of reliable data that SCTP has sent a second time.
///
/// However much later data is acknowledged, sctp-proto (0.10) sends such a packet a third time only when its timer ends, and
/// after a cut the timer stands where the last doubling has put it: up to a minute ahead, while everything else gets through.
#[derive(Debug, Default)]
pub(super) struct Again {
    packets: VecDeque<Packet>,
}

#[derive(Debug)]
struct Packet {
    /// Of its last reliable chunk.
    tsn: Tsn,
    bytes: Vec<u8>,
    due_at: Instant,
    wait: Duration,
}

impl Again {
    /// SCTP has sent it again. It is due after `wait`.
    pub(super) fn sent(&mut self, now: Instant, tsn: Tsn, bytes: &[u8], wait: Duration) {
        self.packets.retain(|known| known.tsn != tsn);
        let later = self.packets.iter().position(|known| known.tsn.after(tsn).is_some());
        let packet = Packet { tsn, bytes: bytes.to_vec(), due_at: now + wait, wait };
        self.packets.insert(later.unwrap_or(self.packets.len()), packet);
        self.packets.truncate(PACKETS_MAX);
    }

    pub(super) fn acknowledged(&mut self, sack: &Sack) {
        self.packets.retain(|packet| {
            packet.tsn.after(sack.cumulative).is_some_and(|offset| {
                let is_in = |block: &(u16, u16)| (usize::from(block.0)..=usize::from(block.1)).contains(&offset);
                offset > 0 && !sack.blocks.iter().any(is_in)
            })
        });
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.packets.iter().map(|packet| packet.due_at).min()
    }

    /// What is due now. The next time it waits twice as long, up to `longest`.
    pub(super) fn due(&mut self, now: Instant, longest: Duration) -> impl Iterator<Item = Vec<u8>> {
        self.packets.iter_mut().filter(move |packet| packet.due_at <= now).map(move |packet| {
            packet.wait = (packet.wait * 2).min(longest.max(packet.wait));
            packet.due_at = now + packet.wait;
            packet.bytes.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_oldest_are_kept_until_they_are_acknowledged() {
        let now = Instant::now();
        let mut again = Again::default();
        for tsn in [3, 1, u32::MAX, 5, 7, 9] {
            again.sent(now, Tsn(tsn), &[tsn as u8], 10 * MS);
        }
        let due =
            |again: &mut Again, at: Duration| again.due(now + at, 50 * MS).map(|bytes| bytes[0]).collect::<Vec<u8>>();
        assert_eq!(due(&mut again, 9 * MS), [0; 0]);
        assert_eq!(due(&mut again, 10 * MS), [255, 1, 3, 5]);
        again.acknowledged(&Sack { cumulative: Tsn(0), window: 0, blocks: vec![(2, 2), (4, 6)] });
        assert_eq!(again.deadline(), Some(now + 30 * MS));
        assert_eq!(due(&mut again, 30 * MS), [1, 3]);
        assert_eq!((again.deadline(), due(&mut again, 70 * MS)), (Some(now + 70 * MS), vec![1, 3]));
        assert_eq!(again.deadline(), Some(now + 120 * MS), "50 ms are the longest");
        again.acknowledged(&Sack { cumulative: Tsn(3), window: 0, blocks: vec![] });
        assert_eq!(again.deadline(), None);
    }
}
