//! What runs have covered, added up.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use patchcord::Channel;

use crate::network::Carried;

#[derive(Debug, Clone, Default)]
pub struct Coverage {
    pub runs: u64,
    pub virtual_time: Duration,
    /// Peers that joined, and offers that did not become one.
    pub connections: u64,
    pub offers: u64,
    pub refused: u64,
    /// Delivered, in both directions.
    pub reliable: u64,
    pub unreliable: u64,
    pub latest: u64,
    pub bytes: u64,
    pub full: u64,
    pub dropped: u64,
    /// Peers that were seen at another address and were heard again from there.
    pub rebinds: u64,
    pub sleeps: u64,
    pub aways: u64,
    pub backs: u64,
    /// Offers with a token that was in use.
    pub still_here: u64,
    pub thefts: u64,
    /// The farthest that a page's idea of the server's time was off.
    pub clock_error_max: Duration,
    /// From the last datagram of a page that fell silent to `Away` or `Left`, at most, if it was visible and if it was hidden.
    pub noticed_visible_max: Duration,
    pub noticed_hidden_max: Duration,
    /// Of each visitor's messages from the server, if asked for.
    pub delays: BTreeMap<(usize, Channel), Vec<Duration>>,
    pub carried: Carried,
    /// By reason.
    pub left: BTreeMap<String, u64>,
    /// The most that the endpoint held at once, for each peer that it had then, in bytes.
    pub bytes_per_peer_max: i64,
    /// The most that it still held when all had left.
    pub bytes_left_max: i64,
}

impl AddAssign<&Coverage> for Coverage {
    fn add_assign(&mut self, other: &Coverage) {
        self.runs += other.runs;
        self.virtual_time += other.virtual_time;
        self.connections += other.connections;
        self.offers += other.offers;
        self.refused += other.refused;
        self.reliable += other.reliable;
        self.unreliable += other.unreliable;
        self.latest += other.latest;
        self.bytes += other.bytes;
        self.full += other.full;
        self.dropped += other.dropped;
        self.rebinds += other.rebinds;
        self.sleeps += other.sleeps;
        self.aways += other.aways;
        self.backs += other.backs;
        self.still_here += other.still_here;
        self.thefts += other.thefts;
        self.clock_error_max = self.clock_error_max.max(other.clock_error_max);
        self.noticed_visible_max = self.noticed_visible_max.max(other.noticed_visible_max);
        self.noticed_hidden_max = self.noticed_hidden_max.max(other.noticed_hidden_max);
        self.carried.datagrams += other.carried.datagrams;
        self.carried.lost += other.carried.lost;
        self.carried.cut += other.carried.cut;
        self.carried.overflowed += other.carried.overflowed;
        self.carried.reordered += other.carried.reordered;
        self.carried.duplicated += other.carried.duplicated;
        self.carried.corrupted += other.carried.corrupted;
        for (reason, count) in &other.left {
            *self.left.entry(reason.clone()).or_default() += count;
        }
        self.bytes_per_peer_max = self.bytes_per_peer_max.max(other.bytes_per_peer_max);
        self.bytes_left_max = self.bytes_left_max.max(other.bytes_left_max);
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Coverage {
            runs,
            connections,
            offers,
            refused,
            reliable,
            unreliable,
            latest,
            full,
            dropped,
            rebinds,
            sleeps,
            aways,
            backs,
            still_here,
            thefts,
            ..
        } = self;
        let Carried { datagrams, lost, cut, overflowed, reordered, duplicated, corrupted } = self.carried;
        let hours = self.virtual_time.as_secs_f64() / 3600.0;
        writeln!(
            f,
            "{runs} runs, {hours:.2} virtual hours, {connections} connections ({offers} offers, {refused} refused)"
        )?;
        let megabytes = self.bytes / 1_000_000;
        writeln!(
            f,
            "{reliable} reliable, {unreliable} unreliable and {latest} latest messages delivered, {megabytes} MB; {full} Full, {dropped} Dropped"
        )?;
        writeln!(
            f,
            "{datagrams} datagrams: {lost} lost, {cut} cut off, {overflowed} overflowed, {reordered} reordered, {duplicated} duplicated, {corrupted} corrupted"
        )?;
        writeln!(f, "{rebinds} rebinds, {sleeps} sleeps; left: {:?}", self.left)?;
        writeln!(f, "{aways} times away, {backs} times back, {still_here} times still here; {thefts} thefts")?;
        let (peer, left) = (self.bytes_per_peer_max / 1024, self.bytes_left_max / 1024);
        write!(f, "the endpoint held at most {peer} KiB a peer, and {left} KiB when all had left")
    }
}
