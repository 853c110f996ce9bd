//! TCP on mio that does not ask a socket twice.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tungstenite::WebSocket;
use tungstenite::protocol::{Role, WebSocketConfig};

/// A socket that says `WouldBlock` by itself after a read that did not fill its buffer, as tokio's does: nothing is left,
/// and epoll tells when there is more.
pub struct Stream {
    inner: TcpStream,
    is_empty: bool,
}

impl Stream {
    pub fn set_ready(&mut self) {
        self.is_empty = false;
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_empty {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.inner.read(buffer)?;
        self.is_empty = read < buffer.len();
        Ok(read)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A WebSocket whose handshake is done, from now on without blocking.
pub fn unblock(
    stream: std::net::TcpStream,
    role: Role,
    config: WebSocketConfig,
    registry: &Registry,
    token: Token,
) -> io::Result<WebSocket<Stream>> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut inner = TcpStream::from_std(stream);
    registry.register(&mut inner, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(WebSocket::from_raw_socket(Stream { inner, is_empty: false }, role, Some(config)))
}

/// Whether there was an error, other than that it would have to wait.
pub fn unless_waiting<T>(result: Result<T, tungstenite::Error>) -> Result<Option<T>, tungstenite::Error> {
    match result {
        Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}
