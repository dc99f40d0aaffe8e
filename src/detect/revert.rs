//! What was learned of one bot, put back to what it was: for whoever finds that a bot was taught the wrong normal.
//!
//! Only the baseline goes back. Open sessions, alerts, ids that were seen and what the bot may do stay as they are, so
//! that nothing is told twice and nothing that was told is forgotten.

use super::engine::Engine;
use crate::alert::Dimension;

/// A bot that cannot be put back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevertError {
    /// One of the two states does not know it.
    #[error("bot `{bot}` of tenant `{tenant}` is not known in the {state} state")]
    Unknown {
        /// Whose.
        tenant: String,
        /// Which.
        bot: String,
        /// In which state.
        state: &'static str,
    },
    /// The baseline has no part for a dimension.
    #[error("`{0}` has no baseline of its own; write `time`, `source`, `sequence`, `volume`, `privilege` or `rate`")]
    Dimension(Dimension),
}

impl Engine {
    /// Puts a bot's baseline, or one dimension of it, back to what an earlier state holds.
    ///
    /// # Errors
    /// One of the states does not know the bot, or the dimension has no baseline.
    pub fn revert(
        &mut self,
        earlier: &Self,
        tenant: &str,
        bot: &str,
        dimension: Option<Dimension>,
    ) -> Result<(), RevertError> {
        let unknown = |state| RevertError::Unknown { tenant: tenant.to_owned(), bot: bot.to_owned(), state };
        let from = earlier.number(tenant, bot).ok_or_else(|| unknown("earlier"))?;
        let at = self.number(tenant, bot).ok_or_else(|| unknown("newest"))?;
        let baseline = &earlier.bots[from as usize].baseline;
        let reverted = self.bots[at as usize].baseline.revert(baseline, dimension);
        self.asked.forget();
        if reverted { Ok(()) } else { Err(dimension.map_or_else(|| unknown("newest"), RevertError::Dimension)) }
    }

    /// All that is known of a bot, as JSON; none where it is not known.
    #[must_use]
    pub fn export(&self, tenant: &str, bot: &str) -> Option<serde_json::Value> {
        let at = self.number(tenant, bot)?;
        serde_json::to_value(&self.bots[at as usize]).ok()
    }
}
