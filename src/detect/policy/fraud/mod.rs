//! What is wrong with the money that a bot moves: rules on its transactions, held against its own history.
//!
//! | rule | in |
//! |---|---|
//! | a counterparty's account is changed and paid at once, or paid without a change | [`account`] |
//! | the approval chain is changed right before a payment, or a requester approves | [`approval`] |
//! | payees in bulk | [`payees`] |
//! | refunds to few customers | [`refunds`] |
//! | payments split below a limit | [`splits`] |
//! | amounts far off the bot's own | [`amounts`] |
//!
//! Rules and not one more score: each is a known way of stealing with a known remedy, and an accounts-payable team asks
//! for the pattern, not for a probability. Where *unusual* is part of the pattern, the bot's own history decides, once
//! it is mature. What bots of one tenant must know of each other (a change is made by one and paid by another) is in
//! the [`Ledger`]; all else is in the bot's [`MoneyHistory`], which only bots with transactions have. What a rule
//! flagged is not learned, or lightly.
//!
//! A transaction by a person under the bot's name counts as well. Names and account numbers are kept as [`mark`]s of 64
//! bits; messages show the last characters of an account and no more.
//!
//! Blind spots: transactions that failed or were refused are passed over; amounts are compared within one currency
//! only; who changes an account in a system that writes no such event is seen by the payment alone.

mod account;
mod amounts;
mod approval;
mod ledger;
mod paid;
mod payees;
mod refunds;
mod splits;
mod words;

use serde::{Deserialize, Serialize};

use super::breach::Breach;
use crate::alert::Severity;
use crate::detect::profile::FraudProfile;
use crate::event::{Event, Outcome, Transaction};
use crate::stats::forget;

pub(in crate::detect) use ledger::{Ledger, Ledgers};

/// A transaction with what the rules need to know of its bot.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Case<'a> {
    pub event: &'a Event,
    pub transaction: &'a Transaction,
    /// Number of the bot.
    pub bot: u32,
    /// Local day, and the first one of the bot's baseline.
    pub day: i32,
    pub first_day: i32,
    /// Whether the baseline is, and how many days that takes.
    pub mature: bool,
    pub mature_days: u32,
    pub window_days: u32,
    pub profile: &'a FraudProfile,
    /// Rules that are off: they are learned from as ever, and none stands back for them.
    pub off: &'a [&'a str],
}

impl Case<'_> {
    /// Whether a finding is one that others stand back for.
    fn tells(&self, found: Option<&Breach>) -> bool {
        found.is_some_and(|breach| !self.off.contains(&breach.reason.detector.as_str()))
    }
}

/// What the rules say of a transaction.
#[derive(Debug, Default)]
pub(in crate::detect) struct Audit {
    /// Worst first.
    pub breaches: Vec<Breach>,
    /// Times that a bound cut something.
    pub limited: u64,
}

/// What a bot's transactions have been like; about 1 KiB, and up to 100 bytes a counterparty or customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::detect) struct MoneyHistory {
    /// First day on which a transaction would have been seen, and the day that it stands at.
    since: i32,
    day: i32,
    parties: account::Parties,
    approvals: approval::Approvals,
    payees: payees::Payees,
    refunds: refunds::Refunds,
    splits: splits::Splits,
    amounts: amounts::Amounts,
}

impl MoneyHistory {
    /// A history without transactions since a day: had there been any, they would have been seen.
    fn new(since: i32) -> Self {
        Self {
            since,
            day: since,
            parties: account::Parties::default(),
            approvals: approval::Approvals::default(),
            payees: payees::Payees::default(),
            refunds: refunds::Refunds::default(),
            splits: splits::Splits::default(),
            amounts: amounts::Amounts::default(),
        }
    }

    /// Moves to a local day.
    fn roll(&mut self, day: i32, window_days: u32) {
        let passed = day - self.day;
        if passed <= 0 {
            return;
        }
        let window = f64::from(window_days);
        let factor = forget(f64::from(passed), window);
        self.approvals.forget(factor, day);
        self.payees.roll(passed, window);
        self.refunds.roll(day, passed, window);
        self.splits.roll(passed, window);
        self.amounts.forget(factor);
        self.parties.forget(day);
        self.day = day;
    }

    /// Bytes on the heap, about.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        let parts = [self.parties.heap_bytes(), self.refunds.heap_bytes(), self.splits.heap_bytes()];
        size_of::<Self>() + parts.iter().sum::<usize>() + self.amounts.heap_bytes()
    }
}

/// Holds a transaction against all rules, then learns it.
pub(in crate::detect) fn check(case: &Case<'_>, kept: &mut Option<Box<MoneyHistory>>, ledger: &mut Ledger) -> Audit {
    let Some(kind) = case.transaction.kind.as_deref().filter(|_| case.event.outcome == Outcome::Ok) else {
        return Audit::default();
    };
    // The first transaction of a bot says nothing of the days before, unless its tenant's were seen then.
    ledger.open(case.event.ts, case.day, case.profile);
    let since = case.first_day.max(ledger.since_day(case.day)).min(case.day);
    let history = kept.get_or_insert_with(|| Box::new(MoneyHistory::new(since)));
    history.roll(case.day, case.window_days);
    let judged = case.mature && case.day - history.since >= case.mature_days as i32;
    let case = &Case { mature: judged, ..*case };
    let mut audit = Audit::default();
    match kind {
        "payment" => payment(case, history, ledger, &mut audit),
        "refund" => audit.breaches.extend(history.refunds.check(case, &mut audit.limited)),
        "vendor_bank_change" => audit.breaches.extend(ledger.bank_change(case)),
        "payroll_change" => audit.limited += ledger.announce(case),
        "approval_chain_change" => audit.breaches.extend(ledger.chain_change(case)),
        kind if case.profile.payee_kinds.iter().any(|known| known == kind) => {
            audit.limited += ledger.announce(case);
            audit.breaches.extend(history.payees.check(case));
        }
        _ => {}
    }
    let pages = audit.breaches.iter().any(|breach| breach.severity.pages());
    audit.breaches.extend(history.amounts.check(case, kind, pages));
    audit.breaches.sort_by_key(|breach| std::cmp::Reverse(breach.severity));
    audit
}

fn payment(case: &Case<'_>, history: &mut MoneyHistory, ledger: &mut Ledger, audit: &mut Audit) {
    let paid = paid::Paid::of(case, history, ledger);
    let changed = ledger.paid_after_change(&paid, case.profile);
    let unknown = if case.tells(changed.as_ref()) { None } else { account::unknown(case, &paid, history, ledger) };
    let chain = ledger.paid_after_chain(&paid, case.profile);
    let own = if case.tells(chain.as_ref()) { None } else { approval::own_request(case, &history.approvals) };
    let split = history.splits.check(case, &history.approvals);
    let flagged = [&changed, &unknown].into_iter().flatten().any(|breach| breach.severity >= Severity::Low);
    audit.limited += history.parties.learn(case, &paid, flagged);
    audit.limited += ledger.learn(case, &paid, flagged);
    let doubted = [&chain, &own].into_iter().flatten().any(|breach| breach.severity.pages());
    history.approvals.learn(case, doubted);
    audit.breaches.extend([changed, unknown, chain, own, split].into_iter().flatten());
    ledger.wait(paid);
}

/// 64 bits that stand for texts: of a hash that cannot be aimed at, since accounts are compared between bots and an
/// attacker may choose one. Parts are told apart.
fn mark(parts: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes()).update(&[0xff]);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests;
