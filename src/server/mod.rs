//! The shell around [`Endpoint`]: sockets, clock and threads. [`Server`] is its one face.
//!
//! The loop's thread is the caller's own. It has the UDP sockets and every peer. Two more threads serve the page: the gate,
//! which bounds every TCP connection, and tiny_http behind it, which answers one clean request at a time and passes
//! offers to the loop through a mailbox.

mod addresses;
mod answer;
mod assets;
mod authorize;
mod backlog;
mod bind;
mod config;
pub(crate) mod gate;
mod gathering;
mod handle;
mod http;
mod lateness;
mod mailbox;
mod metronome;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use mio::{Events, Poll, Token};

pub use authorize::{Authorize, ConnectRequest};
pub use config::Config;
pub use gate::HttpLimits;
pub use handle::{Handle, HandleError};
pub use lateness::Lateness;

use crate::endpoint::{Channel, Endpoint, Event, Payload, PeerId, Reason, SendOutcome, Stats};
use crate::signal::{Offer, Refusal};
use crate::udp::{Buffers, Train, UdpPort, send_all};
use authorize::PeerData;
use backlog::{Backlog, Waiting};
use gate::{Ask, Gate, Refused};
use gathering::Gathering;
use handle::Letter;
use mailbox::{Mailbox, PostError};

/// How long a browser's offer waits for the loop before it hears 503 `busy`. A loop that ticks at 1 Hz still answers.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);

/// Letters taken from the mailbox in one turn, so that a busy handle does not starve the sockets.
const LETTERS_PER_TURN_MAX: usize = 64;

/// Datagrams that the endpoint takes in one turn: with their answers less than a millisecond's work, after which a tick may be due.
const DATAGRAMS_PER_TURN_MAX: u32 = 64;

/// System calls that receive in one turn, so that what waits is sorted by its source before the kernel has to drop some of it.
const RECEIVES_PER_TURN_MAX: usize = 8;

const MAILBOX: Token = Token(0);
const FIRST_SOCKET: usize = 1;

/// A WebRTC server that browsers on the LAN reach by its page, driven like a UDP socket.
///
/// [`poll`](Server::poll) it from one thread, often; nothing moves while it is not polled. Dropping it closes the sockets
/// without a word; [`shutdown`](Server::shutdown) tells the browsers first.
pub struct Server {
    poll: Poll,
    ready: Events,
    ports: Vec<UdpPort>,
    buffers: Buffers,
    backlog: Backlog,
    gathering: Gathering,
    train: Train,
    endpoint: Endpoint,
    mailbox: Mailbox<Letter>,
    handle: Handle,
    gate: Gate,
    bound: Vec<SocketAddr>,
    data: BTreeMap<PeerId, PeerData>,
    /// Whose data goes at the next poll.
    left: Option<PeerId>,
    /// Whether the last poll said that the deadline had passed: the next one lets the network have a turn first.
    ticked: bool,
    lateness: Lateness,
}

impl Server {
    /// Serves the built-in page and takes connections on this address, TCP and UDP on the same port number; port 0 lets
    /// the system choose. `0.0.0.0` is every IPv4 interface; a slice of addresses binds each of them, for example
    /// `&[v4, v6][..]`.
    pub fn bind(addresses: impl ToSocketAddrs) -> io::Result<Server> {
        Server::bind_with(addresses, Config::default())
    }

    /// Like [`bind`](Server::bind), with a page and limits of one's own.
    pub fn bind_with(addresses: impl ToSocketAddrs, config: Config) -> io::Result<Server> {
        let addresses: Vec<SocketAddr> = addresses.to_socket_addrs()?.collect();
        let poll = Poll::new()?;
        let (slot, mailbox) = mailbox::mailbox(poll.registry(), MAILBOX)?;
        let handle = Handle { slot };

        let mut ports = Vec::new();
        let mut listeners = Vec::new();
        let mut bound = Vec::new();
        for (i, pair) in bind::bind_all(&addresses)?.into_iter().enumerate() {
            bound.push(pair.address);
            listeners.push(pair.tcp);
            ports.push(UdpPort::new(pair.udp, poll.registry(), Token(FIRST_SOCKET + i))?);
        }

        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(format!("no system randomness: {error}")))?;
        let endpoint = Endpoint::new(config.limits, seed, Instant::now());
        let gathering = Gathering::new(config.gather_for);
        let (asking, authorize) = (handle.clone(), config.authorize.clone());
        let gate = Gate::start(config.gate(listeners)?, move |ask| answer(&asking, authorize.as_ref(), ask))?;
        let ready = Events::with_capacity(64);
        Ok(Server {
            poll,
            ready,
            ports,
            buffers: Buffers::new(),
            backlog: Backlog::default(),
            gathering,
            train: Train::default(),
            endpoint,
            mailbox,
            handle,
            gate,
            bound,
            data: BTreeMap::new(),
            left: None,
            ticked: false,
            lateness: Lateness::default(),
        })
    }

    /// Waits until something happens to a peer, or until `deadline`. `None` means that the deadline has passed, or that
    /// a [`Handle`] woke the loop: time for a tick. Without a deadline it waits for ever.
    ///
    /// A deadline that has passed comes before waiting events, so that a tick is never late because of traffic; but not
    /// twice in a row, so that a tick that is always late does not stop the traffic.
    ///
    /// An error means that the system's own polling failed, which is final.
    pub fn poll(&mut self, deadline: impl Into<Option<Instant>>) -> io::Result<Option<Event>> {
        let deadline = deadline.into();
        if let Some(left) = self.left.take() {
            self.data.remove(&left);
        }
        let mut called_at = None;
        loop {
            let now = Instant::now();
            let called_at = *called_at.get_or_insert(now);
            let is_due = deadline.is_some_and(|deadline| deadline <= now);
            if let Some(deadline) = deadline
                && is_due
                && !self.ticked
            {
                self.ticked = true;
                self.lateness.note(now - deadline.max(called_at));
                return Ok(None);
            }
            if let Some(event) = self.endpoint.poll_event() {
                self.ticked = false;
                if let Event::Left { peer, .. } = event {
                    self.left = Some(peer);
                }
                return Ok(Some(event));
            }
            // What was left over when there was nothing more to hear of.
            self.transmit();
            let woken = self.turn(now, if is_due { Some(now) } else { deadline })?;
            if woken {
                return Ok(None);
            }
            // The network has had its turn.
            self.ticked = false;
        }
    }

    /// Sends a message to a peer that has joined, or says why not: see [`SendOutcome`]. Never blocks, never panics, never
    /// queues without bound. A `&str` arrives in the page as a string, a `&[u8]` as bytes.
    pub fn send<'a>(&mut self, peer: PeerId, channel: Channel, payload: impl Into<Payload<'a>>) -> SendOutcome {
        let outcome = self.endpoint.send(Instant::now(), peer, channel, payload);
        self.transmit();
        outcome
    }

    /// Sends a message to every peer that has joined. A peer that does not take it ([`SendOutcome`]) does without.
    pub fn broadcast<'a>(&mut self, channel: Channel, payload: impl Into<Payload<'a>>) {
        let payload = payload.into();
        let peers: Vec<PeerId> = self.endpoint.peers().collect();
        for peer in peers {
            // Each one's outcome is its own; an application that needs it sends to each itself.
            let _ = self.send(peer, channel, payload);
        }
    }

    /// Ends a peer's connection. Its browser is told, and [`Event::Left`] follows with [`Reason::Kicked`]. A page with a session
    /// comes back as a new peer.
    pub fn disconnect(&mut self, peer: PeerId) {
        self.endpoint.disconnect(Instant::now(), peer, Reason::Kicked);
        self.transmit();
    }

    /// Ends a peer's connection for good, and tells a page with a session why, in at most 255 bytes of UTF-8: it does not
    /// come back by itself.
    pub fn kick(&mut self, peer: PeerId, text: &str) {
        self.endpoint.kick(Instant::now(), peer, text);
        self.transmit();
    }

    /// The zero of the clock that pages read as `connection.serverNow()`.
    pub fn epoch(&self) -> Instant {
        self.endpoint.epoch()
    }

    /// What [`Config::authorize`] gave for a peer, until the poll after its [`Event::Left`]. `None` also for another type.
    pub fn data<T: 'static>(&self, peer: PeerId) -> Option<&T> {
        self.data.get(&peer)?.downcast_ref()
    }

    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The peers that have joined and not left, those that are away among them, in the order in which they came.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.endpoint.peers()
    }

    /// The addresses that the page is served on, the one to tell people first; loopback comes last.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        addresses::reachable(&self.bound)
    }

    /// Counts of the endpoint since the beginning.
    pub fn stats(&self) -> Stats {
        self.endpoint.stats()
    }

    /// How late deadlines were told since the beginning.
    pub fn lateness(&self) -> Lateness {
        self.lateness
    }

    /// Datagrams that were dropped since the beginning: the system did not take them from us, since its buffer was full or there
    /// was no way; or had no room for what came (where it says so: Linux); or who sent them has more than 1 MiB waiting here. It
    /// reads a file, so ask now and then rather than each time around the loop.
    pub fn datagrams_dropped(&self) -> u64 {
        self.ports.iter().map(UdpPort::dropped).sum::<u64>() + self.backlog.dropped()
    }

    /// Tells every browser that it is over, ends the threads that serve the page, and closes the sockets. Takes well
    /// under a second, whatever the connections are doing.
    pub fn shutdown(mut self) {
        let now = Instant::now();
        let peers: Vec<PeerId> = self.endpoint.all_peers().collect();
        for peer in peers {
            self.endpoint.disconnect(now, peer, Reason::ShutDown);
        }
        self.transmit();
        let Server { mailbox, gate, .. } = self;
        // First, so that an offer which waits for the loop hears that there is none, and the HTTP thread can end.
        drop(mailbox);
        gate.shutdown();
    }

    /// One round: wait, then letters, datagrams and deadlines, each within a bound. Returns whether a handle woke us.
    fn turn(&mut self, now: Instant, deadline: Option<Instant>) -> io::Result<bool> {
        let next = [deadline, self.endpoint.poll_timeout().map(|(at, _why)| at)].into_iter().flatten().min();
        let busy = !self.backlog.is_empty() || self.ports.iter().any(UdpPort::is_readable);
        if self.gathering.is_on() && !busy {
            // The endpoint's own deadlines are as well served at the next look.
            self.gathering.wait(now, deadline);
            self.ready.clear();
            self.ports.iter_mut().for_each(UdpPort::set_readable);
        } else {
            let wait = if busy { Some(Duration::ZERO) } else { next.map(|at| at.saturating_duration_since(now)) };
            match self.poll.poll(&mut self.ready, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => result?,
            }
        }
        for event in &self.ready {
            if let Some(port) = event.token().0.checked_sub(FIRST_SOCKET).and_then(|i| self.ports.get_mut(i)) {
                port.set_readable();
            }
        }

        let woken = self.read_letters();
        self.receive();
        self.endpoint.handle_timeout(Instant::now());
        self.transmit();
        Ok(woken)
    }

    /// Gives the endpoint what has come, as much as a turn may have.
    fn receive(&mut self) {
        let Server { ports, buffers, backlog, gathering, endpoint, .. } = self;
        let now = Instant::now();
        let mut left = DATAGRAMS_PER_TURN_MAX;
        for port in ports {
            for _ in 0..RECEIVES_PER_TURN_MAX {
                if !port.is_readable() {
                    break;
                }
                let batch = port.receive(buffers);
                endpoint.expect_from(batch.sources());
                for (from, to, bytes) in batch.datagrams() {
                    if left > 0 && backlog.is_empty() {
                        left -= 1;
                        endpoint.handle_datagram(now, from, to, bytes);
                    } else {
                        backlog.push(endpoint.knows(from), Waiting { from, to, bytes: bytes.to_vec() });
                    }
                }
            }
        }
        while left > 0
            && let Some(Waiting { from, to, bytes }) = backlog.take()
        {
            left -= 1;
            endpoint.handle_datagram(now, from, to, &bytes);
        }
        gathering.looked(now, DATAGRAMS_PER_TURN_MAX - left);
    }

    fn read_letters(&mut self) -> bool {
        let mut woken = false;
        for _ in 0..LETTERS_PER_TURN_MAX {
            let Some(letter) = self.mailbox.take() else { return woken };
            match letter {
                Letter::Offer { offer, address, reached, until, data, reply } => {
                    let now = Instant::now();
                    if now < until {
                        let facing = addresses::facing(reached, &self.bound);
                        let answer = self.endpoint.handle_offer(now, &offer, address, &facing);
                        let answer = answer.map(|(peer, answer)| {
                            self.keep_data(peer, data);
                            answer
                        });
                        // Nobody listens if the HTTP thread has just given up; the peer then times out.
                        let _ = reply.try_send(answer);
                        self.transmit();
                    }
                }
                // A handle is told nothing about its messages.
                Letter::Send { peer, channel, data } => drop(self.send(peer, channel, &data)),
                Letter::Broadcast { channel, data } => self.broadcast(channel, &data),
                Letter::Wake => woken = true,
            }
        }
        // More may be waiting, and their wake-up has been spent.
        self.handle.slot.nudge();
        woken
    }

    /// Together with those of peers that never opened, of which nothing else is heard.
    fn keep_data(&mut self, peer: PeerId, data: Option<PeerData>) {
        let Some(data) = data else { return };
        let all: BTreeSet<PeerId> = self.endpoint.all_peers().collect();
        self.data.retain(|known, _| all.contains(known));
        self.data.insert(peer, data);
    }

    fn transmit(&mut self) {
        let endpoint = &mut self.endpoint;
        send_all(&mut self.ports, &mut self.train, std::iter::from_fn(|| endpoint.poll_transmit()));
    }
}

/// On the HTTP thread: asks the application, reads the offer, passes it to the loop, and waits for the answer within a bound.
fn answer(handle: &Handle, authorize: Option<&Authorize>, ask: Ask) -> Result<String, Refused> {
    let request =
        ConnectRequest { from: ask.from, facing: ask.facing, query: ask.query.as_deref(), fields: &ask.fields };
    let data = authorize.map(|authorize| authorize.decide(&request)).transpose()?;
    let offer = Offer::parse(&ask.body).map_err(|error| {
        tracing::debug!(from = %ask.from, %error, "offer refused");
        Refusal::from(error)
    })?;
    let (reply, answer) = crossbeam_channel::bounded(1);
    let until = Instant::now() + ANSWER_WAIT_MAX;
    let letter =
        Letter::Offer { offer: Box::new(offer), address: ask.from.ip(), reached: ask.facing, until, data, reply };
    handle.slot.post(letter).map_err(|error| match error {
        PostError::Full => Refusal::Busy,
        PostError::Closed => Refusal::ShuttingDown,
    })?;
    match answer.recv_deadline(until) {
        Ok(answer) => Ok(answer?.to_json()),
        Err(RecvTimeoutError::Timeout) => Err(Refusal::Busy.into()),
        Err(RecvTimeoutError::Disconnected) => Err(Refusal::ShuttingDown.into()),
    }
}
