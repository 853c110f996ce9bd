//! The page's files: embedded in the binary, or a folder while developing.

mod embedded;
mod folder;
mod media;
mod path;

use std::borrow::Cow;
use std::io;
use std::path::Path;

use crate::signal::Refusal;
use embedded::Embedded;
use folder::Folder;

/// The largest file that is served, in bytes. A page, its pictures, a sound and a WebAssembly module fit; a video does
/// not, and the gate holds a whole answer in memory while a slow client reads it.
pub(crate) const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The client library, which a developer's page imports without having it.
const CLIENT: [&str; 2] = ["patchcord.js", "patchcord.d.ts"];

/// What our own page may do: everything from this server and nothing from elsewhere, no inline code.
const STRICT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a developer's page may do. A policy in a header can be tightened by a `<meta>` in the page and never loosened,
/// so a folder gets only what a `<meta>` cannot say (`frame-ancestors`) and what no page misses.
const FOLDER_POLICY: &str = "base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

/// Where the page's files come from.
#[derive(Debug)]
pub(crate) enum Assets {
    /// Files in the binary, with an `ETag` each.
    Embedded(Embedded),
    /// A folder, read at each request, and the client library for where the folder has none.
    Folder(Folder, Embedded),
}

/// One file to serve.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) bytes: Cow<'static, [u8]>,
    /// Whether the bytes are compressed.
    pub(super) is_gzip: bool,
    /// Whether they would differ for somebody who takes other encodings.
    pub(super) varies: bool,
    pub(super) media_type: &'static str,
    /// A strong validator with its quotes (RFC 9110, section 8.8.3), or `None` when no cache may keep the file.
    pub(super) etag: Option<String>,
}

impl Assets {
    /// The room's page, from `web/` as it was at build time.
    pub(crate) fn room() -> Self {
        Self::embedded(embedded::WEB)
    }

    /// Files of the caller's binary: a path relative to the page's address (`room/canvas.js`) and the bytes of each.
    pub(crate) fn embedded(files: &[(&'static str, &'static [u8])]) -> Self {
        Assets::Embedded(Embedded::new(files))
    }

    /// A folder, read at each request. An error when it is not there.
    pub(crate) fn folder(root: &Path) -> io::Result<Self> {
        let client: Vec<_> = embedded::WEB.iter().copied().filter(|(path, _)| CLIENT.contains(path)).collect();
        Ok(Assets::Folder(Folder::open(root)?, Embedded::new(&client)))
    }

    /// The file at a request's path, `/room/canvas.js`, still percent-encoded and without its query.
    pub(super) fn find(&self, path: &str, takes_gzip: bool) -> Result<Asset, Refusal> {
        let file = path::file_of(path)?;
        match self {
            Assets::Embedded(embedded) => embedded.find(&file, takes_gzip),
            Assets::Folder(folder, client) => match folder.find(&file) {
                Err(Refusal::NotFound) => client.find(&file, takes_gzip),
                found => found,
            },
        }
    }

    /// The `Content-Security-Policy` of every answer.
    pub(super) fn content_security_policy(&self) -> &'static str {
        match self {
            Assets::Embedded(_) => STRICT_POLICY,
            Assets::Folder(..) => FOLDER_POLICY,
        }
    }
}
