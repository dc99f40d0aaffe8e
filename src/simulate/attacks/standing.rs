//! Wrong standing: bots that nobody registered or that should be at rest, systems and roles that are not theirs, and
//! roles that come too easily or stay too long.

use compact_str::format_compact;

use super::origin::{foreign, other};
use super::{Scenario, stranger};
use crate::event::{Grant, Kind, Text};
use crate::registry::BotStatus;
use crate::simulate::benign::{provisioner, ticket};
use crate::simulate::chance::{between, count};
use crate::simulate::plan::Plan;
use crate::simulate::session::{Act, Mark};
use crate::simulate::spec::{instant, seconds};
use crate::simulate::story::{Story, Writer};
use crate::simulate::vocabulary::SYSTEMS;
use crate::simulate::workflow::{Step, role};
use crate::time::{Span, Timestamp};

/// Days of work before a long sleep, and of the sleep itself at least.
const STEADY_DAYS: i32 = 30;
const SLEEP_DAYS: i32 = 50;
/// Weeks of the test in which roles become more.
const CREEP_WEEKS: i32 = 6;
/// Changes with a role for a day, before the one that keeps it.
const ELEVATIONS: i32 = 4;
/// Days after which a role that is kept is no news.
const KEPT_DAYS: i64 = 14;
/// Days before the test on which a role is given that nobody uses.
const IDLE_DAYS: i32 = 50;
/// Bots that make a system one that a tenant's production works with.
const USERS_MIN: usize = 5;

pub(super) fn unknown_bot(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(true)?;
    let sessions = w.sessions(day).len();
    (sessions > 0).then_some(())?;
    // Whoever is made up for this has no history at all.
    w.story = Story::default();
    w.story.listing.unlisted = true;
    w.silence(Timestamp::MIN, instant(&w.plan.zone, day, 0.0));
    let mark = Scenario::UnknownBot.label(w, "the first day of a bot that nobody registered".to_owned());
    (0..sessions).for_each(|nth| w.alter(day, nth, Act::None, mark));
    Some(())
}

pub(super) fn disabled_awake(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(true)?;
    let ended = instant(&w.plan.zone, w.first_test_day(), 0.0);
    w.story = Story::default();
    (w.story.listing.status, w.story.listing.ended) = (Some(BotStatus::Disabled), Some(ended));
    w.silence(ended, w.window.end);
    let mark = Scenario::DisabledAwake.label(w, "a session of a bot that was disabled".to_owned());
    let start = instant(&w.plan.zone, day, between(&mut w.rng, 1.0, 22.0) * 3_600.0);
    w.extra(day, start, Act::None, mark);
    Some(())
}

pub(super) fn expired_at_work(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let expires = planned.start - seconds(between(&mut w.rng, 1.0, 20.0) * 3_600.0);
    w.story = Story::default();
    w.story.listing.expires = Some(expires);
    // What began before and went on would be work after the end as well.
    w.silence(expires - Span::from_hours(6), planned.start);
    w.silence(planned.start + Span::SECOND, w.window.end);
    let mark = Scenario::ExpiredAtWork.label(w, format!("a session after {expires}, when the bot should have ended"));
    w.alter(planned.day, nth, Act::None, mark);
    Some(())
}

pub(super) fn dormant_awake(w: &mut Writer<'_>) -> Option<()> {
    let asleep = w.window.first_day + STEADY_DAYS;
    let day = w.test_day(true)?;
    (day - asleep >= SLEEP_DAYS).then_some(())?;
    w.story = Story::default();
    w.silence(instant(&w.plan.zone, asleep, 0.0), w.window.end);
    let mark = Scenario::DormantAwake.label(w, format!("a session after {} days of silence", day - asleep));
    let start = instant(&w.plan.zone, day, between(&mut w.rng, 1.0, 22.0) * 3_600.0);
    w.extra(day, start, Act::None, mark);
    Some(())
}

pub(super) fn unregistered_system(w: &mut Writer<'_>) -> Option<()> {
    let mine = &w.plan.systems;
    let other = other(w, |plan| plan.workflow.steps().any(|step| foreign(plan, step, mine)))?;
    let (nth, planned) = w.test_session()?;
    let step = other.workflow.steps().find(|step| foreign(other, step, mine))?.clone();
    let mark = Scenario::UnregisteredSystem.label(w, format!("a call to {}", step.system));
    w.alter(planned.day, nth, Act::Extra(vec![step]), mark);
    Some(())
}

pub(super) fn unregistered_role(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let system = SYSTEMS[w.plan.systems[count(&mut w.rng, 0, w.plan.systems.len() - 1)]].name;
    let what = w.word(&["auditor", "approver", "planner", "exporter"]);
    let mark = Scenario::UnregisteredRole.label(w, format!("calls under `{system}-{what}`"));
    w.alter(planned.day, nth, Act::Role(role(system, what)), mark);
    Some(())
}

pub(super) fn test_identity(w: &mut Writer<'_>) -> Option<()> {
    let (mine, tenant) = (&w.plan.systems, &w.plan.tenant);
    let near = || w.others.iter().filter(|plan| plan.tenant == *tenant && plan.retired_at.is_none());
    let works_with = |plan: &Plan, system: &Text| plan.systems.iter().any(|&place| SYSTEMS[place].name == *system);
    // What other bots for trials work with day by day is no system of production alone.
    let trials = || w.trials.iter().filter(|(bot, _)| w.others[*bot].tenant == *tenant);
    if trials().any(|(_, system)| works_with(w.plan, system)) {
        return None;
    }
    let shared = |step: &&Step| trials().any(|(bot, _)| works_with(&w.others[*bot], &step.system));
    let users = |system: &Text| {
        let uses = |plan: &&Plan| plan.workflow.steps().any(|step| step.system == *system);
        near().filter(uses).count()
    };
    let steps = near().flat_map(|plan| plan.workflow.steps().filter(|step| foreign(plan, step, mine)));
    let steps = steps.filter(|step| !shared(step));
    let step: Step =
        steps.max_by_key(|step| users(&step.system)).filter(|step| users(&step.system) >= USERS_MIN)?.clone();
    let (nth, planned) = w.test_session()?;
    (w.story.listing.environment, w.story.listing.trial) = (Some("test"), Some(step.system.clone()));
    let mark = Scenario::TestIdentity.label(w, format!("a bot for trials at {}, where production works", step.system));
    w.alter(planned.day, nth, Act::Extra(vec![step]), mark);
    Some(())
}

/// A grant or its end, in office hours of a day.
fn grant(w: &mut Writer<'_>, day: i32, role: &Text, by: Text, added: bool, mark: Mark) -> Timestamp {
    let at = instant(&w.plan.zone, day, between(&mut w.rng, 9.2, 16.5) * 3_600.0);
    let change = if added { "added" } else { "removed" };
    let ticket = Some(ticket(w));
    let grant = Grant { role: Some(role.clone()), change: Some(change.into()), by: Some(by), ticket };
    w.loose(at, None, Kind::Grant(grant), mark);
    at
}

/// A role that the bot does not have, by a number.
fn spare_role(w: &Writer<'_>, nth: usize) -> Text {
    let system = SYSTEMS[w.plan.systems[nth % w.plan.systems.len()]].name;
    let what = ["viewer", "editor", "approver", "planner", "exporter", "auditor", "operator"][nth % 7];
    format_compact!("{}-{nth}", role(system, what))
}

pub(super) fn grant_by_stranger(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(true)?;
    let (role, by) = (spare_role(w, 0), stranger(w));
    let mark =
        Scenario::GrantByStranger.label(w, format!("{by}, who never granted, gives the bot `{role}` with a ticket"));
    grant(w, day, &role, by.into(), true, mark);
    Some(())
}

pub(super) fn privilege_creep(w: &mut Writer<'_>) -> Option<()> {
    let first = w.first_test_day();
    (w.window.end_day - first >= 7 * CREEP_WEEKS - 1).then_some(())?;
    w.occupy(first..w.window.end_day);
    let mark = Scenario::PrivilegeCreep.label(w, "two roles more a week, each with a ticket".to_owned());
    for nth in 0..2 * CREEP_WEEKS {
        let (role, by) = (spare_role(w, nth as usize), provisioner(w));
        grant(w, first + 7 * (nth / 2) + nth % 2, &role, by, true, mark);
    }
    Some(())
}

pub(super) fn elevation_kept(w: &mut Writer<'_>) -> Option<()> {
    let first = w.first_test_day();
    (w.window.end_day - first > KEPT_DAYS as i32 + 2).then_some(())?;
    (first - w.window.first_day > 7 * (ELEVATIONS + 1)).then_some(())?;
    w.occupy(first..w.window.end_day);
    let role = w.plan.admin_role(&mut w.rng);
    for nth in 1..=ELEVATIONS {
        let by = provisioner(w);
        grant(w, first - 7 * nth, &role, by.clone(), true, Mark::None);
        grant(w, first - 7 * nth + 1, &role, by, false, Mark::None);
    }
    let mark = Scenario::ElevationKept.label(w, format!("`{role}` stays, which was always taken away within two days"));
    let by = provisioner(w);
    let at = grant(w, first + 1, &role, by, true, mark);
    w.story.extend(mark, at + Span::from_days(KEPT_DAYS));
    Some(())
}

pub(super) fn ownerless(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(true)?;
    let sessions = w.sessions(day).len();
    (sessions > 0).then_some(())?;
    w.story = Story::default();
    w.story.listing.ownerless = true;
    w.silence(Timestamp::MIN, instant(&w.plan.zone, day, 0.0));
    let mark = Scenario::Ownerless.label(w, "the first day of a bot that nobody answers for".to_owned());
    (0..sessions).for_each(|nth| w.alter(day, nth, Act::None, mark));
    Some(())
}

pub(super) fn standing_privilege(w: &mut Writer<'_>) -> Option<()> {
    let (first, given) = (w.first_test_day(), w.first_test_day() - IDLE_DAYS);
    (given > w.window.first_day && w.window.end_day - first > IDLE_DAYS / 2).then_some(())?;
    w.occupy(first..w.window.end_day);
    let (role, by) = (w.plan.admin_role(&mut w.rng), provisioner(w));
    let mark = Scenario::StandingPrivilege.label(w, format!("`{role}` is held and never used"));
    grant(w, given, &role, by, true, Mark::None);
    w.story.extend(mark, w.window.split);
    w.story.extend(mark, w.window.end - Span::HOUR);
    Some(())
}
