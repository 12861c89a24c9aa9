//! The process that buys tokens and seals reports before a measurement.

use std::{fs, ops::Range, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use rand::RngExt as _;
use tacita_proto::v1::{
    self, manifest_service_client::ManifestServiceClient, token_service_client::TokenServiceClient,
};
use tacita_protocol::{
    id::PublisherId,
    manifest::Manifest,
    report::Report,
    time::{Clock as _, SystemClock},
};
use tacita_tokens::{IssuedBatch, Pending};

use crate::{
    connect::{self, refused},
    settings::http_address,
};

/// Requests for tokens under way.
const WORKERS: u64 = 8;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_parser = http_address)]
    collector: String,
    #[arg(long)]
    publisher: u32,
    #[arg(long)]
    reports: u64,
    #[arg(long)]
    out: PathBuf,
    /// Give each report a value of its own, counting from 0, so that a tally shows which were counted and how often.
    #[arg(long)]
    distinct: bool,
    #[arg(long, env = "TACITA_KEY", hide_env_values = true)]
    key: String,
}

/// Seals reports of the publisher's first measure, one after the other into a file.
pub(super) async fn run(args: Args) -> Result<()> {
    let mut manifests = ManifestServiceClient::with_interceptor(
        connect::channel(&args.collector).await?,
        connect::Bearer::new(&args.key)?,
    );
    let request = v1::GetManifestRequest { publisher: args.publisher };
    let signed = manifests.get_manifest(request).await.map_err(refused)?.into_inner().signed_manifest;
    let wire = prost::Message::decode(signed.unwrap_or_default().manifest.as_slice())?;
    let manifest = Arc::new(Manifest::try_from(&wire)?);

    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let part = args.reports * worker / WORKERS..args.reports * (worker + 1) / WORKERS;
        let values = if args.distinct { Values::Distinct } else { Values::Random };
        workers.spawn(seal(args.collector.clone(), args.key.clone(), manifest.clone(), part, values));
    }
    let mut sealed = Vec::new();
    while let Some(part) = workers.join_next().await {
        sealed.extend(part??);
    }
    fs::write(&args.out, sealed).with_context(|| format!("cannot write {}", args.out.display()))
}

/// What the reports say.
#[derive(Clone, Copy)]
enum Values {
    /// The mechanism's answer on a random cell.
    Random,
    /// The report's number.
    Distinct,
}

async fn seal(
    collector: String,
    key: String,
    manifest: Arc<Manifest>,
    mut part: Range<u64>,
    values: Values,
) -> Result<Vec<u8>> {
    let channel = connect::channel(&collector).await?;
    let mut tokens = TokenServiceClient::with_interceptor(channel, connect::Bearer::new(&key)?);
    let now = SystemClock.now();
    let entry = manifest.active_epoch(now).context("no epoch is active")?;
    let measure = manifest.measures.first().context("the publisher has no measure")?;
    let (mechanism, window) = (measure.mechanism(), measure.window.window_at(now));
    let mut sealed = Vec::new();
    let value = |number| match values {
        Values::Random => {
            let cell = mechanism.domain().cell(rand::rng().random_range(0..mechanism.domain().get()))?;
            Ok(mechanism.randomize(cell, &mut rand::rng()).raw())
        }
        Values::Distinct => mechanism.validate(number).map(|report| report.raw()).context("more reports than values"),
    };
    while !part.is_empty() {
        let context = entry.context(PublisherId(manifest.publisher.0));
        let batch = manifest.policy.token_batch as usize;
        let (pending, blinded) = Pending::new(&entry.public_key, &context, batch, &mut rand::rng())?;
        let request = v1::IssueTokensRequest {
            publisher: manifest.publisher.0,
            epoch: entry.epoch.0,
            blinded_batch: blinded.to_bytes(),
        };
        let issued = tokens.issue_tokens(request).await.map_err(refused)?.into_inner().issued_batch;
        for (token, number) in pending.finish(&IssuedBatch::from_bytes(&issued)?)?.into_iter().zip(&mut part) {
            let report = Report { measure: measure.id, window, value: value(number)? };
            sealed.extend(token.seal(&report.to_bytes()).as_bytes());
        }
    }
    Ok(sealed)
}
