//! The room as one page knows it: what it says, and what it has been told.

use std::collections::BTreeSet;

use patchcord::{Channel, Data};

use crate::chance::Chance;
use crate::model::{Fault, promise};

/// What a page of the room believes. `docs/PROTOCOL.md` has the messages.
#[derive(Debug, Default)]
pub struct RoomPage {
    /// Its own id, once welcomed.
    pub own: Option<u32>,
    pub people: BTreeSet<u32>,
    pointer_seq: u16,
    /// It may be asked for again: a page that was reloaded has forgotten what it was told.
    is_reloaded: bool,
    has_said_hello: bool,
}

impl RoomPage {
    /// After a reload.
    pub fn reloaded(&self) -> RoomPage {
        RoomPage { pointer_seq: self.pointer_seq, is_reloaded: true, ..RoomPage::default() }
    }

    /// What it says first, once.
    pub fn hello(&mut self) -> Option<(Channel, Data)> {
        let is_first = !std::mem::replace(&mut self.has_said_hello, true);
        is_first.then(|| (Channel::Reliable, Data::Binary(b"\x01\x02\x03Ada".to_vec())))
    }

    /// Something that a person does, or now and then nonsense.
    pub fn act(&mut self, chance: &mut Chance) -> (Channel, Data) {
        if let Some(hello) = self.hello() {
            return hello;
        }
        #[derive(Clone, Copy)]
        enum Act {
            Point,
            Wave,
            Ping,
            Chat,
            Rename,
            Nonsense,
        }
        let acts =
            [(12, Act::Point), (2, Act::Wave), (3, Act::Ping), (3, Act::Chat), (1, Act::Rename), (1, Act::Nonsense)];
        let (channel, bytes) = match chance.pick(&acts) {
            Act::Point => {
                self.pointer_seq = self.pointer_seq.wrapping_add(1);
                let [low, high] = self.pointer_seq.to_le_bytes();
                let place = chance.bytes(4);
                (Channel::Unreliable, [&[0x10, low, high], &place[..], &[place[0] % 2]].concat())
            }
            Act::Wave => (Channel::Unreliable, vec![0x11]),
            Act::Ping => (Channel::Unreliable, [&[0x12], &chance.bytes(4)[..]].concat()),
            Act::Chat => {
                let text = "ä ".repeat(chance.within(1..=330));
                let [low, high] = (text.len() as u16).to_le_bytes();
                (Channel::Reliable, [&[0x02, low, high], text.as_bytes()].concat())
            }
            Act::Rename => {
                let name = "N".repeat(chance.within(0..=70));
                (Channel::Reliable, [&[0x03, name.len() as u8], name.as_bytes()].concat())
            }
            Act::Nonsense => {
                let length = chance.within(1..=100);
                (Channel::Reliable, chance.bytes(length))
            }
        };
        (channel, Data::Binary(bytes))
    }

    /// Takes what the room said.
    pub fn hear(&mut self, data: &Data) -> Result<(), Fault> {
        let Data::Binary(bytes) = data else { return Err(Fault("the room sent text".into())) };
        let id = |at: usize| bytes.get(at..at + 4).and_then(|id| id.try_into().ok()).map_or(0, u32::from_le_bytes);
        match bytes.first() {
            Some(0x81) => {
                promise!(self.own.is_none() || self.is_reloaded, "two Welcomes");
                self.people.clear();
                self.own = Some(id(2));
                let mut at = 8;
                for _ in 0..bytes.get(6..8).map_or(0, |count| u16::from_le_bytes([count[0], count[1]])) {
                    promise!(self.people.insert(id(at)), "a Welcome names {} twice", id(at));
                    at += 6 + bytes.get(at + 5).copied().map_or(0, usize::from);
                }
                promise!(self.people.contains(&id(2)), "a Welcome without the newcomer");
            }
            // What it was told before it was reloaded, and too many Hellos.
            Some(0x86) if self.own.is_none() && self.is_reloaded => self.has_said_hello = false,
            Some(0x82..=0x85) if self.own.is_none() && self.is_reloaded => {}
            Some(0x82) => promise!(self.people.insert(id(1)), "{} joined the room twice", id(1)),
            Some(0x83) => promise!(self.people.remove(&id(1)), "{} left the room twice, or was never in", id(1)),
            Some(0x84 | 0x85) => promise!(self.own.is_some(), "something was said before Welcome"),
            Some(0x86 | 0x90 | 0x91) => {}
            other => return Err(Fault(format!("the room sent the kind {other:?}"))),
        }
        Ok(())
    }
}
