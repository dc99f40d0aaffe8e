//! Files: each says what it is for, is short, is reached, and has its tests last.

use std::collections::BTreeSet;

use super::none;
use super::source::{Source, names_tests};

/// Lines that no file exceeds without its tests: past it, it is two files.
const LINES_MAX: usize = 500;

/// Lines that nine files in ten do not exceed.
const LINES_P90_MAX: usize = 350;

/// Lines of the file in the middle.
const LINES_MEDIAN_MAX: usize = 150;

/// Lines of `main.rs`, which hands over and does nothing.
const MAIN_LINES_MAX: usize = 60;

const FOLDERS: &[&str] = &["src/", "tests/", "benches/"];

/// Files that Cargo builds by themselves; all others are reached from one of them.
fn is_root(path: &str) -> bool {
    let test =
        path.strip_prefix("tests/").is_some_and(|rest| rest.ends_with("/main.rs") && rest.matches('/').count() == 1);
    matches!(path, "src/lib.rs" | "src/main.rs") || test || path.starts_with("benches/")
}

fn undocumented(sources: &[Source]) -> Vec<String> {
    let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
    silent.map(|source| source.at(1, "does not begin with `//!`, saying what it is for")).collect()
}

/// The length that this share of files does not exceed.
fn quantile(lengths: &[usize], share: f64) -> usize {
    let at = (lengths.len() as f64 * share).ceil() as usize;
    lengths.get(at.max(1) - 1).copied().unwrap_or_default()
}

/// Lines without tests; all of them, when there is nothing else.
fn length(source: &Source) -> usize {
    if source.lines_before_tests > 0 { source.lines_before_tests } else { source.text.lines().count() }
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| length(source) > LINES_MAX);
    long.map(|source| source.at(LINES_MAX + 1, &format!("{} lines, above {LINES_MAX}", length(source)))).collect()
}

fn unreached(sources: &[Source]) -> Vec<String> {
    let reached: BTreeSet<_> = sources.iter().flat_map(modules_named).collect();
    let dead = sources.iter().filter(|source| !is_root(&source.path) && !reached.contains(&source.path));
    dead.map(|source| source.at(1, "no `mod` reaches this file")).collect()
}

/// Paths at which the modules that a file declares may lie.
fn modules_named(source: &Source) -> Vec<String> {
    let own = source.path.trim_end_matches(".rs");
    let beside = own.ends_with("/mod") || is_root(&source.path);
    let folder = if beside { own.rsplit_once('/').map_or("", |(folder, _)| folder) } else { own };
    let declared = |line: &str| {
        let name = line
            .strip_suffix(';')?
            .rsplit_once("mod ")
            .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))?
            .1;
        Some([format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")])
    };
    source.code.lines().filter_map(|line| declared(line.trim())).flatten().collect()
}

fn tests_not_last(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        let lines: Vec<_> = source.text.lines().collect();
        let Some(first) = source.code.lines().position(names_tests) else { continue };
        let length = if lines[first].ends_with(';') {
            Some(1)
        } else {
            lines[first..].iter().position(|line| *line == "}").map(|at| at + 1)
        };
        if length.is_none_or(|length| first + length != lines.len()) {
            violations.push(source.at(first + 1, "`mod tests` is not the last thing in its file"));
        }
    }
    violations
}

#[test]
fn every_file_says_what_it_is_for() {
    none(&undocumented(&Source::all(FOLDERS)));
}

#[test]
fn files_are_short() {
    let sources = Source::all(FOLDERS);
    none(&too_long(&sources));
    let mut lengths: Vec<_> =
        Source::all(&["src/"]).iter().map(|source| source.lines_before_tests).filter(|lines| *lines > 0).collect();
    lengths.sort_unstable();
    let (median, p90) = (quantile(&lengths, 0.5), quantile(&lengths, 0.9));
    assert!(median <= LINES_MEDIAN_MAX, "the median file has {median} lines, above {LINES_MEDIAN_MAX}");
    assert!(p90 <= LINES_P90_MAX, "one file in ten has more than {p90} lines, above {LINES_P90_MAX}");
    let main = sources.iter().find(|source| source.path == "src/main.rs").map(|source| source.text.lines().count());
    assert!(main.is_some_and(|lines| lines <= MAIN_LINES_MAX), "{main:?} lines in src/main.rs, above {MAIN_LINES_MAX}");
}

#[test]
fn every_file_is_reached() {
    none(&unreached(&Source::all(FOLDERS)));
}

#[test]
fn tests_come_last() {
    none(&tests_not_last(&Source::all(&["src/"])));
}

#[test]
fn a_file_against_the_rules_is_told() {
    let long = format!("//! Long.\n{}", "fn a() {}\n".repeat(LINES_MAX));
    for (rule, path, text, told) in [
        (
            undocumented as fn(&[Source]) -> Vec<String>,
            "src/a.rs",
            "fn a() {}",
            "src/a.rs:1: does not begin with `//!`",
        ),
        (too_long, "src/a.rs", &long, "src/a.rs:501: 501 lines, above 500"),
        (unreached, "src/a.rs", "mod a;", "src/a.rs:1: no `mod` reaches this file"),
        (tests_not_last, "src/a.rs", "#[cfg(test)]\nmod tests;\nmod b;\n", "src/a.rs:2: `mod tests` is not the last"),
        (tests_not_last, "src/a.rs", "mod tests {\n}\n\nfn late() {}\n", "src/a.rs:1: `mod tests` is not the last"),
    ] {
        let violations = rule(&[Source::new(path, text)]);
        assert!(violations.len() == 1 && violations[0].starts_with(told), "{violations:?}, not {told}");
    }
}

#[test]
fn files_are_reached_through_their_parents() {
    let sources = [
        Source::new("src/lib.rs", "pub mod a;\n#[cfg(test)]\nmod tests;"),
        Source::new("src/a.rs", "pub(crate) mod b;"),
        Source::new("src/a/b/mod.rs", "mod c;"),
        Source::new("src/a/b/c.rs", ""),
        Source::new("src/tests.rs", ""),
    ];
    none(&unreached(&sources));
}

#[test]
fn a_quantile_is_one_of_the_lengths() {
    let lengths: Vec<_> = (1..=10).collect();
    assert_eq!([0.0, 0.5, 0.9, 1.0].map(|share| quantile(&lengths, share)), [1, 5, 9, 10]);
    assert_eq!(quantile(&[], 0.5), 0);
}
