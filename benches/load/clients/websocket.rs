use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use mio::{Events, Poll, Token};
use patchcord::Channel;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::stream::{Stream, unblock, unless_waiting};

pub struct WebSockets {
    poll: Poll,
    events: Events,
    sockets: Vec<WebSocket<Stream>>,
}

impl WebSockets {
    pub fn connect(server: SocketAddr, count: usize) -> io::Result<WebSockets> {
        let poll = Poll::new()?;
        let config = WebSocketConfig::default().read_buffer_size(if count == 1 { 65536 } else { 4096 });
        let mut sockets = Vec::new();
        for i in 0..count {
            let stream = TcpStream::connect(server)?;
            let (socket, _) = tungstenite::client(format!("ws://{server}/"), stream).map_err(io::Error::other)?;
            let config = config.write_buffer_size(0);
            sockets.push(unblock(socket.into_inner(), Role::Client, config, poll.registry(), Token(i))?);
        }
        Ok(WebSockets { poll, events: Events::with_capacity(1024), sockets })
    }
}

impl super::Clients for WebSockets {
    fn send(&mut self, client: usize, _channel: Channel, message: &[u8]) -> bool {
        unless_waiting(self.sockets[client].send(Message::binary(message.to_vec()))).is_ok()
    }

    fn poll(&mut self, deadline: Instant, heard: &mut dyn FnMut(usize, &[u8])) -> io::Result<()> {
        self.poll.poll(&mut self.events, Some(deadline.saturating_duration_since(Instant::now())))?;
        for Token(client) in self.events.iter().map(|event| event.token()) {
            let socket = &mut self.sockets[client];
            socket.get_mut().set_ready();
            while let Some(message) = unless_waiting(socket.read()).map_err(io::Error::other)? {
                heard(client, &message.into_data());
            }
            unless_waiting(socket.flush()).map_err(io::Error::other)?;
        }
        Ok(())
    }
}
