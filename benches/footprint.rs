//! Memory and speed of one engine with a large fleet: resident bytes a bot after its baseline is learned.
//!
//! `cargo bench --bench footprint --no-default-features -- [BOTS] [DAYS]`. Resident memory is the kernel's figure for
//! the process (`/proc/self/status`), less what it was with the fleet's simulator set up and no bot learned.

#![expect(clippy::disallowed_methods, reason = "reads the process's own figures and the clock")]

use std::io::Write;
use std::time::Instant;

use humdrum::detect::{Engine, Output, Settings};
use humdrum::registry::Registry;
use humdrum::simulate::{EventStream, FleetSpec};

/// Resident kilobytes of this process; 0 where the system does not tell.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

fn main() -> std::io::Result<()> {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (bots, days) = (numbers.first().copied().unwrap_or(10_000), numbers.get(1).copied().unwrap_or(16));
    let spec =
        FleetSpec { bots: bots as usize, days_baseline: days, days_test: 1, clean: true, ..FleetSpec::default() };
    let mut stream = EventStream::new(&spec);
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    // The simulator holds its plans before the first event; its growth after that is the day's own events.
    stream.next();
    let before = resident_kb();
    let (began, mut events) = (Instant::now(), 0_u64);
    for event in stream.by_ref() {
        engine.observe(event, &mut output);
        events += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    drop(stream);
    let stats = engine.stats();
    let resident = resident_kb().saturating_sub(before);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{bots} bots, {days} days, {events} events in {seconds:.0} s, simulator included")?;
    writeln!(
        out,
        "resident {} bytes a bot; estimated {} bytes a bot",
        resident * 1024 / u64::from(bots),
        stats.baseline_bytes / u64::from(bots)
    )?;
    writeln!(out, "snapshot {} bytes a bot", engine.snapshot().len() as u64 / u64::from(bots))
}
