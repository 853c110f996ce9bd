//! The server as an application uses it: real sockets on loopback, and a client that speaks HTTP and WebRTC natively.

#[path = "endpoint/browser.rs"]
#[expect(dead_code, reason = "the tests of the endpoint use more of it")]
mod browser;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use browser::Browser;
use patchcord::{
    Answer, Authorize, Channel, Config, Data, Denial, Event, HandleError, Limits, PeerId, Reason, SendOutcome, Server,
    Transmit,
};

/// What takes milliseconds gets seconds: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// A browser on a real socket.
struct Client {
    browser: Browser,
    socket: UdpSocket,
}

/// Status and body.
fn post(server: SocketAddr, body: &str) -> (u16, String) {
    post_to(server, "/connect", "", body)
}

/// To a path with a query, with more header fields.
fn post_to(server: SocketAddr, target: &str, fields: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\n{fields}Host: {server}\r\nOrigin: http://{server}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

impl Client {
    /// Offers over HTTP, while the server is polled, and takes the answer.
    fn connect(server: &mut Server, to: SocketAddr) -> Result<Client, (u16, String)> {
        Client::connect_by(server, to, "/connect", "")
    }

    fn connect_by(
        server: &mut Server,
        to: SocketAddr,
        target: &'static str,
        fields: &'static str,
    ) -> Result<Client, (u16, String)> {
        let socket = UdpSocket::bind((to.ip(), 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let (mut browser, offer) = Browser::offer(Instant::now(), socket.local_addr().unwrap(), &["ro", "uu"]);
        let body = serde_json::json!({ "type": "offer", "sdp": offer }).to_string();
        let asking = std::thread::spawn(move || post_to(to, target, fields, &body));
        while !asking.is_finished() {
            let event = server.poll(Instant::now() + Duration::from_millis(1)).unwrap();
            assert_eq!(event, None, "nobody speaks before the answer");
        }
        let (status, body) = asking.join().unwrap();
        if status != 200 {
            return Err((status, body));
        }
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        let address = |candidate: &serde_json::Value| {
            let words: Vec<&str> = candidate["candidate"].as_str().unwrap().split(' ').collect();
            SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())
        };
        let answer = Answer {
            sdp: json["description"]["sdp"].as_str().unwrap().to_owned(),
            mid: "0".to_owned(),
            addresses: json["candidates"].as_array().unwrap().iter().map(address).collect(),
            session: None,
        };
        assert_eq!(answer.addresses.first(), Some(&to), "the address that was reached comes first");
        browser.accept(Instant::now(), &answer);
        Ok(Client { browser, socket })
    }

    fn pump(&mut self) {
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    let transmit = Transmit { from, to: self.browser.address, bytes: buffer[..length].to_vec() };
                    self.browser.receive(Instant::now(), &transmit);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.browser.handle_timeout(Instant::now());
        for transmit in self.browser.drain() {
            self.socket.send_to(&transmit.bytes, transmit.to).unwrap();
        }
    }
}

/// Lets both sides run until the condition holds; gives the events.
fn run(server: &mut Server, clients: &mut [Client], until: impl Fn(&[Event], &[Client]) -> bool) -> Vec<Event> {
    let end = Instant::now() + PATIENCE;
    let mut events = Vec::new();
    while !until(&events, clients) {
        assert!(Instant::now() < end, "after {PATIENCE:?} there is only {events:?}");
        events.extend(server.poll(Instant::now() + Duration::from_millis(1)).unwrap());
        clients.iter_mut().for_each(Client::pump);
    }
    events
}

fn join(server: &mut Server, to: SocketAddr) -> (Client, PeerId) {
    let mut clients = [Client::connect(server, to).expect("an answer")];
    let events = run(server, &mut clients, |events, clients| !events.is_empty() && clients[0].browser.is_open());
    let [Event::Joined { peer, address }] = events[..] else { panic!("{events:?}") };
    assert!(address.is_loopback());
    let [client] = clients;
    (client, peer)
}

fn bind(addresses: &[&str]) -> Server {
    let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Server::bind(&addresses[..]).unwrap()
}

#[test]
fn messages_go_both_ways_over_both_families() {
    let mut server = bind(&["127.0.0.1:0", "[::1]:0"]);
    let addresses = server.addresses();
    assert!(addresses.len() == 2 && addresses[0].port() == addresses[1].port());
    for address in addresses {
        let (client, peer) = join(&mut server, address);
        let mut clients = [client];
        assert_eq!(server.send(peer, Channel::Reliable, "hello"), SendOutcome::Sent);
        clients[0].browser.send(Instant::now(), "uu", &Data::Binary(vec![1, 2, 3]));
        let events = run(&mut server, &mut clients, |events, clients| {
            !events.is_empty() && !clients[0].browser.received.is_empty()
        });
        let data = Data::Binary(vec![1, 2, 3]);
        assert_eq!(events, [Event::Message { peer, channel: Channel::Unreliable, data }]);
        assert_eq!(clients[0].browser.received, [("ro".to_owned(), Data::Text("hello".to_owned()))]);
        server.disconnect(peer);
        let events =
            run(&mut server, &mut clients, |events, clients| !events.is_empty() && clients[0].browser.is_closed);
        assert_eq!(events, [Event::Left { peer, reason: Reason::Kicked }]);
        assert_eq!(server.send(peer, Channel::Reliable, "too late"), SendOutcome::Gone);
    }
}

#[test]
fn a_socket_on_every_address_answers_from_the_one_that_was_reached() {
    let mut server = bind(&["0.0.0.0:0"]);
    let port = server.addresses()[0].port();
    // All of 127/8 is loopback here, so the wildcard socket is reached by addresses that it was never told of.
    for ip in [[127, 0, 0, 1], [127, 0, 0, 77]] {
        join(&mut server, (ip, port).into());
    }
    assert_eq!(server.peers().count(), 2);
}

#[test]
fn broadcast_reaches_everyone() {
    let mut server = bind(&["127.0.0.1:0"]);
    let address = server.addresses()[0];
    let mut clients: Vec<Client> = (0..3).map(|_| join(&mut server, address).0).collect();
    server.broadcast(Channel::Reliable, b"all");
    run(&mut server, &mut clients, |_, clients| clients.iter().all(|client| client.browser.received.len() == 1));
}

#[test]
fn a_handle_sends_and_wakes_from_another_thread() {
    let mut server = bind(&["127.0.0.1:0"]);
    let address = server.addresses()[0];
    let (client, peer) = join(&mut server, address);
    let handle = server.handle();
    std::thread::spawn(move || {
        handle.send(peer, Channel::Reliable, "from afar").unwrap();
        handle.broadcast(Channel::Reliable, "to all").unwrap();
    });
    let mut clients = [client];
    run(&mut server, &mut clients, |_, clients| clients[0].browser.received.len() == 2);

    let handle = server.handle();
    let waking = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        handle.wake().unwrap();
        handle
    });
    let started = Instant::now();
    while server.poll(Instant::now() + PATIENCE).unwrap().is_some() {}
    assert!(started.elapsed() < PATIENCE / 2, "a wake-up ends the wait");
    let handle = waking.join().unwrap();
    server.shutdown();
    assert_eq!(handle.wake(), Err(HandleError::Gone));
}

#[test]
fn a_deadline_is_kept_and_comes_before_waiting_events() {
    let mut server = bind(&["127.0.0.1:0"]);
    let started = Instant::now();
    assert_eq!(server.poll(started + Duration::from_millis(30)).unwrap(), None);
    assert!((Duration::from_millis(30)..Duration::from_secs(5)).contains(&started.elapsed()));

    let address = server.addresses()[0];
    let (mut client, peer) = join(&mut server, address);
    for i in 0..10 {
        client.browser.send(Instant::now(), "ro", &Data::Binary(vec![i]));
    }
    client.pump();
    // A tick that is always late: every other poll still brings a message.
    let late = Instant::now();
    let mut heard = Vec::new();
    let mut ticks = 0;
    while heard.len() < 10 {
        assert!(late.elapsed() < PATIENCE);
        match server.poll(late).unwrap() {
            None => ticks += 1,
            Some(Event::Message { data, .. }) => heard.push(data.bytes()[0]),
            Some(other) => panic!("{other:?} from {peer}"),
        }
        client.pump();
    }
    assert_eq!(heard, (0..10).collect::<Vec<u8>>());
    assert!(ticks >= 10, "{ticks} ticks between ten messages");
}

#[test]
fn a_loop_that_is_not_polled_is_busy_and_recovers() {
    let mut server = bind(&["127.0.0.1:0"]);
    let address = server.addresses()[0];
    let offer = include_str!("offers/chromium-156-bare.json");
    let (status, body) = post(address, offer);
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("\"busy\""), "{body}");
    join(&mut server, address);
}

#[test]
fn refusals_reach_the_browser() {
    let limits = Limits { peers_max: 1, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let mut server = Server::bind_with("127.0.0.1:0", config).unwrap();
    let address = server.addresses()[0];
    let (_client, _peer) = join(&mut server, address);
    let (status, body) = Client::connect(&mut server, address).err().expect("a refusal");
    assert_eq!((status, body.contains("\"full\"")), (503, true), "{body}");
    let media = include_str!("offers/firefox-153-media.json");
    assert_eq!(post(address, media).0, 400, "an offer that cannot be used is refused without the loop");
    assert_eq!(post(address, "{}").0, 400);
}

#[test]
fn the_application_decides_who_comes_in_and_keeps_what_it_learnt() {
    struct Ticket(String);
    let authorize = Authorize::new(|request| {
        assert!(request.field("X-Patchcord-Key").is_none(), "the gate's own are not the browser's");
        match (request.query, request.field("X-Ticket")) {
            (Some("panic"), _) => panic!("a mistake of the application"),
            (Some("name=ada"), Some(ticket)) => Ok(Ticket(format!("{ticket} from {}", request.from.ip()))),
            _ => Err(Denial::new(401, "no-ticket", "Ask at the door.")),
        }
    });
    let config = Config { authorize: Some(authorize), ..Config::default() };
    let mut server = Server::bind_with("127.0.0.1:0", config).unwrap();
    let address = server.addresses()[0];

    let forged = "x-patchcord-field: X-Ticket:forged\r\n";
    for (target, fields) in [("/connect", ""), ("/connect?name=bob", "X-Ticket: 7\r\n"), ("/connect?name=ada", forged)]
    {
        let (status, body) = Client::connect_by(&mut server, address, target, fields).err().expect("a refusal");
        let refusal = r#"{"error":{"code":"no-ticket","message":"Ask at the door."}}"#;
        assert_eq!((status, &*body), (401, refusal), "{target} {fields}");
    }
    let (status, body) = Client::connect_by(&mut server, address, "/connect?panic", "").err().expect("a refusal");
    assert_eq!((status, body.contains("\"internal\"")), (500, true), "{body}");

    let client = Client::connect_by(&mut server, address, "/connect?name=ada", "x-ticket: 7\r\n").expect("an answer");
    let mut clients = [client];
    let events = run(&mut server, &mut clients, |events, _| !events.is_empty());
    let [Event::Joined { peer, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!(server.data::<Ticket>(peer).unwrap().0, "7 from 127.0.0.1");
    assert!(server.data::<String>(peer).is_none());
    server.disconnect(peer);
    run(&mut server, &mut clients, |events, _| !events.is_empty());
    assert!(server.data::<Ticket>(peer).is_some(), "the loop may still want it");
    server.poll(Instant::now()).unwrap();
    assert!(server.data::<Ticket>(peer).is_none());
}

#[test]
fn shutdown_tells_everyone_and_frees_the_port() {
    let mut server = bind(&["127.0.0.1:0"]);
    let address = server.addresses()[0];
    let (mut client, _) = join(&mut server, address);
    let mut idle = TcpStream::connect(address).unwrap();
    idle.write_all(b"GET / HT").unwrap();
    let started = Instant::now();
    server.shutdown();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let end = Instant::now() + PATIENCE;
    while !client.browser.is_closed {
        assert!(Instant::now() < end, "the browser was not told");
        client.pump();
    }
    Server::bind(address).expect("the port is free again").shutdown();
}

#[test]
fn a_port_in_use_is_an_error() {
    let server = bind(&["127.0.0.1:0"]);
    let error = Server::bind(server.addresses()[0]).err().expect("an error");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}
