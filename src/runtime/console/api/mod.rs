//! The same for programs: `/api/v1`, which only reads.
//!
//! Lists are plain arrays of flat objects, so that a table in Grafana's Infinity data source is one address; how many rows
//! there are in all stands in the header `x-total-count`. Names and meanings are fixed within a version. The document at
//! `/api/v1/openapi.json` is made from the code, and a test holds every answer against it.

mod answers;
mod document;
mod rows;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::desk::Desk;
use super::fault::PageFault;

/// Rows of one answer, where nothing is asked for, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1000;
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// Which rows.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct Slice {
    /// The page, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<usize>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    per_page: Option<usize>,
}

impl Slice {
    /// The rows that it asks for, with how many there are. Only these are written out.
    fn of<R, T: Serialize>(self, rows: Vec<R>, write: impl FnMut(R) -> T) -> Response {
        let total = rows.len();
        let per_page = self.per_page.unwrap_or(ROWS).clamp(1, ROWS_MAX);
        let skip = self.page.unwrap_or(1).saturating_sub(1).saturating_mul(per_page);
        let rows: Vec<T> = rows.into_iter().skip(skip).take(per_page).map(write).collect();
        ([(TOTAL, HeaderValue::from(total))], Json(rows)).into_response()
    }
}

/// All routes, by their addresses.
pub(super) fn router() -> Router<Arc<Desk>> {
    Router::new()
        .route("/api/v1/overview", get(answers::overview))
        .route("/api/v1/incidents", get(answers::incidents))
        .route("/api/v1/incidents/{id}", get(answers::incident))
        .route("/api/v1/bots", get(answers::bots))
        .route("/api/v1/bot", get(answers::bot))
        .route("/api/v1/inventory", get(answers::inventory))
        .route("/api/v1/privileges", get(answers::privileges))
        .route("/api/v1/logs", get(answers::logs))
        .route("/api/v1/openapi.json", get(async || Json(document::document())))
        .route("/api/{*rest}", get(missing))
}

async fn missing() -> Response {
    PageFault::Missing("there is no such address".to_owned()).problem()
}

/// An answer, or why there is none.
fn answer(result: Result<Response, PageFault>) -> Response {
    result.unwrap_or_else(|fault| fault.problem())
}
