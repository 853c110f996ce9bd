//! What a native client sends, within the same bounds as the server's side.

use std::time::Instant;

use super::super::channel::DataChannel;
use super::super::latest::{self, HEADER_BYTES};
use super::super::{Channel, Payload, SendOutcome};
use super::{Dial, stream};
use crate::signal::MESSAGE_BYTES_MAX;

const RELIABLE: DataChannel = DataChannel::Application(Channel::Reliable);
const UNRELIABLE: DataChannel = DataChannel::Application(Channel::Unreliable);
const LATEST: DataChannel = DataChannel::Application(Channel::Latest);

impl Dial {
    /// Sends a message, or says why not. Never blocks and never queues without bound.
    pub(crate) fn send(&mut self, now: Instant, channel: Channel, payload: Payload<'_>) -> SendOutcome {
        let header = if channel == Channel::Latest { HEADER_BYTES } else { 0 };
        if !self.is_open() {
            return SendOutcome::Gone;
        }
        if payload.bytes().len() + header > MESSAGE_BYTES_MAX {
            return SendOutcome::TooBig;
        }
        let mut outcome = SendOutcome::Gone;
        self.turn(now, |dial| {
            outcome = dial.take(channel, payload);
            Ok(())
        });
        outcome
    }

    fn take(&mut self, channel: Channel, payload: Payload<'_>) -> SendOutcome {
        match channel {
            Channel::Reliable if self.waiting.waiting().is_none() && self.has_room(RELIABLE, 0) => {
                self.write(RELIABLE, payload);
            }
            Channel::Reliable if self.waiting.push(payload.to_data()) => {}
            Channel::Reliable => return SendOutcome::Full,
            Channel::Unreliable if self.has_room(UNRELIABLE, payload.bytes().len()) => {
                self.write(UNRELIABLE, payload);
            }
            Channel::Latest if self.opened[LATEST] => self.latest = Some(payload.to_data()),
            Channel::Unreliable | Channel::Latest => return SendOutcome::Dropped,
        }
        SendOutcome::Sent
    }

    /// Gives SCTP one message that has waited and can go on now; whether there was one.
    pub(super) fn send_waiting(&mut self) -> bool {
        if let Some(data) = self.latest.take() {
            if self.has_room(LATEST, data.bytes().len() + HEADER_BYTES) {
                let framed = latest::framed(self.latest_seq, (&data).into());
                self.latest_seq = self.latest_seq.wrapping_add(1);
                self.write(LATEST, Payload::Binary(&framed));
                return true;
            }
            self.latest = Some(data);
        }
        if self.waiting.waiting().is_none() || !self.has_room(RELIABLE, 0) {
            return false;
        }
        let Some(data) = self.waiting.waiting().cloned() else { return false };
        self.waiting.forget();
        self.write(RELIABLE, (&data).into());
        true
    }

    fn has_room(&self, channel: DataChannel, bytes: usize) -> bool {
        match channel {
            RELIABLE => self.transport.association.wants_reliable(),
            _ => self.transport.association.wants_unreliable(bytes),
        }
    }

    pub(super) fn write(&mut self, channel: DataChannel, payload: Payload<'_>) {
        match channel {
            RELIABLE => self.transport.association.send_reliable(stream(channel), payload),
            // The few bytes of `ctl` have room beside any backlog; of the rest the caller has asked.
            _ => self.transport.association.send_unreliable(stream(channel), payload),
        }
    }
}
