//! `tacita status`: how a collector and a relay stand, on one screen or as JSON.

mod view;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use tacita_proto::v1;

use self::view::Metrics;
use crate::{
    connect::{CollectorArgs, refused},
    settings::http_address,
};

/// Show how a collector stands: ready or not and why, epochs, publishers, refusals, waits, its store, the signing key to pin.
///
/// With --relay also a relay, by what its metrics listener tells (`tacita relay --metrics ADDRESS`); without a key then
/// the relay alone.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// A relay's metrics listener, http://HOST:PORT.
    #[arg(long, value_name = "URL", value_parser = http_address)]
    relay: Option<String>,
    /// Ask a server's metrics listener, http://HOST:PORT, whether it is ready, and nothing else: exit code 1 if it is
    /// not. Takes no key.
    #[arg(long, value_name = "URL", value_parser = http_address, conflicts_with_all = ["relay", "json"])]
    ready: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A relay, by its metrics listener.
struct RelayStatus {
    /// What stands against its being ready, a line each; nothing if it is.
    unready: Vec<String>,
    metrics: Metrics,
}

/// Asks and prints.
pub(crate) async fn run(args: Args) -> Result<()> {
    if let Some(url) = args.ready {
        return ready(url).await;
    }
    let collector = match &args.relay {
        Some(_) if !args.collector.has_key() => None,
        _ => Some(of_collector(&args.collector).await?),
    };
    let relay = match args.relay.clone() {
        Some(url) => Some(of_relay(url).await?),
        None => None,
    };
    if args.json {
        let whole =
            json!({ "collector": collector.as_ref().map(collector_json), "relay": relay.as_ref().map(relay_json) });
        println!("{}", serde_json::to_string_pretty(&whole)?);
        return Ok(());
    }
    if let Some(status) = &collector {
        view::collector(status);
    }
    if let Some(relay) = &relay {
        if collector.is_some() {
            println!();
        }
        view::relay(relay);
    }
    Ok(())
}

async fn of_collector(args: &CollectorArgs) -> Result<v1::GetStatusResponse> {
    let mut admin = args.admin().await?.max_decoding_message_size(64 << 20);
    Ok(admin.get_status(v1::GetStatusRequest {}).await.map_err(refused)?.into_inner())
}

/// What a probe wants to know.
async fn ready(url: String) -> Result<()> {
    match tokio::task::spawn_blocking(move || get(&format!("{url}/readyz"))).await?? {
        (200, _) => {
            println!("ready");
            Ok(())
        }
        (_, reasons) => Err(anyhow!("not ready: {}", reasons.trim())),
    }
}

async fn of_relay(url: String) -> Result<RelayStatus> {
    tokio::task::spawn_blocking(move || {
        let (status, ready) = get(&format!("{url}/readyz"))?;
        let (_, page) = get(&format!("{url}/metrics"))?;
        let unready = if status == 200 { Vec::new() } else { ready.lines().map(str::to_owned).collect() };
        Ok(RelayStatus { unready, metrics: Metrics::read(&page) })
    })
    .await?
}

fn get(url: &str) -> Result<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(std::time::Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into();
    let away = || format!("no metrics at {url}: was the server started with --metrics, and is this that address?");
    let mut answer = agent.get(url).call().with_context(away)?;
    let status = answer.status().as_u16();
    if status != 200 && status != 503 {
        return Err(anyhow!("{}: it answered {status}", away()));
    }
    Ok((status, answer.body_mut().read_to_string().with_context(away)?))
}

fn collector_json(status: &v1::GetStatusResponse) -> Value {
    let server = status.server.clone().unwrap_or_default();
    let metrics = Metrics::read(&server.metrics);
    let unready: Vec<_> = server.unready.iter().map(|one| json!({ "reason": one.reason, "told": one.told })).collect();
    let epochs: Vec<_> = status.epochs.iter().map(view::epoch_json).collect();
    let publishers: Vec<_> = status.publishers.iter().map(view::publisher_json).collect();
    json!({
        "ready": unready.is_empty(),
        "unready": unready,
        "signing_key": hex::encode(&status.signing_key),
        "epochs": epochs,
        "publishers": publishers,
        "log_filter": server.log_filter,
        "metrics": metrics.json(),
    })
}

fn relay_json(relay: &RelayStatus) -> Value {
    json!({ "ready": relay.unready.is_empty(), "unready": relay.unready, "metrics": relay.metrics.json() })
}

/// Reads a page of metrics as a status would.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_page(text: &str) {
    let metrics = Metrics::read(text);
    assert!(metrics.json().as_array().is_some());
}
