//! A call graph from top to bottom: what is called in which order, with what is new in color.
//!
//! The layers are Sugiyama's, by a crate. Of a large graph the most usual operations are drawn, and whatever is odd.

use std::collections::{BTreeMap, BTreeSet};

use rust_sugiyama::configure::Config;
use svg::Document;
use svg::node::element::path::Data;

use super::{clip, label, path, picture, rect};
use crate::detect::CallFacts;

/// Operations that are drawn besides the odd ones. More are no picture any more.
const NODES_MAX: usize = 14;
/// Share of the sessions below which a step is not drawn, so that what is usual can be seen.
const SHARE_MIN: f64 = 0.04;
/// Size of an operation and the room between two, in pixels.
const NODE: (f64, f64) = (230.0, 34.0);
const GAP: (f64, f64) = (26.0, 34.0);
const NAME_CHARS_MAX: usize = 31;
const MARGIN: f64 = 24.0;

/// The names of a session's start and end.
const START: &str = "start";
const END: &str = "end";

/// What is to be drawn.
#[derive(Clone, Debug, Default)]
pub(in crate::runtime::console) struct CallPicture<'a> {
    /// The usual.
    pub calls: CallFacts,
    /// Operations that were never called before.
    pub new: Vec<&'a str>,
    /// Steps that were never taken before, by name; none is a session's start or end.
    pub odd: Vec<(Option<&'a str>, Option<&'a str>)>,
}

/// Numbers of what is drawn, by name, and the steps between them with whether they are odd and how usual they are.
#[derive(Debug, Default)]
struct Plan {
    names: Vec<(String, &'static str)>,
    steps: BTreeMap<(u32, u32), (bool, f64)>,
}

/// Draws the graph; none where there is nothing to draw.
pub(in crate::runtime::console) fn call_graph(wanted: &CallPicture<'_>) -> Option<String> {
    let plan = plan(wanted);
    if plan.names.len() < 3 {
        return None;
    }
    let (places, width, height) = places(&plan);
    let odd = plan.steps.values().filter(|(odd, _)| *odd).count();
    let words = format!(
        "{} operations and {} steps between them are drawn; {odd} steps are new.",
        plan.names.len() - 2,
        plan.steps.len()
    );
    let mut drawn = picture(width, height, "graph", "What it calls, and in which order", &words);
    for (&(from, to), &(odd, share)) in &plan.steps {
        drawn = step(drawn, places[from as usize], places[to as usize], odd, share);
    }
    for ((name, class), &(x, y)) in plan.names.iter().zip(&places) {
        let small = matches!(*class, "node end");
        let size = if small { (84.0, 26.0) } else { NODE };
        let (left, top) = (x - size.0 / 2.0, y - size.1 / 2.0);
        drawn = drawn.add(rect(left, top, size.0, size.1, class).set("rx", if small { 13.0 } else { 6.0 })).add(label(
            x,
            y + 4.0,
            "middle",
            if small { "axis" } else { "name" },
            &clip(name, NAME_CHARS_MAX),
        ));
    }
    Some(drawn.to_string())
}

/// Chooses what is drawn.
fn plan(wanted: &CallPicture<'_>) -> Plan {
    let calls = &wanted.calls;
    let odd_names: BTreeSet<&str> =
        wanted.odd.iter().flat_map(|(from, to)| [*from, *to]).flatten().chain(wanted.new.iter().copied()).collect();
    let mut order: Vec<usize> = (0..calls.nodes.len()).filter(|&at| calls.nodes[at].known).collect();
    order.sort_by(|&a, &b| calls.nodes[b].share.total_cmp(&calls.nodes[a].share).then(a.cmp(&b)));
    order.truncate(NODES_MAX);
    let named = |at: &usize| odd_names.contains(calls.nodes[*at].name.as_str()) && !order.contains(at);
    let more: Vec<usize> = (0..calls.nodes.len()).filter(named).collect();
    order.extend(more);
    let mut plan =
        Plan { names: vec![(START.to_owned(), "node end"), (END.to_owned(), "node end")], ..Plan::default() };
    let mut numbers = BTreeMap::new();
    for at in order {
        let node = &calls.nodes[at];
        let class = if wanted.new.contains(&node.name.as_str()) { "node new" } else { "node" };
        numbers.insert(node.name.as_str(), plan.names.len() as u32);
        plan.names.push((node.name.clone(), class));
    }
    for name in odd_names {
        if !numbers.contains_key(name) {
            numbers.insert(name, plan.names.len() as u32);
            plan.names.push((name.to_owned(), "node new"));
        }
    }
    for edge in calls.edges.iter().filter(|edge| edge.share >= SHARE_MIN) {
        let number =
            |at: Option<usize>, outer| at.map_or(Some(outer), |at| numbers.get(calls.nodes[at].name.as_str()).copied());
        if let (Some(from), Some(to)) = (number(edge.from, 0), number(edge.to, 1)) {
            plan.steps.insert((from, to), (false, edge.share));
        }
    }
    for &(from, to) in &wanted.odd {
        let number = |name: Option<&str>, outer| name.map_or(Some(outer), |name| numbers.get(name).copied());
        if let (Some(from), Some(to)) = (number(from, 0), number(to, 1)) {
            plan.steps.insert((from, to), (true, 1.0));
        }
    }
    plan
}

/// The steps without those that lead back to where one has been: what comes first stands first. The most usual way is
/// gone first, from the start, and what is odd last.
fn forward(plan: &Plan) -> Vec<(u32, u32)> {
    let mut next: BTreeMap<u32, Vec<(bool, f64, u32)>> = BTreeMap::new();
    for (&(from, to), &(odd, share)) in &plan.steps {
        next.entry(from).or_default().push((odd, share, to));
    }
    for steps in next.values_mut() {
        // The end of the list is gone first.
        steps.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)).then(b.2.cmp(&a.2)));
    }
    let (mut seen, mut kept) = (BTreeSet::new(), Vec::new());
    for root in 0..plan.names.len() as u32 {
        let mut way = vec![root];
        let mut on_way = BTreeSet::from([root]);
        if !seen.insert(root) {
            continue;
        }
        while let Some(&here) = way.last() {
            let Some((_, _, to)) = next.get_mut(&here).and_then(Vec::pop) else {
                on_way.remove(&here);
                way.pop();
                continue;
            };
            if on_way.contains(&to) {
                continue;
            }
            kept.push((here, to));
            if seen.insert(to) {
                on_way.insert(to);
                way.push(to);
            }
        }
    }
    kept
}

/// Where everything lies, by number, and the picture's size.
fn places(plan: &Plan) -> (Vec<(f64, f64)>, f64, f64) {
    let size = (NODE.0 + GAP.0, NODE.1 + GAP.1);
    let nodes: Vec<(u32, (f64, f64))> = (0..plan.names.len() as u32).map(|number| (number, size)).collect();
    let steps = forward(plan);
    let config = Config { vertex_spacing: 4.0, dummy_size: 0.25, ..Config::default() };
    let mut places = vec![(0.0, 0.0); plan.names.len()];
    let mut right = 0.0;
    let mut bottom: f64 = 0.0;
    // Parts that no step connects stand beside each other.
    for (part, _, _) in rust_sugiyama::from_vertices_and_edges(&nodes, &steps, &config) {
        let least = |pick: fn(&(f64, f64)) -> f64| part.iter().map(|(_, at)| pick(at)).fold(f64::MAX, f64::min);
        let (left, top) = (least(|at| at.0), least(|at| at.1));
        let mut widest: f64 = 0.0;
        for (number, (x, y)) in &part {
            let at = (right + x - left + NODE.0 / 2.0 + MARGIN, y - top + NODE.1 / 2.0 + MARGIN / 2.0);
            widest = widest.max(at.0 + NODE.0 / 2.0);
            bottom = bottom.max(at.1 + NODE.1 / 2.0);
            places[*number] = at;
        }
        right = widest;
    }
    (places, right + MARGIN, bottom + MARGIN / 2.0)
}

/// A step: straight down, or around the side where it goes back.
fn step(drawn: Document, from: (f64, f64), to: (f64, f64), odd: bool, share: f64) -> Document {
    let half = NODE.1 / 2.0;
    let class = if odd { "step odd" } else { "step" };
    let (data, tip) = if to.1 > from.1 {
        let (start, end) = ((from.0, from.1 + half), (to.0, to.1 - half - 1.0));
        let bend = ((end.1 - start.1) / 2.0).max(12.0);
        (Data::new().move_to(start).cubic_curve_to((start.0, start.1 + bend, end.0, end.1 - bend, end.0, end.1)), end)
    } else {
        let side = NODE.0 / 2.0;
        let (start, end) = ((from.0 + side, from.1), (to.0 + side + 1.0, to.1));
        let out = start.0.max(end.0) + MARGIN * 0.8;
        (Data::new().move_to(start).cubic_curve_to((out, start.1, out, end.1, end.0, end.1)), end)
    };
    let arrow = if to.1 > from.1 { [(-4.0, -7.0), (4.0, -7.0)] } else { [(7.0, -4.0), (7.0, 4.0)] };
    let head = Data::new()
        .move_to(tip)
        .line_to((tip.0 + arrow[0].0, tip.1 + arrow[0].1))
        .line_to((tip.0 + arrow[1].0, tip.1 + arrow[1].1))
        .close();
    let width = if odd { 2.5 } else { 0.8 + 2.0 * share };
    drawn
        .add(path(data, class).set("stroke-width", format!("{width:.1}")))
        .add(path(head, if odd { "tip odd" } else { "tip" }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::{EdgeFacts, NodeFacts};

    fn calls(nodes: usize, edges: &[(usize, usize)]) -> CallFacts {
        let node = |at| NodeFacts {
            name: format!("op {at}"),
            share: 1.0 / (at as f64 + 1.0),
            days: 1,
            last_day: 1,
            known: true,
            moved: None,
        };
        let end = |at: usize| at.checked_sub(1);
        let edge = |&(from, to): &(usize, usize)| EdgeFacts { from: end(from), to: end(to), share: 0.5 };
        CallFacts { nodes: (0..nodes).map(node).collect(), edges: edges.iter().map(edge).collect() }
    }

    #[test]
    fn what_is_new_stands_out() {
        let wanted = CallPicture {
            calls: calls(2, &[(0, 1), (1, 2), (2, 0)]),
            new: vec!["GET /salaries"],
            odd: vec![(Some("op 1"), Some("GET /salaries")), (Some("GET /salaries"), None)],
        };
        let drawn = call_graph(&wanted).expect("a picture");
        assert!(drawn.contains("3 operations and 5 steps between them are drawn; 2 steps are new."), "{drawn}");
        assert_eq!(drawn.matches("class=\"node new\"").count(), 1);
        assert_eq!(drawn.matches("class=\"step odd\"").count(), 2);
        assert!(call_graph(&CallPicture::default()).is_none());
    }

    #[test]
    fn what_leads_back_does_not_turn_the_picture_round() {
        let wanted = CallPicture {
            calls: calls(3, &[(0, 1), (1, 2), (2, 1), (2, 3), (3, 1), (3, 0)]),
            ..CallPicture::default()
        };
        // Start, end, and the three operations behind them.
        assert_eq!(forward(&plan(&wanted)), [(0, 2), (2, 3), (3, 4), (4, 1)]);
        let (places, ..) = places(&plan(&wanted));
        let heights: Vec<f64> = [0, 2, 3, 4, 1].map(|number: usize| places[number].1).to_vec();
        assert!(heights.is_sorted(), "{heights:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_graph_can_be_drawn(
            nodes in 1_usize..24,
            edges in prop::collection::vec((0_usize..24, 0_usize..24), 0..80),
        ) {
            let edges: Vec<_> = edges.into_iter().filter(|(from, to)| *from <= nodes && *to <= nodes).collect();
            let drawn = call_graph(&CallPicture { calls: calls(nodes, &edges), ..CallPicture::default() });
            prop_assert!(drawn.is_some_and(|drawn| !drawn.contains("NaN") && !drawn.contains("inf")));
        }
    }
}
