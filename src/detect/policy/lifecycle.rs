//! What the registry has against a bot beside its status: that it does not name it, that nobody answers for it, that it
//! was asleep, that it works where it is not registered for, and that a bot for trials works where only production does.
//!
//! A registry is never complete, so that all of this is for the archive; only a steady worker that wakes up after a long
//! silence pages. Blind spot: a bot that is registered with whatever somebody likes.

use super::{Breach, breach};
use crate::alert::{Dimension, Severity};
use crate::detect::profile::LifecycleProfile;
use crate::event::Event;
use crate::registry::{BotRecord, BotStatus, TenantRecords};

/// Score of a bot that is not registered: for the archive.
const SCORE_UNREGISTERED: f64 = 30.0;
/// Score of one without an owner: for the archive.
const SCORE_OWNERLESS: f64 = 20.0;
/// Score of one that wakes up and was no steady worker: for the archive.
const SCORE_DORMANT: f64 = 40.0;
/// Score of one that does what its registration does not say: for the archive.
const SCORE_OUTSIDE: f64 = 35.0;
/// Score of a bot of tests that works in production: for the archive.
const SCORE_TEST: f64 = 45.0;
/// Score of a steady worker that wakes up.
const SCORE_AWAKE: f64 = 80.0;

/// What an environment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) enum Environment {
    Production,
    Test,
    /// Neither, or not said.
    Other,
}

impl Environment {
    /// What the registry says, word by word.
    pub(in crate::detect) fn of(record: &BotRecord, profile: &LifecycleProfile) -> Self {
        let name = record.environment.as_deref().unwrap_or_default().to_lowercase();
        let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
        let has = |list: &[String]| words.iter().any(|word| list.iter().any(|known| known == word));
        let negated = words.iter().any(|word| matches!(*word, "non" | "not" | "no" | "pre"));
        match (has(&profile.test_words), has(&profile.production_words)) {
            (true, _) => Self::Test,
            (false, true) if negated => Self::Test,
            (false, true) => Self::Production,
            (false, false) => Self::Other,
        }
    }
}

/// A silence that ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Waking {
    pub silent_days: u16,
    /// The longest silence before.
    pub gap_max: u16,
    /// Days at work before, and those of the calendar from the first of them to the last.
    pub days: u16,
    pub span_days: u16,
}

/// A bot that the registry does not name, although it knows the tenant.
pub(in crate::detect) fn unregistered(event: &Event, tenant: TenantRecords) -> Breach {
    let phrase = format!("is at work and not in the registry, which names {} bots of its tenant", tenant.bots);
    let (low, lifecycle) = (Severity::Low, Dimension::Lifecycle);
    breach(low, SCORE_UNREGISTERED, lifecycle, "unregistered_bot", event.type_name(), "a line in the registry", phrase)
}

/// A bot of which the registry names no owner, where it names most others'.
pub(in crate::detect) fn ownerless(tenant: TenantRecords, profile: &LifecycleProfile) -> Option<Breach> {
    if (tenant.owned as f64) < profile.owned_share_min * tenant.bots as f64 {
        return None;
    }
    let phrase = "is at work and nobody is registered as its owner".to_owned();
    let (low, lifecycle) = (Severity::Low, Dimension::Lifecycle);
    Some(breach(low, SCORE_OWNERLESS, lifecycle, "no_owner", "no owner", "an owner", phrase))
}

/// A bot that worked, was silent for long, and works again, while the registry calls it active.
pub(in crate::detect) fn dormant(record: &BotRecord, waking: Waking, profile: &LifecycleProfile) -> Option<Breach> {
    let usual = f64::from(waking.gap_max) * profile.dormant_factor;
    let slept = waking.silent_days >= profile.dormant_days && f64::from(waking.silent_days) >= usual;
    if record.status != BotStatus::Active || !slept || waking.days < profile.work_days_min {
        return None;
    }
    let share = f64::from(waking.days) / f64::from(waking.span_days.max(1));
    let steady = waking.days >= profile.steady_days_min && share >= profile.steady_share_min;
    let (severity, score) = if steady { (Severity::Medium, SCORE_AWAKE) } else { (Severity::Low, SCORE_DORMANT) };
    let phrase = format!(
        "works again after {} days of silence; before, it was at work on {} of {} days",
        waking.silent_days, waking.days, waking.span_days
    );
    let (observed, expected) =
        (format!("{} days silent", waking.silent_days), format!("at most {} days", waking.gap_max.max(1)));
    Some(breach(severity, score, Dimension::Lifecycle, "dormant_awake", &observed, &expected, phrase))
}

/// A system that the bot is not registered for; a registry that lists none says nothing.
pub(in crate::detect) fn outside_system(system: &str, record: &BotRecord) -> Option<Breach> {
    outside(system, &record.systems, "unregistered_system", "works with the system")
}

/// A role that the bot is not registered for.
pub(in crate::detect) fn outside_role(role: &str, record: &BotRecord) -> Option<Breach> {
    outside(role, &record.roles, "unregistered_role", "uses the role")
}

fn outside(name: &str, registered: &[String], detector: &str, does: &str) -> Option<Breach> {
    if registered.is_empty() || registered.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    let phrase = format!("{does} `{name}`, for which it is not registered");
    let expected = registered.join(", ");
    Some(breach(Severity::Low, SCORE_OUTSIDE, Dimension::Privilege, detector, name, &expected, phrase))
}

/// A bot for trials on a system that production alone uses.
pub(in crate::detect) fn test_in_production(system: &str, environment: &str, bots: usize) -> Breach {
    let phrase = format!(
        "is registered for `{environment}` and works with the system `{system}`, which {bots} production bots use and no other"
    );
    let (low, identity) = (Severity::Low, Dimension::Identity);
    breach(low, SCORE_TEST, identity, "test_identity", environment, "production bots only", phrase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::profile::Profile;

    fn profile() -> LifecycleProfile {
        Profile::shipped().lifecycle
    }

    #[test]
    fn environments_are_told_apart_by_whole_words() {
        for (name, expected) in [
            ("production", Environment::Production),
            ("PROD-eu", Environment::Production),
            ("eu/live", Environment::Production),
            ("Test", Environment::Test),
            ("pre-prod", Environment::Test),
            ("non production", Environment::Test),
            ("dev_2", Environment::Test),
            ("attested", Environment::Other),
            ("productive devices", Environment::Other),
            ("", Environment::Other),
        ] {
            let record = BotRecord { environment: Some(name.to_owned()), ..BotRecord::default() };
            assert_eq!(Environment::of(&record, &profile()), expected, "{name}");
        }
    }

    #[test]
    fn who_wakes_up_is_told_by_how_steadily_it_worked() {
        let waking = |silent_days, gap_max, days, span_days| Waking { silent_days, gap_max, days, span_days };
        for (waking, expected) in [
            (waking(60, 3, 60, 80), Some(Severity::Medium)),
            (waking(60, 14, 12, 120), Some(Severity::Low)),
            (waking(40, 3, 60, 80), None),
            (waking(92, 91, 5, 365), None),
            (waking(60, 1, 2, 2), None),
        ] {
            let found = dormant(&BotRecord::default(), waking, &profile()).map(|breach| breach.severity);
            assert_eq!(found, expected, "{waking:?}");
            let retired = BotRecord { status: BotStatus::Retired, ..BotRecord::default() };
            assert_eq!(dormant(&retired, waking, &profile()), None, "the status speaks for itself");
        }
    }

    #[test]
    fn a_registry_speaks_only_of_what_it_lists() {
        let record = BotRecord { systems: vec!["SAP".to_owned()], ..BotRecord::default() };
        assert!(outside_system("sap", &record).is_none());
        assert!(outside_system("crm", &record).is_some());
        assert!(outside_role("anything", &record).is_none());
        let tenant = |bots, owned| TenantRecords { bots, owned };
        assert!(ownerless(tenant(10, 1), &profile()).is_none(), "nobody keeps owners here");
        assert!(ownerless(tenant(10, 9), &profile()).is_some());
    }
}
