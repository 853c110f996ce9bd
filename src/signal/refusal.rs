//! Why a request is refused, in one table: status, code and sentence.

use std::fmt;

use serde::Serialize;

/// A refusal of an HTTP request. Every variant has a status, a stable code and a plain sentence; the three
/// reach the browser as `{"error":{"code":"…","message":"…"}}`.
///
/// `docs/PROTOCOL.md` lists the same table, and a test compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are not an HTTP/1.1 request that can be read safely.
    BadRequest,
    /// The body is JSON, but not `{"type":"offer","sdp":"…"}`, or its SDP cannot be read.
    BadOffer,
    /// The offer asks for audio or video, or has no data channel.
    NotDataChannels,
    /// The `Host` header names no address or name of this server.
    ForeignHost,
    /// The `Origin` header is not this server's own.
    ForeignOrigin,
    /// Nothing is served at this path.
    NotFound,
    /// This path does not take this method.
    MethodNotAllowed,
    /// The request took longer than the gate waits.
    TooSlow,
    /// The token of an offer belongs to a connection that is still heard.
    StillHere,
    /// A body without one plain `Content-Length`.
    LengthRequired,
    /// A body above the gate's bound.
    BodyTooLarge,
    /// The body of `POST ./connect` is not declared as JSON.
    NotJson,
    /// This address has as many connections or peers as one address may have.
    TooManyFromAddress,
    /// A request head above the gate's bound.
    HeadTooLarge,
    /// The server failed in a way that is a bug.
    Internal,
    /// The server has as many connections or peers as it may have.
    Full,
    /// The application's loop did not answer in time.
    Busy,
    /// The server is shutting down.
    ShuttingDown,
}

impl Refusal {
    /// Every refusal, in the order of the table in `docs/PROTOCOL.md`.
    pub const ALL: [Refusal; 18] = [
        Refusal::BadRequest,
        Refusal::BadOffer,
        Refusal::NotDataChannels,
        Refusal::ForeignHost,
        Refusal::ForeignOrigin,
        Refusal::NotFound,
        Refusal::MethodNotAllowed,
        Refusal::TooSlow,
        Refusal::StillHere,
        Refusal::LengthRequired,
        Refusal::BodyTooLarge,
        Refusal::NotJson,
        Refusal::TooManyFromAddress,
        Refusal::HeadTooLarge,
        Refusal::Internal,
        Refusal::Full,
        Refusal::Busy,
        Refusal::ShuttingDown,
    ];

    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Refusal::BadRequest => (400, "bad-request", "The request is not valid HTTP/1.1."),
            Refusal::BadOffer => (400, "bad-offer", "The body is not a WebRTC offer that can be read."),
            Refusal::NotDataChannels => {
                (400, "not-data-channels", "The offer must have data channels, and no audio or video.")
            }
            Refusal::ForeignHost => (403, "foreign-host", "Open this page by an address that the server printed."),
            Refusal::ForeignOrigin => (403, "foreign-origin", "Only the server's own page may connect."),
            Refusal::NotFound => (404, "not-found", "There is nothing at this address."),
            Refusal::MethodNotAllowed => (405, "method-not-allowed", "This address does not take this method."),
            Refusal::TooSlow => (408, "too-slow", "The request took too long to arrive."),
            Refusal::StillHere => (409, "still-here", "This connection is still in use, maybe in another tab."),
            Refusal::LengthRequired => (411, "length-required", "A body needs one plain Content-Length."),
            Refusal::BodyTooLarge => (413, "body-too-large", "The body is larger than 64 KiB."),
            Refusal::NotJson => (415, "not-json", "The body must be application/json."),
            Refusal::TooManyFromAddress => (
                429,
                "too-many-from-address",
                "There are too many connections from this device. Close a tab and try again.",
            ),
            Refusal::HeadTooLarge => (431, "head-too-large", "The request head is larger than 16 KiB."),
            Refusal::Internal => (500, "internal", "The server made a mistake."),
            Refusal::Full => (503, "full", "The server is full. Try again in a moment."),
            Refusal::Busy => (503, "busy", "The server is busy. Try again in a moment."),
            Refusal::ShuttingDown => (503, "shutting-down", "The server is shutting down."),
        }
    }

    /// The HTTP status (RFC 9110).
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// A stable word for programs, such as `bad-offer`.
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// A sentence for people.
    pub fn message(self) -> &'static str {
        self.row().2
    }

    /// The JSON body: `{"error":{"code":"…","message":"…"}}`.
    pub fn to_json(self) -> String {
        error_json(self.code(), self.message())
    }
}

/// The body of every refusal, the application's own among them.
pub(crate) fn error_json(code: &str, message: &str) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        error: Detail<'a>,
    }
    #[derive(Serialize)]
    struct Detail<'a> {
        code: &'a str,
        message: &'a str,
    }
    serde_json::to_string(&Body { error: Detail { code, message } }).expect("two strings always serialise")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status(), self.code(), self.message())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_document_has_the_same_table() {
        let document = include_str!("../../docs/PROTOCOL.md");
        let listed: Vec<(u16, &str)> = document
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                Some((cells.next()?.parse().ok()?, cells.next()?.trim_matches('`')))
            })
            .collect();
        let ours: Vec<(u16, &str)> = Refusal::ALL.iter().map(|refusal| (refusal.status(), refusal.code())).collect();
        assert_eq!(listed, ours);
    }

    #[test]
    fn the_body_is_the_contract() {
        let json: serde_json::Value = serde_json::from_str(&Refusal::Full.to_json()).unwrap();
        assert_eq!(json["error"]["code"], "full");
        assert!(json["error"]["message"].as_str().is_some_and(|m| m.ends_with('.')));
    }
}
