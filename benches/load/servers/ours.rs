use std::io;

use patchcord::{Config, Event, Limits, SendOutcome, Server};

pub fn serve() -> io::Result<()> {
    let config = Config { limits: Limits::relaxed(), ..Config::default() };
    let mut server = Server::bind_with("127.0.0.1:0", config)?;
    super::announce(server.addresses()[0])?;
    loop {
        if let Some(Event::Message { peer, channel, data }) = server.poll(None)?
            && server.send(peer, channel, &data) == SendOutcome::Full
        {
            eprintln!("the load has more under way than a peer's budget");
        }
    }
}
