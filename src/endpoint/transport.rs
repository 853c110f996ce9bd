//! ICE, DTLS and SCTP of one connection, of either side: datagrams in, datagrams and messages out.
//!
//! str0m's `Rtc` does ICE and shakes hands over DTLS. From then on it sees STUN and the time, and everything else goes straight
//! through [`Secure`] and the [`Association`].

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::error::RtcError;
use str0m::{IceConnectionState, Input, Output, Rtc};

use super::Transmit;
use super::datagram::Datagram;
use super::dtls::{Handshake, Opened, Secure};
use super::ice_memory::IceMemory;
use super::limits::{DRAIN_STEPS_MAX, WAKE_AGAIN_MIN};
use super::route::Kind;
use super::sctp::{Arrival, Association, Violation};

/// Datagrams that leave in one poll during the handshake. A flight is three; beyond it dimpl 0.9 is repeating an
/// acknowledgement of a handshake with a gap, which it does without end.
const OPENING_DATAGRAMS_MAX: usize = 40;

/// Until then the other side has sent again what was missing.
const OPENING_PAUSE: Duration = Duration::from_millis(100);

/// Where a transport writes, which all of an endpoint share.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) transmits: VecDeque<Transmit>,
    packet: Vec<u8>,
    buffer: Vec<u8>,
}

impl Default for Outgoing {
    fn default() -> Outgoing {
        Outgoing { transmits: VecDeque::new(), packet: Vec::new(), buffer: Secure::buffer() }
    }
}

/// What a transport has to tell.
#[derive(Debug)]
pub(super) enum Occurrence {
    Ice(IceConnectionState),
    Arrival(Arrival),
}

/// Why a transport can go no further.
#[derive(Debug)]
pub(super) enum Failure {
    Rtc(RtcError),
    /// The other side broke a rule that no honest one breaks.
    Violation,
    /// It gives more and more without any input.
    Restless,
}

pub(super) struct Transport {
    rtc: Box<Rtc>,
    handshake: Handshake,
    secure: Option<Secure>,
    /// It was taken just now, and may have something to give.
    is_fresh: bool,
    pub(super) association: Association,
    ice_memory: IceMemory,
    /// From and to, as ICE has chosen.
    path: Option<(SocketAddr, SocketAddr)>,
    /// The `Rtc` has had an input and was not asked for what comes of it.
    is_stirred: bool,
    wake_at: Option<Instant>,
    /// When the `Rtc` was last told the time.
    timed_at: Option<Instant>,
    /// When something under the other side's own key last came whole: a packet, or a word of DTLS.
    heard_at: Instant,
    has_ended: bool,
    violation: Option<Violation>,
}

impl Transport {
    pub(super) fn new(now: Instant, rtc: Box<Rtc>, handshake: Handshake, association: Association) -> Transport {
        Transport {
            rtc,
            handshake,
            secure: None,
            is_fresh: false,
            association,
            ice_memory: IceMemory::default(),
            path: None,
            is_stirred: true,
            wake_at: Some(now),
            timed_at: None,
            heard_at: now,
            has_ended: false,
            violation: None,
        }
    }

    /// For descriptions and candidates.
    pub(super) fn rtc(&mut self) -> &mut Rtc {
        self.is_stirred = true;
        &mut self.rtc
    }

    /// Whether ICE would take this datagram: a STUN message that knows the password (RFC 8489, section 9.1.3), or DTLS from where
    /// a check of ours was answered.
    pub(super) fn accepts(&self, now: Instant, datagram: Datagram<'_>) -> bool {
        datagram.receive().is_some_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Whether the other side has ended it, which counts when everything before has been polled for.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes a datagram. Anyone can forge one, so none is an error.
    pub(super) fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>, out: &mut Outgoing) {
        if Kind::of(datagram.bytes) == Kind::Dtls && self.secure.is_some() {
            return self.with_secure(now, out, |secure, buffer, on| secure.open(now, datagram.bytes, buffer, on));
        }
        let Some(receive) = datagram.receive() else { return };
        if !self.ice_memory.admits(datagram) {
            return;
        }
        self.is_stirred = true;
        // If it did end the `Rtc`, the poll that follows finds out.
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, receive)) {
            tracing::debug!(%error, "datagram refused");
        }
    }

    /// When to call [`handle_timeout`](Transport::handle_timeout).
    pub(super) fn deadline(&self) -> Option<Instant> {
        let of_dtls = self.secure.as_ref().map(Secure::deadline);
        [self.wake_at, of_dtls].into_iter().flatten().min()
    }

    /// The same for what SCTP waits for.
    pub(super) fn probe_at(&self) -> Option<Instant> {
        // Nothing of it can leave before.
        let is_up = self.secure.is_some() && self.path.is_some();
        self.association.deadline().filter(|_| is_up)
    }

    /// Does what is due. The transport must be polled afterwards.
    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outgoing) -> Result<(), Failure> {
        if self.wake_at.is_some_and(|at| at <= now) {
            self.is_stirred = true;
            self.timed_at = Some(now);
            self.rtc.handle_input(Input::Timeout(now)).map_err(Failure::Rtc)?;
        }
        if self.secure.as_ref().is_some_and(|secure| secure.deadline() <= now) {
            self.with_secure(now, out, |secure, buffer, on| secure.handle_timeout(now, buffer, on));
        }
        self.association.handle_timeout(now);
        Ok(())
    }

    /// What has happened, one at a time. Datagrams leave on the way.
    pub(super) fn poll(&mut self, now: Instant, out: &mut Outgoing) -> Result<Option<Occurrence>, Failure> {
        if self.is_stirred
            && let Some(state) = self.poll_rtc(now, out)?
        {
            return Ok(Some(Occurrence::Ice(state)));
        }
        match self.association.poll() {
            Some(Arrival::Ended) => {
                self.has_ended = true;
                Ok(None)
            }
            Some(arrival) => Ok(Some(Occurrence::Arrival(arrival))),
            None if self.violation.is_some() => Err(Failure::Violation),
            None => Ok(None),
        }
    }

    fn poll_rtc(&mut self, now: Instant, out: &mut Outgoing) -> Result<Option<IceConnectionState>, Failure> {
        if self.secure.is_some() {
            self.handshake.ask_path();
        }
        let datagrams_before = out.transmits.len();
        for _ in 0..DRAIN_STEPS_MAX {
            if self.secure.is_none() && out.transmits.len() > datagrams_before + OPENING_DATAGRAMS_MAX {
                self.wake_at = Some(now + OPENING_PAUSE);
                self.is_stirred = false;
                return Ok(None);
            }
            match self.rtc.poll_output().map_err(Failure::Rtc)? {
                Output::Transmit(transmit) if Handshake::is_question(&transmit.contents) => {
                    self.path = Some((transmit.source, transmit.destination));
                }
                Output::Transmit(transmit) => out.transmits.push_back(Transmit {
                    from: transmit.source,
                    to: transmit.destination,
                    bytes: transmit.contents.into(),
                }),
                Output::Event(str0m::Event::Connected) => {
                    self.secure = self.handshake.take();
                    self.is_fresh = true;
                    self.handshake.ask_path();
                }
                Output::Event(str0m::Event::IceConnectionStateChange(state)) => return Ok(Some(state)),
                Output::Event(_) => {}
                Output::Timeout(at) => {
                    self.has_ended |= !self.rtc.is_alive();
                    // What asks for the same time again at once would make the caller spin.
                    let is_again = at <= now && self.timed_at == Some(now);
                    self.wake_at = Some(if is_again { now + WAKE_AGAIN_MIN } else { at });
                    self.is_stirred = false;
                    if std::mem::take(&mut self.is_fresh) {
                        // What came and what goes with the end of the handshake.
                        self.with_secure(now, out, |secure, buffer, on| secure.begin(now, buffer, on));
                    }
                    return Ok(None);
                }
            }
        }
        Err(Failure::Restless)
    }

    /// Sends what may leave now.
    pub(super) fn flush(&mut self, now: Instant, out: &mut Outgoing) -> Result<(), Failure> {
        let (Some(secure), Some((from, to))) = (&mut self.secure, self.path) else { return Ok(()) };
        for _ in 0..DRAIN_STEPS_MAX {
            let Outgoing { transmits, packet, buffer } = &mut *out;
            if !self.association.poll_packet(now, packet) {
                return Ok(());
            }
            secure.seal(now, packet, buffer, &mut |opened| match opened {
                Opened::Datagram(bytes) => transmits.push_back(Transmit { from, to, bytes }),
                // Nothing comes of what leaves, but a failure.
                Opened::Packet(_) | Opened::Heard => {}
                Opened::Closed => self.has_ended = true,
            });
        }
        Err(Failure::Restless)
    }

    /// Tells the other side that it is over, as far as one flight of datagrams can.
    pub(super) fn close(&mut self, now: Instant, out: &mut Outgoing) {
        self.association.abort();
        // Whatever fails here, it is over all the same.
        let _ = self.flush(now, out);
        self.with_secure(now, out, |secure, buffer, on| secure.close(now, buffer, on));
    }

    fn with_secure(
        &mut self,
        now: Instant,
        out: &mut Outgoing,
        act: impl FnOnce(&mut Secure, &mut [u8], &mut dyn FnMut(Opened<'_>)),
    ) {
        let Some(secure) = &mut self.secure else { return };
        let path = self.path;
        act(secure, &mut out.buffer, &mut |opened| match opened {
            Opened::Packet(packet) => {
                self.heard_at = now;
                if let Err(violation) = self.association.handle_packet(now, packet) {
                    self.violation = Some(violation);
                }
            }
            Opened::Heard => self.heard_at = now,
            Opened::Datagram(bytes) => {
                if let Some((from, to)) = path {
                    out.transmits.push_back(Transmit { from, to, bytes });
                }
            }
            Opened::Closed => self.has_ended = true,
        });
    }
}
