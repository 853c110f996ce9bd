//! The endpoint against in-process browsers on virtual time: no socket, no sleep, and no clock but the first reading.

mod batch;
mod browser;
mod lan;
mod loss;
mod plain;
mod session;

use std::net::SocketAddr;
use std::time::Duration;

use browser::Browser;
use lan::{BrowserId, Lan, SERVER, host};
use patchcord::{Channel, Data, Event, Limits, MESSAGE_BYTES_MAX, PeerId, Reason, Refusal, SendOutcome, Transmit};
use str0m::config::DtlsVersion;

const SECOND: Duration = Duration::from_secs(1);

fn bytes(length: usize) -> Data {
    Data::Binary((0..length).map(|i| (i % 251) as u8).collect())
}

/// Sends and lets the datagrams go.
fn send(lan: &mut Lan, peer: PeerId, channel: Channel, data: &Data) -> SendOutcome {
    let outcome = lan.endpoint.send(lan.now, peer, channel, data);
    lan.collect();
    outcome
}

fn browser_sends(lan: &mut Lan, id: BrowserId, label: &str, data: &Data) {
    let now = lan.now;
    assert!(lan.browser(id).send(now, label, data), "the browser's own transport is full");
    lan.collect();
}

#[test]
fn a_browser_gets_in_and_both_sides_speak() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    browser_sends(&mut lan, id, "ro", &Data::Text("hello".into()));
    browser_sends(&mut lan, id, "uu", &bytes(1000));
    let _ = send(&mut lan, peer, Channel::Reliable, &Data::Text("welcome".into()));
    let _ = send(&mut lan, peer, Channel::Unreliable, &bytes(3));
    lan.run(SECOND);
    assert_eq!(
        lan.messages_from(peer),
        [(Channel::Reliable, Data::Text("hello".into())), (Channel::Unreliable, bytes(1000))]
    );
    assert_eq!(
        lan.browser(id).received,
        [("ro".to_owned(), Data::Text("welcome".into())), ("uu".to_owned(), bytes(3))]
    );
}

#[test]
fn getting_in_takes_a_few_round_trips_and_no_timer() {
    let mut lan = Lan::new();
    let start = lan.now;
    lan.join();
    let taken = lan.now - start;
    // ICE 1, DTLS 1.3 with its last flight 2, SCTP 2, DCEP 1: six round trips of 2 ms. A lost ClientHello or an unheeded
    // check would add 50 ms at least.
    assert!(taken < Duration::from_millis(20), "{taken:?}");
}

#[test]
fn dtls_that_comes_before_ice_is_held() {
    let mut lan = Lan::new();
    lan.add(&["ro", "uu"]).unwrap();
    let to_server = |t: &Transmit| t.to == SERVER.parse().unwrap();
    let mut answers = Vec::new();
    while !lan.is_in_flight(|t| to_server(t) && t.bytes[0] == 22) {
        answers.extend(lan.hold_back(|t| to_server(t) && t.bytes[..2] == [1, 1]));
        let end = lan.now + SECOND;
        lan.step(end);
    }
    answers.extend(lan.hold_back(|t| to_server(t) && t.bytes[..2] == [1, 1]));
    assert!(!answers.is_empty());

    // The browser's ClientHello overtakes its answer to our check.
    lan.run(2 * lan.delay);
    let start = lan.now;
    lan.put_in_flight(answers);
    assert!(lan.run_until(SECOND, |lan| !lan.events.is_empty()));
    let taken = lan.now - start;
    assert!(taken < Duration::from_millis(20), "{taken:?}: the ClientHello was lost and had to be repeated");
}

#[test]
fn messages_of_every_size_arrive_whole() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let sizes = [0, 1, 1062, 1063, 16_384, 65_536, MESSAGE_BYTES_MAX];
    for size in sizes {
        assert_eq!(send(&mut lan, peer, Channel::Reliable, &bytes(size)), SendOutcome::Sent);
    }
    lan.run(10 * SECOND);
    let received: Vec<usize> = lan.browser(id).received.iter().map(|(_, data)| data.bytes().len()).collect();
    assert_eq!(received, sizes);
    assert_eq!(lan.browser(id).received.last().unwrap().1, bytes(MESSAGE_BYTES_MAX));
    let big = bytes(MESSAGE_BYTES_MAX + 1);
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &big), SendOutcome::TooBig);
}

#[test]
fn empty_messages_of_both_kinds_wedge_nothing() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    for channel in Channel::PLAIN {
        for data in [Data::Text(String::new()), Data::Binary(Vec::new()), Data::Text("after".into())] {
            assert_eq!(send(&mut lan, peer, channel, &data), SendOutcome::Sent);
        }
    }
    lan.run(SECOND);
    let expected = |label: &str| {
        [Data::Text(String::new()), Data::Binary(Vec::new()), Data::Text("after".into())]
            .map(|data| (label.to_owned(), data))
    };
    assert_eq!(lan.browser(id).received[..3], expected("ro"));
    assert_eq!(lan.browser(id).received[3..], expected("uu"));
}

#[test]
fn large_messages_come_in_too() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    for size in [MESSAGE_BYTES_MAX, 1, MESSAGE_BYTES_MAX] {
        browser_sends(&mut lan, id, "ro", &bytes(size));
    }
    lan.run(5 * SECOND);
    let sizes: Vec<usize> = lan.messages_from(peer).iter().map(|(_, data)| data.bytes().len()).collect();
    assert_eq!(sizes, [MESSAGE_BYTES_MAX, 1, MESSAGE_BYTES_MAX]);
}

#[test]
fn a_message_above_the_bound_is_never_delivered_and_harms_no_one() {
    let mut lan = Lan::new();
    let (rude, rude_peer) = lan.join();
    let (fine, fine_peer) = lan.join();
    for label in ["ro", "uu"] {
        browser_sends(&mut lan, rude, label, &bytes(4 * 1024 * 1024));
    }
    lan.run(10 * SECOND);
    assert!(lan.messages_from(rude_peer).is_empty());
    assert!(lan.events.iter().any(|event| matches!(event, Event::Left { peer, .. } if *peer == rude_peer)));
    browser_sends(&mut lan, fine, "ro", &bytes(10));
    lan.run(SECOND);
    assert_eq!(lan.messages_from(fine_peer).len(), 1);
    assert_eq!(lan.endpoint.stats().panics, 0);
}

#[test]
fn a_full_queue_says_so_and_the_unreliable_channel_goes_on() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let mut taken = 0;
    let full = loop {
        match send(&mut lan, peer, Channel::Reliable, &bytes(64 * 1024)) {
            SendOutcome::Sent if taken < 100 => taken += 1,
            outcome => break outcome,
        }
    };
    assert_eq!(full, SendOutcome::Full);
    assert_eq!(send(&mut lan, peer, Channel::Unreliable, &bytes(100)), SendOutcome::Sent);
    assert!(lan.run_until(SECOND, |lan| lan.browsers[id.0].received.iter().any(|(label, _)| label == "uu")));
    lan.run(20 * SECOND);
    let reliable = lan.browser(id).received.iter().filter(|(label, _)| label == "ro").count();
    assert_eq!(reliable, taken, "what was taken arrives");
}

#[test]
fn an_unreliable_flood_is_dropped_not_queued() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let outcomes: Vec<SendOutcome> =
        (0..1000).map(|_| send(&mut lan, peer, Channel::Unreliable, &bytes(1000))).collect();
    let sent = outcomes.iter().filter(|outcome| **outcome == SendOutcome::Sent).count();
    assert!(outcomes.contains(&SendOutcome::Dropped));
    // The first window of SCTP (4,380 bytes, RFC 9260, section 7.2.1), and what may wait behind it.
    assert!((4..20).contains(&sent), "{sent} in one instant");
    lan.run(5 * SECOND);
    assert_eq!(lan.browser(id).received.len(), sent);
}

#[test]
fn closing_tells_the_other_side() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let now = lan.now;
    lan.browser(id).close(now);
    assert!(lan.run_until(Duration::from_millis(10), |lan| lan.events.last()
        == Some(&Event::Left { peer, reason: Reason::Closed })));
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &bytes(1)), SendOutcome::Gone);

    let (id, peer) = lan.join();
    lan.endpoint.disconnect(lan.now, peer, Reason::Kicked);
    assert!(lan.run_until(Duration::from_millis(10), |lan| lan.browsers[id.0].is_closed));
    assert_eq!(lan.events.last(), Some(&Event::Left { peer, reason: Reason::Kicked }));
    assert_eq!(lan.endpoint.poll_timeout(), None, "nothing is left of them");
}

#[test]
fn a_killed_browser_leaves_in_the_end() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    lan.browser(id).is_dead = true;
    assert!(
        lan.run_until(30 * SECOND, |lan| lan.events.last() == Some(&Event::Left { peer, reason: Reason::TimedOut }))
    );
}

#[test]
fn a_peer_that_never_opens_is_dropped_after_ten_seconds() {
    let mut lan = Lan::new();
    let id = lan.add(&["ro", "uu"]).unwrap();
    lan.browser(id).is_dead = true;
    lan.run(Duration::from_millis(9_900));
    assert_eq!(lan.endpoint.all_peers().count(), 1);
    lan.run(Duration::from_millis(200));
    assert_eq!(lan.endpoint.all_peers().count(), 0);

    // Nor is one that has only one of the two channels, however alive.
    lan.add(&["ro", "chat"]).unwrap();
    lan.run(11 * SECOND);
    assert_eq!(lan.endpoint.all_peers().count(), 0);
    assert_eq!((lan.events.len(), lan.endpoint.stats().peers_never_open), (0, 2), "nobody joined, so nobody left");
}

#[test]
fn other_channels_are_closed_and_harm_nothing() {
    let mut lan = Lan::new();
    let id = lan.add(&["ro", "chat", "uu", "ro"]).unwrap();
    lan.run(SECOND);
    let Some(Event::Joined { peer, .. }) = lan.events.first().cloned() else { panic!("not joined: {:?}", lan.events) };
    assert!(lan.browser(id).has_open("ro") && lan.browser(id).has_open("uu"));
    assert!(!lan.browser(id).has_open("chat"));
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &bytes(5)), SendOutcome::Sent);
    lan.run(SECOND);
    assert_eq!(lan.browser(id).received, [("ro".to_owned(), bytes(5))]);
}

#[test]
fn channels_without_end_end_the_peer() {
    let mut lan = Lan::new();
    let labels: Vec<&str> = ["ro", "uu"].into_iter().chain((0..100).map(|_| "more")).collect();
    lan.add(&labels).unwrap();
    lan.run(5 * SECOND);
    let last = lan.events.last().cloned();
    let is_violation = matches!(last, Some(Event::Left { reason: Reason::Violation, .. }));
    // Stream ids are bounded too: whichever bound comes first, the peer's state does not grow with its channels.
    assert!(is_violation || lan.endpoint.all_peers().count() <= 1, "{last:?}");
}

#[test]
fn messages_before_both_channels_are_open_come_after_joined() {
    let mut lan = Lan::new();
    let id = lan.add(&["ro", "uu"]).unwrap();
    // The page sends as soon as one channel is open on its side.
    assert!(lan.run_until(SECOND, |lan| lan.browsers[id.0].has_open("ro")));
    browser_sends(&mut lan, id, "ro", &Data::Text("first".into()));
    lan.run(SECOND);
    assert!(matches!(lan.events[0], Event::Joined { .. }), "{:?}", lan.events);
    assert!(matches!(&lan.events[1], Event::Message { data: Data::Text(text), .. } if text == "first"));
}

#[test]
fn the_caps_hold_and_open_again() {
    let limits = Limits {
        peers_max: 3,
        peers_per_address_max: 2,
        pending_max: 2,
        pending_per_address_max: 1,
        ..Limits::default()
    };
    let mut lan = Lan::with(limits);
    let at = |octet: u8, port: u16| (host(octet), port).into();
    lan.add_at(at(50, 1), &["ro", "uu"]).unwrap();
    assert_eq!(lan.add_at(at(50, 2), &["ro", "uu"]), Err(Refusal::TooManyFromAddress), "one pending an address");
    lan.run(SECOND);
    lan.add_at(at(50, 2), &["ro", "uu"]).unwrap();
    lan.run(SECOND);
    assert_eq!(lan.add_at(at(50, 3), &["ro", "uu"]), Err(Refusal::TooManyFromAddress), "two an address");
    lan.add_at(at(51, 1), &["ro", "uu"]).unwrap();
    lan.run(SECOND);
    assert_eq!(lan.add_at(at(52, 1), &["ro", "uu"]), Err(Refusal::Full));
    let first = lan.endpoint.peers().next().unwrap();
    lan.endpoint.disconnect(lan.now, first, Reason::Kicked);
    lan.collect();
    lan.add_at(at(50, 4), &["ro", "uu"]).unwrap();
}

#[test]
fn strangers_change_nothing() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let (browser, stranger) = (lan.browser(id).address, (host(99), 6666).into());
    let noise: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        vec![22; 1500],
        vec![23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 1, 2, 3],
        vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40],
        vec![0x2f; 40],
        vec![128; 200],
        [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 12]].concat(),
    ];
    for datagram in &noise {
        lan.receive(stranger, datagram);
        // From the browser's own address, as a host on the same Wi-Fi can forge it.
        lan.receive(browser, datagram);
    }
    browser_sends(&mut lan, id, "ro", &Data::Text("still here".into()));
    lan.run(SECOND);
    assert_eq!(lan.messages_from(peer), [(Channel::Reliable, Data::Text("still here".into()))]);
    assert!(lan.endpoint.stats().datagrams_unrouted >= noise.len() as u64);
    assert_eq!(lan.endpoint.stats().panics, 0);
}

#[test]
fn forged_datagrams_do_not_end_a_peer() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let address = lan.browser(id).address;
    // A generator of the test's own, so that it is the same every time (Numerical Recipes' constants).
    let mut state = 7_u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for round in 0..2_000 {
        browser_sends(&mut lan, id, "ro", &bytes(1 + round % 50));
        let real = lan.hold_back(|t| t.from == address);
        for transmit in &real {
            let mut forged = transmit.bytes.clone();
            for _ in 0..1 + random(4) {
                let at = random(forged.len());
                forged[at] = random(256) as u8;
            }
            forged.truncate(1 + random(forged.len()));
            lan.receive(address, &forged);
        }
        lan.put_in_flight(real);
        lan.run(Duration::from_millis(4));
    }
    lan.run(2 * SECOND);
    assert_eq!(lan.messages_from(peer).len(), 2_000);
    assert_eq!(lan.endpoint.stats().panics, 0);
}

#[test]
fn a_request_that_only_knows_the_name_takes_no_address() {
    let mut lan = Lan::new();
    lan.add(&["ro", "uu"]).unwrap();
    // The browser's own check, replayed with one bit of its integrity changed.
    let wire = lan.hold_back(|t| t.to == SERVER.parse().unwrap());
    let mut forged = wire[0].clone();
    let integrity = forged.bytes.len() - 12;
    forged.bytes[integrity] ^= 1;
    let before = lan.endpoint.stats().datagrams_unrouted;
    lan.receive((host(99), 6666).into(), &forged.bytes);
    assert_eq!(lan.endpoint.stats().datagrams_unrouted, before + 1);
    assert!(!lan.is_in_flight(|_| true), "nothing goes to an address that proved nothing");
    lan.put_in_flight(wire);
    assert!(lan.run_until(SECOND, |lan| !lan.events.is_empty()));
}

#[test]
fn a_check_with_a_forged_source_takes_no_address_from_anybody() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let victim = lan.browser(id).address;
    // Somebody with an offer of their own, who knows the password of its answer, forges the source of their check.
    lan.add(&["ro", "uu"]).unwrap();
    let check = lan.hold_back(|t| t.to == SERVER.parse().unwrap());
    for _ in 0..20 {
        lan.receive(victim, &check[0].bytes);
        lan.run(Duration::from_millis(20));
    }
    browser_sends(&mut lan, id, "ro", &Data::Text("still here".into()));
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &bytes(3)), SendOutcome::Sent);
    lan.run(SECOND);
    assert_eq!(lan.messages_from(peer), [(Channel::Reliable, Data::Text("still here".into()))]);
    assert_eq!(lan.browser(id).received, [("ro".to_owned(), bytes(3))]);
}

#[test]
fn browsers_of_both_versions_of_dtls() {
    for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13] {
        let mut lan = Lan::new();
        let address = "192.0.2.77:40000".parse().unwrap();
        let (browser, sdp) = Browser::offer_with(lan.now, address, &["ro", "uu"], version);
        let (id, _) = lan.post_offer(browser, &sdp, &serde_json::json!({})).unwrap();
        lan.run(SECOND);
        let Some(Event::Joined { peer, .. }) = lan.events.first() else { panic!("{version} does not get in") };
        let peer = *peer;
        for (label, channel) in [("ro", Channel::Reliable), ("uu", Channel::Unreliable)] {
            browser_sends(&mut lan, id, label, &bytes(5));
            assert_eq!(send(&mut lan, peer, channel, &bytes(3000)), SendOutcome::Sent);
        }
        lan.run(SECOND);
        assert_eq!(lan.messages_from(peer), [(Channel::Reliable, bytes(5)), (Channel::Unreliable, bytes(5))]);
        assert_eq!(lan.browser(id).received, [("ro".to_owned(), bytes(3000)), ("uu".to_owned(), bytes(3000))]);
        lan.endpoint.disconnect(lan.now, peer, Reason::Kicked);
        lan.run(SECOND);
        assert!(lan.browser(id).is_closed, "{version}");
    }
}

#[test]
fn records_of_a_stranger_end_nobody() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    let victim = lan.browser(id).address;
    // Of every content type and epoch, with an alert that is fatal, a close_notify, and what is neither (RFC 6347, section 4.1).
    for content in 20..=26 {
        for epoch in 0..4 {
            for payload in [&[2, 40][..], &[1, 0], &[0; 40], &[]] {
                let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
                let header = [content, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 200];
                lan.receive(victim, &[&header[..], &length, payload].concat());
            }
        }
    }
    // The header of DTLS 1.3 (RFC 9147, section 4).
    for first in 32..64 {
        lan.receive(victim, &[&[first][..], &[7; 60]].concat());
    }
    lan.run(SECOND);
    browser_sends(&mut lan, id, "ro", &Data::Text("still here".into()));
    assert_eq!(send(&mut lan, peer, Channel::Reliable, &bytes(3)), SendOutcome::Sent);
    lan.run(SECOND);
    assert_eq!(lan.messages_from(peer), [(Channel::Reliable, Data::Text("still here".into()))]);
    assert_eq!(lan.browser(id).received, [("ro".to_owned(), bytes(3))]);
}

#[test]
fn checks_from_ever_new_ports_do_not_make_a_peer_grow() {
    let mut lan = Lan::new();
    lan.add(&["ro", "uu"]).unwrap();
    let check = lan.hold_back(|t| t.to == SERVER.parse().unwrap());
    for port in 1..=2_000 {
        lan.receive((host(99), port).into(), &check[0].bytes);
    }
    let answered: std::collections::BTreeSet<SocketAddr> =
        lan.hold_back(|t| t.to.ip() == host(99)).into_iter().map(|t| t.to).collect();
    assert_eq!(answered.len(), 64, "docs/PROTOCOL.md, source addresses of one peer over its life");
    // Neither it nor its honest first check is harmed by that.
    lan.put_in_flight(check);
    assert_eq!(lan.endpoint.all_peers().count(), 1);
}

#[test]
fn a_new_connection_from_the_same_port_is_the_new_one() {
    let mut lan = Lan::new();
    let (id, old) = lan.join();
    let address = lan.browser(id).address;
    lan.browser(id).is_dead = true;
    lan.add_at(address, &["ro", "uu"]).unwrap();
    let joined = |lan: &Lan| lan.events.iter().any(|event| matches!(event, Event::Joined { peer, .. } if *peer != old));
    assert!(lan.run_until(SECOND, joined));
}

#[test]
fn one_stuck_peer_changes_nothing_for_another() {
    let mut lan = Lan::new();
    let (stuck, stuck_peer) = lan.join();
    let (fine, fine_peer) = lan.join();
    lan.browser(stuck).is_dead = true;
    for _ in 0..200 {
        let _ = send(&mut lan, stuck_peer, Channel::Reliable, &bytes(16 * 1024));
        assert_eq!(send(&mut lan, fine_peer, Channel::Unreliable, &bytes(100)), SendOutcome::Sent);
        lan.run(Duration::from_millis(16));
    }
    assert_eq!(lan.browser(fine).received.len(), 200);
}

#[test]
fn many_browsers_each_hear_their_own() {
    let mut lan = Lan::new();
    let pairs: Vec<(BrowserId, PeerId)> = (0..20).map(|_| lan.join()).collect();
    for (_, peer) in &pairs {
        let _ = send(&mut lan, *peer, Channel::Reliable, &Data::Text(peer.to_string()));
    }
    lan.run(SECOND);
    for (id, peer) in pairs {
        assert_eq!(lan.browser(id).received, [("ro".to_owned(), Data::Text(peer.to_string()))]);
    }
}
