//! Wrong access: secrets, roles and the controls that bots stand under.

use compact_str::format_compact;
use rand::Rng as _;

use super::{Scenario, stranger};
use crate::event::{Control, Grant, Kind, Secret, Text};
use crate::simulate::chance::{between, count, shuffle};
use crate::simulate::session::Act;
use crate::simulate::spec::{instant, seconds};
use crate::simulate::story::Writer;
use crate::time::Timestamp;

pub(super) fn secret_sweep(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let mut secrets: Vec<(Text, Text)> =
        w.others.iter().map(|plan| (plan.secret.clone(), plan.vault.clone())).collect();
    shuffle(&mut w.rng, &mut secrets);
    let n = count(&mut w.rng, 6, 20);
    secrets.truncate(n);
    for nth in secrets.len()..n.min(8) {
        secrets.push((format_compact!("kv/shared/{:02}", nth * 7), w.plan.vault.clone()));
    }
    let mark = Scenario::SecretSweep.label(w, format!("{} secrets of other bots read", secrets.len()));
    w.alter(planned.day, nth, Act::Secrets(secrets), mark);
    Some(())
}

/// An instant of the test at which the bot never works.
fn off_hours(w: &mut Writer<'_>) -> Option<Timestamp> {
    let odd = w.plan.schedule.odd_minute(&mut w.rng);
    let day = w.test_day(odd.is_some())?;
    Some(instant(&w.plan.zone, day, odd.unwrap_or(192.0) * 60.0 + between(&mut w.rng, 0.0, 900.0)))
}

pub(super) fn secret_off_hours(w: &mut Writer<'_>) -> Option<()> {
    let mut at = off_hours(w)?;
    let mark = Scenario::SecretOffHours.label(w, "the bot's own secret read outside of any session".to_owned());
    let host = w.plan.premises.hosts[0].0.clone();
    for _ in 0..count(&mut w.rng, 1, 3) {
        let secret = Secret { name: Some(w.plan.secret.clone()), vault: Some(w.plan.vault.clone()) };
        w.loose(at, Some(host.clone()), Kind::Secret(secret), mark);
        at = at + seconds(between(&mut w.rng, 2.0, 90.0));
    }
    Some(())
}

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
