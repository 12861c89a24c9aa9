//! Tells a brand's own server: one signed post for each surge, tried again until it is taken.

use std::{fmt, time::Duration};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tacita_protocol::{
    id::BrandId,
    time::{Clock, UnixTime},
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

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

/// Posts surges to the addresses that brands declared.
pub(crate) struct Webhooks {
    agent: ureq::Agent,
    /// The collector's signing key, from which each address's secret follows.
    root: Zeroizing<[u8; 32]>,
    /// Whether http to a loopback address is allowed.
    loopback: bool,
    under_way: Semaphore,
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
    pub(crate) fn new(root: Zeroizing<[u8; 32]>, loopback: bool) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        Self { agent, root, loopback, under_way: Semaphore::new(UNDER_WAY) }
    }

    /// The secret of a brand's address: a function of both and of the signing key, kept nowhere.
    pub(crate) fn secret(&self, brand: BrandId, url: &str) -> [u8; 32] {
        mac(self.root.as_slice(), &[b"tacita/webhook/v1", &brand.0.to_be_bytes(), url.as_bytes()])
    }

    /// Posts `body` to an address, again until it is taken. Each try is signed at its own time.
    pub(super) async fn tell(&self, brand: BrandId, url: &str, body: &str, clock: &dyn Clock) -> Ended {
        if url.starts_with("http://") && !self.loopback {
            tracing::warn!(url, "a webhook of plain http: set alerts.loopback-webhooks to allow it");
            return Ended::ForGood;
        }
        let Ok(_place) = self.under_way.try_acquire() else {
            tracing::warn!(url, "too many webhooks are under way: this one is told later");
            return Ended::ForNow;
        };
        let secret = self.secret(brand, url);
        for pause in PAUSES.map(Some).into_iter().chain([None]) {
            let problem = match self.post(url, body, &signature(&secret, clock.now(), body)).await {
                Ok(()) => return Ended::ForGood,
                Err(problem) => problem,
            };
            let Some(seconds) = pause else {
                tracing::warn!(url, problem, "a webhook is given up");
                return Ended::ForGood;
            };
            tracing::info!(url, problem, seconds, "a webhook was not taken: it is tried again");
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        Ended::ForGood
    }

    async fn post(&self, url: &str, body: &str, signature: &str) -> Result<(), String> {
        let (agent, url, body, signature) = (self.agent.clone(), url.to_owned(), body.to_owned(), signature.to_owned());
        let posted = tokio::task::spawn_blocking(move || {
            let request = agent.post(&url).header("content-type", "application/json");
            request.header("tacita-signature", &signature).send(body.as_str()).map(|answer| answer.status())
        });
        match posted.await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(format!("it answered {status}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(crash) => Err(crash.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_of_each_brand_has_a_secret_of_its_own() {
        let webhooks = Webhooks::new(Zeroizing::new([7; 32]), false);
        let secret = |brand, url| webhooks.secret(BrandId(brand), url);
        assert_eq!(secret(1, "https://a"), secret(1, "https://a"));
        assert_ne!(secret(1, "https://a"), secret(1, "https://b"));
        assert_ne!(secret(1, "https://a"), secret(2, "https://a"));
    }

    #[test]
    fn a_signature_is_over_time_and_body() {
        let at = |seconds, body| signature(&[1; 32], UnixTime(seconds), body);
        assert!(at(5, "{}").starts_with("t=5,v1=") && at(5, "{}").len() == "t=5,v1=".len() + 64);
        assert_ne!(at(5, "{}"), at(6, "{}").replace("t=6", "t=5"));
        assert_ne!(at(5, "{}"), at(5, "{ }"));
    }
}
