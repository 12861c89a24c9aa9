//! `tacita bench overload`: five times of what the collector, and the relay, can take.
//!
//! Open loop: requests leave when their time has come, whether or not earlier ones were answered, as a crowd's do.

mod processors;
mod target;

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message as _;
use tacita_proto::v1;
use tacita_protocol::report::ENVELOPE_LEN;

pub(super) use self::target::Target;
use self::{
    processors::{Processors, run_on},
    target::{Answered, Pool},
};
use super::soak::Deployment;

/// Reports of one request, as a busy relay's; and as a device's.
const BATCH: usize = 64;
/// Requests under way when capacity is measured: as many as one sender is admitted at any pace, so that refusals take
/// nothing of it. At the collector they are so many for each processor, and at most as many as one publisher may have.
const TO_COLLECTOR: usize = 4;
const MOST_TO_COLLECTOR: usize = 64;
const TO_RELAY: usize = 8;
/// The load of a quiet day, as a share of capacity.
const QUIET: f64 = 0.2;
/// The load of a flood.
const FLOOD: f64 = 5.0;
/// What a server may hold in the flood beyond what it holds on a quiet day: what is in work, and the buffers of the connections.
const MOST_MORE_BYTES: f64 = 256.0 * 1024.0 * 1024.0;

/// Offer five times of what the servers can take, and see what becomes of it.
///
/// Measures capacity, then holds a fifth of it, then five times of it: how fast what is accepted is answered, how fast
/// what is not is refused, how much of capacity still goes through, and the memory of the server. First the collector;
/// then it is stopped, and the relay makes reports durable alone.
///
/// Times are the sender's, from sending a request to its answer. The sender has half of the processors and the servers
/// have the other half (with one processor only, or without `taskset`, they share, which is told); it sends what was
/// encoded before, and how late it sent is told beside. Fails if a request met with anything but an answer or a
/// refusal, or if the server held 256 MiB more in the flood. Times are told and not judged.
#[derive(clap::Args)]
pub(super) struct Args {
    /// How long each load is held.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let processors = Processors::halves();
    // What is started runs where this process does at that time.
    if let Some(Processors { servers, .. }) = &processors {
        run_on(servers)?;
    }
    let of_servers = std::thread::available_parallelism()?.get();
    let mut deployment =
        Deployment::start(&scratch.path().join("data"), scratch.path(), None, super::measure()).await?;
    match &processors {
        Some(Processors { servers, sender }) => {
            run_on(sender)?;
            println!("servers on processors {servers}, the sender on {sender}");
        }
        None => println!("servers and sender share the processors"),
    }
    let collector = deployment.collector_as_target();
    let sealed = |reports: u64| pool(&deployment, reports, &scratch.path().join("sealed"));
    let first = sealed(40_000)?;
    let capacity =
        collector.closed((TO_COLLECTOR * of_servers).min(MOST_TO_COLLECTOR), Mutex::new(first.clone())).await?;
    println!("collector: {:.0} reports a second", capacity * BATCH as f64);
    // Enough for what is accepted; and the rest of the flood is what was refused, again.
    let reports = capacity * BATCH as f64 * args.seconds as f64 * (QUIET + 2.0);
    flood("collector", &collector, sealed(reports as u64)?, capacity, args.seconds).await?;

    deployment.stop_collector()?;
    let relay = deployment.relay_as_target();
    // A relay opens nothing: one envelope is as good as another to it, and the same ones may come again.
    let again = |requests: usize| first.iter().cycle().take(requests).cloned().collect::<VecDeque<_>>();
    // Its engine puts off a part of the work: what it takes in the first second it does not take for long.
    let at_first = relay.closed(TO_RELAY, Mutex::new(again(4_000))).await?;
    let requests = (at_first * args.seconds as f64) as usize;
    let capacity = relay.closed(TO_RELAY, Mutex::new(again(requests))).await?;
    let [at_first, lasting] = [at_first, capacity].map(|requests| requests * BATCH as f64);
    println!("relay: {lasting:.0} reports a second made durable ({at_first:.0} at first)");
    flood("relay", &relay, again(100_000), capacity, args.seconds).await
}

/// The quiet day, and the flood, side by side.
async fn flood(name: &str, target: &Target, pool: VecDeque<Bytes>, capacity: f64, seconds: u64) -> Result<()> {
    let pool: Arc<Pool> = Arc::new(Mutex::new(pool));
    let quiet = target.open(pool.clone(), QUIET * capacity, seconds).await?;
    let flood = target.open(pool, FLOOD * capacity, seconds).await?;
    println!(
        "{name}, {BATCH} reports a request       accepted  p50 ms  p99 ms   refused  p50 ms  p99 ms  failed  late ms  memory MiB"
    );
    for (load, answered) in [("a fifth of capacity", &quiet), ("five times capacity", &flood)] {
        let [a50, a99] = [0.5, 0.99].map(|share| millis(&answered.accepted, share));
        let [r50, r99] = [0.5, 0.99].map(|share| millis(&answered.refused, share));
        println!(
            "  {load:<31} {:>8} {a50:>7.1} {a99:>7.1} {:>9} {r50:>7.1} {r99:>7.1} {:>7} {:>8.1} {:>11.0}",
            answered.accepted.len(),
            answered.refused.len(),
            answered.failed,
            millis(&answered.late, 0.99),
            answered.most_bytes / f64::from(1 << 20),
        );
    }
    tell_ratios(&quiet, &flood, capacity);
    ensure!(flood.failed == 0, "{} requests met with something else than an answer or a refusal", flood.failed);
    let more = flood.most_bytes - quiet.most_bytes;
    ensure!(more <= MOST_MORE_BYTES, "the flood took {:.0} MiB more of memory", more / f64::from(1 << 20));
    Ok(())
}

fn tell_ratios(quiet: &Answered, flood: &Answered, capacity: f64) {
    let accepted = |share| millis(&flood.accepted, share);
    let times = |share| accepted(share) / millis(&quiet.accepted, share);
    let sent = flood.accepted.len() + flood.refused.len() + flood.failed;
    let of_capacity = |requests: usize| requests as f64 / flood.seconds / capacity;
    println!(
        "  in the flood: {:.1} times capacity came and {:.0} % of it was accepted, in {:.1} times the quiet day's p50 and {:.1} \
         times its p99; a refusal took {:.2} times as long as an answer (p50)",
        of_capacity(sent),
        100.0 * of_capacity(flood.accepted.len()),
        times(0.5),
        times(0.99),
        millis(&flood.refused, 0.5) / accepted(0.5),
    );
}

fn millis(times: &[Duration], share: f64) -> f64 {
    let place = (times.len() as f64 * share) as usize;
    times.get(place.min(times.len().saturating_sub(1))).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// Requests of freshly sealed reports.
fn pool(deployment: &Deployment, reports: u64, file: &Path) -> Result<VecDeque<Bytes>> {
    deployment.seal(reports, file)?;
    let sealed = std::fs::read(file)?;
    let request = |reports: &[u8]| {
        let envelopes = reports.chunks(ENVELOPE_LEN).map(<[u8]>::to_vec).collect();
        Bytes::from(v1::SubmitReportsRequest { envelopes }.encode_to_vec())
    };
    Ok(sealed.chunks(BATCH * ENVELOPE_LEN).map(request).collect())
}
