//! Broken rules as findings: what the operator decided about them, and whether they were told before.

use super::calendar::Season;
use super::context;
use super::engine::{Engine, Output};
use super::explain;
use super::hidden::{self, Word};
use super::judge::{self, after, note, raise};
use super::policy::{Breach, LogBreach, fraud};
use super::rulebook;
use crate::alert::{BaselineNote, Dimension, Finding, Mark, Severity, Showing, Whom};
use crate::event::{Event, Transaction};

/// Tells of a broken rule, as far as the operator wants to hear of it.
pub(super) fn rule(engine: &mut Engine, at: u32, event: &Event, breach: Breach, output: &mut Output) -> Word {
    let at = breach.about.unwrap_or(at);
    let ts = breach.newest.map_or(event.ts, |newest| newest.later(event.ts));
    let by_default = breach.severity;
    debug_assert!(rulebook::tells_at(&breach.reason.detector, by_default), "not in the catalog: {breach:?}");
    let whom = hidden::whom(engine, at);
    let Some(mut breach) = hidden::ruled(engine, whom, breach, ts) else { return Word::Off };
    let done_to_it = matches!(breach.reason.dimension, Dimension::Control | Dimension::Entitlement);
    if done_to_it && breach.severity > Severity::Info && engine.settings.calendar.is(Season::Freeze, whom, ts) {
        breach.severity = breach.severity.worse();
        breach.phrase += ", in a change freeze";
    }
    let today = engine.bots[at as usize].baseline.today;
    let mut showing = Showing { marks: vec![mark(event, &breach)], names: Vec::new() };
    let after = after(engine, at, ts);
    let pages = breach.severity.pages();
    let mut reasons = vec![breach.reason];
    reasons.extend(breach.also);
    let mut title = format!("Bot `{}` {}", engine.bots[at as usize].bot, breach.phrase);
    let suspected = after.is_some();
    if let Some((reason, phrase, mark)) = after {
        title += &phrase;
        reasons.push(reason);
        showing.marks.push(mark);
    }
    let hides = hidden::until(engine, at, &reasons, event.host.as_slice(), &showing.marks, ts).is_some();
    let real = judge::is_real(engine, at, &reasons, &showing.marks, ts);
    let bot = &mut engine.bots[at as usize];
    let news = !pages || bot.tell(&[breach.key], today, u16::MAX, hides).1 || real;
    // What would page at each event is said once a day where it may not.
    if by_default.pages() && !pages && !hides && !bot.say(breach.key, today) {
        return Word::Said;
    }
    let severity = if news { breach.severity } else { Severity::Low };
    // After a suspicious act a page is a step worse.
    let severity = if severity.pages() && suspected { severity.worse() } else { severity };
    let bot = &engine.bots[at as usize];
    let events: Vec<_> = std::iter::once(&event.id).chain(&breach.evidence).map(ToString::to_string).collect();
    let finding = Finding {
        tenant: bot.tenant.to_string(),
        bot: Some(bot.bot.to_string()),
        session: event.session.as_ref().map(ToString::to_string),
        producer: None,
        ts,
        severity,
        score: breach.score,
        p_value: None,
        title,
        tags: engine.tags.of(&reasons),
        reasons,
        event_count: events.len() as u64,
        events,
        baseline: note(engine, at),
        context: context::of_event(engine, at, event),
        hosts: hidden::names(&event.host),
        suppressed: None,
        incident: None,
        showing,
    };
    raise(engine, finding, ts, output);
    if hides { Word::Hidden } else { Word::Said }
}

/// The mark of a broken rule: the same breach on another host is another matter.
pub(super) fn mark(event: &Event, breach: &Breach) -> Mark {
    explain::mark_of_rule(breach.key, event.host.as_deref())
}

/// Holds a transaction against the rules on money, and learns it; whether it broke one.
pub(super) fn transaction(
    engine: &mut Engine,
    at: u32,
    event: &Event,
    transaction: &Transaction,
    output: &mut Output,
) -> bool {
    let mature = engine.mature(&engine.bots[at as usize].baseline);
    let (own, off) = (engine.tuned(at, event.ts), engine.off(at, event.ts));
    let bot = &mut engine.bots[at as usize];
    let case = fraud::Case {
        event,
        transaction,
        bot: at,
        day: bot.baseline.today,
        first_day: bot.baseline.first_day.unwrap_or(bot.baseline.today),
        mature,
        mature_days: engine.settings.mature_days,
        window_days: engine.settings.baseline_days,
        profile: &own.as_deref().unwrap_or(&engine.profile).fraud,
        off: &off,
    };
    let audit = fraud::check(&case, &mut bot.money, engine.ledgers.of(&event.tenant));
    engine.stats.limited += audit.limited;
    let words = audit.breaches.into_iter().map(|breach| rule(engine, at, event, breach, output));
    words.filter(|word| *word != Word::Off).count() > 0
}

/// Tells of a log that is not whole.
pub(super) fn log(engine: &mut Engine, found: LogBreach, output: &mut Output) {
    let of_log = Whom { tenant: &found.tenant, ..Whom::default() };
    debug_assert!(rulebook::tells_at(&found.breach.reason.detector, found.breach.severity), "{found:?}");
    let Some(breach) = hidden::ruled(engine, of_log, found.breach, found.ts) else { return };
    let reasons = vec![breach.reason];
    let finding = Finding {
        tenant: found.tenant.to_string(),
        bot: None,
        session: None,
        title: format!("Log `{}` {}", found.producer, breach.phrase),
        producer: Some(found.producer.to_string()),
        ts: found.ts,
        severity: breach.severity,
        score: breach.score,
        p_value: None,
        tags: engine.tags.of(&reasons),
        reasons,
        event_count: u64::from(!found.event.is_empty()),
        events: Some(found.event.to_string()).filter(|event| !event.is_empty()).into_iter().collect(),
        baseline: BaselineNote { days: found.days, events: found.records, mature: found.days >= 1.0 },
        context: None,
        hosts: Vec::new(),
        suppressed: None,
        incident: None,
        showing: Showing::default(),
    };
    raise(engine, finding, found.ts, output);
}
