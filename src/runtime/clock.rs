//! The only file that asks for the time.
//!
//! Everything that is judged runs on event time; the clocks here serve timeouts, figures about ourselves, the signatures
//! of webhooks, and when somebody is told again of an alert. The monotonic clock is the one of tokio, so that tests can stop
//! it. Whoever waits for long is handed a [`Clock`], which tests move by hand.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::time::{Span, Timestamp};

/// Longest sleep towards an instant. Longer would notice a clock that was set too late, shorter would wake for nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The wall clock. A clock before 1970 reads as 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the file that may ask for the time")]
pub fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(since.as_micros() as i64)
}

/// The monotonic clock.
#[must_use]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// A wall clock that can be waited on: the machine's, or one that somebody moves.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<watch::Receiver<Timestamp>>);

/// What moves a clock.
#[derive(Debug)]
pub struct Hand(watch::Sender<Timestamp>);

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// One that stands still until it is moved.
    #[must_use]
    pub fn held(at: Timestamp) -> (Self, Hand) {
        let (hand, clock) = watch::channel(at);
        (Self(Some(clock)), Hand(hand))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(wall, |clock| *clock.borrow())
    }

    /// Waits for so long. The machine's clock may be set meanwhile; that makes no wait longer or shorter.
    pub async fn wait(&self, span: Duration) {
        let Some(mut clock) = self.0.clone() else { return tokio::time::sleep(span).await };
        let until = self.now() + Span::from_micros(i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
        if clock.wait_for(|now| until <= *now).await.is_err() {
            // Nobody is left to move it.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it shows an instant, however far away. It is looked at now and then, so that one which is set, or stood
    /// still while the machine slept, makes nobody wait for a time that is over.
    pub async fn wait_until(&self, at: Timestamp) {
        loop {
            let micros = u64::try_from((at - self.now()).as_micros()).unwrap_or(0);
            if micros == 0 {
                return;
            }
            self.wait(Duration::from_micros(micros).min(LOOK_AGAIN)).await;
        }
    }
}

impl Hand {
    /// Moves the clock on; whoever waited for no longer than that goes on.
    pub fn advance(&self, span: Duration) {
        let span = Span::from_micros(i64::try_from(span.as_micros()).unwrap_or(i64::MAX));
        self.0.send_modify(|now| *now = *now + span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_clock_goes_when_it_is_moved() {
        let (clock, hand) = Clock::held(Timestamp::from_micros(5));
        let mut wait = Box::pin(clock.wait(Duration::from_micros(10)));
        hand.advance(Duration::from_micros(9));
        assert!(futures_util::poll!(&mut wait).is_pending());
        hand.advance(Duration::from_micros(10));
        wait.await;
        clock.wait_until(Timestamp::from_micros(3)).await;
        assert_eq!(clock.now(), Timestamp::from_micros(24));
    }

    #[tokio::test(start_paused = true)]
    async fn an_instant_has_come_when_the_clock_shows_it_and_not_when_as_much_was_slept() {
        // The machine's clock hardly moves here, while the sleeps pass at once.
        let at = wall() + Span::from_hours(1);
        let waited = tokio::time::timeout(Duration::from_secs(7200), Clock::system().wait_until(at)).await;
        assert!(waited.is_err(), "it shows no hour more");
        Clock::system().wait_until(wall()).await;
    }

    #[tokio::test]
    async fn a_held_clock_is_waited_for_in_pieces() {
        let (clock, hand) = Clock::held(Timestamp::MIN);
        let mut wait = Box::pin(clock.wait_until(Timestamp::MIN + Span::from_hours(1)));
        assert!(futures_util::poll!(&mut wait).is_pending());
        hand.advance(Duration::from_secs(3599));
        assert!(futures_util::poll!(&mut wait).is_pending());
        hand.advance(Duration::from_secs(1));
        assert!(futures_util::poll!(&mut wait).is_ready());
    }
}
