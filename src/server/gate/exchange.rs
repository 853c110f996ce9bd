//! The conversation with tiny_http: one request, one answer, then the next.
//!
//! One connection is kept for all requests. tiny_http's accept loop ends for good, in a panic, when there is no file
//! descriptor for the clone it makes of each connection (0.12, `refined_tcp_stream.rs`), so it accepts once, before the
//! first client is let in, and no number of clients can starve it. It also spares each request a connection and two
//! changes of thread.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use mio::{Interest, Registry, Token};

use super::frame::{ANSWER_BYTES_MAX, Broken, Framed, frame};
use super::inner::{Blocking, Inner, Stream};
use crate::server::http::KEY_HEADER;

/// How long tiny_http may take to say its first word. It takes a millisecond, and more on a machine that compiles.
const GREETING_WAIT_MAX: Duration = Duration::from_secs(5);

/// The longest first word, in bytes.
const GREETING_BYTES_MAX: usize = 4 * 1024;

/// The gate's end of the inner connection.
pub(super) struct Exchange {
    stream: Option<Stream>,
    job: Option<Job>,
}

struct Job {
    client: Token,
    head_only: bool,
    request: Vec<u8>,
    written: usize,
    answer: Vec<u8>,
    framed: Option<Framed>,
}

/// How an exchange ended.
pub(super) enum Ended {
    /// With an answer for the client, who may have left.
    Answered { client: Token, bytes: Vec<u8>, framed: Framed },
    /// The inner connection is gone, and with it the answer to this client.
    Broken { client: Option<Token> },
}

impl Exchange {
    pub(super) fn new() -> Self {
        Exchange { stream: None, job: None }
    }

    /// Connects, and returns when tiny_http has accepted.
    pub(super) fn connect(&mut self, inner: &Inner, key: &str, registry: &Registry, token: Token) -> io::Result<()> {
        let mut blocking = inner.connect()?;
        blocking.set_read_timeout(Some(GREETING_WAIT_MAX))?;
        greet(&mut blocking, key)?;
        blocking.set_nonblocking(true)?;
        let mut stream = Stream::from_std(blocking);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        Ok(())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether a request can begin.
    pub(super) fn is_free(&self) -> bool {
        self.stream.is_some() && self.job.is_none()
    }

    /// Begins a request. Only when free; [`Exchange::advance`] does the rest.
    pub(super) fn begin(&mut self, client: Token, request: Vec<u8>, head_only: bool) {
        debug_assert!(self.is_free(), "one request at a time");
        self.job = Some(Job { client, head_only, request, written: 0, answer: Vec::new(), framed: None });
    }

    /// Goes on as far as the socket lets it.
    pub(super) fn advance(&mut self, scratch: &mut [u8]) -> Option<Ended> {
        let stream = self.stream.as_mut()?;
        match step(stream, self.job.as_mut(), scratch) {
            Ok(false) => None,
            Ok(true) => {
                let job = self.job.take()?;
                Some(Ended::Answered { client: job.client, bytes: job.answer, framed: job.framed? })
            }
            Err(Broken) => {
                self.stream = None;
                Some(Ended::Broken { client: self.job.take().map(|job| job.client) })
            }
        }
    }
}

/// Asks for anything and takes any answer: a connection is made before it is accepted, and an answer comes after.
fn greet(stream: &mut Blocking, key: &str) -> io::Result<()> {
    stream.write_all(format!("HEAD / HTTP/1.1\r\n{KEY_HEADER}: {key}\r\n\r\n").as_bytes())?;
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\n") {
        let mut part = [0; 1024];
        match stream.read(&mut part)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => said.extend_from_slice(&part[..count]),
        }
        if said.len() > GREETING_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    Ok(())
}

/// Writes and reads what goes without waiting. `true`: the answer is whole.
fn step(stream: &mut Stream, mut job: Option<&mut Job>, scratch: &mut [u8]) -> Result<bool, Broken> {
    if let Some(job) = &mut job {
        while job.written < job.request.len() {
            match stream.write(&job.request[job.written..]) {
                Ok(0) => return Err(Broken),
                Ok(written) => job.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Broken),
            }
        }
    }
    loop {
        let count = match stream.read(scratch) {
            Ok(0) => return Err(Broken),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return Err(Broken),
        };
        // tiny_http speaks only when asked.
        let job = job.as_mut().ok_or(Broken)?;
        if job.answer.len() + count > ANSWER_BYTES_MAX {
            return Err(Broken);
        }
        job.answer.extend_from_slice(&scratch[..count]);
        if job.framed.is_none() {
            job.framed = frame(&job.answer, job.head_only)?;
        }
        if let Some(framed) = &job.framed {
            match job.answer.len().cmp(&framed.body.end) {
                std::cmp::Ordering::Less => {}
                // An answer that comes before its request is all written would leave the two out of step.
                std::cmp::Ordering::Equal if job.written == job.request.len() => return Ok(true),
                _ => return Err(Broken),
            }
        }
    }
}
