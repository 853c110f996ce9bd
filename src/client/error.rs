use std::{fmt, io};

/// Why a connection did not come to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// Not a URL of the form `http://host:port/path`. There is no `https`: servers have none.
    Url,
    /// The host has no address, or nobody listens there, or the system has no socket left.
    Unreachable(io::ErrorKind),
    /// The server refused: `docs/PROTOCOL.md` lists the statuses and codes.
    Refused {
        /// The status of HTTP.
        status: u16,
        /// A stable word, such as `full`; empty if what answered is not such a server.
        code: String,
        /// A sentence for people.
        message: String,
    },
    /// What answered is not such a server, or not of this version.
    BadAnswer,
    /// Nothing answered within 10 s.
    TimedOut,
    /// The server answered, but no datagrams come through within 10 s: a firewall, mostly.
    NoPath,
    /// The server ended the connection while it opened.
    Closed,
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> ConnectError {
        ConnectError::Unreachable(error.kind())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Url => f.write_str("not a URL like http://192.168.1.5:8080"),
            ConnectError::Unreachable(kind) => write!(f, "the server cannot be reached: {kind}"),
            ConnectError::Refused { status, message, .. } => write!(f, "the server refused ({status}): {message}"),
            ConnectError::BadAnswer => f.write_str("what answered is not a patchcord server of this version"),
            ConnectError::TimedOut => f.write_str("the server did not answer"),
            ConnectError::NoPath => f.write_str("the server answered, but no UDP packets come through"),
            ConnectError::Closed => f.write_str("the server closed the connection while it opened"),
        }
    }
}

impl std::error::Error for ConnectError {}
