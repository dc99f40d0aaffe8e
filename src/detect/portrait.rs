//! What is normal for one bot, as plain figures for whoever draws it: its week, its call graph, its volumes, its places.
//!
//! A view of what the scorers read, made when somebody asks and kept nowhere. Nothing is judged here, and nothing is
//! changed by looking.

use super::baseline::{Baseline, CallGraph, END, LEVELS, MEASURES, START};
use super::bot::BotState;
use super::engine::Engine;
use crate::alert::Alert;
use crate::stats::log_histogram::LogHistogram;
use crate::stats::novelty::Novelty;
use crate::time::{Timestamp, Zone};

/// Hours of a week.
const HOURS: usize = 168;
/// Trust in days below which an operation still counts as never seen.
const KNOWN_MIN: f32 = 0.5;
/// Shares of the history below a volume that are told.
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// One bot's normal.
#[derive(Clone, Debug, PartialEq)]
pub struct Portrait {
    /// IANA name of the zone that its schedule is written in.
    pub zone: String,
    /// Weight of the starts in each hour of its local week, from Monday's midnight.
    pub week: Vec<f64>,
    /// The quarter hour of the day in which it starts most often, in minutes since midnight.
    pub usual_minute: Option<u16>,
    /// Hosts, networks, devices, places and roles, by kind.
    pub seen: Vec<(SeenKind, Vec<SeenFacts>)>,
    /// What it calls, and in which order.
    pub calls: CallFacts,
    /// How much it moves.
    pub volumes: Vec<VolumeFacts>,
    /// What a session moved on each of the last days, oldest first: records read, records written, bytes.
    pub levels: Vec<(&'static str, Vec<f64>)>,
    /// Sessions on a day at work.
    pub sessions_per_day: Option<f64>,
    /// Sessions begun today, by its own calendar.
    pub sessions_today: u32,
    /// Sessions that go on.
    pub open: Vec<OpenFacts>,
    /// Its last session that nothing was said of.
    pub normal: Option<(Option<String>, Timestamp)>,
}

/// What kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenKind {
    /// Where it ran.
    Host,
    /// Where it came from.
    Network,
    /// What it ran on.
    Device,
    /// Where on earth.
    Place,
    /// With which privilege.
    Role,
}

/// A name that was seen of a bot. Days are those of its own calendar, since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenFacts {
    /// The name.
    pub name: String,
    /// First day.
    pub first_day: i32,
    /// Last day.
    pub last_day: i32,
    /// Days on which it was seen.
    pub days: u16,
    /// Whether it is trusted, so that it surprises no more.
    pub known: bool,
}

/// A call graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallFacts {
    /// Operations.
    pub nodes: Vec<NodeFacts>,
    /// Steps between them.
    pub edges: Vec<EdgeFacts>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFacts {
    /// Its name.
    pub name: String,
    /// Share of the sessions that call it, 0 to 1.
    pub share: f64,
    /// Days on which it was called.
    pub days: u16,
    /// Last of them, by the bot's calendar.
    pub last_day: i32,
    /// Whether it is trusted.
    pub known: bool,
    /// What one call usually moves.
    pub moved: Option<f64>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeFacts {
    /// Place of the operation before; none for a session's start.
    pub from: Option<usize>,
    /// Place of the operation after; none for a session's end.
    pub to: Option<usize>,
    /// Share of the sessions that show it, 0 to 1.
    pub share: f64,
}

/// One quantity over one span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeFacts {
    /// `records_read`, `records_written`, `bytes` or `calls`.
    pub measure: &'static str,
    /// The quantity with its unit, as a sentence has it.
    pub noun: &'static str,
    /// `session`, `hour` or `day`.
    pub per: &'static str,
    /// What 5, 25, 50, 75 and 95 of a hundred stay below.
    pub quantiles: [f64; 5],
    /// What has been moved in the hour or on the day that goes on.
    pub now: Option<f64>,
}

/// A session that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenFacts {
    /// Its id.
    pub id: Option<String>,
    /// Its first event.
    pub opened: Timestamp,
    /// Its newest event.
    pub newest: Timestamp,
    /// Its first host.
    pub host: Option<String>,
    /// Calls so far.
    pub calls: u64,
}

impl Engine {
    /// What is normal for a bot; none for one that was never seen.
    #[must_use]
    pub fn portrait(&self, tenant: &str, bot: &str) -> Option<Portrait> {
        let bot = &self.bots[self.number(tenant, bot)? as usize];
        Some(portrait(bot, &self.zones[usize::from(bot.zone)].0))
    }

    /// The zone that a bot's schedule is written in, or the default where it was never seen.
    #[must_use]
    pub fn zone_of(&self, tenant: &str, bot: &str) -> (String, Zone) {
        let zone = self.number(tenant, bot).map_or(0, |at| self.bots[at as usize].zone);
        self.zones[usize::from(zone)].clone()
    }

    /// Whether a bot was seen.
    #[must_use]
    pub fn knows(&self, tenant: &str, bot: &str) -> bool {
        self.number(tenant, bot).is_some()
    }

    /// How many bots were seen.
    #[must_use]
    pub fn bots_len(&self) -> usize {
        self.bots.len()
    }

    /// All open alerts, in order of whom they are about.
    pub fn open_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.book.open()
    }
}

fn portrait(bot: &BotState, zone: &str) -> Portrait {
    let baseline = &bot.baseline;
    let mut week = vec![0.0; HOURS];
    for (hour, weight) in baseline.week.hours() {
        week[hour] = f64::from(weight);
    }
    let seen = [
        (SeenKind::Host, Some(&baseline.hosts)),
        (SeenKind::Network, Some(&baseline.networks)),
        (SeenKind::Device, baseline.devices.as_deref()),
        (SeenKind::Place, baseline.places.as_deref()),
        (SeenKind::Role, Some(&baseline.roles)),
    ];
    let open = bot.sessions.iter().map(|session| OpenFacts {
        id: session.id.as_ref().map(ToString::to_string),
        opened: session.opened,
        newest: session.newest,
        host: session.hosts.first().map(ToString::to_string),
        calls: session.calls,
    });
    Portrait {
        zone: zone.to_owned(),
        week,
        usual_minute: baseline.week.usual_minute(),
        seen: seen.into_iter().filter_map(|(kind, names)| Some((kind, names_of(names?)))).collect(),
        calls: calls(&baseline.graph),
        volumes: volumes(baseline),
        levels: levels(baseline),
        sessions_per_day: baseline.daily_sessions().map(|(mean, _)| mean),
        sessions_today: baseline.sessions_today,
        open: open.collect(),
        normal: bot.normal.as_ref().map(|normal| (normal.id.as_ref().map(ToString::to_string), normal.start)),
    }
}

/// The names, those of the most days first.
fn names_of(names: &Novelty) -> Vec<SeenFacts> {
    let mut seen: Vec<SeenFacts> = names
        .values()
        .map(|value| SeenFacts {
            name: value.name.to_string(),
            first_day: value.first_day,
            last_day: value.last_day,
            days: value.seen,
            known: names.knows(&value.name),
        })
        .collect();
    seen.sort_by(|a, b| b.days.cmp(&a.days).then_with(|| a.name.cmp(&b.name)));
    seen
}

fn calls(graph: &CallGraph) -> CallFacts {
    let sessions = graph.sessions().max(f64::MIN_POSITIVE);
    let share = |weight: f64| (weight / sessions).min(1.0);
    let (mut numbers, mut nodes) = (Vec::new(), Vec::new());
    for (number, endpoint) in graph.endpoints() {
        numbers.push(number);
        nodes.push(NodeFacts {
            name: endpoint.name.to_string(),
            share: share(f64::from(endpoint.sessions)),
            days: endpoint.seen_days,
            last_day: endpoint.last_day,
            known: endpoint.days >= KNOWN_MIN,
            moved: endpoint.moved.quantile(0.5),
        });
    }
    let place = |number: u16| numbers.binary_search(&number).ok();
    let edges = graph.edges().filter_map(|(from, to, weight)| {
        Some(EdgeFacts {
            from: if from == START { None } else { Some(place(from)?) },
            to: if to == END { None } else { Some(place(to)?) },
            share: share(weight),
        })
    });
    CallFacts { edges: edges.collect(), nodes }
}

fn volumes(baseline: &Baseline) -> Vec<VolumeFacts> {
    let volumes = &baseline.volumes;
    let mut facts = Vec::new();
    for (at, measure) in MEASURES.into_iter().enumerate() {
        let spans: [(&'static str, &LogHistogram, Option<f32>); 3] = [
            ("session", &volumes.session[at], None),
            ("hour", &volumes.past.hour[at], Some(volumes.this_hour[at])),
            ("day", &volumes.past.day[at], Some(volumes.this_day[at])),
        ];
        for (per, history, now) in spans {
            if history.quantile(QUANTILES[0]).is_none() {
                continue;
            }
            let quantiles = QUANTILES.map(|q| history.quantile(q).unwrap_or_default());
            let (measure, noun) = (measure.name(), measure.noun());
            facts.push(VolumeFacts { measure, noun, per, quantiles, now: now.map(f64::from) });
        }
    }
    facts
}

fn levels(baseline: &Baseline) -> Vec<(&'static str, Vec<f64>)> {
    let named = MEASURES.into_iter().take(LEVELS).zip(baseline.levels.iter());
    named.map(|(measure, levels)| (measure.noun(), levels.nats().map(f64::exp_m1).collect())).collect()
}
