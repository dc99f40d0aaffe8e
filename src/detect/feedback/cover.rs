//! Which decision covers a finding, and which alerts of the last weeks one would have covered.

use std::borrow::Cow;

use super::check::{Case, came_with};
use super::shown::Shown;
use super::{Decided, DecisionState};
use crate::alert::{Changed, Dimension, Feedback, Mark, Preview, Reason, Ruling, Severity, Suppressed, What};
use crate::detect::engine::Engine;
use crate::stats::fingerprint;
use crate::time::{Span, Timestamp};

/// Days of a preview.
const PREVIEW_DAYS: u32 = 30;
/// Alerts that a preview lists.
const CHANGED_MAX: usize = 100;

/// A finding as decisions look at it.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Look<'a> {
    pub tenant: &'a str,
    pub bot: &'a str,
    pub hosts: &'a [String],
    pub reasons: &'a [Reason],
    pub marks: &'a [Mark],
    pub ts: Timestamp,
}

/// The decision that covers a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) struct Cover {
    /// Its number.
    pub number: usize,
    /// Whether it expects the finding, rather than takes it for normal.
    pub expects: bool,
    /// Until when.
    pub until: Timestamp,
}

impl Look<'_> {
    /// The marks; where a detector gives none, each of its words is one.
    fn marks(&self) -> Cow<'_, [Mark]> {
        if !self.marks.is_empty() {
            return Cow::Borrowed(self.marks);
        }
        let of = |reason: &Reason| [fingerprint(&["words", &reason.detector, &reason.observed]); 3];
        self.reasons.iter().map(of).collect()
    }
}

/// The marks of a finding, as they are remembered.
pub(in crate::detect) fn marks_of(look: &Look<'_>) -> Vec<Mark> {
    look.marks().into_owned()
}

/// The first decision that covers a finding. What is expected hides before what is taken for normal lowers.
pub(in crate::detect) fn covered(engine: &Engine, look: &Look<'_>) -> Option<Cover> {
    let of_bot = |(_, decided): &(usize, &Decided)| {
        decided.record.tenant == look.tenant
            && decided.record.bot.as_deref() == Some(look.bot)
            && decided.state(look.ts) == DecisionState::Active
    };
    let mut active = engine.decisions.list.iter().enumerate().filter(of_bot).peekable();
    active.peek()?;
    let (marks, active) = (look.marks(), active.collect::<Vec<_>>());
    let reasons: Vec<(Dimension, &str)> =
        look.reasons.iter().map(|reason| (reason.dimension, reason.detector.as_str())).collect();
    let expects = |(_, decided): &&(usize, &Decided)| {
        decided.record.verdict == Ruling::Expected
            && expects(&decided.record.what, &decided.marks, &reasons, look.hosts, &marks)
    };
    if let Some(&(number, decided)) = active.iter().find(expects) {
        return Some(Cover { number, expects: true, until: decided.until });
    }
    // Two decisions may cover a finding together.
    let mut cover: Option<Cover> = None;
    for mark in marks.iter() {
        let has = |(_, decided): &&(usize, &Decided)| {
            matches!(decided.record.verdict, Ruling::False | Ruling::Fine)
                && decided.marks.binary_search(&mark[0]).is_ok()
        };
        let (number, decided) = *active.iter().find(has)?;
        let until = cover.map_or(decided.until, |cover| cover.until.min(decided.until));
        cover = Some(Cover { number, expects: false, until });
    }
    cover.filter(|_| !condemned(engine, look))
}

/// Whether somebody said of something in a finding that it was real.
pub(in crate::detect) fn condemned(engine: &Engine, look: &Look<'_>) -> bool {
    let real = |decided: &Decided| {
        decided.record.verdict == Ruling::True
            && decided.record.tenant == look.tenant
            && decided.record.bot.as_deref() == Some(look.bot)
            && decided.state(look.ts) == DecisionState::Active
            && look.marks().iter().any(|mark| decided.marks.binary_search(&mark[0]).is_ok())
    };
    engine.decisions.list.iter().any(real)
}

/// Whether anything of a bot was said to be real.
pub(in crate::detect) fn condemns(engine: &Engine, tenant: &str, bot: &str) -> bool {
    let of = |decided: &Decided| {
        decided.record.verdict == Ruling::True
            && !decided.undone
            && decided.record.tenant == tenant
            && decided.record.bot.as_deref() == Some(bot)
    };
    engine.decisions.list.iter().any(of)
}

/// What an alert says of the decision that lowered it.
pub(in crate::detect) fn note(engine: &Engine, cover: Cover, severity: Severity) -> Option<Suppressed> {
    let Feedback { by, comment, id, verdict, .. } = &engine.decisions.list.get(cover.number)?.record;
    let why = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    let reason = format!("feedback {id} says {}{why}", verdict.as_str());
    Some(Suppressed { owner: by.clone(), reason, until: cover.until, severity })
}

/// Whether all of a finding is what is expected.
fn expects(what: &What, named: &[u64], reasons: &[(Dimension, &str)], hosts: &[String], marks: &[Mark]) -> bool {
    let of = |(dimension, detector): &(Dimension, &str)| {
        (what.dimensions.is_empty() || what.dimensions.contains(dimension))
            && (what.detectors.is_empty() || what.detectors.iter().any(|known| known == detector))
    };
    let at = what.hosts.is_empty() || (!hosts.is_empty() && hosts.iter().all(|host| what.hosts.contains(host)));
    let values = !what.names_values() || marks.iter().all(|mark| named.binary_search(&mark[0]).is_ok());
    !reasons.is_empty() && reasons.iter().all(of) && at && values
}

/// What a record would have changed in the last days.
pub(super) fn preview(engine: &Engine, case: &Case) -> Preview {
    let mut preview = Preview { days: PREVIEW_DAYS, ..Preview::default() };
    if case.record.verdict == Ruling::Fine {
        let of = |shown: &&Shown| case.alerts.contains(&shown.id);
        let with = engine.decisions.shown.iter().filter(of).flat_map(|shown| came_with(&case.record.what.hosts, shown));
        for name in case.names.iter().map(|(name, _)| name).chain(with) {
            if !preview.covered.contains(name) {
                preview.covered.push(name.clone());
            }
        }
    }
    let now = engine.watermark().unwrap_or(Timestamp::MIN);
    let since = now - Span::from_days(i64::from(PREVIEW_DAYS));
    let of_bot = |shown: &&Shown| shown.bot == case.at && shown.ts >= since;
    for shown in engine.decisions.shown.iter().rev().filter(of_bot) {
        let becomes = match case.record.verdict {
            Ruling::Expected if would_expect(case, shown) => Severity::Info,
            Ruling::False | Ruling::Fine if would_lower(case, shown) => shown.severity.min(Severity::Low),
            _ => shown.severity,
        };
        if becomes == shown.severity {
            preview.unchanged += 1;
            continue;
        }
        let count = if becomes == Severity::Info { &mut preview.hidden } else { &mut preview.lowered };
        *count += 1;
        if preview.changed.len() < CHANGED_MAX {
            let Shown { id, ts, title, severity, .. } = shown.clone();
            preview.changed.push(Changed { id, ts, title, severity, becomes });
        }
    }
    preview
}

fn would_expect(case: &Case, shown: &Shown) -> bool {
    let reasons: Vec<(Dimension, &str)> =
        shown.reasons.iter().map(|(dimension, detector)| (*dimension, detector.as_str())).collect();
    !shown.cut && expects(&case.record.what, &case.marks, &reasons, &shown.hosts, &shown.marks)
}

fn would_lower(case: &Case, shown: &Shown) -> bool {
    !shown.cut && !shown.marks.is_empty() && shown.marks.iter().all(|mark| case.marks.binary_search(&mark[0]).is_ok())
}
