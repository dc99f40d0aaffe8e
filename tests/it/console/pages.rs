//! What pages and API show, of a fleet under attack and of nothing.

use std::sync::Arc;
use std::time::Duration;

use humdrum::alert::coverage::{Gap, GapKind};
use humdrum::alert::{Alert, Dimension, Severity, Status};
use humdrum::time::Timestamp;
use serde_json::Value;

use crate::support::console::{Stand, settings};
use crate::support::until_within;

const PAGES: [&str; 8] =
    ["/", "/incidents", "/bots", "/inventory", "/privileges", "/privileges?days=30", "/logs", "/search?q=a"];

#[tokio::test]
async fn nothing_is_told_as_nothing() {
    let stand = Stand::blank(&settings()).await;
    for path in PAGES {
        let (status, page) = stand.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
    }
    let (_, overview) = stand.get("/").await;
    assert!(
        overview.contains("No event has arrived yet") && overview.contains("Nothing pages right now."),
        "{overview}"
    );
    for (path, text) in [
        ("/nowhere", "There is no such page."),
        ("/incidents/inc-none", "is remembered."),
        ("/bot?tenant=a&bot=b", "is known."),
    ] {
        let (status, page) = stand.get(path).await;
        assert!(status == 404 && page.contains(text), "{path}: {page}");
    }
    stand.stop().await;
}

#[tokio::test]
async fn all_agree_on_what_is_open() {
    let stand = Stand::lively(&settings()).await;
    let gap = Gap {
        kind: GapKind::Unreadable,
        stream: "S".to_owned(),
        part: None,
        created_us: 0,
        sequences: None,
        since: Timestamp::from_micros(0),
        until: None,
        detail: String::new(),
    };
    let gap = Arc::new(gap.alert());
    let mut left = Alert::clone(&stand.incident(|_| true));
    (left.id, left.incident) = ("left-over".to_owned(), "inc-left-over".to_owned());
    (left.status, left.severity) = (Status::Firing, Severity::Critical);
    stand.archive.record(&[Arc::clone(&gap), Arc::new(left)]);
    let (_, overview) = stand.get("/").await;
    let (_, page) = stand.get("/incidents?state=open").await;
    let (_, rows) = stand.get("/api/v1/incidents?state=open&per_page=1000").await;
    for (shown, told) in [("overview", &overview), ("page", &page), ("rows", &rows)] {
        assert!(told.contains(&gap.incident), "{shown}: the engine knows nothing of our own sight: {told}");
    }
    assert!(!page.contains("inc-left-over") && !rows.contains("inc-left-over"), "the engine does not hold it open");
    let (_, one) = stand.get("/api/v1/incidents/inc-left-over").await;
    let one: Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(one["incident"]["status"], "resolved");
    let open: Vec<Value> = serde_json::from_str(&rows).expect("JSON");
    let (_, counts) = stand.get("/api/v1/overview").await;
    let counts: Value = serde_json::from_str(&counts).expect("JSON");
    let counted = ["critical", "high", "medium", "low", "info"].map(|name| &counts[format!("incidents_{name}")]);
    let counted: u64 = counted.into_iter().filter_map(Value::as_u64).sum();
    assert_eq!(counted, open.len() as u64);
    stand.stop().await;
}

#[tokio::test]
async fn an_incident_says_what_happened_and_shows_why() {
    let stand = Stand::lively(&settings()).await;
    let alert = stand.incident(|alert| alert.reasons.iter().any(|reason| reason.dimension == Dimension::Volume));
    let (status, page) = stand.get(&format!("/incidents/{}", alert.incident)).await;
    assert_eq!(status, 200, "{page}");
    for text in ["Why this is odd", "Observed", "Expected", "What it did", "Timeline", "class=\"picture band\""] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let evidence = alert.events.first().expect("evidence");
    assert!(page.contains(evidence.as_str()), "the event {evidence} is read back: {page}");
    assert!(!page.contains(" style=") && !page.contains("<script>"), "{page}");
    // The beginning of an alert's id leads to it.
    let answer = stand.http.get(stand.url(&format!("/incidents/{}", &alert.id[..12]))).send().await.expect("an answer");
    assert_eq!(answer.headers()["location"], format!("/incidents/{}", alert.incident).as_str());
    let bot = alert.bot.as_deref().expect("a bot");
    let (status, page) = stand.get(&format!("/bot?tenant={}&bot={bot}", alert.tenant)).await;
    assert!(status == 200 && page.contains("Its normal") && page.contains("class=\"picture week\""), "{page}");
    let (_, overview) = stand.get("/").await;
    assert!(overview.contains("need somebody: ") || overview.contains("needs somebody: "), "{overview}");
    let within = Duration::from_secs(20);
    until_within(within, "the roster", || async { stand.get("/bots").await.1.contains(bot) }).await;
    for path in PAGES {
        let (status, page) = stand.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
    }
    document(&stand, &alert.incident, &format!("tenant={}&bot={bot}", alert.tenant)).await;
    stand.stop().await;
}

/// Holds every answer of the API against its description.
async fn document(stand: &Stand, incident: &str, bot: &str) {
    let document: Value = serde_json::from_str(&stand.get("/api/v1/openapi.json").await.1).expect("JSON");
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{document}");
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 8, "{paths:?}");
    for path in paths.keys() {
        let mut address = path.replace("{id}", incident);
        if path == "/api/v1/bot" {
            address = format!("{address}?{bot}");
        }
        let (status, body) = stand.get(&address).await;
        assert_eq!(status, 200, "{address}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let mut schema =
            document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let faults: Vec<String> = validator.iter_errors(&answer).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{address}: {faults:?}");
        assert!(answer.as_array().is_none_or(|rows| !rows.is_empty() || path.ends_with("privileges")), "{address}");
    }
    let (status, body) = stand.get("/api/v1/bots?per_page=2&page=2&sort=name").await;
    let rows: Value = serde_json::from_str(&body).expect("JSON");
    assert!(status == 200 && rows.as_array().is_some_and(|rows| rows.len() == 2), "{body}");
}
