//! The store on real folders: what is kept, what is refused, and who may read it.

use std::os::unix::fs::PermissionsExt;

use super::format::{Checkpoint, Position};
use super::*;
use crate::detect::{Engine, Output, Settings};
use crate::event::decode::{Envelope, Limits, decode};
use crate::registry::Registry;
use crate::time::Span;

fn checkpoint(sequence: u64) -> Checkpoint {
    let position = Position { stream: "S".to_owned(), created_us: 1, sequence, record: None };
    Checkpoint { position: Some(position), ..Checkpoint::default() }
}

fn sequence(store: &Store) -> Option<u64> {
    store.load().expect("loads").and_then(|checkpoint| checkpoint.position).map(|position| position.sequence)
}

fn numbers(store: &Store) -> Vec<u64> {
    names(&store.dir).expect("lists").into_iter().map(|name| name.number).collect()
}

fn path(store: &Store, number: u64) -> PathBuf {
    let name = names(&store.dir).expect("lists").into_iter().find(|name| name.number == number).expect("is there");
    store.dir.join(name.to_string())
}

/// An engine that has seen a bot.
fn see(engine: &mut Engine, bot: &str, n: i64) {
    let ts = Timestamp::from_micros(0) + Span::from_mins(n);
    let line = format!(r#"{{"ts":"{ts}","bot":"{bot}","type":"call","system":"hr","operation":"GET /"}}"#);
    let event = decode(line.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event");
    engine.observe(event, &mut Output::default());
}

fn engine() -> Engine {
    Engine::new(Settings::default(), Registry::default())
}

/// Saves what changed; the state then.
fn grow(store: &mut Store, engine: &mut Engine, event_time: Option<Timestamp>) -> Vec<u8> {
    engine.begin_snapshot(store.ground());
    let part = engine.go_on_snapshot(usize::MAX).expect("is done");
    store.save_part(&Checkpoint { event_time, ..Checkpoint::default() }, part).expect("saves");
    engine.snapshot()
}

/// A store with two chains, and the state at each snapshot, by number.
fn chains(dir: &Path) -> (Store, Vec<Vec<u8>>) {
    let (mut store, mut engine, mut states) = (Store::open(dir, 2).expect("opens"), engine(), vec![Vec::new()]);
    for n in 0..60 {
        see(&mut engine, &format!("bot-{n}"), n);
    }
    for n in 0..2 {
        states.push(grow(&mut store, &mut engine, None));
        for more in 1..4 {
            see(&mut engine, &format!("bot-{more}"), 100 + n);
            states.push(grow(&mut store, &mut engine, None));
        }
        store.chain.end();
    }
    (store, states)
}

fn state(store: &Store) -> Vec<u8> {
    store.load().expect("loads").expect("a snapshot").engine
}

#[test]
fn a_chain_gives_the_state_at_each_of_its_snapshots() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, states) = chains(dir.path());
    assert_eq!(numbers(&store), (1..=8).collect::<Vec<_>>());
    let (whole, more) =
        (fs::metadata(path(&store, 5)).expect("is there"), fs::metadata(path(&store, 8)).expect("is there"));
    assert!(more.len() * 4 < whole.len(), "{} of {} bytes", more.len(), whole.len());
    for number in (1..=8).rev() {
        assert!(state(&store) == states[number], "snapshot {number}");
        fs::remove_file(path(&store, number as u64)).expect("removes");
    }
    assert!(store.load().expect("loads").is_none());
}

#[test]
fn a_damaged_link_takes_what_builds_on_it_and_no_more() {
    for (damaged, newest) in [(8, 7), (7, 6), (6, 5), (5, 4)] {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut store, states) = chains(dir.path());
        fs::write(path(&store, damaged), b"half a snapsh").expect("damages");
        assert!(state(&store) == states[newest], "{damaged} is damaged");
        // One that is whole, but another than was built on, counts for itself only.
        fs::copy(path(&store, 1), path(&store, damaged)).expect("copies");
        assert!(state(&store) == states[1], "{damaged} is another");
        let mut engine = Engine::restore(&states[newest], Settings::default(), Registry::default()).expect("its own");
        store.chain = Chain::default();
        let next = grow(&mut store, &mut engine, None);
        assert!(state(&store) == next);
    }
}

#[test]
fn what_builds_on_a_damaged_file_is_listed_as_damaged() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = chains(dir.path());
    fs::write(path(&store, 6), b"half a snapsh").expect("damages");
    let whole: Vec<bool> = all(dir.path()).expect("lists").iter().map(|found| found.checkpoint.is_ok()).collect();
    assert_eq!(whole, [true, true, true, true, true, false, false, false]);
}

#[test]
fn a_chain_goes_when_two_newer_ones_are_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = chains(dir.path());
    let mut engine = engine();
    (0..60).for_each(|n| see(&mut engine, &format!("bot-{n}"), n));
    store.chain = Chain::default();
    grow(&mut store, &mut engine, None);
    assert_eq!(numbers(&store), [5, 6, 7, 8, 9]);
    see(&mut engine, "bot-1", 99);
    grow(&mut store, &mut engine, None);
    assert_eq!(numbers(&store), [5, 6, 7, 8, 9, 10]);
}

#[test]
fn the_snapshot_of_a_day_needs_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path(), 2).expect("opens").with_days(7);
    let mut engine = engine();
    (0..60).for_each(|n| see(&mut engine, &format!("bot-{n}"), n));
    let day = |day| Some(Timestamp::from_micros(0) + Span::from_days(day));
    for (time, ground) in [(day(0), true), (day(0), true), (day(1), false), (day(1), true), (day(1), true)] {
        grow(&mut store, &mut engine, time);
        assert_eq!(store.ground().is_some(), ground, "{time:?}");
        see(&mut engine, "bot-7", 100);
    }
    for number in 1..=5 {
        fs::remove_file(path(&store, number)).expect("removes");
    }
    for day in ["1970-01-01", "1970-01-02"] {
        let kept = of_day(dir.path(), day).expect("can be read").expect("is kept");
        Engine::restore(&kept.engine, Settings::default(), Registry::default()).expect("has all bots");
    }
}

#[test]
fn a_snapshot_of_format_10_is_read() {
    let file =
        fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapshots/format-10.humdrum")).expect("is there");
    let checkpoint = format::decode(&file).expect("is read");
    let position = checkpoint.position.expect("a position");
    assert_eq!((position.stream.as_str(), position.sequence), ("HUMDRUM_EVENTS", 16_158));
    assert!(position.record.is_some());
    assert_eq!(checkpoint.event_time.map(|time| time.to_string()).as_deref(), Some("2026-03-15T08:28:47.688351Z"));
    let owed: Vec<&str> = checkpoint.outbox.iter().map(|owed| owed.notice.alert.title.as_str()).collect();
    assert_eq!(owed.len(), 14, "{owed:?}");
    let engine = Engine::restore(&checkpoint.engine, Settings::default(), Registry::default()).expect("is an engine");
    for (tenant, bot) in [("tidewater", "access-review-000"), ("northbank", "doc-classifier-001")] {
        let known = engine.export(tenant, bot).expect("is known");
        assert!(known["baseline"].is_object(), "{known}");
    }
    assert_eq!(engine.stats().accepted, 15_992);
}

#[test]
fn the_newest_are_kept_and_the_newest_is_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path(), 2).expect("opens");
    assert_eq!(sequence(&store), None);
    for n in 1..=4 {
        store.save(&checkpoint(n)).expect("saves");
    }
    assert_eq!((sequence(&store), numbers(&store)), (Some(4), vec![3, 4]));
    let mode = fs::metadata(path(&store, 4)).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(store);
    let mut store = Store::open(dir.path(), 2).expect("opens again");
    store.save(&checkpoint(9)).expect("saves");
    assert_eq!((sequence(&store), numbers(&store)), (Some(9), vec![4, 5]));
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path(), 3).expect("opens");
    for n in 1..=2 {
        store.save(&checkpoint(n)).expect("saves");
    }
    fs::write(path(&store, 2), b"half a snapsh").expect("damages");
    assert_eq!(sequence(&store), Some(1));
    store.save(&checkpoint(7)).expect("saves");
    assert_eq!(sequence(&store), Some(7));
}

#[test]
fn a_second_process_is_kept_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Store::open(dir.path(), 2).expect("opens");
    let second = Store::open(dir.path(), 2).expect_err("is locked");
    assert_eq!((second.reason(), second.retry()), ("locked", false));
    drop(first);
    Store::open(dir.path(), 2).expect("opens after the first has gone");
}

#[test]
fn a_directory_that_cannot_be_made_says_which() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, b"").expect("writes");
    let error = Store::open(&file.join("state"), 2).expect_err("a file is in the way");
    assert!(error.to_string().contains("file/state"), "{error}");
}
