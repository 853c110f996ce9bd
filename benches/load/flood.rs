//! A peer that does not hold back.

use std::io;
use std::time::{Duration, Instant};

use patchcord::{Channel, Client, ClientEvent};

use crate::process::{LOAD_CORE, pin};
use crate::servers::{announce, end_with_input};

/// Messages between two looks at what comes back.
const AT_ONCE: usize = 64;

pub fn flood(words: &[String]) -> io::Result<()> {
    pin(LOAD_CORE);
    end_with_input();
    let server = words.first().ok_or_else(|| io::Error::other("whom to flood?"))?;
    let mut client = Client::new()?;
    let peer = client.connect(&format!("http://{server}/")).map_err(io::Error::other)?;
    let joined = client.poll(Instant::now() + Duration::from_secs(10))?;
    if joined != Some(ClientEvent::Joined { peer }) {
        return Err(io::Error::other(format!("{joined:?}")));
    }
    announce(server.parse().map_err(io::Error::other)?)?;
    let (mut echoed, mut next) = (0_u64, Instant::now());
    loop {
        for _ in 0..AT_ONCE {
            let _ = client.send(peer, Channel::Unreliable, &[0x5a_u8; 64][..]);
        }
        while let Some(event) = client.poll(Instant::now())? {
            echoed += u64::from(matches!(event, ClientEvent::Message { .. }));
        }
        if Instant::now() >= next {
            println!("{echoed}");
            next += Duration::from_secs(1);
        }
    }
}
