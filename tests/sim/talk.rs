//! Who says what to whom, and what of it is heard.

use patchcord::{Channel, Data, Event, PeerId, Reason, SendOutcome};

use crate::application::Outgoing;
use crate::lane::Print;
use crate::model::Fault;
use crate::options::Kind;
use crate::page::PageEvent;
use crate::traffic;
use crate::visitor::Visitor;
use crate::world::{Item, World};

impl World {
    pub fn tick(&mut self) -> Result<(), Fault> {
        if self.is_calm {
            return Ok(());
        }
        self.plan(self.now + self.options.server_message_every, Item::Tick);
        let out = self.application.tick(self.now, &self.options, &self.host.peers());
        self.send_all(out)?;
        self.settle()
    }

    pub fn send_all(&mut self, out: Vec<Outgoing>) -> Result<(), Fault> {
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

    pub fn disconnect(&mut self, peer: PeerId, reason: Reason) -> Result<(), Fault> {
        self.model.connection(peer)?.disconnected = Some((reason, None));
        self.host.disconnect(self.now, peer, reason);
        self.collect()
    }

    pub fn kick(&mut self, peer: PeerId, text: &str) -> Result<(), Fault> {
        self.model.connection(peer)?.disconnected = Some((Reason::Kicked, Some(text.to_owned())));
        self.host.kick(self.now, peer, text);
        self.collect()
    }

    /// The page's person begins to act, and things begin to happen to it.
    pub fn live_on(&mut self, index: usize) {
        let page = self.visitors[index].pages;
        let after = self.visitors[index].words.about(self.options.page_message_every);
        self.plan(self.now + after, Item::Speak { visitor: index, page });
        self.plan_happening(index);
    }

    pub fn speak(&mut self, index: usize, page: u32) -> Result<(), Fault> {
        if !self.is_current(index, page) || self.is_calm {
            return Ok(());
        }
        let visitor = &mut self.visitors[index];
        let after = visitor.words.about(self.options.page_message_every);
        // A page that has not been answered yet does not know whose words these would be.
        if !visitor.is_asleep && visitor.peer.is_some() {
            for _ in 0..visitor.words.within(1..=self.options.at_once_max) {
                let visitor = &mut self.visitors[index];
                let (channel, data) = match self.options.application {
                    Kind::Echo => traffic::message(&self.options, &mut visitor.words, 1),
                    Kind::Room => visitor.room.act(&mut visitor.words),
                };
                self.page_sends(index, channel, &data)?;
            }
            self.touch(index)?;
        }
        self.plan(self.now + after, Item::Speak { visitor: index, page });
        Ok(())
    }

    pub fn page_sends(&mut self, index: usize, channel: Channel, data: &Data) -> Result<(), Fault> {
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

    pub fn page_event(&mut self, index: usize, event: PageEvent) -> Result<(), Fault> {
        let peer = self.visitors[index].peer;
        match event {
            PageEvent::HalfOpen => {
                let words = &mut self.visitors[index].words;
                let is_eager = words.happens(self.options.eager);
                if is_eager && self.options.application == Kind::Echo {
                    let data = Data::Binary(words.bytes(24));
                    self.page_sends(index, Channel::Reliable, &data)?;
                }
            }
            PageEvent::Opened => {
                self.trace.note(self.now, &[9, index as u64], || format!("the page of visitor {index} is open"));
                self.is_back(index);
                if self.options.application == Kind::Room
                    && let Some((channel, data)) = self.visitors[index].room.hello()
                {
                    self.page_sends(index, channel, &data)?;
                }
                if !self.visitors[index].is_returning {
                    self.live_on(index);
                }
            }
            PageEvent::Message(channel, data) => {
                let peer = peer.ok_or_else(|| Fault("a page that nobody answered has a message".into()))?;
                self.count(channel, &data);
                let print = Print::of(&data);
                let bytes = data.bytes().len();
                let words = [10, index as u64, channel as u64, print.hash()];
                self.trace.note(self.now, &words, || format!("page of {peer} hears {bytes} bytes, {channel:?}"));
                let heard = self.model.connection(peer)?.down.received(self.now, channel, print);
                let sent_at = heard.map_err(|fault| Fault(format!("to {peer}: {fault}")))?;
                if self.options.keeps_delays {
                    self.coverage.delays.entry((index, channel)).or_default().push(self.now - sent_at);
                }
                if self.options.application == Kind::Room {
                    self.visitors[index].room.hear(&data)?;
                }
            }
            PageEvent::Beat => self.beat(index)?,
            PageEvent::Over { why, text } => {
                let words = [13, index as u64, u64::from(why)];
                self.trace.note(self.now, &words, || format!("the page of visitor {index} hears {why}: {text}"));
                self.visitors[index].over = Some(why);
                let peer = peer.ok_or_else(|| Fault("a page that nobody answered is sent away".into()))?;
                self.model.over(peer, why, &text)?;
            }
            PageEvent::Ended => {
                self.trace.note(self.now, &[11, index as u64], || format!("the page of visitor {index} ended"));
                let Visitor { pages, over, .. } = self.visitors[index];
                if let Some(peer) = peer {
                    self.model.ends(peer, pages, over)?;
                }
                self.page_is_lost(index)?;
            }
        }
        Ok(())
    }

    pub fn note_event(&mut self, event: &Event) {
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
            Event::Away { peer } => {
                self.coverage.aways += 1;
                self.trace.note(self.now, &[14, peer.number()], || format!("{peer} is away"));
            }
            Event::Back { peer, .. } => {
                self.coverage.backs += 1;
                self.trace.note(self.now, &[15, peer.number()], || format!("{peer} is back"));
            }
            _ => {}
        }
    }

    pub fn count(&mut self, channel: Channel, data: &Data) {
        match channel {
            Channel::Reliable => self.coverage.reliable += 1,
            Channel::Unreliable => self.coverage.unreliable += 1,
            Channel::Latest => self.coverage.latest += 1,
        }
        self.coverage.bytes += data.bytes().len() as u64;
    }
}
