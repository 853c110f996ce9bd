//! The rooms of the house stay apart: a test that reads `src/` and says, in a sentence, which room imports what it may not.

use std::fs;
use std::path::{Path, PathBuf};

/// What only the shell may name. The core takes time, bytes and randomness as arguments.
const SHELL_ONLY: [&str; 13] = [
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "std::thread",
    "thread::spawn",
    "Instant::now",
    "SystemTime",
    "mio::",
    "tiny_http",
    "crossbeam_channel",
    "getrandom",
    "rustix",
    "std::fs",
];

/// A room, and the rooms above or beside it that it may not use.
const ROOMS: [(&str, &[&str]); 5] = [
    ("signal", &["endpoint", "server", "client", "room", "udp"]),
    ("endpoint", &["server", "client", "room", "udp"]),
    ("room", &["server", "client", "signal", "udp"]),
    ("server", &["room", "client"]),
    ("client", &["room", "server"]),
];

/// A file longer than this must say why in its first lines.
const LINES_MAX: usize = 400;

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code of a file, line by line: without comments, and without the tests at its end.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("source is UTF-8");
    let is_tests = path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("test"))
        || path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"));
    if is_tests {
        return Vec::new();
    }
    let until_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = until_tests.lines().enumerate();
    lines.map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default().to_owned())).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn the_core_names_nothing_of_the_shell() {
    let mut found = Vec::new();
    for room in ["signal", "endpoint", "room"] {
        for path in files(&source().join(room), "rs") {
            for (line, code) in code(&path) {
                for word in SHELL_ONLY.iter().filter(|word| code.contains(**word)) {
                    found.push(format!(
                        "{}:{line} names {word}: {room} is the core; give it what it needs as an argument",
                        path.display()
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn unsafe_code_is_in_one_place() {
    let source = source();
    let unsafe_files: Vec<PathBuf> = files(&source, "rs")
        .into_iter()
        .filter(|path| code(path).iter().any(|(_, line)| line.contains("unsafe")))
        .map(|path| path.strip_prefix(&source).expect("it is in src").to_owned())
        .collect();
    assert_eq!(unsafe_files, [Path::new("endpoint/prefetch.rs")]);
}

#[test]
fn arrows_go_down_only() {
    let mut found = Vec::new();
    for (room, above) in ROOMS {
        for path in files(&source().join(room), "rs") {
            for (line, code) in code(&path) {
                for other in above.iter().filter(|other| code.contains(&format!("crate::{other}"))) {
                    found.push(format!(
                        "{}:{line} uses {other}: {room} may not know of it (docs/ARCHITECTURE.md)",
                        path.display()
                    ));
                }
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn files_hold_one_idea() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in files(&source(), "rs").into_iter().chain(files(&root.join("web"), "js")) {
        let text = fs::read_to_string(&path).expect("source is UTF-8");
        let lines = text.lines().count();
        if lines > LINES_MAX && !text.lines().take(20).any(|line| line.contains("One file, because")) {
            found.push(format!("{} has {lines} lines: split it, or say 'One file, because …'", path.display()));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_words_are_found_where_they_are() {
    let shell: Vec<PathBuf> = ["server", "client"].iter().flat_map(|room| files(&source().join(room), "rs")).collect();
    let lines = shell.iter().flat_map(|path| code(path));
    let seen = lines.filter(|(_, code)| SHELL_ONLY.iter().any(|word| code.contains(word)));
    assert!(seen.count() > 10, "the shell names what the core may not; if this finds nothing, it looks for nothing");
}
