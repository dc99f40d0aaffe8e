//! Rows against the JSON that says the same.

use super::super::decode::decode;
use super::super::values::value;
use super::super::{Kind, RejectReason};
use super::*;

fn clock() -> Clock {
    Clock { format: TimeFormat::Auto, zone: Zone::utc() }
}

fn row(cells: &[(&str, Cell<'_>)]) -> Result<Event, Reject> {
    let mut row = Row::new();
    for (path, cell) in cells {
        row.set(Field::named(path).expect("a field"), cell.clone(), &clock())?;
    }
    row.decode(&Limits::default())
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(text.into())
}

fn least(more: &[(&'static str, Cell<'_>)]) -> Result<Event, Reject> {
    let least = [("ts", Cell::Time(1_777_896_000_000_000)), ("bot", text("b")), ("type", text("call"))];
    row(&[&least[..], more].concat())
}

#[test]
fn an_event_is_its_values() {
    let spec = crate::simulate::FleetSpec { bots: 24, days_baseline: 4, days_test: 7, ..Default::default() };
    let fleet = crate::simulate::Fleet::generate(&spec);
    let mut kinds = std::collections::BTreeSet::new();
    for event in &fleet.events {
        let mut row = Row::new();
        for field in Field::all() {
            row.set(field, value(event, field), &clock()).expect("a value of the field");
        }
        assert_eq!(row.decode(&Limits::default()).as_ref(), Ok(event));
        kinds.insert(event.type_name());
    }
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

#[test]
fn a_row_without_an_id_has_the_hash_of_the_same_json() {
    let json = r#"{"ts":"2026-05-04T12:00:00Z","bot":"b","type":"call","bytes":7}"#;
    let same = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event");
    for bytes in [Cell::Whole(7), Cell::Signed(7), Cell::Number(7.0), text("7"), text("7.0")] {
        assert_eq!(least(&[("bytes", bytes.clone()), ("id", text(""))]).as_ref(), Ok(&same), "{bytes:?}");
    }
}

#[test]
fn tables_may_write_values_in_their_own_way() {
    let event = least(&[
        ("session", Cell::Signed(17)),
        ("role", Cell::Number(4.0)),
        ("device", Cell::Truth(true)),
        ("host", Cell::Number(f64::NAN)),
        ("seq", Cell::Number(f64::NAN)),
        ("geo.lat", text("48.1")),
        ("geo.lon", Cell::Signed(11)),
    ]);
    let event = event.expect("an event");
    assert_eq!(
        (event.session.as_deref(), event.role.as_deref(), event.device.as_deref()),
        (Some("17"), Some("4"), Some("true"))
    );
    assert_eq!((event.host, event.seq), (None, None));
    assert_eq!(event.geo.map(|geo| (geo.lat, geo.lon)), Some((Some(48.1), Some(11.0))));
    let paid = row(&[
        ("ts", text("2026-05-04 12:00:00")),
        ("bot", text("b")),
        ("type", text("transaction")),
        ("transaction.approvers", text("ann; ben;")),
        ("transaction.amount", text("12.50")),
    ]);
    let Kind::Transaction(paid) = paid.expect("an event").kind else { panic!("a transaction") };
    assert_eq!((paid.approvers.as_slice(), paid.amount), (["ann".into(), "ben".into()].as_slice(), Some(12.5)));
}

#[test]
fn rows_are_refused_for_the_reasons_of_the_contract() {
    for (field, cell, reason) in [
        ("bytes", Cell::Signed(-1), RejectReason::WrongType),
        ("bytes", Cell::Number(1.5), RejectReason::WrongType),
        ("bytes", text("many"), RejectReason::WrongType),
        ("outcome", text("SUCCESS"), RejectReason::WrongType),
        ("ip", text("localhost"), RejectReason::WrongType),
        ("login.mfa", text("perhaps"), RejectReason::WrongType),
        ("geo.lat", Cell::Number(91.0), RejectReason::WrongType),
        ("geo.lat", Cell::Number(f64::INFINITY), RejectReason::WrongType),
        ("ts", text("noon"), RejectReason::BadTimestamp),
        ("ts", Cell::None, RejectReason::MissingField),
        ("bot", Cell::None, RejectReason::MissingField),
        ("type", text("CALL"), RejectReason::UnknownType),
        ("session", Cell::Texts(Vec::new()), RejectReason::WrongType),
        ("bot", text("b\u{202e}"), RejectReason::BadIdentifier),
    ] {
        assert_eq!(least(&[(field, cell.clone())]).map_err(|reject| reject.reason), Err(reason), "{field} {cell:?}");
    }
    let long = "x".repeat(2000);
    assert_eq!(least(&[("role", text(&long))]).expect_err("too long").reason, RejectReason::TooLong);
}
