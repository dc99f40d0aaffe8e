//! Silence where there should be work: when to look, what to make of it, and whether others are silent, too.
//!
//! A bot's own record of busy hours says how odd a silence is ([`presence`](crate::stats::presence)), and the history of
//! its gaps makes that a probability, as for all other dimensions. A timer stands at the first hour at which silence
//! would be odd, so that a quiet bot costs a look or two a day.
//!
//! What is odd is not told at once. On a holiday, or when the scheduler is down, the first bot that is missed would be
//! a page, and so would the next; so each waits until enough others were due as well and those of its own time zone have
//! come, and where a good part of them is silent, too, one word is said for all of them. Blind spot: a fleet too small to
//! have others pages on holidays; where a time zone has few bots, a silence is told later.

use smallvec::SmallVec;
use statrs::distribution::{DiscreteCDF, Poisson};

use super::baseline::ABSENCE;
use super::bot::{BotState, OddSilence};
use super::calendar::rests_on_weekends;
use super::cluster::COHORT_NONE;
use super::decide;
use super::engine::{CLOCKS, Engine, Judged, Output, SILENCE, Verdict};
use super::hidden;
use super::judge;
use crate::alert::{Dimension, Severity};
use crate::event::{Event, Text};
use crate::registry::BotStatus;
use crate::stats::presence::Trace;
use crate::time::{Local, Span, Timestamp, Zone};

/// Nats from which a silence is looked at. Less costs time, more would overlook bots of few days.
const LOOK_NATS: f64 = 3.0;
/// Nats up to which an announced change of the schedule explains a silence.
const SHIFTED_NATS: f64 = 8.0;
/// Rise in nats after which a silence that was not odd enough is looked at again.
const AGAIN_NATS: f64 = 0.4;
/// How far ahead a silence is thought of: beyond, weekly bots would be due again.
const AHEAD_HOURS: i32 = 24 * 9;
/// Other bots that must have been due before one is told of. Fewer: the first bot of a silent fleet is told of by
/// itself.
const OTHERS_MIN: usize = 5;
/// The longest wait for them. Longer: a silence at night, when few are due, is told later.
const WAIT_MAX: Span = Span::from_hours(5);
/// Time between two looks while it waits.
const WAIT: Span = Span::HOUR;
/// Stretch before the silence in which others must have been due.
const BEFORE: Span = Span::from_hours(3);
/// Bots that are asked whether they are silent, too.
const ASKED_MAX: usize = 4096;
/// Chance of an empty stretch up to which a bot counts as due. Larger: bots that often rest hide that one was stopped.
const DUE_P_MAX: f64 = 0.12;
/// Comparable stretches that say so. Fewer: who was away once was never due.
const COMPARED_MIN: f64 = 3.0;
/// The same where the bot that is missed has no more, as on the third Sunday of a fleet.
const COMPARED_FEW: f64 = 1.0;
/// Share of those that were due which makes a common cause. Larger: outages of a part of a circle are told bot by bot.
const COMMON_SHARE: f64 = 0.2;
/// The same for those of a time zone: a holiday, which is all that they have in common, silences most of them.
const ZONE_SHARE: f64 = 0.5;
/// Least number of others that makes one. One alone may be a second bot that was stopped.
const COMMON_MIN: usize = 2;
/// Probability of so many silent ones by chance, up to which it is no chance. Larger: a few that rest hide the one that
/// was stopped.
const COMMON_P_MAX: f64 = 0.01;
/// Time for which a common cause is not told again. Shorter: an outage of a day is told twice.
const COMMON_QUIET: Span = Span::from_hours(20);

/// A silence with what it came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub trace: Trace,
    pub since: Timestamp,
    pub p: f64,
    pub severity: Severity,
    pub daily_rate: f64,
}

/// Others of the tenant that were due, and how many of them are silent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Others {
    pub due: usize,
    pub silent: usize,
    /// How many of them are silent by chance.
    by_chance: f64,
    /// Share of silent ones that is no matter of one bot.
    share_min: f64,
}

fn hour(local: Local) -> i32 {
    local.day * 24 + i32::from(local.minute) / 60
}

/// A session begins: the gap before it is history, what was told of it is over, so that what the bot does now is a story
/// of its own, and the timer is set if none is.
pub(super) fn resumed(engine: &mut Engine, at: u32, event: &Event, output: &mut Output) {
    let bot = &engine.bots[at as usize];
    let local = engine.zones[usize::from(bot.zone)].1.local(event.ts);
    let gap = since(engine, at, event.ts).map(|last| {
        let to = hour(local).min(last + AHEAD_HOURS);
        traced(engine, at, (last + 1, to), event.ts)
    });
    let told = bot.watch.is_told();
    if told {
        output.alerts.extend(engine.book.end(&bot.tenant, &bot.bot, Dimension::Absence));
    }
    // A gap that an announced change of the schedule makes says as little about the gaps to come as one that was told.
    let doubted = told || bot.windows.new_times(event.ts);
    let trust = if doubted { engine.profile.learn.trust_page } else { 1.0 };
    let mature = engine.mature(&bot.baseline);
    if let (Some(gap), Some(verdicts)) = (gap, &mut output.verdicts) {
        let p_values = vec![(Dimension::Absence, verdict(engine, at, event.ts, gap))];
        verdicts.push(Verdict { p_values, ..judge::verdict_on(engine, at, Judged::Silence, event.ts) });
    }
    let bot = &mut engine.bots[at as usize];
    if let Some(gap) = gap {
        bot.baseline.peaks.note(ABSENCE, gap.nats, trust);
    }
    if bot.watch.odd.take().is_some_and(|odd| odd.hidden) {
        // It stood at the end of the suppression.
        bot.watch.due = None;
    }
    bot.baseline.begin(local);
    if bot.watch.due.is_none() && mature {
        set(engine, at, event.ts, LOOK_NATS);
    }
}

/// The p-value of a silence that is over, for those who measure what p-values mean; none where nothing would be told of it.
fn verdict(engine: &mut Engine, at: u32, now: Timestamp, gap: Trace) -> Option<f64> {
    // What is not looked at is not odd.
    if gap.nats < LOOK_NATS {
        return Some(1.0);
    }
    let bot = &engine.bots[at as usize];
    let odd = bot.watch.odd.as_deref();
    // No timer stood for a bot that was too young when it fell silent.
    if (bot.watch.due.is_none() && odd.is_none()) || bot.windows.new_times(now) {
        return None;
    }
    let (p, since) = (p_of(engine, bot, gap.nats), odd.map_or(now, |odd| odd.since));
    // While it waits for others, it is not known yet whether they have the same cause.
    let common = match odd {
        Some(odd) if odd.told => !odd.alone,
        _ => circles(engine, at, since, now).iter().any(Others::are_silent),
    };
    (!common).then_some(p)
}

/// Sets the timer at the first hour after `now` at which silence would have so many nats.
fn set(engine: &mut Engine, at: u32, now: Timestamp, nats_min: f64) {
    let bot = &engine.bots[at as usize];
    let local = engine.zones[usize::from(bot.zone)].1.local(now);
    let this = hour(local);
    let due = since(engine, at, now).and_then(|last| {
        let trace = bot.baseline.presence.trace(last + 1, last + AHEAD_HOURS, this + 1, nats_min);
        (trace.nats >= nats_min && trace.to > this).then_some(trace.to)
    });
    let into_hour = Span::from_micros(now.as_micros().rem_euclid(Span::HOUR.as_micros()));
    let due = due.map(|to| now - into_hour + Span::from_hours(i64::from(to - this)));
    engine.bots[at as usize].watch.due = due;
    engine.timers.extend(due.map(|due| (due, (at, SILENCE))));
}

/// The timer of a bot's silence is due.
pub(super) fn due(engine: &mut Engine, at: u32, now: Timestamp, output: &mut Output) {
    if engine.bots[at as usize].watch.due != Some(now) {
        return;
    }
    engine.bots[at as usize].watch.due = None;
    let (found, nats) = look(engine, at, now);
    let Some(found) = found else {
        set(engine, at, now, LOOK_NATS.max(nats + AGAIN_NATS));
        return;
    };
    let odd = engine.bots[at as usize]
        .watch
        .odd
        .get_or_insert_with(|| Box::new(OddSilence { since: now, ..OddSilence::default() }));
    if odd.told && !odd.hidden {
        return;
    }
    let since = odd.since;
    // A silence that has just become odd waits whatever the others do.
    let circles = (now != since).then(|| circles(engine, at, since, now));
    let is_asked = |circles: &Vec<Others>| {
        // While nobody of its time zone has come yet, it may be the first hour of a holiday there.
        let is_work_day = circles[ZONE].is_at_work();
        let asked = is_work_day && circles.iter().any(|others| others.due >= OTHERS_MIN);
        asked || now - since >= WAIT_MAX
    };
    let Some(circles) = circles.filter(is_asked) else {
        let again = now + WAIT;
        engine.bots[at as usize].watch.due = Some(again);
        engine.timers.set(again, (at, SILENCE));
        return;
    };
    let common = circles.into_iter().find(Others::are_silent);
    let alone = common.is_none();
    let hidden = match common {
        None => judge::silence(engine, at, now, &found, None, output),
        Some(others) => {
            let news = engine.fleet.tell_common(&engine.bots[at as usize].tenant, now, COMMON_QUIET);
            if news { judge::silence(engine, at, now, &found, Some(others), output) } else { None }
        }
    };
    let watch = &mut engine.bots[at as usize].watch;
    watch.odd = Some(Box::new(OddSilence { since, told: true, hidden: hidden.is_some(), alone }));
    // Who is still silent when the suppression ends is told of then.
    watch.due = hidden;
    engine.timers.extend(hidden.map(|until| (until, (at, SILENCE))));
}

/// Those that work alike, the tenant, those of the same time zone, everybody: whichever circle is silent is the cause.
/// Since shortly before, and over the day: in the night behind a holiday nobody is due, and all were in its day.
fn circles(engine: &mut Engine, at: u32, since: Timestamp, now: Timestamp) -> Vec<Others> {
    let before = [since - BEFORE, (now - Span::DAY).min(since - BEFORE)];
    let circles = before.into_iter().flat_map(|from| CIRCLES.map(|circle| (from, circle)));
    circles.map(|(from, circle)| others(engine, at, from, now, circle)).collect()
}

impl Others {
    /// Whether most of those that were due are at work.
    fn is_at_work(&self) -> bool {
        self.due > 0 && (self.silent as f64) < ZONE_SHARE * self.due as f64
    }

    /// Whether so many of them are silent that it is no matter of one bot.
    fn are_silent(&self) -> bool {
        let many = self.silent >= COMMON_MIN && self.silent as f64 >= self.share_min * self.due as f64;
        let chance = || Poisson::new(self.by_chance).map_or(0.0, |counts| counts.sf(self.silent as u64 - 1));
        self.due >= OTHERS_MIN && many && chance() <= COMMON_P_MAX
    }
}

/// Whether a bot's silence is odd enough to tell, and its nats.
fn look(engine: &Engine, at: u32, now: Timestamp) -> (Option<Found>, f64) {
    let bot = &engine.bots[at as usize];
    let to = hour(engine.zones[usize::from(bot.zone)].1.local(now));
    let Some(last) = since(engine, at, now).filter(|last| *last < to) else { return (None, 0.0) };
    let trace = traced(engine, at, (last + 1, to), now);
    let nats = trace.nats;
    // An announced change of the schedule explains one run that is missed, and not the next as well.
    let shifted = nats < SHIFTED_NATS && bot.windows.new_times(now);
    if nats < LOOK_NATS || rests(engine, at, now) || shifted || !engine.mature(&bot.baseline) {
        return (None, nats);
    }
    let p = p_of(engine, bot, nats);
    let daily_rate = p * bot.baseline.active_share();
    let severity = decide::severity(daily_rate, engine.settings.page_rate_per_bot_day, &engine.profile.decide);
    let found = severity.filter(|severity| severity.pages()).map(|severity| Found {
        trace,
        since: now - Span::from_hours(i64::from(to - last - 1)),
        p,
        severity: severity.min(Severity::High),
        daily_rate,
    });
    (found, nats)
}

/// Probability that the greatest silence of a bot's day is as odd: the worse of its own record and of all bots'.
fn p_of(engine: &Engine, bot: &BotState, nats: f64) -> f64 {
    let odd = bot.baseline.oddness(ABSENCE, nats);
    engine.fleet.silences(bot.baseline.days, bot.baseline.is_steady()).p_value(odd).max((-odd).exp())
}

/// How odd the silence of these hours is. An hour that the bot's clock left out was no silence. Where nobody said in which
/// zone a bot lives, and one of the clocks that most go by was changed within the record, its hours may have moved with it.
/// The least odd of both readings counts.
fn traced(engine: &Engine, at: u32, (from, to): (i32, i32), now: Timestamp) -> Trace {
    let bot = &engine.bots[at as usize];
    let trace = |(from, to): (i32, i32)| bot.baseline.presence.trace(from, to, 0, f64::INFINITY);
    let usual = trace((from, to));
    if usual.nats < LOOK_NATS {
        return usual;
    }
    let shift = |clock: &Zone, before: Timestamp| hour(clock.local(now)) - hour(clock.local_as_of(now, before));
    let mut others: SmallVec<[(i32, i32); CLOCKS.len()]> = SmallVec::new();
    if engine.is_zoned(at) {
        let began = now - Span::from_hours(i64::from(to - from + 1));
        let left_out = shift(&engine.zones[usize::from(bot.zone)].1, began);
        others.extend([(from, to - left_out), (from + left_out, to)].into_iter().filter(|_| left_out > 0));
    } else {
        let before = now - Span::from_days(i64::from(engine.settings.baseline_days));
        let moved = engine.clocks.iter().map(|clock| shift(clock, before)).filter(|shift| *shift != 0);
        others.extend(moved.map(|shift| (from + shift, to + shift)));
    }
    others.into_iter().map(trace).fold(usual, |least, other| if other.nats < least.nats { other } else { least })
}

/// The hour behind which a bot counts as silent: of its last session, or the last of a stretch in which it may rest.
fn since(engine: &Engine, at: u32, now: Timestamp) -> Option<i32> {
    let bot = &engine.bots[at as usize];
    let last = bot.baseline.last_begin?;
    if engine.settings.calendar.0.is_empty() {
        return Some(last);
    }
    let rest = engine.settings.calendar.rest(hidden::whom(engine, at), &bot.baseline.week, now);
    Some(rest.map_or(last, |rest| last.max(hour(engine.zones[usize::from(bot.zone)].1.local(rest)) - 1)))
}

/// Whether the registry says that a bot need not be at work.
fn rests(engine: &Engine, at: u32, now: Timestamp) -> bool {
    engine
        .record(at)
        .is_some_and(|record| record.status != BotStatus::Active || record.expires_at.is_some_and(|end| end <= now))
}

/// Which other bots are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circle {
    Cohort,
    Tenant,
    /// Holidays are of a country, and of those that rest on weekends: what runs on Sundays runs on holidays, too.
    Zone,
    All,
}

const CIRCLES: [Circle; 4] = [Circle::Cohort, Circle::Tenant, Circle::Zone, Circle::All];
/// Place of the time zone among them.
const ZONE: usize = 2;

impl Circle {
    /// Whether it reaches beyond the tenant.
    fn is_wide(self) -> bool {
        matches!(self, Self::Zone | Self::All)
    }
}

/// What circles answered at one instant. On a holiday all of a circle are silent, and each asks the same of all others.
#[derive(Debug, Default)]
pub(super) struct Asked {
    at: Option<Timestamp>,
    answers: Vec<(Question, Answer)>,
}

/// Who of a circle is silent since when.
#[derive(Clone, Debug, PartialEq)]
struct Question {
    circle: Circle,
    tenant: Text,
    cohort: u8,
    /// The time zone, and whether those that rest on weekends are asked or those that do not.
    zone: Option<(u16, bool)>,
    from: Timestamp,
    /// Comparable stretches of a bot that count.
    compared_min: f64,
}

/// The circle with whoever asks, as far as it was asked.
#[derive(Clone, Copy, Debug)]
struct Answer {
    all: Others,
    last: u32,
}

impl Asked {
    /// A bot came, or what is known of one has changed.
    pub(super) fn forget(&mut self) {
        self.answers.clear();
    }

    fn answer(&mut self, at: Timestamp, question: &Question) -> Option<Answer> {
        if self.at != Some(at) {
            self.at = Some(at);
            self.forget();
        }
        self.answers.iter().find(|(known, _)| known == question).map(|(_, answer)| *answer)
    }
}

/// The other bots that were due in a stretch of time.
fn others(engine: &mut Engine, at: u32, from: Timestamp, to: Timestamp, circle: Circle) -> Others {
    let bot = &engine.bots[at as usize];
    if circle == Circle::Cohort && bot.cohort == COHORT_NONE {
        return Others::default();
    }
    let zone = (circle == Circle::Zone).then(|| (bot.zone, rests_on_weekends(&bot.baseline.week)));
    let tenant = if circle.is_wide() { Text::default() } else { bot.tenant.clone() };
    let cohort = if circle == Circle::Cohort { bot.cohort } else { COHORT_NONE };
    let (began, ends) = stretch(engine, bot, from, to);
    let few = bot.baseline.presence.silence(began, ends).is_some_and(|own| own.compared < COMPARED_MIN);
    let compared_min = if few { COMPARED_FEW } else { COMPARED_MIN };
    let question = Question { circle, tenant, cohort, zone, from, compared_min };
    let Answer { mut all, last } = if let Some(known) = engine.asked.answer(to, &question) {
        known
    } else {
        let answer = ask(engine, &question, to);
        engine.asked.answers.push((question, answer));
        answer
    };
    if at <= last
        && let Some((silent, p)) = missed(engine, &engine.bots[at as usize], from, to, compared_min)
    {
        all.due -= 1;
        all.silent -= usize::from(silent);
        all.by_chance = (all.by_chance - p).max(0.0);
    }
    all
}

/// Asks a circle.
fn ask(engine: &Engine, question: &Question, to: Timestamp) -> Answer {
    let (bots, circle) = (&engine.bots, question.circle);
    let all = bots.iter().enumerate().map(|(number, bot)| (number as u32, bot));
    let all = Some(all).filter(|_| circle.is_wide()).into_iter().flatten();
    let own = Some(bots.of_tenant(&question.tenant)).filter(|_| !circle.is_wide()).into_iter().flatten();
    let near = |(_, bot): &(u32, &BotState)| match circle {
        Circle::Cohort => bot.cohort == question.cohort,
        Circle::Zone => question
            .zone
            .is_some_and(|(zone, rests)| zone == bot.zone && rests == rests_on_weekends(&bot.baseline.week)),
        Circle::Tenant | Circle::All => true,
    };
    let share_min = if circle == Circle::Zone { ZONE_SHARE } else { COMMON_SHARE };
    let mut answer = Answer { all: Others { share_min, ..Others::default() }, last: 0 };
    for (number, bot) in all.chain(own).filter(near).take(ASKED_MAX) {
        answer.last = number;
        if let Some((silent, p)) = missed(engine, bot, question.from, to, question.compared_min) {
            answer.all.due += 1;
            answer.all.silent += usize::from(silent);
            answer.all.by_chance += p;
        }
    }
    answer
}

/// The hours of a stretch of time in a bot's own zone.
fn stretch(engine: &Engine, bot: &BotState, from: Timestamp, to: Timestamp) -> (i32, i32) {
    let zone = &engine.zones[usize::from(bot.zone)].1;
    (hour(zone.local(from)), hour(zone.local(to)))
}

/// Whether a bot was silent in a stretch in which it was due, and the chance of that; `None` if it was not due, or is
/// silent for a reason of its own, as was told.
fn missed(engine: &Engine, bot: &BotState, from: Timestamp, to: Timestamp, compared_min: f64) -> Option<(bool, f64)> {
    if bot.watch.odd.as_ref().is_some_and(|odd| odd.alone) {
        return None;
    }
    let (from, to) = stretch(engine, bot, from, to);
    let presence = &bot.baseline.presence;
    let usual = presence.silence(from, to).filter(|usual| usual.compared >= compared_min && usual.p <= DUE_P_MAX)?;
    // A session is on record once it is over; one that has just begun is work as well.
    let begun = bot.baseline.last_begin.is_some_and(|last| last >= from);
    Some((!begun && presence.busy(from, to) == 0, usual.p))
}
