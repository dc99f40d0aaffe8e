//! What the pages share: whom to ask, and how to write.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::access::{Access, Guest, Role, guest};
use super::fault::{PageFault, is_api};
use super::glance::Glances;
use super::lookup::Lookups;
use super::pulse::{Pulse, sentence};
use super::roster::Roster;
use super::{ConsoleParts, say};
use crate::runtime::archive::Archive;
use crate::runtime::evidence::Evidence;
use crate::runtime::feedback::desk::Feedbacks;
use crate::runtime::health::HealthState;
use crate::runtime::inquiry::Inquiry;
use crate::time::Timestamp;

/// The templates.
const TEMPLATES: [(&str, &str); 15] = [
    ("base.html", include_str!("assets/base.html")),
    ("parts.html", include_str!("assets/parts.html")),
    ("overview.html", include_str!("assets/overview.html")),
    ("incidents.html", include_str!("assets/incidents.html")),
    ("incident.html", include_str!("assets/incident.html")),
    ("said.html", include_str!("assets/said.html")),
    ("feedback.html", include_str!("assets/feedback.html")),
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

/// Forms that wait for the engine at a time.
const TALKS_MAX: usize = 8;

/// Characters of a version of the files: enough to tell two of them apart.
const VERSION_CHARS: usize = 12;

/// Whom the pages ask.
pub(super) struct Desk {
    pub inquiry: Inquiry,
    pub feedbacks: Feedbacks,
    pub archive: Archive,
    pub evidence: Evidence,
    pub health: Option<HealthState>,
    pub roster: Roster,
    pub glances: Glances,
    pub lookups: Lookups,
    pub access: Arc<Access>,
    pub readers: Arc<AtomicUsize>,
    pub stopping: CancellationToken,
    pub talks: Semaphore,
    pages: Environment<'static>,
    version: String,
}

impl Desk {
    pub(super) fn new(parts: ConsoleParts, access: Arc<Access>, stopping: CancellationToken) -> Self {
        let ConsoleParts { inquiry, feedbacks, archive, evidence, health } = parts;
        let mut pages = Environment::new();
        say::filters(&mut pages);
        for (name, source) in TEMPLATES {
            // The templates are files beside this one, and a test renders each of them.
            drop(pages.add_template(name, source));
        }
        let hash = blake3::hash([STYLE, SCRIPT, ICON].concat().as_bytes());
        Self {
            inquiry,
            feedbacks,
            archive,
            evidence,
            health,
            roster: Roster::default(),
            glances: Glances::default(),
            lookups: Lookups::default(),
            access,
            readers: Arc::default(),
            stopping,
            talks: Semaphore::new(TALKS_MAX),
            pages,
            version: hash.to_hex()[..VERSION_CHARS].to_owned(),
        }
    }

    /// How things stand.
    pub(super) fn pulse(&self, now: Option<Timestamp>) -> Pulse {
        let readiness = self.health.as_ref().map_or(Ok(()), HealthState::readiness);
        Pulse::new(now, readiness.err().unwrap_or_default(), self.health.as_ref().map(HealthState::lag))
    }

    /// A page that says what is wrong with what was sent, as itself.
    pub(super) fn again(&self, template: &str, at: &str, page: &impl Serialize) -> Result<Response, PageFault> {
        self.write(StatusCode::UNPROCESSABLE_ENTITY, template, at, None, page)
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

    /// What is said where what is at a path cannot be had.
    pub(super) fn told(&self, path: &str, fault: &PageFault) -> Response {
        if is_api(path) { fault.problem() } else { self.fault(fault) }
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
            guest => Value::from(Serde(&guest().map(Person::from))),
        };
        let html = self.pages.get_template(template)?.render(scene)?;
        Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
    }
}

/// Who reads, at the foot of each page.
#[derive(Serialize)]
struct Person {
    name: String,
    role: &'static str,
}

impl From<Guest> for Person {
    fn from(guest: Guest) -> Self {
        let role = match guest.role {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        };
        Self { name: guest.name, role }
    }
}

#[derive(Serialize)]
struct Said {
    status: u16,
    text: String,
    advice: &'static str,
}
