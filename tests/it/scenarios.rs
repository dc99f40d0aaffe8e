//! Scenarios from end to end through the real binary: a month of peace, then a case, and the alerts byte for byte.

use std::path::Path;
use std::process::Command;

use humdrum::alert::{Alert, Dimension, Status};

use crate::support::files::{golden, read, repository};

/// What each case must come to; the golden file holds the words.
const CASES: [(&str, Option<Dimension>); 11] = [
    ("boring", None),
    ("odd-hour", Some(Dimension::Time)),
    ("new-host", Some(Dimension::Source)),
    ("wrong-order", Some(Dimension::Sequence)),
    ("ten-times", Some(Dimension::Volume)),
    ("admin-role", Some(Dimension::Privilege)),
    ("announced-move", None),
    ("logging-disabled", Some(Dimension::Control)),
    ("retired", Some(Dimension::Lifecycle)),
    ("messy-log", None),
    ("suppressed", Some(Dimension::Source)),
];

/// The alerts and the refused events of a case.
fn replay(case: &Path, folder: &Path) -> (String, String) {
    let (alerts, rejected) = (folder.join("alerts.ndjson"), folder.join("rejected.ndjson"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.env_clear().arg("replay").arg("--alerts").arg(&alerts).arg("--rejected").arg(&rejected);
    if case.join("registry.ndjson").exists() {
        command.arg("--registry").arg(case.join("registry.ndjson"));
    }
    if case.join("config.toml").exists() {
        command.arg("--config").arg(case.join("config.toml"));
    }
    // Relative paths, since a refused event names its file.
    command.current_dir(repository("fixtures"));
    let name = case.file_name().expect("a name").to_string_lossy().into_owned();
    command.arg("events/payroll-month.ndjson").arg(format!("scenarios/{name}/events.ndjson"));
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    (read(&alerts), read(&rejected))
}

fn pages(alerts: &str) -> Vec<Alert> {
    let alerts = alerts.lines().map(|line| serde_json::from_str::<Alert>(line).expect("an alert"));
    alerts.filter(|alert| alert.severity.pages() && alert.status == Status::Firing).collect()
}

#[test]
fn each_scenario_gives_its_alerts_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, dimension) in CASES {
        let case = repository("fixtures/scenarios").join(name);
        let (alerts, rejected) = replay(&case, folder.path());
        golden(&case.join("expected.ndjson"), &alerts);
        if !rejected.is_empty() {
            golden(&case.join("rejected.ndjson"), &rejected);
        }
        assert_eq!(rejected.is_empty(), !case.join("rejected.ndjson").exists(), "{name}");
        let pages = pages(&alerts);
        let first = pages.first().and_then(|alert| alert.reasons.first()).map(|reason| reason.dimension);
        assert_eq!(first, dimension, "{name}: {pages:#?}");
        let stories: std::collections::BTreeSet<_> = pages.iter().map(|alert| &alert.id).collect();
        assert!(stories.len() <= 1, "{name}: one story, one page");
    }
}

#[test]
fn every_scenario_of_the_folder_is_tried() {
    let folder = repository("fixtures/scenarios").read_dir().expect("a folder");
    let mut names: Vec<String> =
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut tried: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
    tried.sort_unstable();
    assert_eq!(names, tried);
}
