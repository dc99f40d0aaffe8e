//! Causes into words: what was observed, what was expected, and one sentence for whoever was woken.

mod acts;
mod lasting;
mod marks;

pub(super) use acts::after;
pub(super) use lasting::{drift, left_cohort, silence, young};
pub(super) use marks::{after as mark_of_act, of_rule as mark_of_rule, of_value as mark_of_value};

use super::baseline::{Baseline, END, Measure, START};
use super::familiar::Standing;
use super::feature::Session;
use super::score::{BY_SESSION, DIMENSIONS, Judgment, Scope, Why};
use crate::alert::{Dimension, Reason, Showing};
use crate::stats::fingerprint;
use crate::stats::log_histogram::Side;
use crate::stats::novelty::Novelty;
use crate::time::{Local, date};

/// P-value up to which a dimension is named as a reason beside the strongest one.
const REASON_P_MAX: f64 = 0.02;
/// Nats of an amount within which the same again is the same story, a doubling about.
const SAME_NATS: f64 = 0.7;

/// Share of starts on a weekday below which a usual hour is said to be one of other days.
const OTHER_DAY_SHARE: f64 = 0.02;

/// What a judgment says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Account {
    /// Strongest first.
    pub reasons: Vec<Reason>,
    /// The strongest reasons as one sentence without the subject.
    pub phrase: String,
    /// Identities of the novelties, so that the same one is not told twice.
    pub keys: Vec<u64>,
    /// What it shows, by which decisions know the same again.
    pub showing: Showing,
}

/// What the words are about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub baseline: &'a Baseline,
    pub session: &'a Session,
    pub start: Local,
    /// The bot's other open sessions.
    pub others: &'a [Session],
    /// Name of the other bot that a host belongs to.
    pub owner: Option<&'a str>,
}

/// One reason in words.
struct Words {
    detector: &'static str,
    observed: String,
    expected: String,
    phrase: String,
    key: u64,
    /// The amount that it is about, which other reasons may be about as well.
    amount: Option<String>,
}

/// A reason's part of the sentence, and the amount that it names.
type Phrase = (String, Option<String>);

/// Explains a judgment.
pub(super) fn explain(judgment: &Judgment, subject: &Subject<'_>) -> Account {
    let mut order: Vec<usize> = (0..BY_SESSION).filter(|&at| judgment.scores[at].why != Why::Usual).collect();
    order.sort_by(|&a, &b| judgment.p[a].total_cmp(&judgment.p[b]).then(a.cmp(&b)));
    let (mut reasons, mut phrases, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let mut showing = Showing::default();
    for (rank, &at) in order.iter().enumerate() {
        if rank > 0 && judgment.p[at] > REASON_P_MAX {
            break;
        }
        let Some(words) = subject.words(judgment.scores[at].why) else { continue };
        keys.push(words.key);
        marks::note(&mut showing, subject, judgment.scores[at].why, words.key);
        reasons.push(Reason {
            dimension: DIMENSIONS[at],
            detector: words.detector.to_owned(),
            p_value: Some(judgment.p[at]),
            text: format!("{}; expected {}.", capitalize(&words.phrase), words.expected),
            observed: words.observed,
            expected: words.expected,
            contribution: None,
        });
        phrases.push((words.phrase, words.amount));
        if let Some((reason, phrase)) = subject.secret(judgment.scores[at].why, judgment.p[at]) {
            reasons.push(reason);
            phrases.push((phrase, None));
        }
    }
    if let Some(person) = judgment.person {
        let (reason, phrase) = acts::person(person);
        let first = reasons.first().is_none_or(|strongest: &Reason| reason.p_value < strongest.p_value);
        let place = if first { 0 } else { 1.min(reasons.len()) };
        reasons.insert(place, reason);
        phrases.insert(place, (phrase, None));
        keys.push(fingerprint(&["person"]));
        showing.marks.push(marks::person(subject.session));
    }
    Account { reasons, phrase: sentence(&phrases), keys, showing }
}

/// The strongest two in one sentence. An amount that is too much in a session is too much in its hour as well, and is
/// named once.
fn sentence(phrases: &[Phrase]) -> String {
    let Some(((first, amount), others)) = phrases.split_first() else { return "behaved unlike itself".to_owned() };
    match others.iter().find(|(_, other)| other.is_none() || other != amount) {
        Some((second, _)) => format!("{first} and {second}"),
        None => first.clone(),
    }
}

impl Subject<'_> {
    /// That a session which is odd by its time or its host read a secret, as a reason of its own.
    fn secret(&self, why: Why, p: f64) -> Option<(Reason, String)> {
        let secret = self.session.secret.as_ref()?;
        let (detector, phrase, how, observed, expected) = match why {
            Why::OddTime => (
                "secret_off_hours",
                format!("read the secret `{secret}` then"),
                "outside its hours",
                self.start.to_string(),
                "reads of secrets at its usual hours",
            ),
            Why::NewHost { host, .. } => (
                "secret_elsewhere",
                format!("read the secret `{secret}` there"),
                "from a host that is not the bot's",
                format!("host {}", self.session.hosts[host]),
                "reads of secrets from its own hosts",
            ),
            _ => return None,
        };
        let reason = Reason {
            dimension: Dimension::Secret,
            detector: detector.to_owned(),
            p_value: Some(p),
            text: format!("It {phrase}, {how}."),
            observed,
            expected: expected.to_owned(),
            contribution: None,
        };
        Some((reason, phrase))
    }

    fn words(&self, why: Why) -> Option<Words> {
        Some(match why {
            Why::Usual => return None,
            Why::OddTime => self.odd_time(),
            Why::NewHost { host, standing } => self.new_host(host, standing),
            Why::RareHost { host } => {
                let name = &self.session.hosts[host];
                plain(
                    "rare_host",
                    "host",
                    name,
                    usual_names(&self.baseline.hosts),
                    format!("ran from `{name}`, which it rarely uses"),
                )
            }
            Why::NewNetwork { network } => {
                let name = &self.session.networks[network];
                let phrase = format!("came from network {name}, where it was never seen");
                plain("new_network", "network", name, usual_names(&self.baseline.networks), phrase)
            }
            Why::NewDevice { device } => {
                let name = &self.session.devices[device];
                let phrase = format!("ran on device `{name}`, {}", self.before(self.baseline.devices.as_deref(), name));
                plain("new_device", "device", name, known(self.baseline.devices.as_deref()), phrase)
            }
            Why::NewPlace { place, travel } => self.new_place(place, travel),
            Why::TwoPlaces { other, .. } => self.two_places(other),
            Why::NewEndpoint { endpoint, more } => self.new_endpoint(endpoint, more),
            Why::OddStep { from, to, more, .. } => self.odd_step(from, to, more),
            Why::Volume { scope, measure, side, amount } => self.volume(scope, measure, side, amount),
            Why::NoMode { measure, amount, usual, modes } => no_mode(measure, amount, usual, modes),
            Why::CallVolume { endpoint, amount } => self.call_volume(endpoint, amount),
            Why::NewRole { role, admin } => self.new_role(role, admin),
            Why::NewPair { role } => self.new_pair(role),
            Why::TooOften { sessions } => self.too_often(sessions),
            Why::Burst { sessions } => self.burst(sessions),
        })
    }

    fn odd_time(&self) -> Words {
        let week = &self.baseline.week;
        let share = week.weekday_share(self.start.weekday);
        let expected = match week.usual_minute() {
            Some(minute) if week.busy_hours() <= 12 => {
                let day = if share < OTHER_DAY_SHARE { ", on other weekdays" } else { "" };
                format!("a start around {:02}:{:02}{day}", minute / 60, minute % 60)
            }
            _ => format!("a start in one of its {} usual hours of the week", week.busy_hours()),
        };
        Words {
            detector: "week_density",
            observed: format!("{} local time", self.start),
            expected,
            phrase: format!("ran at {}, outside its hours", self.start),
            key: fingerprint(&["time", &(self.start.minute / 60).to_string(), &self.start.weekday.to_string()]),
            amount: None,
        }
    }

    fn new_host(&self, host: usize, standing: Standing) -> Words {
        let name = &self.session.hosts[host];
        let before = self.before(Some(&self.baseline.hosts), name);
        let (detector, phrase) = match (self.owner, standing) {
            (Some(owner), _) => ("foreign_host", format!("ran from `{name}`, a host of the bot `{owner}`")),
            (None, Standing::Shared) => ("new_host", format!("ran from host `{name}`, where only other bots did")),
            (None, Standing::Strange | Standing::Alien) => {
                ("new_host", format!("ran from host `{name}`, {before} and named like none in use"))
            }
            (None, _) => ("new_host", format!("ran from host `{name}`, {before}")),
        };
        plain(detector, "host", name, usual_names(&self.baseline.hosts), phrase)
    }

    /// When a value was seen before, of which an alert told then: it counts for new until it is trusted.
    fn before(&self, known: Option<&Novelty>, name: &str) -> String {
        let first = known.and_then(|known| known.value(name)).map(|value| value.first_day);
        match first.filter(|first| *first < self.start.day) {
            Some(first) => format!("seen only since {} and not trusted yet", date(i64::from(first))),
            None => "never seen before".to_owned(),
        }
    }

    fn new_place(&self, place: usize, travel: bool) -> Words {
        let name = &self.session.places[place];
        let known = known(self.baseline.places.as_deref());
        let phrase = match self.session.travel.filter(|_| travel) {
            Some(travel) => format!(
                "was at work in `{name}`, {:.0} km from where it was {:.0} minutes before, which nothing travels",
                travel.km, travel.minutes
            ),
            None => format!("was at work in `{name}`, where it never was"),
        };
        plain(if travel { "impossible_travel" } else { "new_place" }, "place", name, known, phrase)
    }

    fn two_places(&self, other: usize) -> Words {
        let host = self.session.hosts.first().map_or("?", |host| host.as_str());
        let there = self.others.get(other).and_then(|other| other.hosts.first()).map_or("another host", |h| h.as_str());
        Words {
            detector: "two_places",
            observed: format!("sessions on `{host}` and `{there}` at once"),
            expected: "one host at a time".to_owned(),
            phrase: format!("was at work on `{host}` and on `{there}` at the same time"),
            key: fingerprint(&["two places", host, there]),
            amount: None,
        }
    }

    fn new_endpoint(&self, endpoint: u16, more: u16) -> Words {
        let name = &self.session.endpoints[usize::from(endpoint)];
        let others = if more > 0 { format!(" and {more} more new ones") } else { String::new() };
        let expected = format!("one of its {} known operations", self.baseline.graph.len());
        plain("new_operation", "endpoint", name, expected, format!("called `{name}`{others} for the first time"))
    }

    fn odd_step(&self, from: u16, to: u16, more: u16) -> Words {
        let of_session = |at: u16| match at {
            START => "the start".to_owned(),
            END => "the end".to_owned(),
            at => format!("`{}`", self.session.endpoints[usize::from(at)]),
        };
        let number = |at: u16| {
            if at >= END { Some(at) } else { self.baseline.graph.number(&self.session.endpoints[usize::from(at)]) }
        };
        let usual = number(from).and_then(|from| self.baseline.graph.usual_next(from)).map(|next| match next {
            END => "the end".to_owned(),
            next => self
                .baseline
                .graph
                .endpoint(next)
                .map_or_else(|| "another step".to_owned(), |e| format!("`{}`", e.name)),
        });
        let (from, to) = (of_session(from), of_session(to));
        let others = if more > 0 { format!(", with {more} more odd steps") } else { String::new() };
        Words {
            detector: "call_order",
            observed: format!("{from} → {to}{others}"),
            expected: format!("{from} → {}", usual.unwrap_or_else(|| "another step".to_owned())),
            key: fingerprint(&["step", &from, &to]),
            amount: None,
            phrase: format!("went from {from} to {to}, an order that it never used{others}"),
        }
    }

    fn volume(&self, scope: Scope, measure: Measure, side: Side, amount: f64) -> Words {
        let volumes = &self.baseline.volumes;
        let at = measure as usize;
        let (history, span) = match scope {
            Scope::Session => (&volumes.session[at], "in one session"),
            Scope::Hour => (&volumes.past.hour[at], "within an hour"),
            Scope::Day => (&volumes.past.day[at], "in one day"),
        };
        let usual = history.quantile(0.5).unwrap_or(0.0);
        let range = (history.quantile(0.05).unwrap_or(0.0), history.quantile(0.95).unwrap_or(0.0));
        let times = match side {
            Side::High if usual >= 1.0 => format!("{} times the usual", ratio(amount / usual)),
            Side::High => "where it usually has none".to_owned(),
            Side::Low => "far less than usual".to_owned(),
        };
        let level = (amount.ln_1p() / SAME_NATS).round();
        let amount = format!("{} {}", count(amount), measure.noun());
        Words {
            detector: measure.name(),
            observed: format!("{amount} {span}"),
            expected: format!("about {}, from {} to {}", count(usual), count(range.0), count(range.1)),
            phrase: format!("had {amount} {span}, {times}"),
            key: fingerprint(&["volume", span, &level.to_string()]),
            amount: Some(amount),
        }
    }

    fn call_volume(&self, endpoint: u16, amount: f64) -> Words {
        let name = &self.session.endpoints[usize::from(endpoint)];
        let number = self.baseline.graph.number(name);
        let history = number.and_then(|number| self.baseline.graph.endpoint(number));
        let usual = history.and_then(|e| e.moved.quantile(0.5)).unwrap_or(0.0);
        let level = (amount.ln_1p() / SAME_NATS).round();
        Words {
            detector: "call_volume",
            observed: format!("{} in one call of `{name}`", count(amount)),
            expected: format!("about {}", count(usual)),
            phrase: format!("moved {} in one call of `{name}`, usually {}", count(amount), count(usual)),
            key: fingerprint(&["call", name, &level.to_string()]),
            amount: None,
        }
    }

    fn new_role(&self, role: usize, admin: bool) -> Words {
        let name = &self.session.roles[role].0;
        let kind = if admin { "the administrative role" } else { "the role" };
        let phrase = format!("used {kind} `{name}` for the first time");
        plain("new_role", "role", name, usual_names(&self.baseline.roles), phrase)
    }

    fn new_pair(&self, role: usize) -> Words {
        let (name, at) = &self.session.roles[role];
        let endpoint = at.map_or("an operation", |at| self.session.endpoints[usize::from(at)].as_str());
        Words {
            detector: "role_use",
            observed: format!("`{name}` on `{endpoint}`"),
            expected: "the role on the operations that it was used for".to_owned(),
            phrase: format!("used the role `{name}` on `{endpoint}`, which it does not do"),
            key: fingerprint(&["pair", name, endpoint]),
            amount: None,
        }
    }

    fn burst(&self, sessions: u32) -> Words {
        let mean = self.baseline.hourly.mean().unwrap_or(0.0);
        Words {
            detector: "sessions_per_hour",
            observed: format!("{} within an hour", of_sessions(sessions)),
            expected: format!("about {mean:.1} in the busiest hour of a day"),
            phrase: format!("ran {} within an hour, against about {mean:.1} in its busiest one", times(sessions)),
            key: fingerprint(&["burst"]),
            amount: None,
        }
    }

    fn too_often(&self, sessions: u32) -> Words {
        let mean = self.baseline.daily_sessions().map_or(0.0, |(mean, _)| mean);
        Words {
            detector: "sessions_per_day",
            observed: format!("{} today", of_sessions(sessions)),
            expected: format!("about {mean:.1} a day"),
            phrase: format!("ran {} in a day instead of about {mean:.0}", times(sessions)),
            key: fingerprint(&["rate"]),
            amount: None,
        }
    }
}

fn of_sessions(number: u32) -> String {
    format!("{number} session{}", if number == 1 { "" } else { "s" })
}

fn times(number: u32) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

fn no_mode(measure: Measure, amount: f64, usual: f64, modes: usize) -> Words {
    let level = (amount.ln_1p() / SAME_NATS).round();
    let amount = format!("{} {}", count(amount), measure.noun());
    let of = if modes > 1 {
        format!("none of its {modes} kinds of session has")
    } else {
        "its sessions do not have".to_owned()
    };
    Words {
        detector: "mode",
        observed: format!("{amount} in one session"),
        expected: format!("about {}, as in the kind of session that is most like it", count(usual)),
        phrase: format!("had {amount} in one session, which {of}"),
        key: fingerprint(&["mode", measure.name(), &level.to_string()]),
        amount: Some(amount),
    }
}

fn plain(detector: &'static str, kind: &str, name: &str, expected: String, phrase: String) -> Words {
    Words { detector, observed: name.to_owned(), expected, phrase, key: fingerprint(&[kind, name]), amount: None }
}

fn known(values: Option<&crate::stats::novelty::Novelty>) -> String {
    values.map_or_else(|| "none so far".to_owned(), usual_names)
}

fn usual_names(values: &crate::stats::novelty::Novelty) -> String {
    let mut known: Vec<_> = values.values().filter(|value| values.knows(&value.name)).collect();
    known.sort_by(|a, b| b.days.total_cmp(&a.days).then_with(|| a.name.cmp(&b.name)));
    match known.as_slice() {
        [] => "none so far".to_owned(),
        [one] => format!("`{}`", one.name),
        [one, two] => format!("`{}` or `{}`", one.name, two.name),
        [one, two, three] => format!("`{}`, `{}` or `{}`", one.name, two.name, three.name),
        [one, two, rest @ ..] => format!("`{}`, `{}` or {} others", one.name, two.name, rest.len()),
    }
}

/// A quantity for people: exact while small, rounded with its magnitude when large.
fn count(x: f64) -> String {
    match x {
        x if x >= 1e9 => format!("{:.1} G", x / 1e9),
        x if x >= 1e6 => format!("{:.1} M", x / 1e6),
        x if x >= 1e4 => format!("{:.1} k", x / 1e3),
        x => format!("{x:.0}"),
    }
}

fn ratio(x: f64) -> String {
    if x >= 10.0 { format!("{x:.0}") } else { format!("{x:.1}") }
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_names_an_amount_once() {
        let of = |text: &str, amount: Option<&str>| (text.to_owned(), amount.map(str::to_owned));
        let (hour, session) =
            (of("had 9 k rows within an hour", Some("9 k rows")), of("had 9 k rows in one session", Some("9 k rows")));
        let (bytes, host) = (of("had 2 M bytes", Some("2 M bytes")), of("ran from `b`", None));
        assert_eq!(sentence(&[]), "behaved unlike itself");
        assert_eq!(sentence(&[hour.clone(), session.clone()]), "had 9 k rows within an hour");
        assert_eq!(sentence(&[hour.clone(), session.clone(), bytes]), "had 9 k rows within an hour and had 2 M bytes");
        assert_eq!(sentence(&[host, session]), "ran from `b` and had 9 k rows in one session");
    }
}
