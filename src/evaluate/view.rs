//! An alert as the measure sees it: the few fields that count, read leniently, so that streams of other versions and of
//! other detectors can be measured as well.

use serde::{Deserialize, Deserializer};

use crate::alert::{Alert, Dimension, Severity, Status};
use crate::time::Timestamp;

/// The fields of an alert that count.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertView {
    /// What tells revisions of one alert from another alert; an alert without stands for itself.
    pub id: Option<String>,
    /// The story is over.
    pub resolved: bool,
    /// When.
    pub ts: Timestamp,
    /// Whose bot; `default` where it is not said.
    pub tenant: Option<String>,
    /// The bot.
    pub bot: Option<String>,
    /// The producer.
    pub producer: Option<String>,
    /// How bad; medium where it is not said or not known.
    pub severity: Severity,
    /// What alerts are ranked by; 0 where it is not said.
    pub score: f64,
    /// Why.
    pub reasons: Vec<ReasonView>,
}

/// The dimension of a reason; none where it is not one of the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonView {
    /// Which dimension of behavior.
    pub dimension: Option<Dimension>,
}

/// The fields as they stand in JSON.
#[derive(Deserialize)]
struct Wire {
    id: Option<String>,
    status: Option<String>,
    ts: Timestamp,
    tenant: Option<String>,
    bot: Option<String>,
    producer: Option<String>,
    severity: Option<String>,
    score: Option<f64>,
    #[serde(default)]
    reasons: Vec<WireReason>,
}

#[derive(Deserialize)]
struct WireReason {
    dimension: Option<String>,
}

impl AlertView {
    /// The tenant, or the one that silence means.
    pub(super) fn tenant_name(&self) -> &str {
        self.tenant.as_deref().unwrap_or("default")
    }
}

impl<'de> Deserialize<'de> for AlertView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let severity = |name: &str| Severity::ALL.into_iter().find(|severity| severity.as_str() == name);
        let dimension = |name: &str| Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == name);
        let reason = |reason: WireReason| ReasonView { dimension: reason.dimension.as_deref().and_then(dimension) };
        Ok(Self {
            id: wire.id,
            resolved: wire.status.as_deref() == Some("resolved"),
            ts: wire.ts,
            tenant: wire.tenant,
            bot: wire.bot,
            producer: wire.producer,
            severity: wire.severity.as_deref().and_then(severity).unwrap_or(Severity::Medium),
            score: wire.score.unwrap_or(0.0),
            reasons: wire.reasons.into_iter().map(reason).collect(),
        })
    }
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        Self {
            id: Some(alert.id.clone()),
            resolved: alert.status == Status::Resolved,
            ts: alert.ts,
            tenant: Some(alert.tenant.clone()),
            bot: alert.bot.clone(),
            producer: alert.producer.clone(),
            severity: alert.severity,
            score: alert.score,
            reasons: alert.reasons.iter().map(|reason| ReasonView { dimension: Some(reason.dimension) }).collect(),
        }
    }
}
