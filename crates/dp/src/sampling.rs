//! Exact sampling from a cryptographic generator. The order and number of words drawn are part of the wire
//! specification (spec/statistics/sampling.md): another implementation with the same generator gives the same report.

use rand_core::CryptoRng;

/// True with probability exactly `threshold / 2⁶⁴`. Draws one word.
pub(crate) fn bernoulli(threshold: u64, rng: &mut impl CryptoRng) -> bool {
    rng.next_u64() < threshold
}

/// Uniform in `0 .. bound`, exactly (`bound ≥ 1`): the high half of `word · bound`. Draws one word, and another whenever the
/// low half is below `2⁶⁴ mod bound`.
///
/// Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019, algorithm 5.
pub(crate) fn uniform_below(bound: u64, rng: &mut impl CryptoRng) -> u64 {
    let word = accepted_word(bound, rng);
    ((u128::from(word) * u128::from(bound)) >> 64) as u64
}

/// The largest product of bounds that one word serves: a word is then drawn again once in 2¹⁶ times at most.
const BATCH_LIMIT: u64 = 1 << 48;

/// Independent uniform numbers below `first`, `first + 1`, …, `last`, handed to `take` with the largest value each may have.
///
/// As many consecutive bounds share a word as have a product of at most 2⁴⁸: the high half of `word · bound` is the number,
/// the low half the word for the next bound; all are drawn again if the final low half is below `2⁶⁴ mod product`. That is
/// [`uniform_below`] of the product, written in mixed radix, hence exactly uniform.
///
/// Brackett-Rozinsky and Lemire, "Batched ranged random integer generation", Software: Practice and Experience, 2024.
fn uniforms_below(first: u64, last: u64, rng: &mut impl CryptoRng, mut take: impl FnMut(u32, u32)) {
    let mut bound = first;
    while bound <= last {
        let (mut end, mut product) = (bound + 1, bound);
        while end <= last && product * end <= BATCH_LIMIT {
            product *= end;
            end += 1;
        }
        let mut fraction = accepted_word(product, rng);
        for bound in bound..end {
            let scaled = u128::from(fraction) * u128::from(bound);
            fraction = scaled as u64;
            take((scaled >> 64) as u32, bound as u32 - 1);
        }
        bound = end;
    }
}

/// A uniform word among those whose product with `bound` has a low half of at least 2⁶⁴ mod `bound`.
fn accepted_word(bound: u64, rng: &mut impl CryptoRng) -> u64 {
    let mut word = rng.next_u64();
    if word.wrapping_mul(bound) < bound {
        let rejected = bound.wrapping_neg() % bound;
        while word.wrapping_mul(bound) < rejected {
            word = rng.next_u64();
        }
    }
    word
}

/// Calls `take` with the members of a uniform `size`-subset of `0 .. from`, each once; `has` says whether an element was
/// taken before. Draws `size` uniform numbers, batched.
///
/// Floyd's algorithm: Bentley and Floyd, "A sample of brilliance", CACM 30(9), 1987.
pub(crate) fn floyd<S>(
    from: u32,
    size: u32,
    rng: &mut impl CryptoRng,
    chosen: &mut S,
    has: impl Fn(&S, u32) -> bool,
    take: impl Fn(&mut S, u32),
) {
    uniforms_below(u64::from(from - size) + 1, u64::from(from), rng, |candidate, last| {
        let member = if has(chosen, candidate) { last } else { candidate };
        take(chosen, member);
    });
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use rand_core::{TryCryptoRng, TryRng};

    use super::*;

    /// Plays back given words, and counts them.
    struct Script<'a>(&'a [u64], usize);

    impl TryRng for Script<'_> {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(self.try_next_u64()? as u32)
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            self.1 += 1;
            Ok(self.0[self.1 - 1])
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(0);
            Ok(())
        }
    }
    impl TryCryptoRng for Script<'_> {}

    #[test]
    fn bernoulli_splits_the_words_exactly_at_the_threshold() {
        assert!(bernoulli(5, &mut Script(&[4], 0)));
        assert!(!bernoulli(5, &mut Script(&[5], 0)));
        assert!(!bernoulli(u64::MAX, &mut Script(&[u64::MAX], 0)));
    }

    #[test]
    fn every_outcome_of_uniform_below_keeps_equally_many_words() {
        // Outcome i keeps the words w with w·n in [i·2⁶⁴ + (2⁶⁴ mod n), (i+1)·2⁶⁴): count them exactly.
        for bound in [1u64, 2, 3, 5, 6, 7, 37_449, (1 << 63) + 1, u64::MAX] {
            let rejected = u128::from(bound.wrapping_neg() % bound);
            let kept = |outcome: u128| {
                let first = ((outcome << 64) + rejected).div_ceil(u128::from(bound));
                let end = ((outcome + 1) << 64).div_ceil(u128::from(bound));
                end - first
            };
            let expected = (1u128 << 64) / u128::from(bound);
            for outcome in [0, 1, u128::from(bound) / 2, u128::from(bound) - 1] {
                if outcome < u128::from(bound) {
                    assert_eq!(kept(outcome), expected, "outcome {outcome} of {bound}");
                }
            }
        }
    }

    #[test]
    fn a_biased_word_is_drawn_again() {
        // 2⁶⁴ mod 3 = 1: of the words only 0 has a low half below 1.
        let mut script = Script(&[0, u64::MAX], 0);
        assert_eq!(uniform_below(3, &mut script), 2);
        assert_eq!(script.1, 2);
    }

    #[test]
    fn a_batch_is_the_mixed_radix_form_of_one_uniform_number() {
        for word in [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, u64::MAX] {
            let number = uniform_below(12 * 13 * 14 * 15, &mut Script(&[word], 0));
            let mut combined = 0;
            let mut script = Script(&[word], 0);
            uniforms_below(12, 15, &mut script, |digit, largest| {
                combined = combined * (u64::from(largest) + 1) + u64::from(digit)
            });
            assert_eq!((combined, script.1), (number, 1));
        }
    }

    #[test]
    fn bounds_beyond_the_batch_limit_take_another_word() {
        let words = [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210];
        let mut script = Script(&words, 0);
        let mut digits = Vec::new();
        uniforms_below(99_998, 100_000, &mut script, |digit, _| digits.push(u64::from(digit)));
        assert_eq!(script.1, 2);
        assert_eq!(digits[2], uniform_below(100_000, &mut Script(&words[1..], 0)));
        assert_eq!(digits[0] * 99_999 + digits[1], uniform_below(99_998 * 99_999, &mut Script(&words, 0)));
    }
}
