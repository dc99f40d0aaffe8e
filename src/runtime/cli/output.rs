//! Where results go: a named file, or standard output through a lock and a buffer.
//!
//! A reader that goes away (`| head`) is no failure of ours. The error is marked here, at the only place that knows
//! that it came from standard output; a broken pipe to a server stays the failure that it is.

#![expect(clippy::disallowed_methods, reason = "writes the files that the command line names")]

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::failure::Failure;

/// Bytes that are gathered before they are written: one system call for some hundred alerts.
const BUFFER_BYTES: usize = 256 * 1024;

/// Standard output has no reader any more.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
struct ReaderGone;

/// Standard output that marks a broken pipe.
struct Stdout(io::StdoutLock<'static>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(mark)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(mark)
    }
}

fn mark(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), ReaderGone) } else { error }
}

/// Standard output, locked and buffered.
pub(super) fn stdout() -> Box<dyn Write> {
    Box::new(BufWriter::with_capacity(BUFFER_BYTES, Stdout(io::stdout().lock())))
}

/// A new file, in place of the one that was there.
pub(super) fn file(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, file)))
}

/// A file that goes on behind what is in it.
pub(super) fn appended(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, file)))
}

/// Refuses what could only be a slip: writing over a file that is read, or twice into the same one.
pub(super) fn sensible<'a>(
    read: impl IntoIterator<Item = &'a PathBuf>,
    written: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), Failure> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut taken: Vec<PathBuf> = read.into_iter().map(|path| real(path)).collect();
    for path in written {
        if taken.contains(&real(path)) {
            return Err(Failure::Usage(anyhow!("{} is used already; name another file to write to", path.display())));
        }
        taken.push(real(path));
    }
    Ok(())
}

/// Whether an error only says that nobody reads our output any more.
pub(super) fn reader_is_gone(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<ReaderGone>))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_reader_may_go_away_quietly() {
        let ours = anyhow::Error::new(mark(io::Error::from(io::ErrorKind::BrokenPipe))).context("alerts");
        let another = anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe));
        let full = anyhow::Error::new(mark(io::Error::from(io::ErrorKind::StorageFull)));
        assert_eq!([&ours, &another, &full].map(reader_is_gone), [true, false, false]);
    }
}
