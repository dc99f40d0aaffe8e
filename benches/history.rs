//! How fast history is read, alone and with the engine behind it: which of the two bounds a backfill.
//!
//! `cargo bench --bench history --features history -- FILES`. Reading and learning have a core each in a backfill; here
//! the reader is measured with nobody taking its time, and the engine with all events in memory.

#![expect(clippy::expect_used, reason = "a bench that cannot set up ends")]

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use humdrum::config::HistoryConfig;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::event::decode::Limits;
use humdrum::registry::Registry;
use humdrum::runtime::clock;
use humdrum::runtime::history::find::find;
use humdrum::runtime::history::input::Rules;
use humdrum::runtime::history::read::{Feed, Order, Reader};
use humdrum::runtime::store::format::HistoryPlace;
use mimalloc::MiMalloc;

/// As in the program.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

/// Events that the engine is measured over; all of a long history would not fit.
const ENGINE_EVENTS: usize = 1_000_000;

fn reader(files: &[PathBuf]) -> Reader {
    let config = HistoryConfig { time_zone: "UTC".to_owned(), ..HistoryConfig::default() };
    let rules = Rules { config, limits: Limits::default() };
    let sources = find(files).expect("files of history");
    let order = Order { sources, rules, before: HistoryPlace::default(), sort_rows: 0, place_every: None };
    Reader::start(order, Arc::new(AtomicBool::new(false))).expect("a thread")
}

/// Takes every batch; how many rows there were. What is left in it goes back.
fn take(files: &[PathBuf], mut events: impl FnMut(&mut Vec<Event>)) -> usize {
    let (mut reader, mut rows) = (reader(files), 0);
    while let Some(feed) = reader.receive().expect("can be read") {
        if let Feed::Batch(mut batch) = feed {
            rows += batch.events.len() + batch.refused.len();
            events(&mut batch.events);
            reader.give_back(batch);
        }
    }
    rows
}

fn main() {
    let files: Vec<PathBuf> = std::env::args().skip(1).filter(|name| name != "--bench").map(PathBuf::from).collect();
    if files.is_empty() {
        // `cargo test --benches` names none.
        return;
    }
    let mut out = std::io::stdout().lock();
    let mut measured = |what: &str, task: &mut dyn FnMut() -> usize| {
        let began = clock::monotonic();
        let rows = task();
        let seconds = began.elapsed().as_secs_f64();
        let told = format!("{what:<24}{rows:>10} rows in {seconds:>6.1} s, {:>9.0} a second\n", rows as f64 / seconds);
        out.write_all(told.as_bytes()).expect("somebody listens");
    };
    for _ in 0..3 {
        measured("reader alone", &mut || take(&files, |_| ()));
    }
    let mut kept = Vec::new();
    take(&files, |events| kept.extend(events.drain(..).take(ENGINE_EVENTS.saturating_sub(kept.len()))));
    measured("engine alone", &mut || learn(std::mem::take(&mut kept)));
    let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    measured("both, a core each", &mut || {
        take(&files, |events| events.iter().for_each(|event| engine.observe_ref(event, &mut output)))
    });
}

fn learn(events: Vec<Event>) -> usize {
    let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    let rows = events.len();
    for event in events {
        engine.observe(event, &mut output);
    }
    rows
}
