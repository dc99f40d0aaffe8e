//! The detection profile as the scorers use it; `models/profile.toml` documents each constant.

mod integrity;
mod operator;

pub use integrity::IntegrityProfile;
pub use operator::{OperatorProfile, WorseProfile};

use serde::Deserialize;

use crate::alert::Severity;
use crate::stats::novelty::NoveltyPrior;

/// Every constant of the models.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Version of the file; 1.
    pub version: u32,
    /// Unseen values.
    pub novelty: NoveltyProfile,
    /// Times of day and week.
    pub time: TimeProfile,
    /// Order of calls.
    pub sequence: SequenceProfile,
    /// Volumes.
    pub volume: VolumeProfile,
    /// Sessions a day.
    pub rate: RateProfile,
    /// Roles.
    pub privilege: PrivilegeProfile,
    /// Scores to probabilities.
    pub calibration: CalibrationProfile,
    /// Probabilities to one.
    pub fuse: FuseProfile,
    /// Probabilities to severities.
    pub decide: DecideProfile,
    /// Verdicts to trust.
    pub learn: LearnProfile,
    /// Announced changes.
    pub change: ChangeProfile,
    /// Gaps in logs.
    pub integrity: IntegrityProfile,
    /// Reads of secrets.
    pub secret: SecretProfile,
    /// Money.
    pub fraud: FraudProfile,
    /// Roles and work over a year.
    pub entitlement: EntitlementProfile,
    /// Whoever administers bots.
    pub operator: OperatorProfile,
    /// Bots and their registry.
    pub lifecycle: LifecycleProfile,
    /// Bounds on memory.
    pub bounds: BoundsProfile,
}

/// See `[novelty]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoveltyProfile {
    /// Days with an unseen value.
    pub prior_new_days: f64,
    /// Days without.
    pub prior_old_days: f64,
    /// Values not met yet.
    pub prior_unmet: f64,
    /// Values not met yet, of networks, places and devices.
    pub prior_unmet_far: f64,
    /// Values kept.
    pub values_max: usize,
    /// Nats for a public network of a bot in private ones.
    pub public_network_nats: f64,
    /// Nats for a way that nothing travels.
    pub travel_nats: f64,
    /// Most nats for what is new for everybody.
    pub strange_nats_max: f64,
    /// Most nats for what is about nothing that its bot has to do with.
    pub foreign_nats_max: f64,
}

/// See `[time]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeProfile {
    /// Days with a start at just any time.
    pub any_time_days: f64,
    /// Days without.
    pub in_time_days: f64,
    /// Weight of all weekdays being alike.
    pub alike_days: f64,
    /// The same for a bot that works seldom and in no rhythm of weeks.
    pub alike_days_seldom: f64,
    /// Nats for each hour apart.
    pub apart_nats: f64,
    /// Most hours that count.
    pub apart_hours_max: f64,
    /// Hours by which an announced change moves a schedule at most.
    pub moved_hours_max: f64,
}

/// See `[sequence]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceProfile {
    /// Weight of an unseen edge.
    pub edge_prior_sessions: f64,
    /// Weight of the back-off.
    pub backoff_sessions: f64,
    /// Share of further steps, and of further new endpoints.
    pub second_share: f64,
    /// The same of further new endpoints about the same.
    pub akin_share: f64,
    /// Edges kept.
    pub edges_max: usize,
}

/// See `[volume]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeProfile {
    /// Least spread, log scale.
    pub spread_floor: f64,
    /// Least p-value of the low side.
    pub low_side_p_min: f64,
    /// Times as much at the turn of a month.
    pub turn_of_month_factor: f64,
}

/// See `[rate]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateProfile {
    /// Least variance over mean.
    pub dispersion_min: f64,
    /// Times as often at the turn of a month.
    pub turn_of_month_factor: f64,
}

/// See `[privilege]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivilegeProfile {
    /// Nats for administering roles.
    pub admin_role_nats: f64,
    /// Words that say so.
    pub admin_words: Vec<String>,
    /// Operations with several roles.
    pub prior_mixed_operations: f64,
}

impl PrivilegeProfile {
    /// Whether a role's name says that it administers.
    #[must_use]
    pub fn is_admin(&self, role: &str) -> bool {
        let lower = role.to_lowercase();
        self.admin_words.iter().any(|word| lower.contains(word.as_str()))
    }
}

/// See `[calibration]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationProfile {
    /// Days not counted, as a share of those to maturity.
    pub burn_in_share: f64,
}

/// See `[fuse]`: weights.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FuseProfile {
    /// Time of day and week.
    pub time: f64,
    /// Host, network, device, place.
    pub source: f64,
    /// Endpoints called.
    pub operations: f64,
    /// What the session moved.
    pub session_volume: f64,
    /// Roles.
    pub privilege: f64,
    /// How often.
    pub rate: f64,
    /// Order of the calls.
    pub order: f64,
    /// What hour, day and single calls moved.
    pub running_volume: f64,
    /// Distance from the modes of working.
    pub modes: f64,
}

impl FuseProfile {
    /// In the order of the scorers.
    #[must_use]
    pub fn weights(&self) -> [f64; 9] {
        [
            self.time,
            self.source,
            self.operations,
            self.session_volume,
            self.privilege,
            self.rate,
            self.order,
            self.running_volume,
            self.modes,
        ]
    }
}

/// See `[decide]`: multiples of the page rate.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideProfile {
    /// For the archive.
    pub info: f64,
    /// For the console.
    pub low: f64,
    /// Pages.
    pub medium: f64,
    /// Pages.
    pub high: f64,
    /// Pages.
    pub critical: f64,
    /// Expected a bot-day at most, to be worth a word that is no page.
    pub word_rate_per_bot_day: f64,
}

/// See `[learn]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnProfile {
    /// Expected occurrences a bot-day, as the page rate, by which a session is doubted.
    pub doubt_rate_per_bot_day: f64,
    /// Trust after `info`.
    pub trust_info: f64,
    /// Trust after `low`.
    pub trust_low: f64,
    /// Trust after a page.
    pub trust_page: f64,
    /// Days to adopt.
    pub adopt_days: u16,
}

/// See `[change]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeProfile {
    /// Days that a ticket excuses.
    pub window_days: u32,
    /// First and last hour of the office.
    pub office_hours: [u16; 2],
    /// Hours for which an approved change explains a person at the bot's account.
    pub maintenance_hours: i64,
    /// Days with another way to sign in, after which it is the usual one.
    pub method_days: u16,
}

/// See `[secret]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretProfile {
    /// Share of days with a new secret from which new ones are usual.
    pub new_share_max: f64,
    /// Days at work, weighted by age, below which little is known.
    pub days_min: f64,
    /// Days from which a secret is a bot's own.
    pub owner_days: u16,
    /// Time in which new secrets belong together.
    pub sweep_minutes: i64,
    /// New secrets at once.
    pub sweep_high: u32,
    /// Even more.
    pub sweep_critical: u32,
    /// Reads at once from which they are a burst.
    pub burst_reads: u32,
    /// The most reads at once before, so many times over.
    pub burst_factor: f64,
    /// Share of sessions that read a secret and do no work, up to which one more is told.
    pub unused_share_max: f64,
    /// Such sessions that did work, from which that is known.
    pub used_min: u16,
}

/// See `[fraud]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FraudProfile {
    /// Hours from a change of an account to a payment that is critical.
    pub change_critical_hours: i64,
    /// Hours to one that is high.
    pub change_high_hours: i64,
    /// Days for which a change without approval is doubted.
    pub change_days: u32,
    /// Days for which an account is remembered.
    pub account_days: u32,
    /// Days after which an account that is paid is established.
    pub established_days: u32,
    /// Payments that make a counterparty's accounts known.
    pub account_payments_min: u32,
    /// Largest amount that tries an account out.
    pub probe_amount: f64,
    /// Hours from a change of the approval chain.
    pub chain_hours: i64,
    /// Approved payments that make approvers known.
    pub approvals_min: f64,
    /// Kinds that set up a payee.
    pub payee_kinds: Vec<String>,
    /// Payees of a day that are judged.
    pub payees_min: u32,
    /// Refunds to one customer within a week that are judged.
    pub refunds_min: u32,
    /// Refunds of a day whose sum is judged.
    pub refund_sum_min: u32,
    /// Amounts that limits are made of.
    pub round_limits: Vec<f64>,
    /// Share of a limit that is just below it.
    pub split_band: f64,
    /// Parts that are judged.
    pub split_payments_min: u32,
    /// Multiple of the 99 % quantile.
    pub amount_factor: f64,
    /// Amounts that make a history.
    pub amounts_min: u32,
    /// Least variance over mean of a day's counts.
    pub dispersion_min: f64,
    /// P-value that pages.
    pub p_medium: f64,
    /// P-value of a clear pattern.
    pub p_high: f64,
    /// Counterparties of one bot.
    pub parties_max: usize,
    /// Customers of one bot.
    pub customers_max: usize,
    /// Accounts of one tenant.
    pub accounts_max: usize,
}

impl FraudProfile {
    /// The severity of a p-value; `None` is not worth a word.
    #[must_use]
    pub fn severity(&self, p: f64) -> Option<Severity> {
        match p {
            p if p <= self.p_high => Some(Severity::High),
            p if p <= self.p_medium => Some(Severity::Medium),
            _ => None,
        }
    }
}

/// See `[entitlement]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitlementProfile {
    /// Days after which what was not used is forgotten.
    pub memory_days: u16,
    /// Roles of one bot.
    pub roles_max: usize,
    /// Pieces of work of one bot.
    pub work_max: usize,
    /// Grants of a tenant from which strangers are told of.
    pub grants_min: u32,
    /// Largest chance of a newcomer among those who grant at which a stranger is told of.
    pub stranger_chance_max: f64,
    /// Weeks of growth among the last eight that make a creep.
    pub creep_weeks_min: usize,
    /// Roles by which a creep grows at least.
    pub creep_roles_min: u8,
    /// Share by which a creep grows at least.
    pub creep_share_min: f64,
    /// Grants that were taken away again, from which the next one is expected to be.
    pub elevations_min: u8,
    /// Multiple of the longest of them after which a grant has outlasted them.
    pub elevation_factor: f64,
    /// Days for which an administrative role is held before its use is looked at.
    pub standing_days: u16,
    /// Days of use among them that are seldom.
    pub standing_uses_max: u32,
}

/// See `[lifecycle]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifecycleProfile {
    /// Hours of work after its end that are let pass, of a retired, a disabled and an expired bot.
    pub retired_grace_hours: i64,
    /// See above.
    pub disabled_grace_hours: i64,
    /// See above.
    pub expired_grace_hours: i64,
    /// Bots of a tenant that the registry must name before others are missed in it.
    pub registered_min: usize,
    /// Days of silence after which a bot is dormant.
    pub dormant_days: u16,
    /// Multiple of the bot's longest silence that is silence.
    pub dormant_factor: f64,
    /// Days at work from which a bot was at work at all.
    pub work_days_min: u16,
    /// Days at work, and their share, from which waking pages.
    pub steady_days_min: u16,
    /// Share of days at work from which waking pages.
    pub steady_share_min: f64,
    /// Share of a tenant's records that name an owner from which the others lack one.
    pub owned_share_min: f64,
    /// Systems and roles outside of the registry that are told of for one bot.
    pub outside_max: u8,
    /// Production bots that make a system one of production.
    pub production_bots_min: usize,
    /// Days for which they have been at work.
    pub production_days_min: u16,
    /// Words that an environment for trials has in its name.
    pub test_words: Vec<String>,
    /// Words of production.
    pub production_words: Vec<String>,
}

/// See `[bounds]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundsProfile {
    /// Calls of one session.
    pub calls_max: usize,
    /// Distinct values of one session.
    pub session_values_max: usize,
    /// Ids of one bot.
    pub ids_max: usize,
}

/// A profile that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("detection profile: {0}")]
pub struct ProfileError(String);

impl Profile {
    /// The text of the shipped profile.
    pub const SHIPPED: &'static str = include_str!("../../models/profile.toml");

    /// Reads a profile.
    ///
    /// # Errors
    /// The text is no TOML of this shape, or has another version.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|e| ProfileError(e.to_string()))?;
        if profile.version == 1 {
            Ok(profile)
        } else {
            Err(ProfileError(format!("version {}, not 1", profile.version)))
        }
    }

    /// The shipped profile.
    ///
    /// # Panics
    /// Never: the text is compiled in, and a test parses it.
    #[must_use]
    pub fn shipped() -> Self {
        #[expect(clippy::expect_used, reason = "the text is compiled in, and a test parses it")]
        Self::parse(Self::SHIPPED).expect("the shipped profile is valid")
    }

    /// The prior on what changes seldom: networks, places, devices.
    #[must_use]
    pub fn far_prior(&self) -> NoveltyPrior {
        NoveltyPrior { c: self.novelty.prior_unmet_far, ..self.novelty_prior() }
    }

    /// The prior on unseen values.
    #[must_use]
    pub fn novelty_prior(&self) -> NoveltyPrior {
        NoveltyPrior { a: self.novelty.prior_new_days, b: self.novelty.prior_old_days, c: self.novelty.prior_unmet }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_profile_is_read_and_others_are_refused() {
        let profile = Profile::parse(Profile::SHIPPED).expect("the shipped profile");
        assert!(profile.decide.critical < profile.decide.high && profile.decide.high < profile.decide.medium);
        assert!(Profile::parse(&Profile::SHIPPED.replace("version = 1", "version = 2")).is_err());
        assert!(Profile::parse("version = 1").is_err());
    }
}
