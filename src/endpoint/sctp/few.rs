//! A queue that mostly holds one thing or none.

use std::collections::VecDeque;

/// First in, first out. The first one is kept in the value itself, so that a message at a time needs no memory elsewhere, which would
/// have left the processor's caches by the time that it is looked at again.
#[derive(Debug)]
pub(super) struct Few<T> {
    first: Option<T>,
    /// Behind it.
    rest: VecDeque<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few { first: None, rest: VecDeque::new() }
    }
}

impl<T> Few<T> {
    pub(super) fn push_back(&mut self, item: T) {
        if self.first.is_none() && self.rest.is_empty() {
            self.first = Some(item);
        } else {
            self.rest.push_back(item);
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        self.first.take().or_else(|| self.rest.pop_front())
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(&mut self.rest)
    }

    /// The one with so many before it.
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        match (&mut self.first, at) {
            (Some(first), 0) => Some(first),
            (Some(_), _) => self.rest.get_mut(at - 1),
            (None, _) => self.rest.get_mut(at),
        }
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.first.as_ref().or_else(|| self.rest.front())
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut().or_else(|| self.rest.front_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_however_many_there_are() {
        let mut few = Few::default();
        let mut model = VecDeque::new();
        for step in 0..10_000_u32 {
            // Long runs of either, so that it grows and empties.
            if (step / 7 + step / 64) % 2 == 0 {
                few.push_back(step);
                model.push_back(step);
                assert_eq!((few.len(), few.is_empty()), (model.len(), false));
            } else {
                assert_eq!(
                    (few.front().copied(), few.front_mut().copied()),
                    (model.front().copied(), model.front().copied())
                );
                assert_eq!(few.pop_front(), model.pop_front());
                assert!(few.iter().eq(&model) && few.iter_mut().eq(&mut model));
                let places = [0, 1, model.len() / 2, model.len()];
                assert!(places.into_iter().all(|at| few.get_mut(at) == model.get_mut(at)));
            }
        }
    }
}
