//! Binomial probabilities to nearly full precision, far into the tails.

use core::f64::consts::TAU;

/// P\[Bin(n, p) = x\], for 0 < p < 1 and 0 ≤ x ≤ n.
///
/// Loader, "Fast and accurate computation of binomial probabilities", 2000: Stirling's series and the deviance, so that
/// no large logarithms cancel.
pub(super) fn probability(x: u64, n: u64, p: f64) -> f64 {
    let (count, trials) = (x as f64, n as f64);
    if x == 0 {
        return (trials * (-p).ln_1p()).exp();
    }
    if x == n {
        return (trials * p.ln()).exp();
    }
    let exponent = stirling_error(n)
        - stirling_error(x)
        - stirling_error(n - x)
        - deviance(count, trials * p)
        - deviance(trials - count, trials * (1.0 - p));
    (trials / (TAU * count * (trials - count))).sqrt() * exponent.exp()
}

/// ln n! minus Stirling's ln(√(2πn)·(n/e)ⁿ).
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    if n < 16 {
        let factorial: f64 = (1..=n).map(|i| i as f64).product();
        return factorial.ln() - (x + 0.5) * x.max(1.0).ln() + x - TAU.ln() / 2.0;
    }
    let square = x * x;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / x
}

/// x·ln(x/m) + m − x, without cancellation where x is near m.
fn deviance(x: f64, mean: f64) -> f64 {
    let difference = x - mean;
    if difference.abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() - difference;
    }
    // With v = (x−m)/(x+m): (x−m)·v + 2x·Σ v²ʲ⁺¹/(2j+1).
    let v = difference / (x + mean);
    let mut sum = difference * v;
    let mut power = 2.0 * x * v;
    for j in 1..1000 {
        power *= v * v;
        let next = sum + power / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_agree_with_the_product_formula() {
        for (n, p) in [(1u64, 0.3f64), (10, 0.5), (40, 0.0025), (100, 0.9), (150, 0.368)] {
            let mut exact = (n as f64 * (-p).ln_1p()).exp();
            for x in 0..=n {
                assert!((probability(x, n, p) / exact - 1.0).abs() < 1e-12, "{x} of {n} at {p}");
                exact *= (n - x) as f64 / (x + 1) as f64 * (p / (1.0 - p));
            }
        }
    }

    #[test]
    fn probabilities_sum_to_one_for_a_million_trials() {
        let sum: f64 = (360_000..375_900).map(|x| probability(x, 1_000_000, 0.367_9)).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
}
