//! The money that finance bots move: whom they pay, how much, to which account and with whose approval.

use compact_str::format_compact;
use rand::Rng as _;
use smallvec::{SmallVec, smallvec};

use super::chance::{Rng, between, count, happens, lognormal, mix, pick};
use super::spec::Window;
use super::story::AccountChange;
use super::vocabulary::PEOPLE;
use crate::event::{Text, Transaction};
use crate::time::Timestamp;

/// Somebody who is paid.
#[derive(Clone, Debug)]
pub(crate) struct Payee {
    pub(crate) name: Text,
    pub(crate) account: Text,
    /// Usual amount.
    pub(crate) amount: f64,
    /// The local day on which it was set up; long before the fleet for most.
    pub(crate) created_day: i32,
}

/// What a finance bot has to do with money.
#[derive(Clone, Debug)]
pub(crate) struct Purse {
    pub(crate) currency: &'static str,
    /// Refunds to customers instead of payments to vendors.
    pub(crate) refunds: bool,
    pub(crate) payees: Vec<Payee>,
    pub(crate) approvers: Vec<&'static str>,
    /// Amounts above it need two approvers.
    pub(crate) limit: f64,
    customers: u64,
    bot: Text,
}

/// Days between a payee's setting up, or a change of its account, and the first payment.
pub(crate) const WAIT_DAYS: i32 = 3;

const VENDORS: [&str; 20] = [
    "Arden Paper",
    "Bluewater Freight",
    "Castor Cleaning",
    "Delphi Legal",
    "Eastgate Energy",
    "Falk Elevators",
    "Garnet Print",
    "Hollis Catering",
    "Ibex Security",
    "Juno Telecom",
    "Karst Civil",
    "Lindqvist IT",
    "Marlow Leasing",
    "Nordlicht Media",
    "Orchard Foods",
    "Pinnacle Audit",
    "Quarry Stone",
    "Redfern Travel",
    "Solaris Roofing",
    "Tamar Water",
];

impl Purse {
    pub(crate) fn new(rng: &mut Rng, window: &Window, country: &'static str, bot: &Text) -> Self {
        let currency = match country {
            "US" => "USD",
            "SG" => "SGD",
            _ => "EUR",
        };
        let n = count(rng, 15, 60);
        let fresh = count(rng, 1, 6);
        let payees = (0..n + fresh)
            .map(|nth| {
                let created_day = if nth < n { 0 } else { rng.gen_range(window.first_day..window.end_day) };
                payee(rng, country, nth, created_day)
            })
            .collect();
        let first = rng.gen_range(0..PEOPLE.len() - 4);
        Self {
            currency,
            refunds: bot.starts_with("refund"),
            payees,
            approvers: PEOPLE[first..first + 4].to_vec(),
            limit: *pick(rng, &[5_000.0, 10_000.0, 25_000.0]),
            customers: rng.gen_range(800..6_000),
            bot: bot.clone(),
        }
    }

    /// What an ordinary item of a session pays.
    pub(crate) fn ordinary(
        &self,
        rng: &mut Rng,
        day: i32,
        at: Timestamp,
        changes: &[AccountChange],
    ) -> Option<Transaction> {
        if self.refunds {
            let customer = format_compact!("C{:06}", 100_000 + rng.gen_range(0..self.customers));
            let amount = lognormal(rng, 42.0, 0.8);
            return Some(self.refund(rng, customer, amount));
        }
        let known = |payee: &&Payee| payee.created_day == 0 || payee.created_day + WAIT_DAYS <= day;
        let ready: Vec<(usize, &Payee)> = self.payees.iter().enumerate().filter(|(_, payee)| known(payee)).collect();
        // Few payees get most of the payments.
        let place = (between(rng, 0.0, 1.0).powi(2) * ready.len() as f64) as usize;
        let (index, payee) = ready.get(place)?;
        let mut account = payee.account.clone();
        for change in changes.iter().filter(|change| change.payee == *index && change.at <= at) {
            if at < change.usable_from {
                return None;
            }
            account.clone_from(&change.account);
        }
        let amount = lognormal(rng, payee.amount, 0.35);
        Some(self.payment(rng, payee.name.clone(), account, amount))
    }

    /// A payment with the approvals that its amount asks for.
    pub(crate) fn payment(&self, rng: &mut Rng, payee: Text, account: Text, amount: f64) -> Transaction {
        let approvers = self.approvals(rng, amount);
        Transaction {
            kind: Some("payment".into()),
            amount: Some(cents(amount)),
            currency: Some(self.currency.into()),
            counterparty: Some(payee),
            account: Some(account),
            customer: None,
            object: Some(format_compact!("INV-{}", rng.gen_range(1_000_000..9_999_999))),
            approvers,
            by: Some(self.bot.clone()),
        }
    }

    /// A refund to a customer.
    pub(crate) fn refund(&self, rng: &mut Rng, customer: Text, amount: f64) -> Transaction {
        Transaction {
            kind: Some("refund".into()),
            amount: Some(cents(amount)),
            currency: Some(self.currency.into()),
            customer: Some(customer),
            object: Some(format_compact!("ORD-{}", rng.gen_range(1_000_000..9_999_999))),
            by: Some(self.bot.clone()),
            ..Transaction::default()
        }
    }

    /// The setting up of a payee; `by` a person with an approver, or by the bot alone.
    pub(crate) fn payee_created(name: Text, account: Text, by: Text, approver: Option<&str>) -> Transaction {
        Transaction {
            kind: Some("payee_created".into()),
            counterparty: Some(name),
            account: Some(account),
            approvers: approver.map(Text::from).into_iter().collect(),
            by: Some(by),
            ..Transaction::default()
        }
    }

    fn approvals(&self, rng: &mut Rng, amount: f64) -> SmallVec<[Text; 2]> {
        let first = Text::from(self.approvers[usize::from(happens(rng, 0.3))]);
        if amount > self.limit { smallvec![first, Text::from(self.approvers[2])] } else { smallvec![first] }
    }
}

fn payee(rng: &mut Rng, country: &str, nth: usize, created_day: i32) -> Payee {
    let vendor = VENDORS[nth % VENDORS.len()];
    let form = pick(rng, &["Ltd", "GmbH", "Inc", "BV", "Pte", "SA"]);
    let name = if nth < VENDORS.len() {
        format_compact!("{vendor} {form}")
    } else {
        format_compact!("{vendor} {form} {}", nth / 20 + 1)
    };
    let amount = lognormal(rng, 1_800.0, 1.1);
    Payee { name, account: account(rng, country), amount, created_day }
}

/// An account number in the country's fashion.
pub(crate) fn account(rng: &mut Rng, country: &str) -> Text {
    let number: u64 = rng.gen_range(1_000_000_000..9_999_999_999);
    match country {
        "US" => format_compact!("US-{:09}-{number}", mix(number, &[1]) % 1_000_000_000),
        "SG" => format_compact!("SG-{:04}-{number}", mix(number, &[2]) % 10_000),
        other => format_compact!("{other}{:02}{:08}{number}", 10 + number % 89, mix(number, &[3]) % 100_000_000),
    }
}

/// An amount as money is written, to the hundredth.
pub(crate) fn cents(amount: f64) -> f64 {
    (amount.max(0.01) * 100.0).round() / 100.0
}
