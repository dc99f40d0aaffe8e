//! A bot's books for the tests of the rules: transactions in, the worst finding out.

use super::*;
use crate::detect::profile::Profile;
use crate::event::Kind;
use crate::event::decode::{Envelope, Limits, decode};
use crate::time::{Span, Timestamp};

/// Minutes of a day.
pub(super) const DAY: i64 = 24 * 60;

/// A mature bot, its history and its tenant's ledger.
#[derive(Clone, Debug)]
pub(super) struct Books {
    pub(super) profile: FraudProfile,
    history: Option<Box<MoneyHistory>>,
    ledger: Ledger,
    events: u64,
    /// Rules that are off.
    pub(super) off: Vec<&'static str>,
}

impl Default for Books {
    fn default() -> Self {
        Self { profile: Profile::shipped().fraud, history: None, ledger: Ledger::default(), events: 0, off: Vec::new() }
    }
}

impl Books {
    /// Takes in a transaction of a minute; the worst that is said of it.
    pub(super) fn worst(&mut self, minute: i64, transaction: &str) -> Option<(&'static str, Severity)> {
        let worst = self.check(minute, transaction).into_iter().next()?;
        Some((named(&worst), worst.severity))
    }

    /// Takes in a transaction of a minute; all that is said of it.
    pub(super) fn all(&mut self, minute: i64, transaction: &str) -> Vec<&'static str> {
        self.check(minute, transaction).iter().map(named).collect()
    }

    fn check(&mut self, minute: i64, transaction: &str) -> Vec<Breach> {
        self.events += 1;
        let ts = Timestamp::from_micros(1_771_804_800_000_000) + Span::from_mins(minute + 8 * 60);
        let json = format!(
            r#"{{"id":"t{}","ts":"{ts}","bot":"pay-bot","type":"transaction","transaction":{{{transaction}}}}}"#,
            self.events
        );
        let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json);
        let Kind::Transaction(transaction) = &event.kind else { panic!("{json}") };
        let day = 20_000 + minute.div_euclid(DAY) as i32;
        let case = Case {
            off: &self.off,
            event: &event,
            transaction,
            bot: 0,
            day,
            first_day: 20_000,
            mature: day >= 20_014,
            mature_days: 14,
            window_days: 28,
            profile: &self.profile,
        };
        let audit = check(&case, &mut self.history, &mut self.ledger);
        assert!(audit.breaches.is_sorted_by_key(|breach| std::cmp::Reverse(breach.severity)));
        for breach in &audit.breaches {
            assert!(!breach.phrase.contains("  ") && breach.reason.text.ends_with('.'), "{breach:?}");
        }
        audit.breaches
    }

    /// Takes in a transaction of which nothing is said.
    pub(super) fn quiet(&mut self, minute: i64, transaction: &str) {
        assert_eq!(self.worst(minute, transaction), None, "{minute} {transaction}");
    }

    /// Takes in a transaction, whatever is said of it.
    pub(super) fn feed(&mut self, minute: i64, transaction: &str) {
        self.worst(minute, transaction);
    }

    /// One transaction a day for thirty days.
    pub(super) fn weeks(&mut self, transaction: impl Fn(i64) -> String) {
        for day in 0..30 {
            self.feed(day * DAY, &transaction(day));
        }
    }

    /// Writes down what is remembered, changes it, and goes on with that.
    pub(super) fn restore(&mut self, change: impl FnOnce(&mut serde_json::Value)) {
        let mut state = serde_json::to_value(&self.history).expect("JSON");
        change(&mut state);
        self.history = serde_json::from_value(state).expect("a history");
    }

    /// What is remembered of the bot.
    pub(super) fn history(&self) -> &MoneyHistory {
        self.history.as_ref().expect("a transaction")
    }
}

/// The rule that a finding is of.
fn named(breach: &Breach) -> &'static str {
    let names = [
        "account_changed_and_paid",
        "unknown_account",
        "approval_chain_changed",
        "own_approval",
        "bulk_payees",
        "refunds_to_few",
        "refund_sum_to_few",
        "split_payments",
        "extreme_amount",
    ];
    names.into_iter().find(|name| *name == breach.reason.detector).expect("a known detector")
}

#[test]
fn what_failed_or_has_no_kind_is_passed_over() {
    let mut books = Books::default();
    books.quiet(0, r#""amount":5"#);
    assert!(books.history.is_none());
}

#[test]
fn marks_tell_parts_apart() {
    assert_ne!(mark(&["ab", "c"]), mark(&["a", "bc"]));
    assert_eq!(mark(&["ab", "c"]), mark(&["ab", "c"]));
}
