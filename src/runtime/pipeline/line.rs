//! The threads and tasks of one engine, put together: what is fed in at one end comes out settled at the other.

use std::future::Future;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::BATCHES_QUEUED;
use super::decode::{Decoded, Decoder};
use super::score::Scorer;
use super::settle::{SettleError, Settler};
use crate::runtime::source::Feed;

/// One engine with everything around it.
#[derive(Debug)]
pub struct Line {
    /// Payloads become events.
    pub decoder: Decoder,
    /// The way from there to the engine.
    pub decoded: (mpsc::Sender<Decoded>, mpsc::Receiver<Decoded>),
    /// The engine.
    pub scorer: Scorer,
    /// What came out is made known and safe.
    pub settler: Settler,
}

impl Line {
    /// Works until the feed ends. `reading` feeds it, and is ended when nobody takes its feed any more; `watching` is
    /// cancelled when it has ended, `abort` ends every waiting.
    ///
    /// # Errors
    /// Settling ended before its time, or a thread cannot be started.
    pub async fn run<F>(
        self,
        fed: mpsc::Receiver<Feed>,
        reading: F,
        watching: CancellationToken,
        abort: CancellationToken,
    ) -> Result<(), SettleError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { decoder, decoded: (decoded, events), scorer, settler } = self;
        let (work, done) = mpsc::channel(BATCHES_QUEUED);
        let (spend, spent) = mpsc::channel(BATCHES_QUEUED);
        std::thread::Builder::new()
            .name("humdrum-decoder".to_owned())
            .spawn(move || decoder.run(fed, &decoded, spent))?;
        std::thread::Builder::new()
            .name("humdrum-engine".to_owned())
            .spawn(move || scorer.run(events, &spend, &work))?;
        let ended = watching.clone();
        let source = tokio::spawn(async move {
            reading.await;
            ended.cancel();
        });
        let settled = Box::pin(settler.run(done, abort)).await;
        source.abort();
        watching.cancel();
        settled
    }
}
