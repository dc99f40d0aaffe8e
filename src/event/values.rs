//! An event as the values of its fields: the way back from [`Row`](super::row::Row), for whoever writes tables.

use std::borrow::Cow;

use super::cell::Cell;
use super::decode::outcome_name;
use super::field::Field;
use super::{Event, Kind, Phase, Text, Transaction};

/// The value of a field; [`Cell::None`] where the event has none.
#[must_use]
pub fn value(event: &Event, field: Field) -> Cell<'_> {
    match field {
        Field::Id => text(Some(&event.id)),
        Field::Ts => Cell::Time(event.ts.as_micros()),
        Field::Tenant => text(Some(&event.tenant)),
        Field::Bot => text(Some(&event.bot)),
        Field::Type => Cell::Text(event.type_name().into()),
        Field::Session => text(event.session.as_ref()),
        Field::Host => text(event.host.as_ref()),
        Field::Ip => event.ip.map_or(Cell::None, |ip| Cell::Text(Cow::Owned(ip.to_string()))),
        Field::Device => text(event.device.as_ref()),
        Field::GeoCountry => text(event.geo.as_ref().and_then(|geo| geo.country.as_ref())),
        Field::GeoLat => number(event.geo.as_ref().and_then(|geo| geo.lat)),
        Field::GeoLon => number(event.geo.as_ref().and_then(|geo| geo.lon)),
        Field::System => text(event.system.as_ref()),
        Field::Operation => text(event.operation.as_ref()),
        Field::Outcome => Cell::Text(outcome_name(event.outcome).into()),
        Field::Role => text(event.role.as_ref()),
        Field::RecordsRead => whole(event.records_read),
        Field::RecordsWritten => whole(event.records_written),
        Field::Bytes => whole(event.bytes),
        Field::Producer => text(event.producer.as_ref()),
        Field::Seq => whole(event.seq),
        _ => particular(&event.kind, field),
    }
}

fn particular(kind: &Kind, field: Field) -> Cell<'_> {
    match (kind, field) {
        (Kind::Run(run), Field::RunPhase) => {
            run.phase.map_or(Cell::None, |phase| Cell::Text(if phase == Phase::Start { "start" } else { "end" }.into()))
        }
        (Kind::Run(run), Field::RunTrigger) => text(run.trigger.as_ref()),
        (Kind::Run(run), Field::RunBy) => text(run.by.as_ref()),
        (Kind::Login(login), Field::LoginMethod) => text(login.method.as_ref()),
        (Kind::Login(login), Field::LoginInteractive) => truth(login.interactive),
        (Kind::Login(login), Field::LoginMfa) => truth(login.mfa),
        (Kind::Secret(secret), Field::SecretName) => text(secret.name.as_ref()),
        (Kind::Secret(secret), Field::SecretVault) => text(secret.vault.as_ref()),
        (Kind::Grant(grant), Field::GrantRole) => text(grant.role.as_ref()),
        (Kind::Grant(grant), Field::GrantChange) => text(grant.change.as_ref()),
        (Kind::Grant(grant), Field::GrantBy) => text(grant.by.as_ref()),
        (Kind::Grant(grant), Field::GrantTicket) => text(grant.ticket.as_ref()),
        (Kind::Control(control), Field::ControlAction) => text(control.action.as_ref()),
        (Kind::Control(control), Field::ControlBy) => text(control.by.as_ref()),
        (Kind::Control(control), Field::ControlMfa) => truth(control.mfa),
        (Kind::Control(control), Field::ControlTicket) => text(control.ticket.as_ref()),
        (Kind::Transaction(transaction), field) => of_transaction(transaction, field),
        _ => Cell::None,
    }
}

fn of_transaction(transaction: &Transaction, field: Field) -> Cell<'_> {
    match field {
        Field::TransactionKind => text(transaction.kind.as_ref()),
        Field::TransactionAmount => number(transaction.amount),
        Field::TransactionCurrency => text(transaction.currency.as_ref()),
        Field::TransactionCounterparty => text(transaction.counterparty.as_ref()),
        Field::TransactionAccount => text(transaction.account.as_ref()),
        Field::TransactionCustomer => text(transaction.customer.as_ref()),
        Field::TransactionObject => text(transaction.object.as_ref()),
        Field::TransactionApprovers if !transaction.approvers.is_empty() => {
            Cell::Texts(transaction.approvers.iter().map(|name| name.as_str().into()).collect())
        }
        Field::TransactionBy => text(transaction.by.as_ref()),
        _ => Cell::None,
    }
}

fn text(text: Option<&Text>) -> Cell<'_> {
    text.map_or(Cell::None, |text| Cell::Text(text.as_str().into()))
}

fn whole(number: Option<u64>) -> Cell<'static> {
    number.map_or(Cell::None, Cell::Whole)
}

fn number(number: Option<f64>) -> Cell<'static> {
    number.map_or(Cell::None, Cell::Number)
}

fn truth(truth: Option<bool>) -> Cell<'static> {
    truth.map_or(Cell::None, Cell::Truth)
}
