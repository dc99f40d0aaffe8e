//! Memory and speed of one engine with a large fleet: resident bytes a bot after its baseline is learned.
//!
//! `cargo bench --bench footprint --no-default-features -- [BOTS] [DAYS]`; `warm [BOTS] [DAYS] [FLEET]` for what a warm fleet
//! of that many costs: speed, memory and, with the program's own store (without `--no-default-features`), snapshot and
//! restart (a fleet of FLEET bots, 1,000 if nothing is said, stands in it several times, since more of them take long to
//! simulate); and `once BOTS` for bots of each of which one event is seen. The fleet's events come as lines from a
//! second process, which simulates them, so that this one holds what the program itself would hold and no simulator.
//! Resident memory is the kernel's figure for what the process has allocated (`RssAnon` of `/proc/self/status`), less
//! what it was before the first event. Fingerprints of all alerts and of the state tell whether a change that should
//! change nothing has.

#![expect(clippy::disallowed_methods, reason = "reads the process's own figures and the clock")]

use std::fmt;
use std::io::{BufRead, BufReader, BufWriter, Error, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use humdrum::detect::{AHEAD, Engine, Output, Part, Settings};
use humdrum::event::decode::{Envelope, Limits, decode, encode};
use humdrum::registry::Registry;
use humdrum::simulate::{EventStream, FleetSpec};
use humdrum::time::{Span, Timestamp};
use mimalloc::MiMalloc;

/// As in the program.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

/// Bytes of a snapshot between two looks at the clock, as the program has them.
const PIECE_BYTES: usize = 64 * 1024;

/// Bots of the fleet that stands in the engine several times, if nothing else is asked for; events that are measured, and
/// lines that are made for it at a time: as many as the program fetches at once.
const FLEET: u32 = 1_000;
const MEASURED: u64 = 1_000_000;
const BATCH: usize = 5_000;

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
    let bots = numbers.first().copied().unwrap_or(10_000);
    match args.first().map(String::as_str) {
        Some(PRODUCE) => produce(bots, numbers.get(1).copied().unwrap_or(16)),
        Some("warm") => warm(bots, numbers.get(1).copied().unwrap_or(4), numbers.get(2).copied().unwrap_or(FLEET)),
        Some("once") => once(bots),
        _ => learned(bots, numbers.get(1).copied().unwrap_or(16)),
    }
}

/// The lines of a fleet that another process simulates, and that process.
fn simulated(bots: u32, days: u32) -> std::io::Result<(impl BufRead, Child)> {
    let mut producer = Command::new(std::env::current_exe()?)
        .args([PRODUCE, &bots.to_string(), &days.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = producer.stdout.take().ok_or_else(|| Error::other("the simulator has no output"))?;
    Ok((BufReader::with_capacity(1 << 16, stdout), producer))
}

/// Speed from bytes to verdicts once each bot has been known for some days: all models judge. A fleet is simulated, and
/// stands in the engine as often as makes so many bots, each time with tenants of its own.
fn warm(bots: u32, days: u32, fleet: u32) -> std::io::Result<()> {
    let copies = (bots / fleet.max(1)).max(1);
    let (mut lines, mut producer) = simulated(bots.min(fleet), days)?;
    let mut engine = Engine::new(
        Settings { mature_days: 2.min(days.saturating_sub(1)), ..Settings::default() },
        Registry::default(),
    );
    let (mut output, mut line, mut began, mut batch) = (Output::default(), Vec::new(), None, Vec::new());
    let mut soon = Vec::with_capacity(AHEAD);
    let (mut events, mut seconds, mut times, resident_before) = (0_u64, 0.0, Vec::new(), resident_kb());
    while lines.read_until(b'\n', &mut line)? > 0 {
        let event = decode(&line, &Envelope::default(), &Limits::default()).map_err(Error::other)?;
        let measured = event.ts >= *began.get_or_insert(event.ts) + Span::from_days(i64::from(days) - 1);
        for copy in 0..copies {
            let mut event = event.clone();
            event.tenant = format!("{}-{copy}", event.tenant).into();
            if measured {
                batch.push(encode(&event).into_bytes());
            } else {
                engine.observe(event, &mut output);
                output.alerts.clear();
            }
        }
        if batch.len() >= BATCH {
            let started = Instant::now();
            for next in batch.chunks(AHEAD) {
                for line in next {
                    soon.push(decode(line, &Envelope::default(), &Limits::default()).map_err(Error::other)?);
                }
                for foreseen in engine.look_ahead(soon.iter()) {
                    engine.observe_foreseen(foreseen, &mut output);
                }
                soon.clear();
            }
            // The clock, since the kernel counts a thread's time in steps of four milliseconds, a third of a batch.
            let took = started.elapsed().as_secs_f64();
            times.push(took / batch.len() as f64);
            (events, seconds) = (events + batch.len() as u64, seconds + took);
            batch.clear();
            output.alerts.clear();
        }
        line.clear();
        if events >= MEASURED {
            break;
        }
    }
    producer.kill()?;
    producer.wait()?;
    drop(batch);
    let (resident, stats) = (resident_kb().saturating_sub(resident_before), engine.stats());
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    let bots = stats.bots_learning + stats.bots_mature + stats.bots_stale;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{bots} bots: {:.0} events/s over {events}, {:.0} in the middle one of {} batches; resident {} MiB, {} bytes a bot",
        events as f64 / seconds,
        times.get(middle).map_or(f64::NAN, |seconds: &f64| seconds.recip()),
        times.len(),
        resident / 1024,
        resident * 1024 / bots
    )?;
    let taken = taken(&mut engine);
    writeln!(
        out,
        "snapshot {} MiB, {} bytes a bot: {taken}",
        taken.part.bytes() >> 20,
        taken.part.bytes() as u64 / bots
    )?;
    drop(engine);
    restart(taken.part, &mut out)
}

/// A snapshot with all bots, and what it took.
struct Taken {
    part: Part,
    /// For its beginning, and for the longest of its pieces.
    stops: [Duration; 2],
    pieces: u64,
    all: Duration,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stops: [beginning, longest], pieces, all, .. } = self;
        write!(
            f,
            "the stream waits {beginning:.2?} for its beginning, and for each of {pieces} pieces {longest:.2?} at most, \
            {all:.2?} altogether"
        )
    }
}

fn taken(engine: &mut Engine) -> Taken {
    let began = Instant::now();
    engine.begin_snapshot(None);
    let (beginning, mut longest, mut pieces) = (began.elapsed(), Duration::ZERO, 0_u64);
    loop {
        let piece = Instant::now();
        let part = engine.go_on_snapshot(PIECE_BYTES);
        (longest, pieces) = (longest.max(piece.elapsed()), pieces + 1);
        if let Some(part) = part {
            return Taken { part, stops: [beginning, longest], pieces, all: began.elapsed() };
        }
    }
}

/// How long the file of a snapshot takes to be written, and an engine to be there again from it.
#[cfg(feature = "runtime")]
fn restart(part: Part, out: &mut impl Write) -> std::io::Result<()> {
    use humdrum::runtime::store::Store;
    use humdrum::runtime::store::format::Checkpoint;

    let dir = tempfile::tempdir()?;
    let mut store = Store::open(dir.path(), 1).map_err(Error::other)?;
    let writing = Instant::now();
    store.save_part(&Checkpoint::default(), part).map_err(Error::other)?;
    let (wrote, reading) = (writing.elapsed(), Instant::now());
    let checkpoint = store.load().map_err(Error::other)?.ok_or_else(|| Error::other("no snapshot was written"))?;
    let read = reading.elapsed();
    let engine = Engine::restore(&checkpoint.engine, Settings::default(), Registry::default()).map_err(Error::other)?;
    let whole = reading.elapsed();
    writeln!(
        out,
        "written in {wrote:.2?}; read in {read:.2?} and restored in {whole:.2?}, {} events",
        engine.stats().accepted
    )
}

#[cfg(not(feature = "runtime"))]
fn restart(_: Part, _: &mut impl Write) -> std::io::Result<()> {
    Ok(())
}

/// Memory of bots that were seen once, within a day.
fn once(bots: u32) -> std::io::Result<()> {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let (mut output, before) = (Output::default(), resident_kb());
    for bot in 0..bots {
        let at =
            Timestamp::from_micros(1_771_804_800_000_000 + i64::from(bot) * Span::DAY.as_micros() / i64::from(bots));
        let line = format!(
            r#"{{"ts":"{at}","tenant":"t{}","bot":"bot-{bot}","type":"call","host":"host-{}","ip":"10.1.{}.7","system":"erp","operation":"GET /orders/{{id}}","role":"reader","records_read":10,"bytes":900}}"#,
            bot % 50,
            bot / 4,
            bot % 250
        );
        engine.observe(
            decode(line.as_bytes(), &Envelope::default(), &Limits::default()).map_err(Error::other)?,
            &mut output,
        );
    }
    let open = resident_kb() - before;
    engine.idle(Span::from_days(2), &mut output);
    let (settled, bots) = (resident_kb() - before, u64::from(bots));
    writeln!(
        std::io::stdout(),
        "{bots} bots seen once: {} MiB at the end of a day, {} MiB once all sessions are over ({} bytes a bot)",
        open / 1024,
        settled / 1024,
        settled * 1024 / bots
    )
}

/// Memory of a fleet whose baselines are learned, and what a snapshot of it takes.
fn learned(bots: u32, days: u32) -> std::io::Result<()> {
    let (mut lines, mut producer) = simulated(bots, days)?;
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    let before = resident_kb();
    let (began, mut events, mut line) = (Instant::now(), 0_u64, Vec::new());
    let mut told = blake3::Hasher::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let event = decode(&line, &Envelope::default(), &Limits::default()).map_err(Error::other)?;
        engine.observe(event, &mut output);
        // As the program does after each batch.
        for alert in output.alerts.drain(..) {
            told.update(serde_json::to_string(&alert).unwrap_or_default().as_bytes());
        }
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
    let taken = taken(&mut engine);
    let bytes = taken.part.bytes() as u64;
    writeln!(out, "snapshot {} bytes a bot, {bytes} in all: {taken}", bytes / u64::from(bots))?;
    let (told, state) = (told.finalize().to_hex(), engine.state_hash());
    writeln!(out, "fingerprints: alerts {}, state {}", &told[..16], &state[..16])
}
