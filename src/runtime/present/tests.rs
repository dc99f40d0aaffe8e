//! What people read of an alert, word for word.

use super::*;
use crate::alert::{BaselineNote, Dimension, Tags};

fn reason(dimension: Dimension, p_value: Option<f64>, text: &str, observed: &str, expected: &str) -> Reason {
    let (observed, expected, text) = (observed.to_owned(), expected.to_owned(), text.to_owned());
    Reason { dimension, detector: "test".to_owned(), p_value, observed, expected, text, contribution: None }
}

fn example() -> Alert {
    Alert {
        id: "a1b2".to_owned(),
        status: Status::Firing,
        revision: 1,
        ts: "2026-03-29T01:30:00Z".parse().expect("a time"),
        tenant: "acme".to_owned(),
        bot: Some("payroll\u{1b}[2J\u{202e}bot".to_owned()),
        session: Some("s1".to_owned()),
        producer: None,
        severity: Severity::High,
        score: 87.4,
        p_value: Some(1.2e-6),
        title: "payroll bot read 40 times its usual records at an hour when it never runs".to_owned(),
        reasons: vec![
            reason(Dimension::Volume, Some(1.2e-6), "Far more records than ever", "records 4,000", "80 to 120"),
            reason(Dimension::Privilege, None, "A role that it never used", "role admin", "reader, writer"),
        ],
        events: (1..=7).map(|n| format!("e{n}")).collect(),
        event_count: 41,
        incident: "i9".to_owned(),
        tags: Tags::default(),
        baseline: BaselineNote { days: 27.96, events: 81_234, mature: true },
        context: None,
        suppressed: None,
    }
}

fn written(alert: &Alert, color: bool) -> String {
    let zone = Zone::named("Europe/Berlin").expect("a zone");
    super::alert(alert, Style { zone: &zone, zone_name: "Europe/Berlin", color })
}

#[test]
fn an_alert_is_written_for_a_person() {
    let expected = "\
HIGH      Sun 2026-03-29 03:30 Europe/Berlin  acme/payroll\\u{1b}[2J\\u{202e}bot  score 87
  payroll bot read 40 times its usual records at an hour when it never runs
  volume     Far more records than ever  (p 1.2e-6)
               observed  records 4,000
               expected  80 to 120
  privilege  A role that it never used
               observed  role admin
               expected  reader, writer
  evidence  e1, e2, e3, e4, e5 and 36 more
  baseline  28.0 days, 81234 events, mature
  alert     a1b2, incident i9
";
    assert_eq!(written(&example(), false), expected);
}

#[test]
fn color_is_only_paint() {
    let colored = written(&example(), true);
    assert!(colored.starts_with("\u{1b}[31mHIGH    \u{1b}[0m"), "{colored:?}");
    let bare = colored.replace("\u{1b}[31m", "").replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
    assert_eq!(bare, written(&example(), false));
}

#[test]
fn an_alert_at_length_is_as_harmless_and_as_painted() {
    let zone = Zone::utc();
    let at_length = |color| explain(&example(), Style { zone: &zone, zone_name: "UTC", color }, 60);
    let (bare, colored) = (at_length(false), at_length(true));
    assert!(bare.contains("payroll\\u{1b}[2J\\u{202e}bot") && !bare.contains('\u{1b}'), "{bare}");
    assert_ne!(colored, bare);
    assert_eq!(colored.replace("\u{1b}[31m", "").replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""), bare);
    assert!(bare.contains("  volume      ██████████████▉                 49.7 %  test\n"), "{bare}");
}

#[test]
fn an_alert_about_a_log_that_is_over_says_so() {
    let alert = Alert {
        status: Status::Resolved,
        revision: 3,
        bot: None,
        producer: Some("gateway-1".to_owned()),
        reasons: vec![],
        events: vec![],
        baseline: BaselineNote::default(),
        ..example()
    };
    let expected = "\
RESOLVED  Sun 2026-03-29 03:30 Europe/Berlin  acme/log gateway-1  score 87
  payroll bot read 40 times its usual records at an hour when it never runs
  baseline  0.0 days, 0 events, still learning
  alert     a1b2, incident i9, revision 3
";
    assert_eq!(written(&alert, false), expected);
}

#[test]
fn color_is_for_terminals_whose_owner_wants_it() {
    for (terminal, no_color, expected) in
        [(true, None, true), (true, Some(""), true), (true, Some("1"), false), (false, None, false)]
    {
        assert_eq!(wants_color(terminal, no_color), expected, "{terminal} {no_color:?}");
    }
}
