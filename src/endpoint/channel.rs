//! The data channels a browser opens, known by their labels.

use str0m::channel::{ChannelConfig, Reliability};

/// One of the data channels of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Label `ro`: every message arrives once, in order.
    Reliable,
    /// Label `uu`: a message arrives at most once, in any order, or never.
    Unreliable,
}

impl Channel {
    /// Every channel that a peer must open to join.
    pub const ALL: [Channel; 2] = [Channel::Reliable, Channel::Unreliable];

    /// The data channel's label (RFC 8832).
    pub fn label(self) -> &'static str {
        match self {
            Channel::Reliable => "ro",
            Channel::Unreliable => "uu",
        }
    }

    /// The channel that a browser opened with this configuration. `None` for another label, and for a reliable
    /// channel that is not ordered and reliable: what we promise on it would not hold.
    pub(super) fn opened(config: &ChannelConfig) -> Option<Channel> {
        let channel = Channel::ALL.into_iter().find(|channel| channel.label() == config.label)?;
        let reliable = config.ordered && config.reliability == Reliability::Reliable;
        (channel != Channel::Reliable || reliable).then_some(channel)
    }
}

/// One value for each channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PerChannel<T> {
    reliable: T,
    unreliable: T,
}

impl<T> std::ops::Index<Channel> for PerChannel<T> {
    type Output = T;

    fn index(&self, channel: Channel) -> &T {
        match channel {
            Channel::Reliable => &self.reliable,
            Channel::Unreliable => &self.unreliable,
        }
    }
}

impl<T> std::ops::IndexMut<Channel> for PerChannel<T> {
    fn index_mut(&mut self, channel: Channel) -> &mut T {
        match channel {
            Channel::Reliable => &mut self.reliable,
            Channel::Unreliable => &mut self.unreliable,
        }
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
        assert_eq!(Channel::opened(&config("ro", true, Reliability::Reliable)), Some(Channel::Reliable));
        assert_eq!(Channel::opened(&config("uu", false, never)), Some(Channel::Unreliable));
        assert_eq!(Channel::opened(&config("uu", true, Reliability::Reliable)), Some(Channel::Unreliable));
        assert_eq!(Channel::opened(&config("ro", false, Reliability::Reliable)), None);
        assert_eq!(Channel::opened(&config("ro", true, never)), None);
        assert_eq!(Channel::opened(&config("chat", true, Reliability::Reliable)), None);
    }
}
