//! A registry in a key-value bucket: a key a bot, or a key many, whose value is NDJSON. Keys are the keeper's own.

use std::collections::BTreeMap;

use async_nats::jetstream::kv::{Entry, Operation, Watch, WatcherError};
use async_nats::{Client, jetstream};
use futures_util::StreamExt;

use super::{PAUSE, Reading, shown};
use crate::registry::Registry;
use crate::runtime::source::gather;

/// Changes that are taken in together.
const CHANGES_MAX: usize = 1000;
/// All keys.
const ALL: &str = ">";

/// A bucket that cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("registry bucket `{bucket}` {doing}: {detail}")]
pub struct BucketError {
    /// Its name.
    pub bucket: String,
    /// What was tried.
    pub doing: &'static str,
    /// What the server says.
    pub detail: String,
}

/// A bucket that is watched.
pub struct Bucket {
    client: Client,
    name: String,
    watch: Watch,
    values: BTreeMap<String, Value>,
    lost: bool,
}

/// The last good text of a key, and what is wrong with its newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Value {
    text: String,
    fault: Option<String>,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).field("keys", &self.values.len()).finish_non_exhaustive()
    }
}

impl Bucket {
    /// Opens a bucket and reads all that is in it.
    pub(super) async fn open(client: Client, name: &str) -> Result<Self, BucketError> {
        let (watch, is_empty) = watch(&client, name).await?;
        let mut bucket = Self { client, name: name.to_owned(), watch, values: BTreeMap::new(), lost: false };
        if !is_empty {
            bucket.fill().await?;
        }
        Ok(bucket)
    }

    /// Takes in what was there before the watch began.
    async fn fill(&mut self) -> Result<(), BucketError> {
        let fault = |detail: String| BucketError { bucket: self.name.clone(), doing: "cannot be read", detail };
        loop {
            match self.watch.next().await {
                Some(Ok(entry)) => {
                    let last = entry.seen_current;
                    note(&mut self.values, entry);
                    if last {
                        return Ok(());
                    }
                }
                Some(Err(error)) => return Err(fault(error.to_string())),
                None => return Err(fault("the watch ended".to_owned())),
            }
        }
    }

    /// Waits for changes. A watch that ends is begun again, and all is read anew.
    pub(super) async fn next(&mut self) -> Reading {
        loop {
            if self.lost {
                tokio::time::sleep(PAUSE).await;
                match Self::open(self.client.clone(), &self.name).await {
                    Ok(bucket) => {
                        let before = std::mem::replace(self, bucket).values;
                        self.keep(before);
                        return self.reading();
                    }
                    Err(error) => tracing::warn!(%error, "the registry's bucket is not there; trying on"),
                }
                continue;
            }
            let changes: Vec<Result<Entry, WatcherError>> = gather(&mut self.watch, CHANGES_MAX).await;
            self.lost = changes.is_empty() || changes.iter().any(Result::is_err);
            let entries: Vec<Entry> = changes.into_iter().filter_map(Result::ok).collect();
            if !entries.is_empty() {
                for entry in entries {
                    note(&mut self.values, entry);
                }
                return self.reading();
            }
        }
    }

    /// A key whose value is wrong now keeps the text that was good before.
    fn keep(&mut self, before: BTreeMap<String, Value>) {
        for (key, value) in before {
            if let Some(now) = self.values.get_mut(&key).filter(|now| now.fault.is_some()) {
                now.text = value.text;
            }
        }
    }

    /// The registry as all keys together have it.
    pub(super) fn reading(&self) -> Reading {
        let faults: Vec<String> = self
            .values
            .iter()
            .filter_map(|(key, value)| {
                value.fault.as_ref().map(|fault| format!("key `{}`: {fault}", key.escape_debug()))
            })
            .collect();
        let fault = (!faults.is_empty()).then(|| {
            format!("the registry bucket {} is wrong; values before are in use: {}", self.name, faults.join("; "))
        });
        let text: String = self.values.values().flat_map(|value| [value.text.as_str(), "\n"]).collect();
        Reading { registry: Registry::from_ndjson(&text).ok(), fault }
    }
}

/// The watch, and whether there is nothing in the bucket yet.
async fn watch(client: &Client, name: &str) -> Result<(Watch, bool), BucketError> {
    let fault = |doing: &'static str, detail: String| BucketError { bucket: name.to_owned(), doing, detail };
    let context = jetstream::new(client.clone());
    let store = context.get_key_value(name).await.map_err(|e| fault("cannot be found", e.to_string()))?;
    let status = store.status().await.map_err(|e| fault("does not answer", e.to_string()))?;
    let watch = store.watch_with_history(ALL).await.map_err(|e| fault("cannot be watched", e.to_string()))?;
    Ok((watch, status.values() == 0))
}

/// Takes one change in.
fn note(values: &mut BTreeMap<String, Value>, entry: Entry) {
    if entry.operation != Operation::Put {
        values.remove(&entry.key);
        return;
    }
    let value = values.entry(entry.key).or_default();
    let parsed = match std::str::from_utf8(&entry.value) {
        Ok(text) => Registry::from_ndjson(text).map(|_| text.to_owned()).map_err(|errors| shown(&errors).join("; ")),
        Err(_) => Err("no UTF-8".to_owned()),
    };
    match parsed {
        Ok(text) => *value = Value { text, fault: None },
        Err(fault) => value.fault = Some(fault),
    }
}
