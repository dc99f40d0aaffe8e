//! The console of the whole app: over NATS, with events read back from the stream, and with the alert log at a restart.

use std::time::Duration;

use humdrum::config::Config;

use crate::support::config::{config, state};
use crate::support::console::settings;
use crate::support::nats::NatsServer;
use crate::support::running::Running;
use crate::support::until_within;

/// Time for an alert to come through everything.
const WITHIN: Duration = Duration::from_secs(20);

async fn text(running: &Running, path: &str) -> String {
    let address = running.app.console_address().expect("a console");
    let answer = reqwest::get(format!("http://{address}{path}")).await.expect("an answer");
    answer.text().await.expect("a text")
}

/// The only incident, once it is there.
async fn incident(running: &Running) -> String {
    let list = || async { text(running, "/api/v1/incidents").await };
    until_within(WITHIN, "an incident", || async { list().await.contains("\"incident\"") }).await;
    let rows: serde_json::Value = serde_json::from_str(&list().await).expect("JSON");
    rows[0]["incident"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn an_incident_is_shown_with_its_events_from_the_stream_and_after_a_restart() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let server = NatsServer::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = Config { console: Some(settings()), state: Some(state(dir.path())), ..config(server.url()) };
    let running = Running::start(config.clone()).await;
    running.ready().await;
    let context = server.jetstream().await;
    let publish = async |id: &str, minute: u32, rest: &str| {
        let head =
            format!("{{\"id\":\"{id}\",\"ts\":\"2026-05-04T06:{minute:02}:00Z\",\"bot\":\"bot\",\"tenant\":\"acme\"");
        let ack = context.publish("humdrum.events.acme.bot", format!("{head},{rest}}}").into()).await.expect("sends");
        ack.await.expect("is stored");
    };
    // More than one answer holds lies long before, so that the right place must be found.
    for id in 0..400 {
        publish(&format!("old-{id}"), 0, "\"type\":\"call\"").await;
    }
    publish("call-before", 28, "\"type\":\"call\",\"operation\":\"GET /before\"").await;
    publish("the-control", 30, "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}")
        .await;
    publish("call-after", 31, "\"type\":\"call\",\"operation\":\"GET /<b>after\"").await;
    let id = incident(&running).await;
    let page = text(&running, &format!("/incidents/{id}")).await;
    for told in
        ["the-control", "GET &#x2f;before", "GET &#x2f;&lt;b&gt;after", "logging_disabled", "Caught up with the stream"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("old-1<") && !page.contains("/<b>after"), "{page}");
    running.app.stop().await.expect("stops");
    let again = Running::start(config).await;
    assert_eq!(incident(&again).await, id, "it is read from the alert log");
    again.app.stop().await.expect("stops");
}
