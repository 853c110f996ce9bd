//! The gate's own life: its end, and the loss of what is behind it.

use super::*;

/// How long a shutdown may take: it takes at most half a second on a machine that does nothing else.
const PROMPT: Duration = Duration::from_secs(5);

#[test]
fn a_shutdown_waits_for_nobody() {
    let served = serve(HttpLimits::default());
    let host = served.address;
    let mut clients: Vec<TcpStream> = (0..30).map(|_| served.connect()).collect();
    write!(clients[0], "GET / HT").unwrap();
    write!(clients[1], "POST /connect HTTP/1.1\r\nHost: {host}\r\nContent-Length: 600\r\n\r\n").unwrap();
    write!(clients[2], "GET /big.bin HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    clients[2].read_exact(&mut [0; 1]).unwrap();

    let started = Instant::now();
    served.gate.shutdown();
    assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());

    read_reply(&mut clients[0]).is(Refusal::ShuttingDown);
    read_reply(&mut clients[1]).is(Refusal::ShuttingDown);
    for client in &mut clients[3..] {
        assert_eq!(read_reply(client).status, 0);
    }
    assert!(TcpStream::connect(host).is_err(), "nobody listens any more");
}

#[cfg(unix)]
fn inner_folder(served: &Served) -> std::path::PathBuf {
    served.gate.running.as_ref().unwrap().inner.folder()
}

#[cfg(unix)]
#[test]
fn a_shutdown_does_not_wait_for_the_application() {
    let (asked, was_asked) = crossbeam_channel::bounded(1);
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let served = serve_with(HttpLimits::default(), move |_| {
        asked.send(()).unwrap();
        let _ = released.recv_timeout(PATIENCE);
        Ok("late".into())
    });
    let mut client = served.connect();
    client.write_all(served.offer("Content-Length: 2\r\n", "{}").as_bytes()).unwrap();
    was_asked.recv_timeout(PATIENCE).unwrap();
    let folder = inner_folder(&served);

    let started = Instant::now();
    drop(served.gate);
    assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
    read_reply(&mut client).is(Refusal::ShuttingDown);

    // The thread ends, and takes the folder with it, when the application lets it go.
    drop(release);
    let until = Instant::now() + PATIENCE;
    while folder.exists() {
        assert!(Instant::now() < until, "the folder stays");
        thread::yield_now();
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_left_behind() {
    let served = serve(HttpLimits::default());
    let folder = inner_folder(&served);
    assert!(folder.exists());
    assert_eq!(served.get("/").status, 200);
    drop(served);
    assert!(!folder.exists());
}

/// No request is known that gets through the gate and breaks tiny_http, so something worse stands in its place here.
/// The request that meets it fails, the next finds a new tiny_http.
#[cfg(unix)]
#[test]
fn a_lost_conversation_is_begun_anew() {
    for nonsense in
        ["", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz"]
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let assets = Assets::embedded(&[("index.html", PAGE)]);
        let config = GateConfig {
            listeners: vec![listener],
            names: vec![],
            limits: HttpLimits::default(),
            assets,
            passes_fields_on: false,
        };
        let mut impostor = None;
        let stand_in = |inner: &Inner| {
            let tiny_http::Listener::Unix(listener) = inner.listen().unwrap() else { panic!("not a Unix socket") };
            impostor = Some(thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut greeting = Vec::new();
                while !greeting.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    greeting.extend(byte);
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                stream.read_exact(&mut [0; 10]).unwrap();
                stream.write_all(nonsense.as_bytes()).unwrap();
            }));
        };
        let gate = Gate::start_inside(config, |_| Ok("{}".into()), stand_in).unwrap();
        let served = Served { gate, address };
        served.get("/").is(Refusal::Internal);
        served.still_serves();
        impostor.unwrap().join().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn only_the_gate_is_answered_inside() {
    use std::os::unix::net::UnixStream;
    let served = serve(HttpLimits::default());
    let folder = inner_folder(&served);
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut stream = entries.filter_map(|path| UnixStream::connect(path).ok()).next().expect("a listener");
    stream.write_all(b"GET / HTTP/1.1\r\nx-patchcord-key: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    served.still_serves();
}
