//! All that is kept for one bot: who it is, what is normal, which sessions are open, which events were seen.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::baseline::Baseline;
use super::change::ChangeWindows;
use super::cluster::COHORT_NONE;
use super::entitlement::Entitlements;
use super::feature::{Session, Sighting};
use super::normal::LastNormal;
use super::policy::fraud::MoneyHistory;
use super::policy::{Methods, Secrets};
use crate::event::Text;
use crate::stats::late::{Late, blank};
use crate::stats::room;
use crate::time::{Span, Timestamp};

/// Judged sessions whose stragglers are recognized. Fewer would open a second session for a late event.
const RECENT_MAX: usize = 32;
/// Novelties remembered as told.
const TOLD_MAX: usize = 16;
/// Days for which a novelty that was told is not told again.
const TOLD_DAYS: i32 = 7;

/// How far silence is watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// The watermark at which silence is looked at again.
    pub due: Option<Timestamp>,
    /// Since when it has been odd, while it waits for the others or after it was told.
    pub odd: Option<Box<OddSilence>>,
}

impl Watch {
    /// Whether a silence was told that goes on.
    pub(super) fn is_told(&self) -> bool {
        self.odd.as_ref().is_some_and(|odd| odd.told)
    }
}

/// A silence that is odd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OddSilence {
    pub since: Timestamp,
    pub told: bool,
    /// Whether a suppression covered it when it was.
    pub hidden: bool,
    /// Whether it was told as this bot's own, and not as one of many.
    #[serde(default)]
    pub alone: bool,
}

/// State of one bot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BotState {
    pub tenant: Text,
    pub bot: Text,
    /// Number of the zone in the engine's list.
    #[serde(skip)]
    pub zone: u16,
    /// Number of its record in the registry.
    #[serde(skip)]
    pub record: Option<u32>,
    /// Lower half of the number of the log that its last event came from, which is looked at before others are.
    #[serde(skip)]
    pub log: u16,
    pub newest: Timestamp,
    /// Number of the cohort that it behaves like.
    pub cohort: u8,
    pub baseline: Baseline,
    pub sessions: Vec<Session>,
    pub windows: ChangeWindows,
    /// Which secrets it reads, if any.
    pub secrets: Option<Box<Secrets>>,
    /// How it signs in.
    pub methods: Methods,
    /// What its transactions have been like; none for bots without any.
    pub money: Option<Box<MoneyHistory>>,
    /// What it may do and what it did, for a year and more.
    pub entitlements: Entitlements,
    /// Where it was seen last.
    pub sighting: Option<Sighting>,
    /// The last session that nothing was said of.
    pub normal: Option<Box<LastNormal>>,
    /// When silence is looked at next, or told of.
    pub watch: Watch,
    ids: Late<IdWindow>,
    /// Judged sessions, newest last.
    recent: SmallVec<[Judged; 2]>,
    /// What paged; none for most.
    #[expect(clippy::box_collection, reason = "most bots have none, and 8 bytes are less than 24")]
    told: Option<Box<Vec<Told>>>,
    /// What was said without a page; none for most.
    said: Option<Box<Said>>,
}

/// What was said on a day without a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    day: i32,
    keys: SmallVec<[u64; 2]>,
}

/// A session that was judged, small, since each bot keeps some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Judged {
    /// Half of its id's fingerprint.
    print: u32,
    /// Minute of its newest event, since 1970.
    last_minute: u32,
}

fn minute(at: Timestamp) -> u32 {
    at.as_micros().div_euclid(Span::MINUTE.as_micros()) as u32
}

/// A novelty that was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    key: u64,
    last_day: i32,
    days: u16,
    /// Whether suppressions covered it whenever it was.
    hidden: bool,
}

/// How well known the novelties of a finding are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// At least one was never told.
    New,
    /// All were told within the last days.
    Told,
    /// All have been there for so many days that they are the new normal.
    Adopted,
}

impl BotState {
    /// A bot that was never seen.
    pub(super) fn new(tenant: Text, bot: Text, endpoints_max: usize) -> Self {
        let mut baseline = Baseline::default();
        baseline.graph.endpoints_max = endpoints_max.min(usize::from(u16::MAX) - 8) as u16;
        Self {
            tenant,
            bot,
            zone: 0,
            record: None,
            log: 0,
            newest: Timestamp::MIN,
            cohort: COHORT_NONE,
            baseline,
            sessions: Vec::new(),
            windows: ChangeWindows::default(),
            secrets: None,
            methods: Methods::default(),
            money: None,
            entitlements: Entitlements::default(),
            sighting: None,
            normal: None,
            watch: Watch::default(),
            ids: Late::default(),
            recent: SmallVec::new(),
            told: None,
            said: None,
        }
    }

    /// Skims the parts of it that an event needs: the number says nothing.
    pub(super) fn skim(&self) -> usize {
        let Self { baseline, entitlements, .. } = self;
        let names = self.tenant.len() ^ self.bot.len() ^ usize::from(self.zone) ^ self.newest.as_micros() as usize;
        let lists = self.sessions.len() ^ self.recent.len() ^ entitlements.roles.len() ^ entitlements.work.len();
        let counts = baseline.events ^ baseline.today as u32 ^ baseline.volumes.hour_number as u32;
        names ^ lists ^ counts as usize ^ self.windows.granted().len() ^ baseline.graph.skim()
    }

    /// The same of what it points to.
    pub(super) fn skim_on(&self) -> usize {
        let ledger = &self.entitlements;
        let held = ledger.roles.first().map_or(0, |role| usize::from(role.last_used));
        let work = ledger.work.first().map_or(0, |work| work.print as usize);
        let sessions = self.latest().fold(0, |read, session| read ^ session.skim());
        held ^ work ^ sessions ^ self.baseline.graph.skim_on() ^ self.ids.since.as_micros() as usize
    }

    /// The same of what that points to, for an event with an id of that fingerprint.
    pub(super) fn skim_further(&self, id: u64) -> usize {
        let near = |ids: &[u64]| ids.get(likely_place(ids, id)).map_or(0, |id| *id as usize);
        let sessions = self.latest().fold(0, |read, session| read ^ session.skim_on());
        sessions ^ near(&self.ids.young) ^ near(&self.ids.old) ^ self.baseline.graph.skim_further()
    }

    /// The sessions to one of which the next event mostly belongs.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().rev().take(2)
    }

    /// Notes an event id; whether it is the first time within the window.
    pub(super) fn first_sight(&mut self, id: u64, at: Timestamp, window: Span, ids_max: usize) -> bool {
        self.ids.insert(id, at, window, ids_max)
    }

    /// The watermark at which no event id that is held can come again; none while none is held.
    pub(super) fn ids_due(&self, window: Span) -> Option<Timestamp> {
        (!self.ids.young.is_empty()).then(|| self.ids.since + window + window + Span::SECOND)
    }

    /// Forgets the event ids if none of them can come again at a watermark.
    pub(super) fn drop_old_ids(&mut self, watermark: Timestamp, window: Span) {
        if self.ids_due(window).is_some_and(|due| due <= watermark) {
            self.ids = Late::default();
        }
    }

    /// Whether an event belongs to a session that was judged: it carries its id and happened before its end. Whatever
    /// happened later under that id is another session, or an old id would be a place to hide in.
    pub(super) fn is_straggler(&self, key: u64, at: Timestamp) -> bool {
        let of_it = |judged: &Judged| judged.print == key as u32 && minute(at) <= judged.last_minute;
        key != 0 && self.recent.iter().any(of_it)
    }

    /// Notes that a session was judged, with its newest event. Events before `oldest` are not accepted any more, so that
    /// sessions without any later ones have no stragglers.
    pub(super) fn note_judged(&mut self, key: u64, newest: Timestamp, oldest: Timestamp) {
        if key != 0 {
            self.recent.retain(|judged| judged.last_minute >= minute(oldest));
            if !self.recent.spilled() || self.recent.capacity() > 2 * self.recent.len() + 2 {
                self.recent.shrink_to_fit();
            }
            if self.recent.len() >= RECENT_MAX {
                self.recent.remove(0);
            }
            self.recent.push(Judged { print: key as u32, last_minute: minute(newest) });
        }
    }

    /// Whether something that pages nobody is said for the first time today, noting that it is.
    pub(super) fn say(&mut self, key: u64, today: i32) -> bool {
        let said = self.said.get_or_insert_with(|| Box::new(Said { day: today, keys: SmallVec::new() }));
        if said.day != today {
            said.keys.clear();
            said.day = today;
        }
        if said.keys.contains(&key) || said.keys.len() >= TOLD_MAX {
            return false;
        }
        said.keys.push(key);
        true
    }

    /// Whether novelties were told before, noting that they are there today, and whether that is news: also if all of it
    /// was hidden, and is not now.
    pub(super) fn tell(&mut self, keys: &[u64], today: i32, adopt_days: u16, hidden: bool) -> (Known, bool) {
        if keys.is_empty() {
            return (Known::New, true);
        }
        let list = self.told.get_or_insert_default();
        list.retain(|told| today - told.last_day <= TOLD_DAYS);
        let (mut least, mut news) = (Known::Adopted, false);
        for &key in keys {
            let known = if let Some(told) = list.iter_mut().find(|told| told.key == key) {
                if today > told.last_day {
                    told.days = told.days.saturating_add(1);
                    told.last_day = today;
                }
                news |= told.hidden && !hidden;
                told.hidden &= hidden;
                if told.days >= adopt_days { Known::Adopted } else { Known::Told }
            } else {
                if list.len() >= TOLD_MAX {
                    list.remove(0);
                }
                list.push(Told { key, last_day: today, days: 1, hidden });
                Known::New
            };
            least = match (least, known) {
                (Known::New, _) | (_, Known::New) => Known::New,
                (Known::Told, _) | (_, Known::Told) => Known::Told,
                _ => Known::Adopted,
            };
        }
        (least, news || least == Known::New)
    }

    /// What hid the bot's sessions and its silence is gone: they are looked at again from now on.
    pub(super) fn unveil(&mut self, now: Timestamp) {
        for session in self.sessions.iter_mut().filter(|session| session.hidden_until.is_some()) {
            session.hidden_until = Some(session.newest);
        }
        if self.watch.odd.as_ref().is_some_and(|odd| odd.hidden) {
            self.watch.due = self.watch.due.map(|due| due.min(now));
        }
    }

    /// Whether one of the novelties was told within the last days, and only where a suppression hid it.
    pub(super) fn was_hidden(&self, keys: &[u64], today: i32) -> bool {
        let owed = |told: &Told| told.hidden && today - told.last_day <= TOLD_DAYS && keys.contains(&told.key);
        self.told.as_ref().is_some_and(|told| told.iter().any(owed))
    }

    /// Bytes that it takes, about: what is on the heap and the struct itself.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + [&self.tenant, &self.bot]
                .into_iter()
                .filter(|name| name.is_heap_allocated())
                .map(Text::capacity)
                .sum::<usize>()
            + self.baseline.heap_bytes()
            + self.windows.heap_bytes()
            + Late::heap_bytes(&self.ids)
            + IdWindow::heap_bytes(&self.ids)
            + if self.recent.spilled() { self.recent.capacity() * size_of::<Judged>() } else { 0 }
            + self.told.as_ref().map_or(0, |told| size_of::<Vec<Told>>() + told.capacity() * size_of::<Told>())
            + self.said.as_ref().map_or(0, |said| {
                size_of::<Said>() + if said.keys.spilled() { said.keys.capacity() * size_of::<u64>() } else { 0 }
            })
            + self.secrets.as_ref().map_or(0, |secrets| secrets.bytes())
            + self.entitlements.bytes()
            + self.sessions.capacity() * size_of::<Session>()
            + self.money.as_ref().map_or(0, |money| money.heap_bytes())
            + self.normal.as_ref().map_or(0, |normal| size_of::<LastNormal>() + normal.heap_bytes())
    }
}

/// Event ids seen within a stretch of time, in two generations: each insertion is looked up in both, and the older
/// one goes when the younger is full of time. Bounded; past the bound the older generation goes early.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct IdWindow {
    /// Sorted, so that a look-up is a binary search and a snapshot is the same bytes.
    young: Vec<u64>,
    old: Box<[u64]>,
    since: Timestamp,
}

blank!(IdWindow);

impl IdWindow {
    fn insert(&mut self, id: u64, at: Timestamp, window: Span, ids_max: usize) -> bool {
        if at > self.since + window || self.young.len() >= ids_max / 2 {
            // Ids of long ago cannot come again within the lateness that is accepted.
            let again = at <= self.since + window + window;
            let young = std::mem::take(&mut self.young);
            self.old = if again { young.into_boxed_slice() } else { Box::default() };
            self.since = at;
        }
        if search(&self.old, id).is_ok() {
            return false;
        }
        match search(&self.young, id) {
            Ok(_) => false,
            Err(place) => {
                if self.young.len() == self.young.capacity() {
                    // A bot that was seen twice is seen more often.
                    let more = if self.young.is_empty() { 1 } else { YOUNG_MORE.max(self.young.len() / 2) };
                    self.young.reserve_exact(room::<u64>(self.young.len() + more) - self.young.len());
                }
                self.young.insert(place, id);
                true
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        (self.young.capacity() + self.old.len()) * size_of::<u64>()
    }
}

/// Room for further ids where some are, at the least. More lies idle, less is moved more often.
const YOUNG_MORE: usize = 6;
/// Entries on either side of where a fingerprint should be within which it is looked for first, at the least.
const NEAR: usize = 4;

/// The place at which an even spread would have a fingerprint.
fn likely_place(sorted: &[u64], id: u64) -> usize {
    ((u128::from(id) * sorted.len() as u128) >> 64) as usize
}

/// A binary search that begins near the place at which an even spread would have it.
fn search(sorted: &[u64], id: u64) -> Result<usize, usize> {
    let guess = likely_place(sorted, id);
    // Of n fingerprints half of the root of n is how far they mostly lie off.
    let near = NEAR + sorted.len().isqrt();
    let (from, to) = (guess.saturating_sub(near), sorted.len().min(guess + near));
    let after = from == 0 || sorted[from - 1] < id;
    let before = to == sorted.len() || id < sorted[to];
    if after && before {
        let place = sorted[from..to].binary_search(&id);
        return place.map(|at| from + at).map_err(|at| from + at);
    }
    sorted.binary_search(&id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_are_found_where_they_are(
            even in prop::collection::vec(any::<u64>(), 0..400), near in prop::collection::vec(0..500_u64, 0..300),
            other in any::<u64>(),
        ) {
            let mut ids = [even, near].concat();
            ids.sort_unstable();
            ids.dedup();
            for id in ids.iter().flat_map(|id| [*id, id.wrapping_add(1)]).chain([other, 0, u64::MAX]) {
                prop_assert_eq!(search(&ids, id), ids.binary_search(&id));
            }
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(0) + Span::from_mins(minute)
    }

    #[test]
    fn an_id_is_new_once_within_the_window() {
        let mut ids = IdWindow::default();
        let window = Span::from_mins(120);
        assert!(ids.insert(7, at(1000), window, 100));
        assert!(!ids.insert(7, at(1100), window, 100));
        assert!(!ids.insert(7, at(1121), window, 100), "the generations overlap");
        assert!(ids.insert(8, at(1121), window, 100));
        assert!(ids.insert(7, at(1600), window, 100), "long ago is forgotten");
        for id in 100..400 {
            assert!(ids.insert(id, at(1601), window, 100));
        }
        assert!(ids.young.len() + ids.old.len() <= 100);
    }

    #[test]
    fn a_novelty_is_told_once_and_adopted_after_days() {
        let mut bot = BotState::new("t".into(), "b".into(), 10);
        assert_eq!(bot.tell(&[1], 10, 3, false), (Known::New, true));
        assert_eq!(bot.tell(&[1], 10, 3, false), (Known::Told, false));
        assert_eq!(bot.tell(&[1, 2], 11, 3, false), (Known::New, true));
        assert_eq!(bot.tell(&[1], 12, 3, false), (Known::Adopted, false));
        assert_eq!(bot.tell(&[1], 30, 3, false), (Known::New, true));
    }

    #[test]
    fn what_was_told_under_a_suppression_is_news_once_behind_it() {
        let mut bot = BotState::new("t".into(), "b".into(), 10);
        assert_eq!(bot.tell(&[1], 10, 3, true), (Known::New, true));
        assert_eq!(bot.tell(&[1], 10, 3, true), (Known::Told, false));
        assert_eq!(bot.tell(&[1], 11, 3, false), (Known::Told, true));
        assert_eq!(bot.tell(&[1], 11, 3, false), (Known::Told, false));
        assert_eq!(bot.tell(&[1], 12, 3, true), (Known::Adopted, false));
        assert_eq!(bot.tell(&[1], 12, 3, false), (Known::Adopted, false), "it was told before it was hidden");
    }
}
