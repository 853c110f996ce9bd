//! The data channels a browser opens, known by their labels.

use str0m::channel::{ChannelConfig, Reliability};

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

    /// The channel that a browser opened with this configuration. `None` for another label, and for a reliable
    /// channel that is not ordered and reliable: what we promise on it would not hold.
    pub(super) fn opened(config: &ChannelConfig) -> Option<DataChannel> {
        let channel = DataChannel::ALL.into_iter().find(|channel| channel.label() == config.label)?;
        let reliable = config.ordered && config.reliability == Reliability::Reliable;
        (channel != DataChannel::Application(Channel::Reliable) || reliable).then_some(channel)
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

    fn config(label: &str, ordered: bool, reliability: Reliability) -> ChannelConfig {
        ChannelConfig { label: label.into(), ordered, reliability, ..Default::default() }
    }

    #[test]
    fn known_by_label_and_promise() {
        let never = Reliability::MaxRetransmits { retransmits: 0 };
        assert_eq!(
            DataChannel::opened(&config("ro", true, Reliability::Reliable)),
            Some(DataChannel::Application(Channel::Reliable))
        );
        assert_eq!(
            DataChannel::opened(&config("uu", false, never)),
            Some(DataChannel::Application(Channel::Unreliable))
        );
        assert_eq!(
            DataChannel::opened(&config("uu", true, Reliability::Reliable)),
            Some(DataChannel::Application(Channel::Unreliable))
        );
        assert_eq!(DataChannel::opened(&config("ro", false, Reliability::Reliable)), None);
        assert_eq!(DataChannel::opened(&config("ro", true, never)), None);
        assert_eq!(DataChannel::opened(&config("lt", false, never)), Some(DataChannel::Application(Channel::Latest)));
        assert_eq!(DataChannel::opened(&config("ctl", false, never)), Some(DataChannel::Control));
        assert_eq!(DataChannel::opened(&config("chat", true, Reliability::Reliable)), None);
    }
}
