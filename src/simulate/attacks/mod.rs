//! The wrongs that a fleet holds: one scenario a kind of wrong, one file a family, each through ordinary events.

mod access;
mod conduct;
mod logs;
mod money;
mod origin;
mod presence;
mod scenario;
mod secrets;
mod standing;

pub use scenario::{Scenario, Wrongs};

use super::chance::{count, happens, shuffle};
use super::plan::{BotKind, Plan};
use super::schedule::Schedule;
use super::story::Writer;
use super::workflow::Effect;
use crate::alert::Dimension;

impl Scenario {
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
            Self::VendorChangePaid
            | Self::BulkPayees
            | Self::ApprovalChain
            | Self::UnknownAccount
            | Self::OwnApproval
            | Self::SplitPayments => refunds == Some(false),
            Self::FewRefunds | Self::RefundSum => refunds == Some(true),
            Self::ExtremeAmount => refunds.is_some(),
            Self::NewSecret | Self::SecretBurst | Self::SecretUnused | Self::SecretElsewhere => {
                plan.secret_share >= 1.0 && !rare
            }
            Self::PasswordLogin => plan.login_share >= 1.0 && !rare,
            Self::TwoPlaces => fixed && !rare && !plan.premises.autoscaled,
            Self::Silent => !matches!(plan.kind, BotKind::Identity | BotKind::MonthEnd),
            Self::LateralHost
            | Self::LateralSystem
            | Self::UnregisteredSystem
            | Self::TestIdentity
            | Self::ForeignSecret => plan.index > 0,
            Self::UnknownBot | Self::DisabledAwake | Self::ExpiredAtWork | Self::DormantAwake | Self::Ownerless => {
                !rare
            }
            Self::LogGap
            | Self::LogRestart
            | Self::LogShared
            | Self::NumberTwice
            | Self::LogSilent
            | Self::ClockSkew => !rare && !matches!(plan.kind, BotKind::Identity | BotKind::Finance),
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
            Self::SecretSweep => secrets::sweep(w),
            Self::SecretOffHours => secrets::off_hours(w),
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
            Self::LogGap => logs::gap(w),
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
            Self::ForeignSecret => secrets::foreign(w),
            Self::NewSecret => secrets::new(w),
            Self::SecretBurst => secrets::burst(w),
            Self::SecretUnused => secrets::unused(w),
            Self::SecretElsewhere => secrets::elsewhere(w),
            Self::Ownerless => standing::ownerless(w),
            Self::StandingPrivilege => standing::standing_privilege(w),
            Self::ApprovedByStranger => access::approved_by_stranger(w),
            Self::ApprovedAtNight => access::approved_at_night(w),
            Self::NoSecondFactor => access::no_second_factor(w),
            Self::ManyBots => access::many_bots(w),
            Self::PasswordLogin => access::password_login(w),
            Self::UnknownAccount => money::unknown_account(w),
            Self::OwnApproval => money::own_approval(w),
            Self::SplitPayments => money::split_payments(w),
            Self::ExtremeAmount => money::extreme_amount(w),
            Self::RefundSum => money::refund_sum(w),
            Self::LogRestart => logs::restart(w),
            Self::LogShared => logs::shared(w),
            Self::NumberTwice => logs::number_twice(w),
            Self::LogSilent => logs::silent(w),
            Self::ClockSkew => logs::clock_skew(w),
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
                | S::LogRestart
                | S::LogShared
                | S::NumberTwice
                | S::LogSilent
                | S::ClockSkew
                | S::ManyBots
                | S::StandingPrivilege
                | S::Ownerless
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
