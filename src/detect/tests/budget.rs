//! The page budget in the engine: what it holds back, and what it never does.

use super::*;

/// Severities of a last night's firing alerts, how many findings were held back, and pages left.
fn night(pages_per_week: Option<f64>, last: &Night) -> (Vec<Severity>, u64, f64) {
    let settings = Settings { pages_per_week, ..Settings::default() };
    let (mut engine, mut output) = (Engine::new(settings.clone(), Registry::default()), Output::default());
    for event in month() {
        engine.observe(event, &mut output);
    }
    output.alerts.clear();
    // The budget lives in the state, like all that a verdict depends on.
    let mut engine = Engine::restore(&engine.snapshot(), settings, Registry::default()).expect("its own state");
    for event in last.events() {
        engine.observe(event, &mut output);
    }
    engine.finish(&mut output);
    let firing = output.alerts.iter().filter(|alert| alert.status == Status::Firing && alert.revision == 1);
    let severities = firing.map(|alert| alert.severity).filter(|severity| *severity > Severity::Info).collect();
    (severities, engine.stats().pages_held, engine.stats().budget_left_pages)
}

#[test]
fn what_the_budget_has_no_page_for_stays_in_the_archive() {
    // The run that is missed, and the one at an odd hour.
    let odd_hour = Night { minute: 662, ..Night::usual(30) };
    let (free, none_held, _) = night(None, &odd_hour);
    assert_eq!((&free[..], none_held), (&[Severity::High, Severity::High][..], 0));
    let (ample, none_held, left) = night(Some(10.0), &odd_hour);
    assert_eq!((ample, none_held), (free, 0));
    assert!((7.9..=8.1).contains(&left), "{left}");
    let (scant, held, _) = night(Some(1e-6), &odd_hour);
    assert!(
        held > 0 && !scant.is_empty() && scant.iter().all(|severity| *severity == Severity::Low),
        "{scant:?} {held}"
    );
}

#[test]
fn what_is_far_rarer_than_accepted_pages_from_an_empty_store() {
    let strange = Night { host: "kali", ip: "203.0.113.9", role: "hr-admin", ..Night::usual(30) };
    let (severities, held, left) = night(Some(0.1), &strange);
    assert!(severities.contains(&Severity::Critical) && held == 0 && left < 0.01, "{severities:?} {held} {left}");
}
