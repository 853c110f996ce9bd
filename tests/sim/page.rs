//! A page: what patchcord.js does with one `RTCPeerConnection`, from its offer to its end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use patchcord::{Answer, Channel, Data, Transmit};

use crate::browser::Browser;

/// How long `connect()` waits by default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What patchcord.js lets wait in the browser for each channel, in bytes.
const RELIABLE_BACKLOG_BYTES_MAX: usize = 8 * 1024 * 1024;
const UNRELIABLE_BACKLOG_BYTES_MAX: usize = 16 * 1024;

pub struct Page {
    browser: Browser,
    state: State,
}

enum State {
    /// Messages of one channel that came before the other was open wait here.
    Opening {
        until: Instant,
        is_half_open: bool,
        early: Vec<(Channel, Data)>,
    },
    Open,
    Ended,
}

/// What a page tells its application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageEvent {
    /// The reliable channel is open, and the other not yet.
    HalfOpen,
    Opened,
    Message(Channel, Data),
    /// The connection is over, or did not come to be.
    Ended,
}

impl Page {
    /// The page and the SDP of its offer.
    pub fn offer(now: Instant, address: SocketAddr) -> (Page, String) {
        let (browser, offer) = Browser::offer(now, address, &Channel::PLAIN.map(Channel::label));
        (
            Page { browser, state: State::Opening { until: now + TIMEOUT, is_half_open: false, early: Vec::new() } },
            offer,
        )
    }

    pub fn accept(&mut self, now: Instant, answer: &Answer) {
        self.browser.accept(now, answer);
    }

    pub fn address(&self) -> SocketAddr {
        self.browser.address
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    pub fn wake_at(&self) -> Option<Instant> {
        let timeout = match self.state {
            State::Opening { until, .. } => Some(until),
            State::Open => None,
            State::Ended => return None,
        };
        [timeout, self.browser.wake_at()].into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.browser.handle_timeout(now);
    }

    pub fn receive(&mut self, now: Instant, transmit: &Transmit) {
        self.browser.receive(now, transmit);
    }

    /// Whether the page may hand it to the browser now.
    pub fn send(&mut self, now: Instant, channel: Channel, data: &Data) -> bool {
        let most = match channel {
            Channel::Reliable => RELIABLE_BACKLOG_BYTES_MAX,
            Channel::Unreliable | Channel::Latest => UNRELIABLE_BACKLOG_BYTES_MAX,
        };
        let id = self.browser.channel(channel.label());
        let waiting = id.and_then(|id| Some(self.browser.rtc.channel(id)?.buffered_amount()));
        !matches!(self.state, State::Ended)
            && waiting.is_some_and(|bytes| bytes == 0 || bytes + data.bytes().len() <= most)
            && self.browser.send(now, channel.label(), data)
    }

    /// `close()`: the server is told, as far as one flight of datagrams can.
    pub fn close(&mut self, now: Instant) {
        self.state = State::Ended;
        self.browser.close(now);
    }

    /// What has happened since the last call. After `Ended` nothing follows.
    pub fn poll(&mut self, now: Instant) -> Vec<PageEvent> {
        let mut events = Vec::new();
        let received = std::mem::take(&mut self.browser.received);
        let messages = received.into_iter().map(|(label, data)| (channel_of(&label), data));
        if let State::Opening { early, until, is_half_open } = &mut self.state {
            early.extend(messages);
            if self.browser.is_open() {
                events.push(PageEvent::Opened);
                events
                    .extend(std::mem::take(early).into_iter().map(|(channel, data)| PageEvent::Message(channel, data)));
                self.state = State::Open;
            } else if *until <= now || self.browser.is_closed {
                events.push(PageEvent::Ended);
            } else if !*is_half_open && self.browser.has_open(Channel::Reliable.label()) {
                *is_half_open = true;
                events.push(PageEvent::HalfOpen);
            }
        } else if self.is_open() {
            events.extend(messages.map(|(channel, data)| PageEvent::Message(channel, data)));
        }
        if self.is_open() && (self.browser.is_closed || !self.browser.is_open()) {
            events.push(PageEvent::Ended);
        }
        if events.last() == Some(&PageEvent::Ended) {
            self.close(now);
        }
        events
    }

    pub fn drain(&mut self) -> impl Iterator<Item = Transmit> {
        self.browser.drain()
    }
}

fn channel_of(label: &str) -> Channel {
    let known = Channel::PLAIN.into_iter().find(|channel| channel.label() == label);
    known.expect("the page opens no other channel")
}
