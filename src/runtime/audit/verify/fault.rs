//! What is wrong at the first record that does not fit.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::files::Lines;
use super::super::record::{Link, Record, holds};

/// The first thing that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Number of the first bad record.
    pub record: u64,
    /// The file in which it shows.
    pub file: PathBuf,
    /// And the line, from 1; 0 is the end of the file.
    pub line: u64,
    /// What is wrong.
    pub wrong: Wrong,
    /// The same in words.
    pub text: String,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// The record is not what it was.
    Edited,
    /// The record is gone.
    Removed,
    /// The record stands elsewhere.
    Swapped,
    /// Something stands before the record that was not there.
    Inserted,
    /// The end is gone.
    CutTail,
    /// The records fit together, but they are not those that were signed.
    Rewritten,
    /// A head was changed or is not signed.
    BadSignature,
    /// A head is signed with a key that is not known.
    UnknownKey,
    /// No head is there.
    Unsigned,
}

impl Wrong {
    /// The fault in two words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Removed => "removed",
            Self::Swapped => "swapped",
            Self::Inserted => "inserted",
            Self::CutTail => "cut tail",
            Self::Rewritten => "rewritten",
            Self::BadSignature => "bad signature",
            Self::UnknownKey => "unknown key",
            Self::Unsigned => "unsigned",
        }
    }
}

impl Fault {
    pub(super) fn new(record: u64, file: &Path, line: u64, wrong: Wrong, text: String) -> Self {
        Self { record, file: file.to_owned(), line, wrong, text }
    }
}

/// The line that does not fit.
pub(super) struct Found<'a> {
    pub(super) path: &'a Path,
    pub(super) line: u64,
    pub(super) text: Vec<u8>,
    pub(super) ended: bool,
}

/// Decides what is wrong with a line in place of record `number`, by what it is and by what comes behind it.
pub(super) fn judge(
    found: &Found<'_>,
    number: u64,
    link: Option<Link>,
    behind: Lines,
    rest: &[PathBuf],
) -> io::Result<Fault> {
    let record = Record::parse(&found.text);
    let fault = |wrong, text: &str| Fault::new(number, found.path, found.line, wrong, text.to_owned());
    if !found.ended && rest.is_empty() {
        let text = "half of it is there; `humdrum run` takes away what a crash leaves like this";
        return Ok(fault(Wrong::CutTail, text));
    }
    if record.is_some_and(|record| record.number == number) {
        return Ok(fault(Wrong::Edited, "its content or its hash is not what it was"));
    }
    if record.zip(link).is_some_and(|(record, link)| record.follows_but_for_its_number(&link)) {
        return Ok(fault(Wrong::Edited, "its number is not what it was"));
    }
    if holds(&found.text, number) {
        return Ok(fault(Wrong::Edited, "the form of its line is not what it was"));
    }
    let later = comes_later(number, link, behind, rest)?;
    Ok(match (record.map(|record| record.number), later.is_some()) {
        (None, true) if later == Some(Later::Changed) => fault(
            Wrong::Edited,
            "it is not what it was: it is broken in two, or changed and behind a line that is no record",
        ),
        (Some(other), true) if other > number => {
            fault(Wrong::Swapped, &format!("record {other} stands in its place, and it comes later"))
        }
        (Some(other), true) => fault(Wrong::Inserted, &format!("record {other} stands before it once more")),
        (None, true) => fault(Wrong::Inserted, "a line that is no record stands before it"),
        (Some(other), false) if other > number + 1 => {
            fault(Wrong::Removed, &format!("it and those up to record {} are missing", other - 1))
        }
        (Some(other), false) => fault(Wrong::Removed, &format!("record {other} stands in its place")),
        (None, false) => fault(Wrong::Edited, "its line is no record any more"),
    })
}

/// A record that comes later than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Later {
    /// As it was, as far as anybody can tell.
    Whole,
    /// It is not what it was.
    Changed,
}

/// Whether a record with this number comes later, and how.
fn comes_later(number: u64, link: Option<Link>, mut lines: Lines, rest: &[PathBuf]) -> io::Result<Option<Later>> {
    let mut rest = rest.iter();
    loop {
        while let Some(line) = lines.next()? {
            if let Some(record) = Record::parse(line.text).filter(|record| record.number == number) {
                let whole = link.is_none_or(|link| record.follows(&link).is_some());
                return Ok(Some(if whole { Later::Whole } else { Later::Changed }));
            }
        }
        match rest.next() {
            Some(path) => lines = Lines::open(path, 0)?,
            None => return Ok(None),
        }
    }
}
