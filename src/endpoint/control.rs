//! The bytes of the `ctl` channel (docs/PROTOCOL.md, "Messages on ctl"), read and written by both sides. Pure.

/// Longest words of an [`Over`], in bytes of UTF-8: what a count in one byte can say.
pub(super) const OVER_TEXT_BYTES_MAX: usize = 255;

/// What the server says. Integers are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FromServer<'a> {
    Beat {
        seq: u32,
        /// Microseconds since the server started.
        time: u64,
        /// Microseconds; `None` while unknown.
        round_trip: Option<u32>,
        /// Messages of `ro` taken, modulo 2^32.
        received: u32,
    },
    /// `generation` is never 0; the token has at most 255 bytes.
    Token { generation: u8, token: &'a str },
    Over {
        why: Over,
        /// At most [`OVER_TEXT_BYTES_MAX`] bytes of it are sent.
        text: &'a str,
    },
}

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Kicked = 0,
    ShutDown = 1,
    /// It was too slow, or the application wants it to begin anew.
    Anew = 2,
}

impl FromServer<'_> {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        match self {
            FromServer::Beat { seq, time, round_trip, received } => {
                let round_trip = round_trip.unwrap_or(u32::MAX);
                let fields = [&seq.to_le_bytes()[..], &time.to_le_bytes(), &round_trip.to_le_bytes()].concat();
                [&[0x01][..], &fields, &received.to_le_bytes()].concat()
            }
            FromServer::Token { generation, token } => [&[0x02, generation][..], &str8(token)].concat(),
            FromServer::Over { why, text } => [&[0x03, why as u8][..], &str8(text)].concat(),
        }
    }
}

impl<'a> FromServer<'a> {
    /// `None` for what is malformed or of a later version.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<FromServer<'a>> {
        let (kind, rest) = bytes.split_first()?;
        match (*kind, rest.len()) {
            (0x01, 20) => Some(FromServer::Beat {
                seq: u32_at(rest, 0)?,
                time: u64::from_le_bytes(*rest.get(4..)?.first_chunk()?),
                round_trip: u32_at(rest, 12).filter(|us| *us != u32::MAX),
                received: u32_at(rest, 16)?,
            }),
            (0x02, _) => {
                let (generation, token) = rest.split_first().filter(|(generation, _)| **generation != 0)?;
                Some(FromServer::Token { generation: *generation, token: read_str8(token)? })
            }
            (0x03, _) => {
                let (why, text) = rest.split_first()?;
                let why = [Over::Kicked, Over::ShutDown, Over::Anew].into_iter().find(|o| *o as u8 == *why)?;
                Some(FromServer::Over { why, text: read_str8(text)? })
            }
            _ => None,
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The whole of the bytes must be one.
fn read_str8(bytes: &[u8]) -> Option<&str> {
    let (length, text) = bytes.split_first()?;
    std::str::from_utf8(text).ok().filter(|text| text.len() == usize::from(*length))
}

/// A count in one byte and as much of the text as fits, by whole characters.
fn str8(text: &str) -> Vec<u8> {
    let most = text.len().min(OVER_TEXT_BYTES_MAX);
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    // At most 255.
    [&[end as u8], &text.as_bytes()[..end]].concat()
}

/// What the page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FromPage {
    Echo { seq: u32, received: u32, generation: u8, is_hidden: bool },
    Bye,
}

impl FromPage {
    /// `None` for what is malformed or of a later version.
    pub(super) fn parse(bytes: &[u8]) -> Option<FromPage> {
        match (bytes.first()?, bytes.len()) {
            (0x81, 11) => Some(FromPage::Echo {
                seq: u32_at(bytes, 1)?,
                received: u32_at(bytes, 5)?,
                generation: bytes[9],
                is_hidden: bytes[10] & 1 != 0,
            }),
            (0x82, 1) => Some(FromPage::Bye),
            _ => None,
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        match self {
            FromPage::Echo { seq, received, generation, is_hidden } => {
                let last = [generation, u8::from(is_hidden)];
                [&[0x81][..], &seq.to_le_bytes(), &received.to_le_bytes(), &last].concat()
            }
            FromPage::Bye => vec![0x82],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn vectors(list: &str) -> Vec<Value> {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/control.json")).unwrap();
        vectors[list].as_array().unwrap().clone()
    }

    fn bytes(vector: &Value) -> Vec<u8> {
        let hex = vector["hex"].as_str().unwrap();
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    fn number<T: TryFrom<u64>>(value: &Value) -> T {
        value.as_u64().and_then(|n| n.try_into().ok()).expect("a number that fits")
    }

    #[test]
    fn reads_and_writes_every_vector_of_the_page() {
        for vector in vectors("from_page") {
            let read = FromPage::parse(&bytes(&vector)).unwrap();
            let message = match read {
                FromPage::Echo { seq, received, generation, is_hidden } => {
                    json!({"kind": "Echo", "seq": seq, "received": received, "generation": generation, "hidden": is_hidden})
                }
                FromPage::Bye => json!({"kind": "Bye"}),
            };
            assert_eq!(message, vector["message"], "{}", vector["name"]);
            assert_eq!(FromPage::parse(&read.to_bytes()), Some(read), "{}", vector["name"]);
        }
    }

    #[test]
    fn reads_and_writes_every_vector_of_the_server() {
        for vector in vectors("from_server") {
            let message = &vector["message"];
            let meant = match message["kind"].as_str().unwrap() {
                "Beat" => FromServer::Beat {
                    seq: number(&message["seq"]),
                    time: number(&message["time"]),
                    round_trip: Some(number(&message["roundTrip"])).filter(|us| *us != u32::MAX),
                    received: number(&message["received"]),
                },
                "Token" => FromServer::Token {
                    generation: number(&message["generation"]),
                    token: message["token"].as_str().unwrap(),
                },
                "Over" => FromServer::Over {
                    why: [Over::Kicked, Over::ShutDown, Over::Anew][number::<usize>(&message["why"])],
                    text: message["text"].as_str().unwrap(),
                },
                other => panic!("{other} is not a message of ours"),
            };
            assert_eq!(meant.to_bytes(), bytes(&vector), "{}", vector["name"]);
            assert_eq!(FromServer::parse(&bytes(&vector)), Some(meant), "{}", vector["name"]);
        }
    }

    #[test]
    fn ignores_what_is_malformed() {
        let malformed = vectors("malformed");
        assert!(malformed.len() >= 10);
        for vector in malformed {
            let bytes = bytes(&vector);
            let is_read = match vector["direction"].as_str().unwrap() {
                "page" => FromPage::parse(&bytes).is_some(),
                _ => FromServer::parse(&bytes).is_some(),
            };
            assert!(!is_read, "{}", vector["name"]);
        }
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let text = "é".repeat(200);
        let bytes = FromServer::Over { why: Over::Kicked, text: &text }.to_bytes();
        assert_eq!(&bytes[..3], [0x03, 0, 254]);
        assert_eq!(std::str::from_utf8(&bytes[3..]).unwrap(), "é".repeat(127));
    }
}
