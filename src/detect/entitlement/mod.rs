//! What one bot may do and what it did, for a year and more: roles granted and exercised, systems, and the work itself.
//!
//! It outlives the baseline, since what is held and not used is a matter of quarters, and is kept small for that: a role
//! takes 28 bytes with the days of a quarter on which it was used, bit by bit; a piece of work takes 8. Work is known by
//! half of its fingerprint, and its last use by the week. The sessions that exercised a role are named for each stretch of use and not for each use, so
//! that a role of every day names one and a role of once a quarter the last four.
//!
//! Bounds: roles, work and days are those of `[entitlement]` in the profile; work that finds no room marks its role as
//! needed, so that no bound makes a role look idle. Blind spots: two operations of one bot whose fingerprints collide (one
//! bot in 30,000 at 500 operations) count as one; a session that goes on for days counts on its first use of each day.

mod granters;
mod names;
mod role;

use serde::{Deserialize, Serialize};

pub(super) use granters::Granters;
pub(super) use names::Vocabulary;
pub(super) use role::{Grant, Held, SightMark};

use crate::alert::{Dimension, Severity};
use crate::detect::profile::EntitlementProfile;
use crate::event::{Text, same};
use crate::stats::{fingerprint, give_back, make_room};

/// Number of the role of work that names none.
pub(super) const ROLE_NONE: u8 = u8::MAX;
/// Roles of a bot that their numbers can tell apart.
const ROLES_MAX: usize = 250;
/// Sessions that are named for all roles of a bot.
const SESSIONS_MAX: usize = 250;
/// Roles of a bot that are compared by name before one is looked for among all. More: of bots with many, that takes longer.
const LIKELY: usize = 3;
/// Weeks whose count of held roles is remembered.
pub(super) const WEEKS: usize = 9;

/// The ledger of one bot. Days are those since 1970, in UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entitlements {
    /// First and last day at work, and how many there were.
    pub first_day: u16,
    pub last_day: u16,
    pub days: u16,
    /// Longest silence between two days at work.
    pub gap_max: u16,
    /// What was told once for good, by bit; in the upper half what was hidden on the day of `hidden_day`.
    told: u8,
    hidden_day: u16,
    /// Systems and roles outside of the registry that were told of.
    pub outside_told: u8,
    /// Roles held at the end of the last weeks, the newest last.
    pub weeks: [u8; WEEKS],
    pub week: u16,
    /// Whether something was left out for lack of room.
    pub cut: bool,
    pub roles: Vec<Held>,
    pub work: Vec<Work>,
    sessions: Vec<SightMark>,
    /// What most bots have none of.
    rare: Option<Box<Rare>>,
}

/// What befell the bot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Rare {
    /// Roles that somebody gave or took.
    grants: Vec<Grant>,
    /// What was found about the bot.
    found: Vec<Found>,
    /// What nobody heard of, and the day on which that was.
    owed: Vec<(Owed, u16)>,
}

/// Something that was said of a name where nobody hears it: by the name's number, outside of the registry as a system or
/// as a role, or as production's system that a bot for trials works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Owed {
    System(u32),
    Role(u32),
    Trial(u32),
}

/// Names that something is owed of for one bot. What is beyond is not told again.
const OWED_MAX: usize = 32;

/// Something that the bot does, with the role that it did it with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Work {
    pub print: u32,
    /// Number of the system among all names.
    pub system: u16,
    /// Number of the role in the ledger.
    pub role: u8,
    /// The last byte of the week of the last use.
    week: u8,
}

/// Findings of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found {
    pub dimension: Dimension,
    pub severity: Severity,
    pub count: u16,
    pub last_day: u16,
}

/// One use of what the bot may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use<'a> {
    pub day: u16,
    /// Minute since 1970.
    pub minute: u32,
    pub role: Option<&'a str>,
    pub system: Option<&'a str>,
    /// What was done, by name; none where it came to nothing.
    pub work: Option<&'a str>,
    pub session: Option<&'a str>,
    /// Whether the session had not used the role before.
    pub first: bool,
}

/// What a use brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted {
    /// Bounds that cut something.
    pub limited: u64,
    /// Whether the bot had not worked with the system before, or not used the role.
    pub system: bool,
    pub role: bool,
    /// The silence that it ended, in days, and the longest before that.
    pub silence: Option<(u16, u16)>,
}

/// What is told once in a bot's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Once {
    Unregistered = 1,
    NoOwner = 2,
    TestIdentity = 4,
}

/// Bits from those of what was told to those of what was hidden.
const HIDDEN_SHIFT: u8 = 4;

impl Entitlements {
    /// Whether something is told for the first time, noting that it is.
    pub(super) fn tell_once(&mut self, what: Once) -> bool {
        let first = !self.was_told(what);
        self.told |= what as u8;
        first
    }

    /// Whether something was told, or hidden today.
    pub(super) fn was_told(&self, what: Once) -> bool {
        let hidden = self.told & ((what as u8) << HIDDEN_SHIFT) != 0 && self.hidden_day == self.last_day;
        hidden || self.told & what as u8 != 0
    }

    /// What was told a moment ago was hidden: it is to be told on another day.
    pub(super) fn untell_once(&mut self, what: Once) {
        if self.hidden_day != self.last_day {
            self.hidden_day = self.last_day;
            self.told &= (1 << HIDDEN_SHIFT) - 1;
        }
        self.told = (self.told & !(what as u8)) | ((what as u8) << HIDDEN_SHIFT);
    }

    /// Notes that something of a name is to be said again on another day.
    pub(super) fn owe(&mut self, what: Option<Owed>) {
        let Some(what) = what else { return };
        let day = self.last_day;
        let owed = &mut self.rare.get_or_insert_default().owed;
        if owed.len() < OWED_MAX && owed.iter().all(|(known, _)| *known != what) {
            owed.push((what, day));
        }
    }

    /// Whether something is owed of any name.
    pub(super) fn owes(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.owed.is_empty())
    }

    /// Whether something of a name was owed since another day, noting that it is said now.
    pub(super) fn pay(&mut self, what: Option<Owed>) -> bool {
        let today = self.last_day;
        let (Some(rare), Some(what)) = (&mut self.rare, what) else { return false };
        let due = rare.owed.iter().position(|(known, day)| *known == what && *day != today);
        due.map(|place| rare.owed.remove(place)).is_some()
    }

    /// Counts a use.
    pub(super) fn exercise(&mut self, used: &Use<'_>, names: &mut Vocabulary, profile: &EntitlementProfile) -> Noted {
        let mut noted = Noted { silence: self.at_work(used.day), ..Noted::default() };
        let role = used.role.and_then(|name| {
            let likely = self.roles.iter().take(LIKELY).position(|held| same(names.roles.name(held.name), name));
            likely.or_else(|| self.role(names.roles.number(name), profile, &mut noted.limited))
        });
        if let Some(at) = role {
            noted.role = self.roles[at].last_used == 0;
            let first = used.first || noted.role;
            self.roles[at].note(used.day, first);
            if first && let Some(session) = used.session {
                self.sight(at, session, used.minute);
            }
        }
        if let Some(work) = used.work {
            let known = self.note_work(work, role, used, names, profile);
            noted.limited += u64::from(known.is_none());
            noted.system = known == Some(false) && used.system.is_some();
        }
        self.cut |= noted.limited > 0;
        noted
    }

    /// Takes a change of the bot's roles in. Says how many bounds cut something.
    pub(super) fn granted(&mut self, grant: Grant, profile: &EntitlementProfile) -> u64 {
        let mut limited = 0;
        let known = self.roles.iter().any(|held| held.name == grant.name);
        if (grant.removed && !known) || self.role(Some(grant.name), profile, &mut limited).is_none() {
            return limited;
        }
        let grants = &mut self.rare.get_or_insert_default().grants;
        match grants.iter_mut().find(|known| known.name == grant.name) {
            Some(known) => known.change(grant),
            None => grants.push(grant),
        }
        limited
    }

    /// The last change of a role.
    pub(super) fn grant_of(&self, name: u32) -> Option<&Grant> {
        self.rare.as_ref()?.grants.iter().find(|grant| grant.name == name)
    }

    /// Notes as told of changes what was told of them before.
    pub(super) fn tell_grants_as(&mut self, before: &Self) {
        for grant in self.grants_mut() {
            grant.told = before.grant_of(grant.name).is_some_and(|was| was.told);
        }
    }

    /// All changes, to note what was told of them.
    pub(super) fn grants_mut(&mut self) -> impl Iterator<Item = &mut Grant> {
        self.rare.as_mut().into_iter().flat_map(|rare| rare.grants.iter_mut())
    }

    /// Whether somebody gave a role and nobody took it away.
    pub(super) fn is_granted(&self, name: u32) -> bool {
        self.grant_of(name).is_some_and(|grant| !grant.removed)
    }

    /// Whether it uses a role, or holds it by a grant.
    pub(super) fn knows_role(&self, name: u32) -> bool {
        self.roles.iter().any(|held| held.name == name && (held.last_used > 0 || self.is_granted(name)))
    }

    /// Whether it works with a system.
    pub(super) fn knows_system(&self, system: u32) -> bool {
        self.work.iter().any(|work| u32::from(work.system) == system)
    }

    /// Ends a week of the calendar: what is older than the memory goes, and the roles held are counted.
    pub(super) fn roll(&mut self, day: u16, profile: &EntitlementProfile) -> bool {
        let week = week(day);
        let passed = usize::from(week.saturating_sub(self.week));
        if passed == 0 {
            return false;
        }
        let fresh = self.week == 0;
        self.week = week;
        let oldest = day.saturating_sub(profile.memory_days);
        // Weeks are told apart for as long as a byte counts them; the memory is shorter.
        let kept = usize::from(profile.memory_days / 7 + 1);
        self.work.retain(|work| passed < kept && usize::from((week as u8).wrapping_sub(work.week)) <= kept);
        let old = |ledger: &Self, held: &Held| !ledger.is_granted(held.name) && ledger.newest_day(held) < oldest;
        while let Some(at) = self.roles.iter().position(|held| old(self, held)) {
            self.drop_role(at);
        }
        give_back(&mut self.roles);
        give_back(&mut self.work);
        give_back(&mut self.sessions);
        if let Some(rare) = &mut self.rare {
            rare.found.retain(|found| found.last_day >= oldest);
        }
        // The bot has what it was given, or uses and was not taken away.
        let is_held = |held: &&Held| self.grant_of(held.name).map_or(held.last_used > 0, |grant| !grant.removed);
        let held = self.roles.iter().filter(is_held).count().min(255) as u8;
        if fresh {
            self.weeks = [held; WEEKS];
            return false;
        }
        // A bot that was away held what it held.
        let last = self.weeks[WEEKS - 1];
        self.weeks.rotate_left(passed.min(WEEKS));
        self.weeks[WEEKS - passed.min(WEEKS)..].fill(last);
        self.weeks[WEEKS - 1] = held;
        true
    }

    /// The day of the last use or change of a role.
    pub(super) fn newest_day(&self, held: &Held) -> u16 {
        let changed = self.grant_of(held.name).map_or(0, |grant| grant.at.day_utc() as u16);
        held.last_used.max(changed)
    }

    /// The last day on which something can have been done: of its week, that at the latest.
    pub(super) fn last_day_of(&self, work: Work) -> u16 {
        let back = u16::from((self.week as u8).wrapping_sub(work.week));
        (7 * self.week.saturating_sub(back) + 3).min(self.last_day)
    }

    /// Notes that something was found.
    pub(super) fn find(&mut self, dimension: Dimension, severity: Severity, day: u16, new: bool) {
        let list = &mut self.rare.get_or_insert_default().found;
        if let Some(found) = list.iter_mut().find(|found| found.dimension == dimension) {
            found.severity = found.severity.max(severity);
            found.count = found.count.saturating_add(u16::from(new));
            found.last_day = found.last_day.max(day);
        } else {
            make_room(list);
            list.push(Found { dimension, severity, count: 1, last_day: day });
        }
    }

    /// What was found, a dimension each.
    pub(super) fn found(&self) -> &[Found] {
        self.rare.as_ref().map_or(&[], |rare| &rare.found)
    }

    /// The sessions that are named for a role, the oldest first.
    pub(super) fn sights(&self, at: usize) -> impl Iterator<Item = &SightMark> {
        self.roles[at].sights.iter().filter_map(|slot| self.sessions.get(usize::from(*slot)))
    }

    /// Bytes that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.roles.capacity() * size_of::<Held>()
            + self.work.capacity() * size_of::<Work>()
            + self.sessions.capacity() * size_of::<SightMark>()
            + self
                .sessions
                .iter()
                .filter(|mark| mark.id.is_heap_allocated())
                .map(|mark| mark.id.capacity())
                .sum::<usize>()
            + self.rare.as_ref().map_or(0, |rare| {
                size_of::<Rare>()
                    + rare.grants.capacity() * size_of::<Grant>()
                    + rare.found.capacity() * size_of::<Found>()
                    + rare.owed.capacity() * size_of::<(Owed, u16)>()
            })
    }

    fn at_work(&mut self, day: u16) -> Option<(u16, u16)> {
        let mut silence = None;
        if self.days == 0 {
            (self.first_day, self.last_day, self.days) = (day, day, 1);
        } else if day > self.last_day {
            silence = Some((day - self.last_day, self.gap_max));
            self.gap_max = self.gap_max.max(day - self.last_day);
            self.last_day = day;
            self.days = self.days.saturating_add(1);
        }
        silence
    }

    /// The number of a role, taken in if there is room, or if another one can go that nobody granted.
    fn role(&mut self, name: Option<u32>, profile: &EntitlementProfile, limited: &mut u64) -> Option<usize> {
        let Some(name) = name else {
            *limited += 1;
            return None;
        };
        if let Some(at) = self.roles.iter().position(|held| held.name == name) {
            return Some(at);
        }
        if self.roles.len() >= profile.roles_max.min(ROLES_MAX) {
            *limited += 1;
            let ungranted = self.roles.iter().enumerate().filter(|(_, held)| !self.is_granted(held.name));
            let (at, _) = ungranted.min_by_key(|(_, held)| self.newest_day(held))?;
            self.drop_role(at);
        }
        make_room(&mut self.roles);
        self.roles.push(Held::new(name));
        Some(self.roles.len() - 1)
    }

    fn drop_role(&mut self, at: usize) {
        let name = self.roles.remove(at).name;
        if let Some(rare) = &mut self.rare {
            rare.grants.retain(|grant| grant.name != name);
        }
        let at = at as u8;
        self.work.retain(|work| work.role != at);
        for work in self.work.iter_mut().filter(|work| work.role != ROLE_NONE && work.role > at) {
            work.role -= 1;
        }
        self.free_sessions();
    }

    /// Names the session that exercised a role: in place of the last one within a stretch of use.
    fn sight(&mut self, at: usize, session: &str, minute: u32) {
        let slot = match self.sessions.iter().position(|mark| mark.minute > 0 && mark.id == session) {
            Some(slot) => slot,
            None => match self.sessions.iter().position(|mark| mark.minute == 0) {
                Some(slot) => slot,
                None if self.sessions.len() >= SESSIONS_MAX => return,
                None => {
                    self.sessions.reserve_exact(1);
                    self.sessions.push(SightMark::default());
                    self.sessions.len() - 1
                }
            },
        };
        let before = self.roles[at].newest_sight().and_then(|slot| self.sessions.get(usize::from(slot)));
        let stretch = before.is_some_and(|before| before.is_same_stretch(minute));
        if self.sessions[slot].minute == 0 || self.sessions[slot].id != session {
            self.sessions[slot] = SightMark { id: Text::from(session), minute };
        } else {
            self.sessions[slot].minute = minute;
        }
        self.roles[at].see(slot as u8, stretch);
        self.free_sessions();
    }

    /// Sessions that no role names any more make room.
    fn free_sessions(&mut self) {
        for slot in 0..self.sessions.len() {
            if !self.roles.iter().any(|held| held.sights.contains(&(slot as u8))) {
                self.sessions[slot] = SightMark::default();
            }
        }
        while self.sessions.last().is_some_and(|mark| mark.minute == 0) {
            self.sessions.pop();
        }
    }

    /// Notes what was done, and says whether the bot knew the system; none if there is no room for it.
    fn note_work(
        &mut self,
        work: &str,
        role: Option<usize>,
        used: &Use<'_>,
        names: &mut Vocabulary,
        profile: &EntitlementProfile,
    ) -> Option<bool> {
        let number = role.map_or(ROLE_NONE, |at| at as u8);
        let week = week(used.day) as u8;
        let print = fingerprint(&[work]) as u32;
        if let Some(known) = self.work.iter_mut().find(|known| known.print == print && known.role == number) {
            // A straggler of the week before moves nothing back.
            if (week.wrapping_sub(known.week) as i8) > 0 {
                known.week = week;
            }
            return Some(true);
        }
        let system = names.systems.number(used.system.unwrap_or_default());
        let Some(system) = system.filter(|_| self.work.len() < profile.work_max) else {
            if let Some(at) = role {
                self.roles[at].unlisted = true;
            }
            return None;
        };
        let known = self.knows_system(system);
        make_room(&mut self.work);
        self.work.push(Work { print, system: system as u16, role: number, week });
        Some(known)
    }
}

/// Weeks since 1970, from Monday on.
fn week(day: u16) -> u16 {
    (day + 3) / 7
}

#[cfg(test)]
mod tests;
