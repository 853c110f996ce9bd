//! Against dimpl, which browsers of the tests have too, and which replaces its keys as often as it is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, Output};
use str0m::crypto::dtls::{DtlsOutput, DtlsProvider, DtlsVersion};

use super::*;

const MS: Duration = Duration::from_millis(1);

/// dimpl in one role and ours in the other, which are connected.
struct Pair {
    now: Instant,
    theirs: Dtls,
    ours: Secure,
    to_ours: Vec<Vec<u8>>,
    to_theirs: Vec<Vec<u8>>,
    received: [Vec<Vec<u8>>; 2],
    /// Words of theirs that are none of SCTP's.
    heard: usize,
    is_closed: bool,
}

const OURS: usize = 0;
const THEIRS: usize = 1;

impl Pair {
    /// Their key is replaced after so many records.
    fn new(is_ours_client: bool, records: u64) -> Pair {
        let mut now = Instant::now();
        let provider = Provider::leak(1150);
        let certificate = provider.generate_certificate().unwrap();
        let instance = provider.new_dtls(&certificate, now, DtlsVersion::Auto, None);
        let mut handshake = instance.unwrap();
        handshake.set_active(is_ours_client);
        let taken = provider.take_handshake().unwrap();
        let config = Config::builder().aead_encryption_limit(records).use_server_cookie(false).build().unwrap();
        let mut theirs = Dtls::new_13(Arc::new(config), certificate, now);
        theirs.set_active(!is_ours_client);
        for _ in 0..100 {
            now += MS;
            theirs.handle_timeout(now).unwrap();
            handshake.handle_timeout(now).unwrap();
            let (mut to_ours, mut to_theirs) = (Vec::new(), Vec::new());
            let mut buffer = [0; 2000];
            loop {
                match theirs.poll_output(&mut buffer) {
                    Output::Packet(datagram) => to_ours.push(datagram.to_vec()),
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            loop {
                match handshake.poll_output(&mut buffer) {
                    DtlsOutput::Packet(datagram) => to_theirs.push(datagram.to_vec()),
                    DtlsOutput::Timeout(_) => break,
                    _ => {}
                }
            }
            if let Some(ours) = taken.take() {
                let received = Default::default();
                let mut pair = Pair { now, theirs, ours, to_ours, to_theirs, received, heard: 0, is_closed: false };
                pair.with_ours(|secure, now, buffer, on| secure.begin(now, buffer, on));
                pair.run(300);
                return pair;
            }
            to_ours.iter().for_each(|datagram| handshake.handle_packet(datagram).unwrap());
            to_theirs.iter().for_each(|datagram| theirs.handle_packet(datagram).unwrap());
        }
        panic!("no handshake");
    }

    fn with_ours(&mut self, act: impl FnOnce(&mut Secure, Instant, &mut [u8], &mut dyn FnMut(Opened<'_>))) {
        let Pair { ours, now, to_theirs, received, heard, is_closed, .. } = self;
        act(ours, *now, &mut Secure::buffer(), &mut |opened| match opened {
            Opened::Packet(packet) => received[OURS].push(packet.to_vec()),
            Opened::Heard => *heard += 1,
            Opened::Datagram(datagram) => to_theirs.push(datagram),
            Opened::Closed => *is_closed = true,
        });
    }

    /// So many milliseconds, with everything that leaves arriving at once.
    fn run(&mut self, ms: usize) {
        for _ in 0..ms {
            self.now += MS;
            self.theirs.handle_timeout(self.now).unwrap();
            let mut buffer = [0; 2000];
            loop {
                match self.theirs.poll_output(&mut buffer) {
                    Output::Packet(datagram) => self.to_ours.push(datagram.to_vec()),
                    Output::ApplicationData(packet) => self.received[THEIRS].push(packet.to_vec()),
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            for datagram in std::mem::take(&mut self.to_ours) {
                self.with_ours(|secure, now, buffer, on| secure.open(now, &datagram, buffer, on));
            }
            if self.ours.deadline() <= self.now {
                self.with_ours(|secure, now, buffer, on| secure.handle_timeout(now, buffer, on));
            }
            for datagram in std::mem::take(&mut self.to_theirs) {
                self.theirs.handle_packet(&datagram).unwrap();
            }
        }
    }
}

#[test]
fn keys_are_replaced_with_dimpl() {
    for is_ours_client in [false, true] {
        let mut pair = Pair::new(is_ours_client, 50);
        assert!(pair.ours.is_alone(), "who shook hands has left");
        pair.ours.replace_keys_after(300);
        for i in 0..1000_u32 {
            pair.theirs.send_application_data(&i.to_be_bytes()).unwrap();
            pair.with_ours(|secure, now, buffer, on| secure.seal(now, &i.to_be_bytes(), buffer, on));
            pair.run(1);
        }
        pair.run(100);
        let expected: Vec<Vec<u8>> = (0..1000_u32).map(|i| i.to_be_bytes().to_vec()).collect();
        assert!(pair.received == [expected.clone(), expected]);
        let (ours, theirs) = pair.ours.epochs().unwrap();
        assert!(ours >= 6 && theirs >= 12, "{ours} {theirs}");
        assert!(pair.heard >= 12, "each new key of theirs is a word: {}", pair.heard);
        pair.theirs.close().unwrap();
        pair.run(1);
        assert!(pair.is_closed);
    }
}

#[test]
fn dimpl_hears_that_it_is_over() {
    let mut pair = Pair::new(false, 1 << 23);
    pair.with_ours(|secure, now, buffer, on| secure.close(now, buffer, on));
    for datagram in std::mem::take(&mut pair.to_theirs) {
        pair.theirs.handle_packet(&datagram).unwrap();
    }
    let mut buffer = [0; 2000];
    let hears = std::iter::from_fn(|| match pair.theirs.poll_output(&mut buffer) {
        Output::CloseNotify => Some(true),
        Output::Timeout(_) => None,
        _ => Some(false),
    });
    assert!(hears.take(10).any(|is_over| is_over));
}
