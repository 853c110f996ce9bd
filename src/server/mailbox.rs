//! A channel into the loop that also wakes it.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::{Registry, Token, Waker};

/// Letters that may wait for the loop. Past it the sender hears that the loop is behind; a thousand sends of the largest
/// message are 256 MiB.
const LETTERS_MAX: usize = 1024;

/// Why a letter was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostError {
    /// The loop does not keep up.
    Full,
    /// The loop has ended.
    Closed,
}

/// The outside: cloneable, and usable from any thread.
#[derive(Debug)]
pub(super) struct Slot<T> {
    sender: Sender<T>,
    waker: Arc<Waker>,
}

/// The inside.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    receiver: Receiver<T>,
}

pub(super) fn mailbox<T>(registry: &Registry, token: Token) -> io::Result<(Slot<T>, Mailbox<T>)> {
    let (sender, receiver) = bounded(LETTERS_MAX);
    Ok((Slot { sender, waker: Arc::new(Waker::new(registry, token)?) }, Mailbox { receiver }))
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Slot { sender: self.sender.clone(), waker: Arc::clone(&self.waker) }
    }
}

impl<T> Slot<T> {
    /// Puts a letter in and wakes the loop. Never blocks.
    pub(super) fn post(&self, letter: T) -> Result<(), PostError> {
        self.sender.try_send(letter).map_err(|error| match error {
            TrySendError::Full(_) => PostError::Full,
            TrySendError::Disconnected(_) => PostError::Closed,
        })?;
        self.nudge();
        Ok(())
    }

    /// Wakes the loop without a letter.
    pub(super) fn nudge(&self) {
        if let Err(error) = self.waker.wake() {
            // A letter is there all the same, and the loop finds it when it next wakes.
            tracing::warn!(%error, "cannot wake the loop");
        }
    }
}

impl<T> Mailbox<T> {
    pub(super) fn take(&self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_letter_wakes_and_a_full_box_says_so() {
        let mut poll = mio::Poll::new().unwrap();
        let (slot, mailbox) = mailbox::<usize>(poll.registry(), Token(7)).unwrap();
        let other = slot.clone();
        std::thread::spawn(move || (0..LETTERS_MAX).for_each(|i| other.post(i).unwrap())).join().unwrap();
        assert_eq!(slot.post(0), Err(PostError::Full));
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::from_secs(5))).unwrap();
        assert!(events.iter().any(|event| event.token() == Token(7)));
        assert_eq!((0..LETTERS_MAX).map_while(|_| mailbox.take()).count(), LETTERS_MAX);
        assert_eq!(mailbox.take(), None);
        drop(mailbox);
        assert_eq!(slot.post(0), Err(PostError::Closed));
    }
}
