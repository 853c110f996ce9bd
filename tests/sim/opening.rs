//! A connection comes to be: the page, its offer over HTTP, the answer.

use std::time::Duration;

use patchcord::{Answer, Offer, Refusal};

use crate::model::{Fault, OPENING_MAX};
use crate::page::Page;
use crate::room_page::RoomPage;
use crate::world::{Item, World};

impl World {
    pub fn open_page(&mut self, index: usize) -> Result<(), Fault> {
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

    pub fn offer_arrives(&mut self, index: usize, page: u32, sdp: &str) -> Result<(), Fault> {
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

    pub fn answer_arrives(&mut self, index: usize, page: u32, answer: Result<Answer, Refusal>) -> Result<(), Fault> {
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
}
