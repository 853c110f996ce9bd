//! Sleep that ends at even distances.
//!
//! To be woken by the clock costs more than by the network, most of it for telling the processor's timer when to ring: once as the
//! sleep begins, since nothing else is due before, and once as it ends. Where timers are dear, as in a virtual machine, that is
//! 5 to 10 µs each. Two timers that take turns need the second alone: while one rings the other is already set, and what is
//! set behind it does not touch the processor's timer (docs/BENCHMARKS.md).

use std::thread;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Metronome {
    period: Duration,
    timers: Option<Timers>,
    next_at: Option<Instant>,
}

impl Metronome {
    /// With a period of zero it never sleeps.
    pub(super) fn new(period: Duration) -> Metronome {
        let timers = if period.is_zero() { None } else { Timers::new() };
        Metronome { period, timers, next_at: None }
    }

    /// Sleeps until the next beat, or until `deadline` if that is sooner. Who comes a whole beat late does not sleep, and the beats
    /// are counted anew from then on.
    pub(super) fn sleep(&mut self, now: Instant, deadline: Option<Instant>) {
        let Some(next_at) = self.next_at.filter(|at| now < *at + self.period) else { return self.begin(now) };
        if let Some(deadline) = deadline
            && deadline < next_at
        {
            return thread::sleep(deadline.saturating_duration_since(now));
        }
        self.next_at = Some(next_at + self.period);
        let has_slept = self.timers.as_mut().is_some_and(Timers::wait);
        if !has_slept {
            thread::sleep(next_at.saturating_duration_since(now));
        }
    }

    fn begin(&mut self, now: Instant) {
        self.next_at = Some(now + self.period);
        if self.timers.as_mut().is_some_and(|timers| !timers.set(self.period)) {
            self.timers = None;
        }
    }
}

/// Two timers of twice the period, one in the middle of the other's.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Timers {
    next: std::fs::File,
    after: std::fs::File,
}

#[cfg(target_os = "linux")]
impl Timers {
    /// `None` if the system gives none, without which it goes too.
    fn new() -> Option<Timers> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let timer = || timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).map(std::fs::File::from);
        let (next, after) = (timer().ok()?, timer().ok()?);
        Some(Timers { next, after })
    }

    /// Whether it could be done.
    fn set(&mut self, period: Duration) -> bool {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, timerfd_settime};

        let set = |timer, first: Duration| {
            let (Ok(it_value), Ok(it_interval)) = (first.try_into(), (period * 2).try_into()) else { return false };
            timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value }).is_ok()
        };
        set(&self.next, period) && set(&self.after, period * 2)
    }

    /// Waits for the one whose turn it is. To read it is what sets it again, behind the other. Whether it has rung.
    fn wait(&mut self) -> bool {
        use std::io::Read;

        let has_rung = self.next.read(&mut [0; 8]).is_ok();
        std::mem::swap(&mut self.next, &mut self.after);
        has_rung
    }
}

/// Where there are no such timers.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Timers;

#[cfg(not(target_os = "linux"))]
impl Timers {
    fn new() -> Option<Timers> {
        None
    }

    fn set(&mut self, _period: Duration) -> bool {
        false
    }

    fn wait(&mut self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(2);

    /// Whether it has timers or does without.
    fn both() -> [Metronome; 2] {
        [Metronome::new(PERIOD), Metronome { timers: None, ..Metronome::new(PERIOD) }]
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn there_are_timers() {
        assert!(Metronome::new(PERIOD).timers.is_some());
        assert!(Metronome::new(Duration::ZERO).timers.is_none());
    }

    #[test]
    fn beats_do_not_drift() {
        for mut metronome in both() {
            let start = Instant::now();
            metronome.sleep(start, None);
            for beat in 1..=20 {
                let now = Instant::now();
                // A busy machine may make the test late, after which the beats are counted anew.
                metronome.sleep(now, None);
                assert!(start.elapsed() >= PERIOD * beat || now.elapsed() < PERIOD / 2);
            }
            let late = start.elapsed() - PERIOD * 20;
            assert!(late < Duration::from_secs(1), "{late:?}");
        }
    }

    #[test]
    fn a_deadline_comes_first() {
        for mut metronome in both() {
            let now = Instant::now();
            metronome.sleep(now, None);
            metronome.sleep(now, Some(now));
            metronome.sleep(now, Some(now + PERIOD / 4));
            assert!(now.elapsed() >= PERIOD / 4);
            metronome.sleep(now, Some(now + PERIOD * 100));
            assert!((PERIOD..PERIOD * 50).contains(&now.elapsed()), "{:?}", now.elapsed());
        }
    }

    #[test]
    fn who_is_late_is_not_made_to_wait() {
        for mut metronome in both() {
            metronome.sleep(Instant::now(), None);
            thread::sleep(PERIOD * 3);
            let now = Instant::now();
            metronome.sleep(now, None);
            assert_eq!(metronome.next_at, Some(now + PERIOD));
        }
    }
}
