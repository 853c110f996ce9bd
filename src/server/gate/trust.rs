//! Whether a request is meant for this server and comes from its own page.
//!
//! A page of another origin can make the browser of somebody on the LAN send us requests. Two checks keep it out, since
//! over plain http there is no `Sec-Fetch-Site`, no certificate and no cookie of ours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::head::Head;
use crate::signal::Refusal;

/// The port that a URL with `http:` leaves out.
const HTTP_PORT: u16 = 80;

/// Checks `Host` and `Origin` of a request that came to the address `facing`; `names` are the server's own, in lower
/// case.
pub(crate) fn check(head: &Head, facing: SocketAddr, names: &[String]) -> Result<(), Refusal> {
    let host = match &head.host {
        Some(host) => {
            check_host(host, facing.port(), names)?;
            host
        }
        // HTTP/1.0 without Host: no browser, so no page to fear. A page that shows its Origin is still foreign.
        None => "",
    };
    match &head.origin {
        None => Ok(()),
        Some(origin) if is_origin_of(origin, host) => Ok(()),
        // `null` among them: a sandboxed frame or a file.
        Some(_) => Err(Refusal::ForeignOrigin),
    }
}

/// Refuses the `Host` of DNS rebinding: a page of `evil.example`, whose name then resolves to our address, shares an
/// origin with us in the browser's eyes, and all that tells is the name in `Host`.
///
/// Any IP literal passes, ours or not. The attack needs a name whose meaning changes; a page at a literal address was
/// loaded from that address, and its requests go there for ever. Which literals are ours we could not say anyway: a
/// forwarded port, a container or a VPN shows us other addresses than the browser used.
fn check_host(host: &str, port: u16, names: &[String]) -> Result<(), Refusal> {
    let (name, named_port) = split(host).ok_or(Refusal::BadRequest)?;
    if named_port.unwrap_or(HTTP_PORT) != port {
        return Err(Refusal::ForeignHost);
    }
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_ours = is_ip_literal(name)
        // RFC 6761, section 6.3: never asked of DNS.
        || name == "localhost"
        || name.ends_with(".localhost")
        // RFC 6762, section 3: only asked of the link, where an attacker needs no browser to reach us.
        || name.ends_with(".local")
        || names.iter().any(|ours| ours == name);
    if is_ours { Ok(()) } else { Err(Refusal::ForeignHost) }
}

fn is_ip_literal(name: &str) -> bool {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(bracketed) => bracketed.parse::<Ipv6Addr>().is_ok(),
        // Strictly four decimal numbers: a browser writes `0x7f.1` out before it sends it.
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

/// `host[:port]` (RFC 3986, section 3.2), without user information. `None` when it is not that.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let name_bytes = match host.strip_prefix('[') {
        Some(literal) => literal.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, rest) = host.split_at(name_bytes);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'[' | b':' | b']');
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((name, None)),
        // An empty port is the scheme's own (RFC 3986, section 3.2.3).
        Some("") => Some((name, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((name, Some(port.parse().ok()?))),
        _ => None,
    }
}

/// Whether an `Origin` is `http://` and this `Host`. Browsers leave the default port out of both.
fn is_origin_of(origin: &str, host: &str) -> bool {
    origin
        .to_ascii_lowercase()
        .strip_prefix("http://")
        .is_some_and(|of| of.eq_ignore_ascii_case(host) && !of.is_empty())
}

/// The names that this machine calls itself. On a Mac it is a `.local` name and passes anyway; where none is found, a
/// guest uses an address.
pub(super) fn machine_names() -> Vec<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("COMPUTERNAME"));
    let name = name.unwrap_or_default().trim().to_ascii_lowercase();
    if name.is_empty() { Vec::new() } else { vec![name] }
}

/// An address with an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) made plain.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(IpAddr::V4(ip), address.port()),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::super::head;
    use super::*;

    fn checked(port: u16, host: &str, origin: Option<&str>) -> Result<(), Refusal> {
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n");
        let head = head::parse(text.as_bytes()).unwrap().unwrap();
        let facing = SocketAddr::new(Ipv4Addr::new(192, 168, 0, 9).into(), port);
        check(&head, facing, &["laptop".to_owned(), "game.example".to_owned()])
    }

    #[test]
    fn our_addresses_and_names_pass() {
        for host in [
            "192.168.0.9:8080",
            "10.1.2.3:8080",
            "[::1]:8080",
            "[2001:DB8::7]:8080",
            "[::ffff:192.168.0.9]:8080",
            "localhost:8080",
            "LocalHost.:8080",
            "a.localhost:8080",
            "laptop:8080",
            "Laptop:8080",
            "laptop.local:8080",
            "game.example:8080",
        ] {
            assert_eq!(checked(8080, host, None), Ok(()), "{host}");
        }
        for host in ["192.168.0.9", "laptop", "laptop:", "laptop:80", "[::1]"] {
            assert_eq!(checked(80, host, None), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_rebound_name_is_foreign() {
        for host in [
            "evil.example:8080",
            "laptop.evil.example:8080",
            "192.168.0.9.evil.example:8080",
            "localhost.evil.example:8080",
            "notlocalhost:8080",
            "laptop.local.evil.example:8080",
            "game.example.evil:8080",
            "local:8080",
            "127.1:8080",
            "0x7f000001:8080",
            "256.1.1.1:8080",
            "192.168.0.9",
            "192.168.0.9:80",
            "192.168.0.9:8081",
            "laptop",
        ] {
            assert_eq!(checked(8080, host, None), Err(Refusal::ForeignHost), "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_a_bad_request() {
        for host in
            ["", ":8080", "a@b:8080", "a b", "a:b:8080", "a:+80", "a:99999", "::1", "[::1", "[::1]x", "a/b", "a,b"]
        {
            assert_eq!(checked(8080, host, None), Err(Refusal::BadRequest), "{host}");
        }
        // Brackets around what is no address: well-formed enough to be foreign.
        assert_eq!(checked(8080, "[abc]:8080", None), Err(Refusal::ForeignHost));
        assert_eq!(checked(8080, "a[b:8080", None), Err(Refusal::ForeignHost));
    }

    #[test]
    fn the_origin_is_the_host() {
        for origin in ["http://laptop:8080", "HTTP://Laptop:8080"] {
            assert_eq!(checked(8080, "laptop:8080", Some(origin)), Ok(()), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://",
            "laptop:8080",
            "https://laptop:8080",
            "http://laptop",
            "http://laptop:8081",
            "http://laptop:8080/",
            "http://evil.example",
            "http://laptop:8080.evil.example",
            "http://laptop:8080 http://laptop:8080",
        ] {
            assert_eq!(checked(8080, "laptop:8080", Some(origin)), Err(Refusal::ForeignOrigin), "{origin}");
        }
    }

    #[test]
    fn without_a_host_no_origin_is_ours() {
        for (text, result) in [
            ("GET / HTTP/1.0\r\n\r\n", Ok(())),
            ("GET / HTTP/1.0\r\nOrigin: http://\r\n\r\n", Err(Refusal::ForeignOrigin)),
            ("GET / HTTP/1.0\r\nOrigin: http://a\r\n\r\n", Err(Refusal::ForeignOrigin)),
        ] {
            let head = head::parse(text.as_bytes()).unwrap().unwrap();
            assert_eq!(check(&head, "192.168.0.9:8080".parse().unwrap(), &[]), result, "{text:?}");
        }
    }

    #[test]
    fn mapped_addresses_become_plain() {
        assert_eq!(plain("[::ffff:192.0.2.1]:80".parse().unwrap()).to_string(), "192.0.2.1:80");
        assert_eq!(plain("[fe80::1%3]:80".parse().unwrap()).to_string(), "[fe80::1%3]:80");
    }
}
