//! Routes, their escalations, and silences: `[routing]`, `[[routes]]` and `[[silences]]`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ReceiverConfig;
use super::check::Check;
use super::raw::{RawNames, RawRoute, RawRouting, RawSilence, RawSpan};
use super::validate::{DAY, MINUTE, span};
use super::words::{dimensions, instant, patterns, said, severities};
use crate::alert::{Escalation, Hours, Matcher, Route, Routing, Silence};
use crate::time::{Span, Timestamp};

/// All routes. Receivers that they name exist, and each one is named where anything is routed.
pub(super) fn routing(
    check: &mut Check<'_>,
    raw: RawRouting,
    list: Vec<RawRoute>,
    receivers: &[ReceiverConfig],
    default_zone: &str,
) -> Routing {
    let mut names = Names { known: receivers.iter().map(|r| r.name.as_str()).collect(), named: BTreeSet::new() };
    let routes: Vec<Route> = list
        .into_iter()
        .enumerate()
        .map(|(index, raw)| route(check, &format!("routes[{index}]"), raw, default_zone, &mut names))
        .collect();
    let default = raw.default.map(|list| names.take(check, "routing.default", list));
    let after = (raw.escalate_after.as_ref(), raw.escalate_to);
    let default_escalation = escalation(check, ("routing", "escalate"), after, &mut names);
    let after = (raw.fallback_after.as_ref(), raw.fallback_to);
    let fallback = escalation(check, ("routing", "fallback"), after, &mut names);
    let whole = |route: &Route| route.matcher.is_empty() && route.hours.is_none() && !route.continues;
    if default.is_none() && !routes.is_empty() && !routes.iter().any(whole) {
        check.fault(
            "routing.default",
            "missing; name the receivers of alerts that no route fits, or write `[]` for none",
        );
    }
    if default.is_some() || !routes.is_empty() {
        for (index, receiver) in receivers.iter().enumerate().filter(|(_, r)| !names.named.contains(&r.name)) {
            let message = format!("no route leads to `{}`", receiver.name);
            check.fault(&format!("receivers[{index}].name"), message);
        }
    }
    Routing { routes, default, default_escalation, fallback }
}

/// Names of receivers: those that there are, and those that are named.
struct Names<'a> {
    known: BTreeSet<&'a str>,
    named: BTreeSet<String>,
}

impl Names<'_> {
    fn take(&mut self, check: &mut Check<'_>, path: &str, list: RawNames) -> Vec<String> {
        for name in &list.0 {
            if !self.known.contains(name.as_str()) {
                check.fault(path, format!("`{name}` is none of `[[receivers]]`"));
            }
        }
        self.named.extend(list.0.iter().cloned());
        list.0
    }
}

fn route(check: &mut Check<'_>, at: &str, raw: RawRoute, default_zone: &str, names: &mut Names<'_>) -> Route {
    let path = |name: &str| format!("{at}.{name}");
    let matcher = Matcher {
        tenants: patterns(check, &path("tenants"), raw.tenants),
        bots: patterns(check, &path("bots"), raw.bots),
        severities: severities(check, &path("severities"), raw.severities),
        dimensions: dimensions(check, &path("dimensions"), raw.dimensions),
        teams: patterns(check, &path("teams"), raw.teams),
        owners: patterns(check, &path("owners"), raw.owners),
    };
    if raw.zone.is_some() && raw.hours.is_none() {
        check.fault(&path("zone"), "needs `hours`");
    }
    let zone = raw.zone.as_deref().unwrap_or(default_zone);
    let hours = raw.hours.and_then(|text| match Hours::parse(&text, zone) {
        Ok(hours) => Some(hours),
        Err(error) => {
            let name = if matches!(error, crate::alert::HoursError::Zone(_)) { "zone" } else { "hours" };
            check.fault(&path(name), error.to_string());
            None
        }
    });
    let escalation = escalation(check, (at, "escalate"), (raw.escalate_after.as_ref(), raw.escalate_to), names);
    if raw.receivers.is_none() {
        check.fault(&path("receivers"), "missing");
    }
    let receivers = raw.receivers.map(|list| names.take(check, &path("receivers"), list)).unwrap_or_default();
    Route { matcher, hours, receivers, continues: raw.continues.unwrap_or_default(), escalation }
}

fn escalation(
    check: &mut Check<'_>,
    (at, what): (&str, &str),
    (after, to): (Option<&RawSpan>, Option<RawNames>),
    names: &mut Names<'_>,
) -> Option<Escalation> {
    match (after, to) {
        (None, None) => None,
        (None, Some(_)) => {
            check.fault(&format!("{at}.{what}_to"), format!("needs `{what}_after`"));
            None
        }
        (Some(_), None) => {
            check.fault(&format!("{at}.{what}_after"), format!("needs `{what}_to`"));
            None
        }
        (Some(after), Some(to)) => {
            let after: Duration = check.span(&format!("{at}.{what}_after"), Some(after), MINUTE..=7 * DAY);
            Some(Escalation { after: span(after), to: names.take(check, &format!("{at}.{what}_to"), to) })
        }
    }
}

/// All silences. Those that are over do no harm.
pub(super) fn silences(check: &mut Check<'_>, list: Vec<RawSilence>) -> Vec<Silence> {
    let mut names = BTreeSet::new();
    let mut silences = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let at = format!("silences[{index}]");
        let silence = silence(check, &at, raw, index);
        if !names.insert(silence.name.clone()) {
            check.fault(&format!("{at}.name"), format!("`{}` is the name of another silence too", silence.name));
        }
        silences.push(silence);
    }
    silences
}

fn silence(check: &mut Check<'_>, at: &str, raw: RawSilence, index: usize) -> Silence {
    let path = |name: &str| format!("{at}.{name}");
    let matcher = Matcher {
        tenants: patterns(check, &path("tenants"), raw.tenants),
        bots: patterns(check, &path("bots"), raw.bots),
        severities: severities(check, &path("severities"), raw.severities),
        dimensions: dimensions(check, &path("dimensions"), raw.dimensions),
        ..Matcher::default()
    };
    let unread = ["tenants", "bots", "severities", "dimensions"].iter().any(|name| check.is_faulty(&path(name)));
    if !matcher.is_particular() && !unread {
        check.fault(at, "silences everything; write `tenants`, `bots`, `severities` or `dimensions`, and not just `*`");
    }
    let owner = said(check, &path("owner"), raw.owner, "who answers for it");
    let reason = said(check, &path("reason"), raw.reason, "why, such as a ticket");
    if raw.until.is_none() {
        check.fault(&path("until"), "missing; the last day of it, such as \"2026-11-30\": a silence must end");
    }
    let until = raw.until.and_then(|text| instant(check, &path("until"), &text, Span::DAY)).unwrap_or(Timestamp::MIN);
    let name = check.name(&path("name"), raw.name.or_else(|| Some(format!("silence-{}", index + 1))));
    Silence { name, owner, reason, until, matcher }
}
