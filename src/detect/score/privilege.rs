//! With which privilege: a role never exercised, or one used on an operation that it was never used for.

use super::{Context, Score, Why};
use crate::detect::baseline::Baseline;
use crate::detect::feature::Session;
use crate::event::Text;
use crate::stats::fingerprint;

pub(super) fn score(baseline: &Baseline, session: &Session, numbers: &[Option<u16>], context: &Context<'_>) -> Score {
    let (prior, profile) = (context.profile.novelty_prior(), &context.profile.privilege);
    let mut worst = Score::USUAL;
    let mut last: Option<(&Text, u64, f64, bool)> = None;
    let mut last_new: Option<(&Text, bool)> = None;
    for (at, (role, endpoint)) in session.roles.iter().enumerate() {
        // Most sessions use one role on several endpoints.
        let (_, print, nats, known) = last.filter(|(name, ..)| *name == role).unwrap_or_else(|| {
            let nats = baseline.roles.surprise(role, prior, baseline.today);
            (role, fingerprint(&[role]), nats, baseline.roles.knows(role))
        });
        last = Some((role, print, nats, known));
        if context.granted.contains(&print) {
            continue;
        }
        if !known {
            let (_, admin) =
                last_new.filter(|(name, _)| *name == role).unwrap_or_else(|| (role, profile.is_admin(role)));
            last_new = Some((role, admin));
            let extra = if admin { profile.admin_role_nats } else { 0.0 };
            worst = worst.max(Score::new(nats + extra, Why::NewRole { role: at, admin }));
            continue;
        }
        let number = endpoint.and_then(|at| numbers[usize::from(at)]);
        let new_pair = number.filter(|&number| !baseline.graph.knows_role(number, print));
        let pair = |number| baseline.graph.pair_chance(number, (-nats).exp(), profile.prior_mixed_operations);
        let nats = new_pair.map_or(nats, |number| -pair(number).max(f64::MIN_POSITIVE).ln());
        worst = worst.max(Score::new(nats, Why::NewPair { role: at }));
    }
    worst
}
