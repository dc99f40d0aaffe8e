//! Where from: the surprise of the oddest host, plus that of the oddest network, half that of the oddest device, that of
//! a place never worked from, and that of a session on another host at the same time.
//!
//! Host and network add up, since a new host within a known network is an ordinary replacement and one outside of it
//! is two novelties. A host that another bot of the tenant works from is worse than an unknown one: that is what
//! lateral movement looks like.

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;
use crate::detect::familiar::{Standing, kind};
use crate::detect::feature::Session;
use crate::stats::novelty::{Novelty, NoveltyPrior};
use crate::time::Span;

pub(super) fn score(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let (prior, today) = (context.profile.novelty_prior(), baseline.today);
    let strange_max = context.profile.novelty.strange_nats_max;
    let mut host = Score::USUAL;
    for (at, name) in session.hosts.iter().enumerate() {
        host = host.max(if baseline.hosts.knows(name) {
            Score::new(baseline.hosts.surprise(name, prior, today), Why::RareHost { host: at })
        } else {
            let standing = context.fleet.standing(context.tenant, name, context.bot);
            let further = context.fleet.host_news.strangeness(context.tenant, standing, strange_max);
            let unmet = if standing == Standing::Kin { alike(baseline, name) } else { 1.0 };
            let prior = NoveltyPrior { c: prior.c * unmet, ..prior };
            Score::new(baseline.hosts.surprise(name, prior, today) + further, Why::NewHost { host: at, standing })
        });
    }
    let far = context.profile.far_prior();
    let mut network = Score::USUAL;
    for (at, name) in session.networks.iter().enumerate() {
        let strange = !baseline.networks.knows(name);
        let further = if strange { context.fleet.networks.strangeness(context.tenant, name, strange_max) } else { 0.0 };
        let nats = baseline.networks.surprise(name, far, today) + further;
        network = network.max(Score::new(nats, Why::NewNetwork { network: at }));
    }
    if network.nats > UNKNOWN_NATS && is_public_surprise(baseline, session) {
        network.nats += context.profile.novelty.public_network_nats;
    }
    let mut device = Score::USUAL;
    let none = Novelty::default();
    let devices = baseline.devices.as_deref().unwrap_or(&none);
    for (at, name) in session.devices.iter().enumerate() {
        let nats = DEVICE_SHARE * devices.surprise(name, far, today);
        device = device.max(Score::new(nats, Why::NewDevice { device: at }));
    }
    let place = place(baseline, session, context);
    let overlap = overlap(baseline, session, context);
    // The new host is the better name for what happened, where there is one.
    let why = match (host.why, network.nats > host.nats) {
        _ if place.nats > PLACE_NATS && place.nats > host.nats.max(network.nats) => place.why,
        _ if overlap.nats > host.nats.max(network.nats) => overlap.why,
        (why @ Why::NewHost { .. }, _) if host.nats > HOST_NATS => why,
        (_, true) => network.why,
        _ => host.max(device).why,
    };
    // A replaced host is no other bot's, and stays in its network and its place.
    let foreign = matches!(host.why, Why::NewHost { standing: Standing::Owned(_), .. });
    let moved = foreign || place.nats > UNKNOWN_NATS || network.nats > UNKNOWN_NATS;
    let score = Score::new(host.nats + network.nats + device.nats + place.nats + overlap.nats, why);
    Score { excusable: !moved, ..score }
}

/// How many hosts of the bot are named like a new one, at least one: whoever is given one host of many has as many more
/// that it may not have met.
fn alike(baseline: &Baseline, name: &str) -> f64 {
    let of_kind = baseline.hosts.values().filter(|value| value.is_known() && kind(&value.name) == kind(name));
    of_kind.count().max(1) as f64
}

/// Nats from which a network counts as unknown.
const UNKNOWN_NATS: f64 = 2.0;
/// What a new device's surprise counts. Larger: a changed client is as odd as a changed host.
const DEVICE_SHARE: f64 = 0.5;
/// Nats from which a new host names what happened, though its network is odder.
const HOST_NATS: f64 = 1.0;
/// Nats from which a way that nothing travels names what happened, beside a new host that is less odd.
const PLACE_NATS: f64 = 6.0;

/// Whether the session came over a public address while all known ones are private.
fn is_public_surprise(baseline: &Baseline, session: &Session) -> bool {
    session.networks.iter().any(|name| is_public(name)) && !baseline.networks.values().any(|v| is_public(&v.name))
}

/// Whether a network is routed in the open internet, by its first bytes (RFC 1918, 6598, 4193).
fn is_public(network: &str) -> bool {
    let Ok(net) = network.parse::<ipnet::IpNet>() else { return false };
    match net.addr() {
        std::net::IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || (a == 100 && (64..128).contains(&b)))
        }
        std::net::IpAddr::V6(ip) => (ip.segments()[0] & 0xfe00) != 0xfc00 && !ip.is_loopback(),
    }
}

/// A place never worked from, and a way there that nothing travels.
fn place(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let Some(places) = &baseline.places else { return Score::USUAL };
    let (prior, today) = (context.profile.far_prior(), baseline.today);
    let mut worst = Score::USUAL;
    for (at, name) in session.places.iter().enumerate().filter(|(_, name)| !places.knows(name)) {
        let travel = session.travel.is_some();
        let extra = if travel { context.profile.novelty.travel_nats } else { 0.0 };
        worst = worst.max(Score::new(places.surprise(name, prior, today) + extra, Why::NewPlace { place: at, travel }));
    }
    worst
}

/// Weight of an overlap not met yet, for each further session of a day. Larger: bots that run often surprise less by
/// their first overlap.
const OVERLAP_PER_SESSION: f64 = 0.5;
/// The most of that weight. Larger: busy bots never surprise by it.
const OVERLAP_MAX: f64 = 4.0;
/// Share of overlaps that are on different hosts, for a bot that has several.
const OTHER_HOST: f64 = 0.5;

/// Whether another session ran at the same time: not at all, somewhere, or on other hosts.
pub(super) fn overlapping(session: &Session, others: &[Session]) -> Option<bool> {
    let at_once = |other: &&Session| other.opened < session.newest && session.opened < other.newest;
    others.iter().any(|other| at_once(&other)).then(|| runs_apart(session, others).is_some())
}

/// Another session that ran at the same time on other hosts.
pub(super) fn runs_apart(session: &Session, others: &[Session]) -> Option<usize> {
    let apart = |other: &Session| {
        !other.hosts.is_empty()
            && other.hosts.iter().all(|host| !session.hosts.contains(host))
            && other.opened < session.newest
            && session.opened < other.newest
    };
    others.iter().position(apart).filter(|_| !session.hosts.is_empty())
}

/// A session on another host while this one runs, as seldom as that was.
fn overlap(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let Some(at) = runs_apart(session, context.others).filter(|_| !context.clock_changed) else { return Score::USUAL };
    // Whoever works from several hosts, and several times a day, will some day do so twice at once.
    let hosts = session.hosts.iter().chain(&context.others[at].hosts);
    let own = hosts.into_iter().all(|host| baseline.hosts.knows(host));
    let sessions = baseline.daily_sessions().map_or(1.0, |(mean, _)| mean);
    let c = if own { ((sessions - 1.0) * OVERLAP_PER_SESSION).clamp(0.0, OVERLAP_MAX) } else { 0.0 };
    let prior = NoveltyPrior { c, ..context.profile.novelty_prior() };
    let once = if own { f64::from(baseline.overlaps[0]) * OTHER_HOST } else { 0.0 };
    let p = prior.chance(once.max(f64::from(baseline.overlaps[1])), f64::from(baseline.days));
    let by_chance = if own { coincidence(baseline, session, &context.others[at]) } else { 0.0 };
    let nats = -p.max(by_chance).min(1.0).ln();
    Score::new(nats, Why::TwoPlaces { other: at, own: own.then_some(nats) })
}

/// Probability of a day on which two of the bot's sessions run on different hosts by chance: of those that begin at any
/// time, as work comes in. A timetable leaves nothing to chance.
fn coincidence(baseline: &Baseline, one: &Session, other: &Session) -> f64 {
    let Some((sessions, _)) = baseline.daily_sessions().filter(|_| !baseline.is_steady()) else { return 0.0 };
    let hours = (baseline.week.busy_hours() as f64 / 7.0).clamp(1.0, 24.0);
    let lasting = |session: &Session| session.newest - session.opened;
    let mean_hours = (lasting(one) + lasting(other)).as_micros() as f64 / Span::HOUR.as_micros() as f64 / 2.0;
    // As many pairs as there are, each of which meets within two durations out of the hours at work.
    let pairs = sessions * (sessions - 1.0).max(0.0) / 2.0;
    1.0 - (-OTHER_HOST * pairs * 2.0 * mean_hours / hours).exp()
}
