//! The stream, as one process reads it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use humdrum::runtime::nats::streams::StreamError;
use humdrum::runtime::source::upstream::{ConsumerFacts, Delivery, Record, RecordFault, StreamFacts, Upstream};

use crate::broker::{Next, STREAM, World};
use crate::hold::Hold;
use crate::plan::Mutant;

/// The stream, as one process reads it.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) hold: Hold,
    pub(crate) consumer: u64,
}

/// Messages as they come.
#[derive(Debug)]
pub(crate) struct Flow {
    hold: Hold,
    consumer: u64,
    held: Option<Delivery>,
}

impl Stream for Flow {
    type Item = Result<Delivery, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.hold.is_dead() {
            return Poll::Pending;
        }
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(held)));
        }
        let next = {
            let mut world = self.hold.world();
            let next = world.next(self.consumer);
            if matches!(next, Next::Nothing) {
                world.waiting.push(cx.waker().clone());
            }
            next
        };
        match next {
            Next::Nothing => Poll::Pending,
            Next::One(delivery) => Poll::Ready(Some(Ok(delivery))),
            Next::Two(first, second) => {
                self.held = Some(second);
                Poll::Ready(Some(Ok(first)))
            }
            Next::Broken => Poll::Ready(Some(Err("the connection broke".to_owned()))),
            Next::Ended => Poll::Ready(None),
            Next::Crash => {
                self.hold.strike();
                Poll::Pending
            }
        }
    }
}

impl Upstream for Reader {
    type Flow = Flow;

    async fn open(&mut self) -> Result<StreamFacts, StreamError> {
        let unavailable = |detail| StreamError::Unavailable { name: STREAM.to_owned(), detail };
        self.hold.ask(|world| world.facts()).await.map_err(unavailable)
    }

    async fn stream(&self) -> Result<StreamFacts, String> {
        self.hold.ask(|world| world.facts()).await
    }

    async fn record(&self, sequence: u64) -> Result<Option<Record>, RecordFault> {
        if self.hold.world().is(Mutant::TrustsNumbers) {
            return Err(RecordFault::Denied);
        }
        self.hold.ask(|world| world.record(sequence)).await.map_err(RecordFault::Failed)
    }

    async fn newest(&self, subject: &str) -> Result<u64, String> {
        self.hold.ask(|world| world.newest(subject)).await
    }

    async fn consumer(&mut self) -> Result<Option<ConsumerFacts>, String> {
        self.hold.ask(|world| world.consumer(self.consumer)).await
    }

    async fn remove_consumer(&mut self) -> Result<(), String> {
        self.hold.ask(|world| world.remove_consumer(self.consumer)).await
    }

    async fn make_consumer(&mut self, after: u64) -> Result<ConsumerFacts, String> {
        let made = |world: &mut World| {
            world.make_consumer(self.consumer, after);
            world.consumer(self.consumer)
        };
        self.hold.ask(made).await?.ok_or_else(|| "it is gone again".to_owned())
    }

    async fn flow(&self) -> Result<Flow, String> {
        self.hold.ask(|_| ()).await?;
        Ok(Flow { hold: self.hold.clone(), consumer: self.consumer, held: None })
    }

    async fn write(&self, _subject: String, _payload: Bytes, _last: u64) -> Result<(), String> {
        Err("silence of the story is on record already".to_owned())
    }
}
