//! The parties: started, killed, started again.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use tacita_client::{Device, DeviceConfig, GrpcTransport, VerifyingKey};
use tacita_collector::{CollectorConfig, CollectorError, simulation as collector};
use tacita_protocol::{
    epoch::EpochSchedule,
    id::PublisherId,
    manifest::DevicePolicy,
    time::{Clock, ManualClock, UnixTime},
};
use tacita_relay::{BatchPolicy, RelayConfig, RelayError, VisitorLimit, simulation as relay};
use tacita_store::{
    embedded::{EmbeddedOptions, EmbeddedStore},
    vault::Vault,
};
use tacita_tokens::EpochKey;

use super::{
    dice::Process,
    network::{Network, line_to},
    oracle::MAX_AGE,
    storage::{DeviceState, FaultyStore, FaultyVault},
};

/// Short epochs, so that a run sees many.
pub(crate) const SCHEDULE: EpochSchedule =
    EpochSchedule { active_seconds: 3_600, grace_seconds: 1_800, published_ahead: 1 };

/// How long a period of the record is.
pub(crate) const RECORD_PERIOD: Duration = Duration::from_secs(900);

/// A collector: its process, while it has one.
pub(crate) struct Collector {
    pub(crate) number: usize,
    pub(crate) config: CollectorConfig,
    pub(crate) running: Option<(collector::ByHand, Process)>,
}

/// The most that a device accepts: ε 1,000, fifty of the reports that are made here.
const LEDGER_BOUND_MICRO: u32 = 1_000_000_000;

impl Collector {
    pub(crate) fn new(number: usize, folder: PathBuf, vault: PathBuf) -> Self {
        let mut config = CollectorConfig::new(folder);
        config.vault = vault;
        config.schedule = SCHEDULE;
        config.device_policy = DevicePolicy { token_batch: 8, ledger_bound_micro: LEDGER_BOUND_MICRO };
        config.window_policy.max_age = Duration::from_secs(MAX_AGE);
        config.policy.report_epsilon_micro = 20_000_000;
        config.policy.reports_per_window = 1;
        config.record_period = RECORD_PERIOD;
        config.limits.crypto_threads = 1;
        config.serve_dashboard = false;
        Self { number, config, running: None }
    }

    pub(crate) async fn start(
        &mut self,
        process: Process,
        store: Arc<EmbeddedStore>,
        clock: &ManualClock,
        keys: &Arc<Mutex<ChaCha8Rng>>,
        network: &Network,
    ) -> Result<(), CollectorError> {
        let (keys, oracle) = (keys.clone(), network.oracle.clone());
        let fresh_key = move || {
            let key = EpochKey::generate(&mut *keys.lock()).unwrap();
            oracle.lock().key_made(&key);
            key
        };
        let given = collector::Given {
            store: FaultyStore { store, process: process.clone() },
            vault: Arc::new(FaultyVault { vault: Vault::open(&self.config.vault)?, process: process.clone() }),
            fresh_key: Box::new(fresh_key),
            clock: Arc::new(clock.clone()),
        };
        let running = collector::ByHand::start(self.config.clone(), given).await?;
        *network.collectors[self.number].lock() = Some(line_to(running.services()));
        self.running = Some((running, process));
        Ok(())
    }

    pub(crate) async fn crash(&mut self, network: &Network) {
        *network.collectors[self.number].lock() = None;
        if let Some((running, _)) = self.running.take() {
            running.crash().await;
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.running.as_ref().is_some_and(|(_, process)| process.is_dead())
    }
}

/// The store that all collectors share.
pub(crate) fn open_store(folder: PathBuf) -> Arc<EmbeddedStore> {
    // Small memory, no reserve, and generations so small that a run fills some.
    let options = EmbeddedOptions {
        cache_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        generation_entries: 64,
        cached_counters: 64,
        reserved_bytes: 0,
        ..EmbeddedOptions::default()
    };
    Arc::new(EmbeddedStore::open(folder, options).expect("the store opens after any crash"))
}

/// A relay: its process, while it has one.
pub(crate) struct Relay {
    pub(crate) number: usize,
    pub(crate) config: RelayConfig,
    pub(crate) running: Option<relay::ByHand>,
}

impl Relay {
    pub(crate) fn new(number: usize, key: String, signing_key: VerifyingKey, folder: PathBuf) -> Self {
        let publisher = PublisherId(number as u32 + 1);
        let mut config = RelayConfig::new(publisher, "http://collector:1".to_owned(), key, signing_key, folder);
        config.batch = BatchPolicy { least: 3, age: Duration::from_secs(60), most: 9 };
        config.visitor_limit = VisitorLimit { tokens: 96, envelopes: 512, per: Duration::from_secs(3_600) };
        Self { number, config, running: None }
    }

    pub(crate) async fn start(
        &mut self,
        random: ChaCha8Rng,
        clock: &ManualClock,
        network: &Network,
    ) -> Result<(), RelayError> {
        let lines = network.clone();
        let (config, clock) = (self.config.clone(), Arc::new(clock.clone()));
        let running = relay::ByHand::start(config, move || lines.relay_line(), Box::new(random), clock).await?;
        *network.relays[self.number].lock() = Some(line_to(running.app()));
        self.running = Some(running);
        Ok(())
    }

    pub(crate) fn crash(&mut self, network: &Network) {
        *network.relays[self.number].lock() = None;
        if let Some(running) = self.running.take() {
            running.crash();
        }
    }
}

/// A clock that goes before or after the others.
#[derive(Debug)]
pub(crate) struct Skewed {
    clock: ManualClock,
    before: u64,
    after: u64,
}

impl Clock for Skewed {
    fn now(&self) -> UnixTime {
        self.clock.now().plus(self.before).minus(self.after)
    }
}

/// A visitor's device, and what it has said of its reports.
pub(crate) struct Visitor {
    pub(crate) relay: usize,
    config: DeviceConfig,
    address: SocketAddr,
    skew: (u64, u64),
    state: DeviceState,
    pub(crate) device: Option<Device>,
    pub(crate) process: Process,
    /// Reports it is committed to, by its own word.
    pub(crate) recorded: u64,
    /// Those that were answered.
    pub(crate) answered: u64,
    /// Those that expired.
    pub(crate) expired: u64,
}

impl Visitor {
    pub(crate) fn new(number: usize, relay: usize, config: DeviceConfig, skew: (u64, u64), process: Process) -> Self {
        let address = SocketAddr::from((Ipv4Addr::new(10, 0, 0, number as u8), 1));
        let state = DeviceState::new(process.clone());
        Self { relay, config, address, skew, state, device: None, process, recorded: 0, answered: 0, expired: 0 }
    }

    /// Opens the device in a new process.
    pub(crate) fn start(&mut self, process: Process, clock: &ManualClock, network: &Network) -> bool {
        self.state = self.state.reopened(process.clone());
        self.process = process;
        let line = || network.device_line(self.relay, self.address);
        let transport = GrpcTransport::over(line(), line());
        let clock = Skewed { clock: clock.clone(), before: self.skew.0, after: self.skew.1 };
        self.device = Device::open(self.config.clone(), self.state.clone(), transport, Arc::new(clock)).ok();
        self.device.is_some()
    }
}
