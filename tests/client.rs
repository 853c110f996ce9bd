//! The native client against the server, over real sockets on loopback.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use patchcord::{
    Channel, Client, ClientEvent, Config, ConnectError, Data, Event, Limits, PeerId, Reason, SendOutcome, Server,
};

/// What takes milliseconds gets seconds: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

struct Both {
    server: Server,
    client: Client,
    events: Vec<Event>,
    heard: Vec<ClientEvent>,
}

impl Both {
    fn new(config: Config) -> Both {
        let server = Server::bind_with("127.0.0.1:0", config).unwrap();
        Both { server, client: Client::new().unwrap(), events: Vec::new(), heard: Vec::new() }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.server.addresses()[0])
    }

    /// Lets both sides run until the condition holds.
    fn run(&mut self, until: impl Fn(&[Event], &[ClientEvent]) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !until(&self.events, &self.heard) {
            assert!(Instant::now() < end, "after {PATIENCE:?} there is only {:?} and {:?}", self.events, self.heard);
            let soon = Instant::now() + Duration::from_millis(1);
            self.events.extend(self.server.poll(soon).unwrap());
            self.heard.extend(self.client.poll(soon).unwrap());
        }
    }

    /// A new connection, as each side names it.
    fn join(&mut self) -> (PeerId, PeerId) {
        let ours = self.client.connect(&self.url()).unwrap();
        self.events.clear();
        self.heard.clear();
        self.run(|events, heard| !events.is_empty() && !heard.is_empty());
        assert_eq!(self.heard, [ClientEvent::Joined { peer: ours }]);
        let [Event::Joined { peer: theirs, .. }] = self.events[..] else { panic!("{:?}", self.events) };
        (theirs, ours)
    }
}

#[test]
fn messages_go_both_ways_on_every_channel() {
    let mut both = Both::new(Config::default());
    let (theirs, ours) = both.join();
    for channel in Channel::ALL {
        both.events.clear();
        both.heard.clear();
        assert_eq!(both.client.send(ours, channel, "up"), SendOutcome::Sent);
        assert_eq!(both.server.send(theirs, channel, b"down"), SendOutcome::Sent);
        both.run(|events, heard| !events.is_empty() && !heard.is_empty());
        assert_eq!(both.events, [Event::Message { peer: theirs, channel, data: Data::Text("up".into()) }]);
        let data = Data::Binary(b"down".to_vec());
        assert_eq!(both.heard, [ClientEvent::Message { peer: ours, channel, data }]);
    }
}

#[test]
fn one_client_has_many_connections() {
    let mut both = Both::new(Config::default());
    let (_, first) = both.join();
    let (_, second) = both.join();
    assert_eq!(both.client.peers().collect::<Vec<_>>(), [first, second]);
    both.client.disconnect(first);
    both.run(|events, _| events.iter().any(|event| matches!(event, Event::Left { reason: Reason::Closed, .. })));
    assert_eq!(both.client.send(first, Channel::Reliable, "gone"), SendOutcome::Gone);
    assert_eq!(both.client.send(second, Channel::Reliable, "here"), SendOutcome::Sent);
    assert_eq!(both.client.datagrams_dropped(), 0);
}

#[test]
fn a_kicked_client_hears_why() {
    let mut both = Both::new(Config::default());
    let (theirs, ours) = both.join();
    both.server.kick(theirs, "too loud");
    both.run(|_, heard| heard.len() == 2);
    let left = ClientEvent::Left { peer: ours, reason: Reason::Kicked, words: "too loud".into() };
    assert_eq!(both.heard[1], left);
    assert_eq!(both.client.peers().count(), 0);
}

#[test]
fn a_refusal_says_why() {
    let limits = Limits { peers_max: 1, ..Limits::default() };
    let mut both = Both::new(Config { limits, ..Config::default() });
    both.join();
    let peer = both.client.connect(&both.url()).unwrap();
    both.run(|_, heard| heard.len() == 2);
    let ClientEvent::Refused { peer: refused, error: ConnectError::Refused { status, code, .. } } = &both.heard[1]
    else {
        panic!("{:?}", both.heard)
    };
    assert_eq!((*refused, *status, code.as_str()), (peer, 503, "full"));
}

#[test]
fn nobody_there_is_said_too() {
    let mut client = Client::new().unwrap();
    let free: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peer = client.connect(&format!("http://{free}")).unwrap();
    let event = client.poll(Instant::now() + PATIENCE).unwrap();
    let error = ConnectError::Unreachable(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(event, Some(ClientEvent::Refused { peer, error }));
    assert_eq!(client.connect("gopher://127.0.0.1"), Err(ConnectError::Url));
    assert_eq!(client.poll(Instant::now()).unwrap(), None);
}
