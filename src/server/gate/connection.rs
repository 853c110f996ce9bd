//! One client: its request, its answer, its farewell.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::door::Seat;
use super::head::{self, Head, Search};
use super::outgoing::Outgoing;
use super::{Rules, trust};
use crate::server::answer::Asker;
use crate::server::http::{FACING_HEADER, FIELD_HEADER, FROM_HEADER, KEY_HEADER};
use crate::signal::Refusal;

/// How much a client may still send after its answer, in bytes. Read and thrown away, since a connection that is closed
/// over unread bytes is reset, and a reset can overtake the answer (RFC 9112, section 9.6).
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// How long a refusal may take to go out: it fits any socket's buffer.
const REFUSAL_SEND_MAX: Duration = Duration::from_secs(1);

/// A client's connection, in the order of its stages.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) seat: Seat,
    pub(super) deadline: Instant,
    from: SocketAddr,
    facing: SocketAddr,
    accepted: Instant,
    /// When the client last took a part of its answer.
    taken: Instant,
    asker: Asker,
    head_only: bool,
    stage: Stage,
}

enum Stage {
    Head {
        bytes: Vec<u8>,
        searched: usize,
    },
    Body {
        bytes: Vec<u8>,
        head: Head,
    },
    /// The request is whole, in the gate's own words.
    Waiting {
        request: Vec<u8>,
    },
    /// tiny_http has the request.
    Asked,
    Writing {
        outgoing: Outgoing,
    },
    Lingering {
        bytes_left: usize,
    },
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for its socket or its deadline.
    Stay,
    /// Its request is whole and waits for tiny_http.
    Submit,
    /// It is over.
    Close,
}

enum Incoming {
    Bytes(usize),
    Blocked,
    Over,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, from: SocketAddr, facing: SocketAddr, seat: Seat, rules: &Rules) -> Self {
        let now = Instant::now();
        let mut connection = Connection {
            stream,
            deadline: now + rules.limits.request,
            from,
            facing,
            accepted: now,
            taken: now,
            asker: Asker::Program,
            head_only: false,
            stage: Stage::Head { bytes: Vec::new(), searched: 0 },
            seat,
        };
        if let Seat::Refused(refusal) = connection.seat {
            connection.refuse(now, refusal, rules);
        }
        connection
    }

    /// Goes on as far as the socket lets it.
    pub(super) fn advance(&mut self, now: Instant, rules: &Rules, scratch: &mut [u8]) -> Next {
        loop {
            match &mut self.stage {
                Stage::Head { bytes, .. } | Stage::Body { bytes, .. } => match read(&mut self.stream, scratch) {
                    Incoming::Blocked => return Next::Stay,
                    Incoming::Over => return Next::Close,
                    Incoming::Bytes(count) => {
                        bytes.extend_from_slice(&scratch[..count]);
                        match self.understand(now, rules) {
                            Ok(true) => return Next::Submit,
                            Ok(false) => {}
                            Err(refusal) => self.refuse(now, refusal, rules),
                        }
                    }
                },
                // Whatever else the client sends stays in the kernel, which bounds it.
                Stage::Waiting { .. } | Stage::Asked => return Next::Stay,
                Stage::Writing { outgoing } => {
                    let sent = outgoing.sent();
                    let Ok(all) = outgoing.write(&mut self.stream) else { return Next::Close };
                    if outgoing.sent() > sent {
                        self.taken = now;
                    }
                    if !all {
                        return Next::Stay;
                    }
                    if self.stream.shutdown(Shutdown::Write).is_err() {
                        return Next::Close;
                    }
                    self.deadline = now + rules.limits.linger;
                    self.stage = Stage::Lingering { bytes_left: LINGER_BYTES_MAX };
                }
                Stage::Lingering { bytes_left } => match read(&mut self.stream, scratch) {
                    Incoming::Blocked => return Next::Stay,
                    Incoming::Bytes(count) if count <= *bytes_left => *bytes_left -= count,
                    Incoming::Bytes(_) | Incoming::Over => return Next::Close,
                },
            }
        }
    }

    /// What a deadline that has passed means at this stage.
    pub(super) fn expire(&mut self, now: Instant, rules: &Rules) -> Next {
        match &self.stage {
            // A browser opens connections ahead of need; one that said nothing gets no answer.
            Stage::Head { bytes, .. } if bytes.is_empty() => Next::Close,
            Stage::Head { .. } | Stage::Body { .. } => {
                self.refuse(now, Refusal::TooSlow, rules);
                Next::Stay
            }
            Stage::Waiting { .. } | Stage::Asked => {
                self.refuse(now, Refusal::Busy, rules);
                Next::Stay
            }
            Stage::Writing { .. } | Stage::Lingering { .. } => Next::Close,
        }
    }

    /// Takes the request for tiny_http, and whether it is a `HEAD`.
    pub(super) fn take_request(&mut self) -> Option<(Vec<u8>, bool)> {
        match std::mem::replace(&mut self.stage, Stage::Asked) {
            Stage::Waiting { request } => Some((request, self.head_only)),
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    /// Has its answer, if it still waits for one.
    pub(super) fn answer(&mut self, now: Instant, outgoing: Outgoing, rules: &Rules) {
        if matches!(self.stage, Stage::Asked) {
            self.deadline = self.accepted + rules.limits.exchange;
            self.taken = now;
            self.stage = Stage::Writing { outgoing };
        }
    }

    /// Gets a refusal, whatever stage of its request it is in.
    pub(super) fn refuse(&mut self, now: Instant, refusal: Refusal, rules: &Rules) {
        if matches!(self.stage, Stage::Writing { .. } | Stage::Lingering { .. }) {
            return;
        }
        tracing::debug!(from = %self.from, %refusal, "refused");
        let outgoing = Outgoing::refusal(refusal, self.asker, self.head_only, rules.policy);
        self.deadline = now + REFUSAL_SEND_MAX;
        self.taken = now;
        self.stage = Stage::Writing { outgoing };
    }

    /// Whether it has sent anything that deserves an answer and has none yet.
    pub(super) fn is_owed(&self) -> bool {
        match &self.stage {
            Stage::Head { bytes, .. } => !bytes.is_empty(),
            Stage::Body { .. } | Stage::Waiting { .. } | Stage::Asked => true,
            Stage::Writing { .. } | Stage::Lingering { .. } => false,
        }
    }

    /// The bytes of its unsent answer, and when it last took some.
    pub(super) fn holds(&self) -> Option<(usize, Instant)> {
        match &self.stage {
            Stage::Writing { outgoing } => Some((outgoing.held_bytes(), self.taken)),
            _ => None,
        }
    }

    /// Makes sense of what has come. `true`: the request is whole, and waits.
    fn understand(&mut self, now: Instant, rules: &Rules) -> Result<bool, Refusal> {
        if let Stage::Head { bytes, searched } = &mut self.stage {
            // Continued where it stopped: a client that sends a byte at a time must not cost a square of its bytes.
            match head::search_end(bytes, *searched)? {
                Search::Further(at) => {
                    *searched = at;
                    return Ok(false);
                }
                Search::End(_) => {}
            }
            let Some(head) = head::parse(bytes)? else { return Ok(false) };
            let bytes = std::mem::take(bytes);
            self.asker = Asker::of(head.accept.as_deref());
            self.head_only = head.method == "HEAD";
            trust::check(&head, self.facing, &rules.names)?;
            if head.expects_continue && bytes.len() < head.head_bytes + head.body_bytes {
                self.say_continue();
            }
            self.stage = Stage::Body { bytes, head };
        }
        if let Stage::Body { bytes, head } = &self.stage {
            let Some(body) = bytes.get(head.head_bytes..head.head_bytes + head.body_bytes) else { return Ok(false) };
            // What stands behind the body would be a pipelined request. The answer says `Connection: close`.
            let request = self.in_own_words(head, body, rules);
            self.deadline = now + rules.limits.answer;
            self.stage = Stage::Waiting { request };
        }
        Ok(true)
    }

    /// RFC 9110, section 10.1.1. A socket without room for 25 bytes at this point is broken, and its next read says so;
    /// a client that misses them sends its body after a while all the same.
    fn say_continue(&mut self) {
        let _ = self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// The request as tiny_http gets it: nothing of the client's own writing but values that have been checked.
    fn in_own_words(&self, head: &Head, body: &[u8], rules: &Rules) -> Vec<u8> {
        let Head { method, target, .. } = head;
        let (key, from, facing) = (&rules.key, self.from, self.facing);
        let mut text = format!(
            "{method} {target} HTTP/1.1\r\n\
             {KEY_HEADER}: {key}\r\n\
             {FROM_HEADER}: {from}\r\n\
             {FACING_HEADER}: {facing}\r\n"
        );
        let fields = [
            ("Accept", &head.accept),
            ("Accept-Encoding", &head.accept_encoding),
            ("Content-Type", &head.content_type),
            ("If-None-Match", &head.if_none_match),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                text.extend([name, ": ", value, "\r\n"]);
            }
        }
        for (name, value) in head.fields.iter().filter(|_| rules.passes_fields_on) {
            text.extend([FIELD_HEADER, ": ", name, ":", value, "\r\n"]);
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut request = text.into_bytes();
        request.extend_from_slice(body);
        request
    }
}

fn read(stream: &mut TcpStream, scratch: &mut [u8]) -> Incoming {
    loop {
        match stream.read(scratch) {
            Ok(0) => return Incoming::Over,
            Ok(count) => return Incoming::Bytes(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Incoming::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Incoming::Over,
        }
    }
}
