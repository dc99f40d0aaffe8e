//! What the console answers to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::asked::{Named, whole};
use super::desk::{Desk, ICON, SCRIPT, STYLE};
use super::fault::PageFault;
use super::guard::{Guard, guard};
use super::live::live;
use super::pages::{bot, bots, estate, feedback, incident, incidents, overview, search};
use super::{access, api};

/// How long a browser keeps the files; their address changes with them.
const FILES_KEPT: &str = "public, max-age=31536000, immutable";

/// All routes.
pub(super) fn router(desk: Arc<Desk>, hosts: Guard) -> Router {
    Router::new()
        .route("/", get(overview::overview))
        .route("/incidents", get(incidents::incidents))
        .route("/incidents/{id}", get(incident::incident))
        .route("/incidents/{id}/feedback", get(feedback::back).post(feedback::say))
        .route("/feedback/undo", post(feedback::take_back))
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
        .method_not_allowed_fallback(only_read)
        .layer(middleware::from_fn_with_state(Arc::clone(&desk.access), access::door))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), whole))
        .with_state(desk)
        .layer(middleware::from_fn_with_state(hosts, guard))
}

async fn file(State(desk): State<Arc<Desk>>, Named(name): Named) -> Response {
    let (kind, body) = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", STYLE),
        "console.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return desk.fault(&PageFault::Missing("there is no such file".to_owned())),
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FILES_KEPT)], body).into_response()
}

async fn missing(State(desk): State<Arc<Desk>>) -> Response {
    desk.fault(&PageFault::Missing("there is no such page".to_owned()))
}

async fn only_read(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    desk.told(request.uri().path(), &PageFault::Method)
}
