//! The shell of a native client: sockets and the clock, around the sans-IO `Dial` of `crate::endpoint`. [`Client`] is its
//! one face.

mod error;
mod event;
mod link;
mod post;
mod target;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

pub use error::ConnectError;
pub use event::ClientEvent;

use crate::endpoint::{Channel, Dialler, Payload, PeerId, SendOutcome};
use crate::udp::{Buffers, Train};
use link::{Link, Socket};
use target::Target;

/// Native clients of patchcord servers, driven like a [`Server`](crate::Server): one loop for any number of connections.
///
/// ```no_run
/// use patchcord::{Channel, Client, ClientEvent};
///
/// fn main() -> std::io::Result<()> {
///     let mut client = Client::new()?;
///     let server = client.connect("http://192.168.1.5:8080").expect("an address");
///     loop {
///         match client.poll(None)? {
///             Some(ClientEvent::Joined { .. }) => drop(client.send(server, Channel::Reliable, "hello")),
///             Some(ClientEvent::Message { data, .. }) => println!("{data:?}"),
///             Some(other) => return Ok(println!("{other:?}")),
///             None => {}
///         }
///     }
/// }
/// ```
///
/// A connection speaks the same protocol as a page with a session, but does not come back by itself: when it is lost it has
/// left. Each has a UDP socket of its own. Nothing moves while it is not polled, and a server drops who is silent for two
/// seconds.
pub struct Client {
    poll: Poll,
    ready: Events,
    dialler: Dialler,
    buffers: Buffers,
    train: Train,
    links: BTreeMap<PeerId, Link>,
    deadlines: BTreeSet<(Instant, PeerId)>,
    /// Whose sockets may hold more.
    readable: VecDeque<PeerId>,
    events: VecDeque<ClientEvent>,
    next: PeerId,
}

impl Client {
    /// Without a connection. Takes about 25 ms once in a process, to start the cryptography.
    pub fn new() -> io::Result<Client> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(format!("no system randomness: {error}")))?;
        Ok(Client {
            poll: Poll::new()?,
            ready: Events::with_capacity(1024),
            dialler: Dialler::new(seed),
            buffers: Buffers::new(),
            train: Train::default(),
            links: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            readable: VecDeque::new(),
            events: VecDeque::new(),
            next: PeerId::first(),
        })
    }

    /// Begins a connection to the server whose page is at this URL, and names it; [`poll`](Client::poll) then says
    /// [`Joined`](ClientEvent::Joined) or [`Refused`](ClientEvent::Refused), within 20 s. Only a name that must be looked up
    /// makes this wait.
    pub fn connect(&mut self, url: &str) -> Result<PeerId, ConnectError> {
        let target = Target::resolve(url)?;
        let peer = self.next;
        let link = Link::begin(&target, peer, self.poll.registry(), Instant::now())?;
        self.next = peer.next();
        self.deadlines.extend(link.deadline().map(|at| (at, peer)));
        self.links.insert(peer, link);
        Ok(peer)
    }

    /// Waits until something happens, or until `deadline`: then it gives `None`. Without a deadline it waits for ever. A
    /// deadline that has passed still lets what waits in the sockets in.
    ///
    /// An error means that the system's own polling failed, which is final.
    pub fn poll(&mut self, deadline: impl Into<Option<Instant>>) -> io::Result<Option<ClientEvent>> {
        let deadline = deadline.into();
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let now = Instant::now();
            self.turn(now, deadline)?;
            if self.events.is_empty() && deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
        }
    }

    /// Sends a message to the server at the other end of a connection, or says why not: see [`SendOutcome`]. Never blocks and
    /// never queues without bound.
    pub fn send<'a>(&mut self, peer: PeerId, channel: Channel, payload: impl Into<Payload<'a>>) -> SendOutcome {
        let payload = payload.into();
        let mut outcome = SendOutcome::Gone;
        self.with_link(peer, |link| outcome = link.send(Instant::now(), channel, payload));
        outcome
    }

    /// Ends a connection, and tells the server. No event follows.
    pub fn disconnect(&mut self, peer: PeerId) {
        if let Some(mut link) = self.links.remove(&peer) {
            self.forget_deadline(peer, link.deadline());
            link.close(Instant::now(), &mut self.train);
            link.deregister(self.poll.registry());
        }
    }

    /// The connections that have begun and not ended, in the order in which they began.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.links.keys().copied()
    }

    /// Datagrams that the system did not take from us or (where it says so: Linux) had no room for, of the connections that there are.
    /// It reads a file for each.
    pub fn datagrams_dropped(&self) -> u64 {
        self.links.values().map(Link::datagrams_dropped).sum()
    }

    /// One round: wait, then sockets and deadlines.
    fn turn(&mut self, now: Instant, deadline: Option<Instant>) -> io::Result<()> {
        let next = [deadline, self.deadlines.first().map(|(at, _)| *at)].into_iter().flatten().min();
        let wait = if self.readable.is_empty() {
            next.map(|at| at.saturating_duration_since(now))
        } else {
            Some(Duration::ZERO)
        };
        match self.poll.poll(&mut self.ready, wait) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => result?,
        }
        let ready: Vec<Token> = self.ready.iter().map(|event| event.token()).collect();
        for (socket, peer) in ready.into_iter().map(Socket::of) {
            match socket {
                Socket::Tcp => self.ask(peer),
                Socket::Udp => self.readable.push_back(peer),
            }
        }
        for _ in 0..self.readable.len() {
            let Some(peer) = self.readable.pop_front() else { break };
            self.receive(peer);
        }
        let now = Instant::now();
        while let Some((_, peer)) = self.deadlines.first().filter(|(at, _)| *at <= now).copied() {
            self.with_link(peer, |link| link.handle_timeout(now));
        }
        Ok(())
    }

    fn ask(&mut self, peer: PeerId) {
        let (dialler, registry) = (&mut self.dialler, self.poll.registry());
        let Some(link) = self.links.get_mut(&peer) else { return };
        let before = link.deadline();
        link.ask(Instant::now(), peer, dialler, registry);
        self.settle(peer, before);
    }

    fn receive(&mut self, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let before = link.deadline();
        if link.receive(Instant::now(), &mut self.buffers) {
            self.readable.push_back(peer);
        }
        self.settle(peer, before);
    }

    fn with_link(&mut self, peer: PeerId, change: impl FnOnce(&mut Link)) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let before = link.deadline();
        change(link);
        self.settle(peer, before);
    }

    /// Everything that follows from a change of a link: datagrams, events, its deadline, its end.
    fn settle(&mut self, peer: PeerId, before: Option<Instant>) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let is_over = link.flush(peer, &mut self.train, &mut self.events);
        let after = link.deadline();
        if before != after {
            self.forget_deadline(peer, before);
            self.deadlines.extend(after.map(|at| (at, peer)));
        }
        if is_over && let Some(mut link) = self.links.remove(&peer) {
            self.forget_deadline(peer, after);
            link.deregister(self.poll.registry());
        }
    }

    fn forget_deadline(&mut self, peer: PeerId, at: Option<Instant>) {
        if let Some(at) = at {
            self.deadlines.remove(&(at, peer));
        }
    }
}
