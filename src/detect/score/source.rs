//! Where from: the surprise of the oddest host, plus that of the oddest network, plus half that of the oddest device.
//!
//! Host and network add up, since a new host within a known network is an ordinary replacement and one outside of it
//! is two novelties. A host that another bot of the tenant works from is worse than an unknown one: that is what
//! lateral movement looks like.

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;
use crate::detect::feature::Session;

pub(super) fn score(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let (prior, today) = (context.profile.novelty_prior(), baseline.today);
    let mut host = Score::USUAL;
    for (at, name) in session.hosts.iter().enumerate() {
        let nats = baseline.hosts.surprise(name, prior, today);
        host = host.max(if baseline.hosts.knows(name) {
            Score::new(nats, Why::RareHost { host: at })
        } else {
            let owner = context.fleet.other_owner(context.tenant, name, context.bot);
            let foreign = if owner.is_some() { context.profile.novelty.foreign_host_nats } else { 0.0 };
            Score::new(nats + foreign, Why::NewHost { host: at, owner })
        });
    }
    let mut network = Score::USUAL;
    for (at, name) in session.networks.iter().enumerate() {
        network =
            network.max(Score::new(baseline.networks.surprise(name, prior, today), Why::NewNetwork { network: at }));
    }
    let mut device = Score::USUAL;
    for (at, name) in session.devices.iter().enumerate() {
        let nats = 0.5 * baseline.devices.surprise(name, prior, today);
        device = device.max(Score::new(nats, Why::NewDevice { device: at }));
    }
    // The new host is the better name for what happened, where there is one.
    let why = match (host.why, network.nats > host.nats) {
        (why @ Why::NewHost { .. }, _) if host.nats > 1.0 => why,
        (_, true) => network.why,
        _ => host.max(device).why,
    };
    Score::new(host.nats + network.nats + device.nats, why)
}
