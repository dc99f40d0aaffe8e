//! What the metrics listener answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, TextEncoder};

use super::Readiness;

#[derive(Clone)]
struct Shared {
    metrics: prometheus::Registry,
    readiness: Arc<dyn Readiness>,
}

/// The three pages; another path is 404, another method 405.
pub(super) fn router(metrics: prometheus::Registry, readiness: Arc<dyn Readiness>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .fallback(async || (StatusCode::NOT_FOUND, "not found; there are /metrics, /healthz and /readyz\n"))
        .with_state(Shared { metrics, readiness })
}

async fn scrape(State(shared): State<Shared>) -> Response {
    let (encoder, mut body) = (TextEncoder::new(), Vec::new());
    match encoder.encode(&shared.metrics.gather(), &mut body) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            (StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be encoded; the log says why\n").into_response()
        }
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    let readiness = shared.readiness;
    match readiness.readiness() {
        Ok(()) => {
            (readiness.notes().into_iter().fold("ready\n".to_owned(), |text, note| text + &note + "\n")).into_response()
        }
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response(),
    }
}
