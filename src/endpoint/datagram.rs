use std::net::SocketAddr;

use str0m::net::{DatagramRecv, Protocol, Receive};

/// A datagram with the two addresses of its path.
#[derive(Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// `None` for what is neither STUN nor DTLS.
    pub(super) fn receive(self) -> Option<Receive<'a>> {
        let contents = DatagramRecv::try_from(self.bytes).ok()?;
        Some(Receive { proto: Protocol::Udp, source: self.from, destination: self.to, contents })
    }
}
