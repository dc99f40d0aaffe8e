//! What a finding shows, as marks by which people's decisions know the same again.
//!
//! A decision covers a finding whose every mark it has, so that a mark must hold whatever would make it another matter:
//! all new hosts and not only the first, an amount within about a fifth, the host beside a broken rule. What is told once
//! a week by a coarser key may be coarse; what is not told for a year may not.

use super::Subject;
use crate::alert::{Facet, Mark, Showing};
use crate::detect::feature::Session;
use crate::detect::score::{Scope, Why};
use crate::event::Text;
use crate::stats::fingerprint;
use crate::stats::novelty::Novelty;

/// Nats of an amount that count as the same: a fifth. More: a decision covers far larger amounts. Less: the same again is
/// another amount.
const STEP_NATS: f64 = 0.2;
/// Values that a finding names; more of them are marked and not named.
const NAMES_MAX: usize = 16;

/// The mark of something that is the same or is not.
fn exact(parts: &[&str]) -> Mark {
    [fingerprint(parts); 3]
}

/// The mark of an amount.
pub(super) fn amount(parts: &[&str], amount: f64) -> Mark {
    let level = (amount.max(0.0).ln_1p() / STEP_NATS).round();
    [level, level - 1.0, level + 1.0].map(|level| {
        let level = level.to_string();
        let all: Vec<&str> = parts.iter().copied().chain([level.as_str()]).collect();
        fingerprint(&all)
    })
}

/// The mark of an hour of the day.
fn hour(hour: u16) -> Mark {
    [hour, (hour + 23) % 24, (hour + 1) % 24].map(|hour| fingerprint(&["hour", &hour.to_string()]))
}

/// The mark of a value that a decision names: one of those that findings show.
pub(in crate::detect) fn of_value(facet: Facet, name: &str) -> u64 {
    fingerprint(&[kind(facet), name])
}

/// The mark of a broken rule on a host.
pub(in crate::detect) fn of_rule(key: u64, host: Option<&str>) -> Mark {
    exact(&["rule", &key.to_string(), host.unwrap_or_default()])
}

/// The mark of what comes after a suspicious act.
pub(in crate::detect) fn after(what: &str) -> Mark {
    exact(&["after", what])
}

/// A person's pace, on the hosts at hand.
pub(super) fn person(session: &Session) -> Mark {
    let mut hosts: Vec<&str> = session.hosts.iter().map(Text::as_str).collect();
    hosts.sort_unstable();
    exact(&["person", &hosts.join(" ")])
}

fn kind(facet: Facet) -> &'static str {
    match facet {
        Facet::Host => "host",
        Facet::Network => "network",
        Facet::Device => "device",
        Facet::Place => "place",
        Facet::Role => "role",
        Facet::Operation => "endpoint",
        Facet::Hour => "hour",
    }
}

/// Notes what one dimension shows.
pub(super) fn note(showing: &mut Showing, subject: &Subject<'_>, why: Why, key: u64) {
    let (session, baseline) = (subject.session, subject.baseline);
    match why {
        Why::Usual => {}
        Why::OddTime => {
            showing.marks.push(hour(subject.start.minute / 60));
            name(showing, Facet::Hour, &(subject.start.minute / 60).to_string());
            showing.marks.extend(session.secret.as_ref().map(|secret| exact(&["secret", secret])));
        }
        Why::RareHost { host } => value(showing, Facet::Host, &session.hosts[host]),
        Why::NewHost { .. }
        | Why::NewNetwork { .. }
        | Why::NewDevice { .. }
        | Why::NewPlace { .. }
        | Why::TwoPlaces { .. } => {
            sources(showing, subject);
            match why {
                Why::TwoPlaces { .. } | Why::NewPlace { travel: true, .. } => showing.marks.push([key; 3]),
                _ if showing.marks.is_empty() => showing.marks.push([key; 3]),
                _ => {}
            }
        }
        Why::NewEndpoint { .. } => {
            let new = session.endpoints.iter().filter(|name| baseline.graph.number(name).is_none());
            new.for_each(|name| value(showing, Facet::Operation, name));
        }
        Why::OddStep { more, .. } => {
            showing.marks.push([key; 3]);
            if more > 0 {
                showing.marks.push(amount(&["steps"], f64::from(more)));
            }
        }
        Why::Volume { scope, measure, amount: moved, .. } => {
            let span = match scope {
                Scope::Session => "session",
                Scope::Hour => "hour",
                Scope::Day => "day",
            };
            showing.marks.push(amount(&["volume", span, measure.name()], moved));
        }
        Why::NoMode { measure, amount: moved, .. } => showing.marks.push(amount(&["mode", measure.name()], moved)),
        Why::CallVolume { endpoint, amount: moved } => {
            showing.marks.push(amount(&["call", &session.endpoints[usize::from(endpoint)]], moved));
        }
        Why::NewRole { .. } | Why::NewPair { .. } => {
            let new = session.roles.iter().filter(|(role, _)| !baseline.roles.knows(role));
            new.for_each(|(role, _)| value(showing, Facet::Role, role));
            if matches!(why, Why::NewPair { .. }) {
                showing.marks.push([key; 3]);
            }
        }
        Why::TooOften { sessions } => showing.marks.push(amount(&["sessions a day"], f64::from(sessions))),
        Why::Burst { sessions } => showing.marks.push(amount(&["sessions an hour"], f64::from(sessions))),
    }
}

/// All that is new about where a session came from, since only the oddest is told.
fn sources(showing: &mut Showing, subject: &Subject<'_>) {
    let (session, baseline) = (subject.session, subject.baseline);
    let none = Novelty::default();
    let devices = baseline.devices.as_deref().unwrap_or(&none);
    let places = baseline.places.as_deref().unwrap_or(&none);
    let all: [(Facet, &[Text], &Novelty); 4] = [
        (Facet::Host, &session.hosts, &baseline.hosts),
        (Facet::Network, &session.networks, &baseline.networks),
        (Facet::Device, &session.devices, devices),
        (Facet::Place, &session.places, places),
    ];
    for (facet, seen, known) in all {
        seen.iter().filter(|name| !known.knows(name)).for_each(|name| value(showing, facet, name));
    }
}

/// Marks and names a value.
fn value(showing: &mut Showing, facet: Facet, text: &str) {
    showing.marks.push([of_value(facet, text); 3]);
    name(showing, facet, text);
}

fn name(showing: &mut Showing, facet: Facet, text: &str) {
    if showing.names.len() < NAMES_MAX {
        showing.names.push((facet, text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_is_one_within_about_a_fifth() {
        let of = |moved: f64| amount(&["volume"], moved);
        let covers = |said: f64, again: f64| of(said).contains(&of(again)[0]);
        for (said, again, expected) in
            [(1000.0, 1000.0, true), (1000.0, 1100.0, true), (1000.0, 900.0, true), (1000.0, 1500.0, false)]
        {
            assert_eq!(covers(said, again), expected, "{said} {again}");
        }
        assert_ne!(of(10.0), amount(&["calls"], 10.0));
    }

    #[test]
    fn the_hours_beside_one_are_the_same_around_midnight() {
        assert!(hour(0).contains(&hour(23)[0]) && hour(23).contains(&hour(0)[0]));
        assert!(!hour(3).contains(&hour(5)[0]));
        assert_eq!(hour(7)[0], of_value(Facet::Hour, "7"));
    }
}
