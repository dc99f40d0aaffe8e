//! Signatures of webhooks after the Standard Webhooks specification, version 1.
//!
//! The receiver computes HMAC-SHA256 over `id.timestamp.body` with the shared secret and compares. The timestamp is
//! within, so that a copied request can be refused when it is old. The id is the alert's: it stays the same over
//! retries and over revisions, so that a receiver which must tell revisions apart looks at the body's `revision` too.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// A shared secret. It does not print itself.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

/// A text that is no shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is `whsec_` and base64 of 24 to 64 bytes")]
pub struct KeyError;

impl SigningKey {
    /// Reads `whsec_<base64>`.
    ///
    /// # Errors
    /// The prefix or the base64 is wrong, or the key is not of 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let key = text.strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok()).ok_or(KeyError)?;
        if (24..=64).contains(&key.len()) { Ok(Self(key)) } else { Err(KeyError) }
    }

    /// The value of the `webhook-signature` header.
    ///
    /// # Errors
    /// HMAC takes keys of any length, so none in practice.
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> Result<String, KeyError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| KeyError)?;
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_published_example_is_reproduced() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Ok("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"] {
            assert_eq!(SigningKey::parse(text).err(), Some(KeyError), "{text}");
        }
        assert_eq!(format!("{:?}", SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), "Ok(<secret>)");
    }
}
