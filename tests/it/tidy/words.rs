//! Words that do not belong: what is unfinished, what hides a lint, what panics or sleeps or prints where it must not,
//! and what speaks of things outside of the project.

use super::none;
use super::source::{Source, files, is_word};
use crate::support::files::repository;

/// Where a word is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Comments and literals, too.
    Text,
    /// Code, tests or not.
    Code,
    /// Code that is no test.
    Shipped,
    /// Code of tests.
    Tests,
}

/// A word, where it does not belong, and what to do instead. The words are put together here, so that this file is
/// clean by its own rules.
const WORDS: &[(&str, Place, &str)] = &[
    ("todo!", Place::Code, "finish it, or leave it out"),
    ("unimplemented!", Place::Code, "finish it, or leave it out"),
    (concat!("TO", "DO"), Place::Text, "finish it, or leave it out"),
    (concat!("FIX", "ME"), Place::Text, "mend it"),
    ("#[ignore", Place::Code, "a test that does not run holds nothing"),
    ("#[allow", Place::Code, "write `#[expect(lint, reason = \"…\")]`"),
    ("#![allow", Place::Code, "write `#![expect(lint, reason = \"…\")]`"),
    ("dbg!", Place::Code, "assert it, or leave it out"),
    (".unwrap()", Place::Shipped, "return the error, or show that there is none"),
    ("sleep", Place::Tests, "wait for a condition with `support::until`"),
    ("print!", Place::Code, "results go through `runtime::cli::output`, the rest is logged, tests assert"),
    ("println!", Place::Code, "results go through `runtime::cli::output`, the rest is logged, tests assert"),
    ("eprint!", Place::Code, "results go through `runtime::cli::output`, the rest is logged, tests assert"),
    ("eprintln!", Place::Code, "results go through `runtime::cli::output`, the rest is logged, tests assert"),
];

/// What lies outside of the project, of which no file of it speaks.
const OUTSIDE: &[&str] = &[concat!("/wo", "rk/"), concat!(".lib", "rary"), concat!("../sha", "red")];

/// Names that say nothing, for files and folders of code.
const EMPTY_NAMES: &[&str] =
    &["common", "data", "helper", "helpers", "info", "manager", "misc", "processor", "util", "utils"];

/// Whether a line has a word that is not part of a longer one.
fn has(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        let joined =
            |outer: Option<char>, inner: Option<char>| outer.is_some_and(is_word) && inner.is_some_and(is_word);
        !joined(before, word.chars().next()) && !joined(after, word.chars().next_back())
    })
}

fn misplaced(source: &Source) -> Vec<String> {
    let numbered = |text: &str| text.lines().enumerate().map(|(nth, line)| (nth + 1, line.to_owned())).collect();
    let owned = |(line, text): (usize, &str)| (line, text.to_owned());
    let mut violations = Vec::new();
    for (word, place, instead) in WORDS {
        let lines: Vec<(usize, String)> = match place {
            Place::Text => numbered(&source.text),
            Place::Code => numbered(&source.code),
            Place::Shipped => source.shipped().map(owned).collect(),
            Place::Tests => source.tested().map(owned).collect(),
        };
        let found = lines.iter().filter(|(_, text)| has(text, word));
        violations.extend(found.map(|(line, _)| source.at(*line, &format!("`{word}`: {instead}"))));
    }
    violations
}

fn outside(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(nth, line)| Some((nth + 1, OUTSIDE.iter().find(|word| line.contains(**word))?)));
    found.map(|(line, word)| format!("{path}:{line}: `{word}` is no part of the project")).collect()
}

#[test]
fn nothing_unfinished_hidden_or_misplaced() {
    let sources = Source::all(&["src/", "tests/", "benches/"]);
    none(&sources.iter().flat_map(misplaced).collect::<Vec<_>>());
}

#[test]
fn no_file_speaks_of_what_lies_outside() {
    let mut violations = Vec::new();
    for path in files() {
        // What is not text says nothing.
        if let Ok(text) = String::from_utf8(bytes(&path)) {
            violations.extend(outside(&path, &text));
        }
    }
    none(&violations);
}

#[expect(clippy::disallowed_methods, reason = "tests read the repository")]
fn bytes(path: &str) -> Vec<u8> {
    std::fs::read(repository(path)).expect("a file")
}

#[test]
fn names_say_something() {
    let sources = Source::all(&["src/", "tests/", "benches/"]);
    let empty =
        |source: &&Source| source.path.trim_end_matches(".rs").split('/').any(|part| EMPTY_NAMES.contains(&part));
    none(&sources.iter().filter(empty).map(|source| source.at(1, "a name that says nothing")).collect::<Vec<_>>());
}

#[test]
fn a_misplaced_word_is_told_and_a_well_placed_one_is_not() {
    let tests =
        "#[cfg(test)]\nmod tests {\n    fn t() {\n        x.unwrap();\n        std::thread::sleep(d);\n    }\n}\n";
    let told: Vec<_> = misplaced(&Source::new("src/a.rs", &format!("x.unwrap();\ntokio::time::sleep(d);\n{tests}")));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("src/a.rs:1: `.unwrap()`") && told[1].starts_with("src/a.rs:7: `sleep`"), "{told:?}");
    for clean in ["// dbg!(x)", "let s = \"println!\";", "wprintln!(x)", "x.unwrap_or(y)", "/// Not ignored."] {
        assert_eq!(misplaced(&Source::new("src/a.rs", clean)), [""; 0], "{clean}");
    }
    for bad in ["dbg!(x)", "#[ignore = \"slow\"]", "#![allow(dead_code)]", concat!("// TO", "DO: later"), "eprintln!()"]
    {
        assert_eq!(misplaced(&Source::new("src/a.rs", bad)).len(), 1, "{bad}");
    }
    assert_eq!(outside("a.md", concat!("in /wo", "rk/x")).len(), 1);
}
