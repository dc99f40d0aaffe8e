//! The verdict on a session, a running one or a closed one, on a day's levels and on a silence: what is told, and what is
//! learned. Every finding goes into the alert book by here; broken rules come from [`broken`](super::broken).

use std::ops::RangeInclusive;

use super::baseline::{Baseline, ClosedDay, totals};
use super::bot::Known;
use super::calendar::Season;
use super::context;
use super::decide;
use super::engine::{Engine, Judged, Output, Verdict};
use super::explain::{self, Subject};
use super::familiar::Standing;
use super::feature::Session;
use super::feedback::{self, Look, Trace};
use super::hidden;
use super::lesson;
use super::normal::LastNormal;
use super::peers;
use super::rules;
use super::score::{self, Context, Judgment, Why};
use super::silence::{Found, Others};
use super::tenure;
use crate::alert::{Alert, BaselineNote, Dimension, Finding, Mark, Reason, Severity, Showing, Status};
use crate::event::Event;
use crate::time::{Local, Span, Timestamp, is_turn_of_month};

/// A running session is told again only when it has become that many times less expected.
const AGAIN: f64 = 20.0;

/// Time after a change of the clock in which runs may coincide that never did.
const CLOCK_CHANGE: Span = Span::from_hours(2);

/// Nats by which a creep must be odder than a page, since it is looked at each day anew.
const AGAIN_NATS: f64 = 4.5;

/// How often a day brings a level of a bot that is well which has risen for good: about once in two years of clean fleets.
/// Whatever Student says of the days, a rise by itself proves no more.
const SHIFTS_PER_DAY: f64 = 1.0 / 730.0;

/// Days after a creep was told in which none is told again: as long as levels are remembered.
const CREEP_QUIET_DAYS: i32 = 28;
/// Days from the turn of a month, or from the days before it, to the next.
const MONTH_DAYS: RangeInclusive<i32> = CREEP_QUIET_DAYS..=36;

/// Score of a common cause, whose bots are all well: for the archive.
const SCORE_COMMON: f64 = 20.0;

/// Judges a session that still runs; what it misses may still come.
pub(super) fn running(engine: &mut Engine, at: u32, slot: usize, output: &mut Output) {
    let mut sessions = std::mem::take(&mut engine.bots[at as usize].sessions);
    let session = &mut sessions[slot];
    if session.start_nats.is_none_or(|(start, _)| start != session.opened) {
        let bot = &engine.bots[at as usize];
        let start = engine.zones[usize::from(bot.zone)].1.local(session.opened);
        let then = session.opened - Span::from_days(i64::from(engine.settings.baseline_days));
        let zone = &engine.zones[usize::from(bot.zone)].1;
        let unshifted = Some(zone.local_as_of(session.opened, then)).filter(|unshifted| *unshifted != start);
        let nats = score::start_surprise(&bot.baseline, start, unshifted, &engine.profile.time);
        session.start_nats = Some((session.opened, nats));
    }
    sessions.swap(0, slot);
    let (judgment, start) = assess(engine, at, &sessions[0], &sessions[1..], false);
    sessions.swap(0, slot);
    let session = &sessions[slot];
    if let Some(severity) = verdict(engine, &judgment)
        && severity.pages()
        && (session.reported.is_none_or(|before| judgment.daily_rate * AGAIN < before) || session.is_unveiled())
    {
        sessions[slot].reported = Some(judgment.daily_rate);
        sessions.swap(0, slot);
        let (session, others) = sessions.split_at(1);
        let told = Told { session: &session[0], others, start, judgment: &judgment, closed: false };
        sessions[0].hidden_until = tell(engine, at, &told, severity, output).hidden;
        sessions.swap(0, slot);
    }
    engine.bots[at as usize].sessions = sessions;
}

/// Judges a session that is over, and learns from it.
pub(super) fn closed(engine: &mut Engine, at: u32, session: &Session, output: &mut Output) {
    let mature = engine.mature(&engine.bots[at as usize].baseline);
    let (judgment, start) = assess(engine, at, session, &engine.bots[at as usize].sessions, true);
    let severity = if mature { verdict(engine, &judgment) } else { None };
    if let Some(verdicts) = &mut output.verdicts {
        let p_values = judgment.p.iter().zip(judgment.excused).zip(score::DIMENSIONS);
        let p_values = p_values.map(|((&p, excused), dimension)| (dimension, (!excused).then_some(p))).collect();
        let fused = Some(judgment.fused);
        verdicts.push(Verdict { p_values, fused, ..verdict_on(engine, at, Judged::Session, session.newest) });
    }
    if !mature {
        peers::young(engine, at, session, totals(session), output);
    } else if severity.is_none() && session.calls > 0 {
        peers::learn(engine, at, totals(session));
    }
    let unused = rules::session_over(engine, at, session, output);
    let (mut known, mut real) = (Known::New, false);
    if let Some(severity) = severity {
        let others = std::mem::take(&mut engine.bots[at as usize].sessions);
        let told = Told { session, others: &others, start, judgment: &judgment, closed: true };
        Said { known, real, .. } = tell(engine, at, &told, severity, output);
        engine.bots[at as usize].sessions = others;
    } else if feedback::condemns(engine, &engine.bots[at as usize].tenant, &engine.bots[at as usize].bot) {
        real = was_real(engine, at, session, start, &judgment);
    }
    if severity.is_none() && session.reported.is_none() && !session.broke && !unused {
        let normal = LastNormal::of(session);
        match &mut engine.bots[at as usize].normal {
            Some(before) => **before = normal,
            none => *none = Some(Box::new(normal)),
        }
    }
    if !real {
        lesson::learn(engine, at, session, start, &judgment, severity, known);
    }
}

/// A verdict, to be completed.
pub(super) fn verdict_on(engine: &Engine, at: u32, judged: Judged, ts: Timestamp) -> Verdict {
    let bot = &engine.bots[at as usize];
    Verdict {
        tenant: bot.tenant.clone(),
        bot: bot.bot.clone(),
        judged,
        ts,
        days: f64::from(bot.baseline.days),
        mature: engine.mature(&bot.baseline),
        p_values: Vec::new(),
        fused: None,
    }
}

/// Whether something in a session that is worth no word was said to be real.
fn was_real(engine: &Engine, at: u32, session: &Session, start: Local, judgment: &Judgment) -> bool {
    let bot = &engine.bots[at as usize];
    let subject = Subject { baseline: &bot.baseline, session, start, others: &bot.sessions, owner: None };
    let account = explain::explain(judgment, &subject);
    is_real(engine, at, &account.reasons, &account.showing.marks, session.newest)
}

/// A day is over: its scores are history now, and its level is held against those of the days before.
pub(super) fn day(engine: &mut Engine, at: u32, event: &Event, closed: &ClosedDay, output: &mut Output) {
    let baseline = &engine.bots[at as usize].baseline;
    engine.fleet.learn_silences(baseline.days, baseline.is_steady(), &closed.silences);
    engine.fleet.learn_oddness(baseline.days, &closed.oddness);
    let bot = &engine.bots[at as usize];
    if !engine.mature(&bot.baseline) || bot.windows.new_level(event.ts) {
        note_levels(engine, at, event.ts, None, output);
        return;
    }
    // Levels of one day and the next share most of their days, so that a bot-week has few chances and not seven.
    let p_of = |nats: f64| (AGAIN_NATS - nats).exp().clamp(f64::MIN_POSITIVE, 1.0);
    let creep = closed.creep.map(|(at, rise)| (at, rise, p_of(rise.nats), "creep"));
    let creep = creep.filter(|(_, _, p, _)| {
        let rate = p * bot.baseline.active_share();
        decide::severity(rate, engine.settings.page_rate_per_bot_day, &engine.profile.decide)
            .is_some_and(Severity::pages)
    });
    let slow = closed.slow.map(|(at, rise)| (at, rise, p_of(rise.nats), "slow_rise"));
    let today = bot.baseline.today;
    // Once told, the window must first be filled with the new level.
    let quiet = bot.baseline.creep_told + CREEP_QUIET_DAYS > today;
    let Some((measure, rise, p, detector)) = creep.or(slow) else {
        note_levels(engine, at, event.ts, (!quiet).then_some(1.0), output);
        return;
    };
    let rate = p * bot.baseline.active_share();
    // A growth that goes on as it was told is what the bot does by now, and so is a rise of every month.
    let days = today - bot.baseline.creep_told.max(bot.baseline.first_day.unwrap_or(today));
    let slow = detector == "slow_rise";
    let known = if slow { !bot.baseline.growth.is_news(&rise, days) } else { is_monthly(&bot.baseline) };
    // A creep that is held back or hidden was not told: it is still there when the budget has a page again, or the
    // suppression is over.
    let held = !quiet && !known && is_held(engine, rate);
    engine.stats.pages_held += u64::from(held);
    // Levels of bots that are well rise for good at times, however clear each rise is.
    let p = p.max(SHIFTS_PER_DAY);
    note_levels(engine, at, event.ts, (!quiet && !known).then_some(p), output);
    let account = explain::drift(measure, rise, p, detector, known);
    let hides = hidden::until(engine, at, &account.reasons, &[], &account.showing.marks, event.ts).is_some();
    let baseline = &mut engine.bots[at as usize].baseline;
    if !held && !hides {
        baseline.levels[measure].anchor();
    }
    if quiet {
        return;
    }
    if !held && !hides {
        baseline.creep_told = today;
        baseline.creep_half = (!slow).then_some((measure as u8, f64::midpoint(rise.from, rise.to) as f32));
        if slow {
            baseline.growth.tell(&rise, days);
        }
    }
    let finding = Finding {
        ts: event.ts,
        severity: if held || known { Severity::Low } else { Severity::Medium },
        score: decide::score(p * engine.bots[at as usize].baseline.active_share()),
        p_value: Some(p),
        events: vec![event.id.to_string()],
        event_count: 1,
        ..about(engine, at, account)
    };
    raise(engine, finding, event.ts, output);
}

/// Keeps the verdict on a day's levels, where verdicts are asked for.
fn note_levels(engine: &Engine, at: u32, ts: Timestamp, p: Option<f64>, output: &mut Output) {
    if let Some(verdicts) = &mut output.verdicts {
        let p_values = vec![(Dimension::Drift, p)];
        verdicts.push(Verdict { p_values, ..verdict_on(engine, at, Judged::Levels, ts) });
    }
}

/// Whether a creep was told about a month ago and is over: a rise to which months end.
fn is_monthly(baseline: &Baseline) -> bool {
    let level = |(measure, half): (u8, f32)| Some((baseline.levels.get(usize::from(measure))?.before()?, half));
    let fell = baseline.creep_half.and_then(level).is_some_and(|(before, half)| before < f64::from(half));
    fell && MONTH_DAYS.contains(&(baseline.today - baseline.creep_told))
}

/// Tells of a bot that is silent where it should be at work, or of a good part of a tenant's bots that are; when to tell
/// it again, if a suppression hides it.
pub(super) fn silence(
    engine: &mut Engine,
    at: u32,
    now: Timestamp,
    found: &Found,
    others: Option<Others>,
    output: &mut Output,
) -> Option<Timestamp> {
    let held = others.is_none() && is_held(engine, found.daily_rate);
    engine.stats.pages_held += u64::from(held);
    let account = explain::silence(found.trace, found.since, found.p, others.map(|o| (o.silent + 1, o.due + 1)));
    let hidden =
        hidden::until(engine, at, &account.reasons, &[], &account.showing.marks, now).map(|hidden| hidden.until);
    let finding = Finding {
        ts: now,
        severity: if others.is_some() || held { Severity::Low } else { found.severity },
        score: if others.is_some() { SCORE_COMMON } else { decide::score(found.daily_rate) },
        p_value: Some(found.p),
        context: context::of_silence(engine, at, found.since),
        ..about(engine, at, account)
    };
    raise(engine, finding, now, output);
    hidden
}

/// A finding about a bot, to be completed.
pub(super) fn about(engine: &Engine, at: u32, account: explain::Account) -> Finding {
    let bot = &engine.bots[at as usize];
    Finding {
        tenant: bot.tenant.to_string(),
        bot: Some(bot.bot.to_string()),
        session: None,
        producer: None,
        ts: bot.newest,
        severity: Severity::Info,
        score: 0.0,
        p_value: None,
        title: format!("Bot `{}` {}", bot.bot, account.phrase),
        tags: engine.tags.of(&account.reasons),
        reasons: account.reasons,
        events: Vec::new(),
        event_count: 0,
        baseline: note(engine, at),
        context: None,
        hosts: Vec::new(),
        suppressed: None,
        incident: None,
        showing: account.showing,
    }
}

fn assess(engine: &Engine, at: u32, session: &Session, others: &[Session], closed: bool) -> (Judgment, Local) {
    let bot = &engine.bots[at as usize];
    let zone = &engine.zones[usize::from(bot.zone)].1;
    let start = zone.local(session.opened);
    let then = session.opened - Span::from_days(i64::from(engine.settings.baseline_days));
    let unshifted = Some(zone.local_as_of(session.opened, then)).filter(|unshifted| *unshifted != start);
    let mut excuses = bot.windows.excuses(session.opened, start, &session.hosts, &engine.profile.change);
    excuses.maintenance = engine.settings.calendar.is(Season::Maintenance, hidden::whom(engine, at), session.opened);
    let context = Context {
        clock_changed: zone.local_as_of(session.opened, session.opened - CLOCK_CHANGE) != start,
        turn_of_month: is_turn_of_month(start.day),
        unshifted,
        profile: &engine.profile,
        fleet: &engine.fleet,
        others,
        bot: at,
        tenant: &bot.tenant,
        start,
        closed,
        excuses,
        granted: bot.windows.granted(),
    };
    let mut judgment = score::judge(&bot.baseline, session, &context);
    // What is not worth a word by itself is no oddity, whatever was done to the bot before.
    if bot.windows.suspicion(session.newest).is_some() && verdict(engine, &judgment).is_some() {
        judgment.daily_rate /= engine.profile.operator.suspect_factor;
    }
    (judgment, start)
}

fn verdict(engine: &Engine, judgment: &Judgment) -> Option<Severity> {
    decide::severity(judgment.daily_rate, engine.settings.page_rate_per_bot_day, &engine.profile.decide)
}

/// A judged session.
#[derive(Clone, Copy, Debug)]
struct Told<'a> {
    session: &'a Session,
    /// The bot's other open sessions.
    others: &'a [Session],
    start: Local,
    judgment: &'a Judgment,
    closed: bool,
}

/// What became of a judgment that is worth a word.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// How well it is known.
    known: Known,
    /// Until when it is hidden.
    hidden: Option<Timestamp>,
    /// Whether somebody said of the same that it was real.
    real: bool,
}

/// Publishes what a judgment says, unless the same novelty was told before.
fn tell(engine: &mut Engine, at: u32, told: &Told<'_>, severity: Severity, output: &mut Output) -> Said {
    let &Told { session, others, start, judgment, closed } = told;
    let owner = match judgment.scores[1].why {
        Why::NewHost { standing: Standing::Owned(owner), .. } => Some(engine.bots[owner as usize].bot.to_string()),
        _ => None,
    };
    let bot = &engine.bots[at as usize];
    let subject = Subject { baseline: &bot.baseline, session, start, others, owner: owner.as_deref() };
    let mut account = explain::explain(judgment, &subject);
    if let Some((reason, phrase, mark)) = after(engine, at, session.newest) {
        account.reasons.push(reason);
        account.phrase += &phrase;
        account.showing.marks.push(mark);
    }
    let (today, adopt) = (bot.baseline.today, engine.profile.learn.adopt_days);
    let marks = &account.showing.marks;
    let hidden = hidden::until(engine, at, &account.reasons, &session.hosts, marks, session.newest);
    let real = is_real(engine, at, &account.reasons, marks, session.newest);
    let normal = hidden.is_some_and(|hidden| hidden.normal);
    let hidden = hidden.map(|hidden| hidden.until);
    let bot = &engine.bots[at as usize];
    // The page that a suppression hid is owed behind its end, as long as there is a word to say.
    let owed = hidden.is_none() && bot.was_hidden(&account.keys, today);
    let (verdict, severity) = (severity, if owed || real { severity.max(Severity::Medium) } else { severity });
    // What the budget holds back was not told, so that it is news when it comes again.
    let held = severity.pages() && is_held(engine, judgment.daily_rate);
    engine.stats.pages_held += u64::from(held);
    let severity = if held { Severity::Low } else { severity };
    let bot = &mut engine.bots[at as usize];
    let (known, news) =
        if severity.pages() { bot.tell(&account.keys, today, adopt, hidden.is_some()) } else { (Known::New, true) };
    let known = match known {
        _ if normal => Known::Adopted,
        known if verdict.pages() => known,
        _ => Known::New,
    };
    let said = Said { known, hidden, real };
    // A session that was told while it ran goes on adding to its own story at full weight.
    let severity = if news || real || session.reported.is_some() { severity } else { severity.min(Severity::Low) };
    let key = account.keys.first().copied().unwrap_or(0);
    if severity.pages() {
        bot.baseline.tell_excess();
    } else if !bot.say(if hidden.is_some() { !key } else { key }, today) {
        // What is said under a suppression may be said once more behind it.
        return said;
    }
    let bot = &engine.bots[at as usize];
    let finding = Finding {
        tenant: bot.tenant.to_string(),
        bot: Some(bot.bot.to_string()),
        session: session.id.as_ref().map(ToString::to_string),
        producer: None,
        ts: session.newest,
        severity,
        score: decide::score(judgment.daily_rate),
        p_value: Some(judgment.fused),
        title: format!("Bot `{}` {}", bot.bot, account.phrase),
        tags: engine.tags.of(&account.reasons),
        reasons: account.reasons,
        events: session.evidence.iter().map(ToString::to_string).collect(),
        event_count: session.events,
        baseline: note(engine, at),
        context: context::of_session(engine, at, session, closed),
        hosts: hidden::names(&session.hosts),
        suppressed: None,
        incident: None,
        showing: account.showing,
    };
    raise(engine, finding, session.newest, output);
    said
}

/// The suspicious act that something comes after, as a reason and as the end of a sentence.
pub(super) fn after(engine: &Engine, at: u32, ts: Timestamp) -> Option<(Reason, String, Mark)> {
    let act = engine.bots[at as usize].windows.suspicion(ts)?;
    let (reason, phrase) = explain::after(&act.what, ts - act.since, engine.profile.operator.suspect_factor);
    Some((reason, phrase, explain::mark_of_act(&act.what)))
}

/// Whether somebody said of something in a finding that it was real.
pub(super) fn is_real(engine: &Engine, at: u32, reasons: &[Reason], marks: &[Mark], ts: Timestamp) -> bool {
    let bot = &engine.bots[at as usize];
    let look = Look { tenant: &bot.tenant, bot: &bot.bot, hosts: &[], reasons, marks, ts };
    feedback::condemned(engine, &look)
}

pub(super) fn raise(engine: &mut Engine, mut finding: Finding, ts: Timestamp, output: &mut Output) {
    let number = finding.bot.as_deref().and_then(|bot| engine.number(&finding.tenant, bot));
    let act = number.and_then(|at| engine.bots[at as usize].windows.suspicion(ts));
    finding.incident = act.map(|act| act.incident.to_string()).filter(|story| !story.is_empty());
    let watermark = engine.frontier.watermark().unwrap_or(ts);
    let by = hidden::hide(engine, &mut finding);
    finding.score = finding.severity.keep(finding.score);
    let (trace, newest) = (number.map(|at| trace(at, &mut finding)), finding.ts);
    let alerts = engine.book.raise(finding, watermark, engine.settings.incident_quiet);
    if let Some(by) = by {
        hidden::count(engine, by, newest, &alerts);
    }
    if let Some(trace) = trace {
        feedback::remember(engine, trace, &alerts);
    }
    if let Some(pages) = engine.settings.pages_per_week {
        let paged = alerts.iter().filter(|alert| alert.status == Status::Firing && alert.severity.pages());
        engine.budget.take(watermark, pages, paged.count());
    }
    note_found(engine, &alerts);
    output.alerts.extend(alerts);
}

/// What is remembered of a finding about a bot.
fn trace(bot: u32, finding: &mut Finding) -> Trace {
    let look = Look {
        tenant: &finding.tenant,
        bot: "",
        hosts: &finding.hosts,
        reasons: &finding.reasons,
        marks: &finding.showing.marks,
        ts: finding.ts,
    };
    let marks = feedback::marks_of(&look);
    let reasons = finding.reasons.iter().map(|reason| (reason.dimension, reason.detector.clone())).collect();
    let names = std::mem::take(&mut finding.showing.names);
    Trace { bot, ts: finding.ts, reasons, hosts: finding.hosts.clone(), showing: Showing { marks, names } }
}

/// Keeps in the bot's ledger what was found about it; what is worth no more than a note is not.
fn note_found(engine: &mut Engine, alerts: &[Alert]) {
    let counts = |alert: &&Alert| alert.status == Status::Firing && alert.severity > Severity::Info;
    for alert in alerts.iter().filter(counts) {
        let (bot, reason) = (alert.bot.as_deref(), alert.reasons.first());
        let at = bot.and_then(|bot| engine.number(&alert.tenant, bot));
        if let Some((at, reason)) = at.zip(reason) {
            let (day, new) = (tenure::day(alert.ts), alert.revision == 1);
            engine.bots[at as usize].entitlements.find(reason.dimension, alert.severity, day, new);
        }
    }
}

/// Whether the budget has no page for a finding that would page otherwise.
fn is_held(engine: &Engine, daily_rate: f64) -> bool {
    let (settings, now) = (&engine.settings, engine.frontier.watermark());
    settings.pages_per_week.zip(now).is_some_and(|(pages, now)| {
        daily_rate > engine.budget.rate(now, pages, settings.page_rate_per_bot_day, engine.bots.len())
    })
}

pub(super) fn note(engine: &Engine, at: u32) -> BaselineNote {
    let baseline = &engine.bots[at as usize].baseline;
    let days = baseline.age_days(engine.settings.baseline_days);
    BaselineNote { days, events: u64::from(baseline.events), mature: engine.mature(baseline) }
}
