//! The measure on a small fleet whose figures are counted by hand.

use super::*;

fn lines<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).expect("a line"))
        .collect()
}

const LABELS: &str = r#"
{"id":"a1","scenario":"volume_spike","tenant":"t","bot":"b1","producer":null,"start":"2026-03-02T10:00:00Z","end":"2026-03-02T10:05:00Z","dimensions":["volume"],"note":""}
{"id":"a2","scenario":"volume_spike","tenant":"t","bot":"b2","producer":null,"start":"2026-03-03T10:00:00Z","end":"2026-03-03T10:05:00Z","dimensions":["volume"],"note":""}
{"id":"a3","scenario":"log_gap","tenant":"t","bot":null,"producer":"p1","start":"2026-03-03T12:00:00Z","end":"2026-03-03T12:00:10Z","dimensions":["integrity"],"note":""}
{"id":"a4","scenario":"new_host","tenant":"default","bot":"b3","producer":null,"start":"2026-03-04T10:00:00Z","end":"2026-03-04T10:05:00Z","dimensions":["source"]}
"#;

const BENIGN: &str = r#"
{"why":"deployment","tenant":"t","bot":"b1","start":"2026-03-05T00:00:00Z","end":"2026-03-06T00:00:00Z"}
{"why":"organic_growth","tenant":"t","bot":"b1","start":"2026-03-01T00:00:00Z","end":"2026-03-15T00:00:00Z"}
"#;

const META: &str = r#"{"events":100,"bots":10,"attacks":4,"split":"2026-03-01T00:00:00Z","end":"2026-03-11T00:00:00Z","bot_days_test":100}"#;

/// In words: x0 is before the test. x1 is too low at first, then finds a1 for the right reason after 60 s; its
/// resolution does not count. x2 finds a2 in the last moment of grace for a wrong reason. x3 finds a3 by its producer
/// after 20 s. x4 has neither tenant, id nor severity and finds a4 after 30 s. x5 comes a microsecond after the grace
/// of a2 and is false, as are x6 in a deployment and x7, which is odd but for no known reason.
const ALERTS: &str = r#"
{"id":"x0","ts":"2026-02-28T23:59:59Z","tenant":"t","bot":"b1","severity":"high","score":99,"reasons":[]}
{"id":"x1","ts":"2026-03-02T10:00:30Z","tenant":"t","bot":"b1","severity":"low","score":40,"reasons":[{"dimension":"volume"}]}
{"id":"x1","ts":"2026-03-02T10:01:00Z","tenant":"t","bot":"b1","severity":"high","score":90,"reasons":[{"dimension":"time"},{"dimension":"volume"}]}
{"id":"x1","status":"resolved","ts":"2026-03-04T10:01:00Z","tenant":"t","bot":"b1","severity":"high","score":90,"reasons":[{"dimension":"volume"}]}
{"id":"x2","status":"firing","ts":"2026-03-03T10:20:00Z","tenant":"t","bot":"b2","severity":"medium","score":60,"reasons":[{"dimension":"rhythm"},{"dimension":"time"}]}
{"id":"x3","ts":"2026-03-03T12:00:20Z","tenant":"t","bot":null,"producer":"p1","severity":"high","score":80,"reasons":[{"dimension":"integrity"}]}
{"ts":"2026-03-04T10:00:30Z","bot":"b3","reasons":[{"dimension":"source"}]}
{"id":"x5","ts":"2026-03-03T10:20:00.000001Z","tenant":"t","bot":"b2","severity":"medium","score":70,"reasons":[]}
{"id":"x6","ts":"2026-03-05T12:00:00Z","tenant":"t","bot":"b1","severity":"critical","score":95,"reasons":[]}
{"id":"x7","ts":"2026-03-05T12:00:00Z","tenant":"t","bot":"b9","severity":"medium","score":50,"reasons":[]}
"#;

fn measure(options: &Options) -> Report {
    let (labels, benign): (Vec<Label>, Vec<Benign>) = (lines(LABELS), lines(BENIGN));
    let meta: Meta = serde_json::from_str(META).expect("a size");
    let alerts: Vec<AlertView> = lines(ALERTS);
    evaluate(&Truth { labels: &labels, benign: &benign, meta: &meta }, &alerts, options)
}

#[test]
fn the_figures_are_those_counted_by_hand() {
    let report = measure(&Options::default());
    assert_eq!((report.attacks, report.found, report.recall, report.right_reason), (4, 4, Some(1.0), Some(0.75)));
    assert_eq!((report.false_alerts, report.false_per_100_bot_days), (3, Some(3.0)));
    let by: Vec<_> = report.false_by.iter().map(|(why, &count)| (why.as_str(), count)).collect();
    assert_eq!(by, [("deployment", 1), ("plain", 2)]);
    assert!((report.precision - 0.571).abs() < 1e-9);
    // Waits of 20, 30, 60 and 1,200 seconds: the upper of the middle two.
    assert_eq!(report.median_seconds_to_detect, Some(60.0));
    let spikes = report.scenarios["volume_spike"];
    assert_eq!(spikes, ScenarioFigures { attacks: 2, found: 2, right_reason: 1 });
}

#[test]
fn severity_cuts_what_does_not_page() {
    let high = measure(&Options { min_severity: Severity::High, budget: None });
    assert_eq!((high.found, high.false_alerts), (2, 1));
    let info = measure(&Options { min_severity: Severity::Info, budget: None });
    assert_eq!((info.found, info.median_seconds_to_detect), (4, Some(30.0)));
}

#[test]
fn a_budget_cuts_the_ranked_alerts_where_false_ones_pass_it() {
    // In order: x6 false, x1, x3, x5 false, x2, x7 false, then the one without a score.
    let cut = |budget| {
        let report = measure(&Options { budget: Some(budget), ..Options::default() });
        (report.found, report.false_alerts)
    };
    assert_eq!(cut(0.0), (0, 0));
    assert_eq!(cut(0.01), (2, 1));
    assert_eq!(cut(0.02), (3, 2));
    assert_eq!(cut(0.03), (4, 3));
    assert_eq!(cut(1.0), (4, 3));
}

#[test]
fn a_peaceful_fleet_has_no_recall() {
    let meta: Meta = serde_json::from_str(META).expect("a size");
    let report = evaluate(&Truth { labels: &[], benign: &[], meta: &meta }, &[], &Options::default());
    assert_eq!(
        (report.recall, report.false_per_100_bot_days, report.median_seconds_to_detect),
        (None, Some(0.0), None)
    );
}

#[test]
fn a_report_is_a_table_for_people_and_json_for_machines() {
    let report = measure(&Options::default());
    let table = report.to_string();
    assert!(table.contains("volume_spike        2      2             1\n"), "{table}");
    assert!(table.contains("recall                     1 (4 of 4)\n"), "{table}");
    let json = serde_json::to_string(&report).expect("json");
    assert!(json.contains("\"false\":3") && json.contains("\"median_seconds_to_detect\":60.0"), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).expect("a report"), report);
}
