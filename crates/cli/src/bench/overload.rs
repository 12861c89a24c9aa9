//! `tacita bench overload`: five times of what the collector, and the relay, can take.
//!
//! Open loop: requests leave when their time has come, whether or not earlier ones were answered, as a crowd's do.

use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use parking_lot::Mutex;
use tacita_proto::v1::{self, collection_service_client::CollectionServiceClient};
use tacita_protocol::report::ENVELOPE_LEN;
use tokio::task::JoinSet;
use tonic::{Code, service::interceptor::InterceptedService, transport::Channel};

use super::soak::{Deployment, resident};
use crate::connect;

/// Reports of one request, as a busy relay's; and as a device's.
const BATCH: usize = 64;
/// Connections, over which requests go in turn.
const CONNECTIONS: usize = 16;
/// Requests under way on each when capacity is measured: with fewer the servers would wait for the sender.
const IN_FLIGHT: usize = 4;
/// The load of a quiet day, as a share of capacity.
const QUIET: f64 = 0.2;
/// The load of a flood.
const FLOOD: f64 = 5.0;

/// Offer five times of what the servers can take, and see what becomes of it.
///
/// Measures capacity, then the latency at a fifth of it, then offers five times of it: how fast what is accepted is answered, how fast
/// what is not is refused, and how much memory it takes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How long each load is held.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

/// Requests' worth of envelopes that were not taken yet: what is refused comes back.
type Pool = Mutex<VecDeque<Vec<Vec<u8>>>>;
type Client = CollectionServiceClient<InterceptedService<Channel, connect::Bearer>>;

/// What became of a load.
#[derive(Default)]
struct Answered {
    accepted: Vec<Duration>,
    refused: Vec<Duration>,
    failed: usize,
    /// From the first request to the last answer.
    seconds: f64,
    /// The most memory that was held.
    most_bytes: f64,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let deployment = Deployment::start(&scratch.path().join("data"), scratch.path(), None, super::measure()).await?;
    let collector = deployment.collector_as_target();
    let sealed = |reports: u64| pool(&deployment, reports, &scratch.path().join("sealed"));
    let first = sealed(40_000)?;
    let capacity = collector.closed(first).await?;
    println!("collector: {:.0} reports a second", capacity * BATCH as f64);
    // Enough for what is accepted; and the rest of the flood is what was refused, again.
    let reports = capacity * BATCH as f64 * args.seconds as f64 * (QUIET + 2.0);
    flood("collector", &collector, Arc::new(sealed(reports as u64)?), capacity, args.seconds).await?;

    let relay = deployment.relay_as_target();
    // A relay opens nothing: one envelope is as good as another to it, and the same ones may come again.
    let again = sealed(20_000)?;
    let copies: VecDeque<_> = again.lock().iter().cycle().take(100_000).cloned().collect();
    let capacity = relay.closed(Mutex::new(copies.iter().take(4_000).cloned().collect())).await?;
    println!("relay: {:.0} reports a second made durable", capacity * BATCH as f64);
    flood("relay", &relay, Arc::new(Mutex::new(copies)), capacity, args.seconds).await
}

/// The quiet day, and the flood, side by side.
async fn flood(name: &str, target: &Target, pool: Arc<Pool>, capacity: f64, seconds: u64) -> Result<()> {
    let quiet = target.open(pool.clone(), QUIET * capacity, seconds).await?;
    let flood = target.open(pool, FLOOD * capacity, seconds).await?;
    println!(
        "{name}, {BATCH} reports a request          accepted  p50 ms  p99 ms   refused  p50 ms  p99 ms  failed  memory MiB"
    );
    for (load, answered) in [("a fifth of capacity", &quiet), ("five times capacity", &flood)] {
        let [a50, a99] = [0.5, 0.99].map(|share| millis(&answered.accepted, share));
        let [r50, r99] = [0.5, 0.99].map(|share| millis(&answered.refused, share));
        println!(
            "  {load:<34} {:>8} {a50:>7.1} {a99:>7.1} {:>9} {r50:>7.1} {r99:>7.1} {:>7} {:>11.0}",
            answered.accepted.len(),
            answered.refused.len(),
            answered.failed,
            answered.most_bytes / f64::from(1 << 20),
        );
    }
    let goodput = flood.accepted.len() as f64 / flood.seconds / capacity;
    println!("  in the flood {:.0} % of capacity was accepted", 100.0 * goodput);
    ensure!(flood.failed == 0, "{} requests met with something else than an answer or a refusal", flood.failed);
    Ok(())
}

fn millis(times: &[Duration], share: f64) -> f64 {
    let place = (times.len() as f64 * share) as usize;
    times.get(place.min(times.len().saturating_sub(1))).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// Freshly sealed reports, by requests.
fn pool(deployment: &Deployment, reports: u64, file: &Path) -> Result<Pool> {
    deployment.seal(reports, file)?;
    let sealed = std::fs::read(file)?;
    let requests = sealed.chunks(BATCH * ENVELOPE_LEN);
    Ok(Mutex::new(requests.map(|request| request.chunks(ENVELOPE_LEN).map(<[u8]>::to_vec).collect()).collect()))
}

/// A server that takes `SubmitReports`.
pub(super) struct Target {
    pub(super) url: String,
    pub(super) key: String,
    pub(super) process: Option<u32>,
}

impl Target {
    async fn clients(&self) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let channel = connect::channel(&self.url).await?;
            clients.push(CollectionServiceClient::with_interceptor(channel, connect::Bearer::new(&self.key)?));
        }
        Ok(clients)
    }

    /// Requests a second when each connection has so many under way at all times.
    async fn closed(&self, pool: Pool) -> Result<f64> {
        let (pool, requests) = (Arc::new(pool), self.clients().await?);
        let count = pool.lock().len();
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for mut client in requests.into_iter().flat_map(|client| std::iter::repeat_n(client, IN_FLIGHT)) {
            let pool = pool.clone();
            connections.spawn(async move {
                loop {
                    let Some(envelopes) = pool.lock().pop_front() else { return Ok(()) };
                    client.submit_reports(v1::SubmitReportsRequest { envelopes }).await?;
                }
            });
        }
        while let Some(connection) = connections.join_next().await {
            connection?.map_err(connect::refused)?;
        }
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }

    /// So many requests a second, whatever becomes of them.
    async fn open(&self, pool: Arc<Pool>, rate: f64, seconds: u64) -> Result<Answered> {
        let clients = self.clients().await?;
        let (began, length) = (tokio::time::Instant::now(), Duration::from_secs(seconds));
        let answered = Arc::new(Mutex::new(Answered::default()));
        let mut requests = JoinSet::new();
        let mut number = 0_u32;
        while began.elapsed() < length {
            tokio::time::sleep_until(began + Duration::from_secs_f64(f64::from(number) / rate)).await;
            // One that is late is sent at once, and its turn is not lost.
            let Some(envelopes) = pool.lock().pop_front() else { break };
            let client = clients[number as usize % clients.len()].clone();
            requests.spawn(request(client, envelopes, pool.clone(), answered.clone()));
            number += 1;
            if number.is_multiple_of(64) {
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
        Ok(answered)
    }
}

async fn request(mut client: Client, envelopes: Vec<Vec<u8>>, pool: Arc<Pool>, answered: Arc<Mutex<Answered>>) {
    let message = v1::SubmitReportsRequest { envelopes: envelopes.clone() };
    let began = Instant::now();
    let answer = client.submit_reports(message).await;
    let took = began.elapsed();
    let mut answered = answered.lock();
    match answer {
        Ok(_) => answered.accepted.push(took),
        Err(status) if status.code() == Code::ResourceExhausted => {
            answered.refused.push(took);
            pool.lock().push_back(envelopes);
        }
        Err(_) => answered.failed += 1,
    }
}
