//! Wrong logs: holes, counts that are not one, silence, and clocks that are off.

use super::Scenario;
use crate::simulate::chance::{between, count};
use crate::simulate::spec::seconds;
use crate::simulate::story::{LogWrong, Tampering, Writer};
use crate::time::{Span, Timestamp};

/// Days for which a log is silent; a weekend is none.
const SILENT_DAYS: (f64, f64) = (6.0, 9.0);

/// Something is done to the bot's log from an instant on.
fn tamper(w: &mut Writer<'_>, scenario: Scenario, note: String, from: Timestamp, what: Tampering) {
    let mark = scenario.label(w, note);
    if let Some(wrong) = w.story.wrongs.last_mut() {
        wrong.log = true;
    }
    w.story.tampered.push(LogWrong { from, what, mark });
}

/// A moment after the start of a session of the test.
fn moment(w: &mut Writer<'_>) -> Option<Timestamp> {
    let (_, planned) = w.test_session()?;
    Some(planned.start + seconds(between(&mut w.rng, 0.5, 6.0)))
}

pub(super) fn gap(w: &mut Writer<'_>) -> Option<()> {
    let (_, planned) = w.test_session()?;
    let events = count(&mut w.rng, 4, 25) as u32;
    let note = format!("{events} events missing from the log of {}", w.plan.producer);
    let from = planned.start + seconds(between(&mut w.rng, 0.5, 6.0));
    tamper(w, Scenario::LogGap, note, from, Tampering::Lost(events));
    Some(())
}

pub(super) fn restart(w: &mut Writer<'_>) -> Option<()> {
    let from = moment(w)?;
    tamper(w, Scenario::LogRestart, format!("{} begins anew at 1", w.plan.producer), from, Tampering::Restarted);
    Some(())
}

pub(super) fn shared(w: &mut Writer<'_>) -> Option<()> {
    let from = moment(w)?;
    let until = from + seconds(between(&mut w.rng, 2.0, 8.0) * 3_600.0);
    let note = format!("a second writer in {} until {until}", w.plan.producer);
    tamper(w, Scenario::LogShared, note, from, Tampering::Shared { until, seq: 0 });
    Some(())
}

pub(super) fn number_twice(w: &mut Writer<'_>) -> Option<()> {
    let from = moment(w)?;
    let records = count(&mut w.rng, 1, 6) as u32;
    let note = format!("{records} records of {} written again in other words", w.plan.producer);
    tamper(w, Scenario::NumberTwice, note, from, Tampering::Twice(records));
    Some(())
}

pub(super) fn silent(w: &mut Writer<'_>) -> Option<()> {
    let days = between(&mut w.rng, SILENT_DAYS.0, SILENT_DAYS.1);
    let (_, planned) = w.session(w.first_test_day(), w.window.end_day - SILENT_DAYS.1 as i32 - 2)?;
    let until = planned.start + seconds(days * 86_400.0);
    let note = format!("nothing in {} until {until}", w.plan.producer);
    tamper(w, Scenario::LogSilent, note, planned.start, Tampering::Silent { until });
    Some(())
}

pub(super) fn clock_skew(w: &mut Writer<'_>) -> Option<()> {
    let (_, planned) = w.session(w.first_test_day(), w.window.end_day - 5)?;
    let minutes = between(&mut w.rng, 20.0, 50.0);
    let until = planned.start + Span::from_days(3);
    let note = format!("the clock of {} is {minutes:.0} minutes slow until {until}", w.plan.producer);
    let behind = seconds(minutes * 60.0);
    tamper(w, Scenario::ClockSkew, note, planned.start, Tampering::Slow { until, behind });
    Some(())
}
