//! Norm-Sub: the nearest non-negative counts with a given sum. For display only.

/// The Euclidean projection of `counts` onto {x ≥ 0, Σx = total}: subtract a constant, clip at zero.
///
/// Wang et al., "Locally differentially private frequency estimation with consistency", NDSS 2020, §IV; the projection
/// itself: Duchi et al., ICML 2008, fig. 1.
pub(crate) fn norm_sub(counts: &[f64], total: f64) -> Vec<f64> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut excess) = (0.0, 0.0);
    for (rank, &count) in sorted.iter().enumerate() {
        sum += count;
        let candidate = (sum - total) / (rank + 1) as f64;
        if count <= candidate {
            break;
        }
        excess = candidate;
    }
    counts.iter().map(|count| (count - excess).max(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn displayed_counts_are_non_negative_sum_to_the_total_and_keep_the_order(
            counts in prop::collection::vec(-1e4f64..1e5, 1..200), total in 1.0f64..1e6
        ) {
            let shown = norm_sub(&counts, total);
            prop_assert!(shown.iter().all(|&count| count >= 0.0));
            prop_assert!((shown.iter().sum::<f64>() / total - 1.0).abs() < 1e-9);
            for (i, j) in (0..counts.len()).zip(1..counts.len()) {
                prop_assert!(counts[i] > counts[j] || shown[i] <= shown[j]);
            }
        }
    }

    #[test]
    fn counts_that_are_already_consistent_are_shown_unchanged() {
        assert_eq!(norm_sub(&[3.0, 0.5, 6.5], 10.0), [3.0, 0.5, 6.5]);
        assert_eq!(norm_sub(&[6.0, -2.0, 6.0], 10.0), [5.0, 0.0, 5.0]);
    }
}
