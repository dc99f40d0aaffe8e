//! Signed heads: who holds the key says that the log reached this record, with this hash, by this time.
//!
//! The chain alone shows that records fit together; whoever can write the file can write another chain that fits as
//! well. A head is what he cannot write without the key. It covers every record before it, so that losing one costs
//! nothing but how finely a fault is placed.
//!
//! Signed is a text of lines and not the JSON around it, so that any tool can make it again:
//!
//! ```text
//! humdrum alert log head 1
//! number 17
//! hash <64 hex digits>
//! first 1
//! event_time 2026-05-04T06:00:00Z
//! signed_at 2026-05-04T06:00:01Z
//! key <16 hex digits>
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::key::{PublicKey, Signer};
use super::record::Link;
use crate::time::Timestamp;

/// First line of what is signed: what it is, and in which version.
const TITLE: &str = "humdrum alert log head 1";

/// What a head says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of the record.
    pub number: u64,
    /// Its hash, in hex.
    pub hash: String,
    /// Number of the oldest record that the log still kept.
    pub first: u64,
    /// Event time, where it was known.
    pub event_time: Option<String>,
    /// When it was signed, by the wall clock.
    pub signed_at: String,
    /// Name of the key.
    pub key: String,
    /// Ed25519, in base64.
    pub signature: String,
}

/// When a head was signed.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Event time, where it is known.
    pub event_time: Option<Timestamp>,
    /// The wall clock.
    pub wall: Timestamp,
}

/// A head that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It is no head.
    #[error("the line is no head")]
    Unreadable,
    /// It was signed by somebody else, or the key that it was signed with is not at hand.
    #[error("signed with key {0}, which is none of those given")]
    UnknownKey(String),
    /// It was changed, or never signed.
    #[error("the signature does not match")]
    BadSignature,
}

impl Head {
    /// Signs a place of the log.
    #[must_use]
    pub fn sign(link: &Link, first: u64, stamp: Stamp, signer: &Signer) -> Self {
        let mut head = Self {
            number: link.number,
            hash: link.hash.to_hex().to_string(),
            first,
            event_time: stamp.event_time.map(|at| at.to_string()),
            signed_at: stamp.wall.to_string(),
            key: signer.id().to_owned(),
            signature: String::new(),
        };
        head.signature = STANDARD.encode(signer.sign(head.text().as_bytes()));
        head
    }

    /// Reads a head.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &[u8]) -> Result<Self, HeadError> {
        serde_json::from_slice(text).map_err(|_| HeadError::Unreadable)
    }

    /// Checks the signature with the one of these keys that it names.
    ///
    /// # Errors
    /// None of the keys is the one, or the signature is not its.
    pub fn check(&self, keys: &[PublicKey]) -> Result<(), HeadError> {
        let key = keys.iter().find(|key| key.id() == self.key);
        let key = key.ok_or_else(|| HeadError::UnknownKey(self.key.clone()))?;
        let signature = STANDARD.decode(&self.signature).map_err(|_| HeadError::BadSignature)?;
        if key.verifies(self.text().as_bytes(), &signature) { Ok(()) } else { Err(HeadError::BadSignature) }
    }

    fn text(&self) -> String {
        let event_time = self.event_time.as_deref().unwrap_or("-");
        format!(
            "{TITLE}\nnumber {}\nhash {}\nfirst {}\nevent_time {event_time}\nsigned_at {}\nkey {}\n",
            self.number, self.hash, self.first, self.signed_at, self.key
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::pair;
    use super::*;

    fn head(signer: &Signer) -> Head {
        let stamp = Stamp { event_time: None, wall: Timestamp::from_micros(1_777_874_400_000_000) };
        Head::sign(&Link::START.next(b"{}"), 1, stamp, signer)
    }

    #[test]
    fn a_head_is_checked_with_the_key_that_it_names() {
        let ((signer, public), (_, stranger)) = (pair(), pair());
        let head = head(&signer);
        let text = serde_json::to_vec(&head).expect("JSON");
        assert_eq!(Head::parse(&text), Ok(head.clone()));
        assert_eq!(head.check(&[stranger.clone(), public]), Ok(()));
        assert_eq!(head.check(&[stranger]), Err(HeadError::UnknownKey(head.key.clone())));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (signer, public) = pair();
        let text = serde_json::to_vec(&head(&signer)).expect("JSON");
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                let checked = Head::parse(&changed).and_then(|head| head.check(std::slice::from_ref(&public)));
                assert!(checked.is_err(), "{}", String::from_utf8_lossy(&changed));
            }
        }
    }
}
