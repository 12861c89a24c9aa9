//! The gate: how much a visitor may have of tokens and submit of envelopes, and the forward of issuance that says nothing
//! of who asked.
//!
//! The limits live in memory only. A visitor is known by a keyed hash of the address under a key that this process drew
//! and never writes, cut to [`PLACES`] places: memory is bounded whatever comes in. Visitors who fall on one place share
//! an allowance; with 100,000 visitors remembered, one in twenty does.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{Quota, RateLimiter, clock, middleware::NoOpMiddleware, nanos::Nanos, state::keyed::DashMapStateStore};
use tacita_proto::v1::{self, token_service_client::TokenServiceClient};
use tacita_protocol::time::{Clock, UnixTime};
use tonic::{Code, Status};

use crate::{
    config::{ConfigError, VisitorLimit},
    refusal,
    upstream::{Line, Upstream, answer},
    visitor::Visitor,
};

/// How many visitors can be told apart: about 70 MB when all places are taken.
const PLACES: u64 = 1 << 21;

/// What a visitor may have of one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limit {
    most: u32,
    of: &'static str,
    /// Its name in the settings.
    name: &'static str,
    per: Duration,
}

impl VisitorLimit {
    /// What issuance is held to.
    pub(crate) fn of_tokens(self) -> Limit {
        Limit { most: self.tokens, of: "tokens", name: "visitor.tokens", per: self.per }
    }

    /// What submission is held to.
    pub(crate) fn of_envelopes(self) -> Limit {
        Limit { most: self.envelopes, of: "envelopes", name: "visitor.envelopes", per: self.per }
    }
}

/// The visitor has had what a visitor may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the limit of {} {} per visitor in {} s is reached; try again later", .0.most, .0.of, .0.per.as_secs())]
pub(crate) struct OverLimit(Limit);

impl From<OverLimit> for Status {
    fn from(over: OverLimit) -> Self {
        refusal::Limit::new(over.0.name, over.0.most.into()).refuse(Code::ResourceExhausted, over.to_string())
    }
}

type Limiter = RateLimiter<u64, DashMapStateStore<u64>, LimitClock, NoOpMiddleware<Nanos>>;

/// How much each visitor had of late.
pub(crate) struct Allowances {
    limit: Limit,
    limiter: Limiter,
    hash: RandomState,
}

impl Allowances {
    pub(crate) fn new(limit: Limit, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let burst = NonZeroU32::new(limit.most).ok_or(ConfigError::VisitorLimit)?;
        let quota = Quota::with_period(limit.per / limit.most).ok_or(ConfigError::VisitorLimit)?.allow_burst(burst);
        let limiter = RateLimiter::dashmap_with_clock(quota, LimitClock::new(clock));
        Ok(Self { limit, limiter, hash: RandomState::new() })
    }

    /// Takes `wanted` from the visitor's allowance, all or none.
    pub(crate) fn take(&self, visitor: Visitor, wanted: u32) -> Result<(), OverLimit> {
        let Some(wanted) = NonZeroU32::new(wanted) else { return Ok(()) };
        let place = self.hash.hash_one(visitor) % PLACES;
        match self.limiter.check_key_n(&place, wanted) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(OverLimit(self.limit)),
        }
    }

    /// Forgets visitors whose allowance is whole again.
    pub(crate) fn forget(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    /// How many visitors are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.limiter.len()
    }
}

/// The relay's clock as the limiter wants it: one that never goes back. Else whoever was served before the clock was
/// set back would be refused until it is there again.
#[derive(Clone)]
struct LimitClock {
    clock: Arc<dyn Clock>,
    passed: Arc<Mutex<Passed>>,
}

/// The time that has passed: a jump back of the clock is none of it.
struct Passed {
    seen: UnixTime,
    time: UnixTime,
}

impl LimitClock {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = clock.now();
        Self { clock, passed: Arc::new(Mutex::new(Passed { seen, time: seen })) }
    }
}

impl clock::Clock for LimitClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        passed.time = passed.time.plus(now.0.saturating_sub(passed.seen.0));
        passed.seen = now;
        Nanos::new(passed.time.0.saturating_mul(Duration::from_secs(1).as_nanos() as u64))
    }
}

impl fmt::Debug for LimitClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clock.fmt(f)
    }
}

/// The way to the collector's issuer, on a connection that carries nothing else.
pub(crate) struct IssuerConnection {
    upstream: Upstream,
    issuer: TokenServiceClient<Line>,
}

impl IssuerConnection {
    pub(crate) fn new(upstream: Upstream) -> Self {
        Self { issuer: TokenServiceClient::new(upstream.connection()), upstream }
    }

    /// Forwards the three fields of a request and nothing else; what the visitor's request came with stays here.
    pub(crate) async fn forward(&self, asked: v1::IssueTokensRequest) -> Result<v1::IssueTokensResponse, Status> {
        let v1::IssueTokensRequest { publisher, epoch, blinded_batch } = asked;
        let request = self.upstream.request(v1::IssueTokensRequest { publisher, epoch, blinded_batch });
        answer(self.issuer.clone().issue_tokens(request)).await.map_err(|status| for_visitor(&status))
    }
}

/// What a visitor is told of the collector's refusal.
fn for_visitor(status: &Status) -> Status {
    match status.code() {
        // Its reason is passed on with it: the message and the details name a limit, an epoch or a field, nobody.
        Code::InvalidArgument | Code::FailedPrecondition | Code::ResourceExhausted => {
            // With its details: they name the limit.
            Status::with_details(status.code(), status.message(), status.details().to_vec().into())
        }
        Code::Unauthenticated | Code::PermissionDenied => {
            tracing::error!(code = ?status.code(), "the collector does not accept this relay: check its API key");
            let told = "the relay is not accepted by its collector; its operator must check the API key";
            refusal::because(Code::Unavailable, "RELAY_NOT_ACCEPTED", told)
        }
        code => {
            tracing::warn!(?code, "the collector issued no tokens");
            let told = "the collector cannot be reached; try again later";
            refusal::because(Code::Unavailable, "COLLECTOR_UNREACHABLE", told)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tacita_protocol::time::ManualClock;

    use super::*;

    const NOON: UnixTime = UnixTime(1_800_000_000);

    fn allowances(tokens: u32) -> (Allowances, ManualClock) {
        let clock = ManualClock::new(NOON);
        let limit = VisitorLimit { tokens, envelopes: 128, per: Duration::from_secs(100) };
        (Allowances::new(limit.of_tokens(), Arc::new(clock.clone())).unwrap(), clock)
    }

    fn visitor(number: u8) -> Visitor {
        IpAddr::from([192, 0, 2, number]).into()
    }

    #[test]
    fn an_allowance_is_spent_and_comes_back_over_time() {
        let (allowances, clock) = allowances(64);
        assert!(allowances.take(visitor(1), 32).is_ok());
        assert!(allowances.take(visitor(1), 32).is_ok());
        let refused = allowances.take(visitor(1), 32).unwrap_err();
        assert!(refused.to_string().contains("64 tokens per visitor in 100 s"));
        assert!(allowances.take(visitor(2), 32).is_ok(), "another visitor has an allowance of its own");
        clock.set(NOON.plus(51));
        assert!(allowances.take(visitor(1), 32).is_ok());
        assert!(allowances.take(visitor(1), 32).is_err());
    }

    #[test]
    fn a_clock_that_was_ahead_and_is_set_back_locks_nobody_out() {
        let (allowances, clock) = allowances(64);
        clock.set(NOON.plus(1_200));
        assert!(allowances.take(visitor(1), 32).is_ok());
        clock.set(NOON);
        assert!(allowances.take(visitor(1), 32).is_ok(), "what is left of the allowance");
        assert!(allowances.take(visitor(1), 32).is_err(), "a clock set back gives nothing either");
        clock.set(NOON.plus(51));
        assert!(allowances.take(visitor(1), 32).is_ok());
    }

    #[test]
    fn a_batch_above_the_whole_allowance_is_refused_and_nothing_panics() {
        let (allowances, _) = allowances(16);
        assert!(allowances.take(visitor(1), 32).is_err());
    }

    #[test]
    fn a_visitor_whose_allowance_is_whole_is_forgotten() {
        let (allowances, clock) = allowances(64);
        for number in 0..100 {
            assert!(allowances.take(visitor(number), 32).is_ok());
        }
        assert!(allowances.remembered() > 90);
        clock.set(NOON.plus(300));
        allowances.forget();
        assert_eq!(allowances.remembered(), 0);
    }
}
