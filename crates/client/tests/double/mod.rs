//! A relay and collector in one, in memory, with real keys: it issues real tokens and opens real envelopes.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use ed25519_dalek::{SigningKey, VerifyingKey};
use tacita_client::{Device, DeviceConfig, FileStorage, MemoryStorage, Reply, Storage, Transport, TransportError};
use tacita_dp::Epsilon;
use tacita_protocol::{
    arrival::{Evidence, Navigation},
    catalogue::CatalogueDigest,
    domain::{Dimension, Domain},
    epoch::{EpochEntry, EpochId, EpochSchedule},
    id::{BrandId, CampaignId, MeasureId, PublisherId},
    manifest::{DevicePolicy, Manifest, ManifestCampaign, SignedManifest},
    measure::{Event, Measure, Participation},
    outcome::{Outcome, Refusal},
    policy::CampaignPolicy,
    report::Report,
    time::{ManualClock, UnixTime, WindowLength},
};
use tacita_tokens::{BlindedBatch, Envelope, EpochKey, IssuedBatch, Issuer, Opener};

pub const PUBLISHER: PublisherId = PublisherId(7);
pub const DAY: u64 = 86_400;
/// The beginning of the first epoch.
pub const START: UnixTime = UnixTime(20_000 * DAY);

pub fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

pub fn pinned() -> VerifyingKey {
    signing_key().verifying_key()
}

pub fn epoch_key(epoch: u32) -> EpochKey {
    let mut bytes = [0; 32];
    bytes[..31].fill(7);
    bytes[0] = epoch as u8;
    EpochKey::from_bytes(&bytes).unwrap()
}

/// The directory of the first `count` epochs, of a week each.
pub fn epochs(count: u32) -> Vec<EpochEntry> {
    epochs_of(EpochSchedule::default().active_seconds, count)
}

/// The same, of so many seconds each.
pub fn epochs_of(active_seconds: u64, count: u32) -> Vec<EpochEntry> {
    let schedule = EpochSchedule { active_seconds, ..EpochSchedule::default() };
    let mut entries: Vec<EpochEntry> = Vec::new();
    for epoch in 1..=count {
        let starts = entries.last().map_or(START, |last| last.ends_at);
        let key = epoch_key(epoch).public_key();
        entries.push(EpochEntry::following(entries.last(), key, starts, &schedule));
    }
    entries
}

pub fn measure(id: u32, event: Event, participation: Participation) -> Measure {
    let labels = ["whatsapp", "telegram", "search", "direct", "inferred", "unattributed", "other"];
    let labels = labels.map(str::to_owned).to_vec();
    let epsilon = Epsilon::from_micro(1_000_000).unwrap();
    let channel = Dimension::labelled(Dimension::CHANNEL.parse().unwrap(), labels);
    Measure {
        id: MeasureId(id),
        campaign: CampaignId(1),
        name: format!("measure-{id}").parse().unwrap(),
        event,
        participation,
        domain: Domain::new(vec![channel], epsilon).unwrap(),
        epsilon,
        window: WindowLength::DAY,
    }
}

/// Arrival 1, reach 2, share 3, conversion 4 by event; share 5, conversion 6 by session.
pub fn manifest() -> Manifest {
    Manifest {
        publisher: PUBLISHER,
        revision: 10,
        epochs: epochs(2),
        measures: vec![
            measure(1, Event::Arrival, Participation::Event),
            measure(2, Event::Reach, Participation::Event),
            measure(3, Event::Share, Participation::Event),
            measure(4, Event::Conversion, Participation::Event),
            measure(5, Event::Share, Participation::Session),
            measure(6, Event::Conversion, Participation::Session),
        ],
        campaigns: vec![ManifestCampaign {
            id: CampaignId(1),
            brand: BrandId(3),
            name: "spring".parse().unwrap(),
            attribution_seconds: 7 * DAY as u32,
            policy: CampaignPolicy { device_epsilon_micro: 1_000_000_000, ..CampaignPolicy::default() },
        }],
        policy: DevicePolicy { token_batch: 8, ledger_bound_micro: 1_000_000_000 },
    }
}

#[derive(Clone)]
pub struct Relay(Arc<Mutex<Inside>>);

impl std::fmt::Debug for Relay {
    /// Its name alone: what a device prints is the device's affair.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relay")
    }
}

#[derive(Debug)]
pub struct Inside {
    pub manifest: SignedManifest,
    /// Every envelope that arrived, repetitions too.
    pub arrived: Vec<[u8; 86]>,
    /// The size of every batch that was issued.
    pub issued: Vec<usize>,
    /// By digest; what is served need not be what was asked for.
    pub catalogues: BTreeMap<CatalogueDigest, Vec<u8>>,
    /// Every catalogue that was asked for.
    pub fetched: Vec<CatalogueDigest>,
    pub manifest_down: bool,
    pub issue_down: bool,
    pub submit_down: bool,
    /// Takes the reports and loses the answer.
    pub lose_answers: bool,
    /// Answers every report with this refusal.
    pub refuse: Option<Refusal>,
    /// Issues under a key that is not the published one.
    pub wrong_key: bool,
}

impl Relay {
    pub fn new(manifest: &Manifest) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            manifest: manifest.sign(&signing_key()),
            arrived: Vec::new(),
            issued: Vec::new(),
            catalogues: BTreeMap::new(),
            fetched: Vec::new(),
            manifest_down: false,
            issue_down: false,
            submit_down: false,
            lose_answers: false,
            refuse: None,
            wrong_key: false,
        })))
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    pub fn publish(&self, manifest: &Manifest) {
        self.inside().manifest = manifest.sign(&signing_key());
    }

    /// The reports that arrived, opened, each counted once.
    pub fn reports(&self) -> Vec<Report> {
        open_all(&self.inside().arrived)
    }

    /// How many reports of each measure arrived.
    pub fn counts(&self) -> BTreeMap<u32, usize> {
        let mut counts = BTreeMap::new();
        for report in self.reports() {
            *counts.entry(report.measure.0).or_default() += 1;
        }
        counts
    }
}

/// Opens envelopes as a collector does, and fails if one token has sealed two reports.
pub fn open_all(envelopes: &[[u8; 86]]) -> Vec<Report> {
    let directory = epochs(10);
    let distinct: BTreeSet<_> = envelopes.iter().collect();
    let mut spent = BTreeSet::new();
    let open = |bytes: &&[u8; 86]| {
        let envelope = Envelope::from_bytes(&bytes[..]).unwrap();
        let epoch = envelope.header().epoch;
        let entry = directory.iter().find(|entry| entry.epoch == EpochId(epoch)).unwrap();
        let opened = Opener::new(&epoch_key(epoch), &entry.context(PUBLISHER)).unwrap().open(&envelope).unwrap();
        assert!(spent.insert(*opened.nullifier.as_bytes()), "a token has sealed two reports");
        Report::from_bytes(&opened.payload)
    };
    distinct.iter().map(open).collect()
}

fn down<T>(what: &str) -> Result<T, TransportError> {
    Err(TransportError::Unavailable(format!("{what} is down")))
}

impl Transport for Relay {
    fn manifest(&self, _: PublisherId) -> Reply<'_, SignedManifest> {
        Box::pin(async {
            let inside = self.inside();
            if inside.manifest_down { down("manifest") } else { Ok(inside.manifest.clone()) }
        })
    }

    fn catalogue(&self, _: PublisherId, digest: CatalogueDigest) -> Reply<'_, Vec<u8>> {
        Box::pin(async move {
            let mut inside = self.inside();
            inside.fetched.push(digest);
            inside.catalogues.get(&digest).cloned().map_or_else(|| down("the catalogue"), Ok)
        })
    }

    fn issue(&self, publisher: PublisherId, epoch: EpochId, batch: BlindedBatch) -> Reply<'_, IssuedBatch> {
        Box::pin(async move {
            if self.inside().issue_down {
                return down("issuance");
            }
            assert_eq!(publisher, PUBLISHER);
            let directory = epochs(10);
            let entry = directory.iter().find(|entry| entry.epoch == epoch).unwrap();
            let key = epoch_key(if self.inside().wrong_key { 99 } else { epoch.0 });
            let issued = Issuer::new(&key, &entry.context(publisher)).unwrap().issue(&batch, &mut rand::rng()).unwrap();
            self.inside().issued.push(batch.len());
            Ok(issued)
        })
    }

    fn submit(&self, envelopes: Vec<Envelope>) -> Reply<'_, Vec<Outcome>> {
        Box::pin(async move {
            let mut inside = self.inside();
            inside.arrived.extend(envelopes.iter().map(|envelope| *envelope.as_bytes()));
            if inside.submit_down || inside.lose_answers {
                return down("submission");
            }
            let outcome = inside.refuse.map_or(Outcome::Queued, Outcome::Refused);
            Ok(vec![outcome; envelopes.len()])
        })
    }
}

/// A device in memory at the beginning of the first epoch.
pub fn device(relay: &Relay) -> (Device, ManualClock) {
    let clock = ManualClock::new(START.plus(60));
    (open(relay, MemoryStorage::new(), &clock), clock)
}

pub fn open(relay: &Relay, storage: impl Storage + 'static, clock: &ManualClock) -> Device {
    let config = DeviceConfig::new(PUBLISHER, pinned());
    Device::open(config, storage, relay.clone(), Arc::new(clock.clone())).unwrap()
}

/// A machine that programs come and go on: a file for their state, and a clock at the beginning of the first epoch.
pub struct Machine {
    folder: tempfile::TempDir,
    pub clock: ManualClock,
}

impl Machine {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: ManualClock::new(START.plus(60)) }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("device.redb")
    }

    /// The file, which only one device has open at a time.
    pub fn storage(&self) -> FileStorage {
        FileStorage::open(self.path()).unwrap()
    }

    /// A device that goes on with what the file holds.
    pub fn device(&self, relay: &Relay) -> Device {
        open(relay, self.storage(), &self.clock)
    }
}

/// A visit of a story, by a link that carries nothing but what `url` says.
pub fn visit(url: &str) -> Evidence<'_> {
    Evidence { url, referrer: "", user_agent: "", navigation: Navigation::Navigate, landing_pages: &[] }
}

pub const STORY: &str = "https://news.example/a/story";
pub const FRONT: &str = "https://news.example/";
