//! History: months of events in files, as rows in the order in which the engine takes them.
//!
//! ```text
//! find     names, folders and globs to files; what a file is known again by
//! input    what kind of file it is, unpacked on the way
//! plan     which column is which field
//! json, csv, parquet   rows of one file to events, one after the other, in bounded memory; tree: a line of JSON
//! merge    files that overlap in time go side by side
//! sort     rows of unsorted files, within a bounded window
//! read     all of it on a thread of its own, with places to go on from
//! ```
//!
//! Rows go through the same decoding as events of the stream. Nothing here knows of an engine.
//!
//! Bounds: a row of `limits.payload_bytes_max`, a window of rows of each open file, [`merge::OPEN_MAX`] files at a
//! time, and of a Parquet file the mapped columns of one row group as they lie in the file.

pub mod csv;
pub mod find;
pub mod input;
pub mod json;
pub mod merge;
#[cfg(feature = "history")]
pub mod parquet;
pub mod plan;
pub mod read;
pub mod sort;
mod tree;

use std::io;
use std::path::PathBuf;

use crate::alert::PatternError;
use crate::event::{Event, Reject};

/// One row, in whatever file it stood.
#[derive(Debug)]
pub struct Record {
    /// Number of its file.
    pub file: u32,
    /// Its number in the file, from 1; of NDJSON the number of its line.
    pub row: u64,
    /// The event, or why it is none.
    pub event: Result<Event, Reject>,
}

/// A history that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file, or the disk.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A pattern or a folder without files.
    #[error(
        "{0}: no file of history there; a folder is searched for .parquet, .csv, .tsv, .ndjson, .jsonl and .json, packed or not"
    )]
    Nothing(String),
    /// A pattern that is none.
    #[error("{glob}: {source}")]
    Glob {
        /// The names as they were given.
        glob: String,
        /// What is wrong.
        source: PatternError,
    },
    /// A column that the settings name, or that every event needs.
    #[error("{path}: {wanted}; its columns are {there}")]
    Column {
        /// The file.
        path: String,
        /// What is missing.
        wanted: String,
        /// What there is.
        there: String,
    },
    /// A column whose values are of a type that no field takes.
    #[error("{path}: column `{column}` holds {kind}, which cannot be `{field}`")]
    ColumnType {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// Its type.
        kind: String,
        /// The field.
        field: &'static str,
    },
    /// The file is damaged, or of a kind that is not read.
    #[error("{path}: {detail}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// This program was built without what it takes.
    #[error("{path}: {what} needs a build with it: `cargo install --path . --features history`, or unpack it before")]
    NotBuilt {
        /// The file.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// A file is not the one of which a part was learned.
    #[error("{path} has changed since its first {rows} rows were learned; `--fresh` begins anew")]
    Changed {
        /// The file.
        path: String,
        /// Rows that were learned of it.
        rows: u64,
    },
    /// A file that was half read is not among those named now.
    #[error("{path} was learned up to row {rows} and is not named now; name it again, or begin anew with `--fresh`")]
    Missing {
        /// The file.
        path: String,
        /// Rows that were learned of it.
        rows: u64,
    },
    /// The reader's thread ended without a word.
    #[error("the reader ended without a last word")]
    Lost,
}

impl HistoryError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Nothing(_) => "nothing",
            Self::Glob { .. } => "glob",
            Self::Column { .. } => "column",
            Self::ColumnType { .. } => "column_type",
            Self::Damaged { .. } => "damaged",
            Self::NotBuilt { .. } => "not_built",
            Self::Changed { .. } => "changed",
            Self::Missing { .. } => "missing",
            Self::Lost => "lost",
        }
    }

    /// Whether trying again can help without anybody doing anything: never, what is read lies still.
    #[must_use]
    pub fn retry(&self) -> bool {
        false
    }
}

/// Names an error of the disk after its file.
fn at(path: &str) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    move |source| HistoryError::Io { path, source }
}

/// One file of a history, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as it was given or found.
    pub name: String,
    /// Where it is; none for standard input.
    pub path: Option<PathBuf>,
    /// How long it is; 0 for standard input.
    pub bytes: u64,
    /// What it is known again by.
    pub identity: [u8; 32],
}
