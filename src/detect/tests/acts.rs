//! Acts of administration through the whole engine: what they are worth by whoever did them, and what the bot does after.

use super::*;

/// What is particular to an act.
#[derive(Clone, Copy)]
struct Deed<'a> {
    bot: &'a str,
    action: &'a str,
    by: &'a str,
    ticket: bool,
    mfa: Option<bool>,
}

const USUAL: Deed<'static> =
    Deed { bot: "payroll", action: "maintenance_announced", by: "ann", ticket: true, mfa: Some(true) };

fn deed(deed: Deed<'_>, ts: Timestamp) -> Event {
    let Deed { bot, action, by, .. } = deed;
    let ticket = if deed.ticket { r#","ticket":"CHG-1""# } else { "" };
    let mfa = deed.mfa.map_or_else(String::new, |mfa| format!(r#","mfa":{mfa}"#));
    let rest = format!(r#""type":"control","control":{{"action":"{action}","by":"{by}"{ticket}{mfa}}}"#);
    Event { bot: bot.into(), ..event(&format!("{bot}-{action}-{ts}"), ts, &rest) }
}

/// A month of the payroll bot, with what ann and bob do in office hours.
fn office() -> Vec<Event> {
    let acts = (0..30).filter(|day| day % 7 < 5).map(|day| {
        let by = if day % 2 == 0 { "ann" } else { "bob" };
        deed(Deed { by, ..USUAL }, at(day, 600 + 40 * (day % 5)))
    });
    sorted(month().into_iter().chain(acts).collect())
}

fn sorted(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.ts);
    events
}

/// The firing alerts after the office's month, while the bot goes on as ever.
fn told(last: impl IntoIterator<Item = Event>) -> Vec<Alert> {
    told_beside(30..31, last)
}

/// The same where it goes on as ever on these days only.
fn told_beside(usual: std::ops::Range<i64>, last: impl IntoIterator<Item = Event>) -> Vec<Alert> {
    let nights = usual.flat_map(|day| Night::usual(day).events());
    let alerts = alerts_of(sorted(office().into_iter().chain(nights).chain(last).collect()));
    alerts.into_iter().filter(|alert| alert.status == Status::Firing && alert.ts >= at(30, 0)).collect()
}

#[test]
fn the_month_of_an_office_is_no_story() {
    assert!(alerts_of(office()).iter().all(|alert| !alert.severity.pages()));
}

#[test]
fn who_did_it_moves_what_it_is_worth() {
    let schedule = Deed { action: "schedule_changed", ticket: false, ..USUAL };
    let cases = [
        (
            schedule,
            at(30, 640),
            Severity::Medium,
            "had its schedule changed by `ann` without a ticket and with a second factor",
        ),
        (Deed { by: "eve", ..schedule }, at(30, 200), Severity::High, "never administered a bot of this tenant before"),
        (Deed { mfa: Some(false), ..schedule }, at(30, 640), Severity::High, "and without a second factor"),
        (
            Deed { by: "eve", action: "credentials_exported", ..schedule },
            at(30, 640),
            Severity::Critical,
            "exported by `eve`",
        ),
    ];
    for (act, ts, severity, phrase) in cases {
        let alerts = told([deed(act, ts)]);
        let [alert] = alerts.as_slice() else { panic!("{alerts:#?}") };
        assert_eq!((alert.severity, alert.reasons[0].dimension), (severity, Dimension::Control), "{alert:#?}");
        assert!(alert.title.contains(phrase), "{}", alert.title);
    }
}

#[test]
fn a_ticket_quiets_what_is_usual_and_not_a_missing_factor() {
    let schedule = Deed { action: "schedule_changed", ..USUAL };
    let ann = told([deed(Deed { action: "maintenance_announced", ..schedule }, at(30, 640))]);
    assert_eq!(ann, []);
    let bare = told([deed(Deed { mfa: Some(false), ..USUAL }, at(30, 640))]);
    let [note] = bare.as_slice() else { panic!("{bare:#?}") };
    assert_eq!((note.severity, note.reasons[0].detector.as_str()), (Severity::Low, "no_second_factor"));
    assert!(note.title.contains("with the ticket `CHG-1` and without a second factor"), "{}", note.title);
    assert!(!note.tags.mitre_attack.is_empty() && note.reasons[0].p_value.is_some_and(|p| p < 0.1));
    let eve = told([deed(Deed { by: "eve", mfa: Some(false), ..schedule }, at(30, 200))]);
    let [doubt] = eve.as_slice() else { panic!("{eve:#?}") };
    assert_eq!((doubt.severity, doubt.reasons[0].detector.as_str()), (Severity::Medium, "unusual_operator"));
}

#[test]
fn a_suspicious_ticket_announces_nothing() {
    let move_host = |by, ts| deed(Deed { action: "host_moved", by, mfa: Some(by == "ann"), ..USUAL }, ts);
    let night = Night { host: "srv-9", ip: "10.1.2.44", ..Night::usual(31) };
    let pages = |by| {
        let ts = if by == "ann" { at(30, 640) } else { at(30, 200) };
        let alerts = told(std::iter::once(move_host(by, ts)).chain(night.events()));
        alerts.into_iter().filter(|alert| alert.severity.pages()).count()
    };
    assert_eq!(pages("ann"), 0, "a ticketed move explains a new host");
    assert!(pages("eve") > 1, "a move by a stranger at night without a second factor does not");
}

#[test]
fn what_the_bot_does_next_belongs_to_the_story_and_weighs_more() {
    let export =
        deed(Deed { action: "credentials_exported", by: "eve", ticket: false, mfa: Some(false), ..USUAL }, at(30, 700));
    // A little more than usual: worth a word by itself, and no page.
    let more = Night { records: 1_600, ..Night::usual(31) };
    let alone = told(more.events());
    assert!(alone.iter().all(|alert| !alert.severity.pages()), "{alone:#?}");
    let alerts = told(std::iter::once(export.clone()).chain(more.events()));
    let [first, .., next] = alerts.as_slice() else { panic!("{alerts:#?}") };
    assert_eq!(first.severity, Severity::Critical);
    assert!(next.severity.pages() && next.id != first.id && next.incident == first.incident, "{alerts:#?}");
    assert!(next.title.contains("hours after it had its credentials exported by `eve`"), "{}", next.title);
    assert!(next.reasons.iter().any(|reason| reason.detector == "after_control"), "{next:#?}");
    let late = Night { records: 12_000, ..Night::usual(34) };
    let alerts = told_beside(30..34, std::iter::once(export).chain(late.events()));
    let last = alerts.last().expect("a page");
    assert!(last.severity.pages() && last.incident != alerts[0].incident, "{alerts:#?}");
    assert!(last.reasons.iter().all(|reason| reason.detector != "after_control"), "the window is over: {last:#?}");
}

#[test]
fn an_operator_who_reaches_many_bots_is_told_at_one_of_them() {
    let names: Vec<String> = (0..20).map(|nth| format!("bot-{nth:02}")).collect();
    let spree = |ticket| {
        let acts = names.iter().zip(0..).map(|(bot, nth)| {
            deed(Deed { bot, action: "bot_modified", by: "ann", ticket, mfa: Some(true) }, at(30, 640 + nth))
        });
        let alerts = told(acts.collect::<Vec<_>>());
        alerts.into_iter().find(|alert| alert.reasons[0].detector == "operator_burst").expect("a burst")
    };
    let (bare, approved) = (spree(false), spree(true));
    let how = "is one of 6 bots that `ann` administered today, all of it without a ticket";
    assert!(bare.title.contains(how) && bare.title.contains("it was modified by `ann`"), "{}", bare.title);
    assert_eq!((bare.severity, bare.events.len()), (Severity::Critical, 6), "{bare:#?}");
    assert!(!approved.severity.pages(), "{approved:#?}");
}

#[test]
fn a_role_given_without_a_ticket_says_by_whom() {
    let rest = r#""type":"grant","grant":{"role":"Reader","change":"added","by":"eve"}"#;
    let alerts = told([event("g", at(30, 200), rest)]);
    let page = alerts.iter().find(|alert| alert.severity.pages()).expect("a page");
    assert_eq!((page.severity, page.reasons[0].dimension), (Severity::High, Dimension::Entitlement));
    assert!(page.reasons.iter().all(|reason| reason.detector != "no_second_factor"), "a grant names none: {page:#?}");
    assert!(page.title.contains("by `eve` without a ticket; whoever that is never administered"), "{}", page.title);
}
