//! Privilege that grows, stays or stands idle: what the ledger of a bot shows once a week, and who grants.
//!
//! A bot's registered owner is no stranger to it. Blind spot: an owner whose account somebody else has.
//!
//! The event contract has no end of a grant. That an elevation is kept is therefore told by the bot's own earlier ones: a
//! role that was taken away again several times is expected to be. Blind spot: the first elevations of a role.

use super::{Breach, breach, who};
use crate::alert::{Dimension, Severity};
use crate::detect::entitlement::{Entitlements, Vocabulary, WEEKS};
use crate::detect::profile::Profile;
use crate::event::Event;
use crate::registry::BotRecord;
use crate::time::{Span, Timestamp};

/// Score of a grant by somebody who never granted: for the archive.
const SCORE_STRANGER: f64 = 40.0;
/// Score of roles that become more: for the archive.
const SCORE_CREEP: f64 = 35.0;
/// Score of roles that were kept beyond their purpose: for the archive.
const SCORE_KEPT: f64 = 40.0;
/// Score of roles that are not used: for the archive.
const SCORE_IDLE: f64 = 15.0;
/// Days of a bot's life that must be over before the weeks that a creep is looked for in: what it is for comes out.
const SETTLE_DAYS: u16 = 28;

/// A grant by somebody who never granted before, where a circle of others does.
pub(in crate::detect) fn stranger(event: &Event, by: &str, (grants, people): (u32, usize)) -> Breach {
    let ticket = if event.ticket().is_some() { "with" } else { "without" };
    let phrase = format!(
        "was given a role by {}, {ticket} a ticket, who never granted any in this tenant; {people} others made {grants} grants",
        who(Some(by))
    );
    let expected = format!("one of {people} people");
    breach(Severity::Low, SCORE_STRANGER, Dimension::Entitlement, "grant_by_stranger", by, &expected, phrase)
}

/// What a week's end shows, and notes as told.
pub(in crate::detect) fn weekly(
    ledger: &mut Entitlements,
    names: &Vocabulary,
    record: Option<&BotRecord>,
    now: Timestamp,
    profile: &Profile,
) -> Vec<Breach> {
    let mut breaches: Vec<Breach> = creep(ledger, now, profile).into_iter().collect();
    breaches.extend(kept(ledger, names, now, profile));
    breaches.extend(idle(ledger, names, record, now, profile));
    breaches
}

/// Roles that become more, week after week.
fn creep(ledger: &mut Entitlements, now: Timestamp, profile: &Profile) -> Option<Breach> {
    let limits = &profile.entitlement;
    let settled = u32::from(ledger.first_day) + u32::from(SETTLE_DAYS) + 7 * (WEEKS as u32 - 1);
    if ledger.first_day == 0 || now.day_utc() < i64::from(settled) {
        return None;
    }
    let (first, last) = (ledger.weeks[0], ledger.weeks[WEEKS - 1]);
    let weeks = ledger.weeks.windows(2).filter(|pair| pair[1] > pair[0]).count();
    let grown = last.saturating_sub(first);
    let much = grown >= limits.creep_roles_min && f64::from(grown) >= limits.creep_share_min * f64::from(first);
    if weeks < limits.creep_weeks_min || !much {
        return None;
    }
    ledger.weeks = [last; WEEKS];
    let phrase = format!("has come from {first} roles to {last} in {} weeks, in {weeks} of them", WEEKS - 1);
    let (observed, expected) = (format!("{last} roles"), format!("{first} roles"));
    Some(breach(Severity::Low, SCORE_CREEP, Dimension::Entitlement, "privilege_creep", &observed, &expected, phrase))
}

/// A role that used to be taken away again, and is not.
fn kept(ledger: &mut Entitlements, names: &Vocabulary, now: Timestamp, profile: &Profile) -> Option<Breach> {
    let limits = &profile.entitlement;
    for grant in ledger.grants_mut().filter(|grant| !grant.removed && !grant.told) {
        let (lasted, longest) = (now - grant.at, grant.longest.max(Span::DAY));
        let outlasts = lasted.as_days_f64() > limits.elevation_factor * longest.as_days_f64();
        if grant.ended < limits.elevations_min || !outlasts {
            continue;
        }
        grant.told = true;
        let name = names.roles.name(grant.name);
        let phrase = format!(
            "still holds the role `{name}` after {:.0} days; {} times before it was taken away within {:.1} days",
            lasted.as_days_f64(),
            grant.ended,
            longest.as_days_f64()
        );
        let expected = format!("at most {:.1} days", longest.as_days_f64());
        return Some(breach(
            Severity::Low,
            SCORE_KEPT,
            Dimension::Entitlement,
            "elevation_kept",
            name,
            &expected,
            phrase,
        ));
    }
    None
}

/// An administrative role that is held and hardly used.
fn idle(
    ledger: &mut Entitlements,
    names: &Vocabulary,
    record: Option<&BotRecord>,
    now: Timestamp,
    profile: &Profile,
) -> Option<Breach> {
    let limits = &profile.entitlement;
    let since = (now.day_utc() as u16).saturating_sub(limits.standing_days);
    for at in 0..ledger.roles.len() {
        let held = &ledger.roles[at];
        let name = names.roles.name(held.name);
        let registered = record.is_some_and(|record| record.roles.iter().any(|role| *role == name));
        let grant = ledger.grant_of(held.name).filter(|grant| !grant.removed);
        let granted = grant.is_some_and(|grant| grant.at.day_utc() <= i64::from(since));
        let stands = (registered && ledger.first_day <= since) || granted;
        let uses = if held.last_used > 0 { held.days_since(since) } else { 0 };
        if held.idle_told || !stands || uses > limits.standing_uses_max || !profile.privilege.is_admin(name) {
            continue;
        }
        ledger.roles[at].idle_told = true;
        let days = limits.standing_days;
        let phrase = format!("holds the administrative role `{name}` and used it on {uses} of the last {days} days");
        let observed = format!("{uses} days of use");
        let (info, privilege) = (Severity::Info, Dimension::Privilege);
        return Some(breach(info, SCORE_IDLE, privilege, "standing_privilege", &observed, "use, or no role", phrase));
    }
    None
}
