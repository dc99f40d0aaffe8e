//! Bodies: that every shape is JSON whatever a bot is called, and that a bad template is told.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::super::wire::tests::{about_bot as alert, reason};
use super::super::wire::{Alert, Dimension, Reason, Severity};
use super::*;

const SHAPES: [Shape; 7] =
    [Shape::Alert, Shape::Alertmanager, Shape::PagerDuty, Shape::Slack, Shape::Teams, Shape::Ocsf, Shape::CloudEvents];

/// The bodies, made once: making one tries it out.
static BODIES: LazyLock<Vec<Body>> =
    LazyLock::new(|| SHAPES.map(|shape| Body::new(shape, None).expect("a template")).into());

fn render(shape: Shape, notice: &Notice) -> Value {
    let body = BODIES.iter().find(|body| body.shape == shape).expect("is there");
    let bytes = body.render(notice, &Particulars::default(), notice.began).expect("renders");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn every_shape_is_rendered() {
    for shape in SHAPES {
        for notice in scene::trials() {
            assert!(!render(shape, &notice).is_null(), "{shape:?}");
        }
    }
}

#[test]
fn the_alert_itself_is_byte_for_byte_what_is_published() {
    let notice = Notice::new(alert("a1", Severity::High));
    let body = Body::new(Shape::Alert, None).expect("no template");
    let bytes = body.render(&notice, &Particulars::default(), notice.began).expect("renders");
    assert_eq!(bytes, serde_json::to_vec(&notice.alert).expect("JSON"));
}

#[test]
fn a_template_of_ones_own_replaces_the_shapes() {
    let body =
        Body::new(Shape::Slack, Some("{\"text\": {{ alert.title ~ \" (\" ~ cause ~ \")\" }}}")).expect("a template");
    let notice = Notice::new(alert("a1", Severity::High));
    let bytes = body.render(&notice, &Particulars::default(), notice.began).expect("renders");
    assert_eq!(String::from_utf8_lossy(&bytes), "{\"text\": \"odd (published)\"}");
}

#[test]
fn a_bad_template_is_told() {
    for (template, told) in [
        ("{\"a\": {{ alert.title }", "line 1: syntax error"),
        ("{\"a\": {{ alert.titel }}}", "line 1: undefined value"),
        ("{\"a\": {{ nothing }}}", "line 1: undefined value"),
        ("{\"a\": {{ alert.title | shout }}}", "line 1: unknown filter"),
        ("{\"a\": \"{{ alert.title }}\"}", "what comes out is no JSON"),
        ("{}{}", "what comes out is no JSON"),
        ("[{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}]", "engine ran out of fuel"),
        ("{% include \"/etc/passwd\" %}", "line 1: template not found"),
    ] {
        let error = Body::new(Shape::Alert, Some(template)).expect_err(template).to_string();
        assert!(error.contains(told), "{template}: {error}");
    }
}

#[test]
fn a_template_is_tried_on_every_cause() {
    for cause in ["published", "repeated", "acknowledged", "escalated", "test"] {
        let template = format!("{{{{ alert.nothing if cause == \"{cause}\" else 1 }}}}");
        let error = Body::new(Shape::Alert, Some(&template)).expect_err("one of the trials finds it").to_string();
        assert!(error.contains("undefined value"), "{cause}: {error}");
    }
}

#[test]
fn slack_makes_no_link_of_what_a_bot_is_called() {
    let mut page = alert("a1", Severity::High);
    (page.bot, page.title) = (Some("https://evil.example/".to_owned()), "<!channel> https://evil.example/".to_owned());
    page.reasons = vec![reason(Dimension::Source)];
    let body = render(Shape::Slack, &Notice::new(page));
    let mut texts = Vec::new();
    objects(&body, &mut texts);
    let marked: Vec<_> = texts.iter().filter(|object| object["type"] == "mrkdwn").collect();
    assert!(marked.len() > 6 && marked.iter().all(|object| object["verbatim"] == true), "{body}");
    assert!(!body.to_string().contains("<!channel>"));
}

#[test]
fn a_routing_key_is_not_printed() {
    let particulars = Particulars { routing_key: "opensesame".to_owned(), hold: Span::MINUTE };
    assert!(!format!("{particulars:?}").contains("opensesame"));
}

/// All objects, however deep.
fn objects<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(fields) => {
            found.push(value);
            fields.values().for_each(|value| objects(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

proptest! {
    /// No name of a bot, of a tenant or of anything else breaks out of its place.
    #[test]
    fn no_text_breaks_out(text in "\\PC{0,40}|[\"\\\\{}\\[\\]<>&*_|\n\r\t\u{0}]{0,20}") {
        let mut odd = alert("a1", Severity::High);
        odd.tenant.clone_from(&text);
        odd.bot = Some(text.clone());
        odd.title.clone_from(&text);
        odd.reasons = vec![Reason { text: text.clone(), observed: text.clone(), ..reason(Dimension::Source) }];
        let plain = Notice::new(alert("a1", Severity::High));
        let plain = Notice { alert: Alert { reasons: vec![reason(Dimension::Source)], ..plain.alert }, ..plain };
        for shape in SHAPES {
            let (odd, plain) = (render(shape, &Notice::new(odd.clone())), render(shape, &plain));
            prop_assert_eq!(names(&odd), names(&plain), "{:?}", shape);
        }
        let am = render(Shape::Alertmanager, &Notice::new(odd));
        prop_assert_eq!(am[0]["labels"]["bot"].as_str(), Some(text.as_str()));
    }
}

/// The names of all fields, with their places.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                std::iter::once(name.clone()).chain(names(value).into_iter().map(move |rest| format!("{name}.{rest}")))
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}
