//! How many connections there may be, overall and from one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::signal::Refusal;

/// How many clients over the bounds may be told so at a time. The others are hung up on.
const REFUSED_MAX: usize = 64;

/// A network may have this part of all connections. Behind one IPv6 /64 is either a whole LAN or one host with 2^64
/// addresses, and nothing tells which: so each address has its bound, and the /64 half of the house.
const NETWORK_SHARE: usize = 2;

/// Who is in.
#[derive(Debug)]
pub(super) struct Door {
    connections_max: usize,
    per_address_max: usize,
    inside: usize,
    refused: usize,
    addresses: BTreeMap<IpAddr, usize>,
    networks: BTreeMap<u64, usize>,
}

/// A place inside, given back with [`Door::leave`].
#[derive(Debug)]
#[must_use]
pub(super) enum Seat {
    Inside(IpAddr),
    /// Only until the refusal is told.
    Refused(Refusal),
}

impl Door {
    pub(super) fn new(connections_max: usize, per_address_max: usize) -> Self {
        Door {
            connections_max,
            per_address_max,
            inside: 0,
            refused: 0,
            addresses: BTreeMap::new(),
            networks: BTreeMap::new(),
        }
    }

    /// Lets an address in, an IPv4 one in its plain form. `None`: there is not even room for a refusal.
    pub(super) fn enter(&mut self, address: IpAddr) -> Option<Seat> {
        let here = self.addresses.get(&address).copied().unwrap_or(0);
        let nearby = network(address).and_then(|network| self.networks.get(&network).copied()).unwrap_or(0);
        let refusal = if self.inside >= self.connections_max {
            Refusal::Full
        } else if here >= self.per_address_max || nearby >= self.connections_max.div_ceil(NETWORK_SHARE) {
            Refusal::TooManyFromAddress
        } else {
            self.inside += 1;
            *self.addresses.entry(address).or_default() += 1;
            if let Some(network) = network(address) {
                *self.networks.entry(network).or_default() += 1;
            }
            return Some(Seat::Inside(address));
        };
        if self.refused >= REFUSED_MAX {
            return None;
        }
        self.refused += 1;
        Some(Seat::Refused(refusal))
    }

    pub(super) fn leave(&mut self, seat: Seat) {
        match seat {
            Seat::Refused(_) => self.refused -= 1,
            Seat::Inside(address) => {
                self.inside -= 1;
                one_less(&mut self.addresses, address);
                if let Some(network) = network(address) {
                    one_less(&mut self.networks, network);
                }
            }
        }
    }
}

fn one_less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

/// The /64 of an IPv6 address.
fn network(address: IpAddr) -> Option<u64> {
    match address {
        IpAddr::V4(_) | IpAddr::V6(Ipv6Addr::LOCALHOST) => None,
        IpAddr::V6(address) => u64::try_from(u128::from(address) >> 64).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(door: &mut Door, address: &str) -> Result<Seat, Option<Refusal>> {
        match door.enter(address.parse().unwrap()) {
            Some(seat @ Seat::Inside(_)) => Ok(seat),
            Some(Seat::Refused(refusal)) => Err(Some(refusal)),
            None => Err(None),
        }
    }

    #[test]
    fn an_address_has_its_share() {
        let mut door = Door::new(8, 2);
        let first = enter(&mut door, "192.0.2.1").unwrap();
        let _second = enter(&mut door, "192.0.2.1").unwrap();
        assert_eq!(enter(&mut door, "192.0.2.1").unwrap_err(), Some(Refusal::TooManyFromAddress));
        let _other = enter(&mut door, "192.0.2.2").unwrap();
        door.leave(first);
        assert!(enter(&mut door, "192.0.2.1").is_ok());
    }

    #[test]
    fn the_house_has_its_bound() {
        let mut door = Door::new(3, 2);
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            let _inside = enter(&mut door, address).unwrap();
        }
        assert_eq!(enter(&mut door, "192.0.2.4").unwrap_err(), Some(Refusal::Full));
    }

    #[test]
    fn an_ipv6_network_has_half_of_the_house() {
        let mut door = Door::new(8, 3);
        for address in ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"] {
            let _inside = enter(&mut door, address).unwrap();
        }
        assert_eq!(enter(&mut door, "2001:db8::5").unwrap_err(), Some(Refusal::TooManyFromAddress));
        assert!(enter(&mut door, "2001:db8:0:1::5").is_ok());
        assert!(enter(&mut door, "192.0.2.1").is_ok());
    }

    #[test]
    fn refusals_are_bounded_too() {
        let mut door = Door::new(0, 0);
        let first = door.enter("192.0.2.1".parse().unwrap()).unwrap();
        for _ in 1..REFUSED_MAX {
            assert_eq!(enter(&mut door, "192.0.2.1").unwrap_err(), Some(Refusal::Full));
        }
        assert_eq!(enter(&mut door, "192.0.2.1").unwrap_err(), None);
        door.leave(first);
        assert_eq!(enter(&mut door, "192.0.2.1").unwrap_err(), Some(Refusal::Full));
    }

    #[test]
    fn nobody_is_remembered() {
        let mut door = Door::new(8, 2);
        for number in 0..1000_u128 {
            let seat = door.enter(IpAddr::V6(Ipv6Addr::from(number << 60))).unwrap();
            door.leave(seat);
        }
        assert!(door.addresses.is_empty() && door.networks.is_empty() && door.inside == 0);
    }
}
