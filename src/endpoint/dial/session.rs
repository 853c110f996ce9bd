//! What a native client says and hears on `ctl`.

use std::time::{Duration, Instant};

use super::super::channel::DataChannel;
use super::super::control::{FromPage, FromServer, Over};
use super::super::limits::UNREPORTED_BYTES_MAX;
use super::super::{Payload, Reason};
use super::{Dial, Parted};

/// Silence of a server that beats every second. The eight or nine Beats before it, 100 ms apart, must be lost too.
const LOST_AFTER: Duration = Duration::from_millis(1900);

/// What it has heard on `ctl`, and what it has to tell there.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The newest Beat.
    beat: u32,
    /// Of the newest token, which only who comes back would need.
    generation: u8,
    /// Reliable messages taken, modulo 2^32.
    received: u32,
    /// Bytes of them that the server has not heard of.
    unreported_bytes: usize,
}

impl Dial {
    pub(super) fn control_arrived(&mut self, message: &[u8]) {
        match FromServer::parse(message) {
            Some(FromServer::Beat { seq, .. }) => {
                self.heard.beat = seq;
                self.echo();
            }
            Some(FromServer::Token { generation, .. }) => self.heard.generation = generation,
            Some(FromServer::Over { why, text }) => {
                let reason = match why {
                    Over::Kicked => Reason::Kicked,
                    Over::ShutDown => Reason::ShutDown,
                    Over::Anew => Reason::Closed,
                };
                self.parting = Some(Parted { reason, words: text.to_owned() });
            }
            None => {}
        }
    }

    /// A reliable message of so many bytes has been handed on.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.heard.received = self.heard.received.wrapping_add(1);
        self.heard.unreported_bytes += bytes;
        if self.has_session && self.heard.unreported_bytes >= UNREPORTED_BYTES_MAX {
            self.echo();
        }
    }

    pub(super) fn say_bye(&mut self) {
        if self.has_session && self.is_open() {
            self.say(FromPage::Bye);
        }
    }

    /// When the server is lost if nothing is heard of it until then.
    pub(super) fn lost_at(&self) -> Option<Instant> {
        self.has_session.then(|| self.transport.heard_at() + LOST_AFTER)
    }

    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.is_open() && self.lost_at().is_some_and(|at| at <= now)
    }

    fn echo(&mut self) {
        let Heard { beat: seq, generation, received, .. } = self.heard;
        self.heard.unreported_bytes = 0;
        self.say(FromPage::Echo { seq, received, generation, is_hidden: false });
    }

    fn say(&mut self, message: FromPage) {
        self.write(DataChannel::Control, Payload::Binary(&message.to_bytes()));
    }
}
