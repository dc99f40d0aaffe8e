//! Alerts about a member's own sight: told by that member, and by another one if it dies.
//!
//! What is open stands in the ledger beside the sign of life. Whoever ranks first for a member that lives no more tells of
//! it again, says that it is over (who is gone sees nothing, and whoever comes has a sight of their own), and takes both
//! entries away.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::post::Post;
use super::view::View;
use crate::alert::coverage::ended;
use crate::alert::{Alert, Status, Whose};
use crate::runtime::clock;
use crate::runtime::notify::dispatch::{Dispatch, Owed};

/// The partition of these alerts, which no member owns.
const OWN: &str = "member";
/// Time between two looks at what could not be written, and at members that are gone.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time for an entry. More keeps the next alert waiting.
const WITHIN: Duration = Duration::from_secs(1);

struct Own {
    post: Arc<Post>,
    view: View,
    member: String,
    dispatch: Dispatch,
    open: Vec<Alert>,
    /// Whether the ledger does not have them as they are.
    unsaved: bool,
}

/// Tells until it is over: receivers first, then NATS.
pub(super) async fn run(
    post: Arc<Post>,
    (member, view): (String, View),
    mut faults: mpsc::Receiver<Alert>,
    over: CancellationToken,
) {
    let dispatch = match Dispatch::start(post.dispatch(None), Owed::default(), &post.metrics.receivers) {
        Ok(dispatch) => dispatch,
        Err(error) => return tracing::error!(%error, "nobody can be told of faults"),
    };
    let mut own = Own { post, view, member, dispatch, open: Vec::new(), unsaved: false };
    let mut due = tokio::time::interval(LOOK_EVERY);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let alert = tokio::select! {
            () = over.cancelled() => break,
            alert = faults.recv() => alert,
            _ = due.tick() => {
                own.look().await;
                continue;
            }
        };
        let Some(alert) = alert else { break };
        own.tell(&alert).await;
        own.open.retain(|known| known.id != alert.id);
        if alert.status == Status::Firing {
            own.open.push(alert);
        }
        own.unsaved = true;
        own.look().await;
    }
    own.dispatch.drain(clock::monotonic()).await;
}

impl Own {
    async fn tell(&self, alert: &Alert) {
        self.dispatch.offer(alert, &Whose::default());
        let subject = format!("{}.{}.{}", self.post.layout.fenced(OWN), alert.tenant, alert.severity);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, format!("{}.{}", alert.id, alert.revision));
        let payload = serde_json::to_vec(alert).unwrap_or_default();
        // Without a connection the client keeps it until there is one.
        if let Err(error) = self.post.client.publish_with_headers(subject, headers, payload.into()).await {
            tracing::warn!(%error, "an alert about our own sight cannot be published");
        }
    }

    /// Writes what is not written, and takes up what members that are gone have left.
    async fn look(&mut self) {
        if self.unsaved {
            let saved = tokio::time::timeout(WITHIN, self.post.ledger.own(&self.member, &self.open)).await;
            self.unsaved = !matches!(saved, Ok(Ok(())));
        }
        for (gone, left) in self.view.orphans(&self.member) {
            tracing::warn!(gone, left = left.len(), "a member is gone");
            for alert in left {
                self.tell(&alert).await;
                self.tell(&ended(&alert, clock::wall())).await;
            }
            match tokio::time::timeout(WITHIN, self.post.ledger.forget(&gone)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return tracing::warn!(gone, %error, "what a member left cannot be taken away"),
                Err(_) => return,
            }
        }
    }
}
