//! The engine as a whole: what it finds, what it leaves alone, and the laws that hold whatever the input.

mod acts;
mod budget;
mod calendar;
mod context;
mod creep;
mod feedback;
mod money;
mod people;
mod presence;

use proptest::prelude::*;

use super::*;
use crate::alert::{Alert, Dimension, Severity, Status};
use crate::event::decode::{Envelope, Limits, decode};
use crate::event::{Event, RejectReason};
use crate::registry::Registry;
use crate::time::{Span, Timestamp};

mod quiet;
mod rules;
mod tenure;

/// Monday.
const START: &str = "2026-03-02T00:00:00Z";

fn at(day: i64, minute: i64) -> Timestamp {
    START.parse::<Timestamp>().expect("a time") + Span::from_days(day) + Span::from_mins(minute)
}

fn event(id: &str, ts: Timestamp, rest: &str) -> Event {
    let json = format!(r#"{{"id":"{id}","ts":"{ts}","tenant":"acme","bot":"payroll",{rest}}}"#);
    decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json)
}

/// One run as a bank's payroll bot does it each night, with what a test wants to be different.
#[derive(Clone, Debug)]
struct Night {
    day: i64,
    minute: i64,
    host: &'static str,
    ip: &'static str,
    calls: Vec<&'static str>,
    role: &'static str,
    records: u64,
}

impl Night {
    fn usual(day: i64) -> Self {
        let calls = vec!["GET /employees", "GET /timesheets/{id}", "POST /payments", "PUT /ledger"];
        Self {
            day,
            minute: 120 + day % 4,
            host: "srv-1",
            ip: "10.1.2.3",
            calls,
            role: "payroll-writer",
            records: 1000 + 7 * (day as u64 % 11),
        }
    }

    fn events(&self) -> Vec<Event> {
        let (session, start) = (format!("run-{}-{}", self.day, self.minute), at(self.day, self.minute));
        let place = format!(r#""session":"{session}","host":"{}","ip":"{}""#, self.host, self.ip);
        let run = |id: &str, ts, phase: &str| {
            event(
                &format!("{session}-{id}"),
                ts,
                &format!(r#""type":"run",{place},"run":{{"phase":"{phase}","trigger":"schedule"}}"#),
            )
        };
        let mut events = vec![run("start", start, "start")];
        for (step, call) in self.calls.iter().enumerate() {
            let ts = start + Span::from_secs(10 + 20 * step as i64);
            let rest = format!(
                r#""type":"call",{place},"system":"hr","operation":"{call}","role":"{}","records_read":{},"bytes":{}"#,
                self.role,
                self.records,
                self.records * 90
            );
            events.push(event(&format!("{session}-{step}"), ts, &rest));
        }
        events.push(run("end", start + Span::from_secs(200), "end"));
        events
    }
}

fn month() -> Vec<Event> {
    (0..30).flat_map(|day| Night::usual(day).events()).collect()
}

fn alerts_of(events: impl IntoIterator<Item = Event>) -> Vec<Alert> {
    let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    for event in events {
        engine.observe(event, &mut output);
    }
    engine.finish(&mut output);
    output.alerts
}

fn pages(last: impl IntoIterator<Item = Event>) -> Vec<Alert> {
    alerts_of(month().into_iter().chain(last))
        .into_iter()
        .filter(|a| a.severity.pages() && a.status == Status::Firing)
        .collect()
}

#[test]
fn a_bot_that_stays_boring_is_left_alone() {
    let nights = (0..60).flat_map(|day| Night::usual(day).events());
    let alerts = alerts_of(nights);
    assert!(alerts.iter().all(|alert| !alert.severity.pages()), "{alerts:#?}");
}

#[test]
fn each_dimension_pages_for_its_own_reason() {
    let usual = Night::usual(30);
    let cases = [
        (Dimension::Time, Night { day: 30, minute: 11 * 60, ..Night::usual(29) }),
        (Dimension::Source, Night { host: "kali", ip: "172.16.9.9", ..usual.clone() }),
        (
            Dimension::Sequence,
            Night { calls: vec!["GET /employees", "GET /salaries/export", "DELETE /audit"], ..usual.clone() },
        ),
        (Dimension::Volume, Night { records: 12_000, ..usual.clone() }),
        (Dimension::Privilege, Night { role: "hr-admin", ..usual.clone() }),
    ];
    for (dimension, night) in cases {
        // A run at another hour comes on top of the usual one, whose absence would be the first thing to tell.
        let also = if dimension == Dimension::Time { usual.events() } else { Vec::new() };
        let pages = pages(also.into_iter().chain(night.events()));
        let first = pages.first().unwrap_or_else(|| panic!("nothing for {dimension}"));
        assert_eq!(first.reasons[0].dimension, dimension, "{first:#?}");
        assert!(first.baseline.mature && first.p_value.is_some() && !first.events.is_empty());
        assert!(first.title.contains("`payroll`"), "{}", first.title);
    }
}

/// A step of the bot's own work is new now and then, and a release brings several at once; as many about something else
/// are stranger.
#[test]
fn calls_about_something_else_outrank_as_many_of_the_bots_own_work() {
    let score = |calls: &[&'static str]| {
        let night = Night { calls: [&Night::usual(30).calls[..], calls].concat(), ..Night::usual(30) };
        let alerts = alerts_of(month().into_iter().chain(night.events()));
        let of_calls = |alert: &Alert| alert.reasons.iter().any(|reason| reason.detector == "new_operation");
        alerts.iter().filter(|alert| of_calls(alert)).map(|alert| alert.score).fold(0.0, f64::max)
    };
    let akin = score(&["GET /employees/{id}/photo"]);
    let release = score(&["GET /employees/{id}/photo", "GET /employees/{id}/badge", "PUT /employees/{id}/photo"]);
    let foreign = score(&["GET /vault/secrets"]);
    let several = score(&["GET /vault/secrets", "POST /mail", "GET /backups"]);
    assert!(akin > 0.0 && akin < foreign && release < several, "{akin} {release} {foreign} {several}");
    assert!(several - foreign > 1.3 * (release - akin), "{akin} {release} {foreign} {several}");
}

/// A session id that was judged is no cloak: only what happened within that session is a straggler of it.
#[test]
fn the_id_of_an_old_session_hides_nothing() {
    let old = format!("run-29-{}", Night::usual(29).minute);
    let reused = Night { host: "kali", ip: "172.16.9.9", ..Night::usual(30) }.events().into_iter().map(|mut event| {
        event.session = Some(old.as_str().into());
        event
    });
    let alerts = alerts_of(month().into_iter().chain(reused));
    assert!(alerts.iter().any(|alert| alert.severity.pages()), "{alerts:#?}");
}

#[test]
fn a_young_bot_is_learned_and_not_judged() {
    let events = (0..10).flat_map(|day| Night::usual(day).events());
    let odd = Night { host: "kali", records: 90_000, role: "hr-admin", ..Night::usual(10) };
    assert_eq!(alerts_of(events.chain(odd.events())), []);
}

#[test]
fn what_was_flagged_is_adopted_only_after_days() {
    let moved = |day| Night { host: "srv-9", ip: "10.7.7.7", ..Night::usual(day) };
    let events = month().into_iter().chain((30..44).flat_map(|day| moved(day).events()));
    let pages: Vec<_> =
        alerts_of(events).into_iter().filter(|a| a.severity.pages() && a.status == Status::Firing).collect();
    assert_eq!(pages.len(), 1, "one story, one page: {pages:#?}");
}

#[test]
fn a_duplicate_changes_nothing_and_a_late_event_is_counted() {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    for event in month() {
        engine.observe(event.clone(), &mut output);
        engine.observe(event, &mut output);
    }
    let stats = engine.stats();
    assert_eq!((stats.duplicate, stats.accepted), (180, 180));
    engine.observe(event("old", at(28, 0), r#""type":"call""#), &mut output);
    assert_eq!(engine.stats().late, 1);
    assert_eq!(engine.watermark(), Some(at(29, 121) + Span::from_secs(200)));
}

#[test]
fn what_an_event_makes_due_waits_for_no_other_event() {
    let odd =
        Night { host: "srv-9", ip: "203.0.113.9", calls: vec!["GET /employees", "GET /keys"], ..Night::usual(30) };
    let alerts = |again: bool| {
        let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
        for event in month() {
            engine.observe(event, &mut output);
        }
        // Silence has moved event time past what comes now, and past the end of its session.
        engine.idle(Span::DAY + Span::from_mins(70), &mut output);
        for event in odd.events() {
            engine.observe(event.clone(), &mut output);
            assert!(!engine.is_due(), "after {}", event.ts);
            if again {
                engine.observe(event, &mut output);
            }
        }
        assert_eq!(engine.stats().late, 0);
        engine.observe(event("later", at(30, 600), r#""type":"call""#), &mut output);
        engine.observe(event("latest", at(31, 600), r#""type":"call""#), &mut output);
        output.alerts
    };
    let once = alerts(false);
    assert!(once.iter().any(|alert| alert.ts > at(30, 0)), "{once:#?}");
    assert_eq!(alerts(true), once);
}

#[test]
fn a_stream_that_is_read_again_from_its_beginning_changes_nothing() {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    let minutes = |range: std::ops::Range<i64>| {
        range.map(|minute| event(&format!("e{minute}"), at(20, minute), r#""type":"call","operation":"GET /""#))
    };
    // More of one bot than ids are kept of it.
    minutes(0..12_000).for_each(|event| engine.observe(event, &mut output));
    let (facts, accepted) = (engine.facts(), engine.stats().accepted);
    minutes(0..12_000).for_each(|event| engine.observe(event, &mut output));
    let stats = engine.stats();
    assert_eq!((accepted, stats.accepted, stats.duplicate + stats.late), (12_000, 12_000, 12_000));
    assert_eq!(engine.facts(), facts);
}

#[test]
fn one_bot_cannot_hide_anothers_event() {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    let mine = event("evt-777", at(0, 0), r#""type":"call""#);
    let theirs = Event { bot: "other".into(), ..mine.clone() };
    engine.observe(theirs, &mut output);
    engine.observe(mine, &mut output);
    assert_eq!((engine.stats().accepted, engine.stats().duplicate), (2, 0));
}

#[test]
fn a_clock_that_runs_ahead_is_refused_and_moves_nothing() {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    engine.observe(event("a", at(0, 0), r#""type":"call""#), &mut output);
    engine.observe(event("ahead", at(400, 0), r#""type":"call""#), &mut output);
    engine.observe(event("b", at(0, 1), r#""type":"call""#), &mut output);
    assert_eq!(output.rejected.len(), 1);
    assert_eq!(output.rejected[0].1.reason, RejectReason::Future);
    assert_eq!(engine.watermark(), Some(at(0, 1)));
}

#[test]
fn bots_over_the_limit_are_refused_and_the_known_ones_stay() {
    let settings = Settings { bots_max: 1, ..Settings::default() };
    let mut engine = Engine::new(settings, Registry::default());
    let mut output = Output::default();
    engine.observe(event("a", at(0, 0), r#""type":"call""#), &mut output);
    let other = Event { bot: "other".into(), ..event("b", at(0, 1), r#""type":"call""#) };
    engine.observe(other, &mut output);
    engine.observe(event("c", at(0, 2), r#""type":"call""#), &mut output);
    assert_eq!(engine.stats().accepted, 2);
    assert_eq!(output.rejected[0].1.reason, RejectReason::BotLimit);
}

#[test]
fn a_rule_needs_no_baseline_and_a_ticket_silences_it() {
    let control = |ticket: &str| {
        event(
            "c",
            at(0, 0),
            &format!(r#""type":"control","control":{{"action":"logging_disabled","by":"eve","ticket":"{ticket}"}}"#),
        )
    };
    let alerts = alerts_of([control("")]);
    assert_eq!(
        (alerts[0].severity, alerts[0].reasons[0].dimension, alerts[0].p_value),
        (Severity::High, Dimension::Control, None)
    );
    assert_eq!(alerts_of([control("CHG-7")]), []);
}

#[test]
fn an_announced_move_is_not_paged() {
    let ticket =
        event("t", at(29, 600), r#""type":"control","control":{"action":"host_moved","by":"ann","ticket":"CHG-7"}"#);
    let moved = Night { host: "srv-2", ip: "10.1.2.4", ..Night::usual(30) };
    let events = month().into_iter().chain([ticket]).chain(moved.events());
    assert!(alerts_of(events).iter().all(|alert| !alert.severity.pages()));
}

/// A month with something odd at its end, in an order that a proptest draws.
fn story(oddity: usize) -> Vec<Event> {
    let usual = Night::usual(30);
    let odd = [
        Night { minute: 700, ..usual.clone() },
        Night { host: "kali", ..usual.clone() },
        Night { records: 40_000, ..usual.clone() },
        usual,
    ];
    let after = (31..34).flat_map(|day| Night::usual(day).events());
    let nights = month().into_iter().chain(odd[oddity % odd.len()].events()).chain(after);
    nights.chain(rules::beside()).collect()
}

#[test]
fn what_a_bot_was_taught_is_put_back_and_nothing_else() {
    let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    let mut earlier = None;
    for event in story(2) {
        if earlier.is_none() && event.ts > at(20, 0) {
            earlier = Some(engine.snapshot());
        }
        engine.observe(event, &mut output);
    }
    let earlier = Engine::restore(&earlier.expect("a day"), Settings::default(), Registry::default()).expect("its own");
    let bot = |engine: &Engine| engine.export("acme", "payroll").expect("is known");
    let (before, then) = (bot(&engine), bot(&earlier));
    engine.revert(&earlier, "acme", "payroll", Some(Dimension::Volume)).expect("is put back");
    let now = bot(&engine);
    assert_ne!(before["baseline"]["volumes"], then["baseline"]["volumes"]);
    assert_eq!(now["baseline"]["volumes"], then["baseline"]["volumes"]);
    for other in ["week", "hosts", "graph", "today"] {
        assert_eq!(now["baseline"][other], before["baseline"][other], "{other}");
    }
    engine.revert(&earlier, "acme", "payroll", None).expect("is put back");
    let now = bot(&engine);
    assert_eq!(now["baseline"]["hosts"], then["baseline"]["hosts"]);
    for other in ["sessions", "told", "entitlements", "recent"] {
        assert_eq!(now[other], before[other], "{other}");
    }
    let unknown = engine.revert(&earlier, "acme", "nobody", None).expect_err("is not known");
    assert_eq!(unknown.to_string(), "bot `nobody` of tenant `acme` is not known in the earlier state");
    assert!(engine.revert(&earlier, "acme", "payroll", Some(Dimension::Fraud)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_changes_nothing(oddity in 0..4_usize, cuts in proptest::collection::vec(0..330_usize, 1..4)) {
        let events = story(oddity);
        let mut engine = Engine::new(Settings::default(), Registry::default());
        let (mut whole, mut parts) = (Output::default(), Output::default());
        let mut restarted = Engine::new(Settings::default(), Registry::default());
        for (place, event) in events.into_iter().enumerate() {
            if cuts.contains(&place) {
                let bytes = restarted.snapshot();
                restarted = Engine::restore(&bytes, Settings::default(), Registry::default()).expect("its own state");
                prop_assert_eq!(restarted.snapshot(), bytes);
            }
            engine.observe(event.clone(), &mut whole);
            restarted.observe(event, &mut parts);
        }
        prop_assert_eq!(engine.snapshot(), restarted.snapshot());
        prop_assert_eq!(whole.alerts, parts.alerts);
    }

    #[test]
    fn a_snapshot_is_of_the_instant_at_which_it_began(
        oddity in 0..4_usize, begins in proptest::collection::btree_map(0..330_usize, any::<bool>(), 1..9), piece in 1..400_usize,
    ) {
        let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
        let (mut wanted, mut parts): (Option<(Vec<u8>, bool)>, Vec<Part>) = (None, Vec::new());
        for (place, mut event) in story(oddity).into_iter().enumerate() {
            let begins = begins.get(&place).filter(|_| wanted.is_none());
            if let Some(whole) = begins {
                wanted = Some((engine.snapshot(), *whole));
                engine.begin_snapshot(parts.last().filter(|_| !whole).map(Part::round));
            }
            // Some bots change and others do not, and others are new, while it is taken.
            event.bot = format!("{}-{}", event.bot, place % 7 * (place / 40)).into();
            engine.observe(event, &mut output);
            let Some(part) = engine.go_on_snapshot(piece) else { continue };
            if part.since().is_none() {
                prop_assert!(part.is_whole());
                parts.clear();
            }
            parts.push(part);
            let wanted = wanted.take().map(|(wanted, _)| wanted);
            prop_assert_eq!(Part::assemble(&parts), wanted);
        }
    }

    #[test]
    fn a_snapshot_that_was_lost_is_in_the_next_one(oddity in 0..4_usize, lost in 100..300_usize) {
        let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
        let mut base = None;
        for (place, mut event) in story(oddity).into_iter().enumerate() {
            event.bot = format!("{}-{}", event.bot, place % 5).into();
            engine.observe(event, &mut output);
            if place == 50 || place == lost {
                engine.begin_snapshot(base.as_ref().map(Part::round));
                let part = engine.go_on_snapshot(usize::MAX);
                base = base.or(part);
            }
        }
        let base = base.expect("the first was not lost");
        engine.begin_snapshot(Some(base.round()));
        let last = engine.go_on_snapshot(usize::MAX).expect("is done");
        prop_assert_eq!(Part::assemble(&[base, last]), Some(engine.snapshot()));
    }

    #[test]
    fn events_that_arrive_a_little_out_of_order_give_the_same_pages(oddity in 0..4_usize, seed in any::<u64>()) {
        use rand::{Rng, SeedableRng};
        let ids = |events: Vec<Event>| -> Vec<(Severity, Vec<Dimension>)> {
            let firing = alerts_of(events).into_iter().filter(|a| a.severity.pages() && a.status == Status::Firing);
            firing.map(|a| (a.severity, a.reasons.iter().map(|r| r.dimension).collect())).collect()
        };
        let events = story(oddity);
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut shuffled: Vec<(Timestamp, Event)> =
            events.iter().map(|event| (event.ts + Span::from_secs(rng.gen_range(0..120)), event.clone())).collect();
        shuffled.sort_by_key(|(arrival, _)| *arrival);
        let shuffled = shuffled.into_iter().map(|(_, event)| event).collect();
        let (straight, shuffled) = (ids(events), ids(shuffled));
        prop_assert_eq!(straight.is_empty(), shuffled.is_empty(), "{:?} {:?}", straight, shuffled);
    }

    #[test]
    fn no_bytes_restore_to_nonsense(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(engine) = Engine::restore(&bytes, Settings::default(), Registry::default()) {
            prop_assert_eq!(engine.snapshot().len(), bytes.len());
        }
    }
}
