//! Files of a history by name, folder or glob.
//!
//! A folder is searched with all that is below it for files that end like tables; names with a dot or an underscore in
//! front are passed over, which is how programs mark what is not the data. A glob knows [`Pattern`]s for each name in a
//! path, and `**` for any folders, which at its end is all tables below. What is named by hand, or by a pattern, is taken
//! whatever it is called; a name with a dot in front only by a pattern with one. The order is that of the names given, and within a folder or a glob
//! that of the paths, numbers by their value: `part-9` comes before `part-10`.
//!
//! A file is known again by its length and its two ends, so that going on after an interruption reads no terabyte
//! twice. Blind spot: a change in its middle that changes no length.

#![expect(clippy::disallowed_methods, reason = "looks for the files that the command line names")]

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{HistoryError, Source, at};
use crate::alert::Pattern;

/// Bytes at each end of a file that it is known again by. A Parquet file has its table of contents at its end.
const END_BYTES: u64 = 64 * 1024;
/// Folders within folders that are searched. More only happens where links go in circles.
const DEPTH_MAX: usize = 16;
/// How files of tables end, before `.gz` or `.zst`.
const ENDINGS: [&str; 6] = ["parquet", "csv", "tsv", "ndjson", "jsonl", "json"];

/// The files that are meant, each once.
///
/// # Errors
/// A file cannot be read, or there is none.
pub fn find(names: &[PathBuf]) -> Result<Vec<Source>, HistoryError> {
    let (mut sources, mut seen) = (Vec::new(), BTreeSet::new());
    for name in names {
        for path in expand(name)? {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            if seen.insert(real) {
                sources.push(source(&path)?);
            }
        }
    }
    Ok(sources)
}

fn expand(name: &Path) -> Result<Vec<PathBuf>, HistoryError> {
    let shown = name.to_string_lossy().into_owned();
    if shown == "-" || name.is_file() {
        return Ok(vec![name.to_owned()]);
    }
    let mut found = Vec::new();
    if name.is_dir() {
        walk(name, DEPTH_MAX, &mut found).map_err(at(&shown))?;
    } else if shown.contains(['*', '?']) {
        let root = if shown.starts_with('/') { "/" } else { "" };
        let parts = shown.split('/').filter(|part| !part.is_empty()).map(|part| Part::new(part, &shown));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        glob(Path::new(root), &parts, DEPTH_MAX, &mut found).map_err(at(&shown))?;
    } else {
        // Whatever is wrong with it, the system says it best.
        File::open(name).map_err(at(&shown))?;
        return Ok(vec![name.to_owned()]);
    }
    found.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    found.dedup();
    if found.is_empty() { Err(HistoryError::Nothing(shown)) } else { Ok(found) }
}

fn is_table(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    plain.rsplit_once('.').is_some_and(|(stem, ending)| !stem.is_empty() && ENDINGS.contains(&ending))
}

/// The last name of a path.
fn last(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What lies in a folder, without what a blank name stands for: here.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let here = folder.as_os_str().is_empty();
    let listed = fs::read_dir(if here { Path::new(".") } else { folder })?;
    listed.map(|entry| entry.map(|entry| if here { entry.file_name().into() } else { entry.path() })).collect()
}

/// All tables below a folder.
fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for path in entries(folder)? {
        if last(&path).starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, found)?;
            }
        } else if is_table(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// One name of a glob's path.
#[derive(Debug)]
enum Part {
    /// Any folders, one within the other.
    Deep,
    /// This name.
    Exactly(String),
    /// Names like this.
    Like(Pattern),
}

impl Part {
    fn new(text: &str, glob: &str) -> Result<Self, HistoryError> {
        Ok(match text {
            "**" => Self::Deep,
            text if text.contains(['*', '?']) => {
                Self::Like(Pattern::parse(text).map_err(|source| HistoryError::Glob { glob: glob.to_owned(), source })?)
            }
            text => Self::Exactly(text.to_owned()),
        })
    }

    /// What it stands for in a folder.
    fn within(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = match self {
            Self::Exactly(name) => vec![folder.join(name)],
            Self::Deep | Self::Like(_) => entries(folder)?,
        };
        match self {
            Self::Exactly(_) => paths.retain(|path| path.exists()),
            Self::Deep => paths.retain(|path| path.is_dir() && !last(path).starts_with(['.', '_'])),
            Self::Like(pattern) => {
                let hidden = pattern.as_str().starts_with('.');
                paths.retain(|path| {
                    let name = last(path);
                    (hidden || !name.starts_with('.')) && pattern.matches(&name)
                });
            }
        }
        Ok(paths)
    }
}

fn glob(folder: &Path, parts: &[Part], depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((part, rest)) = parts.split_first() else { return Ok(()) };
    match part {
        Part::Deep if rest.is_empty() => walk(folder, depth, found)?,
        Part::Deep => {
            glob(folder, rest, depth, found)?;
            if depth > 0 {
                for path in part.within(folder)? {
                    glob(&path, parts, depth - 1, found)?;
                }
            }
        }
        Part::Exactly(_) | Part::Like(_) => {
            for path in part.within(folder)? {
                match (path.is_dir(), rest.is_empty()) {
                    (true, false) => glob(&path, rest, depth, found)?,
                    (false, true) => found.push(path),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// By characters, but runs of digits by their value.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (x, y) = (digits(a), digits(b));
        let order = if x > 0 && y > 0 {
            let (left, right) = (a[..x].trim_start_matches('0'), b[..y].trim_start_matches('0'));
            let order = left.len().cmp(&right.len()).then_with(|| left.cmp(right)).then_with(|| x.cmp(&y));
            (a, b) = (&a[x..], &b[y..]);
            order
        } else {
            let (left, right) = (a.chars().next(), b.chars().next());
            let order = left.cmp(&right);
            if order == Ordering::Equal && left.is_none() {
                return order;
            }
            (a, b) = (&a[left.map_or(0, char::len_utf8)..], &b[right.map_or(0, char::len_utf8)..]);
            order
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn source(path: &Path) -> Result<Source, HistoryError> {
    let name = path.to_string_lossy().into_owned();
    if name == "-" {
        return Ok(Source { name, path: None, bytes: 0, identity: [0; 32] });
    }
    let (bytes, identity) = identity(path).map_err(at(&name))?;
    Ok(Source { name, path: Some(path.to_owned()), bytes, identity })
}

fn identity(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("no file; name `-` for standard input"));
    }
    let bytes = about.len();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes.to_le_bytes());
    let mut end = Vec::new();
    for start in [0, bytes.saturating_sub(END_BYTES)] {
        end.clear();
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(END_BYTES).read_to_end(&mut end)?;
        hasher.update(&end);
    }
    Ok((bytes, *hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_their_value() {
        let mut names = ["p-10", "p-9", "p-09", "p", "q-1", "p-9a", "2026-1/x", "2026-01/y"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["2026-1/x", "2026-01/y", "p", "p-9", "p-9a", "p-09", "p-10", "q-1"]);
    }

    #[test]
    fn files_are_found_once_and_in_order() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = ["d=10/a.parquet", "d=9/a.parquet", "d=9/b.csv.gz", "d=9/_SUCCESS", "d=9/.a.csv", "d=9/notes.txt"];
        for name in all.into_iter().chain(["_delta_log/0.json", "d=9/_temporary/c.parquet"]) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("makes it");
            fs::write(path, name).expect("writes");
        }
        let at = |name: &str| dir.path().join(name);
        let names = |given: &[PathBuf]| -> Vec<String> {
            let found = find(given).expect("files");
            let root = format!("{}/", dir.path().display());
            found.iter().map(|source| source.name.replace(&root, "")).collect()
        };
        assert_eq!(names(&[at("")]), ["d=9/a.parquet", "d=9/b.csv.gz", "d=10/a.parquet"]);
        assert_eq!(names(&[at("**/*.parquet")]), ["d=9/a.parquet", "d=10/a.parquet"]);
        assert_eq!(names(&[at("**")]), ["d=9/a.parquet", "d=9/b.csv.gz", "d=10/a.parquet"]);
        assert_eq!(names(&[at("d=9/**")]), ["d=9/a.parquet", "d=9/b.csv.gz"]);
        assert_eq!(names(&[at("d=1?/../d=9/?.*")]), ["d=10/../d=9/a.parquet", "d=10/../d=9/b.csv.gz"]);
        assert_eq!(names(&[at("d=9/.*")]), ["d=9/.a.csv"]);
        assert_eq!(names(&[at("d=*/b.*"), at("d=9/b.csv.gz"), at("d=9/notes.txt")]), ["d=9/b.csv.gz", "d=9/notes.txt"]);
        assert!(matches!(find(&[at("*.csv")]), Err(HistoryError::Nothing(_))));
        assert!(matches!(find(&[at("gone.csv")]), Err(HistoryError::Io { .. })));
        assert!(matches!(find(&[at("d=[19]*/*.csv")]), Err(HistoryError::Glob { .. })));
    }

    #[test]
    fn every_ending_of_a_table_is_known() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["a.json", "b.JSONL", "c.ndjson.zst", "d.tsv", "e.csv.gz", "f.parquet", "g.txt", ".json"] {
            fs::write(dir.path().join(name), name).expect("writes");
        }
        let found = find(&[dir.path().to_owned()]).expect("files");
        let names: Vec<String> = found.iter().map(|source| last(source.path.as_ref().expect("a file"))).collect();
        assert_eq!(names, ["a.json", "b.JSONL", "c.ndjson.zst", "d.tsv", "e.csv.gz", "f.parquet"]);
    }

    #[test]
    fn a_changed_file_is_another() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.csv");
        let known = |text: &[u8]| {
            fs::write(&path, text).expect("writes");
            find(std::slice::from_ref(&path)).expect("a file").remove(0).identity
        };
        let mut text = vec![b'x'; 1 << 20];
        let before = known(&text);
        assert_eq!(known(&text), before);
        text[0] = b'y';
        let first = known(&text);
        text[0] = b'x';
        text.push(b'x');
        assert!(first != before && known(&text) != before);
    }
}
