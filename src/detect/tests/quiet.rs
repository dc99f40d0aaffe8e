//! What is told less of: decisions about rules, and suppressions, through the whole engine.

use super::rulebook::{RuleOverride, Rulebook};
use super::*;
use crate::alert::{Pattern, Scope, Standing, Suppression};

fn patterns(list: &[&str]) -> Vec<Pattern> {
    list.iter().map(|text| Pattern::parse(text).expect(text)).collect()
}

/// Hides whatever the test's bots do between two times.
fn hide(from: Timestamp, until: Timestamp) -> Suppression {
    Suppression {
        scope: Scope { bots: patterns(&["payroll", "shadow", "poller"]), ..Scope::default() },
        hosts: Vec::new(),
        producers: Vec::new(),
        dimensions: Vec::new(),
        detectors: Vec::new(),
        owner: "ann".to_owned(),
        reason: "CHG-1".to_owned(),
        from,
        until,
    }
}

fn hiding(suppressions: &[Suppression]) -> Settings {
    Settings { suppressions: suppressions.to_vec(), ..Settings::default() }
}

fn deciding(decisions: Vec<RuleOverride>) -> Settings {
    Settings { rules: Rulebook::new(decisions), ..Settings::default() }
}

fn decision(rule: &'static str) -> RuleOverride {
    RuleOverride { rule, scope: Scope::default(), enabled: None, severity: None, threshold: None, until: None }
}

pub(super) fn engine_of(
    settings: Settings,
    registry: &str,
    events: impl IntoIterator<Item = Event>,
) -> (Engine, Output) {
    let registry = Registry::from_ndjson(registry).expect("a registry");
    let mut engine = Engine::new(settings, registry);
    let mut output = Output { verdicts: Some(Vec::new()), ..Output::default() };
    for event in events {
        engine.observe(event, &mut output);
    }
    engine.finish(&mut output);
    (engine, output)
}

/// Detector of the first reason, severity, and the severity that was hidden, of each alert that fires.
fn told(output: &Output) -> Vec<(&str, Severity, Option<Severity>)> {
    let firing = output.alerts.iter().filter(|alert| alert.status == Status::Firing);
    firing
        .map(|alert| {
            let hidden = alert.suppressed.as_ref().map(|note| note.severity);
            (alert.reasons[0].detector.as_str(), alert.severity, hidden)
        })
        .collect()
}

fn pages_in(output: &Output) -> Vec<&Alert> {
    output.alerts.iter().filter(|alert| alert.severity.pages() && alert.status == Status::Firing).collect()
}

fn kali(day: i64, minute: i64) -> Night {
    Night { host: "kali", ip: "172.16.9.9", minute, ..Night::usual(day) }
}

#[test]
fn an_incident_goes_on_as_a_page_when_its_suppression_ends() {
    // Three runs within one quiet time of an incident; the suppression ends before the last one.
    let runs = [kali(30, 120), kali(30, 180), kali(30, 240)];
    let events: Vec<Event> = month().into_iter().chain(runs.iter().flat_map(Night::events)).collect();
    let settings = hiding(&[hide(at(0, 0), at(30, 240))]);
    let (engine, output) = engine_of(settings, "", events.clone());
    let hidden: Vec<&Alert> = output.alerts.iter().filter(|alert| alert.suppressed.is_some()).collect();
    assert!(hidden.iter().all(|alert| alert.severity == Severity::Info), "{hidden:#?}");
    let note = hidden[0].suppressed.as_ref().expect("a note");
    assert_eq!((note.owner.as_str(), note.reason.as_str(), note.until), ("ann", "CHG-1", at(30, 240)));
    assert!(note.severity.pages());
    let pages = pages_in(&output);
    let [page, ..] = pages.as_slice() else { panic!("{:#?}", output.alerts) };
    assert_eq!(page.session.as_deref(), Some("run-30-240"), "the first evidence behind the end");
    assert_eq!((&page.incident, page.revision), (&hidden[0].incident, 1));
    assert!(pages.iter().all(|other| other.id == page.id), "one story is one page");
    assert!(page.suppressed.is_none() && page.id != hidden[0].id);
    let facts = &engine.suppressions()[0];
    assert!(facts.findings >= 2 && facts.alerts >= 1, "{facts:?}");
    assert_eq!(facts.standing, Standing::Ended);
    assert_eq!(engine.stats().suppressed.iter().sum::<u64>(), facts.alerts);
    // The first page is what it would have been without a suppression, and so is what was learned.
    let (_, plain) = engine_of(Settings::default(), "", events);
    assert_eq!(pages_in(&plain)[0].id, hidden[0].id, "the same finding has the same id");
}

#[test]
fn what_was_hidden_is_news_on_the_day_after() {
    let events = || month().into_iter().chain((30..33).flat_map(|day| kali(day, 120 + day % 4).events()));
    let (_, output) = engine_of(hiding(&[hide(at(0, 0), at(31, 0))]), "", events());
    let days: Vec<_> = pages_in(&output).iter().filter_map(|page| page.session.clone()).collect();
    assert_eq!(days, ["run-31-123"]);
    let (_, plain) = engine_of(Settings::default(), "", events());
    assert_eq!(pages_in(&plain)[0].session.as_deref(), Some("run-30-122"));
}

#[test]
fn what_comes_on_top_of_what_is_expected_pages() {
    let host = Suppression { hosts: patterns(&["kal?"]), scope: Scope::default(), ..hide(at(0, 0), at(60, 0)) };
    let source = Suppression { dimensions: vec![Dimension::Source], ..hide(at(0, 0), at(60, 0)) };
    let more = Night { records: 40_000, ..kali(30, 122) };
    let from = |suppression: &Suppression, last: Night| {
        let (engine, output) =
            engine_of(hiding(std::slice::from_ref(suppression)), "", month().into_iter().chain(last.events()));
        (pages_in(&output).len(), engine.suppressions()[0].findings > 0)
    };
    assert_eq!(from(&host, kali(30, 122)), (0, true));
    assert_eq!(from(&source, kali(30, 122)), (0, true));
    assert_eq!(from(&host, Night { host: "evil", ..kali(30, 122) }), (1, false), "another host");
    let (pages, _) = from(&source, more);
    assert_eq!(pages, 1, "a new host is expected, and ten times the records are not");
}

#[test]
fn a_silence_that_lasts_is_told_when_its_suppression_ends() {
    let hourly = |days: std::ops::Range<i64>| {
        let minutes = days.flat_map(|day| (0..24).map(move |hour| (day, 60 * hour)));
        minutes.map(|(day, minute)| {
            let rest = r#""type":"call","operation":"GET /rows","session":"#;
            event(&format!("{day}-{minute}"), at(day, minute), &format!(r#"{rest}"s-{day}-{minute}""#))
        })
    };
    let clock = (0..34 * 24).map(|hour| {
        let event = event(&format!("c{hour}"), at(0, 60 * hour + 30), r#""type":"call","operation":"GET /""#);
        Event { bot: "clock".into(), ..event }
    });
    let mut events: Vec<Event> = hourly(0..30).chain(clock).collect();
    events.sort_by_key(|event| event.ts);
    let silent = |output: &Output| -> Vec<(Timestamp, bool)> {
        let alerts = output.alerts.iter().filter(|alert| alert.bot.as_deref() == Some("payroll"));
        let firing = alerts.filter(|alert| alert.status == Status::Firing);
        firing.map(|alert| (alert.ts, alert.severity.pages())).collect()
    };
    let (_, plain) = engine_of(Settings::default(), "", events.clone());
    let [(when, true)] = silent(&plain)[..] else { panic!("{:?}", silent(&plain)) };
    let (_, output) = engine_of(hiding(&[hide(at(0, 0), at(32, 0))]), "", events.clone());
    assert_eq!(silent(&output), [(when, false), (at(32, 0), true)]);
    // Back at work before the end: there is nothing to tell, and the next silence is watched for.
    let mut back: Vec<Event> = events.into_iter().chain(hourly(31..32)).collect();
    back.sort_by_key(|event| event.ts);
    let (_, output) = engine_of(hiding(&[hide(at(0, 0), at(31, 12 * 60))]), "", back);
    let silent = silent(&output);
    assert_eq!(silent[0], (when, false));
    assert!(silent.len() == 2 && silent[1].1 && silent[1].0 > at(32, 0), "{silent:?}");
}

#[test]
fn a_rule_that_speaks_once_speaks_again_behind_a_suppression() {
    let calls = || (0..5).map(|day| Event { bot: "shadow".into(), ..event(&format!("{day}"), at(day, 60), CALL) });
    let registry = r#"{"tenant":"acme","bot":"payroll","owner":"ann"}"#;
    let (_, output) = engine_of(hiding(&[hide(at(0, 0), at(3, 0))]), registry, calls());
    let low = Some(Severity::Low);
    let rule = "unregistered_bot";
    let hidden = (rule, Severity::Info, low);
    assert_eq!(told(&output), [hidden, hidden, hidden, (rule, Severity::Low, None)]);
    assert_eq!(output.alerts.iter().find(|alert| alert.suppressed.is_none()).map(|alert| alert.ts), Some(at(3, 60)));
    let off = RuleOverride { enabled: Some(false), until: Some(at(3, 0)), ..decision(rule) };
    let (_, output) = engine_of(deciding(vec![off]), registry, calls());
    assert_eq!(told(&output), [(rule, Severity::Low, None)]);
    assert_eq!(output.alerts[0].ts, at(3, 60));
}

const CALL: &str = r#""type":"call","system":"hr","operation":"GET /""#;

/// Reads of secrets never read before, a minute apart, after a month of two others.
fn sweep(day: i64, secrets: usize) -> Vec<Event> {
    let read = |id: &str, ts, name: &str| {
        event(id, ts, &format!(r#""type":"secret","session":"{id}","secret":{{"name":"{name}"}}"#))
    };
    let own = (0..day).flat_map(|day| ["db", "mail"].map(|name| read(&format!("{name}-{day}"), at(day, 100), name)));
    let fresh = (0..secrets).map(|nth| read(&format!("s{nth}"), at(day, 100 + nth as i64), &format!("kv/{nth}")));
    let mut events: Vec<Event> = (0..day).flat_map(|day| Night::usual(day).events()).chain(own).chain(fresh).collect();
    events.sort_by_key(|event| event.ts);
    events
}

fn severities(output: &Output, rule: &str) -> Vec<Severity> {
    let mine = output.alerts.iter().filter(|alert| alert.reasons.iter().any(|reason| reason.detector == rule));
    mine.filter(|alert| alert.status == Status::Firing).map(|alert| alert.severity).collect()
}

#[test]
fn a_threshold_is_moved_either_way_for_those_that_it_names() {
    let sweeps = |threshold: f64, bots: &str, secrets: usize| {
        let scope = Scope { bots: patterns(&[bots]), ..Scope::default() };
        let tuned = RuleOverride { threshold: Some(threshold), scope, ..decision("secret_sweep") };
        severities(&engine_of(deciding(vec![tuned]), "", sweep(30, secrets)).1, "secret_sweep")
    };
    assert_eq!(sweeps(2.0, "pay*", 2), [Severity::High]);
    assert_eq!(sweeps(2.0, "other", 2), []);
    assert_eq!(sweeps(9.0, "pay*", 5), []);
    assert_eq!(sweeps(9.0, "other", 5), [Severity::High, Severity::Critical]);
}

#[test]
fn a_decision_about_severity_holds_for_its_environment_until_its_end() {
    let retired = r#"{"tenant":"acme","bot":"payroll","status":"retired","environment":"lab-2"}"#;
    let calls = || (0..6).map(|day| event(&format!("{day}"), at(day, 60), CALL)).collect::<Vec<_>>();
    let scope = Scope { environments: patterns(&["lab-*"]), ..Scope::default() };
    let until = Some(at(4, 0));
    let info = RuleOverride { severity: Some(Severity::Info), scope, until, ..decision("retired_bot") };
    let (_, output) = engine_of(deciding(vec![info.clone()]), retired, calls());
    let (quiet, loud) = (("retired_bot", Severity::Info, None), ("retired_bot", Severity::High, None));
    assert_eq!(told(&output), [quiet, quiet, quiet, quiet, loud, ("retired_bot", Severity::Low, None)]);
    let elsewhere = retired.replace("lab-2", "prod");
    let (_, output) = engine_of(deciding(vec![info]), &elsewhere, calls());
    assert_eq!(told(&output)[0], loud);
}

#[test]
fn a_log_is_hidden_by_its_producer() {
    let numbered = |seq: u64| {
        let ts = at(2, seq as i64);
        Event { producer: Some("erp".into()), seq: Some(seq), ..event(&format!("{seq}"), ts, CALL) }
    };
    let first = Event { producer: Some("erp".into()), seq: Some(1), ..event("first", at(0, 0), CALL) };
    let events = || std::iter::once(first.clone()).chain((2..60).filter(|seq| !(20..30).contains(seq)).map(numbered));
    let of = |suppression| severities(&engine_of(hiding(&[suppression]), "", events()).1, "sequence_gap");
    let by_producer = Suppression { producers: patterns(&["e*"]), scope: Scope::default(), ..hide(at(0, 0), at(9, 0)) };
    assert_eq!(of(by_producer), [Severity::Info]);
    assert_eq!(of(hide(at(0, 0), at(9, 0))), [Severity::High], "a log is no bot");
    let tuned = RuleOverride { threshold: Some(100.0), ..decision("sequence_gap") };
    let gaps = severities(&engine_of(deciding(vec![tuned]), "", events()).1, "sequence_gap");
    assert_eq!(gaps, [Severity::Medium], "long, and not many");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_suppression_changes_what_is_told_and_no_verdict(oddity in 0..4_usize, until in 30..36_i64) {
        let (_, plain) = engine_of(Settings::default(), "", story(oddity));
        let (_, hidden) = engine_of(hiding(&[hide(at(0, 0), at(until, 0))]), "", story(oddity));
        prop_assert_eq!(&plain.verdicts, &hidden.verdicts);
        let before = pages_in(&hidden).into_iter().filter(|page| page.bot.is_some() && page.ts < at(until, 0));
        prop_assert!(before.count() == 0);
    }

    #[test]
    fn a_restart_changes_nothing_under_a_suppression(oddity in 0..4_usize, cut in 0..330_usize) {
        let off = RuleOverride { severity: Some(Severity::Low), ..decision("grant_without_ticket") };
        let rules = Rulebook::new(vec![off]);
        let settings = Settings { rules, ..hiding(&[hide(at(0, 0), at(31, 0)), hide(at(20, 0), at(60, 0))]) };
        let mut engine = Engine::new(settings.clone(), Registry::default());
        let mut restarted = Engine::new(settings.clone(), Registry::default());
        let (mut whole, mut parts) = (Output::default(), Output::default());
        for (place, event) in story(oddity).into_iter().enumerate() {
            if place == cut {
                let bytes = restarted.snapshot();
                restarted = Engine::restore(&bytes, settings.clone(), Registry::default()).expect("its own state");
            }
            engine.observe(event.clone(), &mut whole);
            restarted.observe(event, &mut parts);
        }
        prop_assert_eq!(engine.suppressions(), restarted.suppressions());
        prop_assert_eq!(engine.snapshot(), restarted.snapshot());
        prop_assert_eq!(whole.alerts, parts.alerts);
    }
}

#[test]
fn records_of_suppressions_follow_them_through_other_settings() {
    let old = hide(at(0, 0), at(60, 0));
    let events = month().into_iter().chain(kali(30, 122).events());
    let (engine, _) = engine_of(hiding(std::slice::from_ref(&old)), "", events);
    let findings = engine.suppressions()[0].findings;
    assert!(findings > 0);
    let new = Suppression { reason: "CHG-2".to_owned(), ..old.clone() };
    let engine = Engine::restore(&engine.snapshot(), hiding(&[new, old]), Registry::default()).expect("its own state");
    let counts: Vec<u64> = engine.suppressions().iter().map(|facts| facts.findings).collect();
    assert_eq!(counts, [0, findings]);
    assert_eq!(engine.stats().suppressions.unmatched, 1);
}

/// A change of the payroll bot that nobody approved.
fn modified(bot: &str, by: &str, ticket: bool, ts: Timestamp) -> Event {
    let ticket = if ticket { r#","ticket":"CHG-1""# } else { "" };
    let rest = format!(r#""type":"control","control":{{"action":"bot_modified","by":"{by}"{ticket}}}"#);
    Event { bot: bot.into(), ..event(&format!("{bot}-{ts}"), ts, &rest) }
}

#[test]
fn a_rule_that_is_off_casts_no_suspicion() {
    let more = Night { records: 1_600, ..Night::usual(30) };
    let events = || month().into_iter().chain([modified("payroll", "eve", false, at(29, 700))]).chain(more.events());
    let suspected = |settings| {
        let (_, output) = engine_of(settings, "", events());
        output.alerts.iter().any(|alert| alert.reasons.iter().any(|reason| reason.detector == "after_control"))
    };
    assert!(suspected(Settings::default()));
    let off = RuleOverride { enabled: Some(false), ..decision("bot_modified") };
    assert!(!suspected(deciding(vec![off])));
    let quiet = RuleOverride { severity: Some(Severity::Info), ..decision("bot_modified") };
    assert!(suspected(deciding(vec![quiet])), "a severity changes who is woken and not what is believed");
}

#[test]
fn what_was_done_is_said_in_full_whatever_is_in_it() {
    let rest = r#""type":"grant","grant":{"role":"Admin;Writer","change":"added","by":"eve;x"}"#;
    let more = Night { records: 1_600, ..Night::usual(30) };
    let events = month().into_iter().chain([event("g", at(29, 700), rest)]).chain(more.events());
    let (_, output) = engine_of(Settings::default(), "", events);
    let titles: Vec<&str> = output.alerts.iter().map(|alert| alert.title.as_str()).collect();
    let after = "after it was given the role `Admin;Writer` by `eve;x` without a ticket";
    assert!(titles.iter().any(|title| title.ends_with(after)), "{titles:#?}");
}

/// What is told where ann, who administers one bot a day, administers twelve; every third without a ticket.
fn spree(settings: Settings) -> Output {
    let names: Vec<String> = (0..12).map(|nth| format!("bot-{nth:02}")).collect();
    let acts = (0..30).map(|day| modified("bot-00", "ann", true, at(day, 600)));
    let last = names.iter().zip(0..).map(|(bot, nth)| modified(bot, "ann", nth % 3 != 2, at(30, 600 + nth)));
    engine_of(settings, "", acts.chain(last)).1
}

#[test]
fn a_burst_takes_in_what_nobody_decided_about() {
    let bursts = |output: &Output| -> Vec<(Severity, bool)> {
        let of = |alert: &&Alert| alert.reasons.iter().any(|reason| reason.detector == "operator_burst");
        let with = |alert: &Alert| alert.reasons.iter().any(|reason| reason.detector == "bot_modified");
        let firing = output.alerts.iter().filter(|alert| alert.status == Status::Firing).filter(of);
        firing.map(|alert| (alert.severity, with(alert))).collect()
    };
    let plain = bursts(&spree(Settings::default()));
    assert_eq!(plain[0], (Severity::Critical, true), "one act of the day is worse than their number");
    let of_act = |change: RuleOverride| spree(deciding(vec![change]));
    let off = of_act(RuleOverride { enabled: Some(false), ..decision("bot_modified") });
    assert_eq!(bursts(&off)[0], (Severity::Low, false));
    let low = of_act(RuleOverride { severity: Some(Severity::Info), ..decision("bot_modified") });
    assert_eq!(bursts(&low)[0].0, Severity::Low);
    let hides = |rule: &str| {
        let scope = Scope { bots: patterns(&["bot-*"]), ..Scope::default() };
        let hidden = Suppression {
            scope,
            detectors: vec![rule.to_owned(), "unusual_operator".to_owned()],
            ..hide(at(0, 0), at(60, 0))
        };
        spree(hiding(&[hidden]))
    };
    assert_eq!(bursts(&hides("operator_burst"))[0].0, Severity::Info, "the act does not tell of the burst");
    assert_eq!(pages_in(&hides("bot_modified")).len(), 0, "the burst does not tell of the act");
}

#[test]
fn a_suppression_that_is_gone_hides_nothing_behind_a_restart() {
    let hourly = |days: std::ops::Range<i64>, bot: &'static str| {
        days.flat_map(|day| (0..24).map(move |hour| (day, 60 * hour))).map(move |(day, minute)| {
            let rest = format!(r#""type":"call","operation":"GET /rows","session":"s-{day}-{minute}""#);
            Event { bot: bot.into(), ..event(&format!("{bot}-{day}-{minute}"), at(day, minute), &rest) }
        })
    };
    let mut events: Vec<Event> = hourly(0..30, "payroll").chain(hourly(0..33, "clock")).collect();
    events.sort_by_key(|event| event.ts);
    let (before, after): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|event| event.ts < at(32, 0));
    let hidden = hide(at(0, 0), at(60, 0));
    let (mut engine, mut output) =
        (Engine::new(hiding(std::slice::from_ref(&hidden)), Registry::default()), Output::default());
    for event in before {
        engine.observe(event, &mut output);
    }
    assert_eq!(told(&output).iter().filter(|(detector, ..)| *detector == "silence").count(), 1);
    assert!(pages_in(&output).is_empty());
    let told_by = |settings: Settings| {
        let mut engine = Engine::restore(&engine.snapshot(), settings, Registry::default()).expect("its own state");
        let mut output = Output::default();
        for event in &after {
            engine.observe_ref(event, &mut output);
        }
        told(&output)
            .iter()
            .map(|(detector, severity, _)| ((*detector).to_owned(), severity.pages()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told_by(hiding(&[hidden])), []);
    assert_eq!(told_by(Settings::default()), [("silence".to_owned(), true)]);
}

#[test]
fn a_system_that_nobody_heard_of_is_told_behind_the_suppression() {
    let registry = r#"{"tenant":"acme","bot":"payroll","owner":"ann","systems":["crm"],"roles":["reader"]}"#;
    let call = |day: i64| {
        event(&format!("{day}"), at(day, 60), r#""type":"call","system":"hr","role":"root","operation":"GET /""#)
    };
    let events = || (0..6).map(call);
    let days = |settings, rule: &str| -> Vec<(Timestamp, bool)> {
        let (_, output) = engine_of(settings, registry, events());
        let of = |alert: &&Alert| alert.reasons.iter().any(|reason| reason.detector == rule);
        let firing = output.alerts.iter().filter(|alert| alert.status == Status::Firing).filter(of);
        firing.map(|alert| (alert.ts, alert.suppressed.is_some())).collect()
    };
    let hidden = || hiding(&[hide(at(0, 0), at(3, 0))]);
    let off = |rule| deciding(vec![RuleOverride { enabled: Some(false), until: Some(at(3, 0)), ..decision(rule) }]);
    for rule in ["unregistered_system", "unregistered_role"] {
        assert_eq!(days(Settings::default(), rule), [(at(0, 60), false)], "{rule}");
        let told = days(hidden(), rule);
        assert_eq!(told.last(), Some(&(at(3, 60), false)), "{rule}: {told:?}");
        assert_eq!(days(off(rule), rule), [(at(3, 60), false)], "{rule}");
    }
}

#[test]
fn a_score_lies_within_its_severity_however_that_was_moved() {
    let retired = r#"{"tenant":"acme","bot":"payroll","status":"retired"}"#;
    let calls = || (0..6).map(|day| event(&format!("{day}"), at(day, 60), CALL)).collect::<Vec<_>>();
    let export = r#""type":"control","control":{"action":"credentials_exported","by":"eve"}"#;
    let acts = || month().into_iter().chain([event("x", at(29, 700), export)]).chain(kali(30, 122).events());
    let info = RuleOverride { severity: Some(Severity::Info), ..decision("credentials_exported") };
    let all = [
        engine_of(Settings::default(), retired, calls()).1,
        engine_of(Settings::default(), "", acts()).1,
        engine_of(hiding(&[hide(at(0, 0), at(60, 0))]), "", acts()).1,
        engine_of(deciding(vec![info]), "", acts()).1,
        spree(Settings::default()),
    ];
    for alert in all.iter().flat_map(|output| &output.alerts) {
        let (least, most) = alert.severity.scores();
        assert!((least..=most).contains(&alert.score), "{alert:#?}");
    }
}

#[test]
fn a_profile_with_thresholds_is_made_once() {
    let tuned = |threshold| RuleOverride { threshold: Some(threshold), ..decision("secret_sweep") };
    let ends = RuleOverride { until: Some(at(1, 0)), ..tuned(9.0) };
    let mut engine = Engine::new(deciding(vec![tuned(4.0), ends]), Registry::default());
    engine.observe(event("e", at(0, 0), CALL), &mut Output::default());
    let [first, again, later] = [at(0, 0), at(0, 1), at(2, 0)].map(|ts| engine.tuned(0, ts).expect("its own"));
    assert!(std::sync::Arc::ptr_eq(&first, &again));
    assert_eq!((first.secret.sweep_high, later.secret.sweep_high), (9, 4));
}
