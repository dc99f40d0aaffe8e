//! Payees set up in bulk.
//!
//! A bot that may set up payees can be made to set up a hundred that nobody ever delivered anything. A few are
//! ordinary, and so is a batch for those who work in batches: the highest count of a day and of an hour are held
//! against the bot's own days ([`DailyPeak`]), from `payees_min` on. Each payee counts once. Where somebody else
//! approved every one of them, it is a step milder. It is told as soon as it is improbable and again when it is worse.
//!
//! A day that was told of is learned only in part, so that a new habit is adopted after some pages, not by the first.
//! Bound: [`RECENT_MAX`] payees of the last day. Blind spot: a few a day for weeks.

use serde::{Deserialize, Serialize};

use super::words::{Words, about};
use super::{Breach, Case, mark};
use crate::alert::Severity;
use crate::event::Text;
use crate::stats::daily_peak::DailyPeak;
use crate::time::{Span, Timestamp};

/// Payees of the last day that are kept; counts end there. Fewer would make batches of many look alike.
const RECENT_MAX: usize = 128;
/// Ids of evidence beside the event at hand.
const EVIDENCE_MAX: usize = 19;

/// Payees that a bot sets up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Payees {
    recent: Vec<Created>,
    day: DailyPeak,
    hour: DailyPeak,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Created {
    at: Timestamp,
    mark: u64,
    id: Text,
    /// By somebody who did not set it up.
    approved: bool,
}

impl Payees {
    /// Counts a payee that was set up, and says if it is one too many.
    pub(super) fn check(&mut self, case: &Case<'_>) -> Option<Breach> {
        let (event, transaction) = (case.event, case.transaction);
        let name = transaction.counterparty.as_deref().or(transaction.account.as_deref());
        let mark = mark(&[name.unwrap_or(&event.id)]);
        if self.recent.iter().any(|known| known.mark == mark) {
            return None;
        }
        let approved = transaction.approvers.iter().any(|name| Some(name) != transaction.by.as_ref());
        self.recent.push(Created { at: event.ts, mark, id: event.id.clone(), approved });
        let newest = self.recent.iter().map(|known| known.at).fold(event.ts, Timestamp::later);
        self.recent.retain(|known| known.at > newest - Span::DAY);
        if self.recent.len() > RECENT_MAX {
            self.recent.remove(0);
        }
        let within_hour = self.recent.iter().filter(|known| known.at > newest - Span::HOUR).count() as u32;
        let found = if case.mature { self.verdict(case, within_hour) } else { None };
        for (peak, count) in [(&mut self.day, self.recent.len() as u32), (&mut self.hour, within_hour)] {
            if found.is_some() { peak.note_doubted(count) } else { peak.note(count) }
        }
        found
    }

    /// Closes days.
    pub(super) fn roll(&mut self, passed: i32, window_days: f64) {
        self.day.roll(passed, window_days);
        self.hour.roll(passed, window_days);
    }

    fn verdict(&self, case: &Case<'_>, within_hour: u32) -> Option<Breach> {
        let (profile, within_day) = (case.profile, self.recent.len() as u32);
        let p = |history: &DailyPeak, count: u32| {
            let p = if count >= profile.payees_min { history.p_at_least(count, profile.dispersion_min) } else { 1.0 };
            (2.0 * p).min(1.0)
        };
        let (day, hour) = (p(&self.day, within_day), p(&self.hour, within_hour));
        let (p, count, span) = if hour < day { (hour, within_hour, "an hour") } else { (day, within_day, "a day") };
        let approved = self.recent.iter().all(|known| known.approved);
        let severity = match (profile.severity(p)?, approved) {
            (Severity::High, true) => Severity::Medium,
            (_, true) => Severity::Low,
            (severity, false) => severity,
        };
        let usual = about(self.day.mean());
        let by = case.transaction.by.as_deref().filter(|by| *by != case.event.bot.as_str());
        let did = by.map_or_else(|| "set up".to_owned(), |by| format!("was used by `{by}` to set up"));
        let words = Words {
            severity,
            detector: "bulk_payees",
            p_value: Some(p),
            observed: format!("{count} new payees within {span}"),
            expected: format!("{usual} a day"),
            phrase: format!("{did} {count} new payees within {span}, usually {usual} a day"),
            about: case.day as u64,
        };
        let mut breach = words.breach();
        let others = self.recent.iter().rev().filter(|known| known.id != case.event.id);
        breach.evidence = others.map(|known| known.id.clone()).take(EVIDENCE_MAX).collect();
        Some(breach)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Books, DAY};
    use super::*;

    fn created(nth: i64, rest: &str) -> String {
        format!(r#""kind":"payee_created","counterparty":"P-{nth}","account":"A-{nth}"{rest}"#)
    }

    /// The worst of a number of payees set up within minutes.
    fn batch(books: &mut Books, count: i64, rest: &str) -> Option<(&'static str, Severity)> {
        (0..count).filter_map(|nth| books.worst(30 * DAY + nth, &created(1_000 + nth, rest))).max_by_key(|(_, s)| *s)
    }

    #[test]
    fn payees_in_bulk_are_found_and_a_few_are_not() {
        let mut books = Books::default();
        books.weeks(|day| created(day / 7, ""));
        let cases = [
            (4, "", None),
            (7, "", Some(Severity::Medium)),
            (20, "", Some(Severity::High)),
            (20, r#","by":"ann","approvers":["bob"]"#, Some(Severity::Medium)),
            (20, r#","by":"ann","approvers":["ann"]"#, Some(Severity::High)),
        ];
        for (count, rest, severity) in cases {
            assert_eq!(batch(&mut books.clone(), count, rest), severity.map(|s| ("bulk_payees", s)), "{count} {rest}");
        }
    }

    #[test]
    fn the_same_payee_again_and_a_bot_of_batches_are_ordinary() {
        let mut books = Books::default();
        books.weeks(|_| created(1, ""));
        (0..20).for_each(|minute| books.quiet(30 * DAY + minute, &created(1, "")));
        let mut batches = Books::default();
        for day in (0..30).step_by(3) {
            (0..15 + day % 5).for_each(|nth| batches.feed(day * DAY + nth, &created(100 * day + nth, "")));
        }
        assert_eq!(batch(&mut batches, 18, ""), None);
    }

    #[test]
    fn a_young_bot_is_not_judged() {
        assert_eq!((0..40).find_map(|nth| Books::default().worst(nth, &created(nth, ""))), None);
    }
}
