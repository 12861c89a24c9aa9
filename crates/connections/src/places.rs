//! The places: in all, of one address, of one tenant.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::{Bounds, Limit};

/// An address as far as limits tell addresses apart: one of IPv4, or the /64 of one of IPv6, since one household has a
/// whole /64. It is used for limits and for nothing else, and cannot be printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(IpAddr);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()),
            v4 => Self(v4),
        }
    }
}

/// On whose behalf a call is made: the kind of tenant, and its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tenant(pub &'static str, pub u32);

/// The places of a listener.
#[derive(Clone)]
pub(crate) struct Places {
    bounds: Bounds,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_peer: HashMap<Peer, usize>,
    by_tenant: HashMap<Tenant, usize>,
}

/// A connection's place, until dropped.
pub(crate) struct Place {
    places: Places,
    peer: Option<Peer>,
    /// Whom it counts for: nearly always one.
    tenants: Mutex<BTreeSet<Tenant>>,
}

impl Places {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, open: Arc::default() }
    }

    /// A place for a connection from `peer`, or which limit leaves none. `None` is whoever stands for many, and counts
    /// in all alone.
    pub(crate) fn take(&self, peer: Option<Peer>) -> Result<Place, Limit> {
        let Bounds { most, per_peer, .. } = self.bounds;
        let mut open = self.open.lock();
        if open.all >= most.value {
            return Err(most);
        }
        if let Some(peer) = peer
            && !one_more(&mut open.by_peer, peer, per_peer.value)
        {
            return Err(per_peer);
        }
        open.all += 1;
        Ok(Place { places: self.clone(), peer, tenants: Mutex::default() })
    }
}

impl Place {
    /// From here on it counts for `tenant` too, if that has a place left.
    pub(crate) fn counts_for(&self, tenant: Tenant) -> Result<(), Limit> {
        let Some(limit) = self.places.bounds.per_tenant else { return Ok(()) };
        let mut tenants = self.tenants.lock();
        if tenants.contains(&tenant) {
            return Ok(());
        }
        if !one_more(&mut self.places.open.lock().by_tenant, tenant, limit.value) {
            return Err(limit);
        }
        tenants.insert(tenant);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open.lock();
        open.all -= 1;
        if let Some(peer) = self.peer {
            one_less(&mut open.by_peer, peer);
        }
        for &tenant in self.tenants.get_mut().iter() {
            one_less(&mut open.by_tenant, tenant);
        }
    }
}

/// Counts one more of `whose`, unless it has `most`.
fn one_more<K: Eq + Hash>(counts: &mut HashMap<K, usize>, whose: K, most: usize) -> bool {
    match counts.entry(whose) {
        Entry::Occupied(count) if *count.get() >= most => false,
        Entry::Vacant(_) if most == 0 => false,
        count => {
            *count.or_default() += 1;
            true
        }
    }
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, whose: K) {
    if let Entry::Occupied(mut count) = counts.entry(whose) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn places() -> Places {
        let limit = |name, value| Limit { name, value };
        let time = Duration::from_secs(1);
        Places::new(Bounds {
            most: limit("all", 4),
            per_peer: limit("peer", 2),
            per_tenant: Some(limit("tenant", 1)),
            stranger: Some(time),
            idle: time,
            age: time,
            grace: None,
            streams: 1,
            head: 1,
            adaptive_window: false,
        })
    }

    fn peer(address: &str) -> Option<Peer> {
        Some(address.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn an_address_has_its_places_and_a_household_of_ipv6_is_one() {
        let places = places();
        let _held = ["2001:db8::1", "2001:db8::2:1"].map(|address| places.take(peer(address)).ok().unwrap());
        assert_eq!(places.take(peer("2001:db8::3")).map(drop).unwrap_err().name, "peer");
        let other = places.take(peer("2001:db8:0:1::1")).ok().unwrap();
        let _shared = places.take(None).ok().unwrap();
        assert_eq!(places.take(peer("192.0.2.1")).map(drop).unwrap_err().name, "all");
        drop(other);
        assert!(places.take(peer("::ffff:192.0.2.1")).is_ok());
    }

    #[test]
    fn a_connection_counts_once_for_a_tenant_and_for_each_that_calls_on_it() {
        let places = places();
        let (one, other) = (Tenant("brand", 1), Tenant("brand", 2));
        let (first, second) = (places.take(None).ok().unwrap(), places.take(None).ok().unwrap());
        assert!(first.counts_for(one).is_ok() && first.counts_for(one).is_ok());
        assert_eq!(second.counts_for(one).unwrap_err().name, "tenant");
        assert!(second.counts_for(Tenant("publisher", 1)).is_ok() && first.counts_for(other).is_ok());
        drop(first);
        assert!(second.counts_for(one).is_ok() && second.counts_for(other).is_ok());
        drop(second);
        let open = places.open.lock();
        assert!(open.all == 0 && open.by_peer.is_empty() && open.by_tenant.is_empty());
    }
}
