//! The layers, as data: which module may know which.
//!
//! Rows stand in order: a row may import from rows above it only, and only from those that it lists. A row's modules
//! know each other, and a module knows its own parts. The longest prefix decides to which row a path belongs. What a
//! row may import but does not is a violation as well, so that the table stays the truth and anything new is noticed.
//! Tests within a module are free.

use std::collections::BTreeSet;

use super::imports::{Import, imports, module};
use super::none;
use super::source::Source;

/// Modules of one layer that know each other, and what they may import: a module, or one item of it.
struct Layer {
    modules: &'static [&'static str],
    may: &'static [&'static str],
}

const fn layer(modules: &'static [&'static str], may: &'static [&'static str]) -> Layer {
    Layer { modules, may }
}

const LAYERS: &[Layer] = &[
    layer(&["time"], &[]),
    // What happened, who the bots are, and statistics that know nothing of either but a text and a local time.
    layer(&["event"], &["time"]),
    layer(&["stats"], &["event::Text", "time::Local"]),
    layer(&["registry"], &["time"]),
    layer(&["alert"], &["time"]),
    // The detector, from its settings up to the engine.
    layer(&["detect::stats"], &[]),
    layer(&["detect::profile"], &["alert::Severity", "stats::novelty::NoveltyPrior"]),
    // Decisions about the rules, and with them the operator's settings.
    layer(&["detect::rulebook"], &["alert", "detect::profile", "time"]),
    layer(&["detect::calendar"], &["alert", "stats::week::WeekDensity", "time::Timestamp"]),
    layer(&["detect::settings"], &["alert::Suppression", "detect::calendar", "detect::rulebook", "time"]),
    layer(&["detect::tags"], &["alert"]),
    layer(&["detect::frontier"], &["event", "time"]),
    // Modes are a part of what is normal for a bot, cohorts of what bots have in common.
    layer(&["detect::cluster"], &["stats"]),
    layer(&["detect::familiar"], &["stats"]),
    layer(&["detect::fleet"], &["detect::cluster", "detect::familiar", "stats", "time"]),
    layer(&["detect::feature"], &["detect::profile", "event", "stats", "time"]),
    layer(&["detect::normal"], &["detect::feature", "event::Text", "time"]),
    layer(
        &["detect::baseline"],
        &[
            "alert::Dimension",
            "alert::Facet",
            "detect::cluster",
            "detect::feature",
            "detect::profile",
            "event::Text",
            "stats",
            "time",
        ],
    ),
    layer(&["detect::change"], &["detect::profile", "event", "stats::fingerprint", "time"]),
    // Whoever administers bots, and what is usual for them.
    layer(&["detect::operator"], &["detect::profile", "event::Text", "stats", "time::Local"]),
    // What a bot may do and what it did, for longer than the baseline remembers.
    layer(&["detect::entitlement"], &["alert", "detect::profile", "event::Text", "stats", "time"]),
    // What a rule found, and the rules on money, which remember: their memory is a part of the bot's.
    layer(&["detect::policy::breach"], &["alert", "event::Text", "time::Timestamp"]),
    layer(
        &["detect::policy::fraud"],
        &["alert", "detect::policy::breach", "detect::profile", "event", "stats", "time"],
    ),
    layer(
        &["detect::policy"],
        &[
            "alert",
            "detect::change",
            "detect::entitlement",
            "detect::operator",
            "detect::policy::breach",
            "detect::profile",
            "event",
            "registry",
            "stats",
            "time",
        ],
    ),
    layer(
        &["detect::bot"],
        &[
            "detect::baseline",
            "detect::change",
            "detect::cluster::COHORT_NONE",
            "detect::entitlement",
            "detect::feature",
            "detect::normal",
            "detect::policy",
            "detect::policy::fraud",
            "event::Text",
            "stats::make_room",
            "time",
        ],
    ),
    layer(&["detect::bots"], &["detect::bot"]),
    layer(
        &["detect::score"],
        &[
            "alert::Dimension",
            "detect::baseline",
            "detect::change",
            "detect::familiar",
            "detect::feature",
            "detect::fleet",
            "detect::profile",
            "event::Text",
            "stats",
            "time",
        ],
    ),
    layer(&["detect::decide"], &["alert::Severity", "detect::profile"]),
    layer(&["detect::budget"], &["time"]),
    layer(
        &["detect::explain"],
        &[
            "alert",
            "detect::baseline",
            "detect::familiar",
            "detect::feature",
            "detect::score",
            "event::Text",
            "stats",
            "time",
        ],
    ),
    layer(
        &[
            "detect::acts",
            "detect::broken",
            "detect::context",
            "detect::engine",
            "detect::figures",
            "detect::hidden",
            "detect::feedback",
            "detect::judge",
            "detect::lesson",
            "detect::peers",
            "detect::rules",
            "detect::silence",
            "detect::tenure",
            "detect::worth",
        ],
        &[
            "alert",
            "detect::baseline",
            "detect::bot",
            "detect::bots",
            "detect::budget",
            "detect::calendar",
            "detect::change",
            "detect::cluster",
            "detect::decide",
            "detect::entitlement",
            "detect::explain",
            "detect::familiar",
            "detect::feature",
            "detect::fleet",
            "detect::frontier",
            "detect::normal",
            "detect::operator",
            "detect::policy",
            "detect::policy::fraud",
            "detect::profile",
            "detect::rulebook",
            "detect::score",
            "detect::settings",
            "detect::stats",
            "detect::tags",
            "event",
            "registry",
            "stats",
            "time",
        ],
    ),
    layer(
        &["detect::state"],
        &[
            "alert::AlertBook",
            "detect::bot",
            "detect::bots",
            "detect::budget",
            "detect::engine",
            "detect::entitlement",
            "detect::feedback",
            "detect::fleet",
            "detect::frontier",
            "detect::hidden",
            "detect::operator",
            "detect::policy::Logs",
            "detect::policy::fraud",
            "detect::settings",
            "detect::stats",
            "registry",
        ],
    ),
    layer(
        &["detect::facts"],
        &["alert", "detect::bot", "detect::engine", "detect::entitlement", "event::Text", "registry", "time"],
    ),
    layer(&["detect::revert"], &["alert::Dimension", "detect::engine"]),
    layer(&["detect::census"], &["detect::engine", "time::Span"]),
    layer(
        &["detect::portrait"],
        &["alert::Alert", "detect::baseline", "detect::bot", "detect::engine", "stats", "time"],
    ),
    layer(&["detect"], &[]),
    // Reports are made from facts, and judge nothing.
    layer(&["report"], &["alert", "detect", "registry", "time"]),
    // A fleet that never was knows the contract and no detector; the measure knows labels and alerts.
    layer(&["simulate"], &["alert::Dimension", "event", "registry", "time"]),
    layer(&["evaluate"], &["alert", "simulate", "time"]),
    layer(&["config"], &["alert", "detect", "detect::rulebook", "event", "time"]),
    // The shell: its seams do not know each other, but for what is kept and what is counted.
    layer(&["runtime::clock"], &["time"]),
    layer(&["runtime::health"], &["runtime::clock"]),
    layer(&["runtime::metrics"], &["alert", "detect::Stats", "event::RejectReason", "time::Timestamp"]),
    layer(&["runtime::geo"], &["event", "runtime::metrics", "time"]),
    layer(&["runtime::http"], &[]),
    layer(&["runtime::present"], &["alert", "detect", "detect::rulebook", "report", "time"]),
    layer(&["runtime::lines"], &[]),
    layer(&["runtime::store::format"], &["alert", "event::Event", "time"]),
    layer(&["runtime::store"], &["runtime::store::format", "time"]),
    layer(&["runtime::audit"], &["alert::Alert", "runtime::clock", "runtime::store::format", "time"]),
    // What readers read: alerts, the engine's answers, and events where they are kept.
    layer(&["runtime::archive"], &["alert", "runtime::audit", "time"]),
    layer(&["runtime::inquiry"], &["detect::Engine", "runtime::clock"]),
    layer(&["runtime::evidence"], &["event", "time"]),
    layer(
        &["runtime::console"],
        &[
            "alert",
            "config::ConsoleConfig",
            "detect",
            "event",
            "registry",
            "report",
            "runtime::archive",
            "runtime::clock",
            "runtime::evidence",
            "runtime::health",
            "runtime::http",
            "runtime::inquiry",
            "time",
        ],
    ),
    layer(&["runtime::feedback"], &["alert", "detect", "event::subject::decode_token", "runtime::metrics"]),
    layer(
        &["runtime::history"],
        &[
            "alert::Pattern",
            "alert::PatternError",
            "config",
            "event",
            "runtime::clock",
            "runtime::lines",
            "runtime::store::format",
            "time",
        ],
    ),
    layer(&["runtime::nats"], &["config::NatsConfig", "event::subject::decode_token", "runtime::health"]),
    layer(
        &["runtime::source"],
        &[
            "alert",
            "config::EventsConfig",
            "registry",
            "runtime::clock",
            "runtime::health",
            "runtime::metrics",
            "runtime::nats",
            "runtime::store::format",
            "time",
        ],
    ),
    layer(
        &["runtime::watch"],
        &["alert", "runtime::clock", "runtime::health", "runtime::metrics", "runtime::source", "time"],
    ),
    layer(&["runtime::registry"], &["registry", "runtime::health", "runtime::metrics", "runtime::source"]),
    layer(&["runtime::produce"], &["config", "event", "runtime::health", "runtime::nats", "runtime::source"]),
    layer(
        &["runtime::notify"],
        &[
            "alert",
            "config",
            "event",
            "runtime::clock",
            "runtime::health",
            "runtime::metrics",
            "runtime::nats",
            "runtime::store::format",
            "time",
        ],
    ),
    layer(
        &["runtime::pipeline"],
        &[
            "alert",
            "detect",
            "event",
            "registry",
            "runtime::archive",
            "runtime::audit",
            "runtime::clock",
            "runtime::feedback",
            "runtime::geo",
            "runtime::health",
            "runtime::inquiry",
            "runtime::metrics",
            "runtime::notify",
            "runtime::present",
            "runtime::source",
            "runtime::store",
            "runtime::store::format",
            "time",
        ],
    ),
    layer(
        &["runtime::cluster"],
        &[
            "alert",
            "config",
            "detect",
            "registry",
            "runtime::clock",
            "runtime::feedback",
            "runtime::geo",
            "runtime::health",
            "runtime::inquiry",
            "runtime::metrics",
            "runtime::notify",
            "runtime::pipeline",
            "runtime::registry",
            "runtime::source",
            "runtime::store",
            "runtime::store::format",
        ],
    ),
    layer(
        &["runtime::app"],
        &[
            "alert::Alert",
            "config",
            "detect::Engine",
            "registry",
            "runtime::archive",
            "runtime::audit",
            "runtime::clock",
            "runtime::cluster",
            "runtime::console",
            "runtime::evidence",
            "runtime::geo",
            "runtime::health",
            "runtime::inquiry",
            "runtime::metrics",
            "runtime::nats",
            "runtime::notify",
            "runtime::pipeline",
            "runtime::registry",
            "runtime::source",
            "runtime::store",
            "runtime::store::format",
            "runtime::watch",
        ],
    ),
    // The command line runs the app, or parts of it without a server, and publishes a simulated fleet.
    layer(
        &["runtime::cli"],
        &[
            "alert",
            "config",
            "detect",
            "evaluate",
            "event",
            "registry",
            "report",
            "runtime::app",
            "runtime::archive",
            "runtime::audit",
            "runtime::clock",
            "runtime::cluster",
            "runtime::console",
            "runtime::evidence",
            "runtime::feedback",
            "runtime::geo",
            "runtime::health",
            "runtime::history",
            "runtime::http",
            "runtime::inquiry",
            "runtime::lines",
            "runtime::metrics",
            "runtime::notify",
            "runtime::nats::connect::connect_once",
            "runtime::present",
            "runtime::produce",
            "runtime::registry",
            "runtime::store",
            "runtime::store::format",
            "simulate",
            "time",
        ],
    ),
    layer(&["runtime"], &[]),
    layer(&["main"], &["runtime::cli"]),
];

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
