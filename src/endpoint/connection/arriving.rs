//! The channels that a page opens, and what comes on them.

use super::super::channel::DataChannel;
use super::super::limits::CHANNELS_OPENED_MAX;
use super::super::sctp::{ChannelOpen, StreamId};
use super::super::{Channel, Data, Event, Outbox, Reason, latest};
use super::{Connection, Ended, Phase};

impl Connection {
    pub(super) fn channel_opened(&mut self, stream: StreamId, open: &ChannelOpen) -> Result<(), Ended> {
        self.channels_opened += 1;
        if self.channels_opened > CHANNELS_OPENED_MAX {
            return Err(Ended::over(Reason::Violation));
        }
        match DataChannel::opened(open) {
            Some(channel) if self.needs.contains(&channel) && self.channels[channel].is_none() => {
                self.channels[channel] = Some(stream);
            }
            _ => self.transport.association.close(stream),
        }
        Ok(())
    }

    pub(super) fn channel_of(&self, stream: StreamId) -> Option<DataChannel> {
        DataChannel::ALL.into_iter().find(|channel| self.channels[*channel] == Some(stream))
    }

    pub(super) fn message_arrived(
        &mut self,
        stream: StreamId,
        is_binary: bool,
        bytes: Vec<u8>,
        out: &mut Outbox,
    ) -> Result<(), Ended> {
        let channel = match self.channel_of(stream) {
            Some(DataChannel::Application(channel)) => channel,
            Some(DataChannel::Control) => return self.control_arrived(&bytes),
            None => return Ok(()),
        };
        let (is_binary, bytes) = match channel {
            Channel::Reliable | Channel::Unreliable => (is_binary, bytes),
            Channel::Latest => {
                let Some(latest) = latest::read(bytes) else { return Err(Ended::over(Reason::Violation)) };
                if !self.newest.is_news(latest.seq) {
                    return Ok(());
                }
                (latest.is_binary, latest.bytes)
            }
        };
        let data = if is_binary {
            Data::Binary(bytes)
        } else {
            Data::Text(String::from_utf8(bytes).map_err(|_| Ended::over(Reason::Violation))?)
        };
        match &mut self.phase {
            Phase::Open(_) => self.deliver(channel, data, out),
            Phase::Opening(opening) => {
                if opening.hold_message(channel, data) {
                    Ok(())
                } else {
                    Err(Ended::over(Reason::Violation))
                }
            }
            Phase::Farewell(_) => Ok(()),
        }
    }

    pub(super) fn deliver(&mut self, channel: Channel, data: Data, out: &mut Outbox) -> Result<(), Ended> {
        let Phase::Open(open) = &mut self.phase else { return Ok(()) };
        let bytes = data.bytes().len();
        out.events.push_back(Event::Message { peer: open.session.peer, channel, data });
        if channel == Channel::Reliable { self.taken(bytes) } else { Ok(()) }
    }
}
