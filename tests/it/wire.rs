//! Bodies as receivers get them: held against golden files, and against the shapes that the services publish.

use std::collections::BTreeMap;

use humdrum::alert::body::{Body, Particulars, Shape};
use humdrum::alert::{Alert, AlertContext, Cause, LogNote, NearestNormal, Notice, Severity, Status, Tags};
use humdrum::time::{Span, Timestamp};
use serde_json::Value;

use crate::support::config::alert;
use crate::support::files::{golden, repository};
use crate::support::schema::Schema;

const SHAPES: [(Shape, &str); 6] = [
    (Shape::Alertmanager, "alertmanager"),
    (Shape::PagerDuty, "pagerduty"),
    (Shape::Slack, "slack"),
    (Shape::Teams, "teams"),
    (Shape::Ocsf, "ocsf"),
    (Shape::CloudEvents, "cloudevents"),
];

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn particulars() -> Particulars {
    Particulars { routing_key: "0123456789abcdef0123456789abcdef".to_owned(), hold: Span::from_mins(4) }
}

fn body(shape: Shape, notice: &Notice) -> Vec<u8> {
    let body = Body::new(shape, None).expect("a template");
    body.render(notice, &particulars(), at("2026-05-04T06:00:05Z")).expect("renders")
}

fn page() -> Alert {
    let mut page = alert("0123456789abcdef0123456789abcdef", 1, Severity::High);
    page.session = Some("run-17".to_owned());
    page.producer = Some("hr-audit".to_owned());
    page.tags = Tags { mitre_attack: vec!["T1048".to_owned()], owasp_nhi: vec!["NHI5".to_owned()] };
    let nearest = NearestNormal { session: None, ts: at("2026-05-03T06:00:00Z"), differs: "volume".to_owned() };
    let log = LogNote { producer: "hr-audit".to_owned(), complete: true, missing: 0 };
    page.context = Some(AlertContext { nearest_normal: Some(nearest), log: Some(log) });
    page
}

/// What is told of one alert over its life.
fn life() -> BTreeMap<&'static str, Notice> {
    let first = Notice { team: Some("finance-rpa".to_owned()), owner: Some("alice".to_owned()), ..Notice::new(page()) };
    let revised = |status, revision, severity| Notice {
        alert: Alert { status, revision, severity, ..page() },
        severity_before: Some(Severity::High),
        ..first.clone()
    };
    BTreeMap::from([
        ("1 raised", first.clone()),
        ("2 escalated", Notice { cause: Cause::Escalated, ..first.clone() }),
        (
            "3 acknowledged",
            Notice { cause: Cause::Acknowledged, acknowledged_by: Some("bob".to_owned()), ..first.clone() },
        ),
        ("4 worse", revised(Status::Firing, 2, Severity::Critical)),
        ("5 resolved", Notice { severity_before: None, ..revised(Status::Resolved, 3, Severity::Critical) }),
        ("test", Notice { cause: Cause::Test, ..first }),
    ])
}

#[test]
fn bodies_are_what_they_were() {
    for (shape, name) in SHAPES {
        let (schema, mut bodies) = (Schema::named(name), BTreeMap::new());
        for (case, notice) in life() {
            let bytes = body(shape, &notice);
            assert_eq!(schema.faults(&bytes), [""; 0], "{name}: {case}");
            bodies.insert(case, serde_json::from_slice::<Value>(&bytes).expect("JSON"));
        }
        let text = serde_json::to_string_pretty(&bodies).expect("JSON");
        golden(&repository(&format!("fixtures/wire/{name}.json")), &(text + "\n"));
    }
}

#[test]
fn the_longest_and_the_emptiest_texts_are_within_the_bounds() {
    let long = "<&>*[]\\\"ü\n".repeat(5_000);
    let mut longest = page();
    longest.id.clone_from(&"a".repeat(32));
    longest.title.clone_from(&long);
    longest.tenant.clone_from(&long);
    longest.bot = Some(long.clone());
    for reason in &mut longest.reasons {
        (reason.text, reason.observed) = (long.clone(), long.clone());
    }
    longest.reasons = vec![longest.reasons[0].clone(); 12];
    longest.events = vec![long.clone(); 20];
    let mut emptiest = Alert { bot: None, producer: None, session: None, context: None, ..page() };
    (emptiest.title, emptiest.reasons, emptiest.events) = ("odd".to_owned(), Vec::new(), Vec::new());
    for (shape, name) in SHAPES {
        let schema = Schema::named(name);
        for alert in [longest.clone(), emptiest.clone()] {
            assert_eq!(schema.faults(&body(shape, &Notice::new(alert))), [""; 0], "{name}");
        }
    }
}

#[test]
fn a_schema_tells_what_is_wrong() {
    for (name, wrong) in [
        ("alertmanager", "[{\"labels\": {\"a-b\": \"c\", \"alertname\": \"x\"}}]"),
        ("pagerduty", "{\"routing_key\": \"0123456789abcdef0123456789abcdef\", \"event_action\": \"trigger\"}"),
        ("slack", "{\"text\": \"x\", \"blocks\": [{\"type\": \"header\"}]}"),
        ("teams", "{\"type\": \"message\", \"attachments\": []}"),
        ("ocsf", "{\"class_uid\": 2004}"),
        ("cloudevents", "{\"specversion\": \"1.0\", \"id\": \"1\", \"type\": \"t\", \"source\": \"a b\"}"),
    ] {
        assert!(!Schema::named(name).faults(wrong.as_bytes()).is_empty(), "{name}");
    }
}
