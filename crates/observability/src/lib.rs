//! What an operator sees of a running server (`spec/observability.md`). Knows of no collector and no relay.
//!
//! | module | holds |
//! |---|---|
//! | [`calls`] | a layer that counts every call by method, code and reason, and gives it a span |
//! | `ending` | how a call ended: read from headers, trailers or gRPC-Web's last frame |
//! | [`page`] | the metrics as text, made anew only now and then |
//! | [`process`] | the process: memory, processor time, descriptors |
//! | [`health`] | what gRPC's health service says, up to the end |
//! | [`readiness`] | why a server is not ready |
//! | [`registrar`] | registering metrics where they are made |
//! | [`samples`] | reading such a text |
//! | [`listener`] | `/metrics`, `/healthz`, `/readyz` |
//! | [`logs`] | text or JSON, and a filter that can be changed while the server runs |
//!
//! Nothing here takes a label from a caller: values are of closed sets, known before the first call.

pub mod calls;
mod ending;
pub mod health;
pub mod listener;
pub mod logs;
pub mod page;
pub mod process;
pub mod readiness;
pub mod registrar;
pub mod samples;

pub use calls::{CallLayer, Methods};
pub use ending::Ending;
pub use health::Health;
pub use listener::Listener;
pub use logs::{LogFilter, LogFormat};
pub use page::Page;
pub use readiness::Unready;
pub use registrar::{Durations, Registrar};

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Histograms of times: 0.1 ms to 52 s, each bound twice the one before.
pub fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 2.0, 20))
}

/// Histograms of sizes: 1 to 32,768, each bound twice the one before.
pub fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 16))
}
