//! The only file that asks for the time.
//!
//! Everything that is judged runs on event time; the clocks here serve timeouts, figures about ourselves and the
//! signatures of webhooks. The monotonic clock is the one of tokio, so that tests can stop it.

use tokio::time::Instant;

use crate::time::Timestamp;

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
