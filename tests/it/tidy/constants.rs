//! The constants of the models stand together in a list, as the code has them, each with a unit and a reason.
//!
//! Value and reason come from the code and its comment, the unit is the list's: a new constant fails until somebody says
//! what it counts.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::none;
use super::source::Source;
use crate::support::files::{golden, read, repository};

const PATH: &str = "models/constants.toml";

/// Where the models are.
const FOLDERS: [&str; 2] = ["src/stats", "src/detect"];

/// Types of what is a quantity; the others are names and lists of them.
const NUMBERS: [&str; 10] = ["u8", "u16", "u32", "u64", "usize", "i32", "i64", "f32", "f64", "Span"];

const HEAD: &str = "\
# The constants within the formulas of the models, by file: value, unit, and what they are for. `profile.toml` has those that
# decide what is told. Written from the code (`UPDATE_EXPECT=1 cargo test --all-features --test it -- constants`), all but the
# units, which are written here; a test holds them together.
";

/// A constant as the code has it.
#[derive(Debug, PartialEq)]
struct Constant {
    line: usize,
    name: String,
    value: String,
    reason: String,
}

fn constants(source: &Source) -> Vec<Constant> {
    let trimmed =
        |text: &'_ str| text.lines().take(source.lines_before_tests).map(|line| line.trim().to_owned()).collect();
    let (code, text): (Vec<String>, Vec<String>) = (trimmed(&source.code), trimmed(&source.text));
    (0..code.len()).filter_map(|at| constant(&code[at..], &text[..at])).collect()
}

/// The constant that these lines of code begin with, below these lines of text.
fn constant(code: &[String], above: &[String]) -> Option<Constant> {
    let (before, declared) = code.first()?.split_once("const ")?;
    let public = before.starts_with("pub") && before.ends_with([' ', ')']);
    let (name, rest) = declared.split_once(": ").filter(|_| before.is_empty() || public)?;
    let (kind, first) = rest.split_once(" =")?;
    let is_number = kind.split(|c: char| !c.is_alphanumeric()).any(|word| NUMBERS.contains(&word));
    if !is_number {
        return None;
    }
    let mut value: Vec<&str> = vec![first];
    for line in &code[1..] {
        if value.last().is_some_and(|last| last.ends_with(';')) {
            break;
        }
        value.push(line);
    }
    let value: Vec<&str> = value.iter().flat_map(|line| line.split_whitespace()).collect();
    let above_it = above.iter().rev().skip_while(|line| line.starts_with("#["));
    let mut reason: Vec<&str> = above_it.map_while(|line| line.strip_prefix("///")).map(str::trim).collect();
    reason.reverse();
    Some(Constant {
        line: above.len() + 1,
        name: name.to_owned(),
        value: value.join(" ").trim_end_matches(';').to_owned(),
        reason: reason.join(" "),
    })
}

/// The unit that the list has for a constant.
fn unit<'a>(list: &'a Table, source: &Source, constant: &Constant) -> Option<&'a str> {
    list.get(&source.path)?.get(&constant.name)?.get("unit")?.as_str()
}

fn written(sources: &[Source], list: &Table) -> String {
    let mut text = HEAD.to_owned();
    for source in sources {
        let constants = constants(source);
        if !constants.is_empty() {
            text += &format!("\n[\"{}\"]\n", source.path);
        }
        for constant in constants {
            let said = [&constant.value, unit(list, source, &constant).unwrap_or_default(), &constant.reason];
            let [value, unit, reason] = said.map(|text| Value::from(text).to_string());
            text += &format!("{} = {{ value = {value}, unit = {unit}, reason = {reason} }}\n", constant.name);
        }
    }
    text
}

fn unsaid(sources: &[Source], list: &Table) -> Vec<String> {
    let mut told = Vec::new();
    for source in sources {
        let mut names = BTreeMap::new();
        for constant in constants(source) {
            if constant.reason.is_empty() {
                told.push(source.at(constant.line, &format!("`{}` does not say what it is for", constant.name)));
            }
            if unit(list, source, &constant).unwrap_or_default().is_empty() {
                told.push(source.at(constant.line, &format!("`{}` has no unit in {PATH}", constant.name)));
            }
            if let Some(line) = names.insert(constant.name.clone(), constant.line) {
                told.push(source.at(constant.line, &format!("`{}` is the name of line {line}, too", constant.name)));
            }
        }
    }
    told
}

fn list() -> Table {
    read(&repository(PATH)).parse().unwrap_or_else(|error| panic!("{PATH}: {error}"))
}

#[test]
fn the_list_of_constants_is_the_truth() {
    let (sources, list) = (Source::all(&FOLDERS), list());
    golden(&repository(PATH), &written(&sources, &list));
    none(&unsaid(&sources, &list));
}

#[test]
fn constants_are_read_with_value_and_reason() {
    let source = Source::new(
        "src/stats/a.rs",
        "\
/// Days kept. More: more
/// memory.
#[cfg(unix)]
pub(crate) const DAYS: usize = 7 * 4;
/// Shares.
const SHARES: [f64; 2] = [
    0.5, // half
    0.25,
];
const NAMES: [&str; 1] = [\"a\"];
const fn f() -> u8 { 0 }
mod tests {
    const LATE: u8 = 1;
}
",
    );
    let of = |line, name: &str, value: &str, reason: &str| Constant {
        line,
        name: name.to_owned(),
        value: value.to_owned(),
        reason: reason.to_owned(),
    };
    let expected =
        [of(4, "DAYS", "7 * 4", "Days kept. More: more memory."), of(6, "SHARES", "[ 0.5, 0.25, ]", "Shares.")];
    assert_eq!(constants(&source), expected);
}

#[test]
fn a_constant_without_unit_or_reason_is_told() {
    let source = [Source::new("src/stats/a.rs", "/// Days.\nconst DAYS: u8 = 7;\nconst HOURS: u8 = 24;\n")];
    let list: Table = "[\"src/stats/a.rs\"]\nHOURS = { unit = \"hours\" }".parse().expect("TOML");
    let told = unsaid(&source, &list);
    assert_eq!(
        told,
        [
            "src/stats/a.rs:2: `DAYS` has no unit in models/constants.toml",
            "src/stats/a.rs:3: `HOURS` does not say what it is for"
        ]
    );
    let text = written(&source, &list);
    assert!(text.contains("\nDAYS = { value = \"7\", unit = \"\", reason = \"Days.\" }\n"), "{text}");
}
