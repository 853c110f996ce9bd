//! What runs on the server: an echo that also speaks for itself, or the room.

use std::collections::BTreeSet;
use std::time::Instant;

use patchcord::room::Room;
use patchcord::{Channel, Data, Event, PeerId};

use crate::chance::Chance;
use crate::options::{Kind, Options};
use crate::traffic;

pub enum Application {
    Echo(Chance),
    Room(Room),
}

/// A message that the application wants sent.
pub struct Outgoing {
    pub peer: PeerId,
    pub channel: Channel,
    pub data: Data,
}

impl Application {
    pub fn new(kind: Kind, seed: u64, now: Instant) -> Application {
        match kind {
            Kind::Echo => Application::Echo(Chance::of(seed, "application", 0)),
            Kind::Room => Application::Room(Room::new(now)),
        }
    }

    /// Whether a peer whose reliable queue is full is disconnected, as `main.rs` does for the room.
    pub fn gives_up_on_full(&self) -> bool {
        matches!(self, Application::Room(_))
    }

    pub fn handle_event(&mut self, now: Instant, event: Event) -> Vec<Outgoing> {
        match self {
            Application::Echo(_) => match event {
                Event::Message { peer, channel, data } => vec![Outgoing { peer, channel, data }],
                _ => Vec::new(),
            },
            Application::Room(room) => {
                room.handle_event(now, &event);
                said(room)
            }
        }
    }

    pub fn tick(&mut self, now: Instant, options: &Options, peers: &BTreeSet<PeerId>) -> Vec<Outgoing> {
        match self {
            Application::Echo(chance) => {
                let mut out = Vec::new();
                for peer in peers {
                    for _ in 0..chance.within(1..=options.at_once_max) {
                        let (channel, data) = traffic::message(options, chance, 0);
                        out.push(Outgoing { peer: *peer, channel, data });
                    }
                }
                out
            }
            Application::Room(room) => {
                room.tick(now);
                said(room)
            }
        }
    }
}

fn said(room: &mut Room) -> Vec<Outgoing> {
    let mut out = Vec::new();
    while let Some(outgoing) = room.poll_outgoing() {
        for peer in room.recipients(outgoing.to) {
            out.push(Outgoing { peer, channel: outgoing.channel, data: Data::Binary(outgoing.bytes.clone()) });
        }
    }
    out
}
