//! What is served: the page's files and `POST ./connect`. From a request to an answer, without a socket.

use std::net::SocketAddr;

pub(super) use super::answer::Refused;
use super::answer::{Answer, Asker};
use super::assets::Assets;
use crate::signal::Refusal;

/// The path that takes offers.
const CONNECT_PATH: &str = "/connect";

/// The longest answer to an offer, in bytes. One is 2 KiB; this only keeps a mistake of the application's from growing.
const CONNECT_ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What `POST ./connect` brings to the application's loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// The body, at most 65,536 bytes, declared as JSON and not yet read as such.
    pub(crate) body: Vec<u8>,
    /// The browser's address and port; an IPv4 address is never in its IPv6-mapped form.
    pub(crate) from: SocketAddr,
    /// Our address and port by which the browser reached us, in the same form.
    pub(crate) facing: SocketAddr,
    /// What follows the first `?` of the request target, still percent-encoded.
    pub(crate) query: Option<String>,
    /// The header fields, if anybody wants them.
    pub(crate) fields: Vec<(String, String)>,
}

/// A request as the gate let it through.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// Origin-form: a path and maybe a query (RFC 9112, section 3.2.1).
    pub(super) target: String,
    pub(super) accept: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) accept_encoding: Option<String>,
    pub(super) if_none_match: Option<String>,
    pub(super) from: SocketAddr,
    pub(super) facing: SocketAddr,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// The files, and the function that answers an offer.
pub(super) struct Site<A> {
    assets: Assets,
    ask: A,
}

impl<A: Fn(Ask) -> Result<String, Refused>> Site<A> {
    pub(super) fn new(assets: Assets, ask: A) -> Self {
        Site { assets, ask }
    }

    /// The answer to a request. `HEAD` is answered as `GET`: who writes the answer leaves the body out.
    pub(super) fn answer(&self, request: Request) -> Answer {
        let asker = Asker::of(request.accept.as_deref());
        let (path, query) = match request.target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (&*request.target, None),
        };
        if path == CONNECT_PATH {
            return match &*request.method {
                "POST" => self.connect(request, query).unwrap_or_else(|refused| Answer::refuse(refused, asker)),
                _ => Answer::refuse(Refusal::MethodNotAllowed, asker).with("Allow", "POST"),
            };
        }
        match self.assets.find(path, request.accept_encoding.as_deref().is_some_and(takes_gzip)) {
            Err(refusal) => Answer::refuse(refusal, asker),
            Ok(_) if !matches!(&*request.method, "GET" | "HEAD") => {
                Answer::refuse(Refusal::MethodNotAllowed, asker).with("Allow", "GET, HEAD")
            }
            Ok(asset) => {
                let known = request.if_none_match.as_deref();
                let unchanged = asset.etag.as_deref().is_some_and(|etag| names(known, etag));
                let mut headers = Vec::new();
                if asset.varies {
                    headers.push(("Vary", "Accept-Encoding".to_owned()));
                }
                match asset.etag {
                    // To revalidate costs one small answer, and a new binary shows its new page at once.
                    Some(etag) => headers.extend([("Cache-Control", "no-cache".to_owned()), ("ETag", etag)]),
                    None => headers.push(("Cache-Control", "no-store".to_owned())),
                }
                if unchanged {
                    return Answer { status: 304, headers, body: (&[]).into() };
                }
                headers.push(("Content-Type", asset.media_type.to_owned()));
                if asset.is_gzip {
                    headers.push(("Content-Encoding", "gzip".to_owned()));
                }
                Answer { status: 200, headers, body: asset.bytes }
            }
        }
    }

    fn connect(&self, request: Request, query: Option<String>) -> Result<Answer, Refused> {
        if !request.content_type.as_deref().is_some_and(is_json) {
            return Err(Refusal::NotJson.into());
        }
        let Request { body, from, facing, fields, .. } = request;
        let json = (self.ask)(Ask { body, from, facing, query, fields })?;
        if json.len() > CONNECT_ANSWER_BYTES_MAX {
            tracing::error!(bytes = json.len(), "the answer to an offer is larger than 1 MiB");
            return Err(Refusal::Internal.into());
        }
        Ok(Answer::json(json))
    }
}

/// Whether a `Content-Type` declares JSON (RFC 9110, section 8.3.1): parameters are allowed, case means nothing.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// Whether an `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3). A weight of zero means that it does not.
fn takes_gzip(accept_encoding: &str) -> bool {
    let weight = |coding: &str| {
        accept_encoding.split(',').find_map(|entry| {
            let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), |weight| weight.trim().parse::<f64>());
            name.trim().eq_ignore_ascii_case(coding).then(|| weight.unwrap_or(0.0))
        })
    };
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

/// Whether `If-None-Match` names this `ETag` (RFC 9110, section 13.1.2): weak comparison, a list or `*`.
fn names(if_none_match: Option<&str>, etag: &str) -> bool {
    let Some(list) = if_none_match else { return false };
    list.split(',').map(str::trim).any(|entry| entry == "*" || entry.strip_prefix("W/").unwrap_or(entry) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Denial;

    fn request(method: &str, target: &str) -> Request {
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            accept: None,
            content_type: Some("application/json".to_owned()),
            accept_encoding: None,
            if_none_match: None,
            from: "192.0.2.7:5000".parse().unwrap(),
            facing: "192.0.2.1:8080".parse().unwrap(),
            fields: Vec::new(),
            body: b"offer".to_vec(),
        }
    }

    fn site() -> Site<impl Fn(Ask) -> Result<String, Refused>> {
        let assets = Assets::embedded(&[("index.html", b"page"), ("room/a.js", b"code")]);
        Site::new(assets, |ask: Ask| match &*ask.body {
            b"offer" => Ok(format!("{} {} {:?}", ask.from, ask.facing, ask.query)),
            b"long" => Ok("x".repeat(CONNECT_ANSWER_BYTES_MAX + 1)),
            b"denied" => Err(Denial::new(401, "no-name", "Say who you are.").into()),
            _ => Err(Refusal::BadOffer.into()),
        })
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| &**value)
    }

    #[test]
    fn routes() {
        for (method, target, status, allow) in [
            ("GET", "/", 200, None),
            ("HEAD", "/", 200, None),
            ("GET", "/?room=3", 200, None),
            ("GET", "/room/a.js", 200, None),
            ("GET", "/missing", 404, None),
            ("POST", "/missing", 404, None),
            ("GET", "/connect/", 404, None),
            ("GET", "/%", 400, None),
            ("POST", "/", 405, Some("GET, HEAD")),
            ("BREW", "/room/a.js", 405, Some("GET, HEAD")),
            ("get", "/", 405, Some("GET, HEAD")),
            ("POST", "/connect", 200, None),
            ("POST", "/connect?room=3", 200, None),
            ("GET", "/connect", 405, Some("POST")),
            ("HEAD", "/connect", 405, Some("POST")),
            ("OPTIONS", "/connect", 405, Some("POST")),
        ] {
            let answer = site().answer(request(method, target));
            assert_eq!((answer.status, header(&answer, "Allow")), (status, allow), "{method} {target}");
        }
    }

    #[test]
    fn who_takes_gzip_gets_it() {
        let page = b"the same words again and again, ".repeat(100);
        let assets = Assets::embedded(&[("index.html", page.leak()), ("a.js", b"short"), ("a.png", &[7; 2000])]);
        let site = Site::new(assets, |_| Err(Refusal::Busy.into()));
        let asked = |target: &str, accept_encoding: Option<&str>| {
            let accept_encoding = accept_encoding.map(str::to_owned);
            site.answer(Request { accept_encoding, ..request("GET", target) })
        };
        let plain = asked("/", None);
        assert_eq!((plain.body.len(), header(&plain, "Content-Encoding")), (3200, None));
        assert_eq!(header(&plain, "Vary"), Some("Accept-Encoding"));
        for accept_encoding in ["gzip", "deflate, GZIP;q=0.5, br", "*", "br;q=1, *;q=0.1"] {
            let answer = asked("/", Some(accept_encoding));
            assert_eq!(header(&answer, "Content-Encoding"), Some("gzip"), "{accept_encoding}");
            assert!(answer.body.len() < 200 && answer.body.starts_with(&[0x1f, 0x8b]));
            assert_ne!(header(&answer, "ETag"), header(&plain, "ETag"), "another form is another thing to a cache");
            let known = header(&answer, "ETag").map(str::to_owned);
            let again = Request {
                accept_encoding: Some(accept_encoding.to_owned()),
                if_none_match: known,
                ..request("GET", "/")
            };
            assert_eq!(site.answer(again).status, 304);
        }
        for accept_encoding in ["", "identity", "gzip;q=0", "gzip;q=0.0, *", "*;q=0", "gzip;q=x", "gzipped"] {
            assert_eq!(asked("/", Some(accept_encoding)).body.len(), 3200, "{accept_encoding}");
        }
        assert_eq!(&*asked("/a.js", Some("gzip")).body, b"short", "it would only grow");
        assert_eq!(asked("/a.png", Some("gzip")).body.len(), 2000, "a picture is compressed already");
    }

    #[test]
    fn an_offer_brings_its_addresses_and_query() {
        let answer = site().answer(request("POST", "/connect?room=3?x"));
        assert_eq!(&*answer.body, br#"192.0.2.7:5000 192.0.2.1:8080 Some("room=3?x")"#);
        assert_eq!(header(&answer, "Cache-Control"), Some("no-store"));
        assert_eq!(header(&answer, "Content-Type"), Some("application/json"));
    }

    #[test]
    fn what_the_application_says_is_bounded_and_passed_on() {
        for (body, refusal) in [("long", Refusal::Internal), ("odd", Refusal::BadOffer)] {
            let asked = Request { body: body.into(), ..request("POST", "/connect") };
            assert_eq!(site().answer(asked), Answer::refuse(refusal, Asker::Program));
        }
        let denied = site().answer(Request { body: b"denied".into(), ..request("POST", "/connect") });
        assert_eq!(denied.status, 401);
        assert_eq!(&*denied.body, br#"{"error":{"code":"no-name","message":"Say who you are."}}"#);
    }

    #[test]
    fn an_offer_is_declared_as_json() {
        for (content_type, status) in [
            (Some("application/json"), 200),
            (Some("Application/JSON; charset=utf-8"), 200),
            (Some("text/plain"), 415),
            (Some("application/jsonp"), 415),
            (Some("text/plain; application/json"), 415),
            (Some(""), 415),
            (None, 415),
        ] {
            let content_type = content_type.map(str::to_owned);
            let answer = site().answer(Request { content_type, ..request("POST", "/connect") });
            assert_eq!(answer.status, status);
        }
    }

    #[test]
    fn an_unchanged_file_is_not_sent_again() {
        let first = site().answer(request("GET", "/"));
        let etag = header(&first, "ETag").unwrap().to_owned();
        assert_eq!(header(&first, "Cache-Control"), Some("no-cache"));
        for (known, status) in [
            (etag.clone(), 304),
            (format!("W/{etag}"), 304),
            (format!("\"other\", {etag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
            (etag.trim_matches('"').to_owned(), 200),
        ] {
            let answer = site().answer(Request { if_none_match: Some(known.clone()), ..request("GET", "/") });
            assert_eq!(answer.status, status, "{known}");
            assert_eq!(header(&answer, "ETag"), Some(&*etag));
            assert_eq!(answer.body.is_empty(), status == 304);
        }
    }
}
