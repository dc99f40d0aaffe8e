//! All bots' events in order of arrival: sessions are written out when their time comes, numbered by their producers in
//! order of event time, and delivered with delays and now and then twice.

use std::collections::BTreeMap;

use compact_str::format_compact;

use super::attacks::{self, Wrongs};
use super::benign::{self, ODDITIES};
use super::chance::{Purpose, Rng, between, happens, lognormal, mix, shuffle, stream};
use super::labels::{Benign, Label, Meta};
use super::plan::Plan;
use super::session::{Mark, Planned, Raw, render};
use super::spec::{FleetSpec, Window, seconds};
use super::story::{LogWrong, Story, Tampering, Writer};
use crate::event::{Event, Text};
use crate::registry::BotRecord;
use crate::time::{Span, Timestamp};

/// How far ahead of UTC the clocks of the earth go; the sessions of a local day are planned that much before its UTC midnight.
const ZONE_LEAD: Span = Span::from_hours(14);

/// Seconds that an event usually needs to arrive, and at most.
const DELAY_SECS: f64 = 0.6;
const DELAY_SECS_MAX: f64 = 5.0;

/// A place in a queue: when, which bot, and in which order within it.
type Place = (Timestamp, usize, u64);

/// Makes a fleet's events one by one, in order of arrival. After the last one, [`EventStream::finish`] tells the labels.
#[derive(Debug)]
pub struct EventStream {
    spec: FleetSpec,
    window: Window,
    bots: Vec<Bot>,
    logs: Vec<Log>,
    next_day: i32,
    planned: BTreeMap<Place, Planned>,
    happening: BTreeMap<Place, Raw>,
    arriving: BTreeMap<Place, Box<Event>>,
    /// All that will still be made arrives after it.
    frontier: Timestamp,
    nth: u64,
    events: u64,
}

/// What a stream tells when it is over.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The attacks, in order of their start.
    pub labels: Vec<Label>,
    /// What was odd but fine, a bot after the other, the short before the long.
    pub benign: Vec<Benign>,
    /// How large the fleet is.
    pub meta: Meta,
}

#[derive(Debug)]
struct Bot {
    plan: Plan,
    story: Story,
    log: usize,
    delivery: Rng,
    written: u64,
}

/// A producer's log.
#[derive(Debug, Default)]
struct Log {
    seq: u64,
    /// What is done to it, with the bot whose story tells of that.
    wrong: Option<(usize, LogWrong)>,
    /// The label of the hole that the next event closes.
    closing: Option<(usize, Mark)>,
}

/// How a log takes an event down.
enum Entry {
    As { seq: u64, behind: Span, again: bool },
    Lost,
}

impl EventStream {
    /// Plans a fleet: profiles and stories of all bots, no events yet.
    #[must_use]
    pub fn new(spec: &FleetSpec) -> Self {
        let window = Window::new(spec);
        let plans: Vec<Plan> = (0..spec.bots.max(1)).map(|index| Plan::new(spec, &window, index)).collect();
        let mut stories = stories(spec, &window, &plans);
        let mut names: BTreeMap<Text, usize> = BTreeMap::new();
        let mut logs: Vec<Log> = Vec::new();
        let mut bots = Vec::with_capacity(plans.len());
        for (plan, story) in plans.into_iter().zip(&mut stories) {
            let log = *names.entry(plan.producer.clone()).or_insert_with(|| {
                let seq = 1 + mix(spec.seed, &[Purpose::Identifier as u64, plan.index as u64]) % 2_000_000;
                logs.push(Log { seq, ..Log::default() });
                logs.len() - 1
            });
            // A second wrong in one log would lie within the first one's story: it is left out with its label.
            if logs[log].wrong.is_none() {
                logs[log].wrong = story.tampered.pop().map(|wrong| (plan.index, wrong));
            }
            let delivery = stream(spec.seed, plan.index, Purpose::Delivery, 0);
            bots.push(Bot { plan, story: std::mem::take(story), log, delivery, written: 0 });
        }
        let next_day = window.first_day;
        Self {
            spec: spec.clone(),
            frontier: window.start - Span::DAY,
            window,
            bots,
            logs,
            next_day,
            planned: BTreeMap::new(),
            happening: BTreeMap::new(),
            arriving: BTreeMap::new(),
            nth: 0,
            events: 0,
        }
    }

    /// The bots' registry.
    #[must_use]
    pub fn registry(&self) -> Vec<BotRecord> {
        self.bots.iter().filter_map(|bot| bot.story.listing.record(bot.plan.record())).collect()
    }

    /// The labels and sizes. They are complete once the stream has yielded its last event.
    #[must_use]
    pub fn finish(self) -> Summary {
        let (mut labels, mut benign) = (Vec::new(), Vec::new());
        for bot in &self.bots {
            let tenant = bot.plan.tenant.to_string();
            for odd in &bot.story.odds {
                let Some((start, end)) = odd.extent else { continue };
                // What an oddity changed for days may outlast the fleet, which knows nothing of later.
                let end = end.min(self.window.end);
                let bot = bot.plan.name.to_string();
                benign.push(Benign { why: odd.why.to_owned(), tenant: tenant.clone(), bot, start, end });
            }
            for wrong in &bot.story.wrongs {
                let Some((start, end)) = wrong.extent else { continue };
                labels.push(Label {
                    id: String::new(),
                    scenario: wrong.scenario.to_owned(),
                    tenant: tenant.clone(),
                    bot: (!wrong.log).then(|| bot.plan.name.to_string()),
                    producer: wrong.log.then(|| bot.plan.producer.to_string()),
                    start,
                    end,
                    dimensions: wrong.dimensions.to_vec(),
                    note: wrong.note.clone(),
                });
            }
        }
        labels.sort_by(|a, b| (a.start, &a.tenant, &a.bot).cmp(&(b.start, &b.tenant, &b.bot)));
        for (nth, label) in labels.iter_mut().enumerate() {
            label.id = format!("a{:04}", nth + 1);
        }
        let meta = Meta {
            events: self.events,
            bots: self.bots.len() as u64,
            attacks: labels.len() as u64,
            split: self.window.split,
            end: self.window.end,
            bot_days_test: self.bots.len() as f64 * f64::from(self.spec.days_test),
        };
        Summary { labels, benign, meta }
    }

    /// Scenarios and oddities that the bots' stories hold, bot by bot.
    #[cfg(test)]
    pub(super) fn told(&self) -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
        let of = |bot: &Bot| {
            let wrongs = bot.story.wrongs.iter().map(|wrong| wrong.scenario).collect();
            (wrongs, bot.story.odds.iter().map(|odd| odd.why).collect())
        };
        self.bots.iter().map(of).collect()
    }

    /// Does the earliest thing that is still to do; says whether there was one.
    fn advance(&mut self) -> bool {
        let day = Timestamp::MIN + Span::from_days(i64::from(self.next_day)) - ZONE_LEAD;
        let day = (self.next_day <= self.window.end_day).then_some(day);
        let session = self.planned.first_key_value().map(|(place, _)| place.0);
        let event = self.happening.first_key_value().map(|(place, _)| place.0);
        let Some(next) = [day, session, event].into_iter().flatten().min() else {
            self.frontier = Timestamp::from_micros(i64::MAX);
            return false;
        };
        self.frontier = next;
        if day == Some(next) {
            self.plan_day();
        } else if session == Some(next) {
            if let Some(((_, bot, _), planned)) = self.planned.pop_first() {
                self.begin(bot, &planned);
            }
        } else if let Some(((_, bot, _), raw)) = self.happening.pop_first() {
            self.write(bot, raw);
        }
        true
    }

    fn plan_day(&mut self) {
        let day = self.next_day;
        self.next_day += 1;
        for (index, bot) in self.bots.iter().enumerate() {
            for planned in bot.story.sessions(&bot.plan, &self.window, self.spec.seed, day) {
                self.nth += 1;
                self.planned.insert((planned.start, index, self.nth), planned);
            }
            for raw in bot.story.loose(&bot.plan, day) {
                self.nth += 1;
                self.happening.insert((raw.event.ts, index, self.nth), raw);
            }
        }
    }

    /// Writes a session out, unless it would begin before the fleet does or end after it.
    fn begin(&mut self, index: usize, planned: &Planned) {
        let bot = &self.bots[index];
        let raws = render(&bot.plan, &bot.story, self.spec.seed, planned);
        let inside = |raw: &Raw| (self.window.start..self.window.end).contains(&raw.event.ts);
        if !raws.iter().all(inside) {
            return;
        }
        for raw in raws {
            self.nth += 1;
            self.happening.insert((raw.event.ts, index, self.nth), raw);
        }
    }

    /// The producer writes an event into its log, and sends it off.
    fn write(&mut self, index: usize, raw: Raw) {
        let Raw { mut event, mark } = raw;
        let ts = event.ts;
        let Entry::As { seq, behind, again } = self.enter(index, ts, mark) else { return };
        event.seq = Some(seq);
        event.ts = ts - behind;
        let bot = &mut self.bots[index];
        bot.story.extend(mark, ts);
        event.id = bot.next_id(self.spec.seed);
        if again {
            let mut other = event.clone();
            other.id = bot.next_id(self.spec.seed);
            (other.records_read, other.bytes) = (Some(1), None);
            self.send(index, event, ts);
            self.send(index, other, ts);
        } else {
            self.send(index, event, ts);
        }
    }

    /// Gives an event its number, and whatever else is done to the log.
    fn enter(&mut self, index: usize, ts: Timestamp, mark: Mark) -> Entry {
        let log = &mut self.logs[self.bots[index].log];
        let plain = |seq| Entry::As { seq, behind: Span::ZERO, again: false };
        // Other wrongs are not hidden by this one, unless the whole log is at fault.
        let whole = |what: &Tampering| matches!(what, Tampering::Silent { .. } | Tampering::Slow { .. });
        let begun = |wrong: &LogWrong| wrong.from <= ts && (mark == Mark::None || whole(&wrong.what));
        let wrong = log.wrong.as_mut().filter(|(_, wrong)| begun(wrong));
        let Some((teller, wrong)) = wrong else {
            log.seq += 1;
            if let Some((teller, mark)) = log.closing.take() {
                self.bots[teller].story.extend(mark, ts);
            }
            return plain(log.seq);
        };
        let (teller, told) = (*teller, wrong.mark);
        let (entry, over) = match &mut wrong.what {
            Tampering::Lost(left) => {
                log.seq += 1;
                *left -= 1;
                (Entry::Lost, *left == 0)
            }
            Tampering::Restarted => {
                log.seq = 1;
                (plain(1), true)
            }
            Tampering::Shared { until, seq } => {
                let second = ts.as_micros() % 2 == 0 || index != teller;
                let count = if second && ts < *until { seq } else { &mut log.seq };
                *count += 1;
                (plain(*count), ts >= *until)
            }
            Tampering::Twice(left) => {
                log.seq += 1;
                *left -= 1;
                (Entry::As { seq: log.seq, behind: Span::ZERO, again: true }, *left == 0)
            }
            Tampering::Silent { until } if ts < *until => (Entry::Lost, false),
            Tampering::Slow { until, behind } if ts < *until => {
                log.seq += 1;
                (Entry::As { seq: log.seq, behind: *behind, again: false }, false)
            }
            Tampering::Silent { .. } | Tampering::Slow { .. } => {
                log.seq += 1;
                (plain(log.seq), true)
            }
        };
        let touches = !matches!(wrong.what, Tampering::Restarted | Tampering::Twice(_));
        if over {
            log.wrong = None;
            log.closing = matches!(entry, Entry::Lost).then_some((teller, told));
        }
        self.bots[teller].story.extend(told, ts);
        if touches {
            self.bots[index].story.suffers(ts, if matches!(entry, Entry::Lost) { "log_gap" } else { "log_muddled" });
        }
        entry
    }

    /// Sends an event off at an instant, which is not what a wrong clock says.
    fn send(&mut self, index: usize, event: Box<Event>, ts: Timestamp) {
        let late_secs_max = f64::from(self.spec.late_secs_max).max(DELAY_SECS_MAX);
        let rng = &mut self.bots[index].delivery;
        let usual = lognormal(rng, DELAY_SECS, 0.5).min(DELAY_SECS_MAX);
        let late = happens(rng, self.spec.late_share);
        let delay = if late { lognormal(rng, 25.0, 1.2).clamp(DELAY_SECS, late_secs_max) } else { usual };
        let again = happens(rng, self.spec.duplicate_share).then(|| between(rng, delay, late_secs_max));
        if let Some(again) = again {
            self.nth += 1;
            self.arriving.insert((ts + seconds(again), index, self.nth), event.clone());
        }
        self.nth += 1;
        self.arriving.insert((ts + seconds(delay), index, self.nth), event);
    }
}

impl Bot {
    fn next_id(&mut self, seed: u64) -> Text {
        self.written += 1;
        let id = mix(seed, &[self.plan.index as u64, Purpose::Identifier as u64, self.written]);
        format_compact!("{id:016x}")
    }
}

impl Iterator for EventStream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(first) = self.arriving.first_entry()
                && first.key().0 < self.frontier
            {
                self.events += 1;
                return Some(*first.remove());
            }
            if !self.advance() && self.arriving.is_empty() {
                return None;
            }
        }
    }
}

/// What befalls each bot, in the order of the bots: of all that suits a bot the fleet takes what it has seen least.
fn stories(spec: &FleetSpec, window: &Window, plans: &[Plan]) -> Vec<Story> {
    let (mut wrongs, mut odds) = (vec![0; spec.wrongs.pool().len()], [0_u32; ODDITIES.len()]);
    let mut trials: Vec<(usize, Text)> = Vec::new();
    let mut stories: Vec<Story> = Vec::with_capacity(plans.len());
    for (index, plan) in plans.iter().enumerate() {
        let rng = |purpose| stream(spec.seed, index, purpose, 0);
        let mut w = Writer::new(spec, window, plan, &plans[..index], rng(Purpose::Oddities));
        w.trials = &trials;
        if plan.retired_at.is_none() {
            oddities(&mut w, &mut odds);
        }
        if spec.wrongs == Wrongs::Standing {
            benign::provisioned(&mut w);
            benign::looked_after(&mut w);
        }
        w.rng = rng(Purpose::Attacks);
        if !spec.clean {
            attacks::write(&mut w, &mut wrongs);
        }
        if plan.retired_at.is_none() {
            benign::natural(&mut w);
        }
        let story = w.story;
        trials.extend(story.listing.trial.clone().map(|system| (index, system)));
        stories.push(story);
    }
    spread(plans, &mut stories);
    stories
}

/// Bots that one deed befalls beside the one whose story tells of it.
const SPREAD_BOTS: usize = 11;

/// Lets what was done to one bot befall others of its tenant to which nothing else happens.
fn spread(plans: &[Plan], stories: &mut [Story]) {
    for index in 0..plans.len() {
        let Some(spread) = stories[index].spread.take() else { continue };
        let near = |at: &usize| plans[*at].tenant == plans[index].tenant && plans[*at].retired_at.is_none();
        let calm: Vec<usize> = (0..plans.len()).filter(near).filter(|&at| stories[at].wrongs.is_empty()).collect();
        let mut at = spread.from;
        for other in calm.into_iter().take(SPREAD_BOTS) {
            at = at + spread.every;
            stories[other].befall(&plans[other], at, &spread);
        }
    }
}

fn oddities(w: &mut Writer<'_>, ledger: &mut [u32; ODDITIES.len()]) {
    let rate = w.spec.oddities_per_bot.clamp(0.0, 4.0);
    let wanted = rate.floor() as usize + usize::from(happens(&mut w.rng, rate.fract()));
    let mut order: Vec<usize> = (0..ODDITIES.len()).collect();
    shuffle(&mut w.rng, &mut order);
    order.sort_by_key(|&place| ledger[place]);
    let mut done = 0;
    for place in order {
        if done < wanted && ODDITIES[place].write(w) {
            ledger[place] += 1;
            done += 1;
        }
    }
}
