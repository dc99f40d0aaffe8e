//! The order in which what came of a batch becomes known, and safe. It is the whole proof that a crash loses nothing, so
//! it is written once, on a seam: in earnest over the disk, the receivers and NATS, in the suite of faults over what fails
//! at any of these steps.

use std::future::Future;
use std::sync::Arc;

use async_nats::Subject;
use tokio_util::sync::CancellationToken;

use super::settle::SettleError;
use super::{Raised, Scored};
use crate::alert::Alert;
use crate::runtime::audit::head::Head;
use crate::runtime::notify::nats::DeadLetter;

/// Where alerts go.
pub trait Outlets: Send {
    /// Writes alerts into the log and shows them; a head where one was due. What cannot be written waits.
    fn log(&mut self, alerts: &[Arc<Alert>]) -> impl Future<Output = Option<Head>> + Send;

    /// Whether alerts pass a fence.
    fn is_fenced(&self) -> bool;

    /// Puts alerts by their routes into the queues of receivers.
    fn offer(&mut self, raised: &[Raised]);

    /// Publishes alerts, and goes on until they are.
    fn publish(
        &mut self,
        alerts: Vec<Arc<Alert>>,
        abort: &CancellationToken,
    ) -> impl Future<Output = Result<(), SettleError>> + Send;

    /// Publishes a head of the log.
    fn head(&mut self, head: Option<Head>) -> impl Future<Output = ()> + Send;

    /// What came of a batch is known.
    fn told(&mut self, scored: &Scored);

    /// Publishes dead letters, and goes on until they are.
    fn dead_letters(
        &mut self,
        letters: &[DeadLetter],
        abort: &CancellationToken,
    ) -> impl Future<Output = Result<(), SettleError>> + Send;

    /// Acknowledges a batch.
    fn acknowledge(&mut self, subject: Subject) -> impl Future<Output = ()> + Send;
}

/// Settles a batch, each step behind the one before: alerts into the log, into the queues of receivers and onto NATS, dead
/// letters, and the acknowledgment last. The log comes first, so that whatever was published is in it; a log that cannot
/// be written holds nothing up.
///
/// # Errors
/// Aborted, or another owner has the partition. Nothing is acknowledged then.
pub async fn settle<O: Outlets>(outlets: &mut O, scored: Scored, abort: &CancellationToken) -> Result<(), SettleError> {
    let alerts: Vec<Arc<Alert>> = scored.alerts.iter().map(|raised| Arc::clone(&raised.alert)).collect();
    let head = outlets.log(&alerts).await;
    if outlets.is_fenced() {
        // Whoever does not own the partition any more finds out here, before anybody is paged.
        outlets.publish(alerts, abort).await?;
        outlets.offer(&scored.alerts);
    } else {
        // Receivers first: what pages must not wait for a server that is in trouble.
        outlets.offer(&scored.alerts);
        outlets.publish(alerts, abort).await?;
    }
    outlets.head(head).await;
    outlets.told(&scored);
    outlets.dead_letters(&scored.rejected, abort).await?;
    if let Some(subject) = scored.ack {
        outlets.acknowledge(subject).await;
    }
    Ok(())
}
