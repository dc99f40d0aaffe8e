//! Functions: nine in ten fit at a glance. That none is longer than seventy lines is clippy's.

use super::source::Source;

/// Lines that nine functions in ten do not exceed.
const LINES_P90_MAX: usize = 35;

/// Lengths of the functions outside of tests. It goes by rustfmt's indentation: a function ends with the first brace
/// that stands as far in as its first line.
fn lengths(source: &Source) -> Vec<usize> {
    let lines: Vec<_> = source.shipped().map(|(_, line)| line).collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let end = |at: usize| {
        let same = lines[at..].iter().enumerate().filter(|(_, line)| indent(line) == indent(lines[at]));
        same.map(|(nth, line)| (nth + 1, line.trim())).find(|(_, line)| line.ends_with(['}', ';']))
    };
    let begins = (0..lines.len()).filter(|at| begins_function(lines[*at].trim_start()));
    // What ends with a semicolon only declares.
    begins.filter_map(end).filter(|(_, line)| line.ends_with('}')).map(|(length, _)| length).collect()
}

fn begins_function(line: &str) -> bool {
    let before = line.split_once("fn ").map(|(before, _)| before);
    before.is_some_and(|before| {
        let mut words = before.split_whitespace();
        words.all(|word| word.starts_with("pub") || matches!(word, "const" | "async" | "in") || word.ends_with(')'))
    })
}

#[test]
fn nine_functions_in_ten_fit_at_a_glance() {
    let mut lengths: Vec<_> = Source::all(&["src/"]).iter().flat_map(lengths).collect();
    lengths.sort_unstable();
    assert!(lengths.len() > 100, "{} functions are found", lengths.len());
    let p90 = lengths[lengths.len() * 9 / 10];
    assert!(p90 <= LINES_P90_MAX, "one function in ten has {p90} lines or more, above {LINES_P90_MAX}");
}

#[test]
fn functions_are_measured_from_their_first_line_to_their_last() {
    let text = "trait T {
    fn declared(&self);
    fn given(&self) {}
}
pub(in crate::a) async fn long(
    a: u8,
) -> u8 {
    if a > 0 { 1 }
    else {
        2
    }
}
let f = |x: fn (u8)| x;
";
    assert_eq!(lengths(&Source::new("src/a.rs", text)), [1, 8]);
}
