//! Sessions: who signed in, by a token that only the browser has. They live in memory and end with the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use crate::runtime::clock;

/// Time without a request after which a session ends, and its whole life.
const IDLE_MAX: Duration = Duration::from_secs(2 * 3600);
const LIFE_MAX: Duration = Duration::from_secs(12 * 3600);
/// Sessions at a time; the one longest unused gives way.
const SESSIONS_MAX: usize = 1000;

/// The sessions, by the hash of their token: whoever reads the memory of the map has no token.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<blake3::Hash, Session>>);

#[derive(Clone, Debug)]
struct Session {
    name: String,
    began: Instant,
    used: Instant,
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) < IDLE_MAX && now.saturating_duration_since(self.began) < LIFE_MAX
    }
}

/// A token that nobody guesses; none where the system gives no randomness.
pub(in crate::runtime::console) fn random() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

impl Sessions {
    /// Begins a session; its token, or none where the system gives no randomness.
    pub(super) fn begin(&self, name: &str) -> Option<String> {
        let token = random()?;
        let now = clock::monotonic();
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.lives(now));
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(blake3::hash(token.as_bytes()), Session { name: name.to_owned(), began: now, used: now });
        Some(token)
    }

    /// Whose session a token is. Only what a person asks for keeps it from being idle.
    pub(super) fn whom(&self, token: &str, is_person: bool) -> Option<String> {
        let now = clock::monotonic();
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(&blake3::hash(token.as_bytes())).filter(|session| session.lives(now))?;
        if is_person {
            session.used = now;
        }
        Some(session.name.clone())
    }

    /// Ends a session.
    pub(super) fn end(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&blake3::hash(token.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
        let sessions = Sessions::default();
        let token = sessions.begin("ann").expect("randomness");
        assert_eq!(sessions.whom(&token, true).as_deref(), Some("ann"));
        assert_eq!(sessions.whom("other", true), None);
        for _ in 0..11 {
            tokio::time::advance(Duration::from_secs(3600)).await;
            assert!(sessions.whom(&token, true).is_some(), "it is in use");
        }
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(sessions.whom(&token, true), None, "it is old");
        let idle = sessions.begin("ann").expect("randomness");
        tokio::time::advance(IDLE_MAX / 2).await;
        assert!(sessions.whom(&idle, false).is_some(), "a page that refreshes itself is let in");
        tokio::time::advance(IDLE_MAX / 2).await;
        assert_eq!(sessions.whom(&idle, true), None);
        let ended = sessions.begin("ann").expect("randomness");
        sessions.end(&ended);
        assert_eq!(sessions.whom(&ended, true), None);
    }
}
