//! How much is at risk with a bot, in points of a hundred, each part with its reason.
//!
//! It is a sum of five parts and no probability: what the bot can reach, what it exercises of that, who answers for it,
//! how its credentials are handled, and what was found. It serves to decide whom to look at first, and is the same
//! wherever the same facts are. Blind spot: systems are counted and not weighed, since nobody says what they are worth.

use serde::{Deserialize, Serialize};

use super::inventory::exercised;
use super::privileges::{self, Window};
use super::{DORMANT_DAYS, Estate, is_ended};
use crate::alert::{Dimension, Severity};
use crate::detect::{BotFacts, FindingFacts};
use crate::registry::BotRecord;

/// Most points of each part.
const REACH_MAX: f64 = 30.0;
const EXERCISE_MAX: f64 = 15.0;
const OWNER_MAX: f64 = 20.0;
const CREDENTIALS_MAX: f64 = 15.0;
const FOUND_MAX: f64 = 20.0;
/// Days for which a finding counts in full, and days after which it does not.
const FRESH_DAYS: i64 = 30;
const FOUND_DAYS: i64 = 90;
/// Points from which a risk is medium, and high.
const MEDIUM: f64 = 30.0;
const HIGH: f64 = 50.0;
/// Share of the bots, those at most risk, that the estate's is taken from.
const WORST_SHARE: f64 = 0.1;

/// A risk with its parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// 0 to 100.
    pub score: f64,
    /// `low`, `medium` or `high`.
    pub level: String,
    /// What it is the sum of.
    pub parts: Vec<RiskPart>,
}

/// One part of a risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskPart {
    /// `reach`, `exercise`, `owner`, `credentials` or `found`.
    pub part: String,
    /// Its points.
    pub points: f64,
    /// The most that they could be.
    pub points_max: f64,
    /// Why.
    pub why: String,
}

impl Risk {
    fn of(parts: Vec<RiskPart>) -> Self {
        let score: f64 = tenth(parts.iter().map(|part| part.points).sum());
        let level = if score >= HIGH {
            "high"
        } else if score >= MEDIUM {
            "medium"
        } else {
            "low"
        };
        Self { score, level: level.to_owned(), parts }
    }
}

/// The risk of one bot.
pub(super) fn risk(estate: &Estate<'_>, facts: Option<&BotFacts>, record: Option<&BotRecord>) -> Risk {
    Risk::of(vec![
        reach(facts, record),
        exercise(estate, facts, record),
        owner(estate, facts, record),
        credentials(estate, facts),
        found(estate, facts),
    ])
}

/// The risk of an estate: that of its worst tenth, part by part.
#[must_use]
pub fn worst(risks: &[&Risk]) -> Risk {
    let mut risks = risks.to_vec();
    risks.sort_by(|a, b| b.score.total_cmp(&a.score));
    risks.truncate(((risks.len() as f64 * WORST_SHARE).ceil() as usize).max(1));
    let Some(first) = risks.first() else { return Risk::of(Vec::new()) };
    let part = |(at, known): (usize, &RiskPart)| {
        let points = risks.iter().filter_map(|risk| risk.parts.get(at)).map(|part| part.points).sum::<f64>();
        let why = format!("mean of the {} bots at most risk", risks.len());
        RiskPart { points: tenth(points / risks.len() as f64), why, ..known.clone() }
    };
    Risk::of(first.parts.iter().enumerate().map(part).collect())
}

fn tenth(points: f64) -> f64 {
    (points * 10.0).round() / 10.0
}

fn part(name: &str, points: f64, points_max: f64, why: &[String]) -> RiskPart {
    let why = if why.is_empty() { "nothing".to_owned() } else { why.join(", ") };
    RiskPart { part: name.to_owned(), points: tenth(points.clamp(0.0, points_max)), points_max, why }
}

/// `1 system`, `2 systems`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Points for a number of things: each doubling adds as many.
fn doublings(number: usize, points: f64) -> f64 {
    points * ((number + 1) as f64).log2()
}

/// What it could do: systems, roles, those that administer, and money.
fn reach(facts: Option<&BotFacts>, record: Option<&BotRecord>) -> RiskPart {
    let (mut systems, mut roles) = facts.map(exercised).unwrap_or_default();
    if let Some(record) = record {
        systems.extend(record.systems.iter().cloned());
        roles.extend(record.roles.iter().cloned());
    }
    let held = facts.map(|facts| facts.roles.as_slice()).unwrap_or_default();
    let granted = |role: &&crate::detect::RoleFacts| role.grant.as_ref().is_some_and(|grant| !grant.removed);
    roles.extend(held.iter().filter(granted).map(|role| role.name.clone()));
    for list in [&mut systems, &mut roles] {
        list.sort();
        list.dedup();
    }
    let admin = held.iter().filter(|role| role.admin && roles.contains(&role.name)).count();
    let money = facts.is_some_and(|facts| facts.money);
    let mut why = vec![count(systems.len(), "system"), count(roles.len(), "role")];
    let mut points = doublings(systems.len(), 3.0) + doublings(roles.len(), 2.0);
    if admin > 0 {
        points += 10.0;
        why.push(count(admin, "administrative role"));
    }
    if money {
        points += 6.0;
        why.push("it moves money".to_owned());
    }
    part("reach", points, REACH_MAX, &why)
}

/// What it holds and does not use: the share of its roles that its work does not need.
fn exercise(estate: &Estate<'_>, facts: Option<&BotFacts>, record: Option<&BotRecord>) -> RiskPart {
    let Some(facts) = facts else { return part("exercise", 0.0, EXERCISE_MAX, &["never seen".to_owned()]) };
    let held = privileges::of(facts, record, estate.now, Window::default());
    let (drop, all) = (held.droppable().count(), held.roles.len());
    let admin = held.droppable().any(|row| row.admin);
    let points = 10.0 * drop as f64 / all.max(1) as f64 + if admin { 5.0 } else { 0.0 };
    part("exercise", points, EXERCISE_MAX, &[format!("{drop} of {} not needed", count(all, "role"))])
}

/// Who answers for it, and whether it should be there at all.
fn owner(estate: &Estate<'_>, facts: Option<&BotFacts>, record: Option<&BotRecord>) -> RiskPart {
    let (mut points, mut why) = (0.0, Vec::new());
    let mut add = |more: f64, text: &str| {
        points += more;
        why.push(text.to_owned());
    };
    match record {
        None if facts.is_some_and(|facts| estate.is_registered_tenant(&facts.tenant)) => add(20.0, "not registered"),
        None => add(5.0, "no registry"),
        Some(record) => {
            if !record.has_owner() {
                add(12.0, "no owner");
            }
            if record.team.is_none() {
                add(2.0, "no team");
            }
            if record.purpose.is_none() {
                add(2.0, "no purpose");
            }
            if facts.is_some_and(|facts| is_ended(record, facts.last_seen)) {
                add(20.0, "at work after its end");
            }
        }
    }
    if facts.is_some_and(|facts| estate.now.day_utc() - facts.last_seen.day_utc() >= DORMANT_DAYS) {
        add(6.0, "dormant");
    }
    part("owner", points, OWNER_MAX, &why)
}

/// How its credentials are handled: what was found about sign-ins, secrets, identity and control, and from how many hosts
/// it works with how many secrets.
fn credentials(estate: &Estate<'_>, facts: Option<&BotFacts>) -> RiskPart {
    let Some(facts) = facts else { return part("credentials", 0.0, CREDENTIALS_MAX, &[]) };
    let mut points = doublings(facts.hosts.saturating_sub(1), 0.5) + doublings(facts.secrets, 0.5);
    let mut why = vec![count(facts.hosts, "host"), count(facts.secrets, "secret")];
    for finding in facts.findings.iter().filter(|finding| is_of_credentials(finding)) {
        let more = weight(estate, finding) * 12.0;
        if more > 0.0 {
            points += more;
            why.push(format!("{} findings", finding.dimension));
        }
    }
    part("credentials", points, CREDENTIALS_MAX, &why)
}

/// What else was found.
fn found(estate: &Estate<'_>, facts: Option<&BotFacts>) -> RiskPart {
    let findings = facts.map(|facts| facts.findings.as_slice()).unwrap_or_default();
    let (mut rest, mut why) = (1.0, Vec::new());
    for finding in findings.iter().filter(|finding| !is_of_credentials(finding)) {
        let weight = weight(estate, finding);
        if weight > 0.0 {
            rest *= 1.0 - weight;
            let alerts = count(usize::from(finding.alerts), "alert");
            why.push(format!("{} ({alerts}, at most {})", finding.dimension, finding.severity));
        }
    }
    part("found", FOUND_MAX * (1.0 - rest), FOUND_MAX, &why)
}

fn is_of_credentials(finding: &FindingFacts) -> bool {
    use Dimension::{Control, Identity, Login, Secret};
    matches!(finding.dimension, Login | Secret | Identity | Control)
}

/// How much a finding counts, 0 to 1: by how bad it was and how long ago.
fn weight(estate: &Estate<'_>, finding: &FindingFacts) -> f64 {
    let bad = match finding.severity {
        Severity::Critical => 0.9,
        Severity::High => 0.7,
        Severity::Medium => 0.4,
        Severity::Low => 0.1,
        Severity::Info => 0.0,
    };
    let age = estate.now.day_utc() - finding.last_day;
    if age <= FRESH_DAYS {
        bad
    } else if age <= FOUND_DAYS {
        bad / 2.0
    } else {
        0.0
    }
}
