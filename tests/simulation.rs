//! A deployment in one process, turned by hand from a seed: every step, every fault and every random byte follows from it.
//!
//! Real are the device SDK with its gRPC transport, the relay's web app, gate, queue (on disk), manifest cache and
//! uploader, the collector's services, ingest, epoch keeper and catalogue, the embedded store and the vault (on disk):
//! the code that runs in production, assembled by it. Calls go through the generated gRPC clients and servers, message
//! by message. Simulated are the clock, the network, and what fails.
//!
//! A run makes some hundred steps: devices record and send, relays renew and upload, collectors take turns and close
//! periods of the record, epochs are rotated or given up, keys destroyed, measures created, API keys revoked, the clock
//! moves on, and now and then back, and every party is killed and started again. One collector, or two on one store and
//! vault; one publisher, or two.
//!
//! | what fails | how |
//! |---|---|
//! | a call on the store or the vault | an error before anything happened; an error after it was done; the process dies before it, or after |
//! | a device's storage | the process dies before an update, or after |
//! | a message | lost; its answer lost; delivered twice; delivered much later; an upload stream cut after the collector has answered |
//! | old envelopes | come again, in any order, straight at a collector |
//! | a vandal | sends copies with a flipped bit, and noise |
//!
//! # The oracle
//!
//! Every shared content is another one and ε is 20, so that each report raises a counter of its own. The simulation
//! knows the epoch keys, opens each envelope when a device first sends it, and follows it from there. It is a
//! **failure** if
//!
//! - a counter is higher than the number of reports that were sealed for it (2 for a report: it **counted twice**), or stands where no report
//!   belongs;
//! - a report that a collector once answered `counted` or `already-counted` is not in the tallies, at any later look, after any crash
//!   (0: it is **lost**);
//! - at the end, when all faults are over and everything was sent, a report that a relay acknowledged is neither counted nor refused for a
//!   reason that the clock bears out (its epoch closed, its window too old); or a relay still holds an envelope;
//! - a device's reports do not add up: recorded = answered + expired + still pending; or devices take more for delivered than relays have
//!   acknowledged;
//! - an honest report is refused for any other reason; a vandal's envelope counts;
//! - the durable count of `counted` is not the sum of the tallies;
//! - at the end, the record's periods do not add up to the durable counts, or have less than the receipts that a relay keeps;
//! - two manifests name different keys for one epoch; an epoch that a manifest names, not yet closed, has no key in the vault; the key of an
//!   epoch that closed is there after a whole turn of the keeper;
//! - anything panics.
//!
//! **No failures** are: any error to whoever called, as long as a later attempt succeeds; a report refused because its
//! epoch closed or its window is too old by the simulation's clock; reports that expired on a device; a relay that
//! refuses an older manifest of a collector that lags behind; counts of refusals, which an upload that is made again
//! raises again.
//!
//! **Not covered**: connections (`tests/faults.rs`, `cargo xtask soak`), torn writes (`crates/store/tests/torn.rs`),
//! PostgreSQL, timers, and most interleavings of threads: in a step with store faults one batch is on its way at a
//! time.
//!
//! `TACITA_SIMULATION_RUNS` says how many seeds are tried, `TACITA_SIMULATION_SEED` which is the first; a single run prints its
//! steps. A failure prints its seed and the last steps.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "simulation/dice.rs"]
mod dice;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/oracle.rs"]
mod oracle;
#[path = "simulation/parties.rs"]
mod parties;
#[path = "simulation/storage.rs"]
mod storage;
#[path = "simulation/world.rs"]
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};

use world::{Run, World, last_steps};

/// Steps of one run.
const STEPS: usize = 150;

/// One run, from its seed to its verdict.
fn run(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = || runtime.block_on(async { World::begin(seed).await.run(STEPS).await });
    catch_unwind(AssertUnwindSafe(world)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Run { violation: Some(format!("a panic: {}", said.unwrap_or_default())), ..Run::default() }
    })
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

fn assert_holds(seed: u64, run: &Run) {
    let Some(violation) = &run.violation else { return };
    let last = last_steps(&run.trace);
    panic!("seed {seed}: {violation}\n{last}\nagain: TACITA_SIMULATION_SEED={seed} TACITA_SIMULATION_RUNS=1");
}

#[test]
fn no_report_is_lost_and_none_counts_twice_whatever_fails() {
    let runs = setting("TACITA_SIMULATION_RUNS").unwrap_or(60);
    let first = setting("TACITA_SIMULATION_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    println!("seeds {first} to {}", first + runs.saturating_sub(1));
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let totals = [const { AtomicU64::new(0) }; 4];
    let work = || {
        loop {
            let number = next.fetch_add(1, Relaxed);
            if number >= runs {
                return;
            }
            let run = run(first + number);
            assert_holds(first + number, &run);
            if runs == 1 {
                println!("  {}", run.trace.join("\n  "));
            }
            let counts = [run.trace.len() as u64, run.reports, run.faults, run.crashes];
            for (total, count) in totals.iter().zip(counts) {
                total.fetch_add(count, Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..thread::available_parallelism().unwrap().get()).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let [steps, reports, faults, crashes] = totals.map(AtomicU64::into_inner);
    let seconds = began.elapsed().as_secs_f64();
    println!("{runs} runs held: {steps} steps, {reports} reports, {faults} faults, {crashes} crashes");
    println!("{:.1} runs a second", runs as f64 / seconds);
    assert!(
        runs < 20 || (reports > runs * 20 && faults > runs * 10 && crashes > runs),
        "the simulation tries too little"
    );
}

#[test]
fn a_seed_is_one_run_step_by_step() {
    for seed in [1, 2, 3] {
        let (once, again) = (run(seed), run(seed));
        assert_holds(seed, &once);
        for (step, (left, right)) in once.trace.iter().zip(&again.trace).enumerate() {
            assert_eq!(left, right, "seed {seed}, step {step}");
        }
        assert_eq!(once.trace.len(), again.trace.len());
    }
}
