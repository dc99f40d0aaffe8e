//! The figures of a measurement, for machines and for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The figures of a measurement; shares are rounded to the digits that mean something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Attacks in the fleet.
    pub attacks: u64,
    /// Attacks that were found.
    pub found: u64,
    /// Share of the attacks that were found; none where there are none.
    pub recall: Option<f64>,
    /// Share of the attacks that were found for the right reason.
    pub right_reason: Option<f64>,
    /// False alerts in the test window.
    #[serde(rename = "false")]
    pub false_alerts: u64,
    /// The same per hundred bot-days; none where the test has no days.
    pub false_per_100_bot_days: Option<f64>,
    /// False alerts by the benign oddity that they fell into, `plain` where there was none.
    pub false_by: BTreeMap<String, u64>,
    /// Found attacks among found attacks and false alerts.
    pub precision: f64,
    /// Median of the time from an attack's first wrong event to its first alert; the upper one of two.
    pub median_seconds_to_detect: Option<f64>,
    /// Figures by scenario.
    pub scenarios: BTreeMap<String, ScenarioFigures>,
}

/// What became of the attacks of one scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioFigures {
    /// Attacks of this scenario.
    pub attacks: u64,
    /// How many were found.
    pub found: u64,
    /// How many were found for the right reason.
    pub right_reason: u64,
}

impl fmt::Display for Report {
    /// A table: a line a scenario, then the whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.scenarios.keys().map(String::len).max().unwrap_or(0).max("scenario".len());
        writeln!(f, "{:width$}  attacks  found  right reason", "scenario")?;
        for (scenario, figures) in &self.scenarios {
            let ScenarioFigures { attacks, found, right_reason } = figures;
            writeln!(f, "{scenario:width$}  {attacks:>7}  {found:>5}  {right_reason:>12}")?;
        }
        let or_dash = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        writeln!(f)?;
        writeln!(f, "recall                     {} ({} of {})", or_dash(self.recall), self.found, self.attacks)?;
        writeln!(f, "for the right reason       {}", or_dash(self.right_reason))?;
        writeln!(f, "false alerts               {}", self.false_alerts)?;
        writeln!(f, "  per 100 bot-days         {}", or_dash(self.false_per_100_bot_days))?;
        for (why, count) in &self.false_by {
            writeln!(f, "  {why:24} {count}")?;
        }
        writeln!(f, "precision                  {}", self.precision)?;
        writeln!(f, "median seconds to detect   {}", or_dash(self.median_seconds_to_detect))
    }
}

/// Rounds to so many digits, the exact half to the even neighbor, as decimal printing does.
pub(super) fn round(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$}").parse().unwrap_or(value)
}
