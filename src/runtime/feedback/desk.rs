//! Where feedback meets the engine: one queue in, answered by the engine's own thread between two batches.
//!
//! A record is checked, written to the journal, applied, and then answered, so that whatever somebody was told is taken
//! is applied again after a crash, at the same place of the input.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::journal::{Entries, Journal};
use crate::alert::{Agenda, Feedback, Place, Placed, Preview, Ruling};
use crate::detect::{DecisionFacts, DecisionState, Engine, Output};
use crate::runtime::metrics::FeedbackMetrics;

/// Questions that wait. More only moves waiting from people into our memory.
const ASKS_QUEUED: usize = 32;
/// Time that somebody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Decisions in one answer; the newest.
const LISTED_MAX: usize = 500;

/// What is asked of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Take a record.
    Say(Box<Feedback>),
    /// What would a record have changed?
    Preview(Box<Feedback>),
    /// Which decisions of a tenant are there? Without one, of all.
    List(Option<String>),
}

/// What the engine says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reply {
    /// Whether it was taken.
    pub ok: bool,
    /// Why not: the class, for programs.
    pub reason: Option<String>,
    /// Why not, for people.
    pub error: Option<String>,
    /// Whether the record was there already.
    pub again: bool,
    /// The record in full.
    pub record: Option<Feedback>,
    /// What it would have changed, or does from now on.
    pub preview: Option<Preview>,
    /// The decisions, newest last.
    pub decisions: Option<Vec<DecisionFacts>>,
}

impl Reply {
    /// A record that is not taken.
    #[must_use]
    pub fn refused(reason: &str, error: &dyn Display) -> Self {
        Self { reason: Some(reason.to_owned()), error: Some(error.to_string()), ..Self::default() }
    }
}

#[derive(Debug)]
struct Ask {
    question: Question,
    reply: oneshot::Sender<Reply>,
}

/// Asks; cloning it makes another one who asks.
#[derive(Clone)]
pub struct Feedbacks {
    asks: mpsc::Sender<Ask>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Feedbacks {
    /// The same, with a way to make an engine look that waits for something else.
    #[must_use]
    pub fn waking(self, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { wake: Arc::new(wake), ..self }
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&self, question: Question) -> Reply {
        let (reply, replied) = oneshot::channel();
        let asked = async {
            self.asks.send(Ask { question, reply }).await.ok()?;
            (self.wake)();
            replied.await.ok()
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Some(reply)) => reply,
            Ok(None) => Reply::refused("ended", &"humdrum is stopping; say it again when it is back"),
            // It may still be taken: the id makes it safe to say it again.
            Err(_) => Reply::refused("busy", &"the engine is busy; say it again with the same id"),
        }
    }
}

impl fmt::Debug for Feedbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feedbacks").finish_non_exhaustive()
    }
}

/// Somebody is at an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Whose.
    pub tenant: String,
    /// The alert.
    pub id: String,
    /// Who.
    pub by: String,
}

/// The engine's end.
#[derive(Debug)]
pub struct FeedbackDesk {
    asks: mpsc::Receiver<Ask>,
    /// What was asked while somebody waited for it.
    heard: Option<Ask>,
    journal: Option<Journal>,
    agenda: Agenda,
    acknowledged: Vec<Acknowledged>,
    hurries: bool,
    metrics: FeedbackMetrics,
}

impl FeedbackDesk {
    /// Both ends. What the journal holds and the engine has not is applied at its place.
    #[must_use]
    pub fn new(engine: &Engine, journal: Option<(Journal, Entries)>, metrics: FeedbackMetrics) -> (Feedbacks, Self) {
        let (asks, queue) = mpsc::channel(ASKS_QUEUED);
        let (journal, entries) = journal.unzip();
        let records = entries.map(|entries| ahead(engine, entries.records)).unwrap_or_default();
        let desk = Self {
            asks: queue,
            heard: None,
            journal,
            agenda: Agenda::new(records),
            acknowledged: Vec::new(),
            hurries: false,
            metrics,
        };
        (Feedbacks { asks, wake: Arc::new(|| {}) }, desk)
    }

    /// Whether nothing waits for its place.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.agenda.is_empty()
    }

    /// Applies what is due before the next event.
    pub fn due(&mut self, engine: &mut Engine, output: &mut Output) {
        while let Some(record) = self.next(engine) {
            if let Err(error) = engine.feedback(&record, output) {
                tracing::warn!(id = record.id, reason = error.reason(), %error, "feedback of the journal does not apply");
            }
        }
    }

    fn next(&mut self, engine: &Engine) -> Option<Feedback> {
        if self.hurries { self.agenda.take_next() } else { self.agenda.due(engine.observed(), engine.watermark()) }
    }

    /// Nothing waits for its place any more: its events can have been lost.
    pub fn hurry(&mut self) {
        self.hurries = true;
    }

    /// Waits until something is asked; for ever where nobody can ask any more.
    pub async fn heard(&mut self) {
        if self.heard.is_none() {
            self.heard = self.asks.recv().await;
        }
        if self.heard.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Answers all that was asked.
    pub fn answer(&mut self, engine: &mut Engine, output: &mut Output) {
        while let Some(Ask { question, reply }) = self.heard.take().or_else(|| self.asks.try_recv().ok()) {
            let answer = match question {
                Question::Say(record) => self.say(engine, &record, output),
                Question::Preview(record) => match engine.examine(&record) {
                    Ok(taken) => Reply {
                        ok: true,
                        again: taken.again,
                        record: Some(taken.record),
                        preview: Some(taken.preview),
                        ..Reply::default()
                    },
                    Err(refusal) => Reply::refused(refusal.reason(), &refusal),
                },
                Question::List(tenant) => list(engine, tenant.as_deref()),
            };
            // Whoever asked may be gone by now.
            drop(reply.send(answer));
        }
    }

    /// What was acknowledged since the last time.
    pub fn take_acknowledged(&mut self) -> Vec<Acknowledged> {
        std::mem::take(&mut self.acknowledged)
    }

    fn say(&mut self, engine: &mut Engine, record: &Feedback, output: &mut Output) -> Reply {
        let taken = match engine.examine(record) {
            Ok(taken) => taken,
            Err(refusal) => {
                self.metrics.said(record.verdict, "refused");
                return Reply::refused(refusal.reason(), &refusal);
            }
        };
        if !taken.again {
            let at = Place { events: engine.observed(), event_time: engine.watermark() };
            if let Some(Err(error)) = self.journal.as_mut().map(|journal| journal.append(at, &taken.record)) {
                tracing::error!(%error, "the journal of feedback cannot be written");
                self.metrics.said(record.verdict, "refused");
                return Reply::refused("journal", &format!("the journal of feedback cannot be written: {error}"));
            }
        }
        match engine.feedback(&taken.record, output) {
            Ok(done) => {
                self.metrics.said(record.verdict, if done.again { "again" } else { "taken" });
                self.acknowledge(&done.record, done.alerts);
                let Feedback { id, by, verdict, bot, .. } = &done.record;
                tracing::info!(id, by, verdict = verdict.as_str(), bot, again = done.again, "feedback is taken");
                let (record, preview) = (Some(done.record), Some(taken.preview));
                Reply { ok: true, again: done.again, record, preview, ..Reply::default() }
            }
            Err(refusal) => {
                self.metrics.said(record.verdict, "refused");
                Reply::refused(refusal.reason(), &refusal)
            }
        }
    }

    /// Whoever decided about an alert is at it.
    fn acknowledge(&mut self, record: &Feedback, alerts: Vec<String>) {
        if matches!(record.verdict, Ruling::Acknowledge | Ruling::True) {
            let (tenant, by) = (&record.tenant, &record.by);
            let of = |id| Acknowledged { tenant: tenant.clone(), id, by: by.clone() };
            self.acknowledged.extend(alerts.into_iter().map(of));
        }
    }
}

/// Records that an engine has still to come to.
fn ahead(engine: &Engine, records: Vec<Placed>) -> Vec<Placed> {
    let known: Vec<(String, String)> =
        engine.decisions().into_iter().map(|facts| (facts.record.tenant, facts.record.id)).collect();
    let is_known = |record: &Feedback| known.iter().any(|(tenant, id)| *tenant == record.tenant && *id == record.id);
    let comes =
        |placed: &Placed| placed.at.is_none_or(|at| at.events >= engine.observed()) && !is_known(&placed.record);
    records.into_iter().filter(comes).collect()
}

fn list(engine: &Engine, tenant: Option<&str>) -> Reply {
    let mut decisions = engine.decisions();
    decisions.retain(|facts| tenant.is_none_or(|tenant| facts.record.tenant == tenant));
    // What holds is told before what was said.
    let active = |facts: &DecisionFacts| facts.state == DecisionState::Active;
    let over = decisions.len().saturating_sub(LISTED_MAX);
    let mut drop = over;
    decisions.retain(|facts| {
        let keep = active(facts) || drop == 0;
        drop -= usize::from(!keep);
        keep
    });
    let rest = decisions.len().saturating_sub(LISTED_MAX);
    decisions.drain(..rest);
    Reply { ok: true, decisions: Some(decisions), ..Reply::default() }
}
