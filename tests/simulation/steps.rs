//! What one step does to one party; each says how it went.

use std::sync::Arc;

use tacita_client::Occurrence;
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, collection_service_client::CollectionServiceClient,
};
use tacita_protocol::{measure::Event, time::Clock as _};
use tacita_store::embedded::EmbeddedStore;
use tonic::{Request, Status};

use super::{
    super::{
        dice::Process,
        network::Line,
        parties::{SCHEDULE, open_store},
    },
    CONTENTS, MEASURES, World,
};

pub(super) fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}

pub(super) fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| format!("error: {error}"), |_| "done".to_owned())
}

impl World {
    // Visitors.

    pub(super) fn start_visitor(&mut self, number: usize) {
        let process = Process::new(self.faults.clone());
        if !self.visitors[number].start(process, &self.clock, &self.network) {
            // It was killed while it began.
            self.faults.arm(false);
            let process = Process::new(self.faults.clone());
            assert!(self.visitors[number].start(process, &self.clock, &self.network), "a device opens after any crash");
        }
    }

    pub(super) fn kill_visitor(&mut self, number: usize) -> String {
        self.crashes += 1;
        self.visitors[number].device = None;
        self.start_visitor(number);
        "started".to_owned()
    }

    pub(super) fn share(&mut self, number: usize) -> String {
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

    pub(super) async fn flush(&mut self, number: usize) -> String {
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

    pub(super) async fn kill_relay(&mut self, number: usize) -> String {
        self.crashes += 1;
        self.relays[number].crash(&self.network);
        let random = self.dice.generator();
        said(self.relays[number].start(random, &self.clock, &self.network).await)
    }

    pub(super) async fn renew(&mut self, number: usize) -> String {
        match &self.relays[number].running {
            Some(relay) => said(relay.refresh_manifest().await),
            None => self.kill_relay(number).await,
        }
    }

    pub(super) async fn upload(&mut self, number: usize, most: usize) -> String {
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

    pub(super) async fn revoke(&mut self, collector: usize, number: usize) -> Result<(), Status> {
        let key = self.relays[number].config.api_key.clone();
        let id = key.split('_').nth(1).and_then(|id| id.parse().ok()).unwrap_or(0);
        let request = with_key(&self.operator, v1::RevokeApiKeyRequest { id });
        self.admin(collector)?.revoke_api_key(request).await?;
        Ok(())
    }

    pub(super) async fn create_key(&mut self, collector: usize, number: usize) -> Result<String, Status> {
        let subject = format!("publisher-{number}");
        let request = v1::CreateApiKeyRequest { role: v1::Role::Publisher.into(), subject, ..Default::default() };
        let request = with_key(&self.operator, request);
        Ok(self.admin(collector)?.create_api_key(request).await?.into_inner().secret)
    }

    pub(super) async fn new_key(&mut self, collector: usize, number: usize) -> String {
        match self.create_key(collector, number).await {
            Ok(key) => {
                self.relays[number].config.api_key = key;
                self.kill_relay(number).await
            }
            Err(error) => format!("error: {error}"),
        }
    }

    // Collectors.

    pub(super) fn store(&mut self) -> Arc<EmbeddedStore> {
        let folder = self.path("store");
        self.store.get_or_insert_with(|| open_store(folder)).clone()
    }

    pub(super) async fn start_collector(&mut self, number: usize) -> String {
        let mut tries = 0;
        loop {
            let (store, process) = (self.store(), Process::new(self.faults.clone()));
            let collector = &mut self.collectors[number];
            match collector.start(process, store, &self.clock, &self.keys, &self.network).await {
                Ok(()) if !collector.is_dead() => return format!("started after {tries} tries"),
                Ok(()) => collector.crash(&self.network).await,
                Err(error) => self.trace.push(format!("collector {number} does not start: {error}")),
            }
            tries += 1;
            if tries == 3 {
                self.faults.arm(false);
            }
            assert!(tries < 5, "a collector starts after any crash");
        }
    }

    pub(super) async fn kill_collector(&mut self, number: usize) -> String {
        self.crashes += 1;
        self.collectors[number].crash(&self.network).await;
        if self.collectors.len() == 1 {
            // Its store closes with it, and is read anew from the disk.
            self.store = None;
        }
        self.start_collector(number).await
    }

    pub(super) async fn kill_collectors(&mut self) -> String {
        for collector in &mut self.collectors {
            self.crashes += 1;
            collector.crash(&self.network).await;
        }
        self.store = None;
        for number in 0..self.collectors.len() {
            self.start_collector(number).await;
        }
        "started".to_owned()
    }

    /// A turn of the epoch keeper; after a whole one the vault is as it must be.
    pub(super) async fn turn(&mut self, number: usize) -> String {
        let Some((collector, _)) = &self.collectors[number].running else { return "down".to_owned() };
        let turn = collector.take_turn().await;
        if turn.is_ok() {
            self.faults.arm(false);
            self.look_at_vault(number).await;
        }
        said(turn)
    }

    pub(super) async fn close_period(&self, number: usize) -> String {
        match &self.collectors[number].running {
            Some((collector, _)) => said(collector.close_period().await),
            None => "down".to_owned(),
        }
    }

    /// Ends the active epoch, or gives the vault up, with a grace or without.
    pub(super) async fn rotate(&mut self, number: usize) -> String {
        let grace_seconds = self.dice.below(2) as u64 * 3_600;
        let compromise = || v1::Compromise { reason: "a thief".into(), grace_seconds };
        let compromise = self.dice.one_in(4).then(compromise);
        let request = with_key(&self.operator, v1::RotateEpochRequest { compromise });
        match self.admin(number) {
            Ok(mut admin) => said(admin.rotate_epoch(request).await),
            Err(error) => error.to_string(),
        }
    }

    pub(super) fn line(&self, number: usize) -> Result<Line, Status> {
        self.network.collectors[number].lock().clone().ok_or_else(|| Status::unavailable("down"))
    }

    pub(super) fn admin(&self, number: usize) -> Result<AdminServiceClient<Line>, Status> {
        Ok(AdminServiceClient::new(self.line(number)?).max_encoding_message_size(32 << 20))
    }

    pub(super) async fn status(&self, number: usize) -> Result<v1::GetStatusResponse, Status> {
        let request = with_key(&self.operator, v1::GetStatusRequest {});
        Ok(self.admin(number)?.get_status(request).await?.into_inner())
    }

    pub(super) async fn create_measure(&mut self, collector: usize) -> Result<(), Status> {
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
    pub(super) async fn replay(&mut self, number: usize) -> String {
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

    pub(super) async fn submit(&mut self, number: usize, relay: usize, envelopes: Vec<Vec<u8>>) -> String {
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
    pub(super) async fn vandalise(&mut self, relay: usize) -> String {
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

    pub(super) fn move_clock(&mut self) -> String {
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
}
