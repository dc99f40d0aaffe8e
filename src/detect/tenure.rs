//! Where the ledger of what a bot may do, and what the registry says of it, meet the engine.

use super::broken;
use super::engine::{Engine, Output};
use super::entitlement::{Entitlements, Grant, Once, Owed, Use, Vocabulary};
use super::hidden::Word;
use super::policy::lifecycle::{self, Environment, Waking};
use super::policy::{Breach, standing};
use super::profile::LifecycleProfile;
use crate::event::{Event, Kind, Outcome, normalize, same};
use crate::registry::BotRecord;
use crate::time::{Span, Timestamp};

/// A day since 1970 as ledgers keep it.
pub(super) fn day(at: Timestamp) -> u16 {
    at.day_utc().clamp(1, i64::from(u16::MAX)) as u16
}

/// Counts what a bot does in its ledger, and tells what the registry has against it.
pub(super) fn exercise(
    engine: &mut Engine,
    at: u32,
    event: &Event,
    key: u64,
    endpoint: Option<&str>,
    output: &mut Output,
) {
    let bot = &mut engine.bots[at as usize];
    let before = (bot.entitlements.days, bot.entitlements.last_day, bot.entitlements.first_day);
    let week_over = bot.entitlements.roll(day(event.ts), &engine.profile.entitlement);
    let mut news;
    let mut breaches = Vec::new();
    if event.outcome == Outcome::Denied {
        news = wanted(&bot.entitlements, &engine.names, event);
    } else {
        let role = event.role.as_deref();
        // What failed would be refused without its role.
        let failed = role.filter(|_| event.outcome == Outcome::Error).and_then(|_| normalize::endpoint(event));
        let session = bot.sessions.iter().find(|session| session.key == key);
        let shown = |name| session.is_some_and(|session| session.roles.iter().any(|(known, _)| same(known, name)));
        let used = Use {
            day: day(event.ts),
            minute: event.ts.as_micros().div_euclid(Span::MINUTE.as_micros()) as u32,
            role,
            system: event.system.as_deref(),
            work: endpoint.or(failed.as_deref()).or_else(|| role.map(|_| event.type_name())),
            session: event.session.as_deref(),
            first: role.is_some_and(|name| !shown(name)),
        };
        let noted = bot.entitlements.exercise(&used, &mut engine.names, &engine.profile.entitlement);
        engine.stats.limited += noted.limited;
        let system = event.system.as_deref().filter(|_| noted.system);
        news = News { system, role: role.filter(|_| noted.role), trial: system };
        if bot.entitlements.owes() {
            news = owed(&mut bot.entitlements, &engine.names, event, news);
        }
        if let Some((silent_days, gap_max)) = noted.silence {
            let (days, last_day, first_day) = before;
            let waking = Waking { silent_days, gap_max, days, span_days: last_day - first_day + 1 };
            let own = engine.tuned(at, event.ts);
            let record = engine.record(at);
            let profile = &own.as_deref().unwrap_or(&engine.profile).lifecycle;
            breaches.extend(record.and_then(|record| lifecycle::dormant(record, waking, profile)));
        }
    }
    if !engine.registry.is_empty() {
        breaches.extend(registered(engine, at, event, news));
    }
    tell(engine, at, event, breaches, week_over, output);
}

/// Tells what an event broke, and what the week that it ends shows.
fn tell(engine: &mut Engine, at: u32, event: &Event, mut breaches: Vec<Breach>, week_over: bool, output: &mut Output) {
    let hushes = week_over && engine.hushes();
    let before = hushes.then(|| engine.bots[at as usize].entitlements.clone());
    if week_over {
        let own = engine.tuned(at, event.ts);
        let profile = own.as_deref().unwrap_or(&engine.profile);
        let record = engine.bots[at as usize].record.and_then(|number| engine.registry.record(number));
        let ledger = &mut engine.bots[at as usize].entitlements;
        breaches.extend(standing::weekly(ledger, &engine.names, record, event.ts, profile));
    }
    // The most telling first: the others are evidence in its story.
    breaches.sort_by(|a, b| b.score.total_cmp(&a.score));
    for breach in breaches {
        let rule = breach.reason.detector.clone();
        if broken::rule(engine, at, event, breach, output) != Word::Said {
            untell(engine, at, event, &rule, before.as_ref());
        }
    }
}

/// A rule that speaks once spoke where nobody hears it: it is to speak again. `before` is the ledger before this week.
fn untell(engine: &mut Engine, at: u32, event: &Event, rule: &str, before: Option<&Entitlements>) {
    let (ledger, names) = (&mut engine.bots[at as usize].entitlements, &engine.names);
    let system = event.system.as_deref().and_then(|name| names.systems.find(name));
    match (rule, before) {
        ("unregistered_bot", _) => ledger.untell_once(Once::Unregistered),
        ("no_owner", _) => ledger.untell_once(Once::NoOwner),
        ("test_identity", _) => {
            ledger.untell_once(Once::TestIdentity);
            ledger.owe(system.map(Owed::Trial));
        }
        ("unregistered_system", _) => {
            ledger.outside_told = ledger.outside_told.saturating_sub(1);
            ledger.owe(system.map(Owed::System));
        }
        ("unregistered_role", _) => {
            ledger.outside_told = ledger.outside_told.saturating_sub(1);
            ledger.owe(event.role.as_deref().and_then(|name| names.roles.find(name)).map(Owed::Role));
        }
        ("privilege_creep", Some(before)) => ledger.weeks = before.weeks,
        ("elevation_kept", Some(before)) => ledger.tell_grants_as(before),
        ("standing_privilege", Some(before)) => {
            for (held, was) in ledger.roles.iter_mut().zip(&before.roles) {
                held.idle_told = was.idle_told;
            }
        }
        // It speaks of each waking.
        _ => {}
    }
}

/// What the bot shows for the first time, or for the first time that somebody may hear of it.
#[derive(Clone, Copy, Debug)]
struct News<'a> {
    system: Option<&'a str>,
    role: Option<&'a str>,
    /// The system as one that a bot for trials may have no business with.
    trial: Option<&'a str>,
}

/// What was refused was not done; it says all the more where the bot wanted to go.
fn wanted<'a>(ledger: &Entitlements, names: &Vocabulary, event: &'a Event) -> News<'a> {
    let known = |name: &str| names.systems.find(name).is_some_and(|number| ledger.knows_system(number));
    let held = |name: &str| names.roles.find(name).is_some_and(|number| ledger.knows_role(number));
    let system = event.system.as_deref().filter(|name| !known(name));
    News { system, role: event.role.as_deref().filter(|name| !held(name)), trial: system }
}

/// What nobody heard of is news once more on a later day.
fn owed<'a>(ledger: &mut Entitlements, names: &Vocabulary, event: &'a Event, news: News<'a>) -> News<'a> {
    let (system, role) = (event.system.as_deref(), event.role.as_deref());
    let at = system.and_then(|name| names.systems.find(name));
    let held = role.and_then(|name| names.roles.find(name));
    News {
        system: news.system.or(system.filter(|_| ledger.pay(at.map(Owed::System)))),
        role: news.role.or(role.filter(|_| ledger.pay(held.map(Owed::Role)))),
        trial: news.trial.or(system.filter(|_| ledger.pay(at.map(Owed::Trial)))),
    }
}

/// What the registry has against an event.
fn registered(engine: &mut Engine, at: u32, event: &Event, news: News<'_>) -> Vec<Breach> {
    let own = engine.tuned(at, event.ts);
    let bot = &engine.bots[at as usize];
    let Some(record) = bot.record.and_then(|number| engine.registry.record(number)) else {
        let tenant =
            if bot.entitlements.was_told(Once::Unregistered) { None } else { engine.registry.tenant(&bot.tenant) };
        let least = own.as_deref().unwrap_or(&engine.profile).lifecycle.registered_min;
        let Some(tenant) = tenant.filter(|tenant| tenant.bots >= least) else { return Vec::new() };
        engine.bots[at as usize].entitlements.tell_once(Once::Unregistered);
        return vec![lifecycle::unregistered(event, tenant)];
    };
    let unowned = !record.has_owner() && !bot.entitlements.was_told(Once::NoOwner);
    let News { system, role, trial } = news;
    let news = system.or(role).or(trial).is_some();
    if !unowned && !news {
        return Vec::new();
    }
    let profile = &own.as_deref().unwrap_or(&engine.profile).lifecycle;
    let mut breaches = Vec::new();
    if unowned && let Some(tenant) = engine.registry.tenant(&bot.tenant) {
        breaches.extend(lifecycle::ownerless(tenant, profile));
        engine.bots[at as usize].entitlements.tell_once(Once::NoOwner);
    }
    if !news {
        return breaches;
    }
    let test = trial.and_then(|system| in_production(engine, at, record, system, profile));
    let ledger = &engine.bots[at as usize].entitlements;
    let roles = &engine.names.roles;
    let granted = |name: &str| roles.find(name).is_some_and(|number| ledger.is_granted(number));
    let outside = system.and_then(|system| lifecycle::outside_system(system, record)).into_iter();
    let outside = outside
        .chain(role.filter(|role| !granted(role)).and_then(|role| lifecycle::outside_role(role, record)))
        .take(usize::from(profile.outside_max.saturating_sub(ledger.outside_told)));
    let outside: Vec<Breach> = outside.collect();
    let ledger = &mut engine.bots[at as usize].entitlements;
    ledger.outside_told += outside.len() as u8;
    breaches.extend(outside);
    if let Some(test) = test
        && ledger.tell_once(Once::TestIdentity)
    {
        breaches.push(test);
    }
    breaches
}

/// Whether a bot for trials works with a system that is one of production: several of its bots have used it for long, and
/// nobody else has.
fn in_production(
    engine: &Engine,
    at: u32,
    record: &BotRecord,
    system: &str,
    profile: &LifecycleProfile,
) -> Option<Breach> {
    let bot = &engine.bots[at as usize];
    let told = bot.entitlements.was_told(Once::TestIdentity);
    if told || Environment::of(record, profile) != Environment::Test {
        return None;
    }
    let (number, oldest) =
        (engine.names.systems.find(system)?, day(bot.newest).saturating_sub(profile.production_days_min));
    let mut bots = 0;
    for (other, user) in engine.bots.of_tenant(&bot.tenant) {
        if other == at || !user.entitlements.knows_system(number) {
            continue;
        }
        let of = user.record.and_then(|number| engine.registry.record(number));
        match of.map(|record| Environment::of(record, profile)) {
            Some(Environment::Production) => bots += usize::from(user.entitlements.first_day <= oldest),
            // One that was told of already does not excuse the next.
            Some(Environment::Test) if user.entitlements.was_told(Once::TestIdentity) => {}
            _ => return None,
        }
    }
    let environment = record.environment.as_deref().unwrap_or_default();
    (bots >= profile.production_bots_min).then(|| lifecycle::test_in_production(system, environment, bots))
}

/// A week is over: names that no bot keeps any more go.
pub(super) fn forget_names(engine: &mut Engine) {
    let ledgers = || engine.bots.iter().map(|bot| &bot.entitlements);
    engine.names.systems.retain(ledgers().flat_map(|ledger| ledger.work.iter().map(|work| u32::from(work.system))));
    engine.names.roles.retain(ledgers().flat_map(|ledger| ledger.roles.iter().map(|held| held.name)));
}

/// Takes a change of roles in, and tells of a stranger who made it.
pub(super) fn grant(engine: &mut Engine, at: u32, event: &Event, output: &mut Output) {
    let Kind::Grant(change) = &event.kind else { return };
    let added = change.change.as_deref() != Some("removed");
    // A bot that works once a month is given roles in between: its weeks end with those as well.
    let week_over = engine.bots[at as usize].entitlements.roll(day(event.ts), &engine.profile.entitlement);
    tell(engine, at, event, Vec::new(), week_over, output);
    if let Some(role) = &change.role {
        let ticket = event.ticket().map(Into::into);
        let ledger = &mut engine.bots[at as usize].entitlements;
        engine.stats.limited += match engine.names.roles.number(role) {
            Some(name) => {
                let (at, by, removed) = (event.ts, change.by.clone(), !added);
                let grant = Grant { name, at, by, ticket, removed, ..Grant::default() };
                ledger.granted(grant, &engine.profile.entitlement)
            }
            None => 1,
        };
    }
    // Whoever answers for a bot is no stranger to it, and says nothing of whether strangers give roles here.
    let owned = |by: &str| engine.record(at).is_some_and(|record| record.is_owned_by(by));
    let Some(by) = change.by.as_deref().filter(|by| added && !owned(by)) else { return };
    let own = engine.tuned(at, event.ts);
    let profile = &own.as_deref().unwrap_or(&engine.profile).entitlement;
    let circle = engine.granters.note(&event.tenant, by, day(event.ts), profile);
    if let Some(circle) = circle {
        broken::rule(engine, at, event, standing::stranger(event, by, circle), output);
    }
}
