//! The calendar through the whole engine: what is expected of bots on other days than most.

use super::*;
use crate::alert::Scope;

fn stretch(season: Season, from: Timestamp, until: Timestamp) -> Settings {
    let calendar = Calendar(vec![Stretch { season, scope: Scope::default(), from, until }]);
    Settings { calendar, ..Settings::default() }
}

/// Pages about one dimension of the month's bot, with what a test has it do behind it.
fn pages(settings: &Settings, last: &[Event], dimension: Dimension) -> Vec<Alert> {
    let mut engine = Engine::new(settings.clone(), Registry::default());
    let mut output = Output::default();
    for event in month().iter().chain(last) {
        engine.observe_ref(event, &mut output);
    }
    engine.finish(&mut output);
    output.alerts.retain(|alert| {
        alert.severity.pages()
            && alert.status == Status::Firing
            && alert.reasons.iter().any(|reason| reason.dimension == dimension)
    });
    output.alerts
}

/// Another bot's event, which moves time on.
fn later(day: i64, minute: i64) -> Event {
    let json = format!(r#"{{"ts":"{}","tenant":"acme","bot":"other","type":"call"}}"#, at(day, minute));
    decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json)
}

/// Event time that goes on without the bot, hour by hour.
fn silence(days: std::ops::Range<i64>) -> Vec<Event> {
    days.flat_map(|day| (0..24).map(move |hour| later(day, hour * 60))).collect()
}

#[test]
fn in_a_maintenance_window_a_bot_may_be_absent_and_must_be_back_behind_it() {
    let night = silence(30..31);
    assert!(!pages(&Settings::default(), &night, Dimension::Absence).is_empty(), "it is missed on other days");
    let window = stretch(Season::Maintenance, at(30, 60), at(30, 300));
    assert_eq!(pages(&window, &night, Dimension::Absence), []);
    assert!(!pages(&window, &silence(30..32), Dimension::Absence).is_empty(), "the next night it is missed");
}

#[test]
fn in_a_maintenance_window_odd_times_are_expected_and_new_hosts_are_not() {
    let window = stretch(Season::Maintenance, at(30, 780), at(30, 960));
    let odd = Night { minute: 14 * 60 + 7, ..Night::usual(30) };
    assert!(!pages(&Settings::default(), &odd.events(), Dimension::Time).is_empty());
    assert_eq!(pages(&window, &odd.events(), Dimension::Time), []);
    let strange = Night { host: "kali", ip: "172.16.9.9", ..odd };
    assert!(!pages(&window, &strange.events(), Dimension::Source).is_empty());
}

#[test]
fn on_a_holiday_only_those_rest_that_rest_on_weekends() {
    let holiday = stretch(Season::Holiday, at(30, 0), at(31, 0));
    assert!(!pages(&holiday, &silence(30..31), Dimension::Absence).is_empty(), "it works on weekends");
}

#[test]
fn what_is_done_to_a_bot_in_a_change_freeze_is_worse() {
    let act = event("act", at(29, 600), r#""type":"control","control":{"action":"logging_disabled","by":"eve"}"#);
    let worst = |settings: &Settings| {
        let mut engine = Engine::new(settings.clone(), Registry::default());
        let mut output = Output::default();
        for event in month().iter().chain([&act]) {
            engine.observe_ref(event, &mut output);
        }
        engine.finish(&mut output);
        let of_control = |alert: &&Alert| alert.reasons.iter().any(|reason| reason.dimension == Dimension::Control);
        output
            .alerts
            .iter()
            .filter(of_control)
            .map(|alert| (alert.severity, alert.title.clone()))
            .max()
            .expect("a word")
    };
    let freeze = stretch(Season::Freeze, at(29, 0), at(30, 0));
    let (usual, worse) = (worst(&Settings::default()), worst(&freeze));
    assert!(worse.0 > usual.0 && worse.1.contains("in a change freeze"), "{usual:?} {worse:?}");
}

/// The p-value of the last run's hour, of a bot that runs on these days at two in the morning.
fn p_of_last_start(days: &[i64]) -> f64 {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output { verdicts: Some(Vec::new()), ..Output::default() };
    for event in days.iter().flat_map(|day| Night { minute: 120, ..Night::usual(*day) }.events()) {
        engine.observe_ref(&event, &mut output);
    }
    engine.finish(&mut output);
    let verdicts = output.verdicts.expect("was asked for");
    let session = verdicts.iter().rev().find(|verdict| verdict.judged == Judged::Session).expect("a session");
    let time = session.p_values.iter().find(|(dimension, _)| *dimension == Dimension::Time);
    time.and_then(|(_, p)| *p).expect("it is not excused")
}

#[test]
fn a_months_end_falls_on_any_weekday_and_a_weekly_run_on_one() {
    // Monday to Wednesday, and Thursday and Friday a month later.
    let month_end = p_of_last_start(&[0, 1, 2, 31, 32]);
    assert!(month_end > 0.05, "{month_end}");
    let weekly = p_of_last_start(&[0, 7, 14, 21, 28, 31]);
    assert!(weekly < 0.02, "{weekly}");
}
