use std::time::Duration;

use super::*;
use crate::endpoint::Reason;

struct Table {
    room: Room,
    now: Instant,
}

impl Table {
    fn new() -> Table {
        let now = Instant::now();
        Table { room: Room::new(now), now }
    }

    /// Gives the room a message and returns what it sends.
    fn hear(&mut self, peer: u64, channel: Channel, bytes: &[u8]) -> Vec<Outgoing> {
        let data = Data::Binary(bytes.to_vec());
        self.room.handle_event(self.now, &Event::Message { peer: peer.into(), channel, data });
        self.sent()
    }

    fn reliable(&mut self, peer: u64, bytes: &[u8]) -> Vec<Outgoing> {
        self.hear(peer, Channel::Reliable, bytes)
    }

    fn sent(&mut self) -> Vec<Outgoing> {
        std::iter::from_fn(|| self.room.poll_outgoing()).collect()
    }

    fn hello(&mut self, peer: u64, name: &str) -> Vec<Outgoing> {
        self.reliable(peer, &[&[1, VERSION, name.len() as u8], name.as_bytes()].concat())
    }

    fn chat(&mut self, peer: u64, text: &str) -> Vec<Outgoing> {
        let count = (text.len() as u16).to_le_bytes();
        self.reliable(peer, &[&[2], &count[..], text.as_bytes()].concat())
    }

    fn snapshot(&mut self) -> Vec<Outgoing> {
        self.room.tick(self.now);
        self.sent()
    }
}

fn refused(peer: u64, reason: RefusedReason) -> Vec<Outgoing> {
    let bytes = vec![0x86, reason as u8];
    vec![Outgoing { to: Recipients::One(peer.into()), channel: Channel::Reliable, bytes }]
}

#[test]
fn a_newcomer_is_welcomed_and_announced() {
    let mut table = Table::new();
    table.hello(7, "Ada");
    table.chat(7, "first!");
    table.now += Duration::from_secs(3);
    let sent = table.hello(9, "");
    assert_eq!(sent.len(), 2);
    let welcome = FromServer::Welcome {
        you: 2,
        people: vec![
            message::PersonView { id: 1, look: 0, name: "Ada" },
            message::PersonView { id: 2, look: 1, name: "Guest 2" },
        ],
        lines: vec![(LineView { author: 1, look: 0, name: "Ada", text: "first!" }, 3)],
    };
    assert_eq!((sent[0].to, &sent[0].bytes), (Recipients::One(9.into()), &welcome.to_bytes()));
    let joined = FromServer::Joined(message::PersonView { id: 2, look: 1, name: "Guest 2" });
    assert_eq!((sent[1].to, &sent[1].bytes), (Recipients::EveryoneBut(9.into()), &joined.to_bytes()));
    assert_eq!(table.room.recipients(sent[1].to), [7.into()]);
}

#[test]
fn nobody_is_here_before_hello() {
    let mut table = Table::new();
    table.room.handle_event(table.now, &Event::Joined { peer: 1.into(), address: [127, 0, 0, 1].into() });
    assert_eq!(table.sent(), []);
    assert_eq!(table.chat(1, "hi"), refused(1, RefusedReason::NotBeforeHello));
    assert_eq!(table.snapshot(), []);
    assert_eq!(table.reliable(1, &[1, 1, 0]), refused(1, RefusedReason::UnknownVersion));
    table.room.handle_event(table.now, &Event::Left { peer: 1.into(), reason: Reason::Closed });
    assert_eq!(table.sent(), [], "nobody saw them come, so nobody sees them go");
}

#[test]
fn leaving_frees_the_look_but_never_the_id() {
    let mut table = Table::new();
    table.hello(1, "Ada");
    table.hello(2, "Bob");
    table.room.handle_event(table.now, &Event::Left { peer: 1.into(), reason: Reason::TimedOut });
    let left = FromServer::Left { id: 1 }.to_bytes();
    assert_eq!(table.sent(), [Outgoing { to: Recipients::Everyone, channel: Channel::Reliable, bytes: left }]);
    let joined = FromServer::Joined(message::PersonView { id: 3, look: 0, name: "Cleo" }).to_bytes();
    assert_eq!(table.hello(3, "Cleo")[1].bytes, joined);
}

#[test]
fn the_last_fifty_lines_are_kept() {
    let mut table = Table::new();
    table.hello(1, "Ada");
    for i in 0..60 {
        assert_eq!(table.chat(1, &format!("line {i}"))[0].to, Recipients::Everyone);
        table.now += Duration::from_secs(1);
    }
    assert_eq!(table.room.lines.len(), LINES_MAX);
    assert_eq!(table.room.lines[0].text, "line 10");
}

#[test]
fn a_flood_of_lines_is_refused_and_then_forgiven() {
    let mut table = Table::new();
    table.hello(1, "Ada");
    table.hello(2, "Bob");
    let taken = (0..50).filter(|_| table.chat(1, "x") != refused(1, RefusedReason::TooFast)).count();
    assert_eq!(taken, 10);
    assert_eq!(table.chat(2, "x")[0].to, Recipients::Everyone, "another's flood is not Bob's");
    table.now += Duration::from_secs(1);
    assert_eq!(table.chat(1, "x")[0].to, Recipients::Everyone);
}

#[test]
fn what_cannot_be_taken_is_said() {
    let mut table = Table::new();
    table.hello(1, "Ada");
    assert_eq!(table.chat(1, " \n "), refused(1, RefusedReason::TooLongOrEmpty));
    assert_eq!(table.chat(1, &"x".repeat(1001)), refused(1, RefusedReason::TooLongOrEmpty));
    assert_eq!(table.reliable(1, &[99]), refused(1, RefusedReason::Malformed));
    assert_eq!(table.hear(1, Channel::Unreliable, &[99]), [], "not worth a word on the unreliable channel");
    let text = Event::Message { peer: 1.into(), channel: Channel::Reliable, data: Data::Text("hi".into()) };
    table.room.handle_event(table.now, &text);
    assert_eq!(table.sent(), refused(1, RefusedReason::Malformed));
}

#[test]
fn a_new_name_reaches_everyone() {
    let mut table = Table::new();
    table.hello(1, "Ada");
    let renamed = |name| FromServer::Renamed { id: 1, name }.to_bytes();
    assert_eq!(table.reliable(1, b"\x03\x05Grace")[0].bytes, renamed("Grace"));
    assert_eq!(table.reliable(1, b"\x03\x01 ")[0].bytes, renamed("Guest 1"));
}

#[test]
fn pings_are_answered_at_once_also_before_hello() {
    let pong = Outgoing { to: Recipients::One(5.into()), channel: Channel::Unreliable, bytes: vec![0x91, 1, 2, 3, 4] };
    assert_eq!(Table::new().hear(5, Channel::Unreliable, &[0x12, 1, 2, 3, 4]), [pong]);
}

#[test]
fn snapshots_hold_everyone_and_fit_a_packet() {
    let mut table = Table::new();
    for peer in 1..=250 {
        table.hello(peer, "");
    }
    table.hear(3, Channel::Unreliable, &[0x10, 1, 0, 10, 0, 20, 0, 1]);
    table.hear(4, Channel::Unreliable, &[0x11]);
    let snapshots = table.snapshot();
    let counts: Vec<u8> = snapshots.iter().map(|snapshot| snapshot.bytes[9]).collect();
    assert_eq!(counts, [116, 116, 18]);
    assert!(snapshots.iter().all(|snapshot| snapshot.channel == Channel::Unreliable), "none may take another's place");
    assert!(
        snapshots
            .iter()
            .all(|s| s.bytes.len() <= 1057 && s.to == Recipients::Everyone && s.bytes[1..5] == [1, 0, 0, 0])
    );
    let entry = |i: usize| &snapshots[0].bytes[10 + 9 * i..][..9];
    assert_eq!(entry(2), [3, 0, 0, 0, 10, 0, 20, 0, Place::HAS_POINTER | Place::DOWN]);
    assert_eq!(entry(3), [4, 0, 0, 0, 0, 0, 0, 0, Place::WAVING]);
}

#[test]
fn the_largest_welcome_fits_a_message() {
    let mut table = Table::new();
    let name = "n".repeat(64);
    for peer in 1..PEOPLE_MAX as u64 {
        table.hello(peer, &name);
    }
    for i in 0..LINES_MAX as u64 {
        table.chat(1 + i, &"x".repeat(LINE_BYTES_MAX));
    }
    let welcome = table.hello(PEOPLE_MAX as u64, &name).remove(0);
    assert!(welcome.bytes.len() <= crate::MESSAGE_BYTES_MAX, "{}", welcome.bytes.len());
}

#[test]
fn who_is_away_is_shown_so_and_who_is_reloaded_is_welcomed_again() {
    let mut table = Table::new();
    table.hello(1, "Ada");
    table.hello(2, "Bob");
    table.now += Duration::from_micros(4_294_967_296 + 7);
    table.room.handle_event(table.now, &Event::Away { peer: 2.into() });
    let snapshot = table.snapshot().remove(0);
    assert_eq!((snapshot.channel, &snapshot.bytes[5..9]), (Channel::Latest, &[7, 0, 0, 0][..]));
    assert_eq!(snapshot.bytes[10 + 9 + 8], Place::AWAY);
    table.room.handle_event(table.now, &Event::Back { peer: 2.into(), address: [127, 0, 0, 1].into() });
    assert_eq!(table.snapshot()[0].bytes[10 + 9 + 8], 0);

    let sent = table.hello(2, "Somebody else");
    assert_eq!(sent.len(), 1, "nobody else hears of it");
    assert_eq!(sent[0].to, Recipients::One(2.into()));
    assert_eq!(sent[0].bytes[..6], [0x81, VERSION, 2, 0, 0, 0], "the same person");
    assert!(sent[0].bytes.windows(3).any(|name| name == b"Bob"));
    let welcomes = (0..50).filter(|_| table.hello(2, "") != refused(2, RefusedReason::TooFast)).count();
    assert_eq!(welcomes, 9);
}
