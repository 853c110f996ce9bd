//! Replays every seed of `fuzz/seeds` and every input of `fuzz/crashes` through the bodies of the fuzz targets. What was
//! found once stays found; exploring is what `fuzz/README.md` is for.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use patchcord::fuzzing;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    paths
}

fn replay(target: &str, body: fn(&[u8])) {
    let seeds = inputs(&root().join("fuzz/seeds").join(target));
    assert!(!seeds.is_empty(), "fuzz/seeds/{target} is empty");
    for path in seeds.into_iter().chain(inputs(&root().join("fuzz/crashes").join(target))) {
        let bytes = fs::read(&path).expect("it can be read");
        assert!(catch_unwind(|| body(&bytes)).is_ok(), "{} breaks {target}: the reason is above", path.display());
    }
}

#[test]
fn offers() {
    replay("offer", fuzzing::offer);
}

#[test]
fn heads() {
    replay("head", fuzzing::head);
}

#[test]
fn rooms() {
    replay("room_messages", fuzzing::room_messages);
}

/// Each message that a page can send or get wrong, at first from a stranger and then from somebody present.
#[test]
fn the_messages_that_both_sides_read() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors/room.json")).expect("JSON");
    let bytes = |vector: &serde_json::Value| -> Vec<u8> {
        let hex = vector["hex"].as_str().expect("a string");
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect()
    };
    let mut input = Vec::new();
    for list in ["from_page", "malformed", "from_server"] {
        for vector in vectors[list].as_array().expect("a list") {
            let message = bytes(vector);
            for page in [0x50, 0x51] {
                input.push(page);
                input.extend(u16::try_from(message.len()).expect("short").to_le_bytes());
                input.extend(&message);
            }
            // A second passes, and everyone is drawn.
            input.extend([0x30, 0xe8, 3, 0x20]);
        }
    }
    fuzzing::room_messages(&input);
    let seed = root().join("fuzz/seeds/room_messages/every-message-of-the-vectors");
    if std::env::var_os("PATCHCORD_WRITE_SEEDS").is_some() {
        fs::write(&seed, &input).expect("the seed can be written");
    }
    let is_current = fs::read(&seed).is_ok_and(|bytes| bytes == input);
    assert!(is_current, "PATCHCORD_WRITE_SEEDS=1 cargo test --test fuzz_seeds writes the seed of the vectors anew");
}

#[test]
fn datagrams() {
    replay("datagrams", fuzzing::datagrams);
}

#[test]
fn operations() {
    replay("operations", fuzzing::operations);
}

#[test]
fn sessions() {
    replay("sessions", fuzzing::sessions);
}

#[test]
fn sctp() {
    replay("sctp", fuzzing::sctp);
}
