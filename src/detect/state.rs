//! The engine's whole state as bytes, and back.
//!
//! Only what cannot be computed again is kept: the index, the timers and the zones come from the bots and the registry.
//! The bytes carry no version of their own; the file format around them does.

use serde::{Deserialize, Serialize};

use super::bot::BotState;
use super::budget::Budget;
use super::engine::{Engine, SILENCE, TIDY};
use super::entitlement::{Granters, Vocabulary};
use super::feedback::Decisions;
use super::fleet::{Fleet, FleetPart};
use super::frontier::Frontier;
use super::hidden::{self, Hits};
use super::operator::Operators;
use super::part::{Part, Section, Tail, append};
use super::policy::Logs;
use super::policy::fraud::Ledgers;
use super::settings::Settings;
use super::stats::Stats;
use crate::alert::AlertBook;
use crate::registry::Registry;
use crate::shape::{self, Shape};

/// A snapshot that cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("engine state cannot be read: {0}")]
pub struct RestoreError(String);

/// All of it, as it is read.
#[derive(Serialize, Deserialize)]
struct State {
    frontier: Frontier,
    bots: Vec<BotState>,
    fleet: Fleet,
    fleet_day: i64,
    logs: Logs,
    ledgers: Ledgers,
    names: Vocabulary,
    granters: Granters,
    operators: Operators,
    book: AlertBook,
    budget: Budget,
    hidden: Vec<Hits>,
    decisions: Decisions,
    stats: Stats,
}

/// The state of an earlier version, of a known shape, as this version writes it.
///
/// # Errors
/// The bytes are not of this shape, or something in it has become something else.
pub fn migrate(shape: &Shape, bytes: &[u8]) -> Result<Vec<u8>, RestoreError> {
    let (state, rest) = shape::take::<State>(shape, bytes).map_err(|error| RestoreError(error.to_string()))?;
    if !rest.is_empty() {
        return Err(RestoreError("something follows on it".to_owned()));
    }
    postcard::to_stdvec(&state).map_err(|error| RestoreError(error.to_string()))
}

/// The shape of the state that this version writes.
#[cfg(test)]
pub(crate) fn state_shape() -> Result<Shape, String> {
    shape::shape_of::<State>()
}

/// A section that is written down already.
fn written(value: &impl Serialize) -> Section {
    let mut written = Vec::new();
    append(&mut written, value);
    Section::new(move |bytes| bytes.extend_from_slice(&written))
}

impl Engine {
    /// The whole state, to be kept by the shell. The same state gives the same bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = self.head();
        append(&mut bytes, &self.bots);
        let names = (&self.names, &self.granters, &self.operators);
        append(&mut bytes, &(&*self.fleet, self.fleet_day, &*self.logs, &*self.ledgers, names));
        append(&mut bytes, &(&self.book, self.budget, &self.hidden, &*self.decisions, &self.stats));
        bytes
    }

    /// Begins to take a snapshot of this instant, whatever happens until it is done: of all, or of what changed after the
    /// round of an earlier one.
    pub fn begin_snapshot(&mut self, since: Option<u32>) {
        // Alerts are many when something is wrong everywhere, and large: they are written down as the bots are.
        let tail = Tail {
            before: self.before_book().into_iter(),
            book: self.book.pieces().into_iter(),
            behind: self.behind_book().into_iter(),
        };
        self.bots.begin(since, self.head(), tail);
    }

    /// Goes on with it by about so many bytes. The snapshot, once it is done: what [`snapshot`](Self::snapshot) would
    /// have given when it began, or the part of it that changed.
    pub fn go_on_snapshot(&mut self, bytes_max: usize) -> Option<Part> {
        self.bots.go_on(bytes_max)
    }

    fn head(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, &self.frontier);
        bytes
    }

    /// What stands behind the bots, before the open alerts. What grows with the fleet is held as it is; the rest is written
    /// down at once.
    fn before_book(&mut self) -> Vec<Section> {
        let fleet = FleetPart::ALL.map(|part| {
            let fleet = self.fleet.hold();
            Section::new(move |bytes| fleet.write(part, bytes))
        });
        let (logs, ledgers) = (self.logs.hold(), self.ledgers.hold());
        let behind = [
            written(&self.fleet_day),
            Section::new(move |bytes| append(bytes, &*logs)),
            Section::new(move |bytes| append(bytes, &*ledgers)),
            written(&(&self.names, &self.granters, &self.operators)),
        ];
        fleet.into_iter().chain(behind).collect()
    }

    /// What stands behind the open alerts.
    fn behind_book(&mut self) -> [Section; 3] {
        let decisions = self.decisions.hold();
        let decisions = Section::new(move |bytes| append(bytes, &*decisions));
        [written(&(self.budget, &self.hidden)), decisions, written(&self.stats)]
    }

    /// Hash of the whole state, in hexadecimal: two engines with the same one give the same verdicts from here on.
    #[must_use]
    pub fn state_hash(&self) -> String {
        blake3::hash(&self.snapshot()).to_hex().to_string()
    }

    /// An engine that goes on where the snapshot was taken.
    ///
    /// # Errors
    /// The bytes are not a state of this version.
    pub fn restore(bytes: &[u8], settings: Settings, registry: Registry) -> Result<Self, RestoreError> {
        let state: State = postcard::from_bytes(bytes).map_err(|e| RestoreError(e.to_string()))?;
        let mut engine = Self::new(settings, registry);
        engine.frontier = state.frontier;
        engine.fleet = state.fleet.into();
        engine.fleet_day = state.fleet_day;
        engine.logs = state.logs.rebuilt().into();
        engine.ledgers = state.ledgers.into();
        engine.names = state.names.rebuilt();
        engine.granters = state.granters;
        engine.operators = state.operators;
        engine.book = state.book;
        engine.budget = state.budget;
        engine.hidden = hidden::hits(&engine.settings.suppressions, &state.hidden);
        engine.decisions = state.decisions.into();
        engine.stats = state.stats;
        // Whoever was told of under a suppression that is gone is looked at anew.
        let unveils = hidden::is_gone(&engine.hidden, &state.hidden).then(|| engine.frontier.watermark()).flatten();
        for mut bot in state.bots {
            if let Some(now) = unveils {
                bot.unveil(now);
            }
            let sessions = bot.sessions.iter().map(|session| (session.due, session.key));
            let ids = bot.ids_due(engine.settings.lateness_max).map(|due| (due, TIDY));
            let silence = bot.watch.due.map(|due| (due, SILENCE));
            let timers: Vec<_> = sessions.chain(ids).chain(silence).collect();
            let at = engine.enter(bot);
            engine.timers.extend(timers.into_iter().map(|(due, key)| (due, (at, key))));
        }
        Ok(engine)
    }
}
