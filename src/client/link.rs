//! One connection: the POST that asks for it, then its UDP socket and its `Dial`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::slice;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use super::post::{Post, Step};
use super::target::Target;
use super::{ClientEvent, ConnectError};
use crate::endpoint::{Channel, Dial, Dialler, News, Parted, Payload, PeerId, Reason, SendOutcome};
use crate::udp::{self, Buffers, Train, UdpPort, send_all};

/// From the beginning to the answer of the POST.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// The two sockets of a connection, and their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    Tcp,
    Udp,
}

impl Socket {
    fn token(self, peer: PeerId) -> Token {
        Token(peer.number() as usize * 2 + usize::from(self == Socket::Udp))
    }

    pub(super) fn of(token: Token) -> (Socket, PeerId) {
        let socket = if token.0.is_multiple_of(2) { Socket::Tcp } else { Socket::Udp };
        (socket, PeerId::from(token.0 as u64 / 2))
    }
}

pub(super) struct Link {
    asking: Option<Asking>,
    line: Option<Line>,
    has_joined: bool,
    /// Why it did not come to be.
    error: Option<ConnectError>,
}

struct Asking {
    post: Post,
    until: Instant,
}

struct Line {
    dial: Dial,
    port: UdpPort,
}

impl Link {
    pub(super) fn begin(
        target: &Target,
        peer: PeerId,
        registry: &Registry,
        now: Instant,
    ) -> Result<Link, ConnectError> {
        let post = Post::begin(target, registry, Socket::Tcp.token(peer))?;
        let asking = Some(Asking { post, until: now + ANSWER_WAIT_MAX });
        Ok(Link { asking, line: None, has_joined: false, error: None })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let of_asking = self.asking.as_ref().map(|asking| asking.until);
        of_asking.into_iter().chain(self.line.as_ref().and_then(|line| line.dial.deadline())).min()
    }

    /// Goes on with the POST, whose socket is ready.
    pub(super) fn ask(&mut self, now: Instant, peer: PeerId, dialler: &mut Dialler, registry: &Registry) {
        if let Err(error) = self.try_ask(now, peer, dialler, registry) {
            self.error = Some(error);
        }
    }

    fn try_ask(
        &mut self,
        now: Instant,
        peer: PeerId,
        dialler: &mut Dialler,
        registry: &Registry,
    ) -> Result<(), ConnectError> {
        let Some(Asking { post, .. }) = &mut self.asking else { return Ok(()) };
        let mut step = post.step()?;
        if let Step::Connected(local) = step {
            // The address by which TCP got there is the one by which UDP will.
            let socket = udp::bind(SocketAddr::new(local.ip(), 0))?;
            let (dial, body) = dialler.dial(now, socket.local_addr()?);
            self.line = Some(Line { dial, port: UdpPort::new(socket, registry, Socket::Udp.token(peer))? });
            post.ask(&body);
            step = post.step()?;
        }
        if let Step::Answered(answer) = step {
            post.deregister(registry);
            self.asking = None;
            if let Some(line) = &mut self.line {
                line.dial.handle_answer(now, &answer);
            }
        }
        Ok(())
    }

    /// Takes one batch of datagrams; whether there may be more.
    pub(super) fn receive(&mut self, now: Instant, buffers: &mut Buffers) -> bool {
        let Some(Line { dial, port }) = &mut self.line else { return false };
        port.set_readable();
        for (from, _to, datagram) in port.receive(buffers).datagrams() {
            dial.handle_datagram(now, from, datagram);
        }
        port.is_readable()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.asking.as_ref().is_some_and(|asking| asking.until <= now) {
            self.error = Some(ConnectError::TimedOut);
        }
        if let Some(line) = &mut self.line {
            line.dial.handle_timeout(now);
        }
    }

    pub(super) fn send(&mut self, now: Instant, channel: Channel, payload: Payload<'_>) -> SendOutcome {
        self.line.as_mut().map_or(SendOutcome::Gone, |line| line.dial.send(now, channel, payload))
    }

    pub(super) fn close(&mut self, now: Instant, train: &mut Train) {
        if let Some(line) = &mut self.line {
            line.dial.close(now);
            line.transmit(train);
        }
    }

    pub(super) fn datagrams_dropped(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| line.port.dropped())
    }

    /// Sends what is to be sent and tells what is to be told; whether it is over.
    pub(super) fn flush(&mut self, peer: PeerId, train: &mut Train, events: &mut VecDeque<ClientEvent>) -> bool {
        if let Some(error) = self.error.take() {
            events.push_back(ClientEvent::Refused { peer, error });
            return true;
        }
        let Some(line) = &mut self.line else { return false };
        line.transmit(train);
        while let Some(news) = line.dial.poll_news() {
            match news {
                News::Opened => {
                    self.has_joined = true;
                    events.push_back(ClientEvent::Joined { peer });
                }
                News::Message { channel, data } => events.push_back(ClientEvent::Message { peer, channel, data }),
                News::Parted(Parted { reason, words }) => {
                    events.push_back(match self.has_joined {
                        true => ClientEvent::Left { peer, reason, words },
                        false => ClientEvent::Refused { peer, error: not_joined(reason) },
                    });
                    return true;
                }
            }
        }
        false
    }

    /// Before it is dropped.
    pub(super) fn deregister(&mut self, registry: &Registry) {
        if let Some(asking) = &mut self.asking {
            asking.post.deregister(registry);
        }
        if let Some(line) = &mut self.line {
            line.port.deregister(registry);
        }
    }
}

impl Line {
    fn transmit(&mut self, train: &mut Train) {
        let dial = &mut self.dial;
        send_all(slice::from_mut(&mut self.port), train, std::iter::from_fn(|| dial.poll_transmit()));
    }
}

fn not_joined(reason: Reason) -> ConnectError {
    match reason {
        Reason::TimedOut => ConnectError::NoPath,
        Reason::Violation | Reason::Failed => ConnectError::BadAnswer,
        _ => ConnectError::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_socket() {
        for socket in [Socket::Tcp, Socket::Udp] {
            assert_eq!(Socket::of(socket.token(PeerId::from(7))), (socket, PeerId::from(7)));
        }
    }
}
