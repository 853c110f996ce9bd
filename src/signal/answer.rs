//! [`Answer`] to the body of the 200.

use std::net::SocketAddr;

use serde::Serialize;
use str0m::Candidate;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SessionAnswer {
    /// Whether it comes back as the peer that it was; else it is a new one.
    pub resumed: bool,
    /// How many of its reliable messages the server has had, modulo 2^32.
    pub received: u32,
}

impl Answer {
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
}
