//! The UDP socket on mio, of a server and of a client. Each datagram comes with the local address that it was sent to, and
//! goes out from the address that the other side knows, also when the socket is bound to all of them.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::endpoint::Transmit;

/// Bytes of one receive buffer: the kernel may join datagrams of one sender up to this much (GRO), and no datagram is
/// larger.
const BUFFER_BYTES: usize = 64 * 1024;

/// Kernel buffer asked for on each side of a socket, in bytes. 2 MiB holds 200 peers' traffic of 60 messages a second
/// for half a second, should the loop be late by that much; the kernel may give less (`net.core.rmem_max`).
const KERNEL_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// A socket that does not block, bound to this address alone: one for IPv6 is not one for IPv4 too.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own, so that addresses need no translation.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // What the kernel gives of it is enough to work with.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(KERNEL_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Where datagrams are put as they are received. One is enough for any number of sockets; 2 MiB, of which only what is used
/// becomes real.
#[derive(Debug)]
pub(crate) struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    pub(crate) fn new() -> Buffers {
        Buffers((0..BATCH_SIZE).map(|_| vec![0; BUFFER_BYTES]).collect())
    }
}

#[derive(Debug)]
pub(crate) struct UdpPort {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    bound: SocketAddr,
    /// mio tells once; more may be waiting until the socket says that nothing is.
    readable: bool,
    dropped: u64,
}

impl UdpPort {
    pub(crate) fn new(socket: UdpSocket, registry: &Registry, token: Token) -> io::Result<UdpPort> {
        let bound = socket.local_addr()?;
        let state = UdpSocketState::new((&socket).into())?;
        let mut socket = mio::net::UdpSocket::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(UdpPort { socket, state, bound, readable: true, dropped: 0 })
    }

    /// Before it is dropped.
    pub(crate) fn deregister(&mut self, registry: &Registry) {
        // It is closed next, which ends it all the same.
        let _ = registry.deregister(&mut self.socket);
    }

    pub(crate) fn set_readable(&mut self) {
        self.readable = true;
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Datagrams that the system did not take.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// One batch: `receive(from, to, datagram)` for each datagram that was waiting, up to a bound.
    pub(crate) fn receive(&mut self, buffers: &mut Buffers, mut receive: impl FnMut(SocketAddr, SocketAddr, &[u8])) {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<IoSliceMut<'_>> = buffers.0.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let (socket, state) = (&self.socket, &self.state);
        let count = match socket.try_io(|| state.recv(socket.into(), &mut slices, &mut metas)) {
            Ok(count) => {
                // Who gives less than was asked for has no more, and epoll and kqueue tell of what comes next. Where there is
                // one datagram a call, only `WouldBlock` says so.
                self.readable = count == BATCH_SIZE;
                count
            }
            Err(error) => {
                // Windows reports here that an earlier datagram met no socket; that is for ICE to find out.
                self.readable = error.kind() == io::ErrorKind::ConnectionReset;
                if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionReset) {
                    tracing::warn!(%error, "cannot receive");
                }
                return;
            }
        };
        for (meta, buffer) in metas[..count].iter().zip(&buffers.0) {
            let to = SocketAddr::new(plain(meta.dst_ip.unwrap_or(self.bound.ip())), self.bound.port());
            let from = SocketAddr::new(plain(meta.addr.ip()), meta.addr.port());
            for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                receive(from, to, datagram);
            }
        }
    }

    /// Whether this socket can send from that address.
    pub(crate) fn sends_from(&self, from: SocketAddr) -> bool {
        let ip = self.bound.ip();
        ip.is_ipv4() == from.is_ipv4() && (ip.is_unspecified() || ip == from.ip())
    }

    /// A datagram that cannot go out now is dropped and counted: it is a datagram, and what matters is sent again.
    pub(crate) fn send(&mut self, transmit: &Transmit) {
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
