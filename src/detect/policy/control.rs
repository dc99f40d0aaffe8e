//! Administration: acts that no ticket approves, acts without a second factor, and acts that are unlike whoever did them.
//!
//! What an act is worth is set by what it does; who did it moves that by a step. An unusual act without a ticket is a
//! step worse; one of an operator who is known to act like that, without tickets as ever, a step less, unless it
//! takes credentials or blinds the log. A ticket makes an act none of our business, until it is so unlike its
//! operator that the ticket itself is doubtful. One act is one finding, whose sentence says by whom, with what
//! approval, and how usual that is.
//!
//! Blind spots: an attacker with a ticket of a known operator, at usual hours and on usual bots; logs that name nobody.

use std::fmt::Write as _;

use super::{Breach, breach, who};
use crate::alert::{Dimension, Reason, Severity};
use crate::detect::operator::{Burst, Facet, Odd, Reading, Second};
use crate::detect::profile::{OperatorProfile, Profile};
use crate::event::{Control, Event, Kind, Text};
use crate::stats::fingerprint;

/// Score of acts that their operator or their second factor speaks against a little: for the archive.
const SCORE_NOTE: f64 = 35.0;
/// Score of those that one of them speaks against clearly, or both do: it pages.
const SCORE_DOUBT: f64 = 72.0;
/// Score of a day with many bots that was approved: for the archive.
const SCORE_MANY: f64 = 40.0;
/// Score of one without approval: it pages.
const SCORE_MANY_BARE: f64 = 97.0;
/// What a step of severity is worth in score.
const STEP: f64 = 3.0;

/// Whether an act needs a ticket: what has been done to the bot matters without one, whoever did it.
pub(in crate::detect) fn needs_ticket(event: &Event) -> bool {
    match &event.kind {
        Kind::Control(control) => grave(control).is_some(),
        Kind::Grant(grant) => grant.change.as_deref() != Some("removed"),
        _ => false,
    }
}

/// What an act without a ticket is worth, in words: severity, score, what befell the bot, and whether habit excuses a
/// step of it.
fn grave(control: &Control) -> Option<(Severity, f64, &'static str, bool)> {
    Some(match control.action.as_deref()? {
        "credentials_exported" => (Severity::Critical, 97.0, "had its credentials exported", false),
        "logging_disabled" => (Severity::High, 94.0, "had its logging disabled", false),
        "bot_modified" => (Severity::High, 88.0, "was modified", true),
        "schedule_changed" => (Severity::Medium, 80.0, "had its schedule changed", true),
        "host_moved" => (Severity::Medium, 75.0, "was moved to another host", true),
        _ => return None,
    })
}

/// An act of administration that no ticket approves, or that speaks against whoever did it.
pub(super) fn control(
    event: &Event,
    reading: Option<&Reading>,
    profile: &OperatorProfile,
    off: &[&str],
) -> Option<Breach> {
    let Kind::Control(control) = &event.kind else { return None };
    let action = control.action.as_deref()?;
    let grave = grave(control);
    let what = match (grave, action) {
        (Some((_, _, what, _)), _) => what.to_owned(),
        (None, "bot_started_manually") => "was started by hand".to_owned(),
        (None, action) => format!("was administered (`{action}`)"),
    };
    let deed = format!("{what} by {} {}{}", who(control.by.as_deref()), approval(event), second(control, reading));
    let phrase = format!("{deed}{}", how(reading));
    let also = reasons(control.mfa, reading, profile, off);
    let without = grave.filter(|_| event.ticket().is_none() && !off.contains(&action));
    let deed = Some(Text::from(deed));
    let Some((severity, score, _, excusable)) = without else {
        let found = aside(reading?, profile, phrase, also, action, off)?;
        return Some(Breach { deed, ..found });
    };
    let (severity, score) = moved((severity, score), excusable, reading, (profile, profile.worse_p.of(action)));
    let key = identity(action, control.by.as_deref(), reading, profile);
    let found = breach(severity, score, Dimension::Control, action, action, "an approved change", phrase);
    Some(Breach { deed, also, key, ..found })
}

/// A role given that no ticket approves.
pub(super) fn entitlement(event: &Event, reading: Option<&Reading>, profile: &Profile, off: &[&str]) -> Option<Breach> {
    let Kind::Grant(grant) = &event.kind else { return None };
    if event.ticket().is_some() || grant.change.as_deref() == Some("removed") {
        return None;
    }
    let role = grant.role.as_deref().unwrap_or("?");
    let base = if profile.privilege.is_admin(role) { (Severity::High, 93.0) } else { (Severity::Medium, 82.0) };
    let worse_p = profile.operator.worse_p.grant_without_ticket;
    let (severity, score) = moved(base, false, reading, (&profile.operator, worse_p));
    let by = who(grant.by.as_deref());
    let deed = format!("was given the role `{role}` by {by} without a ticket");
    let phrase = format!("{deed}{}", how(reading));
    let also = reasons(None, reading, &profile.operator, off);
    let found = breach(severity, score, Dimension::Entitlement, "grant_without_ticket", role, "a ticket", phrase);
    Some(Breach { also, deed: Some(Text::from(deed)), ..found })
}

/// An operator who reaches many bots in a day, told of at the bot with which they are too many, with what the act broke.
pub(in crate::detect) fn burst(by: &str, burst: &Burst, of_act: Option<Breach>) -> Breach {
    let bare = 2 * burst.bare >= burst.acts;
    let (severity, score) = if bare { (Severity::Critical, SCORE_MANY_BARE) } else { (Severity::Low, SCORE_MANY) };
    let without = match burst.bare {
        0 => String::new(),
        all if all == burst.acts => ", all of it without a ticket".to_owned(),
        some => format!(", {some} of {} acts without a ticket", burst.acts),
    };
    let phrase = format!(
        "is one of {} bots that `{by}` administered today{without}; usual are about {:.1} a day",
        burst.bots, burst.mean
    );
    let observed = format!("{} bots in a day", burst.bots);
    let expected = format!("about {:.1} a day", burst.mean);
    let mut found = breach(severity, score, Dimension::Control, "operator_burst", &observed, &expected, phrase);
    found.reason.p_value = Some(burst.p);
    found.evidence.clone_from(&burst.events);
    if let Some(act) = of_act {
        found.severity = found.severity.max(act.severity);
        found.score = found.score.max(act.score);
        found.phrase = format!("{}; it {}", found.phrase, act.phrase);
        found.also.push(act.reason);
        found.also.extend(act.also);
    }
    found
}

/// What is said of an act that needs no ticket, or has one.
fn aside(
    reading: &Reading,
    profile: &OperatorProfile,
    phrase: String,
    mut also: Vec<Reason>,
    action: &str,
    off: &[&str],
) -> Option<Breach> {
    let bare = matches!(reading.second, Second::None { p } if p < profile.never_given_share);
    let factor = also.iter().position(|reason| reason.detector == NO_FACTOR);
    // A new operator is put on record by the first acts, though new ones come now and then.
    let rare = reading.p <= profile.raise_p;
    let unusual = also.iter().position(|reason| reason.detector == UNUSUAL);
    let unusual = unusual.filter(|_| rare || reading.shows(Facet::Newcomer));
    // Neither would be worth a word with the other, and one of them is the first reason.
    let reason = also.remove(unusual.or(factor)?);
    let alone = !off.contains(&NO_FACTOR) && matches!(reading.second, Second::None { p } if p <= profile.suspect_p);
    let unlike = !off.contains(&UNUSUAL) && reading.p <= profile.suspect_p;
    let doubtful = unlike || alone || (unusual.is_some() && rare && bare);
    let (severity, score) = if doubtful { (Severity::Medium, SCORE_DOUBT) } else { (Severity::Low, SCORE_NOTE) };
    let (observed, expected) = (reason.observed.clone(), reason.expected.clone());
    let mut found = breach(severity, score, Dimension::Control, &reason.detector, &observed, &expected, phrase);
    found.reason.p_value = reason.p_value;
    found.key = fingerprint(&["aside", &reason.detector, action]);
    found.also = also;
    Some(found)
}

/// Severity and score of an act without approval, by whoever did it.
fn moved(
    (severity, score): (Severity, f64),
    excusable: bool,
    reading: Option<&Reading>,
    (profile, worse_p): (&OperatorProfile, f64),
) -> (Severity, f64) {
    let Some(reading) = reading else { return (severity, score) };
    let factor = matches!(reading.second, Second::None { p } if p <= profile.odd_p);
    let habit = reading.days >= profile.settled_days
        && reading.p >= profile.usual_p
        && reading.bare_share.is_some_and(|share| share >= profile.bare_share_min);
    if reading.p <= worse_p || factor {
        (severity.worse(), (score + STEP).min(99.0))
    } else if habit && excusable && !matches!(reading.second, Second::None { .. }) {
        (severity.milder(), score - 10.0 * STEP)
    } else {
        (severity, score)
    }
}

/// Another operator, or one who acts unlike before, is another story.
fn identity(action: &str, by: Option<&str>, reading: Option<&Reading>, profile: &OperatorProfile) -> u64 {
    let odd = reading.is_some_and(|reading| reading.p <= profile.raise_p);
    fingerprint(&["control", action, by.unwrap_or_default(), if odd { "odd" } else { "" }])
}

const UNUSUAL: &str = "unusual_operator";
const NO_FACTOR: &str = "no_second_factor";

/// The reasons beside the act itself, but those of rules that are off.
fn reasons(said: Option<bool>, reading: Option<&Reading>, profile: &OperatorProfile, off: &[&str]) -> Vec<Reason> {
    let Some(reading) = reading else { return Vec::new() };
    let mut reasons = Vec::new();
    if !reading.odd.is_empty() && !off.contains(&UNUSUAL) {
        let observed = reading.odd.iter().map(|odd| facet(*odd, reading)).collect::<Vec<_>>().join("; ");
        let expected = usual(reading);
        let text = format!("Whoever did it {observed}; expected {expected}.");
        reasons.push(reason(UNUSUAL, Some(reading.p), observed, expected, text));
    }
    let (p, observed) = match reading.second {
        // Where nobody ever gives one, its lack is a matter of the office and not of the act.
        Second::None { p } if p < profile.never_given_share => (p, "none was given"),
        Second::Unsaid { p } if p <= profile.odd_p => (p, "none was named"),
        _ => return reasons,
    };
    if off.contains(&NO_FACTOR) {
        return reasons;
    }
    let known = said.is_some() && p > profile.odd_p;
    let expected = if known { "a second factor" } else { "a second factor, as usual" };
    let text = format!("The act had no second factor: {observed}; expected {expected}.");
    reasons.push(reason(NO_FACTOR, Some(p), observed.to_owned(), expected.to_owned(), text));
    reasons
}

fn reason(detector: &str, p_value: Option<f64>, observed: String, expected: String, text: String) -> Reason {
    let detector = detector.to_owned();
    Reason { dimension: Dimension::Control, detector, p_value, observed, expected, text, contribution: None }
}

fn approval(event: &Event) -> String {
    event.ticket().map_or_else(|| "without a ticket".to_owned(), |ticket| format!("with the ticket `{ticket}`"))
}

fn second(control: &Control, reading: Option<&Reading>) -> &'static str {
    match (control.mfa, reading.map(|reading| reading.second)) {
        (Some(true), _) => " and with a second factor",
        (Some(false), _) => " and without a second factor",
        (None, Some(Second::Unsaid { .. })) => " and without word of a second factor",
        (None, _) => "",
    }
}

/// How unlike its operator an act is, as the end of a sentence; nothing where it is not.
fn how(reading: Option<&Reading>) -> String {
    let Some(reading) = reading.filter(|reading| !reading.odd.is_empty()) else { return String::new() };
    let facets: Vec<String> = reading.odd.iter().take(2).map(|odd| facet(*odd, reading)).collect();
    let mut text = format!("; whoever that is {}", facets.join(" and "));
    if reading.odd.len() > 2 {
        write!(text, ", among {} such oddities", reading.odd.len()).ok();
    }
    text
}

fn facet(odd: Odd, reading: &Reading) -> String {
    let minute = reading.at.minute;
    match (odd.facet, odd.never) {
        (Facet::Newcomer, _) => "never administered a bot of this tenant before".to_owned(),
        (Facet::Action, true) => "never did that before".to_owned(),
        (Facet::Action, false) => "seldom does that".to_owned(),
        (Facet::Bot, true) => "never administered this bot before".to_owned(),
        (Facet::Bot, false) => "seldom administers this bot".to_owned(),
        (Facet::Host | Facet::Network, true) => format!("never acted from this {} before", place(odd.facet)),
        (Facet::Host | Facet::Network, false) => format!("seldom acts from this {}", place(odd.facet)),
        (Facet::Hour, _) if reading.at.weekday >= 5 => {
            format!("acted at {:02}:{:02} on a weekend, an unusual hour", minute / 60, minute % 60)
        }
        (Facet::Hour, _) => format!("acted at {:02}:{:02}, an unusual hour", minute / 60, minute % 60),
        (Facet::Bots, _) => "reached more bots today than on other days".to_owned(),
    }
}

fn place(facet: Facet) -> &'static str {
    if facet == Facet::Host { "host" } else { "network" }
}

fn usual(reading: &Reading) -> String {
    let names = reading.usual.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match reading.shows(Facet::Newcomer) {
        true if names.is_empty() => "somebody who is known".to_owned(),
        true => format!("somebody who is known, as {names}"),
        false => format!("what is usual for them, as {names} in {} days of acting", reading.days),
    }
}
