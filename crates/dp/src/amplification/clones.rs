//! The clone bound for any ε₀-private randomizer.
//!
//! Feldman, McMillan and Talwar, "Hiding among the clones", FOCS 2021, Theorem 3.2: the batch is no easier to tell apart
//! than (A + Δ, C − A + 1 − Δ) for Δ ~ Bern(E/(E+1)) against Δ ~ Bern(1/(E+1)), where C ~ Bin(n − 1, e^−ε₀),
//! A ~ Bin(C, ½) and E = e^ε₀. Given C = c the first coordinate has a monotone likelihood ratio, so the hockey-stick
//! divergence is a sum over c of one binomial tail.

use super::binomial;

/// Probabilities are cut off here, so that none of those that are multiplied up from one another is lost to underflow.
const UNDERFLOW: f64 = 1e-280;

/// An upper bound of the divergence at ε, meaningful where it is near δ: what the truncated sum leaves out is added, and a
/// part in 10⁹ for rounding.
pub(super) fn divergence(local: f64, epsilon: f64, reports: u64, delta: f64) -> f64 {
    let clones = reports - 1;
    if clones == 0 {
        return Slice::new(local, epsilon, 0).divergence();
    }
    let rate = (-local).exp();
    let range = Range::of(clones, rate, (delta * 1e-9).max(UNDERFLOW));
    let mut slice = Slice::new(local, epsilon, range.last);
    let mut weight = binomial::probability(range.last, clones, rate);
    let mut sum = 0.0;
    // Downwards: tails of fewer clones are larger, so rounding errors of the recurrence do not grow.
    loop {
        sum += weight * slice.divergence();
        if slice.clones == range.first {
            return (sum + range.left_out + UNDERFLOW) * (1.0 + 1e-9);
        }
        let c = slice.clones as f64;
        weight *= c / (clones as f64 - c + 1.0) * ((1.0 - rate) / rate);
        slice.remove_clone();
    }
}

/// The values of C that matter.
struct Range {
    first: u64,
    last: u64,
    /// At least the probability of all others.
    left_out: f64,
}

impl Range {
    /// Leaves out about `negligible` on either side.
    fn of(clones: u64, rate: f64, negligible: f64) -> Self {
        let (n, odds) = (clones as f64, rate / (1.0 - rate));
        let mode = ((n + 1.0) * rate).floor().min(n) as u64;
        let step = ((n * rate * (1.0 - rate)).sqrt() / 4.0).ceil() as u64;
        // Beyond `last`, successive probabilities shrink at least by this ratio; likewise before `first`.
        let above = |last: u64| {
            let ratio = (n - last as f64) / (last as f64 + 1.0) * odds;
            binomial::probability(last, clones, rate) * ratio / (1.0 - ratio)
        };
        let below = |first: u64| {
            let ratio = first as f64 / (n - first as f64 + 1.0) / odds;
            binomial::probability(first, clones, rate) * ratio / (1.0 - ratio)
        };
        let mut last = mode.saturating_add(step).min(clones);
        while last < clones && above(last) > negligible {
            last = (last + step).min(clones);
        }
        let mut first = mode.saturating_sub(step);
        while first > 0 && below(first) > negligible {
            first = first.saturating_sub(step);
        }
        Self { first, last, left_out: above(last) + below(first) }
    }
}

/// The divergence given C = c, and what it takes to step to c − 1.
struct Slice {
    clones: u64,
    /// E, e^ε and the share of the sum c + 1 above which the likelihood ratio exceeds e^ε.
    likelihood: f64,
    exp: f64,
    share: f64,
    /// The least first coordinate x above the threshold.
    threshold: u64,
    /// P\[Bin(c, ½) = threshold\] and P\[Bin(c, ½) ≥ threshold\].
    at: f64,
    tail: f64,
}

impl Slice {
    fn new(local: f64, epsilon: f64, clones: u64) -> Self {
        let (likelihood, exp) = (local.exp(), epsilon.exp());
        let odds = (exp * likelihood - 1.0) / (likelihood - exp).max(f64::MIN_POSITIVE);
        // x/(c + 1 − x) > odds; as odds go to infinity the share goes to one.
        let share = 1.0 / (1.0 + 1.0 / odds);
        let mut slice = Self { clones, likelihood, exp, share, threshold: 0, at: 0.0, tail: 0.0 };
        slice.anchor();
        slice
    }

    fn least_above(&self) -> u64 {
        ((self.share * (self.clones as f64 + 1.0)).floor() as u64 + 1).min(self.clones + 1)
    }

    /// Sets the tail afresh, by its series.
    fn anchor(&mut self) {
        self.threshold = self.least_above();
        let (c, x) = (self.clones, self.threshold);
        (self.at, self.tail) = (0.0, 0.0);
        if x > c {
            return;
        }
        self.at = binomial::probability(x, c, 0.5);
        if self.at < f64::MIN_POSITIVE {
            self.at = 0.0;
            return;
        }
        let (mut term, mut next) = (self.at, x);
        while term > self.tail * 1e-17 && next <= c {
            self.tail += term;
            term *= (c - next) as f64 / (next + 1) as f64;
            next += 1;
        }
    }

    /// α·((E − e)·P\[x − 1\] − (e − 1)(E + 1)·P\[≥ x\]), from Σ_{y ≥ x} (E − e)·P\[y − 1\] − (eE − 1)·P\[y\].
    fn divergence(&self) -> f64 {
        let before = if self.threshold > self.clones {
            // Only y = c + 1 is above: P[c] = 2^−c.
            (-(self.clones as f64)).exp2()
        } else {
            self.at * self.threshold as f64 / (self.clones - self.threshold + 1) as f64
        };
        let gain = (self.likelihood - self.exp) * before;
        let loss = (self.exp - 1.0) * (self.likelihood + 1.0) * self.tail;
        ((gain - loss) / (self.likelihood + 1.0)).max(0.0)
    }

    fn remove_clone(&mut self) {
        let c = self.clones;
        let empty = self.threshold > c || self.at < f64::MIN_POSITIVE;
        self.clones = c - 1;
        if empty || self.threshold > self.clones {
            return self.anchor();
        }
        // P_c[≥ x] = P_{c−1}[≥ x] + ½·P_{c−1}[x − 1], and P_{c−1}[x] = 2(c − x)/c·P_c[x].
        let (x, trials) = (self.threshold as f64, c as f64);
        let at = self.at * 2.0 * (trials - x) / trials;
        let before = at * x / (trials - x);
        self.tail -= before / 2.0;
        self.at = at;
        if self.least_above() < self.threshold {
            self.threshold -= 1;
            self.at = before;
            self.tail += before;
        }
    }
}
