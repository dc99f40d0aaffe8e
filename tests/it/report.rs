//! `humdrum report` from outside, over a small simulated fleet: held against what the simulator granted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::decode::encode;
use humdrum::event::{Event, Grant, Kind, Outcome};
use humdrum::registry::{BotRecord, Registry};
use humdrum::report::privileges::{BotPrivileges, Verdict, Window};
use humdrum::report::review::Review;
use humdrum::report::{self, Estate};
use humdrum::runtime::store::Store;
use humdrum::runtime::store::format::Checkpoint;
use humdrum::simulate::{Fleet, FleetSpec, Wrongs};
use serde_json::Value;

use crate::support::files::write;

/// A fleet at peace in a folder, with its registry, and a snapshot of an engine that has seen all of it.
struct Site {
    folder: tempfile::TempDir,
    events: Vec<Event>,
    registry: Vec<BotRecord>,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let spec = FleetSpec {
        bots: 16,
        days_baseline: 40,
        days_test: 10,
        clean: true,
        oddities_per_bot: 2.0,
        ..FleetSpec::default()
    };
    let Fleet { events, registry, .. } = Fleet::generate(&spec);
    let folder = tempfile::tempdir().expect("a folder");
    let text: String = events.iter().map(|event| encode(event) + "\n").collect();
    write(&folder.path().join("events.ndjson"), text);
    let bots = lines(&registry);
    write(&folder.path().join("bots.ndjson"), &bots);
    let mut engine = Engine::new(Settings::default(), Registry::from_ndjson(&bots).expect("a registry"));
    let mut output = Output::default();
    for event in &events {
        engine.observe(event.clone(), &mut output);
    }
    engine.finish(&mut output);
    let mut store = Store::open(&folder.path().join("state"), 1).expect("opens");
    store.save(&Checkpoint { engine: engine.snapshot(), ..Checkpoint::default() }).expect("saves");
    Site { folder, events, registry }
});

fn lines(registry: &[BotRecord]) -> String {
    registry.iter().map(|bot| serde_json::to_string(bot).expect("JSON") + "\n").collect()
}

fn report(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.current_dir(folder).env_clear().stdin(Stdio::null()).arg("report").args(args);
    let output = command.output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A report from the snapshot.
fn told(args: &[&str]) -> String {
    let args: Vec<&str> = args.iter().copied().chain(["--state-dir", "state", "--registry", "bots.ndjson"]).collect();
    let (status, out, err) = report(SITE.folder.path(), &args);
    assert_eq!(status, Some(0), "{args:?}: {err}");
    out
}

fn privileges(args: &[&str]) -> Vec<BotPrivileges> {
    let args: Vec<&str> = ["privileges", "--format", "json"].iter().chain(args).copied().collect();
    serde_json::from_str(&told(&args)).expect("JSON")
}

type ByBot<T> = BTreeMap<(String, String), T>;

#[test]
fn least_privilege_is_what_the_simulator_gave_and_the_bots_used() {
    let (mut used, mut granted): (ByBot<BTreeSet<String>>, ByBot<BTreeSet<String>>) = Default::default();
    for event in &SITE.events {
        let key = (event.tenant.to_string(), event.bot.to_string());
        if let Kind::Grant(grant) = &event.kind {
            granted.entry(key.clone()).or_default().extend(grant.role.as_ref().map(ToString::to_string));
        } else if event.outcome != Outcome::Denied {
            used.entry(key).or_default().extend(event.role.as_ref().map(ToString::to_string));
        }
    }
    let registered: ByBot<BTreeSet<String>> = SITE
        .registry
        .iter()
        .map(|bot| ((bot.tenant.clone(), bot.bot.clone()), bot.roles.iter().cloned().collect()))
        .collect();
    let bots = privileges(&["--unused", "45", "--days", "90"]);
    assert_eq!(bots.len(), used.len());
    assert!(!granted.is_empty(), "the fleet has grants");
    for bot in &bots {
        let key = (bot.tenant.clone(), bot.bot.clone());
        let none = BTreeSet::new();
        let (used, granted) = (&used[&key], granted.get(&key).unwrap_or(&none));
        let known = registered.get(&key).unwrap_or(&none);
        let all: BTreeSet<String> = used | &(granted | known);
        assert_eq!(bot.roles.iter().map(|row| row.role.clone()).collect::<BTreeSet<_>>(), all, "{key:?}");
        for row in &bot.roles {
            let facts = (row.exercised, row.granted.is_some(), row.eligible);
            let name = &row.role;
            assert_eq!(facts, (used.contains(name), granted.contains(name), known.contains(name)), "{key:?} {name}");
            assert_eq!(row.last_session.is_some(), row.exercised, "{key:?} {name}");
        }
        assert!(bot.complete, "{key:?}");
    }
}

/// What the simulator did with a bot's roles, from its own tape: held at the end by a grant, and the last day of each use.
#[derive(Default)]
struct Tape {
    granted: BTreeMap<String, bool>,
    used: BTreeMap<String, i64>,
    /// What was done in the last 60 days, with the roles that did it.
    work: BTreeMap<String, BTreeSet<String>>,
}

#[test]
fn unused_roles_are_those_that_were_given_and_not_used_for_every_bot_of_fleets_under_attack() {
    for seed in [101, 102] {
        let spec = FleetSpec {
            seed,
            bots: 12,
            days_baseline: 40,
            days_test: 18,
            attacks_per_bot: 1.0,
            oddities_per_bot: 2.0,
            wrongs: Wrongs::Standing,
            ..FleetSpec::default()
        };
        let Fleet { events, registry, .. } = Fleet::generate(&spec);
        let known = Registry::from_ndjson(&lines(&registry)).expect("a registry");
        let mut engine = Engine::new(Settings::default(), known.clone());
        let mut tapes: ByBot<Tape> = BTreeMap::new();
        for event in events {
            let tape = tapes.entry((event.tenant.to_string(), event.bot.to_string())).or_default();
            if let Kind::Grant(Grant { role: Some(role), change, .. }) = &event.kind {
                tape.granted.insert(role.to_string(), change.as_deref() != Some("removed"));
            } else if let Some(role) = event.role.as_ref().filter(|_| event.outcome != Outcome::Denied) {
                let day = tape.used.entry(role.to_string()).or_default();
                *day = event.ts.day_utc().max(*day);
                if event.outcome == Outcome::Ok && event.operation.is_some() {
                    let work = format!("{:?} {:?}", event.system, event.operation);
                    tape.work.entry(work).or_default().insert(role.to_string());
                }
            }
            engine.observe(event, &mut Output::default());
        }
        let facts = engine.facts();
        let now = engine.watermark().expect("events");
        let estate = Estate { bots: &facts, registry: &known, now };
        let told = report::privileges::privileges(&estate, Window::default());
        assert_eq!(told.len(), tapes.len(), "seed {seed}: every bot");
        let mut idle = 0;
        for bot in &told {
            let (key, none) = ((bot.tenant.clone(), bot.bot.clone()), Vec::new());
            let tape = &tapes[&key];
            let registered = known.get(&bot.tenant, &bot.bot).map_or(&none, |record| &record.roles);
            let held = tape.granted.iter().filter(|(_, held)| **held).map(|(role, _)| role);
            let given: BTreeSet<&String> = held.chain(registered).collect();
            let expected: BTreeSet<&String> = given.into_iter().filter(|role| !tape.used.contains_key(*role)).collect();
            let unused: BTreeSet<&String> =
                bot.roles.iter().filter(|row| !row.exercised).map(|row| &row.role).collect();
            assert_eq!(unused, expected, "seed {seed}: {key:?}");
            for row in bot.roles.iter().filter(|row| row.exercised) {
                let idle_days = now.day_utc() - tape.used[&row.role];
                assert_eq!(row.unused_days, idle_days, "seed {seed}: {key:?} {}", row.role);
            }
            let dropped: BTreeSet<&String> = bot.droppable().map(|row| &row.role).collect();
            let needed: BTreeSet<&String> = bot.minimal.iter().collect();
            assert!(dropped.is_disjoint(&needed), "seed {seed}: {key:?}");
            assert!(needed.iter().all(|role| tape.used.contains_key(*role)), "seed {seed}: {key:?} {needed:?}");
            let missed = |needed: &BTreeSet<&String>| {
                tape.work.iter().find(|(_, roles)| !roles.iter().any(|role| needed.contains(role)))
            };
            assert_eq!(missed(&needed), None, "seed {seed}: {key:?} {needed:?}");
            for role in &needed {
                let fewer = needed.iter().copied().filter(|other| other != role).collect();
                assert!(missed(&fewer).is_some(), "seed {seed}: {key:?} could do without {role}");
            }
            idle += unused.len();
        }
        assert!(idle > 12, "seed {seed}: {idle} roles that nobody uses");
    }
}

#[test]
fn the_fewest_roles_cover_the_work_of_every_session() {
    let bots: ByBot<BotPrivileges> =
        privileges(&[]).into_iter().map(|bot| ((bot.tenant.clone(), bot.bot.clone()), bot)).collect();
    let mut ways: BTreeMap<(String, String, String), BTreeSet<String>> = BTreeMap::new();
    for event in SITE.events.iter().filter(|event| matches!(event.kind, Kind::Call) && event.outcome == Outcome::Ok) {
        let work = format!("{:?} {:?}", event.system, event.operation);
        let ways = ways.entry((event.tenant.to_string(), event.bot.to_string(), work)).or_default();
        ways.extend(event.role.as_ref().map(ToString::to_string));
    }
    for ((tenant, bot, work), roles) in ways {
        let minimal = &bots[&(tenant, bot.clone())].minimal;
        assert!(
            roles.iter().any(|role| minimal.contains(role)),
            "{bot}: {work} needs one of {roles:?}, not {minimal:?}"
        );
    }
}

#[test]
fn what_can_go_says_what_would_have_broken() {
    let bots = privileges(&["--unused", "1", "--days", "60"]);
    let drops: Vec<_> = bots.iter().flat_map(BotPrivileges::droppable).collect();
    assert!(!drops.is_empty(), "a day's work does not need every role");
    for row in drops {
        assert_eq!(row.verdict, Verdict::Drop);
        assert_eq!(row.exercised, row.broken_days > 0, "{row:?}");
        assert_eq!(row.exercised, !row.broken_sessions.is_empty(), "{row:?}");
        assert_eq!(row.broken_sessions.first(), row.last_session.as_ref(), "{row:?}");
    }
}

#[test]
fn every_session_that_would_have_broken_is_named_from_events() {
    let args =
        ["privileges", "--events", "events.ndjson", "--registry", "bots.ndjson", "--format", "json", "--days", "30"];
    let (status, json, err) = report(SITE.folder.path(), &args);
    assert_eq!(status, Some(0), "{err}");
    let from_events: Vec<BotPrivileges> = serde_json::from_str(&json).expect("JSON");
    let now = SITE.events.iter().map(|event| event.ts).max().expect("events");
    let mut used: BTreeMap<(String, String, String), BTreeSet<String>> = BTreeMap::new();
    for event in &SITE.events {
        let (Some(role), Some(session)) = (&event.role, &event.session) else { continue };
        if event.outcome != Outcome::Denied && event.ts.day_utc() >= now.day_utc() - 30 {
            let key = (event.tenant.to_string(), event.bot.to_string(), role.to_string());
            used.entry(key).or_default().insert(session.to_string());
        }
    }
    let mut sessions = 0;
    for bot in &from_events {
        for row in &bot.roles {
            let none = BTreeSet::new();
            let expected = used.get(&(bot.tenant.clone(), bot.bot.clone(), row.role.clone())).unwrap_or(&none);
            let named: BTreeSet<String> = row.broken_sessions.iter().cloned().collect();
            // A session that began before the window is named by its beginning.
            assert!(named.is_subset(expected) && expected.difference(&named).count() <= 1, "{} {}", bot.bot, row.role);
            assert_eq!(named.len(), row.broken_sessions.len(), "{}: each once", bot.bot);
            assert!(row.broken_complete);
            sessions += named.len();
        }
    }
    assert!(sessions > 1000, "{sessions}");
    let kept = privileges(&["--days", "30"]);
    assert!(kept.iter().flat_map(|bot| &bot.roles).any(|row| !row.broken_complete), "a snapshot names some of them");
}

#[test]
fn each_log_says_how_complete_it_is() {
    let json: Vec<Value> = serde_json::from_str(&told(&["logs", "--format", "json"])).expect("JSON");
    let mut records: BTreeMap<(String, String), u64> = BTreeMap::new();
    for event in &SITE.events {
        if let (Some(producer), Some(_)) = (&event.producer, event.seq) {
            *records.entry((event.tenant.to_string(), producer.to_string())).or_default() += 1;
        }
    }
    assert_eq!(json.len(), records.len());
    for row in &json {
        let name = |field: &str| row[field].as_str().expect("a name").to_owned();
        let of = |field: &str| row[field].as_u64().expect("a number");
        let came = of("records") + if of("twice") > 0 { of("twice") } else { 0 };
        assert!(came >= records[&(name("tenant"), name("producer"))], "{row}");
        assert_eq!((of("lost"), of("waited_for"), row["ranges"].as_array().map(Vec::len)), (0, 0, Some(0)), "{row}");
    }
    assert!(json.iter().map(|row| row["out_of_order"].as_u64().expect("a number")).sum::<u64>() > 0);
    let (table, csv) = (told(&["logs"]), told(&["logs", "--format", "csv"]));
    assert_eq!((table.lines().count(), csv.matches("\r\n").count()), (1 + json.len(), 1 + json.len()));
    assert!(csv.starts_with("tenant,producer,records,lost,"), "{csv}");
}

#[test]
fn the_inventory_names_every_bot_and_is_the_same_from_events() {
    let table = told(&["inventory"]);
    assert_eq!(table.lines().count(), 1 + SITE.registry.len(), "{table}");
    let csv = told(&["inventory", "--format", "csv"]);
    assert!(csv.starts_with("tenant,bot,registered,owner,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 1 + SITE.registry.len());
    let json: Vec<Value> = serde_json::from_str(&told(&["inventory", "--format", "json"])).expect("JSON");
    for (row, line) in json.iter().zip(table.lines().skip(1)) {
        let (bot, owner) = (row["bot"].as_str().expect("a name"), row["owner"].as_str().expect("an owner"));
        assert!(line.contains(bot) && line.contains(owner), "{line}");
        let sum: f64 =
            row["risk"]["parts"].as_array().expect("parts").iter().filter_map(|p| p["points"].as_f64()).sum();
        assert!((sum - row["risk"]["score"].as_f64().expect("a score")).abs() < 0.06, "{row}");
    }
    let args = ["inventory", "--format", "json", "--events", "events.ndjson", "--registry", "bots.ndjson"];
    let (status, from_events, err) = report(SITE.folder.path(), &args);
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&from_events).expect("JSON"), json);
}

#[test]
fn a_review_says_what_has_changed_since_the_last() {
    let folder = SITE.folder.path();
    write(&folder.join("first.json"), told(&["review", "--format", "json"]));
    let same: Review =
        serde_json::from_str(&told(&["review", "--format", "json", "--since", "first.json"])).expect("a review");
    assert_eq!((same.changes.len(), same.since), (0, Some(same.at)));
    let mut registry = SITE.registry.clone();
    let gone = registry.remove(0);
    registry[0].owner = Some("somebody.else".to_owned());
    registry[1].owner = None;
    let fresh = BotRecord { tenant: gone.tenant.clone(), bot: "fresh".to_owned(), ..BotRecord::default() };
    registry.push(fresh);
    write(&folder.join("later.ndjson"), lines(&registry));
    let args = ["review", "--since", "first.json", "--state-dir", "state", "--registry", "later.ndjson"];
    let (status, json, err) = report(folder, &[&args[..], &["--format", "json"]].concat());
    assert_eq!(status, Some(0), "{err}");
    let review: Review = serde_json::from_str(&json).expect("a review");
    let told: BTreeSet<(&str, &str)> =
        review.changes.iter().map(|change| (change.bot.as_str(), change.what.as_str())).collect();
    for expected in [
        (gone.bot.as_str(), "owner"),
        (gone.bot.as_str(), "notes"),
        (registry[0].bot.as_str(), "owner"),
        (registry[1].bot.as_str(), "notes"),
        ("fresh", "new"),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not in {told:?}");
    }
    let (_, page, _) = report(folder, &args);
    assert!(
        page.contains("Changed since") && page.contains("somebody.else") && page.contains("At most risk"),
        "{page}"
    );
    let (_, csv, _) = report(folder, &[&args[..], &["--format", "csv"]].concat());
    assert_eq!(csv.lines().next().map(|line| line.split(',').count()), Some(15));
}

#[test]
fn a_snapshot_is_read_while_another_process_writes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (status, _, err) = report(folder.path(), &["inventory", "--state-dir", "gone"]);
    assert_eq!(status, Some(1), "{err}");
    let (status, _, err) = report(folder.path(), &["inventory"]);
    assert_eq!(status, Some(2), "{err}");
    assert!(err.contains("--state-dir"), "{err}");
    let mut store = Store::open(&folder.path().join("state"), 1).expect("opens");
    let (status, _, err) = report(folder.path(), &["inventory", "--state-dir", "state"]);
    assert!(status == Some(1) && err.contains("no snapshot yet"), "{err}");
    let mut engine = Engine::new(Settings::default(), Registry::default());
    engine.observe(SITE.events[0].clone(), &mut Output::default());
    store.save(&Checkpoint { engine: engine.snapshot(), ..Checkpoint::default() }).expect("saves");
    let (status, out, err) = report(folder.path(), &["inventory", "--state-dir", "state"]);
    assert_eq!((status, out.lines().count()), (Some(0), 2), "{err}");
    drop(store);
}
