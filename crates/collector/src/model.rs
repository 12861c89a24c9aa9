//! Key rotation under a model checker (shuttle): two collectors on one log and one vault, in thousands of orders, with
//! calls that fail before and after they were done.
//!
//! Registry and keeper are those of production. The log and the vault are the model's: whoever calls them gives way
//! first and afterwards, so that between any two steps of one collector the other may take any number.
//!
//! Held, whenever a collector's catalogue is looked at: what it holds stands in the log; no two collectors name
//! different keys for an epoch; each open epoch of the log has its key in the vault, unless its destruction had begun
//! when the clock was set back; once a copied vault was given up, no token of a key in the copy is issued. At the end,
//! after one turn of each that succeeds: no closed epoch has a key left, nor has one that was given up, and both know
//! the same directory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use shuttle::{
    Config, Runner,
    future::block_on,
    rand::{Rng as _, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    thread::{spawn, yield_now},
};
use tacita_protocol::{
    epoch::{EpochId, EpochSchedule, EpochState},
    id::{MeasureId, PublisherId},
    outcome::Outcome,
    record::PeriodId,
    time::{Clock, ManualClock, UnixTime, WindowId},
};
use tacita_store::{
    ChangeLog, Committed, Entry, LogError, Partition, SeriesTally, StoreError, TallyStore,
    vault::{KeyId, Secret, SecretKeys, VaultError},
};
use tacita_tokens::{EpochKey, Fingerprint, Nullifier};

use crate::{
    catalogue::{By, Catalogue, Compromise, Epoch},
    keys::{EpochKeeper, is_issued},
    metrics::Metrics,
    registry::Registry,
};

const SCHEDULE: EpochSchedule = EpochSchedule { active_seconds: 1_000, grace_seconds: 500, published_ahead: 1 };
const BEGIN: UnixTime = UnixTime(10_000);
/// Past the end of the first epoch, its grace, and the second's end.
const TIMES: [UnixTime; 3] = [UnixTime(10_800), UnixTime(11_600), UnixTime(12_400)];

/// Log and vault of both collectors.
#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Vec<Vec<u8>>>,
    keys: Mutex<BTreeMap<KeyId, Secret>>,
    keys_made: AtomicU8,
    /// Epochs whose spent sets were dropped.
    dropped: Mutex<BTreeSet<EpochId>>,
    /// What a thief has: the keys that were in the vault just before it was given up.
    copied: Mutex<BTreeSet<KeyId>>,
    /// Calls that may still fail: a schedule in which all do tells nothing.
    faults: AtomicU8,
}

/// One collector's way to them.
#[derive(Debug)]
struct Way(Arc<Shared>);

/// Does it, giving way before and after; one in eight calls fails, half of them after it was done.
fn step<T, E>(shared: &Shared, fault: impl Fn() -> E, done: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    yield_now();
    let fate = thread_rng().gen_range(0..16);
    let fails = fate < 2 && shared.faults.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
    if fails && fate == 0 {
        return Err(fault());
    }
    let result = done();
    yield_now();
    if fails { result.and(Err(fault())) } else { result }
}

fn vault_fault() -> VaultError {
    VaultError::Io { path: "model".into(), error: std::io::Error::other("model") }
}

fn store_fault() -> StoreError {
    StoreError::Unavailable("model".to_owned())
}

impl SecretKeys for Way {
    fn signing_key(&self) -> Result<Secret, VaultError> {
        Err(vault_fault())
    }

    fn existing_signing_key(&self) -> Result<Option<Secret>, VaultError> {
        Err(vault_fault())
    }

    fn put(&self, id: &KeyId, secret: &Secret) -> Result<(), VaultError> {
        step(&self.0, vault_fault, || match self.0.keys.lock().insert(*id, secret.clone()) {
            None => Ok(()),
            Some(_) => Err(VaultError::Exists("model".to_owned())),
        })
    }

    fn get(&self, id: &KeyId) -> Result<Option<Secret>, VaultError> {
        step(&self.0, vault_fault, || Ok(self.0.keys.lock().get(id).cloned()))
    }

    fn list(&self) -> Result<Vec<KeyId>, VaultError> {
        step(&self.0, vault_fault, || Ok(self.0.keys.lock().keys().copied().collect()))
    }

    fn destroy(&self, id: &KeyId) -> Result<(), VaultError> {
        step(&self.0, vault_fault, || {
            self.0.keys.lock().remove(id);
            Ok(())
        })
    }
}

#[tonic::async_trait]
impl ChangeLog for Way {
    async fn read(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        step(&self.0, store_fault, || Ok(self.0.log.lock()[from as usize..].to_vec()))
    }

    async fn append(&self, expected: u64, entry: &[u8]) -> Result<(), LogError> {
        step(
            &self.0,
            || store_fault().into(),
            || {
                let mut log = self.0.log.lock();
                if log.len() as u64 != expected {
                    return Err(LogError::Conflict { expected });
                }
                log.push(entry.to_vec());
                Ok(())
            },
        )
    }
}

/// Of the tallies the keeper drops epochs and asks which were, and nothing else.
#[tonic::async_trait]
impl TallyStore for Way {
    async fn commit(&self, _: Partition, _: EpochId, _: Vec<Entry>) -> Result<Committed, StoreError> {
        Err(StoreError::Closed)
    }

    async fn spent(&self, _: PublisherId, _: EpochId, _: &[Nullifier]) -> Result<Vec<Option<Fingerprint>>, StoreError> {
        Err(StoreError::Closed)
    }

    async fn add_outcomes(&self, _: PublisherId, _: &[(Outcome, u64)]) -> Result<PeriodId, StoreError> {
        Err(StoreError::Closed)
    }

    async fn outcomes(&self) -> Result<Vec<(PublisherId, Outcome, u64)>, StoreError> {
        Err(StoreError::Closed)
    }

    async fn tallies(&self, _: MeasureId, _: Range<WindowId>) -> Result<Vec<SeriesTally>, StoreError> {
        Err(StoreError::Closed)
    }

    async fn drop_epoch(&self, epoch: EpochId) -> Result<(), StoreError> {
        step(&self.0, store_fault, || {
            self.0.dropped.lock().insert(epoch);
            Ok(())
        })
    }

    async fn is_dropped(&self, epoch: EpochId) -> Result<bool, StoreError> {
        step(&self.0, store_fault, || Ok(self.0.dropped.lock().contains(&epoch)))
    }
}

impl Shared {
    /// The catalogue that the log is.
    fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for entry in &*self.log.lock() {
            catalogue.fold(entry).unwrap();
        }
        catalogue
    }

    fn has_key(&self, id: &KeyId) -> bool {
        self.keys.lock().contains_key(id)
    }

    fn was_given_up(&self) -> bool {
        self.log.lock().iter().any(|entry| String::from_utf8_lossy(entry).contains("keys-compromised"))
    }

    /// Whether tokens of a key that the thief has are issued.
    fn uses_the_copied(&self, catalogue: &Catalogue, now: UnixTime) -> bool {
        let copied = self.copied.lock();
        let issued =
            catalogue.epochs().iter().filter(|epoch| is_issued(epoch, now) || epoch.state(now) == EpochState::Pending);
        issued.into_iter().any(|epoch| copied.contains(&epoch.entry.public_key.id().0))
    }
}

/// One collector, as far as its keys go.
#[derive(Clone)]
struct Collector {
    shared: Arc<Shared>,
    clock: ManualClock,
    registry: Arc<Registry>,
    keeper: Arc<EpochKeeper>,
}

impl Collector {
    fn start(shared: &Arc<Shared>, clock: &ManualClock) -> Self {
        let way = || Arc::new(Way(shared.clone()));
        let registry = loop {
            if let Ok(registry) = block_on(Registry::open(way(), Arc::new(clock.clone()))) {
                break Arc::new(registry);
            }
        };
        let made = shared.clone();
        let fresh_key = move || {
            let mut bytes = [0; 32];
            bytes[0] = 1 + made.keys_made.fetch_add(1, Relaxed);
            EpochKey::from_bytes(&bytes)
        };
        let metrics = Arc::new(Metrics::new(&mut prometheus_client::registry::Registry::default()));
        let (time, key): (Arc<dyn Clock>, _) = (Arc::new(clock.clone()), Box::new(fresh_key));
        let keeper = EpochKeeper::new(registry.clone(), way(), key, way(), time, SCHEDULE, metrics);
        Self { shared: shared.clone(), clock: clock.clone(), registry, keeper: Arc::new(keeper) }
    }

    /// What must hold whenever anybody looks. Nobody goes on meanwhile.
    fn look(&self) {
        let (known, log, now) = (self.registry.snapshot(), self.shared.catalogue(), self.clock.now());
        assert!(known.length() <= log.length(), "a catalogue holds what the log does not");
        for epoch in known.epochs() {
            let logged = log.epoch(epoch.entry.epoch).expect("a catalogue names an epoch that the log does not");
            assert_eq!(logged.entry.public_key, epoch.entry.public_key, "two keys for one epoch");
        }
        for Epoch { entry, .. } in log.epochs().iter().filter(|epoch| epoch.state(now) != EpochState::Closed) {
            let is_open = !self.shared.dropped.lock().contains(&entry.epoch);
            assert!(!is_open || self.shared.has_key(&entry.public_key.id().0), "an open epoch has no key");
        }
        assert!(!(self.shared.was_given_up() && self.shared.uses_the_copied(&log, now)), "a copied key is in use");
    }

    /// Two turns, and something between them; any of it may fail.
    fn work(&self, between: impl Fn(&Self)) {
        let _ = block_on(self.keeper.take_turn());
        self.look();
        between(self);
        self.look();
        let _ = block_on(self.keeper.take_turn());
        self.look();
    }

    fn rotate(&self) {
        let _ = block_on(self.keeper.rotate(By::Collector));
    }

    /// A thief copies the vault, and it is given up, with a grace or without.
    fn give_up(&self) {
        *self.shared.copied.lock() = self.shared.keys.lock().keys().copied().collect();
        let grace_seconds = thread_rng().gen_range(0..2) * 900;
        let wish = Compromise { reason: "copied".to_owned(), grace_seconds };
        let _ = block_on(self.keeper.give_up(By::Collector, &wish));
    }
}

/// One collector does something while the other takes turns, and time passes.
fn schedule(does: fn(&Collector), other: fn(&Collector)) {
    let (shared, clock) = (Arc::new(Shared::default()), ManualClock::new(BEGIN));
    shared.faults.store(4, Relaxed);
    let collectors = [0, 1].map(|_| Collector::start(&shared, &clock));
    let mut working: Vec<_> = collectors
        .iter()
        .zip([does, other])
        .map(|(collector, does)| {
            let collector = collector.clone();
            spawn(move || collector.work(does))
        })
        .collect();
    working.push(spawn({
        let clock = clock.clone();
        move || {
            for time in TIMES {
                yield_now();
                clock.set(time);
            }
        }
    }));
    working.into_iter().for_each(|worker| worker.join().unwrap());

    shared.faults.store(0, Relaxed);
    // A clock that is set back, into the first epoch's grace, opens nothing whose destruction has begun.
    for time in [BEGIN.plus(1_400), TIMES[2]] {
        clock.set(time);
        for collector in &collectors {
            block_on(collector.keeper.take_turn()).expect("a turn without faults makes good what went wrong");
            collector.look();
        }
    }
    block_on(collectors[0].registry.refresh()).unwrap();
    let [one, other] = collectors.each_ref().map(|collector| collector.registry.snapshot());
    assert_eq!(one.epochs(), other.epochs());
    let now = clock.now();
    assert!(one.epochs().iter().any(|epoch| epoch.state(now) == EpochState::Active), "no epoch is active");
    for epoch in one.epochs().iter().filter(|epoch| epoch.state(now) == EpochState::Closed) {
        assert!(!shared.has_key(&epoch.entry.public_key.id().0), "the key of a closed epoch is still there");
    }
    let keys = shared.keys.lock();
    assert!(!keys.keys().any(|id| one.is_given_up(id)), "a key that was given up is still there");
}

/// How many schedules are tried: a few among all tests, or as many as `TACITA_MODEL_SCHEDULES` says.
fn schedules() -> usize {
    std::env::var("TACITA_MODEL_SCHEDULES").ok().and_then(|number| number.parse().ok()).unwrap_or(1_000)
}

fn check(scheduler: impl Scheduler + 'static, does: fn(&Collector), other: fn(&Collector)) {
    let mut config = Config::default();
    config.stack_size = 1 << 20;
    Runner::new(scheduler, config).run(move || schedule(does, other));
}

fn idle(_: &Collector) {}

#[test]
fn rotation_holds_under_random_schedules() {
    check(RandomScheduler::new(schedules()), Collector::rotate, idle);
}

#[test]
fn rotation_holds_under_schedules_of_few_preemptions() {
    check(PctScheduler::new(3, schedules()), Collector::rotate, idle);
}

#[test]
fn giving_up_a_copied_vault_holds_under_random_schedules() {
    check(RandomScheduler::new(schedules()), Collector::give_up, Collector::rotate);
}

#[test]
fn giving_up_a_copied_vault_holds_under_schedules_of_few_preemptions() {
    check(PctScheduler::new(3, schedules()), Collector::give_up, idle);
}
