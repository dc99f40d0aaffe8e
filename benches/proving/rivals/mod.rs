//! Other methods on the very same events, under the very same measure.
//!
//! **These are methods, not products**: each is written here again from its paper, with the sizes that its authors
//! recommend, so that all of them see the same sessions and are ranked and cut alike. A product that uses one of them
//! has rules, context and people around it, and nothing here says how good that is.
//!
//! Each method has a model a bot, scores every session before it learns it, and goes on learning through the test: the
//! 28 days are all that it knows when the test begins. A session's alert carries the method's score and the dimensions
//! that it would name, and is dated at the session's end, or at the event that gave it away where the method knows it.
//! Alerts are ranked by score over all bots and cut where the false ones pass a budget. What the methods are given for
//! free: sessions, folded endpoints, the bot's own time zone, and administration as endpoints of their own.

mod cut_forest;
mod first_seen;
mod half_space;
mod moments;
mod session;
mod stide;

use std::collections::BTreeMap;
use std::io::{Result, Write};

use humdrum::alert::{Dimension, Severity};
use humdrum::evaluate::{AlertView, Options, ReasonView, Report, evaluate};
use humdrum::event::Text;
use humdrum::simulate::FleetSpec;
use humdrum::time::{Timestamp, Zone};

use self::session::{Sessions, Trip};
use crate::fleet::{self, Keep, Run};
use crate::wish::Wish;

/// False alerts per 100 bot-days at which the ranked alerts are cut.
const BUDGETS: [f64; 3] = [0.5, 1.0, 5.0];

/// What a method says of one session.
pub(crate) struct Opinion {
    /// What sessions are ranked by; 0 is nothing to tell.
    pub(crate) score: f64,
    /// What it would name.
    pub(crate) dimensions: Vec<Dimension>,
    /// The event that gave it away, where it is known.
    pub(crate) at: Option<Timestamp>,
}

/// A method's model of one bot.
pub(crate) trait Method {
    /// How odd a session is by what was learned so far.
    fn score(&self, trip: &Trip) -> Opinion;
    /// Learns it.
    fn learn(&mut self, trip: &Trip);
}

/// A method: its name and how a bot's model begins.
struct Rival {
    name: &'static str,
    begin: fn(u64) -> Box<dyn Method>,
}

const RIVALS: [Rival; 4] = [
    Rival { name: "first seen + 3 sigma", begin: |_| Box::new(first_seen::FirstSeen::default()) },
    Rival { name: "STIDE, n = 3 to 6", begin: |_| Box::new(stide::Stide::default()) },
    Rival { name: "half-space trees", begin: |seed| Box::new(half_space::HalfSpaceTrees::new(seed)) },
    Rival { name: "random cut forest", begin: |seed| Box::new(cut_forest::CutForest::new(seed)) },
];

/// Reports of one fleet by method: one without a cut, then one for each budget.
type Reports = Vec<(&'static str, Vec<Report>)>;

/// One figure of a report.
type Figure = fn(&Report) -> Option<f64>;

pub(crate) fn prove(wish: &Wish, out: &mut impl Write) -> Result<()> {
    let fleets = fleet::by_twos(&wish.specs(false), compare);
    writeln!(
        out,
        "| method | recall at 0.5 false per 100 bot-days | at 1 | at 5 | right reason at 0.5 | at 1 | at 5 \
         | recall, no cut | right reason, no cut | false per 100 bot-days, no cut |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for (nth, (name, _)) in fleets.first().into_iter().flatten().enumerate() {
        let mean = |cut: usize, of: Figure| {
            let values: Vec<f64> = fleets.iter().filter_map(|fleet| of(&fleet[nth].1[cut])).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let (recall, right): (Figure, Figure) = (|report| report.recall, |report| report.right_reason);
        write!(out, "| {name} |")?;
        for (of, cut) in [recall, right].into_iter().flat_map(|of| (1..=BUDGETS.len()).map(move |cut| (of, cut))) {
            write!(out, " {:.3} |", mean(cut, of))?;
        }
        let wrong = mean(0, |report| report.false_per_100_bot_days);
        writeln!(out, " {:.3} | {:.3} | {wrong:.2} |", mean(0, recall), mean(0, right))?;
    }
    writeln!(
        out,
        "\nMeans over {} fleets. Without a cut, methods tell of every session that scores at all.",
        fleets.len()
    )
}

/// One fleet, seen by the engine and by all methods.
fn compare(spec: &FleetSpec) -> Reports {
    let mut sessions = Sessions::default();
    let run = fleet::run(spec, Keep::default(), |event| sessions.observe(event));
    let zones = |tenant: &Text, bot: &Text| {
        let zone = run.registry.get(tenant, bot).and_then(|record| record.timezone.as_deref());
        zone.and_then(|name| Zone::named(name).ok()).unwrap_or_else(Zone::utc)
    };
    let trips = sessions.finish(zones);
    let own: Vec<AlertView> = run.alerts.iter().map(AlertView::from).collect();
    let mut reports = vec![("Humdrum", cuts(&run, &own, Severity::Medium))];
    for rival in &RIVALS {
        reports.push((rival.name, cuts(&run, &alerts(rival, &trips, &run, spec.seed), Severity::Info)));
    }
    reports
}

/// Without a cut above a severity, then ranked and cut at each budget.
fn cuts(run: &Run, alerts: &[AlertView], uncut: Severity) -> Vec<Report> {
    let whole = Options { min_severity: uncut, budget: None };
    let ranked = |budget: f64| Options { min_severity: Severity::Info, budget: Some(budget / 100.0) };
    let options = std::iter::once(whole).chain(BUDGETS.into_iter().map(ranked));
    options.map(|options| evaluate(&run.truth(), alerts, &options)).collect()
}

/// What one method says of the test's sessions, in the order in which they ended.
fn alerts(rival: &Rival, trips: &[Trip], run: &Run, seed: u64) -> Vec<AlertView> {
    let mut models: BTreeMap<(&Text, &Text), Box<dyn Method>> = BTreeMap::new();
    let mut alerts = Vec::new();
    for trip in trips {
        let nth = models.len() as u64;
        let model = models.entry((&trip.tenant, &trip.bot)).or_insert_with(|| (rival.begin)(seed << 32 | nth));
        // An attack never began before the test, and what is told of before it is not counted.
        let opinion = (trip.newest >= run.summary.meta.split).then(|| model.score(trip));
        model.learn(trip);
        if let Some(opinion) = opinion.filter(|opinion| opinion.score > 0.0) {
            let reason = |dimension| ReasonView { dimension: Some(dimension) };
            alerts.push(AlertView {
                id: None,
                resolved: false,
                ts: opinion.at.unwrap_or(trip.newest),
                tenant: Some(trip.tenant.to_string()),
                bot: Some(trip.bot.to_string()),
                producer: None,
                severity: Severity::Medium,
                score: opinion.score,
                reasons: opinion.dimensions.into_iter().map(reason).collect(),
            });
        }
    }
    alerts
}
