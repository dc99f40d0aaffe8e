//! One p-value out of several that may depend on each other.
//!
//! The Cauchy combination (Liu and Xie, *JASA* 115, 2020): `T = Σ w tan((0.5 - p) π)`, `p = 0.5 - atan(T / Σ w) / π`.
//! Its tail is right under any dependence as p falls, which is where pages are decided; Fisher's method would count two
//! dimensions that saw the same odd hour as two proofs. For small p it is the weighted mean of `1/p`, inverted.
//! P-values of one are held just below it, since the tangent there would cancel any evidence.

/// The largest p-value that enters: at exactly one the tangent is −∞.
const P_MAX: f64 = 0.99;

/// Combines p-values with weights; 1 if there are none.
#[must_use]
pub fn cauchy(parts: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (p, weight) in parts {
        let p = p.clamp(f64::MIN_POSITIVE, P_MAX);
        // For tiny p, 0.5 - p rounds to 0.5, where the tangent is meaningless; 1/(pπ) is its expansion.
        let statistic =
            if p < 1e-12 { 1.0 / (p * std::f64::consts::PI) } else { ((0.5 - p) * std::f64::consts::PI).tan() };
        sum += weight * statistic;
        weights += weight;
    }
    if weights <= 0.0 {
        return 1.0;
    }
    let mean = sum / weights;
    let p = if mean > 1e12 { 1.0 / (mean * std::f64::consts::PI) } else { 0.5 - mean.atan() / std::f64::consts::PI };
    p.clamp(f64::MIN_POSITIVE, 1.0)
}

/// The harmonic mean of p-values (Wilson, *PNAS* 116, 2019): `n / Σ 1/p`, for those of which most are one.
///
/// As Cauchy's rule it is near to right under any dependence as p falls; unlike it, p-values of one weigh nothing, where
/// discrete tests give many of them. Too small by a factor of about `ln n` where p is not small.
#[must_use]
pub fn harmonic(p: &[f64]) -> f64 {
    let sum: f64 = p.iter().map(|p| 1.0 / p.clamp(f64::MIN_POSITIVE, 1.0)).sum();
    if p.is_empty() { 1.0 } else { (p.len() as f64 / sum).max(f64::MIN_POSITIVE) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_small_p_among_six_costs_a_factor_of_six() {
        let p = cauchy([1e-6, 0.5, 0.5, 0.5, 0.5, 0.5].map(|p| (p, 1.0)));
        assert!((p / 6e-6 - 1.0).abs() < 0.01, "{p}");
        assert!(cauchy([(1e-300, 1.0), (1.0, 1.0)]) < 1e-290);
        assert!((cauchy([]) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn alone_it_is_itself(p in 1e-15..0.98_f64) {
            prop_assert!((cauchy([(p, 1.0)]) / p - 1.0).abs() < 1e-3);
        }

        #[test]
        fn more_evidence_never_raises_it(mut ps in proptest::collection::vec(1e-12..0.99_f64, 1..8), at in 0..8_usize) {
            let before = cauchy(ps.iter().map(|&p| (p, 1.0)));
            let at = at % ps.len();
            ps[at] /= 10.0;
            prop_assert!(cauchy(ps.iter().map(|&p| (p, 1.0))) <= before * (1.0 + 1e-9));
        }
    }
}
