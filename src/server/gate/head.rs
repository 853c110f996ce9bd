//! A request head, parsed once and strictly: bytes in, meaning out.
//!
//! A browser sends nothing that is refused here. What is refused is what two programs could read in two ways.

use crate::signal::Refusal;

/// The longest request head, in bytes. Browsers send about 600; cookies of other servers on the same host add to that.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The longest request body, in bytes. An offer is under 1 KiB, with audio, video and candidates about 8 KiB.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The most header fields. Browsers send about 15.
pub(crate) const FIELDS_MAX: usize = 64;

/// A request head that is not ambiguous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// A token such as `GET`; case counts (RFC 9110, section 9.1).
    pub(crate) method: String,
    /// Origin-form (RFC 9112, section 3.2.1): begins with `/`, visible ASCII, no `#`.
    pub(crate) target: String,
    /// `Host`; absent only in HTTP/1.0.
    pub(crate) host: Option<String>,
    /// `Origin`.
    pub(crate) origin: Option<String>,
    /// `Accept`.
    pub(crate) accept: Option<String>,
    /// `Content-Type`.
    pub(crate) content_type: Option<String>,
    /// `Accept-Encoding`.
    pub(crate) accept_encoding: Option<String>,
    /// `If-None-Match`.
    pub(crate) if_none_match: Option<String>,
    /// Of a POST, every field in ASCII, in the order in which they came. No name has a colon.
    pub(crate) fields: Vec<(String, String)>,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// The length of the head, with its empty line.
    pub(crate) head_bytes: usize,
    /// The length of the body that follows, at most [`BODY_BYTES_MAX`].
    pub(crate) body_bytes: usize,
}

/// How far a search for the end of a head came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// No end so far. The next search may begin after this many bytes.
    Further(usize),
    /// The head is this long, with its empty line.
    End(usize),
}

/// Searches the empty line that ends a head, in `bytes[from..]`; `from` is 0 or what [`Search::Further`] said.
///
/// Refuses a bare CR or LF and other control bytes at once: a parser that took a bare LF for a line's end would find
/// other fields than one that did not (RFC 9112, sections 2.2 and 11.2).
pub(crate) fn search_end(bytes: &[u8], from: usize) -> Result<Search, Refusal> {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if at >= HEAD_BYTES_MAX {
            return Err(Refusal::HeadTooLarge);
        }
        match byte {
            b'\r' => match bytes.get(at + 1) {
                None => return Ok(Search::Further(at)),
                // The empty line: this CRLF stands right behind another, which has been checked already.
                Some(b'\n') if at >= 2 && &bytes[at - 2..at] == b"\r\n" => return ended(at + 2),
                // A head may not begin with an empty line. RFC 9112, section 2.2, says SHOULD ignore, for clients
                // that sent one after the body of a request before; each connection here has one request.
                Some(b'\n') if at > 0 => at += 2,
                Some(_) => return Err(Refusal::BadRequest),
            },
            b'\t' | b' '..=b'~' | 0x80.. => at += 1,
            _ => return Err(Refusal::BadRequest),
        }
    }
    if bytes.len() > HEAD_BYTES_MAX {
        return Err(Refusal::HeadTooLarge);
    }
    Ok(Search::Further(at))
}

fn ended(head_bytes: usize) -> Result<Search, Refusal> {
    if head_bytes > HEAD_BYTES_MAX { Err(Refusal::HeadTooLarge) } else { Ok(Search::End(head_bytes)) }
}

/// Parses a request head at the beginning of `bytes`; what follows it is not looked at. `None`: there is no whole head
/// yet.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let head_bytes = match search_end(bytes, 0)? {
        Search::Further(_) => return Ok(None),
        Search::End(head_bytes) => head_bytes,
    };
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(&bytes[..head_bytes]) {
        Ok(httparse::Status::Complete(parsed)) if parsed == head_bytes => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        // A fold (RFC 9112, section 5.2), a space before a colon, another version than 1.0 or 1.1, a bad token.
        _ => return Err(Refusal::BadRequest),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(Refusal::BadRequest);
    };
    // Absolute-form is for proxies, authority-form for CONNECT, and the asterisk for OPTIONS to a proxy: no browser
    // sends them to a server, and a target that names a host could differ from `Host`.
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Refusal::BadRequest);
    }
    let fields = Fields(request.headers);
    let host = fields.only("Host")?;
    if host.is_none() && minor != 0 {
        return Err(Refusal::BadRequest);
    }
    let expects_continue = match fields.only("Expect")? {
        None => false,
        // RFC 9110, section 10.1.1: from HTTP/1.0 it means nothing.
        Some(expected) if expected.eq_ignore_ascii_case("100-continue") => minor != 0,
        Some(_) => return Err(Refusal::BadRequest),
    };
    Ok(Some(Head {
        method: method.to_owned(),
        target: target.to_owned(),
        host,
        origin: fields.only("Origin")?,
        accept: fields.first("Accept"),
        content_type: fields.only("Content-Type")?,
        accept_encoding: fields.first("Accept-Encoding"),
        if_none_match: fields.first("If-None-Match"),
        fields: if method == "POST" { fields.all() } else { Vec::new() },
        expects_continue,
        head_bytes,
        body_bytes: body_bytes(method, &fields)?,
    }))
}

/// The length of the body (RFC 9112, section 6.3), from one plain number alone.
fn body_bytes(method: &str, fields: &Fields<'_, '_>) -> Result<usize, Refusal> {
    let length = fields.only("Content-Length")?;
    if fields.0.iter().any(|field| field.name.eq_ignore_ascii_case("Transfer-Encoding")) {
        // Both together is how requests are smuggled (RFC 9112, section 11.2). Chunked alone lacks its length.
        return Err(if length.is_some() { Refusal::BadRequest } else { Refusal::LengthRequired });
    }
    let Some(length) = length else {
        return if method == "POST" { Err(Refusal::LengthRequired) } else { Ok(0) };
    };
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::BadRequest);
    }
    // A number too large for `usize` is too large for us.
    let bytes = length.parse().unwrap_or(usize::MAX);
    if bytes > BODY_BYTES_MAX {
        return Err(Refusal::BodyTooLarge);
    }
    if bytes > 0 && matches!(method, "GET" | "HEAD") {
        // RFC 9110, section 9.3.1: a body of a GET means nothing and may be an attack.
        return Err(Refusal::BadRequest);
    }
    Ok(bytes)
}

struct Fields<'h, 'b>(&'h [httparse::Header<'b>]);

impl Fields<'_, '_> {
    /// A field that may stand once, in ASCII.
    fn only(&self, name: &str) -> Result<Option<String>, Refusal> {
        let mut found = self.0.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(field), None) => Ok(Some(ascii(field).ok_or(Refusal::BadRequest)?)),
            (Some(_), Some(_)) => Err(Refusal::BadRequest),
        }
    }

    fn all(&self) -> Vec<(String, String)> {
        self.0.iter().filter_map(|field| Some((field.name.to_owned(), ascii(field)?))).collect()
    }

    /// A field that is only a wish: the first is heard, and none that is not ASCII.
    fn first(&self, name: &str) -> Option<String> {
        self.0.iter().find(|field| field.name.eq_ignore_ascii_case(name)).and_then(ascii)
    }
}

fn ascii(field: &httparse::Header<'_>) -> Option<String> {
    let value = std::str::from_utf8(field.value).ok()?;
    value.is_ascii().then(|| value.to_owned())
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
