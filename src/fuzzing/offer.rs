use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::{Endpoint, Limits, MESSAGE_BYTES_MAX, OFFER_BYTES_MAX, Offer, Reason, Refusal};

/// A body of `POST ./connect`, and the same bytes as an SDP without its JSON. An offer that is taken can be written and
/// read again, and an endpoint answers it.
pub fn offer(body: &[u8]) {
    match Offer::parse(body) {
        Ok(offer) => {
            assert!(body.len() <= OFFER_BYTES_MAX, "an offer of {} bytes", body.len());
            taken(&offer);
        }
        // Every error is a refusal of the browser's request, none of them our own fault.
        Err(error) => assert!(Refusal::from(error).status() < 500 && !error.to_string().is_empty()),
    }
    if let Ok(Ok(offer)) = std::str::from_utf8(body).map(Offer::parse_sdp) {
        taken(&offer);
    }
}

fn taken(offer: &Offer) {
    assert!((1..=MESSAGE_BYTES_MAX).contains(&offer.message_bytes_max()), "{offer:?}");
    let sdp = offer.to_sdp();
    let ask = offer
        .session()
        .map_or(json!({}), |ask| json!({"resume": ask.token.as_deref().unwrap_or(""), "received": ask.received}));
    let mut body = json!({"type": "offer", "sdp": sdp});
    body.as_object_mut().into_iter().for_each(|body| body.extend(ask.as_object().cloned().unwrap_or_default()));
    assert_eq!(Offer::parse(body.to_string().as_bytes()).as_ref(), Ok(offer), "what was written reads differently");
    assert!(!sdp.contains("a=candidate"), "an offer aims us at an address: {sdp}");

    // Its certificate and its cryptography cost more than a peer does.
    thread_local! {
        static ANSWERING: RefCell<(Endpoint, Instant)> =
            RefCell::new((Endpoint::new(Limits::default(), [7; 32], Instant::now()), Instant::now()));
    }
    ANSWERING.with_borrow_mut(|(endpoint, now)| answered(endpoint, now, offer));
}

fn answered(endpoint: &mut Endpoint, now: &mut Instant, offer: &Offer) {
    let facing: [SocketAddr; 2] = [([192, 0, 2, 1], 8080).into(), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 8080).into()];
    let answer = endpoint.handle_offer(*now, offer, [192, 0, 2, 10].into(), &facing);
    let (_, answer) = answer.unwrap_or_else(|refusal| panic!("{refusal:?} for an offer that parses: {offer:?}"));
    assert_eq!(answer.mid, offer.mid());
    let json: serde_json::Value = serde_json::from_str(&answer.to_json()).expect("the answer is JSON");
    let resumed = offer.session().map(|_| &json["resumed"]);
    assert!(resumed.is_none_or(|resumed| *resumed == false), "nobody can come back here: {json}");
    assert_eq!(json["candidates"].as_array().map(Vec::len), Some(facing.len()), "{json}");

    *now += Duration::from_millis(100);
    endpoint.handle_timeout(*now);
    assert!(endpoint.poll_timeout().is_some_and(|(at, _)| at > *now), "a deadline was neither moved nor handled");
    let peers: Vec<_> = endpoint.all_peers().collect();
    assert_eq!(peers.len(), 1);
    endpoint.disconnect(*now, peers[0], Reason::Kicked);
    assert_eq!(endpoint.all_peers().count(), 0);
    assert_eq!(endpoint.poll_timeout(), None, "a deadline of nobody");
    assert_eq!(endpoint.poll_event(), None, "nobody joined, so nobody left");
    assert_eq!(endpoint.poll_transmit(), None, "a datagram to an address that proved nothing");
    assert_eq!(endpoint.stats().panics, 0);
}
