//! A registry in a file, looked at once a second: by its time and its length, which any way of writing it changes.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{PAUSE, Reading, shown};
use crate::registry::Registry;

/// The file, and what it looked like when it was read last.
#[derive(Debug)]
pub struct RegistryFile {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// Time and length; none where it cannot be looked at.
type Stamp = Option<(SystemTime, u64)>;

impl RegistryFile {
    /// A file that is read again at the first look, since it may have changed since the start.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: None }
    }

    /// Waits until the file has changed, and reads it.
    pub(super) async fn next(&mut self) -> Reading {
        loop {
            let about = tokio::fs::metadata(&self.path).await;
            let stamp = about.ok().and_then(|about| Some((about.modified().ok()?, about.len())));
            if self.seen != Some(stamp) {
                self.seen = Some(stamp);
                return self.read().await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&self) -> Reading {
        let name = self.path.display();
        let text = match tokio::fs::read_to_string(&self.path).await {
            Ok(text) => text,
            Err(error) => {
                let fault = format!("the registry {name} cannot be read; the one before is in use: {error}");
                return Reading { registry: None, fault: Some(fault) };
            }
        };
        match Registry::from_ndjson(&text) {
            Ok(registry) => Reading { registry: Some(registry), fault: None },
            Err(errors) => {
                let list = shown(&errors).join("; ");
                let fault = format!("the registry {name} is wrong; the one before is in use: {list}");
                Reading { registry: None, fault: Some(fault) }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write their own files")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_when_it_changes_and_a_fault_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bots.ndjson");
        let write = |text: &str| std::fs::write(&path, text).expect("is written");
        write("{\"bot\":\"a\"}\n");
        let mut file = RegistryFile::new(&path);
        let first = file.next().await;
        assert_eq!((first.registry.map(|registry| registry.len()), first.fault), (Some(1), None));
        write("{\"bot\":\"a\"}\nnonsense, and longer\n");
        let broken = file.next().await;
        assert!(broken.registry.is_none());
        assert!(broken.fault.is_some_and(|fault| fault.contains("registry line 2")));
        std::fs::remove_file(&path).expect("is removed");
        assert!(file.next().await.fault.is_some_and(|fault| fault.contains("cannot be read")));
        write("{\"bot\":\"a\"}\n{\"bot\":\"b\"}\n");
        assert_eq!(file.next().await.registry.map(|registry| registry.len()), Some(2));
    }
}
