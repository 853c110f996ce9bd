use super::number::Tsn;
use super::packet::PACKET_BYTES_MAX;

/// What may leave before anything is known of the path: RFC 6928's ten packets.
pub(super) const FIRST_BYTES: usize = 10 * PACKET_BYTES_MAX;

/// Below this, three packets that overtake a lost one could not leave.
const BYTES_MIN: usize = 4 * PACKET_BYTES_MAX;

/// More than [`Share`](super::share::Share) ever admits.
const BYTES_MAX: usize = 256 * 1024;

/// What a loss leaves of it: RFC 9438's share, since most losses on Wi-Fi are not congestion, and half would be too little.
const KEPT: (usize, usize) = (7, 10);

/// The congestion window of reliable data (RFC 9260, section 7.2, with losses counted once a round trip as in RFC 9002).
#[derive(Debug)]
pub(super) struct Window {
    bytes: usize,
    threshold: usize,
    /// A loss before this one belongs to one that has been counted.
    recovers_at: Option<Tsn>,
}

impl Default for Window {
    fn default() -> Window {
        Window { bytes: FIRST_BYTES, threshold: usize::MAX, recovers_at: None }
    }
}

impl Window {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many bytes have arrived, of so many that were in flight. Everything has arrived up to `cumulative`.
    pub(super) fn acknowledged(&mut self, cumulative: Tsn, bytes: usize, in_flight: usize) {
        self.recovers_at = self.recovers_at.filter(|at| cumulative < *at);
        // A window that is not used says nothing of the path.
        if self.recovers_at.is_some() || 2 * in_flight < self.bytes {
            return;
        }
        let more = if self.bytes < self.threshold { bytes } else { PACKET_BYTES_MAX * bytes / self.bytes };
        self.bytes = (self.bytes + more).min(BYTES_MAX);
    }

    /// This one is lost, while `newest` was the last to leave.
    pub(super) fn lost(&mut self, tsn: Tsn, newest: Tsn) {
        if self.recovers_at.is_some_and(|at| tsn <= at) {
            return;
        }
        self.recovers_at = Some(newest);
        self.bytes = (self.bytes * KEPT.0 / KEPT.1).max(BYTES_MIN);
        self.threshold = self.bytes;
    }

    /// Nothing has come through for a while.
    pub(super) fn collapse(&mut self) {
        self.threshold = (self.bytes * KEPT.0 / KEPT.1).max(BYTES_MIN);
        self.bytes = BYTES_MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_until_a_loss_and_then_grows_by_a_packet_a_round() {
        let mut window = Window::default();
        window.acknowledged(Tsn::first(10), FIRST_BYTES, FIRST_BYTES);
        assert_eq!(window.bytes(), 2 * FIRST_BYTES);
        window.acknowledged(Tsn::first(11), FIRST_BYTES, 1000);
        assert_eq!(window.bytes(), 2 * FIRST_BYTES, "it was not used");
        window.lost(Tsn::first(12), Tsn::first(20));
        let kept = 2 * FIRST_BYTES * 7 / 10;
        window.lost(Tsn::first(15), Tsn::first(25));
        assert_eq!(window.bytes(), kept, "one round trip, one loss");
        window.acknowledged(Tsn::first(20), kept, kept);
        assert_eq!(window.bytes(), kept + PACKET_BYTES_MAX);
    }

    #[test]
    fn it_never_closes() {
        let mut window = Window::default();
        for i in 0..100 {
            window.lost(Tsn::first(10 * i), Tsn::first(10 * i + 5));
        }
        window.collapse();
        assert_eq!(window.bytes(), BYTES_MIN);
    }
}
