//! What a native client sends, within the same bounds as the server's side.

use std::time::Instant;

use super::super::channel::DataChannel;
use super::super::latest::{self, HEADER_BYTES};
use super::super::limits::{UNRELIABLE_BACKLOG_BYTES_MAX, UNRELIABLE_WAITING_BYTES_MAX};
use super::super::{Channel, Payload, Reason, SendOutcome};
use super::{Dial, Parted, failed};
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
            dial.advance(now)?;
            outcome = dial.take(channel, payload)?;
            Ok(())
        });
        outcome
    }

    fn take(&mut self, channel: Channel, payload: Payload<'_>) -> Result<SendOutcome, Parted> {
        match channel {
            Channel::Reliable if self.waiting.waiting().is_none() && self.has_room(RELIABLE, 0) => {
                self.write(RELIABLE, payload)?;
            }
            Channel::Reliable if self.waiting.push(payload.to_data()) => {}
            Channel::Reliable => return Ok(SendOutcome::Full),
            Channel::Unreliable if self.has_room(UNRELIABLE, payload.bytes().len()) => {
                self.write(UNRELIABLE, payload)?;
            }
            Channel::Latest if self.opened[LATEST] => self.latest = Some(payload.to_data()),
            Channel::Unreliable | Channel::Latest => return Ok(SendOutcome::Dropped),
        }
        Ok(SendOutcome::Sent)
    }

    /// Gives SCTP one message that has waited and can go on now; whether there was one.
    pub(super) fn send_waiting(&mut self) -> Result<bool, Parted> {
        if let Some(data) = self.latest.take() {
            if self.has_room(LATEST, data.bytes().len() + HEADER_BYTES) {
                let framed = latest::framed(self.latest_seq, (&data).into());
                self.latest_seq = self.latest_seq.wrapping_add(1);
                self.write(LATEST, Payload::Binary(&framed))?;
                return Ok(true);
            }
            self.latest = Some(data);
        }
        if self.waiting.waiting().is_none() || !self.has_room(RELIABLE, 0) {
            return Ok(false);
        }
        let Some(data) = self.waiting.waiting().cloned() else { return Ok(false) };
        self.waiting.forget();
        self.write(RELIABLE, (&data).into())?;
        Ok(true)
    }

    fn has_room(&mut self, channel: DataChannel, bytes: usize) -> bool {
        let str0m_channel = self.channels[channel].and_then(|id| self.rtc.channel(id));
        let buffered = str0m_channel.map_or(0, |mut channel| channel.buffered_amount());
        let wire = self.wire.lock();
        if channel == RELIABLE {
            return buffered < wire.reliable_window();
        }
        let waiting = self.unreliable_written - wire.unordered_bytes_sent();
        let is_behind = waiting > 0 && waiting + bytes as u64 > UNRELIABLE_WAITING_BYTES_MAX as u64;
        !is_behind && (buffered == 0 || buffered + bytes <= wire.share_of(UNRELIABLE_BACKLOG_BYTES_MAX))
    }

    pub(super) fn write(&mut self, channel: DataChannel, payload: Payload<'_>) -> Result<(), Parted> {
        let mark = self.mark;
        let bytes = if payload.bytes().is_empty() { mark.bytes() } else { payload.bytes() };
        let is_binary = matches!(payload, Payload::Binary(_));
        let open = self.channels[channel].and_then(|id| self.rtc.channel(id));
        let taken = open.ok_or(Reason::Closed)?.write(is_binary, bytes).map_err(|error| failed(&error))?;
        if !taken {
            tracing::error!("the transport refused a message within its bounds");
            return Err(Reason::Failed.into());
        }
        if channel != RELIABLE {
            self.unreliable_written += bytes.len() as u64;
        }
        Ok(())
    }
}
