//! Where cohorts meet the engine: found anew once a week of event time, asked about bots that are too young to be judged
//! by their own record, and told of where a bot no longer behaves like its like.
//!
//! All that comes of it is for the archive (`low` or `info`): that others do not do so is a hint, and no proof.

use super::bot::BotState;
use super::cluster::{COHORT_NONE, Member};
use super::engine::{Engine, Output};
use super::explain;
use super::feature::Session;
use super::judge;
use crate::alert::{Finding, Severity};
use crate::time::Timestamp;

/// Chance of a young bot's session in its cohort under which it is told of.
const YOUNG_P: f64 = 1e-4;
/// Score of a young bot that is unlike its cohort: for the archive.
const SCORE_YOUNG: f64 = 25.0;
/// Score of a bot that has left its cohort: for the archive.
const SCORE_LEFT: f64 = 15.0;

/// A week is over: who is like whom now?
pub(super) fn refit(engine: &mut Engine, now: Timestamp, output: &mut Output) {
    let member = |(at, bot): (usize, &BotState)| {
        let traits = bot.baseline.traits(bot.newest, now)?;
        Some(Member { bot: at as u32, cohort: bot.cohort, traits })
    };
    let members: Vec<Member> = engine.bots.iter().enumerate().filter_map(member).collect();
    let (assigned, left) = engine.fleet.cohorts.fit(&members);
    let told: Vec<u32> = left.into_iter().filter(|&at| engine.mature(&engine.bots[at as usize].baseline)).collect();
    for (at, cohort) in assigned {
        engine.bots[at as usize].cohort = cohort;
    }
    for at in told {
        let bot = &engine.bots[at as usize];
        let (ts, account) = (bot.newest, explain::left_cohort());
        let finding = Finding { ts, severity: Severity::Info, score: SCORE_LEFT, ..judge::about(engine, at, account) };
        judge::raise(engine, finding, ts, output);
    }
}

/// Counts a trusted session among those of the bot's cohort.
pub(super) fn learn(engine: &mut Engine, at: u32, totals: [f64; 4]) {
    let cohort = engine.bots[at as usize].cohort;
    if cohort != COHORT_NONE {
        engine.fleet.cohorts.learn(cohort, totals);
    }
}

/// Holds a session of a bot that is not judged yet against what its cohort moves.
pub(super) fn young(engine: &mut Engine, at: u32, session: &Session, totals: [f64; 4], output: &mut Output) {
    let bot = &engine.bots[at as usize];
    let cohort = match bot.baseline.traits(session.newest, session.newest) {
        _ if bot.cohort != COHORT_NONE => bot.cohort,
        Some(traits) => engine.fleet.cohorts.nearest(&traits),
        None => return,
    };
    let Some((p, measure)) = engine.fleet.cohorts.p_volume(cohort, totals).filter(|(p, _)| *p <= YOUNG_P) else {
        return;
    };
    let today = bot.baseline.today;
    let account = explain::young(measure, totals[measure], p);
    if !engine.bots[at as usize].say(account.keys.first().copied().unwrap_or(0), today) {
        return;
    }
    let finding = Finding {
        session: session.id.as_ref().map(ToString::to_string),
        ts: session.newest,
        severity: Severity::Low,
        score: SCORE_YOUNG,
        p_value: Some(p),
        events: session.evidence.iter().map(ToString::to_string).collect(),
        event_count: session.events,
        ..judge::about(engine, at, account)
    };
    judge::raise(engine, finding, session.newest, output);
}
