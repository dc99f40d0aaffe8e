//! The layers: which module may know which. The table of them is [`super::table`].
//!
//! Rows stand in order: a row may import from rows above it only, and only from those that it lists. A row's modules
//! know each other, and a module knows its own parts. The longest prefix decides to which row a path belongs. What a
//! row may import but does not is a violation as well, so that the table stays the truth and anything new is noticed.
//! Tests within a module are free.

use std::collections::BTreeSet;

use super::imports::{Import, imports, module};
use super::none;
use super::source::Source;
use super::table::{LAYERS, Layer, layer};

/// Whether one path is the other or lies within it.
fn within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The row of a path: number and module.
fn row(layers: &[Layer], path: &str) -> Option<(usize, &'static str)> {
    let rows =
        layers.iter().enumerate().flat_map(|(nth, layer)| layer.modules.iter().map(move |module| (nth, *module)));
    rows.filter(|(_, module)| within(path, module)).max_by_key(|(_, module)| module.len())
}

/// The entry of a row that lets it import a path of another row.
fn entry(layers: &[Layer], of: usize, path: &str) -> Option<&'static str> {
    let to = row(layers, path);
    layers[of].may.iter().copied().find(|entry| within(path, entry) && row(layers, entry) == to)
}

/// What the sources import against the table.
fn against(layers: &[Layer], sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| source.path != "src/lib.rs") {
        let module = module(&source.path).join("::");
        let Some((own, name)) = row(layers, &module) else {
            violations.push(source.at(1, "stands in no row of the table of layers"));
            continue;
        };
        for Import { line, path } in imports(source) {
            let known = row(layers, &path).is_some_and(|(to, _)| to == own);
            if !known && entry(layers, own, &path).is_none() {
                violations.push(source.at(line, &format!("`{name}` may not import `{path}`")));
            }
        }
    }
    violations
}

/// What the table says that is not, or may not be, so.
fn beside_the_truth(layers: &[Layer], sources: &[Source]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut used = BTreeSet::new();
    for source in sources {
        let Some((own, name)) = row(layers, &module(&source.path).join("::")) else { continue };
        seen.insert(name);
        used.extend(imports(source).iter().filter_map(|import| Some((own, entry(layers, own, &import.path)?))));
    }
    let mut violations = Vec::new();
    for (nth, Layer { modules, may }) in layers.iter().enumerate() {
        let gone = modules.iter().filter(|module| !seen.contains(*module));
        violations.extend(gone.map(|module| format!("the table names `{module}`, which there is not")));
        for entry in *may {
            if row(layers, entry).is_none_or(|(to, _)| to >= nth) {
                violations.push(format!("the table lets `{}` import `{entry}`, which is not below it", modules[0]));
            } else if !used.contains(&(nth, *entry)) {
                violations.push(format!("the table lets `{}` import `{entry}`, which it does not", modules[0]));
            }
        }
    }
    violations
}

#[test]
fn modules_import_downward_only() {
    none(&against(LAYERS, &Source::all(&["src/"])));
}

#[test]
fn the_table_of_layers_is_the_truth() {
    none(&beside_the_truth(LAYERS, &Source::all(&["src/"])));
}

#[test]
fn an_import_against_the_layers_is_told() {
    const TABLE: &[Layer] = &[
        layer(&["time"], &[]),
        layer(&["event"], &["time::Span"]),
        layer(&["detect::score", "detect::bot"], &["event"]),
    ];
    for (path, text, told) in [
        ("src/time.rs", "use crate::event::Event;", "src/time.rs:1: `time` may not import `event::Event`"),
        ("src/event/wire.rs", "\nuse crate::time::Local;", "src/event/wire.rs:2: `event` may not import `time::Local`"),
        (
            "src/detect/score.rs",
            "use super::fleet;",
            "src/detect/score.rs:1: `detect::score` may not import `detect::fleet`",
        ),
        ("src/alert.rs", "", "src/alert.rs:1: stands in no row of the table of layers"),
        ("src/event/wire.rs", "use crate::time::Span;\nuse super::Event;", ""),
        ("src/detect/score.rs", "use super::bot::Bot;", ""),
    ] {
        assert_eq!(against(TABLE, &[Source::new(path, text)]).join("\n"), told, "{path}: {text}");
    }
}

#[test]
fn a_table_beside_the_truth_is_told() {
    const TABLE: &[Layer] = &[layer(&["time"], &["event"]), layer(&["event"], &["time"]), layer(&["stats"], &[])];
    let sources = [Source::new("src/time.rs", ""), Source::new("src/event.rs", "")];
    let told = [
        "the table lets `time` import `event`, which is not below it",
        "the table lets `event` import `time`, which it does not",
        "the table names `stats`, which there is not",
    ];
    assert_eq!(beside_the_truth(TABLE, &sources), told);
}
