use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, WebSocket};

use crate::stream::{Stream, unblock, unless_waiting};

const LISTENER: Token = Token(0);

/// The WebSocket at its best: one thread, epoll, no read that would block, each answer written at once.
pub fn serve(read_buffer_bytes: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    super::announce(listener.local_addr()?)?;
    listener.set_nonblocking(true)?;
    let mut listener = mio::net::TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let config = WebSocketConfig::default().read_buffer_size(read_buffer_bytes).write_buffer_size(0);
    let mut sockets: HashMap<Token, WebSocket<Stream>> = HashMap::new();
    let mut events = Events::with_capacity(1024);
    let mut next = 1;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if let Some(socket) = sockets.get_mut(&event.token()) {
                socket.get_mut().set_ready();
                if echo(socket).is_err() {
                    sockets.remove(&event.token());
                }
            }
            while event.token() == LISTENER
                && let Ok((stream, _)) = listener.accept()
            {
                let stream = std::net::TcpStream::from(stream);
                // The handshake of a client beside us takes no time, so it may block.
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(Duration::from_secs(5)))?;
                if let Ok(accepted) = tungstenite::accept(stream) {
                    let token = Token(next);
                    next += 1;
                    let socket = unblock(accepted.into_inner(), Role::Server, config, poll.registry(), token)?;
                    sockets.insert(token, socket);
                }
            }
        }
    }
}

fn echo(socket: &mut WebSocket<Stream>) -> Result<(), Error> {
    while let Some(message) = unless_waiting(socket.read())? {
        if message.is_binary() {
            unless_waiting(socket.send(message))?;
        }
    }
    unless_waiting(socket.flush()).map(drop)
}
