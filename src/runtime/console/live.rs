//! What keeps pages fresh: a stream of server-sent events that says when something has changed, and nothing else.
//!
//! The page asks again for itself, so that there is one way in which a page is made. A stream ends with its connection,
//! and the browser opens the next one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::{sleep, timeout};

use super::desk::Desk;

/// Readers at a time; further ones read pages that do not move. They must leave connections for pages.
const READERS_MAX: usize = 128;
/// Least time between two words to one reader. Shorter makes pages flicker while a story unfolds.
const PAUSE: Duration = Duration::from_secs(2);
/// Time without any change after which a page looks all the same, for its clocks and its lag.
const BEAT: Duration = Duration::from_secs(15);
/// Time after which a browser that lost the stream asks for another.
const RETRY: Duration = Duration::from_secs(2);

/// How many read, counted for as long as it lives.
struct Reader(Arc<AtomicUsize>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The stream.
pub(super) async fn live(State(desk): State<Arc<Desk>>) -> Response {
    let reader = Reader(Arc::clone(&desk.readers));
    if desk.readers.fetch_add(1, Ordering::Relaxed) >= READERS_MAX {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many readers; the page still loads\n").into_response();
    }
    let changes = desk.archive.changes();
    let stopping = desk.stopping.clone();
    let words = stream::unfold((changes, stopping, reader, true), async |(mut changes, stopping, reader, first)| {
        if !first {
            let waited = async {
                sleep(PAUSE).await;
                drop(timeout(BEAT, changes.changed()).await);
            };
            tokio::select! {
                () = stopping.cancelled() => return None,
                () = waited => {}
            }
        }
        let version = *changes.borrow_and_update();
        let word = Event::default().event("change").data(version.to_string()).retry(RETRY);
        Some((Ok::<_, Infallible>(word), (changes, stopping, reader, false)))
    });
    Sse::new(words).keep_alive(KeepAlive::default()).into_response()
}
