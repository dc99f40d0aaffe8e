//! What is built, against `deny.toml`: licenses, bans, duplicate versions and sources.
//!
//! The graph is `cargo tree`'s, of the host, with all features and without what only tests need. `cargo metadata` would
//! name packages that no feature in use brings in. Blind spots: other platforms, and advisories.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

use super::licenses::satisfied;
use super::none;
use crate::support::files::{read, repository};

/// The parts of `deny.toml` that are held here.
#[derive(Debug, Deserialize)]
struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Entry>,
    skip: Vec<Entry>,
}

/// A crate, `name` or `name@version`, and why it is listed.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    wrappers: Vec<String>,
    #[serde(default)]
    reason: String,
}

/// A package of the graph.
#[derive(Debug, Default)]
struct Package {
    license: String,
    /// Where it comes from, when that is not crates.io.
    source: Option<String>,
    /// Names of the packages that depend on it.
    parents: BTreeSet<String>,
}

/// Packages by name and version.
type Graph = BTreeMap<(String, String), Package>;

impl Policy {
    fn read(text: &str) -> Self {
        toml::from_str(text).expect("deny.toml")
    }

    fn unlicensed(&self, graph: &Graph) -> Vec<String> {
        let bad = graph.iter().filter(|(_, package)| !satisfied(&package.license, &self.licenses.allow));
        bad.map(|((name, version), package)| format!("{name} {version}: license `{}` is not allowed", package.license))
            .collect()
    }

    fn banned(&self, graph: &Graph) -> Vec<String> {
        let mut violations = Vec::new();
        for ((name, version), package) in graph {
            for entry in self.bans.deny.iter().filter(|entry| entry.is(name, version)) {
                let wrong = package.parents.iter().filter(|parent| !entry.wrappers.contains(parent));
                violations.extend(wrong.map(|parent| format!("{name} {version} through {parent}: {}", entry.reason)));
            }
        }
        violations
    }

    fn doubled(&self, graph: &Graph) -> Vec<String> {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, version) in graph.keys() {
            if !self.bans.skip.iter().any(|entry| entry.is(name, version)) {
                versions.entry(name).or_default().push(version);
            }
        }
        let doubled = versions.iter().filter(|(_, versions)| versions.len() > 1);
        doubled.map(|(name, versions)| format!("{name} is there as {}", versions.join(" and "))).collect()
    }

    /// Entries without a reason, and versions that are passed over but need not be.
    fn stale(&self, graph: &Graph) -> Vec<String> {
        let entries = self.bans.deny.iter().chain(&self.bans.skip);
        let silent =
            entries.filter(|entry| entry.reason.is_empty()).map(|entry| format!("{}: no reason is given", entry.name));
        let doubled = |entry: &Entry| {
            let name = entry.name.split('@').next().unwrap_or_default();
            graph.keys().filter(|(other, _)| other == name).count() > 1
                && graph.keys().any(|(name, version)| entry.is(name, version))
        };
        let needless = self.bans.skip.iter().filter(|entry| !doubled(entry));
        silent.chain(needless.map(|entry| format!("{}: need not be skipped any more", entry.name))).collect()
    }
}

impl Entry {
    fn is(&self, name: &str, version: &str) -> bool {
        self.name == name || self.name.split_once('@') == Some((name, version))
    }
}

fn foreign(graph: &Graph) -> Vec<String> {
    let foreign = graph.iter().filter_map(|((name, version), package)| Some((name, version, package.source.as_ref()?)));
    foreign.map(|(name, version, source)| format!("{name} {version} comes from {source}, not from crates.io")).collect()
}

/// Reads the tree: a line a package, with its depth, name, version, source and license.
fn graph(tree: &str) -> Graph {
    let (mut graph, mut way) = (Graph::new(), Vec::<String>::new());
    for line in tree.lines() {
        let start = line.find(|c: char| !c.is_ascii_digit()).expect("a name");
        let depth: usize = line[..start].parse().expect("a depth");
        let (package, license) = line[start..].trim_end_matches(" (*)").split_once('\t').expect("a license");
        let mut parts = package.splitn(3, ' ');
        let (name, version) = (parts.next().expect("a name"), parts.next().expect("a version").trim_start_matches('v'));
        let source =
            parts.next().map(|source| source.replace("(proc-macro)", "")).filter(|source| !source.trim().is_empty());
        way.truncate(depth);
        let entry = graph.entry((name.to_owned(), version.to_owned())).or_default();
        license.clone_into(&mut entry.license);
        entry.source = if depth == 0 { None } else { source };
        entry.parents.extend(way.last().cloned());
        way.push(name.to_owned());
    }
    graph
}

/// The tree of what is built. Nothing is fetched: whatever ran this test has all of it.
fn tree() -> String {
    let arguments = [
        "tree",
        "--offline",
        "--locked",
        "--all-features",
        "--edges",
        "normal,build",
        "--prefix",
        "depth",
        "--format",
        "{p}\t{l}",
    ];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(repository("")).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn dependencies_are_those_that_deny_toml_lets_in() {
    let policy = Policy::read(&read(&repository("deny.toml")));
    let graph = graph(&tree());
    assert!(graph.len() > 100, "the tree has {} packages only", graph.len());
    let rules = [
        policy.unlicensed(&graph),
        policy.banned(&graph),
        policy.doubled(&graph),
        policy.stale(&graph),
        foreign(&graph),
    ];
    none(&rules.concat());
}

#[test]
fn a_dependency_against_the_policy_is_told() {
    let policy = Policy::read(
        r#"
        licenses.allow = ["MIT"]
        [bans]
        deny = [{ crate = "chrono", wrappers = ["polars"], reason = "jiff is here" }]
        skip = [{ crate = "rand@1.0.0", reason = "old" }, { crate = "syn@1.0.0" }]
        "#,
    );
    let tree = "0own v0.1.0 (/home/own)\tMIT\n1polars v1.0.0\tMIT\n2chrono v0.4.0\tMIT\n1rand v1.0.0\tGPL-3.0\n1rand v2.0.0\tMIT\n\
                1syn v2.0.0 (proc-macro)\tMIT\n1log v1.0.0\tMIT\n1log v2.0.0 (https://example.com/log#1)\tMIT\n2chrono v0.4.0\tMIT (*)\n";
    let graph = graph(tree);
    assert_eq!(policy.unlicensed(&graph), ["rand 1.0.0: license `GPL-3.0` is not allowed"]);
    assert_eq!(policy.banned(&graph), ["chrono 0.4.0 through log: jiff is here"]);
    assert_eq!(policy.doubled(&graph), ["log is there as 1.0.0 and 2.0.0"]);
    assert_eq!(policy.stale(&graph), ["syn@1.0.0: no reason is given", "syn@1.0.0: need not be skipped any more"]);
    assert_eq!(foreign(&graph), ["log 2.0.0 comes from (https://example.com/log#1), not from crates.io"]);
}
