//! Places to go on from: wherever a reading is cut, what comes after is what would have come.

#![expect(clippy::disallowed_methods, reason = "tests write their own files")]

use std::path::PathBuf;

use super::super::find::find;
use super::*;
use crate::config::HistoryConfig;
use crate::event::decode::{Limits, encode};
use crate::runtime::store::format::FilePlace;
use crate::simulate::{Fleet, FleetSpec};

/// Two files that overlap in time, with unsorted rows and one that is none.
fn files(dir: &std::path::Path) -> Vec<PathBuf> {
    let spec = FleetSpec { bots: 3, days_baseline: 6, days_test: 6, ..FleetSpec::default() };
    let mut events = Fleet::generate(&spec).events;
    events.chunks_mut(100).for_each(<[Event]>::reverse);
    let (even, odd): (Vec<_>, Vec<_>) = events.into_iter().enumerate().partition(|(nth, _)| nth % 2 == 0);
    let write = |name: &str, events: Vec<(usize, Event)>| {
        let mut lines: Vec<String> = events.iter().map(|(_, event)| encode(event)).collect();
        lines.insert(lines.len() / 2, "no event".to_owned());
        let path = dir.join(name);
        std::fs::write(&path, lines.join("\n")).expect("writes");
        path
    };
    vec![write("a.ndjson", even), write("b.ndjson", odd)]
}

fn order(files: &[PathBuf], before: HistoryPlace) -> Order {
    let config = HistoryConfig { time_zone: "UTC".to_owned(), ..HistoryConfig::default() };
    let rules = Rules { config, limits: Limits::default() };
    let sources = find(files).expect("files");
    Order { sources, rules, before, sort_rows: 300, place_every: Some(Duration::ZERO) }
}

/// Ids of all events and numbers of refused rows, up to each place, and those places.
fn read_all(order: Order) -> (Vec<String>, Vec<(usize, HistoryPlace)>) {
    let mut reader = Reader::start(order, Arc::default()).expect("starts");
    let (mut seen, mut places) = (Vec::new(), Vec::new());
    while let Some(feed) = reader.receive().expect("reads") {
        match feed {
            Feed::Batch(batch) => {
                let refused = batch.refused.iter().map(|(file, row, _)| format!("refused {file} {row}"));
                seen.extend(batch.events.iter().map(|event| format!("{}/{}", event.bot, event.id)));
                seen.extend(refused);
            }
            Feed::Place(place) | Feed::End(place) => places.push((seen.len(), place)),
        }
    }
    (seen, places)
}

/// Refused rows come where their batch ends, which a cut moves.
fn events(seen: &[String]) -> Vec<&String> {
    seen.iter().filter(|line| !line.starts_with("refused")).collect()
}

#[test]
fn wherever_it_is_cut_it_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let files = files(dir.path());
    let (whole, places) = read_all(order(&files, HistoryPlace::default()));
    assert!(places.len() > 3 && whole.len() > 5000, "{} places", places.len());
    assert_eq!(whole.iter().filter(|line| line.starts_with("refused")).count(), 2);
    for (at, place) in places {
        let done = place.done;
        let (rest, ends) = read_all(order(&files, place));
        assert_eq!(events(&whole[..at]).len() + events(&rest).len(), events(&whole).len(), "{at}");
        assert_eq!(events(&whole[at..]), events(&rest), "{at}");
        assert_eq!(done, rest.is_empty());
        assert!(ends.last().is_some_and(|(_, place)| place.done && place.held.is_empty()));
    }
}

#[test]
fn a_stop_leaves_a_place_to_go_on_from() {
    let dir = tempfile::tempdir().expect("a folder");
    let files = files(dir.path());
    let (whole, _) = read_all(order(&files, HistoryPlace::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let mut reader = Reader::start(order(&files, HistoryPlace::default()), Arc::clone(&stop)).expect("starts");
    let (mut seen, mut left) = (Vec::new(), None);
    while let Some(feed) = reader.receive().expect("reads") {
        stop.store(true, Ordering::Relaxed);
        match feed {
            Feed::Batch(batch) => seen.extend(batch.events.iter().map(|event| format!("{}/{}", event.bot, event.id))),
            Feed::Place(_) => {}
            Feed::End(place) => left = Some(place),
        }
    }
    let (rest, _) = read_all(order(&files, left.expect("a place")));
    let all: Vec<&String> = seen.iter().chain(events(&rest)).collect();
    assert_eq!(all, events(&whole));
}

#[test]
fn files_that_are_others_now_are_noticed() {
    let dir = tempfile::tempdir().expect("a folder");
    let files = files(dir.path());
    let (_, places) = read_all(order(&files, HistoryPlace::default()));
    let (half, whole) = (&places[0].1, &places.last().expect("an end").1);
    let sources = find(&files).expect("files");
    assert!(unchanged(&sources, half).is_ok() && unchanged(&sources[..1], whole).is_ok());
    assert!(matches!(unchanged(&sources[..1], half), Err(HistoryError::Missing { .. })));
    std::fs::write(&files[1], "{}").expect("writes");
    let mut unlearned = half.clone();
    unlearned.files[1].rows = 0;
    assert!(unchanged(&find(&files).expect("files"), &unlearned).is_ok(), "nothing was learned of it");
    let (seen, _) = read_all(Order { sort_rows: 0, ..order(&files, unlearned) });
    assert!(seen.iter().any(|line| line == "refused 1 1"), "it is read as it is now");
    assert!(matches!(unchanged(&find(&files).expect("files"), half), Err(HistoryError::Changed { .. })));
}

#[test]
fn standard_input_is_never_what_it_was() {
    let before = HistoryPlace {
        files: vec![FilePlace { name: "-".to_owned(), identity: [0; 32], rows: 7, done: true }],
        ..HistoryPlace::default()
    };
    let sources = find(&[PathBuf::from("-")]).expect("is always there");
    assert!(unchanged(&sources, &before).is_ok());
    let rules = order(&[], HistoryPlace::default()).rules;
    let merge = Merge::new(sources, &before.files, rules, Arc::default()).expect("opens nothing yet");
    assert_eq!((merge.places()[0].rows, merge.places()[0].done), (0, false));
}
