//! What a new peer costs before its first datagram: our endpoint beside plain str0m, in one run.
//!
//! `cargo bench --bench offer`

use std::time::{Duration, Instant};

use patchcord::{Endpoint, Limits, Offer, Reason};
use str0m::change::SdpOffer;
use str0m::config::DtlsVersion;
use str0m::{Candidate, Rtc};

const OFFER: &[u8] = include_bytes!("../tests/offers/chromium-156-bare.json");

/// As many as make the median steady on a busy machine.
const OFFERS: usize = 1000;

fn main() {
    // `cargo test` runs this too, to see that it still works.
    let offers = if std::env::args().any(|argument| argument == "--bench") { OFFERS } else { 3 };
    let facing = "192.0.2.1:8080".parse().expect("an address");
    let mut endpoint = Endpoint::new(Limits::relaxed(), [1; 32], Instant::now());
    let certificate = str0m::crypto::from_feature_flags().dtls_provider.generate_certificate().expect("a certificate");

    let mut ours = Vec::new();
    let mut plain = Vec::new();
    for _ in 0..offers {
        let start = Instant::now();
        let offer = Offer::parse(OFFER).expect("an offer");
        endpoint.handle_offer(start, &offer, [192, 0, 2, 7].into(), &[facing]).expect("an answer");
        ours.push(start.elapsed());
        let peer = endpoint.all_peers().next().expect("the peer");
        endpoint.disconnect(start, peer, Reason::Kicked);
        while endpoint.poll_transmit().is_some() || endpoint.poll_event().is_some() {}

        let start = Instant::now();
        let mut rtc = Rtc::builder()
            .clear_codecs()
            .set_dtls_cert(certificate.clone())
            .set_dtls_version(DtlsVersion::Auto)
            .build(start);
        rtc.add_local_candidate(Candidate::host(facing, "udp").expect("a candidate"));
        let offer = SdpOffer::from_sdp_string(&offer.to_sdp()).expect("an offer");
        rtc.sdp_api().accept_offer(offer).expect("an answer");
        plain.push(start.elapsed());
    }
    let (ours, plain) = (median(ours), median(plain));
    println!("an offer answered, median of {offers}: {ours:?}; by plain str0m {plain:?}");
    println!("ratio {:.3}", ours.as_secs_f64() / plain.as_secs_f64());
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
