//! Feedback over NATS: a record on `<prefix>.<tenant>`, answered.
//!
//! The tenant is the subject's, so that the server's permissions decide who may speak for whom. With `"ask": "preview"`
//! in it nothing is taken; `{"ask": "list"}` asks for the decisions.

use async_nats::{Client, Message};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::desk::{Feedbacks, Question, Reply};
use crate::alert::Feedback;
use crate::event::subject::decode_token;

/// Bytes of a record. More is none.
const BYTES_MAX: usize = 65_536;

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    ask: Option<String>,
}

/// Listens until the stop. The connection subscribes again by itself when it was lost.
pub async fn listen(client: Client, prefix: String, feedbacks: Feedbacks, stop: CancellationToken) {
    let mut messages = match client.subscribe(format!("{prefix}.*")).await {
        Ok(messages) => messages,
        Err(error) => {
            tracing::error!(%error, "feedback cannot be listened to");
            return;
        }
    };
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return,
            message = messages.next() => message,
        };
        let Some(message) = message else { return };
        let answer = match question(message.subject.as_str(), &message.payload, &prefix) {
            Ok(question) => feedbacks.ask(question).await,
            Err(error) => Reply::refused("malformed", &error),
        };
        if !answer.ok {
            tracing::warn!(subject = message.subject.as_str(), error = answer.error, "feedback is not taken");
        }
        respond(&client, message, &answer).await;
    }
}

async fn respond(client: &Client, message: Message, answer: &Reply) {
    let Some(reply) = message.reply else { return };
    let payload = serde_json::to_vec(answer).unwrap_or_default();
    if let Err(error) = client.publish(reply, payload.into()).await {
        tracing::warn!(%error, "feedback cannot be answered");
    }
}

/// What a message asks.
fn question(subject: &str, payload: &[u8], prefix: &str) -> Result<Question, String> {
    let token = subject.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
    let tenant = token.and_then(decode_token).ok_or("the subject names no tenant")?.into_owned();
    if payload.len() > BYTES_MAX {
        return Err(format!("{} bytes, at most {BYTES_MAX}", payload.len()));
    }
    let head: Head = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if head.ask.as_deref() == Some("list") {
        return Ok(Question::List(Some(tenant)));
    }
    let mut record: Feedback = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    if !record.tenant.is_empty() && record.tenant != tenant {
        return Err(format!("the record is of tenant `{}` and the subject of `{tenant}`", record.tenant));
    }
    record.tenant = tenant;
    match head.ask.as_deref() {
        None | Some("say") => Ok(Question::Say(Box::new(record))),
        Some("preview") => Ok(Question::Preview(Box::new(record))),
        Some(other) => Err(format!("`ask` is `say`, `preview` or `list`, not `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_of_the_subjects_tenant() {
        let ask = |subject: &str, body: &str| question(subject, body.as_bytes(), "humdrum.feedback");
        let body = r#"{"id":"a","ts":"2026-05-04T06:00:00Z","verdict":"false","alert":"b"}"#;
        let Ok(Question::Say(record)) = ask("humdrum.feedback.acme%20corp", body) else { panic!("is taken") };
        assert_eq!((record.tenant.as_str(), record.alert.as_deref()), ("acme corp", Some("b")));
        let preview = body.replacen('{', r#"{"ask":"preview","#, 1);
        assert!(matches!(ask("humdrum.feedback.acme", &preview), Ok(Question::Preview(_))));
        assert_eq!(ask("humdrum.feedback.acme", r#"{"ask":"list"}"#), Ok(Question::List(Some("acme".to_owned()))));
        let other = body.replacen('{', r#"{"tenant":"b","#, 1);
        for (subject, body) in [
            ("humdrum.feedback.acme", other.as_str()),
            ("humdrum.feedback", body),
            ("humdrum.feedback.a", "{"),
            ("humdrum.feedback.a", r#"{"ask":"else","id":"a","ts":"2026-05-04T06:00:00Z","verdict":"false"}"#),
        ] {
            assert!(ask(subject, body).is_err(), "{subject} {body}");
        }
    }
}
