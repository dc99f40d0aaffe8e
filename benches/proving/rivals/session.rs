//! Sessions as the rival methods see them: events by session id, cut by half an hour of silence, and a vector of numbers.
//!
//! All of the stream is kept, session by session, which takes memory but needs no timers. Events that arrive twice count
//! once.

use std::collections::{BTreeMap, BTreeSet};

use humdrum::alert::Dimension;
use humdrum::event::{Event, Kind, Text, normalize};
use humdrum::time::{Local, Span, Timestamp, Zone};

/// Silence that ends a session.
const SILENCE: Span = Span::from_mins(30);

/// Numbers in a session's vector, and what each of them is about.
pub(crate) const FEATURES: usize = 10;
pub(crate) const MEANINGS: [Dimension; FEATURES] = [
    Dimension::Time,
    Dimension::Time,
    Dimension::Time,
    Dimension::Volume,
    Dimension::Volume,
    Dimension::Volume,
    Dimension::Volume,
    Dimension::Rate,
    Dimension::Source,
    Dimension::Sequence,
];

/// Hour as sine and cosine, weekday, logarithms of records read, records written, bytes, calls and seconds, whether a
/// host and whether an endpoint was new.
pub(crate) type Vector = [f64; FEATURES];

/// A value that a rule can see for the first time.
pub(crate) type Sight = (Dimension, Text);

/// One session of one bot.
pub(crate) struct Trip {
    pub(crate) tenant: Text,
    pub(crate) bot: Text,
    /// Its first event on the bot's wall clock.
    pub(crate) start: Local,
    pub(crate) newest: Timestamp,
    /// Endpoints in the order of event time.
    pub(crate) steps: Vec<(Timestamp, Text)>,
    /// Hosts, networks, endpoints, roles, secrets and administration, each once, when first seen.
    pub(crate) sights: BTreeMap<Sight, Timestamp>,
    pub(crate) vector: Vector,
}

/// Takes events in as they arrive.
#[derive(Default)]
pub(crate) struct Sessions {
    open: BTreeMap<(Text, Text, Option<Text>), Draft>,
    over: Vec<((Text, Text), Draft)>,
}

struct Draft {
    oldest: Timestamp,
    newest: Timestamp,
    ids: BTreeSet<Text>,
    steps: Vec<(Timestamp, Text)>,
    sights: BTreeMap<Sight, Timestamp>,
    moved: [u64; 3],
}

impl Sessions {
    pub(crate) fn observe(&mut self, event: &Event) {
        let key = (event.tenant.clone(), event.bot.clone(), event.session.clone());
        let stale = self.open.get(&key).is_some_and(|draft| event.ts > draft.newest + SILENCE);
        if stale && let Some(draft) = self.open.remove(&key) {
            self.over.push(((key.0.clone(), key.1.clone()), draft));
        }
        let draft = self.open.entry(key).or_insert_with(|| Draft::new(event.ts));
        if draft.ids.insert(event.id.clone()) {
            draft.take(event);
        }
    }

    /// All sessions in the order of their ends.
    pub(crate) fn finish(mut self, zone: impl Fn(&Text, &Text) -> Zone) -> Vec<Trip> {
        self.over.extend(self.open.into_iter().map(|((tenant, bot, _), draft)| ((tenant, bot), draft)));
        self.over.sort_by(|a, b| (a.1.newest, &a.0, a.1.oldest).cmp(&(b.1.newest, &b.0, b.1.oldest)));
        let mut known: BTreeMap<(Text, Text), (Zone, BTreeSet<Sight>)> = BTreeMap::new();
        let mut trips = Vec::with_capacity(self.over.len());
        for (whose, draft) in self.over {
            let (zone, seen) =
                known.entry(whose.clone()).or_insert_with(|| (zone(&whose.0, &whose.1), BTreeSet::new()));
            let start = zone.local(draft.oldest);
            let new = |dimension| draft.sights.keys().any(|sight| sight.0 == dimension && !seen.contains(sight));
            let vector = draft.vector(start, new(Dimension::Source), new(Dimension::Sequence));
            seen.extend(draft.sights.keys().cloned());
            trips.push(draft.trip(whose, start, vector));
        }
        trips
    }
}

impl Draft {
    fn new(ts: Timestamp) -> Self {
        let (ids, sights) = (BTreeSet::new(), BTreeMap::new());
        Self { oldest: ts, newest: ts, ids, steps: Vec::new(), sights, moved: [0; 3] }
    }

    fn take(&mut self, event: &Event) {
        self.oldest = self.oldest.min(event.ts);
        self.newest = self.newest.later(event.ts);
        if let Some((dimension, name)) = touched(event) {
            self.sight(dimension, name.clone(), event.ts);
            self.steps.push((event.ts, name));
        }
        for host in [event.host.clone(), event.ip.map(normalize::network)].into_iter().flatten() {
            self.sight(Dimension::Source, host, event.ts);
        }
        if let Some(role) = &event.role {
            self.sight(Dimension::Privilege, role.clone(), event.ts);
        }
        if let Kind::Secret(secret) = &event.kind
            && let Some(name) = &secret.name
        {
            self.sight(Dimension::Secret, name.clone(), event.ts);
        }
        let moved = [event.records_read, event.records_written, event.bytes];
        for (sum, count) in self.moved.iter_mut().zip(moved) {
            *sum = sum.saturating_add(count.unwrap_or(0));
        }
    }

    fn sight(&mut self, dimension: Dimension, name: Text, ts: Timestamp) {
        let first = self.sights.entry((dimension, name)).or_insert(ts);
        *first = (*first).min(ts);
    }

    fn vector(&self, start: Local, new_host: bool, new_endpoint: bool) -> Vector {
        let angle = f64::from(start.minute) / 1440.0 * std::f64::consts::TAU;
        let flag = |flag: bool| if flag { 1.0 } else { 0.0 };
        let [read, written, bytes] = self.moved.map(|count| (count as f64).ln_1p());
        [
            angle.sin(),
            angle.cos(),
            f64::from(start.weekday),
            read,
            written,
            bytes,
            (self.steps.len() as f64).ln_1p(),
            (self.newest - self.oldest).as_secs_f64().ln_1p(),
            flag(new_host),
            flag(new_endpoint),
        ]
    }

    fn trip(self, (tenant, bot): (Text, Text), start: Local, vector: Vector) -> Trip {
        let mut steps = self.steps;
        steps.sort();
        Trip { tenant, bot, start, newest: self.newest, steps, sights: self.sights, vector }
    }
}

/// The endpoint that an event touches, administration included, and the dimension that its novelty is about.
fn touched(event: &Event) -> Option<Sight> {
    match &event.kind {
        Kind::Grant(_) => Some((Dimension::Entitlement, Text::from("grant"))),
        Kind::Control(control) => {
            let action = control.action.as_deref().unwrap_or("?");
            Some((Dimension::Control, Text::from(format!("control {action}"))))
        }
        Kind::Login(login) if login.interactive == Some(true) => {
            Some((Dimension::Login, Text::from("sign in by a person")))
        }
        _ => normalize::endpoint(event).map(|name| (Dimension::Sequence, name)),
    }
}
