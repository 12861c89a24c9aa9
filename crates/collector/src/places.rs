//! The places of a limit: so many in all, and of them so many for one publisher or brand, so that none of them can take
//! what all need.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tacita_connections::Tenant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    config::Limits,
    metrics::Metrics,
    pool::{Limit, Overload},
};

/// What may be under way at once, in all and of one tenant.
pub(crate) struct Places {
    limit: Limit,
    all: Arc<Semaphore>,
    share: Limit,
    /// Of tenants that came since the start: they are few, an operator makes each.
    shares: Mutex<HashMap<Tenant, Arc<Semaphore>>>,
}

/// A place, until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _of_all: OwnedSemaphorePermit,
    /// Operators have no share.
    _of_share: Option<OwnedSemaphorePermit>,
}

/// What two limits are called: of all, and of one tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Names(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const UPLOAD_STREAMS: Names = Names("upload_streams", "upload_streams_per_tenant");
pub(crate) const UPLOADS: Names = Names("uploads_in_flight", "uploads_in_flight_per_tenant");
pub(crate) const ISSUANCES: Names = Names("issuances_in_flight", "issuances_in_flight_per_tenant");
pub(crate) const QUERIES: Names = Names("queries_in_flight", "queries_in_flight_per_tenant");
pub(crate) const FOLLOWERS: Names = Names("followers", "followers_per_tenant");

impl Places {
    /// `most` places, and for one tenant the part of them that `limits` say.
    pub(crate) fn new(Names(name, of_tenant): Names, most: usize, limits: &Limits, metrics: &Metrics) -> Self {
        let limit = Limit { name, value: most };
        let share = Limit { name: of_tenant, value: limits.share_of(most) };
        Self { limit, all: metrics.permits(limit), share, shares: Mutex::default() }
    }

    /// A place, or a refusal at once.
    pub(crate) fn enter(&self, tenant: Option<Tenant>) -> Result<Place, Overload> {
        let of_all = self.all.clone().try_acquire_owned().map_err(|_| Overload(self.limit))?;
        let of_share = tenant.map(|tenant| self.share_of(tenant).try_acquire_owned()).transpose();
        Ok(Place { _of_all: of_all, _of_share: of_share.map_err(|_| Overload(self.share))? })
    }

    /// A place, as soon as there is one. For callers whose own number is bounded.
    pub(crate) async fn enter_in_turn(&self, tenant: Option<Tenant>) -> Result<Place, Overload> {
        // The share first: whoever waits for it keeps nobody else waiting.
        let of_share = match tenant {
            Some(tenant) => Some(self.share_of(tenant).acquire_owned().await.map_err(|_| Overload(self.share))?),
            None => None,
        };
        let of_all = self.all.clone().acquire_owned().await.map_err(|_| Overload(self.limit))?;
        Ok(Place { _of_all: of_all, _of_share: of_share })
    }

    fn share_of(&self, tenant: Tenant) -> Arc<Semaphore> {
        let places = self.share.value.min(Semaphore::MAX_PERMITS);
        self.shares.lock().entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(places))).clone()
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Places({:?}, {:?})", self.limit, self.share)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn places(most: usize) -> Places {
        let limits = Limits { tenant_percent: 25, ..Limits::default() };
        Places::new(QUERIES, most, &limits, &Metrics::new(&mut Registry::default()))
    }

    const ONE: Option<Tenant> = Some(Tenant("brand", 1));
    const OTHER: Option<Tenant> = Some(Tenant("brand", 2));

    fn refused(refused: Result<Place, Overload>) -> (&'static str, usize) {
        let Overload(limit) = refused.unwrap_err();
        (limit.name, limit.value)
    }

    #[test]
    fn a_tenant_has_its_share_and_leaves_the_rest() {
        let places = places(8);
        let held = [places.enter(ONE).unwrap(), places.enter(ONE).unwrap()];
        assert_eq!(refused(places.enter(ONE)), ("queries_in_flight_per_tenant", 2));
        let _others = [places.enter(OTHER).unwrap(), places.enter(OTHER).unwrap()];
        let _operators = [None; 4].map(|operator| places.enter(operator).unwrap());
        assert_eq!(refused(places.enter(None)), ("queries_in_flight", 8));
        drop(held);
        places.enter(ONE).unwrap();
    }

    #[test]
    fn a_share_of_few_places_is_one_and_of_none_is_none() {
        let few = places(3);
        let _held = few.enter(ONE).unwrap();
        assert_eq!(refused(few.enter(ONE)), ("queries_in_flight_per_tenant", 1));
        assert_eq!(refused(places(0).enter(ONE)), ("queries_in_flight", 0));
    }

    #[tokio::test]
    async fn who_waits_for_its_share_keeps_nobody_else_waiting() {
        let places = Arc::new(places(2));
        let held = places.enter_in_turn(ONE).await.unwrap();
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.enter_in_turn(ONE).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(places.enter_in_turn(OTHER).await.unwrap());
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap().unwrap();
    }
}
