//! Every kind of tampering with real logs is found, and the first bad record is the right one.

#![expect(clippy::disallowed_methods, reason = "tests read and change the files of the log")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

use super::super::files::{self, HEADS_NAME, PUBLIC_NAME};
use super::super::log::{AlertLog, LogParams};
use super::super::record;
use super::*;
use crate::alert::Severity;
use crate::alert::fixtures::alert;

/// What `humdrum verify` says of a directory.
pub(in crate::runtime::audit) fn verified(dir: &Path) -> Report {
    let files = files::all(dir).expect("lists");
    verify(&files, &heads(dir), &keys(dir)).expect("reads")
}

fn keys(dir: &Path) -> Vec<PublicKey> {
    PublicKey::read(&dir.join(PUBLIC_NAME)).expect("keys")
}

fn heads(dir: &Path) -> Vec<Given> {
    let path = dir.join(HEADS_NAME);
    let text = fs::read(&path).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
    lines.map(|(text, line)| Given { file: path.clone(), line, text: text.to_vec() }).collect()
}

/// A log of some records, in some files, with heads here and there and at its end.
fn log(records: u64, file_bytes_max: u64, sealed: &[Index]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let params = LogParams { key_file: None, file_bytes_max, files_max: 1000 };
    let (mut log, _) = AlertLog::open(dir.path(), params, None).expect("opens");
    let sealed: Vec<u64> = sealed.iter().map(|index| index.index(records as usize) as u64 + 1).collect();
    for number in 1..=records {
        let title = "x".repeat(number as usize * 7 % 50);
        log.take(&crate::alert::Alert { title, ..alert(&format!("a{number}"), Severity::Low) }).expect("is taken");
        log.flush().expect("is written");
        if number == records || sealed.contains(&number) {
            log.seal().expect("signs");
        }
    }
    dir
}

/// The log as lines with their line breaks, each with its file.
fn lines(dir: &Path) -> Vec<(usize, Vec<u8>)> {
    let files = files::all(dir).expect("lists");
    let texts = files.iter().map(|path| fs::read(path).expect("reads")).enumerate();
    texts
        .flat_map(|(file, text)| {
            text.split_inclusive(|byte| *byte == b'\n').map(|line| (file, line.to_vec())).collect::<Vec<_>>()
        })
        .collect()
}

/// Writes lines back to their files.
fn put(dir: &Path, lines: &[(usize, Vec<u8>)]) {
    for (nth, path) in files::all(dir).expect("lists").iter().enumerate() {
        let text: Vec<u8> = lines.iter().filter(|(file, _)| *file == nth).flat_map(|(_, line)| line.clone()).collect();
        fs::write(path, text).expect("writes");
    }
}

/// The newest head below a record.
fn head_below(dir: &Path, record: u64) -> u64 {
    let numbers = heads(dir).into_iter().map(|given| Head::parse(&given.text).expect("a head").number);
    numbers.filter(|number| *number < record).max().unwrap_or(0)
}

/// A way to tamper with a log.
#[derive(Clone, Debug)]
enum Tampering {
    Edit { byte: Index, mask: u8 },
    Remove(Index),
    Swap(Index, Index),
    Copy { from: Index, to: Index },
    Cut(Index),
    Rewrite(Index),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), 1..=255_u8).prop_map(|(byte, mask)| Tampering::Edit { byte, mask }),
        1 => index().prop_map(Tampering::Remove),
        1 => (index(), index()).prop_map(|(one, other)| Tampering::Swap(one, other)),
        1 => (index(), index()).prop_map(|(from, to)| Tampering::Copy { from, to }),
        2 => index().prop_map(Tampering::Cut),
        1 => index().prop_map(Tampering::Rewrite),
    ]
}

/// Tampers, and says which record is the first bad one, and what may be said of it; none where nothing was changed.
fn tamper(dir: &Path, how: &Tampering) -> Option<(u64, Vec<Wrong>)> {
    let mut lines = lines(dir);
    let count = lines.len();
    let (record, wrong) = match how {
        Tampering::Edit { byte, mask } => {
            let mut at = byte.index(lines.iter().map(|(_, line)| line.len()).sum());
            let nth = lines.iter().position(|(_, line)| {
                let here = at < line.len();
                at -= if here { 0 } else { line.len() };
                here
            })?;
            lines[nth].1[at] ^= mask;
            // Without its line break the last record is half a one.
            (nth, vec![Wrong::Edited, if nth + 1 == count { Wrong::CutTail } else { Wrong::Edited }])
        }
        Tampering::Remove(index) => {
            let nth = index.index(count);
            lines.remove(nth);
            (nth, vec![if nth + 1 == count { Wrong::CutTail } else { Wrong::Removed }])
        }
        Tampering::Swap(one, other) => {
            let (one, other) = (one.index(count), other.index(count));
            let (first, second) = (lines[one].1.clone(), lines[other].1.clone());
            (lines[one].1, lines[other].1) = (second, first);
            if one == other {
                return None;
            }
            (one.min(other), vec![Wrong::Swapped])
        }
        Tampering::Copy { from, to } => {
            let (from, to) = (from.index(count), to.index(count));
            let line = (lines[to].0, lines[from].1.clone());
            lines.insert(to, line);
            // A record before itself is itself, and then stands there once more.
            let nth = if from == to { to + 1 } else { to };
            (nth, vec![Wrong::Inserted, Wrong::Swapped, Wrong::Removed])
        }
        Tampering::Cut(index) => {
            let mut left = index.index(lines.iter().map(|(_, line)| line.len()).sum());
            let nth = lines.iter().position(|(_, line)| {
                let here = left < line.len();
                left -= if here { 0 } else { line.len() };
                here
            })?;
            let file = lines[nth].0;
            lines[nth].1.truncate(left);
            lines.truncate(nth + 1);
            for path in &files::all(dir).expect("lists")[file + 1..] {
                fs::remove_file(path).expect("removes");
            }
            (nth, vec![Wrong::CutTail])
        }
        Tampering::Rewrite(index) => {
            let nth = index.index(count);
            let mut link = Link::START;
            for (at, (_, line)) in lines.iter_mut().enumerate() {
                let text = String::from_utf8(line.clone()).expect("UTF-8");
                let alert = text.split(",\"chain\":").next().expect("an alert").to_owned() + "}";
                let alert = if at == nth { alert.replace("\"odd\"", "\"even\"").replace("\"a", "\"b") } else { alert };
                line.clear();
                record::write(line, &mut link, alert.as_bytes());
            }
            put(dir, &lines);
            return Some((head_below(dir, nth as u64 + 1) + 1, vec![Wrong::Rewritten]));
        }
    };
    put(dir, &lines);
    Some((record as u64 + 1, wrong))
}

#[test]
fn a_record_in_two_lines_is_edited_and_a_line_before_it_is_inserted() {
    let dir = log(3, 1 << 20, &[]);
    let whole = lines(dir.path());
    for at in 0..whole[1].1.len() - 1 {
        let mut broken = whole.clone();
        broken[1].1[at] = b'\n';
        put(dir.path(), &broken);
        let fault = verified(dir.path()).fault.expect("a fault");
        assert_eq!((fault.record, fault.wrong), (2, Wrong::Edited), "{at}: {}", fault.text);
    }
    let mut more = whole.clone();
    more.insert(1, (0, b"a note\n".to_vec()));
    put(dir.path(), &more);
    let fault = verified(dir.path()).fault.expect("a fault");
    assert_eq!((fault.record, fault.wrong), (2, Wrong::Inserted), "{}", fault.text);
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_log_its_first_bad_record_is_named(
        records in 1..30_u64,
        file_bytes_max in 2_000..20_000_u64,
        sealed in proptest::collection::vec(any::<Index>(), 0..5),
        how in tampering(),
    ) {
        let dir = log(records, file_bytes_max, &sealed);
        let whole = verified(dir.path());
        prop_assert_eq!((whole.fault, whole.records), (None, records));
        prop_assert_eq!(whole.proven.map(|proof| proof.record), Some(records));
        let Some((record, wrong)) = tamper(dir.path(), &how) else { return Ok(()) };
        let report = verified(dir.path());
        let fault = report.fault.expect("it is found");
        prop_assert_eq!(fault.record, record, "{:?}", fault);
        // A record after the last that is there once more may be said to be anything but whole.
        prop_assert!(record > records || wrong.contains(&fault.wrong), "{:?}", fault);
        let proven = report.proven.map_or(0, |proof| proof.record);
        prop_assert_eq!(proven, head_below(dir.path(), record), "what comes before it is proven");
    }

    #[test]
    fn a_head_that_was_changed_is_told(
        sealed in proptest::collection::vec(any::<Index>(), 1..3),
        byte in any::<Index>(),
        bit in 0..8_u32,
    ) {
        let dir = log(6, 20_000, &sealed);
        let path = dir.path().join(HEADS_NAME);
        let mut text = fs::read(&path).expect("reads");
        let at = byte.index(text.len());
        text[at] ^= 1 << bit;
        fs::write(&path, text).expect("writes");
        let fault = verified(dir.path()).fault.expect("it is found");
        prop_assert!(matches!(fault.wrong, Wrong::BadSignature | Wrong::UnknownKey | Wrong::CutTail), "{:?}", fault);
    }
}

#[test]
fn a_tail_cut_from_log_and_heads_is_found_with_a_head_kept_elsewhere() {
    let dir = log(9, 20_000, &[]);
    let kept = heads(dir.path());
    let mut lines = lines(dir.path());
    lines.truncate(5);
    put(dir.path(), &lines);
    fs::remove_file(dir.path().join(HEADS_NAME)).expect("removes");
    let fault = verified(dir.path()).fault.expect("unsigned");
    assert_eq!((fault.record, fault.wrong), (1, Wrong::Unsigned));
    let files = files::all(dir.path()).expect("lists");
    let fault = verify(&files, &kept, &keys(dir.path())).expect("reads").fault.expect("it is found");
    assert_eq!((fault.record, fault.wrong, fault.line), (6, Wrong::CutTail, 0));
    let nothing = verify(&[], &kept, &keys(dir.path())).expect("reads").fault.expect("it is found");
    assert_eq!((nothing.record, nothing.wrong), (1, Wrong::CutTail));
}

#[test]
fn a_history_signed_with_another_key_proves_nothing() {
    let (dir, other) = (log(3, 20_000, &[]), log(3, 20_000, &[]));
    let files = files::all(dir.path()).expect("lists");
    let report = verify(&files, &heads(dir.path()), &keys(other.path())).expect("reads");
    let fault = report.fault.expect("it is found");
    assert_eq!((fault.record, fault.wrong, report.proven), (3, Wrong::UnknownKey, None));
}

#[test]
fn files_that_were_removed_as_the_bound_says_are_not_missed_and_others_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let params = LogParams { key_file: None, file_bytes_max: 1500, files_max: 4 };
    let (mut log, _) = AlertLog::open(dir.path(), params, None).expect("opens");
    for number in 1..=30 {
        log.take(&alert(&format!("a{number}"), Severity::Low)).expect("is taken");
        log.flush().expect("is written");
    }
    log.seal().expect("signs");
    let report = verified(dir.path());
    assert!(report.fault.is_none() && report.first > 1, "{report:?}");
    let full = files::full(dir.path()).expect("lists");
    fs::remove_file(&full[0].1).expect("removes");
    let fault = verified(dir.path()).fault.expect("one too many is gone");
    assert_eq!((fault.record, fault.wrong), (full[0].0, Wrong::Removed));
}
