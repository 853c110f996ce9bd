//! Which of our addresses a phone can reach, best first.

use std::net::{IpAddr, SocketAddr};

/// Every address that the sockets answer on, best first: private IPv4 (what people type), other IPv4, IPv6, loopback last.
/// Link-local ones are left out: a browser cannot name their interface in a URL.
pub(super) fn reachable(bound: &[SocketAddr]) -> Vec<SocketAddr> {
    let interfaces: Vec<IpAddr> = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.into_iter().map(|interface| interface.ip()).collect(),
        Err(error) => {
            tracing::warn!(%error, "cannot list the network interfaces");
            Vec::new()
        }
    };
    ranked(bound, &interfaces)
}

fn ranked(bound: &[SocketAddr], interfaces: &[IpAddr]) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for socket in bound {
        if socket.ip().is_unspecified() {
            let family = interfaces.iter().filter(|ip| ip.is_ipv4() == socket.is_ipv4() && !is_link_local(**ip));
            found.extend(family.map(|ip| SocketAddr::new(*ip, socket.port())));
        } else {
            found.push(*socket);
        }
    }
    found.sort_by_key(|address| rank(address.ip()));
    found.dedup();
    found
}

/// The addresses for an answer: the one that the browser reached, which must come first, and if that is loopback up to
/// two others, since Firefox does not use loopback for ICE. Few, because Chromium tries them 60 ms apart.
pub(super) fn facing(reached: SocketAddr, bound: &[SocketAddr]) -> Vec<SocketAddr> {
    const OTHERS_MAX: usize = 2;
    let mut facing = vec![reached];
    if reached.ip().is_loopback() {
        facing.extend(reachable(bound).into_iter().filter(|other| !other.ip().is_loopback()).take(OTHERS_MAX));
    }
    facing
}

fn rank(ip: IpAddr) -> u8 {
    match ip {
        ip if ip.is_loopback() => 4,
        IpAddr::V4(v4) if v4.is_link_local() => 3,
        IpAddr::V4(v4) if v4.is_private() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 2,
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn sockets(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn all_interfaces_best_first() {
        let interfaces = ips(&["127.0.0.1", "::1", "fe80::1", "2001:db8::5", "203.0.113.9", "192.168.1.5"]);
        assert_eq!(
            ranked(&sockets(&["0.0.0.0:8080", "[::]:8080"]), &interfaces),
            sockets(&["192.168.1.5:8080", "203.0.113.9:8080", "[2001:db8::5]:8080", "127.0.0.1:8080", "[::1]:8080"])
        );
    }

    #[test]
    fn one_interface_is_only_itself() {
        let interfaces = ips(&["127.0.0.1", "192.168.1.5", "10.0.0.2"]);
        assert_eq!(ranked(&sockets(&["10.0.0.2:81"]), &interfaces), sockets(&["10.0.0.2:81"]));
        assert_eq!(ranked(&sockets(&["0.0.0.0:81"]), &[]), vec![]);
    }

    #[test]
    fn the_reached_address_comes_first() {
        let lan = sockets(&["192.168.1.5:8080"]);
        assert_eq!(facing(lan[0], &sockets(&["0.0.0.0:8080"])), lan);
        let loopback = sockets(&["127.0.0.1:8080"]);
        assert_eq!(facing(loopback[0], &loopback), loopback, "a server on loopback alone has nothing else to offer");
    }
}
