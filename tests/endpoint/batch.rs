//! Datagrams that the endpoint takes together, as the shell reads them, before anybody polls it.

use patchcord::{Channel, Data, Event, Reason, Transmit};

use crate::lan::{Lan, SERVER};

/// What the browser has to send, taken by the endpoint at once.
fn take_together(lan: &mut Lan, datagrams: &[Transmit]) {
    for Transmit { from, bytes, .. } in datagrams {
        lan.endpoint.handle_datagram(lan.now, *from, SERVER.parse().unwrap(), bytes);
    }
    lan.collect();
}

#[test]
fn many_arrive_in_their_order() {
    let mut lan = Lan::new();
    let (browser, peer) = lan.join();
    let mut datagrams = Vec::new();
    let words: Vec<Data> = (0..100).map(|i| Data::Text(format!("word {i}"))).collect();
    for word in &words {
        let now = lan.now;
        assert!(lan.browser(browser).send(now, "ro", word));
        datagrams.extend(lan.browser(browser).drain());
    }
    assert!(datagrams.len() > 30, "more than DTLS keeps: {}", datagrams.len());
    take_together(&mut lan, &datagrams);
    let heard: Vec<Data> = lan.messages_from(peer).into_iter().map(|(_, data)| data).collect();
    assert_eq!(heard, words);
}

#[test]
fn the_last_words_of_a_page_are_heard_though_it_closes_at_once() {
    let mut lan = Lan::new();
    let (browser, peer) = lan.join();
    let (now, word) = (lan.now, Data::Text("good night".into()));
    assert!(lan.browser(browser).send(now, "ro", &word));
    let mut datagrams: Vec<Transmit> = lan.browser(browser).drain().collect();
    lan.browser(browser).close(now);
    datagrams.extend(lan.browser(browser).drain());
    assert!(datagrams.len() > 1);
    take_together(&mut lan, &datagrams);
    assert_eq!(lan.messages_from(peer), [(Channel::Reliable, word)]);
    assert_eq!(lan.events.last(), Some(&Event::Left { peer, reason: Reason::Closed }));
}
