//! [`Answer`] to the body of the 200, and back.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use str0m::Candidate;

/// Addresses of an answer that are taken. Each costs checks until one connects.
const ADDRESSES_MAX: usize = 4;

/// The identification tag where an answer does not say: what every browser offers.
const MID_UNSAID: &str = "0";

/// What the browser needs to come to us: the SDP answer and the addresses to try, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The SDP text.
    pub sdp: String,
    /// The identification tag of the data-channel section, as the offer named it.
    pub mid: String,
    /// UDP addresses of this server, the one that the browser reached first.
    pub addresses: Vec<SocketAddr>,
    /// For a page that asked for a session.
    pub session: Option<SessionAnswer>,
}

/// What a page hears of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAnswer {
    /// Whether it comes back as the peer that it was; else it is a new one.
    pub resumed: bool,
    /// How many of its reliable messages the server has had, modulo 2^32.
    pub received: u32,
}

/// Why a body is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerError {
    /// Not a JSON object with a `description` of type `answer` and `candidates`.
    NotAnAnswer,
    /// No candidate that can be read.
    NoAddress,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnswerError::NotAnAnswer => "the body is not a JSON object with a description and candidates",
            AnswerError::NoAddress => "the answer names no address",
        })
    }
}

impl std::error::Error for AnswerError {}

impl Answer {
    /// Reads the body of the 200, as a client. Past the fourth, addresses are left out.
    pub(crate) fn parse(body: &[u8]) -> Result<Answer, AnswerError> {
        #[derive(Deserialize)]
        struct Body {
            description: Description,
            candidates: Vec<CandidateInit>,
            #[serde(flatten)]
            session: Option<SessionAnswer>,
        }
        #[derive(Deserialize)]
        struct Description {
            #[serde(rename = "type")]
            kind: String,
            sdp: String,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct CandidateInit {
            candidate: String,
            sdp_mid: Option<String>,
        }
        let body: Body = serde_json::from_slice(body).map_err(|_| AnswerError::NotAnAnswer)?;
        if body.description.kind != "answer" {
            return Err(AnswerError::NotAnAnswer);
        }
        let mid = body.candidates.iter().find_map(|init| init.sdp_mid.clone()).unwrap_or(MID_UNSAID.to_owned());
        let read = |init: &CandidateInit| Candidate::from_sdp_string(&init.candidate).ok().map(|known| known.addr());
        let addresses: Vec<SocketAddr> = body.candidates.iter().filter_map(read).take(ADDRESSES_MAX).collect();
        if addresses.is_empty() {
            return Err(AnswerError::NoAddress);
        }
        Ok(Answer { sdp: body.description.sdp, mid, addresses, session: body.session })
    }

    /// The JSON of the contract: `{"description":{"type":"answer","sdp":…},"candidates":[{"candidate":…},…]}`, with
    /// `resumed` and `received` for a session.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            description: Description<'a>,
            candidates: Vec<CandidateInit<'a>>,
            #[serde(flatten)]
            session: Option<SessionAnswer>,
        }
        #[derive(Serialize)]
        struct Description<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            sdp: &'a str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct CandidateInit<'a> {
            candidate: String,
            sdp_mid: &'a str,
            #[serde(rename = "sdpMLineIndex")]
            sdp_m_line_index: u16,
        }
        let candidates = self
            .addresses
            .iter()
            .filter_map(|address| Candidate::host(*address, "udp").ok())
            .map(|candidate| CandidateInit {
                candidate: candidate.to_sdp_string(),
                sdp_mid: &self.mid,
                sdp_m_line_index: 0,
            })
            .collect();
        let body =
            Body { description: Description { kind: "answer", sdp: &self.sdp }, candidates, session: self.session };
        serde_json::to_string(&body).expect("strings and integers always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_shape_of_the_contract() {
        let answer = Answer {
            sdp: "v=0\r\n".into(),
            mid: "0".into(),
            addresses: vec!["192.0.2.7:8080".parse().unwrap(), "[2001:db8::7]:8080".parse().unwrap()],
            session: None,
        };
        let json: serde_json::Value = serde_json::from_str(&answer.to_json()).unwrap();
        assert_eq!(json["description"]["type"], "answer");
        assert_eq!(json["description"]["sdp"], "v=0\r\n");
        let first = &json["candidates"][0];
        assert!(first["candidate"].as_str().unwrap().starts_with("candidate:"));
        assert!(first["candidate"].as_str().unwrap().ends_with(" 192.0.2.7 8080 typ host"));
        assert_eq!((&first["sdpMid"], &first["sdpMLineIndex"]), (&"0".into(), &0.into()));
        assert!(json["candidates"][1]["candidate"].as_str().unwrap().contains("2001:db8::7"));
        assert_eq!(json.as_object().unwrap().len(), 2, "who asked for no session hears of none");

        let session = Some(SessionAnswer { resumed: true, received: 7 });
        let json: serde_json::Value = serde_json::from_str(&Answer { session, ..answer }.to_json()).unwrap();
        assert_eq!((&json["resumed"], &json["received"]), (&true.into(), &7.into()));
    }

    #[test]
    fn is_read_as_it_was_written() {
        for session in [None, Some(SessionAnswer { resumed: true, received: 7 })] {
            let addresses = vec!["192.0.2.7:8080".parse().unwrap(), "[2001:db8::7]:8080".parse().unwrap()];
            let answer = Answer { sdp: "v=0\r\n".into(), mid: "data".into(), addresses, session };
            assert_eq!(Answer::parse(answer.to_json().as_bytes()), Ok(answer));
        }
    }

    #[test]
    fn says_what_is_not_an_answer() {
        let nowhere = r#"{"description":{"type":"answer","sdp":""},"candidates":[{"candidate":"candidate:nonsense"}]}"#;
        assert_eq!(Answer::parse(nowhere.as_bytes()), Err(AnswerError::NoAddress));
        let offer = r#"{"description":{"type":"offer","sdp":""},"candidates":[]}"#;
        for other in ["", "{}", offer, r#"{"error":{"code":"full","message":"Full."}}"#] {
            assert_eq!(Answer::parse(other.as_bytes()), Err(AnswerError::NotAnAnswer), "{other}");
        }
    }
}
