//! Rows of Parquet files, read by Polars' Parquet crate, column by column, and built into events without any JSON.
//!
//! Of each row group the bytes of the mapped columns are held as they lie in the file, and are decoded a window of rows
//! at a time; columns that no field is mapped to are never read. Types are those that the Parquet schema itself gives,
//! so that a dictionary or a category of the program that wrote it is the text that it stands for.
//!
//! Bounds: [`GROUP_BYTES_MAX`] of mapped columns a row group, and [`WINDOW_ROWS`]. What the crate panics at in a
//! damaged file becomes an error; the panic's own line still goes to standard error.

mod column;
mod view;
mod write;

use std::fmt;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_arrow::datatypes::ArrowSchema;
use polars_parquet::read::schema::parquet_to_arrow_schema;
use polars_parquet::read::{FileMetadata, read_metadata};

use self::column::{Chunks, Column};
use self::view::View;
pub use self::write::{ParquetWriter, WriteError};
use super::input::Rules;
use super::plan::{Plan, Slots};
use super::{HistoryError, Record, Source, at};
use crate::event::field::Field;
use crate::time::Timestamp;

/// Rows that are decoded at a time. More is memory (about 0.3 KB a row and open file), fewer decode the pages at a
/// window's ends, and each column's dictionary, more often.
const WINDOW_ROWS: usize = 65_536;

/// Bytes of the mapped columns of one row group. Writers make groups of about a hundredth of this.
const GROUP_BYTES_MAX: u64 = 2 << 30;

/// The rows of one file.
pub struct ParquetRows {
    file: File,
    name: String,
    number: u32,
    bytes: u64,
    read: Arc<AtomicU64>,
    metadata: FileMetadata,
    columns: Vec<Column>,
    plan: Plan<usize>,
    /// Rows before the window.
    before: u64,
    /// Row group of the next window, and the window's first row in it.
    group: usize,
    start: usize,
    chunks: Option<Vec<Chunks>>,
    /// The window: its columns, which of them each row has a value of, rows and the row that is next.
    views: Vec<View>,
    there: Vec<Slots>,
    rows: usize,
    at: usize,
}

impl fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetRows").field("name", &self.name).field("group", &self.group).finish_non_exhaustive()
    }
}

impl ParquetRows {
    /// Rows of a file. `read` counts its bytes as its rows go by.
    ///
    /// # Errors
    /// It is no Parquet file, or lacks a column.
    #[expect(clippy::disallowed_methods, reason = "opens the file that the command line names")]
    pub(super) fn open(
        source: &Source,
        number: u32,
        rules: &Rules,
        read: Arc<AtomicU64>,
    ) -> Result<Self, HistoryError> {
        let name = source.name.clone();
        let Some(path) = &source.path else {
            let detail =
                "Parquet has its table of contents at its end and cannot be read from standard input".to_owned();
            return Err(HistoryError::Damaged { path: name, detail });
        };
        let mut file = File::open(path).map_err(at(&name))?;
        let metadata = guarded(&name, || read_metadata(&mut file).map_err(|error| error.to_string()))?;
        let schema = guarded(&name, || Ok(parquet_to_arrow_schema(metadata.schema().fields())))?;
        let mut columns = Vec::new();
        let find = |field: Field, path: &str| match Column::find(&schema, path) {
            None => Ok(None),
            Some(column) if column.fits(field.shape()) => {
                columns.push(column);
                Ok(Some(columns.len() - 1))
            }
            Some(column) => Err(HistoryError::ColumnType {
                path: name.clone(),
                column: path.to_owned(),
                kind: column.kind(),
                field: field.path(),
            }),
        };
        let plan = Plan::new(rules, &name, find, || names(&schema))?;
        let bytes = source.bytes;
        Ok(Self {
            file,
            name,
            number,
            bytes,
            read,
            metadata,
            columns,
            plan,
            before: 0,
            group: 0,
            start: 0,
            chunks: None,
            views: Vec::new(),
            there: Vec::new(),
            rows: 0,
            at: 0,
        })
    }

    /// The next row; none at the end.
    pub(super) fn read(&mut self) -> Result<Option<Record>, HistoryError> {
        while self.at >= self.rows {
            if !self.window()? {
                return Ok(None);
            }
        }
        let at = self.at;
        self.at += 1;
        let event = self.plan.event(self.there[at], |&column| self.views[column].cell(at));
        Ok(Some(Record { file: self.number, row: self.before + self.at as u64, event }))
    }

    /// Passes over so many rows from the beginning, whole row groups without reading them.
    pub(super) fn skip(&mut self, rows: u64) {
        let mut left = rows;
        while let Some(group) = self.metadata.row_groups.get(self.group) {
            if left < group.num_rows() as u64 {
                break;
            }
            left -= group.num_rows() as u64;
            self.group += 1;
        }
        self.start = if self.group < self.metadata.row_groups.len() { left as usize } else { 0 };
        self.before = rows;
        self.count(rows);
    }

    /// The earliest time among the first rows, of which nothing but the time is read.
    pub(super) fn begins(&mut self, rows: usize) -> Result<Option<Timestamp>, HistoryError> {
        let Some(&column) = self.plan.column(Field::Ts) else { return Ok(None) };
        let Some(group) = self.metadata.row_groups.first() else { return Ok(None) };
        let rows = rows.min(group.num_rows());
        let column = &self.columns[column];
        let view = guarded(&self.name, || {
            let chunks = column.load(&mut self.file, group, GROUP_BYTES_MAX)?;
            View::new(column.decode(&chunks, group, 0..rows)?.as_ref())
        })?;
        let clock = self.plan.clock();
        let times = (0..rows).filter_map(|row| clock.format.read(&view.cell(row).ok()?, &clock.zone).ok().flatten());
        Ok(times.min())
    }

    /// Decodes the next window; false at the end of the file.
    fn window(&mut self) -> Result<bool, HistoryError> {
        self.before += self.rows as u64;
        (self.rows, self.at) = (0, 0);
        let Some(group) = self.metadata.row_groups.get(self.group) else { return Ok(false) };
        let end = group.num_rows().min(self.start + WINDOW_ROWS);
        let (file, columns, window) = (&mut self.file, &self.columns, self.start..end);
        let held = &mut self.chunks;
        self.views = guarded(&self.name, || {
            if held.is_none() {
                let mut left = GROUP_BYTES_MAX;
                let mut loaded = Vec::with_capacity(columns.len());
                for column in columns {
                    let chunks = column.load(file, group, left)?;
                    left = left.saturating_sub(chunks.bytes());
                    loaded.push(chunks);
                }
                *held = Some(loaded);
            }
            let chunks = columns.iter().zip(held.iter().flatten());
            chunks.map(|(column, chunks)| View::new(column.decode(chunks, group, window.clone())?.as_ref())).collect()
        })?;
        self.rows = end - self.start;
        self.there.clear();
        self.there.resize(self.rows, 0);
        for (bit, &column) in self.plan.columns() {
            self.views[column].mark(bit, &mut self.there);
        }
        self.start = end;
        if end >= group.num_rows() {
            (self.group, self.start, self.chunks) = (self.group + 1, 0, None);
        }
        self.count(self.rows as u64);
        Ok(true)
    }

    /// Counts rows as their share of the file's bytes.
    fn count(&self, rows: u64) {
        let share = rows as f64 / (self.metadata.num_rows as f64).max(1.0);
        self.read.fetch_add((share * self.bytes as f64) as u64, Ordering::Relaxed);
    }
}

/// Runs what may panic at a damaged file.
fn guarded<T>(name: &str, task: impl FnOnce() -> Result<T, String>) -> Result<T, HistoryError> {
    let done = catch_unwind(AssertUnwindSafe(task));
    let done = done.unwrap_or_else(|_| Err("damaged, or of a kind of Parquet that is not read".to_owned()));
    done.map_err(|detail| HistoryError::Damaged { path: name.to_owned(), detail })
}

/// Names of all columns, those within structs by their paths.
fn names(schema: &ArrowSchema) -> Vec<String> {
    let mut names = Vec::new();
    for field in schema.iter_values() {
        column::paths("", field, &mut names);
    }
    names
}

#[cfg(test)]
mod tests;
