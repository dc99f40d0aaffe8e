//! Two configurations over the same history: which alerts one of them gains, which it loses, and which change how bad
//! they are.
//!
//! An alert is the same where its id is: ids are the finding's own. What has another id although it is the same story,
//! since another setting made it begin an event earlier, is recognized by its bot or log, its session or strongest
//! dimension, and a time within [`NEAR`]. Blind spot: two stories of one bot and one dimension within that time.
//!
//! An alert counts for one dimension, that of its strongest reason when it was at its worst, so that the groups add up to
//! the totals. Its other reasons are in the alert and not here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::alert::{Alert, Dimension, Severity, Status};
use crate::time::date;
use crate::time::{Span, Timestamp};

/// How far the beginnings of one story may lie apart: the quiet after which a story is over, by default.
const NEAR: Span = Span::from_hours(6);

/// What one configuration said, with each alert at its worst.
#[derive(Clone, Debug, Default)]
pub struct Said {
    alerts: BTreeMap<String, Told>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// Event time of its first revision.
    pub ts: Timestamp,
    /// Whose bot.
    pub tenant: String,
    /// The bot; none where it is about a log.
    pub bot: Option<String>,
    /// The log.
    pub producer: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// How bad it became.
    pub severity: Severity,
    /// The highest score.
    pub score: f64,
    /// The dimension of its strongest reason.
    pub dimension: Dimension,
    /// Its sentence at its worst.
    pub title: String,
}

impl Said {
    /// Takes an alert in, revision by revision.
    pub fn take(&mut self, alert: &Alert) {
        if alert.status == Status::Resolved {
            return;
        }
        let dimension = alert.reasons.first().map_or(Dimension::Identity, |reason| reason.dimension);
        let told = self.alerts.entry(alert.id.clone()).or_insert_with(|| Told {
            id: alert.id.clone(),
            ts: alert.ts,
            tenant: alert.tenant.clone(),
            bot: alert.bot.clone(),
            producer: alert.producer.clone(),
            session: alert.session.clone(),
            severity: alert.severity,
            score: alert.score,
            dimension,
            title: alert.title.clone(),
        });
        told.score = told.score.max(alert.score);
        if alert.severity > told.severity {
            told.severity = alert.severity;
            (told.dimension, told.title) = (dimension, alert.title.clone());
        }
    }
}

/// What changes from the first configuration to the second.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Backtest {
    /// What the first one said.
    pub before: Totals,
    /// What the second one said.
    pub after: Totals,
    /// Alerts that both raise alike.
    pub same: u64,
    /// Alerts of the second one only, in order of time.
    pub gained: Vec<Told>,
    /// Alerts of the first one only, in order of time.
    pub lost: Vec<Told>,
    /// Alerts of both that are not as bad in one as in the other, as the second one tells them.
    pub moved: Vec<Moved>,
    /// By dimension of the strongest reason; those with any alert.
    pub dimensions: Vec<Group>,
    /// By bot or log, the greatest change first; those with any change.
    pub bots: Vec<Group>,
    /// Pages by day, from the first to the last day with one.
    pub days: Vec<Day>,
}

/// Counts of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All alerts.
    pub alerts: u64,
    /// Those that page.
    pub pages: u64,
    /// By severity.
    pub severities: BTreeMap<Severity, u64>,
}

/// An alert of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// How bad it was.
    pub from: Severity,
    /// How bad it is.
    pub to: Severity,
    /// The alert.
    pub alert: Told,
}

/// Counts of a dimension, or of a bot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The dimension, or tenant and bot.
    pub name: String,
    /// Alerts of the first configuration, and those that page.
    pub before: u64,
    /// Those of them that page.
    pub before_pages: u64,
    /// Alerts of the second configuration.
    pub after: u64,
    /// Those of them that page.
    pub after_pages: u64,
    /// Alerts of the second one only.
    pub gained: u64,
    /// Alerts of the first one only.
    pub lost: u64,
    /// Alerts that are worse in the second one.
    pub worse: u64,
    /// Alerts that are less bad in the second one.
    pub milder: u64,
}

impl Group {
    /// How much changes.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.gained + self.lost + self.worse + self.milder
    }

    fn before(&mut self, told: &Told) {
        self.before += 1;
        self.before_pages += u64::from(told.severity.pages());
    }

    fn after(&mut self, told: &Told) {
        self.after += 1;
        self.after_pages += u64::from(told.severity.pages());
    }
}

/// Pages of one day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The date.
    pub date: String,
    /// Pages of the first configuration.
    pub before: u64,
    /// Pages of the second one.
    pub after: u64,
}

impl Backtest {
    /// Holds what two configurations said against each other.
    #[must_use]
    pub fn new(before: Said, after: Said) -> Self {
        let totals = (totals(&before), totals(&after));
        let days = days(&before, &after);
        let Pairs { both: pairs, lost, gained } = Pairs::new(before, after);
        let (mut dimensions, mut bots) = (Groups::default(), Groups::default());
        let mut moved = Vec::new();
        for (old, new) in &pairs {
            // Another setting may find another reason to be the strongest.
            dimensions.of(old.dimension.as_str()).before(old);
            bots.of(&subject(old)).before(old);
            for group in [dimensions.of(new.dimension.as_str()), bots.of(&subject(new))] {
                group.after(new);
                group.worse += u64::from(new.severity > old.severity);
                group.milder += u64::from(new.severity < old.severity);
            }
            if new.severity != old.severity {
                moved.push(Moved { from: old.severity, to: new.severity, alert: new.clone() });
            }
        }
        for told in &lost {
            for groups in [dimensions.of(told.dimension.as_str()), bots.of(&subject(told))] {
                groups.before(told);
                groups.lost += 1;
            }
        }
        for told in &gained {
            for groups in [dimensions.of(told.dimension.as_str()), bots.of(&subject(told))] {
                groups.after(told);
                groups.gained += 1;
            }
        }
        let mut bots: Vec<Group> = bots.0.into_values().filter(|bot| bot.changes() > 0).collect();
        bots.sort_by(|a, b| b.changes().cmp(&a.changes()).then_with(|| a.name.cmp(&b.name)));
        moved.sort_by(|a, b| (a.alert.ts, &a.alert.id).cmp(&(b.alert.ts, &b.alert.id)));
        let same = (pairs.len() - moved.len()) as u64;
        let dimensions = dimensions.0.into_values().collect();
        Self { before: totals.0, after: totals.1, same, gained, lost, moved, dimensions, bots, days }
    }

    /// Whether both say the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.moved.is_empty()
    }

    /// How many alerts went from one severity to another; none stands for no alert.
    #[must_use]
    pub fn went(&self, from: Option<Severity>, to: Option<Severity>) -> usize {
        match (from, to) {
            (Some(from), Some(to)) => self.moved.iter().filter(|moved| moved.from == from && moved.to == to).count(),
            (Some(from), None) => self.lost.iter().filter(|told| told.severity == from).count(),
            (None, Some(to)) => self.gained.iter().filter(|told| told.severity == to).count(),
            (None, None) => 0,
        }
    }
}

/// Groups by name.
#[derive(Default)]
struct Groups(BTreeMap<String, Group>);

impl Groups {
    fn of(&mut self, name: &str) -> &mut Group {
        self.0.entry(name.to_owned()).or_insert_with(|| Group { name: name.to_owned(), ..Group::default() })
    }
}

/// Whom an alert is about, in words.
fn subject(told: &Told) -> String {
    match (&told.bot, &told.producer) {
        (Some(bot), _) => format!("{}/{bot}", told.tenant),
        (None, Some(producer)) => format!("{}/log {producer}", told.tenant),
        (None, None) => told.tenant.clone(),
    }
}

fn totals(said: &Said) -> Totals {
    let mut totals = Totals::default();
    for told in said.alerts.values() {
        totals.alerts += 1;
        totals.pages += u64::from(told.severity.pages());
        *totals.severities.entry(told.severity).or_default() += 1;
    }
    totals
}

fn days(before: &Said, after: &Said) -> Vec<Day> {
    let mut days: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for (said, first) in [(before, true), (after, false)] {
        for told in said.alerts.values().filter(|told| told.severity.pages()) {
            let (a, b) = days.entry(told.ts.day_utc()).or_default();
            *if first { a } else { b } += 1;
        }
    }
    let (Some(first), Some(last)) = (days.keys().next().copied(), days.keys().next_back().copied()) else {
        return Vec::new();
    };
    let of = |day: i64| {
        let (before, after) = days.get(&day).copied().unwrap_or_default();
        Day { date: date(day), before, after }
    };
    (first..=last).map(of).collect()
}

/// Alerts of both, of the first only and of the second only.
struct Pairs {
    both: Vec<(Told, Told)>,
    lost: Vec<Told>,
    gained: Vec<Told>,
}

impl Pairs {
    fn new(before: Said, mut after: Said) -> Self {
        let (mut pairs, mut left) = (Vec::new(), Vec::new());
        for (id, old) in before.alerts {
            match after.alerts.remove(&id) {
                Some(new) => pairs.push((old, new)),
                None => left.push(old),
            }
        }
        let order = |a: &Told, b: &Told| (a.ts, &a.id).cmp(&(b.ts, &b.id));
        let mut rest: Vec<Told> = after.alerts.into_values().collect();
        left.sort_by(order);
        rest.sort_by(order);
        let mut by_subject: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, told) in rest.iter().enumerate() {
            by_subject.entry(subject(told)).or_default().push(at);
        }
        let (mut lost, mut taken) = (Vec::new(), BTreeSet::new());
        for old in left {
            let candidates = by_subject.get(&subject(&old)).into_iter().flatten();
            let alike = candidates.copied().filter(|at| !taken.contains(at) && is_one_story(&old, &rest[*at]));
            match alike.min_by_key(|&at| apart(&old, &rest[at])) {
                Some(at) => {
                    taken.insert(at);
                    pairs.push((old, rest[at].clone()));
                }
                None => lost.push(old),
            }
        }
        let mut at = 0;
        rest.retain(|_| {
            at += 1;
            !taken.contains(&(at - 1))
        });
        Self { both: pairs, lost, gained: rest }
    }
}

fn apart(a: &Told, b: &Told) -> i64 {
    (a.ts - b.ts).as_micros().abs()
}

fn is_one_story(a: &Told, b: &Told) -> bool {
    let session = a.session.is_some() && a.session == b.session;
    apart(a, b) <= NEAR.as_micros() && (session || a.dimension == b.dimension)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: &str, hour: i64, bot: &str, severity: Severity, dimension: Dimension) -> Told {
        Told {
            id: id.to_owned(),
            ts: Timestamp::MIN + Span::from_days(20_000) + Span::from_hours(hour),
            tenant: "acme".to_owned(),
            bot: Some(bot.to_owned()),
            producer: None,
            session: None,
            severity,
            score: 50.0,
            dimension,
            title: String::new(),
        }
    }

    fn said(alerts: &[Told]) -> Said {
        Said { alerts: alerts.iter().map(|told| (told.id.clone(), told.clone())).collect() }
    }

    fn ids(alerts: &[Told]) -> Vec<&str> {
        alerts.iter().map(|told| told.id.as_str()).collect()
    }

    #[test]
    fn alerts_are_gained_lost_and_moved() {
        use Dimension::{Source, Time, Volume};
        let before = said(&[
            told("same", 0, "a", Severity::Medium, Time),
            told("moved", 1, "a", Severity::Medium, Time),
            told("early", 30, "b", Severity::High, Volume),
            told("lost", 60, "c", Severity::High, Source),
        ]);
        let after = said(&[
            told("same", 0, "a", Severity::Medium, Time),
            told("moved", 1, "a", Severity::Low, Time),
            told("late", 32, "b", Severity::Critical, Volume),
            told("gained", 60, "c", Severity::Low, Time),
            told("other", 60, "d", Severity::High, Source),
        ]);
        let test = Backtest::new(before, after);
        assert_eq!((test.same, ids(&test.lost), ids(&test.gained)), (1, vec!["lost"], vec!["gained", "other"]));
        let moves: Vec<_> = test.moved.iter().map(|moved| (moved.alert.id.as_str(), moved.from, moved.to)).collect();
        assert_eq!(moves, [("moved", Severity::Medium, Severity::Low), ("late", Severity::High, Severity::Critical)]);
        assert_eq!((test.before.alerts, test.before.pages, test.after.alerts, test.after.pages), (4, 4, 5, 3));
        assert_eq!(test.bots[0].name, "acme/c");
        let time = test.dimensions.iter().find(|group| group.name == "time").expect("a group");
        assert_eq!((time.before, time.after, time.gained, time.lost, time.worse, time.milder), (2, 3, 1, 0, 0, 1));
        let pages: Vec<_> = test.days.iter().map(|day| (day.before, day.after)).collect();
        assert_eq!(pages, [(2, 1), (1, 1), (1, 1)]);
        assert_eq!(test.went(Some(Severity::High), None), 1);
        assert_eq!(test.went(None, Some(Severity::Low)), 1);
        assert_eq!(test.went(Some(Severity::High), Some(Severity::Critical)), 1);
        assert!(!test.is_same());
    }

    #[test]
    fn each_configuration_counts_under_its_own_strongest_reason() {
        let before = said(&[told("x", 0, "a", Severity::Medium, Dimension::Time)]);
        let after = said(&[told("x", 0, "a", Severity::High, Dimension::Volume)]);
        let test = Backtest::new(before, after);
        let groups = test.dimensions.iter().map(|group| (group.name.as_str(), group.before, group.after, group.worse));
        assert_eq!(groups.collect::<Vec<_>>(), [("time", 1, 0, 0), ("volume", 0, 1, 1)]);
    }

    #[test]
    fn the_same_is_the_same_and_nothing_is_nothing() {
        let one = said(&[told("x", 0, "a", Severity::Medium, Dimension::Time)]);
        let test = Backtest::new(one.clone(), one);
        assert!(test.is_same() && test.same == 1 && test.bots.is_empty());
        let none = Backtest::new(Said::default(), Said::default());
        assert!(none.is_same() && none.days.is_empty() && none.dimensions.is_empty());
    }

    #[test]
    fn each_alert_finds_one_of_its_like_at_most() {
        use Dimension::Time;
        let before = said(&[told("a1", 0, "a", Severity::Low, Time), told("a2", 3, "a", Severity::Low, Time)]);
        let after = said(&[told("b1", 2, "a", Severity::Low, Time)]);
        let test = Backtest::new(before, after);
        assert_eq!((test.same, ids(&test.lost)), (1, vec!["a2"]));
    }
}
