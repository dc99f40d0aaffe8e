//! Wrong money: what the finance bots are made to pay.

use compact_str::format_compact;
use rand::Rng as _;
use smallvec::smallvec;

use super::{Scenario, stranger};
use crate::event::{Text, Transaction};
use crate::simulate::chance::{between, count, lognormal, pick};
use crate::simulate::money::{Purse, account};
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
