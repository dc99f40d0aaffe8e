//! What people say, from outside: over a real server into the running engine, through a crash, and in a replay.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use humdrum::alert::{Alert, Feedback, Placed, Status};
use humdrum::detect::{Engine, Settings};
use humdrum::registry::Registry;
use humdrum::runtime::store;
use serde_json::{Value, json};

use crate::support::files::{golden, repository, write};
use crate::support::humdrum::Humdrum;
use crate::support::nats::{NatsServer, alerts};
use crate::support::payroll::{again, month, publish};
use crate::support::until;

fn humdrum(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.env_clear().env("USER", "ann").current_dir(folder).stdin(Stdio::null()).args(args);
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the command line says to the running engine, which takes it.
fn says(folder: &Path, url: &str, args: &[&str]) -> String {
    let all = [&["feedback"], args, &["--tenant", "acme", "--nats", url]].concat();
    let output = humdrum(folder, &all);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

async fn told(server: &NatsServer) -> Vec<Alert> {
    alerts(server).await.iter().map(|line| serde_json::from_str(line).expect("an alert")).collect()
}

async fn read_to_the_end(humdrum: &Humdrum, events: usize) {
    until("the end of the stream", || async {
        humdrum.figure("humdrum_events_total").await as usize >= events
            && humdrum.figure("humdrum_consumer_lag_messages").await < 0.5
    })
    .await;
}

fn pages(alerts: &[Alert]) -> Vec<&Alert> {
    alerts.iter().filter(|alert| alert.severity.pages() && alert.status == Status::Firing).collect()
}

#[tokio::test]
async fn one_word_keeps_the_next_run_quiet_through_a_crash_and_in_a_replay() {
    for verdict in [&["--false"][..], &["--expected", "--until", "2026-04-20"]] {
        let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
        let (url, folder) = (server.url(), dir.path());
        let settings = format!(
            "[nats]\nurl = '{url}'\n[events]\nidle_after = '1h'\n[state]\ndir = 'state'\nsnapshot_every = '1s'\n"
        );
        let running = Humdrum::start(folder, &settings).await;
        running.ready().await;
        let first = month();
        publish(&server, &first).await;
        read_to_the_end(&running, first.lines().count()).await;
        until("a page", || async { !pages(&told(&server).await).is_empty() }).await;
        let page = pages(&told(&server).await)[0].clone();
        let said = [&[&page.id[..10]], verdict, &["--reason", "CHG-7: a new host"]].concat();
        let preview = says(folder, &url, &[&said, &["--preview"][..]].concat());
        assert!(preview.contains(&page.id[..12]) && preview.starts_with("In the last 30 days"), "{preview}");
        assert!(says(folder, &url, &["list"]).starts_with("no decision"), "a preview changes nothing");
        assert!(says(folder, &url, &said).contains("is taken"));
        // Before a snapshot can know of it.
        running.kill();
        let running = Humdrum::start(folder, &settings).await;
        running.ready().await;
        let second = again(1);
        publish(&server, &second).await;
        let all = first.lines().count() + second.lines().count();
        until("the last event", || async { running.figure("humdrum_event_time_seconds").await >= 1_775_095_520.0 })
            .await;
        read_to_the_end(&running, 1).await;
        let listed = says(folder, &url, &["list"]);
        assert!(listed.contains("holds") && listed.contains("CHG-7") && listed.contains("ann"), "{listed}");
        let figure = format!("humdrum_feedback_active{{verdict=\"{}\"}}", &verdict[0][2..]);
        until("the figure", || async { running.figure(&figure).await > 0.5 }).await;
        assert!(running.terminate().await.success());
        let live = told(&server).await;
        assert_eq!(pages(&live).len(), 1, "{live:#?}");
        let note = live.iter().find_map(|alert| alert.suppressed.as_ref()).expect("a note on what was lowered");
        assert!(note.owner == "ann" && note.reason.contains("CHG-7: a new host"), "{note:?}");
        overviews(folder, &page);
        replayed(folder, &(first + &second), all, &alerts(&server).await);
    }
}

/// The state directory in tables and for programs.
fn overviews(folder: &Path, page: &Alert) {
    let shown = |args: &[&str]| {
        let output = humdrum(folder, args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let table = shown(&["incidents", "--state-dir", "state", "--bot", "pay*"]);
    assert!(table.starts_with("SEVERITY") && table.contains(&page.id[..12]) && !table.contains('\u{1b}'), "{table}");
    assert_eq!(shown(&["incidents", "--state-dir", "state", "--tenant", "other"]), "no incident is like that\n");
    for line in shown(&["incidents", "--state-dir", "state", "--json"]).lines() {
        let incident: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&incident["tenant"], &incident["bot"]), (&json!("acme"), &json!("payroll")));
    }
    let bot: Value = serde_json::from_str(&shown(&["bots", "--state-dir", "state", "--json"])).expect("one bot");
    assert_eq!((&bot["bot"], &bot["state"]), (&json!("payroll"), &json!("mature")));
    assert_eq!(shown(&["bots", "--state-dir", "state", "--state", "stale"]), "no bot is like that\n");
    let wrong = humdrum(folder, &["bots", "--state-dir", "nowhere"]);
    assert!(!wrong.status.success() && text(&wrong.stderr).contains("--state-dir"), "{}", text(&wrong.stderr));
    for shell in ["bash", "zsh", "fish"] {
        assert!(shown(&["completions", shell]).contains("incidents"), "{shell}");
    }
}

/// The same events with the journal give the same alerts and the same state.
fn replayed(folder: &Path, events: &str, count: usize, live: &[String]) {
    write(&folder.join("events.ndjson"), events);
    let with = ["replay", "--feedback", "state/feedback.ndjson", "--state-hash", "events.ndjson"];
    let replay = humdrum(folder, &with);
    assert!(replay.status.success(), "{}", text(&replay.stderr));
    let lines: Vec<String> = text(&replay.stdout).lines().map(ToOwned::to_owned).collect();
    assert_eq!(&lines[..live.len()], live, "{count} events");
    let snapshot = store::newest(&folder.join("state")).expect("can be read").expect("a snapshot");
    let engine = Engine::restore(&snapshot.engine, Settings::default(), Registry::default()).expect("restores");
    let (said, hash) = (text(&replay.stderr), engine.state_hash());
    assert!(said.contains(&hash), "{hash}\n{said}");
    let without = humdrum(folder, &["replay", "events.ndjson"]);
    assert_ne!(text(&without.stdout), text(&replay.stdout));
}

#[tokio::test]
async fn what_is_not_taken_says_why_and_what_to_do() {
    let (server, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    let (url, folder) = (server.url(), dir.path());
    let fails = |args: &[&str]| {
        let output = humdrum(folder, &[&["feedback"], args, &["--nats", &url]].concat());
        (output.status.code(), text(&output.stderr))
    };
    let (status, said) = fails(&["abc", "--false"]);
    assert!(status == Some(1) && said.contains("is `humdrum run` running"), "{said}");
    let running = Humdrum::start(folder, &format!("[nats]\nurl = '{url}'\n")).await;
    running.ready().await;
    for (args, status, expected) in [
        (&["abc", "--false"][..], 1, "there is no alert `abc`"),
        (&["undo", "fb-1"], 1, "`humdrum feedback list`"),
        (&["abc"], 2, "--expected"),
        (&["--false"], 2, "--incident"),
        (&["--bot", "x", "--fine", "shoe=1"], 2, "`shoe`"),
    ] {
        let (code, said) = fails(args);
        assert!(code == Some(status) && said.contains(expected), "{args:?}: {said}");
    }
    let client = server.client().await;
    let answer = client.request("humdrum.feedback.acme", "{}".into()).await.expect("answers");
    let answer: Value = serde_json::from_slice(&answer.payload).expect("JSON");
    assert_eq!((&answer["ok"], &answer["reason"]), (&json!(false), &json!("malformed")), "{answer}");
    assert!(running.terminate().await.success());
}

#[test]
fn the_record_is_what_it_says() {
    let path = repository("fixtures/wire/feedback.json");
    let record = json!({
        "version": 1, "id": "fb-1", "ts": "2026-05-04T06:00:00Z", "tenant": "acme", "alert": "70cbef47", "incident": null,
        "bot": null, "by": "ann", "verdict": "expected", "until": "2026-05-20T00:00:00Z", "undoes": null,
        "what": {
            "dimensions": ["source"], "detectors": ["new_host"], "hosts": ["srv-2"], "operations": ["hr GET /x"],
            "roles": ["reader"], "hours": [3]
        },
        "comment": "CHG-7"
    });
    let record: Feedback = serde_json::from_value(record).expect("a record");
    let text = serde_json::to_string_pretty(&record).expect("JSON") + "\n";
    golden(&path, &text);
    let placed: Placed = serde_json::from_str(&text).expect("a line of a journal");
    assert_eq!((placed.at, placed.record), (None, record));
}
