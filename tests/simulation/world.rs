//! The deployment of one run, its steps, and its end.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use tacita_client::{DeviceConfig, Occurrence, VerifyingKey};
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, collection_service_client::CollectionServiceClient,
};
use tacita_protocol::{
    id::{MeasureId, PublisherId},
    measure::Event,
    outcome::Outcome,
    record::{PeriodId, RecordEntry},
    time::{Clock as _, ManualClock, UnixTime, WindowId},
};
use tacita_relay::receipts;
use tacita_store::{PeriodCounts, PeriodRecord as _, TallyStore as _, embedded::EmbeddedStore, vault::Vault};
use tacita_tokens::PublicKey;
use tempfile::TempDir;
use tonic::{Request, Status};

use super::{
    dice::{Dice, Faults, Process},
    network::{Line, Network},
    oracle::{Oracle, closings},
    parties::{Collector, RECORD_PERIOD, Relay, SCHEDULE, Visitor, open_store},
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

fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}

fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| format!("error: {error}"), |_| "done".to_owned())
}

/// Reports by whose they are and what became of them.
type Counts = BTreeMap<(PublisherId, Outcome), u64>;

fn entry(PeriodCounts { closing, outcomes }: PeriodCounts) -> RecordEntry {
    RecordEntry { period: closing.period, closed_at: closing.at, outcomes }
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
            trace: self.trace,
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

    // Visitors.

    fn start_visitor(&mut self, number: usize) {
        let process = Process::new(self.faults.clone());
        if !self.visitors[number].start(process, &self.clock, &self.network) {
            // It was killed while it began.
            self.faults.arm(false);
            let process = Process::new(self.faults.clone());
            assert!(self.visitors[number].start(process, &self.clock, &self.network), "a device opens after any crash");
        }
    }

    fn kill_visitor(&mut self, number: usize) -> String {
        self.crashes += 1;
        self.visitors[number].device = None;
        self.start_visitor(number);
        "started".to_owned()
    }

    fn share(&mut self, number: usize) -> String {
        let visitor = &mut self.visitors[number];
        let Some(device) = &visitor.device else { return "no device".to_owned() };
        let mut done = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            let content = format!("/story/{}", self.shared % CONTENTS);
            self.shared += 1;
            match device.record(&Occurrence::new(Event::ContentShare).label("content", content)) {
                Ok(recorded) => {
                    visitor.recorded += recorded.answers.len() as u64;
                    done.push(recorded.answers.len().to_string());
                }
                Err(error) => done.push(error.to_string()),
            }
        }
        done.join(", ")
    }

    async fn flush(&mut self, number: usize) -> String {
        let visitor = &mut self.visitors[number];
        let Some(device) = &visitor.device else { return "no device".to_owned() };
        let summary = device.flush().await;
        let answered: u64 = summary.outcomes.values().sum();
        visitor.answered += answered;
        visitor.expired += summary.expired;
        let trouble = summary.trouble.map_or_else(String::new, |trouble| trouble.to_string());
        format!("{answered} answered, {} expired, {} left; {trouble}", summary.expired, summary.left)
    }

    // Relays.

    async fn kill_relay(&mut self, number: usize) -> String {
        self.crashes += 1;
        self.relays[number].crash(&self.network);
        let random = self.dice.generator();
        said(self.relays[number].start(random, &self.clock, &self.network).await)
    }

    async fn renew(&mut self, number: usize) -> String {
        match &self.relays[number].running {
            Some(relay) => said(relay.refresh_manifest().await),
            None => self.kill_relay(number).await,
        }
    }

    async fn upload(&mut self, number: usize, most: usize) -> String {
        let Some(relay) = &mut self.relays[number].running else { return "down".to_owned() };
        // With several batches on their way at once it is the threads that say which comes first: faults would not be the seed's.
        if most > 1 || relay.unanswered() > 1 {
            self.faults.arm(false);
        }
        let held = relay.seen().held;
        let more = most.saturating_sub(relay.unanswered());
        let result = said(relay.upload(more).await);
        format!("{held} to {}: {result}", relay.seen().held)
    }

    async fn revoke(&mut self, collector: usize, number: usize) -> Result<(), Status> {
        let key = self.relays[number].config.api_key.clone();
        let id = key.split('_').nth(1).and_then(|id| id.parse().ok()).unwrap_or(0);
        let request = with_key(&self.operator, v1::RevokeApiKeyRequest { id });
        self.admin(collector)?.revoke_api_key(request).await?;
        Ok(())
    }

    async fn create_key(&mut self, collector: usize, number: usize) -> Result<String, Status> {
        let subject = format!("publisher-{number}");
        let request = v1::CreateApiKeyRequest { role: v1::Role::Publisher.into(), subject, ..Default::default() };
        let request = with_key(&self.operator, request);
        Ok(self.admin(collector)?.create_api_key(request).await?.into_inner().secret)
    }

    async fn new_key(&mut self, collector: usize, number: usize) -> String {
        match self.create_key(collector, number).await {
            Ok(key) => {
                self.relays[number].config.api_key = key;
                self.kill_relay(number).await
            }
            Err(error) => format!("error: {error}"),
        }
    }

    // Collectors.

    fn store(&mut self) -> Arc<EmbeddedStore> {
        let folder = self.path("store");
        self.store.get_or_insert_with(|| open_store(folder)).clone()
    }

    async fn start_collector(&mut self, number: usize) -> String {
        let mut tries = 0;
        loop {
            let (store, process) = (self.store(), Process::new(self.faults.clone()));
            let collector = &mut self.collectors[number];
            match collector.start(process, store, &self.clock, &self.keys, &self.network).await {
                Ok(()) if !collector.is_dead() => return format!("started after {tries} tries"),
                Ok(()) => collector.crash(&self.network),
                Err(error) => self.trace.push(format!("collector {number} does not start: {error}")),
            }
            tries += 1;
            if tries == 3 {
                self.faults.arm(false);
            }
            assert!(tries < 5, "a collector starts after any crash");
        }
    }

    async fn kill_collector(&mut self, number: usize) -> String {
        self.crashes += 1;
        self.collectors[number].crash(&self.network);
        if self.collectors.len() == 1 {
            // Its store closes with it, and is read anew from the disk.
            self.store = None;
        }
        self.start_collector(number).await
    }

    async fn kill_collectors(&mut self) -> String {
        for collector in &mut self.collectors {
            self.crashes += 1;
            collector.crash(&self.network);
        }
        self.store = None;
        for number in 0..self.collectors.len() {
            self.start_collector(number).await;
        }
        "started".to_owned()
    }

    /// A turn of the epoch keeper; after a whole one the vault is as it must be.
    async fn turn(&mut self, number: usize) -> String {
        let Some((collector, _)) = &self.collectors[number].running else { return "down".to_owned() };
        let turn = collector.take_turn().await;
        if turn.is_ok() {
            self.faults.arm(false);
            self.look_at_vault(number).await;
        }
        said(turn)
    }

    async fn close_period(&self, number: usize) -> String {
        match &self.collectors[number].running {
            Some((collector, _)) => said(collector.close_period().await),
            None => "down".to_owned(),
        }
    }

    /// Ends the active epoch, or gives the vault up, with a grace or without.
    async fn rotate(&mut self, number: usize) -> String {
        let grace_seconds = self.dice.below(2) as u64 * 3_600;
        let compromise = || v1::Compromise { reason: "a thief".into(), grace_seconds };
        let compromise = self.dice.one_in(4).then(compromise);
        let request = with_key(&self.operator, v1::RotateEpochRequest { compromise });
        match self.admin(number) {
            Ok(mut admin) => said(admin.rotate_epoch(request).await),
            Err(error) => error.to_string(),
        }
    }

    fn line(&self, number: usize) -> Result<Line, Status> {
        self.network.collectors[number].lock().clone().ok_or_else(|| Status::unavailable("down"))
    }

    fn admin(&self, number: usize) -> Result<AdminServiceClient<Line>, Status> {
        Ok(AdminServiceClient::new(self.line(number)?).max_encoding_message_size(32 << 20))
    }

    async fn status(&self, number: usize) -> Result<v1::GetStatusResponse, Status> {
        let request = with_key(&self.operator, v1::GetStatusRequest {});
        Ok(self.admin(number)?.get_status(request).await?.into_inner())
    }

    async fn create_measure(&mut self, collector: usize) -> Result<(), Status> {
        if self.measures >= MEASURES {
            return Err(Status::ok("there are enough"));
        }
        // The name is taken if an earlier try was cut short after it was made.
        let name = format!("stories-{}-{}", self.measures, self.trace.len());
        let request = v1::CreateMeasureRequest {
            campaign: "acme/spring".into(),
            name,
            event: v1::Event::ContentShare.into(),
            epsilon_micro: 20_000_000,
            window_seconds: 3_600,
            contents: Some(v1::Contents { ids: (0..CONTENTS).map(|n| format!("/story/{n}")).collect(), tail: 1 }),
            ..Default::default()
        };
        let request = with_key(&self.operator, request);
        self.admin(collector)?.create_measure(request).await?;
        self.measures += 1;
        Ok(())
    }

    /// Envelopes that were sent before, as a batch of any order, from a relay that has lost its mind.
    async fn replay(&mut self, number: usize) -> String {
        let relay = self.dice.below(self.relays.len());
        let all = self.oracle.lock().envelopes();
        let own = |bytes: &Vec<u8>| {
            tacita_tokens::Envelope::from_bytes(bytes).unwrap().header().publisher as usize == relay + 1
        };
        let all: Vec<Vec<u8>> = all.into_iter().filter(own).collect();
        if all.is_empty() {
            return "none yet".to_owned();
        }
        let envelopes: Vec<Vec<u8>> =
            (0..1 + self.dice.below(12)).map(|_| all[self.dice.below(all.len())].clone()).collect();
        self.submit(number, relay, envelopes).await
    }

    async fn submit(&mut self, number: usize, relay: usize, envelopes: Vec<Vec<u8>>) -> String {
        let Ok(line) = self.line(number) else { return "down".to_owned() };
        let request = v1::SubmitReportsRequest { envelopes: envelopes.clone() };
        let request = with_key(&self.relays[relay].config.api_key, request);
        match CollectionServiceClient::new(line).submit_reports(request).await {
            Ok(answer) => {
                let outcomes = answer.into_inner().outcomes;
                self.oracle.lock().answered(&envelopes, &outcomes);
                format!("{outcomes:?}")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    /// Copies with a flipped bit, and noise.
    async fn vandalise(&mut self, relay: usize) -> String {
        let mut envelopes = self.oracle.lock().envelopes();
        envelopes.truncate(4);
        for bytes in &mut envelopes {
            let place = self.dice.below(bytes.len());
            bytes[place] ^= 1 << self.dice.below(8);
        }
        envelopes.push(self.dice.bytes().to_vec());
        envelopes.iter().for_each(|bytes| self.oracle.lock().forged(bytes.clone()));
        self.submit(self.dice.below(self.collectors.len()), relay, envelopes).await
    }

    fn move_clock(&mut self) -> String {
        let now = self.clock.now();
        let now = match self.dice.below(10) {
            0 => now.minus(self.dice.below(600) as u64),
            1 => now.plus(SCHEDULE.active_seconds + self.dice.below(3_600) as u64),
            _ => now.plus(self.dice.below(1_200) as u64),
        };
        self.clock.set(now);
        self.oracle.lock().time(now);
        format!("to {}", self.elapsed())
    }

    /// Seconds since the beginning.
    fn elapsed(&self) -> i64 {
        self.clock.now().0.cast_signed() - NOON.0.cast_signed()
    }

    // What must hold.

    /// Compares the tallies on the disk with what was promised.
    async fn look(&mut self) {
        let store = self.store();
        let mut tallies = Vec::new();
        // One more than were made, for one whose creation was not answered.
        for number in 1..=2 * MEASURES as u32 + 2 {
            let measure = MeasureId(number);
            let found = store.tallies(measure, WindowId(0)..WindowId(u32::MAX)).await.unwrap();
            tallies.extend(found.into_iter().map(|tally| (measure, tally)));
        }
        let outcomes = store.outcomes().await.unwrap();
        let counted = outcomes.iter().filter(|(_, outcome, _)| *outcome == Outcome::Counted).map(|(.., n)| n).sum();
        let answered = self.visitors.iter().map(|visitor| visitor.answered).sum();
        self.oracle.lock().look(&tallies, counted, answered);
        for (number, visitor) in self.visitors.iter().enumerate() {
            let Some(device) = &visitor.device else { continue };
            let (recorded, ended) = (visitor.recorded, visitor.answered + visitor.expired);
            let accounted = ended + device.pending() as u64;
            if recorded != accounted {
                let what = format!("visitor {number} recorded {recorded} reports, and {accounted} are accounted for");
                self.oracle.lock().violate(what);
            }
        }
    }

    /// When everything was answered: the record has all that was counted or refused, and each relay's receipts are in it.
    async fn look_at_record(&mut self) {
        self.clock.set(self.oracle.lock().latest().plus(RECORD_PERIOD.as_secs()));
        self.close_period(0).await;
        let store = self.store();
        let periods = store.last_closing().await.unwrap().map_or(PeriodId(0), |last| last.period.next());
        let (mut recorded, mut durable): (Counts, Counts) = Default::default();
        for (publisher, outcome, count) in store.outcomes().await.unwrap() {
            *durable.entry((publisher, outcome)).or_default() += count;
        }
        for relay in &self.relays {
            let (publisher, key) = (relay.config.publisher, &relay.config.signing_key);
            let closed = store.closed_periods(publisher, PeriodId(0), usize::MAX).await.unwrap();
            for &(outcome, count) in closed.iter().flat_map(|counts| &counts.outcomes) {
                *recorded.entry((publisher, outcome)).or_default() += count;
            }
            let record: Vec<RecordEntry> = closed.into_iter().map(entry).collect();
            let kept = receipts::read(&relay.config.data, publisher, key).unwrap();
            // At no time is anything judged for being more: old envelopes come without receipts.
            let missing = receipts::compare::compare(&record, periods, &[kept], UnixTime(0)).differences;
            if let Some(missing) = missing.first() {
                self.oracle
                    .lock()
                    .violate(format!("the record has less than the receipts of {publisher}: {missing:?}"));
            }
        }
        if recorded != durable {
            self.oracle.lock().violate(format!("the record says {recorded:?}, and {durable:?} is durable"));
        }
    }

    /// Each open epoch has its key, and no closed one. After a whole turn, by the collector that took it.
    async fn look_at_vault(&self, number: usize) {
        let Ok(status) = self.status(number).await else { return };
        let vault = Vault::open(self.path("vault")).unwrap();
        for entry in &status.epochs {
            let key = PublicKey::from_bytes(entry.public_key.as_slice().try_into().unwrap()).unwrap();
            let (kept, now) = (vault.get(&key.id().0).unwrap().is_some(), self.clock.now().0);
            let epoch = entry.epoch;
            if !kept && entry.closes_at > now && !self.was_closed(entry.closes_at) {
                self.oracle.lock().violate(format!("epoch {epoch} is open and has no key"));
            }
            if kept && entry.closes_at <= now {
                self.oracle.lock().violate(format!("epoch {epoch} closed and its key is still there"));
            }
        }
    }

    /// Whether the clock had passed this time once, before it was set back.
    fn was_closed(&self, closes_at: u64) -> bool {
        self.oracle.lock().latest().0 >= closes_at
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
