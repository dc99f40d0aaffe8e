//! What the bots of one tenant must know of each other's money: accounts that were changed, approval chains that were
//! changed, and which account has long been whose.
//!
//! A vendor's account is changed in one system by one bot or person, and paid by another bot from another; neither
//! sees the fraud alone. Changes are kept for `change_days`, announced and paid accounts for `account_days`, since some
//! vendors are paid once a quarter. Events come a little out of order, so that payments which a change would make wrong
//! wait [`WAIT`] for one that is late.
//!
//! Bounds: each list has its own; past it the oldest go, which is counted. Blind spot: a change that is more than the
//! wait late is held against later payments only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Case;
use super::paid::{Paid, known_pair};
use crate::detect::profile::FraudProfile;
use crate::event::Text;
use crate::stats::sorted::SortedMap;
use crate::time::{Span, Timestamp};

/// How late a change may arrive and still be held against payments that came before it.
const WAIT: Span = Span::from_hours(2);
/// Payments that wait at most. Fewer would miss a late change in a busy payment run.
const WAITING_MAX: usize = 256;
/// Changes kept for a tenant, of each kind. Fewer would let a flood of harmless changes hide one.
const CHANGES_MAX: usize = 2048;
/// Share of the oldest accounts that go at once when there are too many, as a divisor.
const EVICTED: usize = 8;

/// The ledgers of all tenants.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct Ledgers {
    tenants: BTreeMap<Text, Ledger>,
}

/// What is remembered of one tenant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::detect) struct Ledger {
    /// Local day of the tenant's first transaction.
    since: Option<i32>,
    newest: Timestamp,
    pub(super) changes: Vec<BankChange>,
    /// Changes of accounts so far, and how many of them somebody approved.
    pub(super) changes_seen: u32,
    pub(super) changes_approved: u32,
    pub(super) chains: Vec<ChainChange>,
    pub(super) waiting: Vec<Paid>,
    /// By mark of counterparty and account.
    accounts: SortedMap<AccountUse>,
}

/// A change of a counterparty's account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BankChange {
    pub at: Timestamp,
    pub id: Text,
    pub counterparty: Option<Text>,
    pub account: Option<Text>,
    pub by: Option<Text>,
    /// Those who approved it, without who made it.
    pub approvers: SmallVec<[Text; 2]>,
}

/// A change of who approves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ChainChange {
    pub at: Timestamp,
    pub id: Text,
    pub bot: u32,
    pub object: Option<Text>,
    pub by: Option<Text>,
    pub approvers: SmallVec<[Text; 2]>,
}

/// How an account has been used for a counterparty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct AccountUse {
    announced: bool,
    first_paid: Option<Timestamp>,
    payments: u32,
    last: Timestamp,
}

impl Ledgers {
    /// The ledger of a tenant.
    pub(in crate::detect) fn of(&mut self, tenant: &Text) -> &mut Ledger {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.clone(), Ledger::default());
        }
        self.tenants.entry(tenant.clone()).or_default()
    }

    /// Drops tenants whose money has not moved for so long that nothing of them counts.
    pub(in crate::detect) fn forget(&mut self, now: Timestamp, profile: &FraudProfile) {
        let oldest = now - Span::from_days(i64::from(profile.account_days));
        self.tenants.retain(|_, ledger| ledger.newest >= oldest);
    }

    /// Bytes that they take, about.
    pub(in crate::detect) fn heap_bytes(&self) -> usize {
        self.tenants.values().map(Ledger::heap_bytes).sum()
    }
}

impl Ledger {
    /// Begins with a transaction: moves on to its time and lets go what is too old.
    pub(super) fn open(&mut self, at: Timestamp, day: i32, profile: &FraudProfile) {
        self.since = Some(self.since.unwrap_or(day));
        let day_before = self.newest.day_utc();
        self.newest = self.newest.later(at);
        let newest = self.newest;
        let oldest = |days: u32| newest - Span::from_days(i64::from(days));
        self.changes.retain(|change| change.at >= oldest(profile.change_days));
        self.chains.retain(|chain| chain.at >= newest - Span::from_hours(profile.chain_hours) - WAIT);
        self.waiting.retain(|paid| paid.at >= newest - WAIT);
        if newest.day_utc() > day_before {
            self.accounts.retain(|_, account| account.last >= oldest(profile.account_days));
        }
    }

    /// Local day of the tenant's first transaction.
    pub(super) fn since_day(&self, today: i32) -> i32 {
        self.since.unwrap_or(today)
    }

    /// Notes that an account is said to be a counterparty's. Says how often the bound cut something.
    pub(super) fn announce(&mut self, case: &Case<'_>) -> u64 {
        let transaction = case.transaction;
        let pair = known_pair(transaction.counterparty.as_deref(), transaction.account.as_deref());
        pair.map_or(0, |[_, account]| self.touch(account, case, |known| known.announced = true))
    }

    /// Whether an account was announced as a counterparty's.
    pub(super) fn announced(&self, account: u64) -> bool {
        self.accounts.get(account).is_some_and(|known| known.announced)
    }

    /// Since when the tenant has paid a counterparty at an account, if that is long and often enough to be usual.
    pub(super) fn established(&self, account: u64, at: Timestamp, profile: &FraudProfile) -> Option<Timestamp> {
        let known = self.accounts.get(account)?;
        let oldest = at - Span::from_days(i64::from(profile.established_days));
        known.first_paid.filter(|first| *first <= oldest && known.payments >= 2)
    }

    /// Learns a payment that nothing was said of. Says how often the bound cut something.
    pub(super) fn learn(&mut self, case: &Case<'_>, paid: &Paid, flagged: bool) -> u64 {
        let Some([_, account]) = paid.pair().filter(|_| !flagged) else { return 0 };
        self.touch(account, case, |known| {
            known.first_paid = Some(known.first_paid.map_or(paid.at, |first| first.min(paid.at)));
            known.payments = known.payments.saturating_add(1);
        })
    }

    /// Keeps a payment that a late change could make wrong.
    pub(super) fn wait(&mut self, paid: Paid) {
        if paid.may_turn_wrong() {
            push_bounded(&mut self.waiting, paid, WAITING_MAX);
        }
    }

    /// Keeps a change of an account.
    pub(super) fn keep_change(&mut self, change: BankChange) {
        push_bounded(&mut self.changes, change, CHANGES_MAX);
    }

    /// Keeps a change of who approves.
    pub(super) fn keep_chain(&mut self, chain: ChainChange) {
        push_bounded(&mut self.chains, chain, CHANGES_MAX);
    }

    fn touch(&mut self, account: u64, case: &Case<'_>, change: impl FnOnce(&mut AccountUse)) -> u64 {
        let at = case.event.ts;
        let fresh = AccountUse { announced: false, first_paid: None, payments: 0, last: at };
        let known = self.accounts.or_insert_with(account, || fresh);
        known.last = known.last.later(at);
        change(known);
        if self.accounts.len() <= case.profile.accounts_max {
            return 0;
        }
        let mut ages: Vec<_> = self.accounts.values().map(|known| known.last).collect();
        ages.sort_unstable();
        let oldest = ages[ages.len() / EVICTED];
        self.accounts.retain(|_, known| known.last > oldest);
        1
    }

    fn heap_bytes(&self) -> usize {
        self.accounts.heap_bytes()
            + self.changes.capacity() * size_of::<BankChange>()
            + self.waiting.capacity() * size_of::<Paid>()
    }
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, max: usize) {
    if list.len() >= max {
        list.remove(0);
    }
    list.push(item);
}
