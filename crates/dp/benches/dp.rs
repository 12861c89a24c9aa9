//! The speed table: one core, ChaCha20, n = 1,000,000 reports. `cargo bench -p tacita-dp`.
//!
//! Names: `dp/randomize/K` at ε = 1, `dp/randomize/K/EPS` at others; `dp/decode/K/EPS` is tally and decode together, per
//! report (so that 1 ns is 1 ms for them all), beside `naive`, the textbook decoder (every report against every cell,
//! O(n·k)) on a thousandth of them; `dp/decode-only/K/EPS` the decode; `dp/amplify/N` and `dp/amplify-general/N`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test or a measurement stops at the first surprise")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tacita_dp::{CellIndex, Confidence, DomainSize, Epsilon, Mechanism, Report, Tally, amplification};

const REPORTS: usize = 1_000_000;
/// The naive decoder would take minutes on all reports.
const NAIVE_REPORTS: usize = 1_000;
/// Where the naive decoder is measured beside ours: cells and ε.
const NAIVE: [(u32, u32); 3] = [(16, 1), (1_024, 4), (22_000, 4)];

fn mechanism(cells: u32, epsilon: u32) -> Mechanism {
    let epsilon = Epsilon::from_micro(epsilon * 1_000_000).unwrap();
    Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon).unwrap()
}

/// Values with a Zipf-like head: cell ⌊k^u⌋ for u spread evenly over the unit interval.
fn values(domain: DomainSize, count: usize) -> Vec<CellIndex> {
    let golden = 0.618_033_988_749_894_9;
    let value = |i: usize| f64::from(domain.get()).powf((i as f64 * golden).fract()) as u32 - 1;
    (0..count).map(|i| domain.cell(value(i).min(domain.get() - 1)).unwrap()).collect()
}

fn reports(mechanism: &Mechanism, count: usize) -> Vec<Report> {
    let mut generator = ChaCha20Rng::from_seed([1; 32]);
    values(mechanism.domain(), count).into_iter().map(|cell| mechanism.randomize(cell, &mut generator)).collect()
}

fn randomize(criterion: &mut Criterion) {
    for cells in [16, 1_024, 22_000, 100_000] {
        for epsilon in [1, 2, 4, 6] {
            let mechanism = mechanism(cells, epsilon);
            let values = values(mechanism.domain(), 4_096);
            let mut generator = ChaCha20Rng::from_seed([2; 32]);
            let mut next = values.iter().cycle();
            let name =
                if epsilon == 1 { format!("dp/randomize/{cells}") } else { format!("dp/randomize/{cells}/{epsilon}") };
            let mut group = criterion.benchmark_group(name);
            group.bench_function("tacita", |bencher| {
                bencher.iter(|| mechanism.randomize(*next.next().unwrap(), &mut generator));
            });
            group.finish();
        }
    }
}

fn tally_and_decode(mechanism: &Mechanism, reports: &[Report]) -> f64 {
    let mut tally = Tally::new(mechanism);
    tally.absorb(mechanism, reports).unwrap();
    mechanism.estimate(&tally).unwrap().cells()[0].interval(Confidence::P95).low
}

fn decode(criterion: &mut Criterion) {
    for cells in [16, 1_024, 22_000, 100_000] {
        for epsilon in [1, 2, 4, 6] {
            let mechanism = mechanism(cells, epsilon);
            let reports = reports(&mechanism, REPORTS);
            let mut group = criterion.benchmark_group(format!("dp/decode/{cells}/{epsilon}"));
            group.throughput(Throughput::Elements(REPORTS as u64));
            group.bench_function("tacita", |bencher| {
                bencher.iter(|| tally_and_decode(&mechanism, black_box(&reports)));
            });
            if NAIVE.contains(&(cells, epsilon)) {
                let few = &reports[..NAIVE_REPORTS];
                group.throughput(Throughput::Elements(NAIVE_REPORTS as u64));
                group.bench_function("naive", |bencher| bencher.iter(|| naive_supports(&mechanism, black_box(few))));
            }
            group.finish();
            decode_only(criterion, &mechanism, &reports);
        }
    }
}

fn decode_only(criterion: &mut Criterion, mechanism: &Mechanism, reports: &[Report]) {
    let mut tally = Tally::new(mechanism);
    tally.absorb(mechanism, reports).unwrap();
    let name = format!("dp/decode-only/{}/{}", mechanism.domain().get(), mechanism.epsilon());
    let mut group = criterion.benchmark_group(name);
    group.bench_function("tacita", |bencher| bencher.iter(|| mechanism.estimate(black_box(&tally)).unwrap()));
    group.finish();
}

/// Every report against every cell, as the definition says.
fn naive_supports(mechanism: &Mechanism, reports: &[Report]) -> Vec<u64> {
    let mut supports = vec![0; mechanism.domain().get() as usize];
    for &report in reports {
        for (cell, support) in mechanism.domain().cells().zip(&mut supports) {
            *support += u64::from(mechanism.supports(report, cell));
        }
    }
    supports
}

fn amplify(criterion: &mut Criterion) {
    let mechanism = mechanism(16, 3);
    let mut group = criterion.benchmark_group("dp/amplify/1000000");
    group.bench_function("tacita", |bencher| {
        bencher.iter(|| amplification::blanket(black_box(&mechanism), 1_000_000, 1e-9).unwrap());
    });
    group.finish();
    let mut group = criterion.benchmark_group("dp/amplify-general/1000000");
    group.bench_function("tacita", |bencher| {
        bencher.iter(|| amplification::general(black_box(mechanism.epsilon()), 1_000_000, 1e-9).unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = randomize, decode, amplify
}
criterion_main!(benches);
