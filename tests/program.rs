//! The program as a person starts it: what it prints, how it ends, and with which exit code.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

fn patchcord(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patchcord"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = patchcord(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A program that serves; ended when dropped.
struct Running {
    child: Child,
    lines: Vec<String>,
}

impl Running {
    /// Waits for its first line, and takes the others that come with it.
    fn start(arguments: &[&str]) -> Running {
        let mut child = patchcord(arguments).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        lines.push(line.trim_end().to_owned());
        let rest = String::from_utf8(reader.buffer().to_vec()).unwrap();
        lines.extend(rest.lines().map(str::to_owned));
        Running { child, lines }
    }

    fn address(&self) -> &str {
        self.lines[0].strip_prefix("http://").and_then(|line| line.strip_suffix('/')).expect("http://ADDRESS:PORT/")
    }

    fn signal(mut self, name: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn says_what_it_is() {
    let (code, out, _) = output(&["--version"]);
    assert_eq!((code, out.as_str()), (Some(0), concat!("patchcord ", env!("CARGO_PKG_VERSION"), "\n")));
    let (code, out, _) = output(&["--help"]);
    assert_eq!(code, Some(0));
    for flag in ["--bind", "--port", "--web", "--max-peers", "--max-peers-per-address", "--log", "--help", "--version"]
    {
        assert!(out.contains(flag), "{flag} is not in the help");
    }
}

#[test]
fn a_bad_flag_is_one_clear_line_and_code_two() {
    for arguments in [&["--prot", "1"][..], &["--port", "x"], &["--web", "/nowhere"], &["--max-peers", "0"]] {
        let (code, out, error) = output(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(error.starts_with("patchcord: ") && error.lines().count() == 2, "{error}");
    }
}

#[test]
fn a_port_in_use_is_one_clear_line_and_code_one() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, out, error) = output(&["--bind", "127.0.0.1", "--port", &port]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(&port) && error.contains("in use"), "{error}");
}

#[test]
fn an_address_of_another_machine_is_code_one() {
    let (code, _, error) = output(&["--bind", "192.0.2.254", "--port", "0"]);
    assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("192.0.2.254"), "{error}");
}

#[test]
fn prints_each_address_and_serves_the_page_there() {
    let running = Running::start(&["--port", "0"]);
    assert!(running.lines.iter().any(|line| line.starts_with("http://127.0.0.1:")), "{:?}", running.lines);
    for line in &running.lines {
        assert!(line.starts_with("http://") && line.ends_with('/'), "{line}");
    }
    let mut stream = TcpStream::connect(running.address()).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: {}\r\n\r\n", running.address()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("<title>patchcord</title>"), "{page}");
}

#[test]
fn serves_a_folder_with_the_client_library_beside_it() {
    let folder = std::env::temp_dir().join(format!("patchcord-program-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "my own page").unwrap();
    let running = Running::start(&["--bind", "127.0.0.1", "--port", "0", "--web", folder.to_str().unwrap()]);
    for (path, text) in [("/", "my own page"), ("/patchcord.js", "export")] {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", running.address()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(text), "{path}: {answer}");
    }
    drop(running);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn ctrl_c_and_sigterm_end_it_cleanly() {
    for signal in ["INT", "TERM"] {
        let running = Running::start(&["--bind", "127.0.0.1", "--port", "0"]);
        let started = Instant::now();
        assert_eq!(running.signal(signal), Some(0), "{signal}");
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}
