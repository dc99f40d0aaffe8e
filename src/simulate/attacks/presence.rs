//! Wrong presence: bots that are gone when they should be there, and there when they should be gone.

use super::Scenario;
use crate::simulate::chance::between;
use crate::simulate::plan::BotKind;
use crate::simulate::session::Act;
use crate::simulate::spec::{instant, seconds};
use crate::simulate::story::Writer;
use crate::time::Span;

/// The longest time after the first missed run for which a silence is still news.
const SILENCE_MAX: Span = Span::from_hours(60);

pub(super) fn silent(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.session(w.first_test_day(), w.window.end_day - 3)?;
    let day = planned.day;
    let (from, to) = if w.plan.kind == BotKind::Hourly {
        let hours = between(&mut w.rng, 6.0, 14.0);
        (planned.start, planned.start + seconds(hours * 3_600.0))
    } else {
        let sessions = w.sessions(day);
        let first = if w.plan.kind == BotKind::Queue { nth / 3 } else { 0 };
        let days = if w.plan.kind == BotKind::Daily { 2 } else { 1 };
        (sessions.get(first)?.start, instant(&w.plan.zone, day + days, 0.0))
    };
    let next = (day..w.window.end_day)
        .flat_map(|day| w.sessions(day))
        .map(|next| next.start)
        .filter(|&start| start >= to)
        .min();
    let end = next.unwrap_or(w.window.end).min(from + SILENCE_MAX).min(w.window.end - Span::from_mins(20));
    let mark = Scenario::Silent.label(w, format!("nothing from the bot until {to}"));
    w.silence(from, to);
    w.story.extend(mark, from);
    w.story.extend(mark, end.max(from));
    w.occupy(day..day + 3);
    Some(())
}

pub(super) fn retired_awake(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(true)?;
    let start = instant(&w.plan.zone, day, between(&mut w.rng, 0.0, 22.0) * 3_600.0);
    let mark = Scenario::RetiredAwake.label(w, "a session of a bot that was retired".to_owned());
    w.extra(day, start, Act::None, mark);
    Some(())
}
