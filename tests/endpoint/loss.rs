//! What a person feels when packets are lost: the delay of what arrives, and how much does.
//!
//! `cargo test --test endpoint loss -- --nocapture` prints the figures that docs/BENCHMARKS.md holds.

use std::time::{Duration, Instant};

use patchcord::{Channel, SendOutcome};

use crate::lan::{BrowserId, Lan};

struct Seen {
    /// Of what was given to `send`.
    delivered: f64,
    /// From `send` to the page, sorted, in milliseconds.
    delays_ms: Vec<f64>,
    datagrams_per_message: f64,
}

impl Seen {
    fn quantile(&self, share: f64) -> f64 {
        quantile(&self.delays_ms, share)
    }
}

/// A path to the page that is slow and never drops: 1 Mbit/s with a queue without end, as many home routers have.
const SLOW_BYTES_PER_SECOND: u32 = 125_000;

/// Sends one message of `bytes` every `gap`, `count` times, over a path with this delay each way and this loss.
fn send_through(channel: Channel, bytes: usize, gap: Duration, count: u32, delay: Duration, loss: f64) -> Seen {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    (lan.delay, lan.loss, lan.datagrams) = (delay, loss, 0);
    let mut sent_at = Vec::new();
    for i in 0..count {
        let mut message = vec![0; bytes];
        message[..4].copy_from_slice(&i.to_le_bytes());
        sent_at.push(lan.now);
        let outcome = lan.endpoint.send(lan.now, peer, channel, &message);
        assert!(matches!(outcome, SendOutcome::Sent | SendOutcome::Dropped), "{outcome:?}");
        lan.collect();
        lan.run(gap);
    }
    let datagrams = lan.datagrams;
    lan.run(Duration::from_secs(20));
    let label = if channel == Channel::Reliable { "ro" } else { "uu" };
    let delays_ms = delays_ms(&mut lan, id, label, &sent_at);
    let seen = Seen {
        delivered: delays_ms.len() as f64 / f64::from(count),
        delays_ms,
        datagrams_per_message: datagrams as f64 / f64::from(count),
    };
    println!(
        "{channel:?} {bytes} B every {gap:?}, {delay:?} and {:.0} % lost each way: {:.1} % delivered, p50 {:.0} ms, p99 {:.0} ms, \
         worst {:.0} ms, {:.2} datagrams a message",
        100.0 * loss,
        100.0 * seen.delivered,
        seen.quantile(0.5),
        seen.quantile(0.99),
        seen.quantile(1.0),
        seen.datagrams_per_message
    );
    seen
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn loss_does_not_delay_unreliable_messages() {
    let seen = send_through(Channel::Unreliable, 1000, 8 * MS, 7_500, 20 * MS, 0.05);
    assert!(seen.delivered >= 0.90 && seen.quantile(0.5) <= 25.0 && seen.quantile(0.99) <= 45.0);
    let faster = send_through(Channel::Unreliable, 1000, 2 * MS, 15_000, 20 * MS, 0.02);
    assert!(faster.delivered >= 0.90 && faster.quantile(0.5) <= 25.0 && faster.quantile(0.99) <= 45.0);
}

#[test]
fn loss_delays_a_lone_reliable_message_by_a_probe() {
    let seen = send_through(Channel::Reliable, 4, 500 * MS, 2_000, 10 * MS, 0.05);
    assert_eq!(seen.delivered, 1.0);
    assert!(seen.quantile(0.99) <= 150.0);
    let calm = send_through(Channel::Reliable, 4, 500 * MS, 200, 10 * MS, 0.0);
    assert!(seen.datagrams_per_message <= 1.1 * calm.datagrams_per_message, "what the probes cost");
}

#[test]
fn a_slow_link_does_not_fill_with_what_is_stale() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    (lan.delay, lan.rate) = (10 * MS, Some(SLOW_BYTES_PER_SECOND));
    let (mut sent_at, mut taken) = (Vec::new(), 0);
    // Four times what goes through.
    for i in 0..10_000_u32 {
        sent_at.push(lan.now);
        let frame = [&i.to_le_bytes()[..], &[0; 996]].concat();
        let outcome = lan.endpoint.send(lan.now, peer, Channel::Unreliable, &frame);
        taken += u32::from(outcome == SendOutcome::Sent);
        if i % 250 == 0 {
            let line = i.to_le_bytes();
            assert_eq!(lan.endpoint.send(lan.now, peer, Channel::Reliable, &line), SendOutcome::Sent);
        }
        lan.collect();
        lan.run(2 * MS);
    }
    lan.run(Duration::from_secs(5));
    let mut delays = |label: &str| delays_ms(&mut lan, id, label, &sent_at);
    let (frames, lines) = (delays("uu"), delays("ro"));
    println!(
        "1 Mbit/s, 10 ms, 4 Mbit/s offered: {taken} taken, {} arrived, p50 {:.0} ms, p99 {:.0} ms; reliable lines beside them p50 \
         {:.0} ms, p99 {:.0} ms",
        frames.len(),
        quantile(&frames, 0.5),
        quantile(&frames, 0.99),
        quantile(&lines, 0.5),
        quantile(&lines, 0.99)
    );
    assert!(quantile(&frames, 0.5) <= 150.0 && quantile(&frames, 0.99) <= 250.0 && quantile(&lines, 0.99) <= 300.0);
    // 20 s of 125,000 bytes, of which headers take a tenth.
    assert!(frames.len() > 1_800, "the link is used: {}", frames.len());
}

#[test]
fn bulk_on_a_slow_link_does_not_starve_the_unreliable_channel() {
    let mut lan = Lan::new();
    let (id, peer) = lan.join();
    (lan.delay, lan.rate) = (10 * MS, Some(SLOW_BYTES_PER_SECOND));
    let mut sent_at = Vec::new();
    for i in 0..1_200_u32 {
        let _ = lan.endpoint.send(lan.now, peer, Channel::Reliable, &[0; 16 * 1024]);
        sent_at.push(lan.now);
        let _ = lan.endpoint.send(lan.now, peer, Channel::Unreliable, &[&i.to_le_bytes()[..], &[0; 60]].concat());
        lan.collect();
        lan.run(Duration::from_micros(16_667));
    }
    let bulk = lan.browser(id).received.iter().filter(|(label, _)| label == "ro").count() * 16 * 1024;
    let frames = delays_ms(&mut lan, id, "uu", &sent_at);
    println!(
        "bulk on 1 Mbit/s: {} KiB in 20 s; 60 Hz beside it: {} of 1200 arrived, p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms",
        bulk / 1024,
        frames.len(),
        quantile(&frames, 0.5),
        quantile(&frames, 0.95),
        quantile(&frames, 0.99)
    );
    // The worst are of the first second, when nobody knows yet how slow the path is.
    assert!(frames.len() > 1_080 && quantile(&frames, 0.5) <= 150.0 && quantile(&frames, 0.95) <= 300.0);
    assert!(bulk > 1_500_000, "the link is used: {bulk}");
}

/// From `sent_at[i]` to the arrival of the message that begins with `i`, sorted.
fn delays_ms(lan: &mut Lan, id: BrowserId, label: &str, sent_at: &[Instant]) -> Vec<f64> {
    let browser = lan.browser(id);
    let arrived = browser.received.iter().zip(&browser.received_at).filter(|((known, _), _)| known == label);
    let mut delays: Vec<f64> = arrived
        .map(|((_, data), at)| {
            let i = u32::from_le_bytes(data.bytes()[..4].try_into().unwrap());
            (*at - sent_at[i as usize]).as_secs_f64() * 1e3
        })
        .collect();
    delays.sort_by(f64::total_cmp);
    delays
}

/// The nearest rank.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}
