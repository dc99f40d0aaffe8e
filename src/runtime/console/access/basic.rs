//! Programs sign in with each request, by HTTP's Basic. What fitted is remembered for a while, as a keyed hash, since a
//! password takes tens of milliseconds to check.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::{Access, audit};
use crate::runtime::clock;
use crate::runtime::http::Peer;

/// Time for which a password that fitted is not checked again, and how many there are.
const KEPT: Duration = Duration::from_secs(300);
const KEPT_MAX: usize = 1000;
/// Bytes of the header. Longer ones only cost time.
const BYTES_MAX: usize = 1024;

/// What fitted lately.
#[derive(Debug, Default)]
pub(super) struct Fitted(Mutex<HashMap<blake3::Hash, Instant>>);

impl Fitted {
    fn has(&self, key: blake3::Hash) -> bool {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&key).is_some_and(|at| clock::monotonic().saturating_duration_since(*at) < KEPT)
    }

    fn keep(&self, key: blake3::Hash) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, clock::monotonic());
    }
}

impl Access {
    /// Whether a request brings the name and the password of a user.
    pub(super) async fn admits(self: &Arc<Self>, headers: &HeaderMap, peer: Option<Peer>) -> bool {
        let Some((name, password)) = credentials(headers) else { return false };
        let key = blake3::keyed_hash(&self.key, format!("{name}\0{password}").as_bytes());
        if self.fitted.has(key) {
            return true;
        }
        let Ok(fits) = self.is_user(&name, password).await else { return false };
        if fits {
            self.fitted.keep(key);
        }
        audit("program", if fits { "success" } else { "failure" }, &name, peer);
        fits
    }
}

/// Name and password of the header.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok().filter(|text| text.len() <= BYTES_MAX)?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn name_and_password_are_read() {
        let read = |text: &'static str| {
            credentials(&[(header::AUTHORIZATION, HeaderValue::from_static(text))].into_iter().collect())
        };
        assert_eq!(read("Basic YW5uOmE6Yg=="), Some(("ann".to_owned(), "a:b".to_owned())));
        for text in ["Bearer YW5uOmE6Yg==", "Basic ?", "Basic YW5u", "Basic"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
