use std::time::Duration;

use super::super::{Endpoint, Event, Limits, PeerId, SendOutcome};
use super::*;
use crate::signal::Offer;

const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(1);

/// A client and an endpoint that echoes, a millisecond apart, on virtual time.
struct Pair {
    now: Instant,
    endpoint: Endpoint,
    dial: Dial,
    on_the_way: VecDeque<(Instant, Transmit)>,
    events: Vec<Event>,
    news: Vec<News>,
}

impl Pair {
    fn new(session: bool) -> Pair {
        let now = Instant::now();
        let (local, server) = ("192.0.2.9:4000".parse().unwrap(), "192.0.2.1:8080".parse().unwrap());
        let mut endpoint = Endpoint::new(Limits::default(), [1; 32], now);
        let (mut dial, body) = Dialler::new([2; 32]).dial(now, local);
        let body = if session { body } else { body.replace("\"resume\"", "\"other\"") };
        let offer = Offer::parse(body.as_bytes()).unwrap();
        let (_, answer) = endpoint.handle_offer(now, &offer, local.ip(), &[server]).unwrap();
        dial.handle_answer(now, &Answer::parse(answer.to_json().as_bytes()).unwrap());
        let mut pair = Pair { now, endpoint, dial, on_the_way: VecDeque::new(), events: Vec::new(), news: Vec::new() };
        pair.collect();
        pair
    }

    fn joined() -> (Pair, PeerId) {
        let mut pair = Pair::new(true);
        pair.run(SECOND);
        assert_eq!(pair.news, [News::Opened]);
        let [Event::Joined { peer, .. }] = pair.events[..] else { panic!("{:?}", pair.events) };
        (pair, peer)
    }

    fn collect(&mut self) {
        let arrives = self.now + DELAY;
        self.events.extend(std::iter::from_fn(|| self.endpoint.poll_event()));
        while let Some(transmit) = self.endpoint.poll_transmit().or_else(|| self.dial.poll_transmit()) {
            self.on_the_way.push_back((arrives, transmit));
        }
        self.news.extend(std::iter::from_fn(|| self.dial.poll_news()));
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let next = [self.endpoint.poll_timeout().map(|(at, _)| at), self.dial.deadline()];
            let next = next.into_iter().flatten().chain(self.on_the_way.front().map(|(at, _)| *at)).min();
            self.now = next.unwrap_or(end).clamp(self.now, end);
            while let Some((_, transmit)) = self.on_the_way.pop_front_if(|(at, _)| *at <= self.now) {
                let Transmit { from, to, bytes } = transmit;
                match to.port() {
                    8080 => self.endpoint.handle_datagram(self.now, from, to, &bytes),
                    _ => self.dial.handle_datagram(self.now, from, &bytes),
                }
                self.collect();
            }
            self.endpoint.handle_timeout(self.now);
            if self.dial.deadline().is_some_and(|at| at <= self.now) {
                self.dial.handle_timeout(self.now);
            }
            self.collect();
        }
    }
}

#[test]
fn messages_go_both_ways_on_every_channel() {
    let (mut pair, peer) = Pair::joined();
    let data = [Data::Text("hello".into()), Data::Binary(vec![7; 100_000]), Data::Binary(Vec::new())];
    for channel in Channel::ALL {
        for data in &data {
            let data = if channel == Channel::Reliable { data } else { &Data::Text("now".into()) };
            pair.events.clear();
            pair.news.clear();
            assert_eq!(pair.dial.send(pair.now, channel, data.into()), SendOutcome::Sent);
            assert_eq!(pair.endpoint.send(pair.now, peer, channel, data), SendOutcome::Sent);
            pair.collect();
            pair.run(SECOND);
            assert_eq!(pair.events, [Event::Message { peer, channel, data: data.clone() }]);
            assert_eq!(pair.news, [News::Message { channel, data: data.clone() }]);
        }
    }
}

#[test]
fn who_answers_beats_stays_and_hears_the_end() {
    let (mut pair, peer) = Pair::joined();
    pair.run(60 * SECOND);
    assert_eq!((pair.events.len(), pair.news.len()), (1, 1), "nothing in a quiet minute");
    pair.endpoint.kick(pair.now, peer, "too loud");
    pair.collect();
    pair.run(SECOND);
    assert_eq!(pair.news[1..], [News::Parted(Parted { reason: Reason::Kicked, words: "too loud".into() })]);
    assert_eq!(pair.dial.send(pair.now, Channel::Reliable, "late".into()), SendOutcome::Gone);
}

#[test]
fn a_server_that_falls_silent_is_lost_after_two_seconds() {
    let (mut pair, peer) = Pair::joined();
    let since = pair.now;
    while pair.news.len() == 1 {
        pair.on_the_way.clear();
        pair.run(DELAY / 2);
    }
    assert_eq!(pair.news[1..], [News::Parted(Reason::TimedOut.into())]);
    assert!(pair.now - since < 2 * SECOND);
    assert_eq!(pair.events.last(), Some(&Event::Away { peer }));
}

#[test]
fn who_closes_says_goodbye() {
    let (mut pair, peer) = Pair::joined();
    pair.dial.close(pair.now);
    pair.collect();
    pair.run(SECOND);
    assert_eq!(pair.events[1..], [Event::Left { peer, reason: Reason::Closed }]);
    assert_eq!((pair.news.len(), pair.dial.deadline()), (1, None));
}

#[test]
fn a_server_without_sessions_is_one_too() {
    let mut pair = Pair::new(false);
    pair.run(30 * SECOND);
    assert_eq!(pair.news, [News::Opened]);
}

#[test]
fn an_answer_that_cannot_be_used_ends_it() {
    let now = Instant::now();
    let (mut dial, _) = Dialler::new([2; 32]).dial(now, "192.0.2.9:4000".parse().unwrap());
    let addresses = vec!["192.0.2.1:8080".parse().unwrap()];
    dial.handle_answer(now, &Answer { sdp: "nonsense".into(), mid: "0".into(), addresses, session: None });
    assert_eq!(dial.poll_news(), Some(News::Parted(Reason::Violation.into())));
}

#[test]
fn much_in_a_row_waits_in_a_queue_with_a_bound() {
    let (mut pair, _) = Pair::joined();
    let message = vec![1; 100_000];
    let outcomes: Vec<SendOutcome> =
        (0..20).map(|_| pair.dial.send(pair.now, Channel::Reliable, (&message).into())).collect();
    let sent = outcomes.iter().take_while(|outcome| **outcome == SendOutcome::Sent).count();
    assert!((8..14).contains(&sent), "{outcomes:?}");
    assert!(outcomes[sent..].iter().all(|outcome| *outcome == SendOutcome::Full));
    pair.collect();
    pair.run(10 * SECOND);
    assert_eq!(pair.events.len(), 1 + sent);
}
