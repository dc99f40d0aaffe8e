//! Delivery to real endpoints.

use std::sync::Arc;
use std::time::Duration;

use humdrum::alert::{Alert, Severity};
use humdrum::config::SecretText;
use humdrum::runtime::metrics::WebhookMetrics;
use humdrum::runtime::notify::signature::SigningKey;
use humdrum::runtime::notify::webhook::Webhooks;
use prometheus::Registry;
use tokio::time::Instant;

use crate::support::config::{alert, webhook};
use crate::support::webhook::{Answer, Endpoint};
use crate::support::{figure, until};

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
        let metrics = WebhookMetrics::new(&registry).expect("registers");
        let mut webhooks = Webhooks::start(&[config], Vec::new(), &metrics).expect("starts");
        webhooks.offer(&Arc::new(alert("a1", 1, Severity::High)));
        until(name, || async { outcome(&registry, name, last) > 0.0 }).await;
        webhooks.drain(Instant::now() + Duration::from_secs(5)).await;
        assert_eq!(endpoint.requests().len(), requests, "{name}");
        assert!(webhooks.outbox().is_empty(), "{name}");
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
    let metrics = WebhookMetrics::new(&Registry::new()).expect("registers");
    let mut webhooks = Webhooks::start(&[config], Vec::new(), &metrics).expect("starts");
    let (first, second) = (alert("a1", 1, Severity::High), alert("a1", 2, Severity::Critical));
    webhooks.offer(&Arc::new(alert("note", 1, Severity::Low)));
    webhooks.offer(&Arc::new(first.clone()));
    webhooks.offer(&Arc::new(second.clone()));
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
    let metrics = WebhookMetrics::new(&registry).expect("registers");
    let mut webhooks = Webhooks::start(&configs, Vec::new(), &metrics).expect("starts");
    for n in 0..20 {
        webhooks.offer(&Arc::new(alert(&format!("a{n}"), 1, Severity::High)));
    }
    until("the healthy endpoint's alerts", || async { outcome(&registry, "healthy", "delivered") >= 20.0 }).await;
    webhooks.drain(Instant::now() + Duration::from_millis(50)).await;
    let owed = webhooks.outbox();
    assert_eq!(owed.len(), 20, "all of the hanging endpoint, none of the other");
    assert!(owed.iter().all(|item| item.webhook == "hanging"));

    let recovered = Endpoint::start([]).await;
    let metrics = WebhookMetrics::new(&Registry::new()).expect("registers");
    let configs = [webhook("hanging", recovered.url())];
    let mut webhooks = Webhooks::start(&configs, owed, &metrics).expect("starts");
    webhooks.drain(Instant::now() + Duration::from_secs(10)).await;
    assert_eq!(recovered.requests().len(), 20);
}

fn crypto() {
    rustls::crypto::ring::default_provider().install_default().ok();
}
