//! A connection comes to be: the page, its offer over HTTP, the answer.

use std::time::Duration;

use patchcord::{Answer, Offer, PeerId, Refusal, SessionAnswer};

use crate::connection::{Connection, Visibility};
use crate::lane::Lane;
use crate::model::{Fault, OPENING_MAX, promise};
use crate::page::Page;
use crate::room_page::RoomPage;
use crate::session::Session;
use crate::world::{Item, World};

impl World {
    /// The visitor opens a page that knows nothing of earlier ones.
    pub fn open_page(&mut self, index: usize) -> Result<(), Fault> {
        if self.is_calm || self.visitors[index].page.is_some() {
            return Ok(());
        }
        let visitor = &mut self.visitors[index];
        visitor.is_returning = false;
        visitor.room = RoomPage::default();
        let session = visitor.has_session.then(|| Session::new(self.now, visitor.is_hidden));
        self.open_connection(index, session)
    }

    /// The visitor's page opens a connection, its first or another.
    pub fn open_connection(&mut self, index: usize, session: Option<Session>) -> Result<(), Fault> {
        let visitor = &mut self.visitors[index];
        let address = visitor.next_address(&self.options);
        if let Some(before) = visitor.peer {
            let before = self.model.connection(before)?;
            before.is_replaced |= before.address == address;
        }
        if !visitor.is_returning {
            visitor.peer = None;
        }
        let (page, body) = Page::offer(self.now, address, session);
        visitor.page = Some(page);
        visitor.pages += 1;
        visitor.seen_as = address;
        self.by_address.insert(address, index);
        let page = visitor.pages;
        self.trace.note(self.now, &[1, index as u64], || format!("visitor {index} opens page {page} at {address}"));
        if !self.visitors[index].up.is_cut(self.now) {
            self.plan(self.now + self.options.delay, Item::Offer { visitor: index, page, body });
        }
        self.touch(index)
    }

    pub fn offer_arrives(&mut self, index: usize, page: u32, body: &str) -> Result<(), Fault> {
        if !self.is_current(index, page) || self.is_shut_down {
            return Ok(());
        }
        let answer = match self.answer_of(index, Some(page), body)? {
            Ok((peer, answer)) => {
                let visitor = &mut self.visitors[index];
                if let Some(before) = visitor.peer.replace(peer).filter(|before| *before != peer) {
                    self.model.connection(before)?.page_ended(self.now, false);
                }
                let is_again = answer.session.is_some_and(|session| session.resumed);
                let words = [2, peer.number(), u64::from(is_again)];
                let how = if is_again { " again" } else { "" };
                self.trace.note(self.now, &words, || format!("visitor {index} is {peer}{how}"));
                Ok(answer)
            }
            Err(refusal) => Err(refusal),
        };
        if !self.visitors[index].down.is_cut(self.now) {
            self.plan(self.now + self.options.delay, Item::Answer { visitor: index, page, answer });
        }
        Ok(())
    }

    /// What the server says to an offer, and whom it takes the page for. `page` is none for offers that nobody follows up.
    pub fn answer_of(
        &mut self,
        index: usize,
        page: Option<u32>,
        body: &str,
    ) -> Result<Result<(PeerId, Answer), Refusal>, Fault> {
        let offer = Offer::parse(body.as_bytes()).map_err(|error| Fault(format!("{body}: {error}")))?;
        let from = self.visitors[index].seen_as;
        let address = from.ip();
        self.audit()?;
        let owner = offer.session().and_then(|asked| self.owners.get(asked.token.as_ref()?)).copied();
        let result = self.host.handle_offer(self.now, &offer, address);
        let (peer, answer) = match result {
            Ok(taken) => taken,
            Err(refusal) => {
                self.coverage.refused += 1;
                self.trace.note(self.now, &[3, index as u64], || format!("visitor {index} is refused: {refusal:?}"));
                match (refusal, owner) {
                    (Refusal::StillHere, Some(owner)) => {
                        self.coverage.still_here += 1;
                        self.model.still_here(self.now, owner)?;
                    }
                    _ => self.model.refused(self.now, refusal, address)?,
                }
                self.settle()?;
                return Ok(Err(refusal));
            }
        };
        self.coverage.offers += 1;
        if answer.session.is_some_and(|session| session.resumed) {
            promise!(owner == Some(peer), "a page may come back as {peer} with the token of {owner:?}");
            self.model.claimed(self.now, peer, page, from)?;
            self.collect()?;
        } else {
            self.model.newcomer = Some(address);
            self.collect()?;
            self.model.newcomer = None;
            let may_return = page.is_some() && !self.options.limits.grace.is_zero();
            let is_there = owner.is_some_and(|owner| may_return && self.model.is_live(owner));
            promise!(!is_there, "{owner:?} is there, and its page may not come back");
            let mut connection = Connection::new(self.now, from, page.unwrap_or_default(), answer.session.is_some());
            let is_hidden = self.visitors[index].is_hidden;
            connection.visibility = Visibility { is_hidden, since: self.now };
            self.model.offered(peer, connection)?;
        }
        self.plan(self.now + OPENING_MAX + Duration::from_millis(1), Item::AuditOnce);
        self.settle()?;
        Ok(Ok((peer, answer)))
    }

    pub fn answer_arrives(&mut self, index: usize, page: u32, answer: Result<Answer, Refusal>) -> Result<(), Fault> {
        if !self.is_current(index, page) || self.visitors[index].is_asleep {
            return Ok(());
        }
        match answer {
            Ok(answer) => {
                let visitor = &mut self.visitors[index];
                if let (Some(SessionAnswer { resumed: false, .. }), Some(peer)) = (answer.session, visitor.peer) {
                    // What the page had to say was for the peer that it is no more.
                    self.model.connection(peer)?.up = Lane::default();
                    visitor.room = RoomPage::default();
                }
                if let Some(page) = &mut visitor.page {
                    page.accept(self.now, &answer)?;
                }
                self.touch(index)
            }
            Err(refusal) => self.page_is_refused(index, refusal),
        }
    }
}
