//! The speed table by least time: what a machine that is busy with other work can still tell.
//!
//! Each figure is the least of many short runs on one core, where criterion's mean would count the neighbours' work too.
//! `cargo run --release -p tacita-dp --example least_time`

use std::hint::black_box;
use std::time::Instant;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tacita_dp::{DomainSize, Epsilon, Mechanism, Report, Tally, amplification};

const REPORTS: usize = 1_000_000;

/// Nanoseconds of the fastest of `runs` runs.
fn least<T>(runs: usize, mut run: impl FnMut() -> T) -> f64 {
    let times = (0..runs).map(|_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed().as_secs_f64() * 1e9
    });
    times.fold(f64::INFINITY, f64::min)
}

fn randomized(mechanism: &Mechanism, count: usize, generator: &mut ChaCha20Rng) -> Vec<Report> {
    let cells: Vec<_> = mechanism.domain().cells().collect();
    (0..count).map(|i| mechanism.randomize(cells[i * 7_919 % cells.len()], generator)).collect()
}

fn main() -> Result<(), tacita_dp::Error> {
    println!("{:>7} {:>4} {:>14} {:>16} {:>12}", "k", "eps", "randomize ns", "tally+decode ms", "decode ms");
    for cells in [16, 1_024, 22_000, 100_000] {
        for epsilon in [1, 2, 4, 6] {
            let mechanism = Mechanism::choose(DomainSize::new(cells)?, Epsilon::from_micro(epsilon * 1_000_000)?)?;
            let mut generator = ChaCha20Rng::from_seed([1; 32]);
            let randomize = least(300, || randomized(&mechanism, 2_000, &mut generator)) / 2_000.0;
            let reports = randomized(&mechanism, REPORTS, &mut generator);
            let mut tally = Tally::new(&mechanism);
            tally.absorb(&mechanism, &reports)?;
            let decode = least(30, || mechanism.estimate(&tally));
            let both = least(30, || {
                let mut tally = Tally::new(&mechanism);
                tally.absorb(&mechanism, &reports)?;
                mechanism.estimate(&tally)
            });
            println!("{cells:>7} {epsilon:>4} {randomize:>14.1} {:>16.3} {:>12.3}", both / 1e6, decode / 1e6);
        }
    }
    let mechanism = Mechanism::choose(DomainSize::new(16)?, Epsilon::from_micro(3_000_000)?)?;
    let blanket = least(20, || amplification::blanket(&mechanism, 1_000_000, 1e-9));
    let general = least(20, || amplification::general(mechanism.epsilon(), 1_000_000, 1e-9));
    println!("amplify n = 1,000,000: blanket {:.2} ms, general {:.2} ms", blanket / 1e6, general / 1e6);
    Ok(())
}
