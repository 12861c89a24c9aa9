//! Fills a campaign with a season of made-up reports: what the dashboard is looked at and tested with.
//!
//! The audience is invented; the reports are real: randomized by the measures' mechanisms, sealed under tokens that the
//! collector issued, counted by it. They are sealed now for windows of the past, so the collector's `windows.max-age`
//! must reach back so far (and its `retention.tallies` a day further) and the publisher's key is used as a relay uses
//! it. `tacita simulate` goes by the SDK and by the day's date instead.

mod audience;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use tacita_proto::v1::{
    self, collection_service_client::CollectionServiceClient, manifest_service_client::ManifestServiceClient,
    token_service_client::TokenServiceClient,
};
use tacita_protocol::{
    catalogue::ContentCatalogue,
    manifest::Manifest,
    measure::{Event, Measure},
    report::Report,
    time::{Clock as _, SystemClock, UnixTime},
};
use tacita_tokens::{IssuedBatch, Pending};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::audience::{Session, sessions_of, surge};

/// Fill a campaign with a season of made-up reports.
#[derive(Parser)]
struct Args {
    /// The collector's address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7601")]
    collector: String,
    /// The publisher's API key.
    #[arg(long, value_name = "KEY", env = "TACITA_KEY", hide_env_values = true)]
    key: String,
    /// The publisher's number.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    publisher: u32,
    /// How many days, up to and with today.
    #[arg(long, default_value_t = 60)]
    days: u64,
    /// Sessions of an average day.
    #[arg(long, default_value_t = 1_000)]
    sessions: u64,
    /// What the audience is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The contents that are shared, one on each line, the most shared first.
    #[arg(long, value_name = "FILE")]
    contents: Option<PathBuf>,
    /// Besides, so many sessions now that come by a channel: `whatsapp=200`.
    #[arg(long, value_name = "CHANNEL=N", value_parser = surge_of)]
    surge: Option<(String, u64)>,
    /// Besides, so many times the very same reports now, of one session that comes by a channel: made up, and not
    /// randomized: `sms=200`.
    #[arg(long, value_name = "CHANNEL=N", value_parser = surge_of)]
    forged: Option<(String, u64)>,
}

fn surge_of(text: &str) -> Result<(String, u64), String> {
    let surge = text.split_once('=').and_then(|(channel, sessions)| Some((channel.to_owned(), sessions.parse().ok()?)));
    surge.ok_or_else(|| format!("'{text}': write CHANNEL=N, for example whatsapp=200"))
}

const NOBODY: &str = "nobody arrives by this channel";
const DAY: u64 = 86_400;
/// Batches under way.
const WORKERS: usize = 4;
/// Sealed reports of one upload.
const UPLOAD: usize = 2_000;
/// Before a busy collector is asked again: it says so itself.
const PAUSE: Duration = Duration::from_secs(1);

type Key = MetadataValue<Ascii>;

/// What every worker needs.
struct Stage {
    channel: Channel,
    key: Key,
    manifest: Manifest,
    catalogues: Vec<ContentCatalogue>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let contents = match &args.contents {
        Some(path) => fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => String::new(),
    };
    let contents: Vec<String> = contents.lines().map(str::to_owned).collect();
    let stage = Arc::new(Stage::set(&args).await?);
    let now = SystemClock.now();
    let today = now.0 / DAY;
    let mut rng = ChaCha20Rng::seed_from_u64(args.seed);
    let mut reports = Vec::new();
    for day in 0..args.days {
        let begins = UnixTime((today + day + 1 - args.days) * DAY);
        for session in sessions_of(day, args.days, args.sessions, &contents, &mut rng) {
            let at = begins.plus(session.second).min(now);
            reports.extend(stage.reports(&session, at, &mut rng));
        }
    }
    if let Some((channel, sessions)) = &args.surge {
        let surging = surge(channel, *sessions, &contents, &mut rng).context(NOBODY)?;
        reports.extend(surging.iter().flat_map(|session| stage.reports(session, now, &mut rng)));
    }
    if let Some((channel, copies)) = &args.forged {
        let sessions = surge(channel, 1, &contents, &mut rng).context(NOBODY)?;
        let original: Vec<_> = sessions.iter().flat_map(|session| stage.reports(session, now, &mut rng)).collect();
        reports.extend((0..*copies).flat_map(|_| original.clone()));
    }
    let total = reports.len();
    let mut workers = tokio::task::JoinSet::new();
    for share in reports.chunks(total.div_ceil(WORKERS).max(1)) {
        let (stage, share) = (stage.clone(), share.to_vec());
        workers.spawn(async move { stage.send(&share).await });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    println!("{total} reports of {} days", args.days);
    Ok(())
}

impl Stage {
    async fn set(args: &Args) -> Result<Self> {
        let channel = Endpoint::from_shared(args.collector.clone())?.connect().await.context("no collector answers")?;
        let key: Key = format!("Bearer {}", args.key.trim()).parse()?;
        let mut manifests = ManifestServiceClient::with_interceptor(channel.clone(), bearer(key.clone()));
        let request = v1::GetManifestRequest { publisher: args.publisher };
        let signed = manifests.get_manifest(request).await?.into_inner().signed_manifest.unwrap_or_default();
        let wire: v1::Manifest = prost::Message::decode(signed.manifest.as_slice())?;
        let manifest = Manifest::try_from(&wire)?;
        let mut catalogues = Vec::new();
        for reference in manifest.catalogues() {
            let request = v1::GetCatalogueRequest { publisher: args.publisher, digest: reference.digest.0.to_vec() };
            let bytes = manifests.get_catalogue(request).await?.into_inner().catalogue;
            catalogues.push(reference.read(bytes)?);
        }
        Ok(Self { channel, key, manifest, catalogues })
    }

    /// What a session's device would report: one report of each slot that the session opens.
    fn reports(&self, session: &Session, at: UnixTime, rng: &mut ChaCha20Rng) -> Vec<Report> {
        let opened = |measure: &&Measure| match measure.event {
            Event::Arrival => true,
            Event::Reach | Event::SharerProfile => session.is_first_of_day,
            Event::Share | Event::ContentShare => session.share.is_some(),
            Event::Conversion => session.value.is_some(),
        };
        let measures = self.manifest.measures.iter().filter(opened);
        let report = |measure: &Measure| {
            let catalogue = measure.domain.catalogue();
            let catalogue = catalogue.and_then(|named| self.catalogues.iter().find(|one| one.digest() == named.digest));
            let bucket = session.value.and_then(|value| measure.domain.value_label(value));
            let cell = measure.cell(catalogue, |dimension| session.label(measure.event, dimension, bucket));
            let value = measure.mechanism().randomize(cell, rng).raw();
            Report { measure: measure.id, window: measure.window.window_at(at), value }
        };
        measures.map(report).collect()
    }

    async fn send(&self, reports: &[Report]) -> Result<()> {
        let mut tokens = TokenServiceClient::with_interceptor(self.channel.clone(), bearer(self.key.clone()));
        let mut collection = CollectionServiceClient::with_interceptor(self.channel.clone(), bearer(self.key.clone()));
        let entry = self.manifest.active_epoch(SystemClock.now()).context("no epoch is active")?;
        let batch = self.manifest.policy.token_batch as usize;
        for upload in reports.chunks(UPLOAD) {
            let mut envelopes = Vec::with_capacity(upload.len());
            for few in upload.chunks(batch) {
                let context = entry.context(self.manifest.publisher);
                let (pending, blinded) = Pending::new(&entry.public_key, &context, batch, &mut rand::rng())?;
                let request = v1::IssueTokensRequest {
                    publisher: self.manifest.publisher.0,
                    epoch: entry.epoch.0,
                    blinded_batch: blinded.to_bytes(),
                };
                let issued = tokens.issue_tokens(request).await?.into_inner().issued_batch;
                let bought = pending.finish(&IssuedBatch::from_bytes(&issued)?)?;
                let sealed = bought.into_iter().zip(few).map(|(token, report)| token.seal(&report.to_bytes()));
                envelopes.extend(sealed.map(|envelope| envelope.as_bytes().to_vec()));
            }
            let request = v1::SubmitReportsRequest { envelopes };
            let answer = loop {
                match collection.submit_reports(request.clone()).await {
                    // The collector is busy, and has counted nothing of it.
                    Err(busy) if busy.code() == Code::ResourceExhausted => tokio::time::sleep(PAUSE).await,
                    answer => break answer?.into_inner(),
                }
            };
            let counted = v1::Outcome::Counted as i32;
            let refused = answer.outcomes.iter().find(|&&outcome| outcome != counted);
            ensure!(
                refused.is_none(),
                "a report was not counted: {refused:?}; does windows.max-age reach back so far?"
            );
        }
        Ok(())
    }
}

fn bearer(key: Key) -> impl FnMut(Request<()>) -> Result<Request<()>, Status> + Clone {
    move |mut request| {
        request.metadata_mut().insert("authorization", key.clone());
        Ok(request)
    }
}
