//! Refunds that go to few customers.
//!
//! Who steals by refunds gives many to the same few accounts. How concentrated is too concentrated depends on the
//! business: a shop of thousands refunds nobody twice a week, a wholesaler has a dozen customers. So the refunds of a
//! day are counted that went to a customer who already had one, two, four, eight or sixteen within [`WEEK_DAYS`] days,
//! and each count is held against the bot's own days ([`DailyPeak`]): the least p-value times the number of levels
//! (Bonferroni). Shares of one day would say little on days of three refunds, and nothing until the day is over; this
//! speaks at the refund that is one too many. One customer needs `refunds_min` of them.
//!
//! Money: the sum that one customer gets on a day is held against the largest such sums of earlier days, where it is
//! made of at least `refund_sum_min` refunds (one large refund is an amount, not a concentration).
//!
//! Bound: `customers_max` customers, longest unseen first. Blind spots: a new customer for each refund; sums in several
//! currencies share one history.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::words::{Words, about, money};
use super::{Breach, Case, mark};
use crate::event::Text;
use crate::stats::daily_peak::DailyPeak;
use crate::stats::forget;
use crate::stats::log_histogram::{LogHistogram, Side};
use crate::stats::sorted::SortedMap;

/// Days for which a customer's refunds count.
const WEEK_DAYS: i32 = 7;
/// A refund is a repeat of a level when it is its customer's at least so-manieth within a week.
const LEVELS: [u32; 5] = [2, 3, 5, 9, 17];
/// Days with refunds before sums are judged.
const AMOUNT_DAYS_MIN: f64 = 7.0;
/// Least spread of a day's largest sum, log scale. Smaller: steady shops are alarmed by half as much again.
const SPREAD_FLOOR: f64 = 0.4;
/// Refunds of the day whose ids are kept as evidence.
const RECENT_MAX: usize = 32;
/// Ids of evidence beside the event at hand.
const EVIDENCE_MAX: usize = 19;
/// Weight of a flagged day's sum. Larger: the same fraud again is usual.
const TRUST_FLAGGED: f64 = 0.05;
/// Share of the customers that go at once when there are too many, as a divisor.
const EVICTED: usize = 4;

/// Refunds of one bot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Refunds {
    customers: SortedMap<Customer>,
    peaks: [DailyPeak; LEVELS.len()],
    /// Largest sum that one customer got, by day.
    sums: LogHistogram,
    today: Today,
}

/// Refunds of one customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Customer {
    name: Text,
    /// Local day, refunds and their sum.
    days: SmallVec<[(i32, u32, f64); 1]>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Today {
    refunds: u32,
    repeats: [u32; LEVELS.len()],
    largest_sum: f64,
    flagged: bool,
    recent: Vec<(u64, Text)>,
}

impl Customer {
    fn on(&self, day: i32) -> (u32, f64) {
        self.days.iter().find(|(known, ..)| *known == day).map_or((0, 0.0), |(_, count, sum)| (*count, *sum))
    }

    fn in_week(&self) -> u32 {
        self.days.iter().map(|(_, count, _)| count).sum()
    }
}

impl Refunds {
    /// Counts a refund, and says if it is one too many for its customer.
    pub(super) fn check(&mut self, case: &Case<'_>, limited: &mut u64) -> Option<Breach> {
        let (event, transaction) = (case.event, case.transaction);
        let name = transaction.customer.as_ref().or(transaction.counterparty.as_ref())?;
        let customer = mark(&[name]);
        let (count, in_week, sum) = self.count(customer, name, case);
        *limited += self.evict(case.profile.customers_max);
        self.today.refunds += 1;
        for (repeats, level) in self.today.repeats.iter_mut().zip(LEVELS) {
            *repeats += u32::from(in_week >= level);
        }
        if self.today.recent.len() >= RECENT_MAX {
            self.today.recent.remove(0);
        }
        self.today.recent.push((customer, event.id.clone()));
        let found = if case.mature { self.verdict(case, in_week, count, sum) } else { None };
        self.today.flagged |= found.is_some();
        self.today.largest_sum = self.today.largest_sum.max(sum);
        for (peak, &repeats) in self.peaks.iter_mut().zip(&self.today.repeats) {
            if found.is_some() { peak.note_doubted(repeats) } else { peak.note(repeats) }
        }
        found
    }

    /// Closes days.
    pub(super) fn roll(&mut self, day: i32, passed: i32, window_days: f64) {
        for peak in &mut self.peaks {
            peak.roll(passed, window_days);
        }
        let today = std::mem::take(&mut self.today);
        if today.refunds > 0 {
            self.sums.learn(today.largest_sum, if today.flagged { TRUST_FLAGGED } else { 1.0 });
        }
        self.sums.forget(forget(f64::from(passed), window_days));
        for customer in self.customers.values_mut() {
            customer.days.retain(|(known, ..)| *known > day - WEEK_DAYS);
        }
        self.customers.retain(|_, customer| !customer.days.is_empty());
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.customers.heap_bytes() + self.sums.heap_bytes()
    }

    /// Adds a refund to its customer's: how many today, how many within a week, and the sum of today.
    fn count(&mut self, customer: u64, name: &Text, case: &Case<'_>) -> (u32, u32, f64) {
        let known = self.customers.or_insert_with(customer, Customer::default);
        if known.name.is_empty() {
            known.name.clone_from(name);
        }
        let amount = case.transaction.amount.unwrap_or(0.0).max(0.0);
        match known.days.iter_mut().find(|(day, ..)| *day == case.day) {
            Some((_, count, sum)) => (*count, *sum) = (count.saturating_add(1), *sum + amount),
            None => known.days.push((case.day, 1, amount)),
        }
        let (count, sum) = known.on(case.day);
        (count, known.in_week(), sum)
    }

    fn evict(&mut self, max: usize) -> u64 {
        if self.customers.len() <= max {
            return 0;
        }
        let last = |known: &Customer| known.days.iter().map(|(day, ..)| *day).max();
        let mut ages: Vec<_> =
            self.customers.iter().map(|(mark, known)| (known.in_week() > 1, last(known), mark)).collect();
        ages.sort_unstable();
        for (_, _, mark) in &ages[..(ages.len() / EVICTED).max(1)] {
            self.customers.remove(*mark);
        }
        1
    }

    fn verdict(&self, case: &Case<'_>, in_week: u32, count: u32, sum: f64) -> Option<Breach> {
        let profile = case.profile;
        let p_of = |(peak, &repeats): (&DailyPeak, &u32)| peak.p_at_least(repeats, profile.dispersion_min);
        let least = self.peaks.iter().zip(&self.today.repeats).map(p_of).fold(1.0, f64::min);
        let on = |rule| !case.off.contains(&rule);
        let counts = in_week >= profile.refunds_min && on("refunds_to_few");
        let by_count = if counts { (least * LEVELS.len() as f64).min(1.0) } else { 1.0 };
        let enough = on("refund_sum_to_few") && count >= profile.refund_sum_min && self.sums.total() >= AMOUNT_DAYS_MIN;
        let by_sum = if enough { self.sums.p_side(sum, Side::High, SPREAD_FLOOR) } else { 1.0 };
        let currency = case.transaction.currency.as_deref();
        let all = self.today.refunds;
        let (p, detector, expected) = if by_count <= by_sum {
            (by_count, "refunds_to_few", format!("{} repeated refunds a day", about(self.peaks[0].mean())))
        } else {
            let usual = money(self.sums.quantile(0.5), currency);
            (by_sum, "refund_sum_to_few", format!("{usual} a day for the customer who gets most"))
        };
        let severity = profile.severity(p)?;
        let (top, share) = self.top(case.day);
        let [first, ..] = top.as_slice() else { return None };
        let customers = if top.len() == 1 { "one customer".to_owned() } else { format!("{} customers", top.len()) };
        let (name, given) = (&first.name, money(Some(first.on(case.day).1), currency));
        let observed = format!("{share} of {all} refunds today to {customers}, {given} to `{name}`");
        let words = Words {
            severity,
            detector,
            p_value: Some(p),
            phrase: format!(
                "gave {share} of {all} refunds today to {customers}, `{name}` alone got {given}; usually {expected}"
            ),
            observed,
            expected,
            about: case.day as u64,
        };
        let mut breach = words.breach();
        let theirs = |mark: &u64| self.customers.get(*mark).is_some_and(|known| known.on(case.day).0 > 1);
        let others = self.today.recent.iter().rev().filter(|(mark, id)| theirs(mark) && *id != case.event.id);
        breach.evidence = others.map(|(_, id)| id.clone()).take(EVIDENCE_MAX).collect();
        Some(breach)
    }

    /// The one to three customers with the most refunds of a day and more than one, and how many they had.
    fn top(&self, day: i32) -> (SmallVec<[&Customer; 3]>, u32) {
        let mut most: Vec<_> = self.customers.values().map(|known| (known.on(day), known)).collect();
        most.sort_by(|((a, sum), x), ((b, other), y)| {
            b.cmp(a).then_with(|| other.total_cmp(sum)).then_with(|| x.name.cmp(&y.name))
        });
        let top: SmallVec<[&Customer; 3]> = most
            .iter()
            .take(3)
            .enumerate()
            .filter(|(nth, ((n, _), _))| *nth == 0 || *n > 1)
            .map(|(_, (_, known))| *known)
            .collect();
        let share = top.iter().map(|known| known.on(day).0).sum();
        (top, share)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Books, DAY};
    use super::*;
    use crate::alert::Severity;

    fn refund(customer: i64, amount: f64) -> String {
        format!(r#""kind":"refund","amount":{amount},"currency":"EUR","customer":"C{customer}""#)
    }

    /// A shop that refunds eight customers a day, out of many or of few.
    fn shop(customers: i64) -> Books {
        let mut books = Books::default();
        for day in 0..30 {
            (0..8).for_each(|nth| books.feed(day * DAY + nth, &refund((day * 8 + nth) * 7 % customers, 40.0)));
        }
        books
    }

    fn worst(books: &mut Books, refunds: impl Iterator<Item = (i64, f64)>) -> Option<(&'static str, Severity)> {
        let found = refunds
            .enumerate()
            .filter_map(|(nth, (to, amount))| books.worst(30 * DAY + nth as i64, &refund(to, amount)));
        found.max_by_key(|(_, severity)| *severity)
    }

    #[test]
    fn refunds_to_few_customers_are_found() {
        for few in 1..=3 {
            let found = worst(&mut shop(10_000), (0..14).map(|nth| (50_000 + nth % few, 40.0)));
            assert!(
                found.is_some_and(|(name, s)| name == "refunds_to_few" && s >= Severity::Medium),
                "{few}: {found:?}"
            );
        }
    }

    #[test]
    fn a_few_repeats_and_a_business_of_few_customers_are_ordinary() {
        assert_eq!(worst(&mut shop(10_000), (0..3).map(|_| (50_000, 40.0))), None);
        assert_eq!(worst(&mut shop(10_000), (0..30).map(|nth| (50_000 + nth, 40.0))), None);
        assert_eq!(worst(&mut shop(9), (0..9).map(|nth| (nth % 9, 40.0))), None);
    }

    #[test]
    fn much_money_to_one_customer_is_found() {
        let found = worst(&mut shop(10_000), (0..3).map(|_| (50_000, 4_000.0)));
        assert_eq!(found.map(|(name, _)| name), Some("refund_sum_to_few"));
    }

    #[test]
    fn customers_over_the_bound_leave_those_with_repeats() {
        let mut books = Books::default();
        books.profile.customers_max = 20;
        (0..200).for_each(|nth| books.feed(nth, &refund(if nth % 3 == 0 { 7 } else { nth + 100 }, 40.0)));
        let refunds = &books.history().refunds;
        assert!(
            refunds.customers.len() <= 20
                && refunds.customers.get(mark(&["C7"])).is_some_and(|known| known.in_week() >= 60)
        );
    }
}
