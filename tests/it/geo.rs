//! Places from a geography file: what it tells, what counts more than it, and what is said of one that is of no use.

use std::path::Path;
use std::process::{Command, Output};

use humdrum::alert::Alert;

use crate::support::files::{read, write};
use crate::support::humdrum::Humdrum;
use crate::support::mmdb::{database, place};
use crate::support::nats::NatsServer;

/// 2026-01-02T03:04:05Z.
const BUILT: u64 = 1_767_323_045;

/// Berlin, São Paulo, and an address that is somewhere in Russia.
fn cities() -> Vec<u8> {
    let places = [
        place([5, 1, 1, 0], "DE", 52.5, 13.4, 20),
        place([177, 2, 2, 0], "BR", -23.5, -46.6, 50),
        place([95, 3, 3, 0], "RU", 60.0, 100.0, 1000),
    ];
    database("GeoLite2-City", BUILT, &places)
}

fn humdrum(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.current_dir(folder).env_clear().args(args).output().expect("the binary runs")
}

/// A month of a bot that works over the internet, then an hour whose calls come from a second address.
fn events(second: &str, geo: &str) -> String {
    let mut lines = String::new();
    for day in 0..30 {
        for call in 0..4 {
            let ip = if day == 29 && call > 1 { second } else { "5.1.1.7" };
            let geo = if day == 29 && call > 1 { geo } else { "" };
            let (month, day_of) = if day < 28 { (2, day + 1) } else { (3, day - 27) };
            lines += &format!(
                "{{\"id\":\"{day}-{call}\",\"ts\":\"2026-{month:02}-{day_of:02}T06:{:02}:00Z\",\"bot\":\"b\",\"type\":\"call\",\
                 \"session\":\"s{day}\",\"host\":\"h\",\"operation\":\"GET /\",\"ip\":\"{ip}\"{geo}}}\n",
                call * 5
            );
        }
    }
    lines
}

fn replay(folder: &Path, events: &str, more: &[&str]) -> (String, Vec<Alert>) {
    write(&folder.join("events.ndjson"), events);
    let args = [&["replay", "--alerts", "alerts.ndjson"][..], more, &["events.ndjson"]].concat();
    let output = humdrum(folder, &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = read(&folder.join("alerts.ndjson"));
    let alerts = text.lines().map(|line| serde_json::from_str(line).expect("an alert")).collect();
    (text, alerts)
}

fn travels(alerts: &[Alert]) -> bool {
    alerts.iter().flat_map(|alert| &alert.reasons).any(|reason| reason.detector == "impossible_travel")
}

#[test]
fn an_address_far_away_is_an_impossible_way() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("city.mmdb"), cities());
    let set = ["--set", "geo.maxmind_file=city.mmdb"];
    let brazil = events("177.2.2.9", "");
    let (text, alerts) = replay(folder.path(), &brazil, &set);
    assert!(travels(&alerts), "{text}");
    assert!(text.contains("BR -24,-47") || text.contains("BR -23,-47"), "{text}");
    assert_eq!(replay(folder.path(), &brazil, &set).0, text, "the same file gives the same alerts");
    assert!(!travels(&replay(folder.path(), &brazil, &[]).1), "without a file nobody knows");
    let at_home = events("177.2.2.9", ",\"geo\":{\"country\":\"DE\",\"lat\":52.4,\"lon\":13.3}");
    assert!(!travels(&replay(folder.path(), &at_home, &set).1), "what the event says counts more");
    let somewhere = events("95.3.3.9", "");
    let (_, alerts) = replay(folder.path(), &somewhere, &set);
    assert!(!alerts.is_empty() && !travels(&alerts), "the middle of a country is no place");
    let nowhere = events("10.9.9.9", "");
    assert!(!travels(&replay(folder.path(), &nowhere, &set).1));
}

#[test]
fn a_history_and_a_comparison_know_places_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    write(&path("city.mmdb"), cities());
    write(&path("events.ndjson"), events("177.2.2.9", ""));
    write(&path("with.toml"), "[geo]\nmaxmind_file = 'city.mmdb'\n");
    write(&path("without.toml"), "");
    let args = ["backfill", "--dry-run", "--config", "with.toml", "--alerts", "learned.ndjson", "events.ndjson"];
    assert!(humdrum(folder.path(), &args).status.success());
    assert!(read(&path("learned.ndjson")).contains("impossible_travel"), "{}", read(&path("learned.ndjson")));
    let compared = |config: &str, against: &str| {
        let args = ["replay", "--json", "--config", config, "--against", against, "events.ndjson"];
        let output = humdrum(folder.path(), &args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (gains, same) = (compared("with.toml", "without.toml"), compared("with.toml", "with.toml"));
    assert_ne!(gains["before"], gains["after"], "one of the two knows no places");
    assert_eq!((&same["before"], &same["after"]), (&gains["after"], &gains["after"]));
}

#[test]
fn a_file_of_no_use_is_a_clear_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("city.mmdb"), cities());
    write(&folder.path().join("asn.mmdb"), database("GeoLite2-ASN", BUILT, &[]));
    write(&folder.path().join("cut.mmdb"), &cities()[..200]);
    let mut bent = cities();
    bent[120] = 0xff;
    write(&folder.path().join("bent.mmdb"), bent);
    write(&folder.path().join("events.ndjson"), events("5.1.1.7", ""));
    for (file, verb, said) in [
        ("gone.mmdb", "check", "gone.mmdb cannot be used"),
        ("asn.mmdb", "check", "asn.mmdb is of type `GeoLite2-ASN`; give one of cities or countries"),
        ("cut.mmdb", "check", "cut.mmdb cannot be used"),
        ("bent.mmdb", "check", "bent.mmdb cannot be used"),
        ("asn.mmdb", "replay", "asn.mmdb is of type"),
        ("cut.mmdb", "run", "cut.mmdb cannot be used"),
    ] {
        let set = format!("geo.maxmind_file={file}");
        let mut args = vec![verb, "--set", &set];
        args.extend((verb == "replay").then_some("events.ndjson"));
        let output = humdrum(folder.path(), &args);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let status = if verb == "run" { 1 } else { 2 };
        assert_eq!(output.status.code(), Some(status), "{file}, {verb}: {err}");
        assert!(err.contains(said), "{file}, {verb}: {err}");
    }
    let output = humdrum(folder.path(), &["check", "--set", "geo.maxmind_file=city.mmdb"]);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.contains("geography GeoLite2-City, built 2026-01-02T03:04:05Z"), "{out}");
}

#[tokio::test]
async fn a_running_humdrum_tells_of_its_file() {
    let (nats, dir) = (NatsServer::start().await, tempfile::tempdir().expect("a directory"));
    write(&dir.path().join("city.mmdb"), cities());
    let settings = format!("[nats]\nurl = '{}'\n[geo]\nmaxmind_file = 'city.mmdb'\n", nats.url());
    let humdrum = Humdrum::start(dir.path(), &settings).await;
    humdrum.ready().await;
    let built = humdrum.figure("humdrum_geo_database_build_timestamp_seconds").await;
    assert!((built - BUILT as f64).abs() < 0.5, "{built}");
    assert!(read(&dir.path().join("log")).contains("GeoLite2-City"), "{}", read(&dir.path().join("log")));
}
