//! What the members hold in common, in one bucket: who lives, who owns which partition, and where its state is.
//!
//! Every entry is replaced by compare-and-set only, but for the sign of life, which is its member's own, and a guest's wish
//! once it has begun.

use async_nats::jetstream::kv::{self, UpdateErrorKind};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::time::Timestamp;

/// Who owns a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The member.
    pub member: String,
    /// How often the partition has changed hands.
    pub epoch: u64,
    /// Whether the owner has given it back.
    pub released: bool,
}

/// A snapshot among the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name.
    pub object: String,
    /// The stream's sequence that it stands at.
    pub sequence: u64,
    /// The last sequence of the fence whose alert is in it.
    pub fence: u64,
    /// Its size.
    pub bytes: u64,
    /// Its hash, in hexadecimal; not known of what was found among the objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The objects that it builds on, from the one with all bots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
}

/// Where the state of a partition is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of which ownership.
    pub epoch: u64,
    /// Snapshots, from the newest.
    pub kept: Vec<Kept>,
    /// The first snapshot with all bots of each of the last days of event time, from the newest day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<KeptDay>,
}

/// The snapshot of the beginning of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDay {
    /// The day of event time, of UTC: `2026-05-04`.
    pub day: String,
    /// The snapshot, which has all bots.
    pub kept: Kept,
}

/// A sign of life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The program's version.
    pub version: String,
    /// Its host.
    pub host: String,
    /// How many partitions it owns.
    pub partitions: usize,
}

/// A command that wants a partition for a moment. Whoever owns it gives it back while the entry is renewed.
///
/// It is no member: programs that do not know of guests keep their partitions, and rank nobody by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// What it is called in the lease.
    pub member: String,
}

/// The bucket.
#[derive(Clone, Debug)]
pub struct Ledger(kv::Store);

/// An entry that was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else has replaced it.
    #[error("`{0}` was replaced by another member")]
    Lost(String),
    /// The server does not answer, or refuses.
    #[error("`{key}` cannot be reached: {detail}")]
    Unavailable {
        /// The entry.
        key: String,
        /// What happened.
        detail: String,
    },
}

impl LedgerError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Lost(_) => "lost",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The entry of a partition's lease.
#[must_use]
pub fn lease_key(partition: u16) -> String {
    format!("lease.{partition}")
}

/// The entry of a partition's manifest.
#[must_use]
pub fn manifest_key(partition: u16) -> String {
    format!("manifest.{partition}")
}

/// The entry of a member.
#[must_use]
pub fn member_key(member: &str) -> String {
    format!("member.{member}")
}

/// The entry of what a member tells of its own sight.
#[must_use]
pub fn own_key(member: &str) -> String {
    format!("own.{member}")
}

/// The entry of whoever wants a partition for a moment.
#[must_use]
pub fn guest_key(partition: u16) -> String {
    format!("guest.{partition}")
}

impl Ledger {
    /// The ledger in a bucket.
    #[must_use]
    pub fn new(store: kv::Store) -> Self {
        Self(store)
    }

    /// The bucket itself.
    pub(crate) fn store(&self) -> &kv::Store {
        &self.0
    }

    /// An entry with its revision; the revision is 0 where there is none.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<(Option<T>, u64), LedgerError> {
        let entry = self.0.entry(key).await.map_err(|error| unavailable(key, error))?;
        Ok(entry.map_or((None, 0), |entry| (serde_json::from_slice(&entry.value).ok(), entry.revision)))
    }

    /// Replaces an entry that has this revision; its revision then.
    ///
    /// # Errors
    /// Somebody was faster, or the server does not answer.
    pub async fn replace<T: Serialize>(&self, key: &str, value: &T, revision: u64) -> Result<u64, LedgerError> {
        let value = serde_json::to_vec(value).map_err(|error| unavailable(key, error))?;
        self.0.update(key, value.into(), revision).await.map_err(|error| match error.kind() {
            UpdateErrorKind::WrongLastRevision => LedgerError::Lost(key.to_owned()),
            _ => unavailable(key, error),
        })
    }

    /// Says that a member lives.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn live(&self, member: &str, life: &Life) -> Result<(), LedgerError> {
        self.put(&member_key(member), life).await
    }

    /// The members that have said that they live.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn members(&self) -> Result<Vec<String>, LedgerError> {
        let fault = |error: String| unavailable("member", error);
        let mut keys = self.0.keys().await.map_err(|error| fault(error.to_string()))?;
        let mut members = Vec::new();
        while let Some(key) = keys.next().await {
            let key = key.map_err(|error| fault(error.to_string()))?;
            members.extend(key.strip_prefix("member.").map(ToOwned::to_owned));
        }
        members.sort_unstable();
        Ok(members)
    }

    /// A member's sign of life, and when the server took it.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn life(&self, key: &str) -> Result<Option<(Life, Timestamp)>, LedgerError> {
        let entry = self.0.entry(key).await.map_err(|error| unavailable(key, error))?;
        let entry = entry.filter(|entry| entry.operation == kv::Operation::Put);
        Ok(entry.and_then(|entry| {
            let seen = Timestamp::from_micros((entry.created.unix_timestamp_nanos() / 1000) as i64);
            Some((serde_json::from_slice(&entry.value).ok()?, seen))
        }))
    }

    /// A member writes down what of its own sight it has told of and is not over.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn own(&self, member: &str, open: &[Alert]) -> Result<(), LedgerError> {
        let key = own_key(member);
        if open.is_empty() {
            return self.purge(&key).await;
        }
        self.put(&key, open).await
    }

    /// Takes away what a member has left that is gone.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn forget(&self, member: &str) -> Result<(), LedgerError> {
        for key in [own_key(member), member_key(member)] {
            self.purge(&key).await?;
        }
        Ok(())
    }

    /// A member says that it is gone.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn leave(&self, member: &str) -> Result<(), LedgerError> {
        self.purge(&member_key(member)).await
    }

    /// A guest says that it still wants a partition.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn want(&self, partition: u16, guest: &Guest) -> Result<(), LedgerError> {
        self.put(&guest_key(partition), guest).await
    }

    /// A guest wants a partition no more.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn withdraw(&self, partition: u16) -> Result<(), LedgerError> {
        self.purge(&guest_key(partition)).await
    }

    async fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), LedgerError> {
        let value = serde_json::to_vec(value).map_err(|error| unavailable(key, error))?;
        self.0.put(key, value.into()).await.map(drop).map_err(|error| unavailable(key, error))
    }

    async fn purge(&self, key: &str) -> Result<(), LedgerError> {
        self.0.purge(key).await.map_err(|error| unavailable(key, error))
    }
}

fn unavailable(key: &str, error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unavailable { key: key.to_owned(), detail: error.to_string() }
}
