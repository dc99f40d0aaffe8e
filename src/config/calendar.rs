//! The calendar: maintenance windows, holidays, change freezes.

use super::check::Check;
use super::quiet::scope;
use super::raw::RawStretch;
use super::words::{instant, said};
use crate::detect::{Calendar, Season, Stretch};
use crate::time::{Span, Timestamp};

/// Longest stretch. What is expected for longer is normal.
const STRETCH_DAYS_MAX: i64 = 92;

/// Checks all stretches.
pub(super) fn calendar(check: &mut Check<'_>, raw: Vec<RawStretch>) -> Calendar {
    let each = raw.into_iter().enumerate();
    Calendar(each.map(|(number, raw)| stretch(check, &format!("calendar[{number}]"), raw)).collect())
}

fn stretch(check: &mut Check<'_>, at: &str, raw: RawStretch) -> Stretch {
    let path = |name: &str| format!("{at}.{name}");
    let kind = raw.kind.unwrap_or_default();
    let season = Season::ALL.into_iter().find(|season| season.as_str() == kind);
    if season.is_none() {
        check.fault(&path("kind"), "write `maintenance`, `holiday` or `freeze`");
    }
    let mut day = |name: &str, text: Option<String>, length: Span| {
        if let Some(text) = text {
            return instant(check, &path(name), &text, length);
        }
        check.fault(&path(name), "missing; a day such as \"2026-12-24\", or an instant");
        None
    };
    let (from, until) = (day("from", raw.from, Span::ZERO), day("until", raw.until, Span::DAY));
    if let (Some(from), Some(until)) = (from, until) {
        if until <= from {
            check.fault(&path("until"), "not after `from`");
        } else if until - from > Span::from_days(STRETCH_DAYS_MAX) {
            let days = (until - from).as_days_f64().ceil();
            check.fault(&path("until"), format!("{days} days after `from`, at most {STRETCH_DAYS_MAX}"));
        }
    }
    said(check, &path("owner"), raw.owner, "who answers for it");
    said(check, &path("reason"), raw.reason, "why, such as a ticket");
    Stretch {
        season: season.unwrap_or(Season::Holiday),
        scope: scope(check, at, [raw.tenants, raw.bots, raw.environments]),
        from: from.unwrap_or(Timestamp::MIN),
        until: until.unwrap_or(Timestamp::MIN),
    }
}
