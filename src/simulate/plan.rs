//! A bot's profile: everything about it that stays the same from day to day, drawn from its own stream.

use std::net::{IpAddr, Ipv4Addr};

use compact_str::format_compact;
use rand::Rng as _;

use super::chance::{Purpose, Rng, between, count, happens, mix, pick, shuffle, stream};
use super::money::Purse;
use super::schedule::Schedule;
use super::spec::{FleetSpec, Window};
use super::vocabulary::{PEOPLE, SYSTEMS};
use super::workflow::{Author, ORDERS_QUEUE, Workflow, role, usual_systems};
use crate::event::{Geo, Text};
use crate::registry::{BotRecord, BotStatus};
use crate::time::{Timestamp, Zone};

/// The eight kinds of bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BotKind {
    Daily,
    Hourly,
    Queue,
    Nightly,
    Identity,
    Weekly,
    MonthEnd,
    Finance,
}

impl BotKind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Daily,
        Self::Hourly,
        Self::Queue,
        Self::Nightly,
        Self::Identity,
        Self::Weekly,
        Self::MonthEnd,
        Self::Finance,
    ];

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Daily => &["invoice-intake", "claims-entry", "rate-update", "mail-sorter", "dunning"],
            Self::Hourly => &["stock-sync", "balance-poll", "case-sync", "limit-check", "feed-pull"],
            Self::Queue => &["order-worker", "returns-worker", "ticket-worker", "doc-classifier", "mandate-worker"],
            Self::Nightly => &["dwh-load", "position-load", "ledger-extract", "customer-snapshot", "risk-load"],
            Self::Identity => &["joiner-leaver", "access-provisioner", "group-sync", "account-unlock"],
            Self::Weekly => &["kpi-report", "access-review", "pipeline-report", "capacity-report"],
            Self::MonthEnd => &["close-accruals", "close-reconcile", "tax-filing", "consolidation"],
            Self::Finance => &["payables-run", "vendor-payments", "refund-desk", "treasury-sweep", "expense-payer"],
        }
    }
}

/// A machine on the network at some place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Host {
    pub(crate) name: Text,
    pub(crate) ip: IpAddr,
    pub(crate) geo: Option<Geo>,
}

/// Where a bot runs.
#[derive(Clone, Debug)]
pub(crate) struct Premises {
    /// Fixed machines with the weight that work is given to them; a single pattern where `autoscaled` holds.
    pub(crate) hosts: Vec<(Host, f64)>,
    /// A fresh machine a day out of the same network.
    pub(crate) autoscaled: bool,
    /// Second and third byte of the network.
    pub(crate) network: (u8, u8),
}

/// One bot.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) index: usize,
    pub(crate) kind: BotKind,
    pub(crate) tenant_index: usize,
    pub(crate) tenant: Text,
    pub(crate) name: Text,
    pub(crate) zone: Zone,
    pub(crate) zone_name: &'static str,
    pub(crate) country: &'static str,
    pub(crate) premises: Premises,
    pub(crate) producer: Text,
    /// Places in [`SYSTEMS`].
    pub(crate) systems: Vec<usize>,
    pub(crate) workflow: Workflow,
    pub(crate) schedule: Schedule,
    pub(crate) login_method: &'static str,
    /// How often a session signs in anew.
    pub(crate) login_share: f64,
    pub(crate) secret: Text,
    pub(crate) vault: Text,
    /// How often a session reads its secret.
    pub(crate) secret_share: f64,
    pub(crate) growth_per_day: f64,
    pub(crate) weekday_load: [f64; 7],
    pub(crate) day_sigma: f64,
    pub(crate) month_end_load: f64,
    pub(crate) purse: Option<Purse>,
    pub(crate) owner: &'static str,
    pub(crate) operator: &'static str,
    pub(crate) retired_at: Option<Timestamp>,
    pub(crate) roles: Vec<Text>,
    pub(crate) pace_secs: f64,
    /// The one role for all that the bot does; none where each system has its own.
    pub(crate) role: Option<Text>,
}

const PLACES: [(&str, &str, f64, f64); 4] = [
    ("Europe/Berlin", "DE", 50.11, 8.68),
    ("America/New_York", "US", 40.71, -74.01),
    ("Asia/Singapore", "SG", 1.29, 103.85),
    ("UTC", "IE", 53.35, -6.26),
];

/// Bots that share a producer's log where they do not have their own.
const BOTS_PER_LOG: usize = 8;

impl Plan {
    /// Draws the profile of a bot.
    pub(crate) fn new(spec: &FleetSpec, window: &Window, index: usize) -> Self {
        let seed = spec.seed;
        let mut rng = stream(seed, index, Purpose::Profile, 0);
        let kind = kind_of(seed, index);
        let tenant_index = index % spec.tenants.max(1);
        let tenant = tenant_name(seed, tenant_index);
        let (zone_name, country, lat, lon) = *pick(&mut rng, &PLACES);
        let name = format_compact!("{}-{index:03}", pick(&mut rng, kind.names()));
        let geo =
            happens(&mut rng, 0.55).then(|| Geo { country: Some(country.into()), lat: Some(lat), lon: Some(lon) });
        let premises = Premises::new(&mut rng, kind, tenant_index, geo);
        let systems = systems(&mut rng, kind);
        let role = happens(&mut rng, 0.35).then(|| format_compact!("svc_{}", name.replace('-', "_")));
        let pace_secs = pace(&mut rng, kind);
        let author = Author { seed, tenant: tenant_index, kind, systems: &systems, pace_secs, role: role.clone() };
        let workflow = author.workflow(&mut rng);
        let mut roles: Vec<Text> = workflow.steps().map(|step| step.role.clone()).collect();
        roles.sort();
        roles.dedup();
        let schedule = Schedule::new(&mut rng, kind);
        let purse = (kind == BotKind::Finance).then(|| Purse::new(&mut rng, window, country, &name));
        let retired_at = happens(&mut rng, 0.03).then(|| {
            let day = i64::from(spec.days_baseline) * 2 / 3;
            window.start + crate::time::Span::from_hours(rng.gen_range(0..=day.max(1)) * 24 + 18)
        });
        let weekend = if happens(&mut rng, 0.5) { 1.0 } else { between(&mut rng, 0.2, 0.8) };
        let weekday_load = std::array::from_fn(|day| if day < 5 { between(&mut rng, 0.8, 1.25) } else { weekend });
        let group = index / (BOTS_PER_LOG * spec.tenants.max(1));
        let producer = if mix(seed, &[Purpose::Tenant as u64, tenant_index as u64, group as u64]).is_multiple_of(3) {
            format_compact!("{name}-log")
        } else {
            format_compact!("audit-{tenant}-{group:02}")
        };
        Self {
            index,
            kind,
            tenant_index,
            zone: Zone::named(zone_name).unwrap_or_else(|_| Zone::utc()),
            zone_name,
            country,
            premises,
            producer,
            systems,
            workflow,
            schedule,
            login_method: *pick(&mut rng, &["token", "token", "client_credentials", "certificate", "kerberos"]),
            login_share: if happens(&mut rng, 0.7) { 1.0 } else { between(&mut rng, 0.2, 0.9) },
            secret: format_compact!("{}/{name}", pick(&mut rng, &["bots", "kv/rpa", "svc", "apps/prod"])),
            vault: format_compact!("vault-{tenant}"),
            secret_share: if happens(&mut rng, 0.6) { 1.0 } else { between(&mut rng, 0.1, 0.8) },
            growth_per_day: if happens(&mut rng, 0.15) {
                between(&mut rng, 0.004, 0.01)
            } else {
                between(&mut rng, -0.001, 0.003)
            },
            weekday_load,
            day_sigma: between(&mut rng, 0.03, 0.2),
            month_end_load: month_end_load(&mut rng, kind),
            purse,
            owner: *pick(&mut rng, &PEOPLE[..12]),
            operator: *pick(&mut rng, &PEOPLE[12..]),
            retired_at,
            roles,
            pace_secs,
            role,
            tenant,
            name,
        }
    }

    /// The bot's line in the registry.
    pub(crate) fn record(&self) -> BotRecord {
        let text = |text: &str| Some(text.to_owned());
        BotRecord {
            tenant: self.tenant.to_string(),
            bot: self.name.to_string(),
            owner: text(self.owner),
            team: text(["finance-ops", "claims", "platform", "iam", "data"][self.systems[0] % 5]),
            purpose: Some(self.name.rsplit_once('-').map_or(self.name.as_str(), |(word, _)| word).replace('-', " ")),
            timezone: text(self.zone_name),
            systems: self.systems.iter().map(|&place| SYSTEMS[place].name.to_owned()).collect(),
            roles: self.roles.iter().map(ToString::to_string).collect(),
            status: if self.retired_at.is_some() { BotStatus::Retired } else { BotStatus::Active },
            retired_at: self.retired_at,
            expires_at: None,
            environment: text("production"),
        }
    }

    /// The privileged role on one of the bot's systems, which it never uses.
    pub(crate) fn admin_role(&self, rng: &mut Rng) -> Text {
        let system = SYSTEMS[*pick(rng, &self.systems)].name;
        let what = *pick(rng, &["admin", "administrator", "superuser", "owner"]);
        role(system, what)
    }

    /// The machine for a session.
    pub(crate) fn host(&self, rng: &mut Rng, seed: u64, day: i32) -> Host {
        let total: f64 = self.premises.hosts.iter().map(|(_, weight)| weight).sum();
        let mut left = between(rng, 0.0, total);
        let mut chosen = &self.premises.hosts[0].0;
        for (host, weight) in &self.premises.hosts {
            chosen = host;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        if !self.premises.autoscaled {
            return chosen.clone();
        }
        let fresh = mix(seed, &[self.index as u64, Purpose::Identifier as u64, day as u64]);
        let (second, third) = self.premises.network;
        Host {
            name: format_compact!("{}-{:05x}", chosen.name, fresh & 0xf_ffff),
            ip: address(second, third, 10 + (fresh >> 24) as u8 % 240),
            geo: chosen.geo.clone(),
        }
    }
}

impl Premises {
    fn new(rng: &mut Rng, kind: BotKind, tenant: usize, geo: Option<Geo>) -> Self {
        let network = (16 + (tenant as u8 % 8) * 24 + rng.gen_range(0..24), rng.gen_range(0..250));
        let share = match kind {
            BotKind::Queue => 0.5,
            BotKind::Hourly | BotKind::Nightly => 0.25,
            _ => 0.1,
        };
        let autoscaled = happens(rng, share);
        let stem = pick(rng, &["rpa", "bot", "vm-auto", "wrk", "srv", "k8s-job", "batch"]);
        if autoscaled {
            let host =
                Host { name: format_compact!("{stem}-{}", network.1), ip: address(network.0, network.1, 9), geo };
            return Self { hosts: vec![(host, 1.0)], autoscaled, network };
        }
        // A bot that seldom runs would not get to know many machines within months.
        let most = if matches!(kind, BotKind::Weekly | BotKind::MonthEnd) { 2 } else { 6 };
        let n = if happens(rng, 0.5) { 1 } else { count(rng, 2, most) };
        let first = rng.gen_range(10..180_u8);
        let even = happens(rng, 0.4);
        let hosts = (0..n as u8)
            .map(|nth| {
                let name = format_compact!("{stem}-{}-{:02}", network.1, nth + 1);
                let host = Host { name, ip: address(network.0, network.1, first + nth * 3), geo: geo.clone() };
                (host, if even { 1.0 } else { 1.0 / f64::from(nth + 1) })
            })
            .collect();
        Self { hosts, autoscaled, network }
    }
}

/// An address in the office's own network.
pub(crate) fn address(second: u8, third: u8, last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, second, third, last))
}

/// Each eight bots in a row hold every kind once, in an order of their own.
fn kind_of(seed: u64, index: usize) -> BotKind {
    let mut kinds = BotKind::ALL;
    shuffle(&mut stream(seed, index / kinds.len(), Purpose::Kind, 0), &mut kinds);
    kinds[index % kinds.len()]
}

fn tenant_name(seed: u64, tenant: usize) -> Text {
    const NAMES: [&str; 8] =
        ["northbank", "alpina", "harbor-re", "meridian", "oakfield", "lumen-retail", "vega", "tidewater"];
    let shift = mix(seed, &[Purpose::Tenant as u64]) as usize % NAMES.len();
    let name = NAMES[(shift + tenant) % NAMES.len()];
    if tenant < NAMES.len() { name.into() } else { format_compact!("{name}-{}", tenant / NAMES.len() + 1) }
}

fn systems(rng: &mut Rng, kind: BotKind) -> Vec<usize> {
    let mut pool = usual_systems(kind).to_vec();
    shuffle(rng, &mut pool);
    pool.truncate(count(rng, 2, 4));
    if kind == BotKind::Queue {
        pool.push(ORDERS_QUEUE);
    }
    pool
}

/// Seconds between two calls, usually.
fn pace(rng: &mut Rng, kind: BotKind) -> f64 {
    match kind {
        BotKind::Nightly => between(rng, 3.0, 22.0),
        BotKind::MonthEnd => between(rng, 1.0, 7.0),
        BotKind::Daily | BotKind::Finance | BotKind::Weekly => between(rng, 0.8, 9.0),
        _ => between(rng, 0.3, 5.0),
    }
}

fn month_end_load(rng: &mut Rng, kind: BotKind) -> f64 {
    match kind {
        BotKind::Finance => between(rng, 1.3, 2.6),
        BotKind::Daily | BotKind::Nightly | BotKind::Queue if happens(rng, 0.35) => between(rng, 1.15, 2.0),
        _ => 1.0,
    }
}
