//! How findings about money are worded: amounts, accounts and names as a person reads them.

use super::Breach;
use crate::alert::{Dimension, Reason, Severity};
use crate::stats::fingerprint;

/// Characters of an account number that are shown.
const ACCOUNT_SHOWN: usize = 4;

/// A finding in the making.
#[derive(Debug)]
pub(super) struct Words {
    pub severity: Severity,
    pub detector: &'static str,
    pub p_value: Option<f64>,
    pub observed: String,
    pub expected: String,
    /// The sentence without the subject.
    pub phrase: String,
    /// What tells this finding from another of the same rule.
    pub about: u64,
}

impl Words {
    /// The finding. Told again only when it is worse: the severity is part of its identity.
    pub(super) fn breach(self) -> Breach {
        let score = match self.severity {
            Severity::Critical => 97.0,
            Severity::High => 91.0,
            Severity::Medium => 79.0,
            Severity::Low => 45.0,
            Severity::Info => 20.0,
        };
        let key = fingerprint(&["fraud", self.detector, self.severity.as_str(), &self.about.to_string()]);
        let reason = Reason {
            dimension: Dimension::Fraud,
            detector: self.detector.to_owned(),
            p_value: self.p_value,
            observed: self.observed,
            expected: self.expected,
            text: format!("The bot {}.", self.phrase),
            contribution: None,
        };
        Breach {
            severity: self.severity,
            score,
            phrase: self.phrase,
            reason,
            key,
            deed: None,
            about: None,
            newest: None,
            evidence: Vec::new(),
            also: Vec::new(),
        }
    }
}

/// An amount with its currency, where they are known.
pub(super) fn money(amount: Option<f64>, currency: Option<&str>) -> String {
    match (amount, currency) {
        (None, _) => "an unknown amount".to_owned(),
        (Some(amount), currency) => {
            let digits = if amount.abs() < 1_000.0 { 2 } else { 0 };
            format!("{amount:.digits$} {}", currency.unwrap_or_default()).trim_end().to_owned()
        }
    }
}

/// The end of an account number.
pub(super) fn ending(account: &str) -> String {
    let shown = account.chars().count().saturating_sub(ACCOUNT_SHOWN);
    format!("…{}", account.chars().skip(shown).collect::<String>())
}

/// A name in quotes, or what stands for one.
pub(super) fn who(name: Option<&str>) -> String {
    name.map_or_else(|| "an unnamed person".to_owned(), |name| format!("`{name}`"))
}

/// Names in quotes, the first few.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match all.as_slice() {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [first, last] => format!("{first} and {last}"),
        [first, ..] => format!("{first} and {} others", all.len() - 1),
    }
}

/// A usual number of things, which may be a fraction.
pub(super) fn about(mean: Option<f64>) -> String {
    match mean.unwrap_or(0.0) {
        mean if mean < 0.05 => "hardly any".to_owned(),
        mean => format!("about {mean:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_accounts_and_names_are_short() {
        assert_eq!(money(Some(950.5), Some("EUR")), "950.50 EUR");
        assert_eq!((money(Some(27_022.4), None), money(None, None)), ("27022".into(), "an unknown amount".into()));
        assert_eq!((ending("DE8937040044"), ending("é")), ("…0044".into(), "…é".into()));
        let said = [vec![], vec!["a"], vec!["a", "b"], vec!["a", "b", "c"]].map(|list| names(list.into_iter()));
        assert_eq!(said, ["nobody", "`a`", "`a` and `b`", "`a` and 2 others"]);
    }
}
