//! The table of faults: which case tries which row, and why some are tried by none.

use std::collections::BTreeSet;

use crate::support::files::{read, repository};

const TABLE: &str = include_str!("table.tsv");
/// The rows that there are to be.
const ROWS: [&str; 35] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "33", "37", "38", "39",
];

/// A row: its number, the fault, the cases, and why there is none, or what they leave out.
fn rows() -> Vec<[&'static str; 4]> {
    let cut = |line: &'static str| line.split('\t').collect::<Vec<_>>().try_into().expect("four columns");
    TABLE.lines().map(cut).collect()
}

/// The file of a module, and the function in it.
fn places(case: &str) -> (Vec<String>, String) {
    let (root, path) = match case.split_once(':') {
        Some(("lib", path)) if case.starts_with("lib:") => ("src", path),
        _ => ("tests/it", case),
    };
    let (modules, name) = path.rsplit_once("::").expect("a module");
    let modules = modules.trim_end_matches("::tests");
    let modules = modules.replace("::", "/");
    let files = [".rs", "/mod.rs", "/tests.rs"].map(|end| format!("{root}/{modules}{end}"));
    (files.into(), name.to_owned())
}

fn exists(case: &str) -> bool {
    if let Some(class) = case.strip_prefix("sim:") {
        return read(&repository("tests/faults/plan.rs")).contains(&format!("Self::{class},"));
    }
    if let Some(target) = case.strip_prefix("fuzz:") {
        return read(&repository("tests/fuzz/targets.rs")).contains(&format!("target(\"{target}\","));
    }
    let (files, name) = places(case);
    let mut there = files.iter().map(|file| repository(file)).filter(|path| path.exists());
    there.any(|path| read(&path).contains(&format!("fn {name}(")))
}

#[test]
fn every_row_has_cases_that_there_are_or_a_reason() {
    let rows = rows();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ROWS);
    for [number, fault, cases, why] in &rows {
        assert!(!(cases.is_empty() && why.is_empty()), "row {number}, {fault}: neither a case nor a reason");
        for case in cases.split_whitespace() {
            assert!(exists(case), "row {number}: no case `{case}`");
        }
    }
}

#[test]
fn every_case_of_these_modules_stands_in_the_table() {
    let named: BTreeSet<&str> = rows().iter().flat_map(|row| row[2].split_whitespace()).collect();
    for module in ["disk", "load", "network", "process", "servers", "stream"] {
        let text = read(&repository(&format!("tests/it/faults/{module}.rs")));
        let cases = text.lines().filter_map(|line| line.split("fn row_").nth(1)?.split('(').next());
        for case in cases {
            let path = format!("faults::{module}::row_{case}");
            assert!(named.contains(path.as_str()), "`{path}` stands in no row");
        }
    }
}
