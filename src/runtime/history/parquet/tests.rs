//! Files written here and read back: every kind of column, structs, several windows, damage.

#![expect(clippy::disallowed_methods, reason = "tests write their own files")]

use polars_arrow::array::Array;
use polars_arrow::array::{BinaryViewArray, BooleanArray, ListArray, PrimitiveArray, StructArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField, TimeUnit};
use polars_arrow::offset::Offsets;

use super::write::Sheet;
use super::*;
use crate::config::HistoryConfig;
use crate::event::Event;
use crate::event::decode::Limits;
use crate::event::moment::TimeFormat;
use crate::simulate::{Fleet, FleetSpec};

const NOON_US: i64 = 1_777_896_000_000_000;

/// A file on the disk, and how it is read.
struct Table {
    _dir: tempfile::TempDir,
    source: Source,
    rules: Rules,
}

impl Table {
    fn new(bytes: &[u8]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("t.parquet");
        std::fs::write(&path, bytes).expect("writes");
        let mut found = crate::runtime::history::find::find(&[path]).expect("a file");
        let mut source = found.remove(0);
        source.name = "t.parquet".to_owned();
        let config = HistoryConfig { time_zone: "UTC".to_owned(), ..HistoryConfig::default() };
        Self { _dir: dir, source, rules: Rules { config, limits: Limits::default() } }
    }

    fn of(columns: Vec<(&str, Box<dyn Array>)>) -> Self {
        let kinds = columns.iter().map(|(name, array)| ((*name).to_owned(), array.dtype().clone())).collect();
        let mut sheet = Sheet::new(Vec::new(), kinds).expect("a file");
        sheet.group(columns.into_iter().map(|(_, array)| array).collect()).expect("a group");
        Self::new(&sheet.finish().expect("an end"))
    }

    fn mapped(mut self, columns: &[(Field, &str)], constants: &[(Field, &str)]) -> Self {
        let owned = |pairs: &[(Field, &str)]| pairs.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
        (self.rules.config.columns, self.rules.config.constants) = (owned(columns), owned(constants));
        self
    }

    fn open(&self) -> Result<ParquetRows, HistoryError> {
        ParquetRows::open(&self.source, 0, &self.rules, Arc::default())
    }

    fn read(&self) -> Vec<Result<Event, String>> {
        let mut rows = self.open().expect("opens");
        let mut events = Vec::new();
        while let Some(record) = rows.read().expect("reads") {
            events.push(record.event.map_err(|reject| reject.to_string()));
        }
        events
    }
}

fn texts(texts: &[Option<&str>]) -> Box<dyn Array> {
    Utf8ViewArray::from_slice(texts).boxed()
}

fn times(unit: TimeUnit, zone: Option<&str>, times: &[i64]) -> Box<dyn Array> {
    let kind = ArrowDataType::Timestamp(unit, zone.map(Into::into));
    PrimitiveArray::from_slice(times).to(kind).boxed()
}

fn events(bots: usize) -> Vec<Event> {
    Fleet::generate(&FleetSpec { bots, days_baseline: 5, days_test: 5, ..FleetSpec::default() }).events
}

fn written(events: &[Event]) -> Vec<u8> {
    let mut writer = ParquetWriter::new(Vec::new()).expect("a file");
    for event in events {
        writer.event(event).expect("is taken");
    }
    writer.finish().expect("an end")
}

#[test]
fn what_was_written_is_read_over_windows_and_from_any_row() {
    let some = events(4);
    let events: Vec<Event> = some.iter().cycle().take(WINDOW_ROWS + 77).cloned().collect();
    let table = Table::new(&written(&events));
    let read = table.read();
    assert_eq!(read.len(), events.len());
    assert!(read.iter().zip(&events).all(|(read, event)| read.as_ref() == Ok(event)));
    for from in [1, WINDOW_ROWS, events.len() - 1] {
        let mut rows = table.open().expect("opens");
        rows.skip(from as u64);
        let record = rows.read().expect("reads").expect("a row");
        assert_eq!((record.row, record.event.as_ref()), (from as u64 + 1, Ok(&events[from])), "{from}");
    }
    let mut rows = table.open().expect("opens");
    rows.skip(events.len() as u64);
    assert!(rows.read().expect("reads").is_none());
    let earliest = events[..50].iter().map(|event| event.ts).min();
    assert_eq!(table.open().expect("opens").begins(50).expect("reads"), earliest);
}

/// Only the columns that a row has are asked; a constant stands in for the one that it lacks, and an empty text too.
#[test]
fn a_constant_stands_in_row_by_row() {
    let numbers = PrimitiveArray::<u64>::from_slice([1, 2, 3]).boxed();
    let columns = vec![
        ("ts", times(TimeUnit::Microsecond, Some("UTC"), &[NOON_US; 3])),
        ("bot", texts(&[Some("a"), None, Some("")])),
        ("system", texts(&[None, Some("erp"), None])),
        ("bytes", numbers),
    ];
    let table = Table::of(columns).mapped(&[], &[(Field::Bot, "else"), (Field::Type, "call")]);
    let read: Vec<Event> = table.read().into_iter().map(|event| event.expect("an event")).collect();
    let told: Vec<_> = read.iter().map(|event| (event.bot.as_str(), event.system.as_deref(), event.bytes)).collect();
    assert_eq!(told, [("a", None, Some(1)), ("else", Some("erp"), Some(2)), ("else", None, Some(3))]);
}

#[test]
fn numbers_of_every_width_and_times_of_every_unit_are_read() {
    let ints: Vec<(&str, Box<dyn Array>)> = vec![
        ("a", PrimitiveArray::<i8>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<i16>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<i32>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<i64>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<u8>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<u16>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<u32>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<u64>::from_slice([7]).boxed()),
        ("a", PrimitiveArray::<f32>::from_slice([7.0]).boxed()),
        ("a", PrimitiveArray::<f64>::from_slice([7.0]).boxed()),
        ("a", PrimitiveArray::<i128>::from_slice([700]).to(ArrowDataType::Decimal(20, 2)).boxed()),
        ("a", texts(&[Some("7")])),
    ];
    let moments: Vec<Box<dyn Array>> = vec![
        times(TimeUnit::Millisecond, Some("UTC"), &[NOON_US / 1000]),
        times(TimeUnit::Microsecond, None, &[NOON_US]),
        times(TimeUnit::Nanosecond, Some("Asia/Tokyo"), &[NOON_US * 1000]),
        PrimitiveArray::<i64>::from_slice([NOON_US / 1_000_000]).boxed(),
        PrimitiveArray::<f64>::from_slice([NOON_US as f64 / 1e6]).boxed(),
        texts(&[Some("2026-05-04 12:00:00")]),
    ];
    for (name, column) in ints {
        for moment in &moments {
            let kind = (column.dtype().clone(), moment.dtype().clone());
            let table = Table::of(vec![(name, column.clone()), ("ts", moment.clone())])
                .mapped(&[(Field::Bytes, "a"), (Field::Session, "a")], &[(Field::Bot, "b"), (Field::Type, "call")]);
            let read = table.read();
            let event = read[0].as_ref().unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!((event.bytes, event.session.as_deref()), (Some(7), Some("7")), "{kind:?}");
            assert_eq!(event.ts.as_micros(), NOON_US, "{kind:?}");
        }
    }
    let date = PrimitiveArray::<i32>::from_slice([20_577]).to(ArrowDataType::Date32).boxed();
    let table = Table::of(vec![("ts", date), ("bot", texts(&[Some("b")]))]).mapped(&[], &[(Field::Type, "call")]);
    assert_eq!(table.read()[0].as_ref().map(|event| event.ts.to_string()), Ok("2026-05-04T00:00:00Z".to_owned()));
}

#[test]
fn structs_lists_and_bytes_are_reached_by_their_paths() {
    let inner = vec![
        ArrowField::new("name".into(), ArrowDataType::Utf8View, true),
        ArrowField::new("n".into(), ArrowDataType::Int32, true),
    ];
    let values =
        vec![texts(&[Some("svc-1"), None, Some("svc-3")]), PrimitiveArray::<i32>::from([Some(1), None, None]).boxed()];
    let deep = StructArray::new(ArrowDataType::Struct(inner), 3, values, None);
    let outer = ArrowDataType::Struct(vec![
        ArrowField::new("skipped".into(), ArrowDataType::Boolean, true),
        ArrowField::new("who".into(), deep.dtype().clone(), true),
    ]);
    let skipped = BooleanArray::from_slice([true, false, true]).boxed();
    let there = Some([true, true, false].into_iter().collect());
    let outer = StructArray::new(outer, 3, vec![skipped, deep.boxed()], there);
    let names = Utf8ViewArray::from_slice([Some("ann"), Some("ben"), Some("cy")]);
    let item = ArrowField::new("item".into(), ArrowDataType::Utf8View, true);
    let offsets = Offsets::try_from(vec![0_i64, 2, 2, 3]).expect("offsets");
    let lists = ListArray::<i64>::new(ArrowDataType::LargeList(Box::new(item)), offsets.into(), names.boxed(), None);
    let bytes = BinaryViewArray::from_slice([Some(b"s-1".as_slice()), Some(b"\xff"), None]);
    let table = Table::of(vec![
        ("request", outer.boxed()),
        ("ts", times(TimeUnit::Microsecond, Some("UTC"), &[NOON_US; 3])),
        ("approvers", lists.boxed()),
        ("session", bytes.boxed()),
    ]);
    let table = table.mapped(
        &[(Field::Bot, "request.who.name"), (Field::Seq, "request.who.n"), (Field::TransactionApprovers, "approvers")],
        &[(Field::Type, "transaction")],
    );
    let read = table.read();
    let event = read[0].as_ref().expect("an event");
    assert_eq!((event.bot.as_str(), event.seq, event.session.as_deref()), ("svc-1", Some(1), Some("s-1")));
    let crate::event::Kind::Transaction(transaction) = &event.kind else { panic!("a transaction") };
    assert_eq!(transaction.approvers.as_slice(), ["ann", "ben"]);
    assert!(read[1].as_ref().is_err_and(|told| told.starts_with("not_utf8")), "{read:?}");
    assert_eq!(read[2].as_ref().map_err(String::as_str), Err("missing_field: bot"), "its struct is not there");
}

#[test]
fn settings_say_how_times_and_values_are_written() {
    let mut table = Table::of(vec![
        ("when", texts(&[Some("04.05.2026 14:00"), Some("noon")])),
        ("bot", texts(&[Some("b"), Some("b")])),
        ("what", texts(&[Some("API"), None])),
        ("ok", BooleanArray::from_slice([false, true]).boxed()),
    ])
    .mapped(&[(Field::Ts, "when"), (Field::Type, "what"), (Field::Outcome, "ok")], &[(Field::Tenant, "acme")]);
    let config = &mut table.rules.config;
    config.time_format = TimeFormat::named("%d.%m.%Y %H:%M").expect("a format");
    config.time_zone = "Europe/Berlin".to_owned();
    let pair = |theirs: &str, ours: &str| (theirs.to_owned(), ours.to_owned());
    config.values.insert(Field::Type, vec![pair("API", "call")]);
    config.values.insert(Field::Outcome, vec![pair("true", "ok"), pair("*", "denied")]);
    let read = table.read();
    let event = read[0].as_ref().expect("an event");
    assert_eq!((event.ts.as_micros(), event.type_name(), event.tenant.as_str()), (NOON_US, "call", "acme"));
    assert_eq!(event.outcome, crate::event::Outcome::Denied);
    assert!(read[1].as_ref().is_err_and(|told| told.starts_with("bad_timestamp")));
}

#[test]
fn what_is_missing_or_of_another_kind_is_told_with_what_there_is() {
    let table = || {
        Table::of(vec![
            ("bot", texts(&[Some("b")])),
            ("ok", BooleanArray::from_slice([true]).boxed()),
            ("ts", times(TimeUnit::Microsecond, None, &[NOON_US])),
        ])
    };
    let told = |columns: &[(Field, &str)], constants: &[(Field, &str)]| {
        table().mapped(columns, constants).open().map(drop).map_err(|error| error.to_string())
    };
    let missing = told(&[], &[]).expect_err("no type");
    assert!(missing.contains("no column `type`") && missing.contains("`bot`, `ok`, `ts`"), "{missing}");
    let named = told(&[(Field::Role, "request.role")], &[(Field::Type, "call")]).expect_err("no such column");
    assert!(named.contains("no column `request.role`, which `history.columns.role` names"), "{named}");
    let kind = told(&[(Field::Seq, "ok")], &[(Field::Type, "call")]).expect_err("another kind");
    assert!(kind.contains("column `ok` holds Boolean, which cannot be `seq`"), "{kind}");
    assert_eq!(told(&[], &[(Field::Type, "call")]), Ok(()));
}

#[test]
fn damage_is_an_error_wherever_it_is() {
    let whole = written(&events(1)[..300]);
    let mut faults = 0;
    for at in (4..whole.len()).step_by(whole.len() / 97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let table = Table::new(&bytes);
        let read = || -> Result<(), HistoryError> {
            let mut rows = table.open()?;
            while rows.read()?.is_some() {}
            Ok(())
        };
        faults += usize::from(read().is_err());
    }
    assert!(faults > 20, "{faults} of about 97 were noticed");
    for end in [0, 4, 11, whole.len() / 2, whole.len() - 1] {
        assert!(Table::new(&whole[..end]).open().is_err(), "{end}");
    }
}
