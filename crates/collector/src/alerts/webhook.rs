//! Tells a brand's own server: one signed post for each surge, tried again until it is taken.

use std::{fmt, time::Duration};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tacita_protocol::{
    id::BrandId,
    time::{Clock, UnixTime},
};
use tokio::sync::Semaphore;
use ureq::unversioned::transport::DefaultConnector;
use zeroize::Zeroizing;

use crate::{
    metrics::{WebhookMetrics, WebhookOutcome},
    outside::{Inside, Outside},
};

/// Pauses before another try.
const PAUSES: [u64; 5] = [1, 5, 25, 125, 625];
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most posts under way, those that wait for another try among them.
const UNDER_WAY: usize = 256;

/// How telling an address ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// It took it, or was given up.
    ForGood,
    /// This collector is busy: it is told in a later turn.
    ForNow,
}

/// Why a post was not taken.
#[derive(Debug)]
enum Problem {
    /// It is where no webhook may be.
    Inside,
    /// Another try may be taken.
    NotTaken(String),
}

/// Posts surges to the addresses that brands declared.
pub(crate) struct Webhooks {
    agent: ureq::Agent,
    /// The collector's signing key, from which each address's secret follows.
    root: Zeroizing<[u8; 32]>,
    /// Whether a loopback address is allowed, by plain http too.
    loopback: bool,
    under_way: Semaphore,
    metrics: WebhookMetrics,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhooks({} free)", self.under_way.available_permits())
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // Unwrap safety: HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// `t=UNIX_SECONDS,v1=HEX` for a body.
fn signature(secret: &[u8; 32], at: UnixTime, body: &str) -> String {
    let at = at.0.to_string();
    format!("t={at},v1={}", hex::encode(mac(secret, &[at.as_bytes(), b".", body.as_bytes()])))
}

impl Webhooks {
    pub(crate) fn new(root: Zeroizing<[u8; 32]>, loopback: bool, metrics: WebhookMetrics) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Outside::new(loopback));
        Self { agent, root, loopback, under_way: Semaphore::new(UNDER_WAY), metrics }
    }

    /// Whether a webhook may be on this machine.
    pub(crate) fn loopback(&self) -> bool {
        self.loopback
    }

    /// The secret of a brand's address: a function of both and of the signing key, kept nowhere.
    pub(crate) fn secret(&self, brand: BrandId, url: &str) -> [u8; 32] {
        mac(self.root.as_slice(), &[b"tacita/webhook/v1", &brand.0.to_be_bytes(), url.as_bytes()])
    }

    /// Posts `body` to an address, again until it is taken. Each try is signed at its own time. The address is the
    /// brand's own, and may hold a secret of its server: no log has it.
    pub(super) async fn tell(&self, brand: BrandId, url: &str, body: &str, clock: &dyn Clock) -> Ended {
        if url.starts_with("http://") && !self.loopback {
            self.metrics.count(WebhookOutcome::NotAllowed);
            tracing::warn!(%brand, "a webhook of plain http: set alerts.loopback-webhooks to allow it");
            return Ended::ForGood;
        }
        let Ok(_place) = self.under_way.try_acquire() else {
            self.metrics.count(WebhookOutcome::TooMany);
            tracing::warn!(%brand, "too many webhooks are under way: this one is told later");
            return Ended::ForNow;
        };
        let _open = self.metrics.opened();
        let secret = self.secret(brand, url);
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            let problem = match self.post(url, body, &signature(&secret, clock.now(), body)).await {
                Ok(()) => {
                    self.metrics.count(WebhookOutcome::Delivered);
                    return Ended::ForGood;
                }
                Err(Problem::Inside) => {
                    self.metrics.count(WebhookOutcome::NotAllowed);
                    tracing::warn!(%brand, "a webhook is in a network of the collector's own, where none is told");
                    return Ended::ForGood;
                }
                Err(Problem::NotTaken(problem)) => problem,
            };
            let Some(seconds) = pause else {
                self.metrics.count(WebhookOutcome::GivenUp);
                tracing::warn!(%brand, problem, "a webhook is given up");
                return Ended::ForGood;
            };
            self.metrics.count(WebhookOutcome::Retried);
            tracing::info!(%brand, problem, seconds, "a webhook was not taken: it is tried again");
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        Ended::ForGood
    }

    async fn post(&self, url: &str, body: &str, signature: &str) -> Result<(), Problem> {
        let (agent, url, body, signature) = (self.agent.clone(), url.to_owned(), body.to_owned(), signature.to_owned());
        let posted = tokio::task::spawn_blocking(move || {
            let request = agent.post(&url).header("content-type", "application/json");
            request.header("tacita-signature", &signature).send(body.as_str()).map(|answer| answer.status())
        });
        match posted.await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(Problem::NotTaken(format!("it answered {status}"))),
            Ok(Err(ureq::Error::Other(cause))) if cause.is::<Inside>() => Err(Problem::Inside),
            Ok(Err(error)) => Err(Problem::NotTaken(problem_of(&error).to_owned())),
            Err(crash) => Err(Problem::NotTaken(crash.to_string())),
        }
    }
}

/// What went wrong, without the address that the error may name.
fn problem_of(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "it did not answer in time",
        ureq::Error::HostNotFound => "its host is not found",
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "its certificate is not accepted",
        ureq::Error::Io(_) | ureq::Error::ConnectionFailed => "it cannot be reached",
        _ => "it cannot be posted to",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::registry::Registry;
    use tacita_protocol::time::SystemClock;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn each_address_of_each_brand_has_a_secret_of_its_own() {
        let metrics = Metrics::new(&mut Registry::default()).webhooks.clone();
        let webhooks = Webhooks::new(Zeroizing::new([7; 32]), false, metrics);
        let secret = |brand, url| webhooks.secret(BrandId(brand), url);
        assert_eq!(secret(1, "https://a"), secret(1, "https://a"));
        assert_ne!(secret(1, "https://a"), secret(1, "https://b"));
        assert_ne!(secret(1, "https://a"), secret(2, "https://a"));
    }

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<parking_lot::Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Time is made to pass, so that all tries are made at once.
    #[tokio::test(start_paused = true)]
    async fn a_webhook_that_is_refused_is_counted_and_its_address_is_in_no_log() {
        let mut registry = Registry::default();
        let (metrics, log) = (Metrics::new(&mut registry).webhooks.clone(), Log::default());
        let webhooks = Webhooks::new(Zeroizing::new([7; 32]), true, metrics);
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        let _listening = tracing::subscriber::set_default(subscriber);
        // Nobody listens on port 1.
        webhooks.tell(BrandId(3), "http://127.0.0.1:1/hook/s3cret", "{}", &SystemClock).await;
        let logged = String::from_utf8(log.0.lock().clone()).unwrap();
        assert!(logged.contains("it cannot be reached") && logged.contains("brand=3"), "{logged}");
        assert!(!logged.contains("s3cret"), "{logged}");
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        assert!(page.contains("webhooks_total{outcome=\"retried\"} 5"), "{page}");
        assert!(page.contains("webhooks_total{outcome=\"given_up\"} 1"), "{page}");
    }

    #[test]
    fn a_signature_is_over_time_and_body() {
        let at = |seconds, body| signature(&[1; 32], UnixTime(seconds), body);
        assert!(at(5, "{}").starts_with("t=5,v1=") && at(5, "{}").len() == "t=5,v1=".len() + 64);
        assert_ne!(at(5, "{}"), at(6, "{}").replace("t=6", "t=5"));
        assert_ne!(at(5, "{}"), at(5, "{ }"));
    }
}
