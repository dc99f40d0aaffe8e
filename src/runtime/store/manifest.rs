//! Which of a partition's snapshots are kept: the newest, one that shares no object with them, and the first with all bots
//! of each of the last days of event time.
//!
//! A program that does not know of days writes a manifest without them when it owns the partition, and removes their
//! objects. The next owner that does begins again with the day that it meets.

use std::collections::BTreeSet;

use super::days::day_of;
use super::ledger::{Kept, KeptDay, Manifest};
use crate::time::Timestamp;

/// Snapshots kept, besides the last that shares no object with the newest. Fewer leave none before a damaged one, more
/// fill the store.
const KEPT: usize = 3;

impl Manifest {
    /// The objects that it needs.
    pub(super) fn needs(&self) -> BTreeSet<String> {
        let all = self.kept.iter().chain(self.days.iter().map(|day| &day.kept));
        all.flat_map(|kept| kept.on.iter().chain([&kept.object])).cloned().collect()
    }

    /// Takes up a snapshot as the newest, and as that of its day where it is the first with all bots, of so many days;
    /// none: the days stay as they are. Whether the next one is to have all bots, for want of a snapshot of the day.
    pub(super) fn take(&mut self, kept: Kept, event_time: Option<Timestamp>, days: Option<usize>) -> bool {
        let wanted = days.is_some_and(|days| self.take_day(&kept, event_time, days));
        self.kept.insert(0, kept);
        self.let_go();
        wanted
    }

    /// The snapshot of the beginning of a day.
    #[must_use]
    pub fn of_day(&self, day: &str) -> Option<&Kept> {
        self.days.iter().find(|known| known.day == day).map(|known| &known.kept)
    }

    fn take_day(&mut self, kept: &Kept, event_time: Option<Timestamp>, days: usize) -> bool {
        self.days.truncate(days);
        let Some(day) = event_time.map(day_of).filter(|day| self.lacks(day, days)) else { return false };
        if !kept.on.is_empty() {
            return true;
        }
        self.days.push(KeptDay { day, kept: kept.clone() });
        self.days.sort_unstable_by(|a, b| b.day.cmp(&a.day));
        self.days.truncate(days);
        false
    }

    /// Whether a day is among the last so many, and not kept yet.
    fn lacks(&self, day: &str, days: usize) -> bool {
        let later = self.days.iter().take_while(|known| known.day.as_str() > day).count();
        later < days && self.of_day(day).is_none()
    }

    /// Keeps the newest, and the last one that shares no object with the newest.
    fn let_go(&mut self) {
        let base = |kept: &Kept| kept.on.first().unwrap_or(&kept.object).clone();
        let Some(newest) = self.kept.first().map(base) else { return };
        let (mut nth, mut another) = (0, false);
        self.kept.retain(|kept| {
            let first_other = !another && base(kept) != newest;
            (nth, another) = (nth + 1, another || first_other);
            nth <= KEPT || first_other
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(object: &str, on: &[&str]) -> Kept {
        let on = on.iter().map(ToString::to_string).collect();
        Kept { object: object.to_owned(), on, ..Kept::default() }
    }

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    fn days(manifest: &Manifest) -> Vec<(&str, &str)> {
        manifest.days.iter().map(|day| (day.day.as_str(), day.kept.object.as_str())).collect()
    }

    #[test]
    fn the_first_snapshot_with_all_bots_of_each_of_the_last_days_is_kept() {
        let mut manifest = Manifest::default();
        let mut take = |object: &str, on: &[&str], time: &str| {
            let wanted = manifest.take(kept(object, on), Some(at(time)), Some(2));
            (wanted, manifest.days.iter().map(|day| format!("{} {}", day.day, day.kept.object)).collect::<Vec<_>>())
        };
        assert_eq!(take("a", &[], "2026-05-04T06:00:00Z"), (false, vec!["2026-05-04 a".to_owned()]));
        assert_eq!(take("b", &[], "2026-05-04T07:00:00Z").1, ["2026-05-04 a"], "the first of the day");
        assert_eq!(take("c", &["b"], "2026-05-04T23:00:00Z"), (false, vec!["2026-05-04 a".to_owned()]));
        let begun = take("d", &["b", "c"], "2026-05-05T00:01:00Z");
        assert_eq!(begun, (true, vec!["2026-05-04 a".to_owned()]), "the next is to have all bots");
        assert_eq!(take("e", &[], "2026-05-05T00:02:00Z").1, ["2026-05-05 e", "2026-05-04 a"]);
        assert_eq!(take("f", &[], "2026-05-07T00:00:00Z").1, ["2026-05-07 f", "2026-05-05 e"], "a day fell out");
        // Event time that went back, as after a stream that was made anew, is not asked for again and again.
        let back = take("g", &["f"], "2026-05-03T00:00:00Z");
        assert_eq!(back, (false, vec!["2026-05-07 f".to_owned(), "2026-05-05 e".to_owned()]));
        assert_eq!(take("h", &[], "2026-05-06T00:00:00Z").1, ["2026-05-07 f", "2026-05-06 h"], "one between");
    }

    #[test]
    fn what_a_day_needs_is_neither_let_go_nor_swept() {
        let mut manifest = Manifest::default();
        for (object, hour) in [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)] {
            manifest.take(kept(object, &[]), Some(at(&format!("2026-05-04T0{hour}:00:00Z"))), Some(7));
        }
        let needs: Vec<String> = manifest.needs().into_iter().collect();
        assert_eq!(needs, ["a", "c", "d", "e"], "the day's, and the newest");
        assert_eq!(manifest.of_day("2026-05-04").map(|kept| kept.object.as_str()), Some("a"));
        assert!(manifest.of_day("2026-05-03").is_none());
        // Whoever owns the partition for a moment only leaves the days alone; settings without days let them go.
        assert!(!manifest.take(kept("f", &["e"]), Some(at("2026-05-05T00:00:00Z")), None));
        assert_eq!(days(&manifest), [("2026-05-04", "a")]);
        assert!(!manifest.take(kept("g", &["e"]), Some(at("2026-05-05T00:00:00Z")), Some(0)));
        assert!(days(&manifest).is_empty() && !manifest.needs().contains("a"));
    }

    #[test]
    fn a_program_that_knows_no_days_reads_the_rest_and_is_read() {
        let mut manifest = Manifest { epoch: 3, ..Manifest::default() };
        manifest.take(kept("a", &[]), None, Some(7));
        let text = serde_json::to_string(&manifest).expect("JSON");
        assert!(!text.contains("days"), "as it was before there were days: {text}");
        let old: Manifest = serde_json::from_str(r#"{"epoch":3,"kept":[]}"#).expect("an older one");
        assert!(old.days.is_empty());
    }
}
