//! Memory and speed of one engine with a large fleet: resident bytes a bot after its baseline is learned.
//!
//! `cargo bench --bench footprint --no-default-features -- [BOTS] [DAYS]`. The fleet's events come as lines from a
//! second process, which simulates them, so that this one holds what the program itself would hold and no simulator.
//! Resident memory is the kernel's figure for what the process has allocated (`RssAnon` of `/proc/self/status`), less
//! what it was before the first event.

#![expect(clippy::disallowed_methods, reason = "reads the process's own figures and the clock")]

use std::io::{BufRead, BufReader, BufWriter, Error, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::decode::{Envelope, Limits, decode, encode};
use humdrum::registry::Registry;
use humdrum::simulate::{EventStream, FleetSpec};

/// Bytes of a snapshot between two looks at the clock, as the program has them.
const PIECE_BYTES: usize = 64 * 1024;

/// First argument of the process that simulates.
const PRODUCE: &str = "produce";

/// Resident kilobytes that this process has allocated; 0 where the system does not tell.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

fn produce(bots: u32, days: u32) -> std::io::Result<()> {
    let spec =
        FleetSpec { bots: bots as usize, days_baseline: days, days_test: 1, clean: true, ..FleetSpec::default() };
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    for event in EventStream::new(&spec) {
        writeln!(out, "{}", encode(&event))?;
    }
    out.flush()
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u32> = args.iter().filter_map(|text| text.parse().ok()).collect();
    let (bots, days) = (numbers.first().copied().unwrap_or(10_000), numbers.get(1).copied().unwrap_or(16));
    if args.first().is_some_and(|first| first == PRODUCE) {
        return produce(bots, days);
    }
    let mut producer = Command::new(std::env::current_exe()?)
        .args([PRODUCE, &bots.to_string(), &days.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = producer.stdout.take().ok_or_else(|| Error::other("the simulator has no output"))?;
    let mut lines = BufReader::with_capacity(1 << 16, stdout);
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    let before = resident_kb();
    let (began, mut events, mut line) = (Instant::now(), 0_u64, Vec::new());
    while lines.read_until(b'\n', &mut line)? > 0 {
        let event = decode(&line, &Envelope::default(), &Limits::default()).map_err(Error::other)?;
        engine.observe(event, &mut output);
        // As the program does after each batch.
        output.alerts.clear();
        events += 1;
        line.clear();
    }
    let seconds = began.elapsed().as_secs_f64();
    producer.wait()?;
    let resident = resident_kb().saturating_sub(before);
    let stats = engine.stats();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{bots} bots, {days} days, {events} events in {seconds:.0} s, simulator included")?;
    writeln!(
        out,
        "resident {} bytes a bot; estimated {} bytes a bot",
        resident * 1024 / u64::from(bots),
        stats.baseline_bytes / u64::from(bots)
    )?;
    let (began, mut longest, mut taken) = (Instant::now(), Duration::ZERO, None);
    engine.begin_snapshot(None);
    let begin = began.elapsed();
    let mut pieces = 0_u64;
    while taken.is_none() {
        let piece = Instant::now();
        taken = engine.go_on_snapshot(PIECE_BYTES);
        (longest, pieces) = (longest.max(piece.elapsed()), pieces + 1);
    }
    let (took, bytes) = (began.elapsed(), taken.map_or(0, |part| part.bytes()) as u64);
    writeln!(out, "snapshot {} bytes a bot, {bytes} in all, in {took:.2?}", bytes / u64::from(bots))?;
    writeln!(
        out,
        "the stream waits {begin:.2?} for its beginning, and for each of {pieces} pieces {longest:.2?} at most"
    )
}
