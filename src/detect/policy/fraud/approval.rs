//! Payments whose approval is not what it was: the chain was changed right before, or the requester approved.
//!
//! Whoever can change who approves needs no accomplice. A change of the chain by itself is administration; followed
//! within `chain_hours` by a payment with an approver whom this bot's payments never had, or with fewer approvers than
//! payments of that size have, it is the pattern. It is critical when who made the change also approved. Which chain a
//! payment belongs to is seldom said: a change counts for the bot in whose log it stands, for the object it names, and
//! for any bot whose payment carries an approver that it brought.
//!
//! A requester among the approvers breaks the separation of duties, unless the bot's payments are often like that
//! (small amounts that pass without a person are a design). With somebody else's approval beside it, it is low.
//!
//! *Fewer than usual* is by amount: approvers follow limits, so a payment is held against those at least as large (or,
//! where there are few, the largest ones).
//!
//! Bounds: [`PEOPLE_MAX`] approvers, four histograms. Blind spot: an approver who lends the account to another.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ledger::{ChainChange, Ledger};
use super::paid::Paid;
use super::words::{Words, money, names, who};
use super::{Breach, Case, mark};
use crate::alert::Severity;
use crate::detect::profile::FraudProfile;
use crate::event::Text;
use crate::stats::log_histogram::LogHistogram;
use crate::stats::sorted::SortedMap;
use crate::time::Span;

/// Approvers kept for a bot.
const PEOPLE_MAX: usize = 256;
/// Days on which a doubted approver approved, after which it is one. As `[learn] adopt_days`.
const ADOPT_DAYS: u8 = 4;
/// Days after which an approver who was not seen is forgotten: a quarter, and the holidays around it.
const PEOPLE_DAYS: i32 = 120;
/// Payments at least as large that a number of approvers is held against.
const LARGE_MIN: f64 = 5.0;
/// What an amount is lessened by until there are so many. Smaller: it is held against far smaller ones.
const LARGE_STEP: f64 = 0.5;
/// Share of them with as few approvers, up to which that is fewer than usual.
const FEW_SHARE: f64 = 0.05;
/// Such payments, weighted by age, without which it is not.
const OWN_MIN: f64 = 0.5;
/// Share of payments that their requester approved, from which it is how this bot works.
const OWN_SHARE: f64 = 0.02;

/// Who approved a bot's payments, and how many did by amount.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Approvals {
    people: SortedMap<Approver>,
    /// Amounts by number of approvers; the last holds three and more.
    amounts: [LogHistogram; 4],
    /// Payments that somebody approved, and those that their requester did.
    approved: f64,
    own: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Approver {
    last_day: i32,
    /// Days on which the approval was doubted; 0 if it never was.
    doubted_days: u8,
}

impl Approvals {
    /// Whether enough payments are known to say who approves them.
    pub(super) fn seasoned(&self, profile: &FraudProfile) -> bool {
        self.approved >= profile.approvals_min
    }

    /// Approvers that this bot's payments never had; none while few payments are known.
    pub(super) fn fresh(&self, approvers: &[Text], profile: &FraudProfile) -> SmallVec<[Text; 2]> {
        let known = |name: &Text| self.people.get(mark(&[name])).is_some_and(|known| known.known());
        let enough = self.seasoned(profile);
        approvers.iter().filter(|name| enough && !known(name)).cloned().collect()
    }

    /// Whether payments of such an amount usually have more approvers.
    pub(super) fn fewer(&self, amount: Option<f64>, approvers: usize) -> bool {
        let weight =
            |few: usize, from: f64| self.amounts[..few].iter().map(|known| known.weight_from(from)).sum::<f64>();
        if approvers >= self.amounts.len() - 1 || weight(4, 0.0) < LARGE_MIN {
            return false;
        }
        let mut from = amount.unwrap_or(0.0).max(0.0);
        while from > 1.0 && weight(4, from) < LARGE_MIN {
            from *= LARGE_STEP;
        }
        let from = if from > 1.0 { from } else { 0.0 };
        weight(approvers + 1, from) <= FEW_SHARE * weight(4, from)
    }

    /// Share of this bot's payments that are larger than an amount.
    pub(super) fn share_above(&self, amount: f64) -> f64 {
        let total: f64 = self.amounts.iter().map(LogHistogram::total).sum();
        let above: f64 = self.amounts.iter().map(|known| known.weight_from(amount)).sum();
        if total > 0.0 { above / total } else { 1.0 }
    }

    /// Learns a payment; of a flagged one only that its approvers were there again.
    pub(super) fn learn(&mut self, case: &Case<'_>, flagged: bool) {
        let (transaction, day) = (case.transaction, case.day);
        for name in &transaction.approvers {
            let fresh = Approver { last_day: day, doubted_days: u8::from(flagged) };
            let known = self.people.or_insert_with(mark(&[name]), || fresh);
            if !known.known() && day > known.last_day {
                known.doubted_days = if flagged { known.doubted_days + 1 } else { ADOPT_DAYS };
            }
            known.last_day = known.last_day.max(day);
        }
        while self.people.len() > PEOPLE_MAX
            && let Some(oldest) =
                self.people.iter().min_by_key(|(_, known)| (known.known(), known.last_day)).map(|(mark, _)| mark)
        {
            self.people.remove(oldest);
        }
        if flagged {
            return;
        }
        let count = transaction.approvers.len().min(self.amounts.len() - 1);
        self.amounts[count].learn(transaction.amount.unwrap_or(0.0), 1.0);
        if count > 0 {
            self.approved += 1.0;
            self.own += f64::from(u8::from(own(case)));
        }
    }

    /// Shrinks the weights and lets go who has not approved for long.
    pub(super) fn forget(&mut self, factor: f64, day: i32) {
        for known in &mut self.amounts {
            known.forget(factor);
        }
        self.approved *= factor;
        self.own *= factor;
        self.people.retain(|_, known| day - known.last_day <= PEOPLE_DAYS);
    }
}

impl Approver {
    fn known(self) -> bool {
        self.doubted_days == 0 || self.doubted_days >= ADOPT_DAYS
    }
}

/// Whether the requester is among the approvers.
fn own(case: &Case<'_>) -> bool {
    let transaction = case.transaction;
    transaction.by.as_ref().is_some_and(|by| transaction.approvers.contains(by))
}

/// A payment that its requester approved.
pub(super) fn own_request(case: &Case<'_>, approvals: &Approvals) -> Option<Breach> {
    let transaction = case.transaction;
    let by = transaction.by.as_ref().filter(|_| own(case))?;
    let enough = case.mature && approvals.seasoned(case.profile);
    let usual = approvals.own >= OWN_SHARE * approvals.approved && approvals.own >= OWN_MIN;
    let alone = transaction.approvers.iter().all(|name| name == by);
    let severity = match (enough, usual) {
        (true, true) => return None,
        _ if !alone => Severity::Low,
        (true, false) => Severity::High,
        // Of a young bot it is not known whether that is how it works; a person is not made to work like that.
        (false, _) if case.event.by_person() => Severity::Medium,
        (false, _) => Severity::Low,
    };
    let amount = money(transaction.amount, transaction.currency.as_deref());
    let name = who(transaction.counterparty.as_deref());
    let words = Words {
        severity,
        detector: "own_approval",
        p_value: None,
        observed: format!("requested and approved by `{by}`"),
        expected: "an approver who is not the requester".to_owned(),
        phrase: format!("paid {amount} to {name}, requested and approved by `{by}` alike"),
        about: mark(&[by]),
    };
    Some(words.breach())
}

impl Ledger {
    /// Takes in a change of who approves, and holds it against payments that arrived before it.
    pub(super) fn chain_change(&mut self, case: &Case<'_>) -> Option<Breach> {
        let transaction = case.transaction;
        let chain = ChainChange {
            at: case.event.ts,
            id: case.event.id.clone(),
            bot: case.bot,
            object: transaction.object.clone(),
            by: transaction.by.clone(),
            approvers: transaction.approvers.clone(),
        };
        let found = self.waiting.iter().filter_map(|paid| {
            let mut breach = paid_after(&chain, paid, case.profile)?;
            (breach.about, breach.newest) = (Some(paid.bot), Some(paid.at));
            breach.evidence = vec![paid.id.clone()];
            Some(breach)
        });
        let worst = found.max_by_key(|breach| breach.severity);
        self.keep_chain(chain);
        worst
    }

    /// Holds a payment against the changes of who approves before it.
    pub(super) fn paid_after_chain(&self, paid: &Paid, profile: &FraudProfile) -> Option<Breach> {
        let found = self.chains.iter().filter_map(|chain| {
            let mut breach = paid_after(chain, paid, profile)?;
            breach.evidence = vec![chain.id.clone()];
            Some(breach)
        });
        found.max_by_key(|breach| breach.severity)
    }
}

/// A payment whose approval a change of the chain right before it explains.
fn paid_after(chain: &ChainChange, paid: &Paid, profile: &FraudProfile) -> Option<Breach> {
    let brought = |name: &Text| chain.approvers.contains(name) || chain.by.as_ref() == Some(name);
    let new = paid.fresh.iter().any(brought);
    let concerned = chain.bot == paid.bot || new || (chain.object.is_some() && chain.object == paid.object);
    if !concerned || paid.at < chain.at || paid.at - chain.at > Span::from_hours(profile.chain_hours) {
        return None;
    }
    let same = |by: &Text| paid.approvers.contains(by) && chain.approvers.contains(by);
    let installed = chain.by.as_ref().is_some_and(|by| same(by) || paid.fresh.contains(by));
    let severity = match (installed, paid.fewer, paid.fresh.is_empty()) {
        (true, true, _) | (true, _, false) => Severity::Critical,
        (_, true, _) => Severity::High,
        (_, _, false) => Severity::Medium,
        // Nothing is known of how this bot's payments are approved, but that one who made himself approver did so.
        (true, ..) if !paid.seasoned => Severity::High,
        _ => return None,
    };
    let (approved, lag) = (names(paid.approvers.iter().map(Text::as_str)), (paid.at - chain.at).in_words());
    let (amount, by) = (money(paid.amount, paid.currency.as_deref()), who(chain.by.as_deref()));
    let name = who(paid.counterparty.as_deref());
    let words = Words {
        severity,
        detector: "approval_chain_changed",
        p_value: None,
        observed: format!("approved by {approved}, {lag} after {by} changed the approval chain"),
        expected: "the approvers it always had, and as many".to_owned(),
        phrase: format!("paid {amount} to {name}, approved by {approved}, {lag} after {by} changed the approval chain"),
        about: mark(&[&chain.id]),
    };
    Some(words.breach())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Books, DAY};
    use super::*;

    fn pay(amount: f64, rest: &str) -> String {
        format!(r#""kind":"payment","amount":{amount},"counterparty":"Acme","account":"A-1","by":"pay-bot",{rest}"#)
    }

    /// Two approvers above 5,000, one below.
    fn limited() -> Books {
        let mut books = Books::default();
        for day in 0..30 {
            books.quiet(day * DAY, &pay(800.0 + day as f64, r#""approvers":["ann"]"#));
            books.quiet(day * DAY + 9, &pay(9_000.0, r#""approvers":["ann","bob"]"#));
        }
        books
    }

    fn changed(chain: &str, hours: i64, payment: &str) -> Option<(&'static str, Severity)> {
        let mut books = limited();
        books.quiet(30 * DAY, &format!(r#""kind":"approval_chain_change","object":"chain",{chain}"#));
        books.worst(30 * DAY + 60 * hours, payment)
    }

    #[test]
    fn a_chain_that_is_changed_right_before_a_payment_is_found() {
        let (own, given) = (r#""by":"eve","approvers":["eve"]"#, r#""by":"ann","approvers":["eve","bob"]"#);
        let found = |severity| Some(("approval_chain_changed", severity));
        let cases = [
            (own, 1, pay(9_500.0, r#""approvers":["eve"]"#), found(Severity::Critical)),
            (given, 1, pay(9_500.0, r#""approvers":["bob"]"#), found(Severity::High)),
            (given, 1, pay(850.0, r#""approvers":["eve"]"#), found(Severity::Medium)),
            (given, 1, pay(9_500.0, r#""approvers":["ann","bob"]"#), None),
            (own, 30, pay(9_500.0, r#""approvers":["ann","bob"]"#), None),
            (given, 30, pay(850.0, r#""approvers":["eve"]"#), None),
        ];
        for (chain, hours, payment, expected) in cases {
            assert_eq!(changed(chain, hours, &payment), expected, "{chain} {hours} {payment}");
        }
    }

    #[test]
    fn a_change_that_arrives_after_the_payment_is_held_against_it() {
        let mut books = limited();
        books.quiet(30 * DAY + 4, &pay(9_500.0, r#""approvers":["eve"]"#));
        let chain = r#""kind":"approval_chain_change","object":"chain","by":"eve","approvers":["eve"]"#;
        assert_eq!(books.worst(30 * DAY, chain), Some(("approval_chain_changed", Severity::Critical)));
    }

    #[test]
    fn a_requester_who_approves_is_found_unless_that_is_how_it_works() {
        let own = pay(850.0, r#""approvers":["pay-bot"]"#);
        assert_eq!(limited().worst(30 * DAY, &own), Some(("own_approval", Severity::High)));
        let beside = pay(850.0, r#""approvers":["pay-bot","ann"]"#);
        assert_eq!(limited().worst(30 * DAY, &beside), Some(("own_approval", Severity::Low)));
        let mut straight = Books::default();
        straight.weeks(|_| own.clone());
        straight.quiet(30 * DAY, &own);
    }

    #[test]
    fn a_rule_that_is_off_hides_no_other_and_doubts_as_ever() {
        let chain = r#""kind":"approval_chain_change","object":"chain","by":"pay-bot","approvers":["pay-bot"]"#;
        let own = pay(9_500.0, r#""approvers":["pay-bot"]"#);
        let names = |off: Vec<&'static str>| {
            let mut books = limited();
            books.off = off;
            books.quiet(30 * DAY, chain);
            let case = books.all(30 * DAY + 60, &own);
            (case, books.history().approvals.people.len())
        };
        assert_eq!(names(vec![]), (vec!["approval_chain_changed"], 3));
        assert_eq!(names(vec!["approval_chain_changed"]), (vec!["approval_chain_changed", "own_approval"], 3));
    }

    #[test]
    fn doubted_approvers_push_out_no_known_one() {
        let mut books = limited();
        books.quiet(30 * DAY, r#""kind":"approval_chain_change","object":"chain","by":"eve","approvers":["eve"]"#);
        for nth in 0..2 * PEOPLE_MAX as i64 {
            books.feed(30 * DAY + 1 + nth / 16, &pay(9_500.0, &format!(r#""approvers":["eve","temp-{nth}"]"#)));
        }
        let people = &books.history().approvals.people;
        assert!(people.len() <= PEOPLE_MAX && ["ann", "bob"].iter().all(|name| people.contains_key(mark(&[name]))));
    }
}
