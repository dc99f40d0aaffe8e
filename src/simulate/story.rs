//! What befalls a bot beyond its timetable: lasting changes, odd sessions, silences and acts of other people, each tied
//! to the label or the benign oddity that it belongs to.

use std::collections::BTreeMap;

use super::attacks::Scenario;
use super::chance::{Purpose, Rng, happens, mix, shuffle};
use super::plan::{Host, Plan};
use super::schedule;
use super::session::{Act, Mark, Planned, Raw};
use super::spec::{FleetSpec, Window, instant};
use super::tape::blank;
use super::workflow::Step;
use crate::alert::Dimension;
use crate::event::{Kind, Text};
use crate::registry::{BotRecord, BotStatus};
use crate::time::{Span, Timestamp};

/// From the first to the last event that belongs to something; none until one is seen.
pub(crate) type Extent = Option<(Timestamp, Timestamp)>;

/// A label in the making.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) scenario: &'static str,
    pub(crate) dimensions: &'static [Dimension],
    pub(crate) note: String,
    /// It is about the producer's log and not about the bot.
    pub(crate) log: bool,
    pub(crate) extent: Extent,
}

/// A benign oddity in the making.
#[derive(Clone, Debug)]
pub(crate) struct Odd {
    pub(crate) why: &'static str,
    pub(crate) extent: Extent,
}

/// A change that lasts.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) from: Timestamp,
    /// Until then its effects carry the mark; later they are the new normal.
    pub(crate) marked_until: Timestamp,
    pub(crate) what: ChangeKind,
    pub(crate) mark: Mark,
}

/// What changes for good.
#[derive(Clone, Debug)]
pub(crate) enum ChangeKind {
    /// One more step.
    Step(Step),
    /// A host gives way to another.
    HostMoved { from: Text, to: Host },
    /// The timetable moves by so many minutes.
    Shift(f64),
    /// Records grow by this share a day.
    Creep(f64),
    /// What was done under one role is done under another.
    Role { instead_of: Text, role: Text },
}

/// A payee's new account.
#[derive(Clone, Debug)]
pub(crate) struct AccountChange {
    pub(crate) at: Timestamp,
    pub(crate) usable_from: Timestamp,
    /// Place in the purse.
    pub(crate) payee: usize,
    pub(crate) account: Text,
}

/// What is done to a producer's log from an instant on.
#[derive(Clone, Debug)]
pub(crate) struct LogWrong {
    pub(crate) from: Timestamp,
    pub(crate) what: Tampering,
    pub(crate) mark: Mark,
}

/// What can be done to a log.
#[derive(Clone, Debug)]
pub(crate) enum Tampering {
    /// So many events never reach anybody.
    Lost(u32),
    /// It counts from 1 again.
    Restarted,
    /// A second writer numbers every other event by a count of its own.
    Shared { until: Timestamp, seq: u64 },
    /// So many events are written once more, in other words, under the same number.
    Twice(u32),
    /// Nothing is written and nothing is numbered.
    Silent { until: Timestamp },
    /// Its clock is slow.
    Slow { until: Timestamp, behind: Span },
}

/// The same deed at other bots of the tenant.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    pub(crate) from: Timestamp,
    pub(crate) every: Span,
    pub(crate) kind: Kind,
    pub(crate) scenario: Scenario,
    pub(crate) note: String,
}

/// What the registry says of a bot in place of what its profile does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// It does not name the bot.
    pub(crate) unlisted: bool,
    /// It names nobody who answers for the bot.
    pub(crate) ownerless: bool,
    pub(crate) status: Option<BotStatus>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) environment: Option<&'static str>,
    /// The system of production that a bot for trials has no business with.
    pub(crate) trial: Option<Text>,
}

impl Listing {
    /// The bot's line in the registry, if it has one.
    pub(crate) fn record(&self, record: BotRecord) -> Option<BotRecord> {
        (!self.unlisted).then(|| BotRecord {
            status: self.status.unwrap_or(record.status),
            retired_at: self.ended.or(record.retired_at),
            expires_at: self.expires.or(record.expires_at),
            environment: self.environment.map(ToOwned::to_owned).or(record.environment),
            owner: record.owner.filter(|_| !self.ownerless),
            ..record
        })
    }
}

/// One bot's story.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    pub(crate) listing: Listing,
    pub(crate) wrongs: Vec<Wrong>,
    pub(crate) odds: Vec<Odd>,
    pub(crate) changes: Vec<Change>,
    pub(crate) accounts: Vec<AccountChange>,
    pub(crate) tampered: Vec<LogWrong>,
    pub(crate) spread: Option<Spread>,
    altered: BTreeMap<(i32, usize), (Act, Mark)>,
    extra: Vec<Planned>,
    silences: Vec<(Timestamp, Timestamp)>,
    loose: Vec<Loose>,
}

/// An event outside of any session, on the local day that it falls on.
#[derive(Clone, Debug)]
struct Loose {
    day: i32,
    at: Timestamp,
    host: Option<Host>,
    kind: Kind,
    mark: Mark,
}

impl Story {
    /// The sessions of a local day as they really take place.
    pub(crate) fn sessions(&self, plan: &Plan, window: &Window, seed: u64, day: i32) -> Vec<Planned> {
        let shift = self.changes.iter().rev().find_map(|change| match change.what {
            ChangeKind::Shift(minutes) if plan.zone.local(change.from).day < day => Some(minutes),
            _ => None,
        });
        let mut sessions = schedule::sessions(plan, window, seed, day, shift.unwrap_or(0.0));
        for (nth, planned) in sessions.iter_mut().enumerate() {
            if let Some((act, mark)) = self.altered.get(&(day, nth)) {
                (planned.act, planned.mark) = (act.clone(), *mark);
            }
        }
        sessions.retain(|planned| !self.silences.iter().any(|(from, to)| (*from..*to).contains(&planned.start)));
        sessions.extend(self.extra.iter().filter(|planned| planned.day == day).cloned());
        sessions
    }

    /// The events outside of sessions on a local day.
    pub(crate) fn loose(&self, plan: &Plan, day: i32) -> Vec<Raw> {
        let today = self.loose.iter().filter(|loose| loose.day == day);
        today
            .map(|loose| {
                let event = blank(plan, loose.at, loose.host.as_ref(), loose.kind.clone());
                Raw { event: Box::new(event), mark: loose.mark }
            })
            .collect()
    }

    /// Adds what somebody does to the bot as to others, with a label of its own.
    pub(crate) fn befall(&mut self, plan: &Plan, at: Timestamp, spread: &Spread) {
        let (scenario, note) = (spread.scenario, spread.note.clone());
        self.wrongs.push(Wrong {
            scenario: scenario.as_str(),
            dimensions: scenario.dimensions(),
            note,
            log: false,
            extent: None,
        });
        let mark = Mark::Attack(self.wrongs.len() - 1);
        let day = plan.zone.local(at).day;
        self.loose.push(Loose { day, at, host: None, kind: spread.kind.clone(), mark });
    }

    /// Notes that an event of the bot was touched by what was done to its log: no fault of the bot's.
    pub(crate) fn suffers(&mut self, at: Timestamp, why: &'static str) {
        let known = self.odds.iter().position(|odd| odd.why == why);
        let place = known.unwrap_or_else(|| {
            self.odds.push(Odd { why, extent: None });
            self.odds.len() - 1
        });
        self.extend(Mark::Benign(place), at);
    }

    /// Counts an instant into what a mark stands for.
    pub(crate) fn extend(&mut self, mark: Mark, at: Timestamp) {
        let extent = match mark {
            Mark::None => return,
            Mark::Attack(place) => self.wrongs.get_mut(place).map(|wrong| &mut wrong.extent),
            Mark::Benign(place) => self.odds.get_mut(place).map(|odd| &mut odd.extent),
        };
        if let Some(extent) = extent {
            let (from, to) = extent.unwrap_or((at, at));
            *extent = Some((from.min(at), to.max(at)));
        }
    }
}

/// Somebody who makes up the story of a bot.
pub(crate) struct Writer<'a> {
    pub(crate) spec: &'a FleetSpec,
    pub(crate) window: &'a Window,
    pub(crate) plan: &'a Plan,
    /// Bots before this one.
    pub(crate) others: &'a [Plan],
    /// Bots for trials before this one, by their place, and the systems that they have no business with.
    pub(crate) trials: &'a [(usize, Text)],
    pub(crate) rng: Rng,
    pub(crate) story: Story,
    /// Days on which something special happens already.
    busy: Vec<i32>,
}

/// Days that two special things on one bot keep from each other: nearer ones would be one story.
const APART_DAYS: i32 = 2;

impl<'a> Writer<'a> {
    pub(crate) fn new(spec: &'a FleetSpec, window: &'a Window, plan: &'a Plan, others: &'a [Plan], rng: Rng) -> Self {
        Self { spec, window, plan, others, trials: &[], rng, story: Story::default(), busy: Vec::new() }
    }

    /// Days of a range on which nothing special happens near, in random order.
    pub(crate) fn free_days(&mut self, from: i32, to: i32) -> Vec<i32> {
        let free = |day: &i32| self.busy.iter().all(|busy| (busy - day).abs() > APART_DAYS);
        let mut days: Vec<i32> = (from..to).filter(free).collect();
        shuffle(&mut self.rng, &mut days);
        days
    }

    /// A free day of a range that has sessions and one of these, by its place.
    pub(crate) fn session(&mut self, from: i32, to: i32) -> Option<(usize, Planned)> {
        for day in self.free_days(from, to) {
            let sessions = self.sessions(day);
            if !sessions.is_empty() {
                let nth = (super::chance::between(&mut self.rng, 0.0, 1.0) * sessions.len() as f64) as usize;
                self.busy.push(day);
                return sessions.into_iter().nth(nth).map(|planned| (nth, planned));
            }
        }
        None
    }

    /// The same among the days of the test, but for the last ones, so that all ends before the fleet does.
    pub(crate) fn test_session(&mut self) -> Option<(usize, Planned)> {
        self.session(self.first_test_day(), self.window.end_day - 2)
    }

    /// The first local day that lies in the test as a whole: east of Greenwich the day of the split begins before it.
    pub(crate) fn first_test_day(&self) -> i32 {
        let day = self.window.test_day;
        if instant(&self.plan.zone, day, 0.0) < self.window.split { day + 1 } else { day }
    }

    /// A free day of the test, preferably one on which the bot works.
    pub(crate) fn test_day(&mut self, works: bool) -> Option<i32> {
        let days = self.free_days(self.first_test_day(), self.window.end_day - 2);
        let fits = |day: &&i32| self.plan.schedule.works_on(self.window, **day) == works;
        let day = days.iter().find(fits).or(days.first()).copied();
        self.busy.extend(day);
        day
    }

    pub(crate) fn occupy(&mut self, days: std::ops::Range<i32>) {
        self.busy.extend(days);
    }

    /// The sessions of a day as the story stands.
    pub(crate) fn sessions(&self, day: i32) -> Vec<Planned> {
        self.story.sessions(self.plan, self.window, self.spec.seed, day)
    }

    /// Opens a label.
    pub(crate) fn wrong(&mut self, scenario: &'static str, dimensions: &'static [Dimension], note: String) -> Mark {
        self.story.wrongs.push(Wrong { scenario, dimensions, note, log: false, extent: None });
        Mark::Attack(self.story.wrongs.len() - 1)
    }

    /// Opens a benign oddity.
    pub(crate) fn odd(&mut self, why: &'static str) -> Mark {
        self.story.odds.push(Odd { why, extent: None });
        Mark::Benign(self.story.odds.len() - 1)
    }

    /// Bends a session of the timetable.
    pub(crate) fn alter(&mut self, day: i32, nth: usize, act: Act, mark: Mark) {
        self.story.altered.insert((day, nth), (act, mark));
    }

    /// Adds a session.
    pub(crate) fn extra(&mut self, day: i32, start: Timestamp, act: Act, mark: Mark) -> &mut Planned {
        let nth = 1_000 + self.story.extra.len();
        let seed = mix(self.spec.seed, &[self.plan.index as u64, Purpose::Session as u64, day as u64, nth as u64]);
        let trigger = self.plan.schedule.trigger();
        self.story.extra.push(Planned { start, day, seed, load: 1.0, first: false, trigger, by: None, act, mark });
        &mut self.story.extra[nth - 1_000]
    }

    /// Keeps the bot silent.
    pub(crate) fn silence(&mut self, from: Timestamp, to: Timestamp) {
        self.story.silences.push((from, to));
    }

    /// Adds an event outside of sessions.
    pub(crate) fn loose(&mut self, at: Timestamp, host: Option<Host>, kind: Kind, mark: Mark) {
        let day = self.plan.zone.local(at).day;
        self.story.loose.push(Loose { day, at, host, kind, mark });
    }

    /// One of a few words.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[super::chance::count(&mut self.rng, 0, words.len() - 1)]
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        happens(&mut self.rng, probability)
    }
}
