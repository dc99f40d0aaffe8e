//! What kind of file it is, told by its first bytes and not by its name, and its rows; gzip and zstd are unpacked on
//! the way.

#![expect(clippy::disallowed_methods, reason = "opens the files that the command line names")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::csv::CsvRows;
use super::json::JsonRows;
#[cfg(feature = "history")]
use super::parquet::ParquetRows;
use super::{HistoryError, Record, Source, at};
use crate::config::HistoryConfig;
use crate::event::decode::Limits;
use crate::time::Timestamp;

/// Bytes that are looked at to tell what a file is. A table whose first row begins later than this is none.
const LOOK_BYTES: usize = 64 * 1024;

/// What is said of a list of objects.
const LIST: &str = "a list in JSON; write it as one object a line, as `jq -c '.[]'` does";

/// How rows become events.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Columns, constants, values and times.
    pub config: HistoryConfig,
    /// Bounds of one event.
    pub limits: Limits,
}

/// The rows of one file, in its order.
#[derive(Debug)]
pub enum Rows {
    /// Lines of JSON.
    Json(Box<JsonRows>),
    /// Lines of text with separators.
    Csv(Box<CsvRows>),
    /// Columns.
    #[cfg(feature = "history")]
    Parquet(Box<ParquetRows>),
}

impl Rows {
    /// Opens a file. `read` counts the bytes of it that have been read.
    ///
    /// # Errors
    /// It cannot be read, is of no kind that is, or lacks a column.
    pub fn open(source: &Source, number: u32, rules: &Rules, read: Arc<AtomicU64>) -> Result<Self, HistoryError> {
        let name = source.name.as_str();
        let raw: Box<dyn Read + Send> = match &source.path {
            None => Box::new(io::stdin()),
            Some(path) => Box::new(File::open(path).map_err(at(name))?),
        };
        let mut raw = BufReader::with_capacity(LOOK_BYTES, Counted { raw, read: Arc::clone(&read) });
        if first(&mut raw).map_err(at(name))?.starts_with(b"PAR1") {
            return parquet(source, number, rules, read);
        }
        let mut text = BufReader::with_capacity(LOOK_BYTES, unpacked(raw, name)?);
        let head = first(&mut text).map_err(at(name))?;
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
            // A file without anything in it has no rows, whatever it would have been, and keeps none of the others back.
            Some(b'{') | None => JsonRows::open(text, name, number, rules).map(|rows| Self::Json(Box::new(rows))),
            Some(b'[') if is_list(head) => {
                Err(HistoryError::Damaged { path: name.to_owned(), detail: LIST.to_owned() })
            }
            Some(_) => CsvRows::open(text, name, number, rules).map(|rows| Self::Csv(Box::new(rows))),
        }
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(&mut self) -> Result<Option<Record>, HistoryError> {
        match self {
            Self::Json(rows) => rows.read(),
            Self::Csv(rows) => rows.read(),
            #[cfg(feature = "history")]
            Self::Parquet(rows) => rows.read(),
        }
    }

    /// The earliest time among the first rows, which are gone then; none where none of them has one.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn begins(&mut self, rows: usize) -> Result<Option<Timestamp>, HistoryError> {
        #[cfg(feature = "history")]
        if let Self::Parquet(file) = self {
            return file.begins(rows);
        }
        let mut earliest = None::<Timestamp>;
        for _ in 0..rows {
            let Some(record) = self.read()? else { break };
            if let Ok(event) = record.event {
                earliest = Some(earliest.map_or(event.ts, |earliest| earliest.min(event.ts)));
            }
        }
        Ok(earliest)
    }

    /// Passes over rows, up to the one with this number.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn skip(&mut self, rows: u64) -> Result<(), HistoryError> {
        match self {
            Self::Json(file) => file.skip(rows),
            Self::Csv(file) => file.skip(rows),
            #[cfg(feature = "history")]
            Self::Parquet(file) => {
                file.skip(rows);
                Ok(())
            }
        }
    }
}

/// Whether it is a list of objects, and not a table whose first name is in brackets.
fn is_list(head: &[u8]) -> bool {
    let mut signs = head.iter().filter(|byte| !byte.is_ascii_whitespace());
    signs.next() == Some(&b'[') && matches!(signs.next(), Some(b'{' | b']'))
}

/// What is there to read without taking it.
fn first<R: BufRead>(reader: &mut R) -> io::Result<&[u8]> {
    reader.fill_buf()
}

/// The first line of what is there without taking it; cut off where it is longer than what is looked at.
pub(super) fn first_line<R: BufRead>(reader: &mut R) -> io::Result<Vec<u8>> {
    let head = first(reader)?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let lines = head.split(|&byte| byte == b'\n');
    Ok(lines.into_iter().find(|line| !line.iter().all(u8::is_ascii_whitespace)).unwrap_or_default().to_vec())
}

#[cfg(feature = "history")]
fn parquet(source: &Source, number: u32, rules: &Rules, read: Arc<AtomicU64>) -> Result<Rows, HistoryError> {
    ParquetRows::open(source, number, rules, read).map(|rows| Rows::Parquet(Box::new(rows)))
}

#[cfg(not(feature = "history"))]
fn parquet(source: &Source, _: u32, _: &Rules, _: Arc<AtomicU64>) -> Result<Rows, HistoryError> {
    Err(HistoryError::NotBuilt { path: source.name.clone(), what: "Parquet" })
}

/// The text of a file that may be packed.
fn unpacked(mut raw: BufReader<Counted>, name: &str) -> Result<Box<dyn Read + Send>, HistoryError> {
    let head = first(&mut raw).map_err(at(name))?;
    match head {
        [0x1f, 0x8b, ..] => gunzip(raw, name),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => unzstd(raw, name),
        _ => Ok(Box::new(raw)),
    }
}

#[cfg(feature = "history")]
#[expect(clippy::unnecessary_wraps, reason = "the same as without it, where it fails")]
fn gunzip(raw: BufReader<Counted>, _: &str) -> Result<Box<dyn Read + Send>, HistoryError> {
    // Logs that were packed in pieces are several members in one file.
    Ok(Box::new(flate2::bufread::MultiGzDecoder::new(raw)))
}

#[cfg(feature = "history")]
fn unzstd(raw: BufReader<Counted>, name: &str) -> Result<Box<dyn Read + Send>, HistoryError> {
    Ok(Box::new(zstd::stream::read::Decoder::with_buffer(raw).map_err(at(name))?))
}

#[cfg(not(feature = "history"))]
fn gunzip(_: BufReader<Counted>, name: &str) -> Result<Box<dyn Read + Send>, HistoryError> {
    Err(HistoryError::NotBuilt { path: name.to_owned(), what: "gzip" })
}

#[cfg(not(feature = "history"))]
fn unzstd(_: BufReader<Counted>, name: &str) -> Result<Box<dyn Read + Send>, HistoryError> {
    Err(HistoryError::NotBuilt { path: name.to_owned(), what: "zstd" })
}

/// A file that counts what is read of it.
struct Counted {
    raw: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(bytes)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
