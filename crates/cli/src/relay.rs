//! `tacita relay`: the publisher's edge, the totals of its short links, and the hashes of the SDK that it serves.

mod links;
mod sri;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, anyhow};
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use tacita_protocol::{id::PublisherId, time::SystemClock};
use tacita_relay::{Relay, RelayConfig};
use tokio::net::TcpListener;

use crate::settings::{KeyArgs, Span, http_address, read_toml, signing_key};

/// Run a publisher's relay: hands visitors the manifest and blinded tokens, shuffles their sealed reports.
///
/// It sees visitors' addresses and opaque envelopes, never what an envelope holds. State lives in --data: the queue of
/// envelopes that the collector has not acknowledged.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    word: Option<Word>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Subcommand)]
enum Word {
    Links(links::Args),
    Sri(sri::Args),
}

#[derive(clap::Args)]
struct ServerArgs {
    /// The publisher's number (`tacita admin publisher create` prints it).
    #[arg(long, value_name = "NUMBER", env = "TACITA_PUBLISHER")]
    publisher: Option<u32>,
    /// The collector's address.
    #[arg(long, value_name = "URL", env = "TACITA_COLLECTOR", value_parser = http_address)]
    collector: Option<String>,
    /// The collector's signing key, 64 hexadecimal digits (`tacita admin status` prints it).
    #[arg(long, value_name = "HEX", env = "TACITA_SIGNING_KEY", value_parser = signing_key)]
    signing_key: Option<VerifyingKey>,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", env = "TACITA_RELAY_LISTEN")]
    listen: Option<SocketAddr>,
    /// The folder for state.
    #[arg(long, value_name = "FOLDER", env = "TACITA_RELAY_DATA")]
    data: Option<PathBuf>,
    /// The folder of the SDK's build (web/sdk/dist), for pages to load it from here.
    #[arg(long, value_name = "FOLDER", env = "TACITA_RELAY_SDK")]
    sdk: Option<PathBuf>,
    /// The file of short links (`examples/links.toml` shows one); it is read again when it changes.
    #[arg(long, value_name = "FILE", env = "TACITA_RELAY_LINKS")]
    links: Option<PathBuf>,
    /// A TOML file of settings; flags and environment go before it (`examples/relay.toml` has them all).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArgs,
}

/// The settings of `--config`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct File {
    publisher: Option<u32>,
    collector: Option<String>,
    signing_key: Option<String>,
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    sdk: Option<PathBuf>,
    links: Option<PathBuf>,
    allowed_origins: Vec<String>,
    trusted_proxies: Vec<String>,
    batch: Batch,
    visitor: Visitor,
    connections: Connections,
    requests: Requests,
    queue: Queue,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Batch {
    least: Option<usize>,
    most: Option<usize>,
    age: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Visitor {
    tokens: Option<u32>,
    envelopes: Option<u32>,
    per: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Connections {
    most: Option<usize>,
    per_visitor: Option<usize>,
    idle: Option<Span>,
    streams: Option<u32>,
    age: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Requests {
    address_bytes: Option<usize>,
    header_bytes: Option<usize>,
    body_bytes: Option<usize>,
    message_bytes: Option<usize>,
    time: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Queue {
    bytes: Option<u64>,
}

impl Batch {
    fn apply(&self, config: &mut RelayConfig) {
        let batch = &mut config.batch;
        batch.least = self.least.unwrap_or(batch.least);
        batch.most = self.most.unwrap_or(batch.most);
        batch.age = self.age.map_or(batch.age, |span| span.0);
    }
}

impl Visitor {
    fn apply(&self, config: &mut RelayConfig) {
        let limit = &mut config.visitor_limit;
        limit.tokens = self.tokens.unwrap_or(limit.tokens);
        // Room for each report to be sent again: a limit below that of tokens would lose reports.
        let unless_told = limit.envelopes.max(limit.tokens.saturating_mul(4));
        limit.envelopes = self.envelopes.unwrap_or(unless_told);
        limit.per = self.per.map_or(limit.per, |span| span.0);
    }
}

impl Connections {
    fn apply(&self, config: &mut RelayConfig) {
        let limit = &mut config.connections;
        limit.most = self.most.unwrap_or(limit.most);
        limit.per_visitor = self.per_visitor.unwrap_or(limit.per_visitor);
        limit.idle = self.idle.map_or(limit.idle, |span| span.0);
        limit.streams = self.streams.unwrap_or(limit.streams);
        limit.age = self.age.map_or(limit.age, |span| span.0);
    }
}

impl Requests {
    fn apply(&self, config: &mut RelayConfig) {
        let limit = &mut config.requests;
        limit.address_bytes = self.address_bytes.unwrap_or(limit.address_bytes);
        limit.header_bytes = self.header_bytes.unwrap_or(limit.header_bytes);
        limit.body_bytes = self.body_bytes.unwrap_or(limit.body_bytes);
        limit.message_bytes = self.message_bytes.unwrap_or(limit.message_bytes);
        limit.time = self.time.map_or(limit.time, |span| span.0);
    }
}

impl Queue {
    fn apply(&self, config: &mut RelayConfig) {
        config.queue_bytes = self.bytes.unwrap_or(config.queue_bytes);
    }
}

pub(crate) async fn run(args: Args) -> Result<()> {
    match args.word {
        Some(Word::Links(args)) => links::run(&args),
        Some(Word::Sri(args)) => sri::run(&args),
        None => serve(args.server).await,
    }
}

/// Runs until SIGTERM or SIGINT, then drains.
async fn serve(args: ServerArgs) -> Result<()> {
    crate::settings::log_to_stderr();
    let file: File = args.config.as_deref().map(read_toml).transpose()?.unwrap_or_default();
    let listen = args.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7602)));
    let config = config(args, file)?;
    let (publisher, key, data) = (config.publisher, config.signing_key, config.data.clone());

    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let running = Relay::start(config, listener, Arc::new(SystemClock)).await?;
    eprintln!("relay of publisher {publisher} on http://{}; state in {}", running.address(), data.display());
    if let Some(sdk) = running.sdk() {
        eprintln!(
            "pages embed it as {}",
            sri::script_element(sdk, &publisher.to_string(), &hex::encode(key.as_bytes()))
        );
    }
    crate::settings::until_told_to_stop().await?;
    running.shutdown().await;
    Ok(())
}

fn config(args: ServerArgs, file: File) -> Result<RelayConfig> {
    let publisher = args.publisher.or(file.publisher);
    let publisher =
        publisher.context("no publisher: give --publisher NUMBER (`tacita admin publisher create` prints it)")?;
    let collector = match (args.collector, file.collector) {
        (Some(collector), _) => collector,
        (None, Some(text)) => http_address(&text).map_err(|error| anyhow!("collector: {error}"))?,
        (None, None) => anyhow::bail!("no collector: give --collector http://HOST:PORT"),
    };
    let pinned = match (args.signing_key, file.signing_key) {
        (Some(key), _) => key,
        (None, Some(text)) => signing_key(&text).map_err(|error| anyhow!("signing-key: {error}"))?,
        (None, None) => anyhow::bail!("no signing key: give --signing-key HEX (`tacita admin status` prints it)"),
    };
    let api_key = args.key.read("the publisher's key (`tacita admin key create --role publisher` makes one)")?;
    let data = args.data.or(file.data).unwrap_or_else(|| format!("data/relay-{publisher}").into());

    let mut config = RelayConfig::new(PublisherId(publisher), collector, api_key, pinned, data);
    file.batch.apply(&mut config);
    file.visitor.apply(&mut config);
    file.connections.apply(&mut config);
    file.requests.apply(&mut config);
    file.queue.apply(&mut config);
    config.sdk = args.sdk.or(file.sdk);
    config.links = args.links.or(file.links);
    config.allowed_origins = file.allowed_origins;
    config.trusted_proxies = networks(&file.trusted_proxies)?;
    Ok(config)
}

fn networks(texts: &[String]) -> Result<Vec<ipnet::IpNet>> {
    let parse = |text: &String| {
        let whole = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
        text.parse().or_else(|_| whole()).map_err(|_| {
            anyhow!("trusted-proxies: '{text}' is neither an address nor a network: write 10.0.0.0/8 or 192.0.2.7")
        })
    };
    texts.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_holds_every_setting_with_its_default() {
        let file: File = toml::from_str(include_str!("../../../examples/relay.toml")).unwrap();
        let mut config =
            RelayConfig::new(PublisherId(1), String::new(), String::new(), VerifyingKey::default(), "x".into());
        let default = config.clone();
        file.batch.apply(&mut config);
        file.visitor.apply(&mut config);
        file.connections.apply(&mut config);
        file.requests.apply(&mut config);
        file.queue.apply(&mut config);
        assert_eq!(config.batch, default.batch);
        assert_eq!(config.connections, default.connections);
        assert_eq!(config.requests, default.requests);
        assert_eq!(config.visitor_limit, default.visitor_limit);
        assert_eq!(config.queue_bytes, default.queue_bytes);
        assert!(file.sdk.is_none() && file.links.is_none(), "a copy of the example starts without them");
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let parsed = networks(&["10.0.0.0/8".to_owned(), "192.0.2.7".to_owned()]).unwrap();
        assert_eq!(parsed.len(), 2);
        assert!(networks(&["proxy".to_owned()]).unwrap_err().to_string().contains("write 10.0.0.0/8"));
    }
}
