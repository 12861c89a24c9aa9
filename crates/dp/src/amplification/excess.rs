//! An upper bound of E[(S)₊] for a sum S of n independent copies of a variable with few atoms.
//!
//! Every step errs on the safe side:
//!
//! 1. **Mollify.** For G ~ N(0, τ²) independent of S, E[(S + G)₊] ≥ E[S₊] by Jensen.
//! 2. **Tilt.** With X = S + G and M = E[e^(λX)], E[X₊] = M·E_λ[f(X)] for f(x) = x₊·e^(−λx), where the law E_λ has density
//!    e^(λx)/M. Near the saddle point λ the tilted X sits around 0, so the result has full relative precision however small.
//! 3. **Periodise.** On a window of period R that holds almost all of the tilted X, f is replaced by its periodic
//!    continuation, whose Fourier series turns the expectation into a short sum of characteristic functions. What lies
//!    above the window is added by a Chernoff bound; what lies below is only ever overcounted, since f ≥ 0.
//! 4. **Truncate.** The Gaussian factor e^(−θ²τ²/2) bounds the rest of the series, which is added with an allowance for
//!    rounding.

use core::f64::consts::{E, TAU};

/// 1/(λτ) and σ/τ: how fine the mollifier is against the scale of f and against the spread of X. It multiplies the result by
/// about e^(1/(2·FINE²)), and ε by far less.
const FINE: f64 = 20.0;

/// θτ at which the series is cut: e^(−θ²τ²/2) is then below e^−40.
const CUT: f64 = 9.0;

/// Rounding errors of the series against the maximum of f: phases below 10⁴ are exact to 10⁻¹², and the terms add up to
/// less than f's maximum times a few.
const ROUNDING: f64 = 1e-11;

/// A variable with four atoms `(value, probability)`, and zero with the rest of the probability.
#[derive(Clone, Copy)]
pub(super) struct Loss {
    atoms: [(f64, f64); 4],
}

impl Loss {
    pub(super) fn new(atoms: [(f64, f64); 4]) -> Self {
        Self { atoms }
    }

    /// An upper bound of E[S₊], tight to about one part in a thousand where it is near or above `target`.
    pub(super) fn expected_excess(&self, n: f64, target: f64) -> f64 {
        let tilt = self.saddle_point(n).max(1.0 / (n * self.variance()).sqrt());
        let tilted = self.tilted(tilt);
        let spread = (n * tilted.variance()).sqrt();
        let blur = spread.min(1.0 / tilt) / FINE;
        let mass = (n * self.log_moment(tilt) + 0.5 * (tilt * blur).powi(2)).exp();
        // f is at most 1/(eλ), at x = 1/λ.
        let peak = 1.0 / (E * tilt);
        if mass * peak <= target * 1e-3 || spread <= 0.0 {
            return mass * peak + f64::MIN_POSITIVE;
        }
        let sum = Tilted { loss: tilted, n, blur, tilt };
        let window = sum.window(1e-6 * (target / mass).min(peak) / peak);
        mass * (sum.series(&window) + peak * (window.above + ROUNDING))
    }

    fn mean(&self) -> f64 {
        self.atoms.iter().map(|(value, weight)| value * weight).sum()
    }

    fn variance(&self) -> f64 {
        let second: f64 = self.atoms.iter().map(|(value, weight)| value * value * weight).sum();
        (second - self.mean().powi(2)).max(0.0)
    }

    /// ln E[e^(λL)].
    fn log_moment(&self, tilt: f64) -> f64 {
        self.atoms.iter().map(|(value, weight)| weight * (tilt * value).exp_m1()).sum::<f64>().ln_1p()
    }

    /// The law with density proportional to e^(λx).
    fn tilted(&self, tilt: f64) -> Self {
        let scale = self.log_moment(tilt);
        Self { atoms: self.atoms.map(|(value, weight)| (value, weight * (tilt * value - scale).exp())) }
    }

    /// About the λ at which the tilted mean is zero: the mean rises with λ from below zero. Any λ gives a valid bound.
    fn saddle_point(&self, n: f64) -> f64 {
        let below = |tilt: f64| self.tilted(tilt).mean() < 0.0;
        let mut high = 1.0 / (n * self.variance()).sqrt();
        for _ in 0..100 {
            if !below(high) {
                break;
            }
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..30 {
            let middle = (low + high) / 2.0;
            if below(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    /// ln|φ(θ)| and arg φ(θ), accurate near θ = 0 where φ is near 1.
    fn characteristic(&self, theta: f64) -> (f64, f64) {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (value, weight) in self.atoms {
            let (sine, cosine) = (theta * value / 2.0).sin_cos();
            real -= weight * 2.0 * sine * sine;
            imaginary += weight * 2.0 * sine * cosine;
        }
        (0.5 * (2.0 * real + real * real + imaginary * imaginary).ln_1p(), imaginary.atan2(1.0 + real))
    }
}

/// X under E_λ: n independent tilted losses and a Gaussian of mean λτ² and standard deviation τ.
struct Tilted {
    loss: Loss,
    n: f64,
    blur: f64,
    tilt: f64,
}

/// The period of the series.
struct Window {
    low: f64,
    high: f64,
    /// A bound of the probability above it.
    above: f64,
}

impl Tilted {
    fn mean(&self) -> f64 {
        self.n * self.loss.mean() + self.tilt * self.blur * self.blur
    }

    fn deviation(&self) -> f64 {
        (self.n * self.loss.variance() + self.blur * self.blur).sqrt()
    }

    /// A window outside of which little probability lies. S is bounded, so a few steps suffice.
    fn window(&self, negligible: f64) -> Window {
        let (mean, step) = (self.mean(), self.deviation() / 2.0);
        let mut high = (mean + 8.0 * step).max(step);
        let mut above = self.chernoff(high);
        for _ in 0..400 {
            if above <= negligible {
                break;
            }
            high += step;
            above = self.chernoff(high);
        }
        let mut low = (mean - 8.0 * step).min(0.0);
        for _ in 0..400 {
            if self.chernoff(low) <= negligible {
                break;
            }
            low -= step;
        }
        Window { low, high, above }
    }

    /// A bound of the probability beyond a point on its side of the mean: the least E[e^(μ(X − bound))] over μ of the right
    /// sign. The exponent is convex in μ, and any μ gives a valid bound.
    fn chernoff(&self, bound: f64) -> f64 {
        let exponent = |mu: f64| {
            let gaussian = mu * self.tilt * self.blur * self.blur + 0.5 * (mu * self.blur).powi(2);
            self.n * self.loss.log_moment(mu) + gaussian - mu * bound
        };
        let reach = 8.0 * (bound - self.mean()) / self.deviation().powi(2);
        let (mut near, mut far) = (0.0, reach);
        for _ in 0..30 {
            let (left, right) = (near + (far - near) * 0.4, near + (far - near) * 0.6);
            if exponent(left) <= exponent(right) {
                far = right;
            } else {
                near = left;
            }
        }
        exponent((near + far) / 2.0).exp().min(1.0)
    }

    /// E_λ[f(X)] ≤ c₀ + 2·Re Σ_{1 ≤ j ≤ J} c_j·φ(θ_j) + rest, θ_j = 2πj/R.
    fn series(&self, window: &Window) -> f64 {
        let period = window.high - window.low;
        let last = (CUT * period / (TAU * self.blur)).ceil();
        let mut sum = self.coefficient(0.0, window.high).0;
        for j in 1..=last as u64 {
            let theta = TAU * j as f64 / period;
            let (log_modulus, argument) = self.loss.characteristic(theta);
            let modulus = (self.n * log_modulus - 0.5 * (theta * self.blur).powi(2)).exp();
            if modulus > 1e-18 {
                let (sine, cosine) = (self.n * argument + theta * self.tilt * self.blur * self.blur).sin_cos();
                let (real, imaginary) = self.coefficient(theta, window.high);
                sum += 2.0 * modulus * (real * cosine - imaginary * sine);
            }
        }
        // |c_j| ≤ c₀, and Mills' ratio bounds the sum of the Gaussian factors beyond the cut; terms skipped are below 1e-18.
        let rest = (-0.5 * CUT * CUT).exp() * period / (TAU * self.blur * CUT) + 1e-18 * last;
        let bound = self.coefficient(0.0, window.high).0;
        (sum + 2.0 * bound * rest) / period
    }

    /// R·c_j = ∫₀ᵇ s·e^(−ws) ds = (1 − (1 + wb)·e^(−wb))/w² for w = λ + iθ: real and imaginary part.
    fn coefficient(&self, theta: f64, high: f64) -> (f64, f64) {
        let (sine, cosine) = (theta * high).sin_cos();
        let decay = (-self.tilt * high).exp();
        let (a, b) = (1.0 + self.tilt * high, theta * high);
        // (a + ib)(cos − i·sin) = (a·cos + b·sin) + i(b·cos − a·sin).
        let (real, imaginary) = (1.0 - decay * (a * cosine + b * sine), -decay * (b * cosine - a * sine));
        // Divided by w² = (λ² − θ²) + 2iλθ, whose modulus is λ² + θ².
        let (x, y) = (self.tilt * self.tilt - theta * theta, 2.0 * self.tilt * theta);
        let square = (self.tilt * self.tilt + theta * theta).powi(2);
        ((real * x + imaginary * y) / square, (imaginary * x - real * y) / square)
    }
}
