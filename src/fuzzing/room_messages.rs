use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::input::Input;
use super::room_wire::{FromPage, FromServer, Line, Person, Place};
use crate::room::{PEOPLE_MAX, Recipients, Room};
use crate::{Channel, Data, Event, MESSAGE_BYTES_MAX, PeerId, Reason};

/// What `docs/PROTOCOL.md` promises.
const NAME_BYTES_MAX: usize = 64;
const LINE_BYTES_MAX: usize = 1000;
const LINES_MAX: usize = 50;
const SNAPSHOT_PEOPLE_MAX: usize = 116;
const BURST: usize = 10;
const REFILL: Duration = Duration::from_millis(500);
const WAVE_LASTS: Duration = Duration::from_millis(250);

/// What one packet carries beside the number and the kind of a latest message; a longer one is lost with any of its
/// fragments.
const PACKET_BYTES_MAX: usize = 1062 - 5;

const WELCOME_BYTES_OF_A_PERSON: usize = 4 + 1 + 1 + NAME_BYTES_MAX;
const WELCOME_BYTES_OF_A_LINE: usize = 4 + WELCOME_BYTES_OF_A_PERSON + 2 + LINE_BYTES_MAX;
const fn welcome_bytes_max(people: usize) -> usize {
    1 + 1 + 4 + 2 + people * WELCOME_BYTES_OF_A_PERSON + 1 + LINES_MAX * WELCOME_BYTES_OF_A_LINE
}
const _: () = assert!(welcome_bytes_max(PEOPLE_MAX) <= MESSAGE_BYTES_MAX, "a Welcome is one message");

/// Eight pages at once. The room says exactly what a second reading of `docs/PROTOCOL.md` says, and every message of
/// either side can be written again from what was read in it.
///
/// An input is a row of steps. Each begins with a byte: bits 0 to 2 are the page, bit 3 is the channel, the upper half is
/// what happens; a time or a message follows.
pub fn room_messages(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut world = World::new();
    while !input.is_empty() {
        let first = input.u8();
        let peer = PeerId::from(u64::from(first & 7) + 1);
        let channel = if first & 8 == 0 { Channel::Reliable } else { Channel::Unreliable };
        match first >> 4 {
            0 => world.happens(&Event::Joined { peer, address: [192, 0, 2, 10].into() }),
            1 => world.happens(&Event::Left { peer, reason: Reason::Closed }),
            2 => world.tick(),
            3 => world.now += Duration::from_millis(input.u16().into()),
            4 => {
                let data = Data::Text(String::from_utf8_lossy(input.counted()).into_owned());
                world.happens(&Event::Message { peer, channel, data });
            }
            15 => {
                let is_away = world.present.get_mut(&peer).is_some_and(|present| {
                    present.is_away = !present.is_away;
                    present.is_away
                });
                world.happens(&if is_away {
                    Event::Away { peer }
                } else {
                    Event::Back { peer, address: [192, 0, 2, 10].into() }
                });
            }
            _ => {
                let data = Data::Binary(input.counted().to_vec());
                world.happens(&Event::Message { peer, channel, data });
            }
        }
    }
}

struct World {
    now: Instant,
    epoch: Instant,
    room: Room,
    present: BTreeMap<PeerId, Present>,
    lines: VecDeque<(Line, Instant)>,
    last_id: u32,
    ticks: u32,
}

/// A page that has said Hello.
struct Present {
    person: Person,
    /// For each line and name that still weighs, when it no longer does.
    spoke: VecDeque<Instant>,
    /// x, y, down.
    pointer: Option<(u16, u16, bool)>,
    /// The sequence number of the newest Pointer since Hello.
    newest: Option<u16>,
    waved: Option<Instant>,
    is_away: bool,
}

impl Present {
    fn place(&self, now: Instant) -> Place {
        let (x, y, down) = self.pointer.unwrap_or_default();
        let waves = self.waved.is_some_and(|waved| now < waved + WAVE_LASTS);
        let state =
            u8::from(down) | u8::from(waves) << 1 | u8::from(self.pointer.is_some()) << 2 | u8::from(self.is_away) << 3;
        Place { id: self.person.id, x, y, state }
    }
}

impl World {
    fn new() -> World {
        let now = Instant::now();
        World {
            now,
            epoch: now,
            room: Room::new(now),
            present: BTreeMap::new(),
            lines: VecDeque::new(),
            last_id: 0,
            ticks: 0,
        }
    }

    fn happens(&mut self, event: &Event) {
        self.room.handle_event(self.now, event);
        match event {
            Event::Left { peer, .. } => {
                if let Some(gone) = self.present.remove(peer) {
                    self.hears(Recipients::Everyone, Channel::Reliable, &FromServer::Left { id: gone.person.id });
                }
            }
            Event::Message { peer, channel, data } => self.message(*peer, *channel, data),
            Event::Joined { .. } | Event::Away { .. } | Event::Back { .. } => {}
        }
        assert_eq!(self.room.poll_outgoing(), None, "more than {event:?} deserves");
        assert_eq!(self.room.is_empty(), self.present.is_empty());
    }

    fn tick(&mut self) {
        self.room.tick(self.now);
        self.ticks += 1;
        let places: Vec<Place> = self.present.values().map(|present| present.place(self.now)).collect();
        for expected in places.chunks(SNAPSHOT_PEOPLE_MAX) {
            let FromServer::Snapshot { tick, time, places } = self.said(Recipients::Everyone, Channel::Latest) else {
                panic!("a tick says something else than a Snapshot");
            };
            assert_eq!(tick, self.ticks);
            assert_eq!(u128::from(time), (self.now - self.epoch).as_micros() % (1 << 32));
            assert_eq!(places, expected);
        }
        assert_eq!(self.room.poll_outgoing(), None, "more than one Snapshot of everyone");
    }

    fn message(&mut self, peer: PeerId, channel: Channel, data: &Data) {
        let read = match data {
            Data::Binary(bytes) => FromPage::read(bytes),
            Data::Text(_) => None,
        };
        let Some(message) = read else { return self.refused(peer, channel, MALFORMED) };
        assert_eq!(message.to_bytes(), data.bytes(), "two ways to write {message:?}");
        match message {
            FromPage::Ping { seq } => {
                self.hears(Recipients::One(peer), Channel::Unreliable, &FromServer::Pong { seq });
            }
            FromPage::Hello { version: VERSION, .. } if self.present.contains_key(&peer) => {
                if self.allowed(peer) {
                    self.present.get_mut(&peer).expect("it said Hello").newest = None;
                    self.welcomed(peer);
                } else {
                    self.refused(peer, channel, TOO_FAST);
                }
            }
            FromPage::Hello { version: VERSION, name } => match clean_name(&name) {
                None => self.refused(peer, channel, TOO_LONG_OR_EMPTY),
                Some(name) => self.hello(peer, name),
            },
            FromPage::Hello { .. } => self.refused(peer, channel, UNKNOWN_VERSION),
            _ if !self.present.contains_key(&peer) => self.refused(peer, channel, NOT_BEFORE_HELLO),
            FromPage::Pointer { seq, x, y, down } => {
                let present = self.present.get_mut(&peer).expect("it said Hello");
                if present.newest.is_none_or(|newest| (1..0x8000).contains(&seq.wrapping_sub(newest))) {
                    present.newest = Some(seq);
                    present.pointer = Some((x, y, down));
                }
            }
            FromPage::Wave => self.present.get_mut(&peer).expect("it said Hello").waved = Some(self.now),
            FromPage::Chat { text } => match clean_line(&text) {
                None => self.refused(peer, channel, TOO_LONG_OR_EMPTY),
                Some(text) => self.chat(peer, channel, text),
            },
            FromPage::Rename { name } => match clean_name(&name) {
                None => self.refused(peer, channel, TOO_LONG_OR_EMPTY),
                Some(name) => self.rename(peer, channel, name),
            },
        }
    }

    fn hello(&mut self, peer: PeerId, name: String) {
        self.last_id += 1;
        let id = self.last_id;
        let name = if name.is_empty() { format!("Guest {id}") } else { name };
        let look = (0..).find(|look| self.present.values().all(|present| present.person.look != *look));
        let person = Person { id, look: look.expect("eight people have eight"), name };
        self.present.insert(
            peer,
            Present {
                person: person.clone(),
                spoke: VecDeque::new(),
                pointer: None,
                newest: None,
                waved: None,
                is_away: false,
            },
        );

        self.welcomed(peer);
        self.hears(Recipients::EveryoneBut(peer), Channel::Reliable, &FromServer::Joined(person));
    }

    fn welcomed(&mut self, peer: PeerId) {
        let age = |said: Instant| u32::try_from((self.now - said).as_secs()).unwrap_or(u32::MAX);
        let welcome = FromServer::Welcome {
            version: VERSION,
            you: self.present[&peer].person.id,
            people: self.present.values().map(|present| present.person.clone()).collect(),
            lines: self.lines.iter().map(|(line, said)| (age(*said), line.clone())).collect(),
        };
        let bytes = self.hears(Recipients::One(peer), Channel::Reliable, &welcome);
        assert!(bytes <= welcome_bytes_max(self.present.len()), "a Welcome of {bytes} bytes");
    }

    fn chat(&mut self, peer: PeerId, channel: Channel, text: String) {
        if !self.allowed(peer) {
            return self.refused(peer, channel, TOO_FAST);
        }
        let line = Line { author: self.present[&peer].person.clone(), text };
        self.hears(Recipients::Everyone, Channel::Reliable, &FromServer::Said(line.clone()));
        self.lines.push_back((line, self.now));
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
    }

    fn rename(&mut self, peer: PeerId, channel: Channel, name: String) {
        if !self.allowed(peer) {
            return self.refused(peer, channel, TOO_FAST);
        }
        let person = &mut self.present.get_mut(&peer).expect("it said Hello").person;
        let id = person.id;
        person.name = if name.is_empty() { format!("Guest {id}") } else { name };
        let name = person.name.clone();
        self.hears(Recipients::Everyone, Channel::Reliable, &FromServer::Renamed { id, name });
    }

    /// Ten at once, then two a second: the bucket written as what was taken out of it, which is slower and easier to
    /// believe.
    fn allowed(&mut self, peer: PeerId) -> bool {
        let now = self.now;
        let spoke = &mut self.present.get_mut(&peer).expect("it said Hello").spoke;
        while spoke.front().is_some_and(|refilled| *refilled <= now) {
            spoke.pop_front();
        }
        let allowed = spoke.len() < BURST;
        if allowed {
            let after = spoke.back().copied().unwrap_or(now);
            spoke.push_back(after + REFILL);
        }
        allowed
    }

    fn refused(&mut self, peer: PeerId, channel: Channel, reason: u8) {
        if channel == Channel::Reliable {
            self.hears(Recipients::One(peer), Channel::Reliable, &FromServer::Refused { reason });
        }
    }

    /// The room's next message is this one, to these; its length in bytes.
    fn hears(&mut self, to: Recipients, channel: Channel, expected: &FromServer) -> usize {
        let said = self.said(to, channel);
        assert_eq!(&said, expected);
        said.to_bytes().len()
    }

    fn said(&mut self, to: Recipients, channel: Channel) -> FromServer {
        let outgoing = self.room.poll_outgoing().expect("the room says something");
        assert_eq!((outgoing.to, outgoing.channel), (to, channel));
        let present = self.present.keys().copied();
        let hearers: Vec<PeerId> = match to {
            Recipients::One(peer) => vec![peer],
            Recipients::Everyone => present.collect(),
            Recipients::EveryoneBut(but) => present.filter(|peer| *peer != but).collect(),
        };
        assert_eq!(self.room.recipients(to), hearers);
        let bytes_max = if channel == Channel::Reliable { MESSAGE_BYTES_MAX } else { PACKET_BYTES_MAX };
        assert!(outgoing.bytes.len() <= bytes_max, "{} bytes on {channel:?}", outgoing.bytes.len());
        let said = FromServer::read(&outgoing.bytes).expect("a message of the document");
        assert_eq!(said.to_bytes(), outgoing.bytes, "two ways to write {said:?}");
        said
    }
}

const VERSION: u8 = 2;

const TOO_FAST: u8 = 1;
const TOO_LONG_OR_EMPTY: u8 = 2;
const MALFORMED: u8 = 3;
const NOT_BEFORE_HELLO: u8 = 4;
const UNKNOWN_VERSION: u8 = 5;

fn clean_name(name: &str) -> Option<String> {
    let visible: String = name.chars().filter(|c| !c.is_control()).collect();
    Some(visible.trim().to_owned()).filter(|name| name.len() <= NAME_BYTES_MAX)
}

fn clean_line(text: &str) -> Option<String> {
    let spaced = text.replace(char::is_control, " ");
    Some(spaced.trim().to_owned()).filter(|text| (1..=LINE_BYTES_MAX).contains(&text.len()))
}
