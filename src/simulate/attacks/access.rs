//! Wrong access: roles and the controls that bots stand under, and how they are signed in to.

use rand::Rng as _;

use super::{Scenario, stranger};
use crate::event::{Control, Grant, Kind, Login, Text};
use crate::simulate::benign::{desk, ticket};
use crate::simulate::chance::between;
use crate::simulate::spec::{instant, seconds};
use crate::simulate::story::{Spread, Writer};
use crate::time::{Timestamp, Zone};

/// Any instant of a free day of the test.
fn any_time(w: &mut Writer<'_>) -> Option<Timestamp> {
    let works = w.happens(0.7);
    let day = w.test_day(works)?;
    let second = w.rng.gen_range(0.0..86_000.0);
    Some(instant(&w.plan.zone, day, second))
}

pub(super) fn grant_without_ticket(w: &mut Writer<'_>) -> Option<()> {
    let at = any_time(w)?;
    let role = w.plan.admin_role(&mut w.rng);
    let by = if w.happens(0.4) { w.plan.operator.to_owned() } else { stranger(w) };
    let mark = Scenario::GrantWithoutTicket.label(w, format!("{by} gives the bot `{role}` without a ticket"));
    let grant = Grant { role: Some(role), change: Some("added".into()), by: Some(by.into()), ticket: None };
    w.loose(at, None, Kind::Grant(grant), mark);
    Some(())
}

pub(super) fn control(w: &mut Writer<'_>, scenario: Scenario) -> Option<()> {
    let at = any_time(w)?;
    let action = scenario.as_str();
    let by = stranger(w);
    let mark = scenario.label(w, format!("{action} by {by} without a ticket"));
    let control = Control { action: Some(action.into()), by: Some(by.into()), mfa: Some(false), ticket: None };
    w.loose(at, None, Kind::Control(control), mark);
    Some(())
}

/// An instant in the desk's office hours, on a free day of the test.
fn office_hours(w: &mut Writer<'_>) -> Option<Timestamp> {
    let day = w.test_day(true)?;
    Some(instant(&Zone::utc(), day, between(&mut w.rng, 9.2, 16.5) * 3_600.0))
}

/// The bot is modified.
fn modified(by: Text, mfa: bool, ticket: Option<Text>) -> Kind {
    Kind::Control(Control { action: Some("bot_modified".into()), by: Some(by), mfa: Some(mfa), ticket })
}

pub(super) fn approved_by_stranger(w: &mut Writer<'_>) -> Option<()> {
    let at = any_time(w)?;
    let (by, ticket) = (stranger(w), ticket(w));
    let mark = Scenario::ApprovedByStranger.label(w, format!("modified by {by}, who never did, with {ticket}"));
    w.loose(at, None, modified(by.into(), true, Some(ticket)), mark);
    Some(())
}

pub(super) fn approved_at_night(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(false)?;
    let at = instant(&Zone::utc(), day, between(&mut w.rng, 0.5, 4.0) * 3_600.0);
    let (by, ticket) = (desk(w), ticket(w));
    let mark = Scenario::ApprovedAtNight.label(w, format!("modified by {by} in the midst of the night, with {ticket}"));
    w.loose(at, None, modified(by, true, Some(ticket)), mark);
    Some(())
}

pub(super) fn no_second_factor(w: &mut Writer<'_>) -> Option<()> {
    let at = office_hours(w)?;
    let (by, ticket) = (desk(w), ticket(w));
    let mark = Scenario::NoSecondFactor.label(w, format!("modified by {by} without the second factor, with {ticket}"));
    w.loose(at, None, modified(by, false, Some(ticket)), mark);
    Some(())
}

pub(super) fn many_bots(w: &mut Writer<'_>) -> Option<()> {
    let at = office_hours(w)?;
    let by = desk(w);
    let (scenario, kind) = (Scenario::ManyBots, modified(by.clone(), true, None));
    let note = format!("{by} modifies this and other bots within an hour, without a ticket");
    let mark = scenario.label(w, note.clone());
    w.loose(at, None, kind.clone(), mark);
    let every = seconds(between(&mut w.rng, 60.0, 300.0));
    w.story.spread = Some(Spread { from: at, every, kind, scenario, note });
    Some(())
}

pub(super) fn password_login(w: &mut Writer<'_>) -> Option<()> {
    let (_, planned) = w.test_session()?;
    let host = w.plan.premises.hosts[0].0.clone();
    let mark = Scenario::PasswordLogin.label(w, format!("a password where `{}` is usual", w.plan.login_method));
    let login = Login { method: Some("password".into()), interactive: Some(false), mfa: Some(false) };
    let at = planned.start + seconds(between(&mut w.rng, 1.0, 30.0));
    w.loose(at, Some(host), Kind::Login(login), mark);
    Some(())
}
