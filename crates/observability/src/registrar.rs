//! Registering metrics where they are made.

use std::{fmt::Debug, hash::Hash};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, histogram::Histogram},
    registry::{Metric, Registry, Unit},
};

/// Times by label, in the buckets of [`seconds`](crate::seconds).
pub type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// Registers metrics and hands them back.
#[derive(Debug)]
pub struct Registrar<'a>(pub &'a mut Registry);

impl Registrar<'_> {
    /// A metric without a unit.
    pub fn put<M: Metric + Clone>(&mut self, name: &str, meaning: &str, metric: M) -> M {
        self.0.register(name, meaning, metric.clone());
        metric
    }

    /// A metric of a unit, which becomes a part of its name.
    pub fn unit<M: Metric + Clone>(&mut self, name: &str, meaning: &str, unit: Unit, metric: M) -> M {
        self.0.register_with_unit(name, meaning, unit, metric.clone());
        metric
    }

    /// Times by label.
    pub fn seconds<L>(&mut self, name: &str, meaning: &str) -> Durations<L>
    where
        L: EncodeLabelSet + Clone + Hash + Eq + Debug + Send + Sync + 'static,
    {
        self.unit(name, meaning, Unit::Seconds, Durations::new_with_constructor(crate::seconds))
    }
}
