//! Where questions are taken in: evidence is read from the store, then answered on a thread that may take its time.
//!
//! A caller who leaves, or whose deadline passes, drops the future; the work then finds that nobody waits, and stops.
//! Its place among the questions is free from then on, and not before.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tacita_proto::v1;
use tacita_protocol::time::{Clock, UnixTime};
use tonic::Status;

use super::{
    answer::{Answer, Evidence, Unanswered},
    number::Amplification,
    question::Question,
    tallies::Tallies,
};
use crate::{page_size, places::Place, refusal, work::Work};

/// Answers questions.
#[derive(Debug)]
pub(crate) struct Desk {
    reader: Arc<Reader>,
    work: Work,
    amplification: Arc<Amplification>,
}

/// Reads what answers are made from.
#[derive(Debug)]
struct Reader {
    tallies: Arc<Tallies>,
    clock: Arc<dyn Clock>,
}

/// Tells the work that is done for a future when the future is dropped.
struct Presence(Arc<AtomicBool>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl Desk {
    pub(crate) fn new(tallies: Arc<Tallies>, clock: Arc<dyn Clock>, work: Work) -> Self {
        Self { reader: Arc::new(Reader { tallies, clock }), work, amplification: Arc::default() }
    }

    /// The time that answers go by.
    pub(crate) fn now(&self) -> u64 {
        self.reader.clock.now().0
    }

    /// One page of the answer.
    pub(crate) async fn page(
        &self,
        place: Place,
        question: Arc<Question>,
        page_size: u32,
        page_token: String,
    ) -> Result<v1::QueryResponse, Status> {
        let size = page_size::of(page_size)?;
        self.work(place, question, move |answer| answer.page(size, &page_token)).await
    }

    /// All rows of the answer, for a view.
    pub(crate) async fn whole(&self, place: Place, question: Arc<Question>) -> Result<v1::QueryResponse, Status> {
        self.work(place, question, |answer| answer.whole()).await
    }

    /// One page of the answer, unless it is still as it was when it had the state `known`.
    pub(crate) async fn page_unless(
        &self,
        place: Place,
        question: Arc<Question>,
        page_size: u32,
        known: String,
    ) -> Result<Option<v1::QueryResponse>, Status> {
        let size = page_size::of(page_size)?;
        let answer = move |answer: &Answer<'_>| match answer.state() == known {
            true => Ok(None),
            false => answer.page(size, "").map(Some),
        };
        self.work(place, question, answer).await
    }

    /// Reads what a question needs and puts it to work.
    async fn work<T: Send + 'static>(
        &self,
        place: Place,
        question: Arc<Question>,
        work: impl FnOnce(&Answer<'_>) -> Result<T, Unanswered> + Send + 'static,
    ) -> Result<T, Status> {
        let (reader, amplification) = (self.reader.clone(), self.amplification.clone());
        let abandoned = Arc::new(AtomicBool::new(false));
        let _presence = Presence(abandoned.clone());
        let answering = async move {
            let _place = place;
            let evidence = reader.evidence(&question, &abandoned).await?;
            let answered = tokio::task::spawn_blocking(move || {
                let answer = Answer::new(&question, &evidence, &amplification, &abandoned)?;
                work(&answer)
            });
            Ok(answered.await.map_err(refusal::internal)??)
        };
        self.work.to_its_end(answering).await?
    }
}

impl Reader {
    /// What the answer is made from. What was deleted while it was read is read again, so that an answer says what it left out.
    async fn evidence(&self, question: &Question, abandoned: &AtomicBool) -> Result<Evidence, Unanswered> {
        loop {
            let deleted_before = self.tallies.deleted_before();
            let evidence = self.evidence_since(question, deleted_before, abandoned).await?;
            if self.tallies.deleted_before() == deleted_before {
                return Ok(evidence);
            }
        }
    }

    async fn evidence_since(
        &self,
        question: &Question,
        deleted_before: UnixTime,
        abandoned: &AtomicBool,
    ) -> Result<Evidence, Unanswered> {
        let whole = question.span.whole();
        let (mut series, mut compared, mut first_open) = (HashMap::new(), HashMap::new(), HashMap::new());
        for counted in question.needed() {
            if abandoned.load(Relaxed) {
                return Err(Unanswered::Abandoned);
            }
            let measure = &counted.measure;
            first_open.insert(measure.id, self.tallies.first_open(measure));
            series.insert(
                measure.id,
                self.tallies.read(measure, whole.windows(measure.window)).await.map_err(refusal::store)?,
            );
            if let Some(shift) = question.shift {
                let earlier = whole.earlier(shift).windows(measure.window);
                compared.insert(measure.id, self.tallies.read(measure, earlier).await.map_err(refusal::store)?);
            }
        }
        Ok(Evidence { series, compared, first_open, deleted_before, now: self.clock.now() })
    }
}
