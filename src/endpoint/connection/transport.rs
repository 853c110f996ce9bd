//! What goes into the `Rtc` and what it gives: datagrams, time, and draining until it only waits.

use std::time::Instant;

use str0m::{Input, Output};

use super::super::datagram::Datagram;
use super::super::limits::{DRAIN_STEPS_MAX, RTC_STEP};
use super::super::{Outbox, Reason, Transmit};
use super::{Connection, Ended, Phase};

impl Connection {
    pub(super) fn feed(&mut self, now: Instant, datagram: Datagram<'_>) {
        let Some(receive) = datagram.receive() else { return };
        if !self.ice_memory.admits(datagram) {
            return;
        }
        self.clock = self.clock.max(now);
        self.rtc_clock = self.clock;
        self.wire.lock().set_now(self.clock);
        self.is_at_rest = false;
        self.fed += 1;
        // Anyone can forge a datagram's source. One that DTLS or ICE refuses must not end the peer: if it did end the
        // `Rtc`, the drain that follows finds out.
        if let Err(error) = self.rtc.handle_input(Input::Receive(self.clock, receive)) {
            tracing::debug!(connection = %self.id, %error, "datagram refused");
        }
    }

    pub(super) fn advance(&mut self, now: Instant) -> Result<(), Ended> {
        if now > self.clock {
            self.clock = now;
            self.wire.lock().set_now(self.clock);
        }
        if self.clock >= self.rtc_clock + RTC_STEP { self.pass_time() } else { Ok(()) }
    }

    pub(super) fn pass_time(&mut self) -> Result<(), Ended> {
        self.rtc_clock = self.clock;
        self.rtc.handle_input(Input::Timeout(self.clock)).map_err(|error| self.failed(&error))
    }

    /// Takes everything that `rtc` has to give, and feeds it what was held back for it, until it only waits.
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
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => out.transmits.push_back(Transmit {
                    from: transmit.source,
                    to: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Ok(Output::Event(event)) => self.handle_event(event, out)?,
                Ok(Output::Timeout(at)) => {
                    if !self.rtc.is_alive() {
                        return Err(Ended::lost(Reason::Closed));
                    }
                    self.wake_at = Some(at);
                    if self.feed_held()? {
                        continue;
                    }
                    // Messages that came together come in no order, and these words after all others.
                    if self.has_heard_bye {
                        return Err(Ended::over(Reason::Closed));
                    }
                    if !self.wire.lock().let_end() {
                        (self.is_at_rest, self.fed) = (true, 0);
                        return Ok(());
                    }
                    self.pass_time()?;
                }
                Err(error) => return Err(self.failed(&error)),
            }
            if !goes_on(out) {
                return Ok(());
            }
        }
        tracing::error!(connection = %self.id, "the transport does not come to rest");
        Err(Ended::over(Reason::Failed))
    }

    /// Whether it has nothing more to give until something comes or is sent.
    pub(in crate::endpoint) fn is_at_rest(&self) -> bool {
        self.is_at_rest
    }

    /// One datagram or message that can go on now; whether there was one.
    fn feed_held(&mut self) -> Result<bool, Ended> {
        match &mut self.phase {
            Phase::Opening(opening) if opening.ice_connected => {
                let Some((from, to, bytes)) = opening.early_datagrams.pop_front() else { return Ok(false) };
                self.feed(self.clock, Datagram { from, to, bytes: &bytes });
                Ok(true)
            }
            Phase::Open(_) => self.send_waiting(),
            Phase::Opening(_) | Phase::Farewell(_) => Ok(false),
        }
    }
}
