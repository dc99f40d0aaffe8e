//! What the pages share: whom to ask, and how to write.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::glance::Glances;
use super::roster::Roster;
use super::{ConsoleParts, say};
use crate::runtime::archive::Archive;
use crate::runtime::evidence::{Evidence, EvidenceError};
use crate::runtime::health::HealthState;
use crate::runtime::inquiry::{Inquiry, NoAnswer};
use crate::time::Timestamp;

/// The templates.
const TEMPLATES: [(&str, &str); 13] = [
    ("base.html", include_str!("assets/base.html")),
    ("parts.html", include_str!("assets/parts.html")),
    ("overview.html", include_str!("assets/overview.html")),
    ("incidents.html", include_str!("assets/incidents.html")),
    ("incident.html", include_str!("assets/incident.html")),
    ("bots.html", include_str!("assets/bots.html")),
    ("bot.html", include_str!("assets/bot.html")),
    ("inventory.html", include_str!("assets/inventory.html")),
    ("privileges.html", include_str!("assets/privileges.html")),
    ("logs.html", include_str!("assets/logs.html")),
    ("search.html", include_str!("assets/search.html")),
    ("sign-in.html", include_str!("assets/sign-in.html")),
    ("fault.html", include_str!("assets/fault.html")),
];

/// The stylesheet.
pub(super) const STYLE: &str = include_str!("assets/console.css");
/// The script.
pub(super) const SCRIPT: &str = include_str!("assets/console.js");
/// The icon.
pub(super) const ICON: &str = include_str!("assets/icon.svg");

/// Characters of a version of the files: enough to tell two of them apart.
const VERSION_CHARS: usize = 12;

/// Whom the pages ask.
pub(super) struct Desk {
    pub inquiry: Inquiry,
    pub archive: Archive,
    pub evidence: Evidence,
    pub health: Option<HealthState>,
    pub roster: Roster,
    pub glances: Glances,
    pub access: Arc<Access>,
    pub readers: Arc<AtomicUsize>,
    pub stopping: CancellationToken,
    pages: Environment<'static>,
    version: String,
}

/// A page that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageFault {
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Asked(String),
    #[error(transparent)]
    Engine(#[from] NoAnswer),
    #[error(transparent)]
    Events(#[from] EvidenceError),
    #[error("the page cannot be written: {0}")]
    Template(#[from] minijinja::Error),
}

impl PageFault {
    /// The status, and what to do about it.
    pub(super) fn advice(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Missing(_) => (StatusCode::NOT_FOUND, "Look for it by name with the search above."),
            Self::Asked(_) => {
                (StatusCode::BAD_REQUEST, "The document at /api/v1/openapi.json lists what can be asked for.")
            }
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
}

/// The state of affairs, at the head of each page.
#[derive(Debug, Serialize)]
pub(super) struct Pulse {
    /// Event time.
    pub now: Option<Timestamp>,
    /// Whether events are taken in.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Messages behind; none where there is no stream.
    pub lag: Option<u64>,
}

impl Desk {
    pub(super) fn new(parts: ConsoleParts, access: Arc<Access>, stopping: CancellationToken) -> Self {
        let ConsoleParts { inquiry, archive, evidence, health } = parts;
        let mut pages = Environment::new();
        say::filters(&mut pages);
        for (name, source) in TEMPLATES {
            // The templates are files beside this one, and a test renders each of them.
            drop(pages.add_template(name, source));
        }
        let hash = blake3::hash([STYLE, SCRIPT, ICON].concat().as_bytes());
        Self {
            inquiry,
            archive,
            evidence,
            health,
            roster: Roster::default(),
            glances: Glances::default(),
            access,
            readers: Arc::default(),
            stopping,
            pages,
            version: hash.to_hex()[..VERSION_CHARS].to_owned(),
        }
    }

    /// How things stand.
    pub(super) fn pulse(&self, now: Option<Timestamp>) -> Pulse {
        let readiness = self.health.as_ref().map_or(Ok(()), HealthState::readiness);
        let reasons = readiness.err().unwrap_or_default();
        Pulse { now, ready: reasons.is_empty(), reasons, lag: self.health.as_ref().map(HealthState::lag) }
    }

    /// A page of a template: `at` is its place in the navigation.
    pub(super) fn page(
        &self,
        template: &str,
        at: &str,
        now: Option<Timestamp>,
        page: &impl Serialize,
    ) -> Result<Response, PageFault> {
        // The sign-in tells strangers nothing of how things stand.
        let pulse = (template != "sign-in.html").then(|| self.pulse(now));
        self.write(StatusCode::OK, template, at, pulse.as_ref(), page)
    }

    /// What is said where a page cannot be made.
    pub(super) fn fault(&self, fault: &PageFault) -> Response {
        let (status, advice) = fault.advice();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%fault, "a page of the console cannot be made");
        }
        let said = Said { status: status.as_u16(), text: sentence(&fault.to_string()), advice };
        // The engine is not asked for the time, since it may be what is at fault.
        let page = self.write(status, "fault.html", "", None, &said);
        page.unwrap_or_else(|_| (status, format!("{fault}. {advice}\n")).into_response())
    }

    fn write(
        &self,
        status: StatusCode,
        template: &str,
        at: &str,
        pulse: Option<&Pulse>,
        page: &impl Serialize,
    ) -> Result<Response, PageFault> {
        let scene = context! {
            page => Value::from(Serde(page)),
            at => at,
            pulse => Value::from(Serde(&pulse)),
            version => self.version.as_str(),
            leave => self.access.leave_token(),
        };
        let html = self.pages.get_template(template)?.render(scene)?;
        Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
    }
}

#[derive(Serialize)]
struct Said {
    status: u16,
    text: String,
    advice: &'static str,
}

/// An error's words as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
