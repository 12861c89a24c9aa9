//! Connections, counted.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::Limit;

/// How many connections were taken and refused, and how many are open.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    taken: Counter,
    open: Gauge,
    refused: Family<OfLimit, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfLimit {
    limit: &'static str,
}

/// One more open connection, until dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Connections {
    /// Counts, in `registry`. `limits` are the names of all that may refuse, so that none is absent before its first refusal.
    pub fn new(registry: &mut Registry, limits: &[&'static str]) -> Self {
        let connections = Self::default();
        registry.register("connections", "Connections taken", connections.taken.clone());
        registry.register("connections_open", "Connections that are open", connections.open.clone());
        let told =
            "Connections refused because as many were open as may be, and calls for their headers, by the limit's name";
        registry.register("connections_refused", told, connections.refused.clone());
        limits.iter().for_each(|limit| drop(connections.refused.get_or_create(&OfLimit { limit })));
        connections
    }

    /// Those of another listener, which shares what is refused and nothing else.
    pub fn beside(&self) -> Self {
        Self { refused: self.refused.clone(), ..Self::default() }
    }

    /// One more.
    pub fn opened(&self) -> OpenConnection {
        self.taken.inc();
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// One more that has no place, or a call that has too long headers.
    pub fn refuse(&self, Limit { name, .. }: Limit) {
        self.refused.get_or_create(&OfLimit { limit: name }).inc();
    }

    /// How many a limit refused.
    pub fn refused(&self, limit: &'static str) -> u64 {
        self.refused.get_or_create(&OfLimit { limit }).get()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
