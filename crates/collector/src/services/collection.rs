//! `CollectionService`: the stream of a relay's batches, and single calls.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use tacita_connections::messages;
use tacita_proto::{
    SUBMIT_REPORTS,
    v1::{self, collection_service_server::CollectionService},
};
use tacita_protocol::{id::PublisherId, outcome::Outcome};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, body::Body};

use crate::{
    config::Limits,
    guard::Caller,
    ingest::{Answered, Ingest, IngestError, Leave},
    places::Places,
    pool::Limit,
    receipts::Receipts,
    refusal,
    work::Work,
};

#[derive(Debug)]
pub(crate) struct Collection {
    ingest: Arc<Ingest>,
    receipts: Arc<Receipts>,
    streams: Places,
    message: Limit,
    batches_per_stream: usize,
    idle: Duration,
    work: Work,
    /// Once cancelled, streams take no further batch: what they took is answered, then they end.
    drain: CancellationToken,
}

impl Collection {
    pub(crate) fn new(
        ingest: Arc<Ingest>,
        receipts: Receipts,
        streams: Places,
        limits: &Limits,
        work: Work,
        drain: CancellationToken,
    ) -> Self {
        let receipts = Arc::new(receipts);
        let &Limits { batches_per_stream, upload_idle, .. } = limits;
        Self {
            ingest,
            receipts,
            streams,
            message: limits.message(),
            batches_per_stream,
            idle: upload_idle,
            work,
            drain,
        }
    }
}

impl Collection {
    /// The check of a call's head, behind the guard: a single call is refused where the collector is full. A stream
    /// waits instead.
    pub(crate) fn door<B>(
        &self,
    ) -> impl Fn(&http::Request<B>) -> Option<http::Response<Body>> + Clone + Send + Sync + use<B> {
        let ingest = self.ingest.clone();
        let check = move |caller: &Caller| Ok::<_, Status>(ingest.check_room(caller.publisher()?)?);
        move |request| {
            let caller = request.extensions().get::<Caller>().filter(|_| request.uri().path() == SUBMIT_REPORTS)?;
            check(caller).err().map(Status::into_http)
        }
    }
}

impl From<IngestError> for Status {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::TooMany { limit, .. } => {
                let named = Limit { name: "reports_per_batch", value: limit };
                refusal::beyond("envelopes", named, error.to_string())
            }
            IngestError::Overload(overload) => overload.into(),
            IngestError::Registry(error) => error.into(),
            IngestError::Store(error) => refusal::store(error),
            error => refusal::internal(error),
        }
    }
}

fn to_wire(outcomes: Vec<Outcome>) -> Vec<i32> {
    outcomes.into_iter().map(Outcome::to_wire).collect()
}

/// A batch of a stream, and leave to take it in. It waits for its turn: meanwhile the stream is not read, and the
/// sender is held back by HTTP/2. So each stream has one batch that waits, and one publisher's many batches do not come
/// before another's.
async fn admitted(
    ingest: Arc<Ingest>,
    publisher: PublisherId,
    request: Result<v1::UploadReportsRequest, Status>,
) -> Result<(v1::UploadReportsRequest, Leave), Status> {
    let request = request?;
    let leave = ingest.enter_in_turn(publisher, request.envelopes.len()).await?;
    Ok((request, leave))
}

async fn answer(
    ingest: Arc<Ingest>,
    receipts: Arc<Receipts>,
    publisher: PublisherId,
    admitted: Result<(v1::UploadReportsRequest, Leave), Status>,
) -> Result<v1::UploadReportsResponse, Status> {
    let (v1::UploadReportsRequest { batch, envelopes }, leave) = admitted?;
    let Answered { outcomes, counts } = ingest.take_in(publisher, &envelopes, leave).await?;
    let receipt = receipts.give(publisher, &envelopes, counts);
    Ok(v1::UploadReportsResponse { batch, outcomes: to_wire(outcomes), receipt: Some(receipt) })
}

#[tonic::async_trait]
impl CollectionService for Collection {
    type UploadReportsStream = Pin<Box<dyn Stream<Item = Result<v1::UploadReportsResponse, Status>> + Send>>;

    /// Straight to the collector, with a publisher's key: for tests and for tools. Devices hand reports to a relay; the
    /// collector would see their addresses.
    async fn submit_reports(
        &self,
        request: Request<v1::SubmitReportsRequest>,
    ) -> Result<Response<v1::SubmitReportsResponse>, Status> {
        let publisher = Caller::of(&request)?.publisher()?;
        let envelopes = request.into_inner().envelopes;
        let (ingest, leave) = (self.ingest.clone(), self.ingest.enter(publisher, envelopes.len())?);
        let taking_in = async move { ingest.take_in(publisher, &envelopes, leave).await };
        let answered = self.work.to_its_end(taking_in).await??;
        Ok(Response::new(v1::SubmitReportsResponse { outcomes: to_wire(answered.outcomes) }))
    }

    async fn upload_reports(
        &self,
        request: Request<Streaming<v1::UploadReportsRequest>>,
    ) -> Result<Response<Self::UploadReportsStream>, Status> {
        let caller = Caller::of(&request)?;
        let publisher = caller.publisher()?;
        let stream = self.streams.enter(caller.principal.tenant())?;
        let (ingest, receipts) = (self.ingest.clone(), self.receipts.clone());
        let (door, work, message) = (ingest.clone(), self.work.clone(), self.message);
        // What was taken in before the key ended is answered; the reason comes after it.
        // Nor does one without batches keep its place: whoever has one again opens another.
        let batches = tokio_stream::StreamExt::timeout(caller.while_admitted(request.into_inner()), self.idle);
        let answers = tokio_stream::StreamExt::map_while(batches, Result::ok)
            .take_until(self.drain.clone().cancelled_owned())
            .map(move |request| request.map_err(|status| messages::named(status, message)))
            .then(move |request| admitted(door.clone(), publisher, request))
            // What was admitted goes on, and makes room, also where the caller does not read its answers.
            .map(move |admitted| work.to_its_end(answer(ingest.clone(), receipts.clone(), publisher, admitted)))
            .buffered(self.batches_per_stream)
            .map(|answered| answered.unwrap_or_else(|lost| Err(lost.into())))
            .map(move |answer| {
                // The stream's place lives as long as the stream.
                let _ = &stream;
                answer
            });
        Ok(Response::new(Box::pin(answers)))
    }
}
