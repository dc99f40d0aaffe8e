//! What a bot does in one session: an opening, a cycle that is gone through once an item, and a closing.

use rand::Rng as _;

use super::chance::{Rng, between, count, happens, pick};
use super::plan::BotKind;
use super::vocabulary::{SYSTEMS, Style, Verb, operation};
use crate::event::Text;

/// What a step does to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// No records are counted.
    None,
    Read,
    Write,
}

/// One call that a bot knows how to make.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) system: Text,
    pub(crate) operation: Text,
    pub(crate) role: Text,
    pub(crate) effect: Effect,
    /// Records of a usual call, and the spread of their logarithm.
    pub(crate) records: f64,
    pub(crate) sigma: f64,
    /// Whether the records follow the day's load or always stay the same.
    pub(crate) scales: bool,
    pub(crate) bytes_per_record: f64,
    /// How often the step is left out.
    pub(crate) skip: f64,
    /// How often it fails and is tried again.
    pub(crate) error: f64,
    /// Seconds until the next call, usually.
    pub(crate) pause_secs: f64,
}

/// A session's shape.
#[derive(Clone, Debug)]
pub(crate) struct Workflow {
    pub(crate) opening: Vec<Step>,
    pub(crate) cycle: Vec<Step>,
    pub(crate) closing: Vec<Step>,
    /// Items of a usual session, and the spread of their logarithm.
    pub(crate) items: f64,
    pub(crate) items_sigma: f64,
}

impl Workflow {
    /// Every step once, in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.opening.iter().chain(&self.cycle).chain(&self.closing)
    }
}

/// What steps of one bot have in common.
pub(crate) struct Author<'a> {
    pub(crate) seed: u64,
    pub(crate) tenant: usize,
    pub(crate) kind: BotKind,
    /// Places in [`SYSTEMS`] that the bot works with.
    pub(crate) systems: &'a [usize],
    pub(crate) pace_secs: f64,
    /// One role for all that the bot does; none where each system has its own.
    pub(crate) role: Option<Text>,
}

/// Place in [`SYSTEMS`] of the queue that queue workers serve.
pub(crate) const ORDERS_QUEUE: usize = 11;

/// Names of the systems that a kind of bot is usually pointed at, as places in [`SYSTEMS`].
pub(crate) fn usual_systems(kind: BotKind) -> &'static [usize] {
    match kind {
        BotKind::Daily => &[0, 2, 3, 6, 12, 13, 15, 18],
        BotKind::Hourly => &[1, 2, 6, 10, 16, 17, 19],
        BotKind::Queue => &[1, 2, 3, 13, 15, 16],
        BotKind::Nightly => &[4, 5, 6, 15, 17, 19],
        BotKind::Identity => &[7, 8, 9, 10],
        BotKind::Weekly => &[2, 4, 10, 12, 17, 19],
        BotKind::MonthEnd => &[0, 4, 5, 18, 19],
        BotKind::Finance => &[0, 1, 5, 6, 14],
    }
}

impl Author<'_> {
    /// Writes the bot's workflow.
    pub(crate) fn workflow(&self, rng: &mut Rng) -> Workflow {
        let (opening, cycle, closing, items, sigma) = match self.kind {
            BotKind::Daily => ((1, 4), (2, 6), (1, 3), (5.0, 16.0), 0.25),
            BotKind::Hourly => ((1, 3), (2, 4), (0, 2), (1.0, 3.0), 0.3),
            BotKind::Queue => ((0, 1), (3, 5), (0, 1), (1.0, 3.5), 0.5),
            BotKind::Nightly => ((2, 4), (2, 5), (2, 4), (8.0, 30.0), 0.15),
            BotKind::Identity => ((1, 2), (3, 7), (0, 2), (1.0, 1.6), 0.35),
            BotKind::Weekly => ((2, 5), (2, 5), (2, 4), (8.0, 30.0), 0.2),
            BotKind::MonthEnd => ((2, 5), (3, 6), (2, 4), (10.0, 40.0), 0.2),
            BotKind::Finance => ((2, 3), (2, 4), (1, 3), (4.0, 12.0), 0.3),
        };
        let mut several = |(low, high): (usize, usize), verbs: &[Verb]| -> Vec<Step> {
            let n = count(rng, low, high);
            let mut steps: Vec<Step> = Vec::with_capacity(n);
            for nth in 0..n * 3 {
                let verb = if nth == 0 { verbs[0] } else { *pick(rng, verbs) };
                let step = self.step(rng, verb);
                if steps.len() < n && steps.iter().all(|s| s.operation != step.operation) {
                    steps.push(step);
                }
            }
            steps
        };
        let opening = several(opening, &[Verb::List, Verb::List, Verb::Check, Verb::Get]);
        let mut cycle = several(cycle, &[Verb::Get, Verb::Get, Verb::Check, Verb::Create, Verb::Update, Verb::Finish]);
        let closing = several(closing, &[Verb::Finish, Verb::Create, Verb::Update]);
        if self.kind == BotKind::Queue {
            self.serve(rng, &mut cycle);
        } else if let Some(last) = cycle.last_mut() {
            // What is worked on is also changed.
            let verb = *pick(rng, &[Verb::Create, Verb::Update, Verb::Finish]);
            *last = self.step(rng, verb);
        }
        let items = between(rng, items.0, items.1);
        Workflow { opening, cycle, closing, items, items_sigma: sigma * between(rng, 0.4, 1.4) }
    }

    /// Makes a queue worker of a cycle: an item is received first and acknowledged last.
    fn serve(&self, rng: &mut Rng, cycle: &mut Vec<Step>) {
        let noun = rng.gen_range(0..SYSTEMS[ORDERS_QUEUE].nouns.len());
        let one = |step: Step| Step { records: 1.0, sigma: 0.0, scales: false, skip: 0.0, ..step };
        cycle.retain(|step| step.system != SYSTEMS[ORDERS_QUEUE].name);
        cycle.insert(0, one(self.step_on(rng, ORDERS_QUEUE, Verb::List, noun)));
        cycle.push(one(self.step_on(rng, ORDERS_QUEUE, Verb::Finish, noun)));
    }

    /// A step of this kind on one of the bot's systems.
    pub(crate) fn step(&self, rng: &mut Rng, verb: Verb) -> Step {
        let system = *pick(rng, self.systems);
        let noun = rng.gen_range(0..SYSTEMS[system % SYSTEMS.len()].nouns.len());
        self.step_on(rng, system, verb, noun)
    }

    /// A step of this kind on a system, with one of the objects that it holds.
    fn step_on(&self, rng: &mut Rng, system: usize, verb: Verb, noun: usize) -> Step {
        let sort = &SYSTEMS[system % SYSTEMS.len()];
        let effect = match verb {
            Verb::Check if happens(rng, 0.6) => Effect::None,
            Verb::List | Verb::Get | Verb::Check | Verb::Export => Effect::Read,
            _ if sort.style == Style::Queue && verb == Verb::Finish => Effect::None,
            _ => Effect::Write,
        };
        let bulk = matches!(self.kind, BotKind::Nightly | BotKind::Weekly | BotKind::MonthEnd);
        let records = match (verb, bulk) {
            (Verb::List | Verb::Export, true) => between(rng, 3.0, 10.5).exp(),
            (Verb::List | Verb::Export, false) => between(rng, 2.0, 6.0).exp(),
            (_, true) => between(rng, 3.0, 8.5).exp(),
            _ if happens(rng, 0.6) => 1.0,
            _ => between(rng, 0.7, 4.0).exp(),
        };
        let writes = effect == Effect::Write;
        let role = self.role.clone().unwrap_or_else(|| role(sort.name, if writes { "writer" } else { "reader" }));
        Step {
            system: Text::from(sort.name),
            operation: operation(self.seed, self.tenant, system, verb, noun),
            role,
            effect,
            records,
            sigma: if records < 1.5 { 0.0 } else { between(rng, 0.02, 0.45) },
            scales: records >= 1.5 && happens(rng, 0.85),
            bytes_per_record: between(rng, 4.0, 8.0).exp(),
            skip: if happens(rng, 0.2) { between(rng, 0.02, 0.35) } else { 0.0 },
            error: if happens(rng, 0.3) { between(rng, 0.002, 0.03) } else { 0.001 },
            pause_secs: self.pace_secs * between(rng, 0.4, 2.2),
        }
    }
}

/// The usual name of a role on a system.
pub(crate) fn role(system: &str, what: &str) -> Text {
    compact_str::format_compact!("{system}-{what}")
}
