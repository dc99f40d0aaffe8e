//! One page a story: findings about one bot that come in one stretch are one alert, which grows, is published again
//! when it gets worse, and resolves when the bot has been quiet long enough.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::feedback::Showing;
use super::share::weigh;
use super::suppress::Suppressed;
use super::wire::{Alert, AlertContext, BaselineNote, Dimension, Reason, Severity, Status, Tags};
use crate::time::{Span, Timestamp};

/// Evidence ids that an alert carries.
const EVENTS_MAX: usize = 20;
/// Reasons that an alert carries; the weakest go.
const REASONS_MAX: usize = 12;

/// Something found about one bot or one producer's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Whose bot.
    pub tenant: String,
    /// The bot, unless it is about a log.
    pub bot: Option<String>,
    /// The session in question.
    pub session: Option<String>,
    /// The log in question.
    pub producer: Option<String>,
    /// Event time of the newest event behind it.
    pub ts: Timestamp,
    /// How bad.
    pub severity: Severity,
    /// 0 to 100.
    pub score: f64,
    /// The fused p-value; none for a rule.
    pub p_value: Option<f64>,
    /// One sentence.
    pub title: String,
    /// Strongest first.
    pub reasons: Vec<Reason>,
    /// Ids of the evidence.
    pub events: Vec<String>,
    /// How many events there are behind it.
    pub event_count: u64,
    /// Standard classifications.
    pub tags: Tags,
    /// The baseline that it was held against.
    pub baseline: BaselineNote,
    /// What it is seen beside.
    pub context: Option<AlertContext>,
    /// Hosts at work in it, as far as they are known.
    pub hosts: Vec<String>,
    /// The suppression that covers it.
    pub suppressed: Option<Suppressed>,
    /// The story that it belongs to, where that began before and may be closed by now.
    pub incident: Option<String>,
    /// What it showed, by which people's decisions know the same again.
    pub showing: Showing,
}

/// The open alerts.
///
/// A bot has one that pages nobody, or one a matter that pages: those of one story share their incident. A further
/// matter begins with a dimension that none of the others names, so that there are never more of them than dimensions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AlertBook {
    open: BTreeMap<Arc<Subject>, Arc<Vec<Matter>>>,
    deadlines: BTreeSet<(Timestamp, Arc<Subject>)>,
    /// The alert that the last finding went into.
    #[serde(skip)]
    touched: String,
}

/// Whom a story is about: tenant, bot, producer.
type Subject = (String, Option<String>, Option<String>);

/// A piece of what a book is written as. All of them in their order are the book, for formats that write values one after
/// the other.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct BookPiece(Piece);

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Piece {
    /// How many of the next kind there are.
    Count(u64),
    /// The open alerts of one story.
    Story(Arc<Subject>, Arc<Vec<Matter>>),
    /// When a story is looked at.
    Deadline(Timestamp, Arc<Subject>),
}

/// What one open alert is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Matter {
    alert: Alert,
    deadline: Timestamp,
    /// Events of the session that was counted last, since it may be reported again as it grows.
    last_session: Option<String>,
    last_count: u64,
    /// What was said of that session.
    #[serde(default)]
    last_said: Vec<String>,
}

impl AlertBook {
    /// How many incidents are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes a finding in; the alerts to publish, if it opens a story or makes one worse.
    ///
    /// What pages nobody is no story that could take a page in, or somebody could hide behind a small oddity: a page
    /// gets an alert of its own, and so does each session of the archive. So does a page about something else, which
    /// would hide behind one that somebody is dealing with; that one goes on. They share the incident. What is suppressed
    /// is one such story as long as it lasts, and evidence in a story that is not.
    pub fn raise(&mut self, finding: Finding, watermark: Timestamp, quiet: Span) -> Vec<Alert> {
        let subject = Arc::new((finding.tenant.clone(), finding.bot.clone(), finding.producer.clone()));
        let deadline = watermark.later(finding.ts) + quiet;
        self.deadlines.insert((deadline, Arc::clone(&subject)));
        let story = Arc::make_mut(self.open.entry(subject).or_default());
        let Some(matter) = of_which(story, &finding) else {
            let incident = story.first().map(|matter| matter.alert.incident.clone());
            // Most stories stay one matter, and an alert is large.
            story.reserve_exact(1);
            story.push(Matter::open(Finding { incident: incident.or(finding.incident), ..finding }, deadline));
            self.touched = story.last().map(|matter| matter.alert.id.clone()).unwrap_or_default();
            return story.last().map(|matter| matter.alert.clone()).into_iter().collect();
        };
        matter.deadline = matter.deadline.later(deadline);
        let same = finding.session.is_some() && finding.session == matter.last_session;
        let hidden = matter.alert.suppressed.is_some();
        let grows = match finding.suppressed {
            Some(_) => hidden || same,
            None => same && !hidden && !finding.severity.pages(),
        };
        if matter.alert.severity.pages() || grows {
            self.touched.clone_from(&matter.alert.id);
            return if matter.grow(finding) { vec![matter.alert.clone()] } else { Vec::new() };
        }
        let next = matter.next(finding);
        self.touched.clone_from(&next.alert.id);
        vec![std::mem::replace(matter, next).resolved(), matter.alert.clone()]
    }

    /// The book as it stands, to be written down piece by piece while it goes on. Its stories are not copied: one that
    /// changes before it is written is.
    #[must_use]
    pub fn pieces(&self) -> Vec<BookPiece> {
        let stories = self.open.iter().map(|(subject, story)| Piece::Story(Arc::clone(subject), Arc::clone(story)));
        let deadlines = self.deadlines.iter().map(|(at, subject)| Piece::Deadline(*at, Arc::clone(subject)));
        let count = |count: usize| std::iter::once(Piece::Count(count as u64));
        count(self.open.len())
            .chain(stories)
            .chain(count(self.deadlines.len()))
            .chain(deadlines)
            .map(BookPiece)
            .collect()
    }

    /// All open alerts, in order of whom they are about.
    pub fn open(&self) -> impl Iterator<Item = &Alert> {
        self.open.values().flat_map(|story| story.iter()).map(|matter| &matter.alert)
    }

    /// The open story of a bot.
    #[must_use]
    pub fn incident(&self, tenant: &str, bot: &str) -> Option<&str> {
        let subject = (tenant.to_owned(), Some(bot.to_owned()), None);
        self.open.get(&subject)?.first().map(|matter| matter.alert.incident.as_str())
    }

    /// Resolves what a bot's story says of one dimension and of nothing else, since that is over.
    pub fn end(&mut self, tenant: &str, bot: &str, dimension: Dimension) -> Vec<Alert> {
        let subject = (tenant.to_owned(), Some(bot.to_owned()), None);
        self.resolve(&subject, |matter| matter.alert.reasons.iter().all(|reason| reason.dimension == dimension))
    }

    /// Resolves what a log's story says by one detector and by no other, since that is over, and adds how it ended.
    pub fn over(&mut self, tenant: &str, producer: &str, detector: &str, how: &str) -> Vec<Alert> {
        let subject = (tenant.to_owned(), None, Some(producer.to_owned()));
        let is_of = |matter: &Matter| matter.alert.reasons.iter().all(|reason| reason.detector == detector);
        let mut resolved = self.resolve(&subject, is_of);
        for reason in resolved.iter_mut().flat_map(|alert| &mut alert.reasons) {
            reason.text = format!("{} {how}", reason.text);
        }
        resolved
    }

    /// The alert that the last finding went into.
    #[must_use]
    pub fn touched(&self) -> &str {
        &self.touched
    }

    /// Resolves some alerts of a bot's story, since somebody says that they are dealt with.
    pub fn settle(&mut self, tenant: &str, bot: &str, is_settled: impl Fn(&Alert) -> bool) -> Vec<Alert> {
        let subject = (tenant.to_owned(), Some(bot.to_owned()), None);
        self.resolve(&subject, |matter| is_settled(&matter.alert))
    }

    /// Resolves what has been quiet until the watermark.
    pub fn advance(&mut self, watermark: Timestamp) -> Vec<Alert> {
        let mut resolved = Vec::new();
        while self.deadlines.first().is_some_and(|(deadline, _)| *deadline <= watermark) {
            let Some((_, subject)) = self.deadlines.pop_first() else { break };
            resolved.extend(self.resolve(&subject, |matter| matter.deadline <= watermark));
        }
        resolved
    }

    fn resolve(&mut self, subject: &Subject, over: impl Fn(&Matter) -> bool) -> Vec<Alert> {
        let Some(story) = self.open.get_mut(subject) else { return Vec::new() };
        if !story.iter().any(&over) {
            return Vec::new();
        }
        let story = Arc::make_mut(story);
        let resolved = story.extract_if(.., |matter| over(matter)).map(Matter::resolved).collect();
        if story.is_empty() {
            self.open.remove(subject);
        }
        resolved
    }
}

/// The matter that a finding belongs to: the one that names its first reason's dimension, or is about its session. Of
/// what belongs to none, a session's page is one of its own, unless all that is open pages nobody; the rest is evidence
/// in the newest.
fn of_which<'a>(story: &'a mut [Matter], finding: &Finding) -> Option<&'a mut Matter> {
    let first = finding.reasons.first().map(|reason| reason.dimension);
    let names = |matter: &Matter| matter.alert.reasons.iter().any(|reason| Some(reason.dimension) == first);
    let same = |matter: &Matter| finding.session.is_some() && matter.last_session == finding.session;
    let known = story.iter().position(names).or_else(|| story.iter().position(same));
    let own = finding.severity.pages() && finding.session.is_some();
    let newest = story.len().checked_sub(1).filter(|&newest| !own || !story[newest].alert.severity.pages());
    story.get_mut(known.or(newest)?)
}

impl Matter {
    fn open(finding: Finding, deadline: Timestamp) -> Self {
        let id = identity(&finding);
        let (last_session, last_count) = (finding.session.clone(), finding.event_count);
        let mut alert = Alert {
            incident: finding.incident.unwrap_or_else(|| format!("inc-{}", &id[..16])),
            id,
            status: Status::Firing,
            revision: 1,
            ts: finding.ts,
            tenant: finding.tenant,
            bot: finding.bot,
            session: finding.session,
            producer: finding.producer,
            severity: finding.severity,
            score: finding.score,
            p_value: finding.p_value,
            title: finding.title,
            reasons: finding.reasons,
            events: finding.events,
            event_count: finding.event_count,
            tags: finding.tags,
            baseline: finding.baseline,
            context: finding.context,
            suppressed: finding.suppressed,
        };
        alert.events.truncate(EVENTS_MAX);
        alert.reasons.truncate(REASONS_MAX);
        weigh(&mut alert.reasons);
        let last_said = alert.reasons.iter().map(word).collect();
        Self { alert, deadline, last_session, last_count, last_said }
    }

    /// The alert that comes after this one in the same story.
    fn next(&self, finding: Finding) -> Self {
        let mut next = Self::open(finding, self.deadline);
        next.alert.incident.clone_from(&self.alert.incident);
        next
    }

    fn resolved(mut self) -> Alert {
        self.alert.status = Status::Resolved;
        self.alert.revision += 1;
        self.alert
    }

    /// Adds a finding; whether the story got worse.
    fn grow(&mut self, finding: Finding) -> bool {
        let alert = &mut self.alert;
        // What is hidden gets worse, too: by what it would have been.
        let worse_hidden = match (&alert.suppressed, &finding.suppressed) {
            (Some(known), Some(more)) => more.severity > known.severity,
            _ => false,
        };
        alert.ts = alert.ts.later(finding.ts);
        let again = finding.session.is_some() && finding.session == self.last_session;
        alert.event_count += finding.event_count - if again { self.last_count.min(finding.event_count) } else { 0 };
        self.last_session = finding.session.clone();
        self.last_count = finding.event_count;
        for id in finding.events {
            if alert.events.len() < EVENTS_MAX && !alert.events.contains(&id) {
                alert.events.push(id);
            }
        }
        let before = std::mem::replace(&mut self.last_said, finding.reasons.iter().map(word).collect());
        for reason in finding.reasons {
            merge_reason(&mut alert.reasons, reason, if again { &before } else { &[] });
        }
        weigh(&mut alert.reasons);
        merge_tags(&mut alert.tags.mitre_attack, finding.tags.mitre_attack);
        merge_tags(&mut alert.tags.owasp_nhi, finding.tags.owasp_nhi);
        let stronger = finding.score > alert.score;
        if stronger {
            alert.score = finding.score;
            alert.p_value = finding.p_value;
        }
        alert.score = alert.severity.max(finding.severity).keep(alert.score);
        if finding.severity <= alert.severity && !worse_hidden {
            return false;
        }
        if worse_hidden {
            alert.suppressed = finding.suppressed;
        }
        alert.severity = finding.severity;
        alert.title = finding.title;
        alert.session = finding.session;
        alert.context = finding.context.or(alert.context.take());
        alert.revision += 1;
        true
    }
}

/// Whoever computes the same finding again gives it the same id: subject, trigger and time, nothing of the machine.
fn identity(finding: &Finding) -> String {
    let trigger = finding.events.first().map_or("", String::as_str);
    let mut hasher = blake3::Hasher::new();
    let parts = [Some(&finding.tenant), finding.bot.as_ref(), finding.producer.as_ref(), finding.session.as_ref()];
    for part in parts {
        hasher.update(part.map_or("", String::as_str).as_bytes()).update(&[0]);
    }
    hasher.update(trigger.as_bytes()).update(&[0]).update(&finding.ts.as_micros().to_le_bytes());
    for reason in &finding.reasons {
        hasher.update(reason.detector.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Words of one detector about different values that an alert carries.
const VALUES_MAX: usize = 4;

/// What a reason says, whatever its weight.
fn word(reason: &Reason) -> String {
    format!("{} {}", reason.detector, reason.observed)
}

/// The same detector speaks once of an amount or a time, and once of each value; its stronger word stays. Strongest first.
/// `before` is what was said of the session that is told again as it has grown: its detectors speak of all of it.
fn merge_reason(reasons: &mut Vec<Reason>, reason: Reason, before: &[String]) {
    let rank = |reason: &Reason| reason.p_value.unwrap_or(0.0);
    let same = |known: &Reason| known.dimension == reason.dimension && known.detector == reason.detector;
    let is_of_values = matches!(reason.dimension, Dimension::Source | Dimension::Sequence | Dimension::Privilege);
    let full = reasons.iter().filter(|known| same(known)).count() >= VALUES_MAX;
    let place = |is: &dyn Fn(&Reason) -> bool| reasons.iter().position(|known| same(known) && is(known));
    let known = place(&|known| known.observed == reason.observed)
        .or_else(|| place(&|known| before.contains(&word(known))))
        .or_else(|| place(&|_| !is_of_values || full));
    match known.and_then(|at| reasons.get_mut(at)) {
        // What a log lacks is named as a whole each time.
        Some(known) if rank(&reason) < rank(known) || reason.dimension == Dimension::Integrity => *known = reason,
        Some(_) => {}
        None => reasons.push(reason),
    }
    reasons.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    reasons.truncate(REASONS_MAX);
}

fn merge_tags(tags: &mut Vec<String>, more: Vec<String>) {
    for tag in more {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Dimension;

    const QUIET: Span = Span::from_hours(6);

    fn at(minute: i64) -> Timestamp {
        "2026-05-04T06:00:00Z".parse::<Timestamp>().expect("a time") + Span::from_mins(minute)
    }

    fn finding(minute: i64, severity: Severity, detector: &str) -> Finding {
        let reason = Reason {
            dimension: Dimension::Source,
            detector: detector.to_owned(),
            p_value: Some(1e-4),
            observed: String::new(),
            expected: String::new(),
            text: String::new(),
            contribution: None,
        };
        Finding {
            tenant: "t".to_owned(),
            bot: Some("b".to_owned()),
            session: Some(format!("s{minute}")),
            producer: None,
            ts: at(minute),
            severity,
            score: 50.0,
            p_value: Some(1e-4),
            title: detector.to_owned(),
            reasons: vec![reason],
            events: vec![format!("e{minute}")],
            event_count: 1,
            tags: Tags::default(),
            baseline: BaselineNote::default(),
            context: None,
            hosts: Vec::new(),
            suppressed: None,
            incident: None,
            showing: Showing::default(),
        }
    }

    /// The same, under a suppression.
    fn hidden(minutes: i64, severity: Severity, detector: &str) -> Finding {
        let note = Suppressed { owner: "o".to_owned(), reason: "r".to_owned(), until: at(60), severity };
        Finding { suppressed: Some(note), severity: Severity::Info, ..finding(minutes, severity, detector) }
    }

    #[test]
    fn what_is_suppressed_is_one_quiet_story_and_the_first_page_behind_it_is_a_page() {
        let mut book = AlertBook::default();
        let first = book.raise(hidden(0, Severity::Low, "a"), at(0), QUIET).remove(0);
        assert_eq!((first.severity, first.revision), (Severity::Info, 1));
        assert_eq!(book.raise(hidden(1, Severity::Low, "b"), at(1), QUIET), [], "more of the same");
        let worse = book.raise(hidden(2, Severity::High, "c"), at(2), QUIET).remove(0);
        assert_eq!((&worse.id, worse.severity, worse.revision), (&first.id, Severity::Info, 2));
        assert_eq!(worse.suppressed.map(|note| note.severity), Some(Severity::High));
        let page = book.raise(finding(61, Severity::Medium, "a"), at(61), QUIET);
        let [over, page] = page.as_slice() else { panic!("{page:?}") };
        assert_eq!((&over.id, over.status), (&first.id, Status::Resolved));
        assert_eq!((page.severity, page.revision, &page.suppressed), (Severity::Medium, 1, &None));
        assert!(page.id != first.id && page.incident == first.incident);
        assert_eq!(book.raise(hidden(62, Severity::Critical, "d"), at(62), QUIET), [], "evidence of the page");
        let resolved = book.advance(at(999)).remove(0);
        assert_eq!((resolved.severity, resolved.suppressed, resolved.event_count), (Severity::Medium, None, 2));
    }

    #[test]
    fn an_archive_story_does_not_go_on_in_a_suppressed_one() {
        let mut book = AlertBook::default();
        let first = book.raise(hidden(0, Severity::High, "a"), at(0), QUIET).remove(0);
        let next = book.raise(finding(1, Severity::Low, "b"), at(1), QUIET);
        assert_eq!((&next[0].id, next[0].status), (&first.id, Status::Resolved));
        assert_eq!((next[1].severity, &next[1].suppressed), (Severity::Low, &None));
    }

    #[test]
    fn one_story_is_one_page_until_it_is_worse() {
        let mut book = AlertBook::default();
        let first = book.raise(finding(0, Severity::Medium, "a"), at(0), QUIET).remove(0);
        assert_eq!(book.raise(finding(10, Severity::Medium, "b"), at(10), QUIET), []);
        let worse = book.raise(finding(20, Severity::High, "c"), at(20), QUIET).remove(0);
        assert_eq!((&worse.id, worse.revision, worse.event_count), (&first.id, 2, 3));
        assert_eq!((worse.title.as_str(), worse.reasons.len(), worse.ts), ("c", 3, at(20)));
        let shares = |alert: &Alert| alert.reasons.iter().filter_map(|r| r.contribution).collect::<Vec<_>>();
        assert_eq!((shares(&first), shares(&worse)), (vec![1.0], vec![0.334, 0.333, 0.333]));
        assert!(book.advance(at(20 + 359)).is_empty());
        let resolved = book.advance(at(20 + 360));
        assert_eq!((resolved[0].status, resolved[0].revision), (Status::Resolved, 3));
        assert!(book.is_empty());
        let next = book.raise(finding(600, Severity::Medium, "a"), at(600), QUIET).remove(0);
        assert_ne!(next.id, first.id);
    }

    #[test]
    fn an_alert_keeps_the_hosts_of_its_story_and_the_last_word_on_a_session() {
        let mut book = AlertBook::default();
        let from = |minute: i64, host: &str| {
            let mut finding = finding(minute, Severity::Medium, "new_host");
            finding.reasons[0].observed = format!("host {host}");
            finding
        };
        for (minute, host) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            book.raise(from(minute, host), at(minute), QUIET);
        }
        let named = |book: &AlertBook| -> Vec<String> {
            let reasons = book.open().flat_map(|alert| &alert.reasons);
            reasons.map(|reason| reason.observed.clone()).collect()
        };
        assert_eq!(named(&book), ["host a", "host b", "host c"]);
        let mut grown = from(3, "c and d");
        grown.reasons[0].p_value = Some(1e-6);
        book.raise(grown, at(4), QUIET);
        assert_eq!(named(&book), ["host c and d", "host a", "host b"], "the session that grew has one word");
        for host in ["e", "f", "g"] {
            book.raise(from(5, host), at(5), QUIET);
        }
        assert_eq!(named(&book).len(), VALUES_MAX);
        let shares: f64 = book.open().flat_map(|alert| &alert.reasons).filter_map(|reason| reason.contribution).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    }

    #[test]
    fn a_page_about_something_else_is_a_page_of_its_own_in_the_same_incident() {
        let session = |minutes, detector: &str, session: &str, dimension| {
            let mut finding = finding(minutes, Severity::Medium, detector);
            finding.session = Some(session.to_owned());
            finding.reasons[0].dimension = dimension;
            finding
        };
        let mut book = AlertBook::default();
        let first = book.raise(session(0, "a", "s1", Dimension::Source), at(0), QUIET).remove(0);
        assert_eq!(book.raise(session(5, "b", "s1", Dimension::Volume), at(5), QUIET), [], "the same session");
        assert_eq!(book.raise(session(9, "c", "s2", Dimension::Volume), at(9), QUIET), [], "volume was named");
        let page = book.raise(session(60, "d", "s3", Dimension::Privilege), at(60), QUIET);
        let [page] = page.as_slice() else { panic!("{page:?}") };
        assert_eq!((page.revision, page.status, &page.incident), (1, Status::Firing, &first.incident));
        assert_ne!(page.id, first.id);
        assert_eq!(book.raise(session(70, "a", "s1", Dimension::Source), at(70), QUIET), [], "the first is told again");
        assert_eq!(book.raise(session(80, "d", "s3", Dimension::Privilege), at(80), QUIET), [], "so is the second");
        assert_eq!(book.len(), 1, "they are one incident");
        let over = book.advance(at(70 + 360));
        assert_eq!((over.len(), &over[0].id, over[0].event_count), (1, &first.id, 3));
        let over = book.advance(at(80 + 360));
        assert_eq!((over.len(), &over[0].id, over[0].event_count), (1, &page.id, 1));
        assert!(book.is_empty());
    }

    #[test]
    fn what_is_over_ends_its_story_and_no_other() {
        let mut book = AlertBook::default();
        let first = book.raise(finding(0, Severity::Medium, "a"), at(0), QUIET).remove(0);
        assert_eq!(book.end("t", "b", Dimension::Absence), [], "it is of something else");
        assert_eq!(book.end("t", "c", Dimension::Source), []);
        let ended = book.end("t", "b", Dimension::Source).remove(0);
        assert_eq!((&ended.id, ended.status, ended.revision), (&first.id, Status::Resolved, 2));
        let next = book.raise(finding(5, Severity::Medium, "a"), at(5), QUIET).remove(0);
        assert_ne!(next.id, first.id);
        assert!(book.advance(at(361)).is_empty(), "the first one's time says nothing of it");
        assert_eq!(book.advance(at(365)).len(), 1);
    }

    #[test]
    fn a_page_does_not_hide_behind_what_pages_nobody() {
        let mut book = AlertBook::default();
        let small = book.raise(finding(0, Severity::Info, "a"), at(0), QUIET).remove(0);
        let page = book.raise(finding(10, Severity::Medium, "b"), at(10), QUIET);
        assert_eq!((&page[0].id, page[0].status, page[1].revision), (&small.id, Status::Resolved, 1));
        assert!(page[1].id != small.id && page[1].incident == small.incident);
        assert_eq!(book.raise(finding(20, Severity::Info, "c"), at(20), QUIET), [], "it is evidence of the page");
        assert_eq!(book.advance(at(999)).len(), 1);
    }

    #[test]
    fn the_id_is_the_finding_and_nothing_else() {
        let raise = |finding| AlertBook::default().raise(finding, at(999), QUIET).remove(0).id;
        assert_eq!(raise(finding(0, Severity::Medium, "a")), raise(finding(0, Severity::High, "a")));
        assert_ne!(raise(finding(0, Severity::Medium, "a")), raise(finding(1, Severity::Medium, "a")));
    }
}
