//! What a person feels when packets are lost: the delay of what arrives, and how much does.
//!
//! `cargo test --test endpoint loss -- --nocapture` prints the figures that docs/BENCHMARKS.md holds.

use std::time::Duration;

use patchcord::{Channel, SendOutcome};

use crate::lan::Lan;

struct Seen {
    /// Of what was given to `send`.
    delivered: f64,
    /// From `send` to the page, sorted, in milliseconds.
    delays_ms: Vec<f64>,
    datagrams_per_message: f64,
}

impl Seen {
    /// The nearest rank.
    fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.delays_ms.len() as f64).ceil() as usize;
        self.delays_ms[rank.clamp(1, self.delays_ms.len()) - 1]
    }
}

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
    let browser = lan.browser(id);
    let delay_ms = |(data, at): (&patchcord::Data, &std::time::Instant)| {
        let i = u32::from_le_bytes(data.bytes()[..4].try_into().unwrap());
        (*at - sent_at[i as usize]).as_secs_f64() * 1e3
    };
    let arrived = browser.received.iter().map(|(_, data)| data).zip(&browser.received_at);
    let mut delays_ms: Vec<f64> = arrived.map(delay_ms).collect();
    delays_ms.sort_by(f64::total_cmp);
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
