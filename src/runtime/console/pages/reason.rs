//! One reason of an alert, drawn: what was observed against what was expected.
//!
//! An alert says both in words, and keeps no figures. The picture is made from the baseline as it is now, with the
//! observed put in from the words of the detector that wrote them; what cannot be read from them is not drawn.

use serde::Serialize;

use super::Picture;
use super::seen::{SeenTable, table};
use crate::alert::{Dimension, Reason};
use crate::detect::{CallFacts, Portrait, SeenKind, VolumeFacts};
use crate::runtime::console::draw::{Band, CallPicture, Mark, Spark, band, call_graph, pair, spark, week};
use crate::runtime::console::say;
use crate::time::{Timestamp, Zone};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Hours and steps that a table holds.
const ROWS_MAX: usize = 12;

/// A reason with its pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ReasonView {
    pub dimension: &'static str,
    pub detector: String,
    pub text: String,
    pub observed: String,
    pub expected: String,
    /// Share of the evidence, 0 to 1.
    pub share: Option<f64>,
    /// How rare by itself, in words.
    pub rarity: Option<String>,
    pub picture: Option<Picture>,
    pub seen: Option<SeenTable>,
}

/// A bot as reasons are held against it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sitter<'a> {
    pub portrait: Option<&'a Portrait>,
    pub zone: &'a Zone,
    /// What the session called, as far as that is kept.
    pub path: &'a [String],
}

/// A reason, held against what is normal for the bot.
pub(super) fn view(reason: &Reason, of: Sitter<'_>) -> ReasonView {
    let portrait = of.portrait;
    ReasonView {
        dimension: reason.dimension.as_str(),
        detector: reason.detector.clone(),
        text: reason.text.clone(),
        observed: reason.observed.clone(),
        expected: reason.expected.clone(),
        share: reason.contribution,
        rarity: reason.p_value.map(rarity),
        picture: portrait.and_then(|portrait| picture(reason, portrait, of)),
        seen: portrait.and_then(|portrait| seen(reason, portrait)),
    }
}

/// A probability as people say it.
fn rarity(p: f64) -> String {
    match p {
        p if p >= 0.05 => "no surprise by itself".to_owned(),
        p if p < 1e-9 => "rarer than 1 in a billion".to_owned(),
        p if p < 1e-6 => format!("1 in {:.0} million", 1e-6 / p),
        p => format!("1 in {}", say::number((1.0 / p).round())),
    }
}

fn picture(reason: &Reason, portrait: &Portrait, of: Sitter<'_>) -> Option<Picture> {
    match reason.dimension {
        Dimension::Time => week_of(portrait, Some(mark(&reason.observed)?)),
        Dimension::Sequence => {
            let (new, mut odd) = steps(&reason.detector, &reason.observed);
            for step in around(&new, of.path).into_iter().filter(|step| !odd.contains(step)).collect::<Vec<_>>() {
                odd.push(step);
            }
            graph_of(&portrait.calls, new, odd)
        }
        Dimension::Volume => volume(reason, portrait),
        Dimension::Absence => week_of(portrait, Some(silent(&reason.observed, of.zone)?)),
        Dimension::Rate => rate(reason),
        Dimension::Drift => {
            let (noun, days) = portrait.levels.iter().find(|(noun, _)| reason.observed.contains(noun))?;
            level_of(noun, days)
        }
        _ => None,
    }
}

/// A level that is followed for drift, as a picture; none while there is a single day.
pub(super) fn level_of(noun: &str, days: &[f64]) -> Option<Picture> {
    let rows = days.iter().rev().enumerate().map(|(ago, level)| vec![(ago + 1).to_string(), say::number(*level)]);
    (days.len() > 1 && days.iter().any(|level| *level >= 1.0)).then(|| Picture {
        title: format!("{noun} of a session, day by day"),
        svg: spark(&Spark { noun, values: days }),
        heads: vec!["Days ago", "Mean of a session"],
        rows: rows.collect(),
    })
}

/// How often it ran, beside how often it does.
fn rate(reason: &Reason) -> Option<Picture> {
    let now = amount(&reason.observed)?;
    let usual = amount(reason.expected.strip_prefix("about ")?)?;
    let noun = reason.observed.split_once(' ')?.1;
    Some(Picture { title: noun.to_owned(), svg: pair(noun, usual, now), ..Picture::default() })
}

/// The week as a picture.
pub(super) fn week_of(portrait: &Portrait, mark: Option<Mark>) -> Option<Picture> {
    let total: f64 = portrait.week.iter().sum();
    let mut hours: Vec<(usize, f64)> = portrait.week.iter().copied().enumerate().filter(|(_, w)| *w > 0.0).collect();
    hours.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let row = |(hour, weight): &(usize, f64)| {
        let name = format!("{} {:02}:00", WEEKDAYS[hour / 24 % 7], hour % 24);
        vec![name, format!("{:.1} %", 100.0 * weight / total)]
    };
    (total > 0.0 || mark.is_some()).then(|| Picture {
        title: format!("When it starts ({})", portrait.zone),
        svg: week(&portrait.week, mark, &portrait.zone),
        heads: vec!["Hour", "Share of its starts"],
        rows: hours.iter().take(ROWS_MAX).map(row).collect(),
    })
}

/// The call graph as a picture.
pub(super) fn graph_of(calls: &CallFacts, new: Vec<&str>, odd: Vec<(Option<&str>, Option<&str>)>) -> Option<Picture> {
    let name = |at: Option<usize>, outer: &str| at.map_or_else(|| outer.to_owned(), |at| calls.nodes[at].name.clone());
    let mut edges = calls.edges.clone();
    edges.sort_by(|a, b| b.share.total_cmp(&a.share).then((a.from, a.to).cmp(&(b.from, b.to))));
    let usual = edges.iter().take(ROWS_MAX).map(|edge| {
        vec![name(edge.from, "the start"), name(edge.to, "the end"), format!("{:.0} % of sessions", 100.0 * edge.share)]
    });
    let told = |step: &(Option<&str>, Option<&str>)| {
        vec![
            step.0.unwrap_or("the start").to_owned(),
            step.1.unwrap_or("the end").to_owned(),
            "never before".to_owned(),
        ]
    };
    let rows = odd.iter().map(told).chain(usual).collect();
    Some(Picture {
        title: "What it calls, in which order".to_owned(),
        svg: call_graph(&CallPicture { calls: calls.clone(), new, odd })?,
        heads: vec!["From", "To", "How usual"],
        rows,
    })
}

/// A quantity as a picture.
pub(super) fn band_of(facts: &VolumeFacts, point: Option<f64>, when: &'static str) -> Picture {
    let noun = match facts.per {
        "session" => format!("{} in one session", facts.noun),
        "hour" => format!("{} within an hour", facts.noun),
        _ => format!("{} in one day", facts.noun),
    };
    let [low, lower, usual, upper, high] = facts.quantiles.map(say::number);
    let mut rows = vec![
        vec!["usual (half are below)".to_owned(), usual],
        vec!["half of them lie between".to_owned(), format!("{lower} and {upper}")],
        vec!["nine in ten lie between".to_owned(), format!("{low} and {high}")],
    ];
    rows.extend(point.map(|point| vec![when.to_owned(), say::number(point)]));
    let svg = band(&Band { noun: noun.clone(), quantiles: facts.quantiles, point, when });
    Picture { title: noun, svg, heads: vec!["", "Amount"], rows }
}

fn volume(reason: &Reason, portrait: &Portrait) -> Option<Picture> {
    let observed = reason.observed.as_str();
    let per = match observed {
        text if text.ends_with("in one session") => "session",
        text if text.ends_with("within an hour") => "hour",
        text if text.ends_with("in one day") => "day",
        _ => return None,
    };
    let of =
        |facts: &&VolumeFacts| facts.per == per && (facts.measure == reason.detector || observed.contains(facts.noun));
    portrait.volumes.iter().find(of).map(|facts| band_of(facts, amount(observed), "this time"))
}

/// `Sun 03:12 local time`: which hour of the week.
fn mark(observed: &str) -> Option<Mark> {
    let (weekday, rest) = observed.split_once(' ')?;
    let day = WEEKDAYS.iter().position(|name| *name == weekday)?;
    let hour: usize = rest.split_once(':')?.0.parse().ok().filter(|hour| *hour < 24)?;
    Some(Mark { hour: day * 24 + hour, missing: false })
}

/// `nothing since 2026-03-30T09:00:00Z`: which hour of the bot's own week.
fn silent(observed: &str, zone: &Zone) -> Option<Mark> {
    let since = observed.rsplit(' ').next()?.parse::<Timestamp>().ok()?;
    let local = zone.local(since);
    Some(Mark { hour: usize::from(local.weekday) * 24 + usize::from(local.minute / 60), missing: true })
}

/// `4.1 k records read in one session`: how many.
fn amount(observed: &str) -> Option<f64> {
    let mut words = observed.split(' ');
    let number: f64 = words.next()?.parse().ok()?;
    let factor = match words.next()? {
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        _ => 1.0,
    };
    Some(number * factor)
}

/// Operations never called before, and steps never taken before.
type Steps<'a> = (Vec<&'a str>, Vec<(Option<&'a str>, Option<&'a str>)>);

/// The steps of a path to and from operations that are new.
fn around<'a>(new: &[&str], path: &'a [String]) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let mut steps = Vec::new();
    let mut from = None;
    for to in path.iter().map(|name| Some(name.as_str())).chain([None]) {
        let is_new = |name: Option<&str>| name.is_some_and(|name| new.contains(&name));
        if from != to && (is_new(from) || is_new(to)) && !steps.contains(&(from, to)) {
            steps.push((from, to));
        }
        from = to;
    }
    steps
}

/// An operation, or `` `A` → `B` ``.
fn steps<'a>(detector: &str, observed: &'a str) -> Steps<'a> {
    if detector == "new_operation" {
        return (vec![observed], Vec::new());
    }
    let named = |text: &'a str| {
        let text = text.trim();
        text.strip_prefix('`').and_then(|text| text.split_once('`')).map(|(name, _)| name)
    };
    match observed.split_once(" → ") {
        Some((from, to)) => (Vec::new(), vec![(named(from), named(to))]),
        None => (Vec::new(), Vec::new()),
    }
}

fn seen(reason: &Reason, portrait: &Portrait) -> Option<SeenTable> {
    let kind = match (reason.dimension, reason.detector.as_str()) {
        (Dimension::Source, "new_network") => SeenKind::Network,
        (Dimension::Source, "new_device") => SeenKind::Device,
        (Dimension::Source, "new_place" | "impossible_travel") => SeenKind::Place,
        (Dimension::Source | Dimension::Login | Dimension::Identity, _) => SeenKind::Host,
        (Dimension::Privilege | Dimension::Entitlement, _) => SeenKind::Role,
        _ => return None,
    };
    let plain = [
        "new_host",
        "foreign_host",
        "rare_host",
        "new_network",
        "new_device",
        "new_place",
        "impossible_travel",
        "new_role",
    ];
    let odd = plain.contains(&reason.detector.as_str()).then_some(reason.observed.as_str());
    table(portrait, kind, odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_words_that_detectors_write() {
        assert_eq!(mark("Sun 03:12 local time"), Some(Mark { hour: 147, missing: false }));
        // A Monday.
        let at = silent("nothing since 2026-03-30T09:00:00Z", &Zone::utc());
        assert_eq!((at, silent("nothing", &Zone::utc())), (Some(Mark { hour: 9, missing: true }), None));
        assert_eq!((mark("never"), mark("Sun 99:00")), (None, None));
        assert_eq!(amount("4.1 k records read in one session"), Some(4100.0));
        assert_eq!((amount("12 calls made in one day"), amount("many"), amount("")), (Some(12.0), None, None));
        assert_eq!(steps("new_operation", "GET /x"), (vec!["GET /x"], vec![]));
        assert_eq!(steps("call_order", "the start → `B`, with 2 more odd steps"), (vec![], vec![(None, Some("B"))]));
        let path = ["A", "X", "B"].map(str::to_owned);
        assert_eq!(around(&["X"], &path), [(Some("A"), Some("X")), (Some("X"), Some("B"))]);
        let told = ["no surprise by itself", "1 in 10\u{202f}000", "1 in 226 million"];
        assert_eq!([0.5, 1e-4, 1.0 / 225.7e6].map(rarity), told);
    }
}
