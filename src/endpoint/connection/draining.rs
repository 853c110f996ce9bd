//! What the transport gives, until it only waits.

use str0m::IceConnectionState;

use super::super::datagram::Datagram;
use super::super::limits::DRAIN_STEPS_MAX;
use super::super::sctp::Arrival;
use super::super::transport::{Failure, Occurrence};
use super::super::{Outbox, Reason};
use super::{Connection, Ended, Phase};

impl Connection {
    /// Takes everything that the transport has to give, and feeds it what was held back for it, until it only waits.
    pub(super) fn drain(&mut self, out: &mut Outbox) -> Result<(), Ended> {
        self.drain_while(out, |_| true)
    }

    /// Like `drain`, until something is there to be heard of. The answer to it then leaves with what else waits.
    pub(in crate::endpoint) fn drain_to_event(&mut self, out: &mut Outbox) -> Result<(), Ended> {
        self.drain_while(out, |out| out.events.is_empty())
    }

    fn drain_while(&mut self, out: &mut Outbox, goes_on: impl Fn(&Outbox) -> bool) -> Result<(), Ended> {
        self.is_at_rest = false;
        for _ in 0..DRAIN_STEPS_MAX {
            match self.transport.poll(self.clock, &mut out.outgoing).map_err(|failure| self.failed(failure))? {
                Some(Occurrence::Ice(state)) => self.ice_changed(state)?,
                Some(Occurrence::Arrival(arrival)) => self.arrived(arrival, out)?,
                None if self.feed_held(out)? => {}
                None => {
                    self.transport.flush(self.clock, &mut out.outgoing).map_err(|failure| self.failed(failure))?;
                    // Messages that came together come in no order, and these words after all others.
                    if self.has_heard_bye {
                        return Err(Ended::over(Reason::Closed));
                    }
                    if self.transport.has_ended() {
                        return Err(Ended::lost(Reason::Closed));
                    }
                    self.is_at_rest = true;
                    return Ok(());
                }
            }
            if !goes_on(out) {
                return Ok(());
            }
        }
        Err(self.failed(Failure::Restless))
    }

    /// Whether it has nothing more to give until something comes or is sent.
    pub(in crate::endpoint) fn is_at_rest(&self) -> bool {
        self.is_at_rest
    }

    /// One datagram or message that can go on now; whether there was one.
    fn feed_held(&mut self, out: &mut Outbox) -> Result<bool, Ended> {
        match &mut self.phase {
            Phase::Opening(opening) if opening.ice_connected => {
                let Some((from, to, bytes)) = opening.early_datagrams.pop_front() else { return Ok(false) };
                let datagram = Datagram { from, to, bytes: &bytes };
                self.transport.handle_datagram(self.clock, datagram, &mut out.outgoing);
                Ok(true)
            }
            Phase::Open(_) => self.send_waiting(),
            Phase::Opening(_) | Phase::Farewell(_) => Ok(false),
        }
    }

    fn ice_changed(&mut self, state: IceConnectionState) -> Result<(), Ended> {
        if state == IceConnectionState::Disconnected {
            return Err(Ended::lost(Reason::TimedOut));
        }
        if let Phase::Opening(opening) = &mut self.phase {
            opening.ice_connected |= state.is_connected();
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: Arrival, out: &mut Outbox) -> Result<(), Ended> {
        match arrival {
            Arrival::Opened(stream, open) => self.channel_opened(stream, &open),
            Arrival::Message { stream, is_binary, bytes } => self.message_arrived(stream, is_binary, bytes, out),
            Arrival::Closed(stream) if self.channel_of(stream).is_some() => Err(Ended::lost(Reason::Closed)),
            // We open none, and the end has its own way to be known.
            Arrival::Closed(_) | Arrival::Confirmed(_) | Arrival::Ended => Ok(()),
        }
    }

    pub(super) fn failed(&self, failure: Failure) -> Ended {
        match failure {
            Failure::Rtc(error) => {
                tracing::info!(connection = %self.id, %error, "the transport ended");
                Ended::lost(Reason::Failed)
            }
            Failure::Violation => Ended::over(Reason::Violation),
            Failure::Restless => {
                tracing::error!(connection = %self.id, "the transport does not come to rest");
                Ended::over(Reason::Failed)
            }
        }
    }
}
