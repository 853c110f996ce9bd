//! The UDP socket on mio. Each datagram comes with the local address that it was sent to, and goes out from the address
//! that the browser knows, also when the socket is bound to all of them.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};

use crate::endpoint::Transmit;

/// Bytes of one receive buffer: the kernel may join datagrams of one sender up to this much (GRO), and no datagram is
/// larger.
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct UdpPort {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    bound: SocketAddr,
    buffers: Vec<Vec<u8>>,
    /// mio tells once; more may be waiting until the socket says that nothing is.
    readable: bool,
    dropped: u64,
}

impl UdpPort {
    pub(super) fn new(socket: UdpSocket, registry: &Registry, token: Token) -> io::Result<UdpPort> {
        let bound = socket.local_addr()?;
        let state = UdpSocketState::new((&socket).into())?;
        let mut socket = mio::net::UdpSocket::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE)?;
        let buffers = (0..BATCH_SIZE).map(|_| vec![0; BUFFER_BYTES]).collect();
        Ok(UdpPort { socket, state, bound, buffers, readable: true, dropped: 0 })
    }

    pub(super) fn set_readable(&mut self) {
        self.readable = true;
    }

    pub(super) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Datagrams that the system did not take.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// One batch: `receive(from, to, datagram)` for each datagram that was waiting, up to a bound.
    pub(super) fn receive(&mut self, mut receive: impl FnMut(SocketAddr, SocketAddr, &[u8])) {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<IoSliceMut<'_>> = self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let (socket, state) = (&self.socket, &self.state);
        let count = match socket.try_io(|| state.recv(socket.into(), &mut slices, &mut metas)) {
            Ok(count) => count,
            Err(error) => {
                // Windows reports here that an earlier datagram met no socket; that is for ICE to find out.
                self.readable = error.kind() == io::ErrorKind::ConnectionReset;
                if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionReset) {
                    tracing::warn!(%error, "cannot receive");
                }
                return;
            }
        };
        for (meta, buffer) in metas[..count].iter().zip(&self.buffers) {
            let to = SocketAddr::new(plain(meta.dst_ip.unwrap_or(self.bound.ip())), self.bound.port());
            let from = SocketAddr::new(plain(meta.addr.ip()), meta.addr.port());
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                receive(from, to, datagram);
            }
        }
    }

    /// Whether this socket can send from that address.
    pub(super) fn sends_from(&self, from: SocketAddr) -> bool {
        let ip = self.bound.ip();
        ip.is_ipv4() == from.is_ipv4() && (ip.is_unspecified() || ip == from.ip())
    }

    /// A datagram that cannot go out now is dropped and counted: it is a datagram, and what matters is sent again.
    pub(super) fn send(&mut self, transmit: &Transmit) {
        let packet = quinn_udp::Transmit {
            destination: transmit.to,
            ecn: None,
            contents: &transmit.bytes,
            segment_size: None,
            src_ip: self.bound.ip().is_unspecified().then_some(transmit.from.ip()),
        };
        let (socket, state) = (&self.socket, &self.state);
        if let Err(error) = socket.try_io(|| state.try_send(socket.into(), &packet)) {
            self.dropped += 1;
            tracing::debug!(%error, to = %transmit.to, "datagram dropped");
        }
    }
}

fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}
