//! What alerts are seen beside: the last normal session, and the log.

use super::*;
use crate::alert::{AlertContext, LogNote, NearestNormal};

/// The events as one log with a gapless count.
fn logged(events: Vec<Event>) -> Vec<Event> {
    let number = |(seq, event): (usize, Event)| Event { producer: Some("hr".into()), seq: Some(seq as u64), ..event };
    events.into_iter().enumerate().map(number).collect()
}

/// The context of the first page after a month of peace.
fn context(events: Vec<Event>) -> Option<AlertContext> {
    let page = |alert: &Alert| alert.severity.pages() && alert.bot.is_some();
    alerts_of(events).into_iter().find(page).expect("a page").context
}

fn normal(day: i64, differs: &str) -> NearestNormal {
    let (night, differs) = (Night::usual(day), differs.to_owned());
    let session = Some(format!("run-{day}-{}", night.minute));
    NearestNormal { session, ts: at(day, night.minute), differs }
}

#[test]
fn an_alert_names_the_last_normal_session_and_the_log() {
    let last = Night { host: "kali", ..Night::usual(30) };
    let mut events = month();
    events.extend(last.events());
    let log = LogNote { producer: "hr".to_owned(), complete: true, missing: 0 };
    let nearest_normal = Some(normal(29, "host `kali` instead of `srv-1`"));
    assert_eq!(context(logged(events.clone())), Some(AlertContext { nearest_normal, log: Some(log.clone()) }));
    let nearest_normal = Some(normal(29, "host `kali` instead of `srv-1`"));
    assert_eq!(context(events.clone()), Some(AlertContext { nearest_normal, log: None }), "a log without a count");
    let mut events = logged(events);
    events.drain(events.len() - 9..events.len() - 6);
    let log = context(events).and_then(|context| context.log);
    assert_eq!(
        log,
        Some(LogNote {
            complete: false,
            missing: 3,
            ..LogNote { producer: "hr".to_owned(), complete: true, missing: 0 }
        })
    );
}

/// The nearest normal session of the first alert about a session.
fn nearest(alerts: &[Alert], session: &str) -> Option<NearestNormal> {
    let found = alerts.iter().find(|alert| alert.session.as_deref() == Some(session)).expect("an alert");
    found.context.clone().and_then(|context| context.nearest_normal)
}

#[test]
fn what_was_told_is_no_normal_session() {
    let odd = Night { host: "kali", ..Night::usual(30) };
    let more = Night { records: 12_000, ..Night::usual(31) };
    let alerts = alerts_of(month().into_iter().chain(odd.events()).chain(more.events()));
    assert_eq!(nearest(&alerts, "run-31-123"), Some(normal(29, "12000 records instead of 4196")));
}

#[test]
fn what_broke_a_rule_is_no_normal_session() {
    let record = format!(r#"{{"tenant":"acme","bot":"payroll","status":"retired","retired_at":"{}"}}"#, at(30, 0));
    let registry = Registry::from_ndjson(&record).expect("a registry");
    let (mut engine, mut output) = (Engine::new(Settings::default(), registry), Output::default());
    for event in (0..32).flat_map(|day| Night::usual(day).events()) {
        engine.observe(event, &mut output);
    }
    assert_eq!(nearest(&output.alerts, "run-31-123"), Some(normal(29, "nothing in host or hour")));
}
