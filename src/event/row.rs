//! A row of a table to an [`Event`]: the same fields, limits and refusals as of the JSON, without the JSON.
//!
//! Each cell goes into the event as it would stand on the wire, and what decodes that is the same for both. A row
//! without an id gets the hash of its own fields as the contract's JSON has them, so that the same row has the same id
//! in whatever kind of file it stands. Blind spot: a row has no payload whose size could be limited; its texts are.

use super::cell::Cell;
use super::decode::{Envelope, Limits, decode_raw};
use super::field::Field;
use super::moment::TimeFormat;
use super::wire::{Str, WireControl, WireEvent, WireGeo, WireGrant, WireLogin, WireRun, WireSecret, WireTransaction};
use super::{Event, Reject, Text};
use crate::time::{Timestamp, Zone};

/// How times are written in a table.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The format.
    pub format: TimeFormat,
    /// The zone of times without an offset.
    pub zone: Zone,
}

/// A row on its way to an event.
#[derive(Debug)]
pub struct Row<'a> {
    raw: WireEvent<'a>,
    ts: Option<Timestamp>,
}

impl<'a> Row<'a> {
    /// A row without any value.
    #[must_use]
    pub fn new() -> Self {
        Self { raw: WireEvent::default(), ts: None }
    }

    /// Puts a value in.
    ///
    /// # Errors
    /// The value makes no sense for the field.
    pub fn set(&mut self, field: Field, cell: Cell<'a>, clock: &Clock) -> Result<(), Reject> {
        let name = field.path();
        let raw = &mut self.raw;
        match field {
            Field::Id => raw.id = cell.text(name)?,
            Field::Ts => self.ts = clock.format.read(&cell, &clock.zone)?,
            Field::Tenant => raw.tenant = cell.text(name)?,
            Field::Bot => raw.bot = cell.text(name)?,
            Field::Type => raw.kind = cell.text(name)?,
            Field::Session => raw.session = cell.text(name)?,
            Field::Host => raw.host = cell.text(name)?,
            Field::Ip => raw.ip = cell.text(name)?,
            Field::Device => raw.device = cell.text(name)?,
            Field::System => raw.system = cell.text(name)?,
            Field::Operation => raw.operation = cell.text(name)?,
            Field::Outcome => raw.outcome = cell.text(name)?,
            Field::Role => raw.role = cell.text(name)?,
            Field::RecordsRead => raw.records_read = cell.whole(name)?,
            Field::RecordsWritten => raw.records_written = cell.whole(name)?,
            Field::Bytes => raw.bytes = cell.whole(name)?,
            Field::Producer => raw.producer = cell.text(name)?,
            Field::Seq => raw.seq = cell.whole(name)?,
            _ if cell == Cell::None => {}
            _ => set_particular(raw, field, cell)?,
        }
        Ok(())
    }

    /// The event.
    ///
    /// # Errors
    /// A field is missing, breaks a limit, or has a value that the contract does not know.
    pub fn decode(mut self, limits: &Limits) -> Result<Event, Reject> {
        if self.raw.id.as_ref().is_none_or(|id| id.as_str().is_empty()) {
            self.raw.id = None;
            self.raw.ts = self.ts.map(|ts| Str(ts.to_string().into()));
        }
        let raw = &self.raw;
        let fallback = || {
            let json = serde_json::to_string(raw).unwrap_or_default();
            Text::from(&blake3::hash(json.as_bytes()).to_hex()[..32])
        };
        decode_raw(raw, self.ts, &Envelope::default(), limits, fallback)
    }
}

impl Default for Row<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Puts in what is particular to a type of event, or to a place.
fn set_particular<'a>(raw: &mut WireEvent<'a>, field: Field, cell: Cell<'a>) -> Result<(), Reject> {
    let name = field.path();
    match field {
        Field::GeoCountry | Field::GeoLat | Field::GeoLon => set_geo(raw.geo.get_or_insert_default(), field, cell)?,
        Field::RunPhase => run(raw).phase = cell.text(name)?,
        Field::RunTrigger => run(raw).trigger = cell.text(name)?,
        Field::RunBy => run(raw).by = cell.text(name)?,
        Field::LoginMethod => login(raw).method = cell.text(name)?,
        Field::LoginInteractive => login(raw).interactive = cell.truth(name)?,
        Field::LoginMfa => login(raw).mfa = cell.truth(name)?,
        Field::SecretName => secret(raw).name = cell.text(name)?,
        Field::SecretVault => secret(raw).vault = cell.text(name)?,
        Field::GrantRole => grant(raw).role = cell.text(name)?,
        Field::GrantChange => grant(raw).change = cell.text(name)?,
        Field::GrantBy => grant(raw).by = cell.text(name)?,
        Field::GrantTicket => grant(raw).ticket = cell.text(name)?,
        Field::ControlAction => control(raw).action = cell.text(name)?,
        Field::ControlBy => control(raw).by = cell.text(name)?,
        Field::ControlMfa => control(raw).mfa = cell.truth(name)?,
        Field::ControlTicket => control(raw).ticket = cell.text(name)?,
        _ => set_transaction(raw.transaction.get_or_insert_default(), field, cell)?,
    }
    Ok(())
}

fn set_geo<'a>(geo: &mut WireGeo<'a>, field: Field, cell: Cell<'a>) -> Result<(), Reject> {
    match field {
        Field::GeoLat => geo.lat = cell.number(field.path())?,
        Field::GeoLon => geo.lon = cell.number(field.path())?,
        _ => geo.country = cell.text(field.path())?,
    }
    Ok(())
}

fn run<'r, 'a>(raw: &'r mut WireEvent<'a>) -> &'r mut WireRun<'a> {
    raw.run.get_or_insert_default()
}

fn login<'r, 'a>(raw: &'r mut WireEvent<'a>) -> &'r mut WireLogin<'a> {
    raw.login.get_or_insert_default()
}

fn secret<'r, 'a>(raw: &'r mut WireEvent<'a>) -> &'r mut WireSecret<'a> {
    raw.secret.get_or_insert_default()
}

fn grant<'r, 'a>(raw: &'r mut WireEvent<'a>) -> &'r mut WireGrant<'a> {
    raw.grant.get_or_insert_default()
}

fn control<'r, 'a>(raw: &'r mut WireEvent<'a>) -> &'r mut WireControl<'a> {
    raw.control.get_or_insert_default()
}

fn set_transaction<'a>(raw: &mut WireTransaction<'a>, field: Field, cell: Cell<'a>) -> Result<(), Reject> {
    let name = field.path();
    match field {
        Field::TransactionKind => raw.kind = cell.text(name)?,
        Field::TransactionAmount => raw.amount = cell.number(name)?,
        Field::TransactionCurrency => raw.currency = cell.text(name)?,
        Field::TransactionCounterparty => raw.counterparty = cell.text(name)?,
        Field::TransactionAccount => raw.account = cell.text(name)?,
        Field::TransactionCustomer => raw.customer = cell.text(name)?,
        Field::TransactionObject => raw.object = cell.text(name)?,
        Field::TransactionApprovers => raw.approvers = cell.texts(name)?,
        _ => raw.by = cell.text(name)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
