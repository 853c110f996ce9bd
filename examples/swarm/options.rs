use std::time::Duration;

use patchcord::Channel;

pub const HELP: &str = "\
usage: swarm [URL] [options]

  URL                 the server's page (http://127.0.0.1:8080)
  --clients N         how many, at most 2000 (100)
  --rate HZ           messages a second of each, at most 1000 (60)
  --bytes N           of a message, 16 to 65536 (64)
  --channel NAME      reliable, unreliable or latest (unreliable)
  --seconds N         how long, at most 600 (10)
  --room              the server is patchcord's room: move pointers in it
";

const CLIENTS_MAX: usize = 2000;
const RATE_MAX: f64 = 1000.0;
const BYTES_MAX: usize = 65_536;
const SECONDS_MAX: f64 = 600.0;

/// The time and a number, which every message begins with.
pub const BYTES_MIN: usize = 16;

pub struct Options {
    pub url: String,
    pub clients: usize,
    pub rate: f64,
    pub bytes: usize,
    pub channel: Channel,
    pub time: Duration,
    pub room: bool,
}

impl Options {
    /// `None`: help is wanted.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options {
            url: "http://127.0.0.1:8080".to_owned(),
            clients: 100,
            rate: 60.0,
            bytes: 64,
            channel: Channel::Unreliable,
            time: Duration::from_secs(10),
            room: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--clients" => options.clients = number(&word, &value()?, 1, CLIENTS_MAX)?,
                "--rate" => options.rate = number(&word, &value()?, 0.1, RATE_MAX)?,
                "--bytes" => options.bytes = number(&word, &value()?, BYTES_MIN, BYTES_MAX)?,
                "--seconds" => {
                    options.time = Duration::from_secs_f64(number(&word, &value()?, 0.1, SECONDS_MAX)?);
                }
                "--channel" => {
                    options.channel = match value()?.as_str() {
                        "reliable" => Channel::Reliable,
                        "unreliable" => Channel::Unreliable,
                        "latest" => Channel::Latest,
                        other => return Err(format!("there is no channel {other}")),
                    }
                }
                "--room" => options.room = true,
                url if !url.starts_with('-') => options.url = word,
                other => return Err(format!("{other} is not an option")),
            }
        }
        Ok(Some(options))
    }
}

fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    option: &str,
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    match text.parse() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(format!("{option} is a number from {least} to {most}, not {text}")),
    }
}
