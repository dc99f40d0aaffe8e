//! What, and in which order: endpoints never touched, and the steps of the session on the bot's call graph.
//!
//! The two are scores of their own, each with a history of its own: the order of a busy bot wavers, and would drown a
//! new operation. An endpoint never touched surprises by the chance of a new one; a step between known ones by its share
//! of the sessions that were at the one before. Further ones count in part, so that one skipped step, which happens, is
//! far less than an order turned around. Only a closed session is asked for its steps: before that, events may still
//! arrive between two others.

use smallvec::SmallVec;

use super::{Context, Score, Why};
use crate::detect::baseline::{Baseline, END, KIN_ASKED_MAX, START};
use crate::detect::feature::Session;
use crate::detect::profile::SequenceProfile;
use crate::event::Text;
use crate::event::normalize::family;

/// Endpoints never touched: the chance of a new one, and more for each further one, above all if it is about something
/// else. Of a release come a dozen about the same at once.
pub(super) fn operations(
    baseline: &Baseline,
    session: &Session,
    numbers: &[Option<u16>],
    context: &Context<'_>,
) -> Score {
    let (graph, profile) = (&baseline.graph, context.profile);
    let waits = |at: usize| !context.closed && 1_u64.checked_shl(at as u32).is_some_and(|bit| session.money & bit > 0);
    let unknown = |(at, _): &(usize, &Text)| numbers[*at].is_none() && !waits(*at);
    let new: Vec<(usize, &Text)> = session.endpoints.iter().enumerate().filter(unknown).collect();
    let Some(&(at, _)) = new.first() else { return Score::USUAL };
    let asked = &new[new.len().saturating_sub(KIN_ASKED_MAX)..];
    let mut families: Vec<_> = asked.iter().map(|(_, name)| family(name)).collect();
    families.sort_unstable();
    families.dedup();
    let novelty = &profile.novelty;
    // New for the whole tenant, and about nothing that the bot has to do with.
    let operations = &context.fleet.operations;
    let strange = |name: &Text| operations.strangeness(context.tenant, name, novelty.strange_nats_max);
    let strange = new.iter().map(|(_, name)| strange(name)).fold(0.0, f64::max);
    let foreign = if asked.iter().all(|(_, name)| graph.knows_kin(name)) {
        0.0
    } else {
        operations.foreignness(context.tenant, novelty.foreign_nats_max)
    };
    let more = (new.len() - 1).min(MORE_MAX) as f64;
    let about_else = (families.len() as f64 - 1.0).min(more);
    let SequenceProfile { second_share, akin_share, .. } = profile.sequence;
    let further = second_share * about_else + akin_share * (more - about_else);
    let nats = (graph.new_endpoint_surprise(profile, baseline.today) + strange + foreign) * (1.0 + further);
    let score = Score::new(nats, Why::NewEndpoint { endpoint: at as u16, more: new.len() as u16 - 1 });
    Score { excusable: new.len() <= ANNOUNCED_MAX, ..score }
}

/// New endpoints that a release may bring.
const ANNOUNCED_MAX: usize = 3;
/// Nats of order that it may: a few steps moved, not all of them.
const ANNOUNCED_NATS: f64 = 14.0;
/// Further endpoints that count.
const MORE_MAX: usize = 3;

/// Steps between known endpoints that are seldom taken. Only a closed session is asked: before that, events may still
/// arrive between two others.
pub(super) fn order(baseline: &Baseline, session: &Session, numbers: &[Option<u16>], context: &Context<'_>) -> Score {
    if session.endpoints.is_empty() || !context.closed {
        return Score::USUAL;
    }
    let (graph, profile) = (&baseline.graph, context.profile);
    let mut steps: SmallVec<[Step; 16]> = SmallVec::new();
    let mut from = (START, START);
    for at in session.path().into_iter().chain(std::iter::once(END)) {
        let to = if at == END { Some(END) } else { numbers[usize::from(at)] };
        // Steps from or to an unknown endpoint are part of its novelty, which counts already.
        let Some(to) = to else {
            from = (at, END);
            continue;
        };
        if from.1 != END && !steps.iter().any(|step| (step.from, step.to) == (from.0, at)) {
            let nats = graph.edge_surprise(from.1, to, profile);
            steps.push(Step { nats, from: from.0, to: at, edge: (from.1, to) });
        }
        from = (at, to);
    }
    steps.sort_by(|a, b| b.nats.total_cmp(&a.nats));
    let odd = steps.iter().filter(|step| step.nats >= ODD_NATS).count() as u16;
    let Some(&Step { nats: worst, from, to, edge }) = steps.first() else { return Score::USUAL };
    let further: f64 = steps.iter().skip(1).take(FURTHER_MAX).map(|step| (step.nats - FURTHER_NATS).max(0.0)).sum();
    let nats = worst + profile.sequence.second_share * further;
    let new = (!graph.knows_edge(edge.0, edge.1)).then_some(worst);
    Score::new(nats, Why::OddStep { from, to, more: odd.saturating_sub(1), new }).excusable_to(ANNOUNCED_NATS)
}

/// Number of the scorer of orders.
pub(in crate::detect) const ORDER: usize = 6;

/// A step of a session: by its own endpoints, and by the bot's.
#[derive(Clone, Copy, Debug)]
struct Step {
    nats: f64,
    from: u16,
    to: u16,
    edge: (u16, u16),
}

/// Nats from which a step counts as odd.
const ODD_NATS: f64 = 2.5;
/// Nats from which a further step counts. A bot seen three times can have no step odder than three nats, but a run that
/// is turned around has nothing but those.
const FURTHER_NATS: f64 = 1.5;
/// Further odd steps that count: an order turned around has many, a step left out has one.
const FURTHER_MAX: usize = 8;
