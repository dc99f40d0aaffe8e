//! Amounts far beyond all that a bot has moved.
//!
//! For each kind of transaction and currency a histogram of amounts on the log scale. Amounts have heavy tails, and a
//! rent or a tax is many times the usual invoice, so that only the absurd is told: `amount_factor` times the 99 %
//! quantile, after `amounts_min` earlier ones. It finds the slipped decimal as well as the theft.
//!
//! Bound: [`KINDS_MAX`] pairs of kind and currency, 64 bins each. Blind spot: everything that is merely large.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::words::{Words, money};
use super::{Breach, Case, mark};
use crate::alert::Severity;
use crate::stats::log_histogram::LogHistogram;

/// Pairs of kind and currency. More would be those of a bot that makes up its kinds.
const KINDS_MAX: usize = 16;
/// Weight of a flagged amount. Larger: the same fraud again is usual.
const TRUST_FLAGGED: f64 = 0.05;
/// Quantile of the amounts that one is held against. Larger: the largest one so far decides.
const HIGH_QUANTILE: f64 = 0.99;
/// How much further than `amount_factor` an amount is high and not medium.
const HIGH_FACTOR: f64 = 10.0;

/// Amounts by kind and currency.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Amounts {
    kinds: SmallVec<[Amount; 1]>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Amount {
    mark: u64,
    seen: u32,
    history: LogHistogram,
}

impl Amounts {
    /// Holds an amount against the earlier ones, then learns it; lightly if the transaction is flagged anyway.
    pub(super) fn check(&mut self, case: &Case<'_>, kind: &str, flagged: bool) -> Option<Breach> {
        let amount = case.transaction.amount.filter(|amount| *amount > 0.0)?;
        let currency = case.transaction.currency.as_deref();
        let mark = mark(&[kind, currency.unwrap_or_default()]);
        let place = self.kinds.iter().position(|known| known.mark == mark);
        let known = match place {
            Some(place) => &mut self.kinds[place],
            None if self.kinds.len() >= KINDS_MAX => return None,
            None => {
                self.kinds.push(Amount { mark, ..Amount::default() });
                self.kinds.last_mut()?
            }
        };
        let found = if case.mature { extreme(case, kind, amount, known) } else { None };
        let trust = if flagged || found.is_some() { TRUST_FLAGGED } else { 1.0 };
        known.history.learn(amount, trust);
        known.seen = known.seen.saturating_add(1);
        found
    }

    /// Shrinks the weights.
    pub(super) fn forget(&mut self, factor: f64) {
        for known in &mut self.kinds {
            known.history.forget(factor);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.kinds.iter().map(|known| known.history.heap_bytes()).sum()
    }
}

fn extreme(case: &Case<'_>, kind: &str, amount: f64, known: &Amount) -> Option<Breach> {
    let profile = case.profile;
    let high = known.history.quantile(HIGH_QUANTILE).filter(|_| known.seen >= profile.amounts_min)?.max(1.0);
    let times = amount / high;
    if times < profile.amount_factor {
        return None;
    }
    let severity = if times >= HIGH_FACTOR * profile.amount_factor { Severity::High } else { Severity::Medium };
    let currency = case.transaction.currency.as_deref();
    let (amount, high) = (money(Some(amount), currency), money(Some(high), currency));
    let kind = kind.replace('_', " ");
    let words = Words {
        severity,
        detector: "extreme_amount",
        p_value: None,
        observed: format!("{amount} in one {kind}"),
        expected: format!("at most {high}, as 99 in 100 before"),
        phrase: format!("moved {amount} in one {kind}, {times:.0} times what 99 in 100 stay below"),
        about: known.mark ^ case.day as u64,
    };
    Some(words.breach())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Books, DAY};
    use super::*;

    fn pay(amount: f64, currency: &str) -> String {
        format!(r#""kind":"payment","amount":{amount},"currency":"{currency}","counterparty":"Acme""#)
    }

    #[test]
    fn only_the_absurd_is_told_and_of_one_currency() {
        let mut books = Books::default();
        books.weeks(|day| pay(900.0 + 10.0 * day as f64, "EUR"));
        (0..10).for_each(|nth| books.quiet(29 * DAY + nth, &pay(1_000.0, "EUR")));
        let found = |amount, currency| books.clone().worst(30 * DAY, &pay(amount, currency));
        assert_eq!(found(9_000.0, "EUR"), None);
        assert_eq!(found(15_000.0, "EUR"), Some(("extreme_amount", Severity::Medium)));
        assert_eq!(found(200_000.0, "EUR"), Some(("extreme_amount", Severity::High)));
        assert_eq!(found(200_000.0, "JPY"), None);
        let mut few = Books::default();
        (0..20).for_each(|day| few.quiet(day * DAY, &pay(900.0, "EUR")));
        few.quiet(30 * DAY, &pay(90_000.0, "EUR"));
    }
}
