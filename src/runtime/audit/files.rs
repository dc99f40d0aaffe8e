//! Files of the alert log: their names, their order, their lines.

#![expect(clippy::disallowed_methods, reason = "the alert log is files")]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The file that is written to.
pub const CURRENT_NAME: &str = "alerts.ndjson";
/// The signed heads.
pub const HEADS_NAME: &str = "alerts.heads";
/// The private key, where the settings name no other.
pub const KEY_NAME: &str = "alerts.key";
/// The public keys.
pub const PUBLIC_NAME: &str = "alerts.pub";

const PREFIX: &str = "alerts-";
const SUFFIX: &str = ".ndjson";

/// Bytes of a line that are held. No alert comes near; more would let a line without an end fill the memory.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes that are read at once. Larger brings nothing on a disk, smaller costs system calls.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Where a full file goes that begins with this record.
#[must_use]
pub fn full_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{first:020}{SUFFIX}"))
}

/// The full files, by their first records, in order.
///
/// # Errors
/// The directory cannot be read.
pub fn full(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        files.extend(digits.and_then(|digits| digits.parse().ok()).map(|first| (first, entry.path())));
    }
    files.sort_unstable();
    Ok(files)
}

/// All files of the log, in order.
///
/// # Errors
/// The directory cannot be read.
pub fn all(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<_> = full(dir)?.into_iter().map(|(_, path)| path).collect();
    files.extend(Some(dir.join(CURRENT_NAME)).filter(|path| path.exists()));
    Ok(files)
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

/// One line, without its line break.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its bytes; only the beginning where they are more than any record has.
    pub text: &'a [u8],
    /// Its number in the file, or from the offset at which reading began; from 1.
    pub number: u64,
    /// Where it begins.
    pub offset: u64,
    /// Whether it ends with a line break.
    pub ended: bool,
}

impl Lines {
    /// Lines of a file from an offset.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { reader: BufReader::with_capacity(CHUNK_BYTES, file), line: Vec::new(), number: 0, offset })
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// The disk.
    #[expect(clippy::should_implement_trait, reason = "lines are lent, which an iterator cannot do")]
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let mut ended = self.line.last() == Some(&b'\n');
        if ended {
            self.line.pop();
        } else if read == LINE_BYTES_MAX {
            read += self.reader.skip_until(b'\n')? as u64;
            ended = true;
        }
        self.number += 1;
        let offset = self.offset;
        self.offset += read;
        Ok(Some(Line { text: &self.line, number: self.number, offset, ended }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_in_the_order_of_their_records() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["alerts-00000000000000000101.ndjson", "alerts-00000000000000000002.ndjson", "alerts.ndjson"] {
            fs::write(dir.path().join(name), "").expect("writes");
        }
        fs::write(dir.path().join("alerts-other.ndjson"), "").expect("writes");
        let names: Vec<_> =
            all(dir.path()).expect("lists").iter().map(|path| path.file_name().map(ToOwned::to_owned)).collect();
        let expected = ["alerts-00000000000000000002.ndjson", "alerts-00000000000000000101.ndjson", "alerts.ndjson"];
        assert_eq!(names, expected.map(|name| Some(name.into())));
        assert_eq!(full_path(dir.path(), 101), dir.path().join(expected[1]));
    }

    #[test]
    fn lines_say_where_they_stand_and_whether_they_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lines");
        let long = vec![b'x'; LINE_BYTES_MAX as usize + 7];
        fs::write(&path, [b"one\n\n", &long[..], b"\nhalf"].concat()).expect("writes");
        let mut lines = Lines::open(&path, 0).expect("opens");
        let mut found = Vec::new();
        while let Some(line) = lines.next().expect("reads") {
            found.push((line.text.len() as u64, line.number, line.offset, line.ended));
        }
        let end = 5 + LINE_BYTES_MAX + 8;
        assert_eq!(found, [(3, 1, 0, true), (0, 2, 4, true), (LINE_BYTES_MAX, 3, 5, true), (4, 4, end, false)]);
    }
}
