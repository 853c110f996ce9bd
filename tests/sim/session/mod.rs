//! A page's side of the session, written from docs/PROTOCOL.md alone. Pure: `page.rs` has the connection.

mod clock;
pub mod control;
mod counts;
mod latest;
mod silence;

use std::time::{Duration, Instant};

use patchcord::{Data, SessionAnswer};

use crate::model::{Fault, promise};
use clock::Clock;
use control::{Echo, FromServer};
use counts::Counts;
use latest::Latest;
pub use silence::Backoff;
use silence::Silence;

/// What an Echo answers before the first Beat of its connection.
const NO_BEAT: u32 = u32::MAX;

/// What a page knows of its session. It outlives connections, and a reload.
#[derive(Debug)]
pub struct Session {
    /// With its generation.
    token: Option<(u8, String)>,
    pub counts: Counts,
    /// Of this connection.
    pub latest: Latest,
    silence: Silence,
    /// Of this connection.
    newest_beat: Option<u32>,
    clock: Clock,
    /// The zero of the page's own clock.
    began_at: Instant,
    /// What waits to be said on `ctl`.
    to_say: Vec<Vec<u8>>,
}

/// What a message on `ctl` was.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Beat,
    Token,
    Over { why: u8, text: String },
    Nothing,
}

impl Session {
    pub fn new(now: Instant, is_hidden: bool) -> Session {
        Session {
            token: None,
            counts: Counts::default(),
            latest: Latest::default(),
            silence: Silence::new(now, is_hidden),
            newest_beat: None,
            clock: Clock::default(),
            began_at: now,
            to_say: Vec::new(),
        }
    }

    /// The token to come back with.
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|(_, token)| token.as_str())
    }

    /// It may be another tab's by now.
    pub fn give_up_token(&mut self) {
        self.token = None;
    }

    /// The body of an offer.
    pub fn body(&self, sdp: &str) -> String {
        let resume = self.token().unwrap_or_default();
        let body = match self.token {
            Some(_) => {
                serde_json::json!({"type": "offer", "sdp": sdp, "resume": resume, "received": self.counts.received()})
            }
            None => serde_json::json!({"type": "offer", "sdp": sdp, "resume": resume}),
        };
        body.to_string()
    }

    /// The server has answered.
    pub fn answered(&mut self, now: Instant, answer: SessionAnswer) -> Result<(), Fault> {
        let SessionAnswer { resumed, received } = answer;
        promise!(!resumed || self.token.is_some(), "resumed without a token");
        if !resumed {
            promise!(received == 0, "a new session begins at {received}");
            *self = Session::new(now, self.silence.is_hidden());
        } else if !self.counts.resume(received) {
            return Err(Fault(format!("the server goes on at {received}, which is not there: {:?}", self.counts)));
        }
        Ok(())
    }

    /// All channels of a connection are open.
    pub fn opened(&mut self, now: Instant) {
        (self.latest, self.clock) = (Latest::default(), Clock::default());
        self.silence = Silence::new(now, self.silence.is_hidden());
        self.newest_beat = None;
        self.to_say.clear();
    }

    /// A packet of the connection came.
    pub fn heard(&mut self) {
        self.silence.heard();
    }

    /// A reliable message came, and goes to the application.
    pub fn received(&mut self, data: &Data) {
        if self.counts.receive(data) {
            self.say_echo();
        }
    }

    pub fn control(&mut self, now: Instant, message: &[u8]) -> Heard {
        match control::read(message) {
            Some(FromServer::Beat { seq, time, round_trip, received }) => {
                self.clock.beat(seq, now - self.began_at, time, round_trip);
                self.counts.confirm(received);
                // Beats may overtake each other.
                if self.newest_beat.is_none_or(|newest| seq.wrapping_sub(newest) < 1 << 31) {
                    self.newest_beat = Some(seq);
                }
                self.silence.beat();
                self.say_echo_of(seq);
                Heard::Beat
            }
            Some(FromServer::Token { generation, token }) => {
                if self.token.as_ref().is_none_or(|(known, _)| *known != generation) {
                    self.token = Some((generation, token));
                    self.say_echo();
                }
                Heard::Token
            }
            Some(FromServer::Over { why, text }) => Heard::Over { why, text },
            None => Heard::Nothing,
        }
    }

    pub fn is_hidden(&self) -> bool {
        self.silence.is_hidden()
    }

    /// The page is hidden or shown.
    pub fn hide(&mut self, now: Instant, is_hidden: bool) {
        self.silence.hide(now, is_hidden);
        self.say_echo();
    }

    pub fn wake_at(&self) -> Instant {
        self.silence.wake_at()
    }

    /// The page's timer may have run. Whether the server is lost.
    pub fn tick(&mut self, now: Instant) -> bool {
        if self.silence.tick(now) && self.silence.is_unheeded() {
            self.say_echo();
        }
        self.silence.is_lost()
    }

    pub fn take_to_say(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.to_say)
    }

    /// The server's time since it started, and how far off this may be.
    pub fn server_now(&self, now: Instant) -> Option<(Duration, Duration)> {
        let (time, error) = self.clock.server_now(now - self.began_at)?;
        Some((Duration::from_micros(time.try_into().ok()?), Duration::from_micros(error.try_into().ok()?)))
    }

    fn say_echo(&mut self) {
        self.say_echo_of(self.newest_beat.unwrap_or(NO_BEAT));
    }

    fn say_echo_of(&mut self, seq: u32) {
        let generation = self.token.as_ref().map_or(0, |(generation, _)| *generation);
        let received = self.counts.report();
        self.to_say.push(Echo { seq, received, generation, is_hidden: self.is_hidden() }.to_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(seq: u32, received: u32) -> Vec<u8> {
        [&[1], &seq.to_le_bytes()[..], &[0; 8], &[255; 4], &received.to_le_bytes()].concat()
    }

    const TOKEN: &[u8] = b"\x02\x05\x03abc";

    #[test]
    fn it_comes_back_with_the_newest_token_and_its_count() {
        let now = Instant::now();
        let mut session = Session::new(now, false);
        assert!(session.body("v=0").contains(r#""resume":"""#) && !session.body("v=0").contains("received"));
        assert_eq!(session.control(now, TOKEN), Heard::Token);
        session.received(&Data::Text("one".into()));
        assert!(session.body("v=0").contains(r#""resume":"abc""#) && session.body("v=0").contains(r#""received":1"#));
        let echoes = session.take_to_say();
        assert_eq!(echoes, [vec![0x81, 255, 255, 255, 255, 0, 0, 0, 0, 5, 0]]);
        assert_eq!(session.control(now, TOKEN), Heard::Token);
        assert!(session.take_to_say().is_empty(), "known, and said to be known");
    }

    #[test]
    fn a_new_session_has_no_memory_of_the_old_one() {
        let now = Instant::now();
        let mut session = Session::new(now, true);
        assert!(session.counts.keep(&Data::Text("one".into())));
        let _ = session.control(now, TOKEN);
        assert!(session.answered(now, SessionAnswer { resumed: false, received: 0 }).is_ok());
        assert!(session.token().is_none() && session.counts.next().is_none() && session.is_hidden());
        assert!(session.answered(now, SessionAnswer { resumed: true, received: 0 }).is_err());
    }

    #[test]
    fn every_beat_is_echoed_and_an_old_one_takes_no_newer_number_back() {
        let now = Instant::now();
        let mut session = Session::new(now, false);
        for seq in [7, 6_u32] {
            assert_eq!(session.control(now, &beat(seq, 0)), Heard::Beat);
            assert_eq!(session.take_to_say()[0][1], seq as u8);
        }
        session.hide(now, true);
        let echo = &session.take_to_say()[0];
        assert_eq!((echo[1], echo[10]), (7, 1));
        assert_eq!(session.control(now, b"\x09"), Heard::Nothing);
    }
}
