//! Files in the binary.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Asset, FILE_BYTES_MAX, media};
use crate::signal::Refusal;

macro_rules! web {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $file)))),*]
    };
}

/// Every file of `web/`, in alphabetical order. A test fails when this table and the folder differ.
pub(super) const WEB: &[(&str, &[u8])] = web![
    "favicon.svg",
    "index.html",
    "patchcord.d.ts",
    "patchcord.js",
    "room.css",
    "room/chat.js",
    "room/errors.js",
    "room/figure.js",
    "room/link.js",
    "room/look.js",
    "room/main.js",
    "room/messages.js",
    "room/notice.js",
    "room/page.js",
    "room/people.js",
    "room/pointer.js",
    "room/room.js",
    "room/session.js",
    "room/sheet.js",
    "room/stage.js",
    "room/trail.js",
    "room/wave.js",
];

/// Files in the binary, each with its `ETag`.
#[derive(Debug)]
pub(crate) struct Embedded {
    files: BTreeMap<&'static str, File>,
}

#[derive(Debug)]
struct File {
    bytes: &'static [u8],
    etag: String,
    /// Where it is worth it, with an `ETag` of its own.
    gzip: Option<(Vec<u8>, String)>,
}

impl File {
    fn new(path: &str, bytes: &'static [u8]) -> File {
        let is_text = media::type_of(path).ends_with("charset=utf-8") || path.ends_with(".svg");
        let gzip = is_text.then(|| gzip(bytes)).filter(|gzip| gzip.len() < bytes.len());
        File { bytes, etag: etag(bytes), gzip: gzip.map(|gzip| (gzip.clone(), etag(&gzip))) }
    }
}

/// Compressed once, at the start: the whole page takes a few milliseconds, and a phone on Wi-Fi a quarter of the time to load.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; if it did, the file would go as it is.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_else(|_| bytes.to_vec())
}

impl Embedded {
    pub(super) fn new(files: &[(&'static str, &'static [u8])]) -> Self {
        let files = files.iter().map(|&(path, bytes)| (path, File::new(path, bytes))).collect();
        Embedded { files }
    }

    pub(super) fn find(&self, file: &str, takes_gzip: bool) -> Result<Asset, Refusal> {
        let (path, found) = self.files.get_key_value(file).ok_or(Refusal::NotFound)?;
        if found.bytes.len() > FILE_BYTES_MAX {
            tracing::error!(path, "cannot serve this file: it is larger than 16 MiB");
            return Err(Refusal::Internal);
        }
        let (varies, media_type) = (found.gzip.is_some(), media::type_of(path));
        Ok(match &found.gzip {
            Some((gzip, etag)) if takes_gzip => {
                let (bytes, etag) = (Cow::Owned(gzip.clone()), Some(etag.clone()));
                Asset { bytes, is_gzip: true, varies, media_type, etag }
            }
            _ => {
                let (bytes, etag) = (Cow::Borrowed(found.bytes), Some(found.etag.clone()));
                Asset { bytes, is_gzip: false, varies, media_type, etag }
            }
        })
    }
}

/// A strong validator of a file's bytes. `DefaultHasher` may change with the compiler, which costs one download.
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn files_below(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                files_below(&entry.path(), &format!("{path}/"), found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn the_table_is_the_folder() {
        let mut folder = Vec::new();
        files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("web"), "", &mut folder);
        folder.sort();
        let table: Vec<&str> = WEB.iter().map(|(path, _)| *path).collect();
        assert_eq!(table, folder, "the table WEB in src/server/assets/embedded.rs lists every file of web/, in order");
    }

    #[test]
    fn every_file_can_be_served() {
        for (path, bytes) in WEB {
            assert!(bytes.len() <= FILE_BYTES_MAX, "{path} is larger than the server serves");
            assert_ne!(media::type_of(path), media::UNKNOWN, "{path} has no media type");
        }
    }

    #[test]
    fn an_etag_is_of_the_bytes_alone() {
        let files = Embedded::new(&[("a.css", b"same"), ("b.css", b"same"), ("c.css", b"other")]);
        let etag = |path| files.find(path, false).unwrap().etag.unwrap();
        assert_eq!(etag("a.css"), etag("b.css"));
        assert_ne!(etag("a.css"), etag("c.css"));
        assert!(etag("a.css").starts_with('"') && etag("a.css").ends_with('"'));
    }

    #[test]
    fn what_is_not_in_the_table_is_not_found() {
        let files = Embedded::new(&[("index.html", b"page")]);
        for path in ["", "index", "Index.html", "index.html/", "room/index.html"] {
            assert_eq!(files.find(path, true), Err(Refusal::NotFound), "{path}");
        }
    }
}
