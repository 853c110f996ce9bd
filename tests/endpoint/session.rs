//! Sessions: the heartbeat, going away and coming back, and the latest channel.

use std::net::SocketAddr;
use std::time::Duration;

use patchcord::{Channel, Data, Event, Limits, PeerId, Reason, Refusal, SendOutcome, SessionAnswer};
use serde_json::json;

use crate::browser::Browser;
use crate::lan::{BrowserId, Lan};

const SECOND: Duration = Duration::from_secs(1);
const ALL: [&str; 4] = ["ro", "uu", "lt", "ctl"];

/// What a page with a session keeps.
struct Page {
    browser: BrowserId,
    token: Option<String>,
    generation: u8,
    /// Beats: number, microseconds, round trip.
    beats: Vec<(u32, u64, u32)>,
    /// The server's count of what this page said on `ro`.
    acknowledged: u32,
    /// Why and the words.
    over: Option<(u8, String)>,
    received: Vec<(String, Data)>,
    hidden: bool,
}

impl Page {
    fn post(lan: &mut Lan, octet: u8, resume: &str, received: u32) -> Result<(Page, SessionAnswer), Refusal> {
        let address = SocketAddr::new([192, 0, 2, octet].into(), 41_000 + lan.browsers.len() as u16);
        let (browser, session) = lan.post(address, &ALL, &json!({"resume": resume, "received": received}))?;
        let page = Page {
            browser,
            token: None,
            generation: 0,
            beats: Vec::new(),
            acknowledged: 0,
            over: None,
            received: Vec::new(),
            hidden: false,
        };
        Ok((page, session.expect("who asks for a session hears of it")))
    }

    fn join(lan: &mut Lan) -> (Page, PeerId) {
        let (mut page, answer) = Page::post(lan, 10, "", 0).unwrap();
        assert_eq!(answer, SessionAnswer { resumed: false, received: 0 });
        page.live(lan, SECOND);
        let joined = lan.events.iter().rev().find_map(|event| match event {
            Event::Joined { peer, .. } => Some(*peer),
            _ => None,
        });
        (page, joined.expect("the page is in"))
    }

    fn browser<'a>(&self, lan: &'a mut Lan) -> &'a mut Browser {
        lan.browser(self.browser)
    }

    /// Lets time pass and answers Beats.
    fn live(&mut self, lan: &mut Lan, time: Duration) {
        let end = lan.now + time;
        while lan.now < end {
            lan.step(end);
            for (label, data) in std::mem::take(&mut self.browser(lan).received) {
                if label == "ctl" {
                    self.hear(lan, data.bytes());
                } else {
                    self.received.push((label, data));
                }
            }
        }
    }

    fn hear(&mut self, lan: &mut Lan, message: &[u8]) {
        let number = |at: usize| u32::from_le_bytes(message[at..at + 4].try_into().unwrap());
        match message[0] {
            1 => {
                assert_eq!(message.len(), 21);
                let time = u64::from_le_bytes(message[5..13].try_into().unwrap());
                self.beats.push((number(1), time, number(13)));
                self.acknowledged = number(17);
                self.echo(lan);
            }
            2 => {
                self.generation = message[1];
                self.token = Some(String::from_utf8(message[3..].to_vec()).unwrap());
                assert_eq!(message[2] as usize, message.len() - 3);
            }
            3 => self.over = Some((message[1], String::from_utf8(message[3..].to_vec()).unwrap())),
            other => panic!("{other} is no kind"),
        }
    }

    fn echo(&mut self, lan: &mut Lan) {
        let seq = self.beats.last().map_or(0, |(seq, ..)| *seq);
        let received = self.received.iter().filter(|(label, _)| label == "ro").count() as u32;
        let echo = [&[0x81][..], &seq.to_le_bytes(), &received.to_le_bytes(), &[self.generation, self.hidden.into()]];
        let now = lan.now;
        if self.browser(lan).has_open("ctl") {
            self.browser(lan).send(now, "ctl", &Data::Binary(echo.concat()));
            lan.collect();
        }
    }

    fn say(&self, lan: &mut Lan, label: &str, data: &Data) {
        let now = lan.now;
        assert!(self.browser(lan).send(now, label, data));
        lan.collect();
    }

    fn reliable(&self) -> Vec<Data> {
        self.received.iter().filter(|(label, _)| label == "ro").map(|(_, data)| data.clone()).collect()
    }
}

fn text(text: &str) -> Data {
    Data::Text(text.into())
}

fn send(lan: &mut Lan, peer: PeerId, channel: Channel, data: &Data) -> SendOutcome {
    let outcome = lan.endpoint.send(lan.now, peer, channel, data);
    lan.collect();
    outcome
}

#[test]
fn beats_bring_the_time_the_round_trip_and_a_token() {
    let mut lan = Lan::new();
    lan.delay = Duration::from_millis(5);
    let start = lan.now;
    let (mut page, _) = Page::join(&mut lan);
    assert!(page.token.is_some());
    page.live(&mut lan, 10 * SECOND);
    let (seq, time, round_trip) = *page.beats.last().unwrap();
    assert_eq!(round_trip, 10_000, "there and back");
    assert!(time <= (lan.now - start).as_micros() as u64 && time > 9_000_000);
    assert!((10..20).contains(&seq), "{seq} Beats in 11 s");
    let numbers: Vec<u32> = page.beats.iter().map(|(seq, ..)| *seq).collect();
    assert_eq!(numbers, (0..=seq).collect::<Vec<u32>>());
}

#[test]
fn a_page_that_talks_is_asked_less_often_but_not_while_something_reliable_is_to_be_confirmed() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    let beats_while_talking = |lan: &mut Lan, page: &mut Page, word_of_page: &str| {
        let before = page.beats.len();
        for _ in 0..150 {
            assert_eq!(send(lan, peer, Channel::Unreliable, &text("here")), SendOutcome::Sent);
            page.say(lan, word_of_page, &text("there"));
            page.live(lan, SECOND / 10);
        }
        page.beats.len() - before
    };
    assert_eq!(beats_while_talking(&mut lan, &mut page, "uu"), 5, "in 15 s");
    let beats = beats_while_talking(&mut lan, &mut page, "ro");
    assert!(beats >= 14, "{beats}: it wants to hear what has arrived");
    page.live(&mut lan, SECOND);
    assert_eq!(page.acknowledged, 150);

    // Its Echoes say that it has not had this.
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &text("one")), SendOutcome::Sent);
    page.live(&mut lan, SECOND / 20);
    let had = std::mem::take(&mut page.received);
    assert_eq!(had.last(), Some(&("ro".to_owned(), text("one"))));
    let beats = beats_while_talking(&mut lan, &mut page, "uu");
    assert!(beats >= 14, "{beats}: we want to hear what has arrived");
}

#[test]
fn a_beat_leaves_in_the_datagram_of_a_message() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    for channel in [Channel::Unreliable, Channel::Latest] {
        let before = page.beats.len();
        let mut apart = 0;
        // The first Beat may still come by itself.
        for _ in 0..91 {
            let heard = page.beats.len();
            let on_the_way = lan.hold_back(|_| true);
            assert_eq!(send(&mut lan, peer, channel, &text("here")), SendOutcome::Sent);
            let sent = lan.hold_back(|_| true);
            assert_eq!(sent.len(), 1, "whatever is in it");
            lan.put_in_flight(on_the_way.into_iter().chain(sent));
            page.say(&mut lan, "uu", &text("there"));
            page.live(&mut lan, SECOND / 1000);
            let rode = page.beats.len() - heard;
            page.live(&mut lan, SECOND / 10);
            apart += page.beats.len() - heard - rode;
        }
        assert!(apart <= 1 && page.beats.len() - before >= 3, "{apart} of {} apart", page.beats.len() - before);
    }
}

#[test]
fn who_vanishes_is_away_within_two_seconds_and_gone_after_the_grace_time() {
    for (hidden, within) in [(false, 2), (true, 5)] {
        let mut lan = Lan::new();
        let (mut page, peer) = Page::join(&mut lan);
        page.hidden = hidden;
        page.live(&mut lan, 20 * SECOND);
        page.browser(&mut lan).is_dead = true;
        let died = lan.now;
        assert!(lan.run_until(10 * SECOND, |lan| lan.events.contains(&Event::Away { peer })));
        assert!(lan.now - died <= within * SECOND, "{:?}", lan.now - died);
        assert!(lan.now - died >= (within - 2) * SECOND);
        let away = lan.now;
        let left = Event::Left { peer, reason: Reason::TimedOut };
        assert!(lan.run_until(40 * SECOND, |lan| lan.events.contains(&left)));
        assert_eq!(lan.now - away, 30 * SECOND);
        assert_eq!(lan.endpoint.poll_timeout(), None);
        assert!(lan.endpoint.all_peers().next().is_none());
    }
}

#[test]
fn a_hidden_page_that_comes_back_is_taken_for_hidden_until_it_says_otherwise() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    page.hidden = true;
    page.live(&mut lan, 5 * SECOND);
    page.browser(&mut lan).is_dead = true;
    assert!(lan.run_until(10 * SECOND, |lan| lan.events.contains(&Event::Away { peer })));
    let (back, _) = Page::post(&mut lan, 10, &page.token.unwrap(), 0).unwrap();
    assert!(
        lan.run_until(5 * SECOND, |lan| lan.events.contains(&Event::Back { peer, address: [192, 0, 2, 10].into() }))
    );
    // Before its first Echo.
    back.browser(&mut lan).is_dead = true;
    let (silent_from, heard) = (lan.now, lan.events.len());
    assert!(lan.run_until(10 * SECOND, |lan| lan.events[heard..].contains(&Event::Away { peer })));
    assert!(lan.now - silent_from > 4 * SECOND, "{:?}", lan.now - silent_from);
}

#[test]
fn without_a_grace_time_who_vanishes_is_gone_within_two_seconds() {
    let mut lan = Lan::with(Limits { grace: Duration::ZERO, ..Limits::default() });
    let (mut page, peer) = Page::join(&mut lan);
    page.live(&mut lan, 5 * SECOND);
    page.browser(&mut lan).is_dead = true;
    lan.run(2 * SECOND);
    assert_eq!(lan.events.last(), Some(&Event::Left { peer, reason: Reason::TimedOut }));
}

#[test]
fn nothing_reliable_is_lost_or_doubled_by_a_gap() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    for i in 0..10 {
        let _ = send(&mut lan, peer, Channel::Reliable, &text(&format!("before {i}")));
        page.say(&mut lan, "ro", &text(&format!("page {i}")));
    }
    page.live(&mut lan, SECOND);
    assert_eq!(page.reliable().len(), 10);
    assert_eq!(page.acknowledged, 10);
    let token = page.token.clone().unwrap();

    // From here on nothing reaches the page, and nothing that it says reaches us.
    page.browser(&mut lan).is_dead = true;
    let _ = send(&mut lan, peer, Channel::Reliable, &text("while it vanished"));
    lan.run(3 * SECOND);
    assert_eq!(lan.events.last(), Some(&Event::Away { peer }));
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &text("while it was away")), SendOutcome::Sent);
    assert_eq!(send(&mut lan, peer, Channel::Unreliable, &text("stale")), SendOutcome::Dropped);
    assert_eq!(send(&mut lan, peer, Channel::Latest, &text("old")), SendOutcome::Sent);
    assert_eq!(send(&mut lan, peer, Channel::Latest, &text("new")), SendOutcome::Sent);
    assert!(lan.endpoint.peers().eq([peer]));

    let (mut back, answer) = Page::post(&mut lan, 77, &token, 10).unwrap();
    assert_eq!(answer, SessionAnswer { resumed: true, received: 10 });
    back.live(&mut lan, SECOND);
    assert!(lan.events.contains(&Event::Back { peer, address: [192, 0, 2, 77].into() }));
    assert_eq!(back.reliable(), [text("while it vanished"), text("while it was away")]);
    let latest: Vec<&Data> = back.received.iter().filter(|(label, _)| label == "lt").map(|(_, data)| data).collect();
    assert_eq!(latest, [&Data::Binary(b"\0\0\0\0\0new".to_vec())]);

    back.say(&mut lan, "ro", &text("page 10"));
    let _ = send(&mut lan, peer, Channel::Reliable, &text("after"));
    back.live(&mut lan, SECOND);
    assert_eq!(back.reliable().last(), Some(&text("after")));
    let heard: Vec<Data> = lan.messages_from(peer).into_iter().map(|(_, data)| data).collect();
    assert_eq!(heard, (0..=10).map(|i| text(&format!("page {i}"))).collect::<Vec<_>>());
    assert_ne!(back.token.unwrap(), token);
}

#[test]
fn a_page_that_says_what_it_has_not_had_gets_it_again() {
    let mut lan = Lan::new();
    let (page, peer) = Page::join(&mut lan);
    page.browser(&mut lan).is_dead = true;
    for i in 0..3 {
        let _ = send(&mut lan, peer, Channel::Reliable, &text(&format!("{i}")));
    }
    lan.run(3 * SECOND);
    let token = page.token.unwrap();
    // It has had one of them, and the server could not know.
    let (mut back, _) = Page::post(&mut lan, 10, &token, 1).unwrap();
    back.live(&mut lan, SECOND);
    assert_eq!(back.reliable(), [text("1"), text("2")]);
}

#[test]
fn a_wrong_a_used_or_a_stolen_token_changes_nothing_for_its_owner() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    page.live(&mut lan, 2 * SECOND);
    let token = page.token.clone().unwrap();

    assert_eq!(Page::post(&mut lan, 66, &token, 0).map(|_| ()), Err(Refusal::StillHere));
    let wrong = ["1-", "1-AAAA", "2-x", "nonsense", "-", &token[..token.len() - 1]];
    for resume in wrong {
        let (_, answer) = Page::post(&mut lan, 66, resume, 0).unwrap();
        assert_eq!(answer, SessionAnswer { resumed: false, received: 0 }, "{resume}");
    }
    page.live(&mut lan, 12 * SECOND);
    assert!(!lan.events.contains(&Event::Away { peer }));

    page.browser(&mut lan).is_dead = true;
    lan.run(3 * SECOND);
    // More than it was sent.
    assert!(!Page::post(&mut lan, 66, &token, 7).unwrap().1.resumed);
    let (mut back, answer) = Page::post(&mut lan, 10, &token, 0).unwrap();
    assert!(answer.resumed);
    back.live(&mut lan, 2 * SECOND);
    back.browser(&mut lan).is_dead = true;
    lan.run(3 * SECOND);
    assert!(!Page::post(&mut lan, 66, &token, 0).unwrap().1.resumed, "a token is good once");
    assert!(Page::post(&mut lan, 10, &back.token.unwrap(), 0).unwrap().1.resumed);
}

#[test]
fn of_two_that_come_with_one_token_the_first_to_open_is_the_peer() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    page.live(&mut lan, 2 * SECOND);
    page.browser(&mut lan).is_dead = true;
    lan.run(3 * SECOND);
    let token = page.token.unwrap();
    let (dead, answer) = Page::post(&mut lan, 66, &token, 0).unwrap();
    dead.browser(&mut lan).is_dead = true;
    assert!(answer.resumed);
    let (mut one, answer) = Page::post(&mut lan, 10, &token, 0).unwrap();
    assert!(answer.resumed, "the answer to the first may have been lost");
    let (two, _) = Page::post(&mut lan, 11, &token, 0).unwrap();
    one.live(&mut lan, 2 * SECOND);
    let back = lan.events.iter().filter(|event| matches!(event, Event::Back { .. })).count();
    assert_eq!(back, 1);
    assert!(two.browser(&mut lan).is_closed);
    one.live(&mut lan, 20 * SECOND);
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &text("still there")), SendOutcome::Sent);
    one.live(&mut lan, SECOND);
    assert_eq!(one.reliable(), [text("still there")]);
}

#[test]
fn a_page_that_says_goodbye_is_gone_at_once_and_one_that_closes_is_away() {
    let mut lan = Lan::new();
    let (page, peer) = Page::join(&mut lan);
    page.say(&mut lan, "ctl", &Data::Binary(vec![0x82]));
    lan.run(SECOND);
    assert_eq!(lan.events.last(), Some(&Event::Left { peer, reason: Reason::Closed }));

    let mut lan = Lan::new();
    let (page, peer) = Page::join(&mut lan);
    let now = lan.now;
    page.browser(&mut lan).close(now);
    lan.run(SECOND);
    assert_eq!(lan.events.last(), Some(&Event::Away { peer }));
}

#[test]
fn a_page_hears_why_it_was_kicked() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    page.live(&mut lan, SECOND);
    lan.endpoint.kick(lan.now, peer, "too loud");
    // The first words are lost.
    lan.loss = 1.0;
    lan.collect();
    lan.loss = 0.0;
    assert_eq!(lan.events.last(), Some(&Event::Left { peer, reason: Reason::Kicked }));
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &text("gone")), SendOutcome::Gone);
    page.live(&mut lan, 3 * SECOND);
    assert_eq!(page.over, Some((0, "too loud".into())));
    assert_eq!(lan.endpoint.poll_timeout(), None, "the farewell is over");

    let (mut page, peer) = Page::join(&mut lan);
    lan.endpoint.disconnect(lan.now, peer, Reason::ShutDown);
    page.live(&mut lan, SECOND);
    assert_eq!(page.over, Some((1, String::new())));
}

#[test]
fn who_takes_nothing_for_ten_seconds_is_too_slow() {
    let mut lan = Lan::new();
    let (mut page, peer) = Page::join(&mut lan);
    let (_, other) = lan.join();
    // Its stack takes what comes, and its page is stuck: nothing is acknowledged.
    let large = Data::Binary(vec![7; 128 * 1024]);
    while send(&mut lan, peer, Channel::Reliable, &large) == SendOutcome::Sent {
        lan.run(Duration::from_millis(100));
    }
    let full_at = lan.now;
    let left = Event::Left { peer, reason: Reason::SlowConsumer };
    while lan.now - full_at < 12 * SECOND && !lan.events.contains(&left) {
        lan.run(Duration::from_millis(500));
        let received = std::mem::take(&mut page.browser(&mut lan).received);
        page.received.extend(received.into_iter().filter(|(label, _)| label == "ctl"));
        let beats = page.received.len() as u32;
        let echo = [&[0x81][..], &beats.to_le_bytes(), &[0; 6]].concat();
        page.say(&mut lan, "ctl", &Data::Binary(echo));
    }
    assert!(lan.events.contains(&left));
    assert!((10 * SECOND..11 * SECOND).contains(&(lan.now - full_at)), "{:?}", lan.now - full_at);
    page.live(&mut lan, SECOND);
    assert_eq!(page.over, Some((2, String::new())));
    assert_eq!(send(&mut lan, other, Channel::Reliable, &text("the others go on")), SendOutcome::Sent);
}

#[test]
fn a_plain_page_that_takes_nothing_is_too_slow_as_well() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    lan.browser(id).is_dead = true;
    let large = Data::Binary(vec![7; 128 * 1024]);
    while send(&mut lan, peer, Channel::Reliable, &large) == SendOutcome::Sent {}
    lan.run(11 * SECOND);
    assert_eq!(lan.events.last(), Some(&Event::Left { peer, reason: Reason::SlowConsumer }));
    assert_eq!(lan.endpoint.poll_timeout(), None);
}

#[test]
fn the_away_give_their_places_to_newcomers() {
    let mut lan = Lan::with(Limits { peers_max: 2, ..Limits::default() });
    let (mut page, peer) = Page::join(&mut lan);
    page.live(&mut lan, SECOND);
    let (_, plain) = lan.join();
    assert_eq!(lan.add(&["ro", "uu"]), Err(Refusal::Full));
    page.browser(&mut lan).is_dead = true;
    lan.run(3 * SECOND);
    assert_eq!(lan.events.last(), Some(&Event::Away { peer }));
    let newcomer = lan.add(&["ro", "uu"]);
    assert!(newcomer.is_ok(), "{newcomer:?}");
    lan.run(SECOND);
    assert!(lan.events.contains(&Event::Left { peer, reason: Reason::TimedOut }));
    assert_eq!(send(&mut lan, plain, Channel::Reliable, &text("who is here stays")), SendOutcome::Sent);
}

#[test]
fn who_comes_back_needs_no_second_place() {
    let mut lan = Lan::with(Limits { peers_max: 1, ..Limits::default() });
    let (mut page, peer) = Page::join(&mut lan);
    page.live(&mut lan, SECOND);
    for _ in 0..5 {
        page.browser(&mut lan).is_dead = true;
        lan.run(3 * SECOND);
        let received = page.received.len() as u32;
        let (back, answer) = Page::post(&mut lan, 10, &page.token.unwrap(), received).unwrap();
        assert!(answer.resumed);
        page = back;
        page.live(&mut lan, 2 * SECOND);
    }
    assert!(lan.endpoint.peers().eq([peer]));
    assert_eq!(lan.events.len(), 11, "{:?}", lan.events);
}

#[test]
fn a_newer_latest_message_takes_the_place_of_one_that_waits() {
    let mut lan = Lan::new();
    lan.delay = Duration::from_millis(20);
    let (mut page, peer) = Page::join(&mut lan);
    page.live(&mut lan, SECOND);
    let frame = |i: u32| Data::Binary([&i.to_le_bytes()[..], &[0; 996]].concat());
    for i in 0..1000 {
        assert_eq!(send(&mut lan, peer, Channel::Latest, &frame(i)), SendOutcome::Sent);
        if i % 100 == 0 {
            page.live(&mut lan, Duration::from_millis(1));
        }
    }
    page.live(&mut lan, SECOND);
    let came: Vec<u32> = page
        .received
        .iter()
        .filter(|(label, _)| label == "lt")
        .map(|(_, data)| u32::from_le_bytes(data.bytes()[5..9].try_into().unwrap()))
        .collect();
    assert!(came.is_sorted() && came.len() < 500, "{} came", came.len());
    assert_eq!(came.last(), Some(&999), "the newest always comes");
}

#[test]
fn nothing_older_is_delivered_after_something_newer() {
    let mut lan = Lan::new();
    let (page, peer) = Page::join(&mut lan);
    for (seq, word) in [(u32::MAX, "a"), (1, "c"), (0, "b"), (1, "c again"), (2, "d")] {
        let framed = [&seq.to_le_bytes()[..], &[0], word.as_bytes()].concat();
        page.say(&mut lan, "lt", &Data::Binary(framed));
    }
    lan.run(SECOND);
    let heard: Vec<(Channel, Data)> = lan.messages_from(peer);
    assert_eq!(heard, ["a", "c", "d"].map(|word| (Channel::Latest, text(word))));
}

#[test]
fn a_plain_page_has_no_latest_channel_and_no_heartbeat() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    assert_eq!(send(&mut lan, peer, Channel::Latest, &text("x")), SendOutcome::Dropped);
    lan.run(10 * SECOND);
    assert_eq!(lan.browser(id).received, []);
}
