//! The verdict on a session, a running one or a closed one, on a day's levels and on a silence: what is told, and what is
//! learned. Every finding goes into the alert book by here; broken rules come from [`broken`](super::broken).

use super::baseline::{ClosedDay, Trust, totals};
use super::bot::{BotState, Known};
use super::context;
use super::decide;
use super::engine::{Engine, Output, Verdict};
use super::explain::{self, Subject};
use super::familiar::{self, Standing};
use super::feature::Session;
use super::fleet::Fleet;
use super::hidden;
use super::normal::LastNormal;
use super::peers;
use super::score::{self, BY_SESSION, Context, Judgment, Why};
use super::silence::{Found, Others};
use super::tenure;
use crate::alert::{Alert, BaselineNote, Finding, Reason, Severity, Status};
use crate::event::Event;
use crate::time::{Local, Span, Timestamp, is_turn_of_month};

/// A running session is told again only when it has become that many times less expected.
const AGAIN: f64 = 20.0;

/// Time after a change of the clock in which runs may coincide that never did.
const CLOCK_CHANGE: Span = Span::from_hours(2);

/// Nats by which a creep must be odder than a page, since it is looked at each day anew.
const AGAIN_NATS: f64 = 4.5;

/// Days after a creep was told in which none is told again: as long as levels are remembered.
const CREEP_QUIET_DAYS: i32 = 28;

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
        let (_, hidden) = tell(engine, at, &told, severity, output);
        sessions[0].hidden_until = hidden;
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
        let bot = &engine.bots[at as usize];
        let p_values = judgment.p.iter().zip(judgment.excused).zip(score::DIMENSIONS);
        verdicts.push(Verdict {
            tenant: bot.tenant.clone(),
            bot: bot.bot.clone(),
            ts: session.newest,
            days: f64::from(bot.baseline.days),
            mature,
            p_values: p_values.map(|((&p, excused), dimension)| (dimension, (!excused).then_some(p))).collect(),
            fused: judgment.fused,
        });
    }
    if !mature {
        peers::young(engine, at, session, totals(session), output);
    } else if severity.is_none() && session.calls > 0 {
        peers::learn(engine, at, totals(session));
    }
    let mut known = Known::New;
    if let Some(severity) = severity {
        let others = std::mem::take(&mut engine.bots[at as usize].sessions);
        let told = Told { session, others: &others, start, judgment: &judgment, closed: true };
        (known, _) = tell(engine, at, &told, severity, output);
        engine.bots[at as usize].sessions = others;
    }
    if severity.is_none() && session.reported.is_none() && !session.broke {
        engine.bots[at as usize].normal = Some(Box::new(LastNormal::of(session)));
    }
    learn(engine, at, session, start, &judgment, severity, known);
}

/// A day is over: its scores are history now, and its level is held against those of the days before.
pub(super) fn day(engine: &mut Engine, at: u32, event: &Event, closed: &ClosedDay, output: &mut Output) {
    let baseline = &engine.bots[at as usize].baseline;
    engine.fleet.learn_silences(baseline.days, baseline.is_steady(), &closed.silences);
    let bot = &engine.bots[at as usize];
    if !engine.mature(&bot.baseline) || bot.windows.new_level(event.ts) {
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
    let Some((measure, rise, p, detector)) = creep.or(slow) else { return };
    let today = bot.baseline.today;
    let rate = p * bot.baseline.active_share();
    // A creep that is held back or hidden was not told: it is still there when the budget has a page again, or the
    // suppression is over.
    // Once told, the window must first be filled with the new level.
    let quiet = bot.baseline.creep_told + CREEP_QUIET_DAYS > today;
    let held = !quiet && is_held(engine, rate);
    engine.stats.pages_held += u64::from(held);
    let account = explain::drift(measure, rise, p, detector);
    let hides = hidden::until(engine, at, &account.reasons, &[], event.ts).is_some();
    let baseline = &mut engine.bots[at as usize].baseline;
    if !held && !hides {
        baseline.levels[measure].anchor();
    }
    if quiet {
        return;
    }
    if !held && !hides {
        baseline.creep_told = today;
    }
    let finding = Finding {
        ts: event.ts,
        severity: if held { Severity::Low } else { Severity::Medium },
        score: decide::score(rate),
        p_value: Some(p),
        events: vec![event.id.to_string()],
        event_count: 1,
        ..about(engine, at, account)
    };
    raise(engine, finding, event.ts, output);
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
    let hidden = hidden::until(engine, at, &account.reasons, &[], now);
    let finding = Finding {
        ts: now,
        severity: if others.is_some() || held { Severity::Low } else { found.severity },
        score: if others.is_some() { 20.0 } else { decide::score(found.daily_rate) },
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
    }
}

fn assess(engine: &Engine, at: u32, session: &Session, others: &[Session], closed: bool) -> (Judgment, Local) {
    let bot = &engine.bots[at as usize];
    let zone = &engine.zones[usize::from(bot.zone)].1;
    let start = zone.local(session.opened);
    let then = session.opened - Span::from_days(i64::from(engine.settings.baseline_days));
    let unshifted = Some(zone.local_as_of(session.opened, then)).filter(|unshifted| *unshifted != start);
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
        excuses: bot.windows.excuses(session.opened, start, &session.hosts, &engine.profile.change),
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

/// Publishes what a judgment says, unless the same novelty was told before; how well it is known, and until when it is
/// hidden.
fn tell(
    engine: &mut Engine,
    at: u32,
    told: &Told<'_>,
    severity: Severity,
    output: &mut Output,
) -> (Known, Option<Timestamp>) {
    let &Told { session, others, start, judgment, closed } = told;
    let owner = match judgment.scores[1].why {
        Why::NewHost { standing: Standing::Owned(owner), .. } => Some(engine.bots[owner as usize].bot.to_string()),
        _ => None,
    };
    let bot = &engine.bots[at as usize];
    let subject = Subject { baseline: &bot.baseline, session, start, others, owner: owner.as_deref() };
    let mut account = explain::explain(judgment, &subject);
    if let Some((reason, phrase)) = after(engine, at, session.newest) {
        account.reasons.push(reason);
        account.phrase += &phrase;
    }
    let (today, adopt) = (bot.baseline.today, engine.profile.learn.adopt_days);
    let hidden = hidden::until(engine, at, &account.reasons, &session.hosts, session.newest);
    // The page that a suppression hid is owed behind its end, as long as there is a word to say.
    let owed = hidden.is_none() && bot.was_hidden(&account.keys, today);
    let (verdict, severity) = (severity, if owed { severity.max(Severity::Medium) } else { severity });
    // What the budget holds back was not told, so that it is news when it comes again.
    let held = severity.pages() && is_held(engine, judgment.daily_rate);
    engine.stats.pages_held += u64::from(held);
    let severity = if held { Severity::Low } else { severity };
    let bot = &mut engine.bots[at as usize];
    let (known, news) =
        if severity.pages() { bot.tell(&account.keys, today, adopt, hidden.is_some()) } else { (Known::New, true) };
    let known = if verdict.pages() { known } else { Known::New };
    // A session that was told while it ran goes on adding to its own story at full weight.
    let severity = if news || session.reported.is_some() { severity } else { severity.min(Severity::Low) };
    let key = account.keys.first().copied().unwrap_or(0);
    if severity.pages() {
        bot.baseline.tell_excess();
    } else if !bot.say(if hidden.is_some() { !key } else { key }, today) {
        // What is said under a suppression may be said once more behind it.
        return (known, hidden);
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
    };
    raise(engine, finding, session.newest, output);
    (known, hidden)
}

/// The suspicious act that something comes after, as a reason and as the end of a sentence.
pub(super) fn after(engine: &Engine, at: u32, ts: Timestamp) -> Option<(Reason, String)> {
    let act = engine.bots[at as usize].windows.suspicion(ts)?;
    Some(explain::after(&act.what, ts - act.since, engine.profile.operator.suspect_factor))
}

pub(super) fn raise(engine: &mut Engine, mut finding: Finding, ts: Timestamp, output: &mut Output) {
    let number = finding.bot.as_deref().and_then(|bot| engine.number(&finding.tenant, bot));
    let act = number.and_then(|at| engine.bots[at as usize].windows.suspicion(ts));
    finding.incident = act.map(|act| act.incident.to_string()).filter(|story| !story.is_empty());
    let watermark = engine.frontier.watermark().unwrap_or(ts);
    let suppression = hidden::hide(engine, &mut finding);
    finding.score = finding.severity.keep(finding.score);
    let alerts = engine.book.raise(finding, watermark, engine.settings.incident_quiet);
    if let Some(number) = suppression {
        hidden::count(engine, number, &alerts);
    }
    if let Some(pages) = engine.settings.pages_per_week {
        let paged = alerts.iter().filter(|alert| alert.status == Status::Firing && alert.severity.pages());
        engine.budget.take(watermark, pages, paged.count());
    }
    note_found(engine, &alerts);
    output.alerts.extend(alerts);
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

/// Learns a judged session: what looked wrong lightly, what an announced change or many days explain in full.
fn learn(
    engine: &mut Engine,
    at: u32,
    session: &Session,
    start: Local,
    judgment: &Judgment,
    severity: Option<Severity>,
    known: Known,
) {
    let profile = &engine.profile.learn;
    // How often the operator wants to be paged says nothing of what may be believed.
    let doubt = |_| decide::severity(judgment.daily_rate, profile.doubt_rate_per_bot_day, &engine.profile.decide);
    let trust = match (severity.and_then(doubt), known) {
        (None, _) | (_, Known::Adopted) => 1.0,
        (Some(Severity::Info), _) => profile.trust_info,
        (Some(Severity::Low), _) => profile.trust_low,
        (Some(_), _) => profile.trust_page,
    };
    let by_hand = session.manual_by.is_some();
    let mut each = Trust::even(trust);
    // A manual run says nothing of the schedule.
    each.time = if by_hand { 0.0 } else { trust };
    let bot = &mut engine.bots[at as usize];
    for (dimension, (score, excused)) in judgment.scores.iter().zip(judgment.excused).enumerate() {
        if !excused {
            bot.baseline.peaks.note(dimension, score.nats, trust);
        }
    }
    bot.baseline.note_overlap(judgment.overlap, trust);
    if trust >= 0.5 && !by_hand {
        bot.baseline.presence.note(start.day * 24 + i32::from(start.minute) / 60);
    }
    if judgment.excused[1] && matches!(judgment.scores[1].why, Why::NewHost { .. }) {
        bot.windows.moved(session.newest);
    }
    for (at, excused) in judgment.excused.iter().enumerate().take(BY_SESSION) {
        if *excused {
            match at {
                1 => each.source = 1.0,
                2 | 6 => each.sequence = 1.0,
                3 | 7 | 8 => each.volume = 1.0,
                4 => each.privilege = 1.0,
                _ => {}
            }
        }
    }
    note_news(&mut engine.fleet, at, bot, session, trust);
    engine.stats.limited += bot.baseline.learn(session, start, each, &engine.profile);
    if trust >= 0.5 {
        let (day, tenant) = (session.newest.day_utc(), &bot.tenant);
        for host in &session.hosts {
            engine.fleet.learn(tenant, host, at, day);
            engine.fleet.host_kinds.learn(tenant, familiar::kind(host), day);
        }
        session.networks.iter().for_each(|network| engine.fleet.networks.learn(tenant, network, day));
        session.endpoints.iter().for_each(|name| engine.fleet.operations.learn(tenant, name, day));
    }
}

/// Counts what a session has that its bot did not know, for what new values are like in general.
fn note_news(fleet: &mut Fleet, at: u32, bot: &BotState, session: &Session, trust: f64) {
    let (baseline, tenant) = (&bot.baseline, &bot.tenant);
    if baseline.days < familiar::DAYS_MIN {
        return;
    }
    for host in session.hosts.iter().filter(|host| !baseline.hosts.knows(host)) {
        let standing = fleet.standing(tenant, host, at);
        fleet.host_news.learn(tenant, standing, trust);
    }
    for network in session.networks.iter().filter(|network| !baseline.networks.knows(network)) {
        fleet.networks.learn_new(tenant, network, trust);
    }
    for name in session.endpoints.iter().filter(|name| baseline.graph.number(name).is_none()) {
        fleet.operations.learn_new(tenant, name, trust);
    }
}
