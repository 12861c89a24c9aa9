//! The metrics as text.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use prometheus_client::{encoding::text::encode, registry::Registry};

/// The media type of the text.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of one server. Whoever asks more often than every `grain` is given the same bytes again, so that nobody
/// dates single events by asking all the time.
pub struct Page {
    registry: Registry,
    look: Box<dyn Fn() + Send + Sync>,
    grain: Duration,
    made: Mutex<Option<(Instant, Bytes)>>,
}

impl Page {
    /// A page of `registry`; `look` brings up to date what is not counted where it happens.
    pub fn new(registry: Registry, grain: Duration, look: impl Fn() + Send + Sync + 'static) -> Self {
        Self { registry, look: Box::new(look), grain, made: Mutex::default() }
    }

    /// The text in OpenMetrics 1.0.
    pub fn text(&self) -> Bytes {
        let mut made = self.made.lock();
        if let Some((_, text)) = made.as_ref().filter(|(at, _)| at.elapsed() < self.grain) {
            return text.clone();
        }
        (self.look)();
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // Writing to a string does not fail; a metric that cannot write itself leaves what came before it.
            tracing::error!("the metrics were not written whole");
        }
        let text = Bytes::from(text);
        *made = Some((Instant::now(), text.clone()));
        text
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("grain", &self.grain).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn within_the_grain_the_page_stays_the_same() {
        let page_of = |grain| {
            let (mut registry, counter) = (Registry::default(), Counter::<u64>::default());
            registry.register("events", "Events", counter.clone());
            (Page::new(registry, grain, || {}), counter)
        };
        let (page, counter) = page_of(Duration::from_secs(3_600));
        let before = page.text();
        counter.inc();
        assert_eq!(page.text(), before);
        let (page, counter) = page_of(Duration::ZERO);
        let before = page.text();
        counter.inc();
        assert_ne!(page.text(), before);
    }
}
