//! Who sends: requests that were encoded before, so that sending takes little of the processors that the server needs.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    service::interceptor::InterceptedService,
    transport::Channel,
};

use super::super::soak::resident;
use crate::connect;

/// Connections, over which requests go in turn.
const CONNECTIONS: usize = 16;
/// What a sender that was refused waits before it tries again, while capacity is measured.
const PAUSE: Duration = Duration::from_millis(20);

/// Encoded requests that were not taken yet: what is refused comes back.
pub(super) type Pool = Mutex<VecDeque<Bytes>>;

/// What became of a load.
#[derive(Default)]
pub(super) struct Answered {
    /// How long each took, sorted: those that were accepted, those that were refused.
    pub(super) accepted: Vec<Duration>,
    pub(super) refused: Vec<Duration>,
    pub(super) failed: usize,
    /// How long after its time each request was sent, sorted: what the sender itself was late.
    pub(super) late: Vec<Duration>,
    /// From the first request to the last answer.
    pub(super) seconds: f64,
    /// The most memory that the server held.
    pub(super) most_bytes: f64,
}

/// A server that takes `SubmitReports`.
pub(in super::super) struct Target {
    pub(in super::super) url: String,
    pub(in super::super) key: String,
    pub(in super::super) process: Option<u32>,
}

impl Target {
    async fn senders(&self) -> Result<Vec<Sender>> {
        let mut senders = Vec::new();
        for _ in 0..CONNECTIONS {
            let channel = connect::channel(&self.url).await?;
            let bearer = connect::Bearer::new(&self.key)?;
            senders.push(Sender(Grpc::new(InterceptedService::new(channel, bearer))));
        }
        Ok(senders)
    }

    /// Requests accepted in a second when `at_once` are under way at all times.
    pub(super) async fn closed(&self, at_once: usize, pool: Pool) -> Result<f64> {
        let (pool, senders) = (Arc::new(pool), self.senders().await?);
        let count = pool.lock().len();
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for mut sender in senders.into_iter().cycle().take(at_once) {
            let pool = pool.clone();
            connections.spawn(async move {
                loop {
                    let Some(request) = pool.lock().pop_front() else { return Ok(()) };
                    match sender.submit(request.clone()).await {
                        Ok(()) => {}
                        Err(status) if status.code() == Code::ResourceExhausted => {
                            pool.lock().push_back(request);
                            tokio::time::sleep(PAUSE).await;
                        }
                        Err(status) => return Err(status),
                    }
                }
            });
        }
        while let Some(connection) = connections.join_next().await {
            connection?.map_err(connect::refused)?;
        }
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }

    /// So many requests a second, whatever becomes of them.
    pub(super) async fn open(&self, pool: Arc<Pool>, rate: f64, seconds: u64) -> Result<Answered> {
        let senders = self.senders().await?;
        let (began, length) = (tokio::time::Instant::now(), Duration::from_secs(seconds));
        let answered = Arc::new(Mutex::new(Answered::default()));
        let mut requests = JoinSet::new();
        let mut number = 0_u32;
        while began.elapsed() < length {
            let due = began + Duration::from_secs_f64(f64::from(number) / rate);
            tokio::time::sleep_until(due).await;
            // One that is late is sent at once, and its turn is not lost.
            let Some(request) = pool.lock().pop_front() else { break };
            let sender = senders[number as usize % senders.len()].clone();
            answered.lock().late.push(due.elapsed());
            requests.spawn(send(sender, request, pool.clone(), answered.clone()));
            number += 1;
            if number % 64 == 1 {
                let held = self.process.and_then(resident).unwrap_or(0.0);
                let mut answered = answered.lock();
                answered.most_bytes = answered.most_bytes.max(held);
            }
        }
        while requests.join_next().await.is_some() {}
        let mut answered = std::mem::take(&mut *answered.lock());
        answered.seconds = began.elapsed().as_secs_f64();
        answered.accepted.sort_unstable();
        answered.refused.sort_unstable();
        answered.late.sort_unstable();
        Ok(answered)
    }
}

async fn send(mut sender: Sender, request: Bytes, pool: Arc<Pool>, answered: Arc<Mutex<Answered>>) {
    let began = Instant::now();
    let answer = sender.submit(request.clone()).await;
    let took = began.elapsed();
    let mut answered = answered.lock();
    match answer {
        Ok(()) => answered.accepted.push(took),
        Err(status) if status.code() == Code::ResourceExhausted => {
            answered.refused.push(took);
            pool.lock().push_back(request);
        }
        Err(_) => answered.failed += 1,
    }
}

#[derive(Clone)]
struct Sender(Grpc<InterceptedService<Channel, connect::Bearer>>);

impl Sender {
    async fn submit(&mut self, request: Bytes) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let method = PathAndQuery::from_static("/tacita.v1.CollectionService/SubmitReports");
        self.0.unary(Request::new(request), method, Encoded).await.map(drop)
    }
}

/// Messages that are bytes already, and answers that nobody reads.
#[derive(Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        message.advance(message.remaining());
        Ok(Some(()))
    }
}
