//! Payments to an account that is not, or was not until just now, the counterparty's.
//!
//! Diverting a vendor's payments takes one change of its bank account and one payment (business e-mail compromise is
//! that). The remedy is a call to the vendor and a second person, which takes days: so a change that somebody approved
//! and that is paid days later is ordinary, and one paid within hours is not, whoever approved it; two who approved
//! lower it by a step. A change that nobody approved stays doubtful for `change_days`. Paying the account that the
//! counterparty always had is no harm, and an amount of `probe_amount` at most is how a new account is tried out.
//!
//! A payment to an account that no change announced is held against the counterparty's own history with this bot:
//! at least `account_payments_min` payments, nearly always to the same few accounts (the Good–Turing chance of yet
//! another one is at most [`P_NEW_MAX`]). A counterparty that stands for many people has a new account each time.
//!
//! Bounds: `parties_max` counterparties, [`ACCOUNTS_MAX`] accounts each; what was only doubted goes first, and whoever has no
//! history, so that a flood of either pushes out no counterparty's own account. Blind spots: the first payment to a new vendor;
//! an account that a fraudster announced and nobody paid for `change_days`.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ledger::{BankChange, Ledger};
use super::paid::Paid;
use super::words::{Words, ending, money, names, who};
use super::{Breach, Case, MoneyHistory, mark};
use crate::alert::Severity;
use crate::detect::profile::FraudProfile;
use crate::event::Text;
use crate::stats::sorted::SortedMap;
use crate::time::{Span, Timestamp};

/// Accounts kept for a counterparty. More would only be of those that have a new one each time.
const ACCOUNTS_MAX: usize = 8;
/// Chance of another new account above which one is ordinary.
const P_NEW_MAX: f64 = 0.1;
/// Share of a bot's payments to known counterparties that surprise, above which it is the data that is like that.
const NOISE_SHARE: f64 = 0.02;
/// Surprises before that share is believed.
const NOISE_MIN: f64 = 3.0;
/// Days on which a doubted account was paid, after which it is the counterparty's. As `[learn] adopt_days`.
const ADOPT_DAYS: u8 = 4;
/// Changes of a tenant before one without approval is unusual.
const CHANGES_MIN: u32 = 3;
/// Share of them that are approved, from which one without is unusual. Smaller: where half of them are, each other one is told.
const APPROVED_SHARE: f64 = 0.9;
/// Accounts that were paid once, as if there were so many more. Larger: a counterparty's second account surprises less.
const PRIOR_NEW: f64 = 0.1;
/// Share of the oldest counterparties that go at once when there are too many, as a divisor.
const EVICTED: usize = 4;

/// The counterparties of one bot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Parties {
    known: SortedMap<Party>,
    /// Payments to counterparties with a history, and those among them that surprised.
    payments: f64,
    surprises: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Party {
    last_day: i32,
    accounts: SmallVec<[Account; 1]>,
}

/// An account that a counterparty was paid at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Account {
    mark: u64,
    first: Timestamp,
    last_day: i32,
    payments: u32,
    /// Days on which it was paid in doubt; 0 if it never was.
    doubted_days: u8,
    /// The last characters of its number.
    ending: Text,
}

impl Account {
    fn known(&self) -> bool {
        self.doubted_days == 0 || self.doubted_days >= ADOPT_DAYS
    }
}

impl Party {
    fn known(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().filter(|account| account.known())
    }

    /// Payments to known accounts.
    fn payments(&self) -> u32 {
        self.known().map(|account| account.payments).sum()
    }

    /// Chance that the next payment goes to an account never seen (Good 1953).
    fn p_new(&self) -> f64 {
        let once = self.known().filter(|account| account.payments == 1).count();
        (once as f64 + PRIOR_NEW) / (f64::from(self.payments()) + 1.0)
    }
}

impl Parties {
    /// Since when a counterparty has been paid at an account.
    pub(super) fn known_since(&self, party: u64, account: u64) -> Option<Timestamp> {
        let party = self.known.get(party)?;
        party.known().find(|known| known.mark == account).map(|known| known.first)
    }

    /// Learns a payment. Says how often the bound cut something.
    pub(super) fn learn(&mut self, case: &Case<'_>, paid: &Paid, flagged: bool) -> u64 {
        let Some([party, account]) = paid.pair() else { return 0 };
        let day = case.day;
        let entry = self.known.or_insert_with(party, Party::default);
        if entry.payments() >= case.profile.account_payments_min {
            self.payments += 1.0;
        }
        entry.last_day = entry.last_day.max(day);
        if let Some(known) = entry.accounts.iter_mut().find(|known| known.mark == account) {
            known.payments = known.payments.saturating_add(1);
            known.first = known.first.min(paid.at);
            let another_day = day > known.last_day && !known.known();
            known.doubted_days = if flagged || !another_day { known.doubted_days } else { ADOPT_DAYS };
            known.doubted_days += u8::from(flagged && another_day);
            known.last_day = known.last_day.max(day);
        } else {
            if entry.accounts.len() >= ACCOUNTS_MAX
                && let Some(oldest) = (0..entry.accounts.len())
                    .min_by_key(|&at| (entry.accounts[at].known(), entry.accounts[at].last_day))
            {
                entry.accounts.remove(oldest);
            }
            let number = paid.account.as_deref().unwrap_or_default();
            entry.accounts.push(Account {
                mark: account,
                first: paid.at,
                last_day: day,
                payments: 1,
                doubted_days: u8::from(flagged),
                ending: ending(number).into(),
            });
        }
        self.evict(case.profile.parties_max, case.profile.account_payments_min)
    }

    /// Lets go whom nobody paid for longer than a year.
    pub(super) fn forget(&mut self, day: i32) {
        self.known.retain(|_, party| day - party.last_day <= 400);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.known.heap_bytes()
    }

    fn evict(&mut self, max: usize, payments_min: u32) -> u64 {
        if self.known.len() <= max {
            return 0;
        }
        let mut ages: Vec<_> =
            self.known.iter().map(|(mark, party)| (party.payments() >= payments_min, party.last_day, mark)).collect();
        ages.sort_unstable();
        for (_, _, mark) in &ages[..(ages.len() / EVICTED).max(1)] {
            self.known.remove(*mark);
        }
        1
    }

    /// Whether payments of this bot surprise so often that it says little.
    fn noisy(&self) -> bool {
        self.surprises >= NOISE_MIN && self.surprises >= NOISE_SHARE * self.payments
    }
}

/// A payment to an account that is not the counterparty's as far as anybody said.
pub(super) fn unknown(case: &Case<'_>, paid: &Paid, history: &mut MoneyHistory, ledger: &Ledger) -> Option<Breach> {
    let [party, account] = paid.pair().filter(|_| case.mature && paid.known_since.is_none())?;
    let parties = &mut history.parties;
    let noisy = parties.noisy();
    let party = parties.known.get(party)?;
    let payments = party.payments();
    if payments < case.profile.account_payments_min || party.p_new() > P_NEW_MAX || ledger.announced(account) {
        return None;
    }
    parties.surprises += 1.0;
    let severity = match (small(paid, case.profile) || noisy, ledger.changes_seen > 0) {
        (true, _) => Severity::Low,
        (false, true) => Severity::High,
        (false, false) => Severity::Medium,
    };
    let usual = party.known().max_by_key(|known| (known.payments, known.mark));
    let usual = usual.map_or_else(String::new, |usual| usual.ending.to_string());
    let (name, number) = (who(paid.counterparty.as_deref()), ending(paid.account.as_deref().unwrap_or_default()));
    let amount = money(paid.amount, paid.currency.as_deref());
    let words = Words {
        severity,
        detector: "unknown_account",
        p_value: None,
        observed: format!("account {number}"),
        expected: format!("account {usual}, as in {payments} payments before"),
        phrase: format!("paid {amount} to {name} at account {number}, which nobody announced; it was always {usual}"),
        about: account,
    };
    Some(words.breach())
}

/// Whether a payment is so small that it only tries an account out.
fn small(paid: &Paid, profile: &FraudProfile) -> bool {
    paid.amount.is_some_and(|amount| amount <= profile.probe_amount)
}

impl Ledger {
    /// Takes in a change of an account, and holds it against payments that arrived before it.
    pub(super) fn bank_change(&mut self, case: &Case<'_>) -> Option<Breach> {
        let transaction = case.transaction;
        let by = transaction.by.as_ref();
        let change = BankChange {
            at: case.event.ts,
            id: case.event.id.clone(),
            counterparty: transaction.counterparty.clone(),
            account: transaction.account.clone(),
            by: by.cloned(),
            approvers: transaction.approvers.iter().filter(|name| Some(*name) != by).cloned().collect(),
        };
        let usual = self.approval_is_usual();
        self.changes_seen = self.changes_seen.saturating_add(1);
        self.changes_approved = self.changes_approved.saturating_add(u32::from(!change.approvers.is_empty()));
        self.announce(case);
        let found = self.waiting.iter().filter_map(|paid| {
            let mut breach = paid_after(&change, paid, usual, case.profile)?;
            (breach.about, breach.newest) = (Some(paid.bot), Some(paid.at));
            breach.evidence = vec![paid.id.clone()];
            Some(breach)
        });
        let worst = found.max_by_key(|breach| breach.severity);
        self.keep_change(change);
        worst
    }

    /// Holds a payment against the changes before it.
    pub(super) fn paid_after_change(&self, paid: &Paid, profile: &FraudProfile) -> Option<Breach> {
        let usual = self.approval_is_usual();
        let found = self.changes.iter().filter_map(|change| {
            let mut breach = paid_after(change, paid, usual, profile)?;
            breach.evidence = vec![change.id.clone()];
            Some(breach)
        });
        found.max_by_key(|breach| breach.severity)
    }

    /// Whether changes of accounts are usually approved, so that one which is not says something.
    fn approval_is_usual(&self) -> bool {
        self.changes_seen >= CHANGES_MIN
            && f64::from(self.changes_approved) >= APPROVED_SHARE * f64::from(self.changes_seen)
    }
}

/// A payment after a change that concerns it, unless both are ordinary.
fn paid_after(change: &BankChange, paid: &Paid, approval_is_usual: bool, profile: &FraudProfile) -> Option<Breach> {
    let same = |a: &Option<Text>, b: &Option<Text>| a.is_some() && a == b;
    let exact = same(&change.account, &paid.account);
    let elsewhere = !exact && change.account.is_some() && paid.account.is_some();
    let always = paid.known_since.is_some_and(|since| since < change.at);
    if paid.at < change.at || elsewhere || always || !(exact || same(&change.counterparty, &paid.counterparty)) {
        return None;
    }
    let after = paid.at - change.at;
    let within = |hours: i64| after <= Span::from_hours(hours);
    let severity = match change.approvers.len() {
        _ if after > Span::from_days(i64::from(profile.change_days)) => return None,
        _ if small(paid, profile) => Severity::Low,
        0 | 1 if exact && within(profile.change_critical_hours) => Severity::Critical,
        0 | 1 if within(profile.change_high_hours) => Severity::High,
        0 if approval_is_usual => Severity::Medium,
        0 => Severity::Low,
        1 => return None,
        _ if exact && within(profile.change_critical_hours) => Severity::High,
        _ if within(profile.change_high_hours) => Severity::Medium,
        _ => return None,
    };
    let approved = names(change.approvers.iter().map(Text::as_str));
    let name = who(paid.counterparty.as_deref().or(change.counterparty.as_deref()));
    let (amount, lag) = (money(paid.amount, paid.currency.as_deref()), after.in_words());
    let by = who(change.by.as_deref());
    let number =
        paid.account.as_deref().map_or_else(|| "no account".to_owned(), |number| format!("account {}", ending(number)));
    let words = Words {
        severity,
        detector: "account_changed_and_paid",
        p_value: None,
        observed: format!("{number} paid {lag} after the change by {by}, approved by {approved}"),
        expected: format!(
            "the account it always had, or an approved change more than {} hours old",
            profile.change_high_hours
        ),
        phrase: format!("paid {amount} to {name} {lag} after its account was changed by {by}, approved by {approved}"),
        about: mark(&[&change.id]),
    };
    Some(words.breach())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Books, DAY};
    use super::*;

    /// A vendor paid at `A-1111` for weeks, then a change to `A-2222` and a payment.
    fn diverted(change: &str, hours: i64, payment: &str) -> Option<(&'static str, Severity)> {
        let mut books = Books::default();
        books.weeks(|day| {
            format!(
                r#""kind":"payment","amount":{},"counterparty":"Acme","account":"A-1111","approvers":["ann"]"#,
                900 + day
            )
        });
        books.quiet(
            30 * DAY,
            &format!(r#""kind":"vendor_bank_change","counterparty":"Acme","account":"A-2222",{change}"#),
        );
        books.worst(
            30 * DAY + hours * 60,
            &format!(r#""kind":"payment","counterparty":"Acme","approvers":["ann"],{payment}"#),
        )
    }

    #[test]
    fn a_changed_account_that_is_paid_at_once_is_found() {
        let (new, old) = (r#""amount":900,"account":"A-2222""#, r#""amount":900,"account":"A-1111""#);
        let (alone, one, two) =
            (r#""by":"eve""#, r#""by":"eve","approvers":["eve","bob"]"#, r#""by":"eve","approvers":["bob","cid"]"#);
        let changed = |severity| Some(("account_changed_and_paid", severity));
        let cases = [
            (alone, 1, new, changed(Severity::Critical)),
            (one, 1, new, changed(Severity::Critical)),
            (two, 1, new, changed(Severity::High)),
            (alone, 40, new, changed(Severity::High)),
            (two, 40, new, changed(Severity::Medium)),
            (alone, 1, r#""amount":900"#, changed(Severity::High)),
            (alone, 100, new, changed(Severity::Low)),
            (alone, 1, r#""amount":0.01,"account":"A-2222""#, changed(Severity::Low)),
            (one, 72, new, None),
            (alone, 1, old, None),
            (one, 30 * 24, new, None),
            (alone, 1, r#""amount":900,"account":"A-3333""#, Some(("unknown_account", Severity::High))),
        ];
        for (change, hours, payment, expected) in cases {
            assert_eq!(diverted(change, hours, payment), expected, "{change} {hours} {payment}");
        }
    }

    #[test]
    fn a_change_that_arrives_after_the_payment_is_held_against_it() {
        let mut books = Books::default();
        let pay = r#""kind":"payment","amount":900,"counterparty":"Acme","account":"A-2222""#;
        let change = r#""kind":"vendor_bank_change","counterparty":"Acme","account":"A-2222","by":"eve""#;
        books.quiet(104, pay);
        assert_eq!(books.worst(100, change), Some(("account_changed_and_paid", Severity::Critical)));
        let mut books = Books::default();
        books.quiet(99, pay);
        books.quiet(100, change);
    }

    #[test]
    fn an_account_that_nobody_announced_is_held_against_the_counterpartys_history() {
        let pay =
            |account: &str| format!(r#""kind":"payment","amount":900,"counterparty":"Acme","account":"{account}""#);
        let mut books = Books::default();
        books.weeks(|_| pay("A-1111"));
        assert_eq!(books.worst(30 * DAY, &pay("B-9")), Some(("unknown_account", Severity::Medium)));
        books
            .quiet(30 * DAY + 1, r#""kind":"payee_created","counterparty":"Acme","account":"C-7","approvers":["bob"]"#);
        books.quiet(31 * DAY, &pay("C-7"));
        let mut various = Books::default();
        various.weeks(|day| pay(&format!("A-{day}")));
        various.quiet(30 * DAY, &pay("B-9"));
        let mut young = Books::default();
        (0..5).for_each(|day| young.quiet(day * DAY, &pay("A-1111")));
        young.quiet(6 * DAY, &pay("B-9"));
    }

    #[test]
    fn a_flood_of_probes_pushes_out_no_account_and_no_vendor() {
        let pay = |party: &str, account: &str, amount: f64| {
            format!(r#""kind":"payment","amount":{amount},"counterparty":"{party}","account":"{account}""#)
        };
        let mut books = Books::default();
        books.profile.parties_max = 20;
        books.weeks(|_| pay("Acme", "A-1111", 900.0));
        let found = Some(("unknown_account", Severity::Medium));
        for nth in 0..3 * ACCOUNTS_MAX as i64 {
            books.feed(31 * DAY + nth, &pay("Acme", &format!("P-{nth}"), 0.01));
        }
        for nth in 0..100 {
            books.quiet(31 * DAY + 100 + nth, &pay(&format!("temp-{nth}"), &format!("T-{nth}"), 5.0));
        }
        assert_eq!(
            books.worst(31 * DAY + 300, &pay("Acme", "B-9", 900.0)).map(|(name, _)| name),
            found.map(|(name, _)| name)
        );
    }
}
