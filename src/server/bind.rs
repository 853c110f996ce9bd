//! One TCP listener and one UDP socket on the same port number, for each address asked for.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::udp;

/// Connections that the kernel completes before the gate accepts them. What a classroom makes at once.
const TCP_BACKLOG: i32 = 256;

/// How often another port is tried when the system chose one for TCP that UDP cannot have.
const ANY_PORT_TRIES: usize = 16;

/// A pair of sockets on one address.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) address: SocketAddr,
    pub(super) tcp: TcpListener,
    pub(super) udp: UdpSocket,
}

/// Binds every address, all on the port of the first; port 0 lets the system choose. An IPv6 address that this machine
/// cannot have at all is left out if another one could be bound.
pub(super) fn bind_all(addresses: &[SocketAddr]) -> io::Result<Vec<Bound>> {
    let Some(first) = addresses.first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on"));
    };
    let mut tries = if first.port() == 0 { ANY_PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_on_one_port(addresses) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            result => return result,
        }
    }
}

fn bind_on_one_port(addresses: &[SocketAddr]) -> io::Result<Vec<Bound>> {
    let mut bound: Vec<Bound> = Vec::new();
    let mut unavailable = None;
    for address in addresses {
        let port = bound.first().map_or(address.port(), |first| first.address.port());
        match bind_pair(SocketAddr::new(address.ip(), port)) {
            Ok(pair) => bound.push(pair),
            Err(error) if address.is_ipv6() && is_no_ipv6(&error) => unavailable = Some(error),
            Err(error) => return Err(error),
        }
    }
    match unavailable {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

/// A kernel with IPv6 switched off says that the address is not available; one without it, that the address family is
/// not supported, for which `io::ErrorKind` has no name.
fn is_no_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: [i32; 3] = [97, 47, 10047]; // Linux, macOS and the BSDs, Windows
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error().is_some_and(|code| EAFNOSUPPORT.contains(&code))
}

fn bind_pair(address: SocketAddr) -> io::Result<Bound> {
    let tcp = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // IPv4 has a listener of its own, so that addresses need no translation.
        tcp.set_only_v6(true)?;
    }
    tcp.set_nonblocking(true)?;
    // A server that restarts must not wait for its old connections to be forgotten. On Windows the option means another
    // thing: that somebody else may take the port.
    #[cfg(unix)]
    tcp.set_reuse_address(true)?;
    tcp.bind(&address.into())?;
    tcp.listen(TCP_BACKLOG)?;
    let tcp: TcpListener = tcp.into();
    let address = SocketAddr::new(address.ip(), tcp.local_addr()?.port());
    let udp = udp::bind(address)?;
    Ok(Bound { address, tcp, udp })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_on_the_same_port() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let bound = bind_all(&[any]).unwrap();
        let port = bound[0].address.port();
        assert_ne!(port, 0);
        assert_eq!(bound[0].udp.local_addr().unwrap().port(), port);
        assert_eq!(bound[0].tcp.local_addr().unwrap().port(), port);
    }

    #[test]
    fn both_families_on_the_same_port() {
        let addresses: [SocketAddr; 2] = ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
        let bound = bind_all(&addresses).unwrap();
        assert!(bound.iter().all(|pair| pair.address.port() == bound[0].address.port()));
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let taken = bind_all(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let error = bind_all(&[taken[0].address]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(bind_all(&[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
