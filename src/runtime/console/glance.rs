//! What all readers ask of the engine, asked once for all of them: how things stand as a whole, and which alerts are over.
//!
//! To count the bots takes a walk over all of them, so that an answer holds for a second, whoever asks. Pages and API take
//! their incidents from here, and so agree on what is open.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::desk::Desk;
use super::story::{StoryRow, stories};
use crate::alert::coverage::is_gap;
use crate::alert::{Alert, Status};
use crate::detect::{Census, Engine, LogFacts};
use crate::runtime::clock;
use crate::runtime::inquiry::NoAnswer;
use crate::time::Timestamp;

/// Time for which an answer holds. Pages ask again no sooner than after two seconds.
const HOLDS: Duration = Duration::from_secs(1);

/// How things stand.
#[derive(Debug)]
pub(super) struct Glance {
    /// Event time.
    pub now: Option<Timestamp>,
    pub census: Census,
    pub logs: Vec<LogFacts>,
    /// Alerts that fire as far as was told and that the engine does not hold open any more.
    over: HashSet<String>,
}

/// The last answer, or that there was none.
type Answer = (Instant, Result<Arc<Glance>, NoAnswer>);

/// The answers for all readers.
#[derive(Debug, Default)]
pub(super) struct Glances(Mutex<Option<Answer>>);

impl Glance {
    /// An alert with whether it goes on: one that the engine does not hold open any more is over, even if nobody was told.
    fn settled(&self, alert: Arc<Alert>) -> Arc<Alert> {
        if alert.status == Status::Firing && self.over.contains(&alert.id) {
            return Arc::new(Alert { status: Status::Resolved, ..Alert::clone(&alert) });
        }
        alert
    }
}

impl Desk {
    /// What was decided shows at once.
    pub(super) async fn forget(&self) {
        *self.glances.0.lock().await = None;
    }

    /// How things stand. Those who ask at the same time wait for the same answer.
    pub(super) async fn glance(&self) -> Result<Arc<Glance>, NoAnswer> {
        let mut last = self.glances.0.lock().await;
        if let Some((at, answer)) = &*last
            && clock::monotonic().saturating_duration_since(*at) < HOLDS
        {
            return answer.clone();
        }
        let answer = self.look().await;
        *last = Some((clock::monotonic(), answer.clone()));
        drop(last);
        answer
    }

    async fn look(&self) -> Result<Arc<Glance>, NoAnswer> {
        // What was told before the engine is asked is known to it, so that what it does not hold open is over.
        let told = self.archive.all();
        let known = |engine: &Engine| {
            let open: HashSet<String> = engine.open_alerts().map(|alert| alert.id.clone()).collect();
            (engine.watermark(), engine.census(), engine.logs(), open)
        };
        let (now, census, logs, open) = self.inquiry.ask(known).await?;
        // The engine knows nothing of gaps in our own sight.
        let over = told.iter().filter(|alert| alert.status == Status::Firing && !open.contains(&alert.id));
        let over = over.filter(|alert| !is_gap(alert)).map(|alert| alert.id.clone()).collect();
        Ok(Arc::new(Glance { now, census, logs, over }))
    }

    /// Alerts with whether they go on, as far as the engine says.
    pub(super) async fn settled(&self, alerts: Vec<Arc<Alert>>) -> Vec<Arc<Alert>> {
        match self.glance().await {
            Ok(glance) => alerts.into_iter().map(|alert| glance.settled(alert)).collect(),
            Err(_) => alerts,
        }
    }

    /// All alerts, the newest first.
    pub(super) async fn alerts(&self) -> Vec<Arc<Alert>> {
        self.settled(self.archive.all()).await
    }

    /// All incidents, those that go on first, then the worst, then the newest.
    pub(super) async fn stories(&self) -> Vec<StoryRow> {
        stories(&self.alerts().await)
    }
}
