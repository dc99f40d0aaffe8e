//! Payments split so that each stays just below a limit.
//!
//! Approval limits are round amounts, and who wants to pay 12,000 with one signature pays 4,900 three times. Payments
//! of a day to one counterparty that lie within `split_band` below the same round amount are counted, from
//! `split_payments_min` on, against the bot's own days ([`DailyPeak`]): some vendors always bill 990. Each limit has
//! its own days, or many bills of 990 would hide three of 9,900; one that was never approached has had as many quiet
//! ones as the bot is known. What a payment at the limit needs decides how bad it is: more approvers than these had is
//! high; a limit that the bot seldom exceeds is medium; where it often pays more, there was nothing to evade, and it is
//! low. So it is for a vendor whose bills were of that size on [`USUAL_DAYS`] days before, the first of them
//! [`USUAL_AGE_DAYS`] days ago or longer.
//!
//! Bounds: [`RECENT_MAX`] such payments of a day, [`USUAL_MAX`] vendors, and 32 bytes for each of `round_limits` below
//! which one counterparty was paid twice within a day. Blind spots: limits that are not round; a counterparty for each
//! part; parts below a limit that a vendor's bills often come close to.

use serde::{Deserialize, Serialize};

use super::approval::Approvals;
use super::words::{Words, about, money, who};
use super::{Breach, Case, mark};
use crate::alert::Severity;
use crate::detect::profile::FraudProfile;
use crate::event::Text;
use crate::stats::daily_peak::DailyPeak;
use crate::stats::sorted::SortedMap;
use crate::time::{Span, Timestamp};

/// Payments just below a limit that are kept.
const RECENT_MAX: usize = 128;
/// What counts as above a limit, as its multiple: a bin of the histograms and a little, or what is just below counts, too.
const ABOVE: f64 = 1.14;
/// Share of payments above an amount up to which the amount counts as a limit of the bot.
const ABOVE_SHARE: f64 = 0.05;

/// Days on which a vendor was paid just below a limit, after which that is its usual bill.
const USUAL_DAYS: u16 = 2;
/// Days since the first of them. Smaller: two small parts ahead excuse the rest.
const USUAL_AGE_DAYS: i32 = 7;
/// Vendors that were paid just below a limit. Fewer would tell of bills that are usual.
const USUAL_MAX: usize = 256;

/// Payments just below round amounts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Splits {
    recent: Vec<Near>,
    /// What a limit begins with that was not approached yet: quiet days. State of when limits were not told apart
    /// brings the days of all of them, which stand for each until a window has passed.
    peak: DailyPeak,
    usual: Vec<Usual>,
    /// Limits below which a counterparty was paid twice within a day, by their bits.
    #[serde(default)]
    limits: SortedMap<DailyPeak>,
    /// Days for which limits have been told apart.
    #[serde(default)]
    apart_days: u16,
}

/// A counterparty that was paid just below a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Usual {
    mark: u64,
    first_day: i32,
    last_day: i32,
    /// Days before the last.
    days: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Near {
    at: Timestamp,
    /// Counterparty, currency and limit.
    mark: u64,
    amount: f64,
    id: Text,
}

impl Splits {
    /// Counts a payment, and says if it is one part too many.
    pub(super) fn check(&mut self, case: &Case<'_>, approvals: &Approvals) -> Option<Breach> {
        let (event, transaction, profile) = (case.event, case.transaction, case.profile);
        let amount = transaction.amount?;
        let name = transaction.counterparty.as_deref().or(transaction.account.as_deref())?;
        let below = |limit: &f64| amount < *limit && amount >= *limit * (1.0 - profile.split_band);
        let limit = *profile.round_limits.iter().find(|limit| below(limit))?;
        let currency = transaction.currency.as_deref();
        let mark = mark(&[name, currency.unwrap_or_default(), &limit.to_string()]);
        self.recent.push(Near { at: event.ts, mark, amount, id: event.id.clone() });
        let newest = self.recent.iter().map(|known| known.at).fold(event.ts, Timestamp::later);
        self.recent.retain(|known| known.at > newest - Span::DAY);
        if self.recent.len() > RECENT_MAX {
            self.recent.remove(0);
        }
        let billed = self.is_usual(mark, case.day);
        let parts = || self.recent.iter().filter(|known| known.mark == mark);
        let count = parts().count() as u32;
        let history = self.limits.get(limit.to_bits()).unwrap_or(&self.peak);
        let (p, mean) = (history.p_at_least(count, profile.dispersion_min), history.mean());
        let enough = case.mature && count >= profile.split_payments_min;
        if !enough || profile.severity(p).is_none() {
            // One alone is no part of anything.
            if count > 1 {
                self.limit(limit, profile).note(count);
            }
            return None;
        }
        let sum = parts().map(|known| known.amount).sum();
        let above = limit * ABOVE;
        let severity = if billed {
            Severity::Low
        } else if approvals.fewer(Some(above), transaction.approvers.len()) {
            Severity::High
        } else if approvals.share_above(above) <= ABOVE_SHARE {
            Severity::Medium
        } else {
            Severity::Low
        };
        let (sum, below) = (money(Some(sum), currency), money(Some(limit), currency));
        let words = Words {
            severity,
            detector: "split_payments",
            p_value: Some(p),
            observed: format!("{count} payments within a day, each just below {below}"),
            expected: format!("{} a day", about(mean)),
            phrase: format!("paid {sum} to {} in {count} parts within a day, each just below {below}", who(Some(name))),
            about: mark ^ case.day as u64,
        };
        let mut breach = words.breach();
        breach.evidence = parts().rev().filter(|known| known.id != event.id).map(|known| known.id.clone()).collect();
        self.limit(limit, profile).note_doubted(count);
        Some(breach)
    }

    /// A limit's days. What is no limit any more makes room for it.
    fn limit(&mut self, limit: f64, profile: &FraudProfile) -> &mut DailyPeak {
        let key = limit.to_bits();
        if self.limits.len() >= profile.round_limits.len() && !self.limits.contains_key(key) {
            self.limits.retain(|known, _| profile.round_limits.iter().any(|limit| limit.to_bits() == known));
        }
        self.limits.or_insert_with(key, || self.peak)
    }

    /// Notes a payment just below a limit; whether the counterparty's bills are usually of that size.
    fn is_usual(&mut self, mark: u64, day: i32) -> bool {
        let Some(known) = self.usual.iter_mut().find(|known| known.mark == mark) else {
            if self.usual.len() >= USUAL_MAX
                && let Some(oldest) = (0..self.usual.len()).min_by_key(|&at| self.usual[at].last_day)
            {
                self.usual.swap_remove(oldest);
            }
            self.usual.push(Usual { mark, first_day: day, last_day: day, days: 0 });
            return false;
        };
        if day > known.last_day {
            known.days = known.days.saturating_add(1);
            known.last_day = day;
        }
        known.days >= USUAL_DAYS && day - known.first_day >= USUAL_AGE_DAYS
    }

    /// Closes days.
    pub(super) fn roll(&mut self, passed: i32, window_days: f64) {
        self.peak.roll(passed, window_days);
        self.apart_days = self.apart_days.saturating_add(u16::try_from(passed).unwrap_or(u16::MAX));
        if f64::from(self.apart_days) >= window_days {
            self.peak = self.peak.quiet();
        }
        for days in self.limits.values_mut() {
            days.roll(passed, window_days);
        }
    }

    /// Bytes on the heap, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.limits.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Books, DAY};
    use super::*;

    fn pay(amount: f64, to: &str, approvers: &str) -> String {
        format!(
            r#""kind":"payment","amount":{amount},"currency":"EUR","counterparty":"{to}","approvers":[{approvers}]"#
        )
    }

    /// A bot that pays 700 a day, and now and then 9,000 with two signatures.
    fn usual() -> Books {
        let mut books = Books::default();
        for day in 0..30 {
            books.quiet(day * DAY, &pay(700.0 + day as f64, "Acme", r#""ann""#));
            if day % 2 == 0 {
                books.quiet(day * DAY + 9, &pay(7_100.0, "Beta", r#""ann","bob""#));
            }
        }
        books
    }

    fn parts(books: &mut Books, amounts: &[f64], to: &str) -> Option<(&'static str, Severity)> {
        parts_on(30, books, amounts, to)
    }

    fn parts_on(day: i64, books: &mut Books, amounts: &[f64], to: &str) -> Option<(&'static str, Severity)> {
        let found = amounts.iter().enumerate().filter_map(|(nth, amount)| {
            books.worst(day * DAY + 60 * nth as i64, &pay(amount + nth as f64, to, r#""ann""#))
        });
        found.max_by_key(|(_, severity)| *severity)
    }

    /// A bot that pays a vendor's three bills just below 2,000 each day.
    fn small_bills(days: std::ops::Range<i64>) -> Books {
        let mut books = Books::default();
        bills(&mut books, days);
        books
    }

    fn bills(books: &mut Books, days: std::ops::Range<i64>) {
        for day in days {
            (0..3).for_each(|nth| books.feed(day * DAY + nth, &pay(1_970.0 + nth as f64, "Acme", r#""ann""#)));
        }
    }

    const SPLIT: Option<(&str, Severity)> = Some(("split_payments", Severity::Medium));
    const LARGE: [f64; 3] = [9_900.0, 9_500.0, 9_700.0];

    #[test]
    fn parts_just_below_a_limit_are_found() {
        let split = Some(("split_payments", Severity::High));
        assert_eq!(parts(&mut usual(), &[4_900.0, 4_850.0, 4_920.0, 4_800.0], "Gamma"), split);
        let mut small = Books::default();
        small.weeks(|day| pay(700.0 + day as f64, "Acme", r#""ann""#));
        let split = Some(("split_payments", Severity::Medium));
        assert_eq!(parts(&mut small, &[970.0; 4], "Gamma"), split);
    }

    #[test]
    fn other_amounts_few_parts_and_vendors_that_bill_so_are_ordinary() {
        assert_eq!(parts(&mut usual(), &[3_000.0, 3_100.0, 3_200.0, 3_050.0], "Gamma"), None);
        assert_eq!(parts(&mut usual(), &[4_900.0, 4_850.0], "Gamma"), None);
        let mut billed = Books::default();
        for day in 0..30 {
            (0..4).for_each(|nth| billed.feed(day * DAY + nth, &pay(990.0, "Gamma", r#""ann""#)));
        }
        assert_eq!(parts(&mut billed, &[970.0; 4], "Gamma"), None);
        let mut seldom = Books::default();
        for day in 0..30 {
            seldom.feed(day * DAY, &pay(if day % 10 == 0 { 990.0 } else { 200.0 }, "Gamma", r#""ann""#));
        }
        assert_eq!(parts(&mut seldom, &[970.0; 4], "Gamma"), Some(("split_payments", Severity::Low)));
    }

    #[test]
    fn bills_below_a_small_limit_hide_no_parts_below_a_large_one() {
        assert_eq!(parts(&mut small_bills(0..30), &LARGE, "Gamma"), SPLIT);
        assert_eq!(parts(&mut small_bills(0..30), &[1_970.0; 3], "Gamma"), None);
        // What a limit has learned holds for it alone.
        let mut learned = small_bills(0..30);
        assert_eq!(parts(&mut learned, &[9_500.0; 8], "Gamma"), SPLIT);
        assert_eq!(parts_on(31, &mut learned, &LARGE, "Delta"), None);
        assert_eq!(parts_on(31, &mut learned, &[24_900.0, 24_500.0, 24_000.0], "Delta"), SPLIT);
    }

    #[test]
    fn a_limit_that_was_never_approached_has_been_quiet_as_long_as_the_bot_is_known() {
        let four = [9_900.0, 9_500.0, 9_700.0, 9_300.0];
        assert_eq!(parts_on(0, &mut Books::default(), &four, "Gamma"), None);
        assert_eq!(parts_on(13, &mut small_bills(0..13), &four, "Gamma"), None);
        assert_eq!(parts_on(14, &mut small_bills(0..14), &four, "Gamma"), SPLIT);
    }

    #[test]
    fn older_state_judges_as_it_did_until_its_window_has_passed() {
        // All limits had one history, which was that of the only one that was approached.
        let older = |books: &mut Books| {
            let pooled = *books.history().splits.limits.values().next().expect("a limit");
            books.restore(|state| {
                let splits = state["splits"].as_object_mut().expect("an object");
                splits.remove("limits").expect("was there");
                splits.remove("apart_days").expect("was there");
                splits["peak"] = serde_json::to_value(pooled).expect("JSON");
            });
        };
        let mut books = small_bills(0..30);
        older(&mut books);
        for amounts in [LARGE, [1_970.0; 3]] {
            assert_eq!(parts(&mut books.clone(), &amounts, "Gamma"), None);
        }
        let many = [9_500.0; 24];
        assert_eq!(parts(&mut books.clone(), &many, "Gamma"), SPLIT);
        bills(&mut books, 30..56);
        assert_eq!(parts_on(56, &mut books.clone(), &LARGE, "Gamma"), None);
        bills(&mut books, 56..57);
        assert_eq!(parts_on(57, &mut books.clone(), &LARGE, "Gamma"), SPLIT);
        assert_eq!(parts_on(57, &mut books, &[1_970.0; 3], "Gamma"), None);
        // Today's state is written down as a whole.
        let mut again = small_bills(0..30);
        again.restore(|_| ());
        assert_eq!(parts(&mut again.clone(), &LARGE, "Gamma"), SPLIT);
        assert_eq!(parts(&mut again, &[1_970.0; 3], "Gamma"), None);
    }

    #[test]
    fn histories_are_no_more_than_the_limits() {
        let mut books = Books::default();
        books.profile.round_limits = vec![1_000.0, 2_000.0];
        for (nth, limit) in [1_000.0, 2_000.0, 3_000.0, 4_000.0, 3_000.0].into_iter().enumerate() {
            if nth >= 2 {
                books.profile.round_limits = vec![1_000.0, limit];
            }
            parts_on(nth as i64, &mut books, &[limit * 0.95; 2], "Gamma");
            let limits = &books.history().splits.limits;
            assert!(limits.contains_key(limit.to_bits()) && limits.contains_key(1_000_f64.to_bits()));
            assert_eq!(limits.len(), (nth + 1).min(2), "{limit}");
        }
        let mut alone = Books::default();
        alone.weeks(|day| pay(990.0 + day as f64 / 10.0, "Acme", r#""ann""#));
        assert_eq!(alone.history().splits.heap_bytes(), 0);
    }
}
