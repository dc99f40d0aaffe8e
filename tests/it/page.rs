//! A page on its way to a webhook that is down, through a kill of the process: it arrives, signed and under its id.

use std::path::Path;

use humdrum::alert::Alert;
use humdrum::runtime::notify::signature::SigningKey;
use humdrum::runtime::store::Store;

use crate::support::files::write;
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::webhook::{Endpoint, Recorded};
use crate::support::{free_address, until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The alert of a request, whose signature must be right.
fn verified(request: &Recorded) -> String {
    let header = |name: &str| request.headers[name].to_str().expect("text").to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp").parse().expect("seconds"));
    let key = SigningKey::parse(SECRET).expect("a key");
    assert_eq!(Ok(header("webhook-signature")), key.sign(&id, timestamp, &request.body));
    let alert: Alert = serde_json::from_slice(&request.body).expect("an alert");
    assert_eq!(alert.id, id);
    String::from_utf8(request.body.to_vec()).expect("UTF-8")
}

/// Alerts that the newest snapshot owes to webhooks; none without a snapshot.
fn owed(dir: &Path) -> Option<usize> {
    let store = Store::open(dir, 3).expect("is unlocked");
    store.load().expect("loads").map(|checkpoint| checkpoint.outbox.len())
}

/// Raises a page while nobody listens, kills the process, and starts it again with the endpoint up. The snapshot that
/// holds the page is written before the kill, or none at all is.
async fn survives(snapshot_every: &str) {
    let (server, dir, address) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"), free_address());
    write(&dir.path().join("secret"), SECRET);
    let settings = format!(
        "[nats]\nurl = '{}'\n[state]\ndir = 'state'\nsnapshot_every = '{snapshot_every}'\n\
        [webhook]\nurl = 'http://{address}/hook'\nsecret_file = 'secret'\nattempts_max = 100\n\
        backoff_min = '100ms'\nbackoff_max = '200ms'\n",
        server.url()
    );
    let humdrum = Humdrum::start(dir.path(), &settings).await;
    humdrum.ready().await;
    let event = "{\"id\":\"c1\",\"ts\":\"2026-05-04T06:01:00Z\",\"tenant\":\"acme\",\"bot\":\"bot\",\"type\":\"control\",\
        \"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}}";
    let context = server.jetstream().await;
    context.publish("humdrum.events.acme.bot", event.into()).await.expect("sends").await.expect("is stored");
    let retried = "humdrum_webhook_attempts_total{outcome=\"retried\"";
    until("an attempt in vain", || async { humdrum.figure(retried).await >= 1.0 }).await;
    let with_snapshot = snapshot_every == "1s";
    if with_snapshot {
        let written = humdrum.figure("humdrum_snapshot_timestamp_seconds").await;
        until("a snapshot with the page", || async {
            humdrum.figure("humdrum_snapshot_timestamp_seconds").await > written
        })
        .await;
    }
    humdrum.kill();
    let raised = alerts(&server).await;
    assert_eq!(raised.len(), 1, "one page");
    assert_eq!(owed(&dir.path().join("state")), with_snapshot.then_some(1));

    let endpoint = Endpoint::start_at(address, []).await;
    let humdrum = Humdrum::start(dir.path(), &settings).await;
    until("the page", || async { !endpoint.requests().is_empty() }).await;
    humdrum.ready().await;
    assert!(humdrum.terminate().await.success());
    let delivered: Vec<String> = endpoint.requests().iter().map(verified).collect();
    assert_eq!(delivered, raised);
    assert_eq!(alerts(&server).await, raised, "nothing is raised twice");
    assert_eq!(owed(&dir.path().join("state")), Some(0), "it is owed no more");
}

#[tokio::test]
async fn a_page_in_the_snapshot_survives_a_kill() {
    survives("1s").await;
}

#[tokio::test]
async fn a_page_without_a_snapshot_is_raised_again() {
    survives("1d").await;
}
