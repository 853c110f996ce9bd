//! What the model knows of one peer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use patchcord::Reason;

use crate::backlog::Backlog;
use crate::lane::Lane;
use crate::slowness::Slowness;

/// How a STUN binding success response begins (RFC 8489, section 5).
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

/// One peer, from its first offer, over all of its page's connections.
#[derive(Debug)]
pub struct Connection {
    /// Where the browser of its connection is at home, or of the one that it had last.
    pub address: SocketAddr,
    /// The number of the page that has this connection.
    pub page: u32,
    pub has_session: bool,
    pub offered_at: Instant,
    pub joined_at: Option<Instant>,
    /// While it is away.
    pub away_since: Option<Instant>,
    /// Pages that may come back as this peer: when the server agreed, and the address.
    pub claims: BTreeMap<u32, (Instant, SocketAddr)>,
    /// Also of a peer that never opened, once that was noticed.
    pub left: Option<(Instant, Reason)>,
    /// It was away when it left, so that nobody could tell its page.
    pub left_from_away: bool,
    pub page_ended: Option<PageEnd>,
    /// Pages that closed their connection and said so.
    pub closed_pages: BTreeSet<u32>,
    pub visibility: Visibility,
    /// When nothing that its page says of itself waited to leave.
    pub has_said_all_at: Instant,
    /// When a datagram of its browser last arrived whole.
    pub heard_at: Instant,
    /// When one did that the server cannot have ignored.
    pub surely_heard_at: Instant,
    /// When an answer of its browser to one of our ICE checks last arrived whole. ICE judges by these alone.
    pub answered_at: Instant,
    /// When the server last began to see it at another address, and which of its pages that was.
    pub rebound_at: Option<Instant>,
    rebound_page: u32,
    /// Its address proved to be a newer connection's.
    pub is_replaced: bool,
    /// What the application asked for, and its words if the page is not to come back.
    pub disconnected: Option<(Reason, Option<String>)>,
    /// To the server, and to the page.
    pub up: Lane,
    pub down: Lane,
    /// Reliable bytes sent to it since it was last heard.
    pub unheard_reliable: usize,
    pub backlog: Backlog,
    pub slowness: Slowness,
}

/// How a page went.
#[derive(Debug, Clone, Copy)]
pub struct PageEnd {
    /// It closed its connection for good and said so; else it was killed, or goes on as another peer.
    pub told_server: bool,
    pub at: Instant,
}

/// Whether the page is hidden, and since when.
#[derive(Debug, Clone, Copy)]
pub struct Visibility {
    pub is_hidden: bool,
    pub since: Instant,
}

impl Connection {
    pub fn new(now: Instant, address: SocketAddr, page: u32, has_session: bool) -> Connection {
        Connection {
            address,
            page,
            has_session,
            offered_at: now,
            joined_at: None,
            away_since: None,
            claims: BTreeMap::new(),
            left: None,
            left_from_away: false,
            page_ended: None,
            closed_pages: BTreeSet::new(),
            visibility: Visibility { is_hidden: false, since: now },
            has_said_all_at: now,
            heard_at: now,
            surely_heard_at: now,
            answered_at: now,
            rebound_at: None,
            rebound_page: 0,
            is_replaced: false,
            disconnected: None,
            up: Lane::default(),
            down: Lane::default(),
            unheard_reliable: 0,
            backlog: Backlog::new(now),
            slowness: Slowness::default(),
        }
    }

    pub fn is_joined(&self) -> bool {
        self.joined_at.is_some() && self.left.is_none()
    }

    /// Whether it has a connection.
    pub fn is_here(&self) -> bool {
        self.is_joined() && self.away_since.is_none()
    }

    /// It has a connection, from now on: of this page, from this address.
    pub fn is_connected(&mut self, now: Instant, page: u32, address: SocketAddr) {
        (self.page, self.address) = (page, address);
        // A page that moved while it opened may be open by what it sent before.
        self.rebound_at = self.rebound_at.filter(|_| self.rebound_page == page);
        self.is_replaced = false;
        (self.heard_at, self.surely_heard_at, self.answered_at) = (now, now, now);
        self.claims.remove(&page);
        self.slowness = Slowness::default();
        // A new SCTP has nothing on the way yet, and with its offer the page has said what it has had.
        self.nothing_is_unheard(now);
    }

    /// The server sees this page at another address from now on.
    pub fn rebinds(&mut self, now: Instant, page: u32) {
        (self.rebound_at, self.rebound_page) = (Some(now), page);
    }

    /// A datagram of its browser arrived whole; `surely` if the server has no reason to ignore it.
    pub fn heard(&mut self, now: Instant, datagram: &[u8], surely: bool) {
        self.heard_at = now;
        if datagram.starts_with(&BINDING_SUCCESS) {
            self.answered_at = now;
        }
        // DTLS records, of which an open connection has no others than those that carry SCTP (RFC 7983, section 7).
        if surely && datagram.first().is_some_and(|first| (20..=63).contains(first)) {
            self.surely_heard_at = now;
        }
        self.nothing_is_unheard(now);
    }

    fn nothing_is_unheard(&mut self, now: Instant) {
        self.unheard_reliable = 0;
        self.backlog = Backlog::new(now);
    }

    pub fn page_ended(&mut self, now: Instant, told_server: bool) {
        if self.page_ended.is_none() {
            self.page_ended = Some(PageEnd { told_server, at: now });
        }
        self.forget_if_over();
    }

    /// What was on the way is of no more interest once neither side can hear it.
    pub fn forget_if_over(&mut self) {
        if self.left.is_some() && self.page_ended.is_some() {
            self.up = Lane::default();
            self.down = Lane::default();
        }
    }
}
