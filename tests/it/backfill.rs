//! `humdrum backfill` from outside: every kind of file is the same history, an interruption changes nothing, and `run`
//! follows on as if it had run all along. And `humdrum replay --against`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use humdrum::detect::{BotFacts, Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::event::cell::Cell;
use humdrum::event::decode::encode;
use humdrum::event::field::Field;
use humdrum::event::values::value;
use humdrum::registry::Registry;
use humdrum::runtime::history::parquet::ParquetWriter;
use humdrum::runtime::produce::EventPublisher;
use humdrum::runtime::store;
use humdrum::runtime::store::format::Checkpoint;
use humdrum::simulate::{Fleet, FleetSpec};
use humdrum::time::Span;
use serde_json::Value;

use crate::support::files::{read, write};
use crate::support::humdrum::Humdrum;
use crate::support::nats::NatsServer;
use crate::support::until_within;

/// Time for a stream on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A fleet's month, in order of arrival.
struct Story {
    events: Vec<Event>,
    bots: String,
    /// Events before its last week.
    split: usize,
}

static STORY: LazyLock<Story> = LazyLock::new(|| {
    let spec = FleetSpec {
        bots: 6,
        days_baseline: 21,
        days_test: 7,
        attacks_per_bot: 1.0,
        oddities_per_bot: 1.0,
        ..FleetSpec::default()
    };
    let Fleet { events, registry, .. } = Fleet::generate(&spec);
    let bots = registry.iter().map(|bot| serde_json::to_string(bot).expect("JSON") + "\n").collect();
    let split = events.iter().position(|event| event.ts >= spec.start + Span::from_days(21)).expect("a later event");
    Story { events, bots, split }
});

/// The engine alone over events.
fn engine(events: &[Event]) -> Engine {
    let mut engine = Engine::new(Settings::default(), Registry::from_ndjson(&STORY.bots).expect("a registry"));
    let mut output = Output::default();
    for event in events {
        engine.observe(event.clone(), &mut output);
    }
    engine
}

fn lines(events: &[Event]) -> Vec<u8> {
    events.iter().map(|event| encode(event) + "\n").collect::<String>().into_bytes()
}

fn parquet(events: &[Event]) -> Vec<u8> {
    let mut writer = ParquetWriter::new(Vec::new()).expect("a file");
    for event in events {
        writer.event(event).expect("is taken");
    }
    writer.finish().expect("an end")
}

fn csv(events: &[Event]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(Field::all().map(Field::path)).expect("is written");
    for event in events {
        let text = |field| match value(event, field) {
            Cell::None => String::new(),
            Cell::Time(_) => event.ts.to_string(),
            Cell::Text(text) => text.into_owned(),
            Cell::Whole(number) => number.to_string(),
            Cell::Number(number) => number.to_string(),
            Cell::Truth(truth) => truth.to_string(),
            Cell::Texts(texts) => texts.join(";"),
            other => panic!("no event has {other:?}"),
        };
        writer.write_record(Field::all().map(text)).expect("is written");
    }
    writer.into_inner().expect("memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    // In two members, as logs that were appended to are.
    let (first, second) = bytes.split_at(bytes.len() / 3);
    let mut packed = Vec::new();
    for part in [first, second] {
        let mut writer = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
        writer.write_all(part).expect("is packed");
        writer.finish().expect("ends");
    }
    packed
}

fn humdrum(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    let output = command.current_dir(folder).env_clear().stdin(Stdio::null()).args(args).output();
    let output = output.expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A folder with the registry.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("bots.ndjson"), &STORY.bots);
    folder
}

/// What a backfill says that it learned.
fn learned(folder: &Path, args: &[&str]) -> Value {
    let all: Vec<&str> = ["backfill", "--json", "--registry", "bots.ndjson"].iter().chain(args).copied().collect();
    let (status, out, err) = humdrum(folder, &all);
    assert_eq!(status, Some(0), "{args:?}: {err}");
    serde_json::from_str(&out).expect("JSON")
}

fn newest(folder: &Path) -> Checkpoint {
    store::newest(&folder.join("state")).expect("can be read").expect("a snapshot")
}

fn restored(checkpoint: &Checkpoint) -> Engine {
    let registry = Registry::from_ndjson(&STORY.bots).expect("a registry");
    Engine::restore(&checkpoint.engine, Settings::default(), registry).expect("a state")
}

#[test]
fn every_kind_of_file_is_the_same_history() {
    let (folder, events) = (folder(), &STORY.events[..STORY.split / 2]);
    let path = |name: &str| folder.path().join(name);
    let plain = lines(events);
    write(&path("events.ndjson"), &plain);
    write(&path("events.ndjson.gz"), gzip(&plain));
    write(&path("events.parquet"), parquet(events));
    write(&path("events.csv"), csv(events));
    write(&path("events.csv.zst"), zstd::encode_all(csv(events).as_slice(), 1).expect("is packed"));
    let (status, _, err) =
        humdrum(folder.path(), &["replay", "--registry", "bots.ndjson", "--state-hash", "events.ndjson"]);
    let replayed = err.lines().find_map(|line| line.strip_prefix("state     ")).expect("a hash");
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(replayed, engine(events).state_hash());
    for name in ["events.ndjson", "events.ndjson.gz", "events.parquet", "events.csv", "events.csv.zst"] {
        let learned = learned(folder.path(), &["--dry-run", name]);
        assert_eq!(learned["state_hash"].as_str(), Some(replayed), "{name}");
        assert_eq!(learned["rows"].as_u64(), Some(events.len() as u64), "{name}");
        assert_eq!(learned["rejected"].as_array().map(Vec::len), Some(0), "{name}");
    }
}

#[test]
fn files_side_by_side_and_one_after_the_other_are_one_history() {
    let (folder, events) = (folder(), &STORY.events[..STORY.split / 2]);
    let (mut ordered, path) = (events.to_vec(), |name: &str| folder.path().join(name));
    ordered.sort_by_key(|event| event.ts);
    let expected = engine(&ordered).state_hash();
    // By bot, so that all files have the same days; and by time, the later one first by its name.
    for part in 0..3 {
        let of: Vec<Event> = ordered.iter().filter(|event| event.bot.len() % 3 == part).cloned().collect();
        write(&path(&format!("part-{part}.parquet")), parquet(&of));
    }
    let (early, late) = ordered.split_at(ordered.len() / 2);
    write(&path("b.csv"), csv(early));
    write(&path("a.ndjson"), lines(late));
    let hash = |args: &[&str]| learned(folder.path(), args)["state_hash"].as_str().map(ToOwned::to_owned);
    assert_eq!(hash(&["--dry-run", "a.ndjson", "b.csv"]), Some(expected));
    let merged = learned(folder.path(), &["--dry-run", "part-*.parquet"]);
    let count = |name: &str| merged[name].as_u64().expect("a count");
    assert_eq!((count("late"), count("accepted") + count("duplicate")), (0, ordered.len() as u64));
    // Unsorted rows are brought into order within the window.
    let mut muddled = ordered.clone();
    muddled.chunks_mut(500).for_each(<[Event]>::reverse);
    write(&path("muddled.ndjson"), lines(&muddled));
    let sorted = hash(&["--dry-run", "--sort-rows", "2000", "muddled.ndjson"]);
    let stable = {
        // Rows of the same time keep the order of the file.
        let mut stable = muddled.clone();
        stable.sort_by_key(|event| event.ts);
        engine(&stable).state_hash()
    };
    assert_eq!(sorted, Some(stable));
}

#[test]
fn a_backfill_goes_on_where_it_was_and_knows_its_files() {
    let (folder, events) = (folder(), &STORY.events[..STORY.split / 2]);
    let path = |name: &str| folder.path().join(name);
    write(&path("events.parquet"), parquet(events));
    let args = ["--state-dir", "state", "events.parquet"];
    learned(folder.path(), &args);
    let whole = newest(folder.path());
    let mut place = whole.history.clone().expect("a place");
    assert!(place.done && place.files[0].done);
    assert_eq!(place.files[0].rows, events.len() as u64);
    // As if it had been cut off in the middle.
    let middle = events.len() / 2 + 7;
    (place.done, place.files[0].done, place.files[0].rows) = (false, false, middle as u64);
    let half = Checkpoint {
        engine: engine(&events[..middle]).snapshot(),
        history: Some(place.clone()),
        ..Checkpoint::default()
    };
    let keep = |checkpoint: &Checkpoint| {
        store::Store::open(&path("state"), 3).expect("opens").save(checkpoint).expect("saves");
    };
    keep(&half);
    let (status, _, err) = humdrum(folder.path(), &["run", "--state-dir", "state"]);
    assert!(status == Some(1) && err.contains("a history of which only a part was learned"), "{err}");
    write(&path("alerts.ndjson"), "of the first half\n");
    let rest = learned(folder.path(), &[&args[..], &["--alerts", "alerts.ndjson"]].concat());
    assert!(read(&path("alerts.ndjson")).starts_with("of the first half\n"), "what was interrupted goes on");
    assert_eq!(rest["rows"].as_u64(), Some((events.len() - middle) as u64));
    assert_eq!(newest(folder.path()).engine, whole.engine);
    // The same command again has nothing to do; another file is learned on top.
    assert_eq!(learned(folder.path(), &args)["rows"].as_u64(), Some(0));
    // A file that is another one now is not gone on with.
    keep(&half);
    write(&path("events.parquet"), parquet(&events[..events.len() - 1]));
    let all = [&["backfill"][..], &args].concat();
    let (status, _, err) = humdrum(folder.path(), &all);
    assert!(status == Some(2) && err.contains("has changed since its first"), "{err}");
    write(&path("other.parquet"), parquet(&events[..9]));
    let (status, _, err) = humdrum(folder.path(), &["backfill", "--state-dir", "state", "other.parquet"]);
    assert!(status == Some(2) && err.contains("is not named now"), "{err}");
    let fresh = learned(folder.path(), &["--fresh", "--state-dir", "state", "other.parquet"]);
    assert_eq!(fresh["accepted"].as_u64(), Some(9));
}

#[test]
fn what_is_refused_missing_or_wrong_is_told() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write(
        &path("audit.csv"),
        "event_time;user_name;action;result;ms\n\
        2026-05-04 08:00:00;svc-1;GET /a;Success;1\n\
        2026-05-04 08:00:01;svc-1;GET /b;Denied;2\n\
        yesterday;svc-1;GET /c;Success;3\n\
        2026-05-04 08:00:03;;GET /d;Success;4\n\
        2026-05-08 08:00:03;svc-1;GET /e;Success;5\n\
        2026-05-08 08:00:04;svc-1;GET /e;Success;6\n\
        2026-05-08 08:00:05;svc-1;GET /f;Success;7\n",
    );
    let (status, _, err) = humdrum(folder.path(), &["backfill", "--dry-run", "audit.csv"]);
    assert!(status == Some(2) && err.contains("there is no column `ts`"), "{err}");
    assert!(err.contains("`event_time`, `user_name`, `action`, `result`, `ms`"), "{err}");
    write(
        &path("humdrum.toml"),
        "[history]\ntime_zone = 'Europe/Berlin'\n\
        [history.columns]\nts = 'event_time'\nbot = 'user_name'\noperation = 'action'\noutcome = 'result'\n\
        [history.constants]\ntype = 'call'\ntenant = 'acme'\n\
        [history.values]\noutcome = 'Success=ok, Denied=denied'\n",
    );
    let said = learned(folder.path(), &["--dry-run", "--config", "humdrum.toml", "audit.csv"]);
    assert_eq!((said["rows"].as_u64(), said["accepted"].as_u64(), said["bots"].as_u64()), (Some(7), Some(5), Some(1)));
    let reasons: Vec<_> = said["rejected"].as_array().expect("a list").iter().collect();
    assert_eq!(
        (reasons[0]["reason"].as_str(), reasons[0]["examples"][0]["row"].as_u64()),
        (Some("bad_timestamp"), Some(3))
    );
    assert_eq!(
        (reasons[1]["reason"].as_str(), reasons[1]["examples"][0]["row"].as_u64()),
        (Some("missing_field"), Some(4))
    );
    assert_eq!(said["gaps"][0]["from"].as_str(), Some("2026-05-04T06:00:01Z"), "{said}");
    assert_eq!((said["each"][0]["bot"].as_str(), said["each"][0]["tenant"].as_str()), (Some("svc-1"), Some("acme")));
    let (status, table, _) =
        humdrum(folder.path(), &["backfill", "--dry-run", "--config", "humdrum.toml", "audit.csv"]);
    assert_eq!(status, Some(0));
    for part in ["audit.csv row 3", "Nothing at all was seen", "4.0 days", "svc-1", "none was sent"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    for args in [&["backfill", "audit.csv"][..], &["backfill", "--dry-run", "gone/*.csv"]] {
        let (status, out, err) = humdrum(folder.path(), args);
        assert!(status.is_some_and(|status| status > 0) && out.is_empty() && !err.is_empty(), "{args:?}: {err}");
    }
}

/// Publishes events as their producers would.
async fn publish(server: &NatsServer, events: &[Event]) {
    let mut publisher = EventPublisher::new(server.client().await, "humdrum.events");
    for event in events {
        publisher.publish(event).await.expect("is sent");
    }
    publisher.finish().await.expect("is stored");
}

/// Lets `humdrum run` read a stream of these events to its end on the state in the folder; what it knows then.
async fn run(folder: &Path, events: &[Event]) -> Checkpoint {
    let server = NatsServer::start().await;
    let settings = format!(
        "registry = 'bots.ndjson'\n[nats]\nurl = '{}'\n[events]\nbatch = 200\nidle_after = '1h'\n\
        [state]\ndir = 'state'\nsnapshot_every = '1h'\n",
        server.url()
    );
    let humdrum = Humdrum::start(folder, &settings).await;
    humdrum.ready().await;
    let before = humdrum.figure("humdrum_events_total").await as usize;
    publish(&server, events).await;
    until_within(DEADLINE, "the end of the stream", || async {
        humdrum.figure("humdrum_events_total").await as usize >= before + events.len()
            && humdrum.figure("humdrum_consumer_lag_messages").await < 0.5
    })
    .await;
    assert!(humdrum.terminate().await.success());
    newest(folder)
}

#[tokio::test]
async fn run_follows_on_as_if_it_had_run_all_along() {
    let folder = folder();
    write(&folder.path().join("history.parquet"), parquet(&STORY.events[..STORY.split]));
    learned(folder.path(), &["--state-dir", "state", "history.parquet"]);
    let after = run(folder.path(), &STORY.events[STORY.split..]).await;
    assert_eq!(restored(&after).state_hash(), engine(&STORY.events).state_hash());
    assert!(after.history.is_none() && after.position.is_some());
    let again = ["backfill", "--state-dir", "state", "--fresh", "history.parquet"];
    let (status, _, err) = humdrum(folder.path(), &again);
    assert!(status == Some(2) && err.contains("what `humdrum run` has learned"), "{err}");
    assert!(read(&folder.path().join("log")).contains("source opened"));
}

#[tokio::test]
async fn what_the_history_held_already_is_dropped_from_the_stream() {
    let folder = folder();
    write(&folder.path().join("history.ndjson"), lines(&STORY.events[..STORY.split]));
    learned(folder.path(), &["--state-dir", "state", "history.ndjson"]);
    // The stream holds two weeks that the history has as well.
    let overlap = STORY.split / 3;
    let after = restored(&run(folder.path(), &STORY.events[overlap..]).await);
    let facts: Vec<BotFacts> = engine(&STORY.events).facts();
    assert_eq!(after.facts(), facts);
    let (stats, alone) = (after.stats(), engine(&STORY.events).stats());
    assert_eq!(stats.accepted, alone.accepted);
    assert_eq!(stats.duplicate + stats.late, alone.duplicate + alone.late + (STORY.split - overlap) as u64);
}

#[test]
fn a_backtest_says_what_another_configuration_changes() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write(&path("events.ndjson"), lines(&STORY.events));
    write(&path("old.toml"), "[detection]\npage_rate_per_bot_day = 0.005\n");
    write(&path("new.toml"), "[detection]\npage_rate_per_bot_day = 0.3\n");
    let against = |config: &str, more: &[&str]| {
        let args = ["replay", "--registry", "bots.ndjson", "--config", config, "--against", "old.toml"];
        humdrum(folder.path(), &[&args[..], more, &["events.ndjson"]].concat())
    };
    let (status, out, err) = against("old.toml", &["--json"]);
    let same: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, same["gained"].as_array().map(Vec::len)), (Some(0), Some(0)), "{err}");
    assert!(same["same"].as_u64().is_some_and(|count| count > 0) && same["before"] == same["after"]);
    let (status, out, _) = against("new.toml", &["--json", "--html", "page.html"]);
    assert_eq!(status, Some(0));
    let test: Value = serde_json::from_str(&out).expect("JSON");
    let pages = |side: &str| test[side]["pages"].as_u64().expect("a count");
    assert!(pages("after") > pages("before"), "{test}");
    let count = |of: &str| test[of].as_array().map_or(0, Vec::len) as u64;
    let all = |side: &str| test[side]["alerts"].as_u64().expect("a count");
    let both = test["same"].as_u64().expect("a count") + count("moved");
    assert_eq!((both + count("lost"), both + count("gained")), (all("before"), all("after")));
    let page = read(&path("page.html"));
    assert!(page.starts_with("<!doctype html>") && page.matches("<svg").count() >= 1 && !page.contains("<script"));
    let (_, table, _) = against("new.toml", &[]);
    assert!(table.contains("By dimension of the strongest reason:") && table.contains("PAGES"), "{table}");
    for args in [&["replay", "--json", "events.ndjson"][..], &["replay", "--against", "old.toml", "--pretty", "-"]] {
        assert_eq!(humdrum(folder.path(), args).0, Some(2), "{args:?}");
    }
}

#[test]
fn alerts_go_into_a_file_of_their_own() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let plain = lines(&STORY.events[..100]);
    write(&path("events.ndjson"), &plain);
    for file in ["events.ndjson", "./events.ndjson", "bots.ndjson"] {
        let args = ["backfill", "--dry-run", "--registry", "bots.ndjson", "--alerts", file, "events.ndjson"];
        let (status, _, err) = humdrum(folder.path(), &args);
        assert!(status == Some(2) && err.contains("is used already"), "{file}: {err}");
    }
    assert_eq!(read(&path("events.ndjson")).as_bytes(), plain);
    write(&path("alerts.ndjson"), "of another history\n");
    learned(folder.path(), &["--dry-run", "--alerts", "alerts.ndjson", "events.ndjson"]);
    assert!(!read(&path("alerts.ndjson")).contains("another"));
    let (status, _, err) = humdrum(folder.path(), &["backfill", "--dry-run", "-", "-"]);
    assert!(status == Some(2) && err.contains("only once"), "{err}");
}

#[test]
fn an_empty_file_keeps_no_other_back_and_a_list_is_told() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("logs")).expect("a folder");
    for name in ["a.csv", "b.parquet", "c.json"] {
        write(&path("logs").join(name), "");
    }
    write(&path("logs/d.jsonl"), lines(&STORY.events[..9]));
    for name in ["logs", "logs/**"] {
        assert_eq!(learned(folder.path(), &["--dry-run", name])["accepted"].as_u64(), Some(9), "{name}");
    }
    write(&path("list.json"), "[\n {}]");
    let (status, _, err) = humdrum(folder.path(), &["backfill", "--dry-run", "list.json"]);
    assert!(status == Some(1) && err.contains("one object a line"), "{err}");
}

#[test]
fn what_was_late_before_is_not_told_again() {
    let folder = folder();
    let mut events = STORY.events[..400].to_vec();
    events.reverse();
    write(&folder.path().join("muddled.ndjson"), lines(&events));
    let args = ["backfill", "--state-dir", "state", "muddled.ndjson"];
    let warned = || humdrum(folder.path(), &args).2.contains("too far out of order");
    assert!(warned() && !warned());
}

#[test]
fn standard_input_is_another_history_each_time_and_ends_at_a_signal() {
    let folder = folder();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
        command.args(["backfill", "--json", "--state-dir", "state", "-"]).current_dir(folder.path()).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    };
    for (part, all) in [(&STORY.events[..50], 50), (&STORY.events[50..90], 90)] {
        let mut child = start();
        child.stdin.take().expect("a pipe").write_all(&lines(part)).expect("is read");
        let output = child.wait_with_output().expect("ends");
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((said["rows"].as_u64(), said["accepted"].as_u64()), (Some(part.len() as u64), Some(all)));
    }
    let mut child = start();
    // More than is held anywhere on the way, so that it has begun when all of it is written.
    let mut pipe = child.stdin.take().expect("a pipe");
    (0..40).for_each(|_| pipe.write_all(&lines(&STORY.events[..900])).expect("is read"));
    let asked = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(asked.expect("a shell").success());
    let output = child.wait_with_output().expect("ends although the pipe is open");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && err.contains("nothing was kept"), "{err}");
    drop(pipe);
}

#[test]
fn a_bucket_of_bots_is_said_to_be_for_run_alone() {
    let folder = folder();
    write(&folder.path().join("events.ndjson"), lines(&STORY.events[..9]));
    write(&folder.path().join("bucket.toml"), "registry = 'kv://bots'\n");
    for verb in [&["backfill", "--dry-run"][..], &["replay"], &["report", "inventory", "--events"]] {
        let args = [verb, &["events.ndjson", "--config", "bucket.toml"]].concat();
        let (status, _, err) = humdrum(folder.path(), &args);
        assert!(status == Some(0) && err.contains("which only `humdrum run` reads"), "{verb:?}: {err}");
    }
}
