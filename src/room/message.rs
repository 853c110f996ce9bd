//! The room's messages on the wire: the one place on this side that reads or writes their bytes.
//!
//! The format is in `docs/PROTOCOL.md`; `tests/vectors/room.json` has an example of each message, which the tests of both
//! sides read. Integers are little-endian; a `str8` or `str16` is a byte count of that many bits and UTF-8.

use std::fmt;

/// What a page says. Borrowed from the message's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FromPage<'a> {
    Hello { version: u8, name: &'a str },
    Chat { text: &'a str },
    Rename { name: &'a str },
    Pointer { seq: u16, x: u16, y: u16, down: bool },
    Wave,
    Ping { seq: u32 },
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    UnknownKind,
    MissingByte,
    SurplusByte,
    NotUtf8,
    NotAFlag,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::UnknownKind => "unknown kind",
            Malformed::MissingByte => "missing byte",
            Malformed::SurplusByte => "surplus byte",
            Malformed::NotUtf8 => "not UTF-8",
            Malformed::NotAFlag => "down is 0 or 1",
        })
    }
}

impl<'a> FromPage<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<FromPage<'a>, Malformed> {
        let mut reader = Reader { rest: bytes };
        // No kind at all is as unknown as any other.
        let message = match reader.u8().map_err(|_| Malformed::UnknownKind)? {
            0x01 => FromPage::Hello { version: reader.u8()?, name: reader.str8()? },
            0x02 => FromPage::Chat { text: reader.str16()? },
            0x03 => FromPage::Rename { name: reader.str8()? },
            0x10 => FromPage::Pointer { seq: reader.u16()?, x: reader.u16()?, y: reader.u16()?, down: reader.flag()? },
            0x11 => FromPage::Wave,
            0x12 => FromPage::Ping { seq: reader.u32()? },
            _ => return Err(Malformed::UnknownKind),
        };
        if reader.rest.is_empty() { Ok(message) } else { Err(Malformed::SurplusByte) }
    }
}

/// A participant as Welcome and Joined name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PersonView<'a> {
    pub(super) id: u32,
    pub(super) look: u8,
    pub(super) name: &'a str,
}

/// A chat line as Welcome and Said carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineView<'a> {
    pub(super) author: u32,
    pub(super) look: u8,
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// One participant in a Snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: u32,
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) state: u8,
}

impl Place {
    pub(super) const DOWN: u8 = 1;
    pub(super) const WAVING: u8 = 2;
    pub(super) const HAS_POINTER: u8 = 4;
    pub(super) const AWAY: u8 = 8;
}

/// Why a page's message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusedReason {
    TooFast = 1,
    TooLongOrEmpty = 2,
    Malformed = 3,
    NotBeforeHello = 4,
    UnknownVersion = 5,
}

/// What the room says. Lists must fit their counts: the room's own bounds see to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FromServer<'a> {
    /// The second of each pair is the line's age in seconds.
    Welcome {
        you: u32,
        people: Vec<PersonView<'a>>,
        lines: Vec<(LineView<'a>, u32)>,
    },
    Joined(PersonView<'a>),
    Left {
        id: u32,
    },
    Renamed {
        id: u32,
        name: &'a str,
    },
    Said(LineView<'a>),
    Refused(RefusedReason),
    Snapshot {
        tick: u32,
        /// Microseconds of the server's clock, modulo 2^32.
        time: u32,
        places: &'a [Place],
    },
    Pong {
        seq: u32,
    },
}

/// The version of this format that Hello and Welcome name.
pub(super) const VERSION: u8 = 2;

impl FromServer<'_> {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            FromServer::Welcome { you, people, lines } => {
                out.extend([0x81, VERSION]);
                out.extend(you.to_le_bytes());
                out.extend((people.len() as u16).to_le_bytes());
                for person in people {
                    put_person(&mut out, person);
                }
                out.push(lines.len() as u8);
                for (line, age) in lines {
                    out.extend(age.to_le_bytes());
                    put_line(&mut out, line);
                }
            }
            FromServer::Joined(person) => {
                out.push(0x82);
                put_person(&mut out, person);
            }
            FromServer::Left { id } => {
                out.push(0x83);
                out.extend(id.to_le_bytes());
            }
            FromServer::Renamed { id, name } => {
                out.push(0x84);
                out.extend(id.to_le_bytes());
                put_str8(&mut out, name);
            }
            FromServer::Said(line) => {
                out.push(0x85);
                put_line(&mut out, line);
            }
            FromServer::Refused(reason) => out.extend([0x86, *reason as u8]),
            FromServer::Snapshot { tick, time, places } => {
                out.push(0x90);
                out.extend(tick.to_le_bytes());
                out.extend(time.to_le_bytes());
                out.push(places.len() as u8);
                for place in *places {
                    out.extend(place.id.to_le_bytes());
                    out.extend(place.x.to_le_bytes());
                    out.extend(place.y.to_le_bytes());
                    out.push(place.state);
                }
            }
            FromServer::Pong { seq } => {
                out.push(0x91);
                out.extend(seq.to_le_bytes());
            }
        }
        out
    }
}

fn put_person(out: &mut Vec<u8>, person: &PersonView<'_>) {
    out.extend(person.id.to_le_bytes());
    out.push(person.look);
    put_str8(out, person.name);
}

fn put_line(out: &mut Vec<u8>, line: &LineView<'_>) {
    put_person(out, &PersonView { id: line.author, look: line.look, name: line.name });
    out.extend((line.text.len() as u16).to_le_bytes());
    out.extend(line.text.as_bytes());
}

fn put_str8(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8);
    out.extend(text.as_bytes());
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::MissingByte)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::MissingByte)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::NotAFlag),
        }
    }

    fn str8(&mut self) -> Result<&'a str, Malformed> {
        let count = usize::from(self.u8()?);
        self.text(count)
    }

    fn str16(&mut self) -> Result<&'a str, Malformed> {
        let count = usize::from(self.u16()?);
        self.text(count)
    }

    fn text(&mut self, count: usize) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.take(count)?).map_err(|_| Malformed::NotUtf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/vectors/room.json")).unwrap()
    }

    fn bytes(vector: &Value) -> Vec<u8> {
        let hex = vector["hex"].as_str().unwrap();
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
        value[name].as_array().unwrap()
    }

    fn number<T: TryFrom<u64>>(value: &Value) -> T {
        value.as_u64().and_then(|n| n.try_into().ok()).expect("a number that fits")
    }

    #[test]
    fn reads_every_vector_of_the_page() {
        for vector in list(&vectors(), "from_page") {
            let bytes = bytes(vector);
            let read = match FromPage::parse(&bytes).unwrap() {
                FromPage::Hello { version, name } => json!({"kind": "Hello", "version": version, "name": name}),
                FromPage::Chat { text } => json!({"kind": "Chat", "text": text}),
                FromPage::Rename { name } => json!({"kind": "Rename", "name": name}),
                FromPage::Pointer { seq, x, y, down } => {
                    json!({"kind": "Pointer", "seq": seq, "x": x, "y": y, "down": u8::from(down)})
                }
                FromPage::Wave => json!({"kind": "Wave"}),
                FromPage::Ping { seq } => json!({"kind": "Ping", "seq": seq}),
            };
            assert_eq!(read, vector["message"], "{}", vector["name"]);
        }
    }

    fn person(value: &Value) -> PersonView<'_> {
        PersonView { id: number(&value["id"]), look: number(&value["look"]), name: value["name"].as_str().unwrap() }
    }

    fn line(value: &Value) -> LineView<'_> {
        LineView {
            author: number(&value["author"]),
            look: number(&value["look"]),
            name: value["name"].as_str().unwrap(),
            text: value["text"].as_str().unwrap(),
        }
    }

    fn reason(value: &Value) -> Option<RefusedReason> {
        use RefusedReason::*;
        [TooFast, TooLongOrEmpty, Malformed, NotBeforeHello, UnknownVersion]
            .into_iter()
            .find(|reason| *reason as u64 == number::<u64>(value))
    }

    #[test]
    fn writes_every_vector_of_the_server() {
        let vectors = vectors();
        let mut written = 0;
        for vector in list(&vectors, "from_server") {
            let message = &vector["message"];
            let places: Vec<Place> = match &message["people"] {
                Value::Array(people) if message["kind"] == "Snapshot" => people
                    .iter()
                    .map(|p| Place {
                        id: number(&p["id"]),
                        x: number(&p["x"]),
                        y: number(&p["y"]),
                        state: number(&p["state"]),
                    })
                    .collect(),
                _ => Vec::new(),
            };
            let message = match message["kind"].as_str().unwrap() {
                // Other versions and other reasons are for the page to meet, not for us to write.
                "Welcome" if message["version"] == VERSION => FromServer::Welcome {
                    you: number(&message["you"]),
                    people: list(message, "people").iter().map(person).collect(),
                    lines: list(message, "lines").iter().map(|l| (line(l), number(&l["age"]))).collect(),
                },
                "Joined" => FromServer::Joined(person(message)),
                "Left" => FromServer::Left { id: number(&message["id"]) },
                "Renamed" => {
                    FromServer::Renamed { id: number(&message["id"]), name: message["name"].as_str().unwrap() }
                }
                "Said" => FromServer::Said(line(message)),
                "Refused" => match reason(&message["reason"]) {
                    Some(reason) => FromServer::Refused(reason),
                    None => continue,
                },
                "Snapshot" => FromServer::Snapshot {
                    tick: number(&message["tick"]),
                    time: number(&message["time"]),
                    places: &places,
                },
                "Pong" => FromServer::Pong { seq: number(&message["seq"]) },
                other => panic!("{other} is not a message of ours"),
            };
            assert_eq!(message.to_bytes(), bytes(vector), "{}", vector["name"]);
            written += 1;
        }
        assert!(written >= 20, "only {written} vectors");
    }

    #[test]
    fn refuses_every_malformed_vector_for_its_reason() {
        let of_page = |vector: &&Value| vector["direction"] == "page";
        for vector in list(&vectors(), "malformed").iter().filter(of_page) {
            let why = FromPage::parse(&bytes(vector)).unwrap_err();
            match vector["why"].as_str().unwrap() {
                "there is no kind" | "a kind that only the server sends" => assert_eq!(why, Malformed::UnknownKind),
                said => assert_eq!(why.to_string(), said, "{}", vector["name"]),
            }
        }
    }
}
