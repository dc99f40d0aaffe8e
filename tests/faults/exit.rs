//! Where alerts go: the log, the stream or its fence, dead letters, acknowledgments.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use humdrum::alert::Alert;
use humdrum::runtime::audit::head::Head;
use humdrum::runtime::notify::fence::{Fence, FenceError};
use humdrum::runtime::notify::gate::{Gate, Newest, Passage, Passed};
use humdrum::runtime::notify::nats::{DeadLetter, Stopped, outgoing};
use humdrum::runtime::pipeline::order::Outlets;
use humdrum::runtime::pipeline::settle::SettleError;
use humdrum::runtime::pipeline::{Raised, Scored};
use tokio_util::sync::CancellationToken;

use crate::broker::World;
use crate::hold::{Hold, pass};

/// Alerts are published below it.
const ALERTS: &str = "humdrum.alerts";

/// The stream that the fence stands in.
#[derive(Debug)]
pub(crate) struct Door(pub(crate) Hold);

impl Gate for Door {
    async fn publish(&self, passage: Passage) -> Result<Passed, FenceError> {
        let passed = self.0.ask(|world| world.pass(passage)).await.map_err(FenceError::Unavailable)?;
        passed.ok_or_else(|| FenceError::Lost("wrong last sequence".to_owned()))
    }

    async fn newest(&self, _subjects: &str) -> Result<Option<Newest>, FenceError> {
        self.0.ask(|world| world.newest_past()).await.map_err(FenceError::Unavailable)
    }

    async fn passed(
        &self,
        _subjects: &str,
        after: u64,
        before: u64,
        count_max: usize,
        _each: Duration,
    ) -> Result<Vec<(String, u64)>, FenceError> {
        let passed = |world: &mut World| {
            let numbered = (1..).zip(&world.fence).filter(|(number, _)| (after + 1..before).contains(number));
            let named = numbered.filter_map(|(number, past)| Some((past.id.clone()?, number)));
            named.take(count_max).collect()
        };
        self.0.ask(passed).await.map_err(FenceError::Unavailable)
    }
}

/// Where alerts go.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) hold: Hold,
    pub(crate) fence: Option<Fence<Door>>,
}

impl Outlets for Exit {
    async fn log(&mut self, alerts: &[Arc<Alert>]) -> Option<Head> {
        let ids = alerts.iter().filter_map(|alert| outgoing(ALERTS, alert)).map(|out| out.id().to_owned());
        self.hold.world().logged.extend(ids);
        None
    }

    fn is_fenced(&self) -> bool {
        self.fence.is_some()
    }

    fn offer(&mut self, _raised: &[Raised]) {}

    async fn publish(&mut self, alerts: Vec<Arc<Alert>>, _abort: &CancellationToken) -> Result<(), SettleError> {
        for out in alerts.iter().filter_map(|alert| outgoing(ALERTS, alert)) {
            let Some(fence) = &mut self.fence else {
                while self.hold.ask(|world| world.take_alert(out.id(), out.payload.clone())).await.is_err() {
                    pass(50).await;
                }
                continue;
            };
            let pause = |_, _| Duration::from_millis(50);
            let passed = fence.pass(out.below(ALERTS), out.id(), &out.payload, pause).await;
            passed.map_err(|error| SettleError::from(Stopped::Fenced(error)))?;
        }
        Ok(())
    }

    async fn head(&mut self, _head: Option<Head>) {}

    fn told(&mut self, scored: &Scored) {
        if let (Some(fence), Some(event)) = (&mut self.fence, scored.reached) {
            fence.reached(event);
        }
    }

    async fn dead_letters(&mut self, letters: &[DeadLetter], _abort: &CancellationToken) -> Result<(), SettleError> {
        for letter in letters {
            let id = letter.id.clone().unwrap_or_default();
            while self.hold.ask(|world| world.letters.insert(id.clone())).await.is_err() {
                pass(50).await;
            }
        }
        Ok(())
    }

    async fn acknowledge(&mut self, subject: Subject) {
        let (consumer, sequence) = subject.split_once('.').expect("a subject of ours");
        let (consumer, sequence) = (consumer.parse().expect("a number"), sequence.parse().expect("a number"));
        // One that is lost is covered by the next.
        self.hold.ask(|world| world.acknowledge(consumer, sequence)).await.ok();
    }
}
