//! Speed of the core, one thread, no I/O: decoding, the statistics, and the whole way from bytes to verdicts.
//!
//! `cargo bench --bench core --no-default-features`. The fleet is simulated; its baseline is learned before anything
//! is measured, so that every session is scored by all models.

#![expect(clippy::expect_used, reason = "a bench that cannot set up ends")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::event::decode::{Envelope, Limits, decode, encode};
use humdrum::registry::Registry;
use humdrum::simulate::{EventStream, FleetSpec};
use humdrum::stats::calibrate::Calibrators;
use humdrum::stats::log_histogram::LogHistogram;
use humdrum::stats::week::{WeekDensity, WeekPrior};
use humdrum::time::Local;
use mimalloc::MiMalloc;

/// As in the program.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

/// Events that one measurement takes.
const MEASURED: usize = 100_000;

fn take(line: &[u8]) -> Event {
    decode(line, &Envelope::default(), &Limits::default()).expect("an event of the simulator")
}

/// A fleet's engine after its month of baseline, as a snapshot, and the lines that come next.
fn warm() -> (Vec<u8>, Vec<Vec<u8>>) {
    let spec = FleetSpec { bots: 200, days_baseline: 28, days_test: 7, ..FleetSpec::default() };
    let mut stream = EventStream::new(&spec);
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    let split = spec.start + humdrum::time::Span::from_days(28);
    let mut lines = Vec::with_capacity(MEASURED);
    for event in stream.by_ref() {
        if event.ts < split {
            engine.observe(event, &mut output);
        } else if lines.len() < MEASURED {
            lines.push(encode(&event).into_bytes());
        } else {
            break;
        }
    }
    (engine.snapshot(), lines)
}

fn pipeline(c: &mut Criterion) {
    let (snapshot, lines) = warm();
    let restore =
        || Engine::restore(&snapshot, Settings::default(), Registry::default()).expect("the snapshot just taken");
    let mut group = c.benchmark_group("core");
    group.throughput(Throughput::Elements(lines.len() as u64)).sample_size(10);
    group.bench_function("decode", |b| b.iter(|| lines.iter().map(|line| take(line).id.len()).sum::<usize>()));
    group.bench_function("decode_and_observe", |b| {
        let run = |mut engine: Engine| {
            let mut output = Output::default();
            for line in &lines {
                engine.observe(take(line), &mut output);
            }
            (engine, output)
        };
        b.iter_batched(restore, run, BatchSize::PerIteration);
    });
    group.finish();
    let mut group = c.benchmark_group("state");
    let engine = restore();
    group.bench_function("snapshot_200_bots", |b| b.iter(|| black_box(engine.snapshot()).len()));
    group.bench_function("restore_200_bots", |b| b.iter(restore));
    group.finish();
}

fn statistics(c: &mut Criterion) {
    let mut calibrator = Calibrators::default();
    let mut histogram = LogHistogram::default();
    let mut week = WeekDensity::default();
    for step in 0..400_u16 {
        calibrator.learn(1, f64::from(step % 37) / 9.0, 1.0);
        histogram.learn(f64::from(step % 53) * 40.0, 1.0);
        week.learn(Local { day: 0, weekday: (step % 5) as u8, minute: 360 + step % 90 }, 1.0);
    }
    let mut group = c.benchmark_group("stats");
    group.bench_function("calibrator_p", |b| b.iter(|| calibrator.p_own(1, black_box(3.3), 0.8)));
    group.bench_function("log_histogram_p", |b| b.iter(|| histogram.p_value(black_box(1234.0), 0.2)));
    let prior = WeekPrior { days: 20.0, any_time: 0.03, in_time: 0.5, alike: 0.3 };
    let start = Local { day: 0, weekday: 2, minute: 400 };
    group.bench_function("week_tail_mass", |b| b.iter(|| week.tail_mass(black_box(start), prior)));
    group.finish();
}

criterion_group!(benches, pipeline, statistics);
criterion_main!(benches);
