//! What happens to whom: a small fleet that is known well, and some days of its life with attacks in them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use humdrum::alert::Alert;
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::Event;
use humdrum::event::decode::{Envelope, Limits, decode, encode};
use humdrum::event::subject::encode_token;
use humdrum::registry::Registry;
use humdrum::simulate::{Fleet, FleetSpec};
use humdrum::time::{Span, Timestamp};

/// Fleets. More are made before the first run, fewer are less various.
const FLEETS: u64 = 12;
/// Days that are known before the story.
const DAYS_KNOWN: u32 = 16;
/// Events of a story, and of what comes behind it.
const EVENTS_MAX: usize = 260;
const PROBE_MAX: usize = 120;

/// An event as it is sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) event: Event,
    pub(crate) payload: Bytes,
    /// Tenant and bot, as the subject has them.
    pub(crate) whose: String,
}

/// A story.
#[derive(Debug)]
pub(crate) struct Story {
    /// The engine's state before it.
    pub(crate) base: Vec<u8>,
    pub(crate) bots: Registry,
    pub(crate) events: Vec<Sent>,
    /// What comes behind it, to see whether two engines go on alike.
    probe: Vec<Event>,
}

/// What a stream holds, or is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// An event of the story.
    Event(usize),
    /// What is no event at all.
    Poison(usize),
    /// What is only there to be written.
    Canary,
    /// What is for others to read.
    Foreign,
    /// Silence on record, in microseconds.
    Silence(i64),
}

/// What an engine makes of a story.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Alerts by id and revision.
    pub(crate) alerts: BTreeMap<String, Bytes>,
    pub(crate) hash: String,
    engine: Engine,
}

pub(crate) static STORIES: LazyLock<Vec<Story>> = LazyLock::new(|| (1..=FLEETS).map(Story::of_fleet).collect());
/// One in which every event is an alert of its own, whatever was known before.
pub(crate) static ALARMS: LazyLock<Story> = LazyLock::new(Story::of_alarms);

impl Story {
    fn of_fleet(seed: u64) -> Self {
        let spec = FleetSpec {
            seed,
            bots: 4,
            tenants: 2,
            days_baseline: DAYS_KNOWN,
            days_test: 4,
            attacks_per_bot: 5.0,
            oddities_per_bot: 3.0,
            duplicate_share: 0.0,
            ..FleetSpec::default()
        };
        let Fleet { mut events, registry, .. } = Fleet::generate(&spec);
        let lines: Vec<_> = registry.iter().map(|bot| serde_json::to_string(bot).expect("JSON")).collect();
        let bots = Registry::from_ndjson(&lines.join("\n")).expect("a registry");
        let begin = spec.start + Span::from_days(i64::from(DAYS_KNOWN));
        let known = events.iter().position(|event| event.ts >= begin).expect("a later event");
        let mut engine = Engine::new(Settings::default(), bots.clone());
        let mut output = Output::default();
        for event in events.drain(..known) {
            engine.observe(event, &mut output);
        }
        let probe = events.split_off(EVENTS_MAX.min(events.len()));
        let probe = probe.into_iter().take(PROBE_MAX).collect();
        Self { base: engine.snapshot(), bots, events: events.into_iter().map(Sent::new).collect(), probe }
    }

    fn of_alarms() -> Self {
        let alarm = |nth: usize| {
            let control = "\"type\":\"control\",\"control\":{\"action\":\"logging_disabled\",\"by\":\"eve\"}";
            let (minute, second) = (nth / 60, nth % 60);
            let text = format!(
                "{{\"id\":\"e{nth}\",\"ts\":\"2026-05-04T06:{minute:02}:{second:02}Z\",\"tenant\":\"t{nth}\",\
                \"bot\":\"b{nth}\",{control}}}"
            );
            Sent::new(decode(text.as_bytes(), &Envelope::default(), &Limits::default()).expect("an event"))
        };
        let engine = Engine::new(Settings::default(), Registry::default());
        let events = (0..120).map(alarm).collect();
        Self { base: engine.snapshot(), bots: Registry::default(), events, probe: Vec::new() }
    }

    /// An engine at the beginning of the story, or where a snapshot stands.
    pub(crate) fn engine(&self, state: &[u8]) -> Engine {
        let state = if state.is_empty() { &self.base } else { state };
        Engine::restore(state, Settings::default(), self.bots.clone()).expect("a state")
    }

    /// What an engine alone makes of some items.
    pub(crate) fn alone(&self, items: impl IntoIterator<Item = Item>) -> Outcome {
        let (mut engine, mut output) = (self.engine(&[]), Output::default());
        for item in items {
            match item {
                Item::Event(nth) => engine.observe_ref(&self.events[nth].event, &mut output),
                Item::Silence(micros) => engine.idle(Span::from_micros(micros), &mut output),
                Item::Poison(_) | Item::Canary | Item::Foreign => {}
            }
        }
        let named = output
            .alerts
            .iter()
            .map(|alert| (format!("{}.{}", alert.id, alert.revision), serde_json::to_vec(alert).expect("JSON").into()));
        Outcome { alerts: named.collect(), hash: engine.state_hash(), engine }
    }

    /// What an engine says to what comes behind the story, but for how many records of a log were counted, of which those
    /// that came late and again are some.
    pub(crate) fn probe(&self, mut engine: Engine) -> Vec<String> {
        let mut output = Output::default();
        for event in &self.probe {
            engine.observe_ref(event, &mut output);
        }
        engine.finish(&mut output);
        let mut told: Vec<String> = output.alerts.into_iter().map(uncounted).collect();
        // Incidents that are over at the same time end in the order of a list that what comes again may have changed.
        told.sort();
        told
    }
}

/// An alert in words, but for how many records of a log were counted.
pub(crate) fn uncounted(mut alert: Alert) -> String {
    if alert.bot.is_none() {
        alert.baseline.events = 0;
    }
    serde_json::to_string(&alert).expect("JSON")
}

impl Outcome {
    pub(crate) fn into_engine(self) -> Engine {
        self.engine
    }
}

impl Sent {
    fn new(event: Event) -> Self {
        let whose = format!("{}.{}", encode_token(&event.tenant), encode_token(&event.bot));
        Self { payload: encode(&event).into(), event, whose }
    }
}

/// The time at which a record was taken, by its number among all that were ever written.
pub(crate) fn stamp(ordinal: usize) -> Timestamp {
    Timestamp::from_micros(FIRST_US + ordinal as i64 * STEP_US)
}

/// The number by the time.
pub(crate) fn ordinal(stamp_us: i64) -> usize {
    usize::try_from((stamp_us - FIRST_US) / STEP_US).expect("a record of ours")
}

const FIRST_US: i64 = 1_800_000_000_000_000;
const STEP_US: i64 = 1000;
