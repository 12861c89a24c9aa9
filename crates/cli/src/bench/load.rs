//! Sends sealed reports as relays would, on several connections, and takes the time of each acknowledgement.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tacita_proto::v1::{self, collection_service_client::CollectionServiceClient};
use tacita_protocol::{outcome::Outcome, report::ENVELOPE_LEN};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::connect::{self, refused};

/// What to send, and how.
pub(super) struct Load {
    /// Envelopes, one after the other.
    pub(super) envelopes: Vec<u8>,
    /// Reports in one request.
    pub(super) batch: usize,
    /// Connections at once.
    pub(super) connections: usize,
    /// Requests under way on each.
    pub(super) in_flight: usize,
}

/// What the collector took.
pub(super) struct Taken {
    /// Reports counted.
    pub(super) counted: u64,
    /// From the first request to the last acknowledgement.
    pub(super) seconds: f64,
    /// From a request to its acknowledgement: the 50th, 99th and 99.9th hundredth.
    pub(super) latency: [Duration; 3],
}

/// The batches that no connection has taken yet.
struct Batches {
    envelopes: Vec<u8>,
    batch: usize,
    next: AtomicUsize,
}

impl Batches {
    fn next(&self) -> Option<v1::UploadReportsRequest> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let bytes = self.batch * ENVELOPE_LEN;
        let start = number.checked_mul(bytes).filter(|&start| start < self.envelopes.len())?;
        let end = (start + bytes).min(self.envelopes.len());
        let envelopes = self.envelopes[start..end].chunks(ENVELOPE_LEN).map(<[u8]>::to_vec).collect();
        Some(v1::UploadReportsRequest { batch: number as u64, envelopes })
    }
}

impl Load {
    /// Sends everything, the connections in turn to each collector; ends with the last acknowledgement.
    pub(super) async fn send(self, collectors: &[&str], key: &str) -> Result<Taken> {
        let batches = Arc::new(Batches { envelopes: self.envelopes, batch: self.batch, next: AtomicUsize::new(0) });
        let mut channels = Vec::new();
        for collector in collectors.iter().cycle().take(self.connections) {
            channels.push(connect::channel(collector).await?);
        }
        let began = Instant::now();
        let mut connections = tokio::task::JoinSet::new();
        for channel in channels {
            let client = CollectionServiceClient::with_interceptor(channel, connect::Bearer::new(key)?);
            connections.spawn(upload(client, batches.clone(), self.in_flight));
        }
        let (mut counted, mut times) = (0, Vec::new());
        while let Some(connection) = connections.join_next().await {
            let (reports, latencies) = connection??;
            counted += reports;
            times.extend(latencies);
        }
        let seconds = began.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
        let latency = [0.5, 0.99, 0.999].map(|share| at(share).copied().unwrap_or_default());
        Ok(Taken { counted, seconds, latency })
    }
}

type Client = CollectionServiceClient<
    tonic::service::interceptor::InterceptedService<tonic::transport::Channel, connect::Bearer>,
>;

/// One stream: `in_flight` batches ahead, then a new one for each acknowledgement.
async fn upload(mut client: Client, batches: Arc<Batches>, in_flight: usize) -> Result<(u64, Vec<Duration>)> {
    let (requests, stream) = mpsc::channel(in_flight);
    let (mut sent, mut times, mut counted) = (std::collections::VecDeque::new(), Vec::new(), 0);
    let mut open = Some(requests);
    let top_up = |open: &mut Option<mpsc::Sender<_>>, sent: &mut std::collections::VecDeque<Instant>| {
        while let Some(requests) = open.as_ref().filter(|_| sent.len() < in_flight) {
            // The channel holds `in_flight` batches, so it has room while fewer than that are unanswered.
            let taken = batches.next().and_then(|batch| requests.try_send(batch).ok());
            match taken {
                Some(()) => sent.push_back(Instant::now()),
                None => *open = None,
            }
        }
    };
    top_up(&mut open, &mut sent);
    let mut answers = client.upload_reports(ReceiverStream::new(stream)).await.map_err(refused)?.into_inner();
    while let Some(answer) = answers.message().await.map_err(refused)? {
        let began = sent.pop_front().context("the collector answered more batches than it was sent")?;
        times.push(began.elapsed());
        let of_counted = answer.outcomes.iter().filter(|&&outcome| outcome == Outcome::Counted.to_wire());
        counted += of_counted.count() as u64;
        top_up(&mut open, &mut sent);
    }
    ensure!(sent.is_empty(), "the collector left {} batches unanswered", sent.len());
    Ok((counted, times))
}
