use super::StreamId;
use crate::endpoint::limits::STREAM_IDS_MAX;

/// Some of the streams that there may be: a bit for each.
#[derive(Debug, Default)]
pub(super) struct StreamSet(u64);

const _: () = assert!(STREAM_IDS_MAX as u32 <= u64::BITS);

impl StreamSet {
    /// Whether it was not there, and can be.
    pub(super) fn insert(&mut self, stream: StreamId) -> bool {
        let before = self.0;
        self.0 |= bit(stream);
        self.0 != before
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, stream: StreamId) -> bool {
        let before = self.0;
        self.0 &= !bit(stream);
        self.0 != before
    }

    pub(super) fn contains(&self, stream: StreamId) -> bool {
        self.0 & bit(stream) != 0
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = StreamId> {
        (0..STREAM_IDS_MAX).map(StreamId).filter(|stream| self.contains(*stream))
    }
}

/// None for a stream beyond the bound.
fn bit(StreamId(id): StreamId) -> u64 {
    if id < STREAM_IDS_MAX { 1 << id } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_within_the_bound() {
        let mut set = StreamSet::default();
        for id in [63, 0, 5] {
            assert!(set.insert(StreamId(id)) && !set.insert(StreamId(id)) && set.contains(StreamId(id)));
        }
        assert!(!set.insert(StreamId(STREAM_IDS_MAX)) && !set.contains(StreamId(STREAM_IDS_MAX)));
        assert!(set.remove(StreamId(5)) && !set.remove(StreamId(5)));
        assert_eq!(set.iter().map(|stream| stream.0).collect::<Vec<_>>(), [0, 63]);
    }
}
