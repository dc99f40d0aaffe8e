//! The engine on a payables bot and its tenant: each way of stealing pages for the money's sake, and a restart between
//! any two events changes nothing.

use super::*;
use crate::event::Kind;
use crate::simulate::{Fleet, FleetSpec, Label, Wrongs};

/// A bot and a transaction of it.
type Move = (&'static str, String);

/// A transaction of a bot of the tenant.
fn moved(bot: &str, ts: Timestamp, id: &str, transaction: &str) -> Event {
    let json = format!(
        r#"{{"id":"{id}","ts":"{ts}","tenant":"acme","bot":"{bot}","type":"transaction","transaction":{{{transaction}}}}}"#
    );
    decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json)
}

/// A day of payments with one signature, one with two, refunds to many, and now and then a payee.
fn boring(day: i64) -> Vec<Event> {
    let mut events = Vec::new();
    let mut push = |nth: i64, transaction: String| {
        let id = format!("m-{day}-{nth}");
        events.push(moved("payables", at(day, 480 + nth), &id, &transaction));
    };
    for nth in 0..4 {
        let amount = 700 + 13 * (day + nth) % 200;
        push(
            nth,
            format!(
                r#""kind":"payment","amount":{amount},"currency":"EUR","counterparty":"V{nth}","account":"A{nth}","approvers":["ann"],"by":"payables""#
            ),
        );
        let refund = r#""kind":"refund","amount":40,"currency":"EUR","by":"payables","customer""#;
        push(10 + nth, format!(r#"{refund}:"C{}""#, day * 4 + nth));
    }
    push(
        30,
        r#""kind":"payment","amount":9000,"currency":"EUR","counterparty":"Rent","account":"R1","approvers":["ann","bob"],"by":"payables""#.to_owned(),
    );
    if day % 10 == 0 {
        push(
            40,
            format!(
                r#""kind":"payee_created","counterparty":"N{day}","account":"N{day}","by":"ann","approvers":["bob"]"#
            ),
        );
    }
    events
}

/// The last day's transactions, a minute apart.
fn ending(odd: &[Move]) -> Vec<Event> {
    let event = |(nth, (bot, transaction)): (usize, &Move)| {
        moved(bot, at(30, 522 + nth as i64), &format!("odd-{nth}"), transaction)
    };
    (0..31).flat_map(boring).chain(odd.iter().enumerate().map(event)).collect()
}

fn pay(amount: f64, to: &str, account: &str, approver: &str) -> Move {
    let transaction = format!(
        r#""kind":"payment","amount":{amount},"currency":"EUR","counterparty":"{to}","account":"{account}","approvers":["{approver}"],"by":"payables""#
    );
    ("payables", transaction)
}

/// Ways of stealing, with the detector and the least severity.
fn thefts() -> Vec<(&'static str, Severity, Vec<Move>)> {
    let elsewhere = |transaction: &str| ("master-data", transaction.to_owned());
    let payee = |nth: i64| ("payables", format!(r#""kind":"payee_created","counterparty":"X{nth}","by":"payables""#));
    let refund = |nth: i64| {
        let to = nth % 2;
        ("payables", format!(r#""kind":"refund","amount":40,"currency":"EUR","customer":"Z{to}","by":"payables""#))
    };
    let bank = r#""kind":"vendor_bank_change","counterparty":"V1","account":"EVIL","by":"eve""#;
    let chain = r#""kind":"approval_chain_change","object":"chain","approvers":["eve"],"by":"eve""#;
    vec![
        ("account_changed_and_paid", Severity::Critical, vec![elsewhere(bank), pay(900.0, "V1", "EVIL", "ann")]),
        ("unknown_account", Severity::Medium, vec![pay(900.0, "V1", "EVIL", "ann")]),
        ("bulk_payees", Severity::High, (0..14).map(payee).collect()),
        ("refunds_to_few", Severity::High, (0..16).map(refund).collect()),
        ("approval_chain_changed", Severity::Critical, vec![elsewhere(chain), pay(9_500.0, "V1", "A1", "eve")]),
        ("own_approval", Severity::High, vec![pay(900.0, "V1", "A1", "payables")]),
        (
            "split_payments",
            Severity::High,
            (0..5).map(|nth| pay(4_900.0 + f64::from(nth), "V1", "A1", "ann")).collect(),
        ),
        ("extreme_amount", Severity::Medium, vec![pay(200_000.0, "V1", "A1", "ann")]),
    ]
}

#[test]
fn each_way_of_stealing_pages_once_and_says_how() {
    for (detector, least, odd) in thefts() {
        let alerts: Vec<_> = alerts_of(ending(&odd)).into_iter().filter(|alert| alert.severity.pages()).collect();
        let last = alerts.iter().rfind(|alert| alert.status == Status::Firing).unwrap_or_else(|| panic!("{detector}"));
        assert!(last.severity >= least && last.bot.as_deref() == Some("payables"), "{last:#?}");
        assert!(alerts.iter().all(|alert| alert.id == last.id), "one story, one page: {alerts:#?}");
        let reason = last.reasons.iter().find(|reason| reason.detector == detector);
        assert!(reason.is_some_and(|reason| reason.dimension == Dimension::Fraud), "{last:#?}");
        assert!(last.tags.mitre_attack.contains(&"T1657".to_owned()) && last.title.contains("`payables`"), "{last:#?}");
        let evidence = last.events.iter().filter(|id| id.starts_with("odd-")).count();
        assert!(evidence >= odd.len().min(2) && last.event_count >= evidence as u64, "{last:#?}");
    }
}

#[test]
fn boring_money_is_left_alone() {
    let approved = |day| {
        let transaction =
            r#""kind":"vendor_bank_change","counterparty":"V2","account":"NEW","by":"ann","approvers":["bob"]"#;
        moved("master-data", at(day, 900), "change", transaction)
    };
    let paid = |nth: i64| {
        let (bot, transaction) = pay(720.0, "V2", "NEW", "ann");
        moved(bot, at(31 + nth, 495), &format!("paid-{nth}"), &transaction)
    };
    let mut events: Vec<Event> = (0..34).flat_map(boring).chain([approved(28)]).chain((0..3).map(paid)).collect();
    events.sort_by_key(|event| event.ts);
    let alerts = alerts_of(events);
    let fraud = |alert: &Alert| alert.reasons.iter().any(|reason| reason.dimension == Dimension::Fraud);
    assert!(!alerts.iter().any(|alert| alert.severity.pages() || fraud(alert)), "{alerts:#?}");
}

#[test]
fn simulated_splits_are_found_among_the_bills_of_every_day() {
    for seed in [2, 4, 6] {
        let fleet = Fleet::generate(&FleetSpec {
            seed,
            bots: 32,
            tenants: 1,
            attacks_per_bot: 4.0,
            wrongs: Wrongs::Standing,
            late_share: 0.0,
            duplicate_share: 0.0,
            ..FleetSpec::default()
        });
        let splits: Vec<_> = fleet.labels.iter().filter(|label| label.scenario == "split_payments").collect();
        assert!(!splits.is_empty(), "seed {seed}");
        // And the first event of each hour, whosever it is: event time goes on between two payments, and stories end.
        let mut hour = i64::MIN;
        let moved = |event: &Event| {
            let its = |label: &&Label| label.bot.as_deref() == Some(&event.bot);
            let strikes = std::mem::replace(&mut hour, event.ts.as_micros() / Span::HOUR.as_micros()) != hour;
            strikes || matches!(event.kind, Kind::Transaction(_)) && splits.iter().any(its)
        };
        let alerts = alerts_of(fleet.events.into_iter().filter(moved));
        for label in splits {
            let told = alerts.iter().any(|alert| {
                alert.bot == label.bot
                    && (label.start..=label.end + Span::HOUR).contains(&alert.ts)
                    && alert.reasons.iter().any(|reason| reason.detector == "split_payments")
            });
            assert!(told, "seed {seed}: {label:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_restart_changes_nothing(theft in 0..8_usize, cuts in proptest::collection::vec(0..300_usize, 1..6), back in 0..20_usize) {
        let mut events = ending(&thefts()[theft].2);
        // What arrives out of order waits in the state as well.
        let last = events.len() - 1;
        events.swap(last, last.saturating_sub(1));
        let (mut whole, mut parts) = (Output::default(), Output::default());
        let mut engine = Engine::new(Settings::default(), Registry::default());
        let mut restarted = Engine::new(Settings::default(), Registry::default());
        for (place, event) in events.into_iter().enumerate() {
            if cuts.contains(&place) || place + back == last {
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
}
