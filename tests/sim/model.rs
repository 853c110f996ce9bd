//! The reference model: what the endpoint promises, in a form simple enough to believe. It hears of everything that goes
//! in and comes out, and says when a promise is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use patchcord::{Channel, Data, Event, Limits, MESSAGE_BYTES_MAX, PeerId, Reason, Refusal, SendOutcome};

use crate::connection::Connection;
use crate::lane::Print;

/// A peer that is not open by then is dropped.
pub const OPENING_MAX: Duration = Duration::from_secs(10);

/// ICE calls a silent browser dead after 15 to 23 s.
const SILENCE_MAX: Duration = Duration::from_secs(25);

/// On a fair network a page that closes has left by then.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// A peer that answered one of ICE's checks within this time is not dead. (Its data may come through meanwhile: on a bad
/// link ICE can lose all of its checks for 15 s and gives up a peer that is heard.)
const SILENCE_MIN: Duration = Duration::from_secs(10);

/// A browser whose address changed may find its way back until then, or be taken for dead.
const REBIND_MAX: Duration = Duration::from_secs(60);

/// What a message in the reliable queue counts beside its bytes.
const ENTRY_BYTES: usize = 64;
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
const WINDOW_BYTES_MAX: usize = 128 * 1024;
const UNRELIABLE_BACKLOG_BYTES_MAX: usize = 64 * 1024;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! promise {
    ($holds:expr, $($otherwise:tt)+) => {
        if !$holds {
            return Err(Fault(format!($($otherwise)+)));
        }
    };
}
pub(crate) use promise;

/// What has been promised to whom.
pub struct Model {
    limits: Limits,
    /// Every datagram arrives, and in time.
    is_fair: bool,
    connections: BTreeMap<PeerId, Connection>,
    /// The ids among them that exist on the server, as far as this model can know.
    live: BTreeMap<PeerId, IpAddr>,
}

impl Model {
    pub fn new(limits: Limits, is_fair: bool) -> Model {
        Model { limits, is_fair, connections: BTreeMap::new(), live: BTreeMap::new() }
    }

    pub fn connection(&mut self, peer: PeerId) -> Result<&mut Connection, Fault> {
        self.connections.get_mut(&peer).ok_or_else(|| Fault(format!("{peer} was never offered")))
    }

    /// An offer was taken.
    pub fn offered(&mut self, now: Instant, peer: PeerId, address: IpAddr) -> Result<(), Fault> {
        promise!(
            self.connections.last_key_value().is_none_or(|(last, _)| *last < peer),
            "{peer} is an id of before, given again"
        );
        self.connections.insert(peer, Connection::new(now, address));
        self.live.insert(peer, address);
        promise!(self.live.len() <= self.limits.peers_max, "{} peers, more than the limit", self.live.len());
        let at_address = self.live.values().filter(|other| **other == address).count();
        promise!(at_address <= self.limits.peers_per_address_max, "{at_address} peers from one address");
        Ok(())
    }

    /// An offer was refused.
    pub fn refused(&self, refusal: Refusal, address: IpAddr) -> Result<(), Fault> {
        let pending = |peer: &&PeerId| self.connections.get(peer).is_some_and(|c| c.joined_at.is_none());
        let of_address = |peer: &&PeerId| self.live.get(peer) == Some(&address);
        let here: Vec<&PeerId> = self.live.keys().filter(of_address).collect();
        let is_true = match refusal {
            Refusal::Full => {
                self.live.len() >= self.limits.peers_max
                    || self.live.keys().filter(pending).count() >= self.limits.pending_max
            }
            Refusal::TooManyFromAddress => {
                here.len() >= self.limits.peers_per_address_max
                    || here.into_iter().filter(pending).count() >= self.limits.pending_per_address_max
            }
            _ => false,
        };
        promise!(is_true, "an offer was refused with {refusal:?} while there was room");
        Ok(())
    }

    /// Something came out of the endpoint.
    pub fn event(&mut self, now: Instant, event: &Event) -> Result<(), Fault> {
        match event {
            Event::Joined { peer, address } => {
                let connection = self.connection(*peer)?;
                promise!(connection.joined_at.is_none(), "{peer} joined twice");
                promise!(connection.left.is_none(), "{peer} joined after it was gone");
                promise!(connection.address == *address, "{peer} joined with the address {address} of another");
                promise!(now < connection.offered_at + OPENING_MAX, "{peer} joined after its time");
                connection.joined_at = Some(now);
                Ok(())
            }
            Event::Message { peer, channel, data } => {
                let connection = self.connection(*peer)?;
                promise!(connection.is_joined(), "a message from {peer} before Joined or after Left");
                connection
                    .up
                    .received(*channel, Print::of(data))
                    .map_err(|fault| Fault(format!("from {peer}: {fault}")))
            }
            Event::Left { peer, reason } => {
                let connection = self.connection(*peer)?;
                promise!(connection.is_joined(), "{peer} left twice, or before it joined");
                let silent = now - connection.answered_at;
                let is_true = leaving_is_true(connection, now, *reason);
                promise!(is_true, "{peer} left with the untrue reason {reason:?}, whose ICE answered {silent:?} ago");
                connection.left = Some((now, *reason));
                connection.forget_if_over();
                self.live.remove(peer);
                Ok(())
            }
            other => Err(Fault(format!("the model does not know {other:?}"))),
        }
    }

    /// The application asked for a message to be sent. The events of that call have been told already.
    pub fn sent(
        &mut self,
        now: Instant,
        peer: PeerId,
        channel: Channel,
        data: &Data,
        outcome: SendOutcome,
    ) -> Result<(), Fault> {
        let bytes = data.bytes().len();
        let connection = self.connection(peer)?;
        let joined = connection.is_joined();
        match outcome {
            SendOutcome::Gone => promise!(!joined, "Gone for {peer}, which is there"),
            SendOutcome::TooBig => promise!(bytes > MESSAGE_BYTES_MAX, "TooBig for {bytes} bytes"),
            SendOutcome::Full => {
                promise!(joined && channel == Channel::Reliable, "Full for {peer}, unreliable or not there");
                let outstanding = connection.down.outstanding_bytes(ENTRY_BYTES);
                promise!(
                    outstanding + bytes + ENTRY_BYTES > QUEUE_BYTES_MAX,
                    "Full for {peer} with only {outstanding} bytes on the way"
                );
            }
            SendOutcome::Dropped => {
                promise!(joined && channel == Channel::Unreliable, "Dropped for {peer}, reliable or not there");
            }
            SendOutcome::Sent => {
                promise!(joined, "Sent to {peer}, which is not there");
                promise!(bytes <= MESSAGE_BYTES_MAX, "Sent {bytes} bytes");
                connection.down.sent(now, channel, Print::of(data));
                // Nothing that was sent since the browser was last heard of can be acknowledged.
                match channel {
                    Channel::Reliable => {
                        connection.unheard_reliable += bytes;
                        let waiting = connection.unheard_reliable;
                        let most = QUEUE_BYTES_MAX + WINDOW_BYTES_MAX + MESSAGE_BYTES_MAX;
                        promise!(waiting <= most, "{waiting} reliable bytes wait for {peer}");
                    }
                    Channel::Unreliable | Channel::Latest => {
                        // Whatever its size, a message may go when nothing else is on the way.
                        let is_first = connection.unheard_unreliable == 0;
                        connection.unheard_unreliable += bytes;
                        let waiting = connection.unheard_unreliable;
                        // SCTP gives up what was not acknowledged when its timer ends, after 1 s at the earliest.
                        let given_up = (now - connection.heard_at).as_secs() as usize;
                        let fits = is_first || waiting <= (1 + given_up) * UNRELIABLE_BACKLOG_BYTES_MAX;
                        promise!(fits, "{waiting} unreliable bytes wait for {peer}");
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks at all of it: nobody stays who should be gone.
    pub fn audit(&mut self, now: Instant, on_server: &BTreeSet<PeerId>) -> Result<(), Fault> {
        self.live.retain(|peer, _| {
            // A peer that never opened goes without an event.
            let connection = self.connections.get_mut(peer);
            let stays = on_server.contains(peer);
            if let Some(connection) = connection.filter(|c| !stays && c.joined_at.is_none() && c.left.is_none()) {
                connection.left = Some((now, Reason::TimedOut));
                connection.forget_if_over();
                return false;
            }
            true
        });
        for peer in on_server {
            promise!(self.live.contains_key(peer), "{peer} is still there after it left");
        }
        for peer in self.live.keys() {
            let connection = &self.connections[peer];
            promise!(on_server.contains(peer), "{peer} has gone without a word");
            match connection.joined_at {
                None => promise!(now <= connection.offered_at + OPENING_MAX, "{peer} is kept beyond its opening time"),
                Some(_) => {
                    let silent = now - connection.heard_at;
                    promise!(silent <= SILENCE_MAX, "{peer} is kept though it was silent for {silent:?}");
                    let ended = connection.page_ended.filter(|end| self.is_fair && end.told_server);
                    promise!(
                        ended.is_none_or(|end| now - end.at <= FAREWELL_MAX),
                        "{peer} is kept though its page said that it closed"
                    );
                }
            }
        }
        Ok(())
    }

    /// Whether this model believes the peer to exist. Those that never open go unseen until the next audit.
    pub fn is_live(&self, peer: PeerId) -> bool {
        self.live.contains_key(&peer)
    }

    pub fn joined(&self) -> impl Iterator<Item = (PeerId, &Connection)> {
        let live = self.live.keys().map(|peer| (*peer, &self.connections[peer]));
        live.filter(|(_, connection)| connection.is_joined())
    }

    /// What must hold when all is calm: nothing that was promised is still on its way.
    pub fn settled(&self) -> Result<(), Fault> {
        for (peer, connection) in self.joined() {
            promise!(connection.page_ended.is_none(), "{peer} is there, but its page ended");
            let (up, down) = (connection.up.outstanding(), connection.down.outstanding());
            promise!(up == 0, "{up} reliable messages from {peer} never arrived");
            promise!(down == 0, "{down} reliable messages to {peer} never arrived");
        }
        Ok(())
    }
}

fn leaving_is_true(connection: &Connection, now: Instant, reason: Reason) -> bool {
    match reason {
        Reason::Closed => connection.page_ended.is_some_and(|end| end.told_server),
        Reason::TimedOut => {
            now - connection.answered_at >= SILENCE_MIN
                || connection.rebound_at.is_some_and(|at| now - at <= REBIND_MAX)
                || connection.is_replaced
        }
        Reason::Kicked | Reason::ShutDown => connection.disconnected == Some(reason),
        // No page here breaks the protocol, and nothing breaks inside.
        _ => false,
    }
}
