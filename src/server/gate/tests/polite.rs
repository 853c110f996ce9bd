//! What browsers and people do.

use super::*;

#[test]
fn the_page_is_served() {
    let served = serve(HttpLimits::default());
    let page = served.get("/");
    assert_eq!((page.status, &*page.body), (200, PAGE));
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.field("Cache-Control"), Some("no-cache"));
    assert_eq!(page.field("Content-Length"), Some("34"));
    assert!(page.field("Date").is_some());
    assert_eq!(served.get("/room/a.js?v=1").text(), "code");
    assert_eq!(served.get("/big.bin").body, BIG);
}

#[test]
fn a_page_that_is_known_is_not_sent_again() {
    let served = serve(HttpLimits::default());
    let etag = served.get("/").field("ETag").unwrap().to_owned();
    let reply = served.request("GET /", &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((reply.status, reply.body.len(), reply.field("ETag")), (304, 0, Some(&*etag)));
    assert_eq!(reply.field("Content-Length"), None);
    assert_eq!(served.request("GET /", "If-None-Match: \"other\"\r\n").status, 200);
}

#[test]
fn head_is_get_without_the_body() {
    let served = serve(HttpLimits::default());
    let without_date =
        |reply: &Reply| reply.head.lines().filter(|l| !l.starts_with("Date")).collect::<Vec<_>>().join("\n");
    for target in ["/", "/room/a.js", "/missing", "/big.bin"] {
        let (get, head) = (served.request(&format!("GET {target}"), ""), served.request(&format!("HEAD {target}"), ""));
        assert_eq!(without_date(&get), without_date(&head));
        assert!(head.body.is_empty() && !get.body.is_empty());
    }
    let refused = served.send("HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert_eq!((refused.status, refused.body.len()), (403, 0));
}

#[test]
fn an_offer_is_answered() {
    let served = serve(HttpLimits::default());
    let reply = served.post("", "{}");
    assert_eq!((reply.status, reply.field("Content-Type")), (200, Some("application/json")));
    assert_eq!(reply.field("Cache-Control"), Some("no-store"));
    assert_eq!(reply.text(), format!("2 None 127.0.0.1 {}", served.address));

    for length in [0, 1, 1024, 1025, 65_536] {
        assert!(served.post("", &"x".repeat(length)).text().starts_with(&format!("{length} None")));
    }
    let with_query = served.request("POST /connect?room=3", "Content-Type: application/json\r\nContent-Length: 0\r\n");
    assert!(with_query.text().starts_with("0 Some(\"room=3\")"));
}

#[test]
fn what_the_application_refuses_is_told() {
    let served = serve_with(HttpLimits::default(), |ask| match &*ask.body {
        b"panic" => panic!("a mistake of the application's, made on purpose by a test"),
        _ => Err(Refusal::NotDataChannels.into()),
    });
    served.post("", "{}").is(Refusal::NotDataChannels);
    served.post("", "panic").is(Refusal::Internal);
    served.post("", "{}").is(Refusal::NotDataChannels);
    served.still_serves();
}

#[test]
fn every_refusal_of_the_contract_is_given() {
    let served = serve(HttpLimits::default());
    served.request("GET /missing", "").is(Refusal::NotFound);
    served.request("GET /../Cargo.toml", "").is(Refusal::NotFound);
    served.request("POST /connect", "Content-Length: 2\r\n\r\n{}").is(Refusal::NotJson);
    served.request("POST /connect", "Content-Type: application/json\r\n").is(Refusal::LengthRequired);
    for (line, allow) in [("GET /connect", "POST"), ("PUT /connect", "POST"), ("DELETE /", "GET, HEAD")] {
        let reply = served.request(line, "");
        reply.is(Refusal::MethodNotAllowed);
        assert_eq!(reply.field("Allow"), Some(allow));
    }
}

#[test]
fn a_person_reads_a_sentence() {
    let served = serve(HttpLimits::default());
    let missing = served.request("GET /missing", "Accept: text/html,*/*;q=0.8\r\n");
    assert_eq!((missing.status, missing.field("Content-Type")), (404, Some("text/plain; charset=utf-8")));
    assert!(missing.text().starts_with(Refusal::NotFound.message()));
    let foreign = served.send("GET / HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\n\r\n");
    assert_eq!(foreign.status, 403);
    assert!(foreign.text().starts_with(Refusal::ForeignHost.message()));
}

#[test]
fn hosts_and_origins_are_checked() {
    let served = serve(HttpLimits::default());
    let port = served.address.port();
    let status = |host: &str, origin: &str| served.send(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n"));
    for host in ["localhost", "192.168.0.9", "laptop.local", "game.EXAMPLE", "[::1]"] {
        assert_eq!(status(&format!("{host}:{port}"), "").status, 200, "{host}");
        let origin = format!("Origin: http://{host}:{port}\r\n");
        assert_eq!(status(&format!("{host}:{port}"), &origin).status, 200, "{host}");
    }
    status(&format!("evil.example:{port}"), "").is(Refusal::ForeignHost);
    status("localhost", "").is(Refusal::ForeignHost);
    for origin in ["http://evil.example", "null", "http://localhost"] {
        status(&format!("localhost:{port}"), &format!("Origin: {origin}\r\n")).is(Refusal::ForeignOrigin);
    }
    for name in machine_names_here() {
        assert_eq!(status(&format!("{name}:{port}"), "").status, 200, "{name}");
    }
}

fn machine_names_here() -> Vec<String> {
    super::super::trust::machine_names()
}

#[test]
fn http_1_0_is_understood() {
    let served = serve(HttpLimits::default());
    let reply = served.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((reply.status, &*reply.body), (200, PAGE));
}

#[test]
fn a_client_may_wait_for_continue() {
    let served = serve(HttpLimits::default());
    let mut client = served.connect();
    client.write_all(served.offer("Content-Length: 2\r\nExpect: 100-continue\r\n", "").as_bytes()).unwrap();
    let mut interim = [0; 25];
    client.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"{}").unwrap();
    assert_eq!(read_reply(&mut client).status, 200);

    // Refused before the body: no interim answer, the refusal at once.
    let large = "Content-Type: application/json\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n";
    served.request("POST /connect", large).is(Refusal::BodyTooLarge);
}

#[test]
fn a_client_may_close_its_half() {
    let served = serve(HttpLimits::default());
    let mut client = served.connect();
    write!(client, "GET / HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_reply(&mut client).status, 200);
}

#[test]
fn both_families_are_served_and_addresses_are_plain() {
    let Ok(listener) = TcpListener::bind("[::]:0") else { return };
    let port = listener.local_addr().unwrap().port();
    let assets = Assets::embedded(&[]);
    let config = GateConfig {
        listeners: vec![listener],
        names: vec![],
        limits: HttpLimits::default(),
        assets,
        passes_fields_on: false,
    };
    let gate = Gate::start(config, |ask| Ok(format!("{} {}", ask.from.ip(), ask.facing))).unwrap();
    for (host, said) in [("127.0.0.1", format!("127.0.0.1 127.0.0.1:{port}")), ("[::1]", format!("::1 [::1]:{port}"))] {
        let Ok(mut client) = TcpStream::connect(format!("{host}:{port}")) else { continue };
        let fields = "Content-Type: application/json\r\nContent-Length: 0\r\n";
        write!(client, "POST /connect HTTP/1.1\r\nHost: {host}:{port}\r\n{fields}\r\n").unwrap();
        assert_eq!(read_reply(&mut client).text(), said);
    }
    gate.shutdown();
}

#[test]
fn forged_addresses_and_hop_fields_stay_outside() {
    let served = serve(HttpLimits::default());
    let forged = "X-Patchcord-From: 6.6.6.6:6\r\nX-Patchcord-Facing: 6.6.6.6:6\r\nx-patchcord-key: 0\r\n";
    let hop = "Connection: upgrade\r\nUpgrade: websocket\r\nTE: chunked\r\n";
    let reply = served.post(&format!("{forged}{hop}"), "{}");
    assert_eq!(reply.text(), format!("2 None 127.0.0.1 {}", served.address));
}

/// Prints what the gate, tiny_http and the loopback add to an answer. `cargo test latency -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, to be read"]
fn latency() {
    const COUNT: usize = 2000;
    let served = serve(HttpLimits::default());
    let body = "x".repeat(600);
    let request = served.offer("Content-Length: 600\r\n", &body);
    let mut times: Vec<Duration> = (0..COUNT)
        .map(|_| {
            let mut client = served.connect();
            let start = Instant::now();
            client.write_all(request.as_bytes()).unwrap();
            let mut first = [0; 1];
            client.read_exact(&mut first).unwrap();
            let elapsed = start.elapsed();
            let _ = client.read_to_end(&mut Vec::new());
            elapsed
        })
        .collect();
    times.sort();
    println!(
        "POST to answer: p50 {:?}, p99 {:?}, worst {:?}",
        times[COUNT / 2],
        times[COUNT * 99 / 100],
        times[COUNT - 1]
    );
}
