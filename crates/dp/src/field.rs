//! Finite fields of prime-power order.
//!
//! An element of GF(pᵉ) is the integer `c₀ + c₁·p + … + c₍ₑ₋₁₎·pᵉ⁻¹` of the polynomial `c₀ + c₁·x + …`, reduced by the
//! monic primitive polynomial of degree e whose own low part, read as such an integer, is smallest. So x generates the
//! multiplicative group, and products are sums of logarithms; for odd p, sums are Zech logarithms.

/// The largest order: products of three elements fit 64 bits, which division by multiplication needs.
const MAX_ORDER: u32 = 1 << 21;

/// Marks the Zech logarithm of −1, and logarithms not yet known.
const NONE: u32 = u32::MAX;

/// Arithmetic in the field of `order` elements.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    order: u32,
    /// ⌈2⁶⁴/order⌉.
    reciprocal: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Integers modulo a prime, and their inverses.
    Prime { inverse: Vec<u32> },
    /// GF(2ᵉ): addition is exclusive or.
    Binary(Logarithms),
    /// GF(pᵉ) for odd p, e ≥ 2; `zech[i]` is log(1 + xⁱ).
    Odd { logarithms: Logarithms, zech: Vec<u32> },
}

#[derive(Clone, Debug)]
struct Logarithms {
    /// `power[i]` is xⁱ for i below 2(q − 1), so that a sum of two logarithms needs no reduction, and 0 from there on.
    power: Vec<u32>,
    /// The logarithm of 0 is 2(q − 1): added to any other, it leads to a zero.
    log: Vec<u32>,
}

impl Field {
    /// The field of this order, or `None` if it is not a prime power.
    pub(crate) fn new(order: u32) -> Option<Self> {
        if order > MAX_ORDER {
            return None;
        }
        let (prime, degree) = prime_power(order)?;
        let reciprocal = (u64::MAX / u64::from(order)) + 1;
        let kind = match (prime, degree) {
            (_, 1) => Kind::Prime { inverse: inverses(order) },
            (2, _) => Kind::Binary(Logarithms::new(prime, order)?),
            _ => {
                let logarithms = Logarithms::new(prime, order)?;
                let log = |element: usize| if element == 0 { NONE } else { logarithms.log[element] };
                let zech = (0..order - 1).map(|i| log(one_plus(logarithms.power[i as usize], prime))).collect();
                Kind::Odd { logarithms, zech }
            }
        };
        Some(Self { order, reciprocal, kind })
    }

    pub(crate) fn order(&self) -> u32 {
        self.order
    }

    /// Quotient and remainder by the order, for numbers below 2⁴²: exact, since the reciprocal is too large by less than
    /// order/2⁶⁴ and number·order < 2⁶⁴ (Granlund and Montgomery, PLDI 1994, Theorem 4.2).
    #[inline]
    pub(crate) fn divide(&self, number: u64) -> (u64, u32) {
        let quotient = ((u128::from(number) * u128::from(self.reciprocal)) >> 64) as u64;
        (quotient, (number - quotient * u64::from(self.order)) as u32)
    }

    /// Whether addition is that of integers modulo the order.
    pub(crate) fn is_prime(&self) -> bool {
        matches!(self.kind, Kind::Prime { .. })
    }

    #[inline]
    pub(crate) fn add(&self, a: u32, b: u32) -> u32 {
        match &self.kind {
            Kind::Prime { .. } => {
                let sum = a + b;
                if sum >= self.order { sum - self.order } else { sum }
            }
            Kind::Binary(_) => a ^ b,
            Kind::Odd { logarithms, zech } => {
                if a == 0 || b == 0 {
                    return a | b;
                }
                let (log_a, log_b) = (logarithms.log[a as usize], logarithms.log[b as usize]);
                let apart = if log_b >= log_a { log_b - log_a } else { log_b + (self.order - 1) - log_a };
                match zech[apart as usize] {
                    NONE => 0,
                    log => logarithms.power[(log_a + log) as usize],
                }
            }
        }
    }

    #[inline]
    pub(crate) fn negate(&self, a: u32) -> u32 {
        match &self.kind {
            Kind::Prime { .. } if a == 0 => 0,
            Kind::Prime { .. } => self.order - a,
            Kind::Binary(_) => a,
            // −1 = x^((q−1)/2).
            Kind::Odd { logarithms, .. } => {
                logarithms.power[(logarithms.log[a as usize] + (self.order - 1) / 2) as usize]
            }
        }
    }

    #[inline]
    pub(crate) fn subtract(&self, a: u32, b: u32) -> u32 {
        self.add(a, self.negate(b))
    }

    #[inline]
    pub(crate) fn multiply(&self, a: u32, b: u32) -> u32 {
        match &self.kind {
            Kind::Prime { .. } => self.divide(u64::from(a) * u64::from(b)).1,
            Kind::Binary(logarithms) | Kind::Odd { logarithms, .. } => {
                logarithms.power[(logarithms.log[a as usize] + logarithms.log[b as usize]) as usize]
            }
        }
    }

    /// The inverse of a non-zero element.
    #[inline]
    pub(crate) fn invert(&self, a: u32) -> u32 {
        debug_assert_ne!(a, 0);
        match &self.kind {
            Kind::Prime { inverse } => inverse[a as usize],
            Kind::Binary(logarithms) | Kind::Odd { logarithms, .. } => {
                logarithms.power[(self.order - 1 - logarithms.log[a as usize]) as usize]
            }
        }
    }
}

impl Logarithms {
    /// Tables from the first polynomial, in ascending order, of which x has full multiplicative order.
    fn new(prime: u32, order: u32) -> Option<Self> {
        (1..order).find_map(|low| {
            let mut log = vec![NONE; order as usize];
            let mut power = Vec::with_capacity(4 * order as usize);
            let mut element = 1;
            for exponent in 0..order - 1 {
                if log[element as usize] != NONE || element == 0 {
                    return None;
                }
                log[element as usize] = exponent;
                power.push(element);
                element = times_x(element, low, prime, order);
            }
            power.extend_from_within(..);
            log[0] = power.len() as u32;
            power.resize(2 * power.len() + 1, 0);
            Some(Self { power, log })
        })
    }
}

/// x·a modulo xᵉ + low(x).
fn times_x(a: u32, low: u32, prime: u32, order: u32) -> u32 {
    let top = a / (order / prime);
    let shifted = a % (order / prime) * prime;
    let (mut result, mut place) = (0, 1);
    while place < order {
        let digit = (shifted / place + (prime - top) * (low / place % prime)) % prime;
        result += digit * place;
        place *= prime;
    }
    result
}

/// 1 + a as an index: only the constant coefficient moves.
fn one_plus(a: u32, prime: u32) -> usize {
    (if a % prime == prime - 1 { a - (prime - 1) } else { a + 1 }) as usize
}

/// Inverses modulo a prime p, by i⁻¹ = −⌊p/i⌋·(p mod i)⁻¹.
fn inverses(prime: u32) -> Vec<u32> {
    let mut inverse = vec![0, 1];
    for i in 2..prime {
        let product = u64::from(prime / i) * u64::from(inverse[(prime % i) as usize]) % u64::from(prime);
        inverse.push(prime - product as u32);
    }
    inverse
}

/// p and e with order = pᵉ, if there are such.
pub(crate) fn prime_power(order: u32) -> Option<(u32, u32)> {
    if order < 2 {
        return None;
    }
    let prime = (2..).take_while(|d| d * d <= order).find(|d| order.is_multiple_of(*d)).unwrap_or(order);
    let (mut rest, mut degree) = (order, 0);
    while rest.is_multiple_of(prime) {
        rest /= prime;
        degree += 1;
    }
    (rest == 1).then_some((prime, degree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prime_powers_are_recognised() {
        let found: Vec<u32> = (0..=32).filter(|&n| prime_power(n).is_some()).collect();
        assert_eq!(found, [2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27, 29, 31, 32]);
        assert_eq!(prime_power(343), Some((7, 3)));
        assert_eq!(prime_power(4_194_301), Some((4_194_301, 1)));
    }

    #[test]
    fn the_field_axioms_hold_for_prime_and_prime_power_orders() {
        for order in [2, 3, 4, 5, 7, 8, 9, 16, 25, 27] {
            let field = Field::new(order).unwrap();
            for a in 0..order {
                assert_eq!(field.add(a, 0), a);
                assert_eq!(field.multiply(a, 1), a);
                assert_eq!(field.add(a, field.negate(a)), 0);
                if a != 0 {
                    assert_eq!(field.multiply(a, field.invert(a)), 1, "{order}: {a}");
                }
                for b in 0..order {
                    assert_eq!(field.add(a, b), field.add(b, a));
                    assert_eq!(field.subtract(field.add(a, b), b), a);
                    assert_eq!(field.multiply(a, b), field.multiply(b, a));
                    for c in 0..order {
                        assert_eq!(field.add(a, field.add(b, c)), field.add(field.add(a, b), c));
                        assert_eq!(field.multiply(a, field.multiply(b, c)), field.multiply(field.multiply(a, b), c));
                        let spread = field.add(field.multiply(a, b), field.multiply(a, c));
                        assert_eq!(field.multiply(a, field.add(b, c)), spread, "{order}: {a}({b}+{c})");
                    }
                }
            }
        }
    }

    #[test]
    fn large_prime_power_fields_have_a_generator() {
        for order in [343, 512, 729, 1024, 2048] {
            let field = Field::new(order).unwrap();
            for a in (1..order).step_by(7) {
                assert_eq!(field.multiply(a, field.invert(a)), 1);
                assert_eq!(field.subtract(field.add(a, 5), 5), a);
            }
        }
    }

    #[test]
    fn an_order_that_is_no_prime_power_has_no_field() {
        for order in [0, 1, 6, 12, 100, 1000] {
            assert!(Field::new(order).is_none());
        }
    }
}
