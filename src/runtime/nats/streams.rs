//! The streams that Humdrum reads and writes: found, checked or created.
//!
//! A stream that exists is never changed: whoever made it had reasons. It is only checked that it captures the
//! subjects in question, since one that does not would leave us waiting in silence for events that never come.

use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
use async_nats::jetstream::{Context, ErrorCode};

/// What a stream must do for us, and how to make it where it is missing and may be made.
#[derive(Clone, Debug)]
pub struct StreamSpec {
    /// Its name.
    pub name: String,
    /// What it must capture, as `humdrum.events.*.*`.
    pub needs: String,
    /// What it captures when we make it, as `humdrum.events.>`.
    pub subjects: String,
    /// Whether it may be made.
    pub create: bool,
    /// How long it keeps messages when we make it.
    pub max_age: Duration,
    /// For how long it remembers message ids when we make it.
    pub duplicate_window: Duration,
    /// What it is for.
    pub description: &'static str,
}

/// A stream that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// There is none and it may not be made.
    #[error("stream `{name}` does not exist; create it with subjects `{subjects}` or allow its creation")]
    Missing {
        /// The stream.
        name: String,
        /// What it should capture.
        subjects: String,
    },
    /// It exists for something else.
    #[error("stream `{name}` captures `{}` but not `{needs}`", have.join("`, `"))]
    Subjects {
        /// The stream.
        name: String,
        /// What it captures.
        have: Vec<String>,
        /// What it should capture.
        needs: String,
    },
    /// It deletes what has been read.
    #[error("stream `{name}` must have limits retention: a stream that deletes what was read cannot be read again")]
    Retention {
        /// The stream.
        name: String,
    },
    /// The server refuses.
    #[error("stream `{name}`: {detail}")]
    Refused {
        /// The stream.
        name: String,
        /// What the server says.
        detail: String,
    },
    /// The server does not answer.
    #[error("stream `{name}` cannot be looked up: {detail}")]
    Unavailable {
        /// The stream.
        name: String,
        /// What happened.
        detail: String,
    },
}

impl StreamError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "stream_missing",
            Self::Subjects { .. } => "stream_subjects",
            Self::Retention { .. } => "stream_retention",
            Self::Refused { .. } => "stream_refused",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether trying again can help without anybody doing anything.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Finds the stream and checks it, or makes it.
///
/// # Errors
/// It is missing and may not be made, it is for something else, or the server does not answer.
pub async fn ensure(context: &Context, spec: &StreamSpec) -> Result<Stream, StreamError> {
    let name = &spec.name;
    let missing = match context.get_stream(name).await {
        Ok(stream) => {
            check(&stream.cached_info().config, spec)?;
            return Ok(stream);
        }
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(inner) if inner.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                StreamError::Missing { name: name.clone(), subjects: spec.subjects.clone() }
            }
            GetStreamErrorKind::Request => {
                return Err(StreamError::Unavailable { name: name.clone(), detail: error.to_string() });
            }
            _ => return Err(StreamError::Refused { name: name.clone(), detail: error.to_string() }),
        },
    };
    if !spec.create {
        return Err(missing);
    }
    let config = Config {
        name: name.clone(),
        subjects: vec![spec.subjects.clone()],
        max_age: spec.max_age,
        duplicate_window: spec.duplicate_window,
        description: Some(spec.description.to_owned()),
        allow_direct: true,
        ..Config::default()
    };
    let stream = context.create_stream(config).await.map_err(|error| match error.kind() {
        CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::JetStreamUnavailable => {
            StreamError::Unavailable { name: name.clone(), detail: error.to_string() }
        }
        _ => StreamError::Refused { name: name.clone(), detail: error.to_string() },
    })?;
    tracing::info!(stream = name, subjects = spec.subjects, "stream created");
    Ok(stream)
}

fn check(config: &Config, spec: &StreamSpec) -> Result<(), StreamError> {
    let name = config.name.clone();
    if config.retention != RetentionPolicy::Limits {
        return Err(StreamError::Retention { name });
    }
    // What a mirror or a sourcing stream captures is written elsewhere.
    let elsewhere = config.mirror.is_some() || config.sources.as_ref().is_some_and(|sources| !sources.is_empty());
    if elsewhere || config.subjects.iter().any(|pattern| covers(pattern, &spec.needs)) {
        return Ok(());
    }
    Err(StreamError::Subjects { name, have: config.subjects.clone(), needs: spec.needs.clone() })
}

/// Whether every subject that matches `inner` matches `outer` too.
#[must_use]
pub fn covers(outer: &str, inner: &str) -> bool {
    let mut inner = inner.split('.');
    for token in outer.split('.') {
        match (token, inner.next()) {
            (">", Some(_)) => return true,
            ("*", Some(other)) if other != ">" => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    inner.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_captures() {
        for (outer, inner, covered) in [
            ("humdrum.events.>", "humdrum.events.*.*", true),
            ("humdrum.events.*.*", "humdrum.events.*.*", true),
            ("humdrum.>", "humdrum.events.*.*", true),
            (">", "a", true),
            ("*.events.*.*", "humdrum.events.*.*", true),
            ("humdrum.events.*", "humdrum.events.*.*", false),
            ("humdrum.events.acme.*", "humdrum.events.*.*", false),
            ("humdrum.events.*.*", "humdrum.events.>", false),
            ("humdrum.events", "humdrum.events.*", false),
            ("humdrum.events.>", "humdrum.events", false),
        ] {
            assert_eq!(covers(outer, inner), covered, "{outer} {inner}");
        }
    }
}
