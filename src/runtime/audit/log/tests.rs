//! The log on real folders: crashes, full disks, full files, and what others did to it meanwhile.

#![expect(clippy::disallowed_methods, reason = "tests read and change the files of the log")]

use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

use super::super::verify::tests::verified;
use super::*;
use crate::alert::Severity;
use crate::alert::fixtures::alert;

const PARAMS: LogParams = LogParams { key_file: None, file_bytes_max: 1 << 20, files_max: 10 };

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn open(dir: &TempDir, place: Option<LogPlace>) -> AlertLog {
    let (log, damage) = AlertLog::open(dir.path(), PARAMS, place).expect("opens");
    assert_eq!(damage, None);
    log
}

/// Takes alerts with these numbers in and writes them.
fn write(log: &mut AlertLog, ids: std::ops::RangeInclusive<u32>) {
    for id in ids {
        log.take(&alert(&format!("a{id}"), Severity::High)).expect("is taken");
    }
    log.flush().expect("is written");
}

/// Ids in the log, in order.
fn ids(dir: &TempDir) -> Vec<String> {
    let files = files::all(dir.path()).expect("lists");
    let text: String = files.iter().map(|path| fs::read_to_string(path).expect("reads")).collect();
    text.lines().map(|line| serde_json::from_str::<Alert>(line).expect("an alert").id).collect()
}

fn numbered(ids: std::ops::RangeInclusive<u32>) -> Vec<String> {
    ids.map(|id| format!("a{id}")).collect()
}

#[test]
fn a_log_is_whole_and_signed_to_its_end() {
    let dir = dir();
    let mut log = open(&dir, None);
    assert_eq!(log.seal().expect("nothing to sign"), None);
    write(&mut log, 1..=3);
    let head = log.seal().expect("signs").expect("a head");
    assert_eq!((head.number, head.first, log.written(), log.waiting()), (3, 1, 3, 0));
    assert_eq!(log.seal().expect("nothing new"), None);
    let report = verified(dir.path());
    assert_eq!((report.fault, report.records, report.proven.map(|proof| proof.record)), (None, 3, Some(3)));
    let lines = fs::read(dir.path().join(CURRENT_NAME)).expect("reads");
    let line = lines.split(|byte| *byte == b'\n').next().expect("a line");
    let alone = serde_json::to_vec(&alert("a1", Severity::High)).expect("JSON");
    assert!(line.starts_with(&alone[..alone.len() - 1]), "the alert stands in it as it was published");
}

#[test]
fn a_flood_is_signed_in_between() {
    let dir = dir();
    let mut log = open(&dir, None);
    write(&mut log, 1..=999);
    assert_eq!(log.signed(), 0);
    write(&mut log, 1000..=1000);
    assert_eq!(log.signed(), 1000);
}

#[test]
fn after_a_crash_what_is_computed_again_is_logged_once() {
    let dir = dir();
    let mut log = open(&dir, None);
    write(&mut log, 1..=2);
    log.seal().expect("signs");
    let place = log.place();
    write(&mut log, 3..=5);
    drop(log);
    // Killed. Two of the three come again before the next snapshot and the next crash, the third after it.
    let mut log = open(&dir, place);
    write(&mut log, 3..=4);
    write(&mut log, 6..=6);
    let place = log.place();
    assert_eq!(place.as_ref().map(|place| (place.number, place.awaited.len())), Some((6, 1)));
    drop(log);
    let mut log = open(&dir, place);
    write(&mut log, 5..=5);
    write(&mut log, 7..=7);
    log.take(&Alert { revision: 2, ..alert("a7", Severity::High) }).expect("another revision is another record");
    log.seal().expect("signs");
    assert!(log.place().is_some_and(|place| place.awaited.is_empty()));
    assert_eq!(ids(&dir), [&numbered(1..=7)[..], &numbered(7..=7)].concat());
    assert_eq!(verified(dir.path()).fault, None);
}

/// What befalls a process that computes one alert after the other.
#[derive(Clone, Debug)]
enum Fate {
    Alerts(u32),
    Snapshot,
    /// The process ends.
    Kill,
    /// The machine does: what was not synced is cut somewhere.
    PowerCut(Index),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => (1..6_u32).prop_map(Fate::Alerts),
        2 => Just(Fate::Snapshot),
        1 => Just(Fate::Kill),
        1 => any::<Index>().prop_map(Fate::PowerCut),
    ]
}

proptest! {
    #[test]
    fn whatever_ends_it_the_log_holds_each_alert_once(fates in proptest::collection::vec(fate(), 1..20)) {
        let dir = dir();
        let mut log = open(&dir, None);
        let (mut done, mut kept, mut synced) = (0, (0, None), 0);
        for fate in fates {
            match fate {
                Fate::Alerts(count) => {
                    write(&mut log, done + 1..=done + count);
                    done += count;
                }
                Fate::Snapshot => {
                    if log.seal().expect("signs").is_some() {
                        synced = log.offset;
                    }
                    kept = (done, log.place());
                }
                Fate::Kill | Fate::PowerCut(_) => {
                    let unsynced = log.offset - synced;
                    drop(log);
                    if let Fate::PowerCut(index) = fate {
                        let file = OpenOptions::new().write(true).open(dir.path().join(CURRENT_NAME)).expect("opens");
                        file.set_len(synced + index.index(unsynced as usize + 1) as u64).expect("cuts");
                    }
                    // The stream is read again from the snapshot's position.
                    log = open(&dir, kept.1.clone());
                    done = kept.0;
                }
            }
        }
        log.seal().expect("signs");
        // What was alive at the end is in the log; alerts of the last life may still be to come again.
        let ids = ids(&dir);
        prop_assert_eq!(&ids, &numbered(1..=ids.len() as u32));
        prop_assert!(ids.len() as u32 >= done);
        prop_assert_eq!(verified(dir.path()).fault, None);
    }
}

#[test]
fn without_a_snapshot_the_whole_log_is_awaited() {
    let dir = dir();
    write(&mut open(&dir, None), 1..=4);
    let mut log = open(&dir, None);
    write(&mut log, 1..=6);
    assert_eq!(ids(&dir), numbered(1..=6));
}

#[test]
fn half_a_record_and_half_a_head_are_taken_away() {
    let dir = dir();
    let mut log = open(&dir, None);
    write(&mut log, 1..=2);
    log.seal().expect("signs");
    let place = log.place();
    drop(log);
    for name in [CURRENT_NAME, HEADS_NAME] {
        let mut file = OpenOptions::new().append(true).open(dir.path().join(name)).expect("opens");
        file.write_all(b"{\"id\":\"half").expect("writes");
    }
    let mut log = open(&dir, place);
    write(&mut log, 3..=3);
    log.seal().expect("signs");
    assert_eq!((ids(&dir), verified(dir.path()).fault), (numbered(1..=3), None));
}

#[test]
fn only_what_lies_behind_the_snapshot_is_read_at_the_start() {
    let dir = dir();
    let mut log = open(&dir, None);
    write(&mut log, 1..=9);
    let place = log.place().expect("a place");
    write(&mut log, 10..=10);
    drop(log);
    // Nobody looks at what lies before it, or this would be told.
    let path = dir.path().join(CURRENT_NAME);
    let text = fs::read_to_string(&path).expect("reads").replacen("\"a5\"", "\"b5\"", 1);
    fs::write(&path, text).expect("writes");
    let log = open(&dir, Some(place));
    assert_eq!((log.written(), log.awaited.len()), (10, 1));
}

#[test]
fn full_files_are_followed_by_the_next_and_the_oldest_is_removed() {
    let dir = dir();
    let params = LogParams { file_bytes_max: 2000, files_max: 3, ..PARAMS };
    let (mut log, _) = AlertLog::open(dir.path(), params.clone(), None).expect("opens");
    for id in 1..=40 {
        write(&mut log, id..=id);
    }
    log.seal().expect("signs");
    let full = files::full(dir.path()).expect("lists");
    assert_eq!(full.len(), 2);
    let report = verified(dir.path());
    assert_eq!((report.fault, report.first, report.last), (None, full[0].0, 40));
    assert!(report.first > 1 && ids(&dir) == numbered(report.first as u32..=40));
    let heads = fs::read_to_string(dir.path().join(HEADS_NAME)).expect("reads");
    assert!(heads.lines().all(|line| Head::parse(line.as_bytes()).expect("a head").number + 1 >= report.first));
    let place = log.place();
    drop(log);
    let (mut log, damage) = AlertLog::open(dir.path(), params, place).expect("opens");
    write(&mut log, 41..=41);
    assert_eq!((damage, log.written()), (None, 41));
    // A place in a file that has become full since.
    let files: Vec<_> = files::all(dir.path()).expect("lists");
    assert_eq!(files.len(), 3);
    assert_eq!(verified(dir.path()).fault, None);
}

#[test]
fn a_snapshot_from_before_a_file_was_full_is_gone_on_from() {
    let dir = dir();
    let params = LogParams { file_bytes_max: 2000, files_max: 9, ..PARAMS };
    let (mut log, _) = AlertLog::open(dir.path(), params.clone(), None).expect("opens");
    write(&mut log, 1..=1);
    let place = log.place();
    for id in 2..=20 {
        write(&mut log, id..=id);
    }
    assert!(files::full(dir.path()).expect("lists").len() > 1);
    drop(log);
    let (mut log, damage) = AlertLog::open(dir.path(), params, place).expect("opens");
    write(&mut log, 2..=21);
    log.seal().expect("signs");
    assert_eq!((damage, ids(&dir), verified(dir.path()).fault), (None, numbered(1..=21), None));
}

#[test]
fn what_a_full_disk_does_not_take_waits() {
    let dir = dir();
    let mut log = open(&dir, None);
    write(&mut log, 1..=1);
    let path = dir.path().join(CURRENT_NAME);
    // A file that cannot be written, in place of a disk that is full.
    let good = std::mem::replace(&mut log.file, File::open(&path).expect("opens"));
    log.take(&alert("a2", Severity::High)).expect("is taken");
    let error = log.flush().expect_err("cannot be written");
    assert_eq!((error.reason(), error.retry(), log.waiting()), ("io", true, 1));
    assert!(log.seal().is_err() && log.place().is_none(), "no snapshot may say that it is safe");
    // Half of it was written.
    good.write_all_at(&log.waiting[..9], log.offset).expect("writes");
    log.file = good;
    write(&mut log, 3..=3);
    log.seal().expect("signs");
    assert_eq!((log.waiting(), ids(&dir), verified(dir.path()).fault), (0, numbered(1..=3), None));
}

#[test]
fn too_much_that_waits_is_left_out() {
    let dir = dir();
    let mut log = open(&dir, None);
    log.waiting = vec![b' '; WAITING_BYTES_MAX];
    let error = log.take(&alert("a1", Severity::High)).expect_err("is full");
    assert_eq!((error.reason(), error.retry()), ("overflow", false));
}

#[test]
fn what_was_done_to_the_log_meanwhile_is_told_and_stays_to_be_found() {
    for (cut, edit) in [(true, false), (false, true), (false, false)] {
        let dir = dir();
        let mut log = open(&dir, None);
        write(&mut log, 1..=4);
        let place = log.place();
        write(&mut log, 5..=8);
        log.seal().expect("signs");
        drop(log);
        let path = dir.path().join(CURRENT_NAME);
        let text = fs::read_to_string(&path).expect("reads");
        let text = match (cut, edit) {
            (true, _) => text.lines().take(6).map(|line| line.to_owned() + "\n").collect(),
            (_, true) => text.replacen("\"a7\"", "\"b7\"", 1),
            _ => String::new(),
        };
        fs::write(&path, text).expect("writes");
        let (mut log, damage) = AlertLog::open(dir.path(), PARAMS, place).expect("opens all the same");
        assert!(damage.is_some(), "cut {cut}, edit {edit}");
        write(&mut log, 9..=9);
        log.seal().expect("signs");
        assert_eq!(log.written(), 9, "cut {cut}, edit {edit}");
        let fault = verified(dir.path()).fault.expect("is found");
        assert_eq!(fault.record, if cut || edit { 7 } else { 1 }, "cut {cut}, edit {edit}: {fault:?}");
    }
}

#[test]
fn a_forged_head_leads_nobody_astray() {
    let dir = dir();
    write(&mut open(&dir, None), 1..=2);
    let (stranger, _) = super::super::key::pair();
    let stamp = Stamp { event_time: None, wall: Timestamp::from_micros(0) };
    let forged = Head::sign(&Link { number: 1 << 60, hash: Link::START.hash }, 1, stamp, &stranger);
    append(&dir.path().join(HEADS_NAME), &forged).expect("writes");
    let mut log = open(&dir, None);
    write(&mut log, 3..=3);
    assert_eq!(log.written(), 3);
}

#[test]
fn a_file_of_alerts_that_was_there_before_is_put_aside() {
    let dir = dir();
    let line = serde_json::to_string(&alert("old", Severity::High)).expect("JSON");
    fs::write(dir.path().join(CURRENT_NAME), &line).expect("writes");
    write(&mut open(&dir, None), 1..=1);
    assert_eq!(ids(&dir), ["a1"]);
    assert_eq!(fs::read_to_string(dir.path().join("alerts.unchained.ndjson")).expect("is there"), line);
}

#[test]
fn a_key_of_ones_own_must_be_there() {
    let dir = dir();
    let params = LogParams { key_file: Some(dir.path().join("own.key")), ..PARAMS };
    let error = AlertLog::open(dir.path(), params.clone(), None).expect_err("there is none");
    assert_eq!((error.reason(), error.to_string().contains("own.key")), ("key", true));
    // Another key later: heads of both are proven.
    let mut log = open(&dir, None);
    write(&mut log, 1..=1);
    log.seal().expect("signs");
    let place = log.place();
    drop(log);
    drop(Signer::open(&dir.path().join("own.key"), true).expect("is made"));
    let (mut log, damage) = AlertLog::open(dir.path(), params, place).expect("opens");
    write(&mut log, 2..=2);
    log.seal().expect("signs");
    assert_eq!((damage, verified(dir.path()).fault), (None, None));
    assert!(!dir.path().join("alerts.ndjson.key").exists());
}
