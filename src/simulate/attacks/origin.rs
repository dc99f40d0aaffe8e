//! Wrong origin: the bot's account at work from where the bot is not, or as somebody whom it is not.

use std::net::{IpAddr, Ipv4Addr};

use compact_str::format_compact;
use rand::Rng as _;

use super::Scenario;
use super::conduct::unknown_steps;
use crate::event::Geo;
use crate::simulate::chance::{between, count, pick};
use crate::simulate::plan::{Host, Plan, address};
use crate::simulate::session::{Act, Planned, render};
use crate::simulate::spec::{instant, seconds};
use crate::simulate::story::Writer;
use crate::simulate::workflow::Step;

/// Places far from every office, with an address block of each.
const ABROAD: [(&str, f64, f64, u8); 5] = [
    ("BR", -23.55, -46.63, 177),
    ("NG", 6.52, 3.38, 105),
    ("VN", 21.03, 105.85, 113),
    ("RO", 44.43, 26.1, 86),
    ("ZA", -26.2, 28.05, 41),
];

fn geo(w: &Writer<'_>) -> Option<Geo> {
    w.plan.premises.hosts[0].0.geo.clone()
}

/// A machine of the bot's own network that it never ran on.
pub(super) fn stray(w: &mut Writer<'_>) -> Host {
    let (second, third) = w.plan.premises.network;
    let stem = w.word(&["test", "dev-ws", "jump", "desktop", "lab"]);
    let name = format_compact!("{stem}-{:03}", w.rng.gen_range(100..999));
    Host { name, ip: address(second, third, w.rng.gen_range(250..255)), geo: geo(w) }
}

/// A network that the bot never ran in.
fn foreign_network(w: &mut Writer<'_>) -> IpAddr {
    let (a, b, c) = (w.rng.gen_range(16..32), w.rng.gen_range(0..=255), w.rng.gen_range(2..250));
    match w.word(&["private", "other", "public"]) {
        "private" => IpAddr::V4(Ipv4Addr::new(172, a, b, c)),
        "other" => address(w.plan.premises.network.0 ^ 0x80 | 8, b, c),
        _ => IpAddr::V4(Ipv4Addr::new(185, a, b, c)),
    }
}

pub(super) fn new_host(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let mut host = stray(w);
    if w.happens(0.5) {
        host.ip = foreign_network(w);
    }
    let mark = Scenario::NewHost.label(w, format!("a session from {} ({})", host.name, host.ip));
    w.alter(planned.day, nth, Act::From(Box::new(host)), mark);
    Some(())
}

pub(super) fn new_segment(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let mut host = usual(w, &planned);
    host.ip = foreign_network(w);
    let mark = Scenario::NewSegment.label(w, format!("a session from {}", host.ip));
    w.alter(planned.day, nth, Act::From(Box::new(host)), mark);
    Some(())
}

/// The machine that a session would have run on.
fn usual(w: &Writer<'_>, planned: &Planned) -> Host {
    let fallback = || w.plan.premises.hosts[0].0.clone();
    let first = render(w.plan, &w.story, w.spec.seed, planned).into_iter().next();
    first
        .and_then(|raw| Some(Host { name: raw.event.host.clone()?, ip: raw.event.ip?, geo: raw.event.geo.clone() }))
        .unwrap_or_else(fallback)
}

pub(super) fn impossible_travel(w: &mut Writer<'_>) -> Option<()> {
    let (nth, planned) = w.test_session()?;
    let (country, lat, lon, block) = *pick(&mut w.rng, &ABROAD);
    let ip =
        IpAddr::V4(Ipv4Addr::new(block, w.rng.gen_range(1..250), w.rng.gen_range(0..=255), w.rng.gen_range(2..250)));
    let place = Geo { country: Some(country.into()), lat: Some(lat), lon: Some(lon) };
    let host = Host { name: usual(w, &planned).name, ip, geo: Some(place) };
    let mark = Scenario::ImpossibleTravel.label(w, format!("calls from {country} in the midst of a session"));
    w.alter(planned.day, nth, Act::Travel(Box::new(host)), mark);
    Some(())
}

pub(super) fn two_places(w: &mut Writer<'_>) -> Option<()> {
    let (_, planned) = w.test_session()?;
    let running = render(w.plan, &w.story, w.spec.seed, &planned);
    let length = running.last()?.event.ts - planned.start;
    let first = usual(w, &planned);
    let second = w.plan.premises.hosts.iter().map(|(host, _)| host).find(|host| host.name != first.name).cloned();
    let mut host = match second {
        Some(host) => host,
        None => stray(w),
    };
    if let Some(place) = &mut host.geo {
        let (country, lat, lon, _) = *pick(&mut w.rng, &ABROAD);
        *place = Geo { country: Some(country.into()), lat: Some(lat), lon: Some(lon) };
    }
    let start = planned.start + seconds(length.as_secs_f64() * between(&mut w.rng, 0.2, 0.5));
    let mark =
        Scenario::TwoPlaces.label(w, format!("a second session on {} while one runs on {}", host.name, first.name));
    w.extra(planned.day, start, Act::From(Box::new(host)), mark);
    Some(())
}

pub(super) fn person(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(true)?;
    let own = w.happens(0.5);
    let host = (!own).then(|| {
        let mut host = stray(w);
        host.name = format_compact!("LAPTOP-{:06X}", w.rng.gen_range(0..0xff_ffff));
        Box::new(host)
    });
    let n = count(&mut w.rng, 2, 5);
    let strange = unknown_steps(w, n);
    let mark = Scenario::Person.label(w, "an interactive login and calls at the pace of a person".to_owned());
    let start = instant(&w.plan.zone, day, between(&mut w.rng, 9.0, 21.0) * 3_600.0);
    w.extra(day, start, Act::Person { host, strange, token: false }, mark);
    Some(())
}

pub(super) fn person_with_token(w: &mut Writer<'_>) -> Option<()> {
    let day = w.test_day(true)?;
    let n = count(&mut w.rng, 0, 2);
    let strange = unknown_steps(w, n);
    let mark = Scenario::PersonWithToken.label(w, "calls at the pace of a person with the bot's token".to_owned());
    let start = instant(&w.plan.zone, day, between(&mut w.rng, 9.0, 17.0) * 3_600.0);
    w.extra(day, start, Act::Person { host: None, strange, token: true }, mark);
    Some(())
}

/// Another bot, of the same tenant where there is one.
pub(super) fn other<'a>(w: &mut Writer<'a>, fits: impl Fn(&Plan) -> bool) -> Option<&'a Plan> {
    let all: Vec<&Plan> = w.others.iter().filter(|plan| fits(plan)).collect();
    let near: Vec<&Plan> = all.iter().copied().filter(|plan| plan.tenant == w.plan.tenant).collect();
    let pool = if near.is_empty() { all } else { near };
    if pool.is_empty() { None } else { Some(*pick(&mut w.rng, &pool)) }
}

pub(super) fn lateral_host(w: &mut Writer<'_>) -> Option<()> {
    let other = other(w, |plan| !plan.premises.autoscaled && plan.retired_at.is_none())?;
    let (nth, planned) = w.test_session()?;
    let host = other.premises.hosts[0].0.clone();
    let mark = Scenario::LateralHost.label(w, format!("a session from {}, the host of {}", host.name, other.name));
    w.alter(planned.day, nth, Act::From(Box::new(host)), mark);
    Some(())
}

pub(super) fn lateral_system(w: &mut Writer<'_>) -> Option<()> {
    let mine = &w.plan.systems;
    let other = other(w, |plan| plan.workflow.steps().any(|step| foreign(plan, step, mine)))?;
    let (nth, planned) = w.test_session()?;
    let n = count(&mut w.rng, 2, 6);
    let steps: Vec<Step> = other.workflow.steps().filter(|step| foreign(other, step, mine)).take(n).cloned().collect();
    let system = steps.first()?.system.clone();
    let mark = Scenario::LateralSystem.label(w, format!("calls to {system} as {} makes them", other.name));
    w.alter(planned.day, nth, Act::Extra(steps), mark);
    Some(())
}

/// Whether a step is at a system that is none of mine.
pub(super) fn foreign(plan: &Plan, step: &Step, mine: &[usize]) -> bool {
    let name = |place: &usize| crate::simulate::vocabulary::SYSTEMS[*place].name;
    !mine.iter().any(|place| name(place) == step.system) && plan.systems.iter().any(|place| name(place) == step.system)
}
