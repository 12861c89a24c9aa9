//! Why a server is not ready.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

/// One reason, in a word for programs and a sentence for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unready {
    /// The word, of a closed set.
    pub reason: &'static str,
    /// What is amiss, and what mends it.
    pub told: String,
}

/// Readiness as metrics.
#[derive(Clone, Debug)]
pub struct ReadyMetrics {
    reasons: &'static [&'static str],
    ready: Gauge,
    unready: Family<Reason, Gauge>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl ReadyMetrics {
    /// Of a server that may be unready for these reasons; `means` says what ready means.
    pub fn new(registry: &mut Registry, means: &str, reasons: &'static [&'static str]) -> Self {
        let (ready, unready) = (Gauge::default(), Family::<Reason, Gauge>::default());
        registry.register("ready", means, ready.clone());
        let meaning = format!("1 for each reason that it is not ready: {}", reasons.join(", "));
        registry.register("unready", meaning, unready.clone());
        Self { reasons, ready, unready }
    }

    /// Tells what stands.
    pub fn set(&self, standing: &[Unready]) {
        self.ready.set(i64::from(standing.is_empty()));
        for &reason in self.reasons {
            let stands = standing.iter().any(|one| one.reason == reason);
            self.unready.get_or_create(&Reason { reason }).set(i64::from(stands));
        }
    }
}
