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

/// Bytes that leave in one system call: what a UDP datagram of any length can have, and some for headers.
const TRAIN_BYTES_MAX: usize = 65_000;

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
pub(crate) struct Buffers {
    bytes: Vec<Vec<u8>>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Buffers {
    pub(crate) fn new() -> Buffers {
        let bytes = (0..BATCH_SIZE).map(|_| vec![0; BUFFER_BYTES]).collect();
        Buffers { bytes, metas: [RecvMeta::default(); BATCH_SIZE] }
    }
}

/// What one system call has received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    bytes: &'a [Vec<u8>],
    metas: &'a [RecvMeta],
    bound: SocketAddr,
}

impl<'a> Batch<'a> {
    /// Where datagrams have come from, in their order; several from one address may count once.
    pub(crate) fn sources(self) -> impl Iterator<Item = SocketAddr> + Clone {
        self.metas.iter().map(|meta| SocketAddr::new(plain(meta.addr.ip()), meta.addr.port()))
    }

    /// From where, to where, and the datagram.
    pub(crate) fn datagrams(self) -> impl Iterator<Item = (SocketAddr, SocketAddr, &'a [u8])> {
        let received = self.sources().zip(self.metas).zip(self.bytes);
        received.flat_map(move |((from, meta), buffer)| {
            let to = SocketAddr::new(plain(meta.dst_ip.unwrap_or(self.bound.ip())), self.bound.port());
            buffer[..meta.len].chunks(meta.stride.max(1)).map(move |datagram| (from, to, datagram))
        })
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

    /// Datagrams that the system did not take from us, and those for which its own buffer had no room, where it says so.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped + overflowed(&self.socket).unwrap_or(0)
    }

    /// Datagrams that were waiting, up to a bound.
    pub(crate) fn receive<'a>(&mut self, buffers: &'a mut Buffers) -> Batch<'a> {
        let Buffers { bytes, metas } = buffers;
        let mut slices: Vec<IoSliceMut<'_>> = bytes.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let (socket, state) = (&self.socket, &self.state);
        let count = match socket.try_io(|| state.recv(socket.into(), &mut slices, metas)) {
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
                0
            }
        };
        Batch { bytes, metas: &metas[..count], bound: self.bound }
    }

    /// Whether this socket can send from that address.
    pub(crate) fn sends_from(&self, from: SocketAddr) -> bool {
        let ip = self.bound.ip();
        ip.is_ipv4() == from.is_ipv4() && (ip.is_unspecified() || ip == from.ip())
    }

    /// Sends them all, several to one browser in one system call where the system can (UDP GSO, Linux 4.18).
    ///
    /// What cannot go out now is dropped and counted: datagrams are datagrams, and what matters is sent again.
    pub(crate) fn send(&mut self, train: &Train) {
        let Some((from, to)) = train.path else { return };
        let packet = quinn_udp::Transmit {
            destination: to,
            ecn: None,
            contents: &train.bytes,
            segment_size: (train.count > 1).then_some(train.segment_bytes),
            src_ip: self.bound.ip().is_unspecified().then_some(from.ip()),
        };
        let (socket, state) = (&self.socket, &self.state);
        if let Err(error) = socket.try_io(|| state.try_send(socket.into(), &packet)) {
            self.dropped += train.count as u64;
            tracing::debug!(%error, %to, count = train.count, "dropped");
        }
    }

    /// How many datagrams may go out in one system call; 1 where there is no such thing.
    fn train_length_max(&self) -> usize {
        self.state.max_gso_segments()
    }
}

/// Sends a sequence of datagrams, each by the first of these ports that can, in their order.
pub(crate) fn send_all(ports: &mut [UdpPort], train: &mut Train, transmits: impl Iterator<Item = Transmit>) {
    let mut send = |train: &mut Train| {
        if let Some((from, _)) = train.path
            && let Some(port) = ports.iter_mut().find(|port| port.sends_from(from))
        {
            train.length_max = port.train_length_max();
            port.send(train);
        }
        train.clear();
    };
    for transmit in transmits {
        if !train.takes(&transmit) {
            send(train);
        }
        train.push(&transmit);
    }
    send(train);
}

/// Datagrams on one path that leave together: of one size, but for the last, which may be smaller.
#[derive(Debug, Default)]
pub(crate) struct Train {
    path: Option<(SocketAddr, SocketAddr)>,
    segment_bytes: usize,
    count: usize,
    length_max: usize,
    bytes: Vec<u8>,
}

impl Train {
    fn takes(&self, transmit: &Transmit) -> bool {
        let is_alike = self.path == Some((transmit.from, transmit.to)) && transmit.bytes.len() <= self.segment_bytes;
        let is_open = self.bytes.len() == self.count * self.segment_bytes;
        let has_room = self.count < self.length_max && self.bytes.len() + transmit.bytes.len() <= TRAIN_BYTES_MAX;
        self.path.is_none() || (is_alike && is_open && has_room)
    }

    fn push(&mut self, transmit: &Transmit) {
        if self.path.is_none() {
            (self.path, self.segment_bytes) = (Some((transmit.from, transmit.to)), transmit.bytes.len());
        }
        self.count += 1;
        self.bytes.extend_from_slice(&transmit.bytes);
    }

    fn clear(&mut self) {
        (self.path, self.count) = (None, 0);
        self.bytes.clear();
    }
}

/// What the kernel has dropped of what came to a socket since it was bound: the last column of its line in `/proc/net/udp`.
#[cfg(target_os = "linux")]
fn overflowed(socket: &mio::net::UdpSocket) -> Option<u64> {
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    const INODE: usize = 9;
    const DROPS: usize = 12;

    let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?.ino().to_string();
    let table = if socket.local_addr().ok()?.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
    let text = fs::read_to_string(table).ok()?;
    let mut lines = text.lines().map(|line| line.split_whitespace());
    lines.find_map(|mut columns| {
        (columns.nth(INODE)? == inode).then_some(())?;
        columns.nth(DROPS - INODE - 1)?.parse().ok()
    })
}

#[cfg(not(target_os = "linux"))]
fn overflowed(_socket: &mio::net::UdpSocket) -> Option<u64> {
    None
}

fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transmit(to: u16, length: usize) -> Transmit {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Transmit { from: at(1), to: at(to), bytes: vec![7; length] }
    }

    #[test]
    fn a_train_is_of_one_path_and_one_size() {
        let mut train = Train { length_max: 4, ..Train::default() };
        assert!(train.takes(&transmit(2, 100)));
        train.push(&transmit(2, 100));
        assert!(!train.takes(&transmit(3, 100)) && !train.takes(&transmit(2, 101)));
        assert!(train.takes(&transmit(2, 100)));
        train.push(&transmit(2, 99));
        assert!(!train.takes(&transmit(2, 99)), "only the last is smaller");
        train.clear();
        (0..4).for_each(|_| train.push(&transmit(2, 100)));
        assert!(!train.takes(&transmit(2, 100)), "that is as many as the system takes");
    }

    #[test]
    fn datagrams_arrive_one_by_one_and_in_order() {
        let poll = mio::Poll::new().unwrap();
        let ours = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
        theirs.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let (from, to) = (ours.local_addr().unwrap(), theirs.local_addr().unwrap());
        let mut ports = [UdpPort::new(ours, poll.registry(), Token(0)).unwrap()];
        let lengths = [10, 10, 10, 7, 10, 1200, 1200, 3, 0, 5];
        let transmits =
            lengths.iter().enumerate().map(|(i, length)| Transmit { from, to, bytes: vec![i as u8; *length] });
        let mut train = Train::default();
        // The first learns how much the system takes.
        for _ in 0..2 {
            send_all(&mut ports, &mut train, transmits.clone());
            for expected in transmits.clone() {
                let mut buffer = [0; 2000];
                let length = theirs.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], expected.bytes);
            }
        }
        assert_eq!(ports[0].dropped(), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_there_was_no_room_for_is_counted() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let poll = mio::Poll::new().unwrap();
            let Ok(ours) = bind(address.parse().unwrap()) else { continue };
            socket2::SockRef::from(&ours).set_recv_buffer_size(4096).unwrap();
            let theirs = UdpSocket::bind(address).unwrap();
            let to = ours.local_addr().unwrap();
            let mut port = UdpPort::new(ours, poll.registry(), Token(0)).unwrap();
            assert_eq!(port.dropped(), 0);
            (0..100).for_each(|_| assert_eq!(theirs.send_to(&[7; 1000], to).unwrap(), 1000));
            let received = port.receive(&mut Buffers::new()).datagrams().count() as u64;
            assert!(received < 100, "the buffer is small");
            assert_eq!(port.dropped(), 100 - received);
        }
    }
}
