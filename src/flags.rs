//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use lexopt::Parser;
use lexopt::prelude::*;
use patchcord::Limits;
use patchcord::room::PEOPLE_MAX;
use tracing_subscriber::filter::LevelFilter;

pub const HELP: &str = "\
A room on your LAN: browsers that open the page see each other move, talk and wave.

Usage: patchcord [options]

  --bind IP                    listen on this address only (default: every interface)
  --port N                     TCP and UDP port (default: 8080; 0 takes a free one)
  --web DIR                    serve this folder instead of the built-in page
  --max-peers N                browsers at once, 1 to 2000 (default: 256)
  --max-peers-per-address N    of them from one address (default: 32)
  --log LEVEL                  off, error, warn, info, debug or trace (default: warn), to standard error
  --help                       print this
  --version                    print the version

Prints one line for each address that it serves, best first. Ends on Ctrl-C.
";

#[derive(Debug, PartialEq)]
pub enum Command {
    Help,
    Version,
    Serve(Flags),
}

#[derive(Debug, PartialEq)]
pub struct Flags {
    /// `None` is every interface.
    pub bind: Option<IpAddr>,
    pub port: u16,
    pub web: Option<PathBuf>,
    pub limits: Limits,
    pub log: LevelFilter,
}

/// Why the command line cannot be followed, in one line.
#[derive(Debug)]
pub enum FlagError {
    Syntax(lexopt::Error),
    Value { flag: &'static str, expected: &'static str },
    NotAFolder(PathBuf),
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlagError::Syntax(error) => write!(f, "{error}"),
            FlagError::Value { flag, expected } => write!(f, "{flag} takes {expected}"),
            FlagError::NotAFolder(path) => write!(f, "--web {}: not a folder that can be read", path.display()),
        }
    }
}

impl std::error::Error for FlagError {}

impl From<lexopt::Error> for FlagError {
    fn from(error: lexopt::Error) -> FlagError {
        FlagError::Syntax(error)
    }
}

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, FlagError> {
    let mut parser = Parser::from_iter(arguments);
    let mut flags = Flags { bind: None, port: 8080, web: None, limits: Limits::default(), log: LevelFilter::WARN };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bind") => flags.bind = Some(value(&mut parser, "--bind", "an IP address")?),
            Long("port") => flags.port = value(&mut parser, "--port", "a number from 0 to 65535")?,
            Long("web") => flags.web = Some(folder(parser.value()?.into())?),
            Long("max-peers") => flags.limits.peers_max = count(&mut parser, "--max-peers")?,
            Long("max-peers-per-address") => {
                flags.limits.peers_per_address_max = count(&mut parser, "--max-peers-per-address")?;
            }
            Long("log") => {
                flags.log = value(&mut parser, "--log", "off, error, warn, info, debug or trace")?;
            }
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(Command::Serve(flags))
}

fn value<T: std::str::FromStr>(
    parser: &mut Parser,
    flag: &'static str,
    expected: &'static str,
) -> Result<T, FlagError> {
    parser.value()?.to_str().and_then(|text| text.parse().ok()).ok_or(FlagError::Value { flag, expected })
}

fn count(parser: &mut Parser, flag: &'static str) -> Result<usize, FlagError> {
    let expected = "a number from 1 to 2000";
    let count = value(parser, flag, expected)?;
    if (1..=PEOPLE_MAX).contains(&count) { Ok(count) } else { Err(FlagError::Value { flag, expected }) }
}

fn folder(path: PathBuf) -> Result<PathBuf, FlagError> {
    if std::fs::read_dir(&path).is_ok() { Ok(path) } else { Err(FlagError::NotAFolder(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Command, FlagError> {
        parse(["patchcord"].into_iter().chain(line.split_whitespace()).map(OsString::from))
    }

    fn message(line: &str) -> String {
        parse_line(line).expect_err(line).to_string()
    }

    #[test]
    fn nothing_is_the_default() {
        let Command::Serve(flags) = parse_line("").unwrap() else { panic!("not serving") };
        assert_eq!((flags.bind, flags.port, flags.web), (None, 8080, None));
        assert_eq!(flags.limits, Limits::default());
    }

    #[test]
    fn every_flag_is_heard() {
        let line = "--bind ::1 --port=81 --web src --max-peers 2 --max-peers-per-address 1 --log debug";
        let Command::Serve(flags) = parse_line(line).unwrap() else { panic!("not serving") };
        assert_eq!((flags.bind, flags.port), (Some("::1".parse().unwrap()), 81));
        assert_eq!((flags.web, flags.log), (Some("src".into()), LevelFilter::DEBUG));
        assert_eq!((flags.limits.peers_max, flags.limits.peers_per_address_max), (2, 1));
        assert_eq!(parse_line("--port 1 --help").unwrap(), Command::Help);
        assert_eq!(parse_line("-V").unwrap(), Command::Version);
    }

    #[test]
    fn every_mistake_is_named_in_one_line() {
        assert_eq!(message("--bind home"), "--bind takes an IP address");
        assert_eq!(message("--port 65536"), "--port takes a number from 0 to 65535");
        assert_eq!(message("--max-peers 0"), "--max-peers takes a number from 1 to 2000");
        assert_eq!(message("--max-peers-per-address 2001"), "--max-peers-per-address takes a number from 1 to 2000");
        assert_eq!(message("--log loud"), "--log takes off, error, warn, info, debug or trace");
        assert_eq!(message("--web /nowhere"), "--web /nowhere: not a folder that can be read");
        assert!(message("--colour").contains("--colour"));
        assert!(message("8080").contains("8080"));
        assert!(message("--port").contains("--port"));
    }
}
