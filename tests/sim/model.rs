//! The reference model: what the endpoint promises, in a form simple enough to believe. It hears of everything that goes
//! in and comes out, and says when a promise is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use patchcord::{Channel, Data, Event, Limits, MESSAGE_BYTES_MAX, PeerId, Reason, SendOutcome};

use crate::connection::Connection;
use crate::lane::Print;
use crate::presence;
use crate::session::control;

/// A peer that is not open by then is dropped.
pub const OPENING_MAX: Duration = Duration::from_secs(10);

/// ICE calls a silent browser dead after 15 to 24 s.
const SILENCE_MAX: Duration = Duration::from_secs(25);

/// On a fair network a page that closes has left by then.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// A peer that was too slow, or kicked, keeps its place until its page has heard why.
pub const LAST_WORDS_MAX: Duration = Duration::from_millis(1100);

/// A peer that takes nothing leaves with its next deadline.
const SLOW_MAX: Duration = Duration::from_secs(1);

/// What a message in the reliable queue counts beside its bytes.
const ENTRY_BYTES: usize = 64;
const QUEUE_BYTES_MAX: usize = 1024 * 1024;
const WINDOW_BYTES_MAX: usize = 128 * 1024;

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
    pub limits: Limits,
    /// Every datagram arrives, and in time.
    is_fair: bool,
    pub connections: BTreeMap<PeerId, Connection>,
    /// The ids among them that exist on the server, as far as this model can know, and the address that counts.
    pub live: BTreeMap<PeerId, IpAddr>,
    /// Claims of those who never follow them up.
    pub thefts: Vec<(Instant, SocketAddr)>,
    /// The connections that datagrams have come from, by address: whose, and which page's.
    pub sources: BTreeMap<SocketAddr, BTreeSet<(PeerId, u32)>>,
    /// An offer of a new peer is being taken.
    pub newcomer: Option<IpAddr>,
    /// The page whose datagram is being taken.
    pub speaker: Option<u32>,
}

impl Model {
    pub fn new(limits: Limits, is_fair: bool) -> Model {
        Model {
            limits,
            is_fair,
            connections: BTreeMap::new(),
            live: BTreeMap::new(),
            thefts: Vec::new(),
            sources: BTreeMap::new(),
            newcomer: None,
            speaker: None,
        }
    }

    pub fn connection(&mut self, peer: PeerId) -> Result<&mut Connection, Fault> {
        self.connections.get_mut(&peer).ok_or_else(|| Fault(format!("{peer} was never offered")))
    }

    /// Something came out of the endpoint.
    pub fn event(&mut self, now: Instant, event: &Event) -> Result<(), Fault> {
        match event {
            Event::Joined { peer, address } => {
                let connection = self.connection(*peer)?;
                promise!(connection.joined_at.is_none(), "{peer} joined twice");
                promise!(connection.left.is_none(), "{peer} joined after it was gone");
                promise!(connection.address.ip() == *address, "{peer} joined with the address {address} of another");
                promise!(now < connection.offered_at + OPENING_MAX, "{peer} joined after its time");
                connection.joined_at = Some(now);
                connection.is_connected(now, connection.page, connection.address);
                Ok(())
            }
            Event::Message { peer, channel, data } => {
                let connection = self.connection(*peer)?;
                promise!(connection.is_here(), "a message from {peer} before Joined, after Left, or while it was away");
                let heard = connection.up.received(now, *channel, Print::of(data));
                heard.map(|_| ()).map_err(|fault| Fault(format!("from {peer}: {fault}")))
            }
            Event::Away { peer } => {
                let grace = self.limits.grace;
                let connection = self.connection(*peer)?;
                promise!(connection.is_here() && connection.has_session, "{peer} is away, and was not here");
                promise!(!grace.is_zero(), "{peer} is away, and nobody may be");
                let silent = now - connection.surely_heard_at;
                promise!(presence::is_away(connection, now), "{peer} is said to be away, and was heard {silent:?} ago");
                connection.away_since = Some(now);
                Ok(())
            }
            Event::Back { peer, address } => {
                let speaker = self.speaker;
                let connection = self.connection(*peer)?;
                promise!(connection.is_joined() && connection.away_since.is_some(), "{peer} is back, and was not away");
                let claim = speaker.and_then(|page| Some((page, *connection.claims.get(&page)?)));
                let Some((page, (at, from))) = claim else {
                    return Err(Fault(format!("{peer} is back on a connection that may not be its own: {speaker:?}")));
                };
                promise!(from.ip() == *address, "{peer} is back from the address {address} of another");
                promise!(now < at + OPENING_MAX, "{peer} is back after its time");
                connection.away_since = None;
                connection.is_connected(now, page, from);
                // What it says of itself on this connection is still to come.
                if connection.visibility.is_hidden || connection.visibility.since > connection.offered_at {
                    connection.visibility.since = now;
                }
                self.live.insert(*peer, from.ip());
                Ok(())
            }
            Event::Left { peer, reason } => {
                let (gives_way, limits) = (self.gives_way(now, *peer), self.limits);
                let connection = self.connection(*peer)?;
                promise!(connection.is_joined(), "{peer} left twice, or before it joined");
                let silent = now - connection.answered_at;
                let is_true = presence::has_left(connection, now, *reason, limits, gives_way);
                promise!(is_true, "{peer} left with the untrue reason {reason:?}, whose ICE answered {silent:?} ago");
                connection.left = Some((now, *reason));
                connection.left_from_away = connection.away_since.take().is_some();
                connection.forget_if_over();
                self.live.remove(peer);
                Ok(())
            }
            other => Err(Fault(format!("the model does not know {other:?}"))),
        }
    }

    /// A page hears why its connection ends.
    pub fn over(&mut self, peer: PeerId, why: u8, text: &str) -> Result<(), Fault> {
        let connection = self.connection(peer)?;
        let is_true = match (why, &connection.disconnected) {
            (control::KICKED, Some((Reason::Kicked, Some(words)))) => words == text,
            (control::SHUT_DOWN, Some((Reason::ShutDown, _))) => text.is_empty(),
            (control::ANEW, Some((Reason::Kicked, None))) => text.is_empty(),
            (control::ANEW, _) => connection.left.is_some_and(|(_, reason)| reason == Reason::SlowConsumer),
            _ => false,
        };
        promise!(is_true, "the page of {peer} hears {why} with {text:?}, and that is not so");
        Ok(())
    }

    /// A page's connection ends, after it heard why or not.
    pub fn ends(&mut self, peer: PeerId, page: u32, over: Option<u8>) -> Result<(), Fault> {
        let is_fair = self.is_fair;
        let connection = self.connection(peer)?;
        let was_told = !connection.has_session || connection.page != page || over.is_some();
        // What the server says to a page that has moved goes to its old address for a while.
        let is_reached = |left: Instant| !connection.left_from_away && !presence::is_out_of_reach(connection, left);
        let is_sent_away = connection.left.is_some_and(|(at, _)| is_reached(at))
            && connection.left.is_some_and(|(_, reason)| matches!(reason, Reason::Kicked | Reason::SlowConsumer));
        promise!(!is_fair || was_told || !is_sent_away, "the page of {peer} ends and does not know why");
        Ok(())
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
                // A plain page's SCTP says at once what it has had, a page with a session once a second.
                let unreported = connection.down.unreported_bytes(connection.heard_at, ENTRY_BYTES);
                let waiting = connection.down.outstanding_bytes(ENTRY_BYTES)
                    + if connection.has_session { unreported } else { 0 };
                promise!(
                    waiting + bytes + ENTRY_BYTES > QUEUE_BYTES_MAX,
                    "Full for {peer} with only {waiting} bytes on the way"
                );
                if connection.is_here() {
                    connection.slowness.full(now, connection.down.arrived_bytes());
                }
            }
            SendOutcome::Dropped => {
                let may_drop = match channel {
                    Channel::Reliable => false,
                    Channel::Unreliable => true,
                    Channel::Latest => !connection.has_session,
                };
                promise!(joined && may_drop, "Dropped for {peer} on {channel:?}, or it is not there");
            }
            SendOutcome::Sent => {
                promise!(joined, "Sent to {peer}, which is not there");
                promise!(bytes <= MESSAGE_BYTES_MAX, "Sent {bytes} bytes");
                let is_lost = connection.away_since.is_some() && channel == Channel::Unreliable;
                promise!(!is_lost, "Sent to {peer} on the unreliable channel, and it is away");
                promise!(channel != Channel::Latest || connection.has_session, "Sent to {peer}, which has no lt");
                connection.down.sent(now, channel, Print::of(data));
                // Nothing that was sent since the browser was last heard of can be acknowledged.
                match channel {
                    Channel::Reliable => {
                        connection.unheard_reliable += bytes;
                        let waiting = connection.unheard_reliable;
                        let most = QUEUE_BYTES_MAX + WINDOW_BYTES_MAX + MESSAGE_BYTES_MAX;
                        promise!(waiting <= most, "{waiting} reliable bytes wait for {peer}");
                    }
                    // A newer one takes the place of one that waits.
                    Channel::Latest => {}
                    Channel::Unreliable => {
                        let fits = connection.backlog.sent(now, bytes);
                        fits.map_err(|waiting| Fault(format!("{waiting} unreliable bytes wait for {peer}")))?;
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
        let after = self.limits.slow_consumer_after;
        for peer in self.live.keys() {
            if let Some(connection) = self.connections.get_mut(peer).filter(|c| c.is_here() && c.has_session) {
                let overdue = connection.slowness.overdue(now, connection.down.arrived_bytes(), after);
                promise!(overdue.is_none_or(|late| late < SLOW_MAX), "{peer} takes nothing and is kept");
            }
            let connection = &self.connections[peer];
            promise!(on_server.contains(peer), "{peer} has gone without a word");
            match connection.joined_at {
                None => promise!(now <= connection.offered_at + OPENING_MAX, "{peer} is kept beyond its opening time"),
                Some(_) => self.kept_rightly(now, *peer, connection)?,
            }
        }
        Ok(())
    }

    /// A peer that has joined and not left: whether it should have.
    fn kept_rightly(&self, now: Instant, peer: PeerId, connection: &Connection) -> Result<(), Fault> {
        if let Some(since) = connection.away_since {
            promise!(now <= since + self.limits.grace, "{peer} is kept though it has been away for {:?}", now - since);
            return Ok(());
        }
        let silent = now - connection.heard_at;
        let most = if connection.has_session { presence::silence_max(connection) } else { SILENCE_MAX };
        promise!(silent <= most, "{peer} is here though it was silent for {silent:?}");
        // From an address that the server has not proved yet it hears nothing, and the word of a page that was about to come
        // back says nothing of the connection that its peer still has.
        let is_heard = connection.rebound_at.is_none() && connection.closed_pages.contains(&connection.page);
        let ended = connection.page_ended.filter(|end| self.is_fair && end.told_server && is_heard);
        promise!(
            ended.is_none_or(|end| now - end.at <= FAREWELL_MAX),
            "{peer} is kept though its page said that it closed"
        );
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
    pub fn settled(&self, now: Instant) -> Result<(), Fault> {
        for (peer, connection) in self.joined() {
            promise!(connection.page_ended.is_none(), "{peer} is there, but its page ended");
            let (up, down) = (connection.up.stuck(now), connection.down.stuck(now));
            promise!(up == 0, "{up} reliable messages from {peer} never arrived");
            promise!(down == 0, "{down} reliable messages to {peer} never arrived");
        }
        Ok(())
    }
}
