//! Events read back for pages, asked for once for all readers: a page that refreshes itself, and the tabs of several
//! people on one incident, cost the broker one question in a few seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::runtime::clock;
use crate::runtime::evidence::{Evidence, EvidenceError, Found, Stretch};

/// Time for which an answer holds. Longer hides events that have just come.
const HOLDS: Duration = Duration::from_secs(10);
/// Answers that are kept, a few hundred kilobytes each at their most.
const KEPT_MAX: usize = 32;

/// What was found, or why nothing was.
type Answer = Result<Option<Arc<Found>>, String>;

/// Since when somebody waits for an answer, and where it will be.
type Asked = (Instant, Arc<OnceCell<Answer>>);

/// The answers of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Lookups(Mutex<HashMap<Stretch, Asked>>);

impl Lookups {
    /// What a bot did between two instants. Those who ask at the same time wait for the same answer.
    pub(super) async fn find(
        &self,
        evidence: &Evidence,
        stretch: &Stretch,
    ) -> Result<Option<Arc<Found>>, EvidenceError> {
        let cell = self.cell(stretch);
        let ask = async || match evidence.find(stretch).await {
            Ok(found) => Ok(found.map(Arc::new)),
            Err(EvidenceError(why)) => Err(why),
        };
        cell.get_or_init(ask).await.clone().map_err(EvidenceError)
    }

    fn cell(&self, stretch: &Stretch) -> Arc<OnceCell<Answer>> {
        let now = clock::monotonic();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (at, _)| now.saturating_duration_since(*at) < HOLDS);
        if let Some((_, cell)) = kept.get(stretch) {
            return Arc::clone(cell);
        }
        if kept.len() >= KEPT_MAX
            && let Some(oldest) = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(stretch, _)| stretch.clone())
        {
            kept.remove(&oldest);
        }
        let cell = Arc::default();
        kept.insert(stretch.clone(), (now, Arc::clone(&cell)));
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::event::decode::{Envelope, Limits, decode};
    use crate::runtime::evidence::Recent;
    use crate::time::{Span, Timestamp};

    fn event(id: &str) -> Event {
        let json = format!(r#"{{"id":"{id}","ts":"1970-01-01T00:01:00Z","tenant":"t","bot":"b","type":"call"}}"#);
        decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event")
    }

    fn stretch(hour: i64) -> Stretch {
        let to = Timestamp::from_micros(0) + Span::from_hours(1 + hour);
        Stretch { tenant: "t".to_owned(), bot: "b".to_owned(), from: Timestamp::from_micros(0), to }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_a_while_and_few_are_kept() {
        let (lookups, recent) = (Lookups::default(), Recent::new(9));
        let evidence = Evidence::Recent(recent.clone());
        let count = async |hour| {
            let found = lookups.find(&evidence, &stretch(hour)).await.expect("answers").expect("is kept");
            found.events.len()
        };
        recent.keep(&event("a"));
        assert_eq!(count(0).await, 1);
        recent.keep(&event("b"));
        assert_eq!((count(0).await, count(1).await), (1, 2), "another stretch is another question");
        tokio::time::advance(HOLDS).await;
        assert_eq!(count(0).await, 2);
        for hour in 0..2 * KEPT_MAX as i64 {
            count(hour).await;
        }
        assert_eq!(lookups.0.lock().expect("no panic").len(), KEPT_MAX);
    }
}
