//! Trying a receiver out: one notice that says that it is a test, and what was answered.
//!
//! Where a test would stay open, as in Alertmanager and `PagerDuty`, its end is sent behind it.

use async_nats::Client;

use super::channel::{Answer, Channel, Outgoing, ReceiverError};
use super::delivery::Verdict;
use super::dispatch::particulars;
use super::guard::Lookup;
use crate::alert::body::{Body, Particulars};
use crate::alert::{Alert, BaselineNote, Cause, Notice, Severity, Status, Tags};
use crate::config::{ReceiverConfig, Service, WebhookConfig};
use crate::runtime::clock;
use crate::time::Timestamp;

/// What is tried out.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A webhook.
    Webhook(&'a WebhookConfig),
    /// A receiver.
    Receiver(&'a ReceiverConfig),
}

/// One message and its answer.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What was sent: `test`, or `its end`.
    pub what: &'static str,
    /// What was answered.
    pub answer: Answer,
    /// How long that took, in seconds.
    pub seconds: f64,
}

impl Trial {
    /// Whether it was taken.
    #[must_use]
    pub fn taken(&self) -> bool {
        self.answer.verdict == Verdict::Delivered
    }
}

/// Sends the test, and its end where it would stay open.
///
/// # Errors
/// The receiver cannot be set up.
pub async fn run(subject: Subject<'_>, nats: Option<&Client>) -> Result<Vec<Trial>, ReceiverError> {
    let (channel, body, particulars, stays, min_severity) = match subject {
        Subject::Webhook(config) => {
            (Channel::webhook(config)?, Body::plain(), Particulars::default(), false, config.min_severity)
        }
        Subject::Receiver(config) => {
            let channel = Channel::receiver(config, &Lookup::system(), nats)?;
            let stays = matches!(config.service, Service::Alertmanager | Service::PagerDuty);
            (channel, config.body.clone(), particulars(config), stays, config.min_severity)
        }
    };
    let test = Notice { cause: Cause::Test, ..Notice::new(alert(min_severity, clock::wall())) };
    let mut end = test.clone();
    (end.alert.status, end.alert.revision) = (Status::Resolved, 2);
    let mut trials = Vec::new();
    for (what, notice) in [("test", test)].into_iter().chain(stays.then_some(("its end", end))) {
        let (began, now) = (clock::monotonic(), clock::wall());
        let answer = match body.render(&notice, &particulars, now) {
            Ok(bytes) => {
                let content_type = body.content_type();
                channel.send(Outgoing { notice: &notice, body: &bytes, content_type, now }).await
            }
            Err(error) => Answer { verdict: Verdict::Refused, status: None, said: format!("body: {error}") },
        };
        let taken = answer.verdict == Verdict::Delivered;
        trials.push(Trial { what, answer, seconds: (clock::monotonic() - began).as_secs_f64() });
        if !taken {
            break;
        }
    }
    Ok(trials)
}

fn alert(severity: Severity, now: Timestamp) -> Alert {
    let id = format!("humdrum-test-{}", now.as_micros());
    Alert {
        incident: id.clone(),
        id,
        status: Status::Firing,
        revision: 1,
        ts: now,
        tenant: "humdrum-test".to_owned(),
        bot: Some("no-bot".to_owned()),
        session: None,
        producer: None,
        severity,
        score: 0.0,
        p_value: None,
        title: "This is a test of a receiver by `humdrum check --send-test`; nothing is wrong".to_owned(),
        reasons: Vec::new(),
        events: Vec::new(),
        event_count: 0,
        tags: Tags::default(),
        baseline: BaselineNote::default(),
        context: None,
        suppressed: None,
    }
}
