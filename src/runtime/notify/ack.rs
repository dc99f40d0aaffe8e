//! Acknowledgments: whoever is at an alert says so on `<prefix>.<tenant>`, `{"id": "…", "by": "…"}`.
//!
//! The tenant is the subject's, so that the server's permissions decide who may speak for whom. A request is answered; what
//! is only published is taken just as well. One that is lost, or comes while we are away, escalates, which is the safe side.

use std::sync::Arc;

use async_nats::{Client, Message};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::dispatch::Desk;
use crate::event::subject::decode_token;

/// Bytes of an acknowledgment. More is none.
const BYTES_MAX: usize = 4096;
/// Characters of the name of whoever acknowledges.
const BY_CHARS_MAX: usize = 128;

#[derive(Deserialize)]
struct Acknowledgment {
    id: String,
    #[serde(default)]
    by: String,
}

/// Listens until the closing. The connection subscribes again by itself when it was lost.
pub(super) async fn listen(client: Client, prefix: String, desk: Arc<Desk>, closing: CancellationToken) {
    let mut messages = match client.subscribe(format!("{prefix}.*")).await {
        Ok(messages) => messages,
        Err(error) => {
            tracing::error!(%error, "acknowledgments cannot be listened to; everything escalates");
            return;
        }
    };
    loop {
        let message = tokio::select! {
            () = closing.cancelled() => return,
            message = messages.next() => message,
        };
        let Some(message) = message else {
            tracing::error!("the subscription to acknowledgments has ended; everything escalates");
            return;
        };
        let answer = take(&message, &prefix, &desk);
        if let Some(reply) = message.reply
            && let Err(error) = client.publish(reply, answer.into()).await
        {
            tracing::warn!(%error, "an acknowledgment cannot be answered");
        }
    }
}

/// Takes one acknowledgment; the answer to it.
fn take(message: &Message, prefix: &str, desk: &Desk) -> String {
    let parsed = parse(message.subject.as_str(), &message.payload, prefix);
    let outcome = match &parsed {
        Some((tenant, acknowledgment)) => {
            let by: String = acknowledgment.by.chars().filter(|c| !c.is_control()).take(BY_CHARS_MAX).collect();
            desk.acknowledge(tenant, &acknowledgment.id, if by.is_empty() { "somebody" } else { &by })
                .map_err(|error| ("unknown", error.to_string()))
        }
        None => Err(("malformed", "write {\"id\": \"…\", \"by\": \"…\"}".to_owned())),
    };
    match outcome {
        Ok(()) => {
            desk.metrics().acknowledged("taken");
            serde_json::json!({ "ok": true }).to_string()
        }
        Err((reason, error)) => {
            desk.metrics().acknowledged(reason);
            tracing::warn!(subject = message.subject.as_str(), reason, "an acknowledgment is none");
            serde_json::json!({ "ok": false, "error": error }).to_string()
        }
    }
}

fn parse(subject: &str, payload: &[u8], prefix: &str) -> Option<(String, Acknowledgment)> {
    let token = subject.strip_prefix(prefix)?.strip_prefix('.')?;
    let tenant = decode_token(token)?.into_owned();
    let body = payload.get(..payload.len().min(BYTES_MAX + 1)).filter(|body| body.len() <= BYTES_MAX)?;
    Some((tenant, serde_json::from_slice(body).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgment_is_of_the_subjects_tenant() {
        let parse = |subject: &str, body: &[u8]| {
            parse(subject, body, "humdrum.ack").map(|(tenant, ack)| (tenant, ack.id, ack.by))
        };
        let text = |list: [&str; 3]| Some((list[0].to_owned(), list[1].to_owned(), list[2].to_owned()));
        assert_eq!(parse("humdrum.ack.acme%20corp", br#"{"id":"a","by":"b","x":1}"#), text(["acme corp", "a", "b"]));
        assert_eq!(parse("humdrum.ack.acme", br#"{"id":"a"}"#), text(["acme", "a", ""]));
        for (subject, body) in [
            ("humdrum.ack.a%", &br#"{"id":"a"}"#[..]),
            ("humdrum.ack", br#"{"id":"a"}"#),
            ("humdrum.ack.a", b"a"),
            ("humdrum.ack.a", &[b' '; BYTES_MAX + 1]),
        ] {
            assert_eq!(parse(subject, body), None, "{subject}");
        }
    }
}
