use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Duration;

use super::browser::Browser;
use super::input::Input;
use super::lan::Lan;
use crate::{Channel, Data, Limits, PeerId, Reason, Refusal, SendOutcome};

/// Steps of one input.
const STEPS_MAX: usize = 60;

/// Devices of one input.
const DEVICES: u16 = 4;

/// Reliable messages from the server and from a page that one input may send.
const MESSAGES_MAX: u32 = 200;

/// Pages with sessions that say what they like on `ctl` and `lt`, come back with tokens of their own, of others and of nobody,
/// and vanish at any time. Beside what `Lan` holds to: an honest owner is never pushed out, everyone is away or gone at the
/// end, and a page that counts truly gets every reliable message once and in order.
///
/// An input is a row of steps: the lower half of a byte is what happens, the upper one whom it happens to.
pub fn sessions(bytes: &[u8]) {
    thread_local! {
        static KEPT: RefCell<Option<Lan>> = const { RefCell::new(None) };
    }
    KEPT.with_borrow_mut(|kept| {
        let lan = kept.take().unwrap_or_else(|| Lan::new(Limits::default()));
        let mut run = Run { lan, honest: None, tokens: Vec::new(), sent: 0, said: 0, had: Vec::new() };
        run.admit_honest();
        let mut input = Input::new(bytes);
        for _ in 0..STEPS_MAX {
            if input.is_empty() {
                break;
            }
            run.step(&mut input);
        }
        *kept = Some(run.end());
    });
}

struct Run {
    lan: Lan,
    /// The peer whose page keeps to the protocol, at device 0.
    honest: Option<PeerId>,
    /// Every token that any page was given.
    tokens: Vec<String>,
    /// Numbers of the next messages, to the honest page and from it.
    sent: u32,
    said: u32,
    /// What the honest page has had on `ro`.
    had: Vec<u32>,
}

fn device(who: u16) -> SocketAddr {
    ([192, 0, 2, 20 + who as u8], 41_000 + who).into()
}

impl Run {
    fn admit_honest(&mut self) {
        let resumed = self.lan.add_session(device(0), "", 0).expect("there is room");
        assert!(!resumed);
        self.honest = self.lan.endpoint.all_peers().last();
        self.live(Duration::from_secs(1));
        assert_eq!(
            self.honest.and_then(|peer| self.lan.peers.get(&peer)),
            Some(&true),
            "an honest page does not get in"
        );
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let step = input.u8();
        let who = u16::from(step >> 4) % DEVICES;
        match step & 0xf {
            0 => self.live(Duration::from_millis(u64::from(input.u8()))),
            1 => self.live(Duration::from_millis(u64::from(input.u8()) * 50)),
            2 => self.join(1 + who % (DEVICES - 1), "", 0),
            3 => {
                let token = self.tokens.get(input.below(8)).cloned().unwrap_or_default();
                let received = input.u8();
                self.join(1 + who % (DEVICES - 1), &token, received.into());
            }
            4 => {
                let token = String::from_utf8_lossy(input.counted()).into_owned();
                self.join(1 + who % (DEVICES - 1), &token, u32::MAX);
            }
            5 => self.speak(who, "ctl", input.counted()),
            6 => self.speak(who, "lt", input.counted()),
            7 => self.speak(who, "uu", input.counted()),
            8 => self.send(Channel::Reliable),
            9 => self.send(Channel::Latest),
            10 => self.honest_says(),
            11 => self.vanish_and_return(),
            12 => {
                if let Some(browser) = self.lan.browsers.iter_mut().find(|browser| browser.address == device(who)) {
                    // The honest one says when it goes.
                    browser.is_dead = who != 0;
                }
            }
            13 => self.kick(who, input.counted()),
            _ => self.lan.to_lose = input.below(4),
        }
    }

    /// Time passes, and the honest page answers.
    fn live(&mut self, time: Duration) {
        let end = self.lan.now + time;
        while self.lan.now < end {
            let step = Duration::from_millis(20).min(end - self.lan.now);
            self.lan.pass(step);
            self.hear();
        }
    }

    fn hear(&mut self) {
        for browser in &mut self.lan.browsers {
            let control = std::mem::take(&mut browser.control);
            let received = std::mem::take(&mut browser.received);
            let token = control.iter().rev().find(|message| message.first() == Some(&2));
            let token = token.map(|message| String::from_utf8(message[3..].to_vec()).expect("tokens are text"));
            let generation = control.iter().rev().find(|message| message.first() == Some(&2)).map(|message| message[1]);
            self.tokens.extend(token);
            if browser.address != device(0) || self.honest.is_none() {
                continue;
            }
            for (channel, data) in received {
                if channel == Channel::Reliable {
                    let number = data.bytes().try_into().expect("a number");
                    self.had.push(u32::from_le_bytes(number));
                }
            }
            let in_order: Vec<u32> = (0..self.had.len() as u32).collect();
            assert_eq!(self.had, in_order, "lost, doubled or out of order");
            for beat in control.iter().filter(|message| message.first() == Some(&1)) {
                let had = (self.had.len() as u32).to_le_bytes();
                let echo = [&[0x81][..], &beat[1..5], &had, &[generation.unwrap_or(0), 0]].concat();
                browser.send_on(self.lan.now, "ctl", &Data::Binary(echo));
            }
        }
        self.lan.settle();
    }

    fn join(&mut self, who: u16, token: &str, received: u32) {
        let of_honest = self.honest.is_some_and(|peer| token.split('-').next() == Some(&peer.number().to_string()));
        if of_honest {
            // Who has not been heard for a second may be taken for gone.
            self.lan.to_lose = 0;
            self.live(Duration::from_millis(400));
        }
        match self.lan.add_session(device(who), token, received) {
            Ok(resumed) => assert!(!(resumed && of_honest && self.is_present()), "a thief takes an owner's place"),
            Err(Refusal::StillHere | Refusal::Full | Refusal::TooManyFromAddress) => {}
            Err(other) => panic!("{other:?} for an honest offer"),
        }
        self.live(Duration::from_millis(40));
    }

    /// The honest page is there, and has just been heard.
    fn is_present(&self) -> bool {
        let is_alive = self.lan.browsers.iter().any(|browser| browser.address == device(0) && browser.is_alive());
        is_alive && self.honest.is_some_and(|peer| !self.lan.away.contains(&peer))
    }

    fn speak(&mut self, who: u16, label: &str, bytes: &[u8]) {
        let now = self.lan.now;
        // The honest page keeps to the protocol, on `ctl` and on `lt`.
        let who = if label == "uu" { who } else { 1 + who % (DEVICES - 1) };
        if let Some(browser) = self.lan.browsers.iter_mut().find(|browser| browser.address == device(who)) {
            browser.send_on(now, label, &Data::Binary(bytes.to_vec()));
        }
        self.lan.settle();
    }

    fn send(&mut self, channel: Channel) {
        let Some(peer) = self.honest.filter(|_| self.sent < MESSAGES_MAX) else { return };
        let outcome = self.lan.endpoint.send(self.lan.now, peer, channel, &self.sent.to_le_bytes());
        assert_eq!(outcome, SendOutcome::Sent, "the budget is not used up");
        self.sent += u32::from(channel == Channel::Reliable);
        self.lan.settle();
    }

    fn honest_says(&mut self) {
        let now = self.lan.now;
        let said = Data::Binary(self.said.to_le_bytes().to_vec());
        let browser = self.lan.browsers.iter_mut().find(|browser| browser.address == device(0));
        if browser.is_some_and(|browser| browser.send(now, Channel::Reliable, &said)) {
            self.said += 1;
        }
        self.lan.settle();
    }

    /// The honest page is gone without a word, and comes back with its token before the grace time is over.
    fn vanish_and_return(&mut self) {
        let Some(peer) = self.honest else { return };
        self.lan.to_lose = 0;
        // What it says last is heard, so that nothing of it must be said again.
        self.live(Duration::from_millis(1500));
        let prefix = format!("{}-", peer.number());
        let token = self.tokens.iter().rev().find(|token| token.starts_with(&prefix)).cloned();
        let token = token.expect("the server gives a token");
        // It has this one, and mostly no time to say so; the other reaches nobody.
        self.send(Channel::Reliable);
        self.live(Duration::from_millis(5));
        self.lan.browser_at(device(0)).is_dead = true;
        self.send(Channel::Reliable);
        self.lan.pass(Duration::from_secs(3));
        assert!(self.lan.away.contains(&peer), "an honest page vanishes, and nobody notices");
        let resumed = self.lan.add_session(device(0), &token, self.had.len() as u32);
        assert_eq!(resumed, Ok(true), "an honest page is not let back in");
        self.live(Duration::from_secs(1));
        assert!(!self.lan.away.contains(&peer), "an honest page does not come back");
        assert_eq!(self.had.len() as u32, self.sent, "what was sent did not arrive");
    }

    fn kick(&mut self, who: u16, words: &[u8]) {
        let all: Vec<PeerId> = self.lan.endpoint.all_peers().filter(|peer| Some(*peer) != self.honest).collect();
        if let Some(peer) = all.get(usize::from(who)) {
            self.lan.endpoint.kick(self.lan.now, *peer, &String::from_utf8_lossy(words));
        }
        self.lan.settle();
    }

    /// The honest page has had everything, and then everyone goes.
    fn end(mut self) -> Lan {
        self.lan.to_lose = 0;
        self.live(Duration::from_secs(3));
        assert_eq!(self.had.len() as u32, self.sent, "what was sent did not arrive");
        let honest = self.honest.expect("it was let in");
        let heard = self.lan.events.iter().filter(
            |event| matches!(event, crate::Event::Message { peer, channel: Channel::Reliable, .. } if *peer == honest),
        );
        assert_eq!(heard.count() as u32, self.said, "what the page said did not arrive once each");
        for peer in self.lan.endpoint.all_peers().collect::<Vec<_>>() {
            self.lan.endpoint.disconnect(self.lan.now, peer, Reason::ShutDown);
            self.lan.settle();
        }
        self.lan.browsers.iter_mut().for_each(Browser::kill);
        // The farewells of those that were kicked, and the offers that never opened.
        self.lan.pass(Duration::from_secs(11));
        assert_eq!((self.lan.peers.len(), self.lan.away.len()), (0, 0));
        assert_eq!(self.lan.endpoint.poll_timeout(), None);
        self.lan.browsers.clear();
        self.lan.overheard.clear();
        self.lan.events.clear();
        self.lan
    }
}
