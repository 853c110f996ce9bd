//! One endpoint with its application, its visitors, and the network between them, on virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use patchcord::{Answer, Event, PeerId, Refusal};

use crate::application::Application;
use crate::chance::Chance;
use crate::coverage::Coverage;
use crate::host::Host;
use crate::model::{Fault, Model, promise};
use crate::network::Arrival;
use crate::options::Options;
use crate::trace::Trace;
use crate::visitor::Visitor;

/// How often everything is looked at.
const AUDIT_EVERY: Duration = Duration::from_secs(1);

/// Datagrams that one input or command may cause: everyone's checks at one instant, or a window of 384 KiB.
pub const DATAGRAMS_AT_ONCE_MAX: usize = 1_000;

/// Steps at one instant of virtual time; more is a deadline that nobody moves.
const STEPS_AT_ONCE_MAX: u32 = 100_000;

pub struct World {
    pub now: Instant,
    /// The zero of the server's clock.
    pub epoch: Instant,
    pub coverage: Coverage,
    pub trace: Trace,
    pub options: Options,
    /// The network without weather.
    pub calm: Options,
    pub host: Host,
    pub model: Model,
    pub visitors: Vec<Visitor>,
    pub application: Application,
    /// What the application has not been told yet.
    pub untold: VecDeque<Event>,
    /// The weather is over: nothing new begins.
    pub is_calm: bool,
    /// The server takes no offers any more.
    pub is_shut_down: bool,
    /// To whom each token was given.
    pub owners: BTreeMap<String, PeerId>,
    pub agenda: BTreeMap<(Instant, u64), Item>,
    pub agenda_next: u64,
    pub wakes: BTreeSet<(Instant, usize)>,
    pub by_address: BTreeMap<SocketAddr, usize>,
    pub steps_now: u32,
}

/// Something that will happen. `page` counts a visitor's pages.
pub enum Item {
    Open { visitor: usize },
    Offer { visitor: usize, page: u32, body: String },
    Answer { visitor: usize, page: u32, answer: Result<Answer, Refusal> },
    Up { peer: Option<PeerId>, page: u32, from: SocketAddr, arrival: Arrival },
    Down { to: SocketAddr, bytes: Vec<u8> },
    Speak { visitor: usize, page: u32 },
    Happen { visitor: usize, page: u32 },
    WakeUp { visitor: usize, page: u32 },
    ComeBack { visitor: usize, page: u32 },
    Cut { visitor: usize },
    Tick,
    Audit,
    AuditOnce,
}

impl World {
    pub fn new(options: Options, seed: u64, keep_lines: bool) -> World {
        // ICE draws its transaction ids and its tie-breaker from this thread's generator.
        fastrand::seed(seed);
        // The only reading of a clock: an `Instant` cannot be made from nothing.
        let now = Instant::now();
        let mut key = [0; 32];
        key.copy_from_slice(&Chance::of(seed, "endpoint", 0).bytes(32));
        let visitors = (0..options.browsers).map(|index| Visitor::new(seed, index, &options, now)).collect();
        let mut world = World {
            now,
            epoch: now,
            coverage: Coverage { runs: 1, ..Coverage::default() },
            trace: Trace::new(now, keep_lines),
            host: Host::new(options.limits, key, now),
            model: Model::new(options.limits, options.is_fair()),
            visitors,
            application: Application::new(options.application, seed, now),
            untold: VecDeque::new(),
            is_calm: false,
            is_shut_down: false,
            owners: BTreeMap::new(),
            agenda: BTreeMap::new(),
            agenda_next: 0,
            wakes: BTreeSet::new(),
            by_address: BTreeMap::new(),
            steps_now: 0,
            calm: options.calmed(),
            options,
        };
        for visitor in 0..world.visitors.len() {
            let after = world.visitors[visitor].life.up_to(world.options.join_within);
            world.plan(now + after, Item::Open { visitor });
            world.plan_cut(visitor);
        }
        world.plan(now + world.options.server_message_every, Item::Tick);
        world.plan(now + AUDIT_EVERY, Item::Audit);
        world
    }

    /// Lets so much virtual time pass.
    pub fn run(&mut self, time: Duration) -> Result<(), Fault> {
        let end = self.now + time;
        while self.now < end {
            self.step(end)?;
        }
        Ok(())
    }

    /// Moves time to the next thing that happens, at most to `end`, and lets it happen.
    pub fn step(&mut self, end: Instant) -> Result<(), Fault> {
        let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let page = self.wakes.first().map(|(at, _)| *at);
        let next = [planned, page, self.host.wake_at()].into_iter().flatten().min().unwrap_or(end).min(end);
        if next > self.now {
            (self.now, self.steps_now) = (next, 0);
        }
        self.steps_now += 1;
        promise!(self.steps_now < STEPS_AT_ONCE_MAX, "time stands still: a deadline is neither moved nor handled");

        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let item = entry.remove();
            self.take(item)?;
        }
        if self.host.wake_at().is_some_and(|at| at <= self.now) {
            self.host.handle_timeout(self.now);
            promise!(self.host.wake_at().is_none_or(|at| at > self.now), "a deadline has passed and is still there");
            self.settle()?;
        }
        while let Some((_, visitor)) = self.wakes.first().copied().filter(|(at, _)| *at <= self.now) {
            self.wakes.pop_first();
            self.visitors[visitor].wake_at = None;
            if let Some(page) = &mut self.visitors[visitor].page {
                page.handle_timeout(self.now);
            }
            self.touch(visitor)?;
        }
        Ok(())
    }

    pub fn plan(&mut self, at: Instant, item: Item) {
        self.agenda_next += 1;
        self.agenda.insert((at, self.agenda_next), item);
    }

    pub fn take(&mut self, item: Item) -> Result<(), Fault> {
        match item {
            Item::Open { visitor } => self.open_page(visitor),
            Item::Offer { visitor, page, body } => self.offer_arrives(visitor, page, &body),
            Item::Answer { visitor, page, answer } => self.answer_arrives(visitor, page, answer),
            Item::Up { peer, page, from, arrival } => self.datagram_to_server(peer, page, from, &arrival),
            Item::Down { to, bytes } => self.datagram_to_page(to, bytes),
            Item::Speak { visitor, page } => self.speak(visitor, page),
            Item::Happen { visitor, page } if self.is_current(visitor, page) && !self.is_calm => self.happen(visitor),
            Item::Happen { .. } => Ok(()),
            Item::WakeUp { visitor, page } => {
                if self.is_current(visitor, page) {
                    self.wake_up(visitor)?;
                    self.plan_happening(visitor);
                }
                Ok(())
            }
            Item::ComeBack { visitor, page } => self.come_back(visitor, page),
            Item::Cut { visitor } => {
                if !self.is_calm {
                    let until = self.now + self.visitors[visitor].life.up_to(self.options.cut_max);
                    self.visitors[visitor].up.cut(until);
                    self.visitors[visitor].down.cut(until);
                    self.plan_cut(visitor);
                }
                Ok(())
            }
            Item::Tick => self.tick(),
            Item::Audit => {
                self.plan(self.now + AUDIT_EVERY, Item::Audit);
                self.audit()
            }
            Item::AuditOnce => self.audit(),
        }
    }

    pub fn is_current(&self, visitor: usize, page: u32) -> bool {
        self.visitors[visitor].pages == page && self.visitors[visitor].page.is_some()
    }

    pub fn audit(&mut self) -> Result<(), Fault> {
        promise!(self.host.panics() == 0, "a panic inside the endpoint");
        let on_server = self.host.all_peers();
        if !on_server.is_empty() {
            let each = self.host.held_bytes() / on_server.len() as i64;
            self.coverage.bytes_per_peer_max = self.coverage.bytes_per_peer_max.max(each);
        }
        self.model.audit(self.now, &on_server)
    }
}
