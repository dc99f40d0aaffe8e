//! The wrongs that a fleet holds: one scenario a kind of wrong, one file a family, each through ordinary events.

mod access;
mod conduct;
mod money;
mod origin;
mod presence;
mod standing;

use serde::{Deserialize, Serialize};

use super::chance::{count, happens, shuffle};
use super::plan::{BotKind, Plan};
use super::schedule::Schedule;
use super::story::Writer;
use super::workflow::Effect;
use crate::alert::Dimension;

/// Every kind of wrong that the simulator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// A usual session at 3:12 or another hour at which the bot never works.
    OffSchedule,
    /// About ten times the records.
    VolumeSpike,
    /// An endpoint that the bot never touched.
    NewEndpoint,
    /// A machine that nobody knows.
    NewHost,
    /// The usual machine's name in another network.
    NewSegment,
    /// Known endpoints in a new order.
    NewOrder,
    /// An administrative role exercised.
    AdminRole,
    /// Records creeping up by 7 to 12 % a day.
    VolumeCreep,
    /// Many more sessions, each as small as ever.
    SmallPulls,
    /// Many more items than ever within one session.
    ItemFlood,
    /// Calls from two places that nobody can travel between in the time.
    ImpossibleTravel,
    /// Other bots' secrets read one after another.
    SecretSweep,
    /// The bot's own secret read at an hour at which it never works.
    SecretOffHours,
    /// A role granted without a ticket.
    GrantWithoutTicket,
    /// Credentials exported.
    CredentialsExported,
    /// Logging disabled.
    LoggingDisabled,
    /// The schedule changed by a stranger.
    ScheduleChanged,
    /// A vendor's bank account changed and paid at once.
    VendorChangePaid,
    /// Payees set up in bulk.
    BulkPayees,
    /// Refunds to a few customers.
    FewRefunds,
    /// The approval chain changed right before a payment.
    ApprovalChain,
    /// One identity at work in two places.
    TwoPlaces,
    /// A person at the bot's account.
    Person,
    /// A person who works with the bot's token, from the bot's own machine.
    PersonWithToken,
    /// A bot that is silent when it should run.
    Silent,
    /// A retired bot that wakes up.
    RetiredAwake,
    /// The bot on another bot's machine.
    LateralHost,
    /// The bot at another bot's systems.
    LateralSystem,
    /// Events missing from a producer's log.
    LogGap,
    /// A bot that nobody registered.
    UnknownBot,
    /// A disabled bot that wakes up.
    DisabledAwake,
    /// A bot that works on after its expiry.
    ExpiredAtWork,
    /// A bot that works again after a long sleep.
    DormantAwake,
    /// A system that the bot is not registered for.
    UnregisteredSystem,
    /// A role that the bot is neither registered for nor granted.
    UnregisteredRole,
    /// A bot for trials at a system of production.
    TestIdentity,
    /// A role granted, with a ticket, by somebody who never does.
    GrantByStranger,
    /// Roles that become more week after week, each with a ticket.
    PrivilegeCreep,
    /// A role that stays and was always taken away again.
    ElevationKept,
    /// The bot modified by a stranger.
    BotModified,
    /// The bot moved to another host by a stranger.
    HostMoved,
    /// One secret of another bot read.
    ForeignSecret,
}

/// Which wrongs a fleet's attacks are drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wrongs {
    /// [`Scenario::ALL`].
    #[default]
    Usual,
    /// [`Scenario::STANDING`], in tenants where a few people give roles day by day.
    Standing,
}

impl Wrongs {
    /// The scenarios, in a fixed order.
    pub(crate) fn pool(self) -> &'static [Scenario] {
        match self {
            Self::Usual => &Scenario::ALL,
            Self::Standing => &Scenario::STANDING,
        }
    }
}

impl Scenario {
    /// What is wrong with an identity's standing rather than with what it does: who it is, whether it may be at work, what
    /// it may do, who gave it that, and who touched it, its secrets, its money and its log.
    pub const STANDING: [Self; 29] = [
        Self::UnknownBot,
        Self::RetiredAwake,
        Self::DisabledAwake,
        Self::ExpiredAtWork,
        Self::DormantAwake,
        Self::UnregisteredSystem,
        Self::UnregisteredRole,
        Self::TestIdentity,
        Self::AdminRole,
        Self::GrantWithoutTicket,
        Self::GrantByStranger,
        Self::PrivilegeCreep,
        Self::ElevationKept,
        Self::SecretSweep,
        Self::ForeignSecret,
        Self::SecretOffHours,
        Self::Person,
        Self::PersonWithToken,
        Self::CredentialsExported,
        Self::LoggingDisabled,
        Self::BotModified,
        Self::HostMoved,
        Self::ScheduleChanged,
        Self::VendorChangePaid,
        Self::BulkPayees,
        Self::FewRefunds,
        Self::ApprovalChain,
        Self::LateralHost,
        Self::LogGap,
    ];

    /// Every scenario that the usual fleets hold.
    pub const ALL: [Self; 29] = [
        Self::OffSchedule,
        Self::VolumeSpike,
        Self::NewEndpoint,
        Self::NewHost,
        Self::NewSegment,
        Self::NewOrder,
        Self::AdminRole,
        Self::VolumeCreep,
        Self::SmallPulls,
        Self::ItemFlood,
        Self::ImpossibleTravel,
        Self::SecretSweep,
        Self::SecretOffHours,
        Self::GrantWithoutTicket,
        Self::CredentialsExported,
        Self::LoggingDisabled,
        Self::ScheduleChanged,
        Self::VendorChangePaid,
        Self::BulkPayees,
        Self::FewRefunds,
        Self::ApprovalChain,
        Self::TwoPlaces,
        Self::Person,
        Self::PersonWithToken,
        Self::Silent,
        Self::RetiredAwake,
        Self::LateralHost,
        Self::LateralSystem,
        Self::LogGap,
    ];

    /// The scenario's name in a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OffSchedule => "off_schedule_run",
            Self::VolumeSpike => "volume_spike",
            Self::NewEndpoint => "new_endpoint",
            Self::NewHost => "new_host",
            Self::NewSegment => "new_segment",
            Self::NewOrder => "new_order",
            Self::AdminRole => "admin_role",
            Self::VolumeCreep => "volume_creep",
            Self::SmallPulls => "small_pulls",
            Self::ItemFlood => "item_flood",
            Self::ImpossibleTravel => "impossible_travel",
            Self::SecretSweep => "secret_sweep",
            Self::SecretOffHours => "secret_off_hours",
            Self::GrantWithoutTicket => "grant_without_ticket",
            Self::CredentialsExported => "credentials_exported",
            Self::LoggingDisabled => "logging_disabled",
            Self::ScheduleChanged => "schedule_changed",
            Self::VendorChangePaid => "vendor_change_paid",
            Self::BulkPayees => "bulk_payees",
            Self::FewRefunds => "few_refunds",
            Self::ApprovalChain => "approval_chain",
            Self::TwoPlaces => "two_places",
            Self::Person => "person_at_account",
            Self::PersonWithToken => "person_with_token",
            Self::Silent => "silent_bot",
            Self::RetiredAwake => "retired_awake",
            Self::LateralHost => "lateral_host",
            Self::LateralSystem => "lateral_system",
            Self::LogGap => "log_gap",
            Self::UnknownBot => "unknown_bot",
            Self::DisabledAwake => "disabled_awake",
            Self::ExpiredAtWork => "expired_at_work",
            Self::DormantAwake => "dormant_awake",
            Self::UnregisteredSystem => "unregistered_system",
            Self::UnregisteredRole => "unregistered_role",
            Self::TestIdentity => "test_identity",
            Self::GrantByStranger => "grant_by_stranger",
            Self::PrivilegeCreep => "privilege_creep",
            Self::ElevationKept => "elevation_kept",
            Self::BotModified => "bot_modified",
            Self::HostMoved => "host_moved",
            Self::ForeignSecret => "foreign_secret",
        }
    }

    /// The dimensions of which a good alert names at least one.
    #[must_use]
    pub fn dimensions(self) -> &'static [Dimension] {
        use Dimension as D;
        match self {
            Self::OffSchedule => &[D::Time],
            Self::VolumeSpike => &[D::Volume],
            Self::NewEndpoint | Self::NewOrder => &[D::Sequence],
            Self::NewHost | Self::NewSegment => &[D::Source],
            Self::AdminRole | Self::UnregisteredRole => &[D::Privilege],
            Self::UnregisteredSystem => &[D::Sequence, D::Privilege],
            Self::VolumeCreep => &[D::Volume, D::Drift],
            Self::SmallPulls | Self::ItemFlood => &[D::Rate, D::Volume],
            Self::ImpossibleTravel | Self::TwoPlaces | Self::LateralHost => &[D::Source, D::Identity],
            Self::SecretSweep | Self::ForeignSecret => &[D::Secret],
            Self::SecretOffHours => &[D::Secret, D::Time],
            Self::GrantWithoutTicket | Self::GrantByStranger | Self::PrivilegeCreep | Self::ElevationKept => {
                &[D::Entitlement]
            }
            Self::CredentialsExported
            | Self::LoggingDisabled
            | Self::ScheduleChanged
            | Self::BotModified
            | Self::HostMoved => &[D::Control],
            Self::VendorChangePaid | Self::BulkPayees | Self::FewRefunds | Self::ApprovalChain => &[D::Fraud],
            Self::Person => &[D::Login, D::Identity],
            Self::TestIdentity => &[D::Identity],
            // By their pace, and by walking where the bot has its order.
            Self::PersonWithToken => &[D::Identity, D::Sequence],
            Self::Silent => &[D::Absence],
            Self::RetiredAwake | Self::UnknownBot | Self::DisabledAwake | Self::ExpiredAtWork | Self::DormantAwake => {
                &[D::Lifecycle]
            }
            Self::LateralSystem => &[D::Sequence, D::Privilege, D::Identity],
            Self::LogGap => &[D::Integrity],
        }
    }

    /// Whether it can befall a bot.
    fn suits(self, plan: &Plan) -> bool {
        if plan.retired_at.is_some() || self == Self::RetiredAwake {
            return plan.retired_at.is_some() && self == Self::RetiredAwake;
        }
        let rare = matches!(plan.kind, BotKind::Weekly | BotKind::MonthEnd);
        let large = plan.workflow.steps().any(|step| step.effect != Effect::None && step.records >= 5.0);
        let fixed = matches!(plan.schedule, Schedule::Fixed { .. });
        let refunds = plan.purse.as_ref().map(|purse| purse.refunds);
        match self {
            Self::OffSchedule | Self::SecretOffHours => rare || plan.schedule.has_odd_hour(),
            Self::VolumeSpike => large,
            Self::NewHost => !plan.premises.autoscaled,
            Self::NewOrder => plan.workflow.steps().count() >= 4,
            Self::VolumeCreep => large && !rare && !matches!(plan.kind, BotKind::Identity | BotKind::Finance),
            Self::SmallPulls => {
                matches!(plan.kind, BotKind::Daily | BotKind::Hourly | BotKind::Queue | BotKind::Identity)
            }
            Self::ImpossibleTravel => plan.premises.hosts[0].0.geo.is_some(),
            Self::VendorChangePaid | Self::BulkPayees | Self::ApprovalChain => refunds == Some(false),
            Self::FewRefunds => refunds == Some(true),
            Self::TwoPlaces => fixed && !rare && !plan.premises.autoscaled,
            Self::Silent => !matches!(plan.kind, BotKind::Identity | BotKind::MonthEnd),
            Self::LateralHost
            | Self::LateralSystem
            | Self::UnregisteredSystem
            | Self::TestIdentity
            | Self::ForeignSecret => plan.index > 0,
            Self::UnknownBot | Self::DisabledAwake | Self::ExpiredAtWork | Self::DormantAwake => !rare,
            Self::LogGap => !rare && !matches!(plan.kind, BotKind::Identity | BotKind::Finance),
            _ => true,
        }
    }

    fn write(self, w: &mut Writer<'_>) -> Option<()> {
        match self {
            Self::OffSchedule => conduct::off_schedule(w),
            Self::VolumeSpike => conduct::volume_spike(w),
            Self::NewEndpoint => conduct::new_endpoint(w),
            Self::NewOrder => conduct::new_order(w),
            Self::AdminRole => conduct::admin_role(w),
            Self::VolumeCreep => conduct::volume_creep(w),
            Self::SmallPulls => conduct::small_pulls(w),
            Self::ItemFlood => conduct::item_flood(w),
            Self::NewHost => origin::new_host(w),
            Self::NewSegment => origin::new_segment(w),
            Self::ImpossibleTravel => origin::impossible_travel(w),
            Self::TwoPlaces => origin::two_places(w),
            Self::Person => origin::person(w),
            Self::PersonWithToken => origin::person_with_token(w),
            Self::LateralHost => origin::lateral_host(w),
            Self::LateralSystem => origin::lateral_system(w),
            Self::SecretSweep => access::secret_sweep(w),
            Self::SecretOffHours => access::secret_off_hours(w),
            Self::GrantWithoutTicket => access::grant_without_ticket(w),
            Self::CredentialsExported
            | Self::LoggingDisabled
            | Self::ScheduleChanged
            | Self::BotModified
            | Self::HostMoved => access::control(w, self),
            Self::VendorChangePaid => money::vendor_change_paid(w),
            Self::BulkPayees => money::bulk_payees(w),
            Self::FewRefunds => money::few_refunds(w),
            Self::ApprovalChain => money::approval_chain(w),
            Self::Silent => presence::silent(w),
            Self::RetiredAwake => presence::retired_awake(w),
            Self::LogGap => presence::log_gap(w),
            Self::UnknownBot => standing::unknown_bot(w),
            Self::DisabledAwake => standing::disabled_awake(w),
            Self::ExpiredAtWork => standing::expired_at_work(w),
            Self::DormantAwake => standing::dormant_awake(w),
            Self::UnregisteredSystem => standing::unregistered_system(w),
            Self::UnregisteredRole => standing::unregistered_role(w),
            Self::TestIdentity => standing::test_identity(w),
            Self::GrantByStranger => standing::grant_by_stranger(w),
            Self::PrivilegeCreep => standing::privilege_creep(w),
            Self::ElevationKept => standing::elevation_kept(w),
            Self::ForeignSecret => standing::foreign_secret(w),
        }
    }

    /// Whether nothing else goes with it on one bot: it takes the whole test, or all of the bot's days, or the log of
    /// several bots.
    fn is_alone(self) -> bool {
        use Scenario as S;
        matches!(
            self,
            S::VolumeCreep
                | S::LogGap
                | S::UnknownBot
                | S::DisabledAwake
                | S::ExpiredAtWork
                | S::DormantAwake
                | S::PrivilegeCreep
                | S::ElevationKept
        )
    }

    /// Opens the scenario's label.
    fn label(self, w: &mut Writer<'_>, note: String) -> super::session::Mark {
        w.wrong(self.as_str(), self.dimensions(), note)
    }
}

/// Gives a bot its share of attacks: of the scenarios that suit it, those that the fleet has seen least. The ledger holds
/// how often each of the pool has been used so far.
pub(crate) fn write(w: &mut Writer<'_>, ledger: &mut [u32]) {
    let pool = w.spec.wrongs.pool();
    let rate = w.spec.attacks_per_bot.clamp(0.0, 4.0);
    let retired = w.plan.retired_at.is_some();
    let fair = rate.floor() as usize + usize::from(happens(&mut w.rng, rate.fract()));
    let wanted = if retired { usize::from(happens(&mut w.rng, rate)) } else { fair };
    let mut order: Vec<usize> = (0..pool.len()).collect();
    shuffle(&mut w.rng, &mut order);
    order.retain(|&place| pool[place].suits(w.plan));
    // Few bots handle money: where they are, what only they can suffer comes first.
    let money = |place: usize| pool[place].dimensions().contains(&Dimension::Fraud);
    order.sort_by_key(|&place| (ledger[place], !money(place)));
    let mut done = 0;
    for place in order {
        let first = done == 0;
        let alone = pool[place].is_alone();
        if done >= wanted || (alone && !first) {
            continue;
        }
        if pool[place].write(w).is_some() {
            ledger[place] += 1;
            done = if alone { wanted } else { done + 1 };
        }
    }
}

/// A plausible person who has nothing to do with the bot.
fn stranger(w: &mut Writer<'_>) -> String {
    let n = count(&mut w.rng, 10, 99);
    match w.word(&["contractor", "temp", "person"]) {
        "person" => w.word(&["max.adler", "lois.grant", "igor.belov", "mia.stone", "paul.wu"]).to_owned(),
        word => format!("{word}.{n}"),
    }
}
