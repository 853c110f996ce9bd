//! The loop: connect all of them, then send at even distances and hear what comes.

use std::collections::HashMap;
use std::time::{Duration, Instant};
use std::{fs, io};

use hdrhistogram::Histogram;
use patchcord::{Client, ClientEvent, PeerId, SendOutcome};

use super::options::Options;
use super::talk::Talk;

/// Connections that open at once. A server with the default limits lets one address have 16.
const OPENING_MAX: usize = 8;

/// An answer that has not come by then counts as lost.
const LAST_ANSWER: Duration = Duration::from_millis(500);

pub struct Swarm {
    client: Client,
    peers: Vec<PeerId>,
    outcome: Outcome,
}

pub struct Outcome {
    pub connected: usize,
    /// Why others did not get in: the first reason.
    pub refusal: Option<String>,
    pub set_up: Histogram<u64>,
    pub sent: u64,
    /// Messages that bring an answer, and those that it came of.
    pub asked: u64,
    pub answered: u64,
    /// Messages of any kind.
    pub heard: u64,
    /// That the link did not take.
    pub refused: u64,
    /// Clients that lost their connection.
    pub left: u64,
    pub round_trip: Histogram<u64>,
    pub lateness: Histogram<u64>,
    /// CPU of this process, in cores; `None` where the system does not say.
    pub own_share: Option<f64>,
}

impl Swarm {
    /// All that the server lets in.
    pub fn connect(options: &Options) -> io::Result<Swarm> {
        let outcome = Outcome {
            connected: 0,
            refusal: None,
            set_up: histogram(),
            sent: 0,
            asked: 0,
            answered: 0,
            heard: 0,
            refused: 0,
            left: 0,
            round_trip: histogram(),
            lateness: histogram(),
            own_share: None,
        };
        let mut swarm = Swarm { client: Client::new()?, peers: Vec::new(), outcome };
        let mut opening: HashMap<PeerId, Instant> = HashMap::new();
        let mut left_to_begin = options.clients;
        while left_to_begin > 0 || !opening.is_empty() {
            while left_to_begin > 0 && opening.len() < OPENING_MAX {
                let peer = swarm.client.connect(&options.url).map_err(io::Error::other)?;
                opening.insert(peer, Instant::now());
                left_to_begin -= 1;
            }
            match swarm.client.poll(None)? {
                Some(ClientEvent::Joined { peer }) => {
                    if let Some(since) = opening.remove(&peer) {
                        note(&mut swarm.outcome.set_up, since.elapsed());
                    }
                    swarm.peers.push(peer);
                }
                Some(ClientEvent::Refused { peer, error }) => {
                    opening.remove(&peer);
                    // One more of the same would not help: whoever is full stays full.
                    left_to_begin = 0;
                    swarm.outcome.refusal.get_or_insert(error.to_string());
                }
                Some(ClientEvent::Left { peer, reason, words }) => swarm.lose(peer, &format!("{reason:?} {words}")),
                _ => {}
            }
        }
        swarm.outcome.connected = swarm.peers.len();
        match &swarm.outcome.refusal {
            Some(refusal) if swarm.peers.is_empty() => Err(io::Error::other(refusal.clone())),
            _ => Ok(swarm),
        }
    }

    fn lose(&mut self, peer: PeerId, why: &str) {
        self.outcome.left += 1;
        self.outcome.refusal.get_or_insert(format!("left: {why}"));
        self.peers.retain(|known| *known != peer);
    }

    /// Talks for the time that was asked for.
    pub fn run(mut self, options: &Options) -> io::Result<Outcome> {
        let talk = Talk::new(options);
        if let Some((channel, greeting)) = talk.greeting() {
            for peer in self.peers.clone() {
                let _ = self.client.send(peer, channel, &greeting);
            }
        }
        let begun = Instant::now();
        let cpu = own_cpu();
        let every = Duration::from_secs_f64(1.0 / options.rate / self.peers.len().max(1) as f64);
        let (mut turn, mut next_at) = (0_usize, begun);
        while begun.elapsed() < options.time && !self.peers.is_empty() {
            while next_at <= Instant::now() {
                let client = turn % self.peers.len();
                let round = (turn / self.peers.len()) as u64;
                let (channel, message, is_asking) = talk.message(client, round, begun.elapsed());
                note(&mut self.outcome.lateness, next_at.elapsed());
                match self.client.send(self.peers[client], channel, &message) {
                    SendOutcome::Sent => self.outcome.asked += u64::from(is_asking),
                    _ => self.outcome.refused += 1,
                }
                self.outcome.sent += 1;
                turn += 1;
                next_at += every;
            }
            self.hear(&talk, begun, next_at.min(begun + options.time))?;
        }
        let took = begun.elapsed();
        self.outcome.own_share = own_cpu().zip(cpu).map(|(after, before)| (after - before) / took.as_secs_f64());
        let until = Instant::now() + LAST_ANSWER;
        while Instant::now() < until && self.outcome.answered < self.outcome.asked {
            self.hear(&talk, begun, until)?;
        }
        for peer in self.peers {
            self.client.disconnect(peer);
        }
        Ok(self.outcome)
    }

    fn hear(&mut self, talk: &Talk, begun: Instant, deadline: Instant) -> io::Result<()> {
        match self.client.poll(deadline)? {
            Some(ClientEvent::Message { data, .. }) => {
                self.outcome.heard += 1;
                if let Some(took) = talk.took(data.bytes(), begun.elapsed()) {
                    self.outcome.answered += 1;
                    note(&mut self.outcome.round_trip, took);
                }
            }
            Some(ClientEvent::Left { peer, reason, words }) => self.lose(peer, &format!("{reason:?} {words}")),
            _ => {}
        }
        Ok(())
    }
}

/// Of times in microseconds, to three digits, up to a minute.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000, 3).expect("bounds that it takes")
}

fn note(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(time.as_micros() as u64);
}

/// Seconds of CPU that this process has used, where the system says so.
fn own_cpu() -> Option<f64> {
    let schedule = fs::read_to_string("/proc/self/schedstat").ok()?;
    Some(schedule.split(' ').next()?.parse::<u64>().ok()? as f64 / 1e9)
}
