//! The messages on `ctl` as a page reads and writes them (docs/PROTOCOL.md, "Messages on ctl").

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromServer {
    Beat {
        seq: u32,
        /// Microseconds on the server's clock.
        time: u64,
        /// In microseconds, once it is known.
        round_trip: Option<u32>,
        received: u32,
    },
    Token {
        generation: u8,
        token: String,
    },
    Over {
        why: u8,
        text: String,
    },
}

/// Why, in Over.
pub const KICKED: u8 = 0;
pub const SHUT_DOWN: u8 = 1;
pub const ANEW: u8 = 2;

/// The page will not come back.
pub const BYE: [u8; 1] = [0x82];

/// `None` for what is malformed, or of a later version.
pub fn read(message: &[u8]) -> Option<FromServer> {
    let (kind, fields) = message.split_first()?;
    match kind {
        0x01 => {
            let fields: &[u8; 20] = fields.try_into().ok()?;
            let u32_at = |at: usize| fields[at..at + 4].iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            Some(FromServer::Beat {
                seq: u32_at(0),
                time: u64::from(u32_at(8)) << 32 | u64::from(u32_at(4)),
                round_trip: Some(u32_at(12)).filter(|taken| *taken != u32::MAX),
                received: u32_at(16),
            })
        }
        0x02 => {
            let (generation, token) = fields.split_first()?;
            (*generation != 0).then_some(FromServer::Token { generation: *generation, token: str8(token)? })
        }
        0x03 => {
            let (why, text) = fields.split_first()?;
            Some(FromServer::Over { why: *why, text: str8(text)? })
        }
        _ => None,
    }
}

/// An answer to a Beat, or word of the page's own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    pub seq: u32,
    pub received: u32,
    /// Of the token that the page has; 0: none.
    pub generation: u8,
    pub is_hidden: bool,
}

impl Echo {
    pub fn to_bytes(self) -> Vec<u8> {
        let Echo { seq, received, generation, is_hidden } = self;
        [&[0x81], &seq.to_le_bytes()[..], &received.to_le_bytes(), &[generation, u8::from(is_hidden)]].concat()
    }
}

fn str8(field: &[u8]) -> Option<String> {
    let (length, text) = field.split_first()?;
    (usize::from(*length) == text.len()).then(|| String::from_utf8(text.to_vec()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn vectors(part: &str) -> Vec<(Vec<u8>, Value)> {
        let all: Value = serde_json::from_str(include_str!("../../vectors/control.json")).expect("JSON");
        let bytes = |hex: &str| -> Vec<u8> {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
            (0..hex.len()).step_by(2).map(byte).collect()
        };
        let list = all[part].as_array().expect("a list").iter();
        list.map(|vector| (bytes(vector["hex"].as_str().expect("a string")), vector.clone())).collect()
    }

    fn number(value: &Value) -> u32 {
        u32::try_from(value.as_u64().expect("a number")).expect("an u32")
    }

    #[test]
    fn what_the_server_says_is_read_as_the_vectors_say() {
        for (bytes, vector) in vectors("from_server") {
            let message = &vector["message"];
            let text = |name: &str| message[name].as_str().expect("a string").to_owned();
            let expected = match text("kind").as_str() {
                "Beat" => FromServer::Beat {
                    seq: number(&message["seq"]),
                    time: message["time"].as_u64().expect("a number"),
                    round_trip: Some(number(&message["roundTrip"])).filter(|taken| *taken != u32::MAX),
                    received: number(&message["received"]),
                },
                "Token" => FromServer::Token { generation: number(&message["generation"]) as u8, token: text("token") },
                "Over" => FromServer::Over { why: number(&message["why"]) as u8, text: text("text") },
                other => panic!("{other}"),
            };
            assert_eq!(read(&bytes), Some(expected), "{}", vector["name"]);
        }
        for (bytes, vector) in vectors("malformed").iter().filter(|(_, vector)| vector["direction"] == "server") {
            assert_eq!(read(bytes), None, "{}", vector["name"]);
        }
    }

    #[test]
    fn what_the_page_says_is_as_in_the_vectors() {
        for (bytes, vector) in vectors("from_page") {
            let message = &vector["message"];
            match message["kind"].as_str().expect("a string") {
                "Echo" if bytes[10] <= 1 => {
                    let echo = Echo {
                        seq: number(&message["seq"]),
                        received: number(&message["received"]),
                        generation: number(&message["generation"]) as u8,
                        is_hidden: message["hidden"] == true,
                    };
                    assert_eq!(echo.to_bytes(), bytes, "{}", vector["name"]);
                }
                // Flags of a later version, which this page cannot write.
                "Echo" => {}
                "Bye" => assert_eq!(BYE[..], bytes),
                other => panic!("{other}"),
            }
        }
    }
}
