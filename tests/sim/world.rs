//! One endpoint with its application, its visitors, and the network between them, on virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use patchcord::{Answer, Channel, Data, Event, Offer, PeerId, Reason, Refusal, SendOutcome, Transmit};

use crate::application::{Application, Outgoing};
use crate::chance::Chance;
use crate::coverage::Coverage;
use crate::host::{Host, SERVER};
use crate::lane::Print;
use crate::model::{Fault, Model, OPENING_MAX, promise};
use crate::network::Arrival;
use crate::options::{Kind, Options};
use crate::page::{Page, PageEvent};
use crate::room_page::RoomPage;
use crate::trace::Trace;
use crate::visitor::{Happening, Visitor};

/// How often everything is looked at.
const AUDIT_EVERY: Duration = Duration::from_secs(1);

/// Datagrams that one input or command may cause: everyone's checks at one instant, or a window of 384 KiB.
const DATAGRAMS_AT_ONCE_MAX: usize = 1_000;

/// Steps at one instant of virtual time; more is a deadline that nobody moves.
const STEPS_AT_ONCE_MAX: u32 = 100_000;

pub struct World {
    pub now: Instant,
    pub coverage: Coverage,
    pub trace: Trace,
    pub(crate) options: Options,
    /// The network without weather.
    calm: Options,
    pub(crate) host: Host,
    pub(crate) model: Model,
    pub(crate) visitors: Vec<Visitor>,
    application: Application,
    /// What the application has not been told yet.
    untold: VecDeque<Event>,
    /// The weather is over: nothing new begins.
    pub(crate) is_calm: bool,
    agenda: BTreeMap<(Instant, u64), Item>,
    agenda_next: u64,
    wakes: BTreeSet<(Instant, usize)>,
    by_address: BTreeMap<SocketAddr, usize>,
    steps_now: u32,
}

/// Something that will happen. `page` counts a visitor's pages.
enum Item {
    Open { visitor: usize },
    Offer { visitor: usize, page: u32, sdp: String },
    Answer { visitor: usize, page: u32, answer: Result<Answer, Refusal> },
    Up { peer: Option<PeerId>, from: SocketAddr, bytes: Vec<u8>, is_corrupt: bool },
    Down { to: SocketAddr, bytes: Vec<u8> },
    Speak { visitor: usize, page: u32 },
    Happen { visitor: usize, page: u32 },
    WakeUp { visitor: usize, page: u32 },
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
            coverage: Coverage { runs: 1, ..Coverage::default() },
            trace: Trace::new(now, keep_lines),
            host: Host::new(options.limits, key),
            model: Model::new(options.limits, options.is_fair()),
            visitors,
            application: Application::new(options.application, seed),
            untold: VecDeque::new(),
            is_calm: false,
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
    fn step(&mut self, end: Instant) -> Result<(), Fault> {
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

    fn plan(&mut self, at: Instant, item: Item) {
        self.agenda_next += 1;
        self.agenda.insert((at, self.agenda_next), item);
    }

    fn take(&mut self, item: Item) -> Result<(), Fault> {
        match item {
            Item::Open { visitor } => self.open_page(visitor),
            Item::Offer { visitor, page, sdp } => self.offer_arrives(visitor, page, &sdp),
            Item::Answer { visitor, page, answer } => self.answer_arrives(visitor, page, answer),
            Item::Up { peer, from, bytes, is_corrupt } => self.datagram_to_server(peer, from, &bytes, is_corrupt),
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

    fn is_current(&self, visitor: usize, page: u32) -> bool {
        self.visitors[visitor].pages == page && self.visitors[visitor].page.is_some()
    }

    // A connection comes to be.

    fn open_page(&mut self, index: usize) -> Result<(), Fault> {
        if self.is_calm {
            return Ok(());
        }
        let visitor = &mut self.visitors[index];
        let address = visitor.next_address(&self.options);
        if visitor.seen_as == address
            && let Some(before) = visitor.peer
        {
            self.model.connection(before)?.is_replaced = true;
        }
        let (page, sdp) = Page::offer(self.now, address);
        visitor.page = Some(page);
        visitor.pages += 1;
        visitor.peer = None;
        visitor.room = RoomPage::default();
        visitor.seen_as = address;
        self.by_address.insert(address, index);
        let page = visitor.pages;
        self.trace.note(self.now, &[1, index as u64], || format!("visitor {index} opens page {page} at {address}"));
        if !self.visitors[index].up.is_cut(self.now) {
            self.plan(self.now + self.options.delay, Item::Offer { visitor: index, page, sdp });
        }
        self.touch(index)
    }

    fn offer_arrives(&mut self, index: usize, page: u32, sdp: &str) -> Result<(), Fault> {
        if !self.is_current(index, page) {
            return Ok(());
        }
        let offer = Offer::parse_sdp(sdp).map_err(|error| Fault(format!("str0m's offer: {error}")))?;
        let address = self.visitors[index].seen_as.ip();
        self.audit()?;
        let answer = match self.host.handle_offer(self.now, &offer, address) {
            Ok((peer, answer)) => {
                self.coverage.offers += 1;
                self.model.offered(self.now, peer, address)?;
                self.visitors[index].peer = Some(peer);
                self.plan(self.now + OPENING_MAX + Duration::from_millis(1), Item::AuditOnce);
                self.trace.note(self.now, &[2, peer.number()], || format!("visitor {index} is {peer}"));
                Ok(answer)
            }
            Err(refusal) => {
                self.coverage.refused += 1;
                self.trace.note(self.now, &[3, index as u64], || format!("visitor {index} is refused: {refusal:?}"));
                self.model.refused(refusal, address)?;
                Err(refusal)
            }
        };
        self.settle()?;
        if !self.visitors[index].down.is_cut(self.now) {
            self.plan(self.now + self.options.delay, Item::Answer { visitor: index, page, answer });
        }
        Ok(())
    }

    fn answer_arrives(&mut self, index: usize, page: u32, answer: Result<Answer, Refusal>) -> Result<(), Fault> {
        if !self.is_current(index, page) || self.visitors[index].is_asleep {
            return Ok(());
        }
        match answer {
            Ok(answer) => {
                if let Some(page) = &mut self.visitors[index].page {
                    page.accept(self.now, &answer);
                }
                self.touch(index)
            }
            Err(_) => {
                self.visitors[index].page = None;
                self.plan_return(index);
                Ok(())
            }
        }
    }

    // Datagrams.

    fn datagram_to_server(
        &mut self,
        peer: Option<PeerId>,
        from: SocketAddr,
        bytes: &[u8],
        is_corrupt: bool,
    ) -> Result<(), Fault> {
        let (mut must_route, mut must_not_route) = (false, false);
        if let Some(peer) = peer {
            let connection = self.model.connection(peer)?;
            let is_at_home = connection.rebound_at.is_none() && !connection.is_replaced;
            must_route = connection.is_joined() && is_at_home && !is_corrupt;
            must_not_route = connection.left.is_some() && !connection.is_replaced;
            if !is_corrupt && !connection.is_replaced && connection.left.is_none() {
                connection.heard(self.now, bytes);
            }
        }
        let is_routed = self.host.handle_datagram(self.now, from, bytes);
        promise!(is_routed || !must_route, "a datagram from {from}, the address of {peer:?}, went to nobody");
        promise!(!is_routed || !must_not_route, "a datagram from {from} went to somebody, but {peer:?} has left");
        self.settle()
    }

    fn datagram_to_page(&mut self, to: SocketAddr, bytes: Vec<u8>) -> Result<(), Fault> {
        let Some(index) = self.by_address.get(&to).copied().filter(|index| self.visitors[*index].seen_as == to) else {
            return Ok(());
        };
        let visitor = &mut self.visitors[index];
        if visitor.is_asleep {
            return Ok(());
        }
        if let Some(page) = &mut visitor.page {
            let to = page.address();
            page.receive(self.now, &Transmit { from: SERVER, to, bytes });
        }
        self.touch(index)
    }

    /// Takes what came out of the endpoint, and lets the application answer, until both are still.
    pub(crate) fn settle(&mut self) -> Result<(), Fault> {
        self.collect()?;
        while let Some(event) = self.untold.pop_front() {
            let out = self.application.handle_event(self.now, event);
            self.send_all(out)?;
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<(), Fault> {
        let at_once = self.host.transmits.len();
        promise!(at_once <= DATAGRAMS_AT_ONCE_MAX, "one input made {at_once} datagrams");
        while let Some(transmit) = self.host.transmits.pop_front() {
            promise!(transmit.from == SERVER, "a datagram from {}", transmit.from);
            let index = self.by_address.get(&transmit.to).copied();
            let index = index.ok_or_else(|| Fault(format!("a datagram to {}, which is nobody's", transmit.to)))?;
            let is_open = self.visitors[index].page.as_ref().is_some_and(Page::is_open);
            self.trace.datagram(self.now, index, false, if is_open { transmit.bytes.len() } else { 0 });
            let link = &mut self.visitors[index].down;
            let options =
                if self.is_calm || self.options.spare_opening && !is_open { &self.calm } else { &self.options };
            for arrival in link.carry(options, self.now, transmit.bytes, &mut self.coverage.carried) {
                self.plan(arrival.at, Item::Down { to: transmit.to, bytes: arrival.bytes });
            }
        }
        while let Some(event) = self.host.events.pop_front() {
            self.note_event(&event);
            self.model.event(self.now, &event)?;
            self.untold.push_back(event);
        }
        Ok(())
    }

    fn note_event(&mut self, event: &Event) {
        match event {
            Event::Joined { peer, .. } => {
                self.coverage.connections += 1;
                self.trace.note(self.now, &[4, peer.number()], || format!("{peer} joined"));
            }
            Event::Message { peer, channel, data } => {
                self.count(*channel, data);
                let words = [5, peer.number(), *channel as u64, Print::of(data).hash()];
                self.trace.note(self.now, &words, || format!("{peer} said {} bytes, {channel:?}", data.bytes().len()));
            }
            Event::Left { peer, reason } => {
                *self.coverage.left.entry(format!("{reason:?}")).or_default() += 1;
                self.trace.note(self.now, &[6, peer.number(), *reason as u64], || format!("{peer} left: {reason:?}"));
            }
            _ => {}
        }
    }

    fn count(&mut self, channel: Channel, data: &Data) {
        match channel {
            Channel::Reliable => self.coverage.reliable += 1,
            Channel::Unreliable => self.coverage.unreliable += 1,
        }
        self.coverage.bytes += data.bytes().len() as u64;
    }

    // What is said.

    fn tick(&mut self) -> Result<(), Fault> {
        if self.is_calm {
            return Ok(());
        }
        self.plan(self.now + self.options.server_message_every, Item::Tick);
        let out = self.application.tick(self.now, &self.options, &self.host.peers());
        self.send_all(out)?;
        self.settle()
    }

    fn send_all(&mut self, out: Vec<Outgoing>) -> Result<(), Fault> {
        for Outgoing { peer, channel, data } in out {
            let outcome = self.host.send(self.now, peer, channel, &data);
            self.collect()?;
            self.model.sent(self.now, peer, channel, &data, outcome)?;
            self.coverage.full += u64::from(outcome == SendOutcome::Full);
            self.coverage.dropped += u64::from(outcome == SendOutcome::Dropped);
            let words = [7, peer.number(), channel as u64, outcome as u64, data.bytes().len() as u64];
            self.trace
                .note(self.now, &words, || format!("{} bytes to {peer}, {channel:?}: {outcome:?}", data.bytes().len()));
            if outcome == SendOutcome::Full && self.application.gives_up_on_full() {
                self.disconnect(peer, Reason::Kicked)?;
            }
        }
        Ok(())
    }

    pub(crate) fn disconnect(&mut self, peer: PeerId, reason: Reason) -> Result<(), Fault> {
        self.model.connection(peer)?.disconnected = Some(reason);
        self.host.disconnect(self.now, peer, reason);
        self.collect()
    }

    fn speak(&mut self, index: usize, page: u32) -> Result<(), Fault> {
        if !self.is_current(index, page) || self.is_calm {
            return Ok(());
        }
        let visitor = &mut self.visitors[index];
        let after = visitor.words.about(self.options.page_message_every);
        if !visitor.is_asleep {
            for _ in 0..visitor.words.within(1..=self.options.at_once_max) {
                let visitor = &mut self.visitors[index];
                let (channel, data) = match self.options.application {
                    Kind::Echo => crate::traffic::message(&self.options, &mut visitor.words, 1),
                    Kind::Room => visitor.room.act(&mut visitor.words),
                };
                self.page_sends(index, channel, &data)?;
            }
            self.touch(index)?;
        }
        self.plan(self.now + after, Item::Speak { visitor: index, page });
        Ok(())
    }

    fn page_sends(&mut self, index: usize, channel: Channel, data: &Data) -> Result<(), Fault> {
        let visitor = &mut self.visitors[index];
        let (Some(page), Some(peer)) = (&mut visitor.page, visitor.peer) else { return Ok(()) };
        let is_sent = page.send(self.now, channel, data);
        if is_sent {
            self.model.connection(peer)?.up.sent(self.now, channel, Print::of(data));
        }
        let words = [8, peer.number(), channel as u64, u64::from(is_sent), data.bytes().len() as u64];
        let bytes = data.bytes().len();
        self.trace.note(self.now, &words, || format!("page of {peer} says {bytes} bytes, {channel:?}: {is_sent}"));
        Ok(())
    }

    /// Takes what a page's browser has done, after anything was done to it.
    fn touch(&mut self, index: usize) -> Result<(), Fault> {
        let Some(mut page) = self.visitors[index].page.take() else { return Ok(()) };
        if self.visitors[index].is_asleep {
            self.visitors[index].page = Some(page);
            return Ok(());
        }
        let events = page.poll(self.now);
        self.send_up(index, &mut page);
        let is_over = events.last() == Some(&PageEvent::Ended);
        self.visitors[index].page = Some(page);
        for event in events {
            self.page_event(index, event)?;
        }
        let visitor = &mut self.visitors[index];
        if is_over {
            visitor.page = None;
        }
        // Whatever the page said in answer is out now.
        if let Some(mut page) = visitor.page.take() {
            self.send_up(index, &mut page);
            self.visitors[index].page = Some(page);
        }
        self.rewake(index);
        Ok(())
    }

    fn rewake(&mut self, index: usize) {
        let visitor = &mut self.visitors[index];
        if let Some(before) = visitor.wake_at.take() {
            self.wakes.remove(&(before, index));
        }
        if !visitor.is_asleep
            && let Some(at) = visitor.page.as_ref().and_then(Page::wake_at)
        {
            // A browser that asks for the same instant again does not get to spin.
            let at = at.max(self.now + Duration::from_micros(100));
            visitor.wake_at = Some(at);
            self.wakes.insert((at, index));
        }
    }

    fn send_up(&mut self, index: usize, page: &mut Page) {
        let is_open = page.is_open();
        let options = if self.is_calm || self.options.spare_opening && !is_open { &self.calm } else { &self.options };
        let (peer, from) = (self.visitors[index].peer, self.visitors[index].seen_as);
        let mut planned = Vec::new();
        for transmit in page.drain() {
            self.trace.datagram(self.now, index, true, if is_open { transmit.bytes.len() } else { 0 });
            let link = &mut self.visitors[index].up;
            let arrivals = link.carry(options, self.now, transmit.bytes, &mut self.coverage.carried);
            planned.extend(arrivals);
        }
        for Arrival { at, bytes, is_corrupt } in planned {
            self.plan(at, Item::Up { peer, from, bytes, is_corrupt });
        }
    }

    fn page_event(&mut self, index: usize, event: PageEvent) -> Result<(), Fault> {
        let peer = self.visitors[index].peer;
        match event {
            PageEvent::Opened => {
                self.trace.note(self.now, &[9, index as u64], || format!("the page of visitor {index} is open"));
                if self.options.application == Kind::Room {
                    let (channel, data) = RoomPage::hello();
                    self.page_sends(index, channel, &data)?;
                }
                let page = self.visitors[index].pages;
                let after = self.visitors[index].words.about(self.options.page_message_every);
                self.plan(self.now + after, Item::Speak { visitor: index, page });
                self.plan_happening(index);
            }
            PageEvent::Message(channel, data) => {
                let peer = peer.ok_or_else(|| Fault("a page that nobody answered has a message".into()))?;
                self.count(channel, &data);
                let print = Print::of(&data);
                let bytes = data.bytes().len();
                let words = [10, index as u64, channel as u64, print.hash()];
                self.trace.note(self.now, &words, || format!("page of {peer} hears {bytes} bytes, {channel:?}"));
                let heard = self.model.connection(peer)?.down.received(channel, print);
                heard.map_err(|fault| Fault(format!("to {peer}: {fault}")))?;
                if self.options.application == Kind::Room {
                    self.visitors[index].room.hear(&data)?;
                }
            }
            PageEvent::Ended => {
                self.trace.note(self.now, &[11, index as u64], || format!("the page of visitor {index} ended"));
                self.page_is_over(index, true)?;
            }
        }
        Ok(())
    }

    // What happens to visitors.

    fn happen(&mut self, index: usize) -> Result<(), Fault> {
        let happening = self.visitors[index].next_happening(&self.options);
        self.trace.note(self.now, &[12, index as u64, happening as u64], || format!("visitor {index}: {happening:?}"));
        let (now, peer) = (self.now, self.visitors[index].peer);
        match happening {
            Happening::Close => {
                if let Some(mut page) = self.visitors[index].page.take() {
                    page.close(now);
                    self.send_up(index, &mut page);
                }
                self.page_is_over(index, true)
            }
            Happening::Vanish => {
                self.visitors[index].page = None;
                self.page_is_over(index, false)
            }
            Happening::Sleep => {
                self.coverage.sleeps += 1;
                let visitor = &mut self.visitors[index];
                visitor.is_asleep = true;
                let (until, page) = (now + visitor.life.up_to(self.options.sleep_max), visitor.pages);
                self.rewake(index);
                self.plan(until, Item::WakeUp { visitor: index, page });
                Ok(())
            }
            Happening::Rebind => {
                self.coverage.rebinds += 1;
                self.visitors[index].rebind();
                self.by_address.insert(self.visitors[index].seen_as, index);
                if let Some(peer) = peer {
                    self.model.connection(peer)?.rebound_at = Some(now);
                }
                self.plan_happening(index);
                Ok(())
            }
            Happening::Kick => {
                if let Some(peer) = peer.filter(|peer| self.model.is_live(*peer)) {
                    self.disconnect(peer, Reason::Kicked)?;
                    self.settle()?;
                }
                Ok(())
            }
        }
    }

    fn page_is_over(&mut self, index: usize, told_server: bool) -> Result<(), Fault> {
        if let Some(peer) = self.visitors[index].peer {
            self.model.connection(peer)?.page_ended(self.now, told_server);
        }
        self.rewake(index);
        self.plan_return(index);
        Ok(())
    }

    fn plan_return(&mut self, index: usize) {
        let after = self.visitors[index].life.up_to(self.options.return_within) + Duration::from_millis(100);
        self.plan(self.now + after, Item::Open { visitor: index });
    }

    fn plan_happening(&mut self, index: usize) {
        if let Some(every) = self.options.happening_every {
            let visitor = &mut self.visitors[index];
            let (after, page) = (visitor.life.about(every), visitor.pages);
            self.plan(self.now + after, Item::Happen { visitor: index, page });
        }
    }

    fn plan_cut(&mut self, index: usize) {
        if let Some(every) = self.options.cut_every {
            let after = self.visitors[index].life.about(every);
            self.plan(self.now + after, Item::Cut { visitor: index });
        }
    }

    pub(crate) fn wake_up(&mut self, index: usize) -> Result<(), Fault> {
        self.visitors[index].is_asleep = false;
        if let Some(page) = &mut self.visitors[index].page {
            page.handle_timeout(self.now);
        }
        self.touch(index)
    }

    pub(crate) fn audit(&mut self) -> Result<(), Fault> {
        promise!(self.host.panics() == 0, "a panic inside the endpoint");
        let on_server = self.host.all_peers();
        if !on_server.is_empty() {
            let each = self.host.held_bytes() / on_server.len() as i64;
            self.coverage.bytes_per_peer_max = self.coverage.bytes_per_peer_max.max(each);
        }
        self.model.audit(self.now, &on_server)
    }
}
