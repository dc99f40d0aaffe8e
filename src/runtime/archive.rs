//! The alerts of the last while, for whoever reads them: the newest revision of each, with what became of it.
//!
//! It is filled by what is published and, at the start, from the end of the alert log. When it is full it forgets what is
//! over before what goes on, then what is least severe, then the oldest; the alert log keeps what it forgets. Readers are
//! told that something has changed, not what.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use tokio::sync::watch;

use super::audit::files::{self, Lines};
use crate::alert::{Alert, Severity, Status};
use crate::time::Timestamp;

/// Alerts that are kept, about 3 KB each. More reach further back.
pub const ALERTS_MAX: usize = 10_000;
/// Steps of one alert's life that are kept.
const STEPS_MAX: usize = 16;

/// An alert with its life so far.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its newest revision.
    pub alert: Arc<Alert>,
    /// Its revisions, oldest first.
    pub steps: Vec<Step>,
}

/// One revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its number.
    pub revision: u32,
    /// Event time.
    pub ts: Timestamp,
    /// How bad by then.
    pub severity: Severity,
    /// Whether it went on.
    pub status: Status,
}

/// The alerts; cloning it shares them.
#[derive(Clone, Debug)]
pub struct Archive(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    shelf: RwLock<Shelf>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<String, Kept>,
    /// All ids, what is missed least first.
    order: BTreeSet<(Worth, String)>,
}

/// How much an alert would be missed: whether it goes on, how bad it is, how new it is.
type Worth = (bool, Severity, Timestamp);

fn worth(alert: &Alert) -> Worth {
    (alert.status == Status::Firing, alert.severity, alert.ts)
}

impl Default for Archive {
    fn default() -> Self {
        Self(Arc::new(Shared { shelf: RwLock::default(), changes: watch::Sender::new(0) }))
    }
}

impl Archive {
    /// Takes alerts in, in order.
    pub fn record<'a>(&self, alerts: impl IntoIterator<Item = &'a Arc<Alert>>) {
        self.take(alerts, |_| true);
    }

    /// Takes alerts in: revisions of what is there, and what is not where there is room for it.
    fn take<'a>(&self, alerts: impl IntoIterator<Item = &'a Arc<Alert>>, has_room: impl Fn(&Shelf) -> bool) {
        let mut changed = false;
        let mut shelf = self.0.shelf.write().unwrap_or_else(PoisonError::into_inner);
        for alert in alerts {
            if shelf.kept.contains_key(&alert.id) || has_room(&shelf) {
                shelf.put(Arc::clone(alert));
                changed = true;
            }
        }
        drop(shelf);
        if changed {
            self.0.changes.send_modify(|version| *version += 1);
        }
    }

    /// Takes in those that are not there, as long as nothing has to give way for them.
    pub fn fill<'a>(&self, alerts: impl IntoIterator<Item = &'a Arc<Alert>>) {
        let missing: Vec<_> = alerts.into_iter().filter(|alert| !self.has(&alert.id)).collect();
        self.take(missing, |shelf| shelf.kept.len() < ALERTS_MAX);
    }

    /// Whether something would have to give way for another alert.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.read(|shelf| shelf.kept.len() >= ALERTS_MAX)
    }

    /// Reads the end of the alert log in a directory. Lines that are no alerts are passed over: to check the log is
    /// somebody else's work.
    ///
    /// # Errors
    /// The disk.
    pub fn load(&self, dir: &Path) -> io::Result<usize> {
        let mut newest: Vec<Vec<Arc<Alert>>> = Vec::new();
        let mut count = 0;
        for path in files::all(dir)?.iter().rev() {
            let (mut lines, mut alerts) = (Lines::open(path, 0)?, Vec::new());
            while let Some(line) = lines.next()? {
                alerts.extend(serde_json::from_slice::<Alert>(line.text).ok().map(Arc::new));
            }
            count += alerts.len();
            newest.push(alerts);
            if count >= ALERTS_MAX {
                break;
            }
        }
        // What has been raised since the start is newer than all of it, and stays.
        let backwards = newest.iter().flat_map(|alerts| alerts.iter().rev()).take(ALERTS_MAX);
        self.take(backwards, |shelf| shelf.kept.len() < ALERTS_MAX);
        Ok(count.min(ALERTS_MAX))
    }

    /// All alerts, the newest first, by event time.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Alert>> {
        let mut all: Vec<Arc<Alert>> = self.read(|shelf| shelf.kept.values().map(|k| Arc::clone(&k.alert)).collect());
        all.sort_by(|a, b| b.ts.cmp(&a.ts).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// The alerts of one incident, the oldest first.
    #[must_use]
    pub fn incident(&self, incident: &str) -> Vec<Kept> {
        let of = |kept: &&Kept| kept.alert.incident == incident;
        let mut found: Vec<Kept> = self.read(|shelf| shelf.kept.values().filter(of).cloned().collect());
        found.sort_by(|a, b| began(a).cmp(&began(b)).then_with(|| a.alert.id.cmp(&b.alert.id)));
        found
    }

    /// Whether an alert is there.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.read(|shelf| shelf.kept.contains_key(id))
    }

    /// The alert whose id begins so, if only one does.
    #[must_use]
    pub fn by_id(&self, prefix: &str) -> Option<Arc<Alert>> {
        self.read(|shelf| {
            let mut found = shelf.kept.values().filter(|kept| kept.alert.id.starts_with(prefix));
            found.next().filter(|_| found.next().is_none()).map(|kept| Arc::clone(&kept.alert))
        })
    }

    /// Tells when something has changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn read<T>(&self, read: impl FnOnce(&Shelf) -> T) -> T {
        read(&self.0.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Event time of an alert's first revision that is known.
fn began(kept: &Kept) -> Timestamp {
    kept.steps.first().map_or(kept.alert.ts, |step| step.ts)
}

impl Shelf {
    fn put(&mut self, alert: Arc<Alert>) {
        let step = Step { revision: alert.revision, ts: alert.ts, severity: alert.severity, status: alert.status };
        if let Some(kept) = self.kept.get_mut(&alert.id) {
            if kept.steps.iter().any(|known| known.revision == step.revision) {
                return;
            }
            if kept.steps.len() < STEPS_MAX {
                kept.steps.push(step);
                kept.steps.sort_by_key(|step| step.revision);
            }
            if alert.revision > kept.alert.revision {
                self.order.remove(&(worth(&kept.alert), alert.id.clone()));
                self.order.insert((worth(&alert), alert.id.clone()));
                kept.alert = alert;
            }
            return;
        }
        self.order.insert((worth(&alert), alert.id.clone()));
        self.kept.insert(alert.id.clone(), Kept { alert, steps: vec![step] });
        if self.order.len() > ALERTS_MAX
            && let Some((_, least)) = self.order.pop_first()
        {
            self.kept.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: &str, revision: u32, second: i64) -> Arc<Alert> {
        let ts = Timestamp::from_micros(second * 1_000_000);
        let text = format!(
            r#"{{"id":"{id}","status":"firing","revision":{revision},"ts":"{ts}","tenant":"t","severity":"low","score":1,
            "title":"odd","reasons":[],"events":[],"event_count":0,"incident":"i",
            "tags":{{"mitre_attack":[],"owasp_nhi":[]}},"baseline":{{"days":1,"events":1,"mature":true}}}}"#
        );
        Arc::new(serde_json::from_str(&text).expect("an alert"))
    }

    #[test]
    fn the_newest_revision_is_kept_whatever_the_order() {
        let archive = Archive::default();
        let changes = archive.changes();
        archive.record(&[alert("a", 2, 20), alert("b", 1, 30), alert("a", 1, 10), alert("a", 2, 99)]);
        assert!(changes.has_changed().expect("a sender"));
        let all = archive.all();
        assert_eq!(all.iter().map(|a| (a.id.as_str(), a.revision)).collect::<Vec<_>>(), [("b", 1), ("a", 2)]);
        let incident = archive.incident(&all[0].incident);
        assert_eq!(incident[0].steps.iter().map(|step| step.revision).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(archive.by_id("b").map(|a| a.id.clone()), Some("b".to_owned()));
        assert!(archive.by_id("").is_none(), "it could be several");
    }

    #[test]
    fn what_goes_on_and_is_bad_stays_however_much_comes() {
        let changed = |id: &str, severity, status| {
            let mut alert = Alert::clone(&alert(id, 1, 0));
            (alert.severity, alert.status) = (severity, status);
            Arc::new(alert)
        };
        let archive = Archive::default();
        archive.record(&[
            changed("open", Severity::Critical, Status::Firing),
            changed("over", Severity::Critical, Status::Resolved),
        ]);
        let many: Vec<_> = (0..ALERTS_MAX).map(|n| alert(&format!("{n:06}"), 1, n as i64)).collect();
        archive.record(&many);
        assert!(archive.has("open") && !archive.has("over"));
        archive.record(&[alert("late", 1, 99_999)]);
        assert!(archive.has("open") && archive.has("late") && !archive.has("000000"));
    }

    #[test]
    fn the_oldest_gives_way() {
        let archive = Archive::default();
        let many: Vec<_> = (0..=ALERTS_MAX).map(|n| alert(&format!("{n:06}"), 1, n as i64)).collect();
        archive.record(&many);
        assert_eq!(archive.all().len(), ALERTS_MAX);
        assert!(archive.by_id("000000").is_none() && archive.by_id("000001").is_some());
        archive.fill(&[alert("000000", 1, 0)]);
        assert!(archive.by_id("000000").is_none(), "nothing gives way for it");
    }
}
