//! Who is told of an alert: routes, of which the first that fits decides; one that says to continue tells as well, and
//! decides nothing. Where none decides, the default does.
//!
//! A pure function of the alert, of who answers for the bot, and of the instant by the wall clock, which business hours
//! are held against. Where nothing is routed, everybody is told.

use std::collections::BTreeSet;

use super::hours::Hours;
use super::matcher::{Matcher, Whose};
use super::wire::Alert;
use crate::time::{Span, Timestamp};

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Of which alerts.
    pub matcher: Matcher,
    /// Within which hours; none is always.
    pub hours: Option<Hours>,
    /// To whom.
    pub receivers: Vec<String>,
    /// Whether routes behind it are asked as well.
    pub continues: bool,
    /// What happens if nobody acknowledges.
    pub escalation: Option<Escalation>,
}

/// What happens if nobody acknowledges an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// How long is waited.
    pub after: Span,
    /// Who is told then.
    pub to: Vec<String>,
}

/// All routes.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// In their order.
    pub routes: Vec<Route>,
    /// Who is told where no route decides; none is everybody, or nobody else where a route continued.
    pub default: Option<Vec<String>>,
    /// What happens then if nobody acknowledges.
    pub default_escalation: Option<Escalation>,
    /// Who is told as well what a receiver does not take.
    pub fallback: Option<Escalation>,
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutedBy {
    /// The route of this number, from 0.
    Route(usize),
    /// No route decides.
    Default,
    /// Nothing is routed.
    Everyone,
}

/// The way of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way<'a> {
    /// Who is told; none is everybody.
    pub receivers: Option<BTreeSet<&'a str>>,
    /// What happens if nobody acknowledges.
    pub escalations: Vec<&'a Escalation>,
    /// Why.
    pub by: Vec<RoutedBy>,
}

impl Routing {
    /// Whether anything escalates.
    #[must_use]
    pub fn escalates(&self) -> bool {
        self.default_escalation.is_some() || self.routes.iter().any(|route| route.escalation.is_some())
    }

    /// The way of an alert.
    #[must_use]
    pub fn way(&self, alert: &Alert, whose: &Whose, now: Timestamp) -> Way<'_> {
        let mut way = Way { receivers: Some(BTreeSet::new()), escalations: Vec::new(), by: Vec::new() };
        for (number, route) in self.routes.iter().enumerate() {
            let open = route.hours.as_ref().is_none_or(|hours| hours.cover(now));
            if open && route.matcher.touches(alert, whose) {
                way.add(RoutedBy::Route(number), &route.receivers, route.escalation.as_ref());
                if !route.continues {
                    return way;
                }
            }
        }
        if let Some(receivers) = &self.default {
            way.add(RoutedBy::Default, receivers, self.default_escalation.as_ref());
        } else if way.by.is_empty() {
            way.add(RoutedBy::Everyone, &[], self.default_escalation.as_ref());
            way.receivers = None;
        }
        way
    }
}

impl<'a> Way<'a> {
    fn add(&mut self, by: RoutedBy, receivers: &'a [String], escalation: Option<&'a Escalation>) {
        self.by.push(by);
        self.receivers.get_or_insert_default().extend(receivers.iter().map(String::as_str));
        self.escalations.extend(escalation);
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::super::wire::Severity;
    use super::super::wire::tests::about_bot as alert;
    use super::*;

    fn route(receiver: &str, matcher: Matcher) -> Route {
        Route { matcher, hours: None, receivers: vec![receiver.to_owned()], continues: false, escalation: None }
    }

    fn severe() -> Matcher {
        Matcher { severities: vec![Severity::High, Severity::Critical], ..Matcher::default() }
    }

    fn told(routing: &Routing, severity: Severity, team: Option<&str>, at: &str) -> (Vec<String>, Vec<RoutedBy>) {
        let whose = Whose { team: team.map(ToOwned::to_owned), owner: None };
        let page = alert("a1", severity);
        let way = routing.way(&page, &whose, at.parse().expect("a time"));
        (way.receivers.into_iter().flatten().map(ToOwned::to_owned).collect(), way.by)
    }

    #[test]
    fn the_first_route_decides_unless_it_continues() {
        let mut day = route("desk", severe());
        day.hours = Some(Hours::parse("mon-fri 08:00-18:00", "UTC").expect("hours"));
        let mut copy = route("archive", severe());
        copy.continues = true;
        let payroll = Matcher { teams: vec![Pattern::parse("payroll").expect("a pattern")], ..Matcher::default() };
        let routes = vec![copy, day, route("pager", severe()), route("chat", payroll)];
        let routing = Routing { routes, default: Some(vec!["mail".to_owned()]), ..Routing::default() };
        let (noon, night) = ("2026-05-04T12:00:00Z", "2026-05-04T23:00:00Z");
        for (severity, team, at, receivers, by) in [
            (Severity::High, None, noon, &["archive", "desk"][..], vec![RoutedBy::Route(0), RoutedBy::Route(1)]),
            (Severity::High, None, night, &["archive", "pager"], vec![RoutedBy::Route(0), RoutedBy::Route(2)]),
            (Severity::Medium, Some("payroll"), noon, &["chat"], vec![RoutedBy::Route(3)]),
            (Severity::Medium, None, noon, &["mail"], vec![RoutedBy::Default]),
        ] {
            let expected = (receivers.iter().map(ToString::to_string).collect(), by);
            assert_eq!(told(&routing, severity, team, at), expected, "{severity} {team:?} {at}");
        }
    }

    #[test]
    fn a_copy_decides_nothing() {
        let mut copy = route("archive", Matcher::default());
        copy.continues = true;
        let default = Some(vec!["pager".to_owned()]);
        let routing = Routing { routes: vec![copy, route("desk", severe())], default, ..Routing::default() };
        let at_night = "2026-05-04T03:00:00Z";
        let names = |list: [&str; 2]| list.map(ToOwned::to_owned).to_vec();
        let by = vec![RoutedBy::Route(0), RoutedBy::Default];
        assert_eq!(told(&routing, Severity::Medium, None, at_night), (names(["archive", "pager"]), by));
        let by = vec![RoutedBy::Route(0), RoutedBy::Route(1)];
        assert_eq!(told(&routing, Severity::Critical, None, at_night), (names(["archive", "desk"]), by));
        let copies = Routing { default: None, ..routing };
        let by = vec![RoutedBy::Route(0)];
        assert_eq!(told(&copies, Severity::Medium, None, at_night), (vec!["archive".to_owned()], by));
    }

    #[test]
    fn where_nothing_is_routed_everybody_is_told() {
        let routing = Routing::default();
        let page = alert("a1", Severity::High);
        let way = routing.way(&page, &Whose::default(), Timestamp::MIN);
        assert_eq!((way.receivers, way.by), (None, vec![RoutedBy::Everyone]));
        let nobody = Routing { default: Some(Vec::new()), ..Routing::default() };
        let way = nobody.way(&page, &Whose::default(), Timestamp::MIN);
        assert_eq!((way.receivers, way.by), (Some(BTreeSet::new()), vec![RoutedBy::Default]));
    }
}
