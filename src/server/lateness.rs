use std::time::Duration;

/// More than this late counts: what a tick of 60 Hz does not feel.
const LATE: Duration = Duration::from_millis(2);

/// How late the deadlines of [`Server::poll`](super::Server::poll) were since the beginning. One that had passed when it was
/// given counts from then on, so this is the server's part and not the application's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Deadlines that passed.
    pub ticks: u64,
    /// Of these, those that were told more than 2 ms late.
    pub late: u64,
    /// The latest.
    pub worst: Duration,
}

impl Lateness {
    pub(super) fn note(&mut self, late_by: Duration) {
        self.ticks += 1;
        self.late += u64::from(late_by > LATE);
        self.worst = self.worst.max(late_by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_milliseconds_are_on_time() {
        let mut lateness = Lateness::default();
        for micros in [0, 2000, 2001, 500] {
            lateness.note(Duration::from_micros(micros));
        }
        assert_eq!(lateness, Lateness { ticks: 4, late: 1, worst: Duration::from_micros(2001) });
    }
}
