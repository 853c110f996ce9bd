//! Who may come in: peers overall, from one address, and from one IPv6 network, open or not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Limits;
use crate::signal::Refusal;

/// One IPv6 network may have this part of all places. Behind one /64 is either a whole LAN or one host with 2^64
/// addresses, and nothing tells which: so each address has its bound, and the network half of the house.
const NETWORK_PART: usize = 2;

#[derive(Debug)]
pub(super) struct Admission {
    limits: Limits,
    all: Count,
    groups: BTreeMap<Group, Count>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    peers: usize,
    /// Those of them that are not open yet.
    pending: usize,
}

/// Why nobody more may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoRoom {
    /// Of the address, if that has its share; else of the house.
    pub(super) refusal: Refusal,
    /// Somebody who leaves would make room.
    pub(super) a_place_would_do: bool,
}

/// What counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Address(IpAddr),
    /// The upper half of an IPv6 address.
    Network(u64),
}

impl Group {
    fn of(address: IpAddr) -> impl Iterator<Item = Group> {
        let address = address.to_canonical();
        let network = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(Group::Network((v6.to_bits() >> 64) as u64)),
        };
        [Some(Group::Address(address)), network].into_iter().flatten()
    }
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Admission {
        Admission { limits, all: Count::default(), groups: BTreeMap::new() }
    }

    /// Whether one more may begin to open from this address, and, unless it comes back, there is a place for it.
    pub(super) fn has_room(&self, address: IpAddr, comes_back: bool) -> Result<(), NoRoom> {
        let Limits { peers_max, peers_per_address_max, pending_max, pending_per_address_max, .. } = self.limits;
        let pending = self.check(address, |count| count.pending, [pending_max, pending_per_address_max]);
        let place = self.check(address, |count| count.peers, [peers_max, peers_per_address_max]);
        match (pending, place) {
            (Ok(()), Ok(())) => Ok(()),
            (Ok(()), Err(_)) if comes_back => Ok(()),
            (Ok(()), Err(refusal)) => Err(NoRoom { refusal, a_place_would_do: true }),
            (Err(Refusal::Full), Err(refusal)) if !comes_back => Err(NoRoom { refusal, a_place_would_do: false }),
            (Err(refusal), _) => Err(NoRoom { refusal, a_place_would_do: false }),
        }
    }

    /// Against the most overall and from one address.
    fn check(&self, address: IpAddr, of: impl Fn(Count) -> usize, most: [usize; 2]) -> Result<(), Refusal> {
        let [overall_max, per_address_max] = most;
        for group in Group::of(address) {
            let max = match group {
                Group::Address(_) => per_address_max,
                Group::Network(_) => overall_max.div_ceil(NETWORK_PART),
            };
            if of(self.groups.get(&group).copied().unwrap_or_default()) >= max {
                return Err(Refusal::TooManyFromAddress);
            }
        }
        if of(self.all) >= overall_max { Err(Refusal::Full) } else { Ok(()) }
    }

    /// Takes in one more peer from this address, which begins to open.
    pub(super) fn enter(&mut self, address: IpAddr) {
        self.change(address, |count| {
            count.peers += 1;
            count.pending += 1;
        });
    }

    /// A peer from this address is open.
    pub(super) fn open(&mut self, address: IpAddr) {
        self.change(address, |count| count.pending -= 1);
    }

    /// A peer from this address is gone.
    pub(super) fn leave(&mut self, address: IpAddr, was_open: bool) {
        self.change(address, |count| {
            count.peers -= 1;
            count.pending -= usize::from(!was_open);
        });
    }

    fn change(&mut self, address: IpAddr, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        for group in Group::of(address) {
            let count = self.groups.entry(group).or_default();
            change(count);
            if *count == Count::default() {
                self.groups.remove(&group);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.all == Count::default() && self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        let limits = Limits {
            peers_max: 6,
            peers_per_address_max: 2,
            pending_max: 6,
            pending_per_address_max: 1,
            ..Limits::default()
        };
        Admission::new(limits)
    }

    fn enter(admission: &mut Admission, address: IpAddr) -> Result<(), Refusal> {
        admission.has_room(address, false).map_err(|no_room| no_room.refusal)?;
        admission.enter(address);
        Ok(())
    }

    /// Enters and opens.
    fn join(admission: &mut Admission, address: &str) -> Result<(), Refusal> {
        let address = address.parse().unwrap();
        enter(admission, address)?;
        admission.open(address);
        Ok(())
    }

    #[test]
    fn an_address_has_its_share_however_it_is_written() {
        let mut admission = admission();
        assert_eq!(join(&mut admission, "192.0.2.1"), Ok(()));
        assert_eq!(join(&mut admission, "::ffff:192.0.2.1"), Ok(()));
        assert_eq!(join(&mut admission, "192.0.2.1"), Err(Refusal::TooManyFromAddress));
        assert_eq!(join(&mut admission, "192.0.2.2"), Ok(()));
    }

    #[test]
    fn a_lan_of_ipv6_gets_in_and_one_host_with_many_addresses_leaves_room() {
        let mut admission = admission();
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            assert_eq!(join(&mut admission, host), Ok(()));
        }
        assert_eq!(join(&mut admission, "2001:db8::4"), Err(Refusal::TooManyFromAddress));
        assert_eq!(join(&mut admission, "2001:db8:0:1::1"), Ok(()));
        assert_eq!(join(&mut admission, "192.0.2.1"), Ok(()));
    }

    #[test]
    fn pending_ones_are_bounded_and_everything_is_given_back() {
        let mut admission = admission();
        let address = "2001:db8::1".parse().unwrap();
        enter(&mut admission, address).unwrap();
        assert_eq!(enter(&mut admission, address), Err(Refusal::TooManyFromAddress));
        admission.open(address);
        enter(&mut admission, address).unwrap();
        admission.leave(address, true);
        admission.leave(address, false);
        assert!(admission.is_empty());
    }

    #[test]
    fn a_full_house_is_full_for_everyone() {
        let mut admission = admission();
        for host in 1..=6 {
            join(&mut admission, &format!("192.0.2.{host}")).unwrap();
        }
        assert_eq!(join(&mut admission, "192.0.2.7"), Err(Refusal::Full));
    }
}
