//! What happens in one session: the workflow written out as cues, and bent by whatever goes on that day.

use rand::{Rng as _, SeedableRng as _};

use super::chance::{Rng, between, happens, lognormal, shuffle};
use super::money::Purse;
use super::plan::{Host, Plan};
use super::story::{ChangeKind, Story};
use super::tape::Tape;
use super::workflow::{Effect, Step};
use crate::event::{Event, Text, Transaction};
use crate::time::{Span, Timestamp};

/// Whether an event belongs to one of its bot's labels or benign oddities, by their place in the bot's story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Attack(usize),
    Benign(usize),
}

/// An event before it has an id and a place in its log.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) event: Box<Event>,
    pub(crate) mark: Mark,
}

/// A session to come.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) start: Timestamp,
    /// Local day that it belongs to.
    pub(crate) day: i32,
    pub(crate) seed: u64,
    pub(crate) load: f64,
    /// The first of its day's timetable.
    pub(crate) first: bool,
    pub(crate) trigger: &'static str,
    pub(crate) by: Option<Text>,
    pub(crate) act: Act,
    pub(crate) mark: Mark,
}

/// What is different about a session. The session's mark goes to the events that differ.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Nothing; with a mark, that the session takes place at all.
    None,
    /// All counts of records times so much.
    Volume(f64),
    /// So many times the usual number of items.
    Items(f64),
    /// These calls in the midst of the rest.
    Extra(Vec<Step>),
    /// All of it from another machine.
    From(Box<Host>),
    /// A few calls from another machine in the midst of the rest.
    Travel(Box<Host>),
    /// The same calls in another order.
    Disorder,
    /// Some of the calls under another role.
    Role(Text),
    /// A person works with the account, perhaps from a machine of their own.
    Person {
        host: Option<Box<Host>>,
        strange: Vec<Step>,
        /// Whether they hold the bot's token and need not sign in.
        token: bool,
    },
    /// These transactions in the midst of the rest, so many seconds apart.
    Money(Vec<Transaction>, f64),
    /// Most calls fail and are tried again.
    RetryStorm,
    /// These secrets are read, too.
    Secrets(Vec<(Text, Text)>),
    /// The bot's secret is read, and nothing is done.
    ReadOnly,
}

/// One thing to do within a session.
pub(crate) struct Cue<'a> {
    pub(crate) what: What<'a>,
    pub(crate) wrong: bool,
    pub(crate) change: Mark,
    pub(crate) factor: f64,
    pub(crate) role: Option<&'a Text>,
    pub(crate) host: Option<&'a Host>,
    pub(crate) pause_secs: Option<f64>,
    pub(crate) denied: bool,
}

pub(crate) enum What<'a> {
    Call(&'a Step),
    Pay(Box<Transaction>),
    Read(&'a (Text, Text)),
}

impl<'a> Cue<'a> {
    pub(crate) fn new(what: What<'a>) -> Self {
        Self {
            what,
            wrong: false,
            change: Mark::None,
            factor: 1.0,
            role: None,
            host: None,
            pause_secs: None,
            denied: false,
        }
    }

    fn wrong(what: What<'a>) -> Self {
        Self { wrong: true, ..Self::new(what) }
    }

    fn counts(&self) -> bool {
        matches!(self.what, What::Call(step) if step.effect != Effect::None)
    }
}

/// The longest session in calls; more would be a bot that never ends.
const CUES_MAX: usize = 900;

/// Writes a session out, in order of event time.
pub(crate) fn render(plan: &Plan, story: &Story, seed: u64, planned: &Planned) -> Vec<Raw> {
    let mut rng = Rng::seed_from_u64(planned.seed);
    let mut host = plan.host(&mut rng, seed, planned.day);
    let mut all = match planned.act {
        Act::None | Act::From(_) => planned.mark,
        _ => Mark::None,
    };
    for change in story.changes.iter().filter(|change| change.from <= planned.start) {
        if let ChangeKind::HostMoved { from, to } = &change.what
            && *from == host.name
        {
            host = to.clone();
            if planned.start < change.marked_until && all == Mark::None {
                all = change.mark;
            }
        }
    }
    match &planned.act {
        Act::From(other) => host = (**other).clone(),
        Act::Person { host: other, strange, token } => {
            if let Some(other) = other {
                host = (**other).clone();
            }
            return Tape::new(plan, planned, host, rng, planned.mark).person(strange, *token);
        }
        Act::ReadOnly => return Tape::new(plan, planned, host, rng, planned.mark).read_only(),
        _ => {}
    }
    let cues = script(plan, story, planned, &mut rng);
    Tape::new(plan, planned, host, rng, all).perform(cues, planned)
}

fn script<'a>(plan: &'a Plan, story: &'a Story, planned: &'a Planned, rng: &mut Rng) -> Vec<Cue<'a>> {
    let flow = &plan.workflow;
    let root = planned.load.sqrt();
    let more = if let Act::Items(factor) = planned.act { factor } else { 1.0 };
    let usual = lognormal(rng, flow.items * root, flow.items_sigma).round().max(1.0);
    let items = (usual * more).round() as usize;
    let scaled = |step: &Step| if step.scales { root } else { 1.0 };
    let mut cues: Vec<Cue<'a>> = Vec::new();
    for step in &flow.opening {
        push(&mut cues, rng, step, scaled(step));
    }
    if let Some(purse) = &plan.purse {
        let approver = purse.approvers[0];
        for payee in purse.payees.iter().filter(|payee| planned.first && payee.created_day == planned.day) {
            let (name, account) = (payee.name.clone(), payee.account.clone());
            let created = Purse::payee_created(name, account, Text::from(plan.operator), Some(approver));
            cues.push(Cue::new(What::Pay(Box::new(created))));
        }
    }
    let body = cues.len();
    for nth in 0..items {
        if cues.len() > CUES_MAX {
            break;
        }
        let before = cues.len();
        for step in &flow.cycle {
            push(&mut cues, rng, step, scaled(step));
        }
        if let Some(purse) = &plan.purse {
            let paid = purse.ordinary(rng, planned.day, planned.start, &story.accounts);
            cues.extend(paid.map(|paid| Cue::new(What::Pay(Box::new(paid)))));
        }
        let beyond = more > 1.0 && nth as f64 >= usual;
        cues[before..].iter_mut().for_each(|cue| cue.wrong |= beyond);
    }
    let end = cues.len();
    for step in &flow.closing {
        push(&mut cues, rng, step, scaled(step));
    }
    for change in story.changes.iter().filter(|change| change.from <= planned.start) {
        let mark = if planned.start < change.marked_until { change.mark } else { Mark::None };
        apply(&change.what, mark, planned.start - change.from, end, &mut cues);
    }
    bend(&planned.act, body, rng, &mut cues);
    cues
}

fn push<'a>(cues: &mut Vec<Cue<'a>>, rng: &mut Rng, step: &'a Step, factor: f64) {
    if step.skip <= 0.0 || !happens(rng, step.skip) {
        cues.push(Cue { factor, ..Cue::new(What::Call(step)) });
    }
}

/// Lets a lasting change of the bot take hold.
fn apply<'a>(what: &'a ChangeKind, mark: Mark, since: Span, end: usize, cues: &mut Vec<Cue<'a>>) {
    match what {
        ChangeKind::Step(step) => {
            let cue = Cue { change: mark, ..Cue::new(What::Call(step)) };
            cues.insert(end.min(cues.len()), cue);
        }
        ChangeKind::Creep(rate) => {
            let factor = (1.0 + rate).powf(since.as_days_f64().floor() + 1.0);
            for cue in cues.iter_mut().filter(|cue| cue.counts()) {
                cue.factor *= factor;
                cue.change = mark;
            }
        }
        ChangeKind::Role { instead_of, role } => {
            for cue in cues.iter_mut() {
                if matches!(cue.what, What::Call(step) if step.role == *instead_of) {
                    (cue.role, cue.change) = (Some(role), mark);
                }
            }
        }
        ChangeKind::HostMoved { .. } | ChangeKind::Shift(_) => {}
    }
}

/// Lets the session's own peculiarity take hold.
fn bend<'a>(act: &'a Act, body: usize, rng: &mut Rng, cues: &mut Vec<Cue<'a>>) {
    match act {
        Act::None | Act::Items(_) | Act::From(_) | Act::Person { .. } | Act::RetryStorm | Act::ReadOnly => {}
        Act::Volume(factor) => {
            for cue in cues.iter_mut().filter(|cue| cue.counts()) {
                cue.factor *= factor * between(rng, 0.85, 1.2);
                cue.wrong = true;
            }
        }
        Act::Extra(steps) => {
            let at = rng.gen_range(body..=cues.len());
            let denied = happens(rng, 0.25);
            let extra: Vec<_> = steps.iter().map(|step| Cue { denied, ..Cue::wrong(What::Call(step)) }).collect();
            cues.splice(at..at, extra);
        }
        Act::Travel(host) => {
            let n = cues.len();
            let from = rng.gen_range(0..=n / 2);
            for cue in cues.iter_mut().skip(from).take((n / 3).max(2)) {
                (cue.host, cue.wrong) = (Some(&**host), true);
            }
        }
        Act::Disorder => {
            for cue in cues.iter_mut() {
                cue.wrong = true;
            }
            if happens(rng, 0.5) {
                cues.reverse();
            } else {
                shuffle(rng, cues);
            }
        }
        Act::Role(role) => {
            let n = cues.len();
            for cue in cues.iter_mut().filter(|cue| matches!(cue.what, What::Call(_))).take((n / 3).clamp(1, 6)) {
                (cue.role, cue.wrong) = (Some(role), true);
            }
        }
        Act::Money(moves, apart_secs) => {
            let at = rng.gen_range(body..=cues.len());
            let wrong = |paid: &Transaction| Cue {
                pause_secs: Some(*apart_secs),
                ..Cue::wrong(What::Pay(Box::new(paid.clone())))
            };
            let moves: Vec<_> = moves.iter().map(wrong).collect();
            cues.splice(at..at, moves);
        }
        Act::Secrets(secrets) => {
            let at = rng.gen_range(0..=cues.len());
            let reads: Vec<_> = secrets.iter().map(|name| Cue::wrong(What::Read(name))).collect();
            cues.splice(at..at, reads);
        }
    }
}
