//! DTLS 1.3 from the end of the handshake on (RFC 9147): records in, records out, and new keys now and then.

use std::time::{Duration, Instant};

use super::Opened;
use super::keys::{Header, Keys};
use super::overheard::Heard;
use super::window::Window;

/// Content types (sections 4.1 and 7).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const ACK: u8 = 26;

/// An alert of level warning (RFC 8446, section 6).
const CLOSE_NOTIFY: [u8; 2] = [1, 0];
const USER_CANCELED: u8 = 90;

/// The epochs of the client's Finished, and of what follows (section 6.1).
const HANDSHAKE_EPOCH: u64 = 2;
const FIRST_EPOCH: u64 = 3;

/// Our first number in that epoch: those before were for whoever shook hands, and no two records may share one.
const FIRST_NUMBER: u64 = 256;

/// Records before their key is replaced: a third of what section 4.5.3 allows if each had 16 KiB.
const RECORDS_PER_KEY: u64 = 1 << 23;

/// Records of one key at all, if the other side does not learn of the next (RFC 8446, section 5.5: 2^24.5).
const RECORDS_PER_KEY_MAX: u64 = 23_726_566;

/// Records that did not open (section 4.5.3).
const FORGED_MAX: u64 = 1 << 36;

/// A KeyUpdate (RFC 8446, section 4.6.3) behind the header of a handshake message (section 5.2): 1 byte, which says whether the
/// other side shall answer with one.
const KEY_UPDATE: u8 = 24;
const MESSAGE_HEADER_BYTES: usize = 12;
const NOT_REQUESTED: u8 = 0;
const REQUESTED: u8 = 1;

/// Before a KeyUpdate is sent again, doubling up to the longest.
const AGAIN: Duration = Duration::from_millis(100);
const AGAIN_MAX: Duration = Duration::from_secs(10);

/// Numbers of one KeyUpdate's records that an acknowledgement may name.
const UPDATES_MAX: usize = 16;

/// A record number in an ACK (section 7).
const RECORD_NUMBER_BYTES: usize = 16;

pub(super) struct Records {
    sending: Sending,
    receiving: Receiving,
    /// The epoch before, of which records may still come.
    former: Option<Box<Receiving>>,
    update: Option<Update>,
    next_message: u16,
    records_per_key: u64,
    forged: u64,
}

struct Sending {
    keys: Keys,
    epoch: u64,
    next: u64,
}

struct Receiving {
    keys: Keys,
    epoch: u64,
    window: Window,
}

/// A KeyUpdate of ours that is not acknowledged yet.
struct Update {
    message: [u8; MESSAGE_HEADER_BYTES + 1],
    numbers: Vec<u64>,
    again_at: Instant,
    wait: Duration,
}

impl Receiving {
    fn new(keys: Keys, epoch: u64) -> Receiving {
        Receiving { keys, epoch, window: Window::default() }
    }
}

impl Sending {
    fn seal(&mut self, content_type: u8, content: &[u8]) -> Option<Vec<u8>> {
        let record = self.keys.seal(self.epoch, self.next, content_type, content)?;
        self.next += 1;
        Some(record)
    }
}

impl Records {
    /// Goes on where a handshake has ended. `None` if not all was heard of it.
    pub(super) fn new(heard: &Heard, is_client: bool) -> Option<Records> {
        let (client, server) = (Keys::new(heard.client.clone()?)?, Keys::new(heard.server.clone()?)?);
        let (ours, theirs) = if is_client { (client, server) } else { (server, client) };
        // Who shook hands goes on with it in the client, until it is acknowledged. A server has nothing to do but to acknowledge it.
        let former = if is_client { None } else { Some(Keys::new(heard.client_handshake.clone()?)?) };
        Some(Records {
            sending: Sending { keys: ours, epoch: FIRST_EPOCH, next: FIRST_NUMBER },
            receiving: Receiving::new(theirs, FIRST_EPOCH),
            former: former.map(|keys| Box::new(Receiving::new(keys, HANDSHAKE_EPOCH))),
            update: None,
            next_message: heard.next_message,
            records_per_key: RECORDS_PER_KEY,
            forged: 0,
        })
    }

    /// Opens the records of a datagram in their place. Returns whether there was something for who shook hands: a record of a
    /// former epoch, or an ACK that is not for us.
    pub(super) fn open(&mut self, now: Instant, datagram: &mut [u8], on: &mut dyn FnMut(Opened<'_>)) -> bool {
        let mut is_for_others = false;
        let mut rest = datagram;
        while let Some(header) = Header::read(rest) {
            let (record, behind) = rest.split_at_mut(header.record_bytes);
            rest = behind;
            let epochs = [Some(&mut self.receiving), self.former.as_deref_mut()];
            let Some(receiving) = epochs.into_iter().flatten().find(|known| known.epoch & 0b11 == header.epoch_bits)
            else {
                is_for_others = true;
                continue;
            };
            let Some((low, bits)) = receiving.keys.unmask(&header, record) else { continue };
            let number = receiving.window.whole(low, bits);
            if !receiving.window.is_new(number) {
                continue;
            }
            let Some((content_type, content)) = receiving.keys.open(&header, number, record) else {
                self.forged += 1;
                if self.forged >= FORGED_MAX {
                    on(Opened::Closed);
                }
                continue;
            };
            receiving.window.note(number);
            let epoch = receiving.epoch;
            match content_type {
                APPLICATION_DATA if epoch >= FIRST_EPOCH => on(Opened::Packet(content)),
                ALERT if content.get(1) != Some(&USER_CANCELED) => on(Opened::Closed),
                HANDSHAKE => {
                    on(Opened::Heard);
                    self.handshake(now, epoch, number, content, on);
                }
                ACK => {
                    on(Opened::Heard);
                    is_for_others |= !self.acknowledged(content, on);
                }
                _ => {}
            }
        }
        is_for_others || !rest.is_empty()
    }

    /// Seals what goes into a datagram of its own.
    pub(super) fn seal(&mut self, now: Instant, packet: &[u8], on: &mut dyn FnMut(Opened<'_>)) {
        if self.sending.next >= self.records_per_key && self.update.is_none() {
            self.begin_update(now, on);
        }
        self.send(APPLICATION_DATA, packet, on);
    }

    pub(super) fn close(&mut self, on: &mut dyn FnMut(Opened<'_>)) {
        self.send(ALERT, &CLOSE_NOTIFY, on);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.update.as_ref().map(|update| update.again_at)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, on: &mut dyn FnMut(Opened<'_>)) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.send_update(now, on);
        }
    }

    fn send(&mut self, content_type: u8, content: &[u8], on: &mut dyn FnMut(Opened<'_>)) {
        let is_spent = self.sending.next >= RECORDS_PER_KEY_MAX;
        match self.sending.seal(content_type, content).filter(|_| !is_spent) {
            Some(record) => on(Opened::Datagram(record)),
            None => on(Opened::Closed),
        }
    }

    /// Handshake messages, of which only a KeyUpdate means anything now. All are acknowledged (section 7.1), or they would be sent
    /// again: Finished, which has been heard, and tickets.
    fn handshake(&mut self, now: Instant, epoch: u64, number: u64, messages: &[u8], on: &mut dyn FnMut(Opened<'_>)) {
        let mut is_asked = false;
        let mut rest = messages;
        while let Some((header, behind)) = rest.split_first_chunk::<MESSAGE_HEADER_BYTES>() {
            let [kind, _, _, _, _, _, _, _, _, long, longer, length] = *header;
            let length = u32::from_be_bytes([0, long, longer, length]) as usize;
            let Some((body, others)) = behind.split_at_checked(length) else { break };
            rest = others;
            if let (KEY_UPDATE, [request @ (NOT_REQUESTED | REQUESTED)]) = (kind, body)
                && epoch == self.receiving.epoch
            {
                // The next epoch has a number of its own, so that one that comes again does no more.
                let Some(keys) = self.receiving.keys.next() else { return on(Opened::Closed) };
                let next = Receiving::new(keys, self.receiving.epoch + 1);
                self.former = Some(Box::new(std::mem::replace(&mut self.receiving, next)));
                is_asked = *request == REQUESTED;
            }
        }
        let mut ack = [0; 2 + RECORD_NUMBER_BYTES];
        ack[1] = RECORD_NUMBER_BYTES as u8;
        ack[2..10].copy_from_slice(&epoch.to_be_bytes());
        ack[10..].copy_from_slice(&number.to_be_bytes());
        self.send(ACK, &ack, on);
        if is_asked && self.update.is_none() {
            self.begin_update(now, on);
        }
    }

    /// Whether it is about something of ours. Our next key is used from here on (section 8).
    fn acknowledged(&mut self, ack: &[u8], on: &mut dyn FnMut(Opened<'_>)) -> bool {
        let Some(update) = &self.update else { return false };
        let numbers = ack.get(2..).unwrap_or_default().chunks_exact(RECORD_NUMBER_BYTES);
        let epoch = self.sending.epoch.to_be_bytes();
        let names =
            |number: &u64| numbers.clone().any(|named| named[..8] == epoch && named[8..] == number.to_be_bytes());
        if !update.numbers.iter().any(names) {
            return false;
        }
        self.update = None;
        match self.sending.keys.next() {
            Some(keys) => self.sending = Sending { keys, epoch: self.sending.epoch + 1, next: 0 },
            None => on(Opened::Closed),
        }
        true
    }

    fn begin_update(&mut self, now: Instant, on: &mut dyn FnMut(Opened<'_>)) {
        let [high, low] = self.next_message.to_be_bytes();
        self.next_message = self.next_message.wrapping_add(1);
        let message = [KEY_UPDATE, 0, 0, 1, high, low, 0, 0, 0, 0, 0, 1, NOT_REQUESTED];
        self.update = Some(Update { message, numbers: Vec::new(), again_at: now, wait: AGAIN });
        self.send_update(now, on);
    }

    fn send_update(&mut self, now: Instant, on: &mut dyn FnMut(Opened<'_>)) {
        let Some(update) = &mut self.update else { return };
        if update.numbers.len() >= UPDATES_MAX {
            update.numbers.remove(0);
        }
        update.numbers.push(self.sending.next);
        update.again_at = now + update.wait;
        update.wait = (update.wait * 2).min(AGAIN_MAX);
        let message = update.message;
        self.send(HANDSHAKE, &message, on);
    }
}

#[cfg(test)]
mod tests;
