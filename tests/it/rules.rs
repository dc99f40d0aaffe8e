//! Every rule has a scenario in which it must speak, or a reason why it has none.

use std::collections::BTreeSet;

use humdrum::detect::rulebook::{RULES, is_detector};
use humdrum::simulate::Scenario;

/// What the bench `standing` counts by.
const TABLE: &str = include_str!("../../benches/proving/rules.tsv");

#[test]
fn every_rule_has_a_scenario_or_a_reason_for_none() {
    let known: BTreeSet<&str> = Scenario::STANDING.iter().map(|scenario| scenario.as_str()).collect();
    let mut rows: BTreeSet<&str> = BTreeSet::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let (rule, rest) = line.split_once('\t').expect("a rule and its scenarios");
        assert!(is_detector(rule), "`{rule}` is none");
        assert!(rows.insert(rule), "`{rule}` stands twice");
        if let Some(reason) = rest.strip_prefix("-\t") {
            assert!(reason.split_whitespace().count() > 3, "`{rule}` has no scenario, for no reason");
            continue;
        }
        for name in rest.split(',') {
            assert!(known.contains(name), "`{rule}` is for `{name}`, which the simulator does not know");
        }
    }
    let missing: Vec<&str> = RULES.iter().map(|rule| rule.name).filter(|name| !rows.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "no scenario and no reason");
}
