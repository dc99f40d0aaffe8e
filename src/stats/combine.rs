//! One p-value out of several that may depend on each other.
//!
//! The harmonic mean of p-values (Wilson, *PNAS* 116, 2019): `n / Σ 1/p`. It is near to right under any dependence as p
//! falls, which is where pages are decided; Fisher's method would count two dimensions that saw the same odd hour as two
//! proofs. The Cauchy combination (Liu and Xie, *JASA* 115, 2020) shares that, but there each p-value near one cancels
//! evidence, and discrete tests give many of them; here they weigh nothing. Too small by a factor of about `ln n` where
//! p is not small.

/// Combines p-values; 1 if there are none.
#[must_use]
pub fn harmonic(p: &[f64]) -> f64 {
    let sum: f64 = p.iter().map(|p| 1.0 / p.clamp(f64::MIN_POSITIVE, 1.0)).sum();
    if p.is_empty() { 1.0 } else { (p.len() as f64 / sum).max(f64::MIN_POSITIVE) }
}

/// The same with a weight for each, of any sum: what is given more of the chance for error has to prove less. With equal
/// weights it is [`harmonic`].
#[must_use]
pub fn weighted_harmonic<const N: usize>(p: &[f64; N], weights: &[f64; N]) -> f64 {
    let total: f64 = weights.iter().sum();
    let sum: f64 = p.iter().zip(weights).map(|(p, weight)| weight / p.clamp(f64::MIN_POSITIVE, 1.0)).sum();
    (total / sum).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_small_p_among_six_costs_a_factor_of_six() {
        assert!((harmonic(&[1e-6, 1.0, 1.0, 1.0, 1.0, 1.0]) / 6e-6 - 1.0).abs() < 1e-4);
        assert!(harmonic(&[1e-300, 1.0]) < 1e-299);
        assert!((harmonic(&[]) - 1.0).abs() < 1e-12 && (harmonic(&[1.0; 9]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_weight_is_a_share_of_the_chance_for_error() {
        let p = [1e-6, 1.0, 1.0];
        assert!((weighted_harmonic(&p, &[1.0; 3]) / harmonic(&p) - 1.0).abs() < 1e-12);
        assert!((weighted_harmonic(&p, &[2.0, 1.0, 1.0]) / 2e-6 - 1.0).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn alone_it_is_itself(p in 1e-15..1.0_f64) {
            prop_assert!((harmonic(&[p]) / p - 1.0).abs() < 1e-9);
        }

        #[test]
        fn more_evidence_never_raises_it(mut ps in proptest::collection::vec(1e-12..1.0_f64, 1..8), at in 0..8_usize) {
            let before = harmonic(&ps);
            let at = at % ps.len();
            ps[at] /= 10.0;
            prop_assert!(harmonic(&ps) <= before * (1.0 + 1e-9));
        }
    }
}
