//! The alert log within settling: on a thread that may wait for the disk, and never in the way of an alert.
//!
//! What cannot be written waits in the log and is tried again with every batch. Meanwhile alerts go out as ever, and no
//! snapshot is written, so that the events of what waits are read again after a crash.

use std::sync::Arc;

use super::BATCHES_QUEUED;
use crate::alert::Alert;
use crate::runtime::audit::head::Head;
use crate::runtime::audit::log::{AlertLog, LogError};
use crate::runtime::health::HealthState;
use crate::runtime::metrics::LogMetrics;
use crate::runtime::store::format::LogPlace;

/// Checkpoints after the stream's end was reached at which everything read before it has surely come by. As many batches
/// may be on their way: in the three queues before the decoder, the engine and settling, and one in the hands of each of
/// the three. Fewer could forget a record that comes again.
const CHECKPOINTS_BEHIND: usize = 3 * BATCHES_QUEUED + 3;

/// The log, its figures, and where its faults are told.
#[derive(Debug)]
pub struct LogWriter {
    log: Option<AlertLog>,
    metrics: LogMetrics,
    health: HealthState,
    /// Checkpoints since the stream's end was reached.
    caught_up: usize,
}

impl LogWriter {
    /// A writer on an open log; none where no state is kept.
    #[must_use]
    pub fn new(log: Option<AlertLog>, metrics: LogMetrics, health: HealthState) -> Self {
        let writer = Self { log, metrics, health, caught_up: 0 };
        writer.tell();
        writer
    }

    /// Writes alerts, and whatever has waited. What fails is told and waits. Returns the head if one was due.
    pub async fn write(&mut self, alerts: &[Arc<Alert>]) -> Option<Head> {
        if alerts.is_empty() && self.log.as_ref().is_none_or(|log| log.waiting() == 0) {
            return None;
        }
        let (alerts, dropped) = (alerts.to_vec(), self.metrics.dropped.clone());
        let take = move |log: &mut AlertLog| {
            for alert in &alerts {
                if let Err(error) = log.take(alert) {
                    dropped.inc();
                    tracing::error!(alert = alert.id, reason = error.reason(), %error, "alert is not logged");
                }
            }
            log.flush()
        };
        self.on_thread(take).await.unwrap_or(None)
    }

    /// Makes everything safe on the disk, and signs for it, at a checkpoint. Returns the head if there is a new one.
    ///
    /// # Errors
    /// The disk. No snapshot may be written then.
    pub async fn seal(&mut self) -> Result<Option<Head>, LogError> {
        self.caught_up += usize::from(self.health.caught_up());
        if self.caught_up > CHECKPOINTS_BEHIND
            && let Some(log) = &mut self.log
        {
            log.await_no_more();
        }
        self.on_thread(AlertLog::seal).await
    }

    /// The log's place, for the snapshot.
    #[must_use]
    pub fn place(&self) -> Option<LogPlace> {
        self.log.as_ref().and_then(AlertLog::place)
    }

    async fn on_thread<F>(&mut self, task: F) -> Result<Option<Head>, LogError>
    where
        F: FnOnce(&mut AlertLog) -> Result<Option<Head>, LogError> + Send + 'static,
    {
        let Some(mut log) = self.log.take() else { return Ok(None) };
        let (written, waited, records) = (log.written(), log.waiting() > 0, self.metrics.records.clone());
        let done = tokio::task::spawn_blocking(move || {
            let done = task(&mut log);
            records.inc_by(log.written() - written);
            (log, done)
        });
        let done = match done.await {
            Ok((log, done)) => {
                self.log = Some(log);
                done
            }
            Err(error) => {
                tracing::error!(%error, "the alert log's thread died; alerts are logged no more");
                Ok(None)
            }
        };
        self.tell();
        if let Err(error) = &done {
            self.metrics.failures.inc();
            self.health.set_error(error);
            // Told once; each batch tries again.
            if !waited {
                tracing::error!(reason = error.reason(), %error, "alerts wait for the alert log");
            }
        }
        done
    }

    fn tell(&self) {
        let Some(log) = &self.log else { return };
        self.metrics.signed.set(i64::try_from(log.signed()).unwrap_or(i64::MAX));
        self.metrics.waiting.set(i64::try_from(log.waiting()).unwrap_or(i64::MAX));
        self.health.set_log_waiting(log.waiting());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use crate::alert::fixtures::alert;
    use crate::runtime::audit::files;
    use crate::runtime::audit::log::LogParams;

    #[tokio::test]
    async fn what_cannot_be_written_waits_and_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let params = LogParams { key_file: None, file_bytes_max: 300, files_max: 9 };
        let (log, _) = AlertLog::open(dir.path(), params, None).expect("opens");
        let metrics = LogMetrics::new(&prometheus::Registry::new()).expect("registers");
        let health = HealthState::new(None);
        let mut writer = LogWriter::new(Some(log), metrics.clone(), health.clone());
        let alert = |id: &str| Arc::new(alert(id, Severity::High));
        assert_eq!(writer.write(&[alert("a1")]).await, None);
        // Something is in the way of the next file, as a full disk would be.
        let next = files::full_path(dir.path(), 1);
        std::fs::create_dir(&next).expect("makes a directory");
        assert_eq!(writer.write(&[alert("a2")]).await, None);
        assert!(writer.seal().await.is_err() && writer.place().is_none(), "no snapshot is written meanwhile");
        assert_eq!((metrics.records.get(), metrics.waiting.get(), metrics.failures.get()), (1, 1, 2));
        let missing = health.readiness().expect_err("not ready");
        assert!(missing.contains(&"the alert log cannot be written: 1 alerts wait for it".to_owned()), "{missing:?}");
        std::fs::remove_dir(&next).expect("gives way");
        writer.write(&[]).await;
        assert_eq!((metrics.records.get(), metrics.waiting.get(), metrics.signed.get()), (2, 0, 1));
        assert_eq!(writer.seal().await.expect("signs").map(|head| head.number), Some(2));
    }

    #[tokio::test]
    async fn what_a_crash_lets_come_again_is_awaited_until_the_stream_was_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let open = || {
            let params = LogParams { key_file: None, file_bytes_max: 1 << 20, files_max: 9 };
            AlertLog::open(dir.path(), params, None).expect("opens").0
        };
        let mut log = open();
        log.take(&alert("a1", Severity::High)).expect("is taken");
        log.seal().expect("signs");
        let (metrics, health) =
            (LogMetrics::new(&prometheus::Registry::new()).expect("registers"), HealthState::new(None));
        let mut writer = LogWriter::new(Some(open()), metrics, health.clone());
        let awaited = |writer: &LogWriter| writer.place().map(|place| place.awaited.len());
        for _ in 0..20 {
            writer.seal().await.expect("signs");
        }
        assert_eq!(awaited(&writer), Some(1), "the stream is still being read");
        health.set_lag(0);
        for _ in 0..CHECKPOINTS_BEHIND {
            writer.seal().await.expect("signs");
        }
        assert_eq!(awaited(&writer), Some(1), "it may be on its way");
        writer.seal().await.expect("signs");
        assert_eq!(awaited(&writer), Some(0));
    }

    #[tokio::test]
    async fn without_state_nothing_is_logged() {
        let metrics = LogMetrics::new(&prometheus::Registry::new()).expect("registers");
        let mut writer = LogWriter::new(None, metrics.clone(), HealthState::new(None));
        assert_eq!(writer.write(&[Arc::new(alert("a1", Severity::High))]).await, None);
        assert!(writer.seal().await.is_ok_and(|head| head.is_none()) && writer.place().is_none());
        assert_eq!(metrics.records.get(), 0);
    }
}
