use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use super::input::Input;
use super::lan::{Lan, server, still_talks};
use super::stun::knows;
use crate::{Limits, PeerId, Reason, Transmit};

/// Steps of one input.
const STEPS_MAX: usize = 32;

/// Edits of one overheard datagram.
const EDITS_MAX: usize = 8;

/// What one step takes.
const STEP: Duration = Duration::from_millis(1);

/// One browser is open, a second is on its way in, and a stranger says whatever the input says, from any address. The
/// open browser must not notice; the second one may suffer from what it says itself.
///
/// An input is a row of steps, each a byte with what it needs. The endpoint and the open browser live on from input to
/// input, because a browser that gets in costs more than everything else.
pub fn datagrams(bytes: &[u8]) {
    thread_local! {
        static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
    }
    SCENE.with_borrow_mut(|kept| {
        // Taken out, so that a scene in which something broke is not used again.
        let mut scene = kept.take().unwrap_or_else(Scene::new);
        scene.raise();
        let mut input = Input::new(bytes);
        for _ in 0..STEPS_MAX {
            if input.is_empty() {
                break;
            }
            scene.step(&mut input);
        }
        scene.rounds += 1;
        still_talks(&mut scene.lan, scene.open, open_at(), scene.rounds);
        *kept = Some(scene);
    });
}

struct Scene {
    lan: Lan,
    open: PeerId,
    /// What the open browser said while it got in.
    of_open: Vec<Transmit>,
    /// Until there is a second, this is the first.
    second: PeerId,
    of_second: Vec<Transmit>,
    rounds: u32,
}

fn open_at() -> SocketAddr {
    ([192, 0, 2, 10], 40_000).into()
}

fn second_at() -> SocketAddr {
    ([192, 0, 2, 11], 40_001).into()
}

impl Scene {
    fn new() -> Scene {
        let mut lan = Lan::new(Limits::default());
        let open = lan.join(open_at());
        let of_open = lan.overheard.drain(..).collect();
        Scene { lan, open, of_open, second: open, of_second: Vec::new(), rounds: 0 }
    }

    /// Puts a second browser on its way in, if the one before got in or gave up.
    fn raise(&mut self) {
        if self.second != self.open && self.lan.peers.get(&self.second) == Some(&false) {
            return;
        }
        if self.second != self.open {
            self.lan.endpoint.disconnect(self.lan.now, self.second, Reason::Kicked);
            self.lan.settle();
        }
        self.second = self.lan.add(second_at()).expect("there is room for two");
        // What it says first is overheard and does not arrive: the input decides what does.
        let second = self.lan.browser_at(second_at());
        self.of_second = second.drain().into();
        second.is_dead = true;
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let step = input.u8();
        let from = match (step >> 4) & 3 {
            0 => open_at(),
            1 => second_at(),
            2 => ([192, 0, 2, 99], 6666).into(),
            _ => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x99], 6666).into(),
        };
        let to = if step & 0xc0 == 0xc0 { ([192, 0, 2, 2], 8080).into() } else { server() };
        match step & 7 {
            0 | 1 => self.lan.receive(from, to, input.counted()),
            2 | 3 => self.forged(from, to, input),
            4 => self.record(from, to, input),
            5 => {
                // Whoever made an offer may say anything with the password of its answer, also with a forged source.
                // Request, indication, success, error (RFC 8489, section 5).
                let kind = [0x0001, 0x0011, 0x0101, 0x0111][input.below(4)];
                let message = self.lan.browser_at(second_at()).credentials.message(kind, input.counted());
                let from = if from == open_at() { from } else { second_at() };
                self.lan.receive(from, to, &message);
            }
            6 => self.second_lives(Duration::from_millis(input.below(50) as u64)),
            _ => self.lan.pass(Duration::from_millis(input.below(50) as u64)),
        }
        self.lan.pass(STEP);
        assert_eq!(self.lan.peers.get(&self.open), Some(&true), "the open browser is gone");
    }

    /// Something that was overheard, changed.
    fn forged(&mut self, from: SocketAddr, to: SocketAddr, input: &mut Input<'_>) {
        let index = input.below(256);
        let overheard = if index < 128 { &self.of_open } else { &self.of_second };
        let Some(transmit) = overheard.get(index % 128 % overheard.len().max(1)) else { return };
        let mut datagram = transmit.bytes.clone();
        for _ in 0..input.below(EDITS_MAX) {
            let at = usize::from(input.u16()) % datagram.len().max(1);
            let edit = input.u8();
            datagram[at] ^= edit;
        }
        match input.u8() {
            0 => {}
            cut @ 1..=127 => datagram.truncate(datagram.len().saturating_sub(usize::from(cut))),
            _ => datagram.extend_from_slice(input.counted()),
        }
        // A check that is replayed whole proves its new address (RFC 8445 leaves that to the path): not a stranger's
        // doing, but that of somebody who reads along.
        if from != transmit.from && knows(&datagram, &self.lan.browser_at(transmit.from).passwords) {
            return;
        }
        self.lan.receive(from, to, &datagram);
    }

    /// A DTLS record in the clear (RFC 6347, section 4.1), with a length that is true.
    fn record(&mut self, from: SocketAddr, to: SocketAddr, input: &mut Input<'_>) {
        const CONTENT: [u8; 6] = [20, 21, 22, 23, 24, 26];
        let content = CONTENT[input.below(CONTENT.len())];
        let (epoch, sequence) = (input.u8(), input.u8());
        let payload = input.counted();
        let length = u16::try_from(payload.len()).expect("it had a count of this size").to_be_bytes();
        let header = [content, 254, 253, 0, epoch & 3, 0, 0, 0, 0, 0, sequence];
        let record = [&header[..], &length, payload].concat();
        self.lan.receive(from, to, &record);
    }

    /// The second browser is honest for a while.
    fn second_lives(&mut self, time: Duration) {
        self.lan.overheard.clear();
        self.lan.browser_at(second_at()).is_dead = false;
        self.lan.pass(time);
        self.lan.browser_at(second_at()).is_dead = true;
        let said = self.lan.overheard.iter().filter(|transmit| transmit.from == second_at());
        self.of_second.extend(said.cloned());
        self.of_second.truncate(128);
    }
}
