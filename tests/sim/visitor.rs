//! One device and the person who holds it: it opens pages, one after another, and things happen to it.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use patchcord::PeerId;

use crate::chance::Chance;
use crate::network::Link;
use crate::options::Options;
use crate::page::Page;
use crate::room_page::RoomPage;

pub struct Visitor {
    ip: IpAddr,
    port: u16,
    pub page: Option<Page>,
    /// How many pages it has had: what was planned for an earlier one does not happen to a later one.
    pub pages: u32,
    /// Its page's peer, once the server has taken the offer.
    pub peer: Option<PeerId>,
    pub room: RoomPage,
    /// From where the server sees its datagrams come. The browser knows only its own address.
    pub seen_as: SocketAddr,
    pub up: Link,
    pub down: Link,
    pub is_asleep: bool,
    /// When the world wakes its page next.
    pub wake_at: Option<Instant>,
    /// For what it says, and for what happens to it.
    pub words: Chance,
    pub life: Chance,
    rebinds: u16,
}

/// Something that happens to a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Close,
    Vanish,
    Sleep,
    Rebind,
    Kick,
}

impl Visitor {
    pub fn new(seed: u64, index: usize, options: &Options, now: Instant) -> Visitor {
        let host = index / options.browsers_per_address;
        let ip = [10, 0, (host / 250) as u8, (host % 250) as u8 + 1].into();
        // Who shares an address has ports of its own.
        let port = 20_000 + (index % options.browsers_per_address) as u16 * 1000;
        Visitor {
            ip,
            port,
            page: None,
            pages: 0,
            peer: None,
            room: RoomPage::default(),
            seen_as: SocketAddr::new(ip, port),
            up: Link::new(Chance::of(seed, "up", index), now),
            down: Link::new(Chance::of(seed, "down", index), now),
            is_asleep: false,
            wake_at: None,
            words: Chance::of(seed, "words", index),
            life: Chance::of(seed, "life", index),
            rebinds: 0,
        }
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

    pub fn next_happening(&mut self, options: &Options) -> Happening {
        let Options { close, vanish, sleep, rebind, kick, .. } = *options;
        self.life.pick(&[
            (close, Happening::Close),
            (vanish, Happening::Vanish),
            (sleep, Happening::Sleep),
            (rebind, Happening::Rebind),
            (kick, Happening::Kick),
        ])
    }
}
