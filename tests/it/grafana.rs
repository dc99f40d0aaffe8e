//! What lies in `grafana/`, held against the real thing: each query finds data of the real program, each rule is loaded
//! by a real Prometheus and shown by promtool to fire and to stay quiet, and nothing that is measured goes unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::metrics::listed;
use crate::support::files::{read, repository, write};
use crate::support::prometheus::promtool;
use crate::support::site::Site;
use crate::support::until;

const DASHBOARDS: [&str; 3] = ["operations", "alerts", "bots"];
/// Grafana's grid has this many columns.
const COLUMNS: u64 = 24;

fn dashboard(name: &str) -> Value {
    let text = read(&repository(&format!("grafana/dashboards/{name}.json")));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().expect("panels")
}

/// Every query of every panel, with a name for it.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for name in DASHBOARDS {
        for panel in panels(&dashboard(name)) {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().expect("an expression").to_owned();
                queries.push((format!("{name}: {} {}", panel["title"], target["refId"]), expression));
            }
        }
    }
    queries
}

/// The alert rules, each as its lines.
fn rules() -> BTreeMap<String, String> {
    let text = read(&repository("grafana/rules/humdrum.rules.yml"));
    let rules = text.split("- alert: ").skip(1);
    rules.filter_map(|rule| rule.split_once('\n')).map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
}

/// What each query returned, for people: a table in `target/tmp`.
#[derive(Default)]
struct Returned(String);

impl Returned {
    fn note(&mut self, of: &str, query: &str, values: &[f64]) {
        assert!(!values.is_empty(), "{of}: {query}");
        let shown: Vec<String> = values.iter().take(5).map(|value| format!("{value:.4}")).collect();
        let query = query.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        self.0 += &format!("| {of} | `{query}` | {} | {} |\n", values.len(), shown.join(", "));
        let head = "| panel or rule | query | series | first values |\n|---|---|---|---|\n";
        write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("grafana-queries.md"), format!("{head}{}", self.0));
    }
}

/// What Grafana would send: a range for its rate interval, everything for each variable.
fn filled_in(expression: &str, variables: &[&str]) -> String {
    let ranged = expression.replace("$__rate_interval", "1m");
    variables.iter().fold(ranged, |text, name| text.replace(&format!("${name}"), ".*"))
}

/// The selectors of an expression: names that we know, with their label matchers and without a range.
fn selectors(expression: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), expression);
    while let Some(start) = rest.find(|c: char| c.is_alphabetic() || c == '_') {
        rest = &rest[start..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let matchers = if behind.starts_with('{') { behind.find('}').map_or(0, |at| at + 1) } else { 0 };
        if name == "up" || name.starts_with("humdrum_") {
            found.push(format!("{name}{}", &behind[..matchers]));
        }
        rest = &behind[matchers..];
    }
    found
}

#[test]
fn selectors_are_found_within_expressions() {
    let found = selectors(
        "rate(humdrum_a_total{b=\"c d\"}[5m]) / 2 > bool sum by (up_to) (humdrum_d) or absent(up{x='humdrum_e'})",
    );
    assert_eq!(found, ["humdrum_a_total{b=\"c d\"}", "humdrum_d", "up{x='humdrum_e'}"]);
}

#[tokio::test]
async fn every_query_finds_data() {
    let site = Site::start().await;
    site.feed().await;
    let mut returned = Returned::default();
    for (panel, expression) in queries() {
        let query = filled_in(&expression, &["instance", "severity", "dimension"]);
        assert!(!query.contains('$'), "{panel}: {query}");
        until(&format!("{panel}: {query}"), || async {
            let values = site.prometheus.query(&query).await.unwrap_or_else(|error| panic!("{panel}: {error}"));
            values.iter().any(|value| value.is_finite())
        })
        .await;
        returned.note(&panel, &query, &site.prometheus.query(&query).await.expect("was answered"));
    }
    // A rule is no panel: on a site in order it has nothing to find. That Prometheus evaluates it without an error and
    // that each selector within it finds data shows that its names and labels are the program's; that it then fires
    // when it should, promtool shows on series made up for it.
    until("the rules to be evaluated", || async {
        let rules = site.prometheus.rules().await;
        rules.iter().all(|rule| rule.health == "ok")
    })
    .await;
    let loaded = site.prometheus.rules().await;
    let names: BTreeSet<_> = loaded.iter().map(|rule| rule.name.clone()).collect();
    assert_eq!(names, rules().into_keys().collect());
    for rule in loaded {
        let selectors = selectors(&rule.query);
        assert!(!selectors.is_empty(), "{}", rule.name);
        for selector in selectors {
            until(&format!("{}: {selector}", rule.name), || async {
                site.prometheus.query(&selector).await.is_ok_and(|values| !values.is_empty())
            })
            .await;
            let values = site.prometheus.query(&selector).await.expect("was answered");
            returned.note(&format!("rule {}", rule.name), &selector, &values);
        }
    }
}

#[test]
fn promtool_accepts_the_rules_and_shows_them_fire() {
    let (content, said) = promtool(&["check", "rules", "humdrum.rules.yml"], "");
    assert!(content, "{said}");
    let (content, said) = promtool(&["test", "rules", "humdrum.test.yml"], "");
    assert!(content, "{said}");
    let tests = read(&repository("grafana/rules/humdrum.test.yml"));
    for name in rules().keys() {
        let fires = tests.split("- eval_time: ").any(|case| {
            case.lines().any(|line| line.trim() == format!("alertname: {name}")) && case.contains("exp_alerts:")
        });
        assert!(fires, "{name} is not shown to fire");
    }
}

#[test]
fn every_rule_says_how_bad_it_is_and_what_to_do() {
    let runbook = read(&repository("grafana/RUNBOOK.md"));
    let headings: BTreeSet<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules = rules();
    assert_eq!(headings, rules.keys().map(String::as_str).collect(), "a heading for each rule and no other");
    for (name, rule) in &rules {
        let has = |wanted: &str| rule.lines().any(|line| line.trim().starts_with(wanted));
        assert!(has("severity: critical") || has("severity: warning"), "{name}");
        assert!(has("summary: ") && has("description: "), "{name}");
        let anchor = format!("runbook: grafana/RUNBOOK.md#{}", name.to_lowercase());
        assert!(rule.lines().any(|line| line.trim() == anchor), "{name}: {anchor}");
    }
}

#[test]
fn every_metric_is_shown_and_every_metric_shown_exists() {
    let listed = listed();
    let family = |selector: &str| {
        let name = selector.split('{').next().unwrap_or_default();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        base.filter(|base| listed.get(*base).is_some_and(|kind| kind == "histogram")).unwrap_or(name).to_owned()
    };
    let expressions = queries().into_iter().chain(rules());
    let mut shown = BTreeSet::new();
    for (place, expression) in expressions {
        for family in selectors(&expression).iter().map(|selector| family(selector)).filter(|name| name != "up") {
            assert!(listed.contains_key(&family), "{place}: there is no {family}");
            shown.insert(family);
        }
    }
    let unseen: Vec<_> = listed.keys().filter(|name| !shown.contains(*name)).collect();
    assert!(unseen.is_empty(), "measured, but shown nowhere: {unseen:?}");
}

#[test]
fn dashboards_are_complete() {
    let mut uids = BTreeSet::new();
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        uids.insert(dashboard["uid"].as_str().expect("a uid").to_owned());
        assert!(dashboard["id"].is_null(), "{name}: an id belongs to one Grafana");
        assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 39), "{name}: Grafana 11");
        let variables = dashboard["templating"]["list"].as_array().expect("variables");
        assert_eq!(variables[0]["name"], "datasource", "{name}");
        let mut ids = BTreeSet::new();
        for panel in panels(&dashboard) {
            let place = format!("{name}: {}", panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{place}: the id is taken");
            if panel["type"] != "row" {
                complete(&place, panel);
            }
        }
    }
    assert_eq!(uids.len(), DASHBOARDS.len(), "each has a uid of its own");
}

/// A panel explains itself: title, description, unit, thresholds, and a legend for each query.
fn complete(place: &str, panel: &Value) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    assert!(text(&panel["title"]) && text(&panel["description"]), "{place}: title and description");
    let defaults = &panel["fieldConfig"]["defaults"];
    assert!(text(&defaults["unit"]), "{place}: unit");
    assert!(defaults["thresholds"]["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{place}: thresholds");
    assert_eq!(panel["datasource"]["uid"], "${datasource}", "{place}");
    let targets = panel["targets"].as_array().expect("queries");
    assert!(!targets.is_empty(), "{place}: a query");
    let mut references = BTreeSet::new();
    for target in targets {
        assert!(text(&target["legendFormat"]) && text(&target["expr"]), "{place}: query and legend");
        assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}");
        assert!(references.insert(target["refId"].as_str().expect("a refId")), "{place}: the refId is taken");
    }
}

#[test]
fn panels_lie_on_the_grid_and_not_on_one_another() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let mut taken = BTreeMap::new();
        for panel in panels(&dashboard) {
            let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= COLUMNS, "{name}: {}", panel["title"]);
            for cell in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
                let before = taken.insert(cell, &panel["title"]);
                assert_eq!(before, None, "{name}: {} lies on it", panel["title"]);
            }
        }
        let rows = taken.keys().map(|(_, y)| y + 1).max().expect("panels");
        assert_eq!(taken.len() as u64, rows * COLUMNS, "{name}: the grid has holes");
    }
}

#[test]
fn provisioning_names_what_the_dashboards_ask_for() {
    let datasource = read(&repository("grafana/provisioning/datasources/humdrum.yaml"));
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let uid = dashboard["templating"]["list"][0]["current"]["value"].as_str().expect("a data source");
        assert!(datasource.lines().any(|line| line.trim() == format!("uid: {uid}")), "{name}: {uid}");
    }
    let provider = read(&repository("grafana/provisioning/dashboards/humdrum.yaml"));
    assert!(provider.contains("type: file") && provider.contains("path: "));
}
