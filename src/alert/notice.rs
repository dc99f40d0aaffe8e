//! What a receiver is told: an alert, and why it is told of it now.

use serde::{Deserialize, Serialize};

use super::wire::{Alert, Severity};
use crate::time::Timestamp;

/// Why a receiver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The alert is new, got worse, or is resolved.
    Published,
    /// It goes on, for receivers that forget what they are not told again.
    Repeated,
    /// Somebody is at it.
    Acknowledged,
    /// Nobody is at it.
    Escalated,
    /// Somebody tries the receiver out.
    Test,
}

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The alert.
    pub alert: Alert,
    /// Why it is told.
    pub cause: Cause,
    /// Event time at which the alert was first raised.
    pub began: Timestamp,
    /// The severity of which the receiver was told before, if that was another.
    pub severity_before: Option<Severity>,
    /// The team that runs the bot, as the registry had it when the alert was first raised.
    pub team: Option<String>,
    /// Who answers for the bot, likewise.
    pub owner: Option<String>,
    /// Who is at it.
    pub acknowledged_by: Option<String>,
}

impl Notice {
    /// An alert that is told for the first time.
    #[must_use]
    pub fn new(alert: Alert) -> Self {
        Self {
            began: alert.ts,
            alert,
            cause: Cause::Published,
            severity_before: None,
            team: None,
            owner: None,
            acknowledged_by: None,
        }
    }
}
