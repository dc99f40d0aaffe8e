//! What a template may use.

use std::fmt;

use serde::Serialize;

use super::super::notice::{Cause, Notice};
use super::super::wire::{
    Alert, AlertContext, BaselineNote, Dimension, LogNote, NearestNormal, Reason, Severity, Status, Tags,
};
use super::Particulars;
use crate::time::Timestamp;

/// Everything that a template may use, by these names. It has a secret in it and does not print itself.
#[derive(Clone, Serialize)]
pub struct Scene<'a> {
    /// The alert as it is published.
    alert: &'a Alert,
    /// Why it is told: `published`, `repeated`, `acknowledged`, `escalated` or `test`.
    cause: Cause,
    /// The severity of which the receiver was told before, if that was another; else none.
    severity_before: Option<Severity>,
    /// The team that runs the bot, if the registry says.
    team: Option<&'a str>,
    /// Who answers for the bot, if the registry says.
    owner: Option<&'a str>,
    /// Who is at it.
    acknowledged_by: Option<&'a str>,
    /// `FIRING` or `RESOLVED`, or why it is told where that says more: `ESCALATED`, `TEST FIRING`.
    headline: String,
    /// Event time at which it was first raised, and no later than `now`.
    starts_at: Timestamp,
    /// When Alertmanager shall take it for resolved, unless it is told again: `now` for what is resolved.
    ends_at: Timestamp,
    /// The instant, by the wall clock.
    now: Timestamp,
    /// The same in milliseconds since 1970.
    now_ms: i64,
    /// Event time at which it was first raised, in milliseconds since 1970.
    began_ms: i64,
    /// Event time of the newest evidence, in milliseconds since 1970.
    ts_ms: i64,
    /// Who it is about: the bot, else the producer, else the tenant.
    about: &'a str,
    /// `PagerDuty`'s integration key.
    routing_key: &'a str,
    /// The program's version.
    version: &'static str,
}

impl fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("alert", &self.alert.id).field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl<'a> Scene<'a> {
    pub(super) fn new(notice: &'a Notice, particulars: &'a Particulars, now: Timestamp) -> Self {
        let alert = &notice.alert;
        let resolved = alert.status == Status::Resolved;
        let state = alert.status.as_str().to_ascii_uppercase();
        let starts_at = notice.began.min(now);
        let ms = |at: Timestamp| at.as_micros().div_euclid(1000);
        Self {
            alert,
            cause: notice.cause,
            severity_before: notice.severity_before,
            team: notice.team.as_deref(),
            owner: notice.owner.as_deref(),
            acknowledged_by: notice.acknowledged_by.as_deref(),
            headline: match notice.cause {
                Cause::Test => format!("TEST {state}"),
                Cause::Escalated => "ESCALATED".to_owned(),
                Cause::Published | Cause::Repeated | Cause::Acknowledged => state,
            },
            starts_at,
            ends_at: if resolved { now } else { now + particulars.hold },
            now,
            now_ms: ms(now),
            began_ms: ms(notice.began),
            ts_ms: ms(alert.ts),
            about: alert.bot.as_deref().or(alert.producer.as_deref()).unwrap_or(&alert.tenant),
            routing_key: &particulars.routing_key,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Notices of every kind, to try a template on: with everything in them, and with as little as there can be.
pub(super) fn trials() -> Vec<Notice> {
    let full = Notice { team: Some("rpa".to_owned()), owner: Some("alice".to_owned()), ..Notice::new(full()) };
    let bare = Notice::new(bare());
    let mut trials = Vec::new();
    for notice in [full, bare] {
        trials.push(notice.clone());
        trials.push(Notice { cause: Cause::Escalated, severity_before: Some(Severity::Medium), ..notice.clone() });
        trials.push(Notice { cause: Cause::Repeated, ..notice.clone() });
        trials.push(Notice { cause: Cause::Test, ..notice.clone() });
        trials.push(Notice { cause: Cause::Acknowledged, acknowledged_by: Some("bob".to_owned()), ..notice.clone() });
        trials.push(Notice { alert: Alert { status: Status::Resolved, ..notice.alert.clone() }, ..notice });
    }
    trials
}

fn bare() -> Alert {
    Alert {
        id: "0".repeat(32),
        status: Status::Firing,
        revision: 1,
        ts: Timestamp::from_micros(1_777_874_400_000_000),
        tenant: "t".to_owned(),
        bot: None,
        session: None,
        producer: None,
        severity: Severity::Info,
        score: 0.0,
        p_value: None,
        title: String::new(),
        reasons: Vec::new(),
        events: Vec::new(),
        event_count: 0,
        incident: "inc-0".to_owned(),
        tags: Tags::default(),
        baseline: BaselineNote::default(),
        context: None,
        suppressed: None,
    }
}

fn full() -> Alert {
    let reason = Reason {
        dimension: Dimension::Volume,
        detector: "volume.records".to_owned(),
        p_value: Some(1e-9),
        observed: "\"40000\"".to_owned(),
        expected: "at most 1000".to_owned(),
        text: "40000 records,\nat most 1000 expected".to_owned(),
        contribution: Some(1.0),
    };
    let ts = Timestamp::from_micros(1_777_788_000_000_000);
    Alert {
        bot: Some("b".to_owned()),
        session: Some("s".to_owned()),
        producer: Some("p".to_owned()),
        severity: Severity::Critical,
        score: 99.5,
        p_value: Some(1e-9),
        title: "b read 40 times more \"records\" than ever\\".to_owned(),
        reasons: vec![reason.clone(), Reason { p_value: None, contribution: None, ..reason }],
        events: vec!["e1".to_owned(), "e2".to_owned()],
        event_count: 2,
        tags: Tags { mitre_attack: vec!["T1048".to_owned()], owasp_nhi: vec!["NHI5".to_owned()] },
        baseline: BaselineNote { days: 28.0, events: 1000, mature: true },
        context: Some(AlertContext {
            nearest_normal: Some(NearestNormal { session: None, ts, differs: "host".to_owned() }),
            log: Some(LogNote { producer: "p".to_owned(), complete: false, missing: 3 }),
        }),
        ..bare()
    }
}
