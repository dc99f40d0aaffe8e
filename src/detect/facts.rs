//! What the engine knows of each bot, as plain facts for reports: nothing is judged here.

use super::bot::BotState;
use super::engine::Engine;
use super::entitlement::{Held, ROLE_NONE};
use crate::alert::{Dimension, Severity};
use crate::registry::{BotRecord, Registry};
use crate::time::{Span, Timestamp};

/// How well a bot is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaselineState {
    /// In the registry, and never seen.
    Unseen,
    /// Too little history to judge it.
    Learning,
    /// Judged.
    Mature,
    /// Silent for longer than the baseline's window.
    Stale,
}

/// One bot. Days are those since 1970, in UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct BotFacts {
    /// Whose bot.
    pub tenant: String,
    /// Its name.
    pub bot: String,
    /// First and last day at work; none for a bot that others only spoke of.
    pub seen_days: Option<(i64, i64)>,
    /// Days at work.
    pub active_days: u16,
    /// Longest silence between two of them, in days.
    pub gap_days_max: u16,
    /// Event time of its newest event.
    pub last_seen: Timestamp,
    /// How well it is known.
    pub baseline: BaselineState,
    /// Days of its baseline.
    pub baseline_days: f64,
    /// Events of its baseline.
    pub events: u64,
    /// Hosts that it worked from within the baseline's window.
    pub hosts: usize,
    /// Secrets that it read within the baseline's window.
    pub secrets: usize,
    /// Whether it moves money.
    pub money: bool,
    /// Its roles.
    pub roles: Vec<RoleFacts>,
    /// Its work, a pair of operation and role each.
    pub work: Vec<WorkFacts>,
    /// What was found about it, a dimension each.
    pub findings: Vec<FindingFacts>,
    /// Whether bounds left something out.
    pub cut: bool,
}

/// One role of a bot: granted, used, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleFacts {
    /// Its name.
    pub name: String,
    /// Whether its name says that it administers.
    pub admin: bool,
    /// The last change of it.
    pub grant: Option<GrantFacts>,
    /// First and last day of use.
    pub used_days: Option<(i64, i64)>,
    /// Sessions that used it.
    pub sessions: u32,
    /// Days of use that are remembered one by one, the newest first.
    pub days: Vec<i64>,
    /// The sessions that are named, the newest first.
    pub last_sessions: Vec<SessionFacts>,
    /// Whether work with it was left out for lack of room, so that it must count as needed.
    pub unlisted: bool,
}

/// A change of a role.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantFacts {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Option<String>,
    /// The approved change behind it.
    pub ticket: Option<String>,
    /// Whether it took the role away.
    pub removed: bool,
}

/// A session that used a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its id.
    pub id: String,
    /// When it first used the role, to the minute.
    pub at: Timestamp,
}

/// Something done with a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkFacts {
    /// The operation, as half of its fingerprint.
    pub print: u32,
    /// The system; empty where none was named.
    pub system: String,
    /// The role, as a place in [`BotFacts::roles`].
    pub role: Option<usize>,
    /// Last day on which it can have been done: weeks are told apart.
    pub last_day: i64,
}

/// Findings of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingFacts {
    /// Which.
    pub dimension: Dimension,
    /// The worst of them.
    pub severity: Severity,
    /// How many alerts.
    pub alerts: u16,
    /// Day of the last one.
    pub last_day: i64,
}

/// One producer's log that numbers its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFacts {
    /// Whose log.
    pub tenant: String,
    /// Who writes it.
    pub producer: String,
    /// Records that came.
    pub records: u64,
    /// Records that never came.
    pub lost: u64,
    /// Records that are missing and may still come.
    pub waited_for: u64,
    /// Records that came after one with a higher number.
    pub out_of_order: u64,
    /// Records whose number had come: delivered again, or another record under it.
    pub twice: u64,
    /// Event time of the fleet at its last record.
    pub last_seen: Timestamp,
    /// Whether its silence was told and goes on.
    pub silent: bool,
    /// How far its timeliest record of the last full day was behind the fleet.
    pub behind: Option<Span>,
    /// First and last number of each range that was told as lost within a week and did not come since, and the event time
    /// behind it.
    pub ranges: Vec<(u64, u64, Timestamp)>,
}

impl Engine {
    /// What the registry in use says of a bot.
    #[must_use]
    pub fn record_of(&self, tenant: &str, bot: &str) -> Option<&BotRecord> {
        self.registry.get(tenant, bot)
    }

    /// The facts of all logs that number their records, in order of tenant and producer.
    #[must_use]
    pub fn logs(&self) -> Vec<LogFacts> {
        let facts = self.logs.each().map(|log| LogFacts {
            tenant: log.tenant.to_string(),
            producer: log.producer.to_string(),
            records: log.records,
            lost: log.lost,
            waited_for: log.waited_for,
            out_of_order: log.behind,
            twice: log.twice,
            last_seen: log.seen,
            silent: log.silent,
            behind: log.lag,
            ranges: log.ranges,
        });
        let mut facts: Vec<LogFacts> = facts.collect();
        facts.sort_by(|a, b| (&a.tenant, &a.producer).cmp(&(&b.tenant, &b.producer)));
        facts
    }

    /// The facts of all bots, in order of tenant and name.
    #[must_use]
    pub fn facts(&self) -> Vec<BotFacts> {
        let mut facts: Vec<BotFacts> = self.bots.iter().map(|bot| self.facts_of(bot)).collect();
        facts.sort_by(|a, b| (&a.tenant, &a.bot).cmp(&(&b.tenant, &b.bot)));
        facts
    }

    /// The facts of some of the bots, by number; fewer at the end.
    #[must_use]
    pub fn facts_between(&self, numbers: std::ops::Range<usize>) -> Vec<BotFacts> {
        let end = numbers.end.min(self.bots.len());
        self.bots.iter().take(end).skip(numbers.start).map(|bot| self.facts_of(bot)).collect()
    }

    /// The facts of one bot; none for one that was never seen.
    #[must_use]
    pub fn facts_about(&self, tenant: &str, bot: &str) -> Option<BotFacts> {
        self.number(tenant, bot).map(|at| self.facts_of(&self.bots[at as usize]))
    }

    /// The registry that it goes by.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    fn facts_of(&self, bot: &BotState) -> BotFacts {
        let ledger = &bot.entitlements;
        let window = Span::from_days(i64::from(self.settings.baseline_days));
        let stale = self.watermark().is_some_and(|watermark| bot.newest < watermark - window);
        let baseline = match (stale, self.mature(&bot.baseline)) {
            (true, _) => BaselineState::Stale,
            (false, true) => BaselineState::Mature,
            (false, false) => BaselineState::Learning,
        };
        let roles = ledger.roles.iter().enumerate().map(|(at, held)| self.role_facts(bot, at, held));
        let work = ledger.work.iter().map(|work| WorkFacts {
            print: work.print,
            system: self.names.systems.name(u32::from(work.system)).to_owned(),
            role: (work.role != ROLE_NONE).then_some(usize::from(work.role)),
            last_day: i64::from(ledger.last_day_of(*work)),
        });
        let findings = ledger.found().iter().map(|found| FindingFacts {
            dimension: found.dimension,
            severity: found.severity,
            alerts: found.count,
            last_day: i64::from(found.last_day),
        });
        BotFacts {
            tenant: bot.tenant.to_string(),
            bot: bot.bot.to_string(),
            seen_days: (ledger.days > 0).then(|| (i64::from(ledger.first_day), i64::from(ledger.last_day))),
            active_days: ledger.days,
            gap_days_max: ledger.gap_max,
            last_seen: bot.newest,
            baseline,
            baseline_days: bot.baseline.age_days(self.settings.baseline_days),
            events: u64::from(bot.baseline.events),
            hosts: bot.baseline.hosts.values().count(),
            secrets: bot.secrets.as_ref().map_or(0, |secrets| secrets.len()),
            money: bot.money.is_some(),
            roles: roles.collect(),
            work: work.collect(),
            findings: findings.collect(),
            cut: ledger.cut,
        }
    }

    fn role_facts(&self, bot: &BotState, at: usize, held: &Held) -> RoleFacts {
        let text = |text: &Option<crate::event::Text>| text.as_ref().map(ToString::to_string);
        let mut last_sessions: Vec<SessionFacts> = bot
            .entitlements
            .sights(at)
            .map(|mark| SessionFacts {
                id: mark.id.to_string(),
                at: Timestamp::MIN + Span::from_mins(i64::from(mark.minute)),
            })
            .collect();
        last_sessions.reverse();
        let name = self.names.roles.name(held.name);
        RoleFacts {
            name: name.to_owned(),
            admin: self.profile.privilege.is_admin(name),
            grant: bot.entitlements.grant_of(held.name).map(|grant| GrantFacts {
                at: grant.at,
                by: text(&grant.by),
                ticket: text(&grant.ticket),
                removed: grant.removed,
            }),
            used_days: (held.last_used > 0).then(|| (i64::from(held.first_used), i64::from(held.last_used))),
            sessions: u32::from(held.sessions),
            days: held.days_of_use().map(i64::from).collect(),
            last_sessions,
            unlisted: held.unlisted,
        }
    }
}
