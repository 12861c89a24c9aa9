//! Whether a tally can come from the mechanism at all, whatever the true values are.
//!
//! Honest reports follow the mechanism's law, and that law leaves marks on a tally that hold for **all** true values: nobody's
//! cell is supported less often than by chance alone, none more often than if everybody had it. Who lies to gain more than one
//! honest report each breaks them, if there is enough of it. Specification: spec/statistics/poisoning.md.

use crate::{CellIndex, Error, Mechanism, Tally};

/// How well a tally fits its mechanism.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// An upper bound of the probability that honest reports, of whatever values, look so odd: at most a share α of
    /// honest tallies has a value of α or less. 1 where nothing is odd.
    pub p_value: f64,
    /// What is the oddest.
    pub oddity: Oddity,
}

/// What honest reports would hardly do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// A cell is supported less often than a cell that nobody has.
    CellTooLow(CellIndex),
    /// A cell is supported more often than if all had it.
    CellTooHigh(CellIndex),
    /// One and the same report came more often than if all had the value that it is the likeliest for.
    ReportTooFrequent(u64),
    /// Many cells are a little lower than cells that nobody has.
    ManyCellsTooLow,
}

impl Mechanism {
    /// How well a tally fits this mechanism, if its reports are independent and of any true values at all.
    ///
    /// Three tests share the p-value equally. A cell's support count is Bin(N, p) + Bin(n − N, q), N being how many have it: at
    /// least Bin(n, q) and at most Bin(n, p) in the order of chances. One report has a probability of at most p/r (of r that
    /// support a cell). And the support counts of a subset selection are negatively associated, so that their shortfalls may be
    /// added up as if they were independent.
    ///
    /// # Errors
    /// [`Error::TallyShape`] and [`Error::TallyInconsistent`], as [`Mechanism::estimate`].
    pub fn fit(&self, tally: &Tally) -> Result<Fit, Error> {
        let supports = self.supports_of(tally)?;
        let n = tally.reports();
        let mut suspects = vec![low_cell(self, n, &supports), high_cell(self, n, &supports)];
        suspects.push(match self {
            Self::Projective(projective) => {
                frequent_report(n, tally.counters(), self.p() / projective.supporting() as f64)
            }
            _ => low_cells(self, n, &supports),
        });
        let tests = suspects.len() as f64;
        let oddest = suspects.into_iter().min_by(|a, b| a.p_value.total_cmp(&b.p_value));
        // Unwrap safety: there are three.
        let oddest = oddest.unwrap_or(Fit { p_value: 1.0, oddity: Oddity::ManyCellsTooLow });
        Ok(Fit { p_value: (oddest.p_value * tests).min(1.0), ..oddest })
    }
}

/// The lowest of k cells, by Bonferroni.
fn low_cell(mechanism: &Mechanism, n: u64, supports: &[u64]) -> Fit {
    let (cell, &count) = min_by_count(supports);
    let p_value = supports.len() as f64 * upper_tail(deficit(n, count, mechanism.q()));
    Fit { p_value, oddity: Oddity::CellTooLow(cell_of(mechanism, cell)) }
}

/// The highest of k cells, by Bonferroni.
fn high_cell(mechanism: &Mechanism, n: u64, supports: &[u64]) -> Fit {
    let (cell, &count) = max_by_count(supports);
    let p_value = supports.len() as f64 * upper_tail(excess(n, count, mechanism.p()));
    Fit { p_value, oddity: Oddity::CellTooHigh(cell_of(mechanism, cell)) }
}

/// The most frequent of K reports, by Bonferroni.
fn frequent_report(n: u64, counters: &[u64], likeliest: f64) -> Fit {
    let (report, &count) = max_by_count(counters);
    let p_value = counters.len() as f64 * upper_tail(excess(n, count, likeliest));
    Fit { p_value, oddity: Oddity::ReportTooFrequent(report as u64) }
}

/// The shortfalls of all cells together: Σ z², of which each is below the square of a half-normal variable, bounded as
/// if they were independent (Chernoff).
fn low_cells(mechanism: &Mechanism, n: u64, supports: &[u64]) -> Fit {
    let total: f64 = supports.iter().map(|&count| deficit(n, count, mechanism.q()).powi(2)).sum();
    Fit { p_value: half_chi_square_tail(total, supports.len() as f64), oddity: Oddity::ManyCellsTooLow }
}

/// How many standard deviations, or fewer, `count` successes lie below the expectation of Bin(n, q): P\[deficit ≥ z\] ≤
/// P\[N(0,1) ≥ z\], for all n and q.
///
/// Zubkov and Serov, "A complete proof of universal inequalities for the distribution function of the binomial law", Theory
/// Probab. Appl. 57(3), 2013: P\[X ≤ c\] ≤ Φ(−√(2n·D((c+1)/n ‖ q))) where (c+1)/n < q.
fn deficit(n: u64, count: u64, q: f64) -> f64 {
    let (n, next) = (n as f64, count as f64 + 1.0);
    if next >= n * q {
        return 0.0;
    }
    let share = next / n;
    let divergence = share * (share / q).ln() + (1.0 - share) * ((1.0 - share) / (1.0 - q)).ln();
    (2.0 * n * divergence.max(0.0)).sqrt()
}

/// The same above the expectation of Bin(n, p): failures that are too few.
fn excess(n: u64, count: u64, p: f64) -> f64 {
    deficit(n, n.saturating_sub(count), 1.0 - p)
}

/// P\[N(0,1) ≥ z\]; 1 where there is nothing to see.
fn upper_tail(z: f64) -> f64 {
    if z > 0.0 { libm::erfc(z / core::f64::consts::SQRT_2) / 2.0 } else { 1.0 }
}

/// A bound of P\[Σ max(0, Zᵢ)² ≥ total\] over `cells` independent normal Zᵢ: the least of e^(−s·total)·(½ + ½(1 −
/// 2s)^(−½))^cells.
fn half_chi_square_tail(total: f64, cells: f64) -> f64 {
    let log_bound = |s: f64| cells * (0.5 + 0.5 / (1.0 - 2.0 * s).sqrt()).ln() - s * total;
    // Convex in s: a ternary search.
    let (mut low, mut high) = (0.0_f64, 0.499_999);
    for _ in 0..80 {
        let third = (high - low) / 3.0;
        match log_bound(low + third) < log_bound(high - third) {
            true => high -= third,
            false => low += third,
        }
    }
    log_bound(low).min(0.0).exp()
}

fn cell_of(mechanism: &Mechanism, place: usize) -> CellIndex {
    let domain = mechanism.domain();
    let last = domain.get() - 1;
    // Unwrap safety: a place in the supports is a cell.
    domain.cell((place as u32).min(last)).expect("a place among the supports is a cell of the domain")
}

fn max_by_count(counts: &[u64]) -> (usize, &u64) {
    counts.iter().enumerate().max_by_key(|(_, count)| **count).unwrap_or((0, &0))
}

fn min_by_count(counts: &[u64]) -> (usize, &u64) {
    counts.iter().enumerate().min_by_key(|(_, count)| **count).unwrap_or((0, &0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P\[Bin(n, q) ≤ c\], summed term by term.
    fn binomial_tail(n: u64, q: f64, c: u64) -> f64 {
        let mut term = (1.0 - q).powi(n as i32);
        let mut sum = term;
        for k in 1..=c {
            term *= (n - k + 1) as f64 / k as f64 * q / (1.0 - q);
            sum += term;
        }
        sum
    }

    #[test]
    fn the_tail_of_a_count_is_never_below_the_exact_one_and_close_to_it() {
        for (n, q) in [(10, 0.5), (40, 0.1), (200, 0.03), (200, 0.6), (1_000, 0.25)] {
            for c in 0..n {
                if (c + 1) as f64 >= n as f64 * q {
                    break;
                }
                let (bound, exact) = (upper_tail(deficit(n, c, q)), binomial_tail(n, q, c));
                assert!(bound >= exact * (1.0 - 1e-9), "{n} {q} {c}: {bound} {exact}");
                assert!(exact < 1e-12 || bound < 6.0 * exact, "{n} {q} {c}: {bound} {exact}");
                let mirrored = upper_tail(excess(n, n - c, 1.0 - q));
                assert!((mirrored / bound - 1.0).abs() < 1e-6, "{mirrored} {bound}");
            }
        }
    }

    #[test]
    fn the_bound_on_many_cells_is_above_the_exact_mixture_of_chi_squares() {
        // Two cells: P[T ≥ t] = ½·P[χ²₁ ≥ t] + ¼·e^(−t/2).
        for t in [1.0_f64, 4.0, 12.0, 30.0] {
            let exact = 0.5 * libm::erfc((t / 2.0).sqrt()) + 0.25 * (-t / 2.0).exp();
            let bound = half_chi_square_tail(t, 2.0);
            assert!(bound >= exact && bound < 60.0 * exact, "{t}: {bound} {exact}");
        }
        assert_eq!(half_chi_square_tail(8.0, 16.0), 1.0, "the expectation is no oddity");
        assert_eq!(half_chi_square_tail(0.0, 16.0), 1.0);
    }
}
