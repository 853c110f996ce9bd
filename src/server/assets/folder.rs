//! Files of a folder, read at each request: edit and reload.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{Asset, FILE_BYTES_MAX, media};
use crate::signal::Refusal;

/// A folder, read at each request.
///
/// Its files carry no `ETag`: the time of a change is too coarse on some file systems to tell two saves within a second
/// apart, and a developer who sees a stale file loses more than the download costs.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Absolute and without symbolic links, so that `starts_with` tells whether a file is inside.
    root: PathBuf,
}

impl Folder {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let root = fs::canonicalize(root)?;
        if !root.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Folder { root })
    }

    /// Reads a file, given as [`super::path::file_of`] gives it.
    pub(super) fn find(&self, file: &str) -> Result<Asset, Refusal> {
        // A symbolic link may stay inside the folder, and may not leave it.
        let path = fs::canonicalize(self.root.join(file)).map_err(|_| Refusal::NotFound)?;
        if !path.starts_with(&self.root) {
            return Err(Refusal::NotFound);
        }
        // Looked at before it is opened: to open a named pipe waits for its writer.
        let metadata = fs::metadata(&path).map_err(|_| Refusal::NotFound)?;
        if !metadata.is_file() {
            return Err(Refusal::NotFound);
        }
        let bytes = read_bounded(&path).map_err(|error| {
            tracing::error!(path = %path.display(), %error, "cannot serve this file");
            Refusal::Internal
        })?;
        let media_type = media::type_of(file);
        Ok(Asset { bytes: Cow::Owned(bytes), is_gzip: false, varies: false, media_type, etag: None })
    }
}

/// A file's bytes, at most [`FILE_BYTES_MAX`], also when it grows while it is read.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 16 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, with `page/index.html` to serve and `secret.txt` beside it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("patchcord-folder-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(root.join("page/room")).unwrap();
            fs::write(root.join("page/index.html"), "page").unwrap();
            fs::write(root.join("page/room/a.js"), "code").unwrap();
            fs::write(root.join("secret.txt"), "secret").unwrap();
            Scratch(root)
        }

        fn folder(&self) -> Folder {
            Folder::open(&self.0.join("page")).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_change_shows_at_the_next_request() {
        let scratch = Scratch::new("change");
        let folder = scratch.folder();
        let first = folder.find("room/a.js").unwrap();
        assert_eq!((&*first.bytes, first.media_type), (&b"code"[..], "text/javascript; charset=utf-8"));
        assert_eq!(first.etag, None);

        fs::write(scratch.0.join("page/room/a.js"), "other").unwrap();
        assert_eq!(&*folder.find("room/a.js").unwrap().bytes, b"other");
    }

    #[test]
    fn only_files_inside_are_found() {
        let scratch = Scratch::new("inside");
        for file in ["room", "missing", "../secret.txt", "room/../../secret.txt", "/etc/passwd", "index.html/x"] {
            assert_eq!(scratch.folder().find(file), Err(Refusal::NotFound), "{file}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_may_not_leave_the_folder() {
        use std::os::unix::fs::symlink;
        let scratch = Scratch::new("link");
        symlink("../secret.txt", scratch.0.join("page/out.txt")).unwrap();
        symlink("..", scratch.0.join("page/up")).unwrap();
        symlink("room/a.js", scratch.0.join("page/in.js")).unwrap();
        let folder = scratch.folder();
        assert_eq!(folder.find("out.txt"), Err(Refusal::NotFound));
        assert_eq!(folder.find("up/secret.txt"), Err(Refusal::NotFound));
        assert_eq!(&*folder.find("in.js").unwrap().bytes, b"code");
    }

    #[test]
    fn the_size_is_bounded() {
        let scratch = Scratch::new("size");
        for (bytes, fits) in [(FILE_BYTES_MAX, true), (FILE_BYTES_MAX + 1, false)] {
            fs::File::create(scratch.0.join("page/big")).unwrap().set_len(bytes as u64).unwrap();
            let found = scratch.folder().find("big");
            assert_eq!(found.as_ref().map(|asset| asset.bytes.len()).ok(), fits.then_some(bytes));
            assert!(fits || found == Err(Refusal::Internal));
        }
    }

    #[test]
    fn a_missing_folder_is_an_error_at_the_start() {
        let scratch = Scratch::new("missing");
        assert!(Folder::open(&scratch.0.join("nowhere")).is_err());
        assert!(Folder::open(&scratch.0.join("secret.txt")).is_err());
    }
}
