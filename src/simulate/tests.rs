//! Laws that hold for every fleet, tried on small ones.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::event::decode::{Envelope, Limits, decode, encode};
use crate::event::{Kind, Phase};
use crate::registry::BotStatus;
use crate::time::{Span, Timestamp};

fn small(seed: u64, bots: usize) -> FleetSpec {
    FleetSpec { seed, bots, tenants: 2, days_baseline: 4, days_test: 6, attacks_per_bot: 1.0, ..FleetSpec::default() }
}

fn rest(fleet: &Fleet) -> String {
    serde_json::to_string(&(&fleet.registry, &fleet.labels, &fleet.benign, &fleet.meta)).expect("json")
}

#[test]
fn every_scenario_and_every_oddity_takes_place() {
    let spec = FleetSpec { bots: 72, attacks_per_bot: 1.0, days_baseline: 12, days_test: 14, ..FleetSpec::default() };
    let mut labels = BTreeSet::new();
    let mut odd = BTreeSet::new();
    let plans = EventStream::new(&spec);
    for (scenario, why) in plans.told() {
        labels.extend(scenario);
        odd.extend(why);
    }
    let wanted: BTreeSet<_> = Scenario::ALL.iter().map(|scenario| scenario.as_str()).collect();
    assert_eq!(wanted.difference(&labels).collect::<Vec<_>>(), Vec::<&&str>::new());
    let whys = [
        "public_holiday",
        "month_end",
        "rare_day",
        "clock_change",
        "organic_growth",
        "autoscaled_hosts",
        "deployment",
        "owner_login",
        "manual_rerun",
        "retry_storm",
        "schedule_change",
        "host_replaced",
        "approved_grant",
        "approved_grant_unused",
        "approved_vendor_change",
        "new_payees",
    ];
    assert_eq!(whys.into_iter().filter(|why| !odd.contains(why)).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn every_wrong_standing_takes_place_and_the_registry_tells_of_it() {
    let spec = FleetSpec {
        bots: 120,
        attacks_per_bot: 1.0,
        days_baseline: 90,
        days_test: 42,
        wrongs: Wrongs::Standing,
        ..FleetSpec::default()
    };
    let plans = EventStream::new(&spec);
    let labels: BTreeSet<_> = plans.told().into_iter().flat_map(|(scenarios, _)| scenarios).collect();
    let wanted: BTreeSet<_> = Scenario::STANDING.iter().map(|scenario| scenario.as_str()).collect();
    assert_eq!(labels, wanted);
    let registry = plans.registry();
    let usual = EventStream::new(&FleetSpec { wrongs: Wrongs::Usual, ..spec }).registry();
    assert!(registry.len() < usual.len(), "somebody is not named");
    let count = |has: fn(&BotRecord) -> bool| registry.iter().filter(|record| has(record)).count();
    assert!(count(|record| record.status == BotStatus::Disabled) > 0);
    assert!(count(|record| record.expires_at.is_some()) > 0);
    assert!(count(|record| record.environment.as_deref() == Some("test")) > 0);
    assert!(count(|record| record.owner.is_none()) > 0);
    assert!(
        usual.iter().all(|record| record.expires_at.is_none() && record.environment.as_deref() == Some("production"))
    );
}

#[test]
fn what_is_done_to_a_log_shows_in_its_numbers_and_times_and_in_no_other() {
    let spec = FleetSpec {
        bots: 64,
        tenants: 1,
        attacks_per_bot: 1.0,
        days_baseline: 12,
        days_test: 16,
        late_share: 0.0,
        duplicate_share: 0.0,
        wrongs: Wrongs::Standing,
        ..FleetSpec::default()
    };
    let fleet = Fleet::generate(&spec);
    let mut logs: BTreeMap<&str, Vec<(Timestamp, u64)>> = BTreeMap::new();
    let (mut late, mut newest) = (BTreeSet::new(), Timestamp::MIN);
    for event in &fleet.events {
        let log = event.producer.as_deref().expect("a log");
        if newest - event.ts > Span::from_mins(15) {
            late.insert(log);
        }
        newest = newest.max(event.ts);
        logs.entry(log).or_default().push((event.ts, event.seq.expect("a number")));
    }
    let mut seen = BTreeSet::new();
    for (log, mut records) in logs {
        let label = fleet.labels.iter().find(|label| label.producer.as_deref() == Some(log));
        let scenario = label.map_or("", |label| label.scenario.as_str());
        let slow = late.contains(log);
        records.sort_unstable();
        let steps = || records.windows(2).map(|pair| (pair[1].1.cast_signed() - pair[0].1.cast_signed(), pair));
        let lost = steps().any(|(step, _)| step > 1);
        let back = steps().any(|(step, _)| step < 0);
        let twice = steps().any(|(step, _)| step == 0);
        let silence = steps().map(|(_, pair)| pair[1].0 - pair[0].0).max().unwrap_or_default();
        seen.insert(scenario.to_owned());
        match scenario {
            "log_gap" => assert!(lost && !back && !twice, "{log}"),
            "log_restart" => assert!(back && !lost, "{log}"),
            "log_shared" => assert!(back && lost, "{log}"),
            "number_twice" => assert!(twice && !lost && !back, "{log}"),
            "log_silent" => assert!(silence > Span::from_days(5) && !lost && !back, "{log}: {silence:?}"),
            "clock_skew" => assert!(slow, "{log}"),
            _ => assert!(!lost && !back && !twice && !slow, "{log}"),
        }
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[test]
fn a_scenario_that_finds_no_place_leaves_no_trace() {
    // The test is a weekend, on which most bots rest.
    let spec = FleetSpec {
        bots: 48,
        attacks_per_bot: 1.0,
        oddities_per_bot: 2.0,
        days_baseline: 5,
        days_test: 3,
        wrongs: Wrongs::Standing,
        ..FleetSpec::default()
    };
    let (told, clean) = (EventStream::new(&spec).told(), EventStream::new(&FleetSpec { clean: true, ..spec }).told());
    assert!(told.iter().all(|(scenarios, _)| scenarios.len() <= 1), "{told:?}");
    for ((scenarios, odd), (_, usual)) in told.iter().zip(&clean) {
        assert!(!scenarios.is_empty() || odd == usual, "{odd:?} {usual:?}");
    }
    let labels = Fleet::generate(&spec).labels.len();
    assert_eq!(labels, told.iter().map(|(scenarios, _)| scenarios.len()).sum::<usize>());
}

#[test]
fn what_a_bot_does_is_not_another_thing_for_the_wrongs_that_others_suffer() {
    let fleet = |wrongs| Fleet::generate(&FleetSpec { wrongs, clean: true, oddities_per_bot: 0.0, ..small(5, 6) });
    let calls = |wrongs| {
        let calls = fleet(wrongs).events.into_iter().filter(|event| event.session.is_some());
        calls.map(|event| (event.ts, event.bot, event.operation)).collect::<BTreeSet<_>>()
    };
    assert!(calls(Wrongs::Usual) == calls(Wrongs::Standing));
}

#[test]
fn a_clean_fleet_has_no_attacks_and_no_holes() {
    let fleet = Fleet::generate(&FleetSpec { clean: true, ..small(3, 8) });
    assert_eq!((fleet.labels.len(), fleet.meta.attacks), (0, 0));
    let mut logs: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
    for event in &fleet.events {
        logs.entry(event.producer.clone()).or_default().extend(event.seq);
    }
    for (log, seqs) in logs {
        let (first, last) = (seqs.first().copied().unwrap_or(0), seqs.last().copied().unwrap_or(0));
        assert_eq!(last - first + 1, seqs.len() as u64, "{log:?}");
    }
}

#[test]
fn one_bot_more_changes_no_other_bot() {
    let plain = |fleet: &Fleet| -> Vec<String> {
        let mut lines = Vec::new();
        for event in &fleet.events {
            if !event.bot.ends_with("-005") {
                lines.push(encode(&crate::event::Event { seq: None, ..event.clone() }));
            }
        }
        lines.sort();
        lines
    };
    // Without holes, which belong to logs and not to bots.
    let spec = |bots| FleetSpec { clean: true, ..small(5, bots) };
    assert!(plain(&Fleet::generate(&spec(5))) == plain(&Fleet::generate(&spec(6))));
}

#[test]
fn different_seeds_give_different_offices() {
    let operations = |seed| -> BTreeSet<String> {
        let fleet = Fleet::generate(&FleetSpec { days_baseline: 2, days_test: 1, ..small(seed, 8) });
        fleet.events.iter().filter_map(|event| event.operation.as_ref().map(ToString::to_string)).collect()
    };
    let (one, two) = (operations(1), operations(2));
    let shared = one.intersection(&two).count();
    assert!(shared * 3 < one.len().max(two.len()), "{shared} of {} and {}", one.len(), two.len());
}

#[test]
fn degenerate_wishes_are_met() {
    for spec in [
        FleetSpec { bots: 0, tenants: 0, days_baseline: 0, days_test: 1, ..small(1, 1) },
        FleetSpec { days_test: 0, days_baseline: 3, ..small(1, 2) },
        FleetSpec {
            attacks_per_bot: f64::NAN,
            late_share: 2.0,
            late_secs_max: 0,
            oddities_per_bot: 9.0,
            ..small(1, 3)
        },
    ] {
        let fleet = Fleet::generate(&spec);
        assert_eq!(fleet.meta.events, fleet.events.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_of_a_fleet(seed in 0_u64..1_000_000) {
        let spec = small(seed, 9);
        let fleet = Fleet::generate(&spec);
        events_are_sound(&fleet, &spec)?;
        labels_are_sound(&fleet)?;
        logs_are_whole_but_where_a_label_says_so(&fleet)?;
        let again = Fleet::generate(&spec);
        prop_assert!(fleet.events == again.events && rest(&fleet) == rest(&again), "the same seed gave another fleet");
    }
}

fn events_are_sound(fleet: &Fleet, spec: &FleetSpec) -> Result<(), TestCaseError> {
    prop_assert_eq!(fleet.meta.events, fleet.events.len() as u64);
    let mut ids: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    let mut open: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    let (mut newest, mut twice) = (Timestamp::MIN, 0);
    let limits = Limits::default();
    for (nth, event) in fleet.events.iter().enumerate() {
        prop_assert!(event.ts < fleet.meta.end && event.ts >= spec.start);
        prop_assert!(newest - event.ts <= Span::from_secs(i64::from(spec.late_secs_max)), "too late");
        newest = newest.max(event.ts);
        if nth % 23 == 0 {
            let decoded = decode(encode(event).as_bytes(), &Envelope::default(), &limits);
            prop_assert_eq!(decoded.as_ref(), Ok(event));
        }
        if let Some(ts) = ids.insert((&event.bot, &event.id), event.ts) {
            prop_assert_eq!(ts, event.ts);
            twice += 1;
            continue;
        }
        if let (Kind::Run(run), Some(session)) = (&event.kind, &event.session) {
            let change = if run.phase == Some(Phase::Start) { 1 } else { -1 };
            *open.entry((&event.bot, session)).or_default() += change;
        }
    }
    prop_assert!(twice * 80 < fleet.events.len(), "{} duplicates", twice);
    if fleet.labels.iter().all(|label| label.producer.is_none()) {
        prop_assert!(open.values().all(|&open| open == 0), "a session did not end");
    }
    Ok(())
}

fn labels_are_sound(fleet: &Fleet) -> Result<(), TestCaseError> {
    let ids: BTreeSet<_> = fleet.labels.iter().map(|label| &label.id).collect();
    prop_assert_eq!(ids.len(), fleet.labels.len());
    for (nth, label) in fleet.labels.iter().enumerate() {
        prop_assert!(fleet.meta.split <= label.start && label.start <= label.end && label.end < fleet.meta.end);
        prop_assert!(label.bot.is_some() != label.producer.is_some() && !label.dimensions.is_empty());
        for other in &fleet.labels[nth + 1..] {
            let same = (&label.tenant, &label.bot, &label.producer) == (&other.tenant, &other.bot, &other.producer);
            let apart = label.end + Span::DAY < other.start || other.end + Span::DAY < label.start;
            prop_assert!(!same || apart, "{:?} {:?}", label, other);
        }
    }
    for benign in &fleet.benign {
        prop_assert!(benign.start <= benign.end && benign.end <= fleet.meta.end, "{:?}", benign);
    }
    Ok(())
}

fn logs_are_whole_but_where_a_label_says_so(fleet: &Fleet) -> Result<(), TestCaseError> {
    let mut logs: BTreeMap<&str, BTreeMap<u64, Timestamp>> = BTreeMap::new();
    for event in &fleet.events {
        if let (Some(producer), Some(seq)) = (&event.producer, event.seq) {
            logs.entry(producer).or_default().insert(seq, event.ts);
        }
    }
    for (producer, events) in logs {
        let steps = events.iter().zip(events.iter().skip(1));
        for ((before, _), (after, at)) in steps.filter(|((before, _), (after, _))| *before + 1 != **after) {
            let told = fleet.labels.iter().any(|label| label.producer.as_deref() == Some(producer) && label.end >= *at);
            prop_assert!(told, "{} jumps from {} to {}", producer, before, after);
        }
    }
    Ok(())
}
