//! Sequence numbers that wrap on the wire, counted on so that they can be ordered (RFC 1982 has no order for them).

/// A transmission sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tsn(u64);

impl Tsn {
    /// The first of an association. There is room for what comes before it.
    pub(super) fn first(wire: u32) -> Tsn {
        Tsn((1 << 32) | u64::from(wire))
    }

    /// Of all that are written like this, the nearest.
    pub(super) fn nearest(self, wire: u32) -> Tsn {
        let distance = wire.wrapping_sub(self.wire()) as i32;
        Tsn(self.0.saturating_add_signed(distance.into()))
    }

    pub(super) fn wire(self) -> u32 {
        self.0 as u32
    }

    pub(super) fn next(self) -> Tsn {
        self.plus(1)
    }

    pub(super) fn previous(self) -> Tsn {
        Tsn(self.0.saturating_sub(1))
    }

    pub(super) fn plus(self, count: usize) -> Tsn {
        Tsn(self.0 + count as u64)
    }

    /// How far this is after another; 0 if it is before it.
    pub(super) fn since(self, earlier: Tsn) -> usize {
        self.0.saturating_sub(earlier.0) as usize
    }
}

/// The number in its stream of an ordered message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ssn(u64);

impl Default for Ssn {
    fn default() -> Ssn {
        Ssn(1 << 16)
    }
}

impl Ssn {
    /// Of all that are written like this, the nearest.
    pub(super) fn nearest(self, wire: u16) -> Ssn {
        let distance = wire.wrapping_sub(self.0 as u16) as i16;
        Ssn(self.0.saturating_add_signed(distance.into()))
    }

    pub(super) fn next(self) -> Ssn {
        Ssn(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_go_on_where_the_wire_wraps() {
        let last = Tsn::first(u32::MAX);
        assert_eq!(last.next().wire(), 0);
        assert_eq!((last.nearest(3).since(last), last.nearest(3).nearest(u32::MAX)), (4, last));
        assert!(Tsn::first(0).nearest(u32::MAX) < Tsn::first(0));
        assert_eq!(last.since(last.plus(7)), 0);
        let mut ssn = Ssn::default();
        (0..70_000).for_each(|_| ssn = ssn.next());
        assert_eq!(ssn.nearest((70_001 % 65_536) as u16), ssn.next());
        assert!(ssn.nearest((69_999 % 65_536) as u16) < ssn);
    }
}
