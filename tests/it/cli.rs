//! The binary from outside: exit status, what goes to which stream, and what is in it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::files::{read, repository, write};

const EVENT: &str = r#"{"id":"1","ts":"2026-05-04T06:00:00Z","bot":"b","type":"call","operation":"GET /"}"#;

fn humdrum(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    told(&humdrum(folder).args(args).output().expect("the binary runs"))
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn help_goes_to_standard_output_and_wrong_usage_is_status_2() {
    let folder = folder();
    for args in [&["--help"][..], &["replay", "--help"], &["evaluate", "--help"], &["--version"]] {
        let (status, out, err) = run(folder.path(), args);
        assert_eq!((status, err.as_str()), (Some(0), ""), "{args:?}");
        assert!(out.contains("humdrum"), "{args:?}: {out}");
    }
    for args in [
        &[][..],
        &["nonsense"],
        &["replay"],
        &["replay", "-", "-"],
        &["check", "--set", "baseline.days"],
        &["check", "--log-format", "xml"],
        &["evaluate", "--alerts", "a"],
        &["simulate", "--out", "fleet", "--bots", "0"],
        &["simulate", "--out", "fleet", "--attacks", "NaN"],
        &["evaluate", "--alerts", "a", "--min-severity", "urgent", "fleet"],
    ] {
        let (status, out, err) = run(folder.path(), args);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(!err.is_empty(), "{args:?}");
    }
}

#[test]
fn check_says_ok_or_every_fault() {
    let folder = folder();
    let (status, out, err) = run(folder.path(), &["check"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("ok\n"), "{out}");
    write(&folder.path().join("c.toml"), "[baseline]\ndays = 90\n[nats]\nurll = 1\n");
    let (status, out, err) = run(folder.path(), &["check", "--config", "c.toml"]);
    let expected = "nats.urll: no such setting; did you mean `nats.url`?\nbaseline.days: 90 is outside 14 to 30\n";
    assert_eq!((status, out.as_str(), err.as_str()), (Some(2), expected, ""));
    let (status, _, err) = run(folder.path(), &["check", "--config", "gone.toml"]);
    assert_eq!(status, Some(2));
    assert!(err.contains("gone.toml cannot be read"), "{err}");
}

#[test]
fn check_says_who_is_told() {
    let folder = folder();
    let (status, out, _) = run(folder.path(), &["check"]);
    assert_eq!(status, Some(0));
    assert!(out.contains("  receivers none\n") && out.contains("  silences  0\n"), "{out}");
    let settings = read(&repository("fixtures/config/good/receivers.toml"));
    write(&folder.path().join("c.toml"), settings);
    let (status, out, err) = run(folder.path(), &["check", "--config", "c.toml"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("  receivers pager (pagerduty), desk (slack), board (teams), prometheus (alertmanager)"),
        "{out}"
    );
    assert!(out.contains("  routes    2, else to pager\n  silences  1\n") && !out.contains("secret"), "{out}");
}

#[test]
fn check_looks_at_the_environment_and_the_flags() {
    let folder = folder();
    let output = humdrum(folder.path())
        .args(["check", "--set", "baseline.days=31"])
        .envs([("HUMDRUM_NATS_ULR", "x"), ("HUMDRUM_METRICS_LISTEN", "nowhere"), ("HUMDRUM_STATE_DIR", "")])
        .output()
        .expect("the binary runs");
    let (status, out, _) = told(&output);
    let expected = "\
HUMDRUM_NATS_ULR: no such variable; did you mean `HUMDRUM_NATS_URL`?
metrics.listen: `nowhere` is no address; write `127.0.0.1:9464`, `[::1]:9464` or `off` (given by HUMDRUM_METRICS_LISTEN)
baseline.days: 31 is outside 14 to 30 (given by --set)
";
    assert_eq!((status, out.as_str()), (Some(2), expected));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let folder = folder();
    let names = ["HUMDRUM_CONFIG", "HUMDRUM_LOG", "HUMDRUM_LOG_FORMAT", "HUMDRUM_REGISTRY", "HUMDRUM_BASELINE_DAYS"];
    let output = humdrum(folder.path()).arg("check").envs(names.map(|name| (name, ""))).output().expect("it runs");
    let (status, out, err) = told(&output);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("ok\n"), "{out}");
}

#[test]
fn the_printed_defaults_are_a_valid_file() {
    let folder = folder();
    let (_, defaults, _) = run(folder.path(), &["check", "--print-defaults"]);
    write(&folder.path().join("humdrum.toml"), &defaults);
    let (status, out, _) = run(folder.path(), &["check", "--config", "humdrum.toml"]);
    assert_eq!((status, out), (Some(0), run(folder.path(), &["check"]).1));
}

#[test]
fn replay_takes_files_in_order_and_sets_refused_events_aside() {
    let folder = folder();
    let giant = format!("{{\"pad\":\"{}\"}}", "x".repeat(3_000_000));
    write(&folder.path().join("one.ndjson"), format!("{EVENT}\nnonsense\n\n{giant}\n"));
    write(&folder.path().join("two.ndjson"), "{\"bot\":\"b\",\"type\":\"call\"}\n");
    let args = ["replay", "--alerts", "a.ndjson", "--rejected", "r.ndjson", "one.ndjson", "two.ndjson"];
    let (status, out, err) = run(folder.path(), &args);
    assert_eq!((status, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.contains("rejected  3: 1 too_large, 1 not_json, 1 missing_field\n"), "{err}");
    assert!(err.contains("accepted  1\n"), "{err}");
    assert_eq!(read(&folder.path().join("a.ndjson")), "");
    let rejected = read(&folder.path().join("r.ndjson"));
    let lines: Vec<serde_json::Value> =
        rejected.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let found: Vec<_> = lines.iter().map(|l| (l["reason"].as_str(), l["file"].as_str(), l["line"].as_u64())).collect();
    let expected = [
        (Some("not_json"), Some("one.ndjson"), Some(2)),
        (Some("too_large"), Some("one.ndjson"), Some(4)),
        (Some("missing_field"), Some("two.ndjson"), Some(1)),
    ];
    assert_eq!(found, expected);
    assert_eq!(lines[2]["event"]["bot"], "b", "an event that is JSON stays JSON");
    assert!(rejected.len() < 10_000, "of a giant line only the beginning is kept");
}

#[test]
fn replay_reads_standard_input() {
    let folder = folder();
    let mut child = humdrum(folder.path())
        .args(["replay", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(format!("{EVENT}\n{EVENT}").as_bytes()).expect("sent");
    drop(stdin);
    let (status, _, err) = told(&child.wait_with_output().expect("an end"));
    assert_eq!(status, Some(0));
    assert!(err.starts_with("events    2 in "), "{err}");
}

#[test]
fn replay_says_what_is_missing_and_does_not_write_over_its_input() {
    let folder = folder();
    write(&folder.path().join("e.ndjson"), EVENT);
    write(&folder.path().join("bad.ndjson"), "{\"bot\":\"b\",\"timezone\":\"Mars\"}\n");
    for (args, status, message) in [
        (&["replay", "gone.ndjson"][..], 1, "gone.ndjson cannot be read"),
        (&["replay", "e.ndjson", "gone.ndjson"], 1, "gone.ndjson cannot be read"),
        (&["replay", "--alerts", "./e.ndjson", "e.ndjson"], 2, "./e.ndjson is used already"),
        (&["replay", "--alerts", "x", "--rejected", "x", "e.ndjson"], 2, "x is used already"),
        (&["replay", "--alerts", "no/where", "e.ndjson"], 1, "no/where cannot be written"),
        (&["replay", "--registry", "gone", "e.ndjson"], 2, "gone cannot be read"),
        (&["replay", "--registry", "bad.ndjson", "e.ndjson"], 2, "registry line 1: unknown time zone `Mars`"),
        (
            &["replay", "--set", "baseline.days=1", "e.ndjson"],
            2,
            "baseline.days: 1 is outside 14 to 30 (given by --set)",
        ),
    ] {
        let (found, out, err) = run(folder.path(), args);
        assert_eq!((found, out.as_str()), (Some(status), ""), "{args:?}: {err}");
        assert!(err.contains(message), "{args:?}: {err}");
    }
    assert_eq!(read(&folder.path().join("e.ndjson")), EVENT);
}

#[test]
fn a_wrong_log_filter_is_a_wrong_configuration() {
    let folder = folder();
    let output = humdrum(folder.path()).arg("check").env("HUMDRUM_LOG", "humdrum=loud").output().expect("it runs");
    let (status, _, err) = told(&output);
    assert_eq!(status, Some(2));
    assert!(err.starts_with("humdrum: HUMDRUM_LOG: "), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = folder();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = humdrum(folder.path())
        .args(["check", "--print-defaults"])
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("the binary runs");
    let (status, _, err) = told(&output);
    assert_eq!((status, err.as_str()), (Some(0), ""));
}

#[test]
fn the_log_is_written_for_machines_on_demand() {
    let folder = folder();
    write(&folder.path().join("e.ndjson"), "nonsense\n");
    let output = humdrum(folder.path())
        .args(["replay", "e.ndjson"])
        .env("HUMDRUM_LOG_FORMAT", "json")
        .output()
        .expect("the binary runs");
    let (_, _, err) = told(&output);
    let line = err.lines().find(|line| line.starts_with('{')).expect("a line of JSON");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["level"], "WARN");
}

#[test]
fn a_simulated_fleet_is_the_same_again_and_can_be_replayed() {
    let folder = folder();
    let fleet = |out: &str| {
        let args = ["simulate", "--out", out, "--bots", "8", "--days", "4", "--test-days", "2", "--seed", "3"];
        let (status, printed, err) = run(folder.path(), &args);
        assert_eq!((status, printed.as_str()), (Some(0), ""), "{err}");
        ["events.ndjson", "bots.ndjson", "labels.ndjson", "benign.ndjson", "meta.json"]
            .map(|name| read(&folder.path().join(out).join(name)))
    };
    let (first, second) = (fleet("first"), fleet("second"));
    assert!(first == second, "the same arguments give the same fleet");
    let meta: serde_json::Value = serde_json::from_str(&first[4]).expect("JSON");
    assert_eq!(meta["events"].as_u64(), Some(first[0].lines().count() as u64));
    let replay = |alerts: &str| {
        let args = ["replay", "--registry", "first/bots.ndjson", "--alerts", alerts, "first/events.ndjson"];
        let (status, _, err) = run(folder.path(), &args);
        assert_eq!(status, Some(0), "{err}");
        assert!(err.contains("rejected  0\n"), "{err}");
        read(&folder.path().join(alerts))
    };
    assert!(replay("a.ndjson") == replay("b.ndjson"), "the same input gives the same alerts");
    let evaluate = |args: &[&str]| {
        let (status, out, err) = run(folder.path(), &[&["evaluate", "--alerts", "a.ndjson", "--json"], args].concat());
        assert_eq!((status, err.as_str()), (Some(0), ""), "{args:?}");
        serde_json::from_str::<serde_json::Value>(&out).expect("one JSON object")
    };
    let whole = evaluate(&["first"]);
    assert_eq!(whole["attacks"], meta["attacks"]);
    assert!(whole["false_per_100_bot_days"].is_number());
    let labels_alone = evaluate(&["--labels", "first/labels.ndjson"]);
    assert_eq!(labels_alone["attacks"], meta["attacks"]);
    assert!(labels_alone["false_per_100_bot_days"].is_null(), "without bot-days there is no rate");
    let (status, table, _) = run(folder.path(), &["evaluate", "first", "--alerts", "a.ndjson", "--budget", "0.01"]);
    assert_eq!(status, Some(0));
    assert!(table.starts_with("scenario"), "{table}");
}

#[test]
fn evaluate_says_which_line_it_cannot_read() {
    let folder = folder();
    write(&folder.path().join("labels.ndjson"), "{}\n");
    write(&folder.path().join("alerts.ndjson"), "\nnonsense\n");
    let args = ["evaluate", "--labels", "labels.ndjson", "--alerts", "alerts.ndjson"];
    let (status, _, err) = run(folder.path(), &args);
    assert_eq!(status, Some(1));
    assert!(err.starts_with("humdrum: labels.ndjson line 1: missing field `id`"), "{err}");
    write(&folder.path().join("labels.ndjson"), "");
    let (_, _, err) = run(folder.path(), &args);
    assert!(err.starts_with("humdrum: alerts.ndjson line 2: "), "{err}");
    let (status, _, err) = run(folder.path(), &[&args[..], &["--budget", "0.1"]].concat());
    assert_eq!(status, Some(2));
    assert!(err.contains("--budget needs --meta"), "{err}");
}
