//! The settings of the tools that hold the other rules: clippy's, the manifest's lints, and proptest's seed.

use proptest::test_runner::{Config, RngSeed};
use toml::Table;

use super::none;
use super::source::Source;
use crate::support::files::{read, repository};

/// Lines that no function exceeds; clippy counts.
const FUNCTION_LINES_MAX: i64 = 70;

fn toml(path: &str) -> Table {
    read(&repository(path)).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn clippy_holds_the_length_of_functions() {
    let threshold = toml(".clippy.toml").get("too-many-lines-threshold").and_then(toml::Value::as_integer);
    assert_eq!(threshold, Some(FUNCTION_LINES_MAX));
    let manifest = toml("Cargo.toml");
    let clippy = &manifest["lints"]["clippy"];
    assert_eq!(clippy["pedantic"]["level"].as_str(), Some("warn"), "`too_many_lines` is one of the pedantic lints");
    for held in
        ["too_many_lines", "allow_attributes", "disallowed_methods", "unwrap_used", "expect_used", "print_stdout"]
    {
        assert_ne!(clippy.get(held).and_then(toml::Value::as_str), Some("allow"), "{held}");
    }
    let long = |source: &Source| {
        source
            .code
            .lines()
            .position(|line| line.contains("clippy::too_many_lines"))
            .map(|at| source.at(at + 1, "split the function"))
    };
    none(&Source::all(&["src/", "tests/", "benches/"]).iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn unsafe_code_is_forbidden_and_items_are_documented() {
    let manifest = toml("Cargo.toml");
    let rust = &manifest["lints"]["rust"];
    let levels = ["unsafe_code", "missing_docs", "unreachable_pub"].map(|lint| rust[lint].as_str());
    assert_eq!(levels, [Some("forbid"), Some("warn"), Some("warn")]);
}

#[test]
fn property_tests_do_not_turn_red_by_chance() {
    let seed = Config::default().rng_seed;
    assert_ne!(
        seed,
        RngSeed::Random,
        "`.cargo/config.toml` gives PROPTEST_RNG_SEED; run the tests with cargo, from the repository"
    );
}
