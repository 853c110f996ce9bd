//! What the model knows of one peer.

use std::net::IpAddr;
use std::time::Instant;

use patchcord::Reason;

use crate::lane::Lane;

/// How a STUN binding success response begins (RFC 8489, section 5).
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

/// One page's connection, from its offer.
#[derive(Debug)]
pub struct Connection {
    pub address: IpAddr,
    pub offered_at: Instant,
    pub joined_at: Option<Instant>,
    /// Also of a peer that never opened, once that was noticed.
    pub left: Option<(Instant, Reason)>,
    pub page_ended: Option<PageEnd>,
    /// When a datagram of its browser last arrived whole.
    pub heard_at: Instant,
    /// When an answer of its browser to one of our ICE checks last arrived whole. ICE judges by these alone.
    pub answered_at: Instant,
    /// When the server last began to see it at another address.
    pub rebound_at: Option<Instant>,
    /// Its address proved to be a newer connection's.
    pub is_replaced: bool,
    /// What the application asked for.
    pub disconnected: Option<Reason>,
    /// To the server, and to the page.
    pub up: Lane,
    pub down: Lane,
    /// Bytes sent to it since it was last heard.
    pub unheard_reliable: usize,
    pub unheard_unreliable: usize,
}

/// How a page went.
#[derive(Debug, Clone, Copy)]
pub struct PageEnd {
    /// It closed its connection and said so; else it was killed.
    pub told_server: bool,
    pub at: Instant,
}

impl Connection {
    pub fn new(now: Instant, address: IpAddr) -> Connection {
        Connection {
            address,
            offered_at: now,
            joined_at: None,
            left: None,
            page_ended: None,
            heard_at: now,
            answered_at: now,
            rebound_at: None,
            is_replaced: false,
            disconnected: None,
            up: Lane::default(),
            down: Lane::default(),
            unheard_reliable: 0,
            unheard_unreliable: 0,
        }
    }

    pub fn is_joined(&self) -> bool {
        self.joined_at.is_some() && self.left.is_none()
    }

    /// A datagram of its browser arrived whole.
    pub fn heard(&mut self, now: Instant, datagram: &[u8]) {
        self.heard_at = now;
        if datagram.starts_with(&BINDING_SUCCESS) {
            self.answered_at = now;
        }
        self.unheard_reliable = 0;
        self.unheard_unreliable = 0;
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
