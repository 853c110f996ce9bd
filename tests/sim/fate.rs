//! What happens to visitors.

use std::time::Duration;

use patchcord::Reason;

use crate::connection::Visibility;
use crate::model::Fault;
use crate::visitor::{Happening, Visitor};
use crate::world::{Item, World};

impl World {
    pub fn happen(&mut self, index: usize) -> Result<(), Fault> {
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
                    let page = self.visitors[index].pages;
                    self.model.connection(peer)?.rebinds(now, page);
                }
                self.plan_happening(index);
                Ok(())
            }
            Happening::Kick => {
                if let Some(peer) = peer.filter(|peer| self.model.is_live(*peer)) {
                    let visitor = &mut self.visitors[index];
                    match visitor.has_session && visitor.tries.happens(0.5) {
                        true => self.kick(peer, "zu laut 🦀")?,
                        false => self.disconnect(peer, Reason::Kicked)?,
                    }
                    self.settle()?;
                }
                Ok(())
            }
            Happening::Reload => self.reload(index),
            Happening::Move => {
                self.coverage.rebinds += 1;
                self.visitors[index].move_away();
                self.plan_happening(index);
                Ok(())
            }
            Happening::Hide => {
                let visitor = &mut self.visitors[index];
                visitor.is_hidden = !visitor.is_hidden;
                let visibility = Visibility { is_hidden: visitor.is_hidden, since: now };
                if let Some(page) = &mut visitor.page {
                    page.hide(now, visibility.is_hidden);
                }
                if let Some(peer) = peer {
                    self.model.connection(peer)?.visibility = visibility;
                }
                self.touch(index)?;
                self.plan_happening(index);
                Ok(())
            }
            Happening::Theft => {
                self.steal(index)?;
                self.plan_happening(index);
                Ok(())
            }
        }
    }

    /// The page is gone for good, and the next one knows nothing of it. `says_so`: as far as anything that it sends gets out.
    pub fn page_is_over(&mut self, index: usize, says_so: bool) -> Result<(), Fault> {
        let Visitor { peer, pages, .. } = self.visitors[index];
        let told_server = says_so && !self.visitors[index].is_stranded();
        if let Some(peer) = peer {
            let connection = self.model.connection(peer)?;
            connection.page_ended(self.now, told_server);
            if told_server {
                connection.closed_pages.insert(pages);
            }
        }
        (self.visitors[index].stored, self.visitors[index].over) = (None, None);
        self.rewake(index);
        self.plan_return(index);
        Ok(())
    }

    pub fn wake_up(&mut self, index: usize) -> Result<(), Fault> {
        self.visitors[index].is_asleep = false;
        if let Some(page) = &mut self.visitors[index].page {
            page.handle_timeout(self.now);
        }
        self.touch(index)
    }

    pub fn plan_return(&mut self, index: usize) {
        let after = self.visitors[index].life.up_to(self.options.return_within) + Duration::from_millis(100);
        self.plan(self.now + after, Item::Open { visitor: index });
    }

    pub fn plan_happening(&mut self, index: usize) {
        if let Some(every) = self.options.happening_every {
            let visitor = &mut self.visitors[index];
            let (after, page) = (visitor.life.about(every), visitor.pages);
            self.plan(self.now + after, Item::Happen { visitor: index, page });
        }
    }

    pub fn plan_cut(&mut self, index: usize) {
        if let Some(every) = self.options.cut_every {
            let after = self.visitors[index].life.about(every);
            self.plan(self.now + after, Item::Cut { visitor: index });
        }
    }
}
