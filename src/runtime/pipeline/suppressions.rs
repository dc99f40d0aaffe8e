//! The log's lines about suppressions: at the start, whenever one comes to its last weeks or ends, and at the stop.

use crate::alert::Standing;
use crate::detect::Engine;
use crate::runtime::present;

/// What was said of each suppression.
#[derive(Debug, Default)]
pub(super) struct SuppressionWatch {
    said: Vec<Standing>,
}

impl SuppressionWatch {
    /// Says what has changed since the last look; all of it at the first one.
    pub(super) fn look(&mut self, engine: &Engine) {
        let first = self.said.is_empty();
        for facts in engine.suppressions() {
            let standing = facts.standing;
            let news = self.said.get(facts.number).is_none_or(|said| *said != standing);
            if !news {
                continue;
            }
            let line = present::suppression(&facts);
            match standing {
                Standing::Ending | Standing::Ended => tracing::warn!("{line}"),
                _ if first => tracing::info!("{line}"),
                _ => tracing::debug!("{line}"),
            }
        }
        self.said = engine.suppressions().iter().map(|facts| facts.standing).collect();
    }

    /// Says what each has hidden.
    pub(super) fn end(engine: &Engine) {
        for facts in engine.suppressions() {
            tracing::info!("{}", present::suppression(&facts));
        }
    }
}
