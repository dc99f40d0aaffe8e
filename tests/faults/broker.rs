//! The broker: streams, consumers, and everything that a fault may do to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use humdrum::runtime::health::HealthState;
use humdrum::runtime::notify::gate::{Newest, Passage, Passed};
use humdrum::runtime::source::Message;
use humdrum::runtime::source::upstream::{ConsumerFacts, Delivery, Record, StreamFacts};
use humdrum::runtime::store::format::{Mark, Position};
use humdrum::time::Span;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::plan::{Chances, Class, Mutant, Plan};
use crate::story::{Item, Story, ordinal, stamp};

/// Memory, where there is a file system on it: a disk would take most of the time.
const MEMORY: &str = "/dev/shm";

/// The stream's name.
pub(crate) const STREAM: &str = "HUMDRUM_EVENTS";
/// Subjects begin so, but for the number of the partition.
pub(crate) const EVENTS: &str = "humdrum.cluster.events";
/// Silence is put on record there.
pub(crate) const TICKS: &str = "humdrum.cluster.events.0.tick";

/// A record that was written, whether it is still there or not.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) item: Item,
    pub(crate) sequence: u64,
    subject: String,
    payload: Bytes,
}

/// A consumer.
#[derive(Clone, Copy, Debug, Default)]
struct Consumer {
    delivered: u64,
    at: u64,
    acknowledged: u64,
}

/// A snapshot that was kept, besides what is in its file.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The directory of the process that wrote it.
    pub(crate) home: PathBuf,
    pub(crate) position: Option<Position>,
    /// The last sequence of the fence that is in it.
    pub(crate) fence: u64,
    /// Records whose consequences are in it.
    pub(crate) read: Vec<usize>,
}

/// What has passed the fence.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) id: Option<String>,
    pub(crate) epoch: u64,
    pub(crate) payload: Bytes,
}

/// What comes of asking for the next message.
#[derive(Debug)]
pub(crate) enum Next {
    Nothing,
    One(Delivery),
    Two(Delivery, Delivery),
    Broken,
    Ended,
    Crash,
}

/// On which side of its effect something strikes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    /// Milliseconds that it takes.
    pub(crate) slow: u64,
    /// Whoever asks stands still.
    pub(crate) stalls: Option<When>,
    /// Whoever asks dies.
    pub(crate) dies: Option<When>,
    pub(crate) refused: bool,
    pub(crate) unanswered: bool,
}

/// Everything outside of the process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    rng: Xoshiro256PlusPlus,
    created_us: i64,
    /// Records of the stream: sequence, and number among all that were ever written.
    records: BTreeMap<u64, usize>,
    first: u64,
    last: u64,
    pub(crate) written: Vec<Written>,
    /// What is still to be written.
    pub(crate) script: VecDeque<Item>,
    pub(crate) length: usize,
    consumers: BTreeMap<u64, Consumer>,
    pub(crate) waiting: Vec<Waker>,
    /// Alerts without a fence, in order.
    pub(crate) alerts: Vec<(String, Bytes)>,
    ids: BTreeSet<String>,
    pub(crate) fence: Vec<Past>,
    pub(crate) letters: BTreeSet<String>,
    /// Snapshots, in order.
    pub(crate) kept: Vec<Kept>,
    disk: TempDir,
    /// Directories of the processes, in order.
    pub(crate) homes: Vec<PathBuf>,
    pub(crate) epoch: u64,
    pub(crate) manifest: u64,
    pub(crate) logged: BTreeSet<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) crashes: u32,
    /// How far the one that reads has come, for faults that wait for that.
    pub(crate) place: u64,
    /// Whether the main trouble has come.
    pub(crate) troubled: bool,
    /// The first owner stands still, or did.
    pub(crate) stalled: bool,
    pub(crate) begun: Arc<Notify>,
    /// Requests of the two owners.
    requests: [u64; 2],
    /// The second owner has ended.
    pub(crate) over: bool,
    /// What whoever reads knows of its connection.
    pub(crate) health: Option<HealthState>,
}

impl World {
    pub(crate) fn new(plan: Plan, story: &Story) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(plan.seed);
        let script = script(&plan, story, &mut rng);
        Self {
            crashes: plan.crashes,
            plan,
            rng,
            created_us: 1,
            records: BTreeMap::new(),
            first: 1,
            last: 0,
            written: Vec::new(),
            length: script.len(),
            script,
            consumers: BTreeMap::new(),
            waiting: Vec::new(),
            alerts: Vec::new(),
            ids: BTreeSet::new(),
            fence: Vec::new(),
            letters: BTreeSet::new(),
            kept: Vec::new(),
            disk: tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir()).expect("a directory"),
            homes: Vec::new(),
            epoch: 0,
            manifest: 0,
            logged: BTreeSet::new(),
            wrong: Vec::new(),
            place: 0,
            troubled: false,
            stalled: false,
            begun: Arc::default(),
            requests: [0; 2],
            over: false,
            health: None,
        }
    }

    /// What becomes of the next request of an owner.
    pub(crate) fn fate(&mut self, owner: usize) -> Fate {
        let Chances { refused, unanswered, slow, .. } = self.plan.chances;
        self.requests[owner] += 1;
        let when = if self.happens(500) { When::Before } else { When::After };
        let stalls = self.plan.class == Class::Stale && owner == 0 && self.requests[0] == self.plan.stall.0;
        Fate {
            slow: if self.happens(slow) { 1 + self.below(40) } else { 0 },
            stalls: stalls.then_some(when),
            dies: self.crashes_now().then_some(when),
            refused: self.happens(refused),
            unanswered: self.happens(unanswered),
        }
    }

    /// Whether the first owner wakes.
    pub(crate) fn goes_on(&self) -> bool {
        self.over || self.requests[1] >= self.plan.stall.1
    }

    /// Whether something happens that does so in so many of a thousand cases.
    pub(crate) fn happens(&mut self, in_thousand: u32) -> bool {
        in_thousand > 0 && self.rng.gen_ratio(in_thousand.min(1000), 1000)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.rng.gen_range(0..bound.max(1))
    }

    /// A crash, if there is one left.
    pub(crate) fn crashes_now(&mut self) -> bool {
        let early = self.plan.class == Class::ExpiredDown && self.kept.is_empty();
        let crashes = self.crashes > 0 && !early && self.happens(self.plan.chances.crash);
        self.crashes -= u32::from(crashes);
        crashes
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.plan.mutant == Some(mutant)
    }

    /// Whether everything was written, and nothing follows on a place.
    pub(crate) fn is_end(&self, place: Option<&Position>) -> bool {
        let Some(place) = place.filter(|place| self.script.is_empty() && place.created_us == self.created_us) else {
            return false;
        };
        let same = |record: Mark| self.records.get(&place.sequence) == Some(&ordinal(record.stamp_us));
        place.sequence == self.last && place.record.is_none_or(same)
    }

    /// Writes the next items.
    pub(crate) fn write(&mut self, story: &Story, count: usize) {
        for _ in 0..count {
            let Some(item) = self.script.pop_front() else { break };
            self.last += 1;
            let prefix = if self.plan.partition { format!("{EVENTS}.0") } else { EVENTS.to_owned() };
            let (subject, payload) = match item {
                Item::Event(nth) => {
                    let sent = &story.events[nth];
                    (format!("{prefix}.{}", sent.whose), self.payload(&sent.payload))
                }
                Item::Poison(nth) => (format!("{prefix}.acme.bot"), format!("no json {nth}").into()),
                Item::Canary => (format!("{prefix}._humdrum.canary"), Bytes::new()),
                Item::Foreign => ("humdrum.other".to_owned(), Bytes::new()),
                Item::Silence(micros) => (TICKS.to_owned(), micros.to_string().into()),
            };
            self.records.insert(self.last, self.written.len());
            self.written.push(Written { item, sequence: self.last, subject, payload });
        }
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// An event as it is sent: without a memory of ids, each time is one of its own.
    fn payload(&self, payload: &Bytes) -> Bytes {
        if !self.is(Mutant::NoDedupe) {
            return payload.clone();
        }
        let text = String::from_utf8_lossy(payload);
        text.replacen("\"id\":\"", &format!("\"id\":\"{}-", self.written.len()), 1).into()
    }

    /// The stream gives up what lies before a sequence.
    pub(crate) fn expire(&mut self, first: u64) {
        self.records.retain(|sequence, _| *sequence >= first);
        self.first = self.first.max(first);
    }

    /// The stream loses its last records, as a server that went away and came back.
    pub(crate) fn regress(&mut self, count: u64) {
        if let Some(health) = &self.health {
            health.set_connected(false);
            health.set_connected(true);
        }
        self.last = self.last.saturating_sub(count);
        let last = self.last;
        self.records.retain(|sequence, _| *sequence <= last);
    }

    /// The stream is deleted and made anew.
    pub(crate) fn recreate(&mut self) {
        self.records.clear();
        self.consumers.clear();
        (self.first, self.last) = (1, 0);
        self.created_us += 1;
        self.waiting.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn facts(&self) -> StreamFacts {
        StreamFacts { name: STREAM.to_owned(), created_us: self.created_us, first: self.first, last: self.last }
    }

    pub(crate) fn record(&self, sequence: u64) -> Option<Record> {
        let ordinal = *self.records.get(&sequence)?;
        Some((stamp(ordinal), self.written[ordinal].payload.clone()))
    }

    /// Sequence of the newest record that a filter asks for.
    pub(crate) fn newest(&self, filter: &str) -> u64 {
        let silence = filter == TICKS;
        let asked = |item: Item| item != Item::Foreign && (!silence || matches!(item, Item::Silence(_)));
        let found = self.records.iter().rev().find(|(_, ordinal)| asked(self.written[**ordinal].item));
        found.map_or(0, |(sequence, _)| *sequence)
    }

    fn after(&self, at: u64) -> impl Iterator<Item = (u64, usize)> + '_ {
        let ours = |(_, ordinal): &(&u64, &usize)| self.written[**ordinal].item != Item::Foreign;
        self.records.range(at + 1..).filter(ours).map(|(sequence, ordinal)| (*sequence, *ordinal))
    }

    pub(crate) fn consumer(&self, key: u64) -> Option<ConsumerFacts> {
        let Consumer { delivered, at, acknowledged } = *self.consumers.get(&key)?;
        let unacknowledged = if self.plan.keeps_state { 0 } else { usize::from(acknowledged < at) };
        let pending = self.after(at).count() as u64;
        Some(ConsumerFacts { delivered, at, acknowledged, unacknowledged, pending, fits: true })
    }

    pub(crate) fn make_consumer(&mut self, key: u64, after: u64) {
        self.consumers.insert(key, Consumer { delivered: 0, at: after, acknowledged: after });
    }

    pub(crate) fn remove_consumer(&mut self, key: u64) {
        self.consumers.remove(&key);
    }

    pub(crate) fn acknowledge(&mut self, key: u64, sequence: u64) {
        if let Some(consumer) = self.consumers.get_mut(&key) {
            consumer.acknowledged = consumer.acknowledged.max(sequence);
        }
    }

    fn deliver(&mut self, key: u64) -> Option<Delivery> {
        let at = self.consumers.get(&key)?.at;
        let (sequence, ordinal) = self.after(at).next()?;
        let consumer = self.consumers.get_mut(&key)?;
        consumer.delivered += 1;
        consumer.at = sequence;
        let number = consumer.delivered;
        Some(self.delivery(key, sequence, ordinal, number))
    }

    fn delivery(&self, key: u64, sequence: u64, ordinal: usize, number: u64) -> Delivery {
        let Written { subject, payload, .. } = &self.written[ordinal];
        Delivery {
            message: Message {
                payload: payload.clone(),
                subject: subject.as_str().into(),
                headers: None,
                sequence,
                stamp: stamp(ordinal),
            },
            number,
            times: 1,
            pending: self.last.saturating_sub(sequence),
            reply: Some(format!("{key}.{sequence}").into()),
        }
    }

    /// The next message for a consumer, as the network lets it through.
    pub(crate) fn next(&mut self, key: u64) -> Next {
        let chances = self.plan.chances;
        if !self.consumers.contains_key(&key) {
            // A stream that is gone takes its consumers along, and need not say so.
            return if self.happens(500) { Next::Broken } else { Next::Nothing };
        }
        if self.crashes_now() {
            return Next::Crash;
        }
        if self.happens(chances.broken) {
            return if self.happens(500) { Next::Broken } else { Next::Ended };
        }
        let Some(one) = self.deliver(key) else { return Next::Nothing };
        if self.happens(chances.again) {
            let number = one.number + 1;
            if let Some(consumer) = self.consumers.get_mut(&key) {
                consumer.delivered = number;
            }
            let ordinal = self.records[&one.message.sequence];
            let again = Delivery { times: 2, ..self.delivery(key, one.message.sequence, ordinal, number) };
            return Next::Two(one, again);
        }
        let (lost, swapped) = (self.happens(chances.lost), self.happens(chances.swapped));
        if !lost && !swapped {
            return Next::One(one);
        }
        match self.deliver(key) {
            None => Next::One(one),
            Some(other) if lost => {
                // Whoever trusts that everything arrives does not look at the number.
                let number = if self.is(Mutant::TrustsDelivery) { one.number } else { other.number };
                if self.is(Mutant::TrustsDelivery)
                    && let Some(consumer) = self.consumers.get_mut(&key)
                {
                    consumer.delivered = number;
                }
                Next::One(Delivery { number, ..other })
            }
            Some(other) => Next::Two(other, one),
        }
    }

    /// Takes an alert, unless it has it.
    pub(crate) fn take_alert(&mut self, id: &str, payload: Bytes) {
        if !self.logged.contains(id) {
            self.wrong.push(format!("alert {id} was published before it was logged"));
        }
        if self.ids.insert(id.to_owned()) || self.is(Mutant::RepeatsAlerts) {
            self.alerts.push((id.to_owned(), payload));
        }
    }

    /// Lets a message through the fence, or not: the server looks at the sequence first, and at the id then.
    pub(crate) fn pass(&mut self, passage: Passage) -> Option<Passed> {
        if passage.last != self.fence.len() as u64 && !self.is(Mutant::NoFence) {
            return None;
        }
        if let Some(id) = &passage.id
            && !self.logged.contains(id)
        {
            self.wrong.push(format!("alert {id} was published before it was logged"));
        }
        // Ids are remembered for minutes, and not from one owner to the next.
        let same = |past: &Past| past.id.is_some() && past.id == passage.id && past.epoch == passage.epoch;
        if let Some(known) = self.fence.iter().position(same).filter(|_| !self.is(Mutant::NoFence)) {
            return Some(Passed { sequence: known as u64 + 1, duplicate: true });
        }
        self.fence.push(Past { id: passage.id, epoch: passage.epoch, payload: passage.payload });
        Some(Passed { sequence: self.fence.len() as u64, duplicate: false })
    }

    pub(crate) fn newest_past(&self) -> Option<Newest> {
        let past = self.fence.last()?;
        Some(Newest { sequence: self.fence.len() as u64, epoch: past.epoch, id: past.id.clone() })
    }

    /// A directory for a process's snapshots.
    pub(crate) fn home(&mut self) -> PathBuf {
        let home = self.disk.path().join(self.homes.len().to_string());
        self.homes.push(home.clone());
        home
    }

    /// A snapshot was written.
    pub(crate) fn keep(&mut self, kept: Kept) {
        if self.happens(self.plan.chances.damaged) {
            self.damage(&kept.home);
        }
        self.kept.push(kept);
    }

    /// Changes a bit of the newest snapshot in a directory.
    fn damage(&mut self, home: &Path) {
        let files = std::fs::read_dir(home).expect("a directory").map(|entry| entry.expect("an entry").path());
        let snapshot = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "humdrum");
        let newest = files.filter(snapshot).max().expect("a snapshot");
        let mut file = std::fs::read(&newest).expect("can be read");
        let (at, bit) = (self.below(file.len() as u64) as usize, self.below(8));
        file[at] ^= 1 << bit;
        std::fs::write(&newest, file).expect("can be written");
    }
}

/// An earlier event that comes again, unless it is late by then: that is another trouble, and a log counts its number.
fn again(story: &Story, nth: usize, earlier: usize) -> usize {
    let late = story.events[earlier].event.ts + Span::from_mins(100) < story.events[nth].event.ts;
    if late { nth } else { earlier }
}

/// What the stream is to hold, in order.
fn script(plan: &Plan, story: &Story, rng: &mut Xoshiro256PlusPlus) -> VecDeque<Item> {
    let mut items = VecDeque::new();
    let [poison, canaries, foreign, silence] = plan.odd;
    for nth in 0..story.events.len() {
        items.push_back(Item::Event(nth));
        if plan.class == Class::Repeated {
            for _ in 0..rng.gen_range(0..3) {
                items.push_back(Item::Event(again(story, nth, nth - rng.gen_range(0..=nth.min(20)))));
            }
        }
        let odd = rng.gen_range(0..1000);
        if odd < poison {
            items.push_back(Item::Poison(nth));
        } else if odd < poison + canaries {
            items.push_back(Item::Canary);
        } else if odd < poison + canaries + foreign {
            items.push_back(Item::Foreign);
        } else if odd < poison + canaries + foreign + silence {
            items.push_back(Item::Silence(rng.gen_range(1..900_000_000)));
        }
    }
    items
}
