//! The least ε at which a certified divergence bound meets δ.

/// Below this ε a batch is as good as noise, and no smaller value is looked for.
const LEAST: f64 = 1e-9;

/// An ε ≤ `local` with `divergence(ε) ≤ delta`, within one part in 10⁶ of the least such; `local` itself always holds.
///
/// Whatever the shape of `divergence`, the result was evaluated and found good: the true divergence falls with ε, so a
/// certified value at ε certifies ε.
pub(super) fn smallest_epsilon(local: f64, delta: f64, divergence: impl Fn(f64) -> f64) -> f64 {
    // A NaN compares false and certifies nothing.
    let holds = |epsilon: f64| divergence(epsilon) <= delta;
    let mut good = local;
    let mut bad = 0.0;
    while bad == 0.0 {
        if good < LEAST {
            return good;
        }
        let half = good / 2.0;
        if !holds(half) {
            bad = half;
        } else {
            good = half;
        }
    }
    while good - bad > 1e-6 * good {
        let middle = (good + bad) / 2.0;
        if holds(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good
}
