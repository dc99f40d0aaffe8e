//! What the registry and the ledger have against a bot, through the whole engine.

use super::*;

fn registry(text: &str) -> Registry {
    Registry::from_ndjson(text).expect("a registry")
}

/// The detector, the severity and the bot of each alert.
fn told(registry: Registry, events: impl IntoIterator<Item = Event>) -> Vec<(String, Severity, String)> {
    let (mut engine, mut output) = (Engine::new(Settings::default(), registry), Output::default());
    for event in events {
        engine.observe(event, &mut output);
    }
    let firing = output.alerts.into_iter().filter(|alert| alert.status == Status::Firing);
    let mut told = Vec::new();
    for alert in firing {
        let bot = alert.bot.clone().unwrap_or_default();
        told.extend(alert.reasons.into_iter().map(|reason| (reason.detector, alert.severity, bot.clone())));
    }
    told
}

/// A bot that moves time on each day, so that another one may sleep.
fn clock(days: i64) -> impl Iterator<Item = Event> {
    (0..days).map(|day| call("clock", at(day, 30), "clock", "clock"))
}

/// Events in order of time.
fn in_order(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events: Vec<Event> = events.into_iter().collect();
    events.sort_by_key(|event| event.ts);
    events
}

/// Those of one detector.
fn of(detector: &str, told: &[(String, Severity, String)]) -> Vec<(Severity, String)> {
    told.iter().filter(|(name, ..)| name == detector).map(|(_, severity, bot)| (*severity, bot.clone())).collect()
}

fn call(bot: &str, ts: Timestamp, system: &str, role: &str) -> Event {
    let rest = format!(r#""type":"call","system":"{system}","operation":"GET /","role":"{role}""#);
    Event { bot: bot.into(), ..event(&format!("{bot}-{ts}-{system}-{role}"), ts, &rest) }
}

fn grant(bot: &str, ts: Timestamp, role: &str, change: &str, by: &str) -> Event {
    let rest =
        format!(r#""type":"grant","grant":{{"role":"{role}","change":"{change}","by":"{by}","ticket":"CHG-1"}}"#);
    Event { bot: bot.into(), ..event(&format!("{bot}-{ts}-{role}-{change}"), ts, &rest) }
}

const LOW: Severity = Severity::Low;

#[test]
fn a_bot_that_the_registry_does_not_name_is_told_once_and_only_where_it_knows_the_tenant() {
    let events = |bot: &str| (0..5).map(|day| call(bot, at(day, 60), "crm", "reader")).collect::<Vec<_>>();
    let known = r#"{"tenant":"acme","bot":"payroll","owner":"ann"}"#;
    let named = |text: &str, bot: &str| of("unregistered_bot", &told(registry(text), events(bot)));
    assert_eq!(named(known, "shadow"), [(LOW, "shadow".to_owned())]);
    assert_eq!(named(known, "payroll"), []);
    assert_eq!(named(r#"{"tenant":"other","bot":"x"}"#, "shadow"), [], "nobody registers bots of this tenant");
    assert_eq!(named("", "shadow"), [], "there is no registry");
}

#[test]
fn a_bot_without_an_owner_is_told_once_where_others_have_one() {
    let events = || (0..5).map(|day| call("payroll", at(day, 60), "crm", "reader"));
    let without = r#"{"tenant":"acme","bot":"payroll"}"#;
    assert_eq!(of("no_owner", &told(registry(without), events())), []);
    let others = format!("{without}\n{{\"tenant\":\"acme\",\"bot\":\"b\",\"owner\":\"ann\"}}");
    assert_eq!(of("no_owner", &told(registry(&others), events())), [(LOW, "payroll".to_owned())]);
}

#[test]
fn what_is_outside_of_the_registered_is_told_once_for_each_up_to_a_bound() {
    let text = r#"{"tenant":"acme","bot":"payroll","owner":"ann","systems":["crm"],"roles":["reader"]}"#;
    let events = (0..20).flat_map(|day| {
        let other = format!("system-{}", day / 2);
        [call("payroll", at(day, 60), "CRM", "Reader"), call("payroll", at(day, 61), &other, "reader")]
    });
    let found = told(registry(text), events);
    assert_eq!(of("unregistered_system", &found).len(), 4, "{found:?}");
    let granted = [
        grant("payroll", at(0, 0), "writer", "added", "ann"),
        call("payroll", at(0, 60), "crm", "writer"),
        call("payroll", at(1, 60), "crm", "boss"),
        call("payroll", at(2, 60), "crm", "boss"),
    ];
    assert_eq!(of("unregistered_role", &told(registry(text), granted)), [(LOW, "payroll".to_owned())]);
}

#[test]
fn a_steady_worker_that_wakes_up_after_weeks_pages() {
    let text = r#"{"tenant":"acme","bot":"payroll","owner":"ann"}"#;
    let days = |last: std::ops::Range<i64>| {
        let work = (0..40).chain(last).map(|day| call("payroll", at(day, 60), "crm", "reader"));
        in_order(work.chain(clock(103)))
    };
    let found = |text: &str, last| of("dormant_awake", &told(registry(text), days(last)));
    assert_eq!(found(text, 100..103), [(Severity::Medium, "payroll".to_owned())]);
    assert_eq!(found(text, 60..63), []);
    assert_eq!(found("", 100..103), [], "nobody says that it should be at work");
}

#[test]
fn a_test_bot_on_a_system_of_production_is_told() {
    let bots: Vec<String> = ["p1", "p2", "p3", "t1", "t2"]
        .map(|bot| {
            let environment = if bot.starts_with('t') { "test" } else { "production" };
            format!(r#"{{"tenant":"acme","bot":"{bot}","owner":"ann","environment":"{environment}"}}"#)
        })
        .to_vec();
    let events = |others: &[&str]| {
        let work = |bot: &str| (0..20).map(|day| call(bot, at(day, 60), "ledger", "r")).collect::<Vec<_>>();
        in_order(others.iter().flat_map(|bot| work(bot)).chain([call("t1", at(20, 60), "ledger", "r")]))
    };
    let found = |others: &[&str]| of("test_identity", &told(registry(&bots.join("\n")), events(others)));
    assert_eq!(found(&["p1", "p2", "p3"]), [(LOW, "t1".to_owned())]);
    assert_eq!(found(&["p1", "p2"]), [], "two are few");
    assert_eq!(found(&["p1", "p2", "p3", "unknown"]), [], "others use it, too");
    assert_eq!(found(&["p1", "p2", "p3", "t2"]), [], "another one has always used it");
    let second = call("t2", at(21, 60), "ledger", "r");
    let both = told(registry(&bots.join("\n")), events(&["p1", "p2", "p3"]).into_iter().chain([second]));
    let both = of("test_identity", &both);
    assert_eq!(both, [(LOW, "t1".to_owned()), (LOW, "t2".to_owned())], "the first does not excuse the second");
}

#[test]
fn a_stranger_who_grants_is_told_where_a_circle_does() {
    let circle = (0..24).map(|n| grant("payroll", at(n, 0), &format!("r{n}"), "added", ["ann", "bob"][n as usize % 2]));
    let eve = grant("payroll", at(30, 0), "r99", "added", "eve");
    let found = told(Registry::default(), in_order(circle.chain([eve.clone()]).chain(clock(31))));
    assert_eq!(of("grant_by_stranger", &found), [(LOW, "payroll".to_owned())]);
    let anybody = (0..24).map(|n| grant("payroll", at(n, 0), &format!("r{n}"), "added", &format!("person-{n}")));
    assert_eq!(
        of("grant_by_stranger", &told(Registry::default(), in_order(anybody.chain([eve]).chain(clock(31))))),
        []
    );
}

#[test]
fn whoever_owns_a_bot_is_no_stranger_to_it_and_excuses_none() {
    let bots = |n: i64| format!(r#"{{"tenant":"acme","bot":"bot-{n}","owner":"owner-{n}"}}"#);
    let text: Vec<String> = (0..7).map(bots).collect();
    let circle = (0..24).map(|n| grant("bot-0", at(n, 0), &format!("r{n}"), "added", ["ann", "bob"][n as usize % 2]));
    let owners = (1..7).map(|n| grant(&format!("bot-{n}"), at(24 + n, 0), "r", "added", &format!("Owner-{n}")));
    let of_another = grant("bot-0", at(60, 0), "r99", "added", "Owner-3");
    let events = || in_order(circle.clone().chain(owners.clone()).chain([of_another.clone()]).chain(clock(62)));
    let strangers = |text: &str| of("grant_by_stranger", &told(registry(text), events()));
    assert_eq!(strangers(&text.join("\n")), [(LOW, "bot-0".to_owned())], "the owner of another bot");
    assert_eq!(strangers(""), [(LOW, "bot-1".to_owned())], "the first of them; then newcomers are usual");
}

#[test]
fn roles_that_a_bot_of_the_month_end_is_given_in_between_are_a_creep() {
    let work = (0..=180).filter(|day| day % 30 == 0).map(|day| call("closer", at(day, 60), "ledger", "reader"));
    let grants = |weeks: std::ops::Range<i64>| {
        weeks.map(|week| grant("closer", at(7 * week + 3, 0), &format!("role-{week}"), "added", "ann"))
    };
    let found = |weeks| told(Registry::default(), in_order(work.clone().chain(grants(weeks)).chain(clock(181))));
    assert_eq!(of("privilege_creep", &found(14..20)), [(LOW, "closer".to_owned())]);
    assert_eq!(of("privilege_creep", &found(14..16)), [], "two roles are no creep");
    let unborn = told(Registry::default(), in_order(grants(0..20).chain(clock(181))));
    assert_eq!(of("privilege_creep", &unborn), [], "a bot that never worked is being set up");
}

#[test]
fn roles_that_become_more_week_after_week_are_a_creep() {
    let work = |growing: bool| {
        (0..95).map(move |day| {
            let week = if growing { day / 7 } else { 0 };
            call("payroll", at(day, 60), "crm", &format!("role-{}", day % (1 + week)))
        })
    };
    assert_eq!(of("privilege_creep", &told(Registry::default(), work(true))).len(), 1);
    assert_eq!(of("privilege_creep", &told(Registry::default(), work(false))), []);
}

#[test]
fn an_elevation_that_is_kept_longer_than_ever_is_told_once() {
    let mut events: Vec<Event> = (0..120).map(|day| call("payroll", at(day, 60), "crm", "reader")).collect();
    for round in 0..4 {
        events.push(grant("payroll", at(10 * round, 0), "break-glass", "added", "ann"));
        if round < 3 {
            events.push(grant("payroll", at(10 * round + 1, 0), "break-glass", "removed", "ann"));
        }
    }
    let found = told(Registry::default(), in_order(events));
    assert_eq!(of("elevation_kept", &found), [(LOW, "payroll".to_owned())]);
    assert_eq!(of("standing_privilege", &found).len(), 1, "it is held for sixty days and not used");
}

#[test]
fn another_registry_is_in_force_at_once_and_forgets_nothing() {
    let first = r#"{"tenant":"acme","bot":"payroll","owner":"ann"}"#;
    let (mut engine, mut output) = (Engine::new(Settings::default(), registry(first)), Output::default());
    engine.observe(call("shadow", at(0, 0), "crm", "r"), &mut output);
    let before = engine.facts();
    engine.set_registry(registry(&format!(
        "{first}\n{{\"tenant\":\"acme\",\"bot\":\"late\",\"owner\":\"bob\",\"timezone\":\"Asia/Tokyo\"}}"
    )));
    assert_eq!(engine.facts(), before);
    engine.observe(call("late", at(0, 1), "crm", "r"), &mut output);
    engine.observe(call("shadow", at(0, 2), "crm", "r"), &mut output);
    let bots: Vec<_> = output.alerts.iter().filter_map(|alert| alert.bot.as_deref()).collect();
    assert_eq!(bots, ["shadow"], "it was told before, and the late one is known");
}

#[test]
fn the_ledger_says_who_did_what_with_which_role() {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    for event in month() {
        engine.observe(event, &mut Output::default());
    }
    let mut denied = call("payroll", at(30, 0), "vault", "root");
    denied.outcome = crate::event::Outcome::Denied;
    engine.observe(denied, &mut Output::default());
    let facts = engine.facts().remove(0);
    assert_eq!((facts.active_days, facts.gap_days_max), (30, 1), "what was denied is no work");
    let roles: Vec<_> = facts.roles.iter().map(|role| (role.name.as_str(), role.sessions)).collect();
    assert_eq!(roles, [("payroll-writer", 30)], "what was denied was not exercised");
    assert_eq!(facts.roles[0].last_sessions[0].id, "run-29-121");
    assert_eq!(facts.work.len(), 4);
}
