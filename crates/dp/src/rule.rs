//! Which mechanism, of which shape, for a domain and an ε. Specification: spec/statistics/choice.md.
//!
//! Only additions, multiplications, divisions and comparisons of doubles, in the order written, from
//! [`Epsilon::exp`](crate::Epsilon): an implementation in any language with IEEE arithmetic comes to the same choice.

use crate::field::prime_power;
use crate::geometry::MAX_POINTS;
use crate::{DomainSize, Epsilon, Error, Mechanism, Projective, SubsetList, SubsetSelection};

/// A field whose variance exceeds the least one by no more than this share may be taken for its speed.
const TOLERANCE: f64 = 1.005;

pub(crate) fn choose(domain: DomainSize, epsilon: Epsilon) -> Result<Mechanism, Error> {
    let omega = best_omega(domain, epsilon);
    if domain.get() <= SubsetSelection::MAX_DOMAIN {
        return SubsetSelection::with_omega(domain, epsilon, omega).map(Mechanism::SubsetSelection);
    }
    let longest = 64 / domain.index_bits();
    let list = |omega| SubsetList::with_omega(domain, epsilon, omega).map(Mechanism::SubsetList);
    if omega <= longest {
        return list(omega);
    }
    let fields = Fields::of(domain, epsilon);
    match fields.best() {
        // Beyond the size limit a shorter list than the best may beat the fields that are left.
        Some(field) if !fields.truncated || field.variance <= subset_variance(domain, epsilon, longest) => {
            Projective::with_field(domain, epsilon, field.order).map(Mechanism::Projective)
        }
        _ => list(longest),
    }
}

/// The ω of least variance, the smaller of two equal ones.
///
/// (ωE + k − ω)²/(ω(k − ω)) falls up to ω = k/(E + 1) and rises after it: one of the two integers around is best.
fn best_omega(domain: DomainSize, epsilon: Epsilon) -> u32 {
    let below = (f64::from(domain.get()) / (epsilon.exp() + 1.0)).floor() as u32;
    let below = below.clamp(1, domain.get() - 1);
    let above = (below + 1).min(domain.get() - 1);
    if loss(domain, epsilon, above) < loss(domain, epsilon, below) { above } else { below }
}

/// Proportional to the total variance of subset selection (Ye and Barg 2018, eq. (17)).
fn loss(domain: DomainSize, epsilon: Epsilon, omega: u32) -> f64 {
    let (k, w) = (f64::from(domain.get()), f64::from(omega));
    let weight = w * epsilon.exp() + (k - w);
    weight * weight / (w * (k - w))
}

/// V(1/k) of subset selection.
fn subset_variance(domain: DomainSize, epsilon: Epsilon, omega: u32) -> f64 {
    let (k, w) = (f64::from(domain.get()), f64::from(omega));
    let weight = w * epsilon.exp() + (k - w);
    let p = w * epsilon.exp() / weight;
    pure_variance(p, (w - p) / (k - 1.0), 1.0 / k)
}

/// V(f) of a pure protocol.
fn pure_variance(p: f64, q: f64, share: f64) -> f64 {
    (share * p * (1.0 - p) + (1.0 - share) * q * (1.0 - q)) / ((p - q) * (p - q))
}

/// A field that could carry the projective mechanism.
#[derive(Clone, Copy)]
struct Candidate {
    order: u32,
    variance: f64,
    /// K·q·t.
    work: f64,
}

struct Fields {
    candidates: Vec<Candidate>,
    /// Whether a field was left out because its geometry exceeds 2²² points.
    truncated: bool,
}

impl Fields {
    /// All prime powers q from 2 to 2.5·(E + 1), with the least t ≥ 2 that covers the domain.
    fn of(domain: DomainSize, epsilon: Epsilon) -> Self {
        let limit = 2.5 * (epsilon.exp() + 1.0);
        let mut fields = Self { candidates: Vec::new(), truncated: false };
        // One point more than the domain in a line is plain randomized response: larger fields only add noise.
        for order in (2..=2 * domain.get()).take_while(|&order| f64::from(order) <= limit) {
            if prime_power(order).is_none() {
                continue;
            }
            match Candidate::new(domain, epsilon, order) {
                Some(candidate) => fields.candidates.push(candidate),
                None => fields.truncated = true,
            }
        }
        fields
    }

    /// Of the fields within half a per cent of the least variance, the one of least work.
    fn best(&self) -> Option<Candidate> {
        let least = self.candidates.iter().map(|field| field.variance).fold(f64::INFINITY, f64::min);
        let close = self.candidates.iter().filter(|field| field.variance <= TOLERANCE * least);
        close.min_by(|a, b| a.work.total_cmp(&b.work)).copied()
    }
}

impl Candidate {
    fn new(domain: DomainSize, epsilon: Epsilon, order: u32) -> Option<Self> {
        let q = f64::from(order);
        // points = 1 + q·r and r = 1 + q·λ.
        let (mut points, mut supporting, mut shared, mut dimension) = (q + 1.0, 1.0, 0.0, 2.0);
        while points < f64::from(domain.get()) {
            (points, supporting, shared) = (points * q + 1.0, points, supporting);
            dimension += 1.0;
        }
        if points > MAX_POINTS as f64 {
            return None;
        }
        let e = epsilon.exp();
        let weight = points + (e - 1.0) * supporting;
        let p = e * supporting / weight;
        let false_support = ((e - 1.0) * shared + supporting) / weight;
        let variance = pure_variance(p, false_support, 1.0 / f64::from(domain.get()));
        Some(Self { order, variance, work: points * q * dimension })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(cells: u32, epsilon: &str) -> Mechanism {
        Mechanism::choose(DomainSize::new(cells).unwrap(), epsilon.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_best_subset_size_is_the_best_of_all() {
        for cells in [2, 3, 5, 8, 16, 33, 64] {
            for epsilon in ["0.1", "0.5", "1", "1.5", "2", "3", "4", "6", "12", "20"] {
                let (domain, epsilon) = (DomainSize::new(cells).unwrap(), epsilon.parse().unwrap());
                let least = (1..cells).map(|omega| loss(domain, epsilon, omega)).fold(f64::INFINITY, f64::min);
                assert_eq!(loss(domain, epsilon, best_omega(domain, epsilon)), least);
            }
        }
    }

    #[test]
    fn the_rule_gives_the_shapes_of_the_brief() {
        for (cells, epsilon, omega) in
            [(8, "1", 2), (16, "0.5", 6), (16, "1", 4), (16, "2", 2), (16, "4", 1), (64, "1", 17), (64, "3", 3)]
        {
            let Mechanism::SubsetSelection(subset) = chosen(cells, epsilon) else { panic!("{cells}") };
            assert_eq!(subset.omega(), omega, "k = {cells}, eps = {epsilon}");
        }
        for (cells, epsilon, omega) in [(1024, "6", 3), (65, "3", 3), (100_000, "11", 2), (100_000, "20", 1)] {
            let Mechanism::SubsetList(subset) = chosen(cells, epsilon) else { panic!("{cells}") };
            assert_eq!(subset.omega(), omega);
        }
        let fields =
            [(1024, "1", 4, 6, 1365), (1024, "2", 8, 5, 4681), (1024, "3", 19, 4, 7240), (1024, "4", 47, 3, 2257)];
        for (cells, epsilon, order, dimension, points) in
            fields.into_iter().chain([(22_000, "2", 8, 6, 37_449), (22_000, "4", 49, 4, 120_100)])
        {
            let Mechanism::Projective(projective) = chosen(cells, epsilon) else { panic!("{cells}") };
            assert_eq!(
                (projective.field_order(), projective.dimension(), projective.points()),
                (order, dimension, points)
            );
        }
    }

    #[test]
    fn every_domain_and_epsilon_has_a_mechanism_within_64_bits() {
        for cells in [2, 3, 63, 64, 65, 66, 127, 128, 129, 1000, 4097, 22_000, 65_537, 100_000, 131_072] {
            for epsilon in ["0.000001", "0.01", "0.5", "1", "5", "7", "8", "9", "10.2", "15", "20"] {
                let mechanism = chosen(cells, epsilon);
                assert!(mechanism.report_bits() <= 64 && mechanism.tally_len() <= 1 << 22);
                assert!(mechanism.realised_epsilon() <= mechanism.epsilon().as_f64());
            }
        }
    }
}
