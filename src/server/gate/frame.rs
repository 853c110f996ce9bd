//! Where an answer of tiny_http ends, on a connection that stays open.

use std::ops::Range;

use crate::server::assets::FILE_BYTES_MAX;

/// The longest head of an answer, in bytes. Ours have about 300.
const ANSWER_HEAD_BYTES_MAX: usize = 4 * 1024;

/// The longest answer that the gate takes from tiny_http, in bytes: the largest file and its head.
pub(super) const ANSWER_BYTES_MAX: usize = FILE_BYTES_MAX + ANSWER_HEAD_BYTES_MAX;

/// The most fields of an answer. Ours have about eight.
const ANSWER_FIELDS_MAX: usize = 32;

/// The head of an answer, and where its body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Framed {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    /// The body in the bytes that were given; they may not be there yet.
    pub(super) body: Range<usize>,
}

/// tiny_http sent what cannot be read, too much, or not to the end: a bug there or here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// Reads the head of an answer at the beginning of `bytes`. `None`: it is not whole yet. The answer to a `HEAD` request
/// (`head_only`) has a length and no body (RFC 9112, section 6.3).
pub(super) fn frame(bytes: &[u8], head_only: bool) -> Result<Option<Framed>, Broken> {
    let mut fields = [httparse::EMPTY_HEADER; ANSWER_FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let head_bytes = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head_bytes)) => head_bytes,
        Ok(httparse::Status::Partial) if bytes.len() <= ANSWER_HEAD_BYTES_MAX => return Ok(None),
        _ => return Err(Broken),
    };
    let status = response.code.ok_or(Broken)?;
    let mut length = None;
    let mut fields = Vec::with_capacity(response.headers.len());
    for field in response.headers.iter() {
        if field.name.eq_ignore_ascii_case("Transfer-Encoding") {
            return Err(Broken);
        }
        if field.name.eq_ignore_ascii_case("Content-Length") {
            length = std::str::from_utf8(field.value).ok().and_then(|value| value.parse::<usize>().ok());
        }
        fields.push((field.name.to_owned(), field.value.to_vec()));
    }
    let length = if head_only || matches!(status, 204 | 304) { 0 } else { length.ok_or(Broken)? };
    if status < 200 || length > FILE_BYTES_MAX {
        return Err(Broken);
    }
    Ok(Some(Framed { status, fields, body: head_bytes..head_bytes + length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_says_where_the_body_ends() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodymore";
        let framed = frame(bytes, false).unwrap().unwrap();
        assert_eq!((framed.status, &bytes[framed.body]), (200, &b"body"[..]));
        for end in 0..bytes.len() - 8 {
            assert_eq!(frame(&bytes[..end], false), Ok(None));
        }
    }

    #[test]
    fn some_answers_have_no_body() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
        assert!(frame(head, true).unwrap().unwrap().body.is_empty());
        let unchanged = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n";
        assert!(frame(unchanged, false).unwrap().unwrap().body.is_empty());
    }

    #[test]
    fn without_a_length_it_is_broken() {
        for text in [
            "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n".to_owned(),
            "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n".to_owned(),
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", FILE_BYTES_MAX + 1),
            format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(ANSWER_HEAD_BYTES_MAX)),
            "nonsense\r\n\r\n".to_owned(),
        ] {
            assert_eq!(frame(text.as_bytes(), false), Err(Broken), "{text:.80}");
        }
    }
}
