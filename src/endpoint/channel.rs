//! The data channels a browser opens, known by their labels.

use super::sctp::ChannelOpen;

/// One of the data channels of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Label `ro`: every message arrives once, in order.
    Reliable,
    /// Label `uu`: a message arrives at most once, in any order, or never.
    Unreliable,
    /// Label `lt`: unreliable, and never older than a message that has been delivered. What cannot go out at once waits until
    /// a newer one takes its place.
    Latest,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 3] = [Channel::Reliable, Channel::Unreliable, Channel::Latest];

    /// The channels of a page without a session.
    pub const PLAIN: [Channel; 2] = [Channel::Reliable, Channel::Unreliable];

    /// The data channel's label (RFC 8832).
    pub fn label(self) -> &'static str {
        match self {
            Channel::Reliable => "ro",
            Channel::Unreliable => "uu",
            Channel::Latest => "lt",
        }
    }
}

/// A data channel of the contract: an application's, or the session's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataChannel {
    Application(Channel),
    /// Label `ctl`.
    Control,
}

impl DataChannel {
    pub(super) const ALL: [DataChannel; 4] = [
        DataChannel::Application(Channel::Reliable),
        DataChannel::Application(Channel::Unreliable),
        DataChannel::Application(Channel::Latest),
        DataChannel::Control,
    ];

    /// What a page opens that has no session.
    pub(super) const PLAIN: [DataChannel; 2] =
        [DataChannel::Application(Channel::Reliable), DataChannel::Application(Channel::Unreliable)];

    pub(super) fn label(self) -> &'static str {
        match self {
            DataChannel::Application(channel) => channel.label(),
            DataChannel::Control => "ctl",
        }
    }

    /// The channel that a browser opened like this. `None` for another label, and for a reliable
    /// channel that is not ordered and reliable: what we promise on it would not hold.
    pub(super) fn opened(open: &ChannelOpen) -> Option<DataChannel> {
        let channel = DataChannel::ALL.into_iter().find(|channel| channel.label() == open.label)?;
        let reliable = open.is_ordered && open.is_reliable;
        (channel != DataChannel::Application(Channel::Reliable) || reliable).then_some(channel)
    }

    /// How we open it ourselves.
    pub(super) fn to_open(self) -> ChannelOpen {
        let is_reliable = self == DataChannel::Application(Channel::Reliable);
        ChannelOpen { label: self.label().to_owned(), is_ordered: is_reliable, is_reliable }
    }
}

/// One value for each channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PerChannel<T>([T; 4]);

impl<T> std::ops::Index<DataChannel> for PerChannel<T> {
    type Output = T;

    fn index(&self, channel: DataChannel) -> &T {
        &self.0[place(channel)]
    }
}

impl<T> std::ops::IndexMut<DataChannel> for PerChannel<T> {
    fn index_mut(&mut self, channel: DataChannel) -> &mut T {
        &mut self.0[place(channel)]
    }
}

fn place(channel: DataChannel) -> usize {
    match channel {
        DataChannel::Application(Channel::Reliable) => 0,
        DataChannel::Application(Channel::Unreliable) => 1,
        DataChannel::Application(Channel::Latest) => 2,
        DataChannel::Control => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(label: &str, is_ordered: bool, is_reliable: bool) -> ChannelOpen {
        ChannelOpen { label: label.into(), is_ordered, is_reliable }
    }

    #[test]
    fn known_by_label_and_promise() {
        for channel in DataChannel::ALL {
            assert_eq!(DataChannel::opened(&channel.to_open()), Some(channel));
        }
        let unreliable = DataChannel::Application(Channel::Unreliable);
        assert_eq!(DataChannel::opened(&open("uu", true, true)), Some(unreliable));
        assert_eq!(DataChannel::opened(&open("ro", false, true)), None);
        assert_eq!(DataChannel::opened(&open("ro", true, false)), None);
        assert_eq!(DataChannel::opened(&open("chat", true, true)), None);
    }
}
