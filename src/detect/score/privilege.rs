//! With which privilege: a role never exercised, or one used on an operation that it was never used for.

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;
use crate::detect::feature::Session;
use crate::stats::fingerprint;

pub(super) fn score(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    let (prior, profile) = (context.profile.novelty_prior(), &context.profile.privilege);
    let mut worst = Score::USUAL;
    for (at, (role, endpoint)) in session.roles.iter().enumerate() {
        if context.granted.contains(&fingerprint(&[role])) {
            continue;
        }
        let nats = baseline.roles.surprise(role, prior, baseline.today);
        if !baseline.roles.knows(role) {
            let admin = profile.is_admin(role);
            let extra = if admin { profile.admin_role_nats } else { 0.0 };
            worst = worst.max(Score::new(nats + extra, Why::NewRole { role: at, admin }));
            continue;
        }
        let number = endpoint.and_then(|at| baseline.graph.number(&session.endpoints[usize::from(at)]));
        let new_pair = number.filter(|&number| !baseline.graph.knows_role(number, role));
        let pair = |number| baseline.graph.pair_chance(number, (-nats).exp(), profile.prior_mixed_operations);
        let nats = new_pair.map_or(nats, |number| -pair(number).max(f64::MIN_POSITIVE).ln());
        worst = worst.max(Score::new(nats, Why::NewPair { role: at }));
    }
    worst
}
