//! The constants of whoever administers bots.

use serde::Deserialize;

/// See `[operator]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorProfile {
    /// Days over which operators are forgotten.
    pub memory_days: i32,
    /// Operators of one tenant.
    pub people_max: usize,
    /// Bots of one operator.
    pub bots_max: usize,
    /// Actions, hosts and networks of one operator.
    pub values_max: usize,
    /// Probability of a facet that is odd.
    pub odd_p: f64,
    /// Probability of an act that is unusual.
    pub raise_p: f64,
    /// Probability of an act without a ticket from which it is a step worse, by the rule that it breaks.
    pub worse_p: WorseProfile,
    /// Share of acts without a second factor from which its lack is no finding.
    pub never_given_share: f64,
    /// Probability of an act that is suspicious whatever its ticket.
    pub suspect_p: f64,
    /// Probability of an act that is usual.
    pub usual_p: f64,
    /// Days of acting after which habits are believed.
    pub settled_days: u16,
    /// Share of acts without a ticket that makes them a habit.
    pub bare_share_min: f64,
    /// Acts from which it is known whether second factors are usual.
    pub factor_acts_min: f64,
    /// Bots of a day that are judged.
    pub burst_bots_min: u32,
    /// Probability of their number that is told.
    pub burst_p: f64,
    /// Days of a tenant's history without which it is not.
    pub burst_days_min: i32,
    /// Least variance over mean.
    pub dispersion_min: f64,
    /// Trust in an unusual act.
    pub trust_odd: f64,
    /// Hours for which a suspicious act weighs.
    pub suspect_hours: i64,
    /// How many times as likely an oddity is an attack then.
    pub suspect_factor: f64,
}

/// See `[operator] worse_p`: a probability for each rule on acts without a ticket.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the rules")]
pub struct WorseProfile {
    pub credentials_exported: f64,
    pub logging_disabled: f64,
    pub bot_modified: f64,
    pub schedule_changed: f64,
    pub host_moved: f64,
    pub grant_without_ticket: f64,
}

impl WorseProfile {
    /// The probability of a rule.
    #[must_use]
    pub fn of(&self, rule: &str) -> f64 {
        match rule {
            "credentials_exported" => self.credentials_exported,
            "logging_disabled" => self.logging_disabled,
            "bot_modified" => self.bot_modified,
            "schedule_changed" => self.schedule_changed,
            "host_moved" => self.host_moved,
            _ => self.grant_without_ticket,
        }
    }
}
