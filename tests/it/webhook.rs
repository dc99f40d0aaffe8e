//! Delivery to real endpoints.

use std::time::Duration;

use humdrum::alert::{Alert, Severity, Whose};
use humdrum::config::{SecretText, WebhookConfig};
use humdrum::runtime::metrics::ReceiverMetrics;
use humdrum::runtime::notify::dispatch::{Dispatch, DispatchParams, Owed};
use humdrum::runtime::notify::signature::SigningKey;
use prometheus::Registry;
use tokio::time::Instant;

use crate::support::config::{alert, webhook};
use crate::support::webhook::{Answer, Endpoint};
use crate::support::{figure, until};

/// The sender of these webhooks.
fn start(webhooks: &[WebhookConfig], owed: Owed, registry: &Registry) -> Dispatch {
    let metrics = ReceiverMetrics::new(registry).expect("registers");
    Dispatch::start(DispatchParams { webhooks, ..DispatchParams::default() }, owed, &metrics).expect("starts")
}

fn outcome(registry: &Registry, webhook: &str, outcome: &str) -> f64 {
    figure(registry, "humdrum_webhook_attempts_total", &[("webhook", webhook), ("outcome", outcome)])
}

#[tokio::test]
async fn every_answer_has_its_rule() {
    crypto();
    let redirected = Endpoint::start([]).await;
    for (name, script, requests, last) in [
        ("taken", vec![Answer::Status(204)], 1, "delivered"),
        ("500", vec![Answer::Status(500), Answer::Status(503)], 3, "delivered"),
        ("429", vec![Answer::With(429, "retry-after", "0".to_owned())], 2, "delivered"),
        ("408", vec![Answer::Status(408), Answer::Status(425)], 3, "delivered"),
        ("410", vec![Answer::Status(410)], 1, "refused"),
        ("404", vec![Answer::Status(404)], 1, "refused"),
        ("301", vec![Answer::With(301, "location", redirected.url())], 1, "refused"),
        ("down", vec![Answer::Status(500); 9], 4, "abandoned"),
        ("hang", vec![Answer::Hang, Answer::Hang], 3, "delivered"),
    ] {
        let endpoint = Endpoint::start(script).await;
        let registry = Registry::new();
        let mut config = webhook(name, endpoint.url());
        if name == "hang" {
            // Longer than a busy machine takes over the answer that does come.
            config.timeout = Duration::from_secs(1);
        }
        let mut webhooks = start(&[config], Owed::default(), &registry);
        webhooks.offer(&alert("a1", 1, Severity::High), &Whose::default());
        until(name, || async { outcome(&registry, name, last) > 0.0 }).await;
        webhooks.drain(Instant::now() + Duration::from_secs(5)).await;
        assert_eq!(endpoint.requests().len(), requests, "{name}");
        assert!(webhooks.owed().outbox.is_empty(), "{name}");
    }
    assert!(redirected.requests().is_empty(), "redirects are never followed");
}

#[tokio::test]
async fn requests_are_signed_and_carry_the_alert() {
    crypto();
    let endpoint = Endpoint::start([]).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut config = webhook("signed", endpoint.url());
    config.secret = Some(SecretText::new(secret.to_owned()));
    let mut webhooks = start(&[config], Owed::default(), &Registry::new());
    let (first, second) = (alert("a1", 1, Severity::High), alert("a1", 2, Severity::Critical));
    webhooks.offer(&alert("note", 1, Severity::Low), &Whose::default());
    webhooks.offer(&first, &Whose::default());
    webhooks.offer(&second, &Whose::default());
    webhooks.drain(Instant::now() + Duration::from_secs(10)).await;
    let requests = endpoint.requests();
    let got: Vec<Alert> = requests.iter().map(|r| serde_json::from_slice(&r.body).expect("an alert")).collect();
    assert_eq!(got, [first, second], "in order, without the note that is below the least severity");
    for request in &requests {
        let header = |name: &str| request.headers[name].to_str().expect("text").to_owned();
        assert_eq!((header("webhook-id").as_str(), header("content-type").as_str()), ("a1", "application/json"));
        let key = SigningKey::parse(secret).expect("a key");
        let timestamp = header("webhook-timestamp").parse().expect("seconds");
        assert_eq!(Ok(header("webhook-signature")), key.sign("a1", timestamp, &request.body));
    }
}

#[tokio::test]
async fn a_hanging_endpoint_delays_no_other_and_what_it_owes_is_kept() {
    crypto();
    let (hanging, healthy) = (Endpoint::start(vec![Answer::Hang; 50]).await, Endpoint::start([]).await);
    let configs = [webhook("hanging", hanging.url()), webhook("healthy", healthy.url())];
    let registry = Registry::new();
    let mut webhooks = start(&configs, Owed::default(), &registry);
    for n in 0..20 {
        webhooks.offer(&alert(&format!("a{n}"), 1, Severity::High), &Whose::default());
    }
    until("the healthy endpoint's alerts", || async { outcome(&registry, "healthy", "delivered") >= 20.0 }).await;
    webhooks.drain(Instant::now() + Duration::from_millis(50)).await;
    let owed = webhooks.owed();
    assert_eq!(owed.outbox.len(), 20, "all of the hanging endpoint, none of the other");
    assert!(owed.outbox.iter().all(|item| item.receiver == "hanging"));

    let recovered = Endpoint::start([]).await;
    let configs = [webhook("hanging", recovered.url())];
    let mut webhooks = start(&configs, owed, &Registry::new());
    webhooks.drain(Instant::now() + Duration::from_secs(10)).await;
    assert_eq!(recovered.requests().len(), 20);
}

fn crypto() {
    rustls::crypto::ring::default_provider().install_default().ok();
}
