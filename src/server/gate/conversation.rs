//! Whose turn it is with tiny_http, and who gets its answer.

use std::time::{Duration, Instant};

use mio::Token;

use super::connection::{Connection, Next};
use super::exchange::Ended;
use super::frame::ANSWER_BYTES_MAX;
use super::outgoing::Outgoing;
use super::worker::{BACK_OFF, House, INNER, Worker};
use crate::signal::Refusal;

/// How much memory all answers may hold that clients have not taken yet, in bytes. Four of the largest files, or six
/// hundred times our own page.
const ANSWERS_BYTES_MAX: usize = 4 * ANSWER_BYTES_MAX;

/// A client that took nothing of its answer for this long gives way when [`ANSWERS_BYTES_MAX`] is reached: a few round
/// trips of a bad Wi-Fi, and a small part of what those behind it may wait.
const STALLED_AFTER: Duration = Duration::from_millis(250);

impl Worker {
    /// Talks with tiny_http until it has nothing to say and nobody waits.
    pub(super) fn converse(&mut self) {
        loop {
            if !self.house.exchange.is_connected() && !self.reconnect() {
                return;
            }
            self.begin();
            let now = Instant::now();
            let (token, refusal) = match self.house.exchange.advance(&mut self.house.scratch) {
                None => return,
                Some(Ended::Answered { client: token, bytes, framed }) => {
                    if let Some(client) = self.house.clients.get_mut(&token) {
                        client.answer(now, Outgoing::relayed(bytes, &framed, self.rules.policy), &self.rules);
                    }
                    (Some(token), None)
                }
                Some(Ended::Broken { client }) => {
                    tracing::error!("the conversation with tiny_http broke");
                    self.house.exchange_again_at = Some(now + BACK_OFF);
                    (client, Some(Refusal::Internal))
                }
            };
            if let Some(token) = token {
                if let (Some(client), Some(refusal)) = (self.house.clients.get_mut(&token), refusal) {
                    client.refuse(now, refusal, &self.rules);
                }
                self.deliver(token);
            }
        }
    }

    /// Sends what a client has just got. Never submits: its request has been answered.
    fn deliver(&mut self, token: Token) {
        let Some(client) = self.house.clients.get_mut(&token) else { return };
        if client.advance(Instant::now(), &self.rules, &mut self.house.scratch) == Next::Close {
            self.close(token);
        }
    }

    /// Starts tiny_http anew and connects to it, when that is due. `true`: connected.
    fn reconnect(&mut self) -> bool {
        let now = Instant::now();
        if self.house.exchange_again_at.is_some_and(|at| at > now) {
            return false;
        }
        // What is left of the old one may never accept again, so there is a new one.
        let replaced = self.inner.listen().and_then(|listener| self.http.replace(listener));
        let House { exchange, .. } = &mut self.house;
        let connected =
            replaced.and_then(|()| exchange.connect(&self.inner, &self.rules.key, self.poll.registry(), INNER));
        match connected {
            Ok(()) => {
                self.house.exchange_again_at = None;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot start tiny_http anew; trying again");
                self.house.exchange_again_at = Some(now + BACK_OFF);
                false
            }
        }
    }

    /// Hands the next request to tiny_http, when it is free and its answer has room.
    fn begin(&mut self) {
        if !self.house.exchange.is_free() || self.house.waiting.is_empty() {
            return;
        }
        self.house.exchange_again_at = None;
        if let Some(at) = self.make_room() {
            self.house.exchange_again_at = Some(at);
            return;
        }
        while let Some(token) = self.house.waiting.pop_first() {
            if let Some((request, head_only)) = self.house.clients.get_mut(&token).and_then(Connection::take_request) {
                return self.house.exchange.begin(token, request, head_only);
            }
        }
    }

    /// Makes sure that one more answer has room, at the cost of clients that stopped taking theirs. `Some`: there is
    /// none yet, try again then.
    fn make_room(&mut self) -> Option<Instant> {
        loop {
            let holding = self.house.clients.iter().filter_map(|(token, client)| Some((*token, client.holds()?)));
            let (mut held, mut stalled) = (0, None::<(Instant, Token)>);
            for (token, (bytes, taken)) in holding {
                held += bytes;
                stalled = Some(stalled.map_or((taken, token), |least| least.min((taken, token))));
            }
            if held + ANSWER_BYTES_MAX <= ANSWERS_BYTES_MAX {
                return None;
            }
            let (taken, token) = stalled?;
            if taken.elapsed() < STALLED_AFTER {
                return Some(taken + STALLED_AFTER);
            }
            tracing::debug!(held, "a client that takes nothing of its answer gives way");
            self.close(token);
        }
    }
}
