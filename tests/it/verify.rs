//! `humdrum verify` from outside: what it says of a log that is whole, and of each way to tamper with one.

use std::path::Path;
use std::process::{Command, Stdio};

use humdrum::alert::Severity;
use humdrum::runtime::audit::log::{AlertLog, LogParams};
use tempfile::TempDir;

use crate::support::config::alert;
use crate::support::files::{read, write};

fn verify(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.current_dir(dir).env_clear().stdin(Stdio::null()).arg("verify").args(args);
    let output = command.output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Eight records in `state`, with heads at the fifth and the last.
fn log() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("state");
    std::fs::create_dir(&state).expect("makes a directory");
    let params = LogParams { key_file: None, file_bytes_max: 1 << 20, files_max: 10 };
    let (mut log, _) = AlertLog::open(&state, params, None).expect("opens");
    for number in 1..=8 {
        log.take(&alert(&format!("a{number}"), 1, Severity::High)).expect("is taken");
        if number == 5 || number == 8 {
            log.seal().expect("signs");
        }
    }
    dir
}

/// The time and the key of a head, by its number.
fn signed(dir: &TempDir, number: u64) -> String {
    let heads = read(&dir.path().join("state/alerts.heads"));
    let mut heads = heads.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let head = heads.find(|head| head["number"] == number).expect("a head");
    let text = |name: &str| head[name].as_str().expect("a text").to_owned();
    format!("signed at {} with key {}", text("signed_at"), text("key"))
}

#[test]
fn a_whole_log_is_said_to_be_whole() {
    let dir = log();
    let said = format!("whole: 8 records in 1 file\n  proven  1 to 8, {}\n", signed(&dir, 8));
    assert_eq!(verify(dir.path(), &["--state-dir", "state"]), (Some(0), said.clone(), String::new()));
    let copied = ["state/alerts.ndjson", "--key", "state/alerts.pub"];
    assert_eq!(verify(dir.path(), &copied), (Some(0), said, String::new()));
    let (status, out, _) = verify(dir.path(), &["--state-dir", "state", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, &report["fault"], &report["proven"]["record"]), (Some(0), &serde_json::Value::Null, &8.into()));
}

#[test]
fn the_first_bad_record_is_named_with_what_is_wrong() {
    let dir = log();
    let path = dir.path().join("state/alerts.ndjson");
    let whole = read(&path);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let proven =
        format!("proven  1 to 5, {}\n  chained 6 to 6, for which no head speaks up to here\n", signed(&dir, 5));
    let at_7 = "where   state/alerts.ndjson line 7";
    for (name, tampered, where_, why) in [
        ("edited", whole.replace("\"a7\"", "\"b7\""), at_7, "its content or its hash is not what it was"),
        ("removed", [&lines[..6], &lines[7..]].concat().concat(), at_7, "record 8 stands in its place"),
        (
            "swapped",
            [&lines[..6], &[lines[7], lines[6]]].concat().concat(),
            at_7,
            "record 8 stands in its place, and it comes later",
        ),
        (
            "inserted",
            [&lines[..6], &[lines[1]], &lines[6..]].concat().concat(),
            at_7,
            "record 2 stands before it once more",
        ),
        ("cut tail", lines[..6].concat(), "where   the end of state/alerts.ndjson", "the log ends before it, but "),
    ] {
        write(&path, tampered);
        let (status, out, err) = verify(dir.path(), &["--state-dir", "state"]);
        assert_eq!(status, Some(1), "{name}: {out}");
        assert!(out.starts_with(&format!("record 7 is bad: {name}\n  {where_}\n  why     {why}")), "{name}: {out}");
        assert!(out.ends_with(&proven), "{name}: {out}");
        assert_eq!(err, "humdrum: the alert log is not whole: record 7 is bad\n");
    }
}

#[test]
fn what_cannot_be_proven_is_a_matter_of_usage() {
    let dir = log();
    write(&dir.path().join("other.pub"), "no key");
    for (args, expected, message) in [
        (&[][..], 2, "no state directory is set in which to look for the alert log"),
        (&["--state-dir", "."], 2, "there is no alert log in ."),
        (&["--state-dir", "state", "--key", "gone.pub"], 2, "read `gone.pub`"),
        (&["--state-dir", "state", "--key", "other.pub"], 2, "`other.pub` is no public key (Ed25519, PEM)"),
        (&["--state-dir", "state", "--head", "gone"], 1, "gone cannot be read"),
        (&["--state-dir", "gone"], 1, "the alert log in gone cannot be read"),
    ] {
        let (status, out, err) = verify(dir.path(), args);
        assert_eq!((status, out.as_str()), (Some(expected), ""), "{args:?}: {err}");
        assert!(err.contains(message), "{args:?}: {err}");
    }
    let (status, out, _) = verify(dir.path(), &["--state-dir", "state", "--head", "{\"number\":9}"]);
    assert_eq!(status, Some(1));
    assert!(out.starts_with("record 9 is bad: bad signature\n  where   --head line 1\n"), "{out}");
}
