//! The gate's thread: every client's socket, tiny_http's, and the time.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use super::connection::{Connection, Next};
use super::door::{Door, Seat};
use super::exchange::Exchange;
use super::inner::Inner;
use super::{Rules, trust};
use crate::server::http::Control;
use crate::signal::Refusal;

/// How long nobody is accepted after an error (no file descriptors, no memory), and how long tiny_http is left alone
/// after its connection broke: long enough not to spin, short enough not to be noticed.
pub(super) const BACK_OFF: Duration = Duration::from_millis(50);

/// How many clients are accepted before the others get their turn again.
const ACCEPTS_PER_TURN_MAX: usize = 64;

/// How many events one system call brings. More stay for the next.
const EVENTS_PER_TURN_MAX: usize = 256;

/// How much is read at once, in bytes. An offer fits; a file of 1 MiB takes 16 reads.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Wakes the thread to end it.
pub(super) const WAKER: Token = Token(0);
/// The connection to tiny_http.
pub(super) const INNER: Token = Token(1);
/// Listeners have the tokens from here on, clients the ones behind them. No client's token is used twice, so an event
/// that comes late cannot meet another client.
const LISTENERS: usize = 2;

/// Everything the thread owns.
pub(super) struct Worker {
    pub(super) poll: Poll,
    pub(super) listeners: Vec<Entrance>,
    pub(super) rules: Rules,
    pub(super) inner: Arc<Inner>,
    pub(super) http: Arc<Control>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) house: House,
}

/// A listener, and when to try it again after an error or an exhausted turn.
pub(super) struct Entrance {
    listener: TcpListener,
    again_at: Option<Instant>,
    is_failing: bool,
}

/// The clients, and the conversation with tiny_http.
pub(super) struct House {
    pub(super) door: Door,
    pub(super) clients: BTreeMap<Token, Connection>,
    next_client: usize,
    /// Clients whose request is whole, in the order in which they came in.
    pub(super) waiting: BTreeSet<Token>,
    pub(super) exchange: Exchange,
    /// When to do something about tiny_http that no event will announce.
    pub(super) exchange_again_at: Option<Instant>,
    pub(super) scratch: Vec<u8>,
}

impl Entrance {
    pub(super) fn new(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Entrance { listener: TcpListener::from_std(listener), again_at: None, is_failing: false })
    }
}

impl House {
    pub(super) fn new(rules: &Rules, listeners: usize) -> Self {
        House {
            door: Door::new(rules.limits.connections, rules.limits.connections_per_address),
            clients: BTreeMap::new(),
            next_client: LISTENERS + listeners,
            waiting: BTreeSet::new(),
            exchange: Exchange::new(),
            exchange_again_at: None,
            scratch: vec![0; SCRATCH_BYTES],
        }
    }
}

impl Worker {
    /// Registers every socket but the clients', and sees that tiny_http answers. Before [`Worker::run`].
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        for (number, entrance) in self.listeners.iter_mut().enumerate() {
            let token = Token(LISTENERS + number);
            self.poll.registry().register(&mut entrance.listener, token, Interest::READABLE)?;
        }
        self.house.exchange.connect(&self.inner, &self.rules.key, self.poll.registry(), INNER)
    }

    /// Serves until it is stopped.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_PER_TURN_MAX);
        while !self.stop.load(Ordering::SeqCst) {
            let timeout = self.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "cannot wait for the network; trying again");
                thread::sleep(BACK_OFF);
            }
            for event in &events {
                match event.token() {
                    WAKER | INNER => {}
                    token if token.0 < LISTENERS + self.listeners.len() => self.accept(token.0 - LISTENERS),
                    // A client that is gone for good says so here even while it waits for its answer.
                    token if event.is_error() => self.close(token),
                    token => self.advance(token),
                }
            }
            self.expire();
            self.converse();
        }
        self.say_goodbye();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let entrances = self.listeners.iter().filter_map(|entrance| entrance.again_at);
        // At most a few hundred clients: to look at all costs some microseconds, and nothing can get out of step.
        let clients = self.house.clients.values().map(|client| client.deadline);
        entrances.chain(clients).chain(self.house.exchange_again_at).min()
    }

    /// Lets in who stands at a listener. No error ends this: the next client may be fine.
    fn accept(&mut self, number: usize) {
        self.listeners[number].again_at = None;
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            let (stream, from) = match self.listeners[number].listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The client was gone again before its turn (accept(2), "Error handling").
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
                Err(error) => {
                    let entrance = &mut self.listeners[number];
                    if !std::mem::replace(&mut entrance.is_failing, true) {
                        tracing::warn!(%error, "cannot accept connections; trying again");
                    }
                    entrance.again_at = Some(Instant::now() + BACK_OFF);
                    return;
                }
            };
            self.listeners[number].is_failing = false;
            self.welcome(stream, trust::plain(from));
        }
        // Events come once for each change, so those who still stand there are not announced again.
        self.listeners[number].again_at = Some(Instant::now());
    }

    fn welcome(&mut self, mut stream: mio::net::TcpStream, from: std::net::SocketAddr) {
        let token = Token(self.house.next_client);
        let prepared = stream.set_nodelay(true).and_then(|()| stream.local_addr()).and_then(|facing| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, interest).map(|()| trust::plain(facing))
        });
        // A client that is gone already fails here.
        let Ok(facing) = prepared else { return };
        let Some(seat) = self.house.door.enter(from.ip()) else { return };
        if let Seat::Refused(refusal) = &seat {
            tracing::debug!(%from, %refusal, "not let in");
        }
        self.house.next_client += 1;
        self.house.clients.insert(token, Connection::new(stream, from, facing, seat, &self.rules));
        self.advance(token);
    }

    fn advance(&mut self, token: Token) {
        let house = &mut self.house;
        let Some(client) = house.clients.get_mut(&token) else { return };
        match client.advance(Instant::now(), &self.rules, &mut house.scratch) {
            Next::Stay => {}
            Next::Close => self.close(token),
            Next::Submit => {
                house.waiting.insert(token);
                self.converse();
            }
        }
    }

    pub(super) fn close(&mut self, token: Token) {
        self.house.waiting.remove(&token);
        if let Some(client) = self.house.clients.remove(&token) {
            self.house.door.leave(client.seat);
        }
    }

    /// Does what is due.
    fn expire(&mut self) {
        let now = Instant::now();
        for number in 0..self.listeners.len() {
            if self.listeners[number].again_at.is_some_and(|at| at <= now) {
                self.accept(number);
            }
        }
        let due = |(token, client): (&Token, &Connection)| (client.deadline <= now).then_some(*token);
        let due: Vec<Token> = self.house.clients.iter().filter_map(due).collect();
        for token in due {
            let Some(client) = self.house.clients.get_mut(&token) else { continue };
            self.house.waiting.remove(&token);
            match client.expire(now, &self.rules) {
                Next::Close => self.close(token),
                Next::Stay | Next::Submit => self.advance(token),
            }
        }
    }

    /// Tells those who wait, as far as their sockets take it at once.
    fn say_goodbye(&mut self) {
        let now = Instant::now();
        for client in self.house.clients.values_mut().filter(|client| client.is_owed()) {
            client.refuse(now, Refusal::ShuttingDown, &self.rules);
            client.advance(now, &self.rules, &mut self.house.scratch);
        }
    }
}
