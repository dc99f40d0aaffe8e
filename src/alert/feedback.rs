//! Feedback: what a person says of an alert or of a bot, and what it is to change.
//!
//! A record is data, sent by the console, the command line or any program, and a part of the input: the same events with
//! the same records at the same places give the same alerts. Nobody is blinded by one: each names a bot and what it is
//! about, what lasts has an end, and what it covers goes out at a lower severity with the record's author on it.

use serde::{Deserialize, Serialize};

use super::wire::{Dimension, Severity};
use crate::time::{Span, Timestamp};

/// The version of the record that is written and read.
pub const FEEDBACK_VERSION: u32 = 1;
/// The longest time for which a decision holds. Longer ones outlive whoever made them.
pub const DECISION_MAX: Span = Span::from_days(366);

/// One word of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// Version of the record; 1.
    #[serde(default = "version")]
    pub version: u32,
    /// Unique for its tenant: the second arrival changes nothing.
    pub id: String,
    /// When it was said.
    pub ts: Timestamp,
    /// Whose bot; the subject's, where it comes over NATS.
    #[serde(default)]
    pub tenant: String,
    /// The alert that it is about: its id, or as much of its beginning as no other alert has.
    #[serde(default)]
    pub alert: Option<String>,
    /// Or the incident, with all of its alerts.
    #[serde(default)]
    pub incident: Option<String>,
    /// Or the bot.
    #[serde(default)]
    pub bot: Option<String>,
    /// Who says it.
    #[serde(default)]
    pub by: String,
    /// What is said.
    pub verdict: Ruling,
    /// Event time at which `expected` ends.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Id of the record that `undo` takes back.
    #[serde(default)]
    pub undoes: Option<String>,
    /// What exactly is expected or fine.
    #[serde(default)]
    pub what: What,
    /// Why, in the person's own words.
    #[serde(default)]
    pub comment: String,
}

fn version() -> u32 {
    FEEDBACK_VERSION
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ruling {
    /// Somebody is at it.
    Acknowledge,
    /// A note for others.
    Comment,
    /// The matter is dealt with: its open alerts end.
    Resolve,
    /// It was real: what it showed is never learned, and pages each time.
    True,
    /// It was nothing: the same again does not page and is learned in full.
    False,
    /// The bot is expected to do this until some time.
    Expected,
    /// This host, operation, role or hour is normal for this bot.
    Fine,
    /// An earlier record is taken back.
    Undo,
}

impl Ruling {
    /// Those that hold for a while, in the order in which they are counted.
    pub const LASTING: [Self; 4] = [Self::True, Self::False, Self::Expected, Self::Fine];

    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Comment => "comment",
            Self::Resolve => "resolve",
            Self::True => "true",
            Self::False => "false",
            Self::Expected => "expected",
            Self::Fine => "fine",
            Self::Undo => "undo",
        }
    }

    /// Whether it holds for a while.
    #[must_use]
    pub fn lasts(self) -> bool {
        Self::LASTING.contains(&self)
    }
}

/// What exactly is expected or fine. A finding must lie within all lists that are not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct What {
    /// Dimensions.
    pub dimensions: Vec<Dimension>,
    /// Detectors, rules among them.
    pub detectors: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Operations, as alerts name them.
    pub operations: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Hours of the bot's own day, 0 to 23.
    pub hours: Vec<u8>,
}

impl What {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dimensions.is_empty() && self.detectors.is_empty() && self.hosts.is_empty() && !self.names_values()
    }

    /// Whether it names operations, roles or hours.
    #[must_use]
    pub fn names_values(&self) -> bool {
        !(self.operations.is_empty() && self.roles.is_empty() && self.hours.is_empty())
    }
}

/// A kind of value that a bot is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Facet {
    /// A host.
    Host,
    /// A network.
    Network,
    /// A device.
    Device,
    /// A place.
    Place,
    /// A role.
    Role,
    /// An operation.
    Operation,
    /// An hour of its day.
    Hour,
}

impl Facet {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Network => "network",
            Self::Device => "device",
            Self::Place => "place",
            Self::Role => "role",
            Self::Operation => "operation",
            Self::Hour => "hour",
        }
    }
}

/// A mark of what a finding showed, by which the same is known again: its own, and those on either side where it is an
/// amount.
pub type Mark = [u64; 3];

/// What a finding showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Showing {
    /// Marks of all that was odd.
    pub marks: Vec<Mark>,
    /// Values that the bot was not known by.
    pub names: Vec<(Facet, String)>,
}

/// What a record would have changed in the last days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Days of event time that were looked at.
    pub days: u32,
    /// Alerts that would have gone out at `info`.
    pub hidden: u64,
    /// Alerts that would have gone out at `low`.
    pub lowered: u64,
    /// Alerts of the bot that would have been the same.
    pub unchanged: u64,
    /// Those that would have been others, newest first; the first hundred.
    pub changed: Vec<Changed>,
    /// What is fine: the values that are named, and what came with a host.
    #[serde(default)]
    pub covered: Vec<(Facet, String)>,
}

/// An alert that a record would have changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The alert's id.
    pub id: String,
    /// Event time.
    pub ts: Timestamp,
    /// What it says.
    pub title: String,
    /// How bad it was.
    pub severity: Severity,
    /// How bad it would have been.
    pub becomes: Severity,
}

/// Where in the input a record was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Events that the engine had been given before.
    pub events: u64,
    /// Event time at which it stood.
    pub event_time: Option<Timestamp>,
}

/// A record with its place; one without is due when event time comes to its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The place.
    #[serde(default)]
    pub at: Option<Place>,
    /// The record.
    #[serde(flatten)]
    pub record: Feedback,
}

/// Records that wait for their places in the input.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    /// Those with a place; the next one last.
    placed: Vec<(Place, Feedback)>,
    /// Those that wait for their time; the next one last.
    timed: Vec<Feedback>,
}

impl Agenda {
    /// Of records in any order; those at one place stay in theirs.
    #[must_use]
    pub fn new(records: Vec<Placed>) -> Self {
        let mut agenda = Self::default();
        for Placed { at, record } in records {
            match at {
                Some(at) => agenda.placed.push((at, record)),
                None => agenda.timed.push(record),
            }
        }
        agenda.placed.sort_by_key(|(at, _)| (at.events, at.event_time));
        agenda.timed.sort_by_key(|record| record.ts);
        agenda.placed.reverse();
        agenda.timed.reverse();
        agenda
    }

    /// How many still wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.placed.len() + self.timed.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next record that is due behind so many events, at an event time. Where event time has passed a place
    /// whose events never came, that is due, too.
    pub fn due(&mut self, events: u64, event_time: Option<Timestamp>) -> Option<Feedback> {
        let placed =
            self.placed.pop_if(|(at, _)| at.events <= events || at.event_time.is_some_and(|at| event_time > Some(at)));
        placed.map(|(_, record)| record).or_else(|| self.timed.pop_if(|record| event_time >= Some(record.ts)))
    }

    /// Takes the next record whatever its place, where events can have been lost for good.
    pub fn take_next(&mut self) -> Option<Feedback> {
        self.placed.pop().map(|(_, record)| record).or_else(|| self.timed.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_secs(second)
    }

    fn record(id: &str, second: i64) -> Feedback {
        let json = format!(r#"{{"id":"{id}","ts":"{}","verdict":"comment"}}"#, at(second));
        serde_json::from_str(&json).expect(&json)
    }

    fn placed(id: &str, second: i64, events: u64) -> Placed {
        let place = Place { events, event_time: Some(at(second)) };
        Placed { at: Some(place), record: record(id, 0) }
    }

    #[test]
    fn records_are_due_at_their_places_and_in_order() {
        let mut agenda = Agenda::new(vec![placed("c", 9, 7), placed("a", 3, 3), placed("b", 3, 3)]);
        let mut due = |events, second| agenda.due(events, Some(at(second))).map(|record| record.id);
        assert_eq!(due(2, 3), None);
        assert_eq!([due(3, 3), due(3, 3), due(3, 3)], [Some("a".to_owned()), Some("b".to_owned()), None]);
        assert_eq!(due(5, 9), None, "its events may still come");
        assert_eq!(due(5, 10).as_deref(), Some("c"), "they never came");
        assert!(agenda.is_empty());
    }

    #[test]
    fn a_record_without_a_place_waits_for_its_time() {
        let mut agenda = Agenda::new(vec![Placed { at: None, record: record("a", 60) }]);
        assert_eq!(agenda.due(1000, Some(at(59))), None);
        assert_eq!(agenda.due(0, Some(at(60))).map(|record| record.id).as_deref(), Some("a"));
    }

    #[test]
    fn a_record_may_leave_out_what_it_does_not_need_and_carry_more() {
        let least = record("a", 0);
        assert_eq!((least.version, least.tenant.as_str(), least.what.is_empty()), (1, "", true));
        let json = serde_json::to_string(&Placed { at: None, record: least.clone() }).expect("is written");
        let more = json.replacen('{', r#"{"else":1,"#, 1);
        assert_eq!(serde_json::from_str::<Placed>(&more).expect("is read").record, least);
    }
}
