//! Where tiny_http listens and only the gate connects. What differs between systems is in this file.

use std::io;

pub(super) use here::{Blocking, Inner, Stream};

/// A number that nobody can guess, in hexadecimal.
pub(super) fn secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// A Unix socket in a folder that no other user can enter, and no web page can name.
#[cfg(unix)]
mod here {
    use std::fs::{self, DirBuilder};
    use std::io;
    use std::os::unix::fs::DirBuilderExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The gate's end of the connection to tiny_http.
    pub(crate) type Stream = mio::net::UnixStream;
    /// The same, as it is connected.
    pub(crate) type Blocking = UnixStream;

    /// The inner listener's folder, removed when dropped.
    pub(crate) struct Inner {
        folder: PathBuf,
        listened: AtomicUsize,
    }

    impl Inner {
        pub(crate) fn new() -> io::Result<Self> {
            // A socket's path has 104 to 108 bytes (`sun_path`), and a deep TMPDIR leaves too few.
            Self::below(&std::env::temp_dir()).or_else(|_| Self::below(Path::new("/tmp")))
        }

        fn below(base: &Path) -> io::Result<Self> {
            let folder = base.join(format!("patchcord-{}", super::secret()?));
            DirBuilder::new().mode(0o700).create(&folder)?;
            let inner = Inner { folder, listened: AtomicUsize::new(0) };
            // The first listener tells whether the path is short enough.
            inner.listen()?;
            Ok(inner)
        }

        /// A new listener, at which [`Inner::connect`] connects from now on. tiny_http removes the name of its listener
        /// when it ends, so each has a name of its own.
        pub(crate) fn listen(&self) -> io::Result<tiny_http::Listener> {
            let number = self.listened.load(Ordering::SeqCst) + 1;
            let listener = UnixListener::bind(self.path(number))?;
            self.listened.store(number, Ordering::SeqCst);
            Ok(listener.into())
        }

        pub(crate) fn connect(&self) -> io::Result<Blocking> {
            UnixStream::connect(self.path(self.listened.load(Ordering::SeqCst)))
        }

        fn path(&self, number: usize) -> PathBuf {
            self.folder.join(number.to_string())
        }

        #[cfg(test)]
        pub(crate) fn folder(&self) -> PathBuf {
            self.folder.clone()
        }
    }

    impl Drop for Inner {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    #[cfg(test)]
    #[test]
    fn the_folder_is_ours_alone_and_goes_with_us() {
        use std::os::unix::fs::PermissionsExt;
        let inner = Inner::new().unwrap();
        let folder = inner.folder();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let _listener = inner.listen().unwrap();
        inner.connect().unwrap();
        drop(inner);
        assert!(!folder.exists());
    }
}

/// A TCP port of the loopback. Others can reach it; the key that the gate sends along tells them from the gate.
#[cfg(not(unix))]
mod here {
    use std::io;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::sync::atomic::{AtomicU16, Ordering};

    /// The gate's end of the connection to tiny_http.
    pub(crate) type Stream = mio::net::TcpStream;
    /// The same, as it is connected.
    pub(crate) type Blocking = TcpStream;

    /// The inner listener's port.
    pub(crate) struct Inner {
        port: AtomicU16,
    }

    impl Inner {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Inner { port: AtomicU16::new(0) })
        }

        /// A new listener, at which [`Inner::connect`] connects from now on.
        pub(crate) fn listen(&self) -> io::Result<tiny_http::Listener> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            self.port.store(listener.local_addr()?.port(), Ordering::SeqCst);
            Ok(listener.into())
        }

        pub(crate) fn connect(&self) -> io::Result<Blocking> {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.load(Ordering::SeqCst)))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    }
}
