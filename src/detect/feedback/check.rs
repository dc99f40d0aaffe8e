//! Which records are taken: those that say who, about which bot, what exactly and until when.

use super::shown::Shown;
use super::{Decided, DecisionState};
use crate::alert::{DECISION_MAX, FEEDBACK_VERSION, Facet, Feedback, Ruling};
use crate::detect::engine::Engine;
use crate::detect::explain::mark_of_value;
use crate::detect::rulebook::is_detector;
use crate::time::Timestamp;

/// Bytes of a name or an id.
const NAME_MAX: usize = 128;
/// Bytes of a comment.
const COMMENT_MAX: usize = 2000;
/// Values that one record names.
const VALUES_MAX: usize = 64;
/// Dimensions that one record may name without detectors or hosts. More would leave a bot nothing to be seen by.
const DIMENSIONS_MAX: usize = 3;

/// Why a record is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another version.
    #[error("version {0} of the record is not known here; this program knows {FEEDBACK_VERSION}")]
    Version(u32),
    /// A field that is empty, too long, or has control characters.
    #[error("`{0}` must be there, without control characters, and of a sensible length")]
    Field(&'static str),
    /// It is about nothing, or about several things.
    #[error("name one of `alert`, `incident` and `bot`")]
    Subject,
    /// No such alert.
    #[error("there is no alert `{0}` about a bot of this tenant in the last 31 days; is it another tenant's?")]
    Alert(String),
    /// Several alerts begin like that.
    #[error("{1} alerts begin with `{0}`; write more of the id")]
    Ambiguous(String, usize),
    /// No such bot.
    #[error("there is no bot `{0}` in this tenant")]
    Bot(String),
    /// An incident of several bots.
    #[error("incident `{0}` is about several bots; name one of its alerts")]
    Bots(String),
    /// It would hide whatever the bot does.
    #[error(
        "that would hide whatever the bot does: name detectors, hosts, operations, roles or hours, or up to {DIMENSIONS_MAX} dimensions"
    )]
    Blind,
    /// Fine, but nothing is named.
    #[error("say what is fine: hosts, operations, roles or hours")]
    Nothing,
    /// A value that fits no finding.
    #[error("`{0}` names no detector; `humdrum check --rules` lists the rules, and alerts name theirs")]
    Detector(String),
    /// No such hour.
    #[error("an hour is 0 to 23, not {0}")]
    Hour(u8),
    /// It has no end.
    #[error("say until when it is expected, at most 366 days ahead")]
    NoEnd,
    /// It ends at once or too late.
    #[error("`until` is {0}, and must lie within 366 days behind {1}, where event time stands")]
    End(Timestamp, Timestamp),
    /// It says no reason.
    #[error("say why, in `comment`")]
    NoReason,
    /// There is no such record to take back.
    #[error("there is no decision `{0}` to undo; `humdrum feedback list` lists them")]
    Undoes(String),
    /// It is taken back or over already.
    #[error("`{0}` holds no longer; there is nothing to undo")]
    Over(String),
    /// There are too many decisions.
    #[error("{0} decisions hold already; undo some")]
    TooMany(usize),
}

impl Refusal {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Version(_) | Self::Field(_) | Self::Detector(_) | Self::Hour(_) => "malformed",
            Self::Subject
            | Self::Alert(_)
            | Self::Ambiguous(..)
            | Self::Bot(_)
            | Self::Bots(_)
            | Self::Undoes(_)
            | Self::Over(_) => "unknown",
            Self::Blind | Self::Nothing => "blind",
            Self::NoEnd | Self::End(..) => "end",
            Self::NoReason => "unreasoned",
            Self::TooMany(_) => "limit",
        }
    }
}

/// A record that is taken, with what it comes to.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub record: Feedback,
    /// Number of the bot.
    pub at: u32,
    /// Ids of the alerts that it is about.
    pub alerts: Vec<String>,
    /// Marks that it covers or condemns, sorted.
    pub marks: Vec<u64>,
    /// Values with the event time of their alert.
    pub names: Vec<((Facet, String), Timestamp)>,
    /// Number of the decision that it takes back.
    pub undoes: Option<usize>,
    /// Whether it was taken before.
    pub again: bool,
}

/// Checks a record against the engine's state.
pub(super) fn check(engine: &Engine, record: &Feedback) -> Result<Case, Refusal> {
    well_formed(record)?;
    let known = |decided: &&Decided| decided.record.id == record.id && decided.record.tenant == record.tenant;
    if let Some(known) = engine.decisions.list.iter().find(known) {
        let at = known.record.bot.as_deref().and_then(|bot| engine.number(&record.tenant, bot)).unwrap_or_default();
        let record = known.record.clone();
        let marks = known.marks.clone();
        return Ok(Case { record, at, alerts: Vec::new(), marks, names: Vec::new(), undoes: None, again: true });
    }
    if record.verdict == Ruling::Undo {
        return undo(engine, record);
    }
    let (at, alerts, mut record) = subject(engine, record)?;
    if record.verdict == Ruling::Expected && record.what.is_empty() {
        // What the alerts showed, and no more.
        for (_, detector) in alerts.iter().flat_map(|shown| &shown.reasons) {
            if !record.what.detectors.contains(detector) {
                record.what.detectors.push(detector.clone());
            }
        }
    }
    bounded(engine, &record)?;
    let (marks, names) = covers(&record, &alerts);
    let alerts = alerts.iter().map(|shown| shown.id.clone()).collect();
    Ok(Case { record, at, alerts, marks, names, undoes: None, again: false })
}

fn well_formed(record: &Feedback) -> Result<(), Refusal> {
    if record.version != FEEDBACK_VERSION {
        return Err(Refusal::Version(record.version));
    }
    let name = |text: &str| !text.is_empty() && text.len() <= NAME_MAX && !text.chars().any(char::is_control);
    let what = &record.what;
    let values = || what.hosts.iter().chain(&what.operations).chain(&what.roles).chain(&what.detectors);
    let optional = [&record.alert, &record.incident, &record.bot, &record.undoes];
    let long = |text: &String| !text.is_empty() && text.len() <= 4 * NAME_MAX && !text.chars().any(char::is_control);
    let checks = [
        ("id", name(&record.id)),
        ("tenant", name(&record.tenant)),
        ("by", name(&record.by)),
        ("alert, incident, bot, undoes", optional.into_iter().flatten().all(long)),
        ("what", values().count() + what.dimensions.len() + what.hours.len() <= VALUES_MAX && values().all(long)),
        (
            "comment",
            record.comment.len() <= COMMENT_MAX && !record.comment.chars().any(|c| c.is_control() && c != '\n'),
        ),
    ];
    if let Some((field, _)) = checks.into_iter().find(|(_, holds)| !holds) {
        return Err(Refusal::Field(field));
    }
    if let Some(hour) = what.hours.iter().find(|hour| **hour > 23) {
        return Err(Refusal::Hour(*hour));
    }
    match what.detectors.iter().find(|detector| !is_detector(detector)) {
        Some(detector) => Err(Refusal::Detector(detector.clone())),
        None => Ok(()),
    }
}

/// What would last must say why, end, and leave the bot to be seen.
fn bounded(engine: &Engine, record: &Feedback) -> Result<(), Refusal> {
    let what = &record.what;
    match record.verdict {
        Ruling::Expected => {
            let now = engine.watermark().unwrap_or(Timestamp::MIN);
            let until = record.until.ok_or(Refusal::NoEnd)?;
            if until <= now || until > now + DECISION_MAX {
                return Err(Refusal::End(until, now));
            }
            if record.comment.trim().is_empty() {
                return Err(Refusal::NoReason);
            }
            let particular = !(what.detectors.is_empty() && what.hosts.is_empty()) || what.names_values();
            if !particular && (what.dimensions.is_empty() || what.dimensions.len() > DIMENSIONS_MAX) {
                return Err(Refusal::Blind);
            }
            Ok(())
        }
        Ruling::Fine if what.hosts.is_empty() && !what.names_values() => Err(Refusal::Nothing),
        Ruling::Fine if what.hours.len() > 12 => Err(Refusal::Blind),
        Ruling::Comment if record.comment.trim().is_empty() => Err(Refusal::NoReason),
        _ => Ok(()),
    }
}

/// The bot that a record is about, the alerts, and the record with both in full.
fn subject<'a>(engine: &'a Engine, record: &Feedback) -> Result<(u32, Vec<&'a Shown>, Feedback), Refusal> {
    let mut record = record.clone();
    let tenant = record.tenant.clone();
    let ours = |shown: &&Shown| engine.bots[shown.bot as usize].tenant == tenant.as_str();
    let all = || engine.decisions.shown.iter().filter(ours);
    let alerts: Vec<&Shown> = match (&record.alert, &record.incident, &record.bot) {
        (Some(id), None, _) => {
            let mut alerts: Vec<&Shown> = all().filter(|shown| shown.id.starts_with(id.as_str())).collect();
            if alerts.iter().any(|shown| shown.id == *id) {
                alerts.retain(|shown| shown.id == *id);
            }
            match alerts.len() {
                0 => return Err(Refusal::Alert(id.clone())),
                1 => alerts,
                count => return Err(Refusal::Ambiguous(id.clone(), count)),
            }
        }
        (None, Some(incident), _) => {
            let alerts: Vec<&Shown> = all().filter(|shown| shown.incident == *incident).collect();
            let first = alerts.first().ok_or_else(|| Refusal::Alert(incident.clone()))?;
            if alerts.iter().any(|shown| shown.bot != first.bot) {
                return Err(Refusal::Bots(incident.clone()));
            }
            alerts
        }
        (None, None, Some(bot)) if !matches!(record.verdict, Ruling::True | Ruling::False) => {
            let at = engine.number(&tenant, bot).ok_or_else(|| Refusal::Bot(bot.clone()))?;
            return Ok((at, Vec::new(), record));
        }
        _ => return Err(Refusal::Subject),
    };
    let at = alerts.first().map(|shown| shown.bot).ok_or(Refusal::Subject)?;
    let bot = engine.bots[at as usize].bot.to_string();
    if record.bot.as_ref().is_some_and(|named| *named != bot) {
        return Err(Refusal::Subject);
    }
    if let (Some(id), [one]) = (&mut record.alert, alerts.as_slice()) {
        id.clone_from(&one.id);
    }
    record.bot = Some(bot);
    Ok((at, alerts, record))
}

fn undo(engine: &Engine, record: &Feedback) -> Result<Case, Refusal> {
    let id = record.undoes.clone().unwrap_or_default();
    let known = |decided: &Decided| decided.record.tenant == record.tenant && decided.record.id == id;
    let number = engine.decisions.list.iter().position(known).ok_or_else(|| Refusal::Undoes(id.clone()))?;
    let decided = &engine.decisions.list[number];
    let now = engine.watermark().unwrap_or(Timestamp::MIN);
    if decided.state(now) != DecisionState::Active {
        return Err(Refusal::Over(id));
    }
    let bot = decided.record.bot.clone();
    let at = bot.as_deref().and_then(|bot| engine.number(&record.tenant, bot)).ok_or(Refusal::Subject)?;
    let record = Feedback { bot, ..record.clone() };
    let (marks, names) = (Vec::new(), Vec::new());
    Ok(Case { record, at, alerts: Vec::new(), marks, names, undoes: Some(number), again: false })
}

type Named = Vec<((Facet, String), Timestamp)>;

/// The marks and the values that a record is about.
fn covers(record: &Feedback, alerts: &[&Shown]) -> (Vec<u64>, Named) {
    let (mut marks, mut names): (Vec<u64>, Named) = (Vec::new(), Vec::new());
    match record.verdict {
        Ruling::True => marks.extend(alerts.iter().flat_map(|shown| &shown.marks).map(|mark| mark[0])),
        Ruling::False => marks.extend(alerts.iter().flat_map(|shown| shown.marks.iter().flatten())),
        Ruling::Expected | Ruling::Fine => {
            let what = &record.what;
            let hours: Vec<String> = what.hours.iter().map(ToString::to_string).collect();
            let lists = [(Facet::Operation, &what.operations), (Facet::Role, &what.roles), (Facet::Hour, &hours)];
            let hosts = (Facet::Host, &what.hosts);
            let values = lists.into_iter().chain((record.verdict == Ruling::Fine).then_some(hosts));
            for (facet, name) in values.flat_map(|(facet, list)| list.iter().map(move |name| (facet, name))) {
                marks.push(mark_of_value(facet, name));
                names.push(((facet, name.clone()), record.ts));
            }
            if record.verdict == Ruling::Fine {
                // Covered and not vouched for: another host that comes from there is as new as before.
                let with = alerts.iter().flat_map(|shown| came_with(&what.hosts, shown));
                marks.extend(with.map(|(facet, name)| mark_of_value(*facet, name)));
            }
        }
        _ => {}
    }
    if matches!(record.verdict, Ruling::True | Ruling::False) {
        for shown in alerts {
            names.extend(shown.names.iter().map(|name| (name.clone(), shown.since)));
        }
    }
    marks.sort_unstable();
    marks.dedup();
    (marks, names)
}

/// The network, device and place that a host brought with it. A host that is fine is so where it stands, and nobody could
/// name these. Only where an alert is about no other host, so that whose they are is plain, and where the host was new: one
/// that was known and comes from elsewhere may be another one under its name.
pub(super) fn came_with<'a>(fine: &[String], shown: &'a Shown) -> impl Iterator<Item = &'a (Facet, String)> {
    let is_new = |host: &String| shown.names.iter().any(|(facet, name)| *facet == Facet::Host && name == host);
    let plain = shown.hosts.iter().all(|host| fine.contains(host)) && shown.hosts.iter().any(is_new);
    let travels = shown.reasons.iter().any(|(_, detector)| detector == "impossible_travel");
    let brought = |(facet, _): &&(Facet, String)| matches!(facet, Facet::Network | Facet::Device | Facet::Place);
    shown.names.iter().filter(move |name| plain && !travels && brought(name))
}
