//! What no browser does. Each of the first ones ended or filled a process that had tiny_http on the network.

use super::*;

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn a_length_of_nine_quintillion() {
    let served = serve(HttpLimits::default());
    for length in ["9000000000000000000", "18446744073709551616", &"9".repeat(4000)] {
        served.request("POST /connect", &format!("{JSON}Content-Length: {length}\r\n")).is(Refusal::BodyTooLarge);
    }
    served.still_serves();
}

#[test]
fn a_body_that_never_comes() {
    let served = serve(hasty());
    let started = Instant::now();
    served.request("POST /connect", &format!("{JSON}Content-Length: 600\r\n")).is(Refusal::TooSlow);
    assert!(started.elapsed() >= hasty().request);
    served.still_serves();
}

#[test]
fn a_head_byte_by_byte() {
    let served = serve(hasty());
    let mut client = served.connect();
    let mut reader = client.try_clone().unwrap();
    let sender = thread::spawn(move || {
        // Ends when the gate hangs up. The pause makes it slow; nothing waits for it.
        for byte in b"GET / HTTP/1.1\r\nX: ".iter().chain(std::iter::repeat(&b'x')) {
            if client.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    served.still_serves();
    read_reply(&mut reader).is(Refusal::TooSlow);
    sender.join().unwrap();
    served.still_serves();
}

#[test]
fn a_head_of_64_mib() {
    let served = serve(HttpLimits::default());
    let mut client = served.connect();
    let mut reader = client.try_clone().unwrap();
    let sender = thread::spawn(move || {
        client.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
        let part = [b'x'; 64 * 1024];
        let sent = (0..1024).take_while(|_| client.write_all(&part).is_ok()).count();
        assert!(sent < 1024, "the gate took all of it");
    });
    read_reply(&mut reader).is(Refusal::HeadTooLarge);
    sender.join().unwrap();
    served.still_serves();
}

#[test]
fn a_hundred_thousand_pipelined_requests() {
    let served = serve(HttpLimits::default());
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    let mut client = served.connect();
    let mut reader = client.try_clone().unwrap();
    let sender = thread::spawn(move || {
        let many = request.repeat(1000);
        let _ = (0..100).take_while(|_| client.write_all(many.as_bytes()).is_ok()).count();
    });
    let reply = read_reply(&mut reader);
    assert_eq!((reply.status, &*reply.body), (200, PAGE), "one answer, to the first");
    sender.join().unwrap();
    served.still_serves();
}

#[test]
fn six_hundred_idle_connections_from_one_address() {
    let served = serve(HttpLimits { request: PATIENCE, ..HttpLimits::default() });
    let mut clients: Vec<TcpStream> = (0..600).map(|_| served.connect()).collect();
    // Those over the bound are told so, as far as there is room to tell, and hung up on.
    let (mut refused, mut dropped) = (0, 0);
    for client in &mut clients[64..] {
        match read_reply(client) {
            reply if reply.status == 429 => refused += 1,
            reply => {
                assert_eq!(reply.status, 0);
                dropped += 1;
            }
        }
    }
    assert!(refused >= 64, "{refused} were told, {dropped} were not");
    // The first 64 are in: one of them, and a guest from elsewhere, are served.
    write!(clients[5], "GET / HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).unwrap();
    assert_eq!(read_reply(&mut clients[5]).status, 200);
    served.still_serves();
    // When they leave, there is room again for their address.
    drop(clients);
    served.comes_to_serve_this_address();
}

#[test]
fn a_full_house() {
    let served = serve(HttpLimits { connections: 4, ..HttpLimits::default() });
    let mut inside: Vec<TcpStream> =
        (1..=4).map(|n| connect_from(Ipv4Addr::new(127, 0, 1, n), served.address)).collect();
    let mut late = connect_from(Ipv4Addr::new(127, 0, 1, 5), served.address);
    read_reply(&mut late).is(Refusal::Full);
    write!(inside[0], "GET / HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).unwrap();
    assert_eq!(read_reply(&mut inside[0]).status, 200);
    drop(inside);
    served.comes_to_serve_this_address();
}

#[test]
fn smuggled_requests() {
    let served = serve(HttpLimits::default());
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (fields, refusal) in [
        ("Content-Length: 2\r\nContent-Length: 2\r\n", Refusal::BadRequest),
        ("Content-Length: 2\r\nContent-Length: 40\r\n", Refusal::BadRequest),
        ("Transfer-Encoding: chunked\r\n", Refusal::LengthRequired),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Refusal::BadRequest),
        ("Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", Refusal::BadRequest),
        ("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", Refusal::BadRequest),
        ("Content-Length: 2\r\n X: y\r\n", Refusal::BadRequest),
        ("Content-Length: 2\r\nX: a\rb\r\n", Refusal::BadRequest),
        ("Content-Length: 2\r\nX: a\nb: c\r\n", Refusal::BadRequest),
        ("Content-Length: 2\r\nX: a\0b\r\n", Refusal::BadRequest),
        ("Content-Length: 2\r\nHost: b\r\n", Refusal::BadRequest),
        ("Content-Length: 0x2\r\n", Refusal::BadRequest),
        ("Content-Length: 2\r\nExpect: tea\r\n", Refusal::BadRequest),
    ] {
        let reply = served.send(&served.offer(fields, &format!("0\r\n\r\n{smuggled}")));
        assert_eq!((fields, reply.status, reply.text()), (fields, refusal.status(), &*refusal.to_json()));
    }
    // Bytes behind a body are nobody's request.
    let reply = served.post("", "{}");
    let behind = served.send(&served.offer("Content-Length: 2\r\n", &format!("{{}}{smuggled}")));
    assert_eq!((behind.status, behind.body), (200, reply.body));
    served.still_serves();
}

#[test]
fn targets_and_versions_that_are_none() {
    let served = serve(HttpLimits::default());
    let host = served.address;
    for line in [
        "GET http://a/ HTTP/1.1",
        "CONNECT a:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET / HTTP/2.0",
        "GET /",
        "\x16\x03\x01",
    ] {
        served.send(&format!("{line}\r\nHost: {host}\r\n\r\n")).is(Refusal::BadRequest);
    }
    served.send("GET / HTTP/1.1\r\n\r\n").is(Refusal::BadRequest);
    let reply = served.request(&format!("{} /", "X".repeat(8000)), "");
    reply.is(Refusal::MethodNotAllowed);
    served.still_serves();
}

/// A connection closed with bytes unread, or with a zero linger, is reset.
fn reset(client: TcpStream) {
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
}

#[test]
fn resets_at_every_stage() {
    let (asked, was_asked) = crossbeam_channel::unbounded();
    let served = serve_with(HttpLimits::default(), move |_| {
        asked.send(()).unwrap();
        Ok("{}".into())
    });
    let host = served.address;
    let post = served.offer("Content-Length: 2\r\n", "{}");
    for end in (0..=post.len()).step_by(7).chain([post.len()]) {
        let mut client = served.connect();
        client.write_all(&post.as_bytes()[..end]).unwrap();
        if end == post.len() {
            was_asked.recv_timeout(PATIENCE).unwrap();
        }
        reset(client);
    }
    let mut client = served.connect();
    write!(client, "GET /big.bin HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 100]).unwrap();
    reset(client);
    served.still_serves();
}

#[test]
fn clients_that_never_read_a_big_answer() {
    let served = serve(HttpLimits { answer: PATIENCE, ..HttpLimits::default() });
    let host = served.address;
    let mut clients: Vec<TcpStream> = (0..12).map(|_| served.connect()).collect();
    for client in &mut clients {
        write!(client, "GET /big.bin HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    }
    // Four answers fit in the bound, then those who take nothing give way; the twelfth is reached all the same.
    let mut last = clients.pop().unwrap();
    last.read_exact(&mut [0; 1]).unwrap();
    served.still_serves();
}

#[test]
fn a_slow_reader_gets_everything() {
    let served = serve(HttpLimits::default());
    let mut client = served.connect();
    write!(client, "GET /big.bin HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    // Others are served while this one is in the middle of its answer.
    served.still_serves();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(&BIG));
}

#[test]
fn an_application_that_does_not_answer() {
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let limits = HttpLimits { answer: Duration::from_millis(200), ..HttpLimits::default() };
    let served = serve_with(limits, move |_| {
        let _ = released.recv_timeout(PATIENCE);
        Ok("late".into())
    });
    let offer = served.offer("Content-Length: 2\r\n", "{}");
    // The first is inside the application, the others wait behind it; all are told.
    let mut clients: Vec<TcpStream> = (0..20).map(|_| served.connect()).collect();
    for client in &mut clients {
        client.write_all(offer.as_bytes()).unwrap();
    }
    for client in &mut clients {
        read_reply(client).is(Refusal::Busy);
    }
    served.get("/").is(Refusal::Busy);
    // When the application is back, so is the gate, and nobody gets the answer that came too late.
    drop(release);
    served.still_serves();
    let until = Instant::now() + PATIENCE;
    let reply = loop {
        let reply = served.post("", "{}");
        if reply.status == 200 || Instant::now() > until {
            break reply;
        }
    };
    assert_eq!(reply.text(), "late");
}

#[test]
fn connections_that_come_and_go() {
    let served = serve(HttpLimits::default());
    for round in 0..1000 {
        let mut client = served.connect();
        match round % 3 {
            0 => reset(client),
            1 => drop(client),
            _ => client.write_all(b"GET / HTTP/1.1\r\n").unwrap(),
        }
    }
    served.still_serves();
    served.comes_to_serve_this_address();
}
