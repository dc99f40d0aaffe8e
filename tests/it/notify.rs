//! Alerts and dead letters on a real server.

use std::sync::Arc;

use async_nats::jetstream::Context;
use futures_util::StreamExt;
use humdrum::alert::{Alert, Severity};
use humdrum::config::SourceMode;
use humdrum::event::{Reject, RejectReason};
use humdrum::runtime::health::HealthState;
use humdrum::runtime::metrics::NotifyMetrics;
use humdrum::runtime::notify::nats::{DeadLetter, NatsNotifier};
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use crate::support::config::{alert, config};
use crate::support::figure;
use crate::support::nats::NatsServer;

async fn notifier(server: &NatsServer, mode: SourceMode, registry: &Registry) -> NatsNotifier {
    let mut config = config(server.url());
    config.events.mode = mode;
    let metrics = NotifyMetrics::new(registry).expect("registers");
    let client = server.client().await;
    NatsNotifier::new(client, &config.alerts, &config.events, metrics, HealthState::new(None))
}

async fn messages(context: &Context, stream: &str) -> u64 {
    context.get_stream(stream).await.expect("exists").cached_info().state.messages
}

#[tokio::test]
async fn alerts_are_published_once_for_each_revision() {
    let server = NatsServer::start().await;
    let registry = Registry::new();
    let mut notifier = notifier(&server, SourceMode::Jetstream, &registry).await;
    notifier.preparation().prepare().await.expect("prepares");
    let stop = CancellationToken::new();
    let mut alerts: Vec<_> = (0..600).map(|n| Arc::new(alert(&format!("a{n}"), 1, Severity::High))).collect();
    alerts.push(Arc::new(alert("a1", 2, Severity::Critical)));
    notifier.alerts(&alerts, &stop).await.expect("publishes");
    notifier.alerts(&alerts, &stop).await.expect("publishes again, as a replay would");
    let context = server.jetstream().await;
    assert_eq!(messages(&context, "HUMDRUM_ALERTS").await, 601);
    let stream = context.get_stream("HUMDRUM_ALERTS").await.expect("exists");
    let last = stream.get_last_raw_message_by_subject("humdrum.alerts.acme%20corp.critical").await.expect("is there");
    assert_eq!(last.headers.get("Nats-Msg-Id").map(ToString::to_string).as_deref(), Some("a1.2"));
    assert_eq!(serde_json::from_slice::<Alert>(&last.payload).expect("an alert"), *alerts[600]);
    let labels = [("severity", "critical"), ("dimension", "volume")];
    assert_eq!(figure(&registry, "humdrum_alerts_total", &labels) as u64, 2);
}

#[tokio::test]
async fn a_stream_that_vanishes_is_made_again_and_nothing_is_lost() {
    let server = NatsServer::start().await;
    let mut notifier = notifier(&server, SourceMode::Jetstream, &Registry::new()).await;
    notifier.preparation().prepare().await.expect("prepares");
    let context = server.jetstream().await;
    context.delete_stream("HUMDRUM_ALERTS").await.expect("deletes");
    let alerts = [Arc::new(alert("a1", 1, Severity::High))];
    notifier.alerts(&alerts, &CancellationToken::new()).await.expect("publishes");
    assert_eq!(messages(&context, "HUMDRUM_ALERTS").await, 1);
}

#[tokio::test]
async fn a_stop_ends_the_attempts() {
    let server = NatsServer::start().await;
    let mut notifier = notifier(&server, SourceMode::Jetstream, &Registry::new()).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let alerts = [Arc::new(alert("a1", 1, Severity::High))];
    assert!(notifier.alerts(&alerts, &stop).await.is_err());
}

#[tokio::test]
async fn dead_letters_keep_the_payload_and_say_why() {
    let server = NatsServer::start().await;
    let mut notifier = notifier(&server, SourceMode::Jetstream, &Registry::new()).await;
    notifier.preparation().prepare().await.expect("prepares");
    let letter = |bytes: usize| DeadLetter {
        subject: "humdrum.events.acme.b".to_owned(),
        payload: vec![b'x'; bytes].into(),
        reject: Reject { reason: RejectReason::NotJson, detail: "line 1\r\nNats-Msg-Id: forged".to_owned() },
        id: Some(format!("S.{bytes}")),
    };
    let letters = [letter(3), letter(1024 * 1024)];
    notifier.dead_letters(&letters, &CancellationToken::new()).await.expect("publishes");
    let stream = server.jetstream().await.get_stream("HUMDRUM_REJECTED").await.expect("exists");
    let (small, large) = (stream.get_raw_message(1).await.expect("1"), stream.get_raw_message(2).await.expect("2"));
    assert_eq!((small.subject.as_str(), &small.payload[..]), ("humdrum.rejected.not_json", &b"xxx"[..]));
    let header = |name: &str| small.headers.get(name).map(ToString::to_string);
    assert_eq!(header("Humdrum-Reject-Reason").as_deref(), Some("not_json"));
    assert_eq!(header("Humdrum-Reject-Detail").as_deref(), Some("line 1Nats-Msg-Id: forged"));
    assert_eq!(header("Humdrum-Subject").as_deref(), Some("humdrum.events.acme.b"));
    assert_eq!(large.headers.get("Humdrum-Truncated").map(ToString::to_string).as_deref(), Some("1048576"));
}

#[tokio::test]
async fn without_jetstream_alerts_are_published_plainly() {
    let server = NatsServer::start_with(&[]).await;
    let client = server.client().await;
    let mut alerts = client.subscribe("humdrum.alerts.>").await.expect("subscribes");
    client.flush().await.expect("flushes");
    let mut notifier = notifier(&server, SourceMode::Core, &Registry::new()).await;
    notifier.preparation().prepare().await.expect("nothing to prepare");
    let sent = [Arc::new(alert("a1", 1, Severity::Low))];
    notifier.alerts(&sent, &CancellationToken::new()).await.expect("publishes");
    let message = alerts.next().await.expect("arrives");
    assert_eq!(message.subject.as_str(), "humdrum.alerts.acme%20corp.low");
}
