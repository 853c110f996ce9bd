//! What is measured.

pub mod bulk;
pub mod echo;
pub mod fair;
pub mod idle;
pub mod room;

use std::time::Duration;

use hdrhistogram::Histogram;

/// Of times in microseconds, to three digits, up to a minute.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000, 3).expect("bounds that it takes")
}

pub fn note(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(time.as_micros() as u64);
}
