//! Drives many simulated devices through one relay, each with its own wallet, ledger and outbox, and keeps the truth.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use ed25519_dalek::VerifyingKey;
use indicatif::{ProgressBar, ProgressStyle};
use tacita_client::{
    ClientError, Device, DeviceConfig, FlushSummary, GrpcTransport, MemoryStorage, Recorded, Transport as _,
};
use tacita_protocol::{id::PublisherId, outcome::Outcome, time::Clock};
use tacita_tls::{ClientTls, Server};

use super::{clock::DeviceClock, truth::Truth};
use crate::{connect::ReportingClient, report};

/// Devices that are under way at a time.
const WORKERS: usize = 48;

/// How long a connection may take, and an answer, before a device tries again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Somebody whose device takes the real path.
pub(crate) trait Visitor: Send + Sync + 'static {
    /// What the device's secrets are drawn from.
    fn secret(&self) -> [u8; 32];
    /// Where it connects from.
    fn address(&self) -> IpAddr;
    /// How many sessions it has.
    fn sessions(&self) -> u64;
    /// Lives through its sessions by the device's `clock`; gives back what was answered before noise.
    fn visit(&self, device: &Device, clock: &DeviceClock) -> Result<Vec<Recorded>, ClientError>;
}

impl Visitor for Box<dyn Visitor> {
    fn secret(&self) -> [u8; 32] {
        (**self).secret()
    }

    fn address(&self) -> IpAddr {
        (**self).address()
    }

    fn sessions(&self) -> u64 {
        (**self).sessions()
    }

    fn visit(&self, device: &Device, clock: &DeviceClock) -> Result<Vec<Recorded>, ClientError> {
        (**self).visit(device, clock)
    }
}

/// The publisher whose relay the devices use.
#[derive(Clone)]
pub(crate) struct Target {
    /// The relay's address.
    pub(crate) relay: String,
    /// Whom the devices trust, where that is https.
    pub(crate) tls: ClientTls,
    /// Its publisher.
    pub(crate) publisher: PublisherId,
    /// What the devices pin.
    pub(crate) signing_key: VerifyingKey,
    /// The time they go by.
    pub(crate) clock: Arc<dyn Clock>,
    /// How long a device goes on when its relay does not answer.
    pub(crate) patience: Duration,
}

/// What a run came to.
#[derive(Default)]
pub(crate) struct Driven {
    /// What was answered, before noise.
    pub(crate) truth: Truth,
    /// Devices.
    pub(crate) devices: u64,
    /// Slots whose ledger was exhausted, and which therefore reported `none`.
    pub(crate) exhausted: u64,
    /// What the relay said of the reports.
    pub(crate) outcomes: BTreeMap<Outcome, u64>,
}

impl Driven {
    fn merge(&mut self, other: Self) {
        self.truth.merge(other.truth);
        self.devices += other.devices;
        self.exhausted += other.exhausted;
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
    }
}

/// Drives every visitor; ends when the relay holds every report, or with the first device that gives up.
pub(crate) async fn drive<V: Visitor>(
    visitors: impl Iterator<Item = V> + Send + 'static,
    target: &Target,
    progress: &ProgressBar,
) -> Result<Driven> {
    let relay = Server::new(&target.relay, &target.tls)?;
    let relay = relay.with(|endpoint| endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(REQUEST_TIMEOUT));
    let transport = GrpcTransport::over(relay.connect_lazy(), relay.connect_lazy());
    // One configuration for all: the manifest's signature is then verified once and not for each device.
    let config = DeviceConfig::new(target.publisher, target.signing_key);
    let visitors = Arc::new(Mutex::new(visitors));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let (visitors, transport, config) = (visitors.clone(), transport.clone(), config.clone());
        let (target, progress) = (target.clone(), progress.clone());
        workers.spawn(async move {
            let mut driven = Driven::default();
            while let Some(visitor) = next(&visitors) {
                let config = config.clone().simulated(visitor.secret());
                let transport = transport.for_visitor(visitor.address());
                driven.merge(one_device(&visitor, config, transport, &target).await?);
                progress.inc(visitor.sessions());
            }
            anyhow::Ok(driven)
        });
    }
    let mut driven = Driven::default();
    while let Some(worker) = workers.join_next().await {
        driven.merge(worker.context("a simulated device panicked")??);
    }
    let manifest = transport.manifest(target.publisher).await?.verify(&target.signing_key, target.publisher)?;
    driven.truth.know(&manifest.measures);
    Ok(driven)
}

fn next<V>(visitors: &Mutex<impl Iterator<Item = V>>) -> Option<V> {
    // A poisoned lock means that another worker panicked, which ends the run anyway.
    visitors.lock().ok()?.next()
}

async fn one_device<V: Visitor>(
    visitor: &V,
    config: DeviceConfig,
    transport: GrpcTransport,
    target: &Target,
) -> Result<Driven> {
    let clock = DeviceClock::new(target.clock.clone());
    let device = Device::open(config, MemoryStorage::default(), transport, Arc::new(clock.clone()))?;
    let deadline = Instant::now() + target.patience;
    while let Err(error) = device.refresh().await {
        wait_or_give_up(deadline, &error.to_string()).await?;
    }
    let mut driven = Driven { devices: 1, ..Driven::default() };
    for answer in visitor.visit(&device, &clock)?.iter().flat_map(|recorded| &recorded.answers) {
        driven.truth.add(answer.measure.0, answer.cell as usize);
        driven.exhausted += u64::from(answer.exhausted);
    }
    loop {
        let summary = device.flush().await;
        driven.note(&summary)?;
        if summary.left == 0 {
            return Ok(driven);
        }
        let trouble = summary.trouble.map_or_else(String::new, |trouble| trouble.to_string());
        wait_or_give_up(deadline, &trouble).await?;
    }
}

impl Driven {
    fn note(&mut self, summary: &FlushSummary) -> Result<()> {
        for (&outcome, &count) in &summary.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
            if matches!(outcome, Outcome::Refused(_)) {
                return Err(anyhow!("the relay refused a simulated report: {}", outcome.name()));
            }
        }
        anyhow::ensure!(summary.expired == 0, "simulated reports expired before they could be sent");
        Ok(())
    }
}

async fn wait_or_give_up(deadline: Instant, trouble: &str) -> Result<()> {
    anyhow::ensure!(Instant::now() < deadline, "a simulated device gave up: {trouble}");
    tokio::time::sleep(Duration::from_millis(250)).await;
    Ok(())
}

/// Waits until the collector has counted every report of a campaign, as its brand sees it.
pub(crate) async fn until_counted(
    reporting: &mut ReportingClient,
    campaign: &str,
    truth: &Truth,
    patience: Duration,
) -> Result<tacita_proto::v1::QueryResponse> {
    let deadline = Instant::now() + patience;
    loop {
        let counted = report::counted(reporting, campaign).await?;
        if counted >= truth.all_reports() {
            return Ok(truth.numbered(report::everything(reporting, campaign).await?));
        }
        let sent = truth.all_reports();
        anyhow::ensure!(Instant::now() < deadline, "{sent} reports were sent and only {counted} are counted");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A progress bar over sessions, on standard error.
pub(crate) fn progress(sessions: u64) -> ProgressBar {
    let template = "{bar:40} {pos}/{len} sessions · {per_sec} · {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(sessions).with_style(style)
}
