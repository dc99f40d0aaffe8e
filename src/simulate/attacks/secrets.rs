//! Wrong reads of secrets: others' secrets, new ones, and the bot's own at the wrong time, in the wrong place or for
//! nothing.

use compact_str::format_compact;
use rand::Rng as _;

use super::Scenario;
use super::origin::{other, stray};
use crate::event::{Kind, Secret, Text};
use crate::simulate::chance::{between, count, shuffle};
use crate::simulate::session::Act;
use crate::simulate::spec::{instant, seconds};
use crate::simulate::story::Writer;
use crate::time::Timestamp;

pub(super) fn sweep(w: &mut Writer<'_>) -> Option<()> {
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
fn odd_time(w: &mut Writer<'_>) -> Option<Timestamp> {
    let odd = w.plan.schedule.odd_minute(&mut w.rng);
    let day = w.test_day(odd.is_some())?;
    Some(instant(&w.plan.zone, day, odd.unwrap_or(192.0) * 60.0 + between(&mut w.rng, 0.0, 900.0)))
}

pub(super) fn off_hours(w: &mut Writer<'_>) -> Option<()> {
    let mut at = odd_time(w)?;
    let mark = Scenario::SecretOffHours.label(w, "the bot's own secret read outside of any session".to_owned());
    let host = w.plan.premises.hosts[0].0.clone();
    for _ in 0..count(&mut w.rng, 1, 3) {
        let secret = Secret { name: Some(w.plan.secret.clone()), vault: Some(w.plan.vault.clone()) };
        w.loose(at, Some(host.clone()), Kind::Secret(secret), mark);
        at = at + seconds(between(&mut w.rng, 2.0, 90.0));
    }
    Some(())
}

pub(super) fn foreign(w: &mut Writer<'_>) -> Option<()> {
    let other = other(w, |plan| plan.retired_at.is_none() && plan.secret_share > 0.5)?;
    let (nth, planned) = w.test_session()?;
    let mark = Scenario::ForeignSecret.label(w, format!("the secret of {}", other.name));
    w.alter(planned.day, nth, Act::Secrets(vec![(other.secret.clone(), other.vault.clone())]), mark);
    Some(())
}

pub(super) fn new(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let stem = w.word(&["kv/root", "admin/db", "shared/backup", "apps/signing"]);
    let name = format_compact!("{stem}-{:04}", w.rng.gen_range(1_000..9_999));
    let mark = Scenario::NewSecret.label(w, format!("the secret {name}, which no bot reads"));
    w.alter(planned.day, nth, Act::Secrets(vec![(name, w.plan.vault.clone())]), mark);
    Some(())
}

pub(super) fn burst(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let n = count(&mut w.rng, 80, 200);
    let mark = Scenario::SecretBurst.label(w, format!("the bot's own secret read {n} times"));
    w.alter(planned.day, nth, Act::Secrets(vec![(w.plan.secret.clone(), w.plan.vault.clone()); n]), mark);
    Some(())
}

pub(super) fn unused(w: &mut Writer<'_>) -> Option<()> {
    let (_, planned) = w.test_session()?;
    let mark = Scenario::SecretUnused.label(w, "a session that reads the bot's secret and ends".to_owned());
    let start = planned.start + seconds(between(&mut w.rng, 30.0, 600.0));
    w.extra(planned.day, start, Act::ReadOnly, mark);
    Some(())
}

pub(super) fn elsewhere(w: &mut Writer<'_>) -> Option<()> {
    let (_, planned) = w.test_session()?;
    let host = stray(w);
    let mark = Scenario::SecretElsewhere.label(w, format!("the bot's own secret read from {}", host.name));
    let mut at = planned.start + seconds(between(&mut w.rng, 1.0, 900.0));
    for _ in 0..count(&mut w.rng, 1, 3) {
        let secret = Secret { name: Some(w.plan.secret.clone()), vault: Some(w.plan.vault.clone()) };
        w.loose(at, Some(host.clone()), Kind::Secret(secret), mark);
        at = at + seconds(between(&mut w.rng, 2.0, 90.0));
    }
    Some(())
}
