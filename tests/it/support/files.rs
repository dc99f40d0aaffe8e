//! What several tests need.

#![expect(clippy::disallowed_methods, reason = "tests read and write their own files")]

use std::path::{Path, PathBuf};

/// A path within the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// How many files and sockets a process has open.
pub(crate) fn files_open(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Writes a file.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Holds a text against the golden file; `UPDATE_EXPECT=1` rewrites the file instead.
pub(crate) fn golden(path: &Path, text: &str) {
    if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        write(path, text);
    }
    assert_eq!(text, read(path), "{} (UPDATE_EXPECT=1 rewrites it)", path.display());
}
