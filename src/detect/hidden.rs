//! Where suppressions, people's decisions and the rulebook meet the engine: what is hidden, what was, and what must be
//! told again for it.
//!
//! A suppression must not use up the word that it hides: what was told under one is news when it comes again behind its
//! end, as what the page budget held back is. Verdicts and what is learned of them are the same with it and without.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::feedback::{self, Cover, Look};
use super::policy::Breach;
use super::profile::Profile;
use super::rulebook::{Off, Rulebook, Thresholds, is_detector};
use super::stats::{Stats, SuppressionStats};
use crate::alert::{Alert, Finding, Mark, Reason, Severity, Sight, Standing, Status, Suppression, Whom, suppressed};
use crate::event::Text;
use crate::stats::fingerprint;
use crate::time::Timestamp;

/// What one suppression has hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Hits {
    /// Fingerprint of the suppression, by which it is known again when the settings have changed.
    print: u64,
    findings: u64,
    alerts: u64,
    last: Option<Timestamp>,
}

/// What one suppression has hidden so far.
#[derive(Clone, Debug, PartialEq)]
pub struct SuppressionFacts<'a> {
    /// Its place in the settings.
    pub number: usize,
    /// The suppression.
    pub suppression: &'a Suppression,
    /// Where it stands at the watermark.
    pub standing: Standing,
    /// Findings that it covered.
    pub findings: u64,
    /// Alerts that went out at `info` for it.
    pub alerts: u64,
    /// Event time of the last of them.
    pub last: Option<Timestamp>,
}

/// What became of a rule's finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It was told, or had been.
    Said,
    /// A suppression covers it.
    Hidden,
    /// The rule is off for this bot.
    Off,
}

/// Profiles with the thresholds that hold for somebody, each made once.
#[derive(Clone, Debug, Default)]
pub(super) struct Tuned(BTreeMap<Thresholds, Arc<Profile>>);

/// Profiles kept; there are as many as there are sets of thresholds that hold together, which end one by one.
const TUNED_MAX: usize = 64;

impl Tuned {
    fn of(&mut self, thresholds: Thresholds, rules: &Rulebook, common: &Profile) -> Arc<Profile> {
        if self.0.len() >= TUNED_MAX && !self.0.contains_key(&thresholds) {
            self.0.clear();
        }
        let own = self.0.entry(thresholds);
        Arc::clone(own.or_insert_with_key(|thresholds| Arc::new(rules.tune(common, thresholds))))
    }
}

impl Engine {
    /// The constants by which a bot's events are held against the rules, where they are its own.
    pub(super) fn tuned(&mut self, at: u32, ts: Timestamp) -> Option<Arc<Profile>> {
        if !self.settings.rules.tunes() {
            return None;
        }
        let thresholds = self.settings.rules.thresholds(whom(self, at), ts);
        (!thresholds.is_empty()).then(|| self.tuned.of(thresholds, &self.settings.rules, &self.profile))
    }

    /// The same for what is a tenant's and no bot's.
    pub(super) fn tuned_of(&mut self, tenant: &str, ts: Timestamp) -> Option<Arc<Profile>> {
        if !self.settings.rules.tunes() {
            return None;
        }
        let thresholds = self.settings.rules.thresholds(Whom { tenant, ..Whom::default() }, ts);
        (!thresholds.is_empty()).then(|| self.tuned.of(thresholds, &self.settings.rules, &self.profile))
    }

    /// The rules that are off for a bot.
    pub(super) fn off(&self, at: u32, ts: Timestamp) -> Off {
        let rules = &self.settings.rules;
        if rules.overrides().is_empty() { Off::new() } else { rules.off(whom(self, at), ts) }
    }
}

/// Whether one of an earlier state's suppressions is there no more, or is another now.
pub(super) fn is_gone(suppressions: &[Hits], earlier: &[Hits]) -> bool {
    earlier.iter().any(|hits| suppressions.iter().all(|known| known.print != hits.print))
}

/// The records of suppressions: those of an earlier state, as far as there still are such suppressions.
pub(super) fn hits(suppressions: &[Suppression], earlier: &[Hits]) -> Vec<Hits> {
    let of = |suppression: &Suppression| {
        let print = fingerprint(&["suppression", &format!("{suppression:?}")]);
        earlier.iter().find(|hits| hits.print == print).copied().unwrap_or(Hits { print, ..Hits::default() })
    };
    suppressions.iter().map(of).collect()
}

/// A bot as suppressions and decisions name it.
pub(super) fn whom(engine: &Engine, at: u32) -> Whom<'_> {
    let bot = &engine.bots[at as usize];
    let environment = engine.record(at).and_then(|record| record.environment.as_deref());
    Whom { tenant: &bot.tenant, bot: Some(&bot.bot), environment }
}

/// What covers a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hidden {
    /// When it may be told.
    pub until: Timestamp,
    /// Whether somebody said that it is normal, so that it is learned in full.
    pub normal: bool,
}

/// What covers a finding about a bot, if anything; to be asked before it is noted as told.
pub(super) fn until(
    engine: &Engine,
    at: u32,
    reasons: &[Reason],
    hosts: &[Text],
    marks: &[Mark],
    ts: Timestamp,
) -> Option<Hidden> {
    if !engine.hushes() {
        return None;
    }
    let hosts = names(hosts);
    let sight = Sight { whom: whom(engine, at), producer: None, hosts: &hosts, reasons, ts };
    let suppressions = &engine.settings.suppressions;
    if let Some(number) = suppressed(suppressions, sight) {
        return Some(Hidden { until: suppressions[number].until, normal: false });
    }
    let bot = &engine.bots[at as usize];
    let look = Look { tenant: &bot.tenant, bot: &bot.bot, hosts: &hosts, reasons, marks, ts };
    feedback::covered(engine, &look).map(|cover| Hidden { until: cover.until, normal: !cover.expects })
}

/// Names of hosts as findings carry them.
pub(super) fn names<'a>(hosts: impl IntoIterator<Item = &'a Text>) -> Vec<String> {
    hosts.into_iter().map(ToString::to_string).collect()
}

/// Which word hides a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// A suppression of the settings, by its number.
    Setting(usize),
    /// Somebody's decision.
    Decision(Cover),
}

/// Marks a finding as suppressed, if it is; by what.
pub(super) fn hide(engine: &mut Engine, finding: &mut Finding) -> Option<By> {
    debug_assert!(
        finding.reasons.iter().all(|reason| is_detector(&reason.detector)),
        "a detector that the rulebook does not name: {:?}",
        finding.reasons
    );
    if !engine.hushes() {
        return None;
    }
    let suppressions = &engine.settings.suppressions;
    let at = finding.bot.as_deref().and_then(|bot| engine.number(&finding.tenant, bot));
    let of_log = Whom { tenant: &finding.tenant, ..Whom::default() };
    let sight = Sight {
        whom: at.map_or(of_log, |at| whom(engine, at)),
        producer: finding.producer.as_deref(),
        hosts: &finding.hosts,
        reasons: &finding.reasons,
        ts: finding.ts,
    };
    let Some(number) = suppressed(suppressions, sight) else { return lower(engine, finding) };
    finding.suppressed = Some(suppressions[number].note(finding.severity));
    finding.severity = Severity::Info;
    let hits = &mut engine.hidden[number];
    hits.findings += 1;
    hits.last = Some(hits.last.map_or(finding.ts, |last| last.later(finding.ts)));
    Some(By::Setting(number))
}

/// Lowers a finding about which somebody decided.
fn lower(engine: &Engine, finding: &mut Finding) -> Option<By> {
    let look = Look {
        tenant: &finding.tenant,
        bot: finding.bot.as_deref()?,
        hosts: &finding.hosts,
        reasons: &finding.reasons,
        marks: &finding.showing.marks,
        ts: finding.ts,
    };
    let cover = feedback::covered(engine, &look)?;
    finding.suppressed = feedback::note(engine, cover, finding.severity);
    finding.severity = if cover.expects { Severity::Info } else { finding.severity.min(Severity::Low) };
    Some(By::Decision(cover))
}

/// Counts what was hidden of what the book had to say.
pub(super) fn count(engine: &mut Engine, by: By, ts: Timestamp, alerts: &[Alert]) {
    let mut hidden = 0;
    for alert in alerts.iter().filter(|alert| alert.status == Status::Firing) {
        if let Some(note) = &alert.suppressed {
            engine.stats.suppressed[note.severity as usize] += 1;
            hidden += 1;
        }
    }
    match by {
        By::Setting(number) => engine.hidden[number].alerts += hidden,
        By::Decision(cover) => engine.decisions.count(cover.number, ts, hidden),
    }
}

/// What the operator decided about a broken rule; `None` where it is off for this bot.
pub(super) fn ruled(engine: &Engine, whom: Whom<'_>, breach: Breach, ts: Timestamp) -> Option<Breach> {
    let now = (breach.severity, breach.score);
    let (severity, score) = engine.settings.rules.ruled(&breach.reason.detector, whom, ts, now)?;
    Some(Breach { severity, score, ..breach })
}

/// Figures of the suppressions.
pub(super) fn figures(engine: &Engine, stats: &mut Stats) {
    let mut figures = SuppressionStats::default();
    for facts in engine.suppressions() {
        figures.standing[facts.standing as usize] += 1;
        let begun = matches!(facts.standing, Standing::Active | Standing::Ending);
        figures.unmatched += u64::from(begun && facts.findings == 0);
    }
    stats.suppressions = figures;
    stats.decisions = engine.decisions_active();
}

impl Engine {
    /// What each suppression has hidden so far, in the order of the settings.
    #[must_use]
    pub fn suppressions(&self) -> Vec<SuppressionFacts<'_>> {
        let now = self.watermark().unwrap_or(Timestamp::MIN);
        let all = self.settings.suppressions.iter().zip(&self.hidden).enumerate();
        all.map(|(number, (suppression, &Hits { findings, alerts, last, .. }))| {
            let standing = suppression.standing(now);
            SuppressionFacts { number, suppression, standing, findings, alerts, last }
        })
        .collect()
    }
}
