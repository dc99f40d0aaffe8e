//! What is learned of a judged session, as much as the verdict allows.

use super::baseline::{FULL, KIN_ASKED_MAX, Trust};
use super::bot::{BotState, Known};
use super::decide;
use super::engine::Engine;
use super::familiar;
use super::feature::Session;
use super::firsts::First;
use super::fleet::Fleet;
use super::score::{BY_SESSION, Judgment, ORDER, Why};
use crate::alert::Severity;
use crate::time::Local;

/// Learns a judged session: what looked wrong lightly, what an announced change or many days explain in full.
pub(super) fn learn(
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
    note_firsts(&mut engine.fleet, bot, session, judgment);
    bot.baseline.note_overlap(judgment.overlap, trust);
    if trust >= FULL && !by_hand {
        bot.baseline.presence.note(start.day * 24 + i32::from(start.minute) / 60);
        engine.asked.forget();
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
    if trust >= FULL {
        let (day, tenant) = (session.newest.day_utc(), &bot.tenant);
        for host in &session.hosts {
            engine.fleet.learn(tenant, host, at, day);
            for whose in [tenant.as_str(), familiar::EVERYBODY] {
                engine.fleet.host_kinds.learn(whose, familiar::kind(host), day);
            }
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
    let numbers = baseline.graph.numbers(session);
    let new = || session.endpoints.iter().zip(&numbers).filter(|(_, number)| number.is_none()).map(|(name, _)| name);
    new().for_each(|name| fleet.operations.learn_new(tenant, name, trust));
    for name in new().rev().take(KIN_ASKED_MAX) {
        fleet.operations.learn_foreign(tenant, !baseline.graph.knows_kin(name), trust);
    }
}

/// Further odd steps beside a new one that an accident explains: two steps that changed places are three.
const FURTHER_MAX: u16 = 2;
/// Weight of days with sessions at once on different hosts, above which one more is no first.
const AT_ONCE_KNOWN: f32 = 0.5;

/// Counts what the bot did for the first time, as accidents go.
fn note_firsts(fleet: &mut Fleet, bot: &BotState, session: &Session, judgment: &Judgment) {
    let (baseline, tenant) = (&bot.baseline, &bot.tenant);
    let Some((daily, _)) = baseline.daily_sessions().filter(|_| baseline.days >= familiar::DAYS_MIN) else { return };
    let new_step = match judgment.scores[ORDER].why {
        Why::OddStep { new: Some(_), more, .. } => (more <= FURTHER_MAX).then_some(true),
        _ => Some(false),
    };
    if let Some(new_step) = new_step.filter(|_| !session.endpoints.is_empty() && !judgment.excused[ORDER]) {
        fleet.firsts.learn(tenant, First::Step, baseline.graph.sessions(), new_step);
    }
    let own = session.hosts.iter().all(|host| baseline.hosts.knows(host)) && baseline.hosts.values().count() > 1;
    if own && baseline.overlaps[1] < AT_ONCE_KNOWN {
        fleet.firsts.learn(tenant, First::AtOnce, daily, judgment.overlap == Some(true));
    }
}
