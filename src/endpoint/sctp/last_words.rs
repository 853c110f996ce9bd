//! How a browser ends its connection, held until everything before it has been taken: str0m drops the messages that came with
//! it in one batch.

#[derive(Debug, Default)]
pub(super) struct LastWords(Option<(End, bool)>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// A packet of SCTP with an ABORT.
    Abort(Vec<u8>),
    /// DTLS's close_notify.
    Close,
}

impl LastWords {
    /// The browser ends it. The first way counts.
    pub(super) fn hold(&mut self, end: End) {
        self.0.get_or_insert((end, false));
    }

    /// They may be taken; whether there are any.
    pub(super) fn let_go(&mut self) -> bool {
        let Some((_, may_go)) = &mut self.0 else { return false };
        !std::mem::replace(may_go, true)
    }

    /// Gives them once they may go; once.
    pub(super) fn take(&mut self) -> Option<End> {
        self.0.take_if(|(_, may_go)| *may_go).map(|(end, _)| end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_wait_until_they_may_go() {
        let mut words = LastWords::default();
        assert!(!words.let_go() && words.take().is_none());
        words.hold(End::Abort(vec![6]));
        words.hold(End::Close);
        assert_eq!(words.take(), None);
        assert!(words.let_go() && !words.let_go());
        assert_eq!((words.take(), words.take()), (Some(End::Abort(vec![6])), None));
    }
}
