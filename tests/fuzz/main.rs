//! Whatever comes, what reads it neither panics nor hangs nor takes more memory than the input can explain: events,
//! snapshots, settings.
//!
//! An input is a seed of the corpus with some edits, drawn from a number; a number that fails fails again. `HUMDRUM_FUZZ_RUNS`
//! is how many of each target, `HUMDRUM_FUZZ_FROM` the first. `HUMDRUM_FUZZ_FILE` gives every target one file as it is, for
//! fuzzers that bring inputs of their own.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "what a test expects and does not get ends it")]

mod edits;
mod targets;

use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cap::Cap;
use edits::edited;
use targets::{Target, all};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// One target at a time, since memory is counted for the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// Inputs where nobody says how many.
const RUNS: u64 = 4000;
/// Memory that an input may cost all in all, in bytes, besides what it may for each of its own.
const BYTES_MAX: usize = 8 << 20;
/// Time that an input may take, on a machine that is busy.
const TIME_MAX: Duration = Duration::from_secs(5);

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Gives an input to a target. What is wrong with that, if anything.
fn fault(target: &Target, input: &[u8]) -> Option<String> {
    let (before, began) = (MEMORY.total_allocated(), Instant::now());
    let ended = catch_unwind(AssertUnwindSafe(|| (target.take)(input)));
    let (bytes, took) = (MEMORY.total_allocated() - before, began.elapsed());
    match ended {
        Err(_) => Some("panics".to_owned()),
        Ok(Err(broken)) => Some(broken),
        Ok(Ok(())) if bytes > target.bytes_max + BYTES_MAX + target.bytes_each_max * input.len() => {
            Some(format!("takes {bytes} bytes of memory for {}", input.len()))
        }
        Ok(Ok(())) => (took > TIME_MAX).then(|| format!("takes {took:?}")),
    }
}

fn bears(name: &str) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let target = all().into_iter().find(|target| target.name == name).expect("a target");
    if let Ok(file) = std::env::var("HUMDRUM_FUZZ_FILE") {
        let input = std::fs::read(&file).expect("a file");
        assert_eq!(fault(&target, &input), None, "{file}");
        return;
    }
    for seed in &target.corpus {
        assert_eq!(fault(&target, seed), None, "{name}: {}", String::from_utf8_lossy(seed));
    }
    let (from, runs) = (number("HUMDRUM_FUZZ_FROM", 0), number("HUMDRUM_FUZZ_RUNS", RUNS));
    for nth in from..from + runs {
        let input = edited(&target.corpus, nth);
        let told = String::from_utf8_lossy(&input[..input.len().min(2000)]);
        assert_eq!(fault(&target, &input), None, "{name}, input {nth}: {told}");
    }
}

#[test]
fn events_of_any_kind_are_borne() {
    bears("events");
}

#[test]
fn snapshots_of_any_kind_are_borne() {
    bears("snapshots");
}

#[test]
fn states_of_any_kind_are_borne() {
    bears("states");
}

#[test]
fn settings_of_any_kind_are_borne() {
    bears("settings");
}

#[test]
fn a_target_that_panics_or_devours_memory_is_noticed() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let target = |take| Target { name: "bad", corpus: Vec::new(), bytes_max: 0, bytes_each_max: 512, take };
    assert_eq!(fault(&target(|_| Ok(())), b"x"), None);
    let panics = fault(&target(|input| Err(input[7].to_string())), b"x");
    assert_eq!(panics.as_deref(), Some("panics"));
    let devours = |_: &[u8]| {
        let much = vec![1_u8; BYTES_MAX + (1 << 20)];
        if much.iter().all(|byte| *byte == 1) { Ok(()) } else { Err(String::new()) }
    };
    assert!(fault(&target(devours), b"x").is_some_and(|fault| fault.contains("bytes of memory")));
}
