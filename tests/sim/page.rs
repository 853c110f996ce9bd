//! A page: what patchcord.js does with one `RTCPeerConnection`, from its offer to its end, with a session or without.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use patchcord::{Answer, Channel, Data, Transmit};

use crate::browser::Browser;
use crate::model::Fault;
use crate::session::{Heard, Session, control};

/// How long a page waits for its channels, from the offer and again from the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long one that comes back waits for the answer: the network may not be there yet.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// What patchcord.js lets wait in the browser for each channel, in bytes.
const RELIABLE_BACKLOG_BYTES_MAX: usize = 8 * 1024 * 1024;
const UNRELIABLE_BACKLOG_BYTES_MAX: usize = 16 * 1024;

/// Any may be lost.
const BYES: u32 = 3;

/// The session's own channel.
const CONTROL: &str = "ctl";

pub struct Page {
    browser: Browser,
    state: State,
    /// Of a page that speaks it.
    session: Option<Session>,
}

enum State {
    /// Messages that came before all channels were open wait here.
    Opening {
        until: Instant,
        is_half_open: bool,
        early: Vec<(String, Data)>,
    },
    Open,
    Ended,
}

/// What a page tells its application, and this simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageEvent {
    /// The reliable channel is open, and another not yet.
    HalfOpen,
    Opened,
    Message(Channel, Data),
    /// The page knows the server's time anew.
    Beat,
    /// The server says that it ends this, and why.
    Over {
        why: u8,
        text: String,
    },
    /// The connection is over, or did not come to be.
    Ended,
}

impl Page {
    /// The page and the body of its offer.
    pub fn offer(now: Instant, address: SocketAddr, session: Option<Session>) -> (Page, String) {
        let plain = Channel::PLAIN.map(Channel::label);
        let all = [Channel::ALL.map(Channel::label).as_slice(), &[CONTROL]].concat();
        let (browser, sdp) = Browser::offer(now, address, if session.is_some() { &all } else { &plain });
        let (body, patience) = match &session {
            Some(session) => (session.body(&sdp), if session.token().is_some() { ANSWER_TIMEOUT } else { TIMEOUT }),
            None => (serde_json::json!({"type": "offer", "sdp": sdp}).to_string(), TIMEOUT),
        };
        let state = State::Opening { until: now + patience, is_half_open: false, early: Vec::new() };
        (Page { browser, state, session }, body)
    }

    pub fn accept(&mut self, now: Instant, answer: &Answer) -> Result<(), Fault> {
        match (&mut self.session, answer.session) {
            (Some(session), Some(answer)) => session.answered(now, answer)?,
            (None, None) => {}
            (asked, told) => {
                return Err(Fault(format!("session asked for: {}, and the answer says {told:?}", asked.is_some())));
            }
        }
        if let State::Opening { until, .. } = &mut self.state {
            *until = now + TIMEOUT;
        }
        self.browser.accept(now, answer);
        Ok(())
    }

    pub fn address(&self) -> SocketAddr {
        self.browser.address
    }

    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// What the page leaves to the next one.
    pub fn into_session(self) -> Option<Session> {
        self.session
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    pub fn wake_at(&self) -> Option<Instant> {
        let timeout = match self.state {
            State::Opening { until, .. } => Some(until),
            State::Open => self.session.as_ref().map(Session::wake_at),
            State::Ended => return None,
        };
        [timeout, self.browser.wake_at()].into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.browser.handle_timeout(now);
    }

    pub fn receive(&mut self, now: Instant, transmit: &Transmit) {
        // Also a part of a large message counts as hearing the server: a page sees it in `getStats()`.
        if let Some(session) = self.session.as_mut().filter(|_| is_dtls(&transmit.bytes)) {
            session.heard();
        }
        self.browser.receive(now, transmit);
    }

    /// Whether the page takes the message now. With a session it keeps a reliable one until the server has had it.
    pub fn send(&mut self, now: Instant, channel: Channel, data: &Data) -> bool {
        let is_open = self.is_open();
        let is_taken = match (&mut self.session, channel) {
            (Some(session), Channel::Reliable) => session.counts.keep(data),
            (Some(session), Channel::Latest) if is_open => {
                session.latest.put(data);
                true
            }
            (Some(_), Channel::Unreliable) if is_open => return self.send_now(now, channel, data),
            (None, Channel::Reliable | Channel::Unreliable) => return self.send_now(now, channel, data),
            _ => false,
        };
        self.flush(now);
        is_taken
    }

    fn send_now(&mut self, now: Instant, channel: Channel, data: &Data) -> bool {
        !matches!(self.state, State::Ended)
            && self.has_room(channel, data.bytes().len())
            && self.browser.send(now, channel.label(), data)
    }

    /// The page is hidden or shown.
    pub fn hide(&mut self, now: Instant, is_hidden: bool) {
        if let Some(session) = &mut self.session {
            session.hide(now, is_hidden);
            self.flush(now);
        }
    }

    /// `close()`: the page will not come back, and the server is told as far as one flight of datagrams can.
    pub fn close(&mut self, now: Instant) {
        if self.session.is_some() && self.is_open() {
            for _ in 0..BYES {
                self.browser.send(now, CONTROL, &Data::Binary(control::BYE.to_vec()));
            }
        }
        self.leave(now);
    }

    /// The page goes, and may come back: a reload.
    pub fn leave(&mut self, now: Instant) {
        self.state = State::Ended;
        self.browser.close(now);
    }

    /// What has happened since the last call. After `Ended` nothing follows.
    pub fn poll(&mut self, now: Instant) -> Result<Vec<PageEvent>, Fault> {
        let mut events = Vec::new();
        let received = std::mem::take(&mut self.browser.received);
        let is_open = self.has_all_channels();
        if let State::Opening { early, until, is_half_open } = &mut self.state {
            early.extend(received);
            if is_open {
                let early = std::mem::take(early);
                self.state = State::Open;
                if let Some(session) = &mut self.session {
                    session.opened(now);
                }
                events.push(PageEvent::Opened);
                self.hear_all(now, early, &mut events)?;
            } else if *until <= now || self.browser.is_closed {
                events.push(PageEvent::Ended);
            } else if !*is_half_open && self.session.is_none() && self.browser.has_open(Channel::Reliable.label()) {
                *is_half_open = true;
                events.push(PageEvent::HalfOpen);
            }
        } else if self.is_open() {
            self.hear_all(now, received, &mut events)?;
        }
        if self.is_open() {
            let is_lost = self.session.as_mut().is_some_and(|session| session.tick(now));
            if is_lost || self.browser.is_closed || !is_open {
                events.push(PageEvent::Ended);
            }
        }
        self.flush(now);
        if events.last() == Some(&PageEvent::Ended) {
            self.leave(now);
        }
        Ok(events)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = Transmit> {
        self.browser.drain()
    }

    fn hear_all(
        &mut self,
        now: Instant,
        received: Vec<(String, Data)>,
        events: &mut Vec<PageEvent>,
    ) -> Result<(), Fault> {
        for (label, data) in received {
            let Some(session) = &mut self.session else {
                events.push(PageEvent::Message(channel_of(&label), data));
                continue;
            };
            if label == CONTROL {
                match session.control(now, data.bytes()) {
                    Heard::Beat => events.push(PageEvent::Beat),
                    Heard::Over { why, text } => {
                        events.extend([PageEvent::Over { why, text }, PageEvent::Ended]);
                        return Ok(());
                    }
                    Heard::Token | Heard::Nothing => {}
                }
                continue;
            }
            let channel = channel_of(&label);
            let data = match channel {
                Channel::Latest => session
                    .latest
                    .receive(&data)
                    .map_err(|()| Fault(format!("{} bytes on lt that are no message of lt", data.bytes().len())))?,
                Channel::Reliable | Channel::Unreliable => Some(data),
            };
            let Some(data) = data else { continue };
            if channel == Channel::Reliable {
                session.received(&data);
            }
            events.push(PageEvent::Message(channel, data));
        }
        Ok(())
    }

    /// Gives the browser what waits and can go.
    fn flush(&mut self, now: Instant) {
        if !self.is_open() {
            return;
        }
        while self.has_room(Channel::Reliable, 0)
            && let Some(data) = self.session.as_mut().and_then(|session| session.counts.next())
        {
            self.browser.send(now, Channel::Reliable.label(), &data);
        }
        if self.has_room(Channel::Latest, 0)
            && let Some(framed) = self.session.as_mut().and_then(|session| session.latest.take())
        {
            self.browser.send(now, Channel::Latest.label(), &framed);
        }
        for words in self.session.as_mut().map(Session::take_to_say).unwrap_or_default() {
            self.browser.send(now, CONTROL, &Data::Binary(words));
        }
    }

    /// Whether so many bytes may wait in the browser beside what does; one message may always.
    fn has_room(&mut self, channel: Channel, bytes: usize) -> bool {
        let most = match channel {
            Channel::Reliable => RELIABLE_BACKLOG_BYTES_MAX,
            Channel::Unreliable | Channel::Latest => UNRELIABLE_BACKLOG_BYTES_MAX,
        };
        let id = self.browser.channel(channel.label());
        let waiting = id.and_then(|id| Some(self.browser.rtc.channel(id)?.buffered_amount()));
        waiting.is_some_and(|waiting| waiting == 0 || waiting + bytes <= most)
    }

    /// Whether all that it said on `ctl` has left and was acknowledged or given up. A browser that is in the middle of a long
    /// message can have nothing else leave.
    pub fn has_said_all(&mut self) -> bool {
        let id = self.browser.channel(CONTROL);
        let waiting = id.and_then(|id| Some(self.browser.rtc.channel(id)?.buffered_amount()));
        waiting == Some(0)
    }

    fn has_all_channels(&self) -> bool {
        let with_session = self.session.is_none() || (self.browser.has_open("lt") && self.browser.has_open(CONTROL));
        self.browser.is_open() && with_session
    }
}

/// RFC 7983, section 7.
fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (20..=63).contains(first))
}

fn channel_of(label: &str) -> Channel {
    let known = Channel::ALL.into_iter().find(|channel| channel.label() == label);
    known.expect("the page opens no other channel")
}
