//! One execution of a bot while it goes on: where from, what in which order, how much, with which roles.
//!
//! Events of a session arrive late and out of order, so that nothing here depends on the order of arrival except the
//! list of evidence and the log that is named: steps carry their event time and are sorted when the session is judged. A session ends by its `run`
//! end event (judged a little later, when stragglers have had their time) or by silence. Events without a session id
//! share one implicit session, cut by silence and after an hour.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::place::{self, Travel};
use crate::detect::profile::BoundsProfile;
use crate::event::{Event, Geo, Kind, Phase, Text, normalize, same};
use crate::stats::rhythm::Pace;
use crate::time::{Span, Timestamp};

/// Evidence ids that an alert carries.
const EVIDENCE_MAX: usize = 20;
/// Room for the first of them. More lies idle in short sessions, less is moved in long ones.
const EVIDENCE_FIRST: usize = 5;
/// Room for the first steps. More lies idle in short sessions, less is moved in long ones.
const STEPS_FIRST: usize = 8;
/// Time for stragglers after the end of a session. Longer delays what only a whole session shows, shorter misses steps.
const GRACE: Span = Span::from_mins(10);
/// Acts whose times are held. Fewer: the pace is less sure; more: a person who takes over later is seen later.
const TICKS_MAX: usize = 32;
/// Acts from which the pace is looked at, and then at each doubling. Fewer: too few gaps to say.
const PACE_LOOK_MIN: u32 = 8;
/// Microseconds of a tick.
const TICK_MICROS: i64 = 10_000;
/// Length after which an implicit session is cut.
const IMPLICIT_MAX: Span = Span::HOUR;

/// An open session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else of the session")]
pub(in crate::detect) struct Session {
    /// Fingerprint of the id; 0 for the implicit session.
    pub key: u64,
    pub id: Option<Text>,
    /// The first log with a count that it was read from.
    pub producer: Option<Text>,
    pub opened: Timestamp,
    pub newest: Timestamp,
    pub ended: bool,
    pub events: u64,
    pub evidence: Vec<Text>,
    pub steps: Vec<Step>,
    /// Endpoints by number, as the steps name them.
    pub endpoints: Vec<Text>,
    /// Which of the first of them moved money, by bit: the rules on money speak first.
    pub money: u64,
    pub hosts: SmallVec<[Text; 1]>,
    pub networks: SmallVec<[Text; 1]>,
    /// Address of the latest event, whose network is known already.
    last_ip: Option<IpAddr>,
    /// Where the latest event that told came from; its place has its name already.
    last_geo: Option<Geo>,
    pub devices: SmallVec<[Text; 1]>,
    pub places: SmallVec<[Text; 1]>,
    /// The farthest way that its bot cannot have travelled.
    pub travel: Option<Travel>,
    /// Role with the number of the endpoint that it was used on.
    pub roles: SmallVec<[(Text, Option<u16>); 2]>,
    pub read: u64,
    pub written: u64,
    pub bytes: u64,
    pub calls: u64,
    /// When the last of its acts were, in hundredths of seconds, in a ring; and how many there were.
    ticks: Vec<u32>,
    acts: u32,
    /// Least p-value of a single call, with its step's endpoint and quantity.
    pub extreme_call: Option<(f64, u16, f64)>,
    pub manual_by: Option<Text>,
    /// The first secret that it read.
    pub secret: Option<Text>,
    /// Whether it did or tried anything beside signing in and reading secrets.
    #[serde(default)]
    pub worked: bool,
    /// Earliest timer that is set for it; its deadline is never earlier.
    pub due: Timestamp,
    /// The surprise of its start, in nats, with the start that it is for: the dearest score, and it seldom changes.
    pub start_nats: Option<(Timestamp, f64)>,
    /// Least expected rate that was reported already; further reports must be ten times rarer.
    pub reported: Option<f64>,
    /// Until when a suppression hides what was reported of it.
    pub hidden_until: Option<Timestamp>,
    /// Whether it was judged for the first time.
    pub looked: bool,
    /// Whether one of its events broke a rule.
    pub broke: bool,
    /// Bounds that cut something.
    pub limited: u32,
}

/// One call in a session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Step {
    pub ts: Timestamp,
    pub endpoint: u16,
}

/// What an event added that was not there before in the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::detect) struct Attach {
    /// The session's first event.
    pub first: bool,
    /// A host, network, device, endpoint or role that the session had not shown.
    pub fresh: bool,
    /// A place that the session had not shown.
    pub place: bool,
}

impl Session {
    /// A session that an event opens.
    pub(in crate::detect) fn open(key: u64, event: &Event) -> Self {
        Self {
            key,
            id: event.session.clone(),
            producer: None,
            opened: event.ts,
            newest: event.ts,
            ended: false,
            events: 0,
            evidence: Vec::new(),
            steps: Vec::new(),
            endpoints: Vec::new(),
            money: 0,
            hosts: SmallVec::new(),
            networks: SmallVec::new(),
            last_ip: None,
            last_geo: None,
            devices: SmallVec::new(),
            places: SmallVec::new(),
            travel: None,
            roles: SmallVec::new(),
            read: 0,
            written: 0,
            bytes: 0,
            calls: 0,
            ticks: Vec::new(),
            acts: 0,
            extreme_call: None,
            manual_by: None,
            secret: None,
            worked: false,
            due: event.ts,
            start_nats: None,
            reported: None,
            hidden_until: None,
            looked: false,
            broke: false,
            limited: 0,
        }
    }

    /// Skims the parts of it that an event needs: the number says nothing.
    pub(in crate::detect) fn skim(&self) -> usize {
        let lists = self.evidence.len() ^ self.steps.len() ^ self.endpoints.len() ^ self.ticks.len();
        let places = self.hosts.len() ^ self.networks.len() ^ self.devices.len() ^ self.places.len() ^ self.roles.len();
        let ids = self.id.as_ref().map_or(0, Text::len) ^ self.producer.as_ref().map_or(0, Text::len);
        let last =
            usize::from(self.last_ip.is_some()) ^ usize::from(self.last_geo.is_some()) ^ usize::from(self.looked);
        lists ^ places ^ ids ^ last ^ (self.key ^ self.calls ^ self.read) as usize ^ self.due.as_micros() as usize
    }

    /// The same of its lists, where the next entry comes.
    pub(in crate::detect) fn skim_on(&self) -> usize {
        let names = self.evidence.last().map_or(0, Text::len) ^ self.endpoints.last().map_or(0, Text::len);
        let roles = self.roles.first().map_or(0, |(name, _)| name.len());
        let step = self.steps.last().map_or(0, |step| step.ts.as_micros() as usize);
        names ^ roles ^ step ^ self.ticks.last().map_or(0, |tick| *tick as usize)
    }

    /// Whether what was reported of it was hidden by a suppression that is over.
    pub(in crate::detect) fn is_unveiled(&self) -> bool {
        self.hidden_until.is_some_and(|until| self.newest >= until)
    }

    /// Takes an event in and says what was new about it. `endpoint` is what it called; none if that came to nothing.
    pub(in crate::detect) fn attach(
        &mut self,
        event: &Event,
        endpoint: Option<&str>,
        bounds: &BoundsProfile,
    ) -> Attach {
        let mut attach = Attach { first: self.events == 0, fresh: false, place: false };
        self.opened = self.opened.min(event.ts);
        self.newest = self.newest.later(event.ts);
        self.events += 1;
        if self.evidence.len() < EVIDENCE_MAX {
            if self.evidence.len() == self.evidence.capacity() {
                let more = self.evidence.len().max(EVIDENCE_FIRST).min(EVIDENCE_MAX - self.evidence.len());
                self.evidence.reserve_exact(more);
            }
            self.evidence.push(event.id.clone());
        }
        if self.producer.is_none() && event.seq.is_some() {
            self.producer.clone_from(&event.producer);
        }
        self.tick(event);
        if let Kind::Run(run) = &event.kind {
            self.ended |= run.phase == Some(Phase::End);
            if run.trigger.as_deref() == Some("manual") {
                self.manual_by = Some(run.by.clone().unwrap_or_default());
            }
        }
        if let (Kind::Secret(secret), None) = (&event.kind, &self.secret) {
            self.secret.clone_from(&secret.name);
        }
        self.worked |= event.operation.is_some() || matches!(event.kind, Kind::Call | Kind::Transaction(_));
        let network = event.ip.filter(|ip| self.last_ip != Some(*ip)).map(normalize::network);
        self.last_ip = event.ip.or(self.last_ip);
        let max = bounds.session_values_max;
        let moved = event.geo.is_some() && event.geo != self.last_geo;
        let place = event.geo.as_ref().filter(|_| moved).and_then(place::name);
        if moved {
            self.last_geo.clone_from(&event.geo);
        }
        for (list, value) in
            [(&mut self.hosts, &event.host), (&mut self.networks, &network), (&mut self.devices, &event.device)]
        {
            if let Some(value) = value {
                attach.fresh |= insert(list, value, max, &mut self.limited);
            }
        }
        if let Some(place) = &place {
            attach.place = insert(&mut self.places, place, max, &mut self.limited);
            attach.fresh |= attach.place;
        }
        let endpoint = endpoint.and_then(|name| self.step(event, name, bounds, &mut attach));
        if let Some(role) = &event.role
            && !self.roles.iter().any(|(name, at)| *at == endpoint && same(name, role))
        {
            if self.roles.len() < 2 * max {
                self.roles.push((role.clone(), endpoint));
                attach.fresh = true;
            } else {
                self.limited += 1;
            }
        }
        attach
    }

    /// Whether an event carries its id.
    pub(in crate::detect) fn is_of(&self, event: &Event) -> bool {
        match (&self.id, &event.session) {
            (Some(id), Some(of)) => same(id, of),
            (id, of) => id.is_none() && of.is_none(),
        }
    }

    /// The network of all its addresses, if it is one.
    pub(in crate::detect) fn only_network(&self) -> Option<&Text> {
        // Where something was cut, it may have been another network.
        self.networks.first().filter(|_| self.networks.len() == 1 && self.limited == 0)
    }

    /// The watermark at which the session is over, as far as is known.
    pub(in crate::detect) fn deadline(&self, timeout: Span) -> Timestamp {
        let silent = self.newest + timeout;
        let mut deadline = if self.ended { silent.min(self.newest + GRACE) } else { silent };
        if self.key == 0 {
            deadline = deadline.min(self.opened + IMPLICIT_MAX);
        }
        deadline
    }

    /// Records read and written.
    pub(in crate::detect) fn records(&self) -> u64 {
        self.read.saturating_add(self.written)
    }

    /// How fast its last acts followed on each other; `None` while there are too few.
    pub(in crate::detect) fn pace(&self) -> Option<Pace> {
        let base = self.newest.as_micros().div_euclid(TICK_MICROS) as u32;
        // Acts of one session are nearer to its end than half of the range.
        let mut times: SmallVec<[f64; TICKS_MAX]> =
            self.ticks.iter().map(|tick| f64::from(tick.wrapping_sub(base) as i32) / 100.0).collect();
        times.sort_by(f64::total_cmp);
        Pace::of(&times)
    }

    /// Whether the middle gap between its last acts may be so many seconds, which takes less to see than its pace.
    pub(in crate::detect) fn may_be_slow(&self, secs: f64) -> bool {
        let base = self.newest.as_micros().div_euclid(TICK_MICROS) as u32;
        // From the oldest place of the ring on, which mostly is their order.
        let (newer, older) = self.ticks.split_at(self.acts as usize % TICKS_MAX % self.ticks.len().max(1));
        let mut times: SmallVec<[i32; TICKS_MAX]> =
            older.iter().chain(newer).map(|tick| tick.wrapping_sub(base) as i32).collect();
        times.sort_unstable();
        // A tick less, for what rounding makes of the gaps.
        let least = secs * 100.0 - 1.0;
        let slow = times.windows(2).filter(|pair| f64::from(pair[1]) - f64::from(pair[0]) >= least).count();
        2 * slow >= times.len().saturating_sub(1)
    }

    /// Whether the number of acts has just reached one at which the pace is looked at while the session runs.
    pub(in crate::detect) fn pace_due(&self) -> bool {
        self.acts >= PACE_LOOK_MIN && self.acts.is_power_of_two()
    }

    fn tick(&mut self, event: &Event) {
        if matches!(event.kind, Kind::Run(_)) {
            return;
        }
        let tick = event.ts.as_micros().div_euclid(TICK_MICROS) as u32;
        let at = self.acts as usize % TICKS_MAX;
        self.acts = self.acts.wrapping_add(1);
        if let Some(oldest) = self.ticks.get_mut(at) {
            *oldest = tick;
        } else {
            if self.ticks.len() == self.ticks.capacity() {
                // Short sessions are many, and growing bit by bit would move the long ones' a dozen times.
                let room = if self.ticks.is_empty() { PACE_LOOK_MIN as usize } else { TICKS_MAX - self.ticks.len() };
                self.ticks.reserve_exact(room);
            }
            self.ticks.push(tick);
        }
    }

    /// The steps by event time, repetitions of one endpoint folded.
    pub(in crate::detect) fn path(&self) -> SmallVec<[u16; 32]> {
        let folded = |steps: &[Step]| {
            let mut path: SmallVec<[u16; 32]> = steps.iter().map(|step| step.endpoint).collect();
            path.dedup();
            path
        };
        // Most arrive in order.
        if self.steps.is_sorted_by_key(|step| step.ts) {
            return folded(&self.steps);
        }
        let mut steps = self.steps.clone();
        steps.sort_by_key(|step| step.ts);
        folded(&steps)
    }

    fn step(&mut self, event: &Event, name: &str, bounds: &BoundsProfile, attach: &mut Attach) -> Option<u16> {
        self.calls += 1;
        self.read = self.read.saturating_add(event.records_read.unwrap_or(0));
        self.written = self.written.saturating_add(event.records_written.unwrap_or(0));
        self.bytes = self.bytes.saturating_add(event.bytes.unwrap_or(0));
        let number = match self.endpoints.iter().position(|known| same(known, name)) {
            Some(number) => number,
            None if self.endpoints.len() < bounds.calls_max.min(usize::from(u16::MAX)) => {
                self.endpoints.push(Text::from(name));
                attach.fresh = true;
                if matches!(event.kind, Kind::Transaction(_)) {
                    self.money |= 1_u64.checked_shl(self.endpoints.len() as u32 - 1).unwrap_or(0);
                }
                self.endpoints.len() - 1
            }
            None => {
                self.limited += 1;
                return None;
            }
        };
        let step = Step { ts: event.ts, endpoint: number as u16 };
        // A loop over one endpoint is one step of the path; only its bounds in time matter for the order.
        let repeats =
            self.steps.len() >= 2 && self.steps[self.steps.len() - 2..].iter().all(|s| s.endpoint == step.endpoint);
        if repeats && self.steps.last().is_some_and(|last| last.ts <= step.ts) {
            if let Some(last) = self.steps.last_mut() {
                *last = step;
            }
        } else if self.steps.len() < bounds.calls_max {
            if self.steps.is_empty() {
                self.steps.reserve_exact(STEPS_FIRST);
            }
            self.steps.push(step);
        } else {
            self.limited += 1;
        }
        Some(number as u16)
    }
}

fn insert(list: &mut SmallVec<[Text; 1]>, value: &Text, max: usize, limited: &mut u32) -> bool {
    if list.iter().any(|known| same(known, value)) {
        return false;
    }
    if list.len() >= max {
        *limited += 1;
        return false;
    }
    list.push(value.clone());
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::profile::Profile;
    use crate::event::Outcome;
    use crate::event::decode::{Envelope, Limits, decode};

    fn event(time: &str, rest: &str) -> Event {
        let json = format!(r#"{{"ts":"2026-05-04T{time}Z","bot":"b","session":"s",{rest}}}"#);
        decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json)
    }

    fn session(events: &[Event]) -> Session {
        let bounds = Profile::parse(Profile::SHIPPED).expect("the shipped profile").bounds;
        let mut session = Session::open(1, &events[0]);
        for event in events {
            let endpoint = (event.outcome != Outcome::Error).then(|| normalize::endpoint(event)).flatten();
            session.attach(event, endpoint.as_deref(), &bounds);
        }
        session
    }

    #[test]
    fn the_path_follows_event_time_and_not_arrival() {
        let call = |time: &str| event(time, &format!(r#""type":"call","operation":"op-x{}""#, &time[7..]));
        let calls = ["06:00:02", "06:00:00", "06:00:01", "06:00:03"].map(call);
        let session = session(&calls);
        let names: Vec<&str> = session.path().iter().map(|&at| session.endpoints[usize::from(at)].as_str()).collect();
        assert_eq!(names, ["op-x0", "op-x1", "op-x2", "op-x3"]);
        assert_eq!(session.opened, calls[1].ts);
    }

    #[test]
    fn retries_of_failed_calls_are_no_steps() {
        let calls = [
            event("06:00:00", r#""type":"call","operation":"a","bytes":5,"outcome":"error""#),
            event("06:00:01", r#""type":"call","operation":"a","bytes":5"#),
            event("06:00:02", r#""type":"call","operation":"a","bytes":5"#),
        ];
        let session = session(&calls);
        assert_eq!((session.path().len(), session.calls, session.bytes, session.events), (1, 2, 10, 3));
    }

    #[test]
    fn a_session_ends_by_its_end_or_by_silence() {
        let timeout = Span::from_mins(30);
        let open = session(&[event("06:00:00", r#""type":"call""#)]);
        assert_eq!(open.deadline(timeout), open.newest + timeout);
        let ended = session(&[event("06:00:00", r#""type":"run","run":{"phase":"end"}"#)]);
        assert_eq!(ended.deadline(timeout), ended.newest + GRACE);
    }

    proptest! {
        /// What is ruled out at once is not slow by its pace either.
        #[test]
        fn whatever_is_slow_may_be_slow(
            gaps in proptest::collection::vec(0_i64..900, 1..70), late in proptest::collection::vec(0_usize..70, 0..4),
        ) {
            let start = event("06:00:00", r#""type":"call""#);
            let mut at = start.ts;
            let mut events: Vec<Event> = gaps.iter().map(|gap| {
                at = at + Span::from_micros(gap * 10_000);
                Event { ts: at, ..start.clone() }
            }).collect();
            for nth in late.into_iter().filter(|nth| nth + 1 < gaps.len()) {
                events.swap(nth, nth + 1);
            }
            let session = session(&events);
            if let Some(pace) = session.pace() {
                prop_assert!(session.may_be_slow(pace.seconds()));
                prop_assert!(!session.may_be_slow(2.0 * pace.seconds() + 0.1));
            }
        }
    }
}
