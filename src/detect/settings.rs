//! What an operator may set about detection, already checked.

use super::calendar::Calendar;
use super::rulebook::Rulebook;
use crate::alert::Suppression;
use crate::time::Span;

/// Settings of the engine. The defaults are those of `config/default.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Window over which the baseline forgets, 14 to 30 days.
    pub baseline_days: u32,
    /// Days after which a bot is judged; at most `baseline_days`.
    pub mature_days: u32,
    /// Silence that ends a session which nobody ended.
    pub session_timeout: Span,
    /// How far behind the watermark an event may lie and still count.
    pub lateness_max: Span,
    /// How far ahead of the watermark an event may lie without others that confirm it.
    pub jump_max: Span,
    /// Bots that are watched at most.
    pub bots_max: usize,
    /// Sessions of one bot that may be open at a time.
    pub sessions_open_max: usize,
    /// Distinct operations that a bot's graph holds.
    pub operations_max: usize,
    /// False pages that are accepted, for each bot-day: sets the significance at which an alert pages.
    pub page_rate_per_bot_day: f64,
    /// Pages a week that the whole fleet may raise, if they are limited: see the page budget.
    pub pages_per_week: Option<f64>,
    /// Quiet time after which an incident is over.
    pub incident_quiet: Span,
    /// Zone of bots of which the registry says none.
    pub default_zone: String,
    /// Decisions about the rules.
    pub rules: Rulebook,
    /// What is hidden for a while.
    pub suppressions: Vec<Suppression>,
    /// When something else is to be expected.
    pub calendar: Calendar,
}

impl Settings {
    /// Whether anything that is found may have to go unsaid.
    pub(super) fn hushes(&self) -> bool {
        !self.suppressions.is_empty() || !self.rules.overrides().is_empty()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            baseline_days: 28,
            mature_days: 14,
            session_timeout: Span::from_mins(30),
            lateness_max: Span::from_hours(2),
            jump_max: Span::from_hours(24),
            bots_max: 1_000_000,
            sessions_open_max: 64,
            operations_max: 512,
            page_rate_per_bot_day: 0.005,
            pages_per_week: None,
            incident_quiet: Span::from_hours(6),
            default_zone: "UTC".to_owned(),
            rules: Rulebook::default(),
            suppressions: Vec::new(),
            calendar: Calendar::default(),
        }
    }
}
