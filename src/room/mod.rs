//! The showcase at `/`: everyone's pointer, a chat, a wave. Pure: events in, messages out; it knows peers, channels and
//! events, and nothing of sockets, threads or clocks.

mod message;
mod person;
mod rate;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::endpoint::{Channel, Data, Event, PeerId};
use message::{FromPage, FromServer, LineView, Place, RefusedReason, VERSION};
use person::{Person, clean_name};

/// Chat lines that a newcomer sees.
const LINES_MAX: usize = 50;

/// Longest chat line, in bytes of UTF-8: one packet.
const LINE_BYTES_MAX: usize = 1000;

/// People in one Snapshot: 10 + 116 × 9 bytes and the 5 of `lt` fit the 1,062 of one packet, so that losing a packet loses
/// one message.
const SNAPSHOT_PEOPLE_MAX: usize = 116;

/// People whose Welcome, with 64-byte names and the longest chat, stays below a message's 256 KiB.
pub const PEOPLE_MAX: usize = 2000;

/// Snapshots a second.
pub const TICKS_PER_SECOND: u32 = 60;

/// The room: who is here, where their pointers are, and what was said.
///
/// Give it every event of the endpoint, and a tick [`TICKS_PER_SECOND`] times a second; after each, take everything from
/// [`poll_outgoing`](Room::poll_outgoing) and send it to [`recipients`](Room::recipients).
#[derive(Debug)]
pub struct Room {
    /// The zero of the server's clock.
    epoch: Instant,
    people: BTreeMap<PeerId, Person>,
    lines: VecDeque<Line>,
    next_id: u32,
    tick: u32,
    out: VecDeque<Outgoing>,
}

#[derive(Debug)]
struct Line {
    said_at: Instant,
    author: u32,
    look: u8,
    name: String,
    text: String,
}

/// A message that the room wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// To whom.
    pub to: Recipients,
    /// On which channel.
    pub channel: Channel,
    /// Binary.
    pub bytes: Vec<u8>,
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipients {
    /// One peer.
    One(PeerId),
    /// Every participant: every peer whose page has said Hello.
    Everyone,
    /// Every participant but this one.
    EveryoneBut(PeerId),
}

impl Room {
    /// An empty room. `epoch` is the zero of the clock that pages read as `serverNow()`: with it they tell how old a
    /// Snapshot is.
    pub fn new(epoch: Instant) -> Room {
        Room { epoch, people: BTreeMap::new(), lines: VecDeque::new(), next_id: 0, tick: 0, out: VecDeque::new() }
    }

    /// Whether nobody has said Hello.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Whom a message goes to, in the order in which they connected.
    pub fn recipients(&self, to: Recipients) -> Vec<PeerId> {
        match to {
            Recipients::One(peer) => vec![peer],
            Recipients::Everyone => self.people.keys().copied().collect(),
            Recipients::EveryoneBut(but) => self.people.keys().copied().filter(|peer| *peer != but).collect(),
        }
    }

    /// The next message to send.
    pub fn poll_outgoing(&mut self) -> Option<Outgoing> {
        self.out.pop_front()
    }

    /// Takes what happened to a peer. A page that has connected is nobody until it says Hello.
    pub fn handle_event(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Joined { .. } => {}
            Event::Away { peer } => self.set_away(*peer, true),
            Event::Back { peer, .. } => self.set_away(*peer, false),
            Event::Left { peer, .. } => {
                if let Some(person) = self.people.remove(peer) {
                    self.say(Recipients::Everyone, &FromServer::Left { id: person.id });
                }
            }
            Event::Message { peer, channel, data } => {
                let Data::Binary(bytes) = data else { return self.refuse(*peer, *channel, RefusedReason::Malformed) };
                match FromPage::parse(bytes) {
                    Ok(message) => {
                        if let Err(reason) = self.handle_message(now, *peer, message) {
                            self.refuse(*peer, *channel, reason);
                        }
                    }
                    Err(_) => self.refuse(*peer, *channel, RefusedReason::Malformed),
                }
            }
        }
    }

    /// Queues a Snapshot for everyone.
    pub fn tick(&mut self, now: Instant) {
        self.tick = self.tick.wrapping_add(1);
        let places: Vec<Place> = self.people.values().map(|person| person.place(now)).collect();
        // As many bits as there are.
        let time = now.saturating_duration_since(self.epoch).as_micros() as u32;
        // A newest message takes the place of one that waits, so of several that belong together none must be one.
        let channel = if places.len() > SNAPSHOT_PEOPLE_MAX { Channel::Unreliable } else { Channel::Latest };
        for places in places.chunks(SNAPSHOT_PEOPLE_MAX) {
            let bytes = FromServer::Snapshot { tick: self.tick, time, places }.to_bytes();
            self.out.push_back(Outgoing { to: Recipients::Everyone, channel, bytes });
        }
    }

    fn set_away(&mut self, peer: PeerId, is_away: bool) {
        if let Some(person) = self.people.get_mut(&peer) {
            person.is_away = is_away;
        }
    }

    fn handle_message(&mut self, now: Instant, peer: PeerId, message: FromPage<'_>) -> Result<(), RefusedReason> {
        if let FromPage::Ping { seq } = message {
            let bytes = FromServer::Pong { seq }.to_bytes();
            self.out.push_back(Outgoing { to: Recipients::One(peer), channel: Channel::Unreliable, bytes });
            return Ok(());
        }
        if let FromPage::Hello { version, name } = message {
            return self.hello(now, peer, version, name);
        }
        let person = self.people.get_mut(&peer).ok_or(RefusedReason::NotBeforeHello)?;
        match message {
            FromPage::Pointer { seq, x, y, down } => person.point(seq, x, y, down),
            FromPage::Wave => person.wave(now),
            FromPage::Chat { text } => {
                let text = clean_line(text).ok_or(RefusedReason::TooLongOrEmpty)?;
                if !person.rate.allows(now) {
                    return Err(RefusedReason::TooFast);
                }
                let line = Line { said_at: now, author: person.id, look: person.look, name: person.name.clone(), text };
                self.say(Recipients::Everyone, &FromServer::Said(line.view()));
                self.lines.push_back(line);
                if self.lines.len() > LINES_MAX {
                    self.lines.pop_front();
                }
            }
            FromPage::Rename { name } => {
                let name = clean_name(name).ok_or(RefusedReason::TooLongOrEmpty)?;
                if !person.rate.allows(now) {
                    return Err(RefusedReason::TooFast);
                }
                person.name = if name.is_empty() { guest_name(person.id) } else { name };
                let (id, name) = (person.id, person.name.clone());
                self.say(Recipients::Everyone, &FromServer::Renamed { id, name: &name });
            }
            FromPage::Hello { .. } | FromPage::Ping { .. } => {}
        }
        Ok(())
    }

    fn hello(&mut self, now: Instant, peer: PeerId, version: u8, name: &str) -> Result<(), RefusedReason> {
        if version != VERSION {
            return Err(RefusedReason::UnknownVersion);
        }
        if let Some(person) = self.people.get_mut(&peer) {
            // A page that was reloaded has forgotten where it is. A Welcome is large.
            if !person.rate.allows(now) {
                return Err(RefusedReason::TooFast);
            }
            person.begin_anew();
            let id = person.id;
            self.welcome(now, peer, id);
            return Ok(());
        }
        let name = clean_name(name).ok_or(RefusedReason::TooLongOrEmpty)?;
        self.next_id = self.next_id.wrapping_add(1);
        let id = self.next_id;
        let name = if name.is_empty() { guest_name(id) } else { name };
        let person = Person::new(id, self.free_look(), name);
        let joined = FromServer::Joined(person.view()).to_bytes();
        self.people.insert(peer, person);
        self.welcome(now, peer, id);
        let to = Recipients::EveryoneBut(peer);
        self.out.push_back(Outgoing { to, channel: Channel::Reliable, bytes: joined });
        Ok(())
    }

    fn welcome(&mut self, now: Instant, peer: PeerId, id: u32) {
        let age =
            |line: &Line| u32::try_from(now.saturating_duration_since(line.said_at).as_secs()).unwrap_or(u32::MAX);
        let welcome = FromServer::Welcome {
            you: id,
            people: self.people.values().map(Person::view).collect(),
            lines: self.lines.iter().map(|line| (line.view(), age(line))).collect(),
        };
        let bytes = welcome.to_bytes();
        self.out.push_back(Outgoing { to: Recipients::One(peer), channel: Channel::Reliable, bytes });
    }

    /// The smallest that nobody has; past 256 people some share one.
    fn free_look(&self) -> u8 {
        let taken: std::collections::BTreeSet<u8> = self.people.values().map(|person| person.look).collect();
        (0..=u8::MAX).find(|look| !taken.contains(look)).unwrap_or(self.next_id as u8)
    }

    fn say(&mut self, to: Recipients, message: &FromServer<'_>) {
        self.out.push_back(Outgoing { to, channel: Channel::Reliable, bytes: message.to_bytes() });
    }

    /// Only on the reliable channel: what was wrong on the other one was to be lost anyway.
    fn refuse(&mut self, peer: PeerId, channel: Channel, reason: RefusedReason) {
        if channel == Channel::Reliable {
            self.say(Recipients::One(peer), &FromServer::Refused(reason));
        }
    }
}

impl Line {
    fn view(&self) -> LineView<'_> {
        LineView { author: self.author, look: self.look, name: &self.name, text: &self.text }
    }
}

fn guest_name(id: u32) -> String {
    format!("Guest {id}")
}

/// A line as everyone may see it: control characters become spaces. `None` if nothing is left, or too much.
fn clean_line(text: &str) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    (1..=LINE_BYTES_MAX).contains(&text.len()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
