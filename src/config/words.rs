//! What settings of several lists have in common: names of severities and dimensions, patterns, texts that must be
//! there, and days.

use super::check::Check;
use super::raw::RawNames;
use crate::alert::{Dimension, Pattern, Severity};
use crate::time::{Span, Timestamp};

/// Bytes of an owner or a reason, which alerts carry.
const WORDS_BYTES_MAX: usize = 1024;

/// The texts of a list, or of a single one.
pub(super) fn words(raw: Option<RawNames>) -> Vec<String> {
    raw.map_or_else(Vec::new, |names| names.0)
}

/// Patterns of names.
pub(super) fn patterns(check: &mut Check<'_>, path: &str, raw: Option<RawNames>) -> Vec<Pattern> {
    if raw.as_ref().is_some_and(|names| names.0.is_empty()) {
        check.fault(path, "an empty list; leave the setting out to take all in");
    }
    let parse = |text: &String| match Pattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            check.fault(path, error.to_string());
            None
        }
    };
    words(raw).iter().filter_map(parse).collect()
}

/// The severity of a name.
pub(super) fn severity(check: &mut Check<'_>, path: &str, name: &str) -> Option<Severity> {
    let severity = Severity::ALL.into_iter().find(|severity| severity.as_str() == name);
    if severity.is_none() {
        let message = format!("`{name}` is no severity; write `info`, `low`, `medium`, `high` or `critical`");
        check.fault(path, message);
    }
    severity
}

/// The severities of a list.
pub(super) fn severities(check: &mut Check<'_>, path: &str, raw: Option<RawNames>) -> Vec<Severity> {
    words(raw).iter().filter_map(|name| severity(check, path, name)).collect()
}

/// The dimensions of a list.
pub(super) fn dimensions(check: &mut Check<'_>, path: &str, raw: Option<RawNames>) -> Vec<Dimension> {
    let known = |name: &String| {
        let dimension = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == name);
        if dimension.is_none() {
            let known: Vec<&str> = Dimension::ALL.into_iter().map(Dimension::as_str).collect();
            check.fault(path, format!("`{name}` is no dimension; they are {}", known.join(", ")));
        }
        dimension
    };
    words(raw).iter().filter_map(known).collect()
}

/// A text that must be there.
pub(super) fn said(check: &mut Check<'_>, path: &str, raw: Option<String>, what: &str) -> String {
    let text = raw.unwrap_or_default();
    if text.trim().is_empty() {
        check.fault(path, format!("missing; {what}"));
    } else if text.len() > WORDS_BYTES_MAX {
        check.fault(path, format!("{} bytes, at most {WORDS_BYTES_MAX}", text.len()));
    }
    text
}

/// A day of UTC, of which the beginning counts and `length` is added, or an instant.
pub(super) fn instant(check: &mut Check<'_>, path: &str, text: &str, length: Span) -> Option<Timestamp> {
    let day = (text.len() == "2026-12-31".len()).then(|| format!("{text}T00:00:00Z"));
    let instant = match day {
        Some(day) => day.parse::<Timestamp>().ok().map(|start| start + length),
        None => text.parse().ok(),
    };
    if instant.is_none() {
        check.fault(
            path,
            format!("`{text}` is no day; write `2026-12-31`, or an instant such as `2026-12-31T18:00:00Z`"),
        );
    }
    instant
}
