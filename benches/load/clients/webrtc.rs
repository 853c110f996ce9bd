use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use patchcord::{Channel, Client, ClientEvent, PeerId, SendOutcome};

/// Connections that open at once: fewer than a server with the default limits lets one address have.
const OPENING_MAX: usize = 8;

pub struct WebRtc {
    client: Client,
    peers: Vec<PeerId>,
    numbers: HashMap<PeerId, usize>,
}

impl WebRtc {
    pub fn connect(server: SocketAddr, count: usize) -> io::Result<WebRtc> {
        let mut client = Client::new()?;
        let url = format!("http://{server}/");
        let (mut peers, mut opening) = (Vec::new(), 0);
        let mut until = Instant::now();
        while peers.len() < count {
            while opening < OPENING_MAX && peers.len() + opening < count {
                client.connect(&url).map_err(io::Error::other)?;
                opening += 1;
                until = Instant::now() + Duration::from_secs(30);
            }
            match client.poll(until)? {
                Some(ClientEvent::Joined { peer }) => {
                    peers.push(peer);
                    opening -= 1;
                }
                Some(ClientEvent::Message { .. }) => {}
                other => return Err(io::Error::other(format!("{} of {count} got in, then {other:?}", peers.len()))),
            }
        }
        let numbers = peers.iter().enumerate().map(|(number, peer)| (*peer, number)).collect();
        Ok(WebRtc { client, peers, numbers })
    }
}

impl super::Clients for WebRtc {
    fn send(&mut self, client: usize, channel: Channel, message: &[u8]) -> bool {
        self.client.send(self.peers[client], channel, message) == SendOutcome::Sent
    }

    fn poll(&mut self, deadline: Instant, heard: &mut dyn FnMut(usize, &[u8])) -> io::Result<()> {
        let mut deadline = deadline;
        while let Some(event) = self.client.poll(deadline)? {
            match event {
                ClientEvent::Message { peer, data, .. } => heard(self.numbers[&peer], data.bytes()),
                other => return Err(io::Error::other(format!("{other:?}"))),
            }
            // What else has come, without waiting.
            deadline = Instant::now();
        }
        Ok(())
    }
}
