//! Wrong conduct: the right machine and the right account, doing what the bot does not do.

use rand::Rng as _;

use super::Scenario;
use crate::simulate::chance::{between, count, pick};
use crate::simulate::schedule::Schedule;
use crate::simulate::session::Act;
use crate::simulate::spec::{instant, seconds};
use crate::simulate::story::{Change, ChangeKind, Writer};
use crate::simulate::vocabulary::{SYSTEMS, Verb};
use crate::simulate::workflow::{Author, Step};

pub(super) fn off_schedule(w: &mut Writer<'_>) -> Option<()> {
    let odd = w.plan.schedule.odd_minute(&mut w.rng);
    let day = w.test_day(odd.is_some())?;
    let minute = odd.unwrap_or(192.0);
    let mark = Scenario::OffSchedule
        .label(w, format!("a session at {:02}:{:02} local time", minute as u32 / 60, minute as u32 % 60));
    let start = instant(&w.plan.zone, day, minute * 60.0 + between(&mut w.rng, 0.0, 50.0));
    w.extra(day, start, Act::None, mark);
    Some(())
}

pub(super) fn volume_spike(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let factor = between(&mut w.rng, 8.0, 14.0);
    let mark = Scenario::VolumeSpike.label(w, format!("{factor:.1} times the records"));
    w.alter(planned.day, nth, Act::Volume(factor), mark);
    Some(())
}

pub(super) fn new_endpoint(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let n = count(&mut w.rng, 1, 4);
    let steps = unknown_steps(w, n);
    let first = steps.first()?;
    let mark = Scenario::NewEndpoint.label(w, format!("`{}` on {}", first.operation, first.system));
    w.alter(planned.day, nth, Act::Extra(steps), mark);
    Some(())
}

/// Calls that the bot never makes: mostly other objects of its own systems, sometimes another system.
pub(super) fn unknown_steps(w: &mut Writer<'_>, n: usize) -> Vec<Step> {
    let abroad = [w.rng.gen_range(0..SYSTEMS.len())];
    let away = w.happens(0.3);
    let systems = if away { &abroad[..] } else { &w.plan.systems[..] };
    let role = w.plan.role.clone();
    let (seed, tenant, kind) = (w.spec.seed, w.plan.tenant_index, w.plan.kind);
    let author = Author { seed, tenant, kind, systems, pace_secs: w.plan.pace_secs, role };
    let mut steps: Vec<Step> = Vec::with_capacity(n);
    for _ in 0..60 {
        let verb = *pick(&mut w.rng, &[Verb::Export, Verb::List, Verb::Get, Verb::Delete, Verb::Update]);
        let step = author.step(&mut w.rng, verb);
        let same = |known: &Step| known.operation == step.operation && known.system == step.system;
        let learnt =
            w.story.changes.iter().any(|change| matches!(&change.what, ChangeKind::Step(known) if same(known)));
        let entitled = away || w.plan.roles.contains(&step.role);
        if steps.len() < n && entitled && !learnt && !w.plan.workflow.steps().any(same) && !steps.iter().any(same) {
            steps.push(step);
        }
    }
    steps
}

pub(super) fn new_order(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let mark = Scenario::NewOrder.label(w, "the usual calls in another order".to_owned());
    w.alter(planned.day, nth, Act::Disorder, mark);
    Some(())
}

pub(super) fn admin_role(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let role = w.plan.admin_role(&mut w.rng);
    let mark = Scenario::AdminRole.label(w, format!("calls under `{role}`"));
    w.alter(planned.day, nth, Act::Role(role), mark);
    Some(())
}

pub(super) fn volume_creep(w: &mut Writer<'_>) -> Option<()> {
    let days = w.window.test_day..w.window.end_day;
    let works = days.clone().any(|day| w.plan.schedule.works_on(w.window, day));
    works.then(|| w.occupy(days))?;
    let rate = between(&mut w.rng, 0.07, 0.12);
    let mark = Scenario::VolumeCreep.label(w, format!("records up {:.1} % a day", rate * 100.0));
    let (from, marked_until) = (w.window.split, w.window.end);
    w.story.changes.push(Change { from, marked_until, what: ChangeKind::Creep(rate), mark });
    Some(())
}

pub(super) fn small_pulls(w: &mut Writer<'_>) -> Option<()> {
    let (_, planned) = w.test_session()?;
    // A busy bot hides a few more sessions: there it takes about as many as a day has, and faster.
    let busy = matches!(w.plan.schedule, Schedule::Demand { .. });
    let daily = if busy { w.sessions(planned.day).len() } else { 0 };
    let n = count(&mut w.rng, 18, 45).max(daily);
    let gap_secs = if busy { between(&mut w.rng, 40.0, 120.0) } else { between(&mut w.rng, 150.0, 420.0) };
    let mark = Scenario::SmallPulls.label(w, format!("{n} more sessions, {gap_secs:.0} s apart"));
    let mut at = planned.start;
    for _ in 0..n {
        at = at + seconds(gap_secs * between(&mut w.rng, 0.7, 1.3));
        w.extra(planned.day, at, Act::None, mark);
    }
    Some(())
}

pub(super) fn item_flood(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let factor = between(&mut w.rng, 4.0, 8.0).max(12.0 / w.plan.workflow.items);
    let mark = Scenario::ItemFlood.label(w, format!("{factor:.1} times the items in one session"));
    w.alter(planned.day, nth, Act::Items(factor), mark);
    Some(())
}
