//! `tacita relay`: the publisher's edge, the totals of its short links, the hashes of the SDK that it serves, and
//! whether what it sent was counted.

mod links;
mod sri;
mod verify;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, anyhow, ensure};
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use tacita_protocol::{id::PublisherId, time::SystemClock};
use tacita_relay::{Relay, RelayConfig};
use tacita_tls::ClientTls;
use tokio::net::TcpListener;

use crate::{
    configuration::{
        Asked, ConfigArgs, Loaded, Misfit, Settings, load, own_folder, readable_file, unusable_addresses,
        writable_folder,
    },
    logs::{self, LogArgs, LogFile, announce},
    settings::{Secret, Signals, Span, api_key, http_address, signing_key},
    tls::{ClientTlsArgs, RelayTlsFile, ServerTlsArgs},
};

/// Run a publisher's relay: hands visitors the manifest and blinded tokens, shuffles their sealed reports.
///
/// It sees visitors' addresses and opaque envelopes, never what an envelope holds. State lives in --data: the queue of
/// envelopes that the collector has not acknowledged. Every setting has a variable too: TACITA_RELAY__LISTEN for `listen`,
/// TACITA_RELAY__BATCH__AGE for `age` of `[batch]`.
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
    Verify(Box<verify::Args>),
}

/// What the server takes.
#[derive(clap::Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    tls: ServerTlsArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Settings that have a flag of their own: texts, read as a variable's are.
#[derive(clap::Args, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Flags {
    /// The publisher's number (`tacita admin publisher create` prints it).
    #[arg(long, value_name = "NUMBER")]
    publisher: Option<String>,
    /// The collector's address.
    #[arg(long, value_name = "URL")]
    collector: Option<String>,
    /// The authority of the collector's certificate, in PEM; without it those that browsers trust.
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// A certificate to show to the collector, in PEM, where it asks for one.
    #[arg(long, value_name = "FILE")]
    client_cert: Option<String>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    client_key: Option<String>,
    /// The collector's signing key, 64 hexadecimal digits (`tacita status` prints it).
    #[arg(long, value_name = "HEX")]
    signing_key: Option<String>,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder for state.
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// The folder of the SDK's build (web/sdk/dist), for pages to load it from here.
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<String>,
    /// The file of short links (`examples/links.toml` shows one); it is read again when it changes.
    #[arg(long, value_name = "FILE")]
    links: Option<String>,
    /// Tell metrics and health at this address, without a key: 127.0.0.1:9465 is usual. Without it there is no such listener.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
    /// The publisher's API key (tacita_ID_SECRET). A file or the environment shows it to fewer than the command line.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file that holds the API key and nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<String>,
}

/// The settings, as a file writes them.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct File {
    publisher: Option<u32>,
    collector: Option<String>,
    signing_key: Option<String>,
    key: Option<Secret>,
    key_file: Option<PathBuf>,
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    sdk: Option<PathBuf>,
    links: Option<PathBuf>,
    ca: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    tls: RelayTlsFile,
    drain: Option<Span>,
    manifest_refresh: Option<Span>,
    metrics: Option<SocketAddr>,
    log: LogFile,
    allowed_origins: Vec<String>,
    trusted_proxies: Vec<String>,
    batch: Batch,
    visitor: Visitor,
    connections: Connections,
    requests: Requests,
    queue: Queue,
    receipts: Receipts,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Batch {
    least: Option<usize>,
    most: Option<usize>,
    age: Option<Span>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Visitor {
    tokens: Option<u32>,
    envelopes: Option<u32>,
    per: Option<Span>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Connections {
    most: Option<usize>,
    per_visitor: Option<usize>,
    idle: Option<Span>,
    streams: Option<u32>,
    age: Option<Span>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Requests {
    address_bytes: Option<usize>,
    header_bytes: Option<usize>,
    body_bytes: Option<usize>,
    message_bytes: Option<usize>,
    time: Option<Span>,
    submit_millis: Option<u64>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Queue {
    bytes: Option<u64>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Receipts {
    keep: Option<Span>,
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
        limit.submit_millis = self.submit_millis.unwrap_or(limit.submit_millis);
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
        Some(Word::Verify(args)) => verify::run(*args).await,
        None => serve(args.server).await,
    }
}

impl Settings for File {
    const SERVER: &'static str = "relay";
    const DEFAULTS: &'static str = include_str!("../../../examples/relay.toml");

    const EITHER: &'static [[&'static str; 2]] = &[["key", "key-file"]];

    fn misfits(&self) -> Vec<Misfit> {
        let (config, mut asked) = config(self);
        let problem = |problem: tacita_relay::ConfigError| Misfit::new(problem.setting(), problem.to_string());
        asked.add(config.problems().into_iter().map(problem));
        asked.add(writable_folder(&self.data()).err().map(|remedy| Misfit::new("data", remedy)));
        let unreadable = self.key_file.as_deref().and_then(|file| readable_file(file).err());
        asked.add(unreadable.map(|remedy| Misfit::new("key-file", remedy)));
        let wrong = self.links.as_deref().and_then(|file| tacita_relay::links::check(file).err());
        let problems = wrong.map(|error| error.problems()).unwrap_or_default();
        asked.add(problems.into_iter().map(|problem| Misfit::new("links", problem)));
        let unread = self.sdk.as_deref().and_then(|folder| tacita_relay::sdk::Sdk::read(folder).err());
        asked.add(unread.map(|error| Misfit::new("sdk", error.to_string())));
        asked.add(self.log.misfit());
        asked.add(unusable_addresses(self.listen, self.metrics));
        asked.0
    }
}

impl File {
    fn data(&self) -> PathBuf {
        let publisher = self.publisher.unwrap_or_default();
        self.data.clone().unwrap_or_else(|| format!("data/relay-{publisher}").into())
    }

    fn collector(&self) -> Result<String> {
        let text = self.collector.as_deref().context("give --collector http://HOST:PORT")?;
        http_address(text).map_err(anyhow::Error::msg)
    }

    /// What is trusted of the collector, and shown to it.
    fn collector_tls(&self) -> Result<ClientTls> {
        ClientTlsArgs::of_file(self.ca.clone(), self.client_cert.clone(), self.client_key.clone()).read()
    }

    /// The collector's signing key.
    fn pinned(&self) -> Result<VerifyingKey> {
        let text = self.signing_key.as_deref().context("give --signing-key HEX (`tacita status` prints it)")?;
        signing_key(text).map_err(anyhow::Error::msg)
    }

    /// The publisher's API key, from wherever it is said to be.
    fn api_key(&self) -> Result<String> {
        let holder = "the publisher's key (`tacita admin key create --role publisher` makes one)";
        match (&self.key, &self.key_file) {
            (Some(key), _) => api_key(key.reveal(), holder),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file);
                api_key(&text.with_context(|| format!("cannot read the API key in {}", file.display()))?, holder)
            }
            (None, None) => anyhow::bail!("no API key: give --key-file or TACITA_RELAY__KEY_FILE with {holder}"),
        }
    }
}

/// Reads the settings of a command line, the environment and the file.
pub(crate) fn loaded(mut args: ServerArgs) -> Result<Loaded<impl Settings + use<>>> {
    read(&mut args)
}

fn read(args: &mut ServerArgs) -> Result<Loaded<File>> {
    args.log.set(&mut args.config);
    args.tls.set(&mut args.config);
    load(&args.config, &args.flags)
}

/// Runs until SIGTERM or SIGINT, then drains.
async fn serve(mut args: ServerArgs) -> Result<()> {
    let mut signals = Signals::take()?;
    let (file, notes) = read(&mut args)?.checked()?;
    let log = logs::start(&file.log)?;
    notes.say();
    logs::follow_hangups(log, args.config.file())?;
    let listen = file.listen.context("no address to listen on")?;
    let (config, asked) = config(&file);
    // Checked already, but the file of the key is read again.
    ensure!(asked.0.is_empty(), "the settings changed while they were read: start again");
    own_folder(&config.data)?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let (publisher, key, data) = (config.publisher, config.signing_key, config.data.clone());

    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let running = Relay::start(config, listener, Arc::new(SystemClock)).await?;
    announce(&format!(
        "relay of publisher {publisher} on {scheme}://{}; state in {}",
        running.address(),
        data.display()
    ));
    if let Some(address) = running.metrics_address() {
        announce(&format!("metrics at http://{address}/metrics"));
    }
    if let Some(sdk) = running.sdk() {
        let element = sri::script_element(sdk, &publisher.to_string(), &hex::encode(key.as_bytes()));
        announce(&format!("pages embed it as {element}"));
    }
    signals.told_to_stop().await;
    signals.end(running.shutdown()).await;
    Ok(())
}

/// The configuration, and all that keeps it from being what was asked for.
fn config(file: &File) -> (RelayConfig, Asked) {
    let mut asked = Asked::default();
    let publisher = file.publisher.context("give --publisher NUMBER (`tacita admin publisher create` prints it)");
    let publisher = asked.take("publisher", publisher);
    let collector = asked.take("collector", file.collector());
    let pinned = asked.take("signing-key", file.pinned());
    let api_key = asked.take(if file.key.is_some() { "key" } else { "key-file" }, file.api_key());
    let proxies = asked.take("trusted-proxies", networks(&file.trusted_proxies));
    let collector_tls = asked.take("client-cert", file.collector_tls());
    let tls = asked.take("tls", file.tls.read());

    let mut config = RelayConfig::new(PublisherId(publisher), collector, api_key, pinned, file.data());
    file.batch.apply(&mut config);
    file.visitor.apply(&mut config);
    file.connections.apply(&mut config);
    file.requests.apply(&mut config);
    file.queue.apply(&mut config);
    config.receipts_kept = file.receipts.keep.map_or(config.receipts_kept, |span| span.0);
    config.drain = file.drain.map_or(config.drain, |span| span.0);
    config.manifest_refresh = file.manifest_refresh.map_or(config.manifest_refresh, |span| span.0);
    config.collector_tls = collector_tls;
    config.tls = tls;
    config.sdk = file.sdk.clone();
    config.links = file.links.clone();
    config.metrics = file.metrics;
    config.allowed_origins = file.allowed_origins.clone();
    config.trusted_proxies = proxies;
    (config, asked)
}

fn networks(texts: &[String]) -> Result<Vec<ipnet::IpNet>> {
    let parse = |text: &String| {
        let whole = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
        text.parse()
            .or_else(|_| whole())
            .map_err(|_| anyhow!("'{text}' is neither an address nor a network: write 10.0.0.0/8 or 192.0.2.7"))
    };
    texts.iter().map(parse).collect()
}

/// Reads settings, and tells whether they can be.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_settings(given: &crate::fuzzing::Given<'_>) {
    let (mut config, _) = config(&given.decode());
    // Whatever the file names is not to be opened.
    (config.tls, config.collector_tls) = (None, ClientTls::default());
    config.problems();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_holds_every_default() {
        let mut file: File = toml::from_str(File::DEFAULTS).unwrap();
        assert!(file.publisher.is_none() && file.signing_key.is_none(), "they have no default");
        file.publisher = Some(1);
        file.collector = Some("http://127.0.0.1:7601".to_owned());
        file.signing_key = Some(hex::encode([0; 32]));
        file.key = Some(toml::Value::from("tacita_1_x").try_into().unwrap());
        let (from_file, asked) = config(&file);
        assert!(asked.0.is_empty());
        let (collector, key, pinned) = (from_file.collector.clone(), from_file.api_key.clone(), from_file.signing_key);
        let default = RelayConfig::new(PublisherId(1), collector, key, pinned, "data/relay-1".into());
        assert_eq!(format!("{from_file:?}"), format!("{default:?}"));
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let missing: Vec<_> = File::default().misfits().into_iter().map(|misfit| misfit.setting).collect();
        assert_eq!(missing, ["publisher", "collector", "signing-key", "key-file"]);
        let wrong = File {
            publisher: Some(0),
            batch: Batch { least: Some(0), ..Batch::default() },
            log: LogFile { filter: Some("hyper=trace".to_owned()), ..LogFile::default() },
            ..File::default()
        };
        let wrong: Vec<_> = wrong.misfits().into_iter().map(|misfit| misfit.setting).collect();
        assert_eq!(wrong, ["collector", "signing-key", "key-file", "publisher", "batch", "log.filter"]);
    }

    #[test]
    fn every_problem_of_the_short_links_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links.toml");
        let link = |code: &str, to: &str| format!("[[link]]\ncode = \"{code}\"\nto = \"{to}\"\n");
        std::fs::write(&path, link("a b", "https://a.example") + &link("c", "/articles")).unwrap();
        let file = File { links: Some(path.clone()), ..File::default() };
        let of_links = |misfit: Misfit| (misfit.setting == "links").then_some(misfit.remedy);
        let told: Vec<_> = file.misfits().into_iter().filter_map(of_links).collect();
        let expected = ["2: link 'a b': a code has", "6: link 'c': '/articles' is no target: write"];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(&format!("{}:{expected}", path.display())), "{told}");
        }
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        let parsed = networks(&["10.0.0.0/8".to_owned(), "192.0.2.7".to_owned()]).unwrap();
        assert_eq!(parsed.len(), 2);
        assert!(networks(&["proxy".to_owned()]).unwrap_err().to_string().contains("write 10.0.0.0/8"));
    }
}
