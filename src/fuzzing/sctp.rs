use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use crc32c::crc32c;

use super::input::Input;
use super::lan::{Lan, still_talks};
use crate::{Channel, Data, Limits, PeerId};

/// Packets of one input.
const PACKETS_MAX: usize = 16;

/// Chunks of one packet.
const CHUNKS_MAX: usize = 8;

const EDITS_MAX: usize = 8;

const FORGED_WHILE_OPENING_MAX: usize = 6;

/// An honest one needs two steps, and one whose packets are lost a second or two.
const OPENING_STEPS_MAX: usize = 600;

const PACKET_BYTES_MAX: usize = 1150;

/// What one packet takes.
const STEP: Duration = Duration::from_millis(5);

/// A browser whose ICE and DTLS are honest and whose SCTP says whatever the input says: its owner has the keys of its DTLS.
/// It may be sent away for it; an honest browser beside it must not notice.
///
/// An input is the number of packets that are forged while the browser gets in, these packets, and then a row of those
/// that it sends from inside. Each is a byte that says how it is made, and what that needs.
pub fn sctp(bytes: &[u8]) {
    thread_local! {
        static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
    }
    SCENE.with_borrow_mut(|kept| {
        let mut scene = kept.take().unwrap_or_else(Scene::new);
        let mut input = Input::new(bytes);
        let hostile = scene.gets_in(&mut input);
        for _ in 0..PACKETS_MAX {
            // Who was sent away has no more to say.
            if input.is_empty() || scene.lan.peers.get(&hostile) != Some(&true) {
                break;
            }
            scene.packet(hostile, &mut input);
        }
        scene.rounds += 1;
        still_talks(&mut scene.lan, scene.honest, honest_at(), scene.rounds);
        scene.lan.endpoint.disconnect(scene.lan.now, hostile, crate::Reason::Kicked);
        scene.lan.settle();
        *kept = Some(scene);
    });
}

struct Scene {
    lan: Lan,
    honest: PeerId,
    rounds: u32,
}

fn honest_at() -> SocketAddr {
    ([192, 0, 2, 10], 40_000).into()
}

fn hostile_at() -> SocketAddr {
    ([192, 0, 2, 66], 40_066).into()
}

impl Scene {
    fn new() -> Scene {
        let mut lan = Lan::new(Limits::default());
        let honest = lan.join(honest_at());
        Scene { lan, honest, rounds: 0 }
    }

    fn gets_in(&mut self, input: &mut Input<'_>) -> PeerId {
        let hostile = self.lan.add(hostile_at()).expect("there is room for two");
        for _ in 0..input.below(FORGED_WHILE_OPENING_MAX + 1) {
            let packet = Packet::read(input);
            self.lan.browser_at(hostile_at()).forge(Box::new(move |original| packet.in_place_of(original)));
        }
        for _ in 0..OPENING_STEPS_MAX {
            self.lan.pass(STEP);
            if self.lan.browser_at(hostile_at()).is_open() || !self.lan.peers.contains_key(&hostile) {
                break;
            }
        }
        hostile
    }

    fn packet(&mut self, hostile: PeerId, input: &mut Input<'_>) {
        let packet = Packet::read(input);
        let now = self.lan.now;
        // Something to acknowledge, so that there are acknowledgements to forge.
        if packet.how & 0x40 != 0 {
            let _ = self.lan.endpoint.send(now, hostile, Channel::Reliable, &[1; 100]);
        }
        let time = if packet.how & 0x80 == 0 { STEP } else { STEP * u32::from(input.u8()) };
        let channel = Channel::PLAIN[usize::from(packet.how >> 3 & 1)];
        // One byte makes its SCTP send a packet, which becomes ours.
        let byte = Data::Binary(vec![packet.how]);
        let browser = self.lan.browser_at(hostile_at());
        browser.forge(Box::new(move |original| packet.in_place_of(original)));
        let _ = browser.send(now, channel, &byte);
        self.lan.pass(time);
    }
}

/// What is sent in place of a packet that the browser's own SCTP wrote.
struct Packet {
    how: u8,
    keeps: bool,
    edits: Vec<(u16, u8)>,
    chunks: Vec<Chunk>,
}

impl Packet {
    fn read(input: &mut Input<'_>) -> Packet {
        let how = input.u8();
        let edits: Vec<(u16, u8)> = match how & 1 {
            0 => Vec::new(),
            _ => (0..input.below(EDITS_MAX)).map(|_| (input.u16(), input.u8())).collect(),
        };
        let chunks: Vec<Chunk> = match how & 2 {
            0 => Vec::new(),
            _ => (0..1 + input.below(CHUNKS_MAX)).map(|_| Chunk::read(input)).collect(),
        };
        Packet { how, keeps: how & 4 != 0 || chunks.is_empty(), edits, chunks }
    }

    fn in_place_of(&self, original: &[u8]) -> Vec<u8> {
        let mut packet = if self.keeps { original.to_vec() } else { original[..HEADER_BYTES].to_vec() };
        let tsn = original.get(16..20).and_then(|tsn| tsn.try_into().ok()).map_or(0, u32::from_be_bytes);
        for chunk in &self.chunks {
            chunk.put(&mut packet, tsn);
        }
        for (at, edit) in &self.edits {
            let at = usize::from(*at) % packet.len();
            packet[at] ^= edit;
        }
        // What one datagram carries; more the browser's own DTLS would refuse.
        packet.truncate(PACKET_BYTES_MAX);
        packet[CHECKSUM].fill(0);
        let checksum = crc32c(&packet);
        packet[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        packet
    }
}

struct Chunk {
    kind: u8,
    flags: u8,
    /// Added to the TSN of the packet that it replaces; only where a chunk begins with a TSN of its sender.
    tsn_ahead: u16,
    body: Vec<u8>,
}

/// RFC 9260, section 3.1.
const HEADER_BYTES: usize = 12;
const CHECKSUM: std::ops::Range<usize> = 8..12;

/// Chunks whose first field is a TSN of whoever sends them: DATA, I-DATA, FORWARD TSN, I-FORWARD TSN.
const WITH_TSN: [u8; 4] = [0, 64, 192, 194];

impl Chunk {
    fn read(input: &mut Input<'_>) -> Chunk {
        const KINDS: [u8; 18] = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 64, 130, 192, 194];
        let kind = KINDS[input.below(KINDS.len())];
        let (flags, tsn_ahead) = (input.u8(), if WITH_TSN.contains(&kind) { input.u16() } else { 0 });
        let body = match kind {
            0 => {
                // Stream, sequence number and what kind of message it is: RFC 8831, section 8.
                let (stream, sequence) = (input.u8(), input.u8());
                let ppid = [50, 51, 53, 56, 57, 0][input.below(6)];
                [&[0, stream, 0, sequence, 0, 0, 0, ppid][..], input.counted()].concat()
            }
            _ => input.counted().to_vec(),
        };
        Chunk { kind, flags, tsn_ahead, body }
    }

    fn put(&self, packet: &mut Vec<u8>, tsn: u32) {
        let tsn = tsn.wrapping_add(self.tsn_ahead.into()).to_be_bytes();
        let tsn = if WITH_TSN.contains(&self.kind) { &tsn[..] } else { &[] };
        let length = u16::try_from(4 + tsn.len() + self.body.len()).unwrap_or(u16::MAX).to_be_bytes();
        packet.extend([self.kind, self.flags]);
        packet.extend(length);
        packet.extend(tsn);
        packet.extend(&self.body);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
}
