//! Datagrams in both directions, and what comes of each.

use std::net::SocketAddr;
use std::time::Duration;

use patchcord::{PeerId, Transmit};

use crate::host::SERVER;
use crate::model::{Fault, LAST_WORDS_MAX, promise};
use crate::network::Arrival;
use crate::page::{Page, PageEvent};
use crate::visitor::Visitor;
use crate::world::{DATAGRAMS_AT_ONCE_MAX, Item, World};

impl World {
    /// A datagram of `page`, whose peer is `peer` if it has been answered.
    pub fn datagram_to_server(
        &mut self,
        peer: Option<PeerId>,
        page: u32,
        from: SocketAddr,
        arrival: &Arrival,
    ) -> Result<(), Fault> {
        let (mut must_route, mut must_not_route) = (false, false);
        if let Some(peer) = peer {
            self.model.came_from(from, peer, page);
            let is_shared = self.model.is_shared(self.now, from, peer, page);
            let connection = self.model.connection(peer)?;
            let is_at_home = connection.rebound_at.is_none() && !connection.is_replaced;
            let is_its_own = connection.page == page;
            must_route = connection.is_here() && is_its_own && is_at_home && !arrival.is_corrupt;
            let is_gone =
                connection.left.is_some_and(|(at, _)| !connection.has_session || self.now > at + LAST_WORDS_MAX);
            must_not_route = is_its_own && (is_gone || connection.away_since.is_some()) && !is_shared;
            let is_connected = connection.left.is_none() && connection.away_since.is_none();
            if is_its_own && is_connected && !arrival.is_corrupt && !connection.is_replaced {
                connection.heard(self.now, &arrival.bytes, is_at_home && arrival.is_plain());
            }
        }
        self.model.speaker = Some(page);
        let is_routed = self.host.handle_datagram(self.now, from, &arrival.bytes);
        promise!(is_routed || !must_route, "a datagram from {from}, the address of {peer:?}, went to nobody");
        promise!(!is_routed || !must_not_route, "a datagram from {from} went to somebody, but {peer:?} is not there");
        self.collect()?;
        self.model.speaker = None;
        self.settle()
    }

    pub fn datagram_to_page(&mut self, to: SocketAddr, bytes: Vec<u8>) -> Result<(), Fault> {
        let Some(index) = self.by_address.get(&to).copied().filter(|index| self.visitors[*index].seen_as == to) else {
            return Ok(());
        };
        let visitor = &mut self.visitors[index];
        if visitor.is_asleep || visitor.is_stranded() {
            return Ok(());
        }
        if let Some(page) = &mut visitor.page {
            let to = page.address();
            page.receive(self.now, &Transmit { from: SERVER, to, bytes });
        }
        self.touch(index)
    }

    /// Takes what came out of the endpoint, and lets the application answer, until both are still.
    pub fn settle(&mut self) -> Result<(), Fault> {
        self.collect()?;
        while let Some(event) = self.untold.pop_front() {
            let out = self.application.handle_event(self.now, event);
            self.send_all(out)?;
        }
        Ok(())
    }

    pub fn collect(&mut self) -> Result<(), Fault> {
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
            self.note_silence(&event)?;
            self.model.event(self.now, &event)?;
            self.untold.push_back(event);
        }
        Ok(())
    }

    /// Takes what a page's browser has done, after anything was done to it.
    pub fn touch(&mut self, index: usize) -> Result<(), Fault> {
        let Some(mut page) = self.visitors[index].page.take() else { return Ok(()) };
        if self.visitors[index].is_asleep {
            self.visitors[index].page = Some(page);
            return Ok(());
        }
        let events = page.poll(self.now)?;
        self.send_up(index, &mut page);
        let is_over = events.last() == Some(&PageEvent::Ended);
        self.visitors[index].page = Some(page);
        self.note_token(index);
        for event in events {
            self.page_event(index, event)?;
        }
        let visitor = &mut self.visitors[index];
        if is_over {
            visitor.page = None;
        }
        // Whatever the page said in answer is out now.
        let peer = visitor.peer;
        if let Some(mut page) = visitor.page.take() {
            self.send_up(index, &mut page);
            if let Some(peer) = peer.filter(|_| page.has_said_all()) {
                self.model.connection(peer)?.has_said_all_at = self.now;
            }
            self.visitors[index].page = Some(page);
        }
        self.rewake(index);
        Ok(())
    }

    pub fn send_up(&mut self, index: usize, page: &mut Page) {
        let is_open = page.is_open();
        let options = if self.is_calm || self.options.spare_opening && !is_open { &self.calm } else { &self.options };
        let Visitor { peer, pages, seen_as, .. } = self.visitors[index];
        let (mut planned, is_stranded) = (Vec::new(), self.visitors[index].is_stranded());
        for transmit in page.drain().filter(|_| !is_stranded) {
            self.trace.datagram(self.now, index, true, if is_open { transmit.bytes.len() } else { 0 });
            let link = &mut self.visitors[index].up;
            let arrivals = link.carry(options, self.now, transmit.bytes, &mut self.coverage.carried);
            planned.extend(arrivals);
        }
        for arrival in planned {
            self.plan(arrival.at, Item::Up { peer, page: pages, from: seen_as, arrival });
        }
    }

    pub fn rewake(&mut self, index: usize) {
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
}
