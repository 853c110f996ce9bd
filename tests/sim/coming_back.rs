//! Pages that lose their connection, or are reloaded, and come back.

use std::time::Duration;

use patchcord::{Event, Reason, Refusal};

use crate::model::{Fault, promise};
use crate::page::Page;
use crate::presence;
use crate::session::{Backoff, Session};
use crate::world::{Item, World};

/// From the end of a page to the beginning of the next, at most.
const RELOAD_MAX: Duration = Duration::from_millis(1500);

impl World {
    /// A page's connection is over, and its page is still there.
    pub fn page_is_lost(&mut self, index: usize) -> Result<(), Fault> {
        let visitor = &mut self.visitors[index];
        let session = visitor.page.take().and_then(Page::into_session);
        if let Some(peer) = visitor.peer.filter(|_| !visitor.is_stranded()) {
            self.model.connection(peer)?.closed_pages.insert(visitor.pages);
        }
        match (session, visitor.over) {
            (Some(session), over) if over != Some(crate::session::control::KICKED) => {
                self.keep_trying(index, session);
                Ok(())
            }
            _ => self.page_is_over(index, true),
        }
    }

    pub fn page_is_refused(&mut self, index: usize, refusal: Refusal) -> Result<(), Fault> {
        let visitor = &mut self.visitors[index];
        match visitor.page.take().and_then(Page::into_session) {
            None => self.plan_return(index),
            Some(mut session) => {
                if refusal == Refusal::StillHere && visitor.backoff.still_here(self.now) {
                    session.give_up_token();
                }
                self.keep_trying(index, session);
            }
        }
        Ok(())
    }

    fn keep_trying(&mut self, index: usize, session: Session) {
        let visitor = &mut self.visitors[index];
        let wait = visitor.backoff.wait(&mut visitor.tries);
        self.come_back_after(index, session, wait);
    }

    fn come_back_after(&mut self, index: usize, session: Session, wait: Duration) {
        let visitor = &mut self.visitors[index];
        visitor.stored = Some(session);
        let page = visitor.pages;
        self.rewake(index);
        self.plan(self.now + wait, Item::ComeBack { visitor: index, page });
    }

    pub fn come_back(&mut self, index: usize, page: u32) -> Result<(), Fault> {
        let visitor = &mut self.visitors[index];
        if visitor.pages != page || visitor.page.is_some() || self.is_shut_down {
            return Ok(());
        }
        if visitor.is_asleep {
            self.plan(self.now + RELOAD_MAX, Item::ComeBack { visitor: index, page });
            return Ok(());
        }
        let session = visitor.stored.take();
        visitor.is_returning = true;
        self.open_connection(index, session)?;
        self.live_on(index);
        Ok(())
    }

    /// The page is open: its attempts are over.
    pub fn is_back(&mut self, index: usize) {
        let visitor = &mut self.visitors[index];
        (visitor.backoff, visitor.over) = (Backoff::default(), None);
    }

    /// The page goes, with a word to the server or not, and the next one goes on.
    pub fn reload(&mut self, index: usize) -> Result<(), Fault> {
        let visitor = &mut self.visitors[index];
        let Some(mut page) = visitor.page.take() else { return Ok(()) };
        let says_so = visitor.life.happens(0.7);
        let wait = visitor.life.up_to(RELOAD_MAX);
        if says_so {
            page.leave(self.now);
            self.send_up(index, &mut page);
        }
        let visitor = &mut self.visitors[index];
        let Some(session) = page.into_session() else { return self.page_is_over(index, says_so) };
        if let Some(peer) = visitor.peer.filter(|_| says_so && !visitor.is_stranded()) {
            self.model.connection(peer)?.closed_pages.insert(visitor.pages);
        }
        visitor.room = visitor.room.reloaded();
        self.come_back_after(index, session, wait);
        Ok(())
    }

    /// How long a peer had been silent that is said to be away, or gone, for that alone.
    pub fn note_silence(&mut self, event: &Event) -> Result<(), Fault> {
        let (Event::Away { peer } | Event::Left { peer, reason: Reason::TimedOut }) = event else { return Ok(()) };
        let connection = self.model.connection(*peer)?;
        if connection.has_session && connection.is_here() && !connection.closed_pages.contains(&connection.page) {
            let silent = self.now - connection.heard_at;
            let noticed = match presence::silence_max(connection) <= presence::VISIBLE_SILENCE_MAX {
                true => &mut self.coverage.noticed_visible_max,
                false => &mut self.coverage.noticed_hidden_max,
            };
            *noticed = silent.max(*noticed);
        }
        Ok(())
    }

    /// The page has heard a Beat: what it knows of the time is true, and of the token new.
    pub fn beat(&mut self, index: usize) -> Result<(), Fault> {
        let Some((session, peer)) = self.visitors[index].session_of() else { return Ok(()) };
        if let Some((time, bound)) = session.server_now(self.now) {
            let error = time.abs_diff(self.now - self.epoch);
            // Times travel in whole microseconds.
            promise!(error <= bound + Duration::from_micros(2), "the page of {peer} is {error:?} off, not {bound:?}");
            self.coverage.clock_error_max = self.coverage.clock_error_max.max(error);
        }
        Ok(())
    }

    /// Who was given which token, for those who would like to have it.
    pub fn note_token(&mut self, index: usize) {
        let Some((session, peer)) = self.visitors[index].session_of() else { return };
        let Some(token) = session.token().map(str::to_owned) else { return };
        if !self.owners.contains_key(&token) {
            self.owners.insert(token.clone(), peer);
            self.visitors[index].tokens.push(token);
        }
    }
}
