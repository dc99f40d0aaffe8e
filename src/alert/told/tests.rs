//! Stories of alerts from their first page to their last.

use proptest::prelude::*;

use super::super::route::{Escalation, Route};
use super::super::wire::tests::about_bot as alert;
use super::super::{Cause, Hours, Matcher, Pattern};
use super::*;

const TERMS: Terms = Terms { min_severity: Severity::Medium, routed: true, repeat_every: None, acknowledgments: false };

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn minute(minute: i64) -> Timestamp {
    at("2026-05-04T12:00:00Z") + Span::from_mins(minute)
}

fn revision(revision: u32, severity: Severity, status: Status) -> Alert {
    Alert { status, revision, ..alert("a1", severity) }
}

fn plan(receivers: &[(&str, Terms)], routing: Routing) -> Plan {
    let receivers = receivers.iter().map(|(name, terms)| ((*name).to_owned(), *terms)).collect();
    Plan { receivers, routing, silences: Vec::new() }
}

fn to(receiver: &str, after: Option<(i64, &str)>) -> Route {
    let step = |(minutes, name): (i64, &str)| Escalation { after: Span::from_mins(minutes), to: vec![name.to_owned()] };
    let receivers = vec![receiver.to_owned()];
    Route { matcher: Matcher::default(), hours: None, receivers, continues: false, escalation: after.map(step) }
}

/// What is sent, in short.
fn short(orders: &[Order]) -> Vec<(&str, Cause, u32)> {
    orders.iter().map(|order| (order.receiver.as_str(), order.notice.cause, order.notice.alert.revision)).collect()
}

#[test]
fn an_alert_is_resolved_where_it_was_raised() {
    let mut day = to("desk", None);
    day.hours = Some(Hours::parse("mon-fri 08:00-18:00", "UTC").expect("hours"));
    let routing = Routing { routes: vec![day, to("pager", None)], ..Routing::default() };
    let plan = plan(&[("desk", TERMS), ("pager", TERMS), ("all", Terms { routed: false, ..TERMS })], routing);
    let mut told = Told::default();
    let (noon, night) = (at("2026-05-04T12:00:00Z"), at("2026-05-04T20:00:00Z"));
    let mut send = |alert: Alert, now| told.publish(&alert, &Whose::default(), &plan, now).0;
    let first = send(revision(1, Severity::Medium, Status::Firing), noon);
    assert_eq!(short(&first), [("all", Cause::Published, 1), ("desk", Cause::Published, 1)]);
    let worse = send(revision(2, Severity::High, Status::Firing), night);
    let expected = [("all", Cause::Published, 2), ("desk", Cause::Published, 2), ("pager", Cause::Published, 2)];
    assert_eq!(short(&worse), expected, "the desk hears of it further on, and the night's pager for the first time");
    let before: Vec<_> = worse.iter().map(|order| order.notice.severity_before).collect();
    assert_eq!(before, [Some(Severity::Medium), Some(Severity::Medium), None]);
    assert_eq!(short(&send(revision(2, Severity::High, Status::Firing), night)), [], "a replay tells nobody again");
    assert_eq!(short(&send(revision(1, Severity::Medium, Status::Firing), night)), []);
    let end = send(revision(3, Severity::High, Status::Resolved), noon);
    assert_eq!(
        short(&end),
        [("all", Cause::Published, 3), ("desk", Cause::Published, 3), ("pager", Cause::Published, 3)]
    );
    assert_eq!(told.remembered(), 0);
}

#[test]
fn what_nobody_asks_for_goes_nowhere() {
    let mut told = Told::default();
    let mut outcome = |plan: &Plan, severity| {
        let (orders, outcome) =
            told.publish(&revision(1, severity, Status::Firing), &Whose::default(), plan, minute(0));
        assert!(orders.is_empty() && told.told() == 0);
        (outcome, told.remembered())
    };
    // What nobody would be told of at any hour need not be remembered.
    assert_eq!(outcome(&plan(&[("a", TERMS)], Routing::default()), Severity::Low), (Outcome::Unwanted, 0));
    let nowhere = Routing { default: Some(Vec::new()), ..Routing::default() };
    assert_eq!(outcome(&plan(&[("a", TERMS)], nowhere), Severity::High), (Outcome::Unrouted, 1));
}

#[test]
fn what_nobody_heard_of_at_night_is_not_resolved_at_the_desk_by_day() {
    let mut day = to("desk", None);
    day.hours = Some(Hours::parse("mon-fri 08:00-18:00", "UTC").expect("hours"));
    let routing = Routing { routes: vec![day], default: Some(Vec::new()), ..Routing::default() };
    let plan = plan(&[("desk", TERMS)], routing);
    let mut told = Told::default();
    let (night, noon) = (at("2026-05-04T02:00:00Z"), at("2026-05-04T12:00:00Z"));
    let mut send = |id: &str, status, number, severity, now| {
        let alert = Alert { id: id.to_owned(), ..revision(number, severity, status) };
        told.publish(&alert, &Whose::default(), &plan, now)
    };
    assert_eq!(send("a1", Status::Firing, 1, Severity::High, night), (Vec::new(), Outcome::Unrouted));
    assert_eq!(send("a1", Status::Resolved, 2, Severity::High, noon), (Vec::new(), Outcome::Known));
    // One that gets worse by day is told then, and so is its end.
    assert_eq!(send("a2", Status::Firing, 1, Severity::Medium, night), (Vec::new(), Outcome::Unrouted));
    let (worse, _) = send("a2", Status::Firing, 2, Severity::High, noon);
    assert_eq!((short(&worse), worse[0].notice.severity_before), (vec![("desk", Cause::Published, 2)], None));
    let (end, _) = send("a2", Status::Resolved, 3, Severity::High, night);
    assert_eq!(short(&end), [("desk", Cause::Published, 3)]);
}

#[test]
fn nobody_at_it_is_told_to_somebody_else_once() {
    let routing = Routing { routes: vec![to("desk", Some((15, "boss")))], ..Routing::default() };
    let plan = plan(&[("desk", TERMS), ("boss", TERMS)], routing);
    let mut told = Told::default();
    told.publish(&revision(1, Severity::High, Status::Firing), &Whose::default(), &plan, minute(0));
    assert_eq!(told.next_due(&plan, minute(0)), Some(minute(15)));
    assert_eq!(told.advance(&plan, minute(14)), []);
    // What is kept over a restart.
    let kept = postcard::to_stdvec(&told).expect("encodes");
    let mut told: Told = postcard::from_bytes(&kept).expect("decodes");
    assert_eq!(short(&told.advance(&plan, minute(16))), [("boss", Cause::Escalated, 1)]);
    assert_eq!((told.advance(&plan, minute(99)), told.next_due(&plan, minute(99))), (Vec::new(), None));
    let (end, _) = told.publish(&revision(2, Severity::High, Status::Resolved), &Whose::default(), &plan, minute(100));
    assert_eq!(short(&end), [("boss", Cause::Published, 2), ("desk", Cause::Published, 2)]);
}

#[test]
fn an_acknowledgment_holds_until_it_gets_worse() {
    let routing = Routing { routes: vec![to("pd", Some((15, "boss")))], ..Routing::default() };
    let pd = Terms { acknowledgments: true, ..TERMS };
    let plan = plan(&[("pd", pd), ("boss", TERMS)], routing);
    let mut told = Told::default();
    told.publish(&revision(1, Severity::Medium, Status::Firing), &Whose::default(), &plan, minute(0));
    assert_eq!(told.acknowledge("other", "a1", "eve", &plan), Err(AckError::Unknown), "of another tenant");
    assert_eq!(told.acknowledge("t", "a2", "eve", &plan), Err(AckError::Unknown));
    let orders = told.acknowledge("t", "a1", "alice", &plan).expect("is open");
    assert_eq!(short(&orders), [("pd", Cause::Acknowledged, 1)]);
    assert_eq!(orders[0].notice.acknowledged_by.as_deref(), Some("alice"));
    assert_eq!(told.next_due(&plan, minute(1)), None);
    // Who presses the button again, or after somebody else, tells nobody anything new.
    assert_eq!(told.acknowledge("t", "a1", "alice", &plan), Ok(Vec::new()));
    assert_eq!(told.acknowledge("t", "a1", "bob", &plan), Ok(Vec::new()));
    let worse = revision(2, Severity::Critical, Status::Firing);
    let (orders, _) = told.publish(&worse, &Whose::default(), &plan, minute(20));
    assert_eq!(orders[0].notice.acknowledged_by, None);
    let orders = told.clone().acknowledge("t", "a1", "bob", &plan).expect("is open");
    assert_eq!(short(&orders), [("pd", Cause::Acknowledged, 2)], "at what is worse now nobody was yet");
    assert_eq!(short(&told.advance(&plan, minute(35))), [("boss", Cause::Escalated, 2)]);
}

#[test]
fn what_goes_on_is_repeated_as_it_was_told() {
    let am = Terms { repeat_every: Some(Span::MINUTE), ..TERMS };
    let mut plan = plan(&[("am", am), ("chat", TERMS)], Routing::default());
    let mut told = Told::default();
    told.publish(&revision(1, Severity::Medium, Status::Firing), &Whose::default(), &plan, minute(0));
    assert_eq!(told.next_due(&plan, minute(0)), Some(minute(1)));
    assert_eq!(short(&told.advance(&plan, minute(1))), [("am", Cause::Repeated, 1)]);
    assert_eq!(told.advance(&plan, minute(1)), []);
    // A silence begins: what gets worse is not told, and what is repeated is what was told.
    plan.silences.push(silence(minute(10)));
    let worse = revision(2, Severity::High, Status::Firing);
    let (orders, outcome) = told.publish(&worse, &Whose::default(), &plan, minute(2));
    assert_eq!((orders, outcome), (Vec::new(), Outcome::Silenced("quiet".to_owned())));
    assert_eq!(short(&told.advance(&plan, minute(3))), [("am", Cause::Repeated, 1)]);
    let freed = told.advance(&plan, minute(10));
    let expected = [("am", Cause::Published, 2), ("chat", Cause::Published, 2)];
    assert_eq!(short(&freed), expected, "the silence is over");
    assert_eq!(freed[0].notice.severity_before, Some(Severity::Medium));
}

#[test]
fn a_silence_puts_an_escalation_off_and_not_away() {
    let routing = Routing { routes: vec![to("desk", Some((15, "boss")))], ..Routing::default() };
    let mut plan = plan(&[("desk", TERMS), ("boss", TERMS)], routing);
    let mut told = Told::default();
    let fire = |told: &mut Told, plan: &Plan, number, severity, now| {
        told.publish(&revision(number, severity, Status::Firing), &Whose::default(), plan, minute(now)).1
    };
    assert_eq!(fire(&mut told, &plan, 1, Severity::Medium, 0), Outcome::Told);
    plan.silences.push(silence(minute(60)));
    assert_eq!(told.next_due(&plan, minute(1)), Some(minute(60)));
    assert_eq!(told.advance(&plan, minute(20)), []);
    // What gets worse meanwhile is told at the end of the silence, and has its own time to be acknowledged.
    let mut worse = told.clone();
    let quiet = Outcome::Silenced("quiet".to_owned());
    assert_eq!(fire(&mut worse, &plan, 2, Severity::High, 30), quiet);
    assert_eq!(short(&told.advance(&plan, minute(60))), [("boss", Cause::Escalated, 1)]);
    assert_eq!(short(&worse.advance(&plan, minute(60))), [("desk", Cause::Published, 2)]);
    assert_eq!(worse.next_due(&plan, minute(60)), Some(minute(75)));
    // A silence that is taken out of the settings holds nothing back.
    let mut held = Told::default();
    assert_eq!(fire(&mut held, &plan, 1, Severity::High, 30), quiet);
    assert_eq!(held.told(), 0);
    plan.silences.clear();
    assert!(held.next_due(&plan, minute(31)).is_some_and(|due| due <= minute(31)));
    assert_eq!(short(&held.advance(&plan, minute(31))), [("desk", Cause::Published, 1)]);
    assert_eq!(held.told(), 1);
}

fn silence(until: Timestamp) -> Silence {
    let matcher = Matcher { bots: vec![Pattern::parse("b").expect("a pattern")], ..Matcher::default() };
    let (name, owner, reason) = ("quiet".to_owned(), "alice".to_owned(), "migration".to_owned());
    Silence { name, owner, reason, until, matcher }
}

#[test]
fn what_is_silenced_to_its_end_is_never_told() {
    let mut plan = plan(&[("chat", TERMS)], Routing::default());
    plan.silences.push(silence(minute(60)));
    let mut told = Told::default();
    let mut send = |status, revision_number| {
        let alert = revision(revision_number, Severity::High, status);
        told.publish(&alert, &Whose::default(), &plan, minute(0))
    };
    assert_eq!(send(Status::Firing, 1), (Vec::new(), Outcome::Silenced("quiet".to_owned())));
    assert_eq!(send(Status::Resolved, 2), (Vec::new(), Outcome::Known));
    assert_eq!(told.remembered(), 0);
}

#[test]
fn an_end_without_a_beginning_goes_where_the_beginning_would() {
    let plan = plan(&[("chat", TERMS)], Routing::default());
    let (end, _) =
        Told::default().publish(&revision(2, Severity::High, Status::Resolved), &Whose::default(), &plan, minute(0));
    assert_eq!(short(&end), [("chat", Cause::Published, 2)]);
}

#[test]
fn beyond_the_bound_the_oldest_is_forgotten() {
    let plan = plan(&[("chat", TERMS)], Routing::default());
    let mut told = Told::default();
    for n in 0..=STORIES_MAX {
        told.publish(&alert(&format!("a{n}"), Severity::High), &Whose::default(), &plan, minute(0));
    }
    assert_eq!((told.remembered(), told.forgotten()), (STORIES_MAX, 1));
    assert_eq!(told.acknowledge("t", "a0", "alice", &plan), Err(AckError::Unknown));
    assert!(told.acknowledge("t", "a1", "alice", &plan).is_ok());
}

proptest! {
    /// Whatever happens in between, each receiver that heard of an alert hears of its end once, and nobody else does.
    #[test]
    fn everybody_who_heard_of_it_hears_of_its_end(steps in proptest::collection::vec((0_u8..4, 0_i64..40), 0..30)) {
        let routing = Routing { routes: vec![to("desk", Some((15, "boss")))], ..Routing::default() };
        let am = Terms { repeat_every: Some(Span::from_mins(5)), min_severity: Severity::High, routed: false, acknowledgments: true };
        let mut plan = plan(&[("desk", TERMS), ("boss", TERMS), ("am", am)], routing);
        plan.silences.push(silence(minute(30)));
        let (mut told, mut heard, mut now, mut number) = (Told::default(), BTreeSet::new(), 0, 0);
        for (step, wait) in steps {
            now += wait;
            let orders = match step {
                0 => told.advance(&plan, minute(now)),
                1 => told.acknowledge("t", "a1", "alice", &plan).unwrap_or_default(),
                _ => {
                    number += 1;
                    let severity = Severity::ALL[usize::from(step) + usize::from(number > 2)];
                    told.publish(&revision(number, severity, Status::Firing), &Whose::default(), &plan, minute(now)).0
                }
            };
            heard.extend(orders.into_iter().map(|order| order.receiver));
        }
        let open = told.remembered() > 0;
        let (end, _) = told.publish(&revision(number + 1, Severity::Critical, Status::Resolved), &Whose::default(), &plan, minute(now));
        prop_assert_eq!(told.remembered(), 0);
        let ends: Vec<String> = end.into_iter().map(|order| order.receiver).collect();
        if open {
            prop_assert_eq!(ends, heard.into_iter().collect::<Vec<_>>());
        }
    }
}
