use super::super::packet::build::packet_of;
use super::super::packet::chunks;
use super::*;

const WINDOW: u32 = 1 << 20;

struct Bench {
    wire: Wire,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        let now = Instant::now();
        Bench { wire: Wire::new(now), now }
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.wire.set_now(self.now);
    }

    /// Sends one chunk in a packet of its own.
    fn send(&mut self, tsn: u32, is_unordered: bool) {
        let packet = packet_of(&[tsn.to_be_bytes().repeat(4)]);
        self.wire.sends(&packet, [Leaving { tsn: Tsn(tsn), is_unordered, bytes: 100 }].into_iter());
    }

    fn sack(&mut self, cumulative: u32, blocks: &[(u16, u16)]) -> Option<Vec<(u16, u16)>> {
        let sack = Sack { cumulative: Tsn(cumulative), window: WINDOW, blocks: blocks.to_vec() };
        self.wire.acknowledged(&sack).map(|seen| {
            assert_eq!((seen.cumulative, seen.window), (sack.cumulative, WINDOW), "only the blocks may differ");
            seen.blocks
        })
    }

    /// The FORWARD TSNs that wait to go out.
    fn forwarded(&mut self) -> Vec<u32> {
        let packets: Vec<Vec<u8>> = std::iter::from_fn(|| self.wire.poll_transmit()).collect();
        let tsn = |packet: &Vec<u8>| {
            let chunk = chunks(packet).next().filter(|chunk| chunk[0] == 192)?;
            Some(u32::from_be_bytes(chunk[4..8].try_into().ok()?))
        };
        packets.iter().filter_map(tsn).collect()
    }
}

#[test]
fn lost_unreliable_data_looks_arrived_and_is_skipped_after_three_reports() {
    let mut bench = Bench::new();
    for tsn in 10..16 {
        bench.send(tsn, true);
    }
    bench.pass(20);
    assert_eq!(bench.sack(10, &[]), None, "nothing is missing");
    assert_eq!(bench.sack(10, &[(2, 2)]), Some(vec![(1, 2)]));
    assert_eq!(bench.sack(10, &[(2, 3)]), Some(vec![(1, 3)]));
    assert_eq!(bench.forwarded(), [0; 0], "it may only have been overtaken");
    assert_eq!(bench.sack(10, &[(2, 4)]), Some(vec![(1, 4)]));
    assert_eq!(bench.forwarded(), [14]);
    assert_eq!(bench.sack(15, &[]), None);
}

#[test]
fn lost_reliable_data_stays_lost() {
    let mut bench = Bench::new();
    bench.send(10, false);
    bench.send(11, true);
    bench.send(12, true);
    for _ in 0..5 {
        assert_eq!(bench.sack(9, &[(3, 3)]), Some(vec![(2, 3)]), "the first chunk is not covered");
    }
    assert_eq!(bench.forwarded(), [0; 0], "the receiver is not told to skip reliable data");
}

#[test]
fn a_sack_that_was_overtaken_is_seen_as_it_is() {
    let mut bench = Bench::new();
    for tsn in 10..20 {
        bench.send(tsn, tsn != 15);
    }
    assert_eq!(bench.sack(9, &[(3, 4)]), Some(vec![(1, 4)]));
    assert_eq!(bench.sack(13, &[(3, 3)]), Some(vec![(1, 1), (3, 3)]), "15 is not covered");
    assert_eq!(bench.sack(9, &[(3, 4), (8, 8)]), None, "nor by offsets that count from 10");
    assert_eq!(bench.forwarded(), [0; 0]);
}

#[test]
fn a_skip_is_repeated_only_when_it_may_have_been_lost() {
    let mut bench = Bench::new();
    for tsn in 0..4 {
        bench.send(tsn, true);
    }
    bench.pass(10);
    for _ in 0..10 {
        bench.sack(0, &[(2, 3)]);
    }
    assert_eq!(bench.forwarded(), [3]);
    bench.pass(1000);
    bench.sack(0, &[(2, 3)]);
    assert_eq!(bench.forwarded(), [3]);
}

#[test]
fn a_lone_reliable_packet_is_sent_again_until_it_is_acknowledged() {
    let mut bench = Bench::new();
    bench.send(7, false);
    bench.pass(8);
    bench.sack(7, &[]);
    assert_eq!(bench.wire.deadline(), None, "nothing is out");

    bench.send(8, false);
    let first = bench.wire.deadline().unwrap() - bench.now;
    assert_eq!(first, Duration::from_millis(2 * 8) + PROBE_MARGIN);
    let start = bench.now;
    let mut at_ms = Vec::new();
    for _ in 0..40 {
        bench.now = bench.wire.deadline().unwrap();
        bench.wire.set_now(bench.now);
        bench.wire.handle_timeout();
        assert_eq!(std::iter::from_fn(|| bench.wire.poll_transmit()).count(), 1);
        at_ms.push((bench.now - start).as_millis());
    }
    assert_eq!(at_ms[..8], [26, 78, 182, 390, 806, 1638, 3302, 5302]);
    assert_eq!(at_ms[39], 5302 + 32 * 2000, "for as long as it takes, and at no smaller rate");
    bench.sack(8, &[]);
    assert_eq!(bench.wire.deadline(), None);
    bench.send(9, false);
    assert_eq!(bench.wire.deadline(), Some(bench.now + first), "the next one is probed for as soon");
}

#[test]
fn what_sctp_has_sent_again_is_probed_for_whatever_else_arrives() {
    let mut bench = Bench::new();
    bench.send(7, false);
    bench.pass(8);
    bench.sack(7, &[]);
    bench.send(8, false);
    bench.pass(60_000);
    bench.send(8, false);
    bench.pass(10);
    bench.wire.handle_timeout();
    while bench.wire.poll_transmit().is_some() {}
    let mut sent_again = 0;
    for tsn in 9..200 {
        bench.send(tsn, tsn % 2 == 0);
        bench.pass(8);
        bench.sack(7, &[(2, (tsn - 7) as u16)]);
        bench.wire.handle_timeout();
        sent_again += std::iter::from_fn(|| bench.wire.poll_transmit()).count();
    }
    assert_eq!(sent_again, 5, "after 26, 78, 182, 390 and 806 ms");
    bench.sack(199, &[]);
    assert_eq!(bench.wire.deadline(), None);
}

#[test]
fn unreliable_data_that_nothing_follows_is_given_up() {
    let mut bench = Bench::new();
    bench.send(7, true);
    bench.send(8, true);
    assert_eq!(bench.wire.deadline(), Some(bench.now + TAIL_FORGIVEN_AFTER));
    bench.pass(350);
    bench.wire.handle_timeout();
    assert_eq!(bench.forwarded(), [8]);
    assert!(bench.wire.deadline().is_some_and(|at| at > bench.now));
    bench.sack(8, &[]);
    assert_eq!(bench.wire.deadline(), None);
}

#[test]
fn what_is_out_of_step_is_let_through_untouched() {
    let mut bench = Bench::new();
    bench.send(100, true);
    assert_eq!(bench.sack(50, &[(3, 9)]), None);
    assert_eq!(bench.sack(0xffff_0000, &[(1, 65_535)]), None);
    assert_eq!(bench.sack(99, &[(9, 3), (0, 0), (500, 600)]), None);
    bench.send(300, true);
    assert_eq!(bench.wire.deadline(), None, "a gap in our own numbers: nothing is remembered");
    assert_eq!(bench.wire.unordered_bytes_sent(), 200);
}

#[test]
fn numbers_wrap() {
    let mut bench = Bench::new();
    for tsn in [u32::MAX - 1, u32::MAX, 0, 1] {
        bench.send(tsn, true);
    }
    for _ in 0..3 {
        assert_eq!(bench.sack(u32::MAX - 1, &[(2, 3)]), Some(vec![(1, 3)]));
    }
    assert_eq!(bench.forwarded(), [1]);
}

#[test]
fn memory_is_bounded() {
    let mut bench = Bench::new();
    for tsn in 0..3 * IN_FLIGHT_MAX as u32 {
        bench.send(tsn, tsn % 2 == 0);
        assert!(bench.wire.in_flight.len() <= IN_FLIGHT_MAX && bench.wire.tail.len() <= TAIL_PACKETS);
    }
}

#[test]
fn what_was_forgotten_is_never_skipped() {
    let mut bench = Bench::new();
    bench.send(10, true);
    assert_eq!(bench.sack(10, &[]), None);
    bench.send(11, false);
    // Out of step: SCTP sends again what the wire has seen acknowledged. 11 is lost, and nobody remembers it.
    bench.send(10, true);
    bench.send(12, true);
    bench.pass(400);
    bench.wire.handle_timeout();
    assert_eq!(bench.sack(10, &[(2, 2)]), None);
    assert_eq!(bench.forwarded(), [0; 0], "11 may be reliable");
    assert_eq!(bench.sack(12, &[]), None);
    bench.send(13, true);
    bench.pass(400);
    bench.wire.handle_timeout();
    assert_eq!(bench.forwarded(), [13], "all that was forgotten has arrived");
}
