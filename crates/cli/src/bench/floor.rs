//! What the machine needs at the least: opening reports on every core, and one fsync.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use tacita_tokens::{Context, Envelope, EpochKey, Issuer, MAX_BATCH, Opener, PAYLOAD_LEN, Pending};

use super::used::Used;

/// How long the opening is measured.
const LENGTH: Duration = Duration::from_secs(3);
/// Envelopes opened at a time.
const BATCH: usize = 256;

/// The floor of ingest.
pub(super) struct Floor {
    /// `open_many` on every core at once.
    pub(super) reports_per_second: f64,
    /// One core's time for one report.
    pub(super) cpu_seconds_per_report: f64,
    /// The median time of one fsync of a small append, on the disk that the collector will use.
    pub(super) fsync: Duration,
}

impl Floor {
    pub(super) fn measure(data: &Path) -> Result<Self> {
        let key = EpochKey::generate(&mut rand::rng())?;
        let context = Context { publisher: 1, epoch: 1, chain: [0; 32] };
        let envelopes = seal(&key, &context)?;
        let opener = Opener::new(&key, &context)?;
        let cores = thread::available_parallelism()?.get();
        let before = Used::by(process::id())?;
        let opened: u64 = thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| open_for(LENGTH, &opener, &envelopes))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("opening panicked")))
                .sum::<Result<u64>>()
        })?;
        let used = Used::by(process::id())?.since(&before);
        Ok(Self {
            reports_per_second: opened as f64 / LENGTH.as_secs_f64(),
            cpu_seconds_per_report: used.cpu_seconds / opened as f64,
            fsync: fsync(data)?,
        })
    }
}

fn seal(key: &EpochKey, context: &Context) -> Result<Vec<Envelope>> {
    let issuer = Issuer::new(key, context)?;
    let mut envelopes = Vec::with_capacity(BATCH);
    while envelopes.len() < BATCH {
        let (pending, blinded) = Pending::new(&key.public_key(), context, MAX_BATCH, &mut rand::rng())?;
        let tokens = pending.finish(&issuer.issue(&blinded, &mut rand::rng())?)?;
        envelopes.extend(tokens.into_iter().map(|token| token.seal(&[7; PAYLOAD_LEN])));
    }
    Ok(envelopes)
}

fn open_for(length: Duration, opener: &Opener, envelopes: &[Envelope]) -> u64 {
    let began = Instant::now();
    let mut opened = 0;
    while began.elapsed() < length {
        opened += opener.open_many(envelopes).iter().filter(|result| result.is_ok()).count() as u64;
    }
    opened
}

fn fsync(data: &Path) -> Result<Duration> {
    fs::create_dir_all(data)?;
    let path = data.join("fsync-probe");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..101 {
        let began = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
