//! People at a bot's account: by the way they sign in, and by the pace at which they work.

use super::*;

/// A run of so many calls, with the seconds after each and the order of the steps.
fn run(day: i64, minute: i64, steps: &[usize], gap_secs: impl Fn(usize) -> f64) -> Vec<Event> {
    let calls = ["GET /list", "GET /item/{id}", "POST /check", "PUT /item/{id}", "GET /export"];
    let (session, start) = (format!("s-{day}-{minute}"), at(day, minute));
    let mut secs = 0.0;
    let mut events = Vec::new();
    for (nth, step) in steps.iter().enumerate() {
        secs += gap_secs(nth);
        let rest = format!(
            r#""type":"call","session":"{session}","host":"srv-1","operation":"{}","records_read":10"#,
            calls[*step]
        );
        events.push(event(&format!("{session}-{nth}"), start + Span::from_micros((secs * 1e6) as i64), &rest));
    }
    events
}

/// Twenty steps in the order of the work.
fn in_order() -> Vec<usize> {
    (0..20).map(|nth| nth % 5).collect()
}

/// Gaps about a middle whose logarithm swings by so much.
fn about(secs: f64, swing: f64, seed: i64) -> impl Fn(usize) -> f64 {
    move |nth| {
        let phase = ((nth as i64 * 7_919 + seed * 104_729) % 101) as f64 / 50.0 - 1.0;
        secs * (swing * phase).exp()
    }
}

fn machine(day: i64) -> Vec<Event> {
    run(day, 600, &in_order(), about(2.0, 0.7, day))
}

/// Somebody who looks around.
fn looking_around(day: i64) -> Vec<Event> {
    let steps: Vec<usize> = (0..20).map(|nth: usize| (nth * nth + 3 * nth) % 5).collect();
    run(day, 700, &steps, about(25.0, 1.6, 3))
}

fn told(events: impl IntoIterator<Item = Event>) -> Vec<Alert> {
    let alerts = alerts_of(events);
    alerts.into_iter().filter(|alert| alert.status == Status::Firing).collect()
}

fn by_pace(alerts: &[Alert]) -> Vec<&Alert> {
    let of_pace = |alert: &&Alert| alert.reasons.iter().any(|reason| reason.detector == "person_pace");
    alerts.iter().filter(of_pace).collect()
}

#[test]
fn a_person_with_the_bots_token_is_known_by_the_pace() {
    let alerts = told((0..31).flat_map(machine).chain(looking_around(30)));
    let found: Vec<&Alert> = by_pace(&alerts).into_iter().filter(|alert| alert.severity.pages()).collect();
    let Some(page) = found.first() else { panic!("{alerts:#?}") };
    assert!(found.iter().all(|alert| alert.id == page.id), "one story, one page: {found:#?}");
    assert!(page.reasons.iter().any(|reason| reason.dimension == Dimension::Identity), "{page:#?}");
    assert!(
        page.title
            .contains("worked at the pace of a person, with about 32 s between two acts, unevenly, instead of 2 s"),
        "{}",
        page.title
    );
    assert!(page.tags.owasp_nhi.contains(&"NHI10:2025".to_owned()));
}

#[test]
fn a_slow_day_on_the_usual_way_is_no_person() {
    let slow = run(30, 600, &in_order(), about(25.0, 1.6, 3));
    let alerts = told((0..30).flat_map(machine).chain(slow));
    assert!(by_pace(&alerts).iter().all(|alert| !alert.severity.pages()), "{alerts:#?}");
}

#[test]
fn a_bot_that_is_irregular_by_nature_stays_quiet() {
    let uneven = |day: i64| run(day, 600, &in_order(), about([0.5, 5.0, 40.0][day as usize % 3], 1.6, day));
    let alerts = told((0..31).flat_map(uneven).chain(looking_around(30)));
    assert!(by_pace(&alerts).is_empty(), "{alerts:#?}");
}

#[test]
fn an_announced_person_is_told_of_by_nobody() {
    let announced =
        event("m", at(30, 690), r#""type":"control","control":{"action":"bot_modified","by":"ann","ticket":"CHG-1"}"#);
    let events = (0..31).flat_map(machine).chain([announced]).chain(looking_around(30));
    assert!(by_pace(&told(events)).is_empty());
}

#[test]
fn a_password_where_a_token_is_usual_is_told() {
    let sign_in = |day: i64, method: &str| {
        let rest = format!(
            r#""type":"login","session":"s-{day}-600","host":"srv-1","login":{{"method":"{method}","interactive":false}}"#
        );
        event(&format!("l-{day}"), at(day, 600), &rest)
    };
    let nights = |last: &'static str| {
        (0..31).flat_map(move |day| {
            std::iter::once(sign_in(day, if day == 30 { last } else { "token" })).chain(machine(day))
        })
    };
    let alerts = told(nights("password"));
    let page = alerts.iter().find(|alert| alert.severity.pages()).expect("a page");
    assert_eq!((page.reasons[0].dimension, page.reasons[0].detector.as_str()), (Dimension::Login, "new_login_method"));
    assert!(page.title.contains("signed in to by `password`, where another method was used"), "{}", page.title);
    assert!(told(nights("token")).iter().all(|alert| !alert.severity.pages()));
}

#[test]
fn a_bot_on_several_hosts_at_once_is_no_wonder_and_one_on_its_own_is() {
    // Two hosts, each at work at the same time on most days.
    let twice = |day: i64| {
        let pair = [("srv-1", 600), ("srv-2", 600 + day % 2)];
        pair.into_iter().flat_map(move |(host, minute)| {
            let mut events = run(day, minute, &in_order(), about(20.0, 0.5, day));
            for event in &mut events {
                (event.host, event.session) = (Some(host.into()), Some(format!("{host}-{day}").as_str().into()));
                event.id = format!("{host}-{}", event.id).as_str().into();
            }
            events
        })
    };
    let mut events: Vec<Event> = (0..32).flat_map(twice).collect();
    events.sort_by_key(|event| event.ts);
    let alerts = told(events);
    assert!(alerts.iter().all(|alert| !alert.severity.pages()), "{alerts:#?}");
}
