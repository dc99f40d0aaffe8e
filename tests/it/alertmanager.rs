//! Alerts in a real Alertmanager: firing, grouped, held, worse, and resolved.

use std::time::Duration;

use humdrum::alert::{Alert, Severity, Status, Whose};
use humdrum::runtime::clock;
use humdrum::time::Span;
use serde_json::Value;

use crate::support::alertmanager::Alertmanager;
use crate::support::config::{alert, config};
use crate::support::nats::NatsServer;
use crate::support::post::{LOCAL, Post, settings};
use crate::support::running::Running;
use crate::support::until;

fn receiver(server: &Alertmanager) -> String {
    format!("[[receivers]]\nname = 'am'\ntype = 'alertmanager'\nurl = '{}'\n{LOCAL}\n", server.url())
}

fn label<'a>(alert: &'a Value, name: &str) -> &'a str {
    alert["labels"][name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_incident_fires_is_grouped_and_is_resolved() {
    let (server, alertmanager) = (NatsServer::start().await, Alertmanager::start().await);
    let mut config = config(server.url());
    config.receivers = settings(&receiver(&alertmanager)).receivers;
    let running = Running::start(config).await;
    running.ready().await;
    let context = server.jetstream().await;
    let publish = |ts: &str, rest: &str| {
        let event = format!("{{\"ts\":\"2026-05-0{ts}:00Z\",\"bot\":\"bot\",\"tenant\":\"acme\",{rest}}}");
        let context = context.clone();
        async move {
            let ack = context.publish("humdrum.events.acme.bot", event.into()).await.expect("sends");
            ack.await.expect("is stored");
        }
    };
    publish("4T06:00", "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}").await;
    until("the alert", || async { alertmanager.alerts().await.len() == 1 }).await;
    let active = alertmanager.alerts().await.remove(0);
    let found = ["alertname", "tenant", "bot", "severity"].map(|name| label(&active, name));
    assert_eq!(found, ["HumdrumAlert", "acme", "bot", "high"]);
    assert_eq!(active["labels"].get("producer"), None, "what is empty is no label");
    assert_eq!(active["startsAt"], "2026-05-04T06:00:00.000Z");
    assert!(active["annotations"]["summary"].as_str().is_some_and(|text| !text.is_empty()));
    until("the group", || async { alertmanager.groups().await.len() == 1 }).await;
    let group = alertmanager.groups().await.remove(0);
    assert_eq!(group["labels"]["incident"], active["labels"]["incident"]);
    assert_eq!(group["alerts"][0]["fingerprint"], active["fingerprint"]);
    // Quiet for longer than an incident lasts.
    publish("4T13:00", "\"type\":\"call\"").await;
    until("the end", || async { alertmanager.alerts().await.is_empty() }).await;
    running.app.stop().await.expect("stops");
}

#[tokio::test]
async fn what_goes_on_is_held_and_what_gets_worse_is_one_alert() {
    let alertmanager = Alertmanager::start().await;
    // Alertmanager goes by the wall clock: ours begins two minutes before it, and is moved on by one.
    let post = Post::start_at(&receiver(&alertmanager), clock::wall() - Span::from_mins(2));
    let page = |revision, severity, status| Alert { status, ..alert("a1", revision, severity) };
    post.dispatch.offer(&page(1, Severity::Medium, Status::Firing), &Whose::default());
    until("the alert", || async { alertmanager.alerts().await.len() == 1 }).await;
    let ends = || async { alertmanager.alerts().await[0]["endsAt"].as_str().expect("a time").to_owned() };
    let first = ends().await;
    post.hand.advance(Duration::from_secs(60));
    until("it to be held for longer", || async { ends().await > first }).await;
    post.dispatch.offer(&page(2, Severity::Critical, Status::Firing), &Whose::default());
    until("it to be critical, and that alone", || async {
        let alerts = alertmanager.alerts().await;
        alerts.len() == 1 && label(&alerts[0], "severity") == "critical"
    })
    .await;
    post.dispatch.offer(&page(3, Severity::Critical, Status::Resolved), &Whose::default());
    until("the end", || async { alertmanager.alerts().await.is_empty() }).await;
    assert_eq!(post.undelivered(), [Value::Null; 0]);
}
