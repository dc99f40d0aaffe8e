//! Announced changes: a ticket, or an operator who starts a bot by hand in office hours, makes a bounded window in
//! which the kind of novelty that it announced is learned and reported at `info`, not paged.
//!
//! Blind spot: whoever can write a ticket into the log can open a window; that is why windows are narrow by dimension.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::profile::ChangeProfile;
use crate::event::{Event, Kind, Text};
use crate::stats::fingerprint;
use crate::time::{Local, Span, Timestamp};

/// Until when each kind of novelty is announced; nothing but a pointer for the many bots that are never changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ChangeWindows(Option<Box<Windows>>);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Windows {
    time: Option<Timestamp>,
    source: Option<Timestamp>,
    behavior: Option<Timestamp>,
    privilege: Option<Timestamp>,
    manual: Option<Timestamp>,
    /// Fingerprints of roles that were granted with a ticket, the latest last.
    granted: SmallVec<[u64; 1]>,
    /// Until when somebody who signed in for an announced change works from a host, by its fingerprint.
    person: Option<(Timestamp, u64)>,
    /// Until when people may be at the bot's account for an approved change.
    maintenance: Option<Timestamp>,
    /// What was done to the bot that makes what it does next suspicious.
    suspect: Option<Box<Suspect>>,
}

/// A suspicious act on a bot, in whose light the next days are seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suspect {
    pub since: Timestamp,
    pub until: Timestamp,
    /// What it was, as a sentence without its subject.
    pub what: Text,
    /// The story that it belongs to.
    pub incident: Text,
}

/// What is excused for one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each excuse holds by itself")]
pub(super) struct Excuses {
    /// Dimensions that a ticketed change announces, in the order of the calibrators.
    announced: [bool; DIMENSIONS],
    /// Whether an operator announced a start by hand.
    announced_start: bool,
    /// Whether the session began in office hours.
    office: bool,
    /// Whether it is the work of somebody who signed in for an announced change.
    person: bool,
    /// Whether it is a maintenance window, in which odd times are to be expected.
    pub maintenance: bool,
}

/// Dimensions that are scored session by session.
const DIMENSIONS: usize = 9;
/// Time in which an announced manual start must follow.
const MANUAL_START: Span = Span::from_hours(2);
/// Time for which somebody who signed in for it works.
const PERSON: Span = Span::from_hours(4);
/// Time after the first new host for which an announced move excuses others: a bot may run on several at once.
const MOVED: Span = Span::from_hours(12);
/// Granted roles remembered.
const GRANTED_MAX: usize = 16;

impl ChangeWindows {
    /// Opens the window that an event announces.
    pub(super) fn note(&mut self, event: &Event, profile: &ChangeProfile) {
        if matches!(event.kind, Kind::Grant(_) | Kind::Login(_) | Kind::Control(_)) {
            let mut windows = self.0.take().unwrap_or_default();
            windows.note(event, profile);
            self.0 = (*windows != Windows::default()).then_some(windows);
        }
    }

    /// What is announced at the start of a session.
    pub(super) fn excuses(&self, at: Timestamp, start: Local, hosts: &[Text], profile: &ChangeProfile) -> Excuses {
        let never = Windows::default();
        let windows = self.0.as_deref().unwrap_or(&never);
        let open = |until: Option<Timestamp>| until.is_some_and(|until| at <= until);
        let [first, last] = profile.office_hours;
        let office = start.weekday < 5 && (first..last).contains(&(start.minute / 60));
        let (time, behavior) = (open(windows.time), open(windows.behavior));
        Excuses {
            announced: [
                time,
                open(windows.source),
                behavior,
                behavior,
                open(windows.privilege),
                time,
                behavior,
                behavior,
                behavior,
            ],
            announced_start: open(windows.manual),
            office,
            person: windows.person.is_some_and(|(until, host)| {
                let of_them = |name: &Text| fingerprint(&[name]) == host;
                (at..=at + PERSON).contains(&until) && hosts.iter().all(of_them)
            }),
            maintenance: false,
        }
    }

    /// A host was replaced, as announced: the next one is not.
    pub(super) fn moved(&mut self, at: Timestamp) {
        if let Some(windows) = &mut self.0 {
            windows.source = windows.source.map(|until| until.min(at + MOVED));
        }
    }

    /// Fingerprints of roles that were granted with a ticket.
    pub(super) fn granted(&self) -> &[u64] {
        self.0.as_ref().map_or(&[], |windows| &windows.granted)
    }

    /// Whether a change is announced that may move levels.
    pub(super) fn new_level(&self, at: Timestamp) -> bool {
        self.until(|windows| windows.behavior) >= Some(at)
    }

    /// Whether a change of the schedule is announced.
    pub(super) fn new_times(&self, at: Timestamp) -> bool {
        self.until(|windows| windows.time) >= Some(at)
    }

    /// Whether a change is announced that may bring new secrets.
    pub(super) fn new_secrets(&self, at: Timestamp) -> bool {
        self.until(|windows| windows.behavior.max(windows.privilege)) >= Some(at)
    }

    /// Whether an approved change is under way, for which people may be at the bot's account.
    pub(super) fn maintenance(&self, at: Timestamp) -> bool {
        self.until(|windows| windows.maintenance) >= Some(at)
    }

    /// Notes a suspicious act. A later one takes the place of an earlier one and stays in its story.
    pub(super) fn suspect(&mut self, act: Suspect) {
        let story = self.suspicion(act.since).map(|before| before.incident.clone());
        let act = Suspect { incident: story.unwrap_or(act.incident), ..act };
        self.0.get_or_insert_default().suspect = Some(Box::new(act));
    }

    /// The suspicious act that something at a time comes after.
    pub(super) fn suspicion(&self, at: Timestamp) -> Option<&Suspect> {
        let suspect = self.0.as_deref()?.suspect.as_deref()?;
        (suspect.since..=suspect.until).contains(&at).then_some(suspect)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let Some(windows) = self.0.as_deref() else { return 0 };
        let granted = if windows.granted.spilled() { windows.granted.capacity() * size_of::<u64>() } else { 0 };
        let suspect = windows.suspect.as_ref().map_or(0, |suspect| {
            let texts = [&suspect.what, &suspect.incident].into_iter().filter(|text| text.is_heap_allocated());
            size_of::<Suspect>() + texts.map(Text::capacity).sum::<usize>()
        });
        size_of::<Windows>() + granted + suspect
    }

    fn until(&self, window: impl Fn(&Windows) -> Option<Timestamp>) -> Option<Timestamp> {
        self.0.as_deref().and_then(window)
    }
}

impl Windows {
    fn note(&mut self, event: &Event, profile: &ChangeProfile) {
        if self.suspect.as_ref().is_some_and(|suspect| suspect.until < event.ts) {
            self.suspect = None;
        }
        let until = Some(event.ts + Span::from_days(i64::from(profile.window_days)));
        match &event.kind {
            Kind::Grant(grant) if event.ticket().is_some() => {
                self.privilege = self.privilege.max(until);
                if let Some(role) = &grant.role {
                    if self.granted.len() >= GRANTED_MAX {
                        self.granted.remove(0);
                    }
                    self.granted.push(fingerprint(&[role]));
                }
            }
            Kind::Login(login) if login.interactive == Some(true) && self.maintenance >= Some(event.ts) => {
                let host = event.host.as_deref().unwrap_or("");
                self.person = Some((event.ts + PERSON, fingerprint(&[host])));
            }
            Kind::Control(control) => {
                let approved = event.ticket().is_some();
                if approved {
                    self.maintenance =
                        self.maintenance.max(Some(event.ts + Span::from_hours(profile.maintenance_hours)));
                }
                match control.action.as_deref() {
                    Some("host_moved") if approved => self.source = self.source.max(until),
                    Some("schedule_changed") if approved => self.time = self.time.max(until),
                    Some("bot_modified" | "deployment" | "deployed") if approved => {
                        self.behavior = self.behavior.max(until);
                    }
                    Some("bot_started_manually") => self.manual = self.manual.max(Some(event.ts + MANUAL_START)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl Excuses {
    /// Whether a dimension is excused however odd it is: to whoever signed in for it all, to a start by hand its time.
    pub(super) fn wholly(self, dimension: usize, manual: bool) -> bool {
        self.person
            || (self.by_hand(manual) && [TIME, RATE].contains(&dimension))
            || (self.maintenance && dimension == TIME)
    }

    fn by_hand(self, manual: bool) -> bool {
        self.office && (manual || self.announced_start)
    }

    /// Excuses of the calibrated dimensions, in their order, for a session that an operator may have started.
    pub(super) fn by_dimension(self, manual: bool) -> [bool; DIMENSIONS] {
        let by_hand = self.by_hand(manual);
        if self.person {
            return [true; DIMENSIONS];
        }
        let mut excused = self.announced;
        excused[TIME] |= self.maintenance;
        for at in [TIME, RATE] {
            excused[at] |= by_hand;
        }
        excused
    }
}

/// Place of the hours among the dimensions, which a start by hand excuses.
const TIME: usize = 0;
/// Place of the sessions a day among them, which it excuses as well.
const RATE: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::profile::Profile;
    use crate::event::decode::{Envelope, Limits, decode};

    #[test]
    fn all_that_is_on_the_heap_is_counted() {
        let mut windows = ChangeWindows::default();
        assert_eq!(windows.heap_bytes(), 0);
        let profile = Profile::shipped().change;
        for role in ["a", "b", "c"] {
            let json = format!(
                r#"{{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"grant","grant":{{"role":"{role}","ticket":"CHG-1"}}}}"#
            );
            windows.note(&decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json), &profile);
        }
        let granted = windows.heap_bytes();
        assert!(granted >= size_of::<Windows>() + 3 * size_of::<u64>(), "{granted}");
        let act = |what: &str, incident: &str| Suspect {
            since: Timestamp::from_micros(0),
            until: Timestamp::from_micros(1),
            what: Text::from(what),
            incident: Text::from(incident),
        };
        windows.suspect(act("was modified", "inc-1"));
        assert_eq!(windows.heap_bytes(), granted + size_of::<Suspect>(), "short texts lie within");
        let mut windows = windows.clone();
        windows.suspect(Suspect { since: Timestamp::from_micros(9), ..act(&"w".repeat(100), &"i".repeat(100)) });
        assert!(windows.heap_bytes() >= granted + size_of::<Suspect>() + 200);
    }
}
