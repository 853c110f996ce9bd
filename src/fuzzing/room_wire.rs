//! The room's messages as `docs/PROTOCOL.md` says them, read and written both ways: a second opinion on `room/message.rs`.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FromPage {
    Hello { version: u8, name: String },
    Chat { text: String },
    Rename { name: String },
    Pointer { seq: u16, x: u16, y: u16, down: bool },
    Wave,
    Ping { seq: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FromServer {
    /// The first of each pair is the line's age in seconds.
    Welcome {
        version: u8,
        you: u32,
        people: Vec<Person>,
        lines: Vec<(u32, Line)>,
    },
    Joined(Person),
    Left {
        id: u32,
    },
    Renamed {
        id: u32,
        name: String,
    },
    Said(Line),
    Refused {
        reason: u8,
    },
    Snapshot {
        tick: u32,
        time: u32,
        places: Vec<Place>,
    },
    Pong {
        seq: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: u32,
    pub(super) look: u8,
    pub(super) name: String,
}

/// Its author as they were then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) author: Person,
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: u32,
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) state: u8,
}

impl FromPage {
    /// `None`: malformed.
    pub(super) fn read(bytes: &[u8]) -> Option<FromPage> {
        let mut unread = Unread(bytes);
        let message = match unread.u8()? {
            0x01 => FromPage::Hello { version: unread.u8()?, name: unread.str8()? },
            0x02 => FromPage::Chat { text: unread.str16()? },
            0x03 => FromPage::Rename { name: unread.str8()? },
            0x10 => {
                let (seq, x, y) = (unread.u16()?, unread.u16()?, unread.u16()?);
                FromPage::Pointer { seq, x, y, down: [false, true].get(usize::from(unread.u8()?)).copied()? }
            }
            0x11 => FromPage::Wave,
            0x12 => FromPage::Ping { seq: unread.u32()? },
            _ => return None,
        };
        unread.0.is_empty().then_some(message)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            FromPage::Hello { version, name } => [vec![0x01, *version], str8(name)].concat(),
            FromPage::Chat { text } => [vec![0x02], str16(text)].concat(),
            FromPage::Rename { name } => [vec![0x03], str8(name)].concat(),
            FromPage::Pointer { seq, x, y, down } => {
                [&[0x10][..], &seq.to_le_bytes(), &x.to_le_bytes(), &y.to_le_bytes(), &[u8::from(*down)]].concat()
            }
            FromPage::Wave => vec![0x11],
            FromPage::Ping { seq } => [&[0x12][..], &seq.to_le_bytes()].concat(),
        }
    }
}

impl FromServer {
    /// `None`: malformed.
    pub(super) fn read(bytes: &[u8]) -> Option<FromServer> {
        let mut unread = Unread(bytes);
        let message = match unread.u8()? {
            0x81 => FromServer::Welcome {
                version: unread.u8()?,
                you: unread.u32()?,
                people: (0..unread.u16()?).map(|_| unread.person()).collect::<Option<_>>()?,
                lines: (0..unread.u8()?).map(|_| Some((unread.u32()?, unread.line()?))).collect::<Option<_>>()?,
            },
            0x82 => FromServer::Joined(unread.person()?),
            0x83 => FromServer::Left { id: unread.u32()? },
            0x84 => FromServer::Renamed { id: unread.u32()?, name: unread.str8()? },
            0x85 => FromServer::Said(unread.line()?),
            0x86 => FromServer::Refused { reason: unread.u8()? },
            0x90 => FromServer::Snapshot {
                tick: unread.u32()?,
                time: unread.u32()?,
                places: (0..unread.u8()?).map(|_| unread.place()).collect::<Option<_>>()?,
            },
            0x91 => FromServer::Pong { seq: unread.u32()? },
            _ => return None,
        };
        unread.0.is_empty().then_some(message)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            FromServer::Welcome { version, you, people, lines } => {
                let people_count = u16::try_from(people.len()).expect("fits its count").to_le_bytes();
                let people: Vec<u8> = people.iter().flat_map(Person::to_bytes).collect();
                let lines_count = [u8::try_from(lines.len()).expect("fits its count")];
                let lines: Vec<u8> =
                    lines.iter().flat_map(|(age, line)| [&age.to_le_bytes()[..], &line.to_bytes()].concat()).collect();
                [&[0x81, *version][..], &you.to_le_bytes(), &people_count, &people, &lines_count, &lines].concat()
            }
            FromServer::Joined(person) => [vec![0x82], person.to_bytes()].concat(),
            FromServer::Left { id } => [&[0x83][..], &id.to_le_bytes()].concat(),
            FromServer::Renamed { id, name } => [&[0x84][..], &id.to_le_bytes(), &str8(name)].concat(),
            FromServer::Said(line) => [vec![0x85], line.to_bytes()].concat(),
            FromServer::Refused { reason } => vec![0x86, *reason],
            FromServer::Snapshot { tick, time, places } => {
                let count = [u8::try_from(places.len()).expect("fits its count")];
                let places: Vec<u8> = places.iter().flat_map(Place::to_bytes).collect();
                [&[0x90][..], &tick.to_le_bytes(), &time.to_le_bytes(), &count, &places].concat()
            }
            FromServer::Pong { seq } => [&[0x91][..], &seq.to_le_bytes()].concat(),
        }
    }
}

impl Person {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.id.to_le_bytes()[..], &[self.look], &str8(&self.name)].concat()
    }
}

impl Line {
    fn to_bytes(&self) -> Vec<u8> {
        [self.author.to_bytes(), str16(&self.text)].concat()
    }
}

impl Place {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.id.to_le_bytes()[..], &self.x.to_le_bytes(), &self.y.to_le_bytes(), &[self.state]].concat()
    }
}

fn str8(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("fits its count")][..], text.as_bytes()].concat()
}

fn str16(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).expect("fits its count").to_le_bytes()[..], text.as_bytes()].concat()
}

struct Unread<'a>(&'a [u8]);

impl Unread<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn str8(&mut self) -> Option<String> {
        let count = self.u8()?;
        self.text(count.into())
    }

    fn str16(&mut self) -> Option<String> {
        let count = self.u16()?;
        self.text(count.into())
    }

    fn text(&mut self, count: usize) -> Option<String> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        String::from_utf8(taken.to_vec()).ok()
    }

    fn person(&mut self) -> Option<Person> {
        Some(Person { id: self.u32()?, look: self.u8()?, name: self.str8()? })
    }

    fn line(&mut self) -> Option<Line> {
        Some(Line { author: self.person()?, text: self.str16()? })
    }

    fn place(&mut self) -> Option<Place> {
        Some(Place { id: self.u32()?, x: self.u16()?, y: self.u16()?, state: self.u8()? })
    }
}
