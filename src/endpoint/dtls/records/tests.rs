use super::super::keys::Secret;
use super::*;

/// Two sides after a handshake, and what has come of what they said.
struct Pair {
    now: Instant,
    sides: [Records; 2],
    received: [Vec<Vec<u8>>; 2],
    is_closed: [bool; 2],
    /// What was for who shook hands.
    others: [usize; 2],
}

impl Records {
    pub(in crate::endpoint::dtls) fn replace_keys_after(&mut self, records: u64) {
        self.records_per_key = records;
    }

    /// Ours and theirs.
    pub(in crate::endpoint::dtls) fn epochs(&self) -> (u64, u64) {
        (self.sending.epoch, self.receiving.epoch)
    }
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

fn heard() -> Heard {
    let secret = |byte| Secret::new(&[byte; 32]);
    Heard { client_handshake: secret(1), client: secret(2), server: secret(3), next_message: 6 }
}

impl Pair {
    fn new(records_per_key: u64) -> Pair {
        let side = |is_client| Records { records_per_key, ..Records::new(&heard(), is_client).unwrap() };
        let sides = [side(true), side(false)];
        Pair { now: Instant::now(), sides, received: Default::default(), is_closed: [false; 2], others: [0; 2] }
    }

    /// What a side writes when it does this.
    fn written(
        &mut self,
        side: usize,
        act: impl FnOnce(&mut Records, Instant, &mut dyn FnMut(Opened<'_>)),
    ) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        act(&mut self.sides[side], self.now, &mut |opened| match opened {
            Opened::Datagram(datagram) => datagrams.push(datagram),
            Opened::Packet(packet) => self.received[side].push(packet.to_vec()),
            Opened::Heard => {}
            Opened::Closed => self.is_closed[side] = true,
        });
        datagrams
    }

    fn seal(&mut self, side: usize, packet: &[u8]) -> Vec<Vec<u8>> {
        self.written(side, |records, now, on| records.seal(now, packet, on))
    }

    /// A side hears this, and the other its answer.
    fn hear(&mut self, side: usize, datagrams: Vec<Vec<u8>>) {
        for mut datagram in datagrams {
            let mut is_for_others = false;
            let answer = self.written(side, |records, now, on| is_for_others = records.open(now, &mut datagram, on));
            self.others[side] += usize::from(is_for_others);
            self.hear(1 - side, answer);
        }
    }

    fn epochs(&self) -> [(u64, u64); 2] {
        [0, 1].map(|side| self.sides[side].epochs())
    }
}

#[test]
fn packets_come_once() {
    let mut pair = Pair::new(RECORDS_PER_KEY);
    for side in [CLIENT, SERVER] {
        let datagrams: Vec<_> = (0..5).flat_map(|i| pair.seal(side, &[i])).collect();
        pair.hear(
            1 - side,
            vec![datagrams[2].clone(), datagrams[0].clone(), datagrams[2].clone(), datagrams[3..].concat()],
        );
        assert_eq!(pair.received[1 - side], [[2], [0], [3], [4]]);
        let forged = datagrams[1].iter().map(|byte| byte ^ u8::from(*byte == datagrams[1][9])).collect();
        pair.hear(1 - side, vec![forged, datagrams[1][..20].to_vec(), vec![], vec![0x2f], vec![0x2f; 100]]);
        assert_eq!(pair.received[1 - side].len(), 4);
        pair.hear(1 - side, vec![datagrams[1].clone()]);
        assert_eq!(pair.received[1 - side].len(), 5);
    }
    assert_eq!(pair.is_closed, [false; 2]);
}

#[test]
fn who_closes_is_heard() {
    let mut pair = Pair::new(RECORDS_PER_KEY);
    let words = pair.written(SERVER, |records, _, on| records.close(on));
    pair.hear(CLIENT, words);
    assert_eq!(pair.is_closed, [true, false]);
}

#[test]
fn keys_are_replaced_on_both_sides() {
    let mut pair = Pair::new(FIRST_NUMBER + 10);
    for i in 0..1000_u32 {
        for side in [CLIENT, SERVER] {
            let datagrams = pair.seal(side, &i.to_be_bytes());
            pair.hear(1 - side, datagrams);
        }
    }
    let expected: Vec<Vec<u8>> = (0..1000_u32).map(|i| i.to_be_bytes().to_vec()).collect();
    assert!(pair.received == [expected.clone(), expected]);
    assert_eq!(pair.epochs(), [(7, 7); 2], "10 records of the first key, 266 of others");
}

#[test]
fn an_update_that_is_lost_is_sent_again() {
    let mut pair = Pair::new(FIRST_NUMBER + 2);
    for i in 0..2 {
        let datagrams = pair.seal(SERVER, &[i]);
        pair.hear(CLIENT, datagrams);
    }
    let [update, packet] = &pair.seal(SERVER, b"with the old key")[..] else { panic!() };
    let (late, packet) = (update.clone(), packet.clone());
    pair.hear(CLIENT, vec![packet]);
    assert_eq!(pair.epochs(), [(3, 3); 2]);
    for _ in 0..3 {
        pair.now = pair.sides[SERVER].deadline().unwrap();
        let again = pair.written(SERVER, Records::handle_timeout);
        // The first is lost. The acknowledgement of the second is.
        match pair.epochs()[CLIENT] {
            (3, 3) if pair.sides[SERVER].update.as_ref().unwrap().numbers.len() == 3 => {
                let _ = pair.written(CLIENT, |records, now, on| {
                    records.open(now, &mut again[0].clone(), on);
                });
            }
            (3, 4) => pair.hear(CLIENT, again),
            _ => {}
        }
    }
    assert_eq!(pair.epochs(), [(3, 4), (4, 3)]);
    assert_eq!(pair.sides[SERVER].deadline(), None);
    pair.hear(CLIENT, vec![late]);
    let datagrams = pair.seal(SERVER, b"with the new one");
    pair.hear(CLIENT, datagrams);
    assert_eq!(pair.received[CLIENT].last().unwrap(), b"with the new one");
    assert_eq!(pair.epochs(), [(3, 4), (4, 3)], "the late one changes nothing");
}

#[test]
fn who_is_asked_replaces_its_key_too() {
    let mut pair = Pair::new(RECORDS_PER_KEY);
    let message = [KEY_UPDATE, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 1, REQUESTED];
    let asked = pair.written(CLIENT, |records, now, on| {
        records.begin_update(now, &mut |_| {});
        let update = records.update.as_mut().unwrap();
        (update.message, update.numbers[0]) = (message, records.sending.next);
        records.send(HANDSHAKE, &message, on);
    });
    pair.hear(SERVER, asked);
    assert_eq!(pair.epochs(), [(4, 4); 2]);
}

#[test]
fn the_end_of_the_handshake_is_acknowledged_again() {
    let mut pair = Pair::new(RECORDS_PER_KEY);
    let keys = Keys::new(heard().client_handshake.unwrap()).unwrap();
    let finished = keys.seal(HANDSHAKE_EPOCH, 4, HANDSHAKE, &[20, 0, 0, 1, 0, 5, 0, 0, 0, 0, 0, 1, 0]).unwrap();
    let data = keys.seal(HANDSHAKE_EPOCH, 5, APPLICATION_DATA, b"not under this key").unwrap();
    pair.hear(SERVER, vec![finished, data]);
    assert!(pair.received[SERVER].is_empty());
    assert_eq!(pair.others, [1, 0], "the ACK is for who shook hands");
}

#[test]
fn plain_records_and_foreign_epochs_are_for_others() {
    let mut pair = Pair::new(RECORDS_PER_KEY);
    let keys = Keys::new(Secret::new(&[9; 32]).unwrap()).unwrap();
    pair.hear(CLIENT, vec![vec![22; 50], keys.seal(HANDSHAKE_EPOCH, 0, HANDSHAKE, b"").unwrap()]);
    assert_eq!(pair.others[CLIENT], 2);
    pair.hear(CLIENT, vec![keys.seal(FIRST_EPOCH, 0, HANDSHAKE, b"").unwrap()]);
    assert_eq!((pair.others[CLIENT], pair.sides[CLIENT].forged), (2, 1));
}

#[test]
fn nothing_that_the_other_side_says_is_a_panic() {
    let mut pair = Pair::new(FIRST_NUMBER + 50);
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let content_type = [ALERT, HANDSHAKE, HANDSHAKE, ACK, random.u8(..)][random.usize(..5)];
        let length = random.usize(..40);
        let mut content: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        // Often a whole message, or numbers that may be ours.
        if content.len() > MESSAGE_HEADER_BYTES && random.bool() {
            content[0] = KEY_UPDATE;
            content[9..13].copy_from_slice(&[0, 0, 1, random.u8(..3)]);
        } else if content.len() > 18 && random.bool() {
            content[2..10].copy_from_slice(&pair.sides[SERVER].sending.epoch.to_be_bytes());
            content[10..18].copy_from_slice(&(FIRST_NUMBER + random.u64(..60)).to_be_bytes());
        }
        let mut datagrams = pair.written(CLIENT, |records, _, on| records.send(content_type, &content, on));
        if random.u8(..) < 20 {
            let at = random.usize(..datagrams[0].len());
            datagrams[0][at] ^= random.u8(..);
        }
        // Their keys go where they have asked for.
        if pair.sides[SERVER].receiving.epoch > pair.sides[CLIENT].sending.epoch {
            let keys = pair.sides[CLIENT].sending.keys.next().unwrap();
            let epoch = pair.sides[CLIENT].sending.epoch + 1;
            pair.sides[CLIENT].sending = Sending { keys, epoch, next: 0 };
        }
        for mut datagram in datagrams {
            let answers = pair.written(SERVER, |records, now, on| {
                records.open(now, &mut datagram, on);
            });
            assert!(answers.len() <= 2, "an acknowledgement and a key update");
        }
        let _ = pair.seal(SERVER, b"and it goes on");
    }
    assert!(pair.sides[SERVER].receiving.epoch > 100, "{:?}", pair.epochs());
}
