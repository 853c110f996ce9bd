//! What is said: messages of many sizes, no two alike.

use patchcord::{Channel, Data, MESSAGE_BYTES_MAX};

use crate::chance::Chance;
use crate::options::Options;

/// What one packet carries at most.
const PACKET_BYTES: usize = 1062;

/// What patchcord.js sends on the unreliable channel at most.
const UNRELIABLE_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The next message and its channel. Only the server can send empty ones here: str0m, which plays the browser, cannot.
pub fn message(options: &Options, chance: &mut Chance, smallest: usize) -> (Channel, Data) {
    let channel = match chance.happens(options.reliable) {
        true => Channel::Reliable,
        // No draw where no page has the channel, so that seeds of before mean the same.
        false if options.latest > 0.0 && chance.happens(options.latest) => Channel::Latest,
        false => Channel::Unreliable,
    };
    let most = match channel {
        Channel::Reliable => MESSAGE_BYTES_MAX,
        Channel::Unreliable | Channel::Latest => UNRELIABLE_MESSAGE_BYTES_MAX,
    };
    let length = if chance.happens(options.large) {
        let most = chance.pick(&[(8, 4 * 1024), (4, 16 * 1024), (2, 64 * 1024), (1, most)]);
        // Now and then exactly the largest.
        if chance.happens(0.1) { most } else { chance.within(PACKET_BYTES + 1..=most) }
    } else {
        let most = chance.pick(&[(1, smallest), (2, 20), (4, 200), (2, PACKET_BYTES)]);
        chance.within(smallest..=most)
    };
    let bytes = chance.bytes(length);
    let data = if chance.happens(0.3) { Data::Text(text(bytes)) } else { Data::Binary(bytes) };
    (channel, data)
}

/// Letters, so that each byte stays one byte of UTF-8, with one longer character where there is room.
fn text(bytes: Vec<u8>) -> String {
    let mut text: String = bytes.into_iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    if text.len() >= 16 {
        text.replace_range(..4, "🦀");
    }
    text
}
