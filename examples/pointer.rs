//! One dot that everybody moves: the server of the README, with the page in `examples/pointer/`.

use patchcord::{Config, Event, Server};

fn main() -> std::io::Result<()> {
    let config = Config { web: Some("examples/pointer".into()), ..Config::default() };
    let mut server = Server::bind_with("0.0.0.0:8080", config)?;
    for address in server.addresses() {
        println!("http://{address}/");
    }
    loop {
        match server.poll(None)? {
            Some(Event::Joined { peer, .. }) => println!("{peer} is here"),
            Some(Event::Message { channel, data, .. }) => server.broadcast(channel, &data),
            Some(Event::Left { peer, reason }) => println!("{peer} left: {reason:?}"),
            _ => {}
        }
    }
}
