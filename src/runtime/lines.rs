//! Lines of a file, bounded: however long a line is, no more of it is held than an event may be long.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// Bytes that are read at once. Larger brings nothing on a disk, smaller costs system calls.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What a byte order mark looks like; some tools put one at a file's beginning.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads lines.
pub struct Lines<R> {
    reader: BufReader<R>,
    bytes_max: usize,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

/// One line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its text; only the beginning where the line is longer than the bound.
    pub text: &'a [u8],
    /// How long the line really is.
    pub bytes: u64,
    /// Its number, from 1.
    pub number: u64,
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<R: Read> Lines<R> {
    /// Lines of which at most `bytes_max` bytes are held.
    pub fn new(source: R, bytes_max: usize) -> Self {
        let reader = BufReader::with_capacity(CHUNK_BYTES, source);
        Self { reader, bytes_max, line: Vec::new(), number: 0, bytes: 0 }
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of the line that was read last.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not blank; `None` at the end.
    ///
    /// # Errors
    /// The source cannot be read.
    #[expect(clippy::should_implement_trait, reason = "a line borrows from the reader, which no iterator's item may")]
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            // Two more than the bound, for the line break: a line that fills this has none and is too long.
            let window = self.bytes_max as u64 + 2;
            let mut read = self.reader.by_ref().take(window).read_until(b'\n', &mut self.line)? as u64;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            let cut = read == window && self.line.last() != Some(&b'\n');
            if cut {
                read += self.reader.skip_until(b'\n')? as u64;
            }
            self.bytes += read;
            let (start, end) = bounds(&self.line, self.number == 1);
            if self.line[start..end].iter().all(u8::is_ascii_whitespace) && !cut {
                continue;
            }
            let held = end.min(start + self.bytes_max);
            let bytes = if cut { read } else { (end - start) as u64 };
            return Ok(Some(Line { text: &self.line[start..held], bytes, number: self.number }));
        }
    }
}

/// Where the text begins and ends between byte order mark and line break.
fn bounds(line: &[u8], first: bool) -> (usize, usize) {
    let start = if first && line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let end = line.strip_suffix(b"\n").map_or(line, |rest| rest.strip_suffix(b"\r").unwrap_or(rest)).len();
    (start, end.max(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], bytes_max: usize) -> Vec<(String, u64, u64)> {
        let mut lines = Lines::new(text, bytes_max);
        let mut found = Vec::new();
        while let Some(line) = lines.next().expect("memory can be read") {
            found.push((String::from_utf8_lossy(line.text).into_owned(), line.bytes, line.number));
        }
        assert_eq!(lines.bytes(), text.len() as u64);
        found
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_passed_over() {
        let found = read(b"\xef\xbb\xbfone\r\n\n  \ntwo\nlast", 100);
        let expected = [("one".to_owned(), 3, 1), ("two".to_owned(), 3, 4), ("last".to_owned(), 4, 5)];
        assert_eq!(found, expected);
    }

    #[test]
    fn of_a_giant_line_only_the_beginning_is_held() {
        let mut text = vec![b'x'; 5_000_000];
        text.extend_from_slice(b"\nnext\n");
        let found = read(&text, 8);
        assert_eq!(found, [("xxxxxxxx".to_owned(), 5_000_001, 1), ("next".to_owned(), 4, 2)]);
    }

    #[test]
    fn a_line_at_the_bound_is_whole_and_one_byte_more_is_told() {
        for break_ in ["\n", "\r\n", ""] {
            let exact = read(format!("12345678{break_}").as_bytes(), 8);
            assert_eq!(exact, [("12345678".to_owned(), 8, 1)], "{break_:?}");
            let over = read(format!("123456789{break_}").as_bytes(), 8);
            assert!(over[0].0 == "12345678" && over[0].1 > 8, "{over:?}");
        }
    }
}
