//! Every kind of wrong by its name: what fleets draw from, and of which dimension a good alert is.

use serde::{Deserialize, Serialize};

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
    /// A bot that nobody answers for.
    Ownerless,
    /// An administrative role that was given long ago and never used.
    StandingPrivilege,
    /// The bot modified, with a ticket, by somebody who never administers.
    ApprovedByStranger,
    /// The bot modified with a ticket in the midst of the night, by one who works in office hours.
    ApprovedAtNight,
    /// The bot modified with a ticket, by one who always had a second factor and has none.
    NoSecondFactor,
    /// Many bots modified within an hour by one who does a few a week.
    ManyBots,
    /// A sign-in by password where the bot has its token.
    PasswordLogin,
    /// A secret read that no bot ever read.
    NewSecret,
    /// The bot's own secret read again and again within minutes.
    SecretBurst,
    /// A session that reads the bot's secret and does nothing else.
    SecretUnused,
    /// The bot's own secret read from a machine that is not the bot's.
    SecretElsewhere,
    /// A vendor paid at an account that nobody announced.
    UnknownAccount,
    /// A payment approved by who asks for it.
    OwnApproval,
    /// A payment split so that each part stays below the limit.
    SplitPayments,
    /// An amount far beyond all that the bot ever moved.
    ExtremeAmount,
    /// A few large refunds to one customer.
    RefundSum,
    /// A log that is begun anew.
    LogRestart,
    /// A second writer in a log, with a count of its own.
    LogShared,
    /// Records written again under the numbers of others.
    NumberTwice,
    /// A log that nobody writes any more, while others go on.
    LogSilent,
    /// A log written by a clock that is wrong.
    ClockSkew,
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
    pub const STANDING: [Self; 50] = [
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
        Self::Ownerless,
        Self::StandingPrivilege,
        Self::ApprovedByStranger,
        Self::ApprovedAtNight,
        Self::NoSecondFactor,
        Self::ManyBots,
        Self::PasswordLogin,
        Self::NewSecret,
        Self::SecretBurst,
        Self::SecretUnused,
        Self::SecretElsewhere,
        Self::UnknownAccount,
        Self::OwnApproval,
        Self::SplitPayments,
        Self::ExtremeAmount,
        Self::RefundSum,
        Self::LogRestart,
        Self::LogShared,
        Self::NumberTwice,
        Self::LogSilent,
        Self::ClockSkew,
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
            Self::Ownerless => "ownerless_bot",
            Self::StandingPrivilege => "standing_privilege",
            Self::ApprovedByStranger => "approved_by_stranger",
            Self::ApprovedAtNight => "approved_at_night",
            Self::NoSecondFactor => "no_second_factor",
            Self::ManyBots => "many_bots",
            Self::PasswordLogin => "password_login",
            Self::NewSecret => "new_secret",
            Self::SecretBurst => "secret_burst",
            Self::SecretUnused => "secret_unused",
            Self::SecretElsewhere => "secret_elsewhere",
            Self::UnknownAccount => "unknown_account",
            Self::OwnApproval => "own_approval",
            Self::SplitPayments => "split_payments",
            Self::ExtremeAmount => "extreme_amount",
            Self::RefundSum => "refund_sum",
            Self::LogRestart => "log_restart",
            Self::LogShared => "log_shared",
            Self::NumberTwice => "number_twice",
            Self::LogSilent => "log_silent",
            Self::ClockSkew => "clock_skew",
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
            Self::AdminRole | Self::UnregisteredRole | Self::StandingPrivilege => &[D::Privilege],
            Self::UnregisteredSystem => &[D::Sequence, D::Privilege],
            Self::VolumeCreep => &[D::Volume, D::Drift],
            Self::SmallPulls | Self::ItemFlood => &[D::Rate, D::Volume],
            Self::ImpossibleTravel | Self::TwoPlaces | Self::LateralHost => &[D::Source, D::Identity],
            Self::SecretSweep | Self::ForeignSecret | Self::NewSecret | Self::SecretBurst | Self::SecretUnused => {
                &[D::Secret]
            }
            Self::SecretElsewhere => &[D::Secret, D::Source],
            Self::SecretOffHours => &[D::Secret, D::Time],
            Self::GrantWithoutTicket | Self::GrantByStranger | Self::PrivilegeCreep | Self::ElevationKept => {
                &[D::Entitlement]
            }
            Self::CredentialsExported
            | Self::LoggingDisabled
            | Self::ScheduleChanged
            | Self::BotModified
            | Self::HostMoved
            | Self::ApprovedByStranger
            | Self::ApprovedAtNight
            | Self::NoSecondFactor
            | Self::ManyBots => &[D::Control],
            Self::VendorChangePaid
            | Self::BulkPayees
            | Self::FewRefunds
            | Self::ApprovalChain
            | Self::UnknownAccount
            | Self::OwnApproval
            | Self::SplitPayments
            | Self::ExtremeAmount
            | Self::RefundSum => &[D::Fraud],
            Self::Person => &[D::Login, D::Identity],
            Self::TestIdentity => &[D::Identity],
            // By their pace, and by walking where the bot has its order.
            Self::PersonWithToken => &[D::Identity, D::Sequence],
            Self::Silent => &[D::Absence],
            Self::RetiredAwake
            | Self::UnknownBot
            | Self::DisabledAwake
            | Self::ExpiredAtWork
            | Self::DormantAwake
            | Self::Ownerless => &[D::Lifecycle],
            Self::LateralSystem => &[D::Sequence, D::Privilege, D::Identity],
            Self::LogGap
            | Self::LogRestart
            | Self::LogShared
            | Self::NumberTwice
            | Self::LogSilent
            | Self::ClockSkew => &[D::Integrity],
            Self::PasswordLogin => &[D::Login],
        }
    }
}
