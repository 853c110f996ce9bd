//! What somebody writes who takes str0m and mio as they come: route by source address, drain the one that was touched.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use serde_json::{Value, json};
use str0m::change::SdpOffer;
use str0m::config::{DtlsCert, DtlsVersion};
use str0m::ice::StunMessage;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

type Ask = (String, Sender<String>);

struct Peer {
    rtc: Box<Rtc>,
    wake_at: Instant,
}

struct Loop {
    socket: UdpSocket,
    address: SocketAddr,
    certificate: DtlsCert,
    peers: HashMap<usize, Peer>,
    by_ufrag: HashMap<String, usize>,
    by_source: HashMap<SocketAddr, usize>,
    deadlines: BTreeSet<(Instant, usize)>,
}

pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut socket = UdpSocket::bind(address)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut socket, SOCKET, Interest::READABLE)?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (asking, asked) = bounded::<Ask>(64);
    std::thread::spawn(move || signal(&listener, &asking, &waker));
    super::announce(address)?;

    let provider = str0m::crypto::from_feature_flags().dtls_provider;
    let certificate = provider.generate_certificate().ok_or(io::ErrorKind::Unsupported)?;
    let empty = (HashMap::new(), HashMap::new(), HashMap::new(), BTreeSet::new());
    let (peers, by_ufrag, by_source, deadlines) = empty;
    Loop { socket, address, certificate, peers, by_ufrag, by_source, deadlines }.run(&mut poll, &asked)
}

/// Answers POSTs, one after another.
fn signal(listener: &TcpListener, asking: &Sender<Ask>, waker: &Waker) {
    for stream in listener.incoming().flatten() {
        // A client that breaks off gets no answer.
        let _ = answer(stream, asking, waker);
    }
}

fn answer(mut stream: TcpStream, asking: &Sender<Ask>, waker: &Waker) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let body = loop {
        let read = stream.read(&mut buffer)?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        if length.is_some_and(|length: usize| body.len() >= length) || read == 0 {
            break body.to_owned();
        }
    };
    let (reply, answered) = bounded(1);
    asking.send((body, reply)).map_err(io::Error::other)?;
    waker.wake()?;
    let answer = answered.recv().map_err(io::Error::other)?;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
}

impl Loop {
    fn run(&mut self, poll: &mut Poll, asked: &Receiver<Ask>) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        let mut buffer = vec![0; 65536];
        loop {
            let now = Instant::now();
            let wait = self.deadlines.first().map(|(at, _)| at.saturating_duration_since(now));
            poll.poll(&mut events, wait)?;
            while let Ok((body, reply)) = asked.try_recv() {
                // Who gave up gets none.
                let _ = reply.send(self.accept(&body).unwrap_or_default());
            }
            while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                self.receive(from, &buffer[..length]);
            }
            let now = Instant::now();
            while let Some((_, id)) = self.deadlines.first().filter(|(at, _)| *at <= now).copied() {
                self.touch(id, |rtc| rtc.handle_input(Input::Timeout(now)).is_ok());
            }
        }
    }

    fn accept(&mut self, body: &str) -> Option<String> {
        let now = Instant::now();
        let json: Value = serde_json::from_str(body).ok()?;
        let mut rtc = Box::new(
            Rtc::builder()
                .clear_codecs()
                .set_dtls_cert(self.certificate.clone())
                .set_dtls_version(DtlsVersion::Auto)
                .build(now),
        );
        let candidate = Candidate::host(self.address, "udp").ok()?;
        rtc.add_local_candidate(candidate.clone());
        let offer = SdpOffer::from_sdp_string(json["sdp"].as_str()?).ok()?;
        let answer = rtc.sdp_api().accept_offer(offer).ok()?.to_sdp_string();
        let id = self.peers.len();
        self.by_ufrag.insert(rtc.direct_api().local_ice_credentials().ufrag, id);
        self.peers.insert(id, Peer { rtc, wake_at: now });
        self.deadlines.insert((now, id));
        self.touch(id, |rtc| rtc.handle_input(Input::Timeout(now)).is_ok());
        let candidate = json!({"candidate": candidate.to_sdp_string(), "sdpMid": "0", "sdpMLineIndex": 0});
        Some(json!({"description": {"type": "answer", "sdp": answer}, "candidates": [candidate]}).to_string())
    }

    fn receive(&mut self, from: SocketAddr, datagram: &[u8]) {
        let named = || {
            let message = StunMessage::parse(datagram).ok()?;
            self.by_ufrag.get(message.username()?.split_once(':')?.0).copied()
        };
        let Some(id) = self.by_source.get(&from).copied().or_else(named) else { return };
        self.by_source.insert(from, id);
        let to = self.address;
        self.touch(id, |rtc| {
            let Ok(contents) = datagram.try_into() else { return true };
            let receive = Receive { proto: Protocol::Udp, source: from, destination: to, contents };
            rtc.handle_input(Input::Receive(Instant::now(), receive)).is_ok()
        });
    }

    /// One input of one peer, and what follows from it.
    fn touch(&mut self, id: usize, input: impl FnOnce(&mut Rtc) -> bool) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        self.deadlines.remove(&(peer.wake_at, id));
        let is_alive = input(&mut peer.rtc) && drain(peer, &self.socket);
        if is_alive {
            self.deadlines.insert((peer.wake_at, id));
        } else {
            self.peers.remove(&id);
        }
    }
}

fn drain(peer: &mut Peer, socket: &UdpSocket) -> bool {
    loop {
        match peer.rtc.poll_output() {
            // What the system does not take is lost, as on any network.
            Ok(Output::Transmit(transmit)) => drop(socket.send_to(&transmit.contents, transmit.destination)),
            Ok(Output::Event(Event::ChannelData(data))) => {
                if let Some(mut channel) = peer.rtc.channel(data.id) {
                    let _ = channel.write(data.binary, &data.data);
                }
            }
            Ok(Output::Event(_)) => {}
            Ok(Output::Timeout(at)) => {
                peer.wake_at = at;
                return peer.rtc.is_alive();
            }
            Err(_) => return false,
        }
    }
}
