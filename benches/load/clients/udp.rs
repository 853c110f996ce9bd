use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use patchcord::Channel;

pub struct Udp {
    poll: Poll,
    events: Events,
    sockets: Vec<UdpSocket>,
}

impl Udp {
    pub fn connect(server: SocketAddr, count: usize) -> io::Result<Udp> {
        let poll = Poll::new()?;
        let mut sockets = Vec::new();
        for i in 0..count {
            let mut socket = UdpSocket::bind((server.ip(), 0).into())?;
            socket.connect(server)?;
            poll.registry().register(&mut socket, Token(i), Interest::READABLE)?;
            sockets.push(socket);
        }
        Ok(Udp { poll, events: Events::with_capacity(1024), sockets })
    }
}

impl super::Clients for Udp {
    fn send(&mut self, client: usize, _channel: Channel, message: &[u8]) -> bool {
        self.sockets[client].send(message).is_ok()
    }

    fn poll(&mut self, deadline: Instant, heard: &mut dyn FnMut(usize, &[u8])) -> io::Result<()> {
        let mut buffer = [0; 65536];
        self.poll.poll(&mut self.events, Some(deadline.saturating_duration_since(Instant::now())))?;
        for Token(client) in self.events.iter().map(|event| event.token()) {
            while let Ok(length) = self.sockets[client].recv(&mut buffer) {
                heard(client, &buffer[..length]);
            }
        }
        Ok(())
    }
}
