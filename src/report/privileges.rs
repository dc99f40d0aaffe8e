//! Least privilege: which roles a bot was granted, is registered for and exercises; which it does not use; the fewest that
//! its observed work needs; and what would have broken without the rest.
//!
//! A bot's work is what it did, not what it may have to do: a role of the year's end is idle for eleven months. That is
//! why each role to be dropped comes with its last use and with the sessions that would have missed it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Estate;
use super::cover::minimal;
use crate::detect::{BotFacts, RoleFacts};
use crate::registry::BotRecord;
use crate::time::{Span, Timestamp, date};

/// Days without use that are told apart.
pub const UNUSED_DAYS: [i64; 3] = [30, 60, 90];

/// How far to look back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Days of work that the roles must cover.
    pub work_days: i64,
    /// Days of sessions that are looked at for what would have broken.
    pub session_days: i64,
}

impl Default for Window {
    fn default() -> Self {
        Self { work_days: 60, session_days: 90 }
    }
}

/// The roles of one bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BotPrivileges {
    /// Whose bot.
    pub tenant: String,
    /// Its name.
    pub bot: String,
    /// Days since its first day at work: roles cannot have been unused for longer as far as anybody saw.
    pub known_days: i64,
    /// The fewest roles that its work needs.
    pub minimal: Vec<String>,
    /// Its roles, in order of name.
    pub roles: Vec<RoleRow>,
    /// Whether all of its work was kept; where not, roles whose work was left out count as needed.
    pub complete: bool,
}

/// One role of a bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "a role may be any of these, one by one")]
pub struct RoleRow {
    /// The role.
    pub role: String,
    /// Whether its name says that it administers.
    pub admin: bool,
    /// When it was granted, as far as that was seen.
    pub granted: Option<Timestamp>,
    /// By whom.
    pub granted_by: Option<String>,
    /// With which ticket.
    pub ticket: Option<String>,
    /// Whether the bot is registered for it.
    pub eligible: bool,
    /// Whether it was ever used, as far as is remembered.
    pub exercised: bool,
    /// First and last day of use.
    pub first_used: Option<String>,
    /// The last one.
    pub last_used: Option<String>,
    /// Days since it was used last; without use since it was given, or since the bot is known.
    pub unused_days: i64,
    /// Sessions that used it.
    pub sessions: u32,
    /// What to do with it.
    pub verdict: Verdict,
    /// The session that used it last.
    pub last_session: Option<String>,
    /// Days within the window on which sessions would have broken without it.
    pub broken_days: usize,
    /// Those of the sessions that are remembered by name, the newest first.
    pub broken_sessions: Vec<String>,
    /// Whether they are all that there were.
    #[serde(default)]
    pub broken_complete: bool,
}

/// What to do with a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The observed work needs it.
    Keep,
    /// The observed work does not.
    Drop,
    /// The bot has not been seen for long enough to say.
    Wait,
}

impl Verdict {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::Wait => "wait",
        }
    }
}

impl BotPrivileges {
    /// Roles that are held and were not used for so many days.
    pub fn unused(&self, days: i64) -> impl Iterator<Item = &RoleRow> {
        self.roles.iter().filter(move |row| row.unused_days >= days)
    }

    /// Roles that can go.
    pub fn droppable(&self) -> impl Iterator<Item = &RoleRow> {
        self.roles.iter().filter(|row| row.verdict == Verdict::Drop)
    }
}

/// The roles of every bot that was seen at work.
#[must_use]
pub fn privileges(estate: &Estate<'_>, window: Window) -> Vec<BotPrivileges> {
    let seen = estate.bots.iter().filter(|facts| facts.seen_days.is_some() || !facts.roles.is_empty());
    seen.map(|facts| of(facts, estate.registry.get(&facts.tenant, &facts.bot), estate.now, window)).collect()
}

/// The roles of one bot.
#[must_use]
pub fn of(facts: &BotFacts, record: Option<&BotRecord>, now: Timestamp, window: Window) -> BotPrivileges {
    let today = now.day_utc();
    let known_days = facts.seen_days.map_or(0, |(first, _)| today - first);
    let case = Case { known_days, is_old: known_days >= window.work_days, record, now, window };
    let needed = needed(facts, today - window.work_days, |role| case.is_given(role));
    let held = facts.roles.iter().enumerate().filter(|(_, role)| is_held(role));
    let mut roles: Vec<RoleRow> = held.map(|(at, role)| case.row(role, needed.contains(&at))).collect();
    let registered = record.map(|record| record.roles.as_slice()).unwrap_or_default();
    let unmet = registered.iter().filter(|name| !roles.iter().any(|row| row.role == **name));
    let unmet: Vec<RoleRow> = unmet.map(|name| case.never(name)).collect();
    roles.extend(unmet);
    roles.sort_by(|a, b| a.role.cmp(&b.role));
    roles.dedup_by(|a, b| a.role == b.role);
    BotPrivileges {
        tenant: facts.tenant.clone(),
        bot: facts.bot.clone(),
        known_days,
        minimal: roles.iter().filter(|row| row.verdict == Verdict::Keep).map(|row| row.role.clone()).collect(),
        roles,
        complete: !facts.cut,
    }
}

/// Places of the roles that the work since a day needs. What a role that the bot was given does needs no other one: a
/// role that was only used, perhaps once and by somebody else, is needed for the rest. Between two that do, the one that
/// does not administer is taken.
fn needed(facts: &BotFacts, since: i64, is_given: impl Fn(&RoleFacts) -> bool) -> BTreeSet<usize> {
    let recent = facts.work.iter().filter(|work| work.last_day >= since);
    let work: Vec<(u32, usize)> = recent.filter_map(|work| Some((work.print, work.role?))).collect();
    let given = |at: usize| facts.roles.get(at).is_some_and(&is_given);
    let of_given: Vec<(u32, usize)> = work.iter().copied().filter(|(_, role)| given(*role)).collect();
    let done: BTreeSet<u32> = of_given.iter().map(|(print, _)| *print).collect();
    let rest: Vec<(u32, usize)> = work.into_iter().filter(|(print, _)| !done.contains(print)).collect();
    let cost = |at: usize| facts.roles.get(at).map_or(0, |role| u64::from(role.admin));
    let mut needed = minimal(&of_given, cost);
    needed.extend(minimal(&rest, cost));
    let used = |role: &RoleFacts| role.used_days.is_some_and(|(_, last)| last >= since);
    let unlisted = facts.roles.iter().enumerate().filter(|(_, role)| role.unlisted && used(role));
    needed.extend(unlisted.map(|(at, _)| at));
    needed
}

/// Whether the bot has a role: taken away and not used since, it has not.
fn is_held(role: &RoleFacts) -> bool {
    let removed = role.grant.as_ref().filter(|grant| grant.removed).map(|grant| grant.at.day_utc());
    removed.is_none_or(|day| role.used_days.is_some_and(|(_, last)| last > day))
}

/// What the rows of one bot have in common.
struct Case<'a> {
    known_days: i64,
    is_old: bool,
    record: Option<&'a BotRecord>,
    now: Timestamp,
    window: Window,
}

impl Case<'_> {
    fn row(&self, role: &RoleFacts, needed: bool) -> RoleRow {
        let today = self.now.day_utc();
        let grant = role.grant.as_ref().filter(|grant| !grant.removed);
        let last_day = role.used_days.map(|(_, last)| last);
        let since = last_day.or(grant.map(|grant| grant.at.day_utc()));
        let unused_days = since.map_or(self.known_days, |day| today - day).max(0);
        let oldest = today - self.window.session_days;
        let named = role.last_sessions.iter().filter(|session| session.at.day_utc() >= oldest);
        let all = role.sessions as usize <= role.last_sessions.len();
        // A role that was given a moment ago has not had its time yet.
        let young = last_day.is_none() && unused_days < self.window.work_days;
        RoleRow {
            role: role.name.clone(),
            admin: role.admin,
            granted: grant.map(|grant| grant.at),
            granted_by: grant.and_then(|grant| grant.by.clone()),
            ticket: grant.and_then(|grant| grant.ticket.clone()),
            eligible: self.is_eligible(&role.name),
            exercised: role.used_days.is_some(),
            first_used: role.used_days.map(|(first, _)| date(first)),
            last_used: last_day.map(date),
            unused_days,
            sessions: role.sessions,
            verdict: self.verdict(needed, young),
            last_session: role.last_sessions.first().map(|session| session.id.clone()),
            broken_days: role.days.iter().filter(|day| **day >= oldest).count(),
            broken_sessions: named.map(|session| session.id.clone()).collect(),
            broken_complete: all,
        }
    }

    /// A registered role that the bot never used.
    fn never(&self, name: &str) -> RoleRow {
        RoleRow {
            role: name.to_owned(),
            admin: false,
            granted: None,
            granted_by: None,
            ticket: None,
            eligible: true,
            exercised: false,
            first_used: None,
            last_used: None,
            unused_days: self.known_days,
            sessions: 0,
            verdict: self.verdict(false, false),
            last_session: None,
            broken_days: 0,
            broken_sessions: Vec::new(),
            broken_complete: true,
        }
    }

    fn verdict(&self, needed: bool, young: bool) -> Verdict {
        match (needed, self.is_old && !young) {
            (true, _) => Verdict::Keep,
            (false, true) => Verdict::Drop,
            (false, false) => Verdict::Wait,
        }
    }

    /// Whether the bot was given a role: by a grant that stands, or in the registry.
    fn is_given(&self, role: &RoleFacts) -> bool {
        role.grant.as_ref().is_some_and(|grant| !grant.removed) || self.is_eligible(&role.name)
    }

    fn is_eligible(&self, role: &str) -> bool {
        self.record.is_some_and(|record| record.roles.iter().any(|known| known == role))
    }
}

/// The first day that a window reaches, for the heading of a report.
#[must_use]
pub fn since(now: Timestamp, days: i64) -> String {
    date((now - Span::from_days(days)).day_utc())
}
