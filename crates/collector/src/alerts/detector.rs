//! When more came than the time before explains: pure arithmetic on the reports of one step after another (spec/alerts.md).
//!
//! A label's forecast is its share of what came before, times what came now: the rhythm of the day cancels. What came
//! beyond it is held against σ, in which the noise of privacy is one part, and against a bound that holds for few
//! reports too.

use std::collections::VecDeque;

use tacita_dp::Estimate;

/// Steps that are looked at together: 5 minutes, 15, an hour.
const HORIZONS: [usize; 3] = [1, 3, 12];
/// Steps that are not yet part of the forecast: an hour.
const RECENT: usize = 12;
/// Steps for which a label that surged is quiet.
pub(super) const QUIET_STEPS: usize = RECENT;
/// What a step weighs in the forecast against the step after it: half after 12 hours.
const DECAY: f64 = 0.995_2;
/// Steps of 5 minutes in 30 days.
const STEPS: f64 = 8_640.0;
/// False alarms of one measure in 30 days, at most.
const FALSE_ALARMS: f64 = 0.1;
/// The most that reports are taken to come in clumps: their variance over that of chance.
const MAX_CLUMPING: f64 = 10.0;

/// The reports of one step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) reports: u64,
    /// Of each label.
    pub(super) estimates: Vec<Estimate>,
}

/// A label of which more came than expected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Surge {
    pub(super) label: usize,
    /// How many steps it is of.
    pub(super) steps: usize,
    pub(super) observed: Estimate,
    pub(super) reports: u64,
    pub(super) expected: f64,
    pub(super) sigma: f64,
    pub(super) score: f64,
    pub(super) threshold: f64,
}

/// Follows the labels of one measure.
#[derive(Debug)]
pub(super) struct Detector {
    /// What one report can add to a label: 1 ÷ (p − q).
    jump: f64,
    /// ln(1 ÷ the chance that one test raises a false alarm).
    caution: f64,
    recent: VecDeque<Step>,
    past: Past,
    /// Steps for which each label is quiet still.
    quiet: Vec<usize>,
}

/// What came before, fading.
#[derive(Debug)]
struct Past {
    counts: Vec<f64>,
    reports: f64,
    /// With squared weights, for the variance.
    reports_squared: f64,
    /// Σ (came − expected)² − noise, and Σ n·f(1 − f): how much reports come in clumps.
    clumped: Vec<f64>,
    by_chance: Vec<f64>,
}

impl Detector {
    /// A detector of so many labels, that knows what came before.
    pub(super) fn new(jump: f64, before: &Step) -> Self {
        let labels = before.estimates.len();
        let tests = STEPS * HORIZONS.len() as f64 * labels.max(1) as f64;
        let mut past = Past {
            counts: vec![0.0; labels],
            reports: 0.0,
            reports_squared: 0.0,
            clumped: vec![0.0; labels],
            by_chance: vec![0.0; labels],
        };
        past.add(before);
        Self { jump, caution: (tests / FALSE_ALARMS).ln(), recent: VecDeque::new(), past, quiet: vec![0; labels] }
    }

    /// The labels that surge with this step.
    pub(super) fn observe(&mut self, step: Step) -> Vec<Surge> {
        if self.recent.len() == RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.past.learn(&oldest);
        }
        self.recent.push_back(step);
        let mut surges = Vec::new();
        for label in 0..self.quiet.len() {
            if self.quiet[label] > 0 {
                self.quiet[label] -= 1;
                continue;
            }
            let test = |&steps: &usize| self.test(label, steps);
            if let Some(surge) = HORIZONS.iter().find_map(test) {
                self.quiet[label] = QUIET_STEPS;
                surges.push(surge);
            }
        }
        surges
    }

    /// Holds the last steps of a label against the forecast.
    fn test(&self, label: usize, steps: usize) -> Option<Surge> {
        if self.recent.len() < steps {
            return None;
        }
        let last = self.recent.iter().rev().take(steps);
        let observed: Estimate = last.clone().map(|step| step.estimates[label]).sum();
        let reports: u64 = last.map(|step| step.reports).sum();
        let n = reports as f64;
        // A forecast from less than what it is held against is none.
        if reports == 0 || self.past.reports < n {
            return None;
        }
        let share = self.past.share(label);
        let expected = n * share;
        let chance = share * (1.0 - share);
        let noise = observed.variance.max(0.0);
        let of_forecast = n * n * (noise / n + chance) * self.past.reports_squared / self.past.reports.powi(2);
        let variance = noise + self.past.clumping(label) * n * chance + of_forecast;
        let (excess, sigma) = (observed.count - expected, variance.sqrt());
        let threshold = self.threshold(variance);
        (excess >= threshold).then(|| Surge {
            label,
            steps,
            observed,
            reports,
            expected,
            sigma,
            score: excess / sigma,
            threshold: threshold / sigma,
        })
    }

    /// Bernstein's inequality: a sum of independent parts, none above its mean by more than `jump`, of this variance passes
    /// t with a chance of at most exp(−t² ÷ 2(variance + jump·t ÷ 3)). The t at which that is the chance we allow.
    fn threshold(&self, variance: f64) -> f64 {
        let linear = self.caution * self.jump / 3.0;
        linear + (linear * linear + 2.0 * self.caution * variance).sqrt()
    }
}

impl Past {
    fn share(&self, label: usize) -> f64 {
        if self.reports > 0.0 { (self.counts[label] / self.reports).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn clumping(&self, label: usize) -> f64 {
        let by_chance = self.by_chance[label];
        if by_chance > 0.0 { (self.clumped[label] / by_chance).clamp(1.0, MAX_CLUMPING) } else { 1.0 }
    }

    /// Takes in how far off the forecast was, then the step itself.
    fn learn(&mut self, step: &Step) {
        let n = step.reports as f64;
        for (label, estimate) in step.estimates.iter().enumerate() {
            let share = self.share(label);
            let off = estimate.count - n * share;
            self.clumped[label] = DECAY * self.clumped[label] + off * off - estimate.variance;
            self.by_chance[label] = DECAY * self.by_chance[label] + n * share * (1.0 - share);
        }
        self.add(step);
    }

    fn add(&mut self, step: &Step) {
        let n = step.reports as f64;
        for (sum, estimate) in self.counts.iter_mut().zip(&step.estimates) {
            *sum = DECAY * *sum + estimate.count;
        }
        self.reports = DECAY * self.reports + n;
        self.reports_squared = DECAY * DECAY * self.reports_squared + n;
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use tacita_dp::{DomainSize, Mechanism, Tally};

    use super::*;

    /// A stream of randomized reports with given true shares.
    struct Stream {
        mechanism: Mechanism,
        rng: ChaCha20Rng,
    }

    impl Stream {
        fn new(cells: u32, epsilon: &str, seed: u64) -> Self {
            let mechanism = Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon.parse().unwrap()).unwrap();
            Self { mechanism, rng: ChaCha20Rng::seed_from_u64(seed) }
        }

        /// `reports` reports, of which label `surging` (a cell from 1) has the share `share` and the others are even.
        fn step(&mut self, reports: u64, surging: u32, share: f64) -> Step {
            let size = self.mechanism.domain().get();
            let mut drawn = Vec::with_capacity(reports as usize);
            for _ in 0..reports {
                let cell = match self.rng.random::<f64>() < share {
                    true => surging,
                    false => 1 + self.rng.random_range(0..size - 1),
                };
                drawn.push(self.mechanism.randomize(self.mechanism.domain().cell(cell).unwrap(), &mut self.rng));
            }
            let mut tally = Tally::new(&self.mechanism);
            tally.absorb(&self.mechanism, &drawn).unwrap();
            let histogram = self.mechanism.estimate(&tally).unwrap();
            Step { reports, estimates: histogram.cells()[1..].to_vec() }
        }

        fn jump(&self) -> f64 {
            1.0 / (self.mechanism.p() - self.mechanism.q())
        }
    }

    /// 1,000 series of noise: 40 measures of 25 labels, two days each. At 0.1 false alarms for a measure in 30 days, 0.27
    /// are allowed in all: the bound is far from being reached.
    #[test]
    fn a_thousand_series_of_noise_raise_no_more_than_the_stated_false_alarms() {
        let mut alarms = 0;
        for measure in 0..40 {
            let mut stream = Stream::new(26, ["1", "2", "4"][measure % 3], measure as u64);
            let traffic = [5, 40, 300][measure / 3 % 3];
            let before = stream.step(20 * traffic, 1, 0.05);
            let mut detector = Detector::new(stream.jump(), &before);
            for step in 0..576 {
                // The day's rhythm: from a third of the traffic to all of it.
                let rhythm = 1.0 + 0.5 * (f64::from(step) / 288.0 * std::f64::consts::TAU).sin();
                let reports = (traffic as f64 * rhythm / 1.5).round() as u64;
                alarms += detector.observe(stream.step(reports, 1, 0.05)).len();
            }
        }
        println!("{alarms} false alarms in 1,000 series of two days");
        assert!(alarms <= 2, "{alarms}: 0.27 are expected at most");
    }

    /// How many steps after its begin a surge is found, if it is within a day.
    fn delay(reports: u64, from: f64, to: f64, epsilon: &str, seed: u64) -> Option<usize> {
        let mut stream = Stream::new(26, epsilon, seed);
        let before = stream.step(288 * reports, 3, from);
        let mut detector = Detector::new(stream.jump(), &before);
        for _ in 0..24 {
            assert_eq!(detector.observe(stream.step(reports, 3, from)), [], "nothing surges yet");
        }
        (1..=288).find(|_| detector.observe(stream.step(reports, 3, to)).iter().any(|surge| surge.label == 2))
    }

    #[test]
    fn a_planted_surge_is_found_within_minutes_and_a_small_one_within_the_hour() {
        for (reports, from, to, epsilon, at_most) in [
            (500, 0.05, 0.25, "3", 3),
            (500, 0.02, 0.10, "3", 12),
            (200, 0.05, 0.25, "2", 12),
            (2_000, 0.01, 0.06, "2", 12),
        ] {
            let mut delays: Vec<usize> = (0..20)
                .map(|seed| {
                    delay(reports, from, to, epsilon, seed).unwrap_or_else(|| panic!("{from} to {to}: not found"))
                })
                .collect();
            delays.sort_unstable();
            let median = delays[delays.len() / 2];
            println!(
                "{reports} reports in 5 minutes, ε {epsilon}: {from} to {to} found after {median} steps, at most {}",
                delays[19]
            );
            assert!(median <= at_most, "{reports} {from} {to}: {delays:?}");
        }
    }

    #[test]
    fn a_label_that_surged_is_quiet_for_an_hour_and_a_lasting_surge_becomes_the_forecast() {
        let mut stream = Stream::new(26, "3", 5);
        let before = stream.step(100_000, 3, 0.05);
        let mut detector = Detector::new(stream.jump(), &before);
        let mut found = Vec::new();
        for step in 0..40 {
            found.extend(detector.observe(stream.step(1_000, 3, 0.3)).iter().map(|_| step));
        }
        assert_eq!(found[0], 0);
        assert!(found.windows(2).all(|pair| pair[1] - pair[0] > QUIET_STEPS), "{found:?}");
    }

    #[test]
    fn nothing_before_and_nothing_now_are_no_surge() {
        let mut stream = Stream::new(26, "3", 6);
        let nothing = Step { reports: 0, estimates: vec![Estimate::default(); 25] };
        let mut detector = Detector::new(stream.jump(), &nothing);
        assert_eq!(detector.observe(nothing.clone()), []);
        assert_eq!(detector.observe(stream.step(1_000, 3, 0.9)), [], "there is no forecast yet");
    }
}
