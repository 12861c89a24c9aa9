//! Batches to the collector, on a connection of their own, until each is answered.
//!
//! A stream may break at any point. What was not answered is sent again, the same batches in the same order of
//! envelopes: the collector counts an envelope once however often it comes, so sending again is always right and
//! forgetting never is.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rand::RngExt as _;
use tacita_proto::v1::{self, collection_service_client::CollectionServiceClient};
use tacita_protocol::outcome::{NoOutcome, Outcome};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

use crate::{
    config::BatchPolicy,
    metrics::{Metrics, Upload, Wait},
    queue::{Batch, Queue, QueueError},
    receipts::{ReceiptFault, Receipts},
    upstream::{Line, Upstream},
};

/// Batches sent and not yet answered, at most.
const IN_FLIGHT: usize = 4;

/// How long the collector may take for the next answer before the stream counts as broken.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The stream is of no more use; what was not answered must be sent again.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{} ({:?}){}", .0.message(), .0.code(), remedy(.0.code()))]
    Status(Box<Status>),
    #[error("the collector ended the stream")]
    Ended,
    #[error("the collector did not answer in time")]
    Silent,
    #[error("the collector answered a batch that was not sent")]
    StrangeBatch,
    #[error("the collector answered {got} of {sent} reports")]
    Incomplete { sent: usize, got: usize },
    #[error(transparent)]
    Unknown(#[from] NoOutcome),
    #[error("the collector answered 'queued', which is no final outcome")]
    NotFinal,
    #[error(transparent)]
    Receipt(#[from] ReceiptFault),
}

/// A batch that is to be answered.
struct Unanswered {
    batch: Batch,
    sending: Sending,
    /// When it was taken up.
    since: Instant,
}

/// What became of sending a batch. A collector that counted it and whose answer was lost has it in its record: what has
/// no receipt must be explained, so it is written down before it is sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// Not sent, or on the stream that is open.
    First,
    /// Sent without an answer.
    Lost,
    /// The same, and written down.
    Noted,
}

fn remedy(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated | Code::PermissionDenied => "; check the relay's API key",
        _ => "",
    }
}

impl Broken {
    /// One of [`BROKEN`](crate::metrics::BROKEN).
    fn reason(&self) -> &'static str {
        match self {
            Self::Status(status) if status.code() == Code::Unavailable => "unreachable",
            Self::Status(_) => "refused",
            Self::Ended => "ended",
            Self::Silent => "silent",
            Self::StrangeBatch | Self::Incomplete { .. } | Self::Unknown(_) | Self::NotFinal => "bad_answer",
            Self::Receipt(_) => "receipt",
        }
    }
}

impl From<Status> for Broken {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// See the module.
pub(crate) struct Uploader {
    queue: Queue,
    policy: BatchPolicy,
    receipts: Receipts,
    upstream: Upstream,
    collector: CollectionServiceClient<Line>,
    metrics: Arc<Metrics>,
    /// Sent, or about to be; in this order.
    unanswered: VecDeque<Unanswered>,
    pause: Duration,
}

/// The side of a stream that batches go into.
type Outgoing = mpsc::Sender<v1::UploadReportsRequest>;

impl Uploader {
    pub(crate) fn new(
        queue: Queue,
        policy: BatchPolicy,
        receipts: Receipts,
        upstream: Upstream,
        metrics: Arc<Metrics>,
    ) -> Self {
        let collector = CollectionServiceClient::new(upstream.connection());
        Self {
            queue,
            policy,
            receipts,
            upstream,
            collector,
            metrics,
            unanswered: VecDeque::with_capacity(IN_FLIGHT),
            pause: SHORTEST_PAUSE,
        }
    }

    /// Uploads until told to stop; then waits for the answers to what was sent.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let (drawn, mut batches) = mpsc::channel(1);
        let drawer = tokio::spawn(draw_batches(self.queue.clone(), drawn, stop.clone()));
        while let Err(broken) = self.stream(&mut batches).await {
            if matches!(broken, Broken::Ended) && self.unanswered.is_empty() {
                // The collector ended a stream that had nothing to carry: the next batch opens another.
                continue;
            }
            tracing::warn!(%broken, unanswered = self.unanswered.len(), "an upload broke; its batches will be sent again");
            self.metrics.upload_broke(broken.reason());
            self.metrics.collector_answers(false);
            self.metrics.upload_is(Upload::Backoff);
            let since = Instant::now();
            self.mark(Sending::First, Sending::Lost);
            tokio::select! {
                () = tokio::time::sleep(self.next_pause()) => {}
                () = stop.cancelled() => break,
            }
            self.metrics.queue.waited(Wait::Backoff, since);
        }
        drawer.await.ok();
    }

    /// Doubles, up to a bound; a random half is taken off, so that relays do not return all at once.
    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause.mul_f64(rand::rng().random_range(0.5..1.0))
    }

    /// One stream, from its first batch to its end. `Ok` when there is nothing left to do.
    async fn stream(&mut self, batches: &mut mpsc::Receiver<Batch>) -> Result<(), Broken> {
        if self.unanswered.is_empty() {
            self.metrics.upload_is(Upload::Idle);
            let Some(batch) = batches.recv().await else { return Ok(()) };
            self.take(batch);
        }
        self.note_lost().await?;
        let (outgoing, requests) = mpsc::channel(IN_FLIGHT);
        for unanswered in &self.unanswered {
            send(&outgoing, &unanswered.batch)?;
        }
        self.metrics.upload_is(Upload::Opening);
        let request = self.upstream.request(ReceiverStream::new(requests));
        let opened = tokio::time::timeout(ANSWER_TIMEOUT, self.collector.upload_reports(request)).await;
        let answers = opened.map_err(|_| Broken::Silent)??.into_inner();
        self.metrics.upload_is(Upload::Open);
        self.metrics.collector_answers(true);
        // From here on another answer can be lost.
        self.mark(Sending::Noted, Sending::First);
        self.exchange(batches, outgoing, answers).await
    }

    /// Sends batches as they are drawn, settles them as they are answered.
    async fn exchange(
        &mut self,
        batches: &mut mpsc::Receiver<Batch>,
        outgoing: Outgoing,
        mut answers: Streaming<v1::UploadReportsResponse>,
    ) -> Result<(), Broken> {
        let mut outgoing = Some(outgoing);
        let mut deadline = Instant::now() + ANSWER_TIMEOUT;
        while outgoing.is_some() || !self.unanswered.is_empty() {
            let room = outgoing.is_some() && self.unanswered.len() < IN_FLIGHT;
            tokio::select! {
                answer = answers.message() => {
                    self.settle(answer?.ok_or(Broken::Ended)?).await?;
                    deadline = Instant::now() + ANSWER_TIMEOUT;
                }
                batch = batches.recv(), if room => match (batch, &outgoing) {
                    (Some(batch), Some(outgoing)) => {
                        if self.unanswered.is_empty() {
                            deadline = Instant::now() + ANSWER_TIMEOUT;
                        }
                        self.take(batch);
                        self.note_lost().await?;
                        self.mark(Sending::Noted, Sending::First);
                        if let Some(last) = self.unanswered.back() {
                            send(outgoing, &last.batch)?;
                        }
                    }
                    _ => outgoing = None,
                },
                () = tokio::time::sleep_until(deadline), if !self.unanswered.is_empty() => return Err(Broken::Silent),
            }
        }
        Ok(())
    }

    /// Takes a batch up: from here on it is sent until it is answered.
    fn take(&mut self, batch: Batch) {
        if batch.envelopes.len() < self.policy.least {
            self.metrics.batches_small.inc();
        }
        let sending = if batch.is_found { Sending::Lost } else { Sending::First };
        self.unanswered.push_back(Unanswered { batch, sending, since: Instant::now() });
    }

    fn mark(&mut self, from: Sending, to: Sending) {
        self.unanswered.iter_mut().filter(|one| one.sending == from).for_each(|one| one.sending = to);
    }

    /// Writes down, durably, which batches' answers were lost.
    async fn note_lost(&mut self) -> Result<(), Broken> {
        let lost = self.unanswered.iter().filter(|one| one.sending == Sending::Lost).map(|one| &one.batch);
        self.receipts.unanswered(lost).await?;
        self.mark(Sending::Lost, Sending::Noted);
        Ok(())
    }

    /// The collector has made a batch durable: keep its receipt, then forget the batch, both durably.
    async fn settle(&mut self, answer: v1::UploadReportsResponse) -> Result<(), Broken> {
        let place = self.unanswered.iter().position(|one| one.batch.id.0 == answer.batch);
        let place = place.ok_or(Broken::StrangeBatch)?;
        let batch = &self.unanswered[place].batch;
        let outcomes = final_outcomes(&answer, batch.envelopes.len())?;
        self.receipts.keep(batch, &outcomes, answer.receipt).await?;
        let Some(Unanswered { batch, since, .. }) = self.unanswered.remove(place) else {
            return Err(Broken::StrangeBatch);
        };
        self.metrics.queue.waited(Wait::Answer, since);
        self.metrics.batches_answered.inc();
        self.metrics.count_outcomes(outcomes);
        if let Err(error) = self.queue.answered(batch.id).await {
            // It stays on disk and is sent again; the collector will say that it was counted.
            tracing::warn!(%error, "an answered batch was not forgotten");
        }
        self.pause = SHORTEST_PAUSE;
        Ok(())
    }
}

fn send(outgoing: &Outgoing, batch: &Batch) -> Result<(), Broken> {
    let envelopes = batch.envelopes.iter().map(|envelope| envelope.as_bytes().to_vec()).collect();
    // As many fit as may be in flight; a closed channel means that the call is gone.
    outgoing.try_send(v1::UploadReportsRequest { batch: batch.id.0, envelopes }).map_err(|_| Broken::Ended)
}

/// One final outcome for each report that was sent, or the answer is none.
fn final_outcomes(answer: &v1::UploadReportsResponse, sent: usize) -> Result<Vec<Outcome>, Broken> {
    if answer.outcomes.len() != sent {
        return Err(Broken::Incomplete { sent, got: answer.outcomes.len() });
    }
    let read = |&number: &i32| match Outcome::from_wire(number)? {
        Outcome::Queued => Err(Broken::NotFinal),
        outcome => Ok(outcome),
    };
    answer.outcomes.iter().map(read).collect()
}

#[cfg(feature = "simulation")]
impl Uploader {
    /// One stream with what was not answered yet and up to `most` more batches, at once.
    pub(crate) async fn upload(&mut self, most: usize) -> Result<(), String> {
        let (drawn, mut batches) = mpsc::channel(IN_FLIGHT);
        for _ in 0..most.min(IN_FLIGHT - self.unanswered.len()) {
            match self.queue.draw().await.map_err(|error| error.to_string())? {
                Some(batch) => drawn.send(batch).await.map_err(|error| error.to_string())?,
                None => break,
            }
        }
        drop(drawn);
        let streamed = self.stream(&mut batches).await;
        // What a broken stream did not come to is taken up all the same, as it is drawn.
        while let Ok(batch) = batches.try_recv() {
            self.take(batch);
        }
        streamed.map_err(|broken| broken.to_string())
    }

    /// Batches sent, or about to be, and not answered.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered.len()
    }
}

/// Draws batches when they are due and when there is room for one more.
async fn draw_batches(mut queue: Queue, drawn: mpsc::Sender<Batch>, stop: CancellationToken) {
    loop {
        let due = async {
            let place = drawn.reserve().await.ok()?;
            queue.due().await.ok()?;
            Some(place)
        };
        let place = tokio::select! {
            place = due => place,
            () = stop.cancelled() => None,
        };
        let Some(place) = place else { return };
        // From here nothing interrupts: a batch that was drawn is handed on.
        match queue.draw().await {
            Ok(Some(batch)) => place.send(batch),
            Ok(None) | Err(QueueError::Closed) => {}
            Err(_) => tokio::time::sleep(SHORTEST_PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_only_if_it_is_whole_and_final() {
        let answer =
            |outcomes: &[i32]| v1::UploadReportsResponse { batch: 1, outcomes: outcomes.to_vec(), receipt: None };
        let counted = Outcome::Counted.to_wire();
        assert!(final_outcomes(&answer(&[counted, counted]), 2).is_ok());
        assert!(matches!(final_outcomes(&answer(&[counted]), 2), Err(Broken::Incomplete { sent: 2, got: 1 })));
        assert!(matches!(final_outcomes(&answer(&[counted, 0]), 2), Err(Broken::Unknown(_))));
        assert!(final_outcomes(&answer(&[counted, 99]), 2).is_ok(), "a reason of a later collector is a refusal");
        assert!(matches!(final_outcomes(&answer(&[Outcome::Queued.to_wire()]), 1), Err(Broken::NotFinal)));
    }
}
