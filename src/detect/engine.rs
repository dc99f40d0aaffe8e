//! The engine: events and watermarks in, alerts out. No I/O, no clock, no randomness.
//!
//! One engine owns its bots without locks. All that depends on time happens when the watermark moves: sessions that
//! silence ended, incidents that are over. The order of those timers is their time, then the bot, then the session, so
//! that the same input gives the same output byte for byte.

use hashbrown::HashTable;

use super::baseline::Baseline;
use super::bot::BotState;
use super::bots::Bots;
use super::budget::Budget;
use super::entitlement::{Granters, Vocabulary};
use super::feature::{Session, Sighting};
use super::feedback::Decisions;
use super::fleet::Fleet;
use super::foreseen::Foreseen;
use super::frontier::{Frontier, Passage};
use super::hidden::{self, Hits, Tuned};
use super::operator::Operators;
use super::policy::{Arrival, Logs, fraud};
use super::profile::Profile;
use super::settings::Settings;
use super::shared::Shared;
use super::silence::Asked;
use super::stats::Stats;
use super::tags::TagTable;
use super::timers::Timers;
use super::worth::{count_volume, is_news, session_doubled};
use super::{judge, peers, rules, score, silence, tenure};
use crate::alert::{Alert, AlertBook, Dimension};
use crate::event::{Event, Outcome, Reject, RejectReason, Text, normalize, same};
use crate::registry::{BotRecord, Registry};
use crate::stats::{fingerprint, place};
use crate::time::{Span, Timestamp, Zone};

/// Time into a session after which it is judged for the first time. Shorter: the event that says who started it may not
/// have arrived. Longer: odd hours are told later.
const FIRST_LOOK: Span = Span::from_secs(45);

/// Clocks that many others are changed with, in both halves of the year.
pub(super) const CLOCKS: [&str; 3] = ["America/New_York", "Europe/Berlin", "Australia/Sydney"];

/// Key of the timer that tidies up after a bot; no session has it.
pub(super) const TIDY: u64 = u64::MAX;
/// Key of the timer that looks at a bot's silence.
pub(super) const SILENCE: u64 = u64::MAX - 1;

/// What one step of the engine gave.
#[derive(Debug, Default)]
pub struct Output {
    /// Alerts to publish, in order.
    pub alerts: Vec<Alert>,
    /// Events that were refused after decoding, for the dead letters.
    pub rejected: Vec<(Event, Reject)>,
    /// Verdicts on what is over, kept only where somebody asked for them: to measure what p-values mean.
    pub verdicts: Option<Vec<Verdict>>,
}

/// What a verdict is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// A closed session.
    Session,
    /// The silence before a session.
    Silence,
    /// The levels of a day that is over.
    Levels,
}

/// The verdict on a closed session, a silence that is over, or a day's levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whose bot.
    pub tenant: Text,
    /// The bot.
    pub bot: Text,
    /// What of it.
    pub judged: Judged,
    /// Event time: of a session its newest event, of a silence its end, of a day the first event after it.
    pub ts: Timestamp,
    /// Days that the bot has been at work on, weighted by age.
    pub days: f64,
    /// Whether it was old enough to be told of.
    pub mature: bool,
    /// P-value by detector, with its dimension; none where nothing would be told of it: an announced change explains it,
    /// it was told already, or others have the same cause.
    pub p_values: Vec<(Dimension, Option<f64>)>,
    /// All of a session's together.
    pub fused: Option<f64>,
}

/// The detection engine.
#[derive(Debug)]
pub struct Engine {
    pub(super) settings: Settings,
    pub(super) profile: Profile,
    pub(super) tuned: Tuned,
    pub(super) tags: TagTable,
    pub(super) registry: Registry,
    /// Room for the name of what is called.
    endpoint: String,
    pub(super) zones: Vec<(String, Zone)>,
    /// Clocks that most others are changed with: America's, Europe's, Australia's.
    pub(super) clocks: Vec<Zone>,
    pub(super) frontier: Frontier,
    pub(super) bots: Bots,
    pub(super) index: HashTable<u32>,
    /// By the number of a bot and what is due: a session by its key, [`TIDY`] or [`SILENCE`].
    pub(super) timers: Timers<(u32, u64)>,
    pub(super) fleet: Shared<Fleet>,
    pub(super) fleet_day: i64,
    pub(super) logs: Shared<Logs>,
    pub(super) ledgers: Shared<fraud::Ledgers>,
    /// Systems and roles by number, as all bots know them.
    pub(super) names: Vocabulary,
    pub(super) granters: Granters,
    pub(super) operators: Operators,
    pub(super) book: AlertBook,
    pub(super) budget: Budget,
    /// What the suppressions of the settings have hidden, in their order.
    pub(super) hidden: Vec<Hits>,
    /// What people decided.
    pub(super) decisions: Shared<Decisions>,
    pub(super) stats: Stats,
    /// What circles of bots answered at this instant.
    pub(super) asked: Asked,
}

impl Engine {
    /// An engine that knows nothing yet, with the shipped profile.
    #[must_use]
    pub fn new(settings: Settings, registry: Registry) -> Self {
        let profile = Profile::shipped();
        let default_zone = Zone::named(&settings.default_zone).unwrap_or_else(|_| Zone::utc());
        Self {
            zones: vec![(settings.default_zone.clone(), default_zone)],
            clocks: CLOCKS.into_iter().filter_map(|name| Zone::named(name).ok()).collect(),
            hidden: hidden::hits(&settings.suppressions, &[]),
            settings,
            profile,
            tuned: Tuned::default(),
            tags: TagTable::shipped(),
            registry,
            endpoint: String::new(),
            frontier: Frontier::default(),
            bots: Bots::default(),
            index: HashTable::new(),
            timers: Timers::default(),
            fleet: Shared::default(),
            fleet_day: 0,
            logs: Shared::default(),
            ledgers: Shared::default(),
            names: Vocabulary::default(),
            granters: Granters::default(),
            operators: Operators::default(),
            book: AlertBook::default(),
            budget: Budget::default(),
            decisions: Shared::default(),
            stats: Stats::default(),
            asked: Asked::default(),
        }
    }

    /// Takes one event in: scores it, then learns from it.
    #[expect(clippy::needless_pass_by_value, reason = "most callers are done with the event")]
    pub fn observe(&mut self, event: Event, output: &mut Output) {
        self.observe_ref(&event, output);
    }

    /// As [`observe`](Self::observe), for whoever keeps the event: it is copied only where it must be held.
    pub fn observe_ref(&mut self, event: &Event, output: &mut Output) {
        self.observe_foreseen(Foreseen::unseen(event), output);
    }

    /// The same of an event of which [`look_ahead`](Self::look_ahead) has seen something, a moment ago.
    pub fn observe_foreseen(&mut self, foreseen: Foreseen<'_>, output: &mut Output) {
        let event = foreseen.event;
        self.decisions.observed += 1;
        match self.frontier.admit(event.ts, self.settings.jump_max) {
            Passage::Pass(refused) => {
                for held in &refused {
                    self.refuse(held, RejectReason::Future, output);
                }
                self.take(foreseen, output);
            }
            Passage::Ahead => {
                let released = self.frontier.hold(event.clone());
                self.take_held(released, output);
            }
        }
    }

    /// Moves event time on without an event: the source has been idle for `span` since its last event.
    pub fn idle(&mut self, span: Span, output: &mut Output) {
        let held = self.frontier.release();
        self.take_held(held, output);
        if let Some(watermark) = self.frontier.watermark() {
            self.frontier.advance(watermark + span);
            self.fire(output);
        }
    }

    /// The input is at its end: judges what is still open, as if the source fell silent.
    pub fn finish(&mut self, output: &mut Output) {
        self.idle(self.settings.session_timeout + Span::MINUTE, output);
    }

    /// Event time so far.
    #[must_use]
    pub fn watermark(&self) -> Option<Timestamp> {
        self.frontier.watermark()
    }

    /// Whether enough is known of a bot to judge it.
    pub(super) fn mature(&self, baseline: &Baseline) -> bool {
        baseline.age_days(self.settings.baseline_days) >= f64::from(self.settings.mature_days)
    }

    /// Whether anybody said in which zone a bot lives: UTC is what is taken where nobody did.
    pub(super) fn is_zoned(&self, at: u32) -> bool {
        self.bots[at as usize].zone != 0
            || self.settings.default_zone != "UTC"
            || self.record(at).is_some_and(|record| record.timezone.is_some())
    }

    /// The registry's record of a bot.
    pub(super) fn record(&self, at: u32) -> Option<&BotRecord> {
        self.bots[at as usize].record.and_then(|number| self.registry.record(number))
    }

    fn take_held(&mut self, events: Vec<Event>, output: &mut Output) {
        for event in events {
            self.frontier.advance(event.ts);
            self.take(Foreseen::unseen(&event), output);
        }
    }

    fn take(&mut self, foreseen: Foreseen<'_>, output: &mut Output) {
        self.fire(output);
        self.enter_event(foreseen, output);
        // What an event from behind the watermark has made due is not left to the next event, of which nobody knows how
        // much later it is; one that comes again would make a difference.
        if self.is_due() {
            self.fire(output);
        }
    }

    /// Whether something waits for a time that the watermark has passed.
    pub(super) fn is_due(&self) -> bool {
        let Some(watermark) = self.frontier.watermark() else { return false };
        self.timers.are_due(watermark) || self.logs.are_due(watermark)
    }

    fn enter_event(&mut self, foreseen: Foreseen<'_>, output: &mut Output) {
        let event = foreseen.event;
        let Some(at) = self.locate(foreseen) else {
            self.stats.limited += 1;
            self.refuse(event, RejectReason::BotLimit, output);
            return;
        };
        let (lateness, ids_max) = (self.settings.lateness_max, self.profile.bounds.ids_max);
        let watermark = self.frontier.watermark().unwrap_or(event.ts);
        if event.ts + lateness < watermark {
            // Before its id is looked at: a stream that is read again from its beginning would push out the ids of the
            // last hours, which are all that can tell what comes twice.
            self.stats.late += 1;
            rules::log(self, None, event, Arrival::NumberOnly, output);
            return;
        }
        let bot = &mut self.bots[at as usize];
        let due = bot.ids_due(lateness);
        if !bot.first_sight(foreseen.id, watermark, lateness, ids_max) {
            self.stats.duplicate += 1;
            self.logs.again(event);
            return;
        }
        if bot.ids_due(lateness) != due {
            self.timers.extend(bot.ids_due(lateness).map(|due| (due, (at, TIDY))));
        }
        self.stats.accepted += 1;
        let bot = &mut self.bots[at as usize];
        bot.newest = bot.newest.later(event.ts);
        bot.baseline.events = bot.baseline.events.saturating_add(1);
        let day = self.zones[usize::from(bot.zone)].1.local(event.ts).day;
        let burn_in = self.profile.calibration.burn_in_share * f64::from(self.settings.mature_days);
        let announced = bot.windows.new_level(event.ts);
        let closed = bot.baseline.roll(day, self.settings.baseline_days, burn_in, announced);
        if let Some(closed) = closed {
            judge::day(self, at, event, &closed, output);
        }
        self.roll_fleet(event.ts, output);
        rules::log(self, Some(at), event, Arrival::Sound, output);
        let broke = rules::event(self, at, event, output);
        if !event.by_person() {
            self.follow(at, event, broke, output);
        }
    }

    /// Puts an event into its session and judges the session so far, if the event is worth it.
    fn follow(&mut self, at: u32, event: &Event, broke: bool, output: &mut Output) {
        // Mostly it is one of the last two, and to see that takes less than a fingerprint.
        let open = self.bots[at as usize].latest().find(|session| session.is_of(event));
        let key = match (open, &event.session) {
            (Some(session), _) => session.key,
            (None, Some(id)) => fingerprint(&[id]).clamp(1, SILENCE - 1),
            (None, None) => 0,
        };
        let mut name = std::mem::take(&mut self.endpoint);
        // A failed call moved nothing, and its repetition is a retry, not another step.
        let endpoint = if event.outcome == Outcome::Error { None } else { normalize::endpoint_in(event, &mut name) };
        self.step(at, event, (key, endpoint, broke), output);
        self.endpoint = name;
    }

    /// The same, with the key of its session, what it called, and whether it broke a rule.
    fn step(&mut self, at: u32, event: &Event, what: (u64, Option<&str>, bool), output: &mut Output) {
        let (key, endpoint, broke) = what;
        tenure::exercise(self, at, event, key, endpoint, output);
        let bot = &mut self.bots[at as usize];
        if bot.is_straggler(key, event.ts) {
            return;
        }
        let sighting = event.geo.as_ref().and_then(|geo| Sighting::new(event.ts, geo));
        let travel = sighting.as_ref().zip(bot.sighting.as_ref()).and_then(|(here, there)| there.impossible(here));
        bot.sighting = sighting.or(bot.sighting);
        let open = bot.sessions.iter().position(|session| session.key == key);
        if open.is_none() && bot.sessions.len() < self.settings.sessions_open_max {
            silence::resumed(self, at, event, output);
        }
        let bot = &mut self.bots[at as usize];
        let slot = match open {
            Some(slot) => slot,
            None if bot.sessions.len() >= self.settings.sessions_open_max => {
                self.stats.limited += 1;
                return;
            }
            None => {
                // Growth by doubling would start with room for four.
                bot.sessions.reserve_exact(1);
                bot.sessions.push(Session::open(key, event));
                bot.sessions.len() - 1
            }
        };
        let session = &mut bot.sessions[slot];
        session.broke |= broke;
        let travelled = travel.is_some() && session.travel.is_none();
        session.travel = session.travel.or(travel);
        let (limited_before, calls_before) = (session.limited, session.calls);
        let attach = session.attach(event, endpoint, &self.profile.bounds);
        self.stats.limited += u64::from(session.limited - limited_before);
        let deadline = session.deadline(self.settings.session_timeout);
        if attach.first || deadline < session.due {
            session.due = deadline;
            self.timers.set(deadline, (at, key));
        }
        let known = |place: &Text| bot.baseline.places.as_ref().is_none_or(|places| places.knows(place));
        let elsewhere = attach.place && !session.places.iter().all(known);
        let looks = !session.looked && event.ts > session.opened + FIRST_LOOK;
        session.looked |= looks;
        let counts = session.calls > calls_before;
        let called = endpoint.map(|name| (name, bot.baseline.graph.number_now(name)));
        let mut alarm =
            travelled || looks || elsewhere || (attach.fresh && is_news(&bot.baseline, session, event, called));
        if let Some(called) = called.filter(|_| counts) {
            alarm |= count_volume(bot, slot, event, called, &self.profile);
        }
        alarm |= bot.sessions[slot].pace_due() && score::suspected(&bot.baseline, &bot.sessions[slot]);
        alarm |= session_doubled(&bot.sessions[slot]) && bot.baseline.volumes.outgrown(&bot.sessions[slot]);
        if alarm && self.mature(&self.bots[at as usize].baseline) {
            judge::running(self, at, slot, output);
        }
    }

    /// Does what is due at the watermark.
    fn fire(&mut self, output: &mut Output) {
        let Some(watermark) = self.frontier.watermark() else { return };
        let lateness = self.settings.lateness_max;
        while let Some((due, (at, key))) = self.timers.pop_due(watermark) {
            let bot = &mut self.bots[at as usize];
            if key == TIDY {
                bot.drop_old_ids(watermark, lateness);
                continue;
            }
            if key == SILENCE {
                silence::due(self, at, due, output);
                continue;
            }
            let Some(slot) = bot.sessions.iter().position(|session| session.key == key) else { continue };
            let deadline = bot.sessions[slot].deadline(self.settings.session_timeout);
            if due < deadline {
                // The session went on. Its timer goes to where it belongs even if that is past, since the order of
                // deadlines is the order of verdicts, however the timers came to be.
                bot.sessions[slot].due = deadline;
                self.timers.set(deadline, (at, key));
                continue;
            }
            let session = bot.sessions.swap_remove(slot);
            if bot.sessions.is_empty() {
                bot.sessions = Vec::new();
            }
            bot.note_judged(key, session.newest, watermark - lateness);
            self.stats.sessions += 1;
            judge::closed(self, at, &session, output);
        }
        rules::logs_due(self, watermark, output);
        output.alerts.extend(self.book.advance(watermark));
    }

    fn roll_fleet(&mut self, ts: Timestamp, output: &mut Output) {
        let day = ts.day_utc();
        if day > self.fleet_day {
            let passed = if self.fleet_day > 0 { day - self.fleet_day } else { 0 };
            self.fleet_day = day;
            self.fleet.forget(day - i64::from(self.settings.baseline_days), passed);
            self.ledgers.forget(ts, &self.profile.fraud);
            // Monday of the calendar, whatever the bots' zones.
            if (day + 3) / 7 > (day - passed + 3) / 7 {
                peers::refit(self, ts, output);
                self.asked.forget();
                tenure::forget_names(self);
            }
        }
    }

    fn refuse(&mut self, event: &Event, reason: RejectReason, output: &mut Output) {
        self.stats.rejected += 1;
        rules::log(self, None, event, Arrival::NumberOnly, output);
        let reject = Reject::new(reason, format!("event `{}` of `{}` at {}", event.id, event.bot, event.ts));
        output.rejected.push((event.clone(), reject));
    }

    /// The number of a bot.
    pub(super) fn number(&self, tenant: &str, bot: &str) -> Option<u32> {
        self.index.find(place(&[tenant, bot]), |&at| self.is(at, tenant, bot)).copied()
    }

    /// Whether a bot of that number has that name.
    fn is(&self, at: u32, tenant: &str, bot: &str) -> bool {
        let known = &self.bots[at as usize];
        same(&known.bot, bot) && same(&known.tenant, tenant)
    }

    /// The bot of an event, made if it is new; `None` when there are too many.
    fn locate(&mut self, foreseen: Foreseen<'_>) -> Option<u32> {
        let event = foreseen.event;
        let known = |&at: &u32| (at as usize) < self.bots.len() && self.is(at, &event.tenant, &event.bot);
        let likely = foreseen.bot.filter(known);
        if let Some(at) = likely.or_else(|| self.number(&event.tenant, &event.bot)) {
            return Some(at);
        }
        if self.bots.len() >= self.settings.bots_max {
            return None;
        }
        let bot = BotState::new(event.tenant.clone(), event.bot.clone(), self.settings.operations_max);
        Some(self.enter(bot))
    }

    /// Goes by another registry from now on. What was learned stays, also where a bot's zone is another now.
    pub fn set_registry(&mut self, registry: Registry) {
        self.registry = registry;
        for at in 0..self.bots.len() {
            let (record, zone) = self.registered(&self.bots[at].tenant.clone(), &self.bots[at].bot.clone());
            self.bots.register(at, record, zone);
        }
    }

    /// Number of a bot's record, and of its zone.
    fn registered(&mut self, tenant: &str, bot: &str) -> (Option<u32>, u16) {
        let record = self.registry.number(tenant, bot);
        let zone = record.and_then(|number| self.registry.record(number)).and_then(|record| record.timezone.clone());
        (record, zone.map_or(0, |name| self.zone_number(&name)))
    }

    /// Takes a bot in, with what the registry says of it.
    pub(super) fn enter(&mut self, mut bot: BotState) -> u32 {
        (bot.record, bot.zone) = self.registered(&bot.tenant, &bot.bot);
        let at = self.bots.len() as u32;
        self.bots.push(bot);
        self.asked.forget();
        let bots = &self.bots;
        let print = |&at: &u32| place(&[&bots[at as usize].tenant, &bots[at as usize].bot]);
        self.index.insert_unique(print(&at), at, print);
        at
    }

    /// The number of a zone, which the registry has checked; unknown ones are the default.
    fn zone_number(&mut self, name: &str) -> u16 {
        if let Some(at) = self.zones.iter().position(|(known, _)| known == name) {
            return at as u16;
        }
        match Zone::named(name) {
            Ok(zone) => {
                self.zones.push((name.to_owned(), zone));
                (self.zones.len() - 1) as u16
            }
            Err(_) => 0,
        }
    }
}
