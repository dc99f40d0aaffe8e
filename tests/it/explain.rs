//! `humdrum explain` from outside: which alert it finds, and what it says of it, word for word.

use std::path::Path;
use std::process::{Command, Stdio};

use humdrum::alert::Alert;

use crate::support::files::{golden, read, repository, write};

fn explain(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.current_dir(folder).env_clear().stdin(Stdio::null()).arg("explain").args(args);
    let output = command.output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn scenario(name: &str) -> String {
    read(&repository("fixtures/scenarios").join(name).join("expected.ndjson"))
}

fn alerts(text: &str) -> Vec<Alert> {
    text.lines().map(|line| serde_json::from_str(line).expect("an alert")).collect()
}

#[test]
fn an_alert_is_explained_word_for_word() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["new-host", "odd-hour", "logging-disabled"] {
        let text = scenario(name);
        write(&folder.path().join("a.ndjson"), &text);
        let id = &alerts(&text)[0].id[..12];
        let (status, out, err) = explain(folder.path(), &[id, "--alerts", "a.ndjson"]);
        assert_eq!((status, err.as_str()), (Some(0), ""), "{name}");
        golden(&repository("fixtures/scenarios").join(name).join("explained.txt"), &out);
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{name}: {out}");
    }
}

#[test]
fn the_last_revision_is_found_by_the_beginning_of_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = alerts(&scenario("new-host")).remove(0);
    let line = |id: &str, revision: u32| {
        let alert = Alert { id: id.to_owned(), revision, ..first.clone() };
        serde_json::to_string(&alert).expect("JSON")
    };
    let lines = [line("abc1", 1), line("abc2", 3), line("abc2", 2), "\n{\"id\":\"abc2\",".to_owned()];
    write(&folder.path().join("alerts.ndjson"), lines.join("\n"));
    // The log's files before it are read, too.
    write(&folder.path().join("alerts-00000000000000000001.ndjson"), line("abc3", 4));
    let found = |id: &str| {
        let (status, out, err) = explain(folder.path(), &[id, "--state-dir", ".", "--json"]);
        assert_eq!((status, err.as_str()), (Some(0), ""), "{id}");
        let alert: Alert = serde_json::from_str(&out).expect("one alert");
        (alert.id, alert.revision)
    };
    assert_eq!(found("abc2"), ("abc2".to_owned(), 3));
    assert_eq!(found("abc1"), ("abc1".to_owned(), 1));
    assert_eq!(found("abc3"), ("abc3".to_owned(), 4));
    for (args, expected, message) in [
        (&["abc", "--alerts", "alerts.ndjson"][..], 1, "alerts.ndjson has 2 alerts `abc…`: abc1, abc2; write more"),
        (&["x", "--alerts", "alerts.ndjson"], 1, "alerts.ndjson has no alert `x`; 1 of its lines are no alerts"),
        (&["x", "--alerts", "-"], 1, "standard input has no alert `x`\n"),
        (&["x", "--alerts", "gone"], 1, "gone cannot be read"),
        (
            &["x"],
            2,
            "no state directory is set in which to look for alerts; name a file of alerts with `--alerts FILE`",
        ),
        (&["x", "--state-dir", "gone"], 2, "there is no gone/alerts.ndjson; name a file"),
        (&[""], 2, "a value is required"),
    ] {
        let (status, out, err) = explain(folder.path(), args);
        assert_eq!((status, out.as_str()), (Some(expected), ""), "{args:?}: {err}");
        assert!(err.contains(message), "{args:?}: {err}");
    }
}

#[test]
fn an_alert_of_an_older_version_is_explained_with_what_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut alert: serde_json::Value = serde_json::from_str(&scenario("new-host")).expect("one alert");
    let reason = alert["reasons"][0].as_object_mut().expect("a reason");
    reason.remove("contribution").expect("a share");
    alert.as_object_mut().expect("an object").remove("context").expect("a context");
    write(&folder.path().join("a.ndjson"), alert.to_string());
    let (status, out, err) = explain(folder.path(), &["70", "--alerts", "a.ndjson"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    assert!(out.contains(" 100.0 %  new_host\n"), "{out}");
    assert!(out.contains("  normal      not known\n") && out.contains("  log         not known\n"), "{out}");
}
