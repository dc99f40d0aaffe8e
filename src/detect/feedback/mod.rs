//! People's decisions within the engine: checked, applied at a place of the input, held, and taken back.
//!
//! A decision changes what is told and how far it is believed, never how it is scored: `expected` hides, `false` and
//! `fine` lower to `low` and let the same be learned in full, `true` keeps it from being learned at all. What is fine is
//! put into the baseline besides, as if it had been seen for some days. A host covers the network, device and place that
//! it came with, which are not vouched for: other hosts may come from there. Each knows a finding again by the marks of
//! what it showed, covers only what has no other mark, and holds for a year at most.

mod check;
mod cover;
mod shown;

use serde::{Deserialize, Serialize};

use super::engine::{Engine, Output};
use crate::alert::{Alert, DECISION_MAX, Facet, Feedback, Preview, Ruling};
use crate::time::Timestamp;

pub use check::Refusal;
pub(super) use cover::{Cover, Look, condemned, condemns, covered, marks_of, note};
pub(super) use shown::{Shown, Trace, remember};

/// Decisions that are kept. More cost time at each finding; fewer forget whose ids were seen.
const DECISIONS_MAX: usize = 4096;

/// Decisions, and what was told lately that they could be about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Decisions {
    /// Events that the engine was given.
    pub observed: u64,
    /// In the order in which they were applied.
    list: Vec<Decided>,
    shown: Vec<Shown>,
}

/// One decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Decided {
    record: Feedback,
    /// Event time at which it was applied.
    since: Timestamp,
    /// Event time at which it ends.
    until: Timestamp,
    undone: bool,
    /// Marks that it covers, sorted.
    marks: Vec<u64>,
    /// Values that it vouches for, and on which of the bot's days it did.
    vouched: Vec<(Facet, String)>,
    day: i32,
    findings: u64,
    alerts: u64,
    last: Option<Timestamp>,
}

/// A decision as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFacts {
    /// What was said.
    pub record: Feedback,
    /// Event time at which it was applied.
    pub since: Timestamp,
    /// Event time at which it ends; none for what does not last.
    pub until: Option<Timestamp>,
    /// Whether it holds.
    pub state: DecisionState,
    /// Findings that it covered.
    pub findings: u64,
    /// Alerts that went out lower for it.
    pub alerts: u64,
    /// Event time of the last of them.
    pub last: Option<Timestamp>,
}

/// Where a decision stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionState {
    /// It was said, and there is nothing to hold.
    Said,
    /// It holds.
    Active,
    /// Its time is over.
    Ended,
    /// It was taken back.
    Undone,
}

/// What one alert showed, as far as a person can decide about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldFacts {
    /// The alert.
    pub id: String,
    /// Detectors that it names.
    pub detectors: Vec<String>,
    /// Values that the bot was not known by.
    pub names: Vec<(Facet, String)>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The record with whom and which alert it is about in full.
    pub record: Feedback,
    /// Ids of the alerts that it is about.
    pub alerts: Vec<String>,
    /// Whether it was there already.
    pub again: bool,
    /// What it would have changed in the last days.
    pub preview: Preview,
}

impl Decided {
    fn state(&self, now: Timestamp) -> DecisionState {
        match self.record.verdict.lasts() {
            _ if self.undone => DecisionState::Undone,
            false => DecisionState::Said,
            true if now < self.until => DecisionState::Active,
            true => DecisionState::Ended,
        }
    }
}

impl Decided {
    fn facts(&self, now: Timestamp) -> DecisionFacts {
        DecisionFacts {
            record: self.record.clone(),
            since: self.since,
            until: self.record.verdict.lasts().then_some(self.until),
            state: self.state(now),
            findings: self.findings,
            alerts: self.alerts,
            last: self.last,
        }
    }
}

impl Taken {
    fn of(engine: &Engine, case: &check::Case) -> Self {
        let preview = cover::preview(engine, case);
        Self { record: case.record.clone(), alerts: case.alerts.clone(), again: case.again, preview }
    }
}

impl Decisions {
    /// Bytes on the heap, about.
    pub(super) fn heap_bytes(&self) -> usize {
        let list: usize = self.list.iter().map(|decided| decided.marks.len() * 8).sum();
        let shown: usize = self.shown.iter().map(Shown::heap_bytes).sum();
        self.list.capacity() * size_of::<Decided>() + self.shown.capacity() * size_of::<Shown>() + list + shown
    }

    /// Makes room for one more; what holds nothing goes first, the oldest of it. Whether there is room.
    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.list.len() < DECISIONS_MAX {
            return true;
        }
        let idle = self.list.iter().position(|decided| decided.state(now) != DecisionState::Active);
        idle.map(|at| self.list.remove(at)).is_some()
    }

    /// Counts what a decision lowered of what the book had to say.
    pub(super) fn count(&mut self, number: usize, ts: Timestamp, alerts: u64) {
        if let Some(decided) = self.list.get_mut(number) {
            decided.findings += 1;
            decided.alerts += alerts;
            decided.last = decided.last.max(Some(ts));
        }
    }
}

impl Engine {
    /// Events that it was given so far, without those that came twice: the place in the input at which a record is applied.
    #[must_use]
    pub fn observed(&self) -> u64 {
        self.decisions.observed.saturating_sub(self.stats.duplicate)
    }

    /// What a record would have changed in the last days, and the record in full; nothing changes.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn examine(&self, record: &Feedback) -> Result<Taken, Refusal> {
        let case = check::check(self, record)?;
        Ok(Taken::of(self, &case))
    }

    /// Applies a record, at this place of the input.
    ///
    /// # Errors
    /// Why it is not taken; nothing has changed then.
    pub fn feedback(&mut self, record: &Feedback, output: &mut Output) -> Result<Taken, Refusal> {
        let case = check::check(self, record)?;
        let taken = Taken::of(self, &case);
        if case.again {
            return Ok(taken);
        }
        let now = self.watermark().unwrap_or(Timestamp::MIN);
        if !self.decisions.make_room(now) {
            return Err(Refusal::TooMany(DECISIONS_MAX));
        }
        self.apply(case, now, output);
        Ok(taken)
    }

    fn apply(&mut self, case: check::Case, now: Timestamp, output: &mut Output) {
        let check::Case { record, at, marks, names, undoes, .. } = case;
        let bot = &self.bots[at as usize];
        let mut decided = Decided {
            until: record.until.unwrap_or(now + DECISION_MAX),
            since: now,
            undone: false,
            marks,
            vouched: Vec::new(),
            day: bot.baseline.today,
            findings: 0,
            alerts: 0,
            last: None,
            record,
        };
        match decided.record.verdict {
            Ruling::Acknowledge | Ruling::Comment | Ruling::Resolve | Ruling::Expected => {}
            Ruling::True => {
                for ((facet, name), ts) in &names {
                    let day = self.zones[usize::from(self.bots[at as usize].zone)].1.local(*ts).day;
                    self.bots[at as usize].baseline.unlearn(*facet, name, day);
                }
            }
            Ruling::False | Ruling::Fine => {
                let days = f32::from(self.profile.learn.adopt_days);
                for ((facet, name), _) in names {
                    if !decided.vouched.iter().any(|(known, value)| *known == facet && *value == name) {
                        self.bots[at as usize].baseline.vouch(facet, &name, days, &self.profile);
                        decided.vouched.push((facet, name));
                    }
                }
            }
            Ruling::Undo => undoes.into_iter().for_each(|number| self.take_back(number, at, now)),
        }
        self.settle(&decided.record, at, output);
        self.decisions.list.push(decided);
    }

    /// Ends the open alerts that a record deals with.
    fn settle(&mut self, record: &Feedback, at: u32, output: &mut Output) {
        let Feedback { alert, incident, verdict, .. } = record;
        let settled = |open: &Alert| match (alert, incident) {
            (Some(id), _) => open.id == *id,
            (None, Some(incident)) => open.incident == *incident,
            (None, None) => *verdict == Ruling::Resolve,
        };
        if matches!(verdict, Ruling::Resolve | Ruling::False | Ruling::Expected) {
            let bot = &self.bots[at as usize];
            output.alerts.extend(self.book.settle(&bot.tenant, &bot.bot, settled));
        }
    }

    /// Takes a decision back: what it hid is told again when it comes again.
    fn take_back(&mut self, number: usize, at: u32, now: Timestamp) {
        let decided = &mut self.decisions.list[number];
        decided.undone = true;
        let (vouched, day) = (std::mem::take(&mut decided.vouched), decided.day);
        let (days, window) = (f32::from(self.profile.learn.adopt_days), self.settings.baseline_days);
        let bot = &mut self.bots[at as usize];
        for (facet, name) in vouched {
            bot.baseline.disown(facet, &name, days, day, window);
        }
        bot.unveil(now);
        let due = bot.watch.due;
        self.timers.extend(due.map(|due| (due, (at, super::engine::SILENCE))));
    }

    /// All decisions, in the order in which they were made.
    #[must_use]
    pub fn decisions(&self) -> Vec<DecisionFacts> {
        let now = self.watermark().unwrap_or(Timestamp::MIN);
        self.decisions.list.iter().map(|decided| decided.facts(now)).collect()
    }

    /// The decisions about one bot, in the order in which they were made.
    #[must_use]
    pub fn decisions_about(&self, tenant: &str, bot: &str) -> Vec<DecisionFacts> {
        let now = self.watermark().unwrap_or(Timestamp::MIN);
        let about = |decided: &&Decided| decided.record.tenant == tenant && decided.record.bot.as_deref() == Some(bot);
        self.decisions.list.iter().filter(about).map(|decided| decided.facts(now)).collect()
    }

    /// What the alerts of an incident showed, as far as they are remembered.
    #[must_use]
    pub fn told(&self, tenant: &str, incident: &str) -> Vec<ToldFacts> {
        let of = |shown: &&Shown| shown.incident == incident && self.bots[shown.bot as usize].tenant == tenant;
        let told = |shown: &Shown| ToldFacts {
            id: shown.id.clone(),
            detectors: shown.reasons.iter().map(|(_, detector)| detector.clone()).collect(),
            names: shown.names.clone(),
        };
        self.decisions.shown.iter().filter(of).map(told).collect()
    }

    /// How many decisions hold, in the order of [`Ruling::LASTING`].
    pub(super) fn decisions_active(&self) -> [u64; 4] {
        let now = self.watermark().unwrap_or(Timestamp::MIN);
        let mut counts = [0; 4];
        for decided in self.decisions.list.iter().filter(|decided| decided.state(now) == DecisionState::Active) {
            if let Some(at) = Ruling::LASTING.iter().position(|ruling| *ruling == decided.record.verdict) {
                counts[at] += 1;
            }
        }
        counts
    }

    /// Whether anything that is found may have to go unsaid.
    pub(super) fn hushes(&self) -> bool {
        self.settings.hushes() || !self.decisions.list.is_empty()
    }
}
