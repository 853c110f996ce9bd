use super::packet::{Data, Tsn};

/// A chunk that leaves, as far as the wire cares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving {
    pub(super) tsn: Tsn,
    pub(super) is_unordered: bool,
    pub(super) bytes: usize,
}

impl Leaving {
    pub(super) fn of(data: Data<'_>) -> Leaving {
        Leaving { tsn: data.tsn, is_unordered: data.is_unordered, bytes: data.payload.len() }
    }
}
