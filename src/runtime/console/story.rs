//! Alerts of one incident as one row of a list: how bad at its worst, whether it goes on, and its sentence.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::alert::{Alert, Severity, Status};
use crate::time::Timestamp;

/// An incident in one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct StoryRow {
    pub incident: String,
    /// The worst of what goes on, or of all when nothing does.
    pub severity: Severity,
    pub firing: bool,
    pub title: String,
    pub tenant: String,
    pub bot: Option<String>,
    pub producer: Option<String>,
    /// Event time of its newest event.
    pub ts: Timestamp,
    pub score: f64,
    pub events: u64,
    /// Alerts in it.
    pub alerts: usize,
    pub dimensions: Vec<&'static str>,
    /// Who suppressed it.
    pub suppressed: Option<String>,
}

/// The incidents, those that go on first, then the worst, then the newest.
pub(super) fn stories(alerts: &[Arc<Alert>]) -> Vec<StoryRow> {
    let mut by_incident: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        by_incident.entry(&alert.incident).or_default().push(alert);
    }
    let mut rows: Vec<StoryRow> = by_incident.into_values().filter_map(|alerts| story(&alerts)).collect();
    rows.sort_by(|a, b| {
        (b.firing, b.severity, b.ts).cmp(&(a.firing, a.severity, a.ts)).then_with(|| a.incident.cmp(&b.incident))
    });
    rows
}

/// The alert that speaks for its incident: the worst of those that go on, of them the newest.
pub(super) fn lead<'a>(alerts: &[&'a Alert]) -> Option<&'a Alert> {
    let key = |alert: &&&Alert| (alert.status == Status::Firing, alert.severity, alert.ts);
    alerts.iter().max_by_key(key).copied()
}

/// One incident; none without alerts.
pub(super) fn story(alerts: &[&Alert]) -> Option<StoryRow> {
    let lead = lead(alerts)?;
    let mut dimensions = Vec::new();
    for reason in alerts.iter().flat_map(|alert| &alert.reasons) {
        if !dimensions.contains(&reason.dimension.as_str()) {
            dimensions.push(reason.dimension.as_str());
        }
    }
    Some(StoryRow {
        incident: lead.incident.clone(),
        severity: lead.severity,
        firing: lead.status == Status::Firing,
        title: lead.title.clone(),
        tenant: lead.tenant.clone(),
        bot: lead.bot.clone(),
        producer: lead.producer.clone(),
        ts: alerts.iter().map(|alert| alert.ts).max().unwrap_or(lead.ts),
        score: lead.score,
        events: alerts.iter().map(|alert| alert.event_count).sum(),
        alerts: alerts.len(),
        dimensions,
        suppressed: lead.suppressed.as_ref().map(|suppressed| suppressed.owner.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: &str, incident: &str, severity: &str, status: &str, second: i64) -> Arc<Alert> {
        let ts = Timestamp::from_micros(second * 1_000_000);
        let text = format!(
            r#"{{"id":"{id}","status":"{status}","revision":1,"ts":"{ts}","tenant":"t","bot":"b","severity":"{severity}",
            "score":1,"title":"{id}","reasons":[],"events":[],"event_count":2,"incident":"{incident}",
            "tags":{{"mitre_attack":[],"owasp_nhi":[]}},"baseline":{{"days":1,"events":1,"mature":true}}}}"#
        );
        Arc::new(serde_json::from_str(&text).expect("an alert"))
    }

    #[test]
    fn what_goes_on_comes_first_and_then_what_is_worst() {
        let rows = stories(&[
            alert("a", "1", "low", "firing", 5),
            alert("b", "2", "critical", "resolved", 9),
            alert("c", "2", "medium", "firing", 3),
            alert("d", "3", "critical", "resolved", 7),
        ]);
        let told: Vec<_> = rows.iter().map(|row| (row.title.as_str(), row.firing, row.alerts, row.events)).collect();
        assert_eq!(told, [("c", true, 2, 4), ("a", true, 1, 2), ("d", false, 1, 2)]);
        assert_eq!(rows[0].ts, Timestamp::from_micros(9_000_000));
    }
}
