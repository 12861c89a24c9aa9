//! The deployment of one run, the choice of its steps, and its end.

mod look;
mod steps;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use tacita_client::{DeviceConfig, VerifyingKey};
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    time::{Clock as _, ManualClock, UnixTime},
};
use tacita_store::embedded::EmbeddedStore;
use tempfile::TempDir;

use self::steps::{said, with_key};
use super::{
    dice::{Dice, Faults, Process},
    network::Network,
    oracle::{Oracle, closings},
    parties::{Collector, Relay, Visitor},
};

/// Contents that there are to share: as many as a run may make reports of one measure.
const CONTENTS: usize = 1_024;
/// Measures that a run may have: each share answers all of them.
const MEASURES: usize = 3;
const NOON: UnixTime = UnixTime(20_000 * 86_400 + 43_200);

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) violation: Option<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) reports: u64,
    pub(crate) faults: u64,
    pub(crate) crashes: u64,
}

pub(crate) struct World {
    folder: TempDir,
    dice: Dice,
    faults: Faults,
    clock: ManualClock,
    oracle: Arc<Mutex<Oracle>>,
    network: Network,
    keys: Arc<Mutex<ChaCha8Rng>>,
    store: Option<Arc<EmbeddedStore>>,
    collectors: Vec<Collector>,
    relays: Vec<Relay>,
    visitors: Vec<Visitor>,
    operator: String,
    measures: usize,
    shared: usize,
    crashes: u64,
    trace: Vec<String>,
}

/// In memory where the system has room there: no power is lost in here, so no disk needs to be waited for.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl World {
    /// A deployment where all is well: collectors, relays, a campaign with one measure, devices.
    pub(crate) async fn begin(seed: u64) -> Self {
        let folder = folder();
        let dice = Dice::new(seed);
        let faults = Faults::new(dice.fork());
        let oracle = Arc::new(Mutex::new(Oracle::new(NOON)));
        let (collectors, relays) = (1 + dice.below(2), 1 + dice.below(2));
        let network = Network::new(faults.clone(), oracle.clone(), relays, collectors);
        let mut world = Self {
            clock: ManualClock::new(NOON),
            keys: Arc::new(Mutex::new(dice.generator())),
            store: None,
            collectors: Vec::new(),
            relays: Vec::new(),
            visitors: Vec::new(),
            operator: String::new(),
            measures: 0,
            shared: 0,
            crashes: 0,
            trace: Vec::new(),
            folder,
            dice,
            faults,
            oracle,
            network,
        };
        for number in 0..collectors {
            let folder = world.path(&format!("collector-{number}"));
            world.collectors.push(Collector::new(number, folder, world.path("vault")));
            world.start_collector(number).await;
        }
        let operator = std::fs::read_to_string(world.path("collector-0/operator.key")).unwrap();
        world.operator = operator.trim().to_owned();
        world.hire(relays).await;
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Publishers with their relays, a campaign, and two devices for each.
    async fn hire(&mut self, relays: usize) {
        let signing: [u8; 32] = self.status(0).await.unwrap().signing_key.try_into().unwrap();
        let signing = VerifyingKey::from_bytes(&signing).unwrap();
        let names: Vec<String> = (0..relays).map(|number| format!("publisher-{number}")).collect();
        let operator = self.operator.clone();
        let mut admin = self.admin(0).unwrap();
        for name in &names {
            let request = v1::CreatePublisherRequest { name: name.clone() };
            admin.create_publisher(with_key(&operator, request)).await.unwrap();
        }
        admin.create_brand(with_key(&operator, v1::CreateBrandRequest { name: "acme".into() })).await.unwrap();
        let campaign = v1::CreateCampaignRequest {
            brand: "acme".into(),
            name: "spring".into(),
            publishers: names,
            ..Default::default()
        };
        admin.create_campaign(with_key(&operator, campaign)).await.unwrap();
        self.create_measure(0).await.unwrap();
        let mut keys = Vec::new();
        for number in 0..relays {
            keys.push(self.create_key(0, number).await.unwrap());
        }
        // The others hear of it.
        for number in 0..self.collectors.len() {
            self.turn(number).await;
        }
        for (number, key) in keys.into_iter().enumerate() {
            self.relays.push(Relay::new(number, key, signing, self.path(&format!("relay-{number}"))));
            let random = self.dice.generator();
            self.relays[number].start(random, &self.clock, &self.network).await.unwrap();
            let config = DeviceConfig::new(PublisherId(number as u32 + 1), signing);
            for device in 0..2 {
                let config = config.clone().simulated(self.dice.bytes());
                let config = config.blinding_with(Arc::new(Mutex::new(self.dice.generator())));
                let skew = (self.dice.below(120) as u64, self.dice.below(120) as u64);
                let process = Process::new(self.faults.clone());
                self.visitors.push(Visitor::new(2 * number + device, number, config, skew, process));
                self.start_visitor(2 * number + device);
            }
        }
    }

    /// Some hundred steps, then the end of all faults, and the verdict.
    pub(crate) async fn run(mut self, steps: usize) -> Run {
        for _ in 0..steps {
            if self.oracle.lock().violation().is_some() {
                break;
            }
            self.step().await;
        }
        if self.oracle.lock().violation().is_none() {
            self.settle().await;
        }
        let oracle = self.oracle.lock();
        Run {
            violation: oracle.violation(),
            reports: oracle.reports() as u64,
            faults: self.faults.happened(),
            crashes: self.crashes,
            trace: std::mem::take(&mut self.trace),
        }
    }

    async fn step(&mut self) {
        let (relay, collector) = (self.dice.below(self.relays.len()), self.dice.below(self.collectors.len()));
        let visitor = self.dice.below(self.visitors.len());
        // How far a run is troubled changes from step to step.
        self.faults.arm(!self.dice.one_in(4));
        let (what, how) = match self.dice.below(100) {
            0..20 => (format!("visitor {visitor} shares"), self.share(visitor)),
            20..40 => (format!("visitor {visitor} sends"), self.flush(visitor).await),
            40..58 => (format!("relay {relay} uploads"), self.upload(relay, 1).await),
            58..61 => (format!("relay {relay} uploads at once"), self.upload(relay, 4).await),
            61..66 => (format!("relay {relay} renews"), self.renew(relay).await),
            66..71 => (format!("collector {collector} takes a turn"), self.turn(collector).await),
            71..73 => (format!("collector {collector} closes a period"), self.close_period(collector).await),
            73..80 => ("the clock moves".to_owned(), self.move_clock()),
            80..82 => (format!("collector {collector} rotates"), self.rotate(collector).await),
            82..84 => (format!("relay {relay} is killed"), self.kill_relay(relay).await),
            84..86 => (format!("collector {collector} is killed"), self.kill_collector(collector).await),
            86 => ("all collectors are killed".to_owned(), self.kill_collectors().await),
            87..89 => (format!("visitor {visitor} is killed"), self.kill_visitor(visitor)),
            89..92 => ("a late message arrives".to_owned(), self.network.deliver_late().await.to_string()),
            92..95 => (format!("old envelopes come at collector {collector}"), self.replay(collector).await),
            95 => ("a vandal sends".to_owned(), self.vandalise(relay).await),
            96 => ("a measure is made".to_owned(), said(self.create_measure(collector).await)),
            97 => (format!("the key of relay {relay} is revoked"), said(self.revoke(collector, relay).await)),
            98 => (format!("relay {relay} gets a key"), self.new_key(collector, relay).await),
            _ => ("a look".to_owned(), "done".to_owned()),
        };
        self.faults.arm(false);
        self.trace.push(format!("{}: {what}: {how}", self.elapsed()));
        self.bury().await;
        self.look().await;
    }

    /// Starts whoever died in the step anew.
    async fn bury(&mut self) {
        for number in 0..self.collectors.len() {
            if self.collectors[number].is_dead() {
                self.trace.push(format!("collector {number} has died"));
                self.kill_collector(number).await;
            }
        }
        for number in 0..self.visitors.len() {
            if self.visitors[number].process.is_dead() {
                self.trace.push(format!("visitor {number} has died"));
                self.kill_visitor(number);
            }
        }
    }

    /// Seconds since the beginning.
    fn elapsed(&self) -> i64 {
        self.clock.now().0.cast_signed() - NOON.0.cast_signed()
    }

    /// All faults are over: everything is sent, and everything is judged.
    async fn settle(&mut self) {
        self.faults.arm(false);
        while self.network.deliver_late().await {}
        for number in 0..self.relays.len() {
            let how = self.new_key(0, number).await;
            self.trace.push(format!("settling: relay {number}: {how}"));
        }
        for round in 0..40 {
            for number in 0..self.collectors.len() {
                let how = self.turn(number).await;
                let closed = self.close_period(number).await;
                self.trace.push(format!("settling {round}: collector {number}: {how}, {closed}"));
            }
            for number in 0..self.relays.len() {
                self.renew(number).await;
            }
            for number in 0..self.visitors.len() {
                let how = self.flush(number).await;
                self.trace.push(format!("settling {round}: visitor {number}: {how}"));
            }
            for number in 0..self.relays.len() {
                for _ in 0..400 {
                    let how = self.upload(number, 4).await;
                    self.trace.push(format!("settling {round}: relay {number}: {how}"));
                    if self.held(number) == 0 {
                        break;
                    }
                }
            }
            self.look().await;
            let pending: usize = self.visitors.iter().filter_map(|v| v.device.as_ref()).map(|d| d.pending()).sum();
            if pending == 0 || self.oracle.lock().violation().is_some() {
                break;
            }
            // Allowances come back, and what is too old expires.
            self.clock.set(self.clock.now().plus(600));
            self.oracle.lock().time(self.clock.now());
        }
        self.end().await;
    }

    fn held(&self, relay: usize) -> usize {
        self.relays[relay].running.as_ref().map_or(usize::MAX, |relay| relay.seen().held)
    }

    async fn end(&mut self) {
        for number in 0..self.relays.len() {
            let held = self.held(number);
            if held > 0 {
                self.oracle.lock().violate(format!("relay {number} still holds {held} envelopes at the end"));
            }
        }
        let pending: Vec<usize> = self.visitors.iter().filter_map(|v| v.device.as_ref()).map(|d| d.pending()).collect();
        if pending.iter().any(|&pending| pending > 0) {
            self.oracle.lock().violate(format!("devices still hold {pending:?} reports at the end"));
        }
        self.look_at_record().await;
        let status = self.status(0).await.unwrap();
        let closings: BTreeMap<_, _> = closings(&status);
        self.oracle.lock().end(&closings);
    }
}

impl Drop for World {
    /// Servers and the lines between them hold each other: without a word none of them would end with the run.
    fn drop(&mut self) {
        self.network.relays.iter().chain(&self.network.collectors).for_each(|slot| *slot.lock() = None);
        if std::thread::panicking() {
            eprintln!("{}", last_steps(&self.trace));
        }
    }
}

/// What happened before the end of a run.
pub(crate) fn last_steps(trace: &[String]) -> String {
    format!("  {}", trace[trace.len().saturating_sub(40)..].join("\n  "))
}
