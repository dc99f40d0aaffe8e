//! Rows of text with separators: comma, semicolon, tabulator or bar, whichever the first line has most of.
//!
//! A row is read into a buffer of fixed size, so that a quote which nobody closes costs one refused row and no memory.
//! Blind spot: that row goes on to the next quote, and takes with it what lies between.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::input::{Rules, first_line};
use super::plan::{Plan, Slots};
use super::{HistoryError, Record, at};
use crate::event::cell::Cell;
use crate::event::{Event, Reject, RejectReason};

/// Columns of a table. More is no table of events.
const COLUMNS_MAX: usize = 4096;
const SEPARATORS: [u8; 4] = *b",;\t|";

/// The rows of one file.
pub struct CsvRows {
    text: BufReader<Box<dyn Read + Send>>,
    core: Reader,
    record: Fields,
    header: usize,
    name: String,
    file: u32,
    row: u64,
    plan: Plan<usize>,
}

impl fmt::Debug for CsvRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvRows").field("name", &self.name).field("row", &self.row).finish_non_exhaustive()
    }
}

/// One row: its text without separators and quotes, and where each field ends in it.
struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many of the ends count.
    count: usize,
    /// Whether it was too long for the buffer.
    cut: bool,
}

impl Fields {
    fn get(&self, column: usize) -> &[u8] {
        let start = if column == 0 { 0 } else { self.ends[column - 1] };
        &self.bytes[start..self.ends[column]]
    }

    /// Whether there is nothing in it, as in a line of blanks within a table of several columns.
    fn is_blank(&self) -> bool {
        !self.cut && self.count == 1 && self.get(0).trim_ascii().is_empty()
    }

    fn names(&self) -> Vec<String> {
        (0..self.count).map(|column| String::from_utf8_lossy(self.get(column)).trim().to_owned()).collect()
    }
}

impl CsvRows {
    /// Rows of a text, whose first row are the names.
    ///
    /// # Errors
    /// It cannot be read, or lacks a column.
    pub(super) fn open(
        mut text: BufReader<Box<dyn Read + Send>>,
        name: &str,
        file: u32,
        rules: &Rules,
    ) -> Result<Self, HistoryError> {
        let head = first_line(&mut text).map_err(at(name))?;
        if text.fill_buf().map_err(at(name))?.starts_with(b"\xef\xbb\xbf") {
            text.consume(3);
        }
        let count = |separator: &u8| head.split(|byte| byte == separator).count();
        let separator = SEPARATORS.into_iter().rev().max_by_key(count).unwrap_or(b',');
        let mut core = ReaderBuilder::new().delimiter(separator).build();
        let bytes = vec![0; rules.limits.payload_bytes_max];
        let mut record = Fields { bytes, ends: vec![0; COLUMNS_MAX], count: 0, cut: false };
        next(&mut text, &mut core, &mut record).map_err(at(name))?;
        if record.cut {
            let detail = format!("its first row has {}; it is no table", too_much(record.bytes.len()));
            return Err(HistoryError::Damaged { path: name.to_owned(), detail });
        }
        let names = record.names();
        let find = |_, column: &str| Ok(names.iter().position(|name| name == column));
        let plan = Plan::new(rules, name, find, || names.clone())?;
        Ok(Self { text, core, record, header: names.len(), name: name.to_owned(), file, row: 0, plan })
    }

    /// The next row; none at the end.
    pub(super) fn read(&mut self) -> Result<Option<Record>, HistoryError> {
        loop {
            if !next(&mut self.text, &mut self.core, &mut self.record).map_err(at(&self.name))? {
                return Ok(None);
            }
            self.row += 1;
            if self.header == 1 || !self.record.is_blank() {
                return Ok(Some(Record { file: self.file, row: self.row, event: self.event() }));
            }
        }
    }

    /// Passes over the rows up to this number.
    pub(super) fn skip(&mut self, number: u64) -> Result<(), HistoryError> {
        while self.row < number && next(&mut self.text, &mut self.core, &mut self.record).map_err(at(&self.name))? {
            self.row += 1;
        }
        Ok(())
    }

    fn event(&self) -> Result<Event, Reject> {
        if self.record.cut {
            return Err(Reject::new(RejectReason::TooLarge, too_much(self.record.bytes.len())));
        }
        if self.record.count != self.header {
            let detail = format!("{} fields under {} names", self.record.count, self.header);
            return Err(Reject::new(RejectReason::WrongType, detail));
        }
        self.plan.event(Slots::MAX, |&column| {
            let text = std::str::from_utf8(self.record.get(column));
            let text = text.map_err(|error| Reject::new(RejectReason::NotUtf8, error))?;
            // A blank cell is how a table says that there is nothing.
            Ok(if text.trim().is_empty() { Cell::None } else { Cell::Text(text.into()) })
        })
    }
}

fn too_much(bytes_max: usize) -> String {
    format!("more than {bytes_max} bytes or {COLUMNS_MAX} columns")
}

/// Reads one row; false at the end.
fn next<R: BufRead>(text: &mut R, core: &mut Reader, record: &mut Fields) -> std::io::Result<bool> {
    let (mut bytes, mut ends) = (0, 0);
    record.cut = false;
    loop {
        let input = text.fill_buf()?;
        let (result, read, written, ended) =
            core.read_record(input, &mut record.bytes[bytes..], &mut record.ends[ends..]);
        text.consume(read);
        (bytes, ends) = (bytes + written, ends + ended);
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => (bytes, record.cut) = (0, true),
            ReadRecordResult::OutputEndsFull => (ends, record.cut) = (0, true),
            ReadRecordResult::Record => {
                record.count = ends;
                return Ok(true);
            }
            ReadRecordResult::End => return Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HistoryConfig;
    use crate::event::decode::Limits;

    fn rules(bytes_max: usize) -> Rules {
        let config = HistoryConfig { time_zone: "UTC".to_owned(), ..HistoryConfig::default() };
        Rules { config, limits: Limits { payload_bytes_max: bytes_max, ..Limits::default() } }
    }

    fn open(text: &str) -> Result<CsvRows, HistoryError> {
        let text: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(text.to_owned().into_bytes()));
        // A small buffer, so that rows lie across its ends.
        CsvRows::open(BufReader::with_capacity(64, text), "t.csv", 0, &rules(100))
    }

    fn read(text: &str) -> Vec<(u64, String)> {
        let mut rows = open(text).expect("a table");
        let mut found = Vec::new();
        while let Some(record) = rows.read().expect("memory can be read") {
            found.push((
                record.row,
                record.event.map_or_else(|reject| reject.to_string(), |event| event.bot.to_string()),
            ));
        }
        found
    }

    #[test]
    fn rows_are_read_whatever_separates_them() {
        for separator in [",", ";", "\t", "|"] {
            let text = "\u{feff}ts,bot,type,other\n1777896000,\"a\"\"b\n\",call,x\r\n\n1777896000,c,call,"
                .replace(',', separator);
            assert_eq!(read(&text), [(1, "bad_identifier: bot".to_owned()), (2, "c".to_owned())], "{separator}");
        }
    }

    #[test]
    fn a_broken_row_is_refused_and_the_next_is_not() {
        let long = "x".repeat(300);
        let text = format!(
            "ts,bot,type\n1777896000,a,call,more\n1777896000,\"{long}\",call\n1777896000,b,call\n1777896000,\"c,call\n"
        );
        let told: Vec<String> = read(&text).into_iter().map(|(_, told)| told).collect();
        assert_eq!(told[0], "wrong_type: 4 fields under 3 names");
        assert_eq!(told[1], "too_large: more than 100 bytes or 4096 columns");
        assert_eq!(told[2], "b");
        assert!(told[3].starts_with("wrong_type: 2 fields"), "{told:?}");
    }

    #[test]
    fn a_row_that_is_too_long_or_too_wide_is_refused_and_a_header_is_an_error() {
        let (long, wide) = ("x".repeat(300), ",".repeat(COLUMNS_MAX));
        let told = "too_large: more than 100 bytes or 4096 columns";
        // In one column, where it could be taken for a blank row; and in so many that their ends have no room.
        let rows = read(&format!("ts,bot,type\n{long}\n{wide}\n1777896000,b,call\n"));
        let of: Vec<&str> = rows.iter().map(|(_, told)| told.as_str()).collect();
        assert_eq!(of, [told, told, "b"]);
        for header in [&long, &wide] {
            let error = open(&format!("{header}\n1777896000,b,call\n")).expect_err("no table").to_string();
            assert!(error.contains("its first row has more than 100 bytes or 4096 columns"), "{error}");
        }
    }

    #[test]
    fn blank_cells_are_nothing() {
        let event = |text: &str| {
            let record = open(text).expect("a table").read().expect("reads").expect("a row");
            record.event.expect("an event")
        };
        let short = event("ts,bot,type\n1777896000,a,call\n");
        let blank = event("ts,bot,type,id,session,geo.country,run.by\n1777896000,a,call,, ,,\n");
        assert_eq!(blank, short, "the same event, and so the same id out of its content");
        assert_eq!(read("ts,bot,type\n1777896000, ,call\n")[0].1, "missing_field: bot");
    }

    #[test]
    fn what_is_missing_is_named_with_what_there_is() {
        let error = open("when,bot,type\n").expect_err("no ts");
        let told = error.to_string();
        assert!(told.contains("no column `ts`") && told.contains("`when`, `bot`, `type`"), "{told}");
    }

    #[test]
    fn rows_are_passed_over_by_their_number() {
        let mut rows = open("ts,bot,type\n1777896000,a,call\n1777896000,b,call\n1777896000,c,call\n").expect("a table");
        rows.skip(2).expect("skips");
        assert_eq!(rows.read().expect("reads").map(|record| record.row), Some(3));
        rows.skip(9).expect("skips");
        assert!(rows.read().expect("reads").is_none());
    }
}
