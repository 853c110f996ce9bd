//! Which records of an epoch have come (RFC 9147, section 4.5.1).

/// Records behind the newest that are told from replays.
const WIDTH: u64 = u128::BITS as u64;

#[derive(Debug, Default)]
pub(super) struct Window {
    /// One more than the newest.
    next: u64,
    /// Bit 0 is the newest.
    seen: u128,
}

impl Window {
    /// The number whose last `bits` bits these are, as near to the next as may be (section 4.2.2).
    pub(super) fn whole(&self, low: u64, bits: u32) -> u64 {
        let round = 1 << bits;
        let near = (self.next & !(round - 1)) | low;
        if near > self.next + round / 2 && near >= round {
            near - round
        } else if near + round / 2 < self.next {
            near + round
        } else {
            near
        }
    }

    /// Whether this one has not come and is not too old to tell.
    pub(super) fn is_new(&self, number: u64) -> bool {
        match self.next.checked_sub(number + 1) {
            None => true,
            Some(behind) => behind < WIDTH && self.seen & (1 << behind) == 0,
        }
    }

    /// It has come, and is authentic.
    pub(super) fn note(&mut self, number: u64) {
        if number >= self.next {
            let ahead = u32::try_from(number + 1 - self.next).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.next = number + 1;
        } else if let behind @ 0..WIDTH = self.next - 1 - number {
            self.seen |= 1 << behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_once() {
        let mut window = Window::default();
        for number in [0, 1, 5, 3, 200, 199, 73, 1000] {
            assert!(window.is_new(number), "{number}");
            window.note(number);
            assert!(!window.is_new(number), "{number}");
        }
        assert!(window.is_new(999) && window.is_new(873), "127 behind the newest");
        assert!(!window.is_new(872), "nobody knows");
        window.note(u64::from(u32::MAX) * 3);
        assert!(!window.is_new(1000));
    }

    #[test]
    fn the_nearest_number_with_these_bits() {
        let mut window = Window::default();
        assert_eq!((window.whole(0, 16), window.whole(5, 16), window.whole(0xfff0, 16)), (0, 5, 0xfff0));
        for number in 0_u64..400_000 {
            for near in [number, number.saturating_sub(100), number + 100] {
                assert_eq!(window.whole(near & 0xffff, 16), near);
                assert_eq!(window.whole(near & 0xff, 8), near);
            }
            window.note(number);
        }
    }
}
