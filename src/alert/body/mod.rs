//! What a notice looks like to a receiver: the bodies of the services that we speak to, from templates.
//!
//! Templates are Jinja's. They are escaped as JSON: `{{ x }}` writes a whole JSON value, quotes and all, so that no text of
//! a bot can break out of its place, and a body that is no JSON is a fault and not a message. What a template may use
//! stands in [`Scene`]; a name that is not there is a fault, and each template is tried on notices of every kind when the
//! settings are read. The body `alert` is the alert itself, without a template.

mod filters;
mod scene;

use std::fmt;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::notice::Notice;
use crate::time::{Span, Timestamp};
pub use scene::Scene;

/// Steps that a template may take, letters of texts among them. More would let a slip in a loop stop a queue, fewer would stop an honest template on an
/// alert with many reasons.
const FUEL: u64 = 5_000_000;
/// The one template of an environment.
const NAME: &str = "body.json";

/// The shape of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The alert as it is published.
    Alert,
    /// Alertmanager's API, version 2.
    Alertmanager,
    /// `PagerDuty`'s Events API, version 2.
    PagerDuty,
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow's webhook of Microsoft Teams.
    Teams,
    /// Detection Finding of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// A structured `CloudEvent`, version 1.0.
    CloudEvents,
}

/// What a body needs besides the notice.
#[derive(Clone, Default)]
pub struct Particulars {
    /// `PagerDuty`'s integration key.
    pub routing_key: String,
    /// How long Alertmanager holds an alert that it is not told of again.
    pub hold: Span,
}

impl fmt::Debug for Particulars {
    /// The key is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Particulars").field("hold", &self.hold).finish_non_exhaustive()
    }
}

/// A template that cannot be read or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It cannot be read, names what is not there, or runs for too long.
    #[error("{0}")]
    Template(String),
    /// What comes out is no JSON.
    #[error("what comes out is no JSON: {0}")]
    Json(String),
}

/// A body of some shape, ready to be filled.
#[derive(Clone, Debug)]
pub struct Body {
    shape: Shape,
    environment: Option<Environment<'static>>,
}

impl Shape {
    /// The template of the shape; none for the alert itself.
    #[must_use]
    pub fn template(self) -> Option<&'static str> {
        match self {
            Self::Alert => None,
            Self::Alertmanager => Some(include_str!("alertmanager.json.j2")),
            Self::PagerDuty => Some(include_str!("pagerduty.json.j2")),
            Self::Slack => Some(include_str!("slack.json.j2")),
            Self::Teams => Some(include_str!("teams.json.j2")),
            Self::Ocsf => Some(include_str!("ocsf.json.j2")),
            Self::CloudEvents => Some(include_str!("cloudevents.json.j2")),
        }
    }

    /// The media type of a body.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::CloudEvents => "application/cloudevents+json",
            _ => "application/json",
        }
    }
}

impl Body {
    /// A body by the shape's own template or by another one, which is tried out.
    ///
    /// # Errors
    /// The template cannot be read, names what is not there, or does not write JSON.
    pub fn new(shape: Shape, template: Option<&str>) -> Result<Self, BodyError> {
        let Some(text) = template.or(shape.template()) else { return Ok(Self { shape, environment: None }) };
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Json);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        filters::add(&mut environment);
        environment.add_template_owned(NAME, text.to_owned()).map_err(told)?;
        let body = Self { shape, environment: Some(environment) };
        for notice in scene::trials() {
            body.render(&notice, &Particulars::default(), notice.began)?;
        }
        Ok(body)
    }

    /// The alert itself.
    #[must_use]
    pub fn plain() -> Self {
        Self { shape: Shape::Alert, environment: None }
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Fills the body in. `now` is the instant by the wall clock.
    ///
    /// # Errors
    /// The template asks for what this notice does not have, or does not write JSON.
    pub fn render(&self, notice: &Notice, particulars: &Particulars, now: Timestamp) -> Result<Vec<u8>, BodyError> {
        let Some(environment) = &self.environment else {
            return serde_json::to_vec(&notice.alert).map_err(|error| BodyError::Json(error.to_string()));
        };
        let scene = Scene::new(notice, particulars, now);
        let value = minijinja::Value::from(minijinja::value::Serde(&scene));
        let text = environment.get_template(NAME).and_then(|template| template.render(value)).map_err(told)?;
        match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            Ok(_) => Ok(text.into_bytes()),
            Err(error) => Err(BodyError::Json(error.to_string())),
        }
    }

    /// The media type.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.shape.content_type()
    }
}

/// An error in one line.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn told(error: minijinja::Error) -> BodyError {
    let mut text = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    if let Some(line) = error.line() {
        text = format!("line {line}: {text}");
    }
    BodyError::Template(text.replace('\n', " "))
}

#[cfg(test)]
mod tests;
