//! The way of a batch of sealed reports into the tallies.
//!
//! [`Ingest::take_in`] is the sentence: judge (decode, leave out what is spent, open and validate), commit, count the refusals.
//! A report that cannot count is answered with its reason and stops nothing; a fault of the collector fails the whole batch,
//! and since nothing unacknowledged was promised and the store counts no token twice, the sender simply sends it again.

mod answers;
mod opening;
mod validate;

use std::{
    collections::{BTreeMap, btree_map::Entry as MapEntry},
    sync::Arc,
    time::Instant,
};

use futures_util::future::join_all;
use tacita_admission::Admission;
use tacita_connections::Tenant;
use tacita_protocol::{
    epoch::{EpochId, EpochState},
    id::PublisherId,
    outcome::Refusal,
    time::Clock,
};
use tacita_store::{Committed, Entry, Partition, StoreError, TallyStore, Verdict};
use tacita_tokens::{Envelope, Nullifier};

pub(crate) use self::{answers::Answered, opening::Opening};
use self::{answers::Answers, opening::JOB, validate::Rules};
use crate::{
    catalogue::{Catalogue, Principal},
    config::WindowPolicy,
    keys::{EpochKeeper, KeyMissing, PublisherKeys},
    metrics::{Metrics, StoreCall, Wait},
    places::Place,
    pool::{CryptoPool, JobLost, Limit, Overload},
    registry::{Registry, RegistryError},
};

#[derive(Debug)]
pub(crate) struct Ingest {
    pub(crate) registry: Arc<Registry>,
    pub(crate) keys: Arc<EpochKeeper>,
    pub(crate) store: Arc<dyn TallyStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: CryptoPool,
    pub(crate) opening: Arc<Opening>,
    pub(crate) windows: WindowPolicy,
    pub(crate) reports_per_batch: usize,
    /// Of reports, by publishers.
    pub(crate) admission: Admission<PublisherId>,
    pub(crate) upload_millis: Limit,
    pub(crate) metrics: Arc<Metrics>,
}

/// The batch was not taken in, or not all of it. Sending it again is safe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("{given} reports: at most {limit} in one batch; split it")]
    TooMany { given: usize, limit: usize },
    #[error(transparent)]
    Overload(#[from] Overload),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Key(#[from] KeyMissing),
    #[error(transparent)]
    Job(#[from] JobLost),
    #[error("a report of the batch was left without an answer")]
    Unanswered,
}

/// An envelope that is worth a look, and its place in the batch.
#[derive(Debug)]
struct Sealed {
    place: usize,
    envelope: Envelope,
    nullifier: Nullifier,
}

/// The envelopes of one epoch, whose key the header selects: no other key is ever tried.
#[derive(Debug)]
struct EpochBatch {
    keys: Arc<PublisherKeys>,
    sealed: Vec<Sealed>,
}

type ByEpoch = BTreeMap<EpochId, EpochBatch>;
type ByPartition = BTreeMap<(EpochId, Partition), Vec<(usize, Entry)>>;

/// Leave to take in one batch.
#[derive(Debug)]
pub(crate) struct Leave {
    _reports: tacita_admission::Leave<PublisherId>,
    _place: Place,
}

/// As many reports as are in work at the least: each thread has a job in hand, and another one to go on with.
pub(crate) const fn least_in_work(threads: usize) -> usize {
    2 * JOB * threads
}

fn tenant_of(publisher: PublisherId) -> Option<Tenant> {
    Principal::Publisher(publisher).tenant()
}

impl Ingest {
    /// Whether a batch of the publisher's would be refused, however large it is.
    pub(crate) fn check_room(&self, publisher: PublisherId) -> Result<(), Overload> {
        if self.admission.has_room(&publisher) { Ok(()) } else { Err(Overload(self.upload_millis)) }
    }

    /// Leave for one batch, or a refusal at once where it would be answered late.
    pub(crate) fn enter(&self, publisher: PublisherId, reports: usize) -> Result<Leave, Overload> {
        let reports = self.admission.enter(&publisher, reports).ok_or(Overload(self.upload_millis))?;
        Ok(Leave { _reports: reports, _place: self.pool.enter(tenant_of(publisher))? })
    }

    /// Leave for one batch, in turn.
    pub(crate) async fn enter_in_turn(&self, publisher: PublisherId, reports: usize) -> Result<Leave, Overload> {
        let turn = async {
            let reports =
                self.admission.enter_in_turn(&publisher, reports).await.ok_or(Overload(self.upload_millis))?;
            Ok(Leave { _reports: reports, _place: self.pool.enter_in_turn(tenant_of(publisher)).await? })
        };
        self.metrics.waited(Wait::UploadTurn, turn).await
    }

    /// Counts what can be counted of a batch, once and durably; answers for each envelope, in order, and says in which
    /// period of the record each was counted. For [`Work`](crate::work::Work): what it holds of the crypto pool and the
    /// store does not end with the caller.
    pub(crate) async fn take_in(
        &self,
        publisher: PublisherId,
        envelopes: &[Vec<u8>],
        _leave: Leave,
    ) -> Result<Answered, IngestError> {
        self.check_size(envelopes)?;
        let since = Instant::now();
        let (entries, mut answers) = self.judge(publisher, envelopes).await?;
        self.metrics.waited(Wait::Commit, self.commit(entries, &mut answers)).await?;
        self.count_refusals(publisher, &mut answers).await?;
        let answered = answers.complete().ok_or(IngestError::Unanswered)?;
        self.metrics.batch(publisher, &answered.outcomes, since);
        Ok(answered)
    }

    /// Finds out what can count, and the answers to what cannot. Changes nothing.
    async fn judge(
        &self,
        publisher: PublisherId,
        envelopes: &[Vec<u8>],
    ) -> Result<(ByPartition, Answers), IngestError> {
        loop {
            let catalogue = self.registry.snapshot();
            let mut answers = Answers::awaited(envelopes.len());
            let sealed = self.decode(&catalogue, publisher, envelopes, &mut answers)?;
            let unspent = self.leave_out_spent(publisher, sealed, &mut answers).await?;
            let entries = self.open_and_validate(catalogue.clone(), publisher, unspent, &mut answers).await?;
            // What is unknown here may be known to another collector since a moment ago: then once more.
            if answers.has_unknown() && self.registry.has_news_for(&catalogue).await? {
                continue;
            }
            return Ok((entries, answers));
        }
    }

    fn check_size(&self, envelopes: &[Vec<u8>]) -> Result<(), IngestError> {
        let (given, limit) = (envelopes.len(), self.reports_per_batch);
        if given > limit { Err(IngestError::TooMany { given, limit }) } else { Ok(()) }
    }

    /// Reads the envelopes and refuses what can be refused without a key: a few comparisons and one hash each.
    fn decode(
        &self,
        catalogue: &Catalogue,
        publisher: PublisherId,
        envelopes: &[Vec<u8>],
        answers: &mut Answers,
    ) -> Result<ByEpoch, IngestError> {
        let mut by_epoch = ByEpoch::new();
        for (place, bytes) in envelopes.iter().enumerate() {
            match self.decode_one(catalogue, publisher, bytes) {
                Err(refusal) => answers.refuse(place, refusal),
                Ok((epoch, envelope)) => self.add(catalogue, publisher, &mut by_epoch, epoch, (place, envelope))?,
            }
        }
        Ok(by_epoch)
    }

    fn decode_one(
        &self,
        catalogue: &Catalogue,
        publisher: PublisherId,
        bytes: &[u8],
    ) -> Result<(EpochId, Envelope), Refusal> {
        let envelope = Envelope::from_bytes(bytes).map_err(|error| match error {
            tacita_tokens::Error::Length { .. } => Refusal::WrongLength,
            _ => Refusal::UnknownVersion,
        })?;
        let header = envelope.header();
        if header.publisher != publisher.0 {
            return Err(Refusal::WrongPublisher);
        }
        let epoch = EpochId(header.epoch);
        match catalogue.epoch(epoch).map(|known| known.state(self.clock.now())) {
            None => Err(Refusal::UnknownEpoch),
            Some(EpochState::Closed) => Err(Refusal::ClosedEpoch),
            // Tokens are issued a little before an epoch begins, for clocks that differ: so its reports are taken as well.
            Some(EpochState::Pending | EpochState::Active | EpochState::Grace) => Ok((epoch, envelope)),
        }
    }

    /// Puts an envelope to the others of its epoch, whose key is looked up once.
    fn add(
        &self,
        catalogue: &Catalogue,
        publisher: PublisherId,
        by_epoch: &mut ByEpoch,
        epoch: EpochId,
        (place, envelope): (usize, Envelope),
    ) -> Result<(), IngestError> {
        let batch = match by_epoch.entry(epoch) {
            MapEntry::Occupied(batch) => batch.into_mut(),
            MapEntry::Vacant(none) => {
                let known = catalogue.epoch(epoch).ok_or(KeyMissing(epoch))?;
                let keys = self.keys.of(&known.entry, publisher)?;
                none.insert(EpochBatch { keys, sealed: Vec::new() })
            }
        };
        let nullifier = batch.keys.opener.nullifier(&envelope.header());
        batch.sealed.push(Sealed { place, envelope, nullifier });
        Ok(())
    }

    /// Spares the work of opening what was spent before. A hint only: [`Ingest::commit`] decides.
    async fn leave_out_spent(
        &self,
        publisher: PublisherId,
        mut by_epoch: ByEpoch,
        answers: &mut Answers,
    ) -> Result<ByEpoch, IngestError> {
        for (&epoch, batch) in &mut by_epoch {
            let nullifiers: Vec<Nullifier> = batch.sealed.iter().map(|sealed| sealed.nullifier).collect();
            let spent =
                match self.metrics.store(StoreCall::Spent, self.store.spent(publisher, epoch, &nullifiers)).await {
                    Err(StoreError::EpochDropped(_)) => {
                        answers.refuse_all(batch.sealed.drain(..).map(|sealed| sealed.place), Refusal::ClosedEpoch);
                        continue;
                    }
                    spent => spent?,
                };
            let mut fingerprints = spent.into_iter();
            batch.sealed.retain(|sealed| match fingerprints.next().flatten() {
                None => true,
                Some(fingerprint) => {
                    let same = fingerprint == sealed.envelope.fingerprint();
                    let verdict = if same { Verdict::AlreadyCounted } else { Verdict::Spent };
                    answers.settle(sealed.place, verdict.into());
                    false
                }
            });
        }
        Ok(by_epoch)
    }

    /// Opens on the crypto pool, which authenticates, and checks what was sealed against the catalogue's measures.
    async fn open_and_validate(
        &self,
        catalogue: Arc<Catalogue>,
        publisher: PublisherId,
        by_epoch: ByEpoch,
        answers: &mut Answers,
    ) -> Result<ByPartition, IngestError> {
        let rules = Arc::new(Rules { catalogue, publisher, windows: self.windows, now: self.clock.now() });
        let jobs = by_epoch.into_iter().flat_map(|(epoch, batch)| {
            let keys = batch.keys;
            jobs_of(batch.sealed).map(move |job| (epoch, keys.clone(), job))
        });
        let opened = join_all(jobs.map(|(epoch, keys, (places, envelopes))| {
            let rules = rules.clone();
            async move { (epoch, places, self.opening.open(&self.pool, keys, rules, envelopes).await) }
        }))
        .await;

        let mut by_partition = ByPartition::new();
        for (epoch, places, judged) in opened {
            for (place, judged) in places.into_iter().zip(judged?) {
                match judged {
                    Err(refusal) => answers.refuse(place, refusal),
                    Ok(entry) => {
                        let partition = Partition::of(publisher, &entry.nullifier);
                        by_partition.entry((epoch, partition)).or_default().push((place, entry));
                    }
                }
            }
        }
        Ok(by_partition)
    }

    /// Spends and tallies, all partitions at once. When it returns, what it answered is durable.
    async fn commit(&self, by_partition: ByPartition, answers: &mut Answers) -> Result<(), IngestError> {
        let commits = by_partition.into_iter().map(|((epoch, partition), entries)| async move {
            let (places, entries): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
            let committed = self.metrics.store(StoreCall::Commit, self.store.commit(partition, epoch, entries));
            (places, committed.await)
        });
        for (places, committed) in join_all(commits).await {
            match committed {
                // The epoch closed while the batch was on its way.
                Err(StoreError::EpochDropped(_)) => answers.refuse_all(places, Refusal::ClosedEpoch),
                committed => {
                    let Committed { verdicts, period } = committed?;
                    for (place, verdict) in places.into_iter().zip(verdicts) {
                        answers.settle_counted(place, verdict.into(), period);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds what the store did not see to the publisher's outcome counts.
    async fn count_refusals(&self, publisher: PublisherId, answers: &mut Answers) -> Result<(), IngestError> {
        let uncounted = answers.uncounted();
        if !uncounted.is_empty() {
            let counted = self.store.add_outcomes(publisher, &uncounted);
            let period = self.metrics.store(StoreCall::AddOutcomes, counted).await?;
            answers.counted(period);
        }
        Ok(())
    }
}

/// Cuts the envelopes of an epoch into jobs, each with its envelopes' places.
fn jobs_of(sealed: Vec<Sealed>) -> impl Iterator<Item = (Vec<usize>, Vec<Envelope>)> {
    let mut rest = sealed.into_iter();
    std::iter::from_fn(move || {
        let job: (Vec<_>, Vec<_>) = rest.by_ref().take(JOB).map(|sealed| (sealed.place, sealed.envelope)).unzip();
        (!job.0.is_empty()).then_some(job)
    })
}
