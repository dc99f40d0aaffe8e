//! A payment as the rules compare it: with what was known of its account and its approvers when it was made.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ledger::Ledger;
use super::{Case, MoneyHistory, mark};
use crate::event::Text;
use crate::time::Timestamp;

/// A payment. It is kept for a while, since the change that makes it wrong may arrive after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Paid {
    pub at: Timestamp,
    pub bot: u32,
    pub id: Text,
    pub counterparty: Option<Text>,
    pub account: Option<Text>,
    pub object: Option<Text>,
    pub amount: Option<f64>,
    pub currency: Option<Text>,
    pub approvers: SmallVec<[Text; 2]>,
    /// Approvers that the bot's payments never had; none while too little is known.
    pub fresh: SmallVec<[Text; 2]>,
    /// Whether payments of such an amount usually have more approvers.
    pub fewer: bool,
    /// Whether enough is known of how the bot's payments are approved.
    pub seasoned: bool,
    /// Since when the account has been this counterparty's.
    pub known_since: Option<Timestamp>,
}

impl Paid {
    /// The payment at hand, before anything is learned from it.
    pub(super) fn of(case: &Case<'_>, history: &MoneyHistory, ledger: &Ledger) -> Self {
        let (event, transaction) = (case.event, case.transaction);
        let approvers = &transaction.approvers;
        let own = known_pair(transaction.counterparty.as_deref(), transaction.account.as_deref());
        let known_since = own.and_then(|[party, account]| {
            let own = history.parties.known_since(party, account);
            [own, ledger.established(account, event.ts, case.profile)].into_iter().flatten().min()
        });
        Self {
            at: event.ts,
            bot: case.bot,
            id: event.id.clone(),
            counterparty: transaction.counterparty.clone(),
            account: transaction.account.clone(),
            object: transaction.object.clone(),
            amount: transaction.amount,
            currency: transaction.currency.clone(),
            approvers: approvers.clone(),
            fresh: if case.mature { history.approvals.fresh(approvers, case.profile) } else { SmallVec::new() },
            fewer: case.mature && history.approvals.fewer(transaction.amount, approvers.len()),
            seasoned: case.mature && history.approvals.seasoned(case.profile),
            known_since,
        }
    }

    /// Marks of the counterparty and of its account, where both are known.
    pub(super) fn pair(&self) -> Option<[u64; 2]> {
        known_pair(self.counterparty.as_deref(), self.account.as_deref())
    }

    /// Whether a change that is still to come could make it wrong.
    pub(super) fn may_turn_wrong(&self) -> bool {
        self.known_since.is_none() || self.fewer || !self.seasoned || !self.fresh.is_empty()
    }
}

/// Marks of a counterparty, and of an account as that counterparty's.
pub(super) fn known_pair(counterparty: Option<&str>, account: Option<&str>) -> Option<[u64; 2]> {
    let (counterparty, account) = (counterparty?, account?);
    Some([mark(&[counterparty]), mark(&[counterparty, account])])
}
