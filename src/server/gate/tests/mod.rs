//! The gate over real TCP on the loopback.

#[cfg(target_os = "linux")]
mod apart;
mod hostile;
mod lifecycle;
mod polite;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;
use crate::signal::Refusal;

/// Longer than anything here takes, so that a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

const PAGE: &[u8] = b"<!doctype html><title>page</title>";

/// Larger than the sockets' buffers, so that a client that does not read it stops the gate's writing.
static BIG: [u8; 12 * 1024 * 1024] = [b'x'; 12 * 1024 * 1024];

#[test]
fn the_protocol_document_has_the_same_values() {
    let document = include_str!("../../../../docs/PROTOCOL.md");
    let limits = HttpLimits::default();
    let seconds = |time: Duration| format!("{} s", time.as_secs());
    for (limit, value) in [
        ("TCP connections", limits.connections.to_string()),
        ("TCP connections from one address", limits.connections_per_address.to_string()),
        ("a request's head", format!("{} bytes", head::HEAD_BYTES_MAX)),
        ("a request's body", format!("{BODY_BYTES_MAX} bytes")),
        ("header fields", head::FIELDS_MAX.to_string()),
        ("from the connection to the whole request", seconds(limits.request)),
        ("from the request to its answer", seconds(limits.answer)),
        ("from the connection to the end of the answer", seconds(limits.exchange)),
        ("a file", format!("{} bytes", crate::server::assets::FILE_BYTES_MAX)),
    ] {
        assert!(document.contains(&format!("\n| {limit} | {value} |")), "{limit} is {value}");
    }
}

struct Served {
    gate: Gate,
    address: SocketAddr,
}

/// A gate on a free port. Its `ask` answers with the body's length, the query, and the two addresses.
fn serve(limits: HttpLimits) -> Served {
    serve_with(limits, |ask| Ok(format!("{} {:?} {} {}", ask.body.len(), ask.query, ask.from.ip(), ask.facing)))
}

fn serve_with<A>(limits: HttpLimits, ask: A) -> Served
where
    A: Fn(Ask) -> Result<String, Refused> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let assets = Assets::embedded(&[("index.html", PAGE), ("room/a.js", b"code"), ("big.bin", &BIG)]);
    let config = GateConfig {
        listeners: vec![listener],
        names: vec!["Game.example".into()],
        limits,
        assets,
        passes_fields_on: true,
    };
    Served { gate: Gate::start(config, ask).unwrap(), address: (Ipv4Addr::LOCALHOST, port).into() }
}

impl Served {
    fn connect(&self) -> TcpStream {
        connect_from(Ipv4Addr::LOCALHOST, self.address)
    }

    /// Sends text as it is, and reads until the gate hangs up.
    fn send(&self, text: &str) -> Reply {
        let mut client = self.connect();
        let _ = client.write_all(text.as_bytes());
        read_reply(&mut client)
    }

    fn get(&self, target: &str) -> Reply {
        self.request(&format!("GET {target}"), "")
    }

    /// A well-formed request with more fields.
    fn request(&self, line: &str, fields: &str) -> Reply {
        self.send(&format!("{line} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", self.address))
    }

    /// A whole offer with more fields.
    fn post(&self, fields: &str, body: &str) -> Reply {
        self.send(&self.offer(&format!("Content-Length: {}\r\n{fields}", body.len()), body))
    }

    /// The text of an offer that is declared as JSON.
    fn offer(&self, fields: &str, body: &str) -> String {
        let host = self.address;
        format!("POST /connect HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{fields}\r\n{body}")
    }

    /// The gate learns by events that clients have left, so it is asked until it has.
    fn comes_to_serve_this_address(&self) {
        let until = Instant::now() + PATIENCE;
        while self.get("/").status != 200 {
            assert!(Instant::now() < until, "there is no room again");
        }
    }

    /// What every test ends with: whatever happened, a guest is served, from an address that no test is hostile from.
    fn still_serves(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut guest = connect_from(Ipv4Addr::new(127, 9, 9, 9), self.address);
            write!(guest, "GET / HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).unwrap();
            let reply = read_reply(&mut guest);
            // Where a test makes the gate hasty, a machine with much else to do may be too slow for it.
            if matches!(reply.status, 408 | 503) && Instant::now() < until {
                continue;
            }
            return assert_eq!((reply.status, &*reply.body), (200, PAGE), "a normal request afterwards");
        }
    }
}

/// A connection from one of the loopback's 16 million addresses.
fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// An answer, or status 0 when the connection ended without one.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = found.next();
        assert!(found.next().is_none(), "{name} stands twice in {}", self.head);
        value
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    fn is(&self, refusal: Refusal) {
        assert_eq!((self.status, self.text()), (refusal.status(), &*refusal.to_json()), "{}", self.head);
    }
}

/// Reads until the end. A reset after the answer is an end too: who sends more than the gate lingers for gets one.
fn read_reply(client: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    if let Err(error) = client.read_to_end(&mut bytes) {
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    }
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        assert!(bytes.is_empty(), "half an answer: {}", String::from_utf8_lossy(&bytes));
        return Reply { status: 0, head: String::new(), body: bytes };
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let reply = Reply { status, head, body: bytes[end + 4..].to_vec() };
    assert_has_what_all_answers_have(&reply);
    reply
}

fn assert_has_what_all_answers_have(reply: &Reply) {
    assert_eq!(reply.field("Connection"), Some("close"));
    assert_eq!(reply.field("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(reply.field("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(reply.field("Cross-Origin-Resource-Policy"), Some("same-origin"));
    assert!(reply.field("Content-Security-Policy").unwrap().starts_with("default-src 'none'; script-src 'self'"));
    assert!(!reply.head.to_ascii_lowercase().contains("access-control"), "no CORS, ever");
    assert_eq!(reply.field("Server"), None);
    if reply.status != 200 && reply.status != 304 {
        assert_eq!(reply.field("Cache-Control"), Some("no-store"));
    }
}

/// Short times, for tests that wait for them.
fn hasty() -> HttpLimits {
    HttpLimits { request: Duration::from_millis(300), ..HttpLimits::default() }
}
