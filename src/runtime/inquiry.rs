//! Questions to the engine from outside of its thread.
//!
//! The engine's state has no locks, so that whoever wants to read it sends a question, which the engine's own thread
//! answers between two batches. Questions wait in a bounded queue, an answer that takes too long is given up, and the
//! engine waits for nobody: a reader that has gone costs it one answer. Each question is answered in milliseconds at a
//! hundred thousand bots; what would take longer is asked in pieces.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::clock;
use crate::detect::Engine;

/// Questions that wait. More only moves waiting from the readers into our memory.
const QUESTIONS_QUEUED: usize = 32;
/// Time that a reader waits. Longer keeps a person before a page that does not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time of one round of answers while events wait. A bit less than a batch takes, so that readers at most halve the rate.
const ROUND: Duration = Duration::from_millis(5);

/// One question, with the way back for its answer in it.
type Question = Box<dyn FnOnce(&Engine) + Send>;

/// The engine did not answer: it has ended, or is busy for longer than anybody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The engine has ended.
    #[error("the engine has ended")]
    Ended,
    /// It is at work on something that takes longer.
    #[error("the engine is busy")]
    Busy,
}

/// Asks; cloning it makes another one who asks.
#[derive(Clone)]
pub struct Inquiry {
    questions: mpsc::Sender<Question>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

/// The engine's end.
pub struct Inbox(mpsc::Receiver<Question>);

/// A question that waits for its answer.
pub struct Asked(Question);

impl Asked {
    /// Answers it.
    pub fn answer(self, engine: &Engine) {
        (self.0)(engine);
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// Both ends. `wake` makes an engine look that waits for something else.
pub fn inquiry(wake: impl Fn() + Send + Sync + 'static) -> (Inquiry, Inbox) {
    let (questions, inbox) = mpsc::channel(QUESTIONS_QUEUED);
    (Inquiry { questions, wake: Arc::new(wake) }, Inbox(inbox))
}

impl Inquiry {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// There is none.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            let question: Question = Box::new(move |engine| {
                // Whoever asked may be gone by then.
                if !answer.is_closed() {
                    drop(answer.send(question(engine)));
                }
            });
            self.questions.send(question).await.map_err(|_| NoAnswer::Ended)?;
            (self.wake)();
            answered.await.map_err(|_| NoAnswer::Ended)
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(NoAnswer::Busy))
    }
}

impl Inbox {
    /// Answers those that wait, and while events do, for no longer than a round: the rest comes after the events.
    pub fn answer(&mut self, engine: &Engine, events_wait: impl Fn() -> bool) {
        let until = clock::monotonic() + ROUND;
        while let Ok(question) = self.0.try_recv() {
            question(engine);
            if clock::monotonic() >= until && events_wait() {
                break;
            }
        }
    }

    /// The next question, for whoever waits for something else besides; none where nobody can ask any more.
    pub async fn next(&mut self) -> Option<Asked> {
        self.0.recv().await.map(Asked)
    }

    /// Answers until nobody can ask any more. Blocks its thread.
    pub fn serve(mut self, engine: &Engine) {
        while let Some(question) = self.0.blocking_recv() {
            question(engine);
        }
    }

    /// Answers while something else is waited for.
    pub async fn answer_during<T>(&mut self, engine: &Engine, other: impl Future<Output = T>) -> T {
        let mut other = std::pin::pin!(other);
        let mut asked = true;
        loop {
            tokio::select! {
                done = other.as_mut() => return done,
                question = self.0.recv(), if asked => match question {
                    Some(question) => question(engine),
                    None => asked = false,
                },
            }
        }
    }
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").finish_non_exhaustive()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Settings;
    use crate::registry::Registry;

    fn engine() -> Engine {
        Engine::new(Settings::default(), Registry::default())
    }

    #[tokio::test]
    async fn the_engine_answers_between_its_batches_and_while_it_waits() {
        let (inquiry, mut inbox) = inquiry(|| {});
        let engine = engine();
        let asked = tokio::spawn({
            let inquiry = inquiry.clone();
            async move { inquiry.ask(Engine::bots_len).await }
        });
        let answered = inbox.answer_during(&engine, asked).await;
        assert_eq!(answered.expect("asked"), Ok(0));
        drop(inbox);
        assert_eq!(inquiry.ask(Engine::bots_len).await, Err(NoAnswer::Ended));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_gone_is_not_answered() {
        let (inquiry, mut inbox) = inquiry(|| {});
        let engine = engine();
        let (told, mut answers) = mpsc::unbounded_channel();
        let ask = |number: u32| {
            let (inquiry, told) = (inquiry.clone(), told.clone());
            tokio::spawn(async move { inquiry.ask(move |_| told.send(number)).await })
        };
        let gone = ask(0);
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        let asked = [ask(1), ask(2)];
        tokio::task::yield_now().await;
        inbox.answer(&engine, || false);
        let answered: Vec<u32> = std::iter::from_fn(|| answers.try_recv().ok()).collect();
        assert_eq!(answered, [1, 2]);
        for asked in asked {
            assert!(asked.await.expect("asked").is_ok());
        }
    }

    #[tokio::test]
    async fn a_round_ends_in_time_where_events_wait() {
        let (inquiry, mut inbox) = inquiry(|| {});
        let engine = engine();
        let slow = || {
            let inquiry = inquiry.clone();
            let over = clock::monotonic() + 2 * ROUND;
            tokio::spawn(async move { inquiry.ask(move |_| while clock::monotonic() < over {}).await })
        };
        let asked = [slow(), slow()];
        tokio::task::yield_now().await;
        inbox.answer(&engine, || true);
        assert_eq!(inbox.0.len(), 1, "the second one waits");
        inbox.answer(&engine, || false);
        for asked in asked {
            assert_eq!(asked.await.expect("asked"), Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_answered_in_time_is_told() {
        let (inquiry, inbox) = inquiry(|| {});
        assert_eq!(inquiry.ask(Engine::bots_len).await, Err(NoAnswer::Busy));
        drop(inquiry);
        // What waited is answered into the void, and nothing is left over.
        tokio::task::spawn_blocking(move || inbox.serve(&engine())).await.expect("ends");
    }
}
