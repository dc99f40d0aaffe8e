//! Reports over facts made by hand.

use super::inventory::inventory;
use super::privileges::{Verdict, Window, privileges};
use super::*;
use crate::alert::{Dimension, Severity};
use crate::detect::{BaselineState, FindingFacts, GrantFacts, RoleFacts, SessionFacts, WorkFacts};
use crate::time::Span;

const TODAY: i64 = 20_000;

fn at(day: i64) -> Timestamp {
    Timestamp::MIN + Span::from_days(day)
}

fn bot(name: &str) -> BotFacts {
    BotFacts {
        tenant: "acme".to_owned(),
        bot: name.to_owned(),
        seen_days: Some((TODAY - 200, TODAY)),
        active_days: 150,
        gap_days_max: 3,
        last_seen: at(TODAY),
        baseline: BaselineState::Mature,
        baseline_days: 28.0,
        events: 1000,
        hosts: 1,
        secrets: 0,
        money: false,
        roles: Vec::new(),
        work: Vec::new(),
        findings: Vec::new(),
        cut: false,
    }
}

fn role(name: &str, last_day: i64) -> RoleFacts {
    RoleFacts {
        name: name.to_owned(),
        admin: name.contains("admin"),
        grant: None,
        used_days: Some((TODAY - 200, last_day)),
        sessions: 5,
        days: vec![last_day],
        last_sessions: vec![SessionFacts { id: format!("{name}-last"), at: at(last_day) }],
        unlisted: false,
    }
}

fn work(print: u32, role: usize, last_day: i64) -> WorkFacts {
    WorkFacts { print, system: "sap".to_owned(), role: Some(role), last_day }
}

fn registry(text: &str) -> Registry {
    Registry::from_ndjson(text).expect("a registry")
}

#[test]
fn a_role_that_nobody_gave_replaces_none_that_was_given() {
    let mut facts = bot("b");
    facts.roles = vec![role("approver", TODAY), role("reader", TODAY), role("lister", TODAY)];
    // One session went through everything with a role that was not the bot's, and did one thing more.
    facts.work = vec![work(1, 0, TODAY), work(2, 0, TODAY), work(3, 0, TODAY), work(1, 1, TODAY), work(2, 2, TODAY)];
    let registry = registry(r#"{"tenant":"acme","bot":"b","roles":["reader","lister"]}"#);
    let needs = |facts: &BotFacts| {
        let estate = Estate { bots: std::slice::from_ref(facts), registry: &registry, now: at(TODAY) };
        privileges(&estate, Window::default())[0].minimal.clone()
    };
    assert_eq!(needs(&facts), ["approver", "lister", "reader"]);
    facts.work.remove(2);
    assert_eq!(needs(&facts), ["lister", "reader"]);
}

#[test]
fn a_role_goes_when_the_work_does_not_need_it() {
    let mut facts = bot("b");
    facts.roles =
        vec![role("reader", TODAY), role("admin", TODAY), role("closer", TODAY - 70), role("old", TODAY - 95)];
    facts.work = vec![work(1, 0, TODAY), work(1, 1, TODAY), work(2, 2, TODAY - 70), work(3, 3, TODAY - 95)];
    let registry = registry(r#"{"tenant":"acme","bot":"b","roles":["reader","never"]}"#);
    let estate = Estate { bots: &[facts], registry: &registry, now: at(TODAY) };
    let row = |window: Window, name: &str| {
        let bots = privileges(&estate, window);
        bots[0].roles.iter().find(|row| row.role == name).cloned().expect("the role")
    };
    let window = Window::default();
    assert_eq!(row(window, "reader").verdict, Verdict::Keep);
    assert_eq!(row(window, "admin").verdict, Verdict::Drop, "the reader does the same");
    let closer = row(window, "closer");
    assert_eq!((closer.verdict, closer.unused_days, closer.broken_days), (Verdict::Drop, 70, 1));
    assert_eq!(closer.broken_sessions, ["closer-last"]);
    assert_eq!(row(Window { work_days: 90, ..window }, "closer").verdict, Verdict::Keep);
    let old = row(window, "old");
    assert_eq!((old.broken_days, old.last_session.as_deref()), (0, Some("old-last")));
    let never = row(window, "never");
    assert_eq!((never.verdict, never.exercised, never.eligible, never.unused_days), (Verdict::Drop, false, true, 200));
    assert_eq!(privileges(&estate, window)[0].minimal, ["reader"]);
}

#[test]
fn a_bot_or_a_grant_too_young_is_waited_for_and_a_bound_keeps_its_role() {
    let mut young = bot("young");
    young.seen_days = Some((TODAY - 20, TODAY));
    let mut full = bot("full");
    full.roles = vec![RoleFacts { unlisted: true, ..role("busy", TODAY) }];
    full.cut = true;
    let granted = |removed| GrantFacts { at: at(TODAY - 5), by: None, ticket: None, removed };
    full.roles.push(RoleFacts { grant: Some(granted(false)), used_days: None, sessions: 0, ..role("fresh", 0) });
    full.roles.push(RoleFacts { grant: Some(granted(true)), ..role("gone", TODAY - 9) });
    let registry = registry(r#"{"tenant":"acme","bot":"young","roles":["x"]}"#);
    let estate = Estate { bots: &[full, young], registry: &registry, now: at(TODAY) };
    let bots = privileges(&estate, Window::default());
    let verdicts: Vec<_> =
        bots.iter().flat_map(|bot| bot.roles.iter().map(|row| (row.role.as_str(), row.verdict))).collect();
    assert_eq!(verdicts, [("busy", Verdict::Keep), ("fresh", Verdict::Wait), ("x", Verdict::Wait)]);
    assert!(!bots[0].complete && bots[1].complete);
}

#[test]
fn the_inventory_has_who_was_seen_and_who_is_registered() {
    let mut dormant = bot("asleep");
    dormant.last_seen = at(TODAY - 50);
    let bots = [dormant, bot("awake"), bot("stranger")];
    let registry = registry(
        "{\"tenant\":\"acme\",\"bot\":\"asleep\",\"owner\":\"ann\"}\n{\"tenant\":\"acme\",\"bot\":\"unseen\",\"owner\":\"ann\"}\n\
        {\"tenant\":\"acme\",\"bot\":\"awake\",\"status\":\"retired\"}",
    );
    let estate = Estate { bots: &bots, registry: &registry, now: at(TODAY) };
    let notes: Vec<_> = inventory(&estate).into_iter().map(|row| (row.bot, row.notes.join(", "))).collect();
    let expected = [
        ("asleep", "dormant"),
        ("awake", "no owner, at work after its end"),
        ("stranger", "not registered"),
        ("unseen", "never seen"),
    ];
    assert_eq!(notes, expected.map(|(bot, note)| (bot.to_owned(), note.to_owned())));
}

#[test]
fn risk_is_the_sum_of_its_parts_and_fades_with_time() {
    let (registry, mut facts) = (Registry::default(), bot("b"));
    let score = |facts: &BotFacts| {
        let bots = [facts.clone()];
        let estate = Estate { bots: &bots, registry: &registry, now: at(TODAY) };
        let risk = inventory(&estate).remove(0).risk;
        let sum: f64 = risk.parts.iter().map(|part| part.points).sum();
        assert!((sum - risk.score).abs() < 0.06 && risk.score <= 100.0, "{risk:?}");
        assert!(risk.parts.iter().all(|part| part.points <= part.points_max && !part.why.is_empty()), "{risk:?}");
        risk.score
    };
    let plain = score(&facts);
    let finding = |days| FindingFacts {
        dimension: Dimension::Fraud,
        severity: Severity::Critical,
        alerts: 2,
        last_day: TODAY - days,
    };
    let mut found = Vec::new();
    for days in [0, 60, 120] {
        facts.findings = vec![finding(days)];
        found.push(score(&facts) - plain);
    }
    assert!(found[0] > found[1] && found[1] > 0.0 && found[2].abs() < 1e-9, "{found:?}");
    facts.roles = vec![RoleFacts { used_days: None, grant: Some(grant()), ..role("admin", 0) }];
    assert!(score(&facts) > plain + 10.0, "an administrative role weighs");
}

fn grant() -> GrantFacts {
    GrantFacts { at: at(TODAY - 100), by: None, ticket: None, removed: false }
}
