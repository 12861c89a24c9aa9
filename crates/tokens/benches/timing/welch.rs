//! Two classes of samples, and Welch's t between them.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Which secret a sample works on.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    Fixed = 0,
    Random = 1,
}

/// Takes `samples` in random order of classes, prints a line and returns the largest |t| over all crops.
pub(crate) fn compare(name: &str, samples: usize, mut sample: impl FnMut(Class) -> f64) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(0);
    let mut times = [Vec::with_capacity(samples), Vec::with_capacity(samples)];
    let warm_up = samples / 20;
    for i in 0..samples + warm_up {
        let class = if rng.random() { Class::Fixed } else { Class::Random };
        let time = sample(class);
        if i >= warm_up {
            times[class as usize].push(time);
        }
    }

    let mut all = times.concat();
    all.sort_by(f64::total_cmp);
    // dudect's crops: thresholds that go exponentially from the median into the tail, and no crop at all.
    let crops = (1..=50).map(|i| all[((1.0 - 0.5_f64.powf(f64::from(i) / 5.0)) * (all.len() - 1) as f64) as usize]);
    let t = crops.chain([f64::INFINITY]).map(|crop| welch_t(&times, crop).abs()).fold(0.0, f64::max);

    let [fixed, random] = times.each_ref().map(|times| median(times));
    let verdict = match t {
        t if t > 10.0 => "leaks",
        t if t > 4.5 => "take more samples",
        _ => "nothing found",
    };
    println!("{name:<10} {samples:>9} {fixed:>12.0} {random:>12.0} {t:>8.2}  {verdict}");
    t
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// t = (x̄₁ - x̄₂) / √(s₁²/n₁ + s₂²/n₂), over the samples up to `crop`.
fn welch_t(times: &[Vec<f64>; 2], crop: f64) -> f64 {
    let [(mean_1, error_1), (mean_2, error_2)] = times.each_ref().map(|times| {
        let kept = || times.iter().filter(|time| **time <= crop);
        let n = kept().count() as f64;
        let mean = kept().sum::<f64>() / n;
        let variance = kept().map(|time| (time - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    });
    (mean_1 - mean_2) / (error_1 + error_2).sqrt()
}
