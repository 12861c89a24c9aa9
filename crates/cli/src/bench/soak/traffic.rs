//! Devices' traffic on the whole path: tokens bought, reports sealed and submitted, each until it is acknowledged.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use tacita_client::{GrpcTransport, Transport as _, TransportError, VerifyingKey};
use tacita_protocol::{
    id::PublisherId,
    manifest::Manifest,
    report::Report,
    time::{Clock as _, SystemClock},
};
use tacita_tokens::{Envelope, Pending};
use tokio::{sync::Mutex, task::JoinSet, time::Instant};

/// Devices at once.
const WORKERS: usize = 16;
/// Envelopes of one submission.
const REQUEST: usize = 64;
/// How far the schedule may be behind after an outage: what was missed before is not made up for.
const BEHIND: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// When the next tokens may be bought.
struct Schedule {
    /// Reports a second; `None`: as many as go through.
    rate: Option<f64>,
    next: Instant,
}

/// What all devices share.
pub(super) struct Traffic {
    relay: String,
    publisher: PublisherId,
    signing_key: VerifyingKey,
    schedule: Mutex<Schedule>,
    number: AtomicU64,
    /// How many reports of each value were acknowledged.
    pub(super) acknowledged: Vec<AtomicU32>,
    /// Answers other than an acknowledgement.
    pub(super) errors: AtomicU64,
    /// What the last of them said.
    last_error: parking_lot::Mutex<String>,
    stop: AtomicBool,
}

impl Traffic {
    pub(super) fn new(relay: String, publisher: PublisherId, signing_key: VerifyingKey, values: usize) -> Arc<Self> {
        Arc::new(Self {
            relay,
            publisher,
            signing_key,
            schedule: Mutex::new(Schedule { rate: None, next: Instant::now() }),
            number: AtomicU64::new(0),
            acknowledged: (0..values).map(|_| AtomicU32::new(0)).collect(),
            errors: AtomicU64::new(0),
            last_error: parking_lot::Mutex::default(),
            stop: AtomicBool::new(false),
        })
    }

    /// Sends from now on.
    pub(super) fn begin(self: &Arc<Self>) -> Result<JoinSet<Result<()>>> {
        let transport = GrpcTransport::connect(&self.relay)?;
        let device = |_| self.clone().device(transport.clone());
        Ok((0..WORKERS).map(device).collect())
    }

    /// Sends so many reports a second.
    pub(super) async fn pace(&self, rate: f64) {
        *self.schedule.lock().await = Schedule { rate: Some(rate), next: Instant::now() };
    }

    /// Lets the devices end, once what they have sealed is acknowledged.
    pub(super) fn end(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Reports acknowledged so far.
    pub(super) fn sum(&self) -> u64 {
        self.acknowledged.iter().map(|count| u64::from(count.load(Relaxed))).sum()
    }

    /// What devices were told last that was no acknowledgement.
    pub(super) fn last_error(&self) -> String {
        self.last_error.lock().clone()
    }

    fn note(&self, error: &impl fmt::Display) {
        self.errors.fetch_add(1, Relaxed);
        *self.last_error.lock() = error.to_string();
    }

    /// Waits for the turn of so many reports.
    async fn wait(&self, reports: usize) {
        let mut schedule = self.schedule.lock().await;
        let Some(rate) = schedule.rate else { return };
        let now = Instant::now();
        schedule.next = schedule.next.max(now.checked_sub(BEHIND).unwrap_or(now));
        let turn = schedule.next;
        schedule.next += Duration::from_secs_f64(reports as f64 / rate);
        drop(schedule);
        tokio::time::sleep_until(turn).await;
    }

    async fn device(self: Arc<Self>, transport: GrpcTransport) -> Result<()> {
        let mut manifest = self.manifest(&transport).await?;
        while !self.stop.load(Relaxed) {
            let batch = manifest.policy.token_batch as usize;
            self.wait(batch).await;
            match self.seal(&transport, &manifest).await {
                Ok(sealed) => {
                    for part in sealed.chunks(REQUEST) {
                        self.submit(&transport, part).await;
                    }
                }
                Err(error) => {
                    self.note(&error);
                    tokio::time::sleep(PAUSE).await;
                    manifest = self.manifest(&transport).await?;
                }
            }
        }
        Ok(())
    }

    async fn manifest(&self, transport: &GrpcTransport) -> Result<Manifest> {
        loop {
            match transport.manifest(self.publisher).await {
                Ok(signed) => return Ok(signed.verify(&self.signing_key, self.publisher)?),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Buys a batch of tokens and seals a report with each: report number n has the value n, over and over.
    async fn seal(&self, transport: &GrpcTransport, manifest: &Manifest) -> Result<Vec<(usize, Envelope)>> {
        let now = SystemClock.now();
        let entry = manifest.active_epoch(now).context("no epoch is active")?;
        let measure = manifest.measures.first().context("the publisher has no measure")?;
        let batch = manifest.policy.token_batch as usize;
        let context = entry.context(self.publisher);
        let (pending, blinded) = Pending::new(&entry.public_key, &context, batch, &mut rand::rng())?;
        let issued = transport.issue(self.publisher, entry.epoch, blinded).await?;
        let (mechanism, window) = (measure.mechanism(), measure.window.window_at(now));
        let first = self.number.fetch_add(batch as u64, Relaxed);
        let numbered = pending.finish(&issued)?.into_iter().zip(first..);
        numbered
            .map(|(token, number)| {
                let value = (number % self.acknowledged.len() as u64) as usize;
                let raw = mechanism.validate(value as u64).context("fewer values than reports")?.raw();
                Ok((value, token.seal(&Report { measure: measure.id, window, value: raw }.to_bytes())))
            })
            .collect()
    }

    /// The same bytes, until they are acknowledged.
    async fn submit(&self, transport: &GrpcTransport, sealed: &[(usize, Envelope)]) {
        let envelopes: Vec<Envelope> = sealed.iter().map(|&(_, envelope)| envelope).collect();
        while let Err(error) = transport.submit(envelopes.clone()).await {
            self.note(&error);
            let full = matches!(error, TransportError::Limited(_));
            tokio::time::sleep(if full { 4 * PAUSE } else { PAUSE }).await;
        }
        for (value, _) in sealed {
            self.acknowledged[*value].fetch_add(1, Relaxed);
        }
    }
}
