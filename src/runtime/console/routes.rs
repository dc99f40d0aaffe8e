//! What the console answers to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::desk::{Desk, ICON, PageFault, SCRIPT, STYLE};
use super::guard::{Hosts, guard};
use super::live::live;
use super::pages::{bot, bots, estate, incident, incidents, overview, search};
use super::{access, api};

/// How long a browser keeps the files; their address changes with them.
const FILES_KEPT: &str = "public, max-age=31536000, immutable";

/// Bytes of a form.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// All routes.
pub(super) fn router(desk: Arc<Desk>, hosts: Hosts) -> Router {
    Router::new()
        .route("/", get(overview::overview))
        .route("/incidents", get(incidents::incidents))
        .route("/incidents/{id}", get(incident::incident))
        .route("/bots", get(bots::bots))
        .route("/bot", get(bot::bot))
        .route("/inventory", get(estate::inventory))
        .route("/privileges", get(estate::privileges))
        .route("/logs", get(estate::logs))
        .route("/search", get(search::search))
        .route("/live", get(live))
        .route("/static/{name}", get(file))
        .route("/sign-in", get(access::sign_in).post(access::enter))
        .route("/sign-out", post(access::leave))
        .merge(api::router())
        .fallback(missing)
        .layer(middleware::from_fn_with_state(Arc::clone(&desk.access), access::door))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
        .layer(middleware::from_fn_with_state(hosts, guard))
}

async fn file(Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return (StatusCode::NOT_FOUND, "no such file\n").into_response(),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FILES_KEPT)], body).into_response()
}

async fn missing(State(desk): State<Arc<Desk>>) -> Response {
    desk.fault(&PageFault::Missing("there is no such page".to_owned()))
}
