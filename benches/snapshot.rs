//! What snapshots cost a large fleet: how long the stream waits for one with all bots and for one with those that changed,
//! what they weigh, and how long a restart takes from them.
//!
//! `cargo bench --bench snapshot -- 100000 5` is 100,000 bots, of which 5 of a hundred do something between two snapshots,
//! in an hour of a day on which all of them have run; after the last of them a day is missed by all the others.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a measurement that cannot be made ends")]

use std::io::Write;
use std::time::{Duration, Instant};

use humdrum::detect::{Engine, Output, Part, Settings};
use humdrum::event::decode::{Envelope, Limits, decode};
use humdrum::registry::Registry;
use humdrum::runtime::store::Store;
use humdrum::runtime::store::format::Checkpoint;
use humdrum::time::{Span, Timestamp};
use mimalloc::MiMalloc;

/// As in the program.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

/// 2026-02-23T00:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_771_804_800_000_000);
/// Days of which each bot has a session, and calls of a session.
const DAYS: i64 = 20;
const CALLS: i64 = 6;
/// Snapshots; the last one is taken after a day on which most bots are silent.
const ROUNDS: i64 = 4;
/// Bytes of a piece, as the program takes them.
const PIECE_BYTES: usize = 64 * 1024;

fn session(engine: &mut Engine, output: &mut Output, bot: usize, start: Timestamp) {
    for call in 0..CALLS {
        let ts = start + Span::from_secs(call);
        let line = format!(
            r#"{{"ts":"{ts}","tenant":"t{}","bot":"bot-{bot}","type":"call","session":"{bot}-{start}","host":"h{}","system":"hr","operation":"GET /{call}","records_read":{}}}"#,
            bot % 10,
            bot % 997,
            bot % 50
        );
        let event = decode(line.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event");
        engine.observe(event, output);
    }
    output.alerts.clear();
    output.rejected.clear();
}

/// When a bot begins: all do within three quarters of an hour.
fn start(bots: usize, bot: usize, since: Span) -> Timestamp {
    START + since + Span::from_micros(2_700_000_000 / bots as i64 * bot as i64)
}

/// A snapshot, and what it took: its beginning, the longest piece, and all of it.
fn take(engine: &mut Engine, since: Option<u32>) -> (Part, [Duration; 3]) {
    let began = Instant::now();
    engine.begin_snapshot(since);
    let (beginning, mut longest) = (began.elapsed(), Duration::ZERO);
    loop {
        let piece = Instant::now();
        let part = engine.go_on_snapshot(PIECE_BYTES);
        longest = longest.max(piece.elapsed());
        if let Some(part) = part {
            return (part, [beginning, longest, began.elapsed()]);
        }
    }
}

fn main() -> std::io::Result<()> {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let (bots, share) = (numbers.first().copied().unwrap_or(10_000), numbers.get(1).copied().unwrap_or(5));
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let (mut output, mut out) = (Output::default(), std::io::stdout().lock());
    for day in 0..DAYS {
        (0..bots).for_each(|bot| session(&mut engine, &mut output, bot, start(bots, bot, Span::from_days(day))));
    }
    let dir = tempfile::tempdir()?;
    let mut store = Store::open(dir.path(), 3).expect("opens");
    for round in 0..ROUNDS {
        let (part, [beginning, longest, all]) = take(&mut engine, store.ground());
        let (changed, bytes) = (part.bots(), part.bytes());
        let writing = Instant::now();
        store.save_part(&Checkpoint::default(), part).expect("is written");
        let wrote = writing.elapsed();
        writeln!(
            out,
            "{changed} of {bots} bots, {bytes} bytes: the stream waits {beginning:.2?} for the beginning and {longest:.2?} \
            for a piece at most; taken in {all:.2?}, written in {wrote:.2?}"
        )?;
        for bot in (0..bots).filter(|bot| bot % 100 < share) {
            let missed = i64::from(round + 2 == ROUNDS);
            let since = Span::from_days(DAYS - 1 + missed) + Span::from_hours(3 + round);
            session(&mut engine, &mut output, bot, start(bots, bot, since));
        }
    }
    let reading = Instant::now();
    let checkpoint = store.load().expect("is read").expect("is there");
    let read = reading.elapsed();
    let restored = Engine::restore(&checkpoint.engine, Settings::default(), Registry::default()).expect("is an engine");
    let events = restored.stats().accepted;
    writeln!(out, "read in {read:.2?} and restored in {:.2?} altogether, {events} events", reading.elapsed())
}
