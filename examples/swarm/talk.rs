//! What the clients say: messages to be echoed, or those of the room (docs/PROTOCOL.md).

use std::time::Duration;

use patchcord::Channel;

use super::options::{BYTES_MIN, Options};

const HELLO: u8 = 0x01;
const POINTER: u8 = 0x10;
const PING: u8 = 0x12;
const PONG: u8 = 0x91;

/// The version of the room's messages.
const ROOM_VERSION: u8 = 2;

/// How often a client asks in the room, in messages: its pointers bring no answer.
const PING_EVERY: u64 = 16;

pub enum Talk {
    Echo { channel: Channel, bytes: usize },
    Room,
}

impl Talk {
    pub fn new(options: &Options) -> Talk {
        if options.room { Talk::Room } else { Talk::Echo { channel: options.channel, bytes: options.bytes } }
    }

    /// What a client says first.
    pub fn greeting(&self) -> Option<(Channel, Vec<u8>)> {
        match self {
            Talk::Echo { .. } => None,
            Talk::Room => Some((Channel::Reliable, vec![HELLO, ROOM_VERSION, 0])),
        }
    }

    /// The `round`th message of a client, sent at `time` since the beginning, and whether it brings an answer.
    pub fn message(&self, client: usize, round: u64, time: Duration) -> (Channel, Vec<u8>, bool) {
        let stamp = time.as_nanos() as u64;
        match self {
            Talk::Echo { channel, bytes } => {
                let mut message = [stamp.to_le_bytes(), round.to_le_bytes()].concat();
                message.resize((*bytes).max(BYTES_MIN), 0x5a);
                (*channel, message, true)
            }
            Talk::Room if (round + client as u64).is_multiple_of(PING_EVERY) => {
                // Microseconds, which wrap after an hour.
                let seq = (time.as_micros() as u32).to_le_bytes();
                (Channel::Unreliable, [&[PING][..], &seq].concat(), true)
            }
            Talk::Room => {
                let seq = (round as u16).to_le_bytes();
                let angle = round as f64 / 40.0 + client as f64;
                let place = |part: f64| ((0.5 + 0.4 * part) * f64::from(u16::MAX)) as u16;
                let (x, y) = (place(angle.cos()).to_le_bytes(), place(angle.sin()).to_le_bytes());
                (Channel::Unreliable, [&[POINTER][..], &seq, &x, &y, &[0]].concat(), false)
            }
        }
    }

    /// How long an answer took that comes at `time`; `None` for what is none.
    pub fn took(&self, message: &[u8], time: Duration) -> Option<Duration> {
        match self {
            Talk::Echo { .. } => {
                let sent_at = Duration::from_nanos(u64::from_le_bytes(*message.first_chunk()?));
                time.checked_sub(sent_at)
            }
            Talk::Room => {
                let (_pong, seq) = message.split_first().filter(|(kind, seq)| **kind == PONG && seq.len() == 4)?;
                let sent_at = u32::from_le_bytes(*seq.first_chunk()?);
                Some(Duration::from_micros((time.as_micros() as u32).wrapping_sub(sent_at).into()))
            }
        }
    }
}
