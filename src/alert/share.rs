//! How much each reason of an alert weighs: its share of the evidence, where evidence is −ln p.
//!
//! Logarithms add up where probabilities multiply, so that the shares are those of one sum; they rank and compare, and
//! are not a probability of their own. Shares are whole thousandths that sum to 1: the remainders go where they are
//! largest. Blind spot: two reasons that tell of the same thing weigh twice.

use super::wire::Reason;

/// What a rule weighs, as a p-value. Smaller: a rule drowns all statistics beside it; larger: it drowns in them.
const RULE_P: f64 = 1e-6;
/// Parts of the whole in which shares are counted.
const PARTS: f64 = 1000.0;

/// Writes into each reason its share of the evidence of all.
pub fn weigh(reasons: &mut [Reason]) {
    // Subtracted and not negated, since −0 would be written as such.
    let evidence = |reason: &Reason| 0.0 - reason.p_value.unwrap_or(RULE_P).clamp(f64::MIN_POSITIVE, 1.0).ln();
    let sum: f64 = reasons.iter().map(evidence).sum();
    let even = PARTS / reasons.len().max(1) as f64;
    let exact = |reason: &Reason| if sum > 0.0 { evidence(reason) / sum * PARTS } else { even };
    let exact: Vec<f64> = reasons.iter().map(exact).collect();
    let mut parts: Vec<f64> = exact.iter().map(|exact| exact.floor()).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by(|&a, &b| (exact[b] - parts[b]).total_cmp(&(exact[a] - parts[a])).then(a.cmp(&b)));
    let rest = PARTS - parts.iter().sum::<f64>();
    for at in order.into_iter().take(rest as usize) {
        parts[at] += 1.0;
    }
    for (reason, parts) in reasons.iter_mut().zip(parts) {
        reason.contribution = Some(parts / PARTS);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alert::Dimension;

    fn shares(p_values: &[Option<f64>]) -> Vec<f64> {
        let reason = |p_value: &Option<f64>| Reason {
            dimension: Dimension::Time,
            detector: String::new(),
            p_value: *p_value,
            observed: String::new(),
            expected: String::new(),
            text: String::new(),
            contribution: None,
        };
        let mut reasons: Vec<Reason> = p_values.iter().map(reason).collect();
        weigh(&mut reasons);
        reasons.iter().map(|reason| reason.contribution.expect("a share")).collect()
    }

    #[test]
    fn a_share_is_that_of_the_logarithms() {
        for (p_values, expected) in [
            (&[][..], &[][..]),
            (&[Some(0.01)], &[1.0]),
            (&[None], &[1.0]),
            (&[Some(1e-6), None], &[0.5, 0.5]),
            (&[Some(1e-9), Some(1e-3)], &[0.75, 0.25]),
            (&[Some(0.1), Some(0.1), Some(0.1)], &[0.334, 0.333, 0.333]),
            (&[Some(1e-9), Some(1.0)], &[1.0, 0.0]),
            (&[Some(1.0), Some(1.0)], &[0.5, 0.5]),
            (&[Some(0.0), Some(2.0)], &[1.0, 0.0]),
        ] {
            assert_eq!(shares(p_values), expected, "{p_values:?}");
        }
    }

    proptest! {
        #[test]
        fn shares_are_thousandths_of_one(p_values in prop::collection::vec(prop::option::of(0.0..=1.0_f64), 1..13)) {
            let parts: Vec<f64> = shares(&p_values).iter().map(|share| share * PARTS).collect();
            prop_assert!(parts.iter().all(|part| (part - part.round()).abs() < 1e-9 && part.is_sign_positive()), "{parts:?}");
            prop_assert_eq!(parts.iter().map(|part| part.round() as u64).sum::<u64>(), 1000);
        }
    }
}
