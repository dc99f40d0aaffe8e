//! What is told less of, from outside: the table of rules, and a suppression live and in replay.

use std::path::Path;
use std::process::{Command, Output};

use humdrum::alert::{Alert, Severity};
use humdrum::config::{self, Config, Sources};

use crate::support::config::config;
use crate::support::files::{golden, read, repository, write};
use crate::support::nats::{NatsServer, alerts};
use crate::support::running::Running;
use crate::support::{figure, until};

const CASE: &str = "fixtures/scenarios/suppressed";

fn humdrum(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    let output = command.env_clear().current_dir(folder).args(args).output().expect("the binary runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The month of peace, the case, and an event of the same day that moves event time on.
fn events() -> String {
    let (month, case) =
        (read(&repository("fixtures/events/payroll-month.ndjson")), read(&repository(CASE).join("events.ndjson")));
    let later = r#"{"id":"later","ts":"2026-04-01T12:00:00Z","tenant":"acme","bot":"other","type":"call"}"#;
    format!("{month}{case}{later}\n")
}

#[test]
fn the_table_of_rules_is_that_of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = text(&humdrum(folder.path(), &["check", "--rules"]).stdout);
    let page = format!(
        "# Rules\n\nWhat `humdrum check --rules` prints: every rule with its defaults. `[[rules]]` in the settings changes \
         them; a threshold is followed by its bounds.\n\n{table}"
    );
    golden(&repository("models/rules.md"), &page);
}

#[test]
fn check_says_how_much_is_decided_and_what_can_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = "[[rules]]\nrule = [\"no_owner\", \"new_secret\"]\nenabled = false\n";
    write(&folder.path().join("c.toml"), format!("{settings}\n{}", read(&repository(CASE).join("config.toml"))));
    let said = text(&humdrum(folder.path(), &["check", "--config", "c.toml"]).stdout);
    let expected = "\
  rules     2 decisions
  hidden    1 suppressions
  note      suppressions[0] of ann@example.com until 2026-04-01T03:00:00Z is over and can go
";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn a_replay_counts_what_each_suppression_hid() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("events.ndjson"), events());
    let settings = repository(CASE).join("config.toml");
    let settings = settings.to_str().expect("a path");
    let replay = || humdrum(folder.path(), &["replay", "--config", settings, "events.ndjson"]);
    let (first, second) = (replay(), replay());
    assert_eq!(first.stdout, second.stdout);
    let expected = "\
hidden    1: 1 critical
          suppressions[0] of ann@example.com until 2026-04-01T03:00:00Z: hid 1 alert of 2 findings, \
the last at 2026-04-01T02:05:20Z; it is over and can go
";
    assert!(text(&first.stderr).ends_with(expected), "{}", text(&first.stderr));
}

#[tokio::test]
async fn a_suppression_is_the_same_live_and_in_replay() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("events.ndjson"), events());
    let settings = repository(CASE).join("config.toml");
    let replayed = humdrum(folder.path(), &["replay", "--config", settings.to_str().expect("a path"), "events.ndjson"]);
    let replayed = text(&replayed.stdout);
    let server = NatsServer::start().await;
    let file = read(&settings);
    let loaded = config::load(Sources { file: Some(&file), ..Sources::default() }, &|_| Ok(None)).expect("is valid");
    let running = Running::start(Config { detection: loaded.detection, ..config(server.url()) }).await;
    running.ready().await;
    let context = server.jetstream().await;
    let lines = events();
    for line in lines.lines() {
        let bot = if line.contains("\"bot\":\"other\"") { "other" } else { "payroll" };
        let sent = context.publish(format!("humdrum.events.acme.{bot}"), line.to_owned().into()).await;
        sent.expect("sends").await.expect("is stored");
    }
    running.accepted(lines.lines().count() as u64).await;
    let wanted = replayed.lines().count();
    until("all alerts", || async {
        let stream = context.get_stream("HUMDRUM_ALERTS").await.expect("exists");
        stream.cached_info().state.messages as usize == wanted
    })
    .await;
    let live = alerts(&server).await;
    assert_eq!(live, replayed.lines().collect::<Vec<_>>());
    let told: Vec<Alert> = live.iter().map(|line| serde_json::from_str(line).expect("an alert")).collect();
    let hidden = told.iter().filter(|alert| alert.suppressed.is_some());
    assert!(hidden.clone().count() > 0 && hidden.clone().all(|alert| alert.severity == Severity::Info));
    assert!(told.iter().any(|alert| alert.severity.pages() && alert.incident == told[0].incident), "{live:#?}");
    let figure = |name: &str, label: (&str, &str)| figure(&running.registry, name, &[label]) as u64;
    until("the figures", || async { figure("humdrum_alerts_suppressed_total", ("severity", "critical")) > 0 }).await;
    assert_eq!(figure("humdrum_suppressions", ("state", "ended")), 1);
    running.app.stop().await.expect("stops");
}
