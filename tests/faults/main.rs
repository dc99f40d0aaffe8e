//! The suite of faults against a simulated broker: what reads, decodes, scores, settles and fences is the program's own
//! code; the streams behind it lose, repeat, forget and stand still by a seed. Time is virtual, so that thousands of runs
//! take a minute, and a seed that fails fails again.
//!
//! `HUMDRUM_FAULT_SEEDS` is how many there are, `HUMDRUM_FAULT_FROM` the first.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "what a test expects and does not get ends it")]

mod broker;
mod check;
mod exit;
mod hold;
mod plan;
mod process;
mod reader;
mod seeds;
mod story;

use plan::{Class, Mutant};
use seeds::run_all;

/// Seeds where nobody says how many.
const SEEDS: u64 = 150;
/// Seeds in which a fault of the program is to show.
const SEEDS_MUTANT: u64 = 150;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn a_run_with_faults_is_one_without() {
    let tally = run_all(number("HUMDRUM_FAULT_FROM", 0), number("HUMDRUM_FAULT_SEEDS", SEEDS), &Class::ALL, None);
    assert!(tally.wrong.is_empty(), "{} runs are wrong:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
    for (class, (runs, came)) in tally.runs {
        assert!(
            came * 2 >= runs || class == Class::Repeated || class == Class::Acknowledged,
            "{class:?}: its trouble came in {came} of {runs} runs"
        );
    }
}

/// Seeds that differed once, with what had been wrong. Classes are by the seed, as in a run of all.
const KNOWN: [(u64, &str); 11] = [
    (246, "a snapshot that stood at the end of the stream: the oracle waited for a batch behind it"),
    (251, "a session that was due when it was opened was judged at the next event, were it one that came again"),
    (939, "everything was acknowledged when a process began: the oracle waited for a batch behind that"),
    (999, "a consumer was removed, and made again in the next attempt behind what was read and not settled"),
    (1903, "a question about what a partition had left out went unanswered: the oracle did not wait for the next one"),
    (2216, "whoever woke fenced the other owner off and could not begin then: the oracle knew of no third one"),
    (
        3985,
        "a stream was made anew while it was opened again: what was refused had other ids before that was seen, and after",
    ),
    (4202, "events were given up, and an alert that was out came of a later event than an owner before had seen"),
    (9343, "as in 1903"),
    (17312, "a snapshot before the first record: what was given up behind it was not told"),
    (29575, "as in 3985: silence on record that was passed in the meantime was not applied when it was read again"),
];

#[test]
fn seeds_that_differed_once_do_not_any_more() {
    for (seed, why) in KNOWN {
        let tally = run_all(seed, 1, &Class::ALL, None);
        assert!(tally.wrong.is_empty(), "{why}: {}", tally.wrong.join("\n"));
    }
}

/// A program with this fault is found out.
fn found(mutant: Mutant, class: Class) {
    let tally = run_all(0, SEEDS_MUTANT, &[class], Some(mutant));
    assert!(!tally.wrong.is_empty(), "{mutant:?} was not noticed");
}

#[test]
fn the_oracle_notices_what_is_acknowledged_too_early() {
    found(Mutant::AcknowledgesFirst, Class::Forgotten);
}

#[test]
fn the_oracle_notices_alerts_that_come_again() {
    found(Mutant::RepeatsAlerts, Class::Rough);
}

#[test]
fn the_oracle_notices_an_owner_that_is_not_fenced_off() {
    found(Mutant::NoFence, Class::Stale);
}

#[test]
fn the_oracle_notices_a_new_owner_that_does_not_know_what_was_told() {
    found(Mutant::NoRecall, Class::Stale);
}

#[test]
fn the_oracle_notices_numbers_that_are_trusted() {
    found(Mutant::TrustsNumbers, Class::Regressed);
}

#[test]
fn the_oracle_notices_deliveries_that_are_trusted() {
    found(Mutant::TrustsDelivery, Class::Rough);
}

#[test]
fn the_oracle_notices_a_snapshot_before_its_alerts() {
    found(Mutant::HastySnapshot, Class::Rough);
}

#[test]
fn the_oracle_notices_a_snapshot_at_the_wrong_place() {
    found(Mutant::WrongPlace, Class::Damaged);
}

#[test]
fn the_oracle_notices_events_that_count_twice() {
    found(Mutant::NoDedupe, Class::Repeated);
}

#[test]
fn the_oracle_notices_a_gap_that_is_not_told() {
    found(Mutant::SilentGap, Class::ExpiredRunning);
    found(Mutant::SilentGap, Class::ExpiredDown);
}
