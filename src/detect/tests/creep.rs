//! A level that is raised by a little each day, so that each day looks like the one before.

use super::*;

/// Days that are known before it begins.
const KNOWN: i64 = 30;

fn observe(engine: &mut Engine, output: &mut Output, night: &Night) {
    night.events().into_iter().for_each(|event| engine.observe(event, output));
}

/// The level at which it first pages, where that grows by so much a day.
fn paged_at(growth: f64, days: i64) -> Option<f64> {
    let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    let mut level = 1.0;
    for day in 0..days {
        let usual = Night::usual(day);
        level *= if day < KNOWN { 1.0 } else { growth };
        let records = (usual.records as f64 * level) as u64;
        observe(&mut engine, &mut output, &Night { records, ..usual });
        if output.alerts.iter().any(|alert| alert.severity.pages() && alert.status == Status::Firing) {
            return Some(level);
        }
    }
    None
}

#[test]
fn a_level_that_creeps_up_pages_before_it_has_doubled() {
    for growth in [1.01, 1.02, 1.05] {
        let level = paged_at(growth, KNOWN + 120);
        assert!(level.is_some_and(|level| level < 2.0), "{growth} a day: {level:?}");
    }
}

#[test]
fn a_level_that_stays_pages_nobody_in_a_year() {
    assert_eq!(paged_at(1.0, 400), None);
}
