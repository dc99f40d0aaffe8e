//! The registry of a running program: read again when it changes, and left as it was when it is wrong.

use std::path::Path;

use async_nats::jetstream::kv;
use humdrum::alert::Alert;

use crate::support::files::write;
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::until;

/// A running program with a registry, and what it says.
struct Site {
    server: NatsServer,
    humdrum: Humdrum,
    told: usize,
}

impl Site {
    async fn start(dir: &Path, server: NatsServer, registry: &str) -> Self {
        let settings = format!("registry = '{registry}'\n[nats]\nurl = '{}'\n", server.url());
        let humdrum = Humdrum::start(dir, &settings).await;
        humdrum.ready().await;
        Self { server, humdrum, told: 0 }
    }

    /// Waits until the registry names so many bots.
    async fn names(&self, bots: usize) {
        let what = format!("a registry of {bots} bots");
        until(&what, || async { self.humdrum.figure("humdrum_registry_bots").await as usize == bots }).await;
    }

    async fn page(&self) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}/readyz", self.humdrum.address)).await.expect("answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// The detector and the bot of each alert that new bots at work bring. The last one is silent as long as the registry
    /// names it, so that it is known when all has been said.
    async fn told_of(&mut self, bots: &[&str]) -> Vec<(String, String)> {
        let context = self.server.jetstream().await;
        for bot in bots {
            let minute = self.told;
            self.told += 1;
            let event = format!(
                "{{\"id\":\"e{minute}\",\"ts\":\"2026-05-04T06:{minute:02}:00Z\",\"tenant\":\"acme\",\"bot\":\"{bot}\",\"type\":\"call\"}}"
            );
            let ack = context.publish(format!("humdrum.events.acme.{bot}"), event.into()).await.expect("sends");
            ack.await.expect("is stored");
        }
        let told = self.told as f64;
        until("all events", || async { self.humdrum.figure("humdrum_events_total").await >= told }).await;
        until("all alerts", || async {
            let open = self.humdrum.figure("humdrum_incidents_open").await;
            self.humdrum.figure("humdrum_alerts_total{").await >= open
        })
        .await;
        let alerts = alerts(&self.server).await;
        let alerts = alerts.iter().map(|line| serde_json::from_str::<Alert>(line).expect("an alert"));
        alerts.map(|alert| (alert.reasons[0].detector.clone(), alert.bot.expect("a bot"))).collect()
    }
}

fn lines(bots: &[&str]) -> String {
    let line = |bot: &&str| format!("{{\"tenant\":\"acme\",\"bot\":\"{bot}\",\"owner\":\"ann\"}}");
    bots.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn unregistered(bot: &str) -> (String, String) {
    ("unregistered_bot".to_owned(), bot.to_owned())
}

#[tokio::test]
async fn a_file_that_changes_is_in_force_and_one_that_is_wrong_is_not() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let path = dir.path().join("bots.ndjson");
    write(&path, lines(&["a"]));
    let mut site = Site::start(dir.path(), server, "bots.ndjson").await;
    assert_eq!(site.page().await, (200, "ready\n".to_owned()));
    assert_eq!(site.told_of(&["a", "b"]).await, [unregistered("b")]);
    write(&path, lines(&["a", "b", "c"]));
    site.names(3).await;
    assert_eq!(site.told_of(&["c", "d"]).await, [unregistered("b"), unregistered("d")], "c is known now");
    write(&path, "{\"bot\":\"a\",\"timezone\":\"Mars\"}\n");
    until("the fault", || async { site.page().await.1.contains("registry line 1") }).await;
    let (status, text) = site.page().await;
    assert_eq!(status, 200, "{text}");
    assert!(text.starts_with("ready\nthe registry bots.ndjson is wrong; the one before is in use: "), "{text}");
    assert!(site.humdrum.figure("humdrum_registry_faults_total").await >= 1.0);
    site.names(3).await;
    let known = [unregistered("b"), unregistered("d")];
    assert_eq!(site.told_of(&["a", "c"]).await, known, "the one before is in use");
    write(&path, lines(&["a", "b", "c", "d", "e"]));
    site.names(5).await;
    assert_eq!(site.page().await, (200, "ready\n".to_owned()));
    assert!(site.humdrum.terminate().await.success());
}

#[tokio::test]
async fn a_bucket_is_watched_key_by_key() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let context = server.jetstream().await;
    let config = kv::Config { bucket: "BOTS".to_owned(), ..kv::Config::default() };
    let bucket = context.create_key_value(config).await.expect("is made");
    bucket.put("acme.a", lines(&["a"]).into()).await.expect("is put");
    bucket.put("acme.more", lines(&["b", "c"]).into()).await.expect("is put");
    let mut site = Site::start(dir.path(), server, "kv://BOTS").await;
    site.names(3).await;
    assert_eq!(site.told_of(&["a", "x"]).await, [unregistered("x")]);
    bucket.put("acme.y", lines(&["y"]).into()).await.expect("is put");
    site.names(4).await;
    assert_eq!(site.told_of(&["y", "z"]).await, [unregistered("x"), unregistered("z")]);
    bucket.put("acme.a", "nonsense".into()).await.expect("is put");
    until("the fault", || async { site.page().await.1.contains("key `acme.a`: registry line 1") }).await;
    site.names(4).await;
    bucket.delete("acme.a").await.expect("is deleted");
    bucket.delete("acme.more").await.expect("is deleted");
    site.names(1).await;
    until("the fault to be over", || async { site.page().await == (200, "ready\n".to_owned()) }).await;
    assert!(site.humdrum.terminate().await.success());
}
