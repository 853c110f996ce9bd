//! DTLS that is connected.

use std::time::{Duration, Instant};

use dimpl::Dtls;
use str0m::crypto::dtls::{DtlsImplError, DtlsOutput};

use super::records::Records;

/// A datagram as dimpl writes it, and one that is opened. Browsers send none of more than 1,300.
const BUFFER_BYTES: usize = 2000;

/// A deadline of dimpl beyond this is none: it repeats a flight within a second.
const FAR: Duration = Duration::from_secs(3600);

/// DTLS that is connected.
pub(in crate::endpoint) struct Secure {
    /// Of DTLS 1.3.
    records: Option<Records>,
    /// Who shook hands: as long as it has to, or, in DTLS 1.2, for good.
    dtls: Option<Box<Dtls>>,
    /// Its own.
    deadline: Instant,
    never: Instant,
}

/// What is in a datagram, or what DTLS has to say of its own.
pub(in crate::endpoint) enum Opened<'a> {
    /// A packet of SCTP, whole and from the other side.
    Packet(&'a [u8]),
    /// Something of DTLS's own, whole and from the other side.
    Heard,
    /// A datagram to send.
    Datagram(Vec<u8>),
    /// It is over: the other side has closed it, or it can go no further.
    Closed,
}

impl Secure {
    /// Goes on with DTLS 1.3 in these records, or else with who shook hands. `never` is what has no deadline.
    pub(super) fn new(dtls: Box<Dtls>, records: Option<Records>, never: Instant) -> Secure {
        Secure { records, dtls: Some(dtls), deadline: never, never }
    }

    /// Where it writes, which the peers of an endpoint may share.
    pub(in crate::endpoint) fn buffer() -> Vec<u8> {
        vec![0; BUFFER_BYTES]
    }

    /// Gives what there is at the end of the handshake.
    pub(in crate::endpoint) fn begin(&mut self, now: Instant, buffer: &mut [u8], on: &mut dyn FnMut(Opened<'_>)) {
        self.poll(now, Ok(()), buffer, on);
    }

    /// Opens a datagram. Anyone can forge one: what cannot be opened is nothing (RFC 9147, section 4.5.2).
    pub(in crate::endpoint) fn open(
        &mut self,
        now: Instant,
        datagram: &[u8],
        buffer: &mut [u8],
        on: &mut dyn FnMut(Opened<'_>),
    ) {
        if let Some(records) = &mut self.records {
            let Some(copy) = buffer.get_mut(..datagram.len()) else { return };
            copy.copy_from_slice(datagram);
            if !records.open(now, copy, on) {
                return;
            }
        }
        if let Some(dtls) = &mut self.dtls {
            let result = dtls.handle_packet(datagram);
            self.poll(now, result, buffer, on);
        }
    }

    /// Seals a packet of SCTP.
    pub(in crate::endpoint) fn seal(
        &mut self,
        now: Instant,
        packet: &[u8],
        buffer: &mut [u8],
        on: &mut dyn FnMut(Opened<'_>),
    ) {
        if let Some(records) = &mut self.records {
            records.seal(now, packet, on);
        } else if let Some(dtls) = &mut self.dtls {
            // What DTLS does not take is lost, and SCTP sends it again.
            let result = dtls.send_application_data(packet).map(|_accepted| ());
            self.poll(now, result, buffer, on);
        }
    }

    /// When to call [`handle_timeout`](Secure::handle_timeout).
    pub(in crate::endpoint) fn deadline(&self) -> Instant {
        let of_records = self.records.as_ref().and_then(|records| records.deadline());
        of_records.map_or(self.deadline, |at| at.min(self.deadline))
    }

    pub(in crate::endpoint) fn handle_timeout(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        on: &mut dyn FnMut(Opened<'_>),
    ) {
        if let Some(records) = &mut self.records {
            records.handle_timeout(now, on);
        }
        if let Some(dtls) = self.dtls.as_mut().filter(|_| self.deadline <= now) {
            let result = dtls.handle_timeout(now);
            self.poll(now, result, buffer, on);
        }
    }

    /// Tells the other side that it is over.
    pub(in crate::endpoint) fn close(&mut self, now: Instant, buffer: &mut [u8], on: &mut dyn FnMut(Opened<'_>)) {
        if let Some(records) = &mut self.records {
            records.close(on);
        } else if let Some(dtls) = &mut self.dtls {
            let result = dtls.close();
            self.poll(now, result, buffer, on);
        }
    }

    fn poll(
        &mut self,
        now: Instant,
        result: Result<(), DtlsImplError>,
        buffer: &mut [u8],
        on: &mut dyn FnMut(Opened<'_>),
    ) {
        let Some(dtls) = &mut self.dtls else { return };
        // dimpl has no errors but those that end it.
        if let Err(error) = result {
            tracing::info!(%error, "DTLS failed");
            self.deadline = self.never;
            return on(Opened::Closed);
        }
        loop {
            match dtls.poll_output(buffer) {
                DtlsOutput::ApplicationData(packet) => on(Opened::Packet(packet)),
                DtlsOutput::Packet(datagram) => on(Opened::Datagram(datagram.to_vec())),
                DtlsOutput::CloseNotify => on(Opened::Closed),
                DtlsOutput::Timeout(at) => {
                    self.deadline = at;
                    break;
                }
                DtlsOutput::BufferTooSmall { needed } => {
                    tracing::error!(needed, "a datagram longer than its buffer");
                    return on(Opened::Closed);
                }
                _ => {}
            }
        }
        if self.records.is_some() && self.deadline > now + FAR {
            // Its last flight is acknowledged, or needs no acknowledgement.
            self.dtls = None;
            self.deadline = self.never;
        }
    }
}

#[cfg(test)]
impl Secure {
    /// Whether whoever shook hands is gone.
    pub(super) fn is_alone(&self) -> bool {
        self.records.is_some() && self.dtls.is_none()
    }

    pub(super) fn replace_keys_after(&mut self, records: u64) {
        self.records.as_mut().expect("DTLS 1.3").replace_keys_after(records);
    }

    /// Ours and theirs.
    pub(super) fn epochs(&self) -> Option<(u64, u64)> {
        self.records.as_ref().map(|records| records.epochs())
    }
}
