//! What an operator decides about a relay, and the checks on it.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ed25519_dalek::VerifyingKey;
use http::HeaderValue;
use ipnet::IpNet;
use tacita_protocol::id::PublisherId;
use tacita_tls::{ClientTls, Server, ServerTls};
use tacita_tokens::ENVELOPE_LEN;
use url::Url;

/// The most envelopes in one `SubmitReports`.
pub const MAX_SUBMITTED: usize = 128;

/// The most envelopes in one uploaded batch: the message stays below tonic's default bound of 4 MiB.
pub const MAX_BATCH: usize = 32_768;

/// All that a relay needs to know.
#[derive(Clone)]
pub struct RelayConfig {
    /// Whose relay it is. It serves this publisher only.
    pub publisher: PublisherId,
    /// The collector's address, `https://HOST[:PORT]`, or `http://HOST:PORT` without TLS.
    pub collector: String,
    /// Whom to trust as the collector, and the certificate to show it.
    pub collector_tls: ClientTls,
    /// What visitors' connections are encrypted with. None: plain HTTP, behind a proxy that ends TLS.
    pub tls: Option<ServerTls>,
    /// The publisher's API key at the collector.
    pub api_key: String,
    /// The key that manifests must be signed with: the one pinned in the publisher's embed code.
    pub signing_key: VerifyingKey,
    /// The folder for the manifest and the queue. One relay at a time may use it.
    pub data: PathBuf,
    /// When a batch leaves, and how large it is.
    pub batch: BatchPolicy,
    /// How many tokens one visitor may have, and how many envelopes it may submit.
    pub visitor_limit: VisitorLimit,
    /// How many connections are served at a time.
    pub connections: ConnectionLimit,
    /// What a request may be.
    pub requests: RequestLimit,
    /// The most bytes of envelopes held at a time; beyond it devices are told to keep theirs.
    pub queue_bytes: u64,
    /// Proxies whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a drain waits for open requests, and then for the collector's answers. What is not answered stays on disk.
    pub drain: Duration,
    /// Origins of pages that may call from another origin (CORS); `*` stands for all.
    pub allowed_origins: Vec<String>,
    /// How often the manifest is fetched.
    pub manifest_refresh: Duration,
    /// How long the collector's receipts are kept.
    pub receipts_kept: Duration,
    /// The folder of the SDK's build, if pages load it from here.
    pub sdk: Option<PathBuf>,
    /// The file of short links, if there are any. It is read again when it changes.
    pub links: Option<PathBuf>,
    /// The address of the listener for scrapers and probes, which asks for no key. None: there is no such listener.
    pub metrics: Option<SocketAddr>,
}

/// When a batch leaves, and how large it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchPolicy {
    /// A batch leaves at once when so many envelopes wait.
    pub least: usize,
    /// Fewer leave together when the first of them has waited so long.
    pub age: Duration,
    /// No batch is larger. At least twice `least`, so that a large queue divides without a small rest.
    pub most: usize,
}

/// What one visitor may have: so much at once, coming back evenly over `per`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VisitorLimit {
    /// Tokens to be given.
    pub tokens: u32,
    /// Envelopes to be taken: more than tokens, since a device may send the same bytes again.
    pub envelopes: u32,
    /// The time in which a spent allowance is whole again.
    pub per: Duration,
}

/// How many connections are served at a time, and how long an idle one. Beyond it they are told so and closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimit {
    /// In all.
    pub most: usize,
    /// From one visitor's address. A trusted proxy may have `most`.
    pub per_visitor: usize,
    /// How long one may be silent before and between requests, and how long the head of one may take. Proxies keep idle
    /// connections for about 60 s, and lose a request where the relay closes first.
    pub idle: Duration,
    /// Streams of one connection over HTTP/2.
    pub streams: u32,
    /// After this a connection takes no more requests: who reads or writes a byte at a time does not hold a place for ever.
    pub age: Duration,
}

/// What a request may be, whatever it asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestLimit {
    /// Path and query.
    pub address_bytes: usize,
    /// Names and values of all headers.
    pub header_bytes: usize,
    /// A message and its frame, also in base64.
    pub body_bytes: usize,
    /// A message: several times a full `SubmitReports`.
    pub message_bytes: usize,
    /// From the end of the headers to the beginning of the answer.
    pub time: Duration,
    /// How many milliseconds an envelope may take from its admission to the answer: as many are in work as get through
    /// in that time. None is taken with 0.
    pub submit_millis: u64,
}

impl Default for BatchPolicy {
    /// 1,000 envelopes or 60 seconds; at most 4,096.
    fn default() -> Self {
        Self { least: 1_000, age: Duration::from_secs(60), most: 4_096 }
    }
}

impl Default for VisitorLimit {
    /// 256 tokens and 1,024 envelopes a day.
    fn default() -> Self {
        Self { tokens: 256, envelopes: 1_024, per: Duration::from_secs(86_400) }
    }
}

impl Default for ConnectionLimit {
    /// 4,096 in all, 256 from one address, 75 s idle, 128 streams, 10 minutes.
    fn default() -> Self {
        let (idle, age) = (Duration::from_secs(75), Duration::from_secs(600));
        Self { most: 4_096, per_visitor: 256, idle, streams: 128, age }
    }
}

impl Default for RequestLimit {
    /// Addresses of 8 KiB, headers of 16, messages of 64 in bodies of 96, 30 s; 10 ms.
    fn default() -> Self {
        Self {
            address_bytes: 8 << 10,
            header_bytes: 16 << 10,
            body_bytes: 96 << 10,
            message_bytes: 64 << 10,
            time: Duration::from_secs(30),
            submit_millis: 10,
        }
    }
}

/// A setting cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// The collector's address is none, or a file of TLS cannot be used.
    #[error("{0}")]
    Collector(String),
    /// A file of the relay's own certificate cannot be used.
    #[error("{problem}")]
    Tls {
        /// The setting that names it.
        setting: &'static str,
        /// What is wrong, and what it should hold.
        problem: String,
    },
    /// No publisher has the number 0.
    #[error("publishers' numbers begin at 1 (`tacita admin publisher list` shows them)")]
    Publisher,
    /// The API key cannot travel in a header.
    #[error("the API key holds characters that a header cannot carry; copy it again")]
    ApiKey,
    /// The batch sizes contradict each other.
    #[error("batches of {least} to {most}: choose least ≥ 1 and 2 × least ≤ most ≤ {MAX_BATCH}")]
    Batch {
        /// The given `least`.
        least: usize,
        /// The given `most`.
        most: usize,
    },
    /// The visitor's limit is empty.
    #[error("a visitor's limit needs at least 1 token, {MAX_SUBMITTED} envelopes (one request) and a time above zero")]
    VisitorLimit,
    /// Nobody could connect.
    #[error(
        "connections: allow at least 1 in all, 1 of one address, 1 stream, and more than 0 s of silence and of age"
    )]
    Connections,
    /// A full request of a device would be refused.
    #[error(
        "requests: a full one must fit: message-bytes 11264, body-bytes 15080, header-bytes 4096, address-bytes 1024 at least"
    )]
    Requests,
    /// Not one request fits into the queue.
    #[error("a queue of {0} bytes: give it at least {least}, one request", least = MAX_SUBMITTED * ENVELOPE_LEN)]
    QueueBytes(u64),
    /// An allowed origin is none.
    #[error("allowed origin '{0}': write it as browsers do, https://HOST or https://HOST:PORT, or * for all")]
    Origin(String),
    /// The manifest would be fetched without pause.
    #[error("the manifest cannot be refreshed every 0 seconds")]
    ManifestRefresh,
}

impl ConfigError {
    /// The setting, or the section of settings, by the name that a configuration file has for it.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Collector(_) => "collector",
            Self::Tls { setting, .. } => setting,
            Self::Publisher => "publisher",
            Self::ApiKey => "key",
            Self::Batch { .. } => "batch",
            Self::VisitorLimit => "visitor",
            Self::Connections => "connections",
            Self::Requests => "requests",
            Self::QueueBytes(_) => "queue.bytes",
            Self::Origin(_) => "allowed-origins",
            Self::ManifestRefresh => "manifest-refresh",
        }
    }
}

impl RelayConfig {
    /// A relay with the defaults: 1 GiB of queue, no proxy trusted, no foreign origin, a manifest a minute old at most.
    pub fn new(
        publisher: PublisherId,
        collector: String,
        api_key: String,
        signing_key: VerifyingKey,
        data: PathBuf,
    ) -> Self {
        Self {
            publisher,
            collector,
            collector_tls: ClientTls::default(),
            tls: None,
            api_key,
            signing_key,
            data,
            batch: BatchPolicy::default(),
            visitor_limit: VisitorLimit::default(),
            connections: ConnectionLimit::default(),
            requests: RequestLimit::default(),
            queue_bytes: 1 << 30,
            trusted_proxies: Vec::new(),
            drain: Duration::from_secs(10),
            allowed_origins: Vec::new(),
            manifest_refresh: Duration::from_secs(60),
            receipts_kept: Duration::from_secs(90 * 86_400),
            sdk: None,
            links: None,
            metrics: None,
        }
    }

    /// The first setting that cannot be used.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every setting that cannot be used, as far as that can be told without the network; of the disk, the certificates.
    pub fn problems(&self) -> Vec<ConfigError> {
        let mut problems: Vec<ConfigError> = self.collector().err().into_iter().collect();
        let unusable = self.tls.iter().flat_map(ServerTls::problems);
        problems.extend(unusable.map(|(setting, error)| ConfigError::Tls { setting, problem: error.to_string() }));
        if HeaderValue::from_str(&self.api_key).is_err() {
            problems.push(ConfigError::ApiKey);
        }
        if self.publisher.0 == 0 {
            problems.push(ConfigError::Publisher);
        }
        let BatchPolicy { least, most, .. } = self.batch;
        if least == 0 || most < least.saturating_mul(2) || most > MAX_BATCH {
            problems.push(ConfigError::Batch { least, most });
        }
        let VisitorLimit { tokens, envelopes, per } = self.visitor_limit;
        if tokens == 0 || (envelopes as usize) < MAX_SUBMITTED || per.is_zero() {
            problems.push(ConfigError::VisitorLimit);
        }
        let ConnectionLimit { most, per_visitor, idle, streams, age } = self.connections;
        if most == 0 || per_visitor == 0 || idle.is_zero() || streams == 0 || age.is_zero() {
            problems.push(ConfigError::Connections);
        }
        let RequestLimit { address_bytes, header_bytes, body_bytes, message_bytes, time, .. } = self.requests;
        let full = MAX_SUBMITTED * (ENVELOPE_LEN + 2);
        let takes_a_full_one = message_bytes >= full && body_bytes >= full / 3 * 4 + 64;
        if !takes_a_full_one || address_bytes < 1_024 || header_bytes < 4_096 || time.is_zero() {
            problems.push(ConfigError::Requests);
        }
        if self.capacity() < MAX_SUBMITTED {
            problems.push(ConfigError::QueueBytes(self.queue_bytes));
        }
        if self.manifest_refresh.is_zero() {
            problems.push(ConfigError::ManifestRefresh);
        }
        problems.extend(self.allowed_origins.iter().filter_map(|origin| origin_header(origin).err()));
        problems
    }

    pub(crate) fn collector(&self) -> Result<Server, ConfigError> {
        Server::new(&self.collector, &self.collector_tls).map_err(|error| ConfigError::Collector(error.to_string()))
    }

    /// The most envelopes held at a time.
    pub(crate) fn capacity(&self) -> usize {
        usize::try_from(self.queue_bytes / ENVELOPE_LEN as u64).unwrap_or(usize::MAX)
    }
}

/// The value that a browser would send as `origin`: what is written differently would never be met.
pub(crate) fn origin_header(origin: &str) -> Result<HeaderValue, ConfigError> {
    let refused = || ConfigError::Origin(origin.to_owned());
    let as_sent = || Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin);
    if origin != "*" && (origin.contains('*') || !as_sent()) {
        return Err(refused());
    }
    HeaderValue::from_str(origin).map_err(|_| refused())
}

impl fmt::Debug for RelayConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayConfig")
            .field("publisher", &self.publisher)
            .field("collector", &self.collector)
            .field("collector_tls", &self.collector_tls)
            .field("tls", &self.tls)
            .field("api_key", &"(redacted)")
            .field("data", &self.data)
            .field("batch", &self.batch)
            .field("visitor_limit", &self.visitor_limit)
            .field("connections", &self.connections)
            .field("requests", &self.requests)
            .field("queue_bytes", &self.queue_bytes)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("drain", &self.drain)
            .field("allowed_origins", &self.allowed_origins)
            .field("manifest_refresh", &self.manifest_refresh)
            .field("sdk", &self.sdk)
            .field("links", &self.links)
            .field("metrics", &self.metrics)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn config() -> RelayConfig {
        let key = SigningKey::from_bytes(&[1; 32]).verifying_key();
        RelayConfig::new(PublisherId(1), "http://127.0.0.1:7601".into(), "tacita_1_secret".into(), key, "data".into())
    }

    #[test]
    fn the_defaults_hold() {
        assert_eq!(config().check(), Ok(()));
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        let refused = |change: fn(&mut RelayConfig)| {
            let mut config = config();
            change(&mut config);
            config.check().unwrap_err()
        };
        assert!(matches!(refused(|c| c.collector = "ftp://x".into()), ConfigError::Collector(_)));
        assert!(matches!(refused(|c| c.collector = "127.0.0.1:1".into()), ConfigError::Collector(_)));
        assert!(matches!(refused(|c| c.batch.least = 0), ConfigError::Batch { .. }));
        assert!(matches!(refused(|c| c.batch.most = 1_999), ConfigError::Batch { .. }));
        assert!(matches!(refused(|c| c.batch.most = MAX_BATCH + 1), ConfigError::Batch { .. }));
        assert_eq!(refused(|c| c.visitor_limit.tokens = 0), ConfigError::VisitorLimit);
        assert_eq!(refused(|c| c.visitor_limit.envelopes = 127), ConfigError::VisitorLimit);
        assert_eq!(refused(|c| c.connections.per_visitor = 0), ConfigError::Connections);
        assert_eq!(refused(|c| c.connections.idle = Duration::ZERO), ConfigError::Connections);
        assert_eq!(refused(|c| c.publisher = PublisherId(0)), ConfigError::Publisher);
        assert_eq!(refused(|c| c.queue_bytes = 100), ConfigError::QueueBytes(100));
        assert_eq!(refused(|c| c.manifest_refresh = Duration::ZERO), ConfigError::ManifestRefresh);
    }

    #[test]
    fn an_allowed_origin_is_written_as_browsers_send_it() {
        for taken in ["https://news.example", "http://127.0.0.1:8080", "https://xn--caf-dma.example", "*"] {
            assert!(origin_header(taken).is_ok(), "{taken}");
        }
        let never_sent = ["news.example", "https://news.example/", "https://News.example", "https://news.example:443"];
        for refused in never_sent.into_iter().chain(["null", "", "https://café.example", "https://*.example"]) {
            let mut config = config();
            config.allowed_origins = vec![refused.to_owned()];
            assert_eq!(config.check(), Err(ConfigError::Origin(refused.to_owned())));
        }
    }

    #[test]
    fn the_api_key_is_never_printed() {
        assert!(!format!("{:?}", config()).contains("secret"));
    }
}
