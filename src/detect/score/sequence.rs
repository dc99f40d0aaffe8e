//! What, in which order: the three most surprising steps of the session on the bot's call graph.
//!
//! A step to a known endpoint surprises by its share of the sessions that were at the one before; an endpoint never
//! touched by the chance of a new one. The second and third count in part, so that one skipped step, which happens,
//! is far less than an order turned around, which has three new edges at least. Only a closed session is asked for
//! its edges: before that, events may still arrive between two others.

use super::{Context, Score, Why};
use crate::detect::baseline::{Baseline, END, START};
use crate::detect::feature::Session;

pub(super) fn score(baseline: &Baseline, session: &Session, context: &Context<'_>) -> Score {
    if session.endpoints.is_empty() {
        return Score::USUAL;
    }
    let (graph, profile) = (&baseline.graph, context.profile);
    let numbers: Vec<Option<u16>> = session.endpoints.iter().map(|name| graph.number(name)).collect();
    let mut top = Top::default();
    let new_endpoint = graph.new_endpoint_surprise(profile, baseline.today);
    let unknown: Vec<u16> = (0..numbers.len() as u16).filter(|&at| numbers[usize::from(at)].is_none()).collect();
    for &at in &unknown {
        let more = unknown.len() as u16 - 1;
        top.add(new_endpoint, Why::NewEndpoint { endpoint: at, more });
    }
    if context.closed {
        let mut from = (START, START);
        let path = session.path();
        let ends = std::iter::once(END);
        for at in path.into_iter().chain(ends) {
            let to = if at == END { Some(END) } else { numbers[usize::from(at)] };
            // Steps from or to an unknown endpoint are part of its novelty, which counts already.
            if let Some(to) = to {
                if from.1 != END {
                    let nats = graph.edge_surprise(from.1, to, profile);
                    top.add(nats, Why::OddStep { from: from.0, to: at, more: 0 });
                }
                from = (at, to);
            } else {
                from = (at, END);
            }
        }
    }
    top.score(profile.sequence.second_share, profile.sequence.third_share)
}

/// The three most surprising steps.
#[derive(Default)]
struct Top {
    best: [f64; 3],
    why: Option<Why>,
    odd: u16,
}

/// Nats from which a step counts as odd in the sentence.
const ODD_NATS: f64 = 3.0;

impl Top {
    fn add(&mut self, nats: f64, why: Why) {
        self.odd = self.odd.saturating_add(u16::from(nats >= ODD_NATS));
        let Some(at) = self.best.iter().position(|&best| nats > best) else { return };
        if at == 0 {
            self.why = Some(why);
        }
        self.best[at..].rotate_right(1);
        self.best[at] = nats;
    }

    fn score(self, second: f64, third: f64) -> Score {
        let why = match self.why {
            Some(Why::OddStep { from, to, .. }) => Why::OddStep { from, to, more: self.odd.saturating_sub(1) },
            Some(why) => why,
            None => Why::Usual,
        };
        Score::new(self.best[0] + second * self.best[1] + third * self.best[2], why)
    }
}
