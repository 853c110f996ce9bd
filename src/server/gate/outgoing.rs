//! An answer on its way to a client, as far as the client takes it.

use std::io::{self, ErrorKind, IoSlice, Write};

use tiny_http::StatusCode;

use super::frame::Framed;
use crate::server::answer::{Answer, Asker};
use crate::signal::Refusal;

/// Fields of tiny_http that the gate writes itself, or that say nothing to a client.
const DROPPED_FIELDS: [&str; 4] = ["Connection", "Content-Length", "Server", "Transfer-Encoding"];

/// The bytes of an answer, and how many went out.
#[derive(Debug)]
pub(super) struct Outgoing {
    head: Vec<u8>,
    /// The body stands at the end of these bytes; what is before it came from tiny_http and is not sent.
    body: Vec<u8>,
    body_from: usize,
    sent: usize,
}

impl Outgoing {
    /// A refusal by the gate itself.
    pub(super) fn refusal(refusal: Refusal, asker: Asker, head_only: bool, policy: &str) -> Self {
        let answer = Answer::refuse(refusal, asker);
        let fields = answer.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let head = head(answer.status, fields, Some(answer.body.len()), policy);
        let body = if head_only { Vec::new() } else { answer.body.into_owned() };
        Outgoing { head, body, body_from: 0, sent: 0 }
    }

    /// An answer of tiny_http, framed and whole. Its head is written anew, its body stays where it is.
    pub(super) fn relayed(bytes: Vec<u8>, framed: &Framed, policy: &str) -> Self {
        let is_field = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
        let kept = framed.fields.iter().filter(|(name, _)| !DROPPED_FIELDS.iter().any(|drop| is_field(name, drop)));
        let fields = kept.map(|(name, value)| (&**name, &**value));
        // The answer to HEAD has no body here, and the length that GET would have had.
        let length = framed.fields.iter().find(|(name, _)| is_field(name, "Content-Length"));
        let length = length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
        // tiny_http says 0 in a 304, which would be the length of the file (RFC 9110, section 8.6).
        let length = if framed.status == 304 { None } else { length };
        let head = head(framed.status, fields, length, policy);
        Outgoing { head, body: bytes, body_from: framed.body.start, sent: 0 }
    }

    /// The memory that this answer holds, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }

    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Writes what goes without waiting. `true`: everything is out.
    pub(super) fn write(&mut self, client: &mut impl Write) -> io::Result<bool> {
        let body = &self.body[self.body_from..];
        loop {
            let head_left = &self.head[self.sent.min(self.head.len())..];
            let body_left = &body[self.sent.saturating_sub(self.head.len())..];
            if head_left.is_empty() && body_left.is_empty() {
                return Ok(true);
            }
            match client.write_vectored(&[IoSlice::new(head_left), IoSlice::new(body_left)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The head of every answer that leaves this server: the one place of the headers that all have. There is no CORS
/// header and never will be: no other origin may read what this server says.
fn head<'a>(
    status: u16,
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    length: Option<usize>,
    policy: &str,
) -> Vec<u8> {
    let reason = StatusCode(status).default_reason_phrase();
    let mut head = format!(
        "HTTP/1.1 {status} {reason}\r\n\
         Connection: close\r\n\
         Content-Security-Policy: {policy}\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\
         Referrer-Policy: no-referrer\r\n\
         X-Content-Type-Options: nosniff\r\n"
    )
    .into_bytes();
    if let Some(length) = length {
        head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    for (name, value) in fields {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::super::frame::frame;
    use super::*;

    /// Takes `most` bytes at a time, and blocks every other time.
    struct Slow {
        taken: Vec<u8>,
        most: usize,
        blocks: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.blocks = !self.blocks;
            if self.blocks {
                return Err(ErrorKind::WouldBlock.into());
            }
            let taken = bytes.len().min(self.most);
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(mut outgoing: Outgoing, most: usize) -> String {
        let mut slow = Slow { taken: Vec::new(), most, blocks: false };
        while !outgoing.write(&mut slow).unwrap() {}
        String::from_utf8(slow.taken).unwrap()
    }

    #[test]
    fn an_answer_goes_out_in_any_pieces() {
        let bytes = b"HTTP/1.1 200 OK\r\nServer: x\r\nETag: \"e\"\r\nContent-Length: 4\r\n\r\nbody".to_vec();
        let framed = frame(&bytes, false).unwrap().unwrap();
        let whole = written(Outgoing::relayed(bytes.clone(), &framed, "p"), usize::MAX);
        assert!(whole.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Security-Policy: p\r\n"));
        assert!(whole.ends_with("Content-Length: 4\r\nETag: \"e\"\r\n\r\nbody"));
        for most in 1..50 {
            assert_eq!(written(Outgoing::relayed(bytes.clone(), &framed, "p"), most), whole);
        }
    }

    #[test]
    fn head_and_304_have_no_body() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n".to_vec();
        let framed = frame(&bytes, true).unwrap().unwrap();
        assert!(written(Outgoing::relayed(bytes, &framed, "p"), 9).ends_with("Content-Length: 4\r\n\r\n"));

        let bytes = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n".to_vec();
        let framed = frame(&bytes, false).unwrap().unwrap();
        assert!(!written(Outgoing::relayed(bytes, &framed, "p"), 9).contains("Content-Length"));
    }

    #[test]
    fn a_refusal_is_an_answer_like_another() {
        let text = written(Outgoing::refusal(Refusal::TooSlow, Asker::Program, false, "p"), 9);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"));
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert_eq!(body, Refusal::TooSlow.to_json());
        let head_only = written(Outgoing::refusal(Refusal::TooSlow, Asker::Program, true, "p"), 9);
        assert_eq!(head_only, format!("{head}\r\n\r\n"));
    }
}
