//! Fleets through the whole core, two at a time: events in, alerts and truth out.
//!
//! Two, since more would hold more alerts and sessions in memory at once than they save in time; the number changes no
//! figure, as fleets share nothing.

use std::fs;
use std::thread;

use humdrum::alert::{Alert, Severity};
use humdrum::detect::{Engine, Output, Settings, Verdict};
use humdrum::evaluate::{AlertView, GRACE, Options, Report, Truth, evaluate};
use humdrum::event::Event;
use humdrum::event::decode::{Envelope, Limits, decode};
use humdrum::registry::{BotRecord, Registry};
use humdrum::simulate::{EventStream, FleetSpec, Summary};
use serde::de::DeserializeOwned;

/// Fleets that run at a time.
const AT_A_TIME: usize = 2;

/// A fleet that went through the engine.
#[derive(Debug)]
pub(crate) struct Run {
    /// The seed or the folder.
    pub(crate) name: String,
    /// Labels and sizes.
    pub(crate) summary: Summary,
    /// What the engine said.
    pub(crate) alerts: Vec<Alert>,
    /// Its verdicts on closed sessions, where they were asked for.
    pub(crate) verdicts: Vec<Verdict>,
    /// What the registry knew.
    pub(crate) registry: Registry,
}

/// What to do with each fleet while it runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keep {
    /// Keep the verdicts.
    pub(crate) verdicts: bool,
}

impl Run {
    /// Measures the alerts.
    pub(crate) fn measure(&self, options: &Options) -> Report {
        let views: Vec<AlertView> = self.alerts.iter().map(AlertView::from).collect();
        evaluate(&self.truth(), &views, options)
    }

    /// The labelled truth.
    pub(crate) fn truth(&self) -> Truth<'_> {
        Truth { labels: &self.summary.labels, benign: &self.summary.benign, meta: &self.summary.meta }
    }

    /// The pages of the test: of each alert the first revision that pages.
    pub(crate) fn pages(&self) -> Vec<&Alert> {
        self.first(Severity::Medium)
    }

    /// The alerts of the test that are as severe: of each the first revision that is.
    pub(crate) fn first(&self, least: Severity) -> Vec<&Alert> {
        let mut seen = std::collections::BTreeSet::new();
        let split = self.summary.meta.split;
        let severe = self.alerts.iter().filter(|alert| alert.severity >= least && alert.ts >= split);
        severe.filter(|alert| !AlertView::from(*alert).resolved && seen.insert(&alert.id)).collect()
    }

    /// Whether an alert falls into an attack.
    pub(crate) fn is_attack(&self, alert: &Alert) -> bool {
        let whom = (alert.tenant.as_str(), alert.bot.as_deref().or(alert.producer.as_deref()));
        self.summary.labels.iter().any(|label| {
            let who = (label.tenant.as_str(), label.bot.as_deref().or(label.producer.as_deref()));
            who == whom && (label.start..=label.end + GRACE).contains(&alert.ts)
        })
    }
}

/// Runs simulated fleets.
pub(crate) fn simulated(specs: &[FleetSpec], keep: Keep) -> Vec<Run> {
    by_twos(specs, |spec| run(spec, keep, |_| {}))
}

/// Runs a simulated fleet, showing each event to somebody else before the engine takes it.
pub(crate) fn run(spec: &FleetSpec, keep: Keep, mut witness: impl FnMut(&Event)) -> Run {
    let mut stream = EventStream::new(spec);
    let registry = registry(&stream.registry());
    let events = stream.by_ref().inspect(|event| witness(event));
    let output = through(events, registry.clone(), keep);
    let name = format!("seed {}", spec.seed);
    let verdicts = output.verdicts.unwrap_or_default();
    Run { name, summary: stream.finish(), alerts: output.alerts, verdicts, registry }
}

/// Runs fleets that lie in folders: `events.ndjson`, `labels.ndjson`, `benign.ndjson`, `meta.json`, and `bots.ndjson`
/// where there is a registry.
pub(crate) fn folders(folders: &[String], keep: Keep) -> Vec<Run> {
    by_twos(folders, |folder| stored(folder, keep))
}

fn stored(folder: &str, keep: Keep) -> Run {
    let registry = Registry::from_ndjson(&text(folder, "bots.ndjson").unwrap_or_default()).expect("a registry");
    let events = text(folder, "events.ndjson").expect("events.ndjson");
    let (envelope, limits) = (Envelope::default(), Limits::default());
    // What does not decode would be a dead letter in operation, too.
    let events = events.lines().filter_map(|line| decode(line.as_bytes(), &envelope, &limits).ok());
    let output = through(events, registry.clone(), keep);
    let meta = text(folder, "meta.json").expect("meta.json");
    let meta = serde_json::from_str(&meta).expect("sizes");
    let summary = Summary { labels: rows(folder, "labels.ndjson"), benign: rows(folder, "benign.ndjson"), meta };
    let verdicts = output.verdicts.unwrap_or_default();
    Run { name: folder.to_owned(), summary, alerts: output.alerts, verdicts, registry }
}

/// All events through one engine with the default settings.
fn through(events: impl Iterator<Item = Event>, registry: Registry, keep: Keep) -> Output {
    let mut engine = Engine::new(Settings::default(), registry);
    let mut output = Output { verdicts: keep.verdicts.then(Vec::new), ..Output::default() };
    for event in events {
        engine.observe(event, &mut output);
    }
    engine.finish(&mut output);
    output
}

/// Results in the order of the jobs, whichever ends first.
pub(crate) fn by_twos<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let mut results = Vec::with_capacity(jobs.len());
    for pair in jobs.chunks(AT_A_TIME) {
        results.extend(thread::scope(|scope| {
            let threads: Vec<_> = pair.iter().map(|job| scope.spawn(|| work(job))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a fleet")).collect::<Vec<_>>()
        }));
    }
    results
}

fn registry(records: &[BotRecord]) -> Registry {
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).expect("a record")).collect();
    Registry::from_ndjson(&lines.join("\n")).expect("a registry")
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the fleets that it is pointed at")]
fn text(folder: &str, name: &str) -> Option<String> {
    fs::read_to_string(format!("{folder}/{name}")).ok()
}

/// The rows of a file; none where there is no such file.
fn rows<T: DeserializeOwned>(folder: &str, name: &str) -> Vec<T> {
    let text = text(folder, name).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).expect("a row")).collect()
}
