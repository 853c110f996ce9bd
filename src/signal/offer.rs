//! Body bytes to [`Offer`]: the JSON, then the few lines of its SDP that matter for data channels.

use std::fmt::{self, Write as _};

use serde::Deserialize;

use super::Refusal;

/// The largest body that is read, in bytes. Real offers have 500 to 6,000 (`tests/offers`); the gate refuses more than
/// this before it gets here.
pub const OFFER_BYTES_MAX: usize = 64 * 1024;

/// The largest message on a channel, in bytes: what Chromium advertises as `a=max-message-size`.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// What a peer receives at most when its offer does not say (RFC 8841, section 6.1), in bytes.
const MESSAGE_BYTES_UNSAID: usize = 64 * 1024;

/// Longest `a=mid` that is taken, in bytes: RFC 8843 sets no bound; browsers use one digit and str0m stores 16.
const MID_BYTES_MAX: usize = 16;

/// An offer that can be answered: one data-channel section with ICE credentials and a DTLS fingerprint.
///
/// Candidates are left behind on purpose: the peer's first STUN check shows its address, and an offer cannot aim this
/// server at somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    ufrag: String,
    password: String,
    fingerprint: Fingerprint,
    setup: Setup,
    mid: String,
    message_bytes_max: usize,
    session: Option<SessionAsk>,
}

/// What a page asks that wants a session (docs/PROTOCOL.md, "The session").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionAsk {
    /// The token to come back with; `None` for a new session.
    pub token: Option<String>,
    /// How many reliable messages the page has had, modulo 2^32.
    pub received: u32,
}

/// The SHA-256 of the peer's DTLS certificate (RFC 8122).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// Which side of the DTLS handshake the offerer takes (RFC 8842).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The offerer sends the ClientHello.
    Active,
    /// The offerer waits for it.
    Passive,
    /// The answerer chooses. What every browser offers.
    ActPass,
}

/// Why a body is not an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferError {
    /// Larger than [`OFFER_BYTES_MAX`].
    TooLarge,
    /// Not a JSON object with the strings `type` and `sdp`, or with another `resume` or `received` than it may have.
    NotJson,
    /// `type` is another word than `offer`.
    NotAnOffer,
    /// Audio or video, or no data-channel section, or more than one.
    NotDataChannels,
    /// `a=ice-ufrag` or `a=ice-pwd` is missing or malformed (RFC 8839, section 5.4).
    IceCredentials,
    /// No `a=fingerprint:sha-256` that can be read.
    NoFingerprint,
    /// An `a=setup`, `a=mid`, `a=sctp-port` or `a=max-message-size` that cannot be used.
    Attribute,
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OfferError::TooLarge => "the offer is larger than 64 KiB",
            OfferError::NotJson => "the body is not a JSON object with the strings type and sdp",
            OfferError::NotAnOffer => "the type is not offer",
            OfferError::NotDataChannels => "the SDP must have one data-channel section and nothing else",
            OfferError::IceCredentials => "the SDP has no usable ICE credentials",
            OfferError::NoFingerprint => "the SDP has no SHA-256 fingerprint",
            OfferError::Attribute => "the SDP has a setup, mid, sctp-port or max-message-size that cannot be used",
        })
    }
}

impl std::error::Error for OfferError {}

impl From<OfferError> for Refusal {
    fn from(error: OfferError) -> Refusal {
        match error {
            OfferError::TooLarge => Refusal::BodyTooLarge,
            OfferError::NotDataChannels => Refusal::NotDataChannels,
            _ => Refusal::BadOffer,
        }
    }
}

impl Offer {
    /// Reads the body of `POST ./connect`: `{"type":"offer","sdp":"…"}`, with `resume` and `received` for a session.
    /// Further members are allowed and not read.
    pub fn parse(body: &[u8]) -> Result<Offer, OfferError> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "type")]
            kind: String,
            sdp: String,
            resume: Option<String>,
            #[serde(default)]
            received: u32,
        }
        if body.len() > OFFER_BYTES_MAX {
            return Err(OfferError::TooLarge);
        }
        let body: Body = serde_json::from_slice(body).map_err(|_| OfferError::NotJson)?;
        if body.kind != "offer" {
            return Err(OfferError::NotAnOffer);
        }
        let session = body
            .resume
            .map(|token| SessionAsk { token: Some(token).filter(|token| !token.is_empty()), received: body.received });
        Ok(Offer { session, ..Offer::parse_sdp(&body.sdp)? })
    }

    /// Reads the SDP alone (RFC 8866 lines, RFC 8841 for the data-channel section).
    pub fn parse_sdp(sdp: &str) -> Result<Offer, OfferError> {
        let lines = Lines::read(sdp)?;

        let ufrag = lines.one("ice-ufrag").filter(|s| is_ice_string(s, 4));
        let password = lines.one("ice-pwd").filter(|s| is_ice_string(s, 22));
        let (Some(ufrag), Some(password)) = (ufrag, password) else {
            return Err(OfferError::IceCredentials);
        };
        let fingerprint = lines.all("fingerprint").find_map(Fingerprint::parse).ok_or(OfferError::NoFingerprint)?;
        let setup = match lines.one("setup") {
            Some("actpass") | None => Setup::ActPass,
            Some("active") => Setup::Active,
            Some("passive") => Setup::Passive,
            Some(_) => return Err(OfferError::Attribute),
        };
        let mid = lines.one("mid").unwrap_or("0");
        if mid.is_empty() || mid.len() > MID_BYTES_MAX || !mid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(OfferError::Attribute);
        }
        // The SCTP port inside DTLS: every browser says 5000, and sctp-proto speaks to no other.
        if lines.one("sctp-port").is_some_and(|port| port != "5000") {
            return Err(OfferError::Attribute);
        }
        let message_bytes_max = match lines.one("max-message-size") {
            None => MESSAGE_BYTES_UNSAID,
            Some(text) => match text.parse::<u64>() {
                // Zero is "any size" (RFC 8841, section 6.1).
                Ok(0) => MESSAGE_BYTES_MAX,
                Ok(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX).min(MESSAGE_BYTES_MAX),
                Err(_) => return Err(OfferError::Attribute),
            },
        };

        Ok(Offer {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
            fingerprint,
            setup,
            mid: mid.to_owned(),
            message_bytes_max,
            session: None,
        })
    }

    /// The session that the page asks for, if it does.
    pub fn session(&self) -> Option<&SessionAsk> {
        self.session.as_ref()
    }

    /// The largest message that this peer takes, in bytes, at most [`MESSAGE_BYTES_MAX`].
    pub fn message_bytes_max(&self) -> usize {
        self.message_bytes_max
    }

    /// Which side of the DTLS handshake the peer takes.
    pub fn setup(&self) -> Setup {
        self.setup
    }

    /// The identification tag of the data-channel section (RFC 8843): 1 to 16 letters and digits.
    pub fn mid(&self) -> &str {
        &self.mid
    }

    /// The offer written anew, with nothing in it that was not read above. This is all that str0m ever sees of it.
    pub fn to_sdp(&self) -> String {
        let Offer { ufrag, password, fingerprint, mid, message_bytes_max, .. } = self;
        let setup = match self.setup {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::ActPass => "actpass",
        };
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mid}\r\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\n\
             a=sctp-port:5000\r\na=max-message-size:{message_bytes_max}\r\n"
        )
    }
}

/// The attribute lines of the session and of its one data-channel section.
struct Lines<'a> {
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Lines<'a> {
    fn read(sdp: &'a str) -> Result<Lines<'a>, OfferError> {
        let mut attributes = Vec::new();
        let mut sections = 0;
        for line in sdp.lines() {
            if let Some(section) = line.strip_prefix("m=") {
                sections += 1;
                let mut words = section.split_ascii_whitespace();
                let (kind, format) = (words.next(), words.nth(2));
                if sections > 1 || kind != Some("application") || format != Some("webrtc-datachannel") {
                    return Err(OfferError::NotDataChannels);
                }
            } else if let Some(attribute) = line.strip_prefix("a=") {
                attributes.push(attribute.split_once(':').unwrap_or((attribute, "")));
            }
        }
        if sections == 1 { Ok(Lines { attributes }) } else { Err(OfferError::NotDataChannels) }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |(n, _)| *n == name).map(|(_, value)| value.trim())
    }

    /// The last one: an attribute of the section overrides the session's (RFC 8866, section 5.13).
    fn one(&self, name: &str) -> Option<&'a str> {
        self.all(name).last()
    }
}

/// `ice-char` is a letter, a digit, `+` or `/`; 256 is the most that RFC 8839, section 5.4 allows.
fn is_ice_string(text: &str, bytes_min: usize) -> bool {
    (bytes_min..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

impl Fingerprint {
    /// `sha-256 AA:BB:…`; other hash functions give `None`.
    fn parse(text: &str) -> Option<Fingerprint> {
        let (function, hex) = text.split_once(' ')?;
        if !function.eq_ignore_ascii_case("sha-256") {
            return None;
        }
        let mut bytes = [0; 32];
        let mut pairs = hex.trim().split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        pairs.next().is_none().then_some(Fingerprint(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_char(':')?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROMIUM: &[u8] = include_bytes!("../../tests/offers/chromium-156-gathered.json");
    const FIREFOX: &[u8] = include_bytes!("../../tests/offers/firefox-153-gathered.json");

    fn with_sdp(change: impl Fn(&str) -> String) -> Result<Offer, OfferError> {
        let json: serde_json::Value = serde_json::from_slice(CHROMIUM).unwrap();
        Offer::parse_sdp(&change(json["sdp"].as_str().unwrap()))
    }

    #[test]
    fn reads_the_offers_of_real_browsers() {
        let chromium = Offer::parse(CHROMIUM).unwrap();
        assert_eq!((chromium.ufrag.as_str(), chromium.mid(), chromium.setup()), ("rGMz", "0", Setup::ActPass));
        assert_eq!(chromium.message_bytes_max(), 262_144);
        let firefox = Offer::parse(FIREFOX).unwrap();
        assert_eq!(firefox.ufrag, "1c936597");
        assert_eq!(firefox.message_bytes_max(), MESSAGE_BYTES_MAX, "what the browser takes is capped by what we send");
        for bare in [
            &include_bytes!("../../tests/offers/chromium-156-bare.json")[..],
            include_bytes!("../../tests/offers/firefox-153-bare.json"),
        ] {
            Offer::parse(bare).unwrap();
        }
    }

    #[test]
    fn refuses_media() {
        for media in [
            &include_bytes!("../../tests/offers/chromium-156-media.json")[..],
            include_bytes!("../../tests/offers/firefox-153-media.json"),
        ] {
            assert_eq!(Offer::parse(media), Err(OfferError::NotDataChannels));
        }
    }

    #[test]
    fn writes_what_it_read_and_no_candidate() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        let sdp = offer.to_sdp();
        assert_eq!(Offer::parse_sdp(&sdp), Ok(offer));
        assert!(!sdp.contains("candidate"), "an offer must not aim the server at an address");
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(Offer::parse(b""), Err(OfferError::NotJson));
        assert_eq!(Offer::parse(b"{\"type\":\"offer\"}"), Err(OfferError::NotJson));
        assert_eq!(Offer::parse(b"{\"type\":\"answer\",\"sdp\":\"\"}"), Err(OfferError::NotAnOffer));
        assert_eq!(Offer::parse(b"{\"type\":\"offer\",\"sdp\":\"\"}"), Err(OfferError::NotDataChannels));
        assert_eq!(Offer::parse(&vec![b' '; OFFER_BYTES_MAX + 1]), Err(OfferError::TooLarge));
        let cases: [(&str, &str, OfferError); 9] = [
            ("a=ice-ufrag:rGMz", "", OfferError::IceCredentials),
            ("a=ice-ufrag:rGMz", "a=ice-ufrag:r:Mz", OfferError::IceCredentials),
            ("a=ice-pwd:7LsVaYmbs", "a=ice-pwd: ", OfferError::IceCredentials),
            ("sha-256 ", "sha-1 ", OfferError::NoFingerprint),
            ("sha-256 D2:", "sha-256 +2:", OfferError::NoFingerprint),
            ("a=setup:actpass", "a=setup:holdconn", OfferError::Attribute),
            ("a=mid:0", "a=mid:\u{7f}", OfferError::Attribute),
            ("a=sctp-port:5000", "a=sctp-port:5001", OfferError::Attribute),
            ("a=max-message-size:262144", "a=max-message-size:-1", OfferError::Attribute),
        ];
        for (from, to, error) in cases {
            assert_eq!(with_sdp(|sdp| sdp.replace(from, to)), Err(error), "{from} became {to}");
        }
    }

    #[test]
    fn message_size_defaults_to_the_rfc() {
        let none = with_sdp(|sdp| sdp.replace("a=max-message-size:262144\r\n", "")).unwrap();
        assert_eq!(none.message_bytes_max(), 65_536);
        let any = with_sdp(|sdp| sdp.replace("a=max-message-size:262144", "a=max-message-size:0")).unwrap();
        assert_eq!(any.message_bytes_max(), MESSAGE_BYTES_MAX);
    }
}
