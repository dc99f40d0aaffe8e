//! What an alert is seen beside: the bot's last normal session, and whether the log that it was read from is whole.
//!
//! An alert about what is missing means little where its log lacks records, and one about what is there is read fastest
//! beside an example of the opposite. Only what is known is said; nothing here changes a verdict.

use super::bot::BotState;
use super::engine::Engine;
use super::feature::Session;
use super::normal::{LastNormal, Now};
use crate::alert::{AlertContext, LogNote, NearestNormal};
use crate::event::{Event, Text};
use crate::time::Timestamp;

/// Beside a judged session.
pub(super) fn of_session(engine: &Engine, at: u32, session: &Session, closed: bool) -> Option<AlertContext> {
    let bot = &engine.bots[at as usize];
    let now =
        Now { start: session.opened, hosts: &session.hosts, amounts: Some((session.calls, session.records())), closed };
    gather(nearest(engine, bot, &now), log(engine, &bot.tenant, session.producer.as_ref()))
}

/// Beside an event that broke a rule; the bot that the finding is about may be another than that of the event.
pub(super) fn of_event(engine: &Engine, at: u32, event: &Event) -> Option<AlertContext> {
    let bot = &engine.bots[at as usize];
    let own = bot.bot == event.bot && bot.tenant == event.tenant;
    let now = Now { start: event.ts, hosts: event.host.as_slice(), amounts: None, closed: false };
    let normal = if own { nearest(engine, bot, &now) } else { None };
    gather(normal, log(engine, &event.tenant, event.producer.as_ref()))
}

/// Beside a silence: the last that was normal, and whether its log has gone on without a gap.
pub(super) fn of_silence(engine: &Engine, at: u32, since: Timestamp) -> Option<AlertContext> {
    let bot = &engine.bots[at as usize];
    let last = bot.normal.as_deref()?;
    let normal = note(last, format!("no session since {since}"));
    gather(Some(normal), log(engine, &bot.tenant, last.producer.as_ref()))
}

fn gather(nearest_normal: Option<NearestNormal>, log: Option<LogNote>) -> Option<AlertContext> {
    (nearest_normal.is_some() || log.is_some()).then_some(AlertContext { nearest_normal, log })
}

fn nearest(engine: &Engine, bot: &BotState, now: &Now<'_>) -> Option<NearestNormal> {
    let last = bot.normal.as_deref()?;
    let zone = &engine.zones[usize::from(bot.zone)].1;
    Some(note(last, last.differs(now, zone)))
}

fn note(last: &LastNormal, differs: String) -> NearestNormal {
    NearestNormal { session: last.id.as_ref().map(ToString::to_string), ts: last.start, differs }
}

fn log(engine: &Engine, tenant: &str, producer: Option<&Text>) -> Option<LogNote> {
    let producer = producer?;
    let missing = engine.logs.missing(tenant, producer, engine.frontier.watermark()?)?;
    Some(LogNote { producer: producer.to_string(), complete: missing == 0, missing })
}
