//! What people say in the console: the form, the record that it makes, and what was said in words.

use serde::Serialize;

use super::access::{guest, random};
use super::desk::Desk;
use super::say;
use crate::alert::{FEEDBACK_VERSION, Facet, Feedback, Ruling, What};
use crate::detect::{DecisionFacts, DecisionState, ToldFacts};
use crate::time::{Span, Timestamp};

/// Values that a form offers.
const VALUES_MAX: usize = 12;
/// Days until what is expected ends, where nothing else is asked for, and at most.
const EXPECTED_DAYS: i64 = 7;
const EXPECTED_DAYS_MAX: i64 = 365;
/// Bytes of a name. Longer ones are none to the engine.
const NAME_MAX: usize = 128;
/// Characters of a record's id behind its beginning.
const ID_CHARS: usize = 16;

/// What a form sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// The button that says something at once, and the choice that is looked at before.
    now: String,
    verdict: String,
    step: String,
    by: String,
    comment: String,
    until: String,
    values: Vec<String>,
    other_kind: String,
    other: String,
    nonce: String,
    pub token: String,
    pub undoes: String,
    pub tenant: String,
    pub back: String,
}

/// What a record is about.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub tenant: String,
    /// The incident; one of its alerts where it is about several bots.
    pub incident: Option<String>,
    pub alert: Option<String>,
    /// What its alerts showed.
    pub told: Vec<ToldFacts>,
    /// Event time.
    pub now: Option<Timestamp>,
}

/// The form as it is shown.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FormView {
    action: String,
    token: String,
    nonce: String,
    /// Whether nobody signed in, so that a name has to be typed.
    asks_name: bool,
    by: String,
    comment: String,
    verdict: String,
    until: String,
    until_min: String,
    until_max: String,
    values: Vec<Choice>,
    other_kind: String,
    other: String,
    trouble: Option<String>,
}

/// A value that the bot was not known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Choice {
    key: String,
    kind: &'static str,
    name: String,
    checked: bool,
}

/// What was said, for a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SaidRow {
    pub id: String,
    by: String,
    words: String,
    /// What exactly it is about.
    of: Vec<String>,
    comment: String,
    ts: Timestamp,
    state: &'static str,
    until: Option<String>,
    alerts: u64,
    /// Who took it back.
    undone_by: Option<String>,
    /// Whether whoever reads may take it back.
    may_undo: bool,
}

impl SaidRow {
    /// Whether whoever reads may take it back.
    pub(super) fn may_undo(&self) -> bool {
        self.may_undo
    }
}

impl From<Vec<(String, String)>> for Draft {
    fn from(pairs: Vec<(String, String)>) -> Self {
        let mut draft = Self::default();
        for (name, value) in pairs {
            let field = match name.as_str() {
                "now" => &mut draft.now,
                "verdict" => &mut draft.verdict,
                "step" => &mut draft.step,
                "by" => &mut draft.by,
                "comment" => &mut draft.comment,
                "until" => &mut draft.until,
                "other_kind" => &mut draft.other_kind,
                "other" => &mut draft.other,
                "nonce" => &mut draft.nonce,
                "token" => &mut draft.token,
                "undoes" => &mut draft.undoes,
                "tenant" => &mut draft.tenant,
                "back" => &mut draft.back,
                "value" => {
                    draft.values.push(value);
                    continue;
                }
                _ => continue,
            };
            *field = value;
        }
        let comment = draft.comment.replace("\r\n", "\n").trim().to_owned();
        Self { comment, ..draft }
    }
}

impl Draft {
    /// Whether it is to be kept, and not only looked at.
    pub(super) fn saves(&self) -> bool {
        self.step == "save" || !self.now.is_empty()
    }

    /// The same fields, for the form behind a preview.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("verdict", self.verdict.clone()),
            ("by", self.by.clone()),
            ("comment", self.comment.clone()),
            ("until", self.until.clone()),
            ("other_kind", self.other_kind.clone()),
            ("other", self.other.clone()),
        ];
        fields.extend(self.values.iter().map(|value| ("value", value.clone())));
        fields
    }

    /// The record, or what is missing.
    pub(super) fn record(&self, about: &About, ts: Timestamp) -> Result<Feedback, String> {
        let verdict = match (self.now.as_str(), self.verdict.as_str()) {
            ("acknowledge", _) => Ruling::Acknowledge,
            ("resolve", _) => Ruling::Resolve,
            ("comment", _) => Ruling::Comment,
            ("undo", _) => Ruling::Undo,
            (_, "true") => Ruling::True,
            (_, "false") => Ruling::False,
            (_, "expected") => Ruling::Expected,
            (_, "fine") => Ruling::Fine,
            _ => return Err("Choose what it was.".to_owned()),
        };
        if verdict == Ruling::Comment && self.comment.is_empty() {
            return Err("Write the note first.".to_owned());
        }
        let mut record = Feedback {
            version: FEEDBACK_VERSION,
            id: String::new(),
            ts,
            tenant: about.tenant.clone(),
            alert: about.alert.clone(),
            incident: about.incident.clone(),
            bot: None,
            by: self.author()?,
            verdict,
            until: None,
            undoes: (verdict == Ruling::Undo).then(|| self.undoes.clone()),
            what: What::default(),
            comment: self.comment.clone(),
        };
        if verdict == Ruling::Expected {
            record.until = Some(end_of(&self.until)?);
            if self.comment.is_empty() {
                return Err("Say why it is expected, so that the next one who looks knows.".to_owned());
            }
        }
        if matches!(verdict, Ruling::Expected | Ruling::Fine) {
            record.what = self.what()?;
        }
        if verdict == Ruling::Fine && record.what.is_empty() {
            return Err("Choose what is normal for it: a host, an operation, a role or an hour.".to_owned());
        }
        if verdict == Ruling::Expected && !record.what.is_empty() {
            // Within what the alerts showed: a host alone would hide whatever is done there.
            record.what.detectors = detectors(&about.told);
        }
        record.id = self.identity(&record);
        Ok(record)
    }

    /// Who says it: whoever signed in, else the name that was typed.
    fn author(&self) -> Result<String, String> {
        let name = guest().map_or_else(|| self.by.trim().to_owned(), |guest| guest.name);
        match name.len() {
            0 => Err("Say who you are.".to_owned()),
            1..=NAME_MAX => Ok(name),
            _ => Err(format!("A name has at most {NAME_MAX} bytes.")),
        }
    }

    fn what(&self) -> Result<What, String> {
        let mut what = What::default();
        let other = (!self.other.trim().is_empty()).then(|| format!("{}:{}", self.other_kind, self.other.trim()));
        for text in self.values.iter().chain(&other) {
            let (kind, value) = text.split_once(':').unwrap_or_default();
            match kind {
                "host" => what.hosts.push(value.to_owned()),
                "operation" => what.operations.push(value.to_owned()),
                "role" => what.roles.push(value.to_owned()),
                "hour" => what.hours.push(value.parse().map_err(|_| format!("`{value}` is no hour, 0 to 23."))?),
                _ => return Err(format!("`{text}` is no host, operation, role or hour.")),
            }
        }
        Ok(what)
    }

    /// An id by content and form: the same form sent twice is one record, a changed one is another.
    fn identity(&self, record: &Feedback) -> String {
        let same = Feedback { ts: Timestamp::from_micros(0), ..record.clone() };
        let text = serde_json::to_string(&same).unwrap_or_default();
        let hash = blake3::hash(format!("{}\0{text}", self.nonce).as_bytes()).to_hex();
        format!("fb-{}", &hash[..ID_CHARS])
    }
}

/// The end of a day that a form names.
fn end_of(day: &str) -> Result<Timestamp, String> {
    let start = format!("{day}T00:00:00Z").parse::<Timestamp>();
    start.map(|start| start + Span::DAY).map_err(|_| "Say until which day it is expected.".to_owned())
}

/// The detectors that alerts name, each once.
fn detectors(told: &[ToldFacts]) -> Vec<String> {
    let mut detectors: Vec<String> = told.iter().flat_map(|told| told.detectors.clone()).collect();
    detectors.sort();
    detectors.dedup();
    detectors
}

fn kind(facet: Facet) -> Option<&'static str> {
    match facet {
        Facet::Host => Some("host"),
        Facet::Operation => Some("operation"),
        Facet::Role => Some("role"),
        Facet::Hour => Some("hour"),
        // A host brings these with it.
        Facet::Network | Facet::Device | Facet::Place => None,
    }
}

impl FormView {
    /// A form to an address, as it was sent.
    pub(super) fn new(desk: &Desk, action: String, about: &About, draft: &Draft, trouble: Option<String>) -> Self {
        let today = about.now.map_or(0, Timestamp::day_utc);
        let until = match draft.until.as_str() {
            "" => crate::time::date(today + EXPECTED_DAYS),
            until => until.to_owned(),
        };
        Self {
            action,
            token: desk.access.decide_token(),
            nonce: random().unwrap_or_default(),
            asks_name: !desk.access.asks(),
            by: draft.by.clone(),
            comment: draft.comment.clone(),
            verdict: draft.verdict.clone(),
            until,
            until_min: crate::time::date(today),
            until_max: crate::time::date(today + EXPECTED_DAYS_MAX),
            values: choices(&about.told, &draft.values),
            other_kind: draft.other_kind.clone(),
            other: draft.other.clone(),
            trouble,
        }
    }
}

/// What the alerts showed that could be normal, each once.
fn choices(told: &[ToldFacts], chosen: &[String]) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for (facet, name) in told.iter().flat_map(|told| &told.names) {
        let Some(kind) = kind(*facet) else { continue };
        let key = format!("{kind}:{name}");
        if choices.len() < VALUES_MAX && !choices.iter().any(|choice| choice.key == key) {
            choices.push(Choice { checked: chosen.contains(&key), kind, name: value(kind, name), key });
        }
    }
    choices
}

/// A value as people read it.
fn value(kind: &str, name: &str) -> String {
    match name.parse::<u8>() {
        Ok(hour) if kind == "hour" => format!("{hour:02}:00 to {:02}:00", (hour + 1) % 24),
        _ => name.to_owned(),
    }
}

/// What exactly a record names, and what came with it.
pub(super) fn covered(what: &What, with: &[(Facet, String)]) -> Vec<String> {
    let mut of: Vec<String> = what.dimensions.iter().map(ToString::to_string).collect();
    of.extend(what.detectors.iter().cloned());
    let kinds = [("host", &what.hosts), ("operation", &what.operations), ("role", &what.roles)];
    of.extend(kinds.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind} {name}"))));
    of.extend(what.hours.iter().map(|hour| value("hour", &hour.to_string())));
    let with = with.iter().filter(|(facet, _)| kind(*facet).is_none());
    of.extend(with.map(|(facet, name)| format!("{} {name}", facet.as_str())));
    of
}

/// What somebody says, behind their name.
pub(super) fn words(record: &Feedback) -> String {
    match record.verdict {
        Ruling::Acknowledge => "is on it".to_owned(),
        Ruling::Comment => "wrote a note".to_owned(),
        Ruling::Resolve => "dealt with it".to_owned(),
        Ruling::True => "says it was real".to_owned(),
        Ruling::False => "says it was nothing".to_owned(),
        Ruling::Expected => match record.until {
            Some(until) => format!("expects it {}", say::until(until)),
            None => "expects it".to_owned(),
        },
        Ruling::Fine => "says this is normal for the bot".to_owned(),
        Ruling::Undo => format!("took `{}` back", record.undoes.as_deref().unwrap_or_default()),
    }
}

/// What was said, the newest first; `takes` says which of it.
pub(super) fn said(decisions: &[DecisionFacts], decides: bool, takes: impl Fn(&Feedback) -> bool) -> Vec<SaidRow> {
    let undo_of = |id: &str| {
        let undoes = |facts: &&DecisionFacts| facts.record.undoes.as_deref() == Some(id);
        decisions.iter().find(undoes).map(|facts| &facts.record)
    };
    let told = decisions.iter().filter(|facts| facts.record.verdict != Ruling::Undo && takes(&facts.record));
    let row = |facts: &DecisionFacts| {
        let record = &facts.record;
        let undone = undo_of(&record.id);
        let why = undone.filter(|undo| !undo.comment.is_empty()).map(|undo| format!(": {}", undo.comment));
        SaidRow {
            id: record.id.clone(),
            by: record.by.clone(),
            words: words(record),
            of: covered(&record.what, &[]),
            comment: record.comment.clone(),
            ts: record.ts,
            state: match facts.state {
                DecisionState::Said => "said",
                DecisionState::Active => "holds",
                DecisionState::Ended => "ended",
                DecisionState::Undone => "undone",
            },
            until: facts.until.map(say::until),
            alerts: facts.alerts,
            undone_by: undone.map(|undo| format!("{}{}", undo.by, why.unwrap_or_default())),
            may_undo: decides && facts.state == DecisionState::Active,
        }
    };
    let mut rows: Vec<SaidRow> = told.map(row).collect();
    rows.reverse();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(pairs: &[(&str, &str)]) -> Draft {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Draft::from(pairs.iter().map(owned).collect::<Vec<_>>())
    }

    fn about() -> About {
        let names = vec![(Facet::Host, "srv:2".to_owned()), (Facet::Hour, "3".to_owned())];
        let told = ToldFacts { id: "a".to_owned(), detectors: vec!["new_host".to_owned()], names };
        let incident = Some("inc-1".to_owned());
        About { tenant: "t".to_owned(), incident, told: vec![told.clone(), told], ..About::default() }
    }

    fn record(pairs: &[(&str, &str)]) -> Result<Feedback, String> {
        draft(pairs).record(&about(), Timestamp::from_micros(7))
    }

    #[test]
    fn a_form_becomes_the_record_that_the_command_line_would_send() {
        let said =
            record(&[("verdict", "expected"), ("by", " ann "), ("until", "2026-05-20"), ("comment", "CHG-7\r\nb")]);
        let said = said.expect("a record");
        assert_eq!((said.verdict, said.by.as_str(), said.comment.as_str()), (Ruling::Expected, "ann", "CHG-7\nb"));
        assert_eq!(said.until, Some("2026-05-21T00:00:00Z".parse().expect("a time")), "the day is a part of it");
        assert!(said.what.is_empty(), "the engine takes what the alerts showed");
        let only = record(&[
            ("verdict", "expected"),
            ("by", "a"),
            ("until", "2026-05-20"),
            ("comment", "c"),
            ("value", "host:srv:2"),
        ]);
        let what = only.expect("a record").what;
        assert_eq!((what.hosts, what.detectors), (vec!["srv:2".to_owned()], vec!["new_host".to_owned()]));
        let fine =
            record(&[("verdict", "fine"), ("by", "a"), ("value", "hour:3"), ("other_kind", "role"), ("other", "r")]);
        let what = fine.expect("a record").what;
        assert_eq!((what.hours, what.roles), (vec![3], vec!["r".to_owned()]));
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        for (pairs, told) in [
            (&[("by", "a")][..], "Choose what it was."),
            (&[("verdict", "false")], "Say who you are."),
            (&[("verdict", "expected"), ("by", "a"), ("comment", "c")], "Say until which day"),
            (&[("verdict", "expected"), ("by", "a"), ("until", "2026-05-20")], "Say why"),
            (&[("verdict", "fine"), ("by", "a")], "Choose what is normal"),
            (&[("verdict", "fine"), ("by", "a"), ("value", "hour:x")], "no hour"),
            (&[("verdict", "fine"), ("by", "a"), ("value", "shoe:1")], "is no host"),
            (&[("now", "comment"), ("by", "a"), ("comment", " ")], "Write the note"),
        ] {
            let trouble = record(pairs).expect_err(told);
            assert!(trouble.contains(told), "{pairs:?}: {trouble}");
        }
    }

    #[test]
    fn a_form_that_is_sent_twice_is_one_record_and_a_changed_one_another() {
        let id = |nonce: &str, comment: &str, ts: i64| {
            let draft = draft(&[("verdict", "false"), ("by", "a"), ("nonce", nonce), ("comment", comment)]);
            draft.record(&about(), Timestamp::from_micros(ts)).expect("a record").id
        };
        assert_eq!(id("n", "c", 1), id("n", "c", 2));
        assert_ne!(id("n", "c", 1), id("n", "d", 1));
        assert_ne!(id("n", "c", 1), id("m", "c", 1));
    }

    #[test]
    fn values_are_offered_once_and_remembered() {
        let choices = choices(&about().told, &["hour:3".to_owned()]);
        let told: Vec<_> = choices.iter().map(|choice| (choice.name.as_str(), choice.checked)).collect();
        assert_eq!(told, [("srv:2", false), ("03:00 to 04:00", true)]);
    }
}
