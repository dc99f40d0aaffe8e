//! What people say, through the whole engine.

use super::*;
use crate::alert::{Facet, Feedback, Ruling};
use proptest::prelude::*;

fn kali(day: i64) -> Night {
    Night { host: "kali", ip: "172.16.9.9", ..Night::usual(day) }
}

/// Another matter: far more than ever.
fn flood(day: i64) -> Night {
    Night { records: 90_000, ..Night::usual(day) }
}

fn record(id: &str, verdict: &str, rest: &str) -> Feedback {
    let json = format!(
        r#"{{"id":"{id}","ts":"2026-04-01T08:00:00Z","tenant":"acme","by":"ann","verdict":"{verdict}","comment":"CHG-1"{rest}}}"#
    );
    serde_json::from_str(&json).expect(&json)
}

/// An engine behind its month, and one night on another host.
fn told() -> (Engine, Alert) {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let alerts = nights(&mut engine, month().into_iter().chain(kali(30).events()));
    let page = alerts.iter().find(|alert| alert.severity.pages()).expect("a page").clone();
    (engine, page)
}

fn nights(engine: &mut Engine, events: impl IntoIterator<Item = Event>) -> Vec<Alert> {
    let mut output = Output::default();
    for event in events {
        engine.observe(event, &mut output);
    }
    engine.idle(Span::from_hours(8), &mut output);
    output.alerts.retain(|alert| alert.status == Status::Firing);
    output.alerts
}

fn say(engine: &mut Engine, record: &Feedback) -> (Taken, Vec<Alert>) {
    let mut output = Output::default();
    let taken = engine.feedback(record, &mut output).expect("is taken");
    (taken, output.alerts)
}

fn about(id: &str, verdict: &str, alert: &Alert, rest: &str) -> Feedback {
    record(id, verdict, &format!(r#","alert":"{}"{rest}"#, &alert.id[..9]))
}

fn pages_of(alerts: &[Alert]) -> usize {
    alerts.iter().filter(|alert| alert.severity.pages()).count()
}

#[test]
fn the_same_again_does_not_page_after_false_and_another_matter_does() {
    let (mut engine, page) = told();
    let (taken, _) = say(&mut engine, &about("f1", "false", &page, ""));
    assert_eq!((taken.record.alert.as_deref(), taken.record.bot.as_deref()), (Some(page.id.as_str()), Some("payroll")));
    assert!(taken.preview.lowered >= 1, "{:?}", taken.preview);
    let again = nights(&mut engine, kali(31).events());
    assert_eq!(pages_of(&again), 0, "{again:#?}");
    assert!(pages_of(&nights(&mut engine, flood(32).events())) > 0);
}

#[test]
fn what_is_expected_is_hidden_until_its_end_and_says_who_said_so() {
    let (mut engine, page) = told();
    let until = format!(r#","until":"{}""#, at(32, 0));
    let (taken, ended) = say(&mut engine, &about("f1", "expected", &page, &until));
    assert!(taken.preview.hidden >= 1 && !taken.record.what.detectors.is_empty(), "{taken:?}");
    assert!(ended.iter().all(|alert| alert.status == Status::Resolved));
    let hidden = nights(&mut engine, kali(31).events());
    assert_eq!(pages_of(&hidden), 0, "{hidden:#?}");
    let note = hidden.iter().find_map(|alert| alert.suppressed.as_ref()).expect("a note");
    assert_eq!((note.owner.as_str(), note.until), ("ann", at(32, 0)));
    assert!(note.reason.contains("f1") && note.reason.contains("CHG-1"), "{note:?}");
    let facts = &engine.decisions()[0];
    assert!(facts.findings >= 1 && facts.alerts >= 1, "{facts:?}");
    assert_eq!(engine.stats().decisions, [0, 0, 1, 0]);
    let after = nights(&mut engine, kali(32).events());
    assert!(after.iter().all(|alert| alert.suppressed.is_none()), "its time is over: {after:#?}");
    assert!(pages_of(&nights(&mut engine, flood(33).events())) > 0);
    assert_eq!(engine.stats().decisions, [0; 4]);
}

#[test]
fn what_is_taken_back_pages_again() {
    for (verdict, until) in [("false", String::new()), ("expected", format!(r#","until":"{}""#, at(90, 0)))] {
        let (mut engine, page) = told();
        say(&mut engine, &about("f1", verdict, &page, &until));
        say(&mut engine, &record("f2", "undo", r#","undoes":"f1""#));
        assert_eq!(engine.decisions()[0].state, DecisionState::Undone);
        let again = nights(&mut engine, kali(31).events());
        // The night was told of within the last days, and is no news to page for.
        assert!(again.iter().all(|alert| alert.suppressed.is_none()), "{verdict}: {again:#?}");
        assert!(pages_of(&nights(&mut engine, flood(32).events())) > 0, "{verdict}");
        let mut output = Output::default();
        let twice = engine.feedback(&record("f3", "undo", r#","undoes":"f1""#), &mut output);
        assert_eq!(twice.expect_err("it is over").reason(), "unknown");
    }
}

#[test]
fn what_is_real_is_never_learned_and_pages_each_time() {
    let (mut engine, page) = told();
    say(&mut engine, &about("f1", "true", &page, ""));
    for day in 31..38 {
        let again = nights(&mut engine, kali(day).events());
        assert!(pages_of(&again) > 0, "day {day}: {again:#?}");
    }
    let (mut plain, _) = told();
    let later: usize = (31..38).map(|day| pages_of(&nights(&mut plain, kali(day).events()))).sum();
    assert!(later < 7, "without a word it becomes usual");
}

#[test]
fn what_is_fine_is_known_before_it_comes_and_unknown_when_that_is_taken_back() {
    for undone in [false, true] {
        let mut engine = Engine::new(Settings::default(), Registry::default());
        nights(&mut engine, month());
        let what = r#","bot":"payroll","what":{"hosts":["srv-2"],"operations":["hr DELETE /x"],"hours":[14]}"#;
        say(&mut engine, &record("f1", "fine", what));
        if undone {
            say(&mut engine, &record("f2", "undo", r#","undoes":"f1""#));
        }
        let calls = vec!["GET /employees", "DELETE /x", "GET /timesheets/{id}", "POST /payments", "PUT /ledger"];
        let moved = Night { host: "srv-2", minute: 14 * 60 + 7, calls, ..Night::usual(30) };
        let mut alerts = nights(&mut engine, moved.events());
        // That it did not run at its old hour is another matter.
        alerts.retain(|alert| alert.reasons.iter().any(|reason| reason.dimension != Dimension::Absence));
        assert_eq!(pages_of(&alerts) > 0, undone, "{alerts:#?}");
    }
}

/// What a word that something is fine would have made of a night, and what becomes of the same night a day later.
fn fine(night: &Night, hosts: &[&'static str], what: &str) -> (Severity, Vec<Alert>) {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let of = |day: i64| {
        let moved = |&host: &&'static str| Night { day, host, ..night.clone() }.events();
        if hosts.is_empty() { Night { day, ..night.clone() }.events() } else { both(hosts.iter().flat_map(moved)) }
    };
    let told = nights(&mut engine, month().into_iter().chain(of(30)));
    let page = told.iter().find(|alert| alert.reasons[0].dimension != Dimension::Absence).expect("a page").clone();
    assert!(page.severity.pages(), "{page:#?}");
    let word = about("f1", "fine", &page, &format!(r#","what":{what}"#));
    let before = engine.examine(&word).expect("is taken").preview;
    let (taken, _) = say(&mut engine, &word);
    assert_eq!(before, taken.preview, "what is looked at is what is kept");
    let changed = taken.preview.changed.iter().find(|changed| changed.id == page.id);
    let mut again = nights(&mut engine, of(31));
    again.retain(|alert| alert.reasons[0].dimension != Dimension::Absence);
    (changed.map_or(page.severity, |changed| changed.becomes), again)
}

/// Events of one session that runs on several hosts at once.
fn both(events: impl Iterator<Item = Event>) -> Vec<Event> {
    let mut events: Vec<Event> = events.collect();
    events.sort_by_key(|event| event.ts);
    for (number, event) in events.iter_mut().enumerate() {
        event.id = format!("{}-{number}", event.id).as_str().into();
    }
    events
}

#[test]
fn a_preview_of_what_is_fine_says_what_happens_when_the_same_comes_again() {
    let calls = vec!["GET /employees", "DELETE /x", "GET /timesheets/{id}", "POST /payments", "PUT /ledger"];
    let usual = Night::usual(30);
    let kali = kali(30);
    for (night, what) in [
        (Night { host: "kali", ..usual.clone() }, r#"{"hosts":["kali"]}"#),
        // It comes from a network of its own, which nobody can name.
        (kali.clone(), r#"{"hosts":["kali"]}"#),
        (Night { calls, ..usual.clone() }, r#"{"operations":["hr DELETE /x"]}"#),
        (Night { role: "root", ..usual.clone() }, r#"{"roles":["root"]}"#),
        (Night { minute: 14 * 60 + 7, ..usual.clone() }, r#"{"hours":[14]}"#),
    ] {
        let (becomes, again) = fine(&night, &[], what);
        assert_eq!(becomes, Severity::Low, "{night:?}");
        assert!(again.iter().all(|alert| alert.severity <= becomes), "{night:?}: {again:#?}");
    }
    // Another host beside it, and a known one that comes from elsewhere: neither is what was said to be fine.
    let elsewhere = Night { ip: "172.16.9.9", ..usual };
    for (night, hosts, what) in
        [(kali, &["kali", "evil"][..], r#"{"hosts":["kali"]}"#), (elsewhere, &[][..], r#"{"hosts":["srv-1"]}"#)]
    {
        let (becomes, again) = fine(&night, hosts, what);
        assert!(becomes.pages(), "{night:?}");
        assert!(!again.is_empty() && again.iter().all(|alert| alert.suppressed.is_none()), "{night:?}: {again:#?}");
    }
}

#[test]
fn a_host_that_is_fine_is_so_with_what_it_came_with_and_no_other_host_there_is() {
    let (mut engine, page) = told();
    let (taken, _) = say(&mut engine, &about("f1", "fine", &page, r#","what":{"hosts":["kali"]}"#));
    let with = [(Facet::Host, "kali".to_owned()), (Facet::Network, "172.16.9.0/24".to_owned())];
    assert_eq!(taken.preview.covered, with);
    let other = nights(&mut engine, Night { host: "evil", ..kali(31) }.events());
    let named = |alert: &Alert| alert.suppressed.is_none() && alert.reasons.iter().any(|r| r.observed == "evil");
    assert!(other.iter().any(named), "{other:#?}");
}

#[test]
fn a_record_that_comes_twice_changes_nothing() {
    let (mut engine, page) = told();
    let record = about("f1", "false", &page, "");
    say(&mut engine, &record);
    let before = engine.state_hash();
    assert!(say(&mut engine, &record).0.again);
    assert_eq!(engine.state_hash(), before);
}

#[test]
fn a_preview_changes_nothing_and_what_would_blind_is_refused() {
    let (engine, page) = told();
    let before = engine.state_hash();
    let until = format!(r#","until":"{}""#, at(60, 0));
    let bot = format!(r#","bot":"payroll"{until}"#);
    assert!(engine.examine(&about("f", "expected", &page, &until)).is_ok());
    let all: Vec<String> = Dimension::ALL.iter().map(|dimension| format!("\"{dimension}\"")).collect();
    let late = format!(r#","alert":"{}","until":"{}""#, page.id, at(500, 0));
    for (record, reason) in [
        (record("f", "expected", &bot), "blind"),
        (record("f", "expected", &format!(r#"{bot},"what":{{"dimensions":[{}]}}"#, all.join(","))), "blind"),
        (record("f", "fine", r#","bot":"payroll""#), "blind"),
        (record("f", "expected", &late), "end"),
        (about("f", "expected", &page, ""), "end"),
        (record("f", "false", r#","alert":"nothing""#), "unknown"),
        (record("f", "false", r#","bot":"payroll""#), "unknown"),
        (record("f", "comment", r#","bot":"nobody""#), "unknown"),
        (record("f", "undo", r#","undoes":"nothing""#), "unknown"),
        (Feedback { by: String::new(), ..about("f", "false", &page, "") }, "malformed"),
        (Feedback { tenant: "other".to_owned(), ..about("f", "false", &page, "") }, "unknown"),
        (Feedback { version: 2, ..about("f", "false", &page, "") }, "malformed"),
        (Feedback { comment: " ".to_owned(), ..about("f", "expected", &page, &until) }, "unreasoned"),
        (record("f", "fine", r#","bot":"payroll","what":{"hours":[24]}"#), "malformed"),
        (record("f", "expected", &format!(r#"{bot},"what":{{"detectors":["no_such"]}}"#)), "malformed"),
    ] {
        assert_eq!(engine.examine(&record).expect_err("is refused").reason(), reason, "{record:?}");
    }
    assert_eq!(engine.state_hash(), before);
}

#[test]
fn what_is_dealt_with_ends_and_the_next_is_a_story_of_its_own() {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    for event in month().into_iter().chain(kali(30).events()) {
        engine.observe(event, &mut output);
    }
    let page = output.alerts.iter().find(|alert| alert.severity.pages()).expect("a page").clone();
    let (_, ended) = say(&mut engine, &about("f1", "resolve", &page, ""));
    let ids: Vec<_> = ended.iter().map(|alert| (alert.id.as_str(), alert.status)).collect();
    assert_eq!(ids, [(page.id.as_str(), Status::Resolved)]);
    assert_eq!(engine.decisions()[0].record.verdict, Ruling::Resolve);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Wherever it is cut, an engine that is restored goes on as one that ran through, decisions and all.
    #[test]
    fn a_restart_changes_no_decision(cut in 0..30_usize, verdict in 0..3_usize) {
        let (mut engine, page) = told();
        let until = format!(r#","until":"{}""#, at(33, 0));
        let verdict = ["false", "expected", "true"][verdict];
        say(&mut engine, &about("f1", verdict, &page, &until));
        let mut restored = Engine::restore(&engine.snapshot(), Settings::default(), Registry::default()).expect("restores");
        let events: Vec<Event> = (31..36).flat_map(|day| kali(day).events()).collect();
        let (mut whole, mut parts) = (Output::default(), Output::default());
        for (number, event) in events.into_iter().enumerate() {
            if number == cut {
                let bytes = restored.snapshot();
                restored = Engine::restore(&bytes, Settings::default(), Registry::default()).expect("restores");
            }
            engine.observe_ref(&event, &mut whole);
            restored.observe(event, &mut parts);
        }
        prop_assert_eq!(whole.alerts, parts.alerts);
        prop_assert_eq!(engine.state_hash(), restored.state_hash());
    }
}

#[test]
fn an_incident_tells_what_it_showed_and_a_word_about_it_is_about_its_alerts() {
    let (mut engine, page) = told();
    let told = engine.told("acme", &page.incident);
    let host = (Facet::Host, "kali".to_owned());
    let shown = told.iter().find(|told| told.id == page.id).expect("the page");
    assert!(shown.names.contains(&host) && shown.detectors.contains(&page.reasons[0].detector), "{shown:?}");
    assert!(engine.told("other", &page.incident).is_empty() && engine.told("acme", "inc-none").is_empty());
    let rest = format!(r#","incident":"{}""#, page.incident);
    let (taken, _) = say(&mut engine, &record("f1", "acknowledge", &rest));
    let mut ids: Vec<&str> = told.iter().map(|told| told.id.as_str()).collect();
    ids.sort_unstable();
    let mut taken: Vec<&str> = taken.alerts.iter().map(String::as_str).collect();
    taken.sort_unstable();
    assert_eq!(taken, ids);
    let about = |bot: &str| engine.decisions_about("acme", bot).len();
    assert_eq!((about("payroll"), about("other")), (1, 0));
}
