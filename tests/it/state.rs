//! `humdrum state` over a directory of snapshots: what there is, one bot of it, and one bot put back.

use std::path::Path;
use std::process::{Command, Output as Ended};

use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::decode::{Envelope, Limits, decode};
use humdrum::registry::Registry;
use humdrum::runtime::store::format::{Checkpoint, Position};
use humdrum::runtime::store::{Store, newest};
use tempfile::TempDir;

use crate::support::files::write;

/// Three calls on a day of April of a bot that moves more from the twenty-first on.
pub(crate) fn calls(day: u64) -> [String; 3] {
    let records = if day > 20 { 90_000 + day } else { 1000 + day };
    [(2, 0), (2, 5), (3, 0)].map(|(hour, minute)| {
        format!(
            "{{\"id\":\"e{day}-{hour}-{minute}\",\"ts\":\"2026-04-{day:02}T{hour:02}:{minute:02}:00Z\",\
            \"tenant\":\"acme\",\"bot\":\"payroll\",\"type\":\"call\",\"session\":\"s{day}\",\
            \"system\":\"hr\",\"operation\":\"GET /employees\",\"records_read\":{records}}}"
        )
    })
}

/// Its first thirty days; a snapshot each day.
fn kept() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut engine, mut output) = (Engine::new(Settings::default(), Registry::default()), Output::default());
    let mut store = Store::open(dir.path(), 2).expect("opens").with_days(15);
    for day in 1..=30_u64 {
        for json in calls(day) {
            let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event");
            engine.observe(event, &mut output);
        }
        let position = Position { stream: "S".to_owned(), created_us: 1, sequence: 3 * day, record: None };
        let (event_time, engine) = (engine.watermark(), engine.snapshot());
        let checkpoint = Checkpoint { position: Some(position), event_time, engine, ..Checkpoint::default() };
        store.save(&checkpoint).expect("saves");
    }
    dir
}

fn state(dir: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.arg("state").args(args).arg("--state-dir").arg(dir).env_clear().output().expect("the binary runs")
}

fn said(ended: &Ended) -> String {
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout.clone()).expect("UTF-8")
}

#[test]
fn snapshots_are_listed_with_what_is_wrong_with_them() {
    let dir = kept();
    write(&dir.path().join("snapshot-00000000000000000030.humdrum"), b"cut off");
    let text = said(&state(dir.path(), &["inspect"]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 15 + 2, "{text}");
    assert!(lines[1].starts_with("day-2026-04-16.humdrum ") && lines[1].ends_with("  whole"), "{text}");
    assert!(lines[16].contains("  87  ") && lines[16].contains("2026-04-29T03:00:00Z"), "{text}");
    assert!(lines[17].ends_with("damaged: shorter than its head"), "{text}");
    let checkpoint = newest(dir.path()).expect("reads").expect("the one before");
    assert_eq!(checkpoint.position.map(|position| position.sequence), Some(87));
}

#[test]
fn a_bot_is_put_back_to_the_beginning_of_a_day() {
    let dir = kept();
    let bot = ["--tenant", "acme", "--bot", "payroll"];
    let export = |more: &[&str]| -> serde_json::Value {
        let text = said(&state(dir.path(), &[&["export"], &bot[..], more].concat()));
        serde_json::from_str(&text).expect("JSON")
    };
    let (now, then) = (export(&[]), export(&["--at", "2026-04-20"]));
    assert_ne!(now["baseline"]["volumes"], then["baseline"]["volumes"]);
    let more = ["--dimension", "volume", "--to", "2026-04-20"];
    let text = said(&state(dir.path(), &[&["revert"], &bot[..], &more[..]].concat()));
    assert_eq!(text, "volume of `payroll` of tenant `acme` is that of the beginning of 2026-04-20\n");
    let reverted = export(&[]);
    assert_eq!(reverted["baseline"]["volumes"], then["baseline"]["volumes"]);
    assert_eq!(reverted["baseline"]["week"], now["baseline"]["week"]);
    let checkpoint = newest(dir.path()).expect("reads").expect("a snapshot");
    assert_eq!(checkpoint.position.map(|position| position.sequence), Some(90), "the stream goes on where it was");
    let gone = state(dir.path(), &[&["revert"], &bot[..], &["--to", "2026-03-01"]].concat());
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("no snapshot of the beginning of 2026-03-01 is kept"));
    let _owner = Store::open(dir.path(), 2).expect("opens");
    let taken = state(dir.path(), &[&["revert"], &bot[..], &more[..]].concat());
    assert!(String::from_utf8_lossy(&taken.stderr).contains("in use by another process"));
}
