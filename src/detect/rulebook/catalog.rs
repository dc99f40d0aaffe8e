//! Every rule with its defaults, as data: what the settings may name, and what `humdrum check --rules` prints.
//!
//! A rule that stands in no row is no rule: tests that let one break end there.

use crate::alert::Dimension as D;
use crate::alert::Dimension;
use crate::alert::Severity::{self, Critical, High, Info, Low, Medium};
use crate::detect::profile::Profile;

/// A rule as an operator sees it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, which is the `detector` of its reasons.
    pub name: &'static str,
    /// The dimension that its reasons carry.
    pub dimension: Dimension,
    /// Severities that it tells at by itself, from the least. What it told within the last days is `low` when it comes
    /// again, and a page after a suspicious act is a step worse.
    pub severities: &'static [Severity],
    /// What breaks it, as a short phrase.
    pub breaks: &'static str,
    /// The number that it is tuned by.
    pub threshold: Threshold,
}

/// The number that a rule is tuned by.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// What it counts, with its unit.
    pub counts: &'static str,
    /// Least and largest value.
    pub range: (f64, f64),
    /// Whether it must be a whole number.
    pub whole: bool,
    get: fn(&Profile) -> f64,
    set: fn(&mut Profile, f64),
}

impl Threshold {
    /// The shipped value.
    #[must_use]
    pub fn default(&self) -> f64 {
        (self.get)(&Profile::shipped())
    }

    /// Puts a value into a profile.
    pub(in crate::detect) fn apply(&self, profile: &mut Profile, value: f64) {
        (self.set)(profile, value);
    }
}

/// The rule of a name.
#[must_use]
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// Whether a rule tells at a severity by itself.
pub(in crate::detect) fn tells_at(name: &str, severity: Severity) -> bool {
    rule(name).is_some_and(|rule| rule.severities.contains(&severity))
}

/// Whether a name is that of a detector, a rule or not.
#[must_use]
pub fn is_detector(name: &str) -> bool {
    rule(name).is_some() || MODELS.contains(&name)
}

/// Detectors that are no rules: they have p-values, and are tuned by the page rate.
pub const MODELS: &[&str] = &[
    "after_control",
    "call_order",
    "call_volume",
    "calls",
    "bytes",
    "common_silence",
    "creep",
    "foreign_host",
    "impossible_travel",
    "left_cohort",
    "mode",
    "new_device",
    "new_host",
    "new_network",
    "new_operation",
    "new_place",
    "new_role",
    "person_pace",
    "rare_host",
    "records_read",
    "records_written",
    "role_use",
    "secret_elsewhere",
    "secret_off_hours",
    "sessions_per_day",
    "sessions_per_hour",
    "silence",
    "slow_rise",
    "two_places",
    "week_density",
    "young_volume",
];

const fn tuned(
    name: &'static str,
    dimension: Dimension,
    severities: &'static [Severity],
    breaks: &'static str,
    threshold: Threshold,
) -> Rule {
    Rule { name, dimension, severities, breaks, threshold }
}

/// A threshold in whole numbers.
const fn whole(
    counts: &'static str,
    range: (f64, f64),
    get: fn(&Profile) -> f64,
    set: fn(&mut Profile, f64),
) -> Threshold {
    Threshold { counts, range, whole: true, get, set }
}

/// A threshold in any numbers.
const fn number(
    counts: &'static str,
    range: (f64, f64),
    get: fn(&Profile) -> f64,
    set: fn(&mut Profile, f64),
) -> Threshold {
    Threshold { counts, range, whole: false, get, set }
}

/// All rules, by dimension and then by what they watch.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    tuned("retired_bot", D::Lifecycle, &[High], "a retired bot is at work",
        whole("hours after its end that are let pass", (0.0, 720.0),
            |p| p.lifecycle.retired_grace_hours as f64, |p, v| p.lifecycle.retired_grace_hours = v as i64)),
    tuned("disabled_bot", D::Lifecycle, &[High], "a disabled bot is at work",
        whole("hours after its end that are let pass", (0.0, 720.0),
            |p| p.lifecycle.disabled_grace_hours as f64, |p, v| p.lifecycle.disabled_grace_hours = v as i64)),
    tuned("expired_bot", D::Lifecycle, &[High], "a bot is at work after its expiry",
        whole("hours after its end that are let pass", (0.0, 720.0),
            |p| p.lifecycle.expired_grace_hours as f64, |p, v| p.lifecycle.expired_grace_hours = v as i64)),
    tuned("dormant_awake", D::Lifecycle, &[Low, Medium], "an active bot works again after a long silence",
        whole("days of silence", (7.0, 400.0),
            |p| p.lifecycle.dormant_days.into(), |p, v| p.lifecycle.dormant_days = v as u16)),
    tuned("unregistered_bot", D::Lifecycle, &[Low], "a bot that the registry does not name is at work",
        whole("bots of the tenant that are registered", (1.0, 1_000_000.0),
            |p| p.lifecycle.registered_min as f64, |p, v| p.lifecycle.registered_min = v as usize)),
    tuned("no_owner", D::Lifecycle, &[Low], "a registered bot without an owner is at work",
        number("share of the tenant's bots with an owner", (0.0, 1.0),
            |p| p.lifecycle.owned_share_min, |p, v| p.lifecycle.owned_share_min = v)),
    tuned("unregistered_system", D::Privilege, &[Low], "a bot works with a system that it is not registered for",
        whole("systems and roles told of for one bot, at most", (1.0, 250.0),
            |p| p.lifecycle.outside_max.into(), |p, v| p.lifecycle.outside_max = v as u8)),
    tuned("unregistered_role", D::Privilege, &[Low], "a bot uses a role that it is neither registered for nor granted",
        whole("systems and roles told of for one bot, at most", (1.0, 250.0),
            |p| p.lifecycle.outside_max.into(), |p, v| p.lifecycle.outside_max = v as u8)),
    tuned("standing_privilege", D::Privilege, &[Info], "an administrative role is held and hardly used",
        whole("days that it is held", (7.0, 400.0),
            |p| p.entitlement.standing_days.into(), |p, v| p.entitlement.standing_days = v as u16)),
    tuned("test_identity", D::Identity, &[Low], "a bot for trials works with a system of production",
        whole("production bots that use the system", (1.0, 1000.0),
            |p| p.lifecycle.production_bots_min as f64, |p, v| p.lifecycle.production_bots_min = v as usize)),
    tuned("credentials_exported", D::Control, &[Critical], "a bot's credentials are exported without a ticket",
        number("chance of the act for its operator, up to which it is a step worse", (0.0, 1.0),
            |p| p.operator.worse_p.credentials_exported, |p, v| p.operator.worse_p.credentials_exported = v)),
    tuned("logging_disabled", D::Control, &[High, Critical], "a bot's logging is disabled without a ticket",
        number("chance of the act for its operator, up to which it is a step worse", (0.0, 1.0),
            |p| p.operator.worse_p.logging_disabled, |p, v| p.operator.worse_p.logging_disabled = v)),
    tuned("bot_modified", D::Control, &[Medium, High, Critical], "a bot is modified without a ticket",
        number("chance of the act for its operator, up to which it is a step worse", (0.0, 1.0),
            |p| p.operator.worse_p.bot_modified, |p, v| p.operator.worse_p.bot_modified = v)),
    tuned("schedule_changed", D::Control, &[Low, Medium, High], "a bot's schedule is changed without a ticket",
        number("chance of the act for its operator, up to which it is a step worse", (0.0, 1.0),
            |p| p.operator.worse_p.schedule_changed, |p, v| p.operator.worse_p.schedule_changed = v)),
    tuned("host_moved", D::Control, &[Low, Medium, High], "a bot is moved to another host without a ticket",
        number("chance of the act for its operator, up to which it is a step worse", (0.0, 1.0),
            |p| p.operator.worse_p.host_moved, |p, v| p.operator.worse_p.host_moved = v)),
    tuned("unusual_operator", D::Control, &[Low, Medium], "an act with a ticket, or that needs none, is unlike its operator",
        number("chance of the act for its operator, up to which it is told", (0.0, 1.0),
            |p| p.operator.raise_p, |p, v| p.operator.raise_p = v)),
    tuned("no_second_factor", D::Control, &[Low, Medium], "an act with a ticket, or that needs none, has no second factor",
        number("share of acts without one, from which none is told", (0.0, 1.0),
            |p| p.operator.never_given_share, |p, v| p.operator.never_given_share = v)),
    tuned("operator_burst", D::Control, &[Low, Medium, High, Critical], "an operator administers far more bots in a day than usual",
        whole("bots in a day", (2.0, 10_000.0),
            |p| p.operator.burst_bots_min.into(), |p, v| p.operator.burst_bots_min = v as _)),
    tuned("interactive_login", D::Login, &[High], "a person signs in to a bot's account with no announced maintenance",
        whole("hours for which an approved change explains it", (0.0, 720.0),
            |p| p.change.maintenance_hours as f64, |p, v| p.change.maintenance_hours = v as i64)),
    tuned("new_login_method", D::Login, &[Low, Medium], "a bot signs in by another method than the one that it always used",
        whole("days with another method, after which that is the usual one", (1.0, 250.0),
            |p| p.change.method_days.into(), |p, v| p.change.method_days = v as u16)),
    tuned("grant_without_ticket", D::Entitlement, &[Medium, High, Critical], "a bot is given a role without a ticket",
        number("chance of the act for its operator, up to which it is a step worse", (0.0, 1.0),
            |p| p.operator.worse_p.grant_without_ticket, |p, v| p.operator.worse_p.grant_without_ticket = v)),
    tuned("grant_by_stranger", D::Entitlement, &[Low], "somebody grants who never did, where few people grant",
        number("chance of a newcomer, at most", (0.001, 1.0),
            |p| p.entitlement.stranger_chance_max, |p, v| p.entitlement.stranger_chance_max = v)),
    tuned("privilege_creep", D::Entitlement, &[Low], "a bot's roles become more, week after week",
        whole("roles more in eight weeks", (1.0, 200.0),
            |p| p.entitlement.creep_roles_min.into(), |p, v| p.entitlement.creep_roles_min = v as u8)),
    tuned("elevation_kept", D::Entitlement, &[Low], "a role stays that used to be taken away again",
        number("times the longest stay before", (1.0, 100.0),
            |p| p.entitlement.elevation_factor, |p, v| p.entitlement.elevation_factor = v)),
    tuned("new_secret", D::Secret, &[Info, Low, Medium], "a bot reads a secret that it never read",
        number("share of days with a new secret, from which none is told", (0.0, 1.0),
            |p| p.secret.new_share_max, |p, v| p.secret.new_share_max = v)),
    tuned("foreign_secret", D::Secret, &[Info, Low, Medium], "a bot reads a secret that one other bot alone reads",
        whole("days on which the other bot must read it for it to be its own", (1.0, 250.0),
            |p| p.secret.owner_days.into(), |p, v| p.secret.owner_days = v as u16)),
    tuned("secret_sweep", D::Secret, &[High, Critical], "a bot reads several secrets at once that it never read",
        whole("secrets for `high`; for `critical`, five thirds of it", (2.0, 30.0),
            |p| p.secret.sweep_high.into(), |p, v| {
                p.secret.sweep_high = v as u32;
                p.secret.sweep_critical = (v * 5.0 / 3.0).ceil() as u32;
            })),
    tuned("secret_burst", D::Secret, &[Medium], "a bot reads secrets far more often at once than ever",
        whole("reads in ten minutes", (2.0, 100_000.0),
            |p| p.secret.burst_reads.into(), |p, v| p.secret.burst_reads = v as u32)),
    tuned("secret_unused", D::Secret, &[Low], "a session reads a secret and does nothing with it",
        number("share of such sessions, up to which one is told", (0.0, 1.0),
            |p| p.secret.unused_share_max, |p, v| p.secret.unused_share_max = v)),
    tuned("account_changed_and_paid", D::Fraud, &[Low, Medium, High, Critical],
        "a counterparty's account is changed and then paid",
        whole("hours from the change to the payment", (1.0, 336.0),
            |p| p.fraud.change_high_hours as f64, |p, v| {
                p.fraud.change_high_hours = v as i64;
                p.fraud.change_critical_hours = p.fraud.change_critical_hours.min(v as i64);
            })),
    tuned("unknown_account", D::Fraud, &[Low, Medium, High], "a known counterparty is paid at an account that nobody announced",
        whole("earlier payments to the counterparty", (1.0, 1000.0),
            |p| p.fraud.account_payments_min.into(), |p, v| p.fraud.account_payments_min = v as u32)),
    tuned("own_approval", D::Fraud, &[Low, Medium, High], "who asks for a payment approves it",
        number("approved payments before", (1.0, 1000.0),
            |p| p.fraud.approvals_min, |p, v| p.fraud.approvals_min = v)),
    tuned("approval_chain_changed", D::Fraud, &[Medium, High, Critical],
        "the approval chain is changed right before a payment",
        whole("hours from the change to the payment", (1.0, 336.0),
            |p| p.fraud.chain_hours as f64, |p, v| p.fraud.chain_hours = v as i64)),
    tuned("bulk_payees", D::Fraud, &[Low, Medium, High], "payees are set up in bulk",
        whole("payees in a day", (2.0, 10_000.0),
            |p| p.fraud.payees_min.into(), |p, v| p.fraud.payees_min = v as u32)),
    tuned("refunds_to_few", D::Fraud, &[Medium, High], "refunds go to few customers",
        whole("refunds to one customer in a week", (2.0, 10_000.0),
            |p| p.fraud.refunds_min.into(), |p, v| p.fraud.refunds_min = v as u32)),
    tuned("refund_sum_to_few", D::Fraud, &[Medium, High], "refunds to few customers add up to more than ever",
        whole("refunds of the day", (1.0, 10_000.0),
            |p| p.fraud.refund_sum_min.into(), |p, v| p.fraud.refund_sum_min = v as u32)),
    tuned("split_payments", D::Fraud, &[Low, Medium, High], "payments just below a limit add up to more than it",
        whole("payments in a day", (2.0, 1000.0),
            |p| p.fraud.split_payments_min.into(), |p, v| p.fraud.split_payments_min = v as u32)),
    tuned("extreme_amount", D::Fraud, &[Medium, High], "an amount is far above all that the bot moved before",
        number("times the 99 % quantile", (1.0, 10_000.0),
            |p| p.fraud.amount_factor, |p, v| p.fraud.amount_factor = v)),
    tuned("sequence_gap", D::Integrity, &[Low, Medium, High], "records are missing from a log",
        whole("records lost in a day, to page", (1.0, 1_000_000.0),
            |p| p.integrity.page_records as f64, |p, v| p.integrity.page_records = v as u64)),
    tuned("counter_restart", D::Integrity, &[Info], "a log starts counting again",
        whole("days after which another one is told", (0.0, 400.0),
            |p| p.integrity.restart_news_days as f64, |p, v| p.integrity.restart_news_days = v as i64)),
    tuned("counter_shared", D::Integrity, &[Info], "two writers number one log",
        whole("hours for which nothing more is told of the log", (1.0, 720.0),
            |p| p.integrity.shared_hours as f64, |p, v| p.integrity.shared_hours = v as i64)),
    tuned("number_twice", D::Integrity, &[Info], "two records of a log have one number",
        whole("such records in a day", (1.0, 1_000_000.0),
            |p| p.integrity.twice_records as f64, |p, v| p.integrity.twice_records = v as u64)),
    tuned("log_silent", D::Integrity, &[Low], "a log is silent for longer than ever while others go on",
        number("times the longest silence before", (1.0, 100.0),
            |p| p.integrity.silence_factor, |p, v| p.integrity.silence_factor = v)),
    tuned("clock_skew", D::Integrity, &[Low], "a log's clock is off beside those of the other logs",
        whole("minutes", (1.0, 1440.0),
            |p| p.integrity.skew_minutes as f64, |p, v| p.integrity.skew_minutes = v as i64)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_whole_and_within_their_bounds_and_what_is_set_is_read() {
        for rule in RULES {
            let threshold = rule.threshold;
            let (default, (least, most)) = (threshold.default(), threshold.range);
            assert!((least..=most).contains(&default), "{}: {default}", rule.name);
            assert!(!threshold.whole || default.fract() == 0.0, "{}", rule.name);
            for value in [least, most] {
                let mut profile = Profile::shipped();
                threshold.apply(&mut profile, value);
                assert!(((threshold.get)(&profile) - value).abs() < 1e-9, "{}: {value}", rule.name);
            }
        }
    }

    #[test]
    fn names_are_distinct_and_severities_rise() {
        let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).chain(MODELS.iter().copied()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(RULES.iter().all(|rule| !rule.severities.is_empty() && rule.severities.is_sorted()));
    }

    #[test]
    fn a_sweep_keeps_its_two_steps_apart() {
        let sweep = |value| {
            let mut profile = Profile::shipped();
            rule("secret_sweep").expect("a rule").threshold.apply(&mut profile, value);
            (profile.secret.sweep_high, profile.secret.sweep_critical)
        };
        assert_eq!([3.0, 2.0, 12.0].map(sweep), [(3, 5), (2, 4), (12, 20)]);
    }
}
