//! One device and the person who holds it: it opens pages, one after another, and things happen to it.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use patchcord::PeerId;

use crate::chance::Chance;
use crate::network::Link;
use crate::options::Options;
use crate::page::Page;
use crate::room_page::RoomPage;
use crate::session::{Backoff, Session};

pub struct Visitor {
    ip: IpAddr,
    port: u16,
    pub page: Option<Page>,
    /// How many pages it has had: what was planned for an earlier one does not happen to a later one.
    pub pages: u32,
    /// Its page's peer, once the server has taken the offer; with a session, until it is told that it is another.
    pub peer: Option<PeerId>,
    /// Whether its pages speak the session.
    pub has_session: bool,
    /// What a page left that wants to come back.
    pub stored: Option<Session>,
    /// Its page has had a connection before this one.
    pub is_returning: bool,
    /// The server has said why it ends the connection.
    pub over: Option<u8>,
    pub is_hidden: bool,
    pub backoff: Backoff,
    /// Every token that it was given, in order.
    pub tokens: Vec<String>,
    /// The page whose own address is gone: nothing that it sends gets out.
    stranded_page: Option<u32>,
    pub room: RoomPage,
    /// From where the server sees its datagrams come. The browser knows only its own address.
    pub seen_as: SocketAddr,
    pub up: Link,
    pub down: Link,
    pub is_asleep: bool,
    /// When the world wakes its page next.
    pub wake_at: Option<Instant>,
    /// For what it says, for what happens to it, and for how it comes back.
    pub words: Chance,
    pub life: Chance,
    pub tries: Chance,
    rebinds: u16,
    moves: u8,
}

/// Something that happens to a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Close,
    Vanish,
    Sleep,
    Rebind,
    Kick,
    Reload,
    Move,
    Hide,
    Theft,
}

impl Visitor {
    pub fn new(seed: u64, index: usize, options: &Options, now: Instant) -> Visitor {
        let host = index / options.browsers_per_address;
        let ip = [10, 0, (host / 250) as u8, (host % 250) as u8 + 1].into();
        // Who shares an address has ports of its own.
        let port = 20_000 + (index % options.browsers_per_address) as u16 * 1000;
        let mut tries = Chance::of(seed, "tries", index);
        let mut down = Link::new(Chance::of(seed, "down", index), now);
        down.rate = options.first_rate.filter(|_| index == 0);
        Visitor {
            ip,
            port,
            page: None,
            pages: 0,
            peer: None,
            has_session: tries.happens(options.sessions),
            stored: None,
            is_returning: false,
            over: None,
            is_hidden: tries.happens(options.hidden),
            backoff: Backoff::default(),
            tokens: Vec::new(),
            stranded_page: None,
            room: RoomPage::default(),
            seen_as: SocketAddr::new(ip, port),
            up: Link::new(Chance::of(seed, "up", index), now),
            down,
            is_asleep: false,
            wake_at: None,
            words: Chance::of(seed, "words", index),
            life: Chance::of(seed, "life", index),
            tries,
            rebinds: 0,
            moves: 0,
        }
    }

    /// What its open page knows of its session, and whose it is.
    pub fn session_of(&self) -> Option<(&Session, PeerId)> {
        let page = self.page.as_ref().filter(|page| page.is_open())?;
        Some((page.session()?, self.peer?))
    }

    /// The address for its next page.
    pub fn next_address(&mut self, options: &Options) -> SocketAddr {
        if !self.life.happens(options.same_port) {
            self.port = self.port / 1000 * 1000 + (self.port + 1) % 1000;
        }
        SocketAddr::new(self.ip, self.port)
    }

    /// Another address that nobody has.
    pub fn rebind(&mut self) {
        self.rebinds += 1;
        let port = 60_000 + self.rebinds % 1000;
        let IpAddr::V4(ip) = self.ip else { return };
        let [a, _, c, d] = ip.octets();
        // Who shares an address must not come to share a port as well.
        let network = 100 + (self.port / 1000) as u8;
        self.seen_as = SocketAddr::new([a, network, c, d].into(), port);
    }

    /// Another network, with another address of its own.
    pub fn move_away(&mut self) {
        self.moves = (self.moves + 1) % 100;
        let IpAddr::V4(ip) = self.ip else { return };
        let [a, _, c, d] = ip.octets();
        self.ip = [a, 10 + self.moves, c, d].into();
        self.stranded_page = Some(self.pages);
    }

    /// Whether nothing that its page sends gets out.
    pub fn is_stranded(&self) -> bool {
        self.stranded_page == Some(self.pages)
    }

    pub fn next_happening(&mut self, options: &Options) -> Happening {
        let Options { close, vanish, sleep, rebind, kick, reload, moves, hide, theft, .. } = *options;
        self.life.pick(&[
            (close, Happening::Close),
            (vanish, Happening::Vanish),
            (sleep, Happening::Sleep),
            (rebind, Happening::Rebind),
            (kick, Happening::Kick),
            (reload, Happening::Reload),
            (moves, Happening::Move),
            (hide, Happening::Hide),
            (theft, Happening::Theft),
        ])
    }
}
