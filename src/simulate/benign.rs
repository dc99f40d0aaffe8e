//! What is odd but fine: the calendar's own oddities, and changes and incidents that somebody answers for.

use compact_str::format_compact;
use rand::Rng as _;
use smallvec::smallvec;

use super::chance::{between, count, pick};
use super::money::{Purse, WAIT_DAYS, account};
use super::plan::{BotKind, Host, address};
use super::schedule::{Days, Schedule};
use super::session::{Act, Mark};
use super::spec::{instant, seconds};
use super::story::{AccountChange, Change, ChangeKind, Writer};
use super::vocabulary::Verb;
use super::workflow::Author;
use crate::event::{Control, Grant, Kind, Login, Text, Transaction};
use crate::time::{Span, Timestamp, Zone};

/// The oddities that are handed out to bots.
pub(crate) const ODDITIES: [Oddity; 9] = [
    Oddity::Deployment,
    Oddity::HostReplaced,
    Oddity::ManualRerun,
    Oddity::ApprovedGrant,
    Oddity::ScheduleChange,
    Oddity::OwnerLogin,
    Oddity::VendorChange,
    Oddity::NewPayees,
    Oddity::RetryStorm,
];

/// One kind of oddity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    Deployment,
    HostReplaced,
    ManualRerun,
    ApprovedGrant,
    ScheduleChange,
    OwnerLogin,
    VendorChange,
    NewPayees,
    RetryStorm,
}

/// Days for which the effects of a change still count as new.
const NEW_DAYS: i64 = 4;

/// Days at the start of the fleet in which nothing odd happens, so that every bot has some plain history.
const CALM_DAYS: i32 = 6;

impl Oddity {
    /// Lets it happen to the writer's bot, if it can; says whether it did.
    pub(crate) fn write(self, w: &mut Writer<'_>) -> bool {
        let done = match self {
            Self::Deployment => deployment(w),
            Self::HostReplaced => host_replaced(w),
            Self::ManualRerun => manual_rerun(w),
            Self::ApprovedGrant => approved_grant(w),
            Self::ScheduleChange => schedule_change(w),
            Self::OwnerLogin => owner_login(w),
            Self::VendorChange => vendor_change(w),
            Self::NewPayees => new_payees(w),
            Self::RetryStorm => retry_storm(w),
        };
        done.is_some()
    }
}

/// A free weekday and an instant in its office hours.
fn office_hours(w: &mut Writer<'_>) -> Option<(i32, Timestamp)> {
    let days = w.free_days(w.window.first_day + CALM_DAYS, w.window.end_day - 2);
    let day = days.into_iter().find(|&day| w.window.facts(day).business)?;
    w.occupy(day..day + 1);
    let second = between(&mut w.rng, 9.2, 16.5) * 3_600.0;
    Some((day, instant(&w.plan.zone, day, second)))
}

/// One of the three who give roles in the bot's tenant day by day.
pub(crate) fn provisioner(w: &mut Writer<'_>) -> Text {
    let who = w.word(&["iam.desk", "access.team", "role.admin"]);
    format_compact!("{who}@{}", w.plan.tenant)
}

/// One of the three who look after the bots of the bot's tenant day by day.
pub(crate) fn desk(w: &mut Writer<'_>) -> Text {
    let who = w.word(&["bot.desk", "run.team", "ops.lead"]);
    format_compact!("{who}@{}", w.plan.tenant)
}

/// What the desk does to the bot before the test, in its own office hours, with a ticket and a second factor.
pub(crate) fn looked_after(w: &mut Writer<'_>) {
    for _ in 0..count(&mut w.rng, 2, 4) {
        let days = w.free_days(w.window.first_day + CALM_DAYS, w.window.test_day);
        let Some(&day) = days.first() else { return };
        let mark = w.odd("looked_after");
        let at = instant(&Zone::utc(), day, between(&mut w.rng, 9.2, 16.5) * 3_600.0);
        let (action, by, ticket) = (Some("settings_reviewed".into()), Some(desk(w)), Some(ticket(w)));
        w.loose(at, None, Kind::Control(Control { action, by, mfa: Some(true), ticket }), mark);
    }
}

/// Roles that come with the bot's work, before the test.
pub(crate) fn provisioned(w: &mut Writer<'_>) {
    for nth in 0..count(&mut w.rng, 1, 3) {
        let days = w.free_days(w.window.first_day + CALM_DAYS, w.window.test_day);
        let Some(&day) = days.first() else { return };
        let mark = w.odd("approved_grant_unused");
        let at = instant(&w.plan.zone, day, between(&mut w.rng, 9.2, 16.5) * 3_600.0);
        let role = Some(format_compact!("{}-{nth}", w.plan.roles[0]));
        let (by, ticket) = (Some(provisioner(w)), Some(ticket(w)));
        w.loose(at, None, Kind::Grant(Grant { role, change: Some("added".into()), by, ticket }), mark);
    }
}

pub(crate) fn ticket(w: &mut Writer<'_>) -> Text {
    let number: u32 = w.rng.gen_range(20_000..99_999);
    format_compact!("{}-{number}", w.word(&["CHG", "CHG00", "OPS", "SR"]))
}

/// An act of administration that somebody answers for.
fn control(action: &'static str, by: &'static str, ticket: Option<Text>) -> Kind {
    Kind::Control(Control { action: Some(action.into()), by: Some(by.into()), mfa: Some(true), ticket })
}

fn change(w: &mut Writer<'_>, at: Timestamp, what: ChangeKind, mark: Mark) {
    w.story.changes.push(Change { from: at, marked_until: at + Span::from_days(NEW_DAYS), what, mark });
    // A change stays in order even where oddities are drawn out of order.
    w.story.changes.sort_by_key(|change| change.from);
}

fn deployment(w: &mut Writer<'_>) -> Option<()> {
    let (_, at) = office_hours(w)?;
    let mark = w.odd("deployment");
    let ticket = ticket(w);
    w.loose(at, None, control("bot_modified", w.plan.operator, Some(ticket)), mark);
    let author = Author {
        seed: w.spec.seed,
        tenant: w.plan.tenant_index,
        kind: w.plan.kind,
        systems: &w.plan.systems,
        pace_secs: w.plan.pace_secs,
        role: w.plan.role.clone(),
    };
    // A release uses what the bot is entitled to already; a new role would be a grant.
    let mut step = None;
    for _ in 0..30 {
        let verb = *pick(&mut w.rng, &[Verb::Check, Verb::Get, Verb::Update, Verb::Create]);
        let drawn = author.step(&mut w.rng, verb);
        if step.is_none() && w.plan.roles.contains(&drawn.role) {
            step = Some(drawn);
        }
    }
    let step = step?;
    change(w, at + Span::from_mins(5), ChangeKind::Step(step), mark);
    Some(())
}

fn host_replaced(w: &mut Writer<'_>) -> Option<()> {
    if w.plan.premises.autoscaled {
        return None;
    }
    let (_, at) = office_hours(w)?;
    let mark = w.odd("host_replaced");
    let ticket = ticket(w);
    w.loose(at, None, control("host_moved", w.plan.operator, Some(ticket)), mark);
    let old = &w.plan.premises.hosts[0].0;
    let (second, third) = w.plan.premises.network;
    let stem = old.name.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = format_compact!("{stem}{:02}", w.rng.gen_range(40..90));
    let to = Host { name, ip: address(second, third, w.rng.gen_range(200..250)), geo: old.geo.clone() };
    change(w, at + Span::from_mins(2), ChangeKind::HostMoved { from: old.name.clone(), to }, mark);
    Some(())
}

fn manual_rerun(w: &mut Writer<'_>) -> Option<()> {
    let (day, at) = office_hours(w)?;
    let mark = w.odd("manual_rerun");
    w.loose(at, None, control("bot_started_manually", w.plan.operator, None), mark);
    let start = at + seconds(between(&mut w.rng, 2.0, 25.0));
    let operator = w.plan.operator;
    let planned = w.extra(day, start, Act::None, mark);
    (planned.trigger, planned.by) = ("manual", Some(operator.into()));
    Some(())
}

fn approved_grant(w: &mut Writer<'_>) -> Option<()> {
    let (_, at) = office_hours(w)?;
    let used = w.happens(0.5);
    let mark = w.odd(if used { "approved_grant" } else { "approved_grant_unused" });
    let old = w.plan.workflow.steps().last()?.role.clone();
    let role = format_compact!("{old}-{}", w.word(&["v2", "plus", "batch", "eu"]));
    let (by, ticket) = (Some(w.plan.owner.into()), Some(ticket(w)));
    let grant = Grant { role: Some(role.clone()), change: Some("added".into()), by, ticket };
    w.loose(at, None, Kind::Grant(grant), mark);
    if used {
        change(w, at + Span::from_mins(30), ChangeKind::Role { instead_of: old, role }, mark);
    }
    Some(())
}

fn schedule_change(w: &mut Writer<'_>) -> Option<()> {
    let Schedule::Fixed { days, .. } = &w.plan.schedule else { return None };
    if w.plan.kind == BotKind::Hourly || matches!(days, Days::MonthTurn { .. }) {
        return None;
    }
    let (_, at) = office_hours(w)?;
    let mark = w.odd("schedule_change");
    let ticket = ticket(w);
    w.loose(at, None, control("schedule_changed", w.plan.operator, Some(ticket)), mark);
    let minutes = *pick(&mut w.rng, &[-120.0, -90.0, -60.0, 60.0, 90.0, 120.0, 180.0]);
    change(w, at, ChangeKind::Shift(minutes), mark);
    w.story.extend(mark, at);
    w.story.extend(mark, (at + Span::from_days(NEW_DAYS)).min(w.window.end));
    Some(())
}

fn owner_login(w: &mut Writer<'_>) -> Option<()> {
    let (_, at) = office_hours(w)?;
    let mark = w.odd("owner_login");
    let ticket = ticket(w);
    w.loose(at, None, control("maintenance_announced", w.plan.owner, Some(ticket)), mark);
    let login = Login { method: Some("sso".into()), interactive: Some(true), mfa: Some(true) };
    let host = w.plan.premises.hosts[0].0.clone();
    let later = at + Span::from_mins(w.rng.gen_range(5..45));
    w.loose(later, Some(host), Kind::Login(login), mark);
    Some(())
}

fn vendor_change(w: &mut Writer<'_>) -> Option<()> {
    let purse = w.plan.purse.as_ref().filter(|purse| !purse.refunds)?;
    let (day, at) = office_hours(w)?;
    let mark = w.odd("approved_vendor_change");
    let payee = w.rng.gen_range(0..purse.payees.len().min(15));
    let fresh = account(&mut w.rng, w.plan.country);
    let transaction = Transaction {
        kind: Some("vendor_bank_change".into()),
        counterparty: Some(purse.payees[payee].name.clone()),
        account: Some(fresh.clone()),
        approvers: smallvec![Text::from(purse.approvers[0]), Text::from(purse.approvers[2])],
        by: Some(w.plan.operator.into()),
        ..Transaction::default()
    };
    w.loose(at, None, Kind::Transaction(Box::new(transaction)), mark);
    let usable_from = instant(&w.plan.zone, day + WAIT_DAYS, 0.0);
    w.story.accounts.push(AccountChange { at, usable_from, payee, account: fresh });
    w.story.accounts.sort_by_key(|change| change.at);
    Some(())
}

fn new_payees(w: &mut Writer<'_>) -> Option<()> {
    let purse = w.plan.purse.as_ref().filter(|purse| !purse.refunds)?;
    let (nth, planned) = w.session(w.window.first_day + CALM_DAYS, w.window.end_day - 2)?;
    let mark = w.odd("new_payees");
    let n = count(&mut w.rng, 2, 3);
    let moves = (0..n)
        .map(|_| {
            let name = format_compact!("Supplier {:05}", w.rng.gen_range(10_000..99_999));
            let account = account(&mut w.rng, w.plan.country);
            Purse::payee_created(name, account, w.plan.operator.into(), Some(purse.approvers[1]))
        })
        .collect();
    w.alter(planned.day, nth, Act::Money(moves, 40.0), mark);
    Some(())
}

fn retry_storm(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.session(w.window.first_day + CALM_DAYS, w.window.end_day - 2)?;
    let mark = w.odd("retry_storm");
    w.alter(planned.day, nth, Act::RetryStorm, mark);
    Some(())
}

/// What the calendar and the bot's nature bring by themselves, the short before the long.
pub(crate) fn natural(w: &mut Writer<'_>) {
    let plan = w.plan;
    let day_of = |day: i32| instant(&plan.zone, day, 0.0);
    for day in w.window.days() {
        let (from, to) = (day_of(day), day_of(day + 1));
        let facts = w.window.facts(day);
        let turn = facts.business && (facts.until_month_end == 0 || facts.business_day == 1);
        let rare = matches!(plan.kind, BotKind::Weekly | BotKind::MonthEnd);
        if facts.holiday {
            note(w, "public_holiday", from, to);
        }
        if turn && plan.month_end_load > 1.0 {
            note(w, if facts.quarter { "quarter_end" } else { "month_end" }, from, to);
        }
        if rare && plan.schedule.works_on(w.window, day) {
            note(w, "rare_day", from, to);
        }
        if to - from != Span::DAY {
            note(w, "clock_change", from, to + Span::DAY);
        }
    }
    if plan.growth_per_day >= 0.004 {
        note(w, "organic_growth", w.window.start, w.window.end);
    }
    if plan.premises.autoscaled {
        note(w, "autoscaled_hosts", w.window.start, w.window.end);
    }
}

fn note(w: &mut Writer<'_>, why: &'static str, from: Timestamp, to: Timestamp) {
    let mark = w.odd(why);
    w.story.extend(mark, from.max(w.window.start));
    w.story.extend(mark, to.min(w.window.end));
}
