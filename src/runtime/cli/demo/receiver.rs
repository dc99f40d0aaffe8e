//! The other end of the demo's webhook: an on-call system that trusts nothing it cannot verify.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::WEBHOOK_SECRET;
use crate::alert::Alert;
use crate::runtime::notify::signature::SigningKey;

/// A running receiver; it ends when dropped.
pub(super) struct Receiver {
    address: SocketAddr,
    inbox: Arc<Mutex<Inbox>>,
    _running: DropGuard,
}

#[derive(Default)]
struct Inbox {
    delivered: BTreeSet<(String, u32)>,
    forged: usize,
}

impl Receiver {
    /// Listens on a free port of the loopback.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the webhook's receiver")?;
        let address = listener.local_addr()?;
        let inbox: Arc<Mutex<Inbox>> = Arc::default();
        let router = Router::new().route("/page", post(take)).with_state(Arc::clone(&inbox));
        let stop = CancellationToken::new();
        let ended = stop.clone();
        tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the webhook's receiver ended");
            }
        });
        Ok(Self { address, inbox, _running: stop.drop_guard() })
    }

    /// Where to POST.
    pub(super) fn url(&self) -> String {
        format!("http://{}/page", self.address)
    }

    /// Alert ids with revisions that came with a valid signature, and how many requests came without.
    pub(super) fn delivered(&self) -> (BTreeSet<(String, u32)>, usize) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        (inbox.delivered.clone(), inbox.forged)
    }
}

async fn take(State(inbox): State<Arc<Mutex<Inbox>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let alert = verified(&headers, &body);
    let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(alert) = alert {
        inbox.delivered.insert((alert.id, alert.revision));
        StatusCode::NO_CONTENT
    } else {
        inbox.forged += 1;
        StatusCode::UNAUTHORIZED
    }
}

/// The alert of a request whose signature covers its id, its time and its body.
fn verified(headers: &HeaderMap, body: &[u8]) -> Option<Alert> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let (id, stamp) = (header("webhook-id")?, header("webhook-timestamp")?.parse().ok()?);
    let signed = SigningKey::parse(WEBHOOK_SECRET).ok()?.sign(id, stamp, body).ok()?;
    if header("webhook-signature")? != signed {
        return None;
    }
    serde_json::from_slice::<Alert>(body).ok().filter(|alert| alert.id == id)
}
