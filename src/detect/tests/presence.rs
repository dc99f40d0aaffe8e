//! When bots are there, where, and how many of them at once: silence, bursts, overlaps, travel, and people who may.

use super::quiet::engine_of;
use super::*;

/// One run of some bot of one call.
struct Visit<'a> {
    bot: &'a str,
    host: &'a str,
    /// Latitude and longitude, if told.
    place: Option<(f64, f64)>,
    records: u64,
    minutes: i64,
}

impl Default for Visit<'_> {
    fn default() -> Self {
        Self { bot: "poller", host: "srv-1", place: None, records: 100, minutes: 1 }
    }
}

impl Visit<'_> {
    fn events(&self, start: Timestamp) -> Vec<Event> {
        let geo = self.place.map_or_else(String::new, |(lat, lon)| format!(r#""geo":{{"lat":{lat},"lon":{lon}}},"#));
        let session = format!("{}-{start}", self.bot);
        let event = |nth: i64, rest: &str| {
            let ts = start + Span::from_secs(nth * self.minutes * 30);
            let json = format!(
                r#"{{"id":"{session}-{nth}","ts":"{ts}","tenant":"acme","bot":"{}","session":"{session}","host":"{}",{geo}{rest}}}"#,
                self.bot, self.host
            );
            decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json)
        };
        let call = format!(r#""type":"call","operation":"GET /rows","records_read":{}"#, self.records);
        let end = r#""type":"run","run":{"phase":"end"}"#;
        vec![event(0, &call), event(1, &call), event(2, end)]
    }
}

/// Visits of a bot at these minutes of each day.
fn days(range: std::ops::Range<i64>, bot: &str, minutes: &[i64]) -> Vec<Event> {
    let visit = Visit { bot, ..Visit::default() };
    let starts = range.flat_map(|day| minutes.iter().map(move |&minute| (day, minute)));
    starts.flat_map(|(day, minute)| visit_at(&visit, day, minute)).collect()
}

fn visit_at(visit: &Visit<'_>, day: i64, minute: i64) -> Vec<Event> {
    visit.events(at(day, minute + (day * 7 + minute) % 4))
}

fn sorted(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.ts);
    events
}

/// Pages with the dimension of their first reason, for one bot.
fn paged(alerts: &[Alert], bot: &str) -> Vec<Dimension> {
    let pages = alerts.iter().filter(|a| a.severity.pages() && a.status == Status::Firing && a.revision == 1);
    pages.filter(|a| a.bot.as_deref() == Some(bot)).map(|a| a.reasons[0].dimension).collect()
}

#[test]
fn a_bot_that_is_missing_while_others_work_is_told() {
    let mut events: Vec<Event> =
        (0..10).flat_map(|nth| days(0..31, &format!("other-{nth}"), &[360 + 10 * nth])).collect();
    events.extend(days(0..29, "payer", &[380]));
    let alerts = alerts_of(sorted(events));
    assert_eq!(paged(&alerts, "payer"), [Dimension::Absence]);
    let silence = alerts.iter().find(|a| a.bot.as_deref() == Some("payer") && a.severity.pages()).expect("told");
    assert!(at(29, 380) < silence.ts && silence.ts < at(29, 380 + 6 * 60), "{}", silence.ts);
    assert!((0..10).all(|nth| paged(&alerts, &format!("other-{nth}")).is_empty()));
}

#[test]
fn a_day_on_which_many_are_missing_is_one_word_and_no_page() {
    let works = |nth: i64, day: i64| nth < 4 || day != 29;
    let visits = (0..12).flat_map(|nth| {
        let present = (0..31).filter(move |&day| works(nth, day));
        present.flat_map(move |day| days(day..day + 1, &format!("bot-{nth}"), &[360 + 5 * nth, 900]))
    });
    let alerts = alerts_of(sorted(visits.collect()));
    let absent: Vec<_> =
        alerts.iter().filter(|a| a.reasons[0].dimension == Dimension::Absence && a.status == Status::Firing).collect();
    assert_eq!(absent.len(), 1, "{absent:#?}");
    assert!(!absent[0].severity.pages() && absent[0].reasons[0].detector == "common_silence");
}

#[test]
fn many_that_stop_in_their_first_weeks_are_one_word_on_any_day_of_the_week() {
    for last in 17..24 {
        let visits = (0..12).flat_map(|nth| {
            let end = if nth == 0 { last + 2 } else { last };
            (0..end).flat_map(move |day| days(day..day + 1, &format!("bot-{nth}"), &[5 * nth]))
        });
        let alerts = alerts_of(sorted(visits.collect()));
        let absent = alerts.iter().filter(|a| a.reasons[0].dimension == Dimension::Absence && a.revision == 1);
        let absent: Vec<_> = absent.filter(|a| a.status == Status::Firing).collect();
        assert!(absent.len() <= 2 && absent.iter().all(|a| !a.severity.pages()), "day {last}: {absent:#?}");
    }
}

#[test]
fn a_holiday_of_one_time_zone_is_one_word() {
    let bots = || (0..49).map(|nth| (nth, format!("bot-{nth}"), nth < 7));
    let record = |(_, bot, east): (i64, String, bool)| {
        let zone = if east { "Asia/Tokyo" } else { "America/New_York" };
        format!(r#"{{"tenant":"acme","bot":"{bot}","timezone":"{zone}"}}"#)
    };
    let registry: Vec<String> = bots().map(record).collect();
    let registry = Registry::from_ndjson(&registry.join("\n")).expect("a registry");
    // Of five kinds, so that those who work alike are in both zones.
    let visits = bots().flat_map(|(nth, bot, east)| {
        let present = (0..31).filter(move |day| !east || *day != 29);
        let runs = (0..=nth % 5).map(move |run| 360 + 2 * nth + 90 * run);
        let visit = move |day: i64, minute: i64| {
            let visit = Visit { bot: &bot, records: 10_u64.pow(1 + (nth % 5) as u32), ..Visit::default() };
            visit_at(&visit, day, minute)
        };
        present
            .flat_map(|day| runs.clone().map(move |minute| (day, minute)))
            .flat_map(move |(d, m)| visit(d, m))
            .collect::<Vec<_>>()
    });
    let (mut engine, mut output) = (Engine::new(Settings::default(), registry), Output::default());
    for event in sorted(visits.collect()) {
        engine.observe(event, &mut output);
    }
    let absent = output.alerts.iter().filter(|a| a.reasons[0].dimension == Dimension::Absence && a.revision == 1);
    let absent: Vec<_> = absent.filter(|a| a.status == Status::Firing).collect();
    assert!(absent.len() == 1 && !absent[0].severity.pages(), "{absent:#?}");
}

/// What is paged of a bot in Tokyo that is due after six and missing on a day, while those of New York are at work as ever; and
/// when. The others of Tokyo are due from half past nine, and rest on that day or do not.
fn early_bird(others_rest: bool) -> Option<Timestamp> {
    let bots =
        || (0..12).map(|nth| (nth, format!("east-{nth}"))).chain((12..40).map(|nth| (nth, format!("west-{nth}"))));
    let record = |(nth, bot): (i64, String)| {
        let zone = if nth < 12 { "Asia/Tokyo" } else { "America/New_York" };
        format!(r#"{{"tenant":"acme","bot":"{bot}","timezone":"{zone}"}}"#)
    };
    let registry: Vec<String> = bots().map(record).collect();
    let registry = Registry::from_ndjson(&registry.join("\n")).expect("a registry");
    // Six and half past nine in Tokyo are nine and half past twelve at night by UTC.
    let minute = |nth: i64| match nth {
        0 => 1270 - 1440,
        1..12 => 30 + 2 * nth,
        _ => 40 * nth % 1440,
    };
    let rests = |nth: i64| nth == 0 || others_rest && nth < 12;
    let visits = bots().flat_map(|(nth, bot)| {
        let at_work = (1..31).filter(move |&day| !rests(nth) || day != 29);
        at_work.flat_map(move |day| days(day..day + 1, &bot, &[minute(nth)])).collect::<Vec<_>>()
    });
    let (mut engine, mut output) = (Engine::new(Settings::default(), registry), Output::default());
    for event in sorted(visits.collect()) {
        engine.observe(event, &mut output);
    }
    let pages = output.alerts.iter().filter(|a| a.severity.pages() && a.status == Status::Firing);
    let absent: Vec<_> = pages.filter(|a| a.reasons[0].dimension == Dimension::Absence).collect();
    assert!(absent.len() <= 1 && absent.iter().all(|a| a.bot.as_deref() == Some("east-0")), "{absent:#?}");
    absent.first().map(|page| page.ts)
}

#[test]
fn in_the_first_hours_of_a_holiday_nobody_is_paged() {
    assert_eq!(early_bird(true), None);
    let paged = early_bird(false).expect("one is missing while its neighbours are at work");
    assert!(paged < at(29, 8 * 60), "{paged}");
}

#[test]
fn bots_that_are_silent_for_reasons_of_their_own_make_no_common_cause() {
    let end = |nth: i64| if nth < 4 { 24 + nth } else { 31 };
    let visits = (0..14).flat_map(|nth| days(0..end(nth), &format!("bot-{nth}"), &[360 + 5 * nth]));
    let alerts = alerts_of(sorted(visits.collect()));
    for nth in 0..4 {
        assert_eq!(paged(&alerts, &format!("bot-{nth}")), [Dimension::Absence], "bot-{nth}");
    }
}

#[test]
fn a_gap_that_an_announced_change_of_the_schedule_made_excuses_no_later_one() {
    let json = format!(
        r#"{{"id":"c","ts":"{}","tenant":"acme","bot":"payer","type":"control","control":{{"action":"schedule_changed","by":"desk","ticket":"C-1"}}}}"#,
        at(16, 600)
    );
    let mut events: Vec<Event> =
        (0..10).flat_map(|nth| days(0..31, &format!("other-{nth}"), &[300 + 10 * nth])).collect();
    events.push(decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event"));
    events.extend([days(0..17, "payer", &[120]), days(17..29, "payer", &[300])].concat());
    let alerts = alerts_of(sorted(events));
    assert_eq!(paged(&alerts, "payer"), [Dimension::Absence]);
    let page = alerts.iter().find(|a| a.bot.as_deref() == Some("payer") && a.severity.pages()).expect("a page");
    assert!(page.ts < at(29, 300 + 8 * 60), "{}", page.ts);
}

#[test]
fn a_clock_that_is_changed_somewhere_silences_nobody_without_a_zone() {
    let mut events: Vec<Event> = (0..10).flat_map(|nth| days(0..40, &format!("other-{nth}"), &[400])).collect();
    // By a clock in Europe, from 29 March on an hour earlier.
    events.extend([days(0..27, "poller", &[840, 910]), days(27..36, "poller", &[780, 850])].concat());
    let alerts = alerts_of(sorted(events));
    // It is there until day 35.
    let page =
        alerts.iter().find(|a| a.bot.as_deref() == Some("poller") && a.reasons[0].dimension == Dimension::Absence);
    assert!(page.is_some_and(|page| page.ts > at(36, 780)), "{page:#?}");
}

#[test]
fn an_hour_that_the_clock_leaves_out_is_no_silence() {
    // Once an hour, by a clock that goes from two to three in the night to day 27.
    let hours: Vec<i64> = (0..24).map(|hour| hour * 60).collect();
    let record = r#"{"tenant":"acme","bot":"poller","timezone":"Europe/Berlin"}"#;
    let (_, output) = engine_of(Settings::default(), record, sorted(days(0..30, "poller", &hours)));
    let verdicts = output.verdicts.expect("was asked for");
    let silences = verdicts.iter().filter(|verdict| verdict.judged == Judged::Silence && verdict.mature);
    let night: Vec<f64> = silences
        .filter(|verdict| (at(26, 1380)..at(27, 300)).contains(&verdict.ts))
        .filter_map(|verdict| verdict.p_values[0].1)
        .collect();
    assert!(night.len() >= 5 && night.iter().all(|p| *p >= 1.0), "{night:?}");
}

/// P-value of the hosts of a run on another host, by a bot that went about so many.
fn on_another_host(hosts: usize, last: &str) -> f64 {
    let names: Vec<String> = (1..=hosts).map(|nth| format!("srv-{nth}")).collect();
    let visit = |day: i64, host: &str| visit_at(&Visit { host, ..Visit::default() }, day, 600);
    let mut events: Vec<Event> = (0..30).flat_map(|day| visit(day, &names[day as usize % hosts])).collect();
    events.extend(visit(30, last));
    let (_, output) = engine_of(Settings::default(), "", events);
    let verdicts = output.verdicts.expect("was asked for");
    let mut sessions = verdicts.iter().filter(|verdict| verdict.judged == Judged::Session);
    let (_, p) = sessions.next_back().expect("the last run").p_values[1];
    p.expect("nothing was announced")
}

#[test]
fn whoever_goes_about_many_hosts_has_another_that_was_not_met() {
    let (one, five) = (on_another_host(1, "srv-9"), on_another_host(5, "srv-9"));
    assert!(one < 2e-3 && five > 4.0 * one, "{one} of one host, {five} of five");
    let strange = on_another_host(5, "kali");
    assert!(strange < five / 4.0, "{strange}, {five} if it is named as the others are");
}

#[test]
fn many_small_runs_within_an_hour_are_a_burst() {
    let mut events = days(0..30, "poller", &[400, 800, 1200]);
    for nth in 0..20 {
        events.extend(Visit::default().events(at(29, 1240 + 2 * nth)));
    }
    let alerts = alerts_of(sorted(events));
    let page = alerts.iter().find(|a| a.severity.pages()).expect("a page");
    assert!(page.reasons.iter().any(|r| r.dimension == Dimension::Rate), "{page:#?}");
}

#[test]
fn two_places_at_once_and_impossible_ways_are_told() {
    let home = Visit { place: Some((52.5, 13.4)), minutes: 20, ..Visit::default() };
    let month: Vec<Event> = (0..30).flat_map(|day| visit_at(&home, day, 600)).collect();
    let abroad = Visit { place: Some((-23.5, -46.6)), ..Visit::default() };
    let alerts = alerts_of(sorted([month.clone(), abroad.events(at(29, 606))].concat()));
    let travel = alerts.iter().flat_map(|a| &a.reasons).find(|r| r.detector == "impossible_travel");
    assert!(travel.is_some_and(|r| r.text.contains("km")), "{alerts:#?}");

    let twin = Visit { host: "srv-2", minutes: 20, ..Visit::default() };
    let alerts = alerts_of(sorted([month, twin.events(at(29, 606))].concat()));
    assert!(alerts.iter().any(|a| a.severity.pages()), "{alerts:#?}");
}

/// Whether the last of twenty bots on two hosts each is paged when it runs on both at once, after so many of the others did
/// once.
fn first_time_at_once(accidents: i64) -> bool {
    let host = |nth: i64| if nth % 2 == 0 { "srv-1" } else { "srv-2" };
    let visits = (0..20).flat_map(|nth| {
        let bot = format!("bot-{nth}");
        let run = |day: i64, minute: i64, host| {
            visit_at(&Visit { bot: &bot, host, minutes: 20, ..Visit::default() }, day, minute + 2 * nth)
        };
        let usual = (0..30)
            .flat_map(|day| [(400, 0), (700, 1), (1000, 2)].map(|(minute, of)| run(day, minute, host(day + of))));
        let twice = |day: i64| run(day, 406, host(day + 1));
        let accident = (nth < accidents).then(|| twice(8 + nth)).into_iter().flatten();
        let last = (nth == 19).then(|| twice(29)).into_iter().flatten();
        usual.flatten().chain(accident).chain(last).collect::<Vec<_>>()
    });
    let alerts = alerts_of(sorted(visits.collect()));
    paged(&alerts, "bot-19").contains(&Dimension::Source)
}

#[test]
fn what_happens_to_bots_once_by_accident_is_no_page_for_the_next() {
    assert!(first_time_at_once(0) && !first_time_at_once(15));
}

#[test]
fn a_bot_of_two_days_a_month_is_known_on_the_next_ones() {
    let mut events: Vec<Event> =
        (0..10).flat_map(|nth| days(0..33, &format!("other-{nth}"), &[300 + 10 * nth])).collect();
    events.extend([days(0..2, "closer", &[600]), days(30..32, "closer", &[600])].concat());
    let alerts = alerts_of(sorted(events));
    let odd = |a: &&Alert| a.reasons.iter().any(|r| matches!(r.dimension, Dimension::Source | Dimension::Sequence));
    let odd: Vec<_> = alerts.iter().filter(|a| a.bot.as_deref() == Some("closer")).filter(odd).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

#[test]
fn a_level_that_creeps_is_told_and_one_that_stays_is_not() {
    let level = |rate: f64| {
        let visits = (0..45_i64).flat_map(move |day| {
            let wobble = 1.0 + 0.05 * ((day * 7919 % 13) as f64 / 6.0 - 1.0);
            let grown = (1.0 + rate).powi((day - 28).max(0) as i32);
            Visit { records: (1000.0 * wobble * grown) as u64, ..Visit::default() }.events(at(day, 600))
        });
        alerts_of(visits)
    };
    let drift = |alerts: &[Alert]| alerts.iter().any(|a| a.reasons.iter().any(|r| r.dimension == Dimension::Drift));
    assert!(drift(&level(0.08)) && !drift(&level(0.0)));
}

#[test]
fn people_who_announced_themselves_may_and_others_may_not() {
    let person = |minute: i64, rest: &str| {
        let ts = at(30, minute);
        let json = format!(r#"{{"id":"p-{minute}","ts":"{ts}","tenant":"acme","bot":"poller",{rest}}}"#);
        decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json)
    };
    let work = || {
        let host = r#""host":"jump-1","ip":"10.9.9.9""#;
        vec![
            person(700, &format!(r#""type":"login","login":{{"interactive":true,"method":"sso"}},{host}"#)),
            person(701, &format!(r#""type":"call","operation":"GET /rows","records_read":5,{host}"#)),
        ]
    };
    let announced =
        person(650, r#""type":"control","control":{"action":"maintenance_announced","by":"ann","ticket":"CHG-1"}"#);
    let month = || days(0..31, "poller", &[600]);
    let quiet = alerts_of(sorted([month(), vec![announced], work()].concat()));
    assert_eq!(paged(&quiet, "poller"), []);
    let loud = alerts_of(sorted([month(), work()].concat()));
    assert_eq!(paged(&loud, "poller").first(), Some(&Dimension::Login));
}

#[test]
fn whoever_started_it_by_hand_may_be_told_a_little_late() {
    let start = at(30, 840);
    let mut late = Visit::default().events(start);
    let json = format!(
        r#"{{"id":"m","ts":"{start}","tenant":"acme","bot":"poller","session":"poller-{start}","type":"run","run":{{"phase":"start","trigger":"manual","by":"ann"}}}}"#
    );
    late.insert(1, decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json));
    let alerts = alerts_of(days(0..31, "poller", &[400]).into_iter().chain(late));
    assert_eq!(paged(&alerts, "poller"), [], "{alerts:#?}");
}
