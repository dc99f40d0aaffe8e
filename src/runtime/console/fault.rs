//! What goes wrong, as people and programs are told of it: a page of the console, or a problem in JSON (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::runtime::evidence::EvidenceError;
use crate::runtime::inquiry::NoAnswer;

/// Where programs are answered.
const API: &str = "/api/";

/// A page or an answer that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageFault {
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Asked(String),
    #[error("{0}")]
    Sent(String),
    #[error("this address is only read")]
    Method,
    #[error("the form took too long to arrive")]
    Slow,
    #[error("the form is too long")]
    Long,
    #[error("the form is too old, or came from elsewhere")]
    Foreign,
    #[error("you may read here and not decide")]
    Viewer,
    #[error("it is not taken: {0}")]
    Refused(String),
    #[error("not signed in")]
    Stranger,
    #[error(transparent)]
    Engine(#[from] NoAnswer),
    #[error(transparent)]
    Events(#[from] EvidenceError),
    #[error("the page cannot be written: {0}")]
    Template(#[from] minijinja::Error),
}

/// Why there is no answer, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong.
    detail: String,
    /// What to do about it.
    advice: &'static str,
}

impl PageFault {
    /// The status, and what to do about it.
    pub(super) fn advice(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Missing(_) => (StatusCode::NOT_FOUND, "Look for it by name with the search above."),
            Self::Asked(_) => {
                (StatusCode::BAD_REQUEST, "The document at /api/v1/openapi.json lists what can be asked for.")
            }
            Self::Sent(_) => (StatusCode::BAD_REQUEST, "Go back, load the page again, and send its form."),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "Forms of the console say where they are sent."),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "Send it again; a form has five seconds."),
            Self::Long => (StatusCode::PAYLOAD_TOO_LARGE, "Make it shorter, and send it again."),
            Self::Foreign => (StatusCode::FORBIDDEN, "Load the page again, and send its form from there."),
            Self::Viewer => (
                StatusCode::FORBIDDEN,
                "Whoever keeps the console's file of users makes an operator of you by `:operator` behind your hash.",
            ),
            Self::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "Nothing was changed."),
            Self::Stranger => (StatusCode::UNAUTHORIZED, "Send name and password by HTTP's Basic."),
            Self::Engine(NoAnswer::Busy) => {
                (StatusCode::SERVICE_UNAVAILABLE, "It catches up with its stream; try again in a few seconds.")
            }
            Self::Engine(NoAnswer::Ended) => {
                (StatusCode::SERVICE_UNAVAILABLE, "The process stops, or its work has ended; its log says why.")
            }
            Self::Events(_) => {
                (StatusCode::BAD_GATEWAY, "Look at the connection to NATS; the rest of the console works.")
            }
            Self::Template(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "This is a fault of the console; the log has more.")
            }
        }
    }

    /// The answer for programs.
    pub(super) fn problem(&self) -> Response {
        let (status, advice) = self.advice();
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        let problem = Problem { title, status: status.as_u16(), detail: self.to_string(), advice };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"humdrum\", charset=\"UTF-8\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// Whether programs are answered at a path.
pub(super) fn is_api(path: &str) -> bool {
    path.starts_with(API)
}
