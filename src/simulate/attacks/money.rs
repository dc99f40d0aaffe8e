//! Wrong money: what the finance bots are made to pay.

use compact_str::format_compact;
use rand::Rng as _;
use smallvec::smallvec;

use super::{Scenario, stranger};
use crate::event::{Text, Transaction};
use crate::simulate::chance::{between, count, lognormal, pick};
use crate::simulate::money::{Payee, Purse, account};
use crate::simulate::session::Act;
use crate::simulate::story::Writer;

/// Puts transactions into a session of the test.
fn within_session(
    w: &mut Writer<'_>,
    scenario: Scenario,
    note: String,
    moves: Vec<Transaction>,
    apart_secs: f64,
) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let mark = scenario.label(w, note);
    w.alter(planned.day, nth, Act::Money(moves, apart_secs), mark);
    Some(())
}

pub(super) fn vendor_change_paid(w: &mut Writer<'_>) -> Option<()> {
    let purse = w.plan.purse.as_ref()?;
    let payee = &purse.payees[w.rng.gen_range(0..purse.payees.len().min(15))];
    let fresh = account(&mut w.rng, if w.plan.country == "DE" { "LT" } else { "DE" });
    let by = if w.happens(0.5) { w.plan.name.clone() } else { stranger(w).into() };
    let change = Transaction {
        kind: Some("vendor_bank_change".into()),
        counterparty: Some(payee.name.clone()),
        account: Some(fresh.clone()),
        by: Some(by),
        ..Transaction::default()
    };
    let amount = payee.amount * between(&mut w.rng, 1.5, 6.0);
    let payment = purse.payment(&mut w.rng, payee.name.clone(), fresh, amount);
    let note = format!("account of {} changed and {amount:.0} paid to it minutes later", payee.name);
    within_session(w, Scenario::VendorChangePaid, note, vec![change, payment], 240.0)
}

pub(super) fn bulk_payees(w: &mut Writer<'_>) -> Option<()> {
    let n = count(&mut w.rng, 9, 25);
    let mut moves = Vec::with_capacity(n * 2);
    for _ in 0..n {
        let name = format_compact!(
            "{} Services {:04}",
            w.word(&["Apex", "Delta", "Orion", "Zenith"]),
            w.rng.gen_range(1_000..9_999)
        );
        let account = account(&mut w.rng, w.plan.country);
        moves.push(Purse::payee_created(name, account, w.plan.name.clone(), None));
    }
    within_session(w, Scenario::BulkPayees, format!("{n} payees set up in one session"), moves, 12.0)
}

pub(super) fn few_refunds(w: &mut Writer<'_>) -> Option<()> {
    let purse = w.plan.purse.as_ref()?;
    let n = count(&mut w.rng, 14, 40);
    let customers: Vec<Text> =
        (0..count(&mut w.rng, 1, 3)).map(|_| format_compact!("C{:06}", w.rng.gen_range(100_000..100_800))).collect();
    let mut moves = Vec::with_capacity(n);
    for _ in 0..n {
        let customer = pick(&mut w.rng, &customers).clone();
        let amount = lognormal(&mut w.rng, 60.0, 0.5);
        moves.push(purse.refund(&mut w.rng, customer, amount));
    }
    within_session(w, Scenario::FewRefunds, format!("{n} refunds to {} customers", customers.len()), moves, 15.0)
}

pub(super) fn approval_chain(w: &mut Writer<'_>) -> Option<()> {
    let purse = w.plan.purse.as_ref()?;
    let payee = pick(&mut w.rng, &purse.payees[..purse.payees.len().min(15)]);
    let by = Text::from(stranger(w));
    let change = Transaction {
        kind: Some("approval_chain_change".into()),
        object: Some(format_compact!("chain-{}", w.plan.name)),
        approvers: smallvec![by.clone()],
        by: Some(by.clone()),
        ..Transaction::default()
    };
    let amount = purse.limit * between(&mut w.rng, 1.2, 4.0);
    let mut payment = purse.payment(&mut w.rng, payee.name.clone(), payee.account.clone(), amount);
    payment.approvers = smallvec![by.clone()];
    let note = format!("{by} becomes the only approver, then {amount:.0} is paid");
    within_session(w, Scenario::ApprovalChain, note, vec![change, payment], 120.0)
}

/// A payee who is paid often.
fn regular(w: &mut Writer<'_>) -> Option<Payee> {
    let payees = &w.plan.purse.as_ref()?.payees;
    Some(pick(&mut w.rng, &payees[..payees.len().min(8)]).clone())
}

pub(super) fn unknown_account(w: &mut Writer<'_>) -> Option<()> {
    let (purse, payee) = (w.plan.purse.as_ref()?, regular(w)?);
    let fresh = account(&mut w.rng, if w.plan.country == "DE" { "LT" } else { "DE" });
    let note = format!("{} paid at {fresh}, which nobody announced", payee.name);
    let payment = purse.payment(&mut w.rng, payee.name, fresh, payee.amount);
    within_session(w, Scenario::UnknownAccount, note, vec![payment], 30.0)
}

pub(super) fn own_approval(w: &mut Writer<'_>) -> Option<()> {
    let (purse, payee) = (w.plan.purse.as_ref()?, regular(w)?);
    let note = format!("a payment to {} that the bot approves itself", payee.name);
    let mut payment = purse.payment(&mut w.rng, payee.name, payee.account, payee.amount);
    payment.approvers = payment.by.iter().cloned().collect();
    within_session(w, Scenario::OwnApproval, note, vec![payment], 30.0)
}

pub(super) fn split_payments(w: &mut Writer<'_>) -> Option<()> {
    let (purse, payee) = (w.plan.purse.as_ref()?, regular(w)?);
    let n = count(&mut w.rng, 3, 7);
    let mut parts = Vec::with_capacity(n);
    for _ in 0..n {
        let amount = purse.limit * between(&mut w.rng, 0.92, 0.995);
        parts.push(purse.payment(&mut w.rng, payee.name.clone(), payee.account.clone(), amount));
    }
    let note = format!("{} paid in {n} parts, each below {:.0}", payee.name, purse.limit);
    within_session(w, Scenario::SplitPayments, note, parts, 60.0)
}

pub(super) fn extreme_amount(w: &mut Writer<'_>) -> Option<()> {
    let purse = w.plan.purse.as_ref()?;
    let payee = regular(w)?;
    let moved = if purse.refunds {
        let (customer, amount) = (format_compact!("C{:06}", w.rng.gen_range(100_000..100_800)), 9_000.0);
        let amount = amount * between(&mut w.rng, 1.0, 4.0);
        purse.refund(&mut w.rng, customer, amount)
    } else {
        let largest = purse.payees.iter().map(|payee| payee.amount).fold(0.0, f64::max);
        let amount = largest * between(&mut w.rng, 40.0, 150.0);
        purse.payment(&mut w.rng, payee.name, payee.account, amount)
    };
    let note = format!("{:.0} in one piece", moved.amount.unwrap_or_default());
    within_session(w, Scenario::ExtremeAmount, note, vec![moved], 30.0)
}

pub(super) fn refund_sum(w: &mut Writer<'_>) -> Option<()> {
    let purse = w.plan.purse.as_ref()?;
    let customer = format_compact!("C{:06}", w.rng.gen_range(100_000..100_800));
    let n = count(&mut w.rng, 3, 4);
    let mut refunds = Vec::with_capacity(n);
    for _ in 0..n {
        let amount = between(&mut w.rng, 700.0, 1_500.0);
        refunds.push(purse.refund(&mut w.rng, customer.clone(), amount));
    }
    within_session(w, Scenario::RefundSum, format!("{n} large refunds to {customer}"), refunds, 40.0)
}
