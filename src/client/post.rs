//! One POST of an offer over HTTP/1.1, without blocking, and what came back.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use serde::Deserialize;

use super::ConnectError;
use super::target::Target;
use crate::signal::Answer;

/// The largest answer that is read, in bytes, with its head. Real ones have 1,000.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Header fields of an answer.
const HEADERS_MAX: usize = 32;

pub(super) struct Post {
    stream: TcpStream,
    /// Everything before the length of the body.
    head: String,
    /// What is still to be written; `None` before it is known.
    request: Option<Vec<u8>>,
    answer: Vec<u8>,
}

/// How far it is.
pub(super) enum Step {
    Waits,
    /// The connection stands, from this address of ours, and waits for [`ask`](Post::ask).
    Connected(SocketAddr),
    Answered(Answer),
}

impl Post {
    pub(super) fn begin(target: &Target, registry: &Registry, token: Token) -> io::Result<Post> {
        let mut stream = TcpStream::connect(target.address)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let Target { authority, path, .. } = target;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: "
        );
        Ok(Post { stream, head, request: None, answer: Vec::new() })
    }

    /// Posts this.
    pub(super) fn ask(&mut self, body: &str) {
        self.request = Some(format!("{}{}\r\n\r\n{body}", self.head, body.len()).into_bytes());
    }

    /// Goes on as far as the socket lets it. To be called again after `Connected`, and when the socket is ready.
    pub(super) fn step(&mut self) -> Result<Step, ConnectError> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error.into());
        }
        let Some(request) = &mut self.request else {
            return match self.stream.peer_addr() {
                Ok(_) => Ok(Step::Connected(self.stream.local_addr()?)),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(Step::Waits),
                Err(error) => Err(error.into()),
            };
        };
        while !request.is_empty() {
            match unless_waiting(self.stream.write(request))? {
                Some(written) => drop(request.drain(..written)),
                None => return Ok(Step::Waits),
            }
        }
        let mut buffer = [0; 4096];
        while let Some(read) = unless_waiting(self.stream.read(&mut buffer))? {
            self.answer.extend_from_slice(&buffer[..read]);
            if read == 0 {
                return understand(&self.answer).map(Step::Answered);
            }
            if self.answer.len() > ANSWER_BYTES_MAX {
                return Err(ConnectError::BadAnswer);
            }
        }
        Ok(Step::Waits)
    }

    /// Before it is dropped.
    pub(super) fn deregister(&mut self, registry: &Registry) {
        // It is closed next, which ends it all the same.
        let _ = registry.deregister(&mut self.stream);
    }
}

fn unless_waiting(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}

/// A whole answer, which ended with its connection.
fn understand(answer: &[u8]) -> Result<Answer, ConnectError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(answer) else { return Err(ConnectError::BadAnswer) };
    let body = &answer[head..];
    match response.code {
        Some(200) => Answer::parse(body).map_err(|_| ConnectError::BadAnswer),
        Some(status) => Err(refused(status, body)),
        None => Err(ConnectError::BadAnswer),
    }
}

fn refused(status: u16, body: &[u8]) -> ConnectError {
    #[derive(Deserialize)]
    struct Body {
        error: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        code: String,
        message: String,
    }
    let unsaid = |_| Detail { code: String::new(), message: "without a reason".to_owned() };
    let Detail { code, message } = serde_json::from_slice::<Body>(body).map(|body| body.error).unwrap_or_else(unsaid);
    ConnectError::Refused { status, code, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;

    #[test]
    fn reads_an_answer_and_a_refusal() {
        let addresses = vec!["192.0.2.7:8080".parse().unwrap()];
        let answer = Answer { sdp: "v=0\r\n".into(), mid: "0".into(), addresses, session: None };
        let whole = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", answer.to_json());
        assert_eq!(understand(whole.as_bytes()), Ok(answer));

        let whole = format!("HTTP/1.1 503 Service Unavailable\r\n\r\n{}", Refusal::Full.to_json());
        let message = Refusal::Full.message().to_owned();
        let refused = ConnectError::Refused { status: 503, code: "full".into(), message };
        assert_eq!(understand(whole.as_bytes()), Err(refused));
    }

    #[test]
    fn says_what_is_no_answer() {
        for other in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n<html>", "SSH-2.0-OpenSSH_9.2\r\n"] {
            assert_eq!(understand(other.as_bytes()), Err(ConnectError::BadAnswer), "{other}");
        }
        let elsewhere = understand(b"HTTP/1.1 404 Not Found\r\n\r\n<html>");
        assert!(matches!(elsewhere, Err(ConnectError::Refused { status: 404, .. })), "{elsewhere:?}");
    }
}
