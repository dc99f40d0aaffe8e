//! Time to prove an alert log, whole and tampered with in each way.
//!
//! `cargo bench --bench verify -- [RECORDS] [DIR]`. The log is written by the program's own writer, from the alert of a
//! scenario under other ids; with a directory it stays there for `humdrum verify --state-dir DIR`. The page cache is
//! warm: it was just written.

#![expect(clippy::disallowed_methods, reason = "writes and changes files, and reads the clock")]

use std::fs::{self, OpenOptions};
use std::io::{self, Error, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use humdrum::alert::Alert;
use humdrum::runtime::audit::files::{self, HEADS_NAME, PUBLIC_NAME};
use humdrum::runtime::audit::key::PublicKey;
use humdrum::runtime::audit::log::{AlertLog, LogParams};
use humdrum::runtime::audit::verify::{Given, Report, verify};

/// The alert that all are made from.
const ALERT: &str = include_str!("../fixtures/scenarios/ten-times/expected.ndjson");
/// Alerts of a batch.
const BATCH: u64 = 100;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let records = args.first().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let own = tempfile::tempdir()?;
    let dir = args.get(1).map_or_else(|| own.path().to_owned(), PathBuf::from);
    fs::create_dir_all(&dir)?;
    let mut out = io::stdout().lock();
    let began = Instant::now();
    write(&dir, records)?;
    let bytes: u64 = files::all(&dir)?.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
    let seconds = began.elapsed().as_secs_f64();
    writeln!(out, "{records} records of {} bytes written and signed in {seconds:.2} s", bytes / records.max(1))?;
    told(&mut out, "whole", &dir)?;
    let middle = records / 2;
    for (name, change) in [
        ("edited", (|lines, at| edit(&mut lines[at])) as fn(&mut Vec<Vec<u8>>, usize)),
        ("removed", |lines, at| drop(lines.remove(at))),
        ("swapped", |lines, at| lines.swap(at, at + 1)),
        ("cut tail", |lines, at| lines.truncate(at)),
    ] {
        // The file with the middle record; a cut tail is the last file's last record.
        let all = files::all(&dir)?;
        let (path, at) = if name == "cut tail" { (all[all.len() - 1].clone(), None) } else { holding(&all, middle)? };
        let whole = fs::read(&path)?;
        let mut lines: Vec<Vec<u8>> = whole.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let at = at.unwrap_or(lines.len() - 1);
        change(&mut lines, at);
        put(&path, &lines.concat())?;
        told(&mut out, name, &dir)?;
        put(&path, &whole)?;
    }
    Ok(())
}

fn write(dir: &Path, records: u64) -> io::Result<()> {
    let params = LogParams { key_file: None, file_bytes_max: 64 << 20, files_max: 100_000 };
    let (mut log, _) = AlertLog::open(dir, params, None).map_err(Error::other)?;
    let mut alert: Alert = serde_json::from_str(ALERT.lines().next().unwrap_or_default())?;
    for number in 1..=records {
        alert.id = format!("{number:032x}");
        log.take(&alert).map_err(Error::other)?;
        if number.is_multiple_of(BATCH) {
            log.flush().map_err(Error::other)?;
        }
    }
    log.seal().map_err(Error::other).map(drop)
}

/// Changes one digit of a record's score.
fn edit(line: &mut [u8]) {
    if let Some(byte) = line.iter_mut().rev().skip(200).find(|byte| byte.is_ascii_digit()) {
        *byte = if *byte == b'1' { b'2' } else { b'1' };
    }
}

/// The file with a record, and the record's place among its lines.
fn holding(all: &[PathBuf], record: u64) -> io::Result<(PathBuf, Option<usize>)> {
    let mut before = 0;
    for path in all {
        let lines = fs::read(path)?.split_inclusive(|byte| *byte == b'\n').count() as u64;
        if record <= before + lines {
            return Ok((path.clone(), Some((record - before - 1) as usize)));
        }
        before += lines;
    }
    Err(Error::other("no such record"))
}

fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(text.len() as u64)?;
    file.write_all_at(text, 0)
}

fn told(out: &mut dyn Write, name: &str, dir: &Path) -> io::Result<()> {
    let began = Instant::now();
    let report = proven(dir)?;
    let seconds = began.elapsed().as_secs_f64();
    let said = report.fault.map_or("whole".to_owned(), |fault| {
        format!("record {} {}, {} line {}", fault.record, fault.wrong.as_str(), fault.file.display(), fault.line)
    });
    writeln!(out, "{name:<9} {seconds:.2} s  {said}")
}

fn proven(dir: &Path) -> io::Result<Report> {
    let path = dir.join(HEADS_NAME);
    let text = fs::read(&path)?;
    let lines = text.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
    let heads: Vec<_> = lines.map(|(text, line)| Given { file: path.clone(), line, text: text.to_vec() }).collect();
    let keys = PublicKey::read(&dir.join(PUBLIC_NAME)).map_err(Error::other)?;
    verify(&files::all(dir)?, &heads, &keys)
}
