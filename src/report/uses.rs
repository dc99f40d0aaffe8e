//! Every session that used a role, where the events themselves are at hand.
//!
//! The engine's ledger names one session for each stretch of use and counts the days, which is what fits into a year's
//! memory. A report that reads the events can say all of them. Bound: the sessions of so many days.

use std::collections::{BTreeMap, VecDeque};

use super::privileges::BotPrivileges;
use crate::event::{Event, Outcome};
use crate::time::{Span, Timestamp};

/// Sessions that run side by side and are told apart. Fewer: one that goes on beside many others is named twice.
const LOOK_BACK: usize = 64;

/// The sessions of the last days, by tenant, bot and role.
#[derive(Clone, Debug)]
pub struct Uses {
    days: i64,
    newest: Timestamp,
    seen: BTreeMap<(String, String, String), VecDeque<(Timestamp, String)>>,
}

impl Uses {
    /// Nothing yet, of so many days.
    #[must_use]
    pub fn new(days: i64) -> Self {
        Self { days, newest: Timestamp::MIN, seen: BTreeMap::new() }
    }

    /// Notes what an event used. What was refused used nothing.
    pub fn note(&mut self, event: &Event) {
        let Some((role, session)) = event.role.as_ref().zip(event.session.as_ref()) else { return };
        if event.outcome == Outcome::Denied {
            return;
        }
        let key = (event.tenant.to_string(), event.bot.to_string(), role.to_string());
        let sessions = self.seen.entry(key).or_default();
        if sessions.iter().rev().take(LOOK_BACK).any(|(_, known)| known == session.as_str()) {
            return;
        }
        sessions.push_back((event.ts, session.to_string()));
        self.newest = self.newest.later(event.ts);
        let oldest = self.newest - Span::from_days(self.days + 1);
        while sessions.front().is_some_and(|(at, _)| *at < oldest) {
            sessions.pop_front();
        }
    }

    /// Names every session of the window in a bot's roles, the newest first.
    pub fn complete(&self, bot: &mut BotPrivileges, now: Timestamp) {
        let oldest = now.day_utc() - self.days;
        for row in &mut bot.roles {
            let key = (bot.tenant.clone(), bot.bot.clone(), row.role.clone());
            let sessions = self.seen.get(&key).into_iter().flatten().rev();
            let within = sessions.filter(|(at, _)| at.day_utc() >= oldest);
            row.broken_sessions = within.map(|(_, session)| session.clone()).collect();
            row.broken_complete = true;
        }
    }
}
