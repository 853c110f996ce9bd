use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const MS: Duration = Duration::from_millis(1);
const STEP: Duration = MS;

/// Two associations and the path between them.
struct Path {
    now: Instant,
    rng: StdRng,
    delay: Duration,
    jitter: Duration,
    /// Bytes a second each way, with a queue without end, and until when each is busy.
    rate: Option<u32>,
    free_at: [Instant; 2],
    /// Of a hundred packets.
    lost: u32,
    doubled: u32,
    sides: [Association; 2],
    on_its_way: Vec<(Instant, usize, Vec<u8>)>,
    arrived: [Vec<Arrival>; 2],
    packets: usize,
    kinds: std::collections::BTreeMap<u8, usize>,
}

const RO: StreamId = StreamId(0);
const UU: StreamId = StreamId(2);

impl Path {
    fn new(seed: u64) -> Path {
        let now = Instant::now();
        let mut rng = StdRng::seed_from_u64(seed);
        let nonces = [Nonces::new(&mut rng), Nonces::new(&mut rng)];
        let mut beginning = Association::beginning(now, nonces[0]);
        for (stream, is_reliable) in [(RO, true), (UU, false)] {
            beginning.open(stream, ChannelOpen { label: "x".into(), is_ordered: is_reliable, is_reliable });
        }
        Path {
            now,
            rng,
            delay: 10 * MS,
            jitter: Duration::ZERO,
            rate: None,
            free_at: [now; 2],
            lost: 0,
            doubled: 0,
            sides: [beginning, Association::answering(nonces[1])],
            on_its_way: Vec::new(),
            arrived: [Vec::new(), Vec::new()],
            packets: 0,
            kinds: Default::default(),
        }
    }

    fn opened(seed: u64) -> Path {
        let mut path = Path::new(seed);
        path.run(200 * MS);
        assert_eq!(path.arrived[0], [Arrival::Confirmed(RO), Arrival::Confirmed(UU)]);
        assert_eq!(path.arrived[1].len(), 2);
        path.arrived = [Vec::new(), Vec::new()];
        path
    }

    fn flush(&mut self, side: usize) {
        let mut packet = Vec::new();
        while self.sides[side].poll_packet(self.now, &mut packet) {
            let packet = packet.to_vec();
            assert!(packet.len() <= packet::PACKET_BYTES_MAX, "{} bytes", packet.len());
            self.packets += 1;
            for chunk in packet::read(&packet).unwrap().1 {
                *self.kinds.entry(chunk.kind).or_default() += 1;
            }
            let copies = match self.rng.random_range(0..100) {
                at if at < self.lost => 0,
                at if at < self.lost + self.doubled => 2,
                _ => 1,
            };
            let takes = self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(packet.len() as u64) / rate);
            for _ in 0..copies {
                self.free_at[side] = self.free_at[side].max(self.now) + takes;
                let jitter = self.jitter.mul_f64(self.rng.random_range(0.0..1.0));
                self.on_its_way.push((self.free_at[side] + self.delay + jitter, 1 - side, packet.clone()));
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            for side in [0, 1] {
                if self.sides[side].deadline().is_some_and(|at| at <= self.now) {
                    self.sides[side].handle_timeout(self.now);
                    self.flush(side);
                    let again = self.sides[side].deadline();
                    assert!(again.is_none_or(|at| at > self.now), "a deadline that has passed was handled");
                }
                self.flush(side);
            }
            self.now += STEP;
            let now = self.now;
            let (mut due, later): (Vec<_>, Vec<_>) = self.on_its_way.drain(..).partition(|(at, ..)| *at <= now);
            self.on_its_way = later;
            due.sort_by_key(|(at, ..)| *at);
            for (_, side, packet) in due {
                self.sides[side].handle_packet(self.now, &packet).unwrap();
                while let Some(arrival) = self.sides[side].poll() {
                    self.arrived[side].push(arrival);
                }
                self.flush(side);
            }
        }
    }

    fn messages(&self, side: usize, of: StreamId) -> Vec<Vec<u8>> {
        let messages = self.arrived[side].iter().filter_map(|arrival| match arrival {
            Arrival::Message { stream, bytes, .. } if *stream == of => Some(bytes.clone()),
            _ => None,
        });
        messages.collect()
    }
}

#[test]
fn much_arrives_in_order_and_the_path_is_used() {
    let mut path = Path::opened(1);
    let mut sent = 0_u32;
    for _ in 0..2_000 {
        while path.sides[0].wants_reliable() {
            let message = [&sent.to_le_bytes()[..], &[7; 16 * 1024]].concat();
            path.sides[0].send_reliable(RO, Payload::Binary(&message));
            sent += 1;
        }
        path.run(STEP);
    }
    path.run(500 * MS);
    let arrived = path.messages(1, RO);
    assert_eq!(arrived.len(), sent as usize);
    assert!(arrived.iter().enumerate().all(|(i, message)| message[..4] == (i as u32).to_le_bytes()));
    // A window of 128 KiB a round trip of 20 ms, and some.
    assert!(sent > 500, "{sent} messages of 16 KiB in 2 s");
}

#[test]
fn everything_reliable_arrives_once_and_in_order_in_any_weather() {
    for seed in 0..20 {
        let mut path = Path::opened(seed);
        (path.lost, path.doubled, path.jitter) = (10, 5, 30 * MS);
        for i in 0..300_u32 {
            for side in [0, 1] {
                let bytes = if i % 10 == 0 { 5_000 } else { 50 };
                path.sides[side].send_reliable(RO, Payload::Binary(&[&i.to_le_bytes()[..], &vec![1; bytes]].concat()));
                if path.sides[side].wants_unreliable(100) {
                    path.sides[side].send_unreliable(UU, Payload::Binary(&[&i.to_le_bytes()[..], &[2; 96]].concat()));
                }
            }
            path.run(10 * MS);
        }
        path.run(5_000 * MS);
        for side in [0, 1] {
            let reliable = path.messages(side, RO);
            let numbers: Vec<u32> = reliable.iter().map(|m| u32::from_le_bytes(m[..4].try_into().unwrap())).collect();
            assert_eq!(numbers, (0..300).collect::<Vec<_>>(), "seed {seed}");
            let mut unreliable = path.messages(side, UU);
            let count = unreliable.len();
            unreliable.sort();
            unreliable.dedup();
            assert_eq!(unreliable.len(), count, "seed {seed}: none twice");
            assert!(count > 240, "seed {seed}: {count} of 300");
        }
    }
}

#[test]
fn a_slow_path_is_used_and_not_filled() {
    let mut path = Path::opened(1);
    path.rate = Some(125_000);
    let (mut sent, mut waits) = (0, Vec::new());
    for _ in 0..1_200 {
        while path.sides[0].wants_reliable() {
            path.sides[0].send_reliable(RO, Payload::Binary(&[7; 16 * 1024]));
            sent += 1;
        }
        if path.sides[0].wants_unreliable(64) {
            path.sides[0].send_unreliable(UU, Payload::Binary(&[7; 64]));
        }
        path.run(17 * MS);
        waits.push(path.free_at[0].saturating_duration_since(path.now));
    }
    waits.sort();
    assert!(path.messages(1, RO).len() > 100, "{} of {sent} messages of 16 KiB in 20 s", path.messages(1, RO).len());
    assert!(waits[waits.len() * 95 / 100] < 200 * MS, "{:?}", waits[waits.len() * 95 / 100]);
}

#[test]
fn last_words_do_not_wait_for_what_is_given_up() {
    let mut path = Path::opened(1);
    path.rate = Some(20_000);
    for _ in 0..3 {
        path.sides[0].send_reliable(RO, Payload::Binary(&[7; 100_000]));
    }
    path.run(500 * MS);
    path.sides[0].abandon();
    path.sides[0].send_unreliable(UU, Payload::Text("over"));
    path.run(2_000 * MS);
    assert_eq!(path.messages(1, UU), [b"over"]);
    assert!(path.messages(1, RO).is_empty());
    assert_eq!(path.sides[0].deadline(), None, "and the receiver waits for nothing");
}

#[test]
fn both_sides_may_begin() {
    let mut path = Path::new(1);
    let nonces = Nonces::new(&mut path.rng);
    path.sides[1] = Association::beginning(path.now, nonces);
    path.lost = 20;
    path.run(2_000 * MS);
    path.sides[1].send_reliable(RO, Payload::Text("hello"));
    path.run(500 * MS);
    assert_eq!(path.messages(0, RO), [b"hello"]);
}

#[test]
fn a_channel_that_one_side_closes_is_closed_for_both_and_may_be_opened_anew() {
    let mut path = Path::opened(1);
    path.sides[1].send_reliable(RO, Payload::Text("one"));
    path.run(100 * MS);
    path.sides[0].close(RO);
    path.run(200 * MS);
    assert_eq!(path.arrived[1], [Arrival::Closed(RO)]);
    path.sides[0].open(RO, ChannelOpen { label: "again".into(), is_ordered: true, is_reliable: true });
    path.run(100 * MS);
    path.sides[1].send_reliable(RO, Payload::Text("two"));
    path.run(100 * MS);
    assert_eq!(path.messages(0, RO), [b"one", b"two"], "each begins with the same number");
}

#[test]
fn an_abort_is_heard_after_what_came_before_it() {
    let mut path = Path::opened(1);
    path.sides[0].send_reliable(RO, Payload::Text(""));
    path.flush(0);
    path.sides[0].abort();
    path.run(100 * MS);
    let empty = Arrival::Message { stream: RO, is_binary: false, bytes: Vec::new() };
    assert_eq!(path.arrived[1], [empty, Arrival::Ended]);
    assert_eq!((path.sides[0].deadline(), path.sides[1].deadline()), (None, None));
}

#[test]
fn acknowledgements_of_what_never_left_change_nothing() {
    let mut path = Path::opened(1);
    let (now, tag) = (path.now, path.sides[0].ours.tag);
    path.sides[0].send_reliable(RO, Payload::Text("still there"));
    let mut bytes = Vec::new();
    for (ahead, blocks) in [(1_000_000, vec![]), (0, vec![(900, 1000), (0, 0), (7, 3)]), (u32::MAX, vec![(1, 1)])] {
        let mut packet = Packet::begin(&mut bytes, tag);
        let cumulative = path.sides[0].outbound.newest().wire().wrapping_add(ahead);
        super::super::chunk::Sack { cumulative, window: 0, blocks }.put(&mut packet);
        packet.seal();
        path.sides[0].handle_packet(now, &bytes).unwrap();
    }
    path.run(3_000 * MS);
    assert_eq!(path.messages(1, RO), [b"still there"]);
}
