//! The points of the projective space PG(t−1, q), numbered twice: as reports and as cells.
//!
//! A point is a non-zero vector up to a factor. A **report** is written with its first non-zero coordinate equal to 1,
//! and numbered with u₀ = 1 first: the index is the number u₁u₂…u₍ₜ₋₁₎ in base q; the points with u₀ = 0 follow in the
//! same order among themselves. A **cell** is written with the first non-zero of v₁, …, v₍ₜ₋₁₎ equal to 1, and numbered
//! by v₁ = 1 first, with digits v₂…v₍ₜ₋₁₎v₀; then v₁ = 0, v₂ = 1, with digits v₃…v₍ₜ₋₁₎v₀; and so on; the point
//! (1, 0, …, 0) comes last. The second order puts cells that share v₂ next to each other, so that the first k cells
//! need only a few values of v₂: decoding them costs (t−2)·q·k instead of t·q·K additions (see `radon`).

use crate::field::Field;

/// The most coordinates of a point: 2²² points over the field of 2 elements.
pub(crate) const MAX_DIMENSION: usize = 23;

/// The most points a geometry may have: 32 MiB of counters.
pub(crate) const MAX_POINTS: u64 = 1 << 22;

/// A vector of `t` coordinates; the rest is zero.
pub(crate) type Vector = [u32; MAX_DIMENSION];

/// PG(t−1, q), t ≥ 1.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    field: Field,
    /// qⁱ for i = 0 ..= t.
    powers: Vec<u64>,
}

impl Geometry {
    /// The geometry of least dimension t ≥ 2 with at least `cells` points, or `None` if it has too many points or the
    /// order is not a prime power.
    pub(crate) fn covering(cells: u32, order: u32) -> Option<Self> {
        let mut powers = vec![1, u64::from(order)];
        let mut points = 1;
        while points < u64::from(cells) || powers.len() < 3 {
            points += powers[powers.len() - 1];
            powers.push(powers[powers.len() - 1] * u64::from(order));
            if points > MAX_POINTS {
                return None;
            }
        }
        // The number of points bounds the order, and so the tables.
        Some(Self { field: Field::new(order)?, powers })
    }

    /// PG(t−2, q): the points at infinity, u₀ = 0.
    pub(crate) fn infinity(&self) -> Self {
        Self { field: self.field.clone(), powers: self.powers[..self.powers.len() - 1].to_vec() }
    }

    pub(crate) fn field(&self) -> &Field {
        &self.field
    }

    /// t, the number of coordinates.
    pub(crate) fn dimension(&self) -> usize {
        self.powers.len() - 1
    }

    /// qⁱ.
    pub(crate) fn power(&self, exponent: usize) -> u64 {
        self.powers[exponent]
    }

    /// K = (qᵗ − 1)/(q − 1).
    pub(crate) fn points(&self) -> u64 {
        self.subspace(self.dimension())
    }

    /// Points of a subspace of `dimension` coordinates: (q^dimension − 1)/(q − 1).
    pub(crate) fn subspace(&self, dimension: usize) -> u64 {
        self.powers[..dimension].iter().sum()
    }

    /// The vector of a report index below `subspace(dimension)`, in `dimension` coordinates from `place` on: coordinates
    /// go where `place` says.
    #[inline]
    fn spread(&self, mut index: u64, dimension: usize, place: impl Fn(usize) -> usize) -> Vector {
        let mut vector = [0; MAX_DIMENSION];
        let mut first = 0;
        while index >= self.powers[dimension - 1 - first] {
            index -= self.powers[dimension - 1 - first];
            first += 1;
        }
        vector[place(first)] = 1;
        self.digits(index, first + 1..dimension, place, &mut vector);
        vector
    }

    /// Writes `number` in base q into the coordinates, most significant first.
    #[inline]
    fn digits(
        &self,
        number: u64,
        coordinates: core::ops::Range<usize>,
        place: impl Fn(usize) -> usize,
        into: &mut Vector,
    ) {
        let mut rest = number;
        for coordinate in coordinates.rev() {
            (rest, into[place(coordinate)]) = self.field.divide(rest);
        }
    }

    /// The canonical vector of a report.
    pub(crate) fn report(&self, index: u64) -> Vector {
        self.spread(index, self.dimension(), |coordinate| coordinate)
    }

    /// The report of any non-zero vector.
    #[inline]
    pub(crate) fn report_index(&self, vector: &Vector) -> u64 {
        let t = self.dimension();
        let first = vector[..t].iter().position(|&c| c != 0).unwrap_or(t - 1);
        let offset: u64 = self.powers[t - first..t].iter().sum();
        offset + self.number(vector, first + 1..t, vector[first])
    }

    /// The coordinates divided by `pivot`, read as a number in base q.
    #[inline]
    fn number(&self, vector: &Vector, coordinates: core::ops::Range<usize>, pivot: u32) -> u64 {
        let order = u64::from(self.field.order());
        let scale = self.field.invert(pivot.max(1));
        vector[coordinates].iter().fold(0, |number, &c| number * order + u64::from(self.field.multiply(c, scale)))
    }

    /// The canonical vector of a cell, and the coordinate that is 1 in it.
    #[inline]
    pub(crate) fn cell(&self, mut index: u64) -> (Vector, usize) {
        let t = self.dimension();
        let mut vector = [0; MAX_DIMENSION];
        for pivot in 1..t {
            let chart = self.powers[t - pivot];
            if index < chart {
                vector[pivot] = 1;
                // Digits v₍pivot+1₎ … v₍ₜ₋₁₎ v₀: v₀ is the least significant.
                let place = |coordinate: usize| if coordinate == t { 0 } else { coordinate };
                self.digits(index, pivot + 1..t + 1, place, &mut vector);
                return (vector, pivot);
            }
            index -= chart;
        }
        vector[0] = 1;
        (vector, 0)
    }

    /// The cell of any non-zero vector.
    #[inline]
    pub(crate) fn cell_index(&self, vector: &Vector) -> u64 {
        let t = self.dimension();
        let Some(pivot) = (1..t).find(|&c| vector[c] != 0) else {
            return self.points() - 1;
        };
        let offset: u64 = self.powers[t - pivot + 1..t].iter().sum();
        let scale = self.field.invert(vector[pivot]);
        let last = u64::from(self.field.multiply(vector[0], scale));
        offset + self.number(vector, pivot + 1..t, vector[pivot]) * u64::from(self.field.order()) + last
    }

    /// The `number`-th report of the hyperplane ⟨u, v⟩ = 0 of a cell, `number` below (qᵗ⁻¹ − 1)/(q − 1).
    ///
    /// The coordinates other than the pivot run over the points of PG(t−2, q), and the pivot is solved for: a bijection.
    #[inline]
    pub(crate) fn supporting(&self, cell: u64, number: u64) -> u64 {
        let (v, pivot) = self.cell(cell);
        let mut u = self.spread(number, self.dimension() - 1, |c| c + usize::from(c >= pivot));
        u[pivot] = self.field.negate(self.product(&u, &v));
        self.report_index(&u)
    }

    /// The `number`-th report outside that hyperplane, `number` below qᵗ⁻¹.
    ///
    /// Every such point has exactly one representative with ⟨u, v⟩ = 1: the other coordinates are free.
    #[inline]
    pub(crate) fn opposing(&self, cell: u64, number: u64) -> u64 {
        let (v, pivot) = self.cell(cell);
        let mut u = [0; MAX_DIMENSION];
        self.digits(number, 0..self.dimension() - 1, |c| c + usize::from(c >= pivot), &mut u);
        u[pivot] = self.field.subtract(1, self.product(&u, &v));
        self.report_index(&u)
    }

    /// ⟨u, v⟩.
    #[inline]
    pub(crate) fn product(&self, u: &Vector, v: &Vector) -> u32 {
        let pairs = u[..self.dimension()].iter().zip(v);
        pairs.fold(0, |sum, (&a, &b)| self.field.add(sum, self.field.multiply(a, b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prime and prime-power orders, lines, planes and spaces.
    fn small() -> Vec<Geometry> {
        [
            (3, 2),
            (7, 2),
            (15, 2),
            (31, 2),
            (4, 3),
            (13, 3),
            (40, 3),
            (21, 4),
            (85, 4),
            (31, 5),
            (73, 8),
            (91, 9),
            (17, 16),
        ]
        .into_iter()
        .map(|(cells, order)| Geometry::covering(cells, order).unwrap())
        .collect()
    }

    #[test]
    fn both_numberings_are_bijections_and_ignore_the_factor() {
        for geometry in small() {
            for index in 0..geometry.points() {
                let (report, (cell, pivot)) = (geometry.report(index), geometry.cell(index));
                assert_eq!(cell[pivot], 1);
                for factor in 1..geometry.field().order() {
                    let scale = |v: &Vector| v.map(|c| geometry.field().multiply(c, factor));
                    assert_eq!(geometry.report_index(&scale(&report)), index);
                    assert_eq!(geometry.cell_index(&scale(&cell)), index);
                }
            }
        }
    }

    #[test]
    fn supporting_and_opposing_reports_partition_the_points_without_repetition() {
        for geometry in small() {
            let t = geometry.dimension();
            for cell in 0..geometry.points() {
                let (v, _) = geometry.cell(cell);
                let mut seen = vec![0u8; geometry.points() as usize];
                for number in 0..geometry.subspace(t - 1) {
                    let report = geometry.supporting(cell, number);
                    assert_eq!(geometry.product(&geometry.report(report), &v), 0);
                    seen[report as usize] += 1;
                }
                for number in 0..geometry.power(t - 1) {
                    let report = geometry.opposing(cell, number);
                    assert_ne!(geometry.product(&geometry.report(report), &v), 0);
                    seen[report as usize] += 1;
                }
                assert!(seen.iter().all(|&times| times == 1), "order {}", geometry.field().order());
            }
        }
    }
}
